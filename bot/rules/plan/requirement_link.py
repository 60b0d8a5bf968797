"""The rule ``requirement-link``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field, field_validator

from bot.model import globs
from bot.model.facts import UnknownKind
from bot.model.facts.change import Commit, Commits, LinkedWorkItems, LinkForm, LinkSource, LinkSpec, WorkItemLink
from bot.model.findings import Evidence, Finding, Statement, Unknown
from bot.model.subjects import Platform, PullRequest, WorkItem
from bot.rules import RuleParams, Tighter, needs, rule


class JiraParams(RuleParams):
    """What is read as a Jira key."""

    projects: Annotated[frozenset[str], Tighter.NEVER] = frozenset()
    """Keys of Jira projects: with ``[PAY]``, ``PAY-12`` is a link. Looked up in Jira only where the run knows a Jira."""

    @field_validator("projects")
    @classmethod
    def _keys(cls, projects: frozenset[str]) -> frozenset[str]:
        for key in sorted(projects):
            if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", key):
                raise ValueError(f"{key!r} is no key of a Jira project: capital letters, digits and _, such as PAY")
        return projects


class Params(RuleParams):
    """What counts as a requirement."""

    sources: Annotated[frozenset[LinkSource], Tighter.SUBSET] = Field(default=frozenset(LinkSource), min_length=1)
    """The trackers that requirements live in."""
    types: Annotated[frozenset[str] | None, Tighter.SUBSET] = Field(default=None, min_length=1)
    """Allowed types of work item, as the tracker writes them; without it any type will do."""
    states: Annotated[frozenset[str] | None, Tighter.SUBSET] = Field(default=None, min_length=1)
    """Allowed states; without it any state will do, closed ones included that were closed after the change was opened."""
    areas: Annotated[tuple[str, ...] | None, Tighter.NEVER] = Field(default=None, min_length=1)
    """Globs of where the item lives: an area path (``Payments\\Cards``), ``owner/repository``, a Jira project. A name covers
    what lies beneath it; a later ``!`` takes out again. Without it any place will do."""
    organizations: Annotated[frozenset[str], Tighter.SUBSET] = frozenset()
    """GitHub owners, besides the repository's own, whose issues count. Anybody can open an issue in a repository of their
    own, so by default none does; work items of the same Azure DevOps organisation, or of a configured connection, always do."""
    mentions: Annotated[bool, Tighter.FALSE] = False
    """Whether ``#12`` alone, without a closing keyword, is a link."""
    each_commit: Annotated[bool, Tighter.TRUE] = False
    """Whether every commit's message must link a requirement too, update merges made by the platform aside."""
    older_than_change: Annotated[bool, Tighter.TRUE] = False
    """Whether the item must have been created before the pull request was opened."""
    max_pull_requests: Annotated[int | None, Tighter.LESS] = Field(default=None, ge=1)
    """On how many pull requests an item may hang, this one included; against tickets that never end."""
    jira: Annotated[JiraParams, Tighter.NEVER] = JiraParams()
    """Jira keys."""

    @field_validator("areas")
    @classmethod
    def _globs(cls, areas: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if areas is not None:
            _in_area("", areas)
        return areas


def _link_spec(params: Params) -> LinkSpec:
    return LinkSpec(params.jira.projects, params.max_pull_requests is not None)


def _commits_matter(params: Params) -> bool | None:
    return params.each_commit or None


@rule("requirement-link", severity="high", params=Params, controls=["ISO27001:A.8.32", "SOC2:CC8.1"])
def requirement_link(
    pr: PullRequest,
    work_items: Annotated[LinkedWorkItems, needs(_link_spec)],
    commits: Annotated[Commits | None, needs(_commits_matter)],
    params: Params,
) -> Iterator[Statement]:
    """The pull request links an existing requirement that allows it.

    A link is a work item relation, ``AB#12`` in title, description or a commit message, a closing keyword (``Fixes #12``)
    or a linked issue, ``owner/repository#12``, the address of an item, or the key of a declared Jira project. What stands
    in code, in an HTML comment, in a quote or in a link definition is none, and neither is ``#12`` alone unless
    ``mentions`` is on. A closing keyword in a title is a mention, for GitHub reads them in no title.

    One good link is enough. The item must exist, be of an allowed type, state and place, must not have been closed before
    the pull request was opened, and must not be a pull request itself. A link or mention that leads nowhere is a finding
    even beside a good link; one that cannot be read makes the outcome unknown, since it may lead nowhere.

    Why:
        A change that nobody asked for cannot be planned, tested against a need, or explained a year later. Auditors follow
        the line from requirement to change to release, and it begins here.

    Evidence:
        Every link with the item that it leads to, its type, state and place, and where it was written.

    How to fix:
        Link the work item or issue that the change is for. On GitHub write ``Fixes #12`` or ``AB#12`` in the description.
        On Azure DevOps add the item under Work items, or write ``#12`` in the description. If the linked item is
        closed, of the wrong type or in the wrong place, link the one that this change is really for, or have its owner
        reopen it.

    Example:
        - rule: requirement-link
          enforce: block
          with:
            sources: [azure-boards, github-issues]
            types: [User Story, Bug]
            states: [Active, Resolved]
    """
    judged = [_judge(link, pr, params) for link in work_items.links if link.source in params.sources]
    yield from (piece.evidence for piece in judged)
    missing = _first_of_each(link for link in judged if link.link.missing)
    yield from (_nowhere(link.link) for link in missing)
    unlinked = _unlinked(commits, judged) if commits is not None else ()
    yield from _unknowns(judged, unlinked)
    if not any(link.good for link in judged):
        yield from _without(pr, judged, params)
    yield from _each_commit(pr, [commit for commit, doubtful in unlinked if not doubtful])


@dataclass(frozen=True, slots=True)
class _Judged:
    """A link, and what is wrong with it: neither objection nor unknown is a good one."""

    link: WorkItemLink
    objection: str = ""
    unknown: str = ""
    unknown_kind: UnknownKind = UnknownKind.SCOPE
    counts: bool = True
    """False for a bare mention, where mentions are no links."""

    @property
    def good(self) -> bool:
        return self.counts and not (self.objection or self.unknown or self.link.missing)

    @property
    def evidence(self) -> Evidence:
        item = self.link.item
        said = f"{self.link.text} ({self.link.where})"
        if item is not None:
            said += f": {item.type or 'issue'} {item.title!r}, {item.state}"
        elif self.link.unchecked:
            said += ": accepted by its form, there is no Jira to ask"
        problem = self.objection or self.unknown or ("there is no such item" if self.link.missing else "")
        if problem:
            said += f"; {problem}"
        return Evidence("link" if self.counts else "mention", said, item.url if item else "", ok=self.good or None)


def _judge(link: WorkItemLink, pr: PullRequest, params: Params) -> _Judged:
    counts = params.mentions or link.form is not LinkForm.MENTION
    if link.missing:
        return _Judged(link, counts=counts)
    if link.item is None:
        if link.unchecked:
            return _unchecked(link, params, counts)
        reason = link.unreadable or "the platform did not say why"
        unknown = f"{link.text} ({link.where}) could not be read: {reason}"
        return _Judged(link, unknown=unknown, unknown_kind=link.unreadable_kind, counts=counts)
    objections = [*_elsewhere(link.item, pr, params), *_objections(link.item, pr, params)]
    if objections:
        return _Judged(link, objection=" and ".join(objections), counts=counts)
    return _Judged(link, unknown=_doubt(link, link.item, params), unknown_kind=UnknownKind.UNREADABLE, counts=counts)


def _unchecked(link: WorkItemLink, params: Params, counts: bool) -> _Judged:
    """A key that no tracker was asked about: its project is told by the key, nothing else is."""
    found = re.search(r"([A-Za-z]\w*)-[0-9]+$", link.text)
    project = found[1] if found else link.text
    if params.areas is not None and not _in_area(project, params.areas):
        return _Judged(link, objection=f"it lies in {project}, outside {_either(params.areas)}", counts=counts)
    demands = {
        "types": params.types is not None,
        "states": params.states is not None,
        "older_than_change": params.older_than_change,
        "max_pull_requests": params.max_pull_requests is not None,
    }
    unmeasured = [name for name, demanded in demands.items() if demanded]
    if not unmeasured:
        return _Judged(link, counts=counts)
    unknown = (
        f"{link.text} ({link.where}) could not be checked against {', '.join(unmeasured)}: there is no Jira to ask"
    )
    return _Judged(link, unknown=unknown, unknown_kind=UnknownKind.UNREADABLE, counts=counts)


def _elsewhere(item: WorkItem, pr: PullRequest, params: Params) -> Iterator[str]:
    """An issue of an owner that anybody could be."""
    if item.platform is not Platform.GITHUB:
        return
    owner = item.scope.partition("/")[0]
    allowed = set(params.organizations)
    if pr.platform is Platform.GITHUB:
        allowed.add(pr.repository.name.partition("/")[0])
    if not _among(owner, allowed):
        yield f"it belongs to {owner}, whose issues count only where `organizations` names {owner}"


def _objections(item: WorkItem, pr: PullRequest, params: Params) -> Iterator[str]:
    """What is certainly wrong with an item."""
    if item.is_pull_request:
        yield "it is a pull request, not a requirement"
        return
    if params.types is not None and not _among(item.type, params.types):
        yield f"its type is {item.type or 'not set'}, not {_either(params.types)}"
    if params.states is not None and not _among(item.state, params.states):
        yield f"its state is {item.state}, not {_either(params.states)}"
    if item.is_closed and item.closed_at is not None and item.closed_at < pr.created_at:
        yield (
            f"it was closed on {_when(item.closed_at, pr.created_at)}, before the pull request was opened on "
            f"{_when(pr.created_at, item.closed_at)}"
        )
    if params.areas is not None and not _in_area(item.scope, params.areas):
        yield f"it lies in {item.scope or 'no area'}, outside {_either(params.areas)}"
    if params.older_than_change and item.created_at is not None and item.created_at >= pr.created_at:
        yield f"it was created on {_when(item.created_at, pr.created_at)}, not before the pull request"
    allowed = params.max_pull_requests
    if allowed is not None and item.linked_pull_requests is not None and item.linked_pull_requests > allowed:
        yield f"{item.linked_pull_requests} pull requests hang on it, and at most {allowed} may"


def _when(one: datetime, other: datetime) -> str:
    """A date, with the time where the date alone would not tell the two apart."""
    return f"{one:%Y-%m-%d %H:%M:%S}" if one.date() == other.date() else f"{one:%Y-%m-%d}"


def _doubt(link: WorkItemLink, item: WorkItem, params: Params) -> str:
    """What is not known of an item that nothing else is wrong with."""
    if item.is_closed and item.closed_at is None:
        return f"{link.text} is closed, and the tracker does not say since when"
    if params.older_than_change and item.created_at is None:
        return f"the tracker does not say when {link.text} was created"
    if params.max_pull_requests is not None and item.linked_pull_requests is None:
        return f"how many pull requests hang on {link.text} was not readable"
    return ""


def _among(value: str | None, allowed: Iterable[str]) -> bool:
    return value is not None and value.casefold() in {one.casefold() for one in allowed}


def _in_area(scope: str, areas: Sequence[str]) -> bool:
    """Area paths are written with backslashes and compared without case; a glob begins at the root."""
    return globs.matches(_area(scope), tuple(_rooted(_area(glob)) for glob in areas))


def _area(text: str) -> str:
    return text.replace("\\", "/").casefold()


def _rooted(glob: str) -> str:
    sign, rest = ("!", glob[1:]) if glob.startswith("!") else ("", glob)
    return sign + (rest if rest.startswith(("/", "**")) else f"/{rest}")


def _either(values: Iterable[str]) -> str:
    names = sorted(values) if isinstance(values, frozenset) else list(values)
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _first_of_each(links: Iterable[_Judged]) -> list[_Judged]:
    """The same item is often named in several places; what is wrong with it is said once."""
    kept: dict[str, _Judged] = {}
    for link in links:
        item = link.link.item
        kept.setdefault(item.id if item else link.link.text.casefold(), link)
    return list(kept.values())


def _nowhere(link: WorkItemLink) -> Finding:
    return Finding(
        f"{link.text} ({link.where}) leads to no work item.",
        f"Correct the number of {link.text}, or take it out. In a commit message it takes an amended commit.",
        (Evidence("link", f"{link.text} ({link.where})", ok=False),),
        discriminator=link.text.casefold(),
    )


def _without(pr: PullRequest, judged: Sequence[_Judged], params: Params) -> Iterator[Finding]:
    """Nothing good is linked. As long as a link is unknown that is not certain, and nothing is said."""
    counting = [link for link in judged if link.counts]
    if any(link.unknown for link in counting):
        return
    wrong = _first_of_each(link for link in counting if link.objection)
    for link in wrong:
        item = link.link.item
        yield Finding(
            f"{link.link.text} ({link.link.where}) does not count as a requirement: {link.objection}.",
            f"{_how_to_link(pr, params)} Or have the owner of {link.link.text} correct it, if it is the right one.",
            (link.evidence,),
            discriminator=item.id if item else link.link.text,
        )
    if wrong or any(link.link.missing for link in counting):
        return
    mentioned = [link.link.text for link in judged if not link.counts]
    aside = f" A mention alone does not count: {', '.join(dict.fromkeys(mentioned))}." if mentioned else ""
    yield Finding(
        f"No requirement is linked: no relation, title, description or commit message names one.{aside}",
        _how_to_link(pr, params),
        tuple(link.evidence for link in judged),
        discriminator="none",
    )


def _how_to_link(pr: PullRequest, params: Params) -> str:
    ways = []
    if LinkSource.AZURE_BOARDS in params.sources:
        on_azure = pr.platform is Platform.AZURE_DEVOPS
        ways.append("add it under Work items" if on_azure else "write AB#12 in the description")
    if LinkSource.GITHUB_ISSUES in params.sources and pr.platform is not Platform.AZURE_DEVOPS:
        ways.append("write Fixes #12 in the description")
    if LinkSource.JIRA in params.sources and params.jira.projects:
        ways.append(f"put its key into the title, such as {min(params.jira.projects)}-12")
    if not ways:
        ways.append("write its address in the description")
    demands = [
        f"of type {_either(params.types)}" if params.types is not None else "",
        f"in state {_either(params.states)}" if params.states is not None else "",
        f"in {_either(params.areas)}" if params.areas is not None else "",
    ]
    kind = " ".join(["a work item", *filter(None, demands)])
    return f"Link {kind} that this change is for: {', or '.join(ways)}."


def _unlinked(commits: Commits, judged: Sequence[_Judged]) -> list[tuple[Commit, tuple[_Judged, ...]]]:
    """The commits without a good link in the message, each with those of its links that may yet be good."""
    found = []
    for commit in commits.commits:
        own = [link for link in judged if _is_in(link.link, commit.sha)]
        if not commit.is_update_merge and not any(link.good for link in own):
            found.append((commit, tuple(link for link in own if link.counts and link.unknown)))
    return found


def _unknowns(judged: Sequence[_Judged], unlinked: Sequence[tuple[Commit, tuple[_Judged, ...]]]) -> Iterator[Unknown]:
    """What is not known and matters: an unreadable item may not exist, unless the platform itself relates it; a doubt about
    one matters where none is good.
    """
    mattering = [
        link for link in judged if link.unknown and link.link.item is None and link.link.form is not LinkForm.RELATION
    ]
    if not any(link.good for link in judged):
        mattering += [link for link in judged if link.unknown and link.counts]
    mattering += [link for _, doubtful in unlinked for link in doubtful]
    yield from (Unknown(link.unknown_kind, link.unknown) for link in _first_of_each(mattering))


def _each_commit(pr: PullRequest, unlinked: Sequence[Commit]) -> Iterator[Finding]:
    if not unlinked:
        return
    named = ", ".join(commit.sha[:10] for commit in unlinked[:10])
    more = f" and {len(unlinked) - 10} more" if len(unlinked) > 10 else ""
    count = "1 commit links" if len(unlinked) == 1 else f"{len(unlinked)} commits link"
    yield Finding(
        f"{count} no requirement in the message: {named}{more}.",
        f"Reword these commits (git rebase -i {pr.base.branch}) so that each message names the work item that it is for.",
        tuple(Evidence("commit", c.message.split("\n", 1)[0], c.url, ok=False) for c in unlinked[:10]),
        discriminator="commits",
    )


def _is_in(link: WorkItemLink, sha: str) -> bool:
    place, _, named = link.where.partition(" ")
    return place == "commit" and bool(named) and sha.startswith(named)
