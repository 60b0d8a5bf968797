"""The rule code-alerts."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.alerts import AlertState, Analysis, CodeAlert, CodeAlerts, IntroducedAlerts
from bot.model.facts.change import Commits
from bot.model.findings import Evidence, Finding, Location, NotApplicable, Severity, Statement, Unknown
from bot.model.subjects import PullRequest, Repository
from bot.rules import RuleParams, Tighter, rule
from bot.rules.approve.contributors import committed, wrote_it
from bot.rules.approve.standing import Doubt, Standing

SEVERITIES = tuple(Severity)
"""From least to most."""


class Params(RuleParams):
    """Which alerts count."""

    severity: Annotated[Severity, Tighter.LESS] = Severity.HIGH
    """The least severity that counts. What a tool gives no severity does not count."""
    tools: Annotated[tuple[str, ...], Tighter.SUPERSET] = ()
    """Tools that must have looked at the head, as code scanning or the SARIF file names them, also where nobody has ever
    uploaded results; with none, any one. The alerts of every tool count. A repository is not asked for this."""
    max_age_days: Annotated[int, Field(ge=0), Tighter.LESS] = 30
    """How many days an alert may be open on a repository's default branch. Of a pull request no alert may be."""


@rule(
    "code-alerts",
    severity="high",
    params=Params,
    controls=[
        "ISO27001:A.8.8",
        "ISO27001:A.8.28",
        "NIST-SSDF:PW.7.2",
        "OSPS-BASELINE:OSPS-VM-06.02",
        "SOC2:CC7.1",
    ],
)
def code_alerts(
    pr: PullRequest,
    introduced: IntroducedAlerts | Unavailable | NotSupported,
    commits: Commits | Unavailable | NotSupported,
    params: Params,
) -> Iterator[Statement]:
    """Code scanning has found nothing grave: nothing that the change brings, nothing that has been open for too long.

    Of a pull request the alerts count that its base does not have; of a repository those on the default branch that are
    older than `max_age_days`. An entry judges whichever of the two it meets.

    Why:
        A tool that finds something and stops nobody is read by nobody. What is new is cheapest to mend while its author
        still knows why; what is old is a debt that somebody has to decide about.

    Evidence:
        The alerts of code scanning (GitHub, or GitHub Advanced Security for Azure DevOps), or the results of SARIF files that
        `--sarif` gives in their place. An alert that was dismissed without a reason, by somebody who wrote the change, or by
        a bot (a workflow's token is in the hands of whoever edits the workflow), is still open; who wrote a line of a
        repository is not looked up. Where no tool has looked at the head yet, or one has not with each of the parts that it
        had looked at before (GitHub's categories), that is a finding that time cures: no alerts are proof of nothing then.
        Azure DevOps does not tell which commit was looked at, nor by which tool: any results of the pull request stand for
        all of `tools`. Without a licence for it, or without the permission, the alerts are unknown; where nobody has ever
        uploaded results the rule is not applicable, unless `tools` names some.

    How to fix:
        Mend the code at the place that the finding names, and push. Where it is no danger, have somebody who did not write
        the change dismiss the alert with a reason; in a SARIF file, accept it as an external suppression with a justification.

    Example:
        - rule: code-alerts
          enforce: block
          with: {severity: high, tools: [CodeQL]}
    """
    if isinstance(introduced, Unavailable):
        yield Unknown(introduced.kind, introduced.reason, IntroducedAlerts.name)
        return
    if isinstance(introduced, NotSupported):
        if params.tools:  # asked for whether or not anybody has set them up
            yield from _looked_at((), params)
            yield Evidence("code scanning", introduced.reason, ok=False)
        else:
            yield NotApplicable(introduced.reason)
        return
    yield from _looked_at(introduced.analyses, params)
    for alert in _counted(introduced.alerts, params):
        place = Evidence(_name(alert), f"{_severity(alert)}, {alert.state.value}", alert.url, alert.since, ok=False)
        if alert.state is AlertState.OPEN:
            yield _finding(alert, "the change brings it", place)
        elif not alert.dismissal:
            yield _finding(alert, f"{_dismissed(alert)} without a reason", place)
        else:
            yield from _who_dismissed(alert, pr, commits, place)
    yield from _others(introduced.alerts, params)
    yield Evidence("head", pr.head_sha, pr.url)


@rule("code-alerts", severity="high", params=Params)
def old_code_alerts(repository: Repository, alerts: CodeAlerts, now: datetime, params: Params) -> Iterator[Statement]:
    """No grave alert of code scanning has been open on the default branch for too long."""
    counted = tuple(_counted(alerts.alerts, params))
    for alert in counted:
        if alert.state is AlertState.DISMISSED and alert.dismissal:
            yield Evidence(_name(alert), f"{_dismissed(alert)}: {alert.dismissal}", alert.url, ok=True)
            continue
        said = "" if alert.state is AlertState.OPEN else f", {_dismissed(alert)} without a reason"
        if alert.since is None:
            reason = f"{_name(alert)} at {_place(alert)}: since when it is open is not told{said}."
            yield Unknown(UnknownKind.UNREADABLE, reason)
            continue
        days = (now - alert.since).days
        evidence = Evidence(_name(alert), f"open for {days} days", alert.url, alert.since, days <= params.max_age_days)
        if days > params.max_age_days:
            yield _finding(alert, f"open for {days} days, {params.max_age_days} are allowed{said}", evidence)
        else:
            yield evidence
    yield from _others(alerts.alerts, params)
    yield Evidence(
        "alerts", f"{len(counted)} of {repository.name}", f"{repository.url}/security" if repository.url else ""
    )


