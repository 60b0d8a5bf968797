"""Runs to be shown, put together from the model."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from bot.engine.comparing import Changes
from bot.model.facts import UnknownKind
from bot.model.findings import Evidence, Finding, Location, Severity
from bot.model.people import Person
from bot.model.results import (
    AppliedWaiver,
    Condition,
    Coverage,
    Enforcement,
    Gap,
    Gate,
    Member,
    Outcome,
    PolicySource,
    Result,
    Run,
    RunSummary,
    Skip,
    Unknowing,
    Verdict,
)
from bot.model.subjects import Branch, Organization, Platform, PullRequest, Release, Repository, Subject

NOW = datetime(2027, 1, 15, 9, 30, tzinfo=UTC)
ACME = Organization("github.com/organization/1", "acme", Platform.GITHUB, "https://github.com/acme")


def repository(name: str = "payments", number: int = 2) -> Repository:
    return Repository(
        f"github.com/repository/{number}",
        f"acme/{name}",
        Platform.GITHUB,
        f"https://github.com/acme/{name}",
        organization=ACME,
        short_name=name,
        default_branch="main",
    )


def pull_request(title: str = "Refund in the currency of the payment", source: str = "refund-currency") -> PullRequest:
    base = repository().branch("main")
    return PullRequest(
        "github.com/pull_request/30",
        "acme/payments#12",
        Platform.GITHUB,
        "https://github.com/acme/payments/pull/12",
        base=base,
        number=12,
        title=title,
        body="",
        author=Person("github.com/user/7", "ada"),
        head_sha="1f" * 20,
        base_sha="2e" * 20,
        source_branch=source,
        created_at=NOW - timedelta(days=2),
    )


def release() -> Release:
    return Release(
        "github.com/release/8",
        "acme/payments@v2.4.0 (production)",
        Platform.GITHUB,
        "https://github.com/acme/payments/releases/tag/v2.4.0",
        repository=repository(),
        version="v2.4.0",
        commit="3d" * 20,
        created_at=NOW - timedelta(days=1),
        environment="production",
    )


def result(rule: str, outcome: Outcome, subject: Subject | None = None, **changes: object) -> Result:
    made = Result(
        key=f"payments/{rule}",
        policy="payments",
        rule=rule,
        subject=subject if subject is not None else pull_request(),
        outcome=outcome,
        enforcement=Enforcement.BLOCK,
        severity=Severity.HIGH,
        title=f"What {rule} asks for holds.",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def run(*results: Result, verdict: Verdict | None = None, **changes: object) -> Run:
    subjects: dict[str, Subject] = {r.subject.id: r.subject for r in results}
    target = next(iter(subjects.values()), pull_request())
    gate = None
    if verdict is not None:
        assert isinstance(target, PullRequest | Release)
        gate = Gate(target, verdict, "sha256:" + "ab" * 32, "sha256:" + "cd" * 32)
    made = Run(
        id="01JH",
        command="gate" if gate else "audit",
        version="0.1.0",
        started_at=NOW,
        finished_at=NOW + timedelta(milliseconds=420),
        now=NOW,
        requests={"github": 8},
        depth=3,
        policies=(PolicySource("payments", "acme/payments@main:.github/almguard.yml", "ab" * 32),),
        subjects=tuple(subjects.values()),
        results=results,
        gate=gate,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


APPROVALS = result(
    "approvals",
    Outcome.FAIL,
    findings=(
        Finding(
            "1 more approval is needed: ada approved and does not count, because ada wrote commit 1f1f1f1.",
            "Ask one of bob, carol or the team payments-team to approve.",
            evidence=(
                Evidence("counted", "0 of 1", "https://github.com/acme/payments/pull/12", NOW),
                Evidence("not counted", "ada (author)", "https://github.com/acme/payments/pull/12#review-1", NOW),
            ),
            awaiting=True,
        ),
    ),
)
LINK = result(
    "requirement-link",
    Outcome.FAIL,
    findings=(
        Finding(
            "The pull request links no work item of the types User Story or Bug.",
            "Write AB#NUMBER into the title or the body, or link a work item.",
            evidence=(Evidence("mentions", "none in title, body and 2 commit messages", "", NOW),),
        ),
    ),
)
PINNED = result(
    "pinned-actions",
    Outcome.FAIL,
    enforcement=Enforcement.WARN,
    severity=Severity.MEDIUM,
    findings=(
        Finding(
            "actions/checkout@v4 is not pinned to a commit.",
            "Pin it to the commit of the tag.",
            location=Location(".github/workflows/ci.yml", 12),
        ),
        Finding("acme/build@main is not pinned to a commit.", "Pin it to a commit.", location=Location("ci.yml")),
    ),
)
SCOPE = Unknowing(UnknownKind.SCOPE, "The token may not read rulesets: it needs administration:read.", "rulesets")
UNKNOWN = result("branch-protected", Outcome.UNKNOWN, unknown=(SCOPE,))
UNKNOWN_TOO = result("bypass-actors", Outcome.UNKNOWN, unknown=(SCOPE,), enforcement=Enforcement.WARN)
LICENCE = result(
    "code-alerts",
    Outcome.UNKNOWN,
    unknown=(Unknowing(UnknownKind.LICENCE, "Code scanning is off for this repository."),),
    enforcement=Enforcement.AUDIT,
)
ERROR = result("own-rule", Outcome.ERROR, reason="The expression failed: no such key: owner.", severity=Severity.LOW)
PASSES = (result("signed-commits", Outcome.PASS), result("no-secrets", Outcome.PASS))
INAPPLICABLE = result("release-notes", Outcome.NOT_APPLICABLE, reason="The change touches no release.")
ROLLBACK = result(
    "rollback-ready",
    Outcome.FAIL,
    release(),
    findings=(Finding("The release cannot be rolled back: 2 of 4 conditions do not hold.", "Rehearse the rollback."),),
    evidence=(
        Evidence(
            "previous", "v2.3.1, deployed 2027-01-08", "https://github.com/acme/payments/releases/tag/v2.3.1", NOW, True
        ),
        Evidence("artifacts", "image sha256:9f86d081 can be pulled", "", NOW, True),
        Evidence("rehearsed", "never", "", NOW, False),
        Evidence("migrations", "0042_drop_column has no way back", "", NOW, False),
    ),
)


def blocked() -> Run:
    """A gate with one of everything."""
    return run(
        APPROVALS, LINK, PINNED, UNKNOWN, UNKNOWN_TOO, LICENCE, ERROR, *PASSES, INAPPLICABLE, verdict=Verdict.BLOCKED
    )


def waiting() -> Run:
    return run(APPROVALS, *PASSES, verdict=Verdict.WAITING)


def passed() -> Run:
    return run(*PASSES, INAPPLICABLE, verdict=Verdict.PASSED)


def inconclusive() -> Run:
    return run(UNKNOWN, UNKNOWN_TOO, *PASSES, verdict=Verdict.INCONCLUSIVE)


def empty() -> Run:
    return run(verdict=Verdict.EMPTY, subjects=(pull_request(),))


def rollback() -> Run:
    return run(ROLLBACK, verdict=Verdict.BLOCKED)


def survey() -> Run:
    """A scan of a few repositories, incomplete."""
    results: list[Result] = []
    for number, name in enumerate(["payments", "ledger", "web", "docs"], 10):
        subject = repository(name, number)
        branch: Branch = subject.branch("main")
        failing = replace(LINK, rule="branch-protected", key="baseline/branch-protected", subject=branch)
        results.append(
            failing
            if number < 12
            else result("branch-protected", Outcome.PASS, branch, key="baseline/branch-protected")
        )
        results.append(result("secret-scanning", Outcome.PASS if number % 2 else Outcome.NOT_APPLICABLE, subject))
        if number != 13:
            results.append(replace(LICENCE, subject=subject))
    return run(
        *results,
        command="scan",
        gaps=(
            Gap(
                "github.com/repository/77",
                "acme/secret",
                "branch protection",
                UnknownKind.SCOPE,
                "The token may not read it.",
            ),
            Gap(
                "github.com/repository/78",
                "acme/vault",
                "branch protection",
                UnknownKind.SCOPE,
                "The token may not read it.",
            ),
        ),
        notices=("No configuration was found: the baseline pack was used, in audit mode.",),
    )


WAIVER = AppliedWaiver(
    "The vendor mends it in March.",
    "ada",
    "carol",
    date(2027, 3, 31),
    ticket="PAY-412",
    compensating_control="Checked by hand each week.",
    source="waivers.yml:4",
)


def excused() -> Run:
    """A gate with a group, a waived entry, and findings that were there before."""
    inner = Member(
        "payments/inner",
        "all_of",
        Outcome.FAIL,
        findings=LINK.findings,
        members=(
            Member("payments/link", "requirement-link", Outcome.FAIL, findings=LINK.findings),
            Member("payments/scan", "secret-scanning", Outcome.FAIL, findings=PINNED.findings, waiver=WAIVER),
        ),
    )
    group = result(
        "any_of",
        Outcome.FAIL,
        key="payments/change-approval",
        title="any of: two-people, documentation, inner",
        findings=(*APPROVALS.findings, *LINK.findings),
        conditions=(Condition("when", "!pr.draft", True),),
        members=(
            Member("payments/two-people", "approvals", Outcome.FAIL, findings=APPROVALS.findings),
            Member(
                "payments/documentation",
                "approvals",
                Outcome.NOT_APPLICABLE,
                reason='when: files.all(f, f.path.startsWith("docs/")) does not hold',
                conditions=(Condition("when", 'files.all(f, f.path.startsWith("docs/"))', False),),
            ),
            Member("payments/alerts", "code-alerts", Outcome.UNKNOWN, unknown=UNKNOWN.unknown),
            inner,
        ),
    )
    new, old = Finding("A new thing is wrong.", "Mend it."), Finding("An old thing is wrong.", "Mend it some day.")
    return run(
        group,
        result(
            "all_of",
            Outcome.PASS,
            key="payments/scanned",
            title="all of: scanned-for-secrets",
            members=(
                Member("payments/scanned-for-secrets", "secret-scanning", Outcome.FAIL, PINNED.findings, waiver=WAIVER),
            ),
        ),
        replace(LINK, waiver=WAIVER),
        replace(PINNED, fingerprints=("a",) * len(PINNED.findings), known=frozenset({"a"})),
        result("partly", Outcome.FAIL, findings=(new, old), fingerprints=("n", "o"), known=frozenset({"o"})),
        *PASSES,
        verdict=Verdict.BLOCKED,
    )


def followed() -> Run:
    """A scan whose every repository is accounted for, with the runs before it and what has changed since the newest."""
    now = survey()
    repaired = [
        replace(each, outcome=Outcome.PASS, findings=())
        if each.subject.id.startswith("github.com/repository/10")
        else each
        for each in now.results
    ]
    before = replace(now, results=(*repaired, replace(LINK, subject=repository("old", 9))))
    return replace(
        now,
        history=tuple(summary(weeks, failing) for weeks, failing in ((3, 9), (2, 6), (1, 1))),
        changes=Changes(before, now),
        coverage=(
            Coverage("ado:acme/Payments", listed=4, counted=None, judged=4, skipped=0, unknown=0),
            Coverage("github:acme", listed=9, counted=10, judged=4, skipped=3, unknown=2),
        ),
        skipped=tuple(
            Skip(f"github.com/repository/{number}", f"acme/old-{number}", reason)
            for number, reason in ((60, "archived"), (61, "fork"), (62, "archived"))
        ),
        targets=("ado:acme/Payments", "github:acme"),
    )


def summary(weeks: int, failing: int) -> RunSummary:
    return RunSummary(
        id=f"run-{weeks}",
        started_at=NOW - timedelta(weeks=weeks),
        finished_at=NOW - timedelta(weeks=weeks) + timedelta(minutes=3),
        complete=weeks != 2,
        policy_digest="ab" * 32,
        outcomes={Outcome.FAIL: failing, Outcome.PASS: 12 - failing, Outcome.UNKNOWN: 3},
        waived=1,
        judged=4,
        requests={"github": 40},
    )


ALL = {
    "excused": excused,
    "blocked": blocked,
    "waiting": waiting,
    "passed": passed,
    "inconclusive": inconclusive,
    "empty": empty,
    "rollback": rollback,
    "survey": survey,
    "followed": followed,
}
