"""``LinkedWorkItems``: what title, body, commits and GitHub itself link a pull request to, and what is at the other end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from bot.engine.ports import PlatformError
from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import Commits, LinkedWorkItems, LinkForm, LinkSource, LinkSpec, WorkItemLink
from bot.model.references import LARGEST_NUMBER, Reference, find_references
from bot.model.subjects import Platform, PullRequest, Subject, WorkItem
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.query import Piece, ask, repository
from bot.platforms.github.reading import Context, Task, denied, guarded, refused
from bot.platforms.github.readings import DISCUSSIONS, ISSUES
from bot.platforms.github.subjects import instant, optional_instant
from bot.platforms.jira.links import jira_links

MOST_ITEMS = 50
"""So many items of one pull request are looked up; a text with more mentions is not read for us but against us."""

Issue = tuple[str, int]
"""``owner/name`` in lower case, and the number."""


@dataclass(frozen=True, slots=True)
class _End:
    """What was found at the end of a link: an item, or that there is none, or why that cannot be told."""

    item: WorkItem | None = None
    missing: bool = False
    unreadable: str = ""
    kind: UnknownKind = UnknownKind.SCOPE
    is_discussion: bool = False
    """The number is a discussion's: nobody has named an item."""


def linked_work_items(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """One task for each pull request."""
    spec = request.spec if isinstance(request.spec, LinkSpec) else LinkSpec()

    def task(subject: Subject) -> Task:
        assert isinstance(subject, PullRequest)
        read = lambda: _links(context, spec, subject)  # noqa: E731 - two words around a call
        return lambda: [(request, subject, guarded(read, ISSUES, subject.url))]

    return [task(subject) for subject in subjects]


def _links(context: Context, spec: LinkSpec, subject: PullRequest) -> Answer:
    commits = context.known.answer(Commits, subject)
    if not isinstance(commits, Loaded) or not isinstance(commits.value, Commits):
        return commits or Unavailable(UnknownKind.TRANSIENT, "the commits were not read", subject.url)
    texts = [("title", subject.title), ("body", subject.body)]
    texts += [(f"commit {commit.sha}", commit.message) for commit in commits.value.commits]
    written = [
        (where, reference)
        for where, content in texts
        for reference in find_references(content, jira_projects=spec.jira_projects)
    ]
    hidden = _hidden(context, subject)
    links = [*_relations(context, subject), *(_link(where, reference) for where, reference in written)]
    wanted = [
        _target(context, subject, link, reference)
        for link, reference in zip(links, _aligned(links, written), strict=True)
    ]
    ends = _ends(context, spec, subject, wanted)
    issues = jira_links(written, context.issues_of_jira)
    found = []
    for link, reference, target in zip(links, _aligned(links, written), wanted, strict=True):
        if reference is not None and reference.source is LinkSource.JIRA:
            found.append(issues[link.where, reference])
            continue
        end = target if isinstance(target, _End) else ends.get(target, _TOO_MANY)
        if end.is_discussion:
            continue
        found.append(
            replace(
                link,
                item=end.item,
                missing=end.missing,
                unreadable=end.unreadable,
                unreadable_kind=end.kind,
            )
        )
    return Loaded(LinkedWorkItems((*found, *hidden)), subject.url, context.now)


_TOO_MANY = _End(
    unreadable=f"more than {MOST_ITEMS} items are mentioned; this one was not looked up", kind=UnknownKind.TRUNCATED
)

Target = tuple[str, str, int]
"""``issue`` or ``board``; ``owner/name`` or ``ado:org/Project``; the number."""


def _relations(context: Context, subject: PullRequest) -> list[WorkItemLink]:
    seen = context.memory.pull_requests.get(subject.id)
    return [
        WorkItemLink(LinkSource.GITHUB_ISSUES, LinkForm.RELATION, f"{name}#{number}", "relation")
        for name, number in (seen.closing if seen else ())
    ]


def _hidden(context: Context, subject: PullRequest) -> list[WorkItemLink]:
    """The relations that GitHub counts and does not show: no link seen is no proof that there is none."""
    seen = context.memory.pull_requests.get(subject.id)
    amount = seen.closing_total - len(seen.closing) if seen else 0
    if amount <= 0:
        return []
    what = "a linked issue" if amount == 1 else f"{amount} linked issues"
    why = "not shown to this token, which needs issues: read on its repository"
    return [
        WorkItemLink(
            LinkSource.GITHUB_ISSUES, LinkForm.RELATION, what, "relation",
            unreadable=why, unreadable_kind=UnknownKind.SCOPE,
        )
    ]  # fmt: skip


def _link(where: str, reference: Reference) -> WorkItemLink:
    form = reference.form
    if where == "title" and form is LinkForm.KEYWORD and reference.source is LinkSource.GITHUB_ISSUES:
        # Per the documentation GitHub reads closing keywords in descriptions and commit messages, and in no title.
        form = LinkForm.REFERENCE if reference.owner else LinkForm.MENTION
    return WorkItemLink(reference.source, form, reference.text, where)


def _aligned(links: Sequence[WorkItemLink], written: Sequence[tuple[str, Reference]]) -> Iterator[Reference | None]:
    """For each link the reference it was made of; None for GitHub's own relations, which come first."""
    yield from [None] * (len(links) - len(written))
    yield from (reference for _, reference in written)


def _target(context: Context, subject: PullRequest, link: WorkItemLink, reference: Reference | None) -> Target | _End:
    if reference is None:
        name, _, number = link.text.rpartition("#")
        return "issue", name, int(number)
    if reference.source is LinkSource.JIRA:
        return _End()
    if int(reference.number) > LARGEST_NUMBER:
        return _End(missing=True)
    match reference.source:
        case LinkSource.GITHUB_ISSUES:
            here = urlsplit(f"//{context.host}").hostname
            if reference.host is not None and reference.host.removeprefix("www.") != here:
                return _End(unreadable=f"{reference.text} is on {reference.host}, which is not read here")
            named = f"{reference.owner}/{reference.repository}" if reference.owner else subject.repository.name
            return "issue", named, int(reference.number)
        case LinkSource.AZURE_BOARDS:
            return _board(context, subject, reference)


def _board(context: Context, subject: PullRequest, reference: Reference) -> Target | _End:
    """Where ``AB#12`` leads is only told by the configuration."""
    name = subject.repository.name.lower()
    fitting = [one.work_items for one in context.connections if fnmatchcase(name, one.match.lower())]
    if reference.organization is not None:
        asked = f"ado:{reference.organization}/{reference.project or ''}".lower()
        fitting = [
            one
            for one in fitting
            if one.lower() == asked or (reference.project is None and one.lower().startswith(asked))
        ]
    if not fitting or context.read_work_items is None:
        return _End(
            unreadable=f'{reference.text} needs a connection: add `connections` with `match: "{subject.repository.name}"` and '
            '`work_items: "ado:ORGANISATION/PROJECT"` to the configuration, and a credential for it'
        )
    return "board", fitting[0], int(reference.number)


def _ends(
    context: Context, spec: LinkSpec, subject: PullRequest, wanted: Sequence[Target | _End]
) -> dict[Target, _End]:
    """Look up every item once."""
    targets = list(dict.fromkeys(one for one in wanted if not isinstance(one, _End)))[:MOST_ITEMS]
    issues = [(name, number) for kind, name, number in targets if kind == "issue"]
    found: dict[Target, _End] = {}
    counts = _pull_requests_of(context, issues) if spec.count_pull_requests and issues else {}
    looked = context.client.transport.gather([lambda one=one: _issue(context, subject, *one) for one in issues])  # type: ignore[misc]
    lacking = _discussions(context, [issue for issue, end in zip(issues, looked, strict=True) if end.missing])
    for (name, number), end in zip(issues, looked, strict=True):
        end = lacking.get((name, number), end)
        if end.item is not None and (name, number) in counts:
            end = replace(end, item=replace(end.item, linked_pull_requests=counts[name, number]))
        found["issue", name, number] = end
    boards: dict[str, list[int]] = {}
    for kind, name, number in targets:
        if kind == "board":
            boards.setdefault(name, []).append(number)
    for project, numbers in boards.items():
        found.update({("board", project, number): end for number, end in _items(context, project, numbers).items()})
    return found


def _items(context: Context, project: str, numbers: Sequence[int]) -> dict[int, _End]:
    if context.read_work_items is None:
        return {}
    try:
        items: Mapping[int, WorkItem | Unavailable | None] = context.read_work_items(project, numbers)
    except PlatformError as wrong:
        return {number: _End(unreadable=str(wrong), kind=wrong.kind or UnknownKind.SCOPE) for number in numbers}
    ends = {}
    for number in numbers:
        item = items.get(number)
        if isinstance(item, Unavailable):
            ends[number] = _End(unreadable=item.reason, kind=item.kind)
        else:
            ends[number] = _End(item=item, missing=item is None)
    return ends


def _issue(context: Context, subject: PullRequest, name: str, number: int) -> _End:
    """An issue, or a pull request: they share their numbers. REST tells an issue's type, which GraphQL's schema lacks."""
    try:
        node = context.client.rest("GET", f"/repos/{name}/issues/{number}")
    except Refused as wrong:
        if not wrong.is_missing:
            reason = refused(wrong, f"issues: read on {name}")
            return _End(unreadable=reason.reason, kind=reason.kind)
        if name.lower() != subject.repository.name.lower() and not _sees(context, name):
            return _End(unreadable=f"{name} is not there for this token: whether {name}#{number} exists cannot be told")
        return _End(missing=True)
    except PlatformError as wrong:
        return _End(unreadable=str(wrong), kind=wrong.kind or UnknownKind.SCOPE)
    return _End(item=work_item(context.host, name, node))


def _discussions(context: Context, issues: Sequence[Issue]) -> dict[Issue, _End]:
    """Those of the numbers without an issue that are discussions', which share them, or that may be. REST has none of them."""
    pieces = [
        Piece(
            (repository(name),),
            f"hasDiscussionsEnabled d{number}_: discussion(number: {number}) {{ id }}",
            keys=(f"d{number}_",),
            may_lack=True,
        )
        for name, number in issues
    ]
    found: dict[Issue, _End] = {}
    for (name, number), one in zip(issues, ask(context.client, pieces) if pieces else [], strict=True):
        if one.failure is not None:
            found[name, number] = _End(unreadable=str(one.failure), kind=one.failure.kind or UnknownKind.SCOPE)
        elif one.node and one.node.get(f"d{number}_"):
            found[name, number] = _End(is_discussion=True)
        elif one.errors and one.node and one.node.get("hasDiscussionsEnabled"):
            reason = denied(one.errors, DISCUSSIONS)
            found[name, number] = _End(unreadable=reason.reason, kind=reason.kind)
    return found


def _sees(context: Context, name: str) -> bool:
    try:
        context.client.rest("GET", f"/repos/{name}")
    except Refused:
        return False
    return True


def work_item(host: str, name: str, node: Json) -> WorkItem:
    """An issue from REST, under the name of the repository that it is in now: a transferred one is found by its old number."""
    home = str(node.get("repository_url") or "").rpartition("/repos/")[2]
    if home and home.lower() != name.lower():
        name = home
    return WorkItem(
        id=f"{host}/work_item/{node['id']}",
        name=f"{name}#{node['number']}",
        platform=Platform.GITHUB,
        url=str(node["html_url"]),
        number=str(node["number"]),
        title=str(node["title"]),
        type=(node.get("type") or {}).get("name"),
        state=str(node["state"]),
        is_closed=node["state"] == "closed",
        created_at=instant(node["created_at"]),
        closed_at=optional_instant(node.get("closed_at")),
        scope=name,
        is_pull_request="pull_request" in node,
    )


def _pull_requests_of(context: Context, issues: Sequence[Issue]) -> dict[Issue, int]:
    """How many pull requests hang on each issue, closed ones too. What is not told is not in the answer."""
    pieces = [
        Piece(
            (repository(name), f"issue(number: {number})"),
            "closedByPullRequestsReferences(first: 1, includeClosedPrs: true) { totalCount }",
            keys=("closedByPullRequestsReferences",),
        )
        for name, number in issues
    ]
    found = ask(context.client, pieces)
    return {
        issue: int(one.node["closedByPullRequestsReferences"]["totalCount"])
        for issue, one in zip(issues, found, strict=True)
        if one.node and one.node.get("closedByPullRequestsReferences")
    }
