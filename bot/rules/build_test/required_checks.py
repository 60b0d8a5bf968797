"""The rule required-checks."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field

from bot.model.facts.change import Check, Checks, CheckState
from bot.model.findings import Evidence, Finding, Statement
from bot.model.subjects import Platform, PullRequest
from bot.rules import RuleParams, Tighter, rule
from bot.rules.build_test.ending import NOT_JUDGED, is_called, newest, on, running, seen, unsuccessful, word

AZURE_PIPELINES = "azure-pipelines"
"""What reports the builds of Azure DevOps' build validations."""


class Params(RuleParams):
    """Which checks are asked for, and of whom."""

    checks: Annotated[tuple[str, ...], Tighter.SUPERSET] = ()
    """The checks by name, or globs of names, each of which must be there and have succeeded. With none, every check that
    reports is asked for."""
    app: Annotated[tuple[str, ...] | None, Tighter.SUBSET] = Field(default=None, min_length=1)
    """Only checks from these apps count, by their slugs: `[github-actions]`; the builds of Azure DevOps' build validations
    are from `azure-pipelines`. A commit status, and a status of Azure DevOps, is from nobody that could be told. Without
    it anyone may report."""
    all: Annotated[bool, Tighter.TRUE] = False
    """Besides the named ones, every other check that reports must not fail."""
    leave_out: Annotated[tuple[str, ...], Tighter.SUBSET] = ()
    """Globs of checks that are not asked for, unless they are named: other runs of a gate, say."""
    accept: Annotated[tuple[Literal["skipped", "neutral"], ...], Tighter.SUBSET] = ()
    """What a named check may end with besides success. One that is not named has nothing to say when it was skipped or
    ended neutral."""

    @property
    def everything(self) -> bool:
        """Whether checks that are not named count as well."""
        return self.all or not self.checks

    def loosened_by(self, new: Self) -> str:
        """Naming checks in place of all of them."""
        if self.everything and not new.everything:
            return "every check that reports is asked for, and would be no longer; add 'all: true'"
        return ""


@rule(
    "required-checks",
    severity="high",
    params=Params,
    controls=["ISO27001:A.8.29", "ISO27001:A.8.32", "NIST-SSDF:PW.8.2", "OSPS-BASELINE:OSPS-QA-03.01", "SOC2:CC8.1"],
)
def required_checks(pr: PullRequest, checks: Checks, params: Params) -> Iterator[Statement]:
    """The named checks have succeeded on the head commit, and the expected app reported them.

    A check is a check run or a commit status on GitHub; a build validation or a status of the pull request on Azure DevOps,
    where a status is called `genre/name`.

    Why:
        A branch's protection can ask for checks by name, and a policy that many repositories share can do so for all of
        them, on both platforms. A name alone proves little: anyone who may write can report a check under it, so the
        policy can say which app must have. An app proves which system reported, not what ran: whoever edits a workflow in
        the pull request can call a job as they like, and `github-actions` reports it. Where that matters, have those files
        owned, or let an app of its own report.

    Evidence:
        What reported on the head commit. The newest run of a check (same name, app, event and workflow) supersedes the
        older ones; a failure on one event is not cured by a success on another, and the finding links the run to
        repeat. Cancelled is not success. Skipped and neutral are success only where `accept` says so. A check that is still
        running is a finding that time cures, and so is one that has not reported: it may yet come, and this rule does
        not know what starts it (`static-analysis-passed` does, of the tools that it knows). What this program posts itself
        is left out, and so is the job that judges, while it is the only one of its run that has not ended.

        On Azure DevOps a build validation counts once it has started a build, as its policy stands: expired is running, broken
        is failed. Policies about people and comments are no checks.

    How to fix:
        Open the check that the finding links, and cure what it reports, or run it again where it failed for another reason.
        A check that does not report is started by a push, or by hand; or its name in the policy is not the one that
        it reports under, or another app reports it.

    Example:
        - rule: required-checks
          enforce: block
          with: {checks: [build, "test (*)"], app: [github-actions, azure-pipelines]}
    """
    standing = tuple(newest(checks.checks))
    named: set[Check] = set()
    for glob in dict.fromkeys(params.checks):
        found = [check for check in standing if is_called(check, glob)]
        counted = [check for check in found if _is_expected(check, pr, params)]
        named.update(counted)
        if not counted:
            yield _missing(glob, found, pr, params)
        for check in counted:
            yield from _named(check, params)
    if params.everything:
        others = [check for check in standing if check not in named and _is_expected(check, pr, params)]
        others = [check for check in others if not any(is_called(check, glob) for glob in params.leave_out)]
        for check in others:
            yield from _other(check)
        if not others and not params.checks:
            yield _nothing(params)
    yield Evidence("head", pr.head_sha, pr.url)


def _is_expected(check: Check, pr: PullRequest, params: Params) -> bool:
    return params.app is None or _app(check, pr).lower() in {app.lower() for app in params.app}


def _app(check: Check, pr: PullRequest) -> str:
    """Who reported a check, as far as the platform proves it; empty: nobody that could be told."""
    if pr.platform is Platform.AZURE_DEVOPS and check.event is not None:  # a build, unlike a status, has an event
        return AZURE_PIPELINES
    return check.app or ""


def _named(check: Check, params: Params) -> Iterator[Statement]:
    if check.state not in NOT_JUDGED:
        yield from _ended(check)
    elif check.state.value in params.accept:
        yield Evidence("accepted", f"{check.name}: {word(check)}", check.url, check.at, True)
    else:
        message = f"The check {check.name!r} was {word(check)}{on(check)}, which is no success."
        place = f": {check.url}" if check.url else ""
        fix = f"Let it run on this change{place}; or accept {check.state.value!r} in the policy."
        yield Finding(message, fix, (seen(check, "check"),), discriminator=check.name)


def _other(check: Check) -> Iterator[Statement]:
    if check.state in NOT_JUDGED:
        yield Evidence("did not judge", f"{check.name}: {word(check)}", check.url, check.at)
    else:
        yield from _ended(check)


def _ended(check: Check) -> Iterator[Statement]:
    evidence, what = seen(check, "check"), f"The check {check.name!r}"
    match check.state:
        case CheckState.SUCCESS:
            yield evidence
        case CheckState.PENDING:
            yield running(check, what, evidence)
        case _:
            yield unsuccessful(check, what, evidence)


def _missing(glob: str, found: Sequence[Check], pr: PullRequest, params: Params) -> Finding:
    whose = f" from {' or '.join(params.app)}" if params.app else ""
    evidence = [Evidence("check", f"{glob}: missing", ok=False)]
    evidence += [
        Evidence("not counted", f"{check.name}: {word(check)}, from {_app(check, pr) or 'no app'}", check.url, check.at)
        for check in found
    ]
    others = ", ".join(dict.fromkeys(_app(check, pr) or "no app" for check in found))
    aside = f" Under that name there is one from {others}, which does not count." if found else ""
    return Finding(
        f"The check {glob!r}{whose} has not reported on the head commit.{aside}",
        "Wait until it reports; if nothing starts it, push again or start it by hand, or correct its name in the policy.",
        tuple(evidence),
        awaiting=True,
        discriminator=glob,
        checks=(glob,),
    )


def _nothing(params: Params) -> Finding:
    whose = f" from {' or '.join(params.app)}" if params.app else ""
    return Finding(
        f"No check{whose} has reported on the head commit.",
        "Wait until one reports; if nothing starts one, push again, or set up a pipeline that pull requests start.",
        (Evidence("check", "none", ok=False),),
        awaiting=True,
        discriminator="none",
        checks=("*",),
    )
