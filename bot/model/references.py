"""Finds work item references in what people write: ``AB#12``, ``Fixes #12``, ``acme/payments#12``, addresses, Jira keys.

The texts are titles, Markdown bodies and commit messages. What stands in code, in an HTML comment, in a quote (``> …``) or
in a link definition is not said by the writer and is passed over (``prose``). A text is hostile and may be long: every
step is linear in its length (no pattern can be retried over more than a bounded number of characters).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit

from bot.model.facts.change import LinkForm, LinkSource
from bot.model.prose import said_by_the_writer


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference, as it was written. It is a claim: nobody has looked whether there is such an item."""

    source: LinkSource
    """For ``#12`` and ``Fixes #12`` GitHub issues: a reader on Azure DevOps, where they name work items, must say so."""
    form: LinkForm
    text: str
    """As written, the closing keyword included."""
    number: str
    """``12``, or the whole key ``PAY-12``."""
    owner: str | None = None
    repository: str | None = None
    """With ``owner``: the GitHub repository, where the reference names one."""
    organization: str | None = None
    """The Azure DevOps organisation (or collection) of an address."""
    project: str | None = None
    """The Azure DevOps project of an address, or the Jira project."""
    host: str | None = None
    """The host of an address, in lower case. It may be another than the one that is being read."""


def find_references(text: str, *, jira_projects: frozenset[str] = frozenset()) -> list[Reference]:
    """Every reference in the text, each once, in the order of their first appearance.

    ``Closes #1, #2`` closes the first alone, as on GitHub: the second is a mention.
    """
    found: dict[Reference, None] = {}
    for match in _pattern(jira_projects).finditer(said_by_the_writer(text)):
        reference = _reference(match, jira_projects)
        if reference is not None:
            found.setdefault(reference)
    return list(found)


LARGEST_NUMBER = 2**31 - 1
"""Of an item, on both platforms: they refuse a whole request in which one is larger. ``#5551234567`` leads nowhere."""
_NUMBER = r"[1-9][0-9]{0,9}(?!\w)"
_REFERENCES = (
    r"(?<![\w/.-])(?:(?P<keyword>close[sd]?|fix(?:e[sd])?|resolve[sd]?)(?::[ \t]{0,4}|[ \t]{1,4}))?"
    r"(?:(?P<address>https?://[^\s<>()\[\]{}\"'`\0]+)"
    rf"|AB\#(?P<board>{_NUMBER})"
    rf"|(?P<owner>[A-Za-z0-9][A-Za-z0-9_-]{{0,63}})/(?P<repository>[A-Za-z0-9_.-]{{1,100}})\#(?P<elsewhere>{_NUMBER})"
    rf"|(?<![&\\\#])(?:\#|GH-)(?P<here>{_NUMBER}))"
)


@lru_cache(maxsize=64)
def _pattern(jira_projects: frozenset[str]) -> re.Pattern[str]:
    pattern = rf"(?i:{_REFERENCES})"
    if jira_projects:
        pattern += rf"|(?<![\w-])(?P<key>(?:{'|'.join(map(re.escape, sorted(jira_projects)))})-{_NUMBER})"
    return re.compile(pattern)


def _reference(match: re.Match[str], jira_projects: frozenset[str]) -> Reference | None:
    groups = match.groupdict()
    text = match[0]
    form = LinkForm.KEYWORD if groups["keyword"] else LinkForm.REFERENCE
    if address := groups["address"]:
        trimmed = address.rstrip(".,;:!?*_~|")
        return _address(trimmed, text.removesuffix(address) + trimmed, form, jira_projects)
    if number := groups["board"]:
        return Reference(LinkSource.AZURE_BOARDS, LinkForm.KEYWORD, text, number)
    if number := groups["elsewhere"]:
        owner, repository = groups["owner"], groups["repository"]
        if not _is_repository(owner, repository):
            return None
        return Reference(LinkSource.GITHUB_ISSUES, form, text, number, owner=owner, repository=repository)
    if number := groups["here"]:
        here = LinkForm.KEYWORD if groups["keyword"] else LinkForm.MENTION
        return Reference(LinkSource.GITHUB_ISSUES, here, text, number)
    key = groups["key"]
    return Reference(LinkSource.JIRA, LinkForm.KEY, text, key, project=key.rpartition("-")[0])