def _looked_at(analyses: tuple[Analysis, ...], params: Params) -> Iterator[Statement]:
    """Whether somebody has looked at the head; no alerts mean nothing otherwise."""
    looked = [each for each in analyses if each.of_head is not False]
    for each in looked:
        if each.error:
            yield Unknown(
                UnknownKind.UNREADABLE, f"The results of {each.tool or 'an analysis'} are not whole: {each.error}"
            )
        of = "the head" if each.of_head else "the pull request; of which commit is not told"
        yield Evidence("analysis", f"{each.tool or 'code scanning'}, of {of}", read_at=each.at, ok=not each.error)
    names = {each.tool.casefold() for each in looked}
    missing = [tool for tool in params.tools if tool.casefold() not in names and "" not in names]
    for tool in missing if params.tools else [] if looked else ["Code scanning"]:
        yield Finding(
            f"{tool} has not looked at the head commit yet, or its results have not arrived.",
            "Wait until its analysis has ended; if nothing starts it, push again, or see to it that pull requests do.",
            (Evidence("analysis", f"{tool}: missing", ok=False),),
            awaiting=True,
            discriminator=f"analysis {tool}",
            checks=("*",),
        )
    for each in analyses:
        if each.of_head is False and each.tool.casefold() in names:  # a job for each language: some have not ended
            yield Finding(
                f"{each.tool} has looked at the head commit in part: {each.part or 'another part'} was last of an older one.",
                "Wait until its analysis has ended; if that part is not analysed any more, delete its analyses of this pull "
                "request.",
                (Evidence("analysis", f"{each.tool}, {each.part}: of an older commit", read_at=each.at, ok=False),),
                awaiting=True,
                discriminator=f"analysis {each.tool} {each.part}",
                checks=("*",),
            )


def _counted(alerts: Iterable[CodeAlert], params: Params) -> Iterator[CodeAlert]:
    least = SEVERITIES.index(params.severity)
    for alert in alerts:
        if alert.severity is not None and SEVERITIES.index(alert.severity) >= least:
            yield alert


def _others(alerts: tuple[CodeAlert, ...], params: Params) -> Iterator[Evidence]:
    """What does not count is said all the same."""
    lesser = len(alerts) - len(tuple(_counted(alerts, params)))
    if lesser:
        yield Evidence("not counted", f"{lesser} below {params.severity.value}, or without a severity")


def _who_dismissed(
    alert: CodeAlert, pr: PullRequest, commits: Commits | Unavailable | NotSupported, evidence: Evidence
) -> Iterator[Statement]:
    if alert.dismissed_by is not None and alert.dismissed_by.is_bot:
        yield _finding(alert, f"{_dismissed(alert)}, which is a bot", evidence)
        return
    standing = _wrote(alert, pr, commits)
    if isinstance(standing, Doubt):
        yield Unknown(
            standing.kind, f"{_name(alert)}: {_dismissed(alert)}, who may have written the change: {standing.reason}"
        )
    elif standing is not None:
        yield _finding(alert, f"{_dismissed(alert)}, who {standing.reason}", evidence)
    else:
        yield Evidence(_name(alert), f"{_dismissed(alert)}: {alert.dismissal}", alert.url, ok=True)


def _wrote(alert: CodeAlert, pr: PullRequest, commits: Commits | Unavailable | NotSupported) -> Standing:
    if alert.dismissed_by is None:  # not told: what a file says, or an account that is gone
        return None
    return wrote_it(alert.dismissed_by, pr) or committed(alert.dismissed_by, commits, frozenset())


def _finding(alert: CodeAlert, why: str, evidence: Evidence) -> Finding:
    said = f": {alert.message}" if alert.message else ""
    return Finding(
        f"{_name(alert)} ({_severity(alert)}) at {_place(alert)}{said} ({why}).",
        "Mend it and push; or have somebody who did not write it dismiss it with a reason"
        f"{f': {alert.url}' if alert.url else '.'}",
        (evidence,),
        Location(alert.path, alert.line) if alert.path else None,
        discriminator=f"{alert.tool} {alert.key}",
    )


def _name(alert: CodeAlert) -> str:
    return f"{alert.tool} {alert.rule}".strip()


def _severity(alert: CodeAlert) -> str:
    return alert.severity.value if alert.severity else "no severity"


def _place(alert: CodeAlert) -> str:
    if not alert.path:
        return "no place in particular"
    return f"{alert.path}:{alert.line}" if alert.line else alert.path


def _dismissed(alert: CodeAlert) -> str:
    return f"dismissed by {alert.dismissed_by}" if alert.dismissed_by else "dismissed"
