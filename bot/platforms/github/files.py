"""Facts about what lies on a branch: files, workflows, code owners, the tools that report on it."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Sequence
from http import HTTPStatus
from urllib.parse import quote

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import CodeOwners, OwnedPaths
from bot.model.facts.pipelines import DetectedTools, FileContents, Pipelines
from bot.model.facts.repository import RepositoryPaths
from bot.model.subjects import Branch, Subject
from bot.platforms.github.client import GitHubClient, Json, Refused
from bot.platforms.github.query import Found, Piece, Unanswerable, ask, repository, text
from bot.platforms.github.reading import Context, Reading, Task, guarded
from bot.platforms.github.readings import CONTENTS, needs
from bot.platforms.pipelines import github_workflow

WORKFLOWS = ".github/workflows"
CODEOWNERS = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
"""In GitHub's order; the first that exists is the one."""

_MOST_STATES = 5
"""Of so few branches the workflows' states are read one by one; a scan of thousands leaves them open."""

BLOB = "... on Blob { oid text isBinary isTruncated }"
"""A file with its text, for a few."""

_NAMED = "... on Blob { oid isBinary }"
"""A file by its name alone, for many: equal files are fetched once, and known ones not at all."""

_BLOBS_AT_ONCE = 200


def place(branch: Branch) -> tuple[str, ...]:
    """Where the commit that a branch points at stands in a query. Null: there is none, or contents are not to be read."""
    return (
        repository(branch.repository.name),
        f"ref(qualifiedName: {text(f'refs/heads/{branch.branch}')})",
        "target",
        "... on Commit",
    )


def address(branch: Branch, path: str = "") -> str:
    """The page of a file, or of the branch."""
    kind = "blob" if path else "tree"
    return f"{branch.repository.url}/{kind}/{quote(branch.branch)}" + (f"/{quote(path)}" if path else "")


def file_contents(context: Context, request: FactRequest, subject: Subject) -> Reading:
    """``FileContents``."""
    assert isinstance(subject, Branch)
    paths = sorted(request.spec.paths) if request.spec is not None else []

    def parse(found: Found) -> FileContents:
        texts = {}
        for at, path in enumerate(paths):
            entry = found.node.get(f"f{at}_")
            blob = entry.get("object") if entry else None
            if blob and "oid" in blob:
                texts[path] = blob_text(context, subject, blob)
        return FileContents(texts)

    piece = _files(context, "f", paths, subject)
    return Reading(piece, parse, address(subject), CONTENTS)


def _blob(context: Context) -> str:
    return BLOB if context.few else _NAMED


def _files(context: Context, letter: str, paths: Sequence[str], branch: Branch) -> Piece:
    blob = _blob(context)
    fields = [f"{letter}{at}_: file(path: {text(path)}) {{ object {{ {blob} }} }}" for at, path in enumerate(paths)]
    keys = tuple(f"{letter}{at}_" for at in range(len(paths)))
    return Piece(place(branch), " ".join(["oid", *fields]), keys=keys, weight=len(paths) + 1, may_lack=True)


def blob_text(context: Context, branch: Branch, blob: Json) -> str:
    """A blob's whole text. What is no text reads as empty: it exists, and holds nothing that a rule could read."""
    if blob.get("isBinary"):
        return ""
    if blob.get("text") is not None and not blob.get("isTruncated"):
        return str(blob["text"])
    known = context.memory.blobs.get(str(blob["oid"]))
    if known is None:
        answer = context.client.rest("GET", f"/repos/{branch.repository.name}/git/blobs/{blob['oid']}")
        known = base64.b64decode(answer["content"]).decode("utf-8", errors="replace")
        context.memory.blobs[blob["oid"]] = known
    return known


def fetch_missing(context: Context, asked: Sequence[tuple[str, Json]]) -> None:
    """Get the texts of files that were only named: ``owner/name`` and what was found there. What fails is asked alone later."""
    wanted: dict[str, str] = {}
    for home, node in asked:
        for oid in _named_blobs(node):
            if oid not in context.memory.blobs:
                wanted.setdefault(oid, home)
    pieces = [
        Piece((repository(home), f'object(oid: "{oid}")'), BLOB, keys=("oid", "text")) for oid, home in wanted.items()
    ]
    for start in range(0, len(pieces), _BLOBS_AT_ONCE):
        for found in ask(context.client, pieces[start : start + _BLOBS_AT_ONCE]):
            blob = found.node
            if blob and blob.get("text") is not None and not blob.get("isTruncated"):
                context.memory.blobs[str(blob["oid"])] = str(blob["text"])


def _named_blobs(node: Json) -> Iterator[str]:
    """Every file in an answer that came without its text."""
    if isinstance(node, list):
        for one in node:
            yield from _named_blobs(one)
    elif isinstance(node, dict):
        if "isBinary" in node and "text" not in node and not node["isBinary"]:
            yield str(node["oid"])
        for one in node.values():
            if isinstance(one, dict | list):
                yield from _named_blobs(one)


