"""The rule static-analysis-passed."""

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from bot.model.analyzers import AnalysisKind, Analyzer, AnalyzerCatalogue
from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import ChangedFiles, Check, Checks, CheckState
from bot.model.facts.pipelines import DetectedTools, FileContents, Pipelines
from bot.model.findings import Evidence, Finding, NotApplicable, Statement, Unknown
from bot.model.globs import matches
from bot.model.subjects import Branch, Platform, PullRequest
from bot.rules import RuleParams, Tighter, needs, rule
from bot.rules.build_test.ending import is_called, newest, on, running, seen, unsuccessful, word
from bot.rules.build_test.entry import touches
from bot.rules.build_test.expected_checks import Expected, expected
from bot.rules.build_test.recognition import recognise, recognise_apps, task_file_paths
from bot.rules.build_test.sightings import Recognition
from bot.rules.build_test.tools import bears_name, reports, unknown_tools


class Params(RuleParams):
    """Which checks are asked for."""

    kinds: Annotated[tuple[AnalysisKind, ...], Field(min_length=1), Tighter.SUPERSET] = tuple(AnalysisKind)
    """The kinds of analysis whose checks count."""
    tools: Annotated[tuple[str, ...], Tighter.SUPERSET] = ()
    """Tools that must have run and passed whether or not the base configures them, by their ids in the analyzer catalogue."""
    checks: Annotated[tuple[str, ...], Tighter.SUPERSET] = ()
    """Globs of checks by name, each of which must be there and have passed: for tools that are not recognised. A name
    proves no tool: anyone who may write may report a check under it."""


@rule(
    "static-analysis-passed",
    severity="high",
    params=Params,
    controls=[
        "ISO27001:A.8.8",
        "ISO27001:A.8.28",
        "ISO27001:A.8.29",
        "ISO27001:A.8.32",
        "NIST-SSDF:PW.4.4",
        "NIST-SSDF:PW.7.2",
        "OSPS-BASELINE:OSPS-QA-03.01",
        "OSPS-BASELINE:OSPS-VM-05.03",
        "OSPS-BASELINE:OSPS-VM-06.02",
        "SCORECARD:SAST",
        "SOC2:CC7.1",
        "SOC2:CC8.1",
    ],
)
def static_analysis_passed(
    pr: PullRequest,
    base: Branch,
    pipelines: Pipelines,
    contents: Annotated[FileContents | Unavailable | NotSupported, needs(task_file_paths)],
    detected: DetectedTools | Unavailable | NotSupported,
    checks: Checks,
    files: ChangedFiles | Unavailable | NotSupported,
    params: Params,
    catalogue: AnalyzerCatalogue,
) -> Iterator[Statement]:
    """The static analysis that the base branch configures has succeeded on the head commit.

    The tools are those that gate on the base (see `static-analysis-configured`): what the pull request itself does to its
    pipelines changes nothing of which checks are asked of it, though it may change what they run: the evidence names edits
    of the files that say so. Each of their checks must have concluded success on the head.

    Why:
        A green pull request may be green because a check was renamed away, never started, or was skipped. Asking for the
        checks that the base configures closes that hole, and needs no list of names that somebody has to keep.

    Evidence:
        The checks of the head commit. A check that is missing, failed or was cancelled is a finding; one that is still
        running is a finding that time cures. Skipped and neutral count as success only where the change touches no file
        that the tool judges. The newest run of a check (same name, app and event) supersedes the older ones; a failure on
        one event is not cured by a success on another. Where the base's filters keep a pipeline from starting for these
        paths, its check is not asked for. Checks of merge queues are not on the head, and not asked for here. With no tool
        on the base, and none named by the parameters, the rule is not applicable; where a part of the base's pipelines
        could not be read, that is unknown instead.

    How to fix:
        Open the check that the finding links, and cure what it reports, or run it again where it failed for another reason.
        A check that is missing starts with the next push, or by hand; if its job was renamed, rename it on the base first.

    Example:
        - rule: static-analysis-passed
          enforce: block
          with: {tools: [codeql]}
    """
    texts = contents.texts if isinstance(contents, FileContents) else {}
    analyzers = tuple(each for each in catalogue.analyzers if set(params.kinds) & set(each.kinds))
    found = recognise(pipelines.definitions, texts, (*analyzers, *_named(params, catalogue, analyzers)), base.branch)
    reported = [(check.name, check.app or "") for check in checks.checks]
    known = detected.checks if isinstance(detected, DetectedTools) else ()
    apps = recognise_apps((*known, *reported), texts, analyzers)
    wanted = expected((*found.sightings, *apps.sightings))
    explicit = (*_tools(params, catalogue, wanted), *params.checks)
    if not wanted and not explicit:
        yield from _nothing(found, contents, detected, base)
        return
    yield from unknown_tools(params.tools, catalogue)
    standing = tuple(newest(checks.checks))
    for each in wanted:
        yield from _of_base(each, wanted, standing, files)
    for tool in _tools(params, catalogue, wanted):
        if isinstance(tool, str):
            continue  # said above
        named = [check for check in standing if _is_of(tool, check, pr)]
        if not named and found.unread:
            yield from (Unknown(UnknownKind.UNREADABLE, each) for each in found.unread)
        else:
            yield from _judge(_of_tool(tool), named, files)
    for glob in params.checks:
        named = [check for check in standing if is_called(check, glob)]
        yield from _judge(Expected(glob, None, "", ()), named, files)
    if not explicit:
        yield from (Unknown(UnknownKind.UNREADABLE, f"{each}; it may run a tool as well") for each in found.broken)
    yield from (Evidence("not read", each) for each in found.unread)
    yield from (Evidence("not read", each.reason) for each in (contents, detected) if isinstance(each, Unavailable))
    yield Evidence("head", pr.head_sha, pr.url)