def _address(address: str, text: str, form: LinkForm, jira_projects: frozenset[str]) -> Reference | None:
    """A web address of an issue or a work item; None for any other address (a pull request's among them)."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:  # not an address after all: https://[
        return None
    if not host:
        return None
    path = [unquote(piece) for piece in parts.path.split("/") if piece]
    query = parse_qs(parts.query, max_num_fields=50) if parts.query.count("&") < 50 else {}
    service = next((index for index, piece in enumerate(path) if piece in _AZURE_PAGES), None)
    if service is not None:
        number = _azure_number(path[service:], query)
        if number is None:
            return None
        organization, project = _azure_scope(host, path[:service])
        return Reference(
            LinkSource.AZURE_BOARDS, form, text, number, organization=organization, project=project, host=host
        )
    match path:
        case [owner, repository, "issues", number] if _is_number(number) and _is_repository(owner, repository):
            return Reference(
                LinkSource.GITHUB_ISSUES, form, text, number, owner=owner, repository=repository, host=host
            )
        case _:
            key = _jira_key(path, query, jira_projects)
            if key is None:
                return None
            return Reference(LinkSource.JIRA, LinkForm.KEY, text, key, project=key.rpartition("-")[0], host=host)


def _jira_key(path: list[str], query: dict[str, list[str]], jira_projects: frozenset[str]) -> str | None:
    """The key in the address of an issue: ``/browse/PAY-12``, ``…/issues/PAY-12``, or on a board ``?selectedIssue=PAY-12``."""
    candidates = [path[-1]] if len(path) > 1 and path[-2] in ("browse", "issues") else []
    candidates += query.get("selectedIssue", [])
    return next(
        (key for key in candidates if key.rpartition("-")[0] in jira_projects and _is_number(key.rpartition("-")[2])),
        None,
    )


# The pages of Azure Boards that show one item: /_workitems/edit/12, /_workitems?id=12, /_boards/board/…?workitem=12.
_AZURE_PAGES = frozenset({"_workitems", "_boards", "_backlogs", "_sprints", "_queries"})


def _azure_number(page: list[str], query: dict[str, list[str]]) -> str | None:
    candidates = [page[2]] if page[:2] == ["_workitems", "edit"] and len(page) > 2 else []
    candidates += query.get("workitem", [])
    if page[0] == "_workitems":
        candidates += query.get("id", [])
    return next((number for number in candidates if _is_number(number)), None)


def _azure_scope(host: str, before: list[str]) -> tuple[str | None, str | None]:
    """Organisation and project: ``dev.azure.com/ORG/PROJECT``, ``ORG.visualstudio.com/PROJECT``, ``server/tfs/ORG/PROJECT``."""
    if host.endswith(".visualstudio.com"):
        rest = before[1:] if before[:1] == ["DefaultCollection"] else before
        return host.removesuffix(".visualstudio.com"), rest[0] if rest else None
    if host != "dev.azure.com" and before[:1] == ["tfs"]:
        before = before[1:]
    organization, project, *_ = [*before, None, None]
    return organization, project


def _is_repository(owner: str, repository: str) -> bool:
    """Whether GitHub could have a repository of that name. Anything else, an escaped ``/``, ``?`` or ``..`` above all, would
    choose another address to be asked than an issue's.
    """
    named = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}/[A-Za-z0-9_.-]{1,100}", f"{owner}/{repository}")
    return named is not None and repository not in (".", "..")


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[1-9][0-9]{0,9}", text) is not None
