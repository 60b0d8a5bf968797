"""Work items: those that a pull request links or mentions, and those that another platform asks about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from bot.engine.ports import PlatformError
from bot.model.facts import Unavailable, UnknownKind
from bot.model.facts.change import LinkedWorkItems, LinkForm, LinkSource, LinkSpec, WorkItemLink
from bot.model.references import LARGEST_NUMBER, Reference, find_references
from bot.model.subjects import PullRequest, WorkItem
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.change import commit_documents
from bot.platforms.azure_devops.client import Json, chunks, rows_of, unavailable
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.subjects import CLOSED_STATES, OPEN_STATES
from bot.platforms.jira.links import jira_links

FIELDS = (
    "System.Id",
    "System.Title",
    "System.WorkItemType",
    "System.State",
    "System.TeamProject",
    "System.AreaPath",
    "System.CreatedDate",
    "Microsoft.VSTS.Common.ClosedDate",
)
AT_ONCE = 200
"""The service takes no more ids in one request, and no more that one pull request mentions are looked up."""

Item = WorkItem | Unavailable | None
"""An item; why it could not be read; or that there is none (or none that this token's owner may see: not told apart)."""

_HIDDEN = Unavailable(
    UnknownKind.SCOPE,
    "the service relates it to the pull request and does not show it to this token: the token's owner needs the permission to "
    "view work items in its area",
)
"""What a relation leads to exists, unlike what somebody wrote."""

_TOO_MANY = Unavailable(UnknownKind.TRUNCATED, f"more than {AT_ONCE} items are mentioned; this one was not looked up")


def linked_work_items(wanted: Wanted) -> tuple[LinkedWorkItems, str]:
    """Relations that the service recorded, and what title, description and commit messages say."""
    subject: PullRequest = wanted.subject
    spec = wanted.spec or LinkSpec()
    reads = wanted.reads
    related = [int(ref["id"]) for ref in reads.pull_request(subject).get("workItemRefs") or ()]
    said = list(_said(reads, subject, spec.jira_projects))
    here = list(dict.fromkeys(int(ref.number) for ref, _ in said if _is_here(reads, ref)))
    asked = {*related, *here[:AT_ONCE]}
    moment = reads.moments.get(subject.id)
    relations = spec.count_pull_requests or (moment is not None and bool(related))
    items = dict(read_items(reads, asked, relations=relations, moment=moment))
    items.update({number: _TOO_MANY for number in here if number not in asked})
    if moment is not None and related:
        related = _related_then(reads, subject, asked, related, moment)
    issues = jira_links(((where, ref) for ref, where in said), reads.issues_of_jira)
    links = [
        _link(LinkSource.AZURE_BOARDS, LinkForm.RELATION, f"AB#{number}", "relation", items[number] or _HIDDEN)
        for number in related
    ]
    for ref, where in said:
        if _is_here(reads, ref):
            links.append(_link(LinkSource.AZURE_BOARDS, ref.form, ref.text, where, items[int(ref.number)]))
        elif ref.source is LinkSource.JIRA:
            links.append(issues[where, ref])
        else:
            place = "/".join(filter(None, (ref.host, ref.organization or ref.owner, ref.project or ref.repository)))
            reason = f"it is kept in {place}, which the token of {reads.client.url} does not reach"
            links.append(
                WorkItemLink(
                    ref.source,
                    ref.form,
                    ref.text,
                    where,
                    unreadable=f"{ref.text}: {reason}. Configure a connection with a credential for it.",
                )
            )
    return LinkedWorkItems(tuple(links)), subject.url


def _related_then(
    reads: Reads, subject: PullRequest, asked: Iterable[int], related: Sequence[int], moment: datetime
) -> list[int]:
    """Those of the related items that were related already; of what could not be read it stays unknown what it was."""
    artifact = str(reads.pull_request(subject).get("artifactId") or "").lower()
    linked: dict[int, bool] = {}
    for some in chunks(sorted(number for number in set(asked) if number <= LARGEST_NUMBER), AT_ONCE):
        for document in reads.peek(_batch_key(some, relations=True, moment=moment)) or ():
            urls = {str(one.get("url")).lower() for one in document.get("relations") or ()}
            linked[int(document["id"])] = artifact in urls
    return [number for number in related if linked.get(number, True)]


def _batch_key(numbers: Sequence[int], *, relations: bool, moment: datetime | None) -> tuple[object, ...]:
    return "work items", tuple(numbers), relations, moment


def _said(reads: Reads, subject: PullRequest, jira_projects: frozenset[str]) -> Iterable[tuple[Reference, str]]:
    texts = [(subject.title, "title"), (subject.body, "body")]
    texts += [
        (str(commit.get("comment") or ""), f"commit {commit['commitId']}")
        for commit in commit_documents(reads, subject)
    ]
    for text, where in texts:
        for reference in find_references(text, jira_projects=jira_projects):
            yield reference, where


def _is_here(reads: Reads, reference: Reference) -> bool:
    """Whether it names a work item of this organisation. Here ``#12`` alone is one too: there are no issues beside them."""
    if reference.source is LinkSource.JIRA or reference.owner is not None:
        return False
    if reference.organization is None:
        return True
    host = urlsplit(reads.client.url).hostname or ""
    hosted = ("dev.azure.com", ".visualstudio.com")
    same_host = reference.host == host or ((reference.host or "").endswith(hosted) and host.endswith(hosted))
    return same_host and reference.organization.lower() == reads.client.organization.lower()


def _link(source: LinkSource, form: LinkForm, text: str, where: str, item: Item) -> WorkItemLink:
    if isinstance(item, Unavailable):
        return WorkItemLink(source, form, text, where, unreadable=item.reason, unreadable_kind=item.kind)
    return WorkItemLink(source, form, text, where, item, missing=item is None)


def read_items(
    reads: Reads, numbers: Iterable[int], *, relations: bool = False, moment: datetime | None = None
) -> Mapping[int, Item]:
    """The items of these numbers, of whatever project; with a moment, as they were just before it."""
    asked = set(numbers)
    found: dict[int, Item] = {number: None for number in asked if number > LARGEST_NUMBER}
    # What is at hand is of today.
    read = {number: None if moment else reads.peek(_key(number, relations)) for number in asked - found.keys()}
    found.update({number: made for number, made in read.items() if made is not None})
    for some in chunks(sorted(number for number, made in read.items() if made is None), AT_ONCE):
        try:
            batch = partial(_batch, reads, some, relations, moment)
            documents = reads.once(_batch_key(some, relations=relations, moment=moment), batch)
        except PlatformError as wrong:
            found.update({number: unavailable(wrong) for number in some})
            continue
        by_number = {int(document["id"]): document for document in documents}
        for number in some:
            document = by_number.get(number)
            found[number] = None if document is None else _item(reads, document)
    return found


def read_together(reads: Reads, subjects: Sequence[PullRequest], *, relations: bool) -> None:
    """Read the items that many pull requests are linked to, so that each of them need not ask; a failure is met again there."""
    numbers = {
        int(ref["id"])
        for subject in subjects
        if subject.id not in reads.moments
        for ref in (reads.peek((subject.id, "document")) or {}).get("workItemRefs") or ()
    }
    for number, item in read_items(reads, numbers, relations=relations).items():
        if isinstance(item, WorkItem):
            reads.keep(_key(number, relations), item)


def _key(number: int, relations: bool) -> tuple[str, int, bool]:
    return ("work item", number, relations)


def _batch(reads: Reads, numbers: Sequence[int], relations: bool, moment: datetime | None) -> list[Json]:
    """Items that do not exist are left out, because without that one of them would fail the whole request."""
    body: Json = {"ids": list(numbers), "errorPolicy": "omit"}
    body |= {"$expand": "relations"} if relations else {"fields": FIELDS}  # the service takes one or the other
    if moment is not None:
        # The completion of a pull request may move its items: just before it they stood as they were judged.
        body["asOf"] = (moment - timedelta(milliseconds=1)).isoformat()
    document = reads.client.ask(endpoints.WORK_ITEMS_BATCH, {}, body)
    return [row for row in rows_of(document, endpoints.WORK_ITEMS_BATCH) if row is not None]


def _item(reads: Reads, document: Json) -> Item:
    fields = document.get("fields") or {}
    state = str(fields.get("System.State") or "").lower()
    closed = state in CLOSED_STATES
    if not closed and state not in OPEN_STATES:
        try:
            closed = _categories(reads, fields).get(state) in ("Completed", "Removed")
        except PlatformError as wrong:
            return unavailable(wrong)
    return reads.subjects.work_item(document, is_closed=closed)


def _categories(reads: Reads, fields: Json) -> dict[str, str]:
    """The category of each state of a type, by the state's name in lower case."""
    project, kind = str(fields.get("System.TeamProject")), str(fields.get("System.WorkItemType"))
    rows = reads.once(
        ("states", project, kind),
        lambda: reads.client.listing(endpoints.WORK_ITEM_STATES, {"project": project, "type": kind}),
    )
    found = {str(row["name"]).lower(): str(row.get("category")) for row in rows}
    state = str(fields.get("System.State") or "").lower()
    if state not in found:
        raise PlatformError(
            f"The state {fields.get('System.State')!r} of a {kind} in {project} is not among the states of that type.",
            UnknownKind.UNREADABLE,
        )
    return found


def _ahead(wanted: Wanted) -> Ahead:
    """The items can be asked for at once where the pull request's document is at hand already."""
    reads, subject = wanted.reads, wanted.subject
    return (lambda: reads.pull_request(subject),)


LINKED_WORK_ITEMS = Loader(linked_work_items, _ahead)