def _named(params: Params, catalogue: AnalyzerCatalogue, already: Sequence[Analyzer]) -> tuple[Analyzer, ...]:
    """The tools that are named, where their kind alone would not bring them in."""
    return tuple(each for each in catalogue.analyzers if each.id in params.tools and each not in already)


def _tools(params: Params, catalogue: AnalyzerCatalogue, wanted: Sequence[Expected]) -> tuple[Analyzer | str, ...]:
    """The named tools that no expected check stands for; an id that the catalogue does not have, as it is."""
    present = {analyzer.id for each in wanted for analyzer in each.analyzers}
    by_id = {analyzer.id: analyzer for analyzer in catalogue.analyzers}
    return tuple(by_id.get(tool, tool) for tool in params.tools if tool not in present)


def _of_tool(tool: Analyzer | str) -> Expected:
    return Expected(tool, None, "", ()) if isinstance(tool, str) else Expected(tool.name, None, "", (tool,))


def _is_of(tool: Analyzer, check: Check, pr: PullRequest) -> bool:
    """Whether a check proves to be a tool's: by its app, and on Azure DevOps, which has none, as a build of its name."""
    if pr.platform is Platform.AZURE_DEVOPS:
        return (check.workflow or check.workflow_path) is not None and bears_name(tool, check.name)
    return reports(tool, check.name, check.app)


def _of_base(
    each: Expected,
    wanted: Sequence[Expected],
    standing: Sequence[Check],
    files: ChangedFiles | Unavailable | NotSupported,
) -> Iterator[Statement]:
    """A check that the base configures. Of runs that pull requests do not start, a failure counts and a success does not."""
    found = [check for check in standing if each.matches(check, wanted)]
    proper = [check for check in found if each.is_started_by(check)]
    stray = [check for check in found if check not in proper]
    failed = [check for check in stray if check.state is CheckState.FAILURE]
    doubtful = [check for check in standing if each.may_be(check, wanted)]
    failed += [check for check in doubtful if check.state is CheckState.FAILURE]
    yield from (
        Evidence(
            "not counted", f"{check.name}: {word(check)}{on(check)}, which is no event of a pull request", check.url
        )
        for check in stray
        if check not in failed
    )
    if doubtful and not proper and not failed:
        reason = f"Which workflow reported {each.name!r} is not told (that needs `actions: read`), and a name proves nothing."
        yield Unknown(UnknownKind.UNREADABLE, reason)
        return
    yield from _judge(each, [*proper, *failed], files)
    if isinstance(files, ChangedFiles):
        changed = {path.lstrip("/") for file in files.files for path in file.paths}
        if edited := [path for path in each.files if path.lstrip("/") in changed]:
            yield Evidence(
                each.tools, f"the change edits {', '.join(edited)}, which says what it runs: review that edit"
            )


