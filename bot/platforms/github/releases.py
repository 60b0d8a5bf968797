"""Facts about a release itself: the way back, what changed, its record and its configuration."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import quote

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import LinkForm, LinkSource
from bot.model.facts.pipelines import PipelineDefinition
from bot.model.facts.release import (
    GlobSpec,
    PreviousRelease,
    Procedure,
    Rehearsal,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    RollbackProcedures,
    SourceFile,
)
from bot.model.globs import matches
from bot.model.references import Reference, find_references
from bot.model.subjects import Branch, Release, Subject
from bot.platforms.github.change import tree
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.deployments import known_deployments, rehearsed, release_assets
from bot.platforms.github.files import BLOB, WORKFLOWS, address, blob_text
from bot.platforms.github.files import place as branch_place
from bot.platforms.github.query import Found, Piece, Unanswerable, ask, repository, text
from bot.platforms.github.reading import Context, Task, denied, guarded
from bot.platforms.github.readings import CONTENTS, PULL_REQUESTS, needs
from bot.platforms.pipelines import github_workflow

_VERSION_INPUT = re.compile(r"(?i)(?:^|[-_])(?:version|tag|ref|release|sha|commit|revision|image|build)(?:$|[-_])")
_MOST_COMMITS = 1_000
_PULL_REQUESTS = (
    "associatedPullRequests(first: 2) { nodes { number title body "
    "closingIssuesReferences(first: 10) { nodes { number repository { nameWithOwner } } } } }"
)

Read = Callable[[Context, Release, FactRequest], Answer]


def _tasks(read: Read, needs: str) -> Callable[[Context, FactRequest, Sequence[Subject]], list[Task]]:
    """A task for each release."""

    def plan(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
        def task(subject: Subject) -> Task:
            assert isinstance(subject, Release)
            return lambda: [(request, subject, guarded(lambda: read(context, subject, request), needs, subject.url))]

        return [task(subject) for subject in subjects]

    return plan


def _found(found: Found, needs: str) -> Json:
    """A piece's node. Raises where it could not be had."""
    if found.failure is not None:
        raise found.failure
    if found.errors:
        raise Unanswerable(denied(found.errors, needs))
    if found.node is None:
        raise Unanswerable(Unavailable(UnknownKind.SCOPE, f"GitHub does not show it to this token; it needs {needs}"))
    return found.node


def _default(subject: Release) -> Branch:
    branch = subject.repository.default
    if branch is None:
        raise Unanswerable(Unavailable(UnknownKind.UNREADABLE, f"{subject.repository.name} has no default branch"))
    return branch


def _workflows(context: Context, subject: Release) -> Sequence[tuple[PipelineDefinition, str]]:
    """The workflows of the default branch, parsed, with their texts: a dispatch runs what is there. Read once for all facts."""
    branch = _default(subject)
    return context.memory.once(("workflows", branch.id), lambda: tuple(_read_workflows(context, subject, branch)))


def _read_workflows(context: Context, subject: Release, branch: Branch) -> Iterator[tuple[PipelineDefinition, str]]:
    entries = f"... on Tree {{ entries {{ name object {{ {BLOB} }} }} }}"
    fields = f"flows_: file(path: {text(WORKFLOWS)}) {{ object {{ {entries} }} }}"
    piece = Piece(branch_place(branch), fields, keys=("flows_",), may_lack=True)
    node = _found(ask(context.client, [piece])[0], CONTENTS)
    listed = ((node.get("flows_") or {}).get("object") or {}).get("entries") or []
    states = _states(context, subject) if listed else {}
    for entry in sorted(listed, key=lambda entry: str(entry["name"])):
        path = f"{WORKFLOWS}/{entry['name']}"
        if path.endswith((".yml", ".yaml")) and "oid" in (entry.get("object") or {}):
            content = blob_text(context, branch, entry["object"])
            yield github_workflow.parse(path, content, address(branch, path), states.get(path)), content


def _states(context: Context, subject: Release) -> dict[str, bool]:
    try:
        listed = list(context.client.pages(f"/repos/{subject.repository.name}/actions/workflows", key="workflows"))
    except Refused:
        return {}  # then nobody says whether one is disabled, and it is not claimed
    return {str(one["path"]): one["state"] == "active" for one in listed}