def repository_paths(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``RepositoryPaths``: a request for each branch."""

    def task(branch: Subject) -> Task:
        assert isinstance(branch, Branch)
        return lambda: [(request, branch, paths_of(context, branch))]

    return [task(subject) for subject in subjects]


def paths_of(context: Context, branch: Branch) -> Answer:
    """The ``RepositoryPaths`` of one branch."""
    url = address(branch)
    return guarded(lambda: Loaded(RepositoryPaths(_tree(context.client, branch)), url, context.now), CONTENTS, url)


def _tree(client: GitHubClient, branch: Branch) -> tuple[str, ...]:
    """The path of every file. The ref is named in full, for of a tag and a branch of one name git takes the tag.

    https://docs.github.com/en/rest/git/trees#get-a-tree
    """
    name = quote(f"refs/heads/{branch.branch}", safe="")
    try:
        answer = client.rest("GET", f"/repos/{branch.repository.name}/git/trees/{name}", {"recursive": "1"})
    except Refused as wrong:
        if wrong.status == HTTPStatus.CONFLICT and "empty" in wrong.message.lower():
            return ()
        raise
    if answer["truncated"]:
        words = f"{branch.name} has more files than GitHub lists: 100,000 entries, or 7 MB of them"
        raise Unanswerable(Unavailable(UnknownKind.TRUNCATED, words, address(branch)))
    return tuple(str(entry["path"]) for entry in answer["tree"] if entry["type"] == "blob")


def code_owners(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``CodeOwners``."""
    assert isinstance(subject, Branch)

    def parse(found: Found) -> CodeOwners:
        for at, path in enumerate(CODEOWNERS):
            entry = found.node.get(f"o{at}_")
            blob = entry.get("object") if entry else None
            if blob and "oid" in blob:
                return CodeOwners(tuple(owned_paths(blob_text(context, subject, blob))), path)
        return CodeOwners((), None)

    piece = _files(context, "o", CODEOWNERS, subject)
    return Reading(piece, parse, address(subject), CONTENTS)


def owned_paths(content: str) -> Iterable[OwnedPaths]:
    """The lines of a CODEOWNERS file. What GitHub does not understand there (``!``, ``[…]``) it skips, and so do we."""
    for number, line in enumerate(content.splitlines(), start=1):
        words = re.split(r"(?<!\\)\s+", re.sub(r"(^|\s)#.*", "", line).strip())
        pattern, owners = words[0].replace("\\ ", " "), words[1:]
        if not pattern or pattern.startswith("!") or "[" in pattern:
            continue
        # GitHub: "docs/*" owns the files of docs, but not those of the folders in it. For gitignore it would.
        patterns = (pattern, f"!{pattern}/**") if pattern.endswith("/*") else (pattern,)
        yield OwnedPaths(patterns, tuple(owner.removeprefix("@") for owner in owners), number)


def pipelines(context: Context, request: FactRequest, subject: Subject) -> Reading:
    """``Pipelines``: the workflow files, parsed."""
    assert isinstance(subject, Branch)
    entries = f"... on Tree {{ entries {{ name object {{ {_blob(context)} }} }} }}"
    folder = f"workflows_: file(path: {text(WORKFLOWS)}) {{ object {{ {entries} }} }}"

    def parse(found: Found) -> Pipelines:
        entry = found.node.get("workflows_")
        listed = ((entry or {}).get("object") or {}).get("entries") or []
        states = _states(context, subject) if listed and request.spec == "states" else {}
        definitions = []
        for one in sorted(listed, key=lambda one: str(one["name"])):
            blob = one.get("object")
            path = f"{WORKFLOWS}/{one['name']}"
            if not blob or "oid" not in blob or not path.endswith((".yml", ".yaml")):
                continue
            content = blob_text(context, subject, blob)
            definitions.append(github_workflow.parse(path, content, address(subject, path), states.get(path)))
        return Pipelines(tuple(definitions))

    piece = Piece(place(subject), folder, keys=("workflows_",), weight=20, may_lack=True)
    return Reading(piece, parse, address(subject, WORKFLOWS), CONTENTS)


def with_states(request: FactRequest, branches: int) -> FactRequest:
    """The request for pipelines, told to read the workflows' states too where there are few branches."""
    return FactRequest(request.type, "states") if branches <= _MOST_STATES else request


def _states(context: Context, branch: Branch) -> dict[str, bool]:
    """By path, whether a workflow is enabled. Who may not read that knows nothing of it."""
    try:
        listed = list(context.client.pages(f"/repos/{branch.repository.name}/actions/workflows", key="workflows"))
    except Refused:
        return {}
    return {str(one["path"]): str(one["state"]) == "active" for one in listed}


def detected_tools(_context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``DetectedTools``: what reported on the newest commits, but for workflows that lie in the repository."""
    assert isinstance(subject, Branch)
    # The rollup has the runs of all suites in one list: suite by suite, a hundred repositories would cost a hundred points.
    run = "name checkSuite { app { slug } workflowRun { file { path } } }"
    contexts = f"contexts(first: 100) {{ nodes {{ ... on CheckRun {{ {run} }} }} }}"

    def parse(found: Found) -> DetectedTools:
        seen: set[tuple[str, str]] = set()
        for commit in found.node["history"]["nodes"]:
            for told in ((commit.get("statusCheckRollup") or {}).get("contexts") or {}).get("nodes") or []:
                suite = told.get("checkSuite") or {}  # a status of the older kind has none
                path = str((((suite.get("workflowRun") or {}).get("file")) or {}).get("path") or "")
                if suite and not path.startswith(WORKFLOWS):
                    seen.add((str(told["name"]), str((suite.get("app") or {}).get("slug") or "")))
        return DetectedTools(tuple(sorted(seen)))

    # a page is enough: these are signs of tools, not verdicts
    fields = f"history(first: 3) {{ nodes {{ statusCheckRollup {{ {contexts} }} }} }}"
    piece = Piece(place(subject), fields, keys=("history",), weight=3 * 101)
    return Reading(piece, parse, f"{subject.repository.url}/commits/{quote(subject.branch)}", needs(DetectedTools))