def _nothing(
    found: Recognition,
    contents: FileContents | Unavailable | NotSupported,
    detected: DetectedTools | Unavailable | NotSupported,
    base: Branch,
) -> Iterator[Statement]:
    """Without any tool: not applicable only where everything was read."""
    hidden = [each for each in (contents, detected) if isinstance(each, Unavailable)]
    yield from (Unknown(each.kind, each.reason) for each in hidden)
    yield from (Unknown(UnknownKind.UNREADABLE, each) for each in found.unread)
    if not hidden and not found.unread:
        yield NotApplicable(
            f"No static analysis gates changes into {base.branch}; static-analysis-configured judges that."
        )


def _judge(
    wanted: Expected, found: list[Check], files: ChangedFiles | Unavailable | NotSupported
) -> Iterator[Statement]:
    """How one expected check stands, over all its runs that count."""
    if not found:
        yield from _absent(wanted, files)
    for check in found:
        evidence = seen(check, wanted.tools)
        match check.state:
            case CheckState.SUCCESS:
                yield evidence
            case CheckState.PENDING:
                yield running(check, _what(wanted, check), evidence)
            case CheckState.FAILURE | CheckState.CANCELLED:
                yield unsuccessful(check, _what(wanted, check), evidence)
            case CheckState.SKIPPED | CheckState.NEUTRAL:
                yield from _not_judged(wanted, check, evidence, files)


def _absent(wanted: Expected, files: ChangedFiles | Unavailable | NotSupported) -> Iterator[Statement]:
    if wanted.filters and isinstance(files, ChangedFiles):
        paths = [path for file in files.files for path in file.paths]
        format_ = wanted.pipeline.format if wanted.pipeline else "github"
        if not any(touches(paths, each, format_) for each in wanted.filters):
            outside = " and ".join(", ".join(each) for each in wanted.filters)
            yield Evidence(wanted.tools, f"not started: the change is outside {outside}", ok=True)
            return
    elif wanted.filters and not isinstance(files, ChangedFiles):
        kind = files.kind if isinstance(files, Unavailable) else UnknownKind.UNREADABLE
        yield Unknown(kind, f"Whether {wanted.name!r} should have started is not known: {files.reason}")
        return
    origin = f" of {wanted.pipeline.path}" if wanted.pipeline else ""
    message = f"The check {wanted.name!r}{origin} ({wanted.tools}) has not reported on the head commit."
    fix = "Push again, or start it by hand; a check whose job was renamed must be renamed on the base branch first."
    evidence = Evidence(
        wanted.tools, f"{wanted.name}: missing", wanted.pipeline.url if wanted.pipeline else "", ok=False
    )
    yield Finding(message, fix, (evidence,), discriminator=wanted.name)


def _not_judged(
    wanted: Expected, check: Check, evidence: Evidence, files: ChangedFiles | Unavailable | NotSupported
) -> Iterator[Statement]:
    """A check that ended without judging is enough where there was nothing for it to judge."""
    if isinstance(files, Unavailable):
        reason = f"Whether {check.name!r} may be {word(check)} rests on the changed files: {files.reason}"
        yield Unknown(files.kind, reason)
        return
    paths = [path for file in files.files for path in file.paths] if isinstance(files, ChangedFiles) else None
    covers = wanted.covers
    if paths is None:
        touched: list[str] = ["files that are not known"]
    else:
        touched = [path for path in paths if covers is None or matches(path, covers)]
    if not touched:
        yield Evidence(
            wanted.tools, f"{check.name}: {word(check)}, and no file of its is touched", check.url, check.at, True
        )
        return
    message = f"{_what(wanted, check)} was {word(check)}, and the change touches {_some(touched)}."
    fix = f"Let it run on this change{f': {check.url}' if check.url else ''}; a condition of its job or step keeps it from it."
    yield Finding(message, fix, (evidence,), discriminator=check.name)


def _what(wanted: Expected, check: Check) -> str:
    return f"The check {check.name!r} ({wanted.tools})"


def _some(paths: list[str]) -> str:
    shown = ", ".join(paths[:3])
    return f"{shown} and {len(paths) - 3} more" if len(paths) > 3 else shown
