"""From the Jira keys that a pull request names to links with what is at their other end; the same on every platform."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bot.model.facts import Unavailable, UnknownKind
from bot.model.facts.change import LinkSource, WorkItemLink
from bot.model.references import Reference
from bot.platforms.jira.client import GATEWAY
from bot.platforms.jira.issues import IssueReader

MOST_ISSUES = 50
"""So many issues of one pull request are looked up; a text with more keys is not read for us but against us."""


def jira_links(
    said: Iterable[tuple[str, Reference]], reader: IssueReader | None
) -> Mapping[tuple[str, Reference], WorkItemLink]:
    """The link of each Jira key, by where it was written. Without a Jira to ask a key is accepted by its form."""
    keys = [(where, one) for where, one in said if one.source is LinkSource.JIRA]
    here = [one.number for _, one in keys if reader is not None and not _is_elsewhere(one, reader)]
    named = [*dict.fromkeys(here)][:MOST_ISSUES]
    issues = reader.read(named) if reader is not None and named else {}
    links = {}
    for where, one in keys:
        if reader is None:
            link = WorkItemLink(one.source, one.form, one.text, where, unchecked=True)
        elif _is_elsewhere(one, reader):
            why = f"it is on {one.host}, and JIRA_URL names {reader.host}"
            link = WorkItemLink(one.source, one.form, one.text, where, unreadable=why)
        elif one.number not in issues:
            why = f"more than {MOST_ISSUES} issues are named; this one was not looked up"
            link = WorkItemLink(
                one.source, one.form, one.text, where, unreadable=why, unreadable_kind=UnknownKind.TRUNCATED
            )
        else:
            issue = issues[one.number]
            if isinstance(issue, Unavailable):
                link = WorkItemLink(
                    one.source, one.form, one.text, where, unreadable=issue.reason, unreadable_kind=issue.kind
                )
            else:
                link = WorkItemLink(one.source, one.form, one.text, where, issue, missing=issue is None)
        links[where, one] = link
    return links


def _is_elsewhere(reference: Reference, reader: IssueReader) -> bool:
    """Whether it is the address of an issue of another Jira. Behind the gateway the site's own address is not known."""
    if reference.host is None or not reader.host or reference.host == reader.host:
        return False
    return not (reader.host == GATEWAY and reference.host.endswith(".atlassian.net"))