def _procedures(context: Context, subject: Release, _request: FactRequest) -> Answer:
    known = known_deployments(context, subject)
    procedures: list[Procedure] = []
    unreadable: list[str] = []
    for definition, content in _workflows(context, subject):
        if definition.error:
            unreadable.append(definition.error)
        enabled = definition.enabled is not False
        for trigger in definition.triggers:
            if trigger.event == "deployment_status":
                procedures.append(
                    Procedure(trigger.event, definition.name, definition.path, definition.url, enabled=enabled)
                )
            if trigger.event != "workflow_dispatch":
                continue
            taken = [name for name in trigger.inputs if _VERSION_INPUT.search(name)]
            reading = [name for name in taken if _is_read(name, content)]
            if taken:
                chosen = (reading or taken)[0]
                procedures.append(
                    Procedure(
                        trigger.event,
                        definition.name,
                        definition.path,
                        definition.url,
                        input=chosen,
                        reads_input=bool(reading),
                        enabled=enabled,
                    )
                )
    rehearsals = tuple(
        Rehearsal(
            back.at,
            f"re-deployed {back.version or back.commit[:12]} after {gone.version or gone.commit[:12]} in {back.environment}",
            back.url,
        )
        for back, gone in rehearsed(known)
    )
    return Loaded(
        RollbackProcedures(tuple(procedures), rehearsals, tuple(unreadable)),
        f"{subject.repository.url}/actions",
        context.now,
    )


def _is_read(name: str, content: str) -> bool:
    """Whether an expression of the workflow reads the input: ``inputs.X``, ``github.event.inputs.X``, ``inputs['X']``."""
    quoted = re.escape(name)
    expression = rf"\$\{{\{{[^}}]{{0,400}}\binputs(?:\.{quoted}(?![\w-])|\[\s{{0,4}}['\"]{quoted}['\"])"
    return re.search(expression, content) is not None


def _previous(context: Context, subject: Release) -> PreviousRelease:
    answer = context.known.answer(PreviousRelease, subject)
    if isinstance(answer, Loaded) and isinstance(answer.value, PreviousRelease):
        return answer.value
    if answer is None or isinstance(answer, Loaded):
        raise Unanswerable(Unavailable(UnknownKind.TRANSIENT, "the previous release was not read"))
    raise Unanswerable(answer)


def _changes(context: Context, subject: Release, request: FactRequest) -> Answer:
    previous = _previous(context, subject).deployment
    if previous is None:
        return Loaded(ReleaseChanges((), frozenset(), (), 0), subject.url, context.now)
    globs = sorted(request.spec.globs) if isinstance(request.spec, GlobSpec) else []
    home = subject.repository.name
    url = f"{subject.repository.url}/compare/{previous.commit}...{subject.commit}"
    commits = _commits(context, home, previous.commit, subject.commit)
    added, siblings = _files(context, subject, previous.commit, globs)
    return Loaded(
        ReleaseChanges(added, siblings, tuple(_work_items(context, home, commits)), len(commits)), url, context.now
    )


def _commits(context: Context, home: str, base: str, head: str) -> list[tuple[str, str]]:
    """Hash and message of every commit between."""
    found: list[tuple[str, str]] = []
    path = f"/repos/{home}/compare/{base}...{head}"
    for one in context.client.pages(path, key="commits"):
        found.append((str(one["sha"]), str(one["commit"]["message"])))
        if len(found) > _MOST_COMMITS:
            raise Unanswerable(
                Unavailable(
                    UnknownKind.TRUNCATED, f"more than {_MOST_COMMITS} commits lie between {base[:12]} and {head[:12]}"
                )
            )
    return found


def _files(
    context: Context, subject: Release, base: str, globs: Sequence[str]
) -> tuple[tuple[SourceFile, ...], frozenset[str]]:
    """Files that match and are new or changed, with their texts; and all that match."""
    if not globs:
        return (), frozenset()
    home = subject.repository.name
    before, after = tree(context, home, base), tree(context, home, subject.commit)
    siblings = frozenset(path for path in after if matches(path, globs))
    changed = sorted(path for path in siblings if before.get(path) != after[path])
    pieces = [
        Piece((repository(home), f'object(oid: "{after[path].split()[0]}")'), BLOB, keys=("oid", "text"))
        for path in changed
    ]
    branch = _default(subject)
    page = f"{subject.repository.url}/blob/{subject.commit}"
    files = [
        SourceFile(path, blob_text(context, branch, _found(found, CONTENTS)), f"{page}/{quote(path)}")
        for path, found in zip(changed, ask(context.client, pieces) if pieces else [], strict=True)
    ]
    return tuple(files), siblings


def _work_items(context: Context, home: str, commits: Sequence[tuple[str, str]]) -> list[str]:
    """References in commits and in the pull requests that brought them, as people write them."""
    found: dict[str, None] = {}
    for _, message in commits:
        found.update(dict.fromkeys(_written(home, message)))
    keys = ("associatedPullRequests",)
    pieces = [
        Piece((repository(home), f'object(oid: "{sha}")', "... on Commit"), _PULL_REQUESTS, keys=keys, weight=25)
        for sha, _ in commits
    ]
    for start in range(0, len(pieces), 100):
        for one in ask(context.client, pieces[start : start + 100]):
            for change in _found(one, PULL_REQUESTS)["associatedPullRequests"]["nodes"] or []:
                found.update(dict.fromkeys(_written(home, f"{change['title']}\n\n{change.get('body') or ''}")))
                for issue in (change.get("closingIssuesReferences") or {}).get("nodes") or []:
                    found[_short(home, str(issue["repository"]["nameWithOwner"]), str(issue["number"]))] = None
    return list(found)


def _written(home: str, content: str) -> Iterator[str]:
    for reference in find_references(content):
        if reference.form is not LinkForm.MENTION:
            yield _name(home, reference)


def _name(home: str, reference: Reference) -> str:
    match reference.source:
        case LinkSource.AZURE_BOARDS:
            return f"AB#{reference.number}"
        case LinkSource.JIRA:
            return reference.number
        case LinkSource.GITHUB_ISSUES:
            named = f"{reference.owner}/{reference.repository}" if reference.owner else home
            return _short(home, named, reference.number)


def _short(home: str, named: str, number: str) -> str:
    return f"#{number}" if named.lower() == home.lower() else f"{named}#{number}"


def _record(context: Context, subject: Release, _request: FactRequest) -> Answer:
    home = f"/repos/{subject.repository.name}"
    try:
        node = context.client.rest("GET", f"{home}/releases/tags/{quote(subject.version)}")
    except Refused as wrong:
        if wrong.status != 404:
            raise
        node = None  # a tag that nobody made a release of
    tag_commit = _tag_commit(context, home, subject.version)
    assets = release_assets(node) if node else ()
    return Loaded(
        ReleaseRecord(
            notes=str((node or {}).get("body") or ""),
            tag=subject.version,
            tag_commit=tag_commit,
            released_commit=_released_commit(context, subject, node, tag_commit),
            immutable=node.get("immutable") if node else None,
            assets=assets,
            attested=_attested(context, home, [one.digest for one in assets if one.digest]) if assets else None,
        ),
        subject.url,
        context.now,
    )


def _tag_commit(context: Context, home: str, tag: str) -> str | None:
    """The commit that a tag points at now, through an annotated tag."""
    try:
        node = context.client.rest("GET", f"{home}/commits/{quote('refs/tags/' + tag, safe='')}")
    except Refused as wrong:
        if wrong.status in (404, 422):
            return None
        raise
    return str(node["sha"])


def _released_commit(context: Context, subject: Release, node: Json, tag_commit: str | None) -> str:
    """What was released then. A deployment of the tag recorded its commit; else the release keeps the one that it was given."""
    try:
        known = known_deployments(context, subject)
    except Unanswerable:
        known = ()
    recorded = [one.commit for one in known if one.version == subject.version]
    if recorded:
        return recorded[0]
    given = str((node or {}).get("target_commitish") or "")
    if re.fullmatch(r"[0-9a-f]{40}", given):
        return given
    return subject.commit or tag_commit or ""


def _attested(context: Context, home: str, digests: Sequence[str]) -> bool | None:
    """Whether every asset has an attestation. None: no digests, or attestations are not to be read."""
    if not digests:
        return None
    for digest in digests:
        try:
            answer = context.client.rest("GET", f"{home}/attestations/{digest}")
        except Refused as wrong:
            if wrong.status == 404:
                return False
            return None
        if not answer.get("attestations"):
            return False
    return True


def _configuration(context: Context, subject: Release, _request: FactRequest) -> Answer:
    floating: dict[str, None] = {}
    for definition, _content in _workflows(context, subject):
        if any(job.environment for job in definition.jobs) or any(
            trigger.event in ("deployment_status", "workflow_dispatch") for trigger in definition.triggers
        ):
            floating.update(dict.fromkeys(definition.floating_references))
    return Loaded(ReleaseConfiguration((), tuple(floating)), f"{subject.repository.url}/actions", context.now)


rollback_procedures = _tasks(_procedures, needs(RollbackProcedures))
release_changes = _tasks(_changes, needs(ReleaseChanges))
release_record = _tasks(_record, needs(ReleaseRecord))
release_configuration = _tasks(_configuration, needs(ReleaseConfiguration))
