"""Jira's issues by their keys: all of them in one request, those that it leaves out looked for by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol
from urllib.parse import quote

from bot.engine.ports import PlatformError
from bot.model.facts import Unavailable, UnknownKind
from bot.model.subjects import Platform, WorkItem
from bot.platforms.jira.client import JiraClient, Json, Missing

FIELDS = ("summary", "status", "issuetype", "project", "created", "resolutiondate", "statuscategorychangedate")
AT_ONCE = 100
DONE = "done"
"""The key of the status category that closes; the others are ``new``, ``indeterminate`` and ``undefined``."""
BROWSE = "BROWSE_PROJECTS"

Issue = WorkItem | Unavailable | None
"""An issue; why it could not be read; or that there is none."""


class IssueReader(Protocol):
    """Reads issues by their keys, and answers for each."""

    @property
    def host(self) -> str:
        """Where they are; empty where that is not known."""
        ...

    def read(self, keys: Sequence[str]) -> Mapping[str, Issue]:
        """Every key's issue."""
        ...


@dataclass(frozen=True)
class UnreadableIssues:
    """A Jira that was meant to be asked, and cannot be."""

    reason: str
    host: str = ""

    def read(self, keys: Sequence[str]) -> Mapping[str, Issue]:
        """The reason, for every key."""
        return {key: Unavailable(UnknownKind.SCOPE, self.reason) for key in keys}


class JiraIssues:
    """Reads one Jira's issues."""

    def __init__(self, client: JiraClient) -> None:
        self._client = client
        self.host = client.host

    def read(self, keys: Sequence[str]) -> Mapping[str, Issue]:
        """Every key's issue. A moved issue is found by its old key."""
        found: dict[str, Issue] = {}
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            try:
                by_key = {str(document["key"]).upper(): document for document in self._bulk(some)}
            except (PlatformError, Missing) as wrong:
                found.update({key: _unavailable(wrong) for key in some})
                continue
            found.update({key: self._issue(by_key[key.upper()]) for key in some if key.upper() in by_key})
        found.update(self._left_out([key for key in wanted if key not in found]))
        return found

    def _bulk(self, keys: Sequence[str]) -> list[Json]:
        """Those of the issues that there are, and that the token's owner may see."""
        if self._client.cloud:
            document = self._client.ask("issue/bulkfetch", {"issueIdsOrKeys": list(keys), "fields": FIELDS})
        else:
            # Not validated, for a key that does not exist would fail the whole search.
            quoted = ", ".join(f'"{key}"' for key in keys)
            document = self._client.ask(
                "search",
                {
                    "jql": f"issueKey in ({quoted})",
                    "fields": FIELDS,
                    "maxResults": len(keys),
                    "validateQuery": False,
                },
            )
        rows = document.get("issues") if isinstance(document, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) and "key" in row for row in rows):
            raise PlatformError(
                f"{self._client.url}: a list of issues was expected, and there is none in the answer. Check that JIRA_URL "
                "is the address of a Jira.",
                UnknownKind.UNREADABLE,
            )
        return rows

    def _left_out(self, keys: Sequence[str]) -> dict[str, Issue]:
        """Each by itself: moved to another project; or it is not there, or not for this account."""
        if not keys:
            return {}
        projects = list(dict.fromkeys(key.rpartition("-")[0] for key in keys))
        reads: list[Callable[[], Issue]] = [partial(self._one, key) for key in keys]
        reads += [partial(self._hidden, project) for project in projects]
        answers = self._client.gather(reads)
        hidden = dict(zip(projects, answers[len(keys) :], strict=True))
        return {
            key: hidden[key.rpartition("-")[0]] if issue is None else issue
            for key, issue in zip(keys, answers, strict=False)
        }

    def _one(self, key: str) -> Issue:
        try:
            return self._issue(self._client.get(f"issue/{quote(key)}", {"fields": ",".join(FIELDS)}))
        except Missing:
            return None
        except PlatformError as wrong:
            return _unavailable(wrong)

    def _hidden(self, project: str) -> Unavailable | None:
        """Why an issue of the project may be there unseen; None: the account browses the project, so it would be seen."""
        why = (
            f"the account of {self._client.token_names} does not browse the project {project} of {self._client.url}, if there "
            "is one: whether the issue exists cannot be told. Give the account the permission Browse projects there."
        )
        try:
            document = self._client.get("mypermissions", {"projectKey": project, "permissions": BROWSE})
            browses = document["permissions"][BROWSE]["havePermission"]
        except Missing:
            return Unavailable(UnknownKind.SCOPE, why)
        except PlatformError as wrong:
            return _unavailable(wrong)
        except (KeyError, TypeError):
            return Unavailable(UnknownKind.UNREADABLE, f"Jira did not say whether its account may browse {project}")
        return None if browses is True else Unavailable(UnknownKind.SCOPE, why)

    def _issue(self, document: Json) -> Issue:
        try:
            return self._work_item(document)
        except (KeyError, TypeError, ValueError) as wrong:
            key = document.get("key") if isinstance(document, dict) else None
            return Unavailable(
                UnknownKind.UNREADABLE, f"Jira's answer about {key or 'an issue'} could not be understood ({wrong!r})"
            )

    def _work_item(self, document: Json) -> WorkItem:
        fields = document["fields"]
        key = str(document["key"])
        status = fields["status"]
        closed = status["statusCategory"]["key"] == DONE
        ended = fields.get("resolutiondate") or fields.get("statuscategorychangedate")
        return WorkItem(
            id=f"{self._client.host}/work_item/{document['id']}",
            name=key,
            platform=Platform.JIRA,
            url=f"{self._client.site}/browse/{quote(key)}" if self._client.site else "",
            number=key,
            title=str(fields.get("summary") or ""),
            type=str(fields["issuetype"]["name"]),
            state=str(status["name"]),
            is_closed=closed,
            created_at=datetime.fromisoformat(fields["created"]) if fields.get("created") else None,
            closed_at=datetime.fromisoformat(ended) if closed and ended else None,
            scope=str(fields["project"]["key"]),
        )


def _unavailable(wrong: PlatformError | Missing) -> Unavailable:
    if isinstance(wrong, Missing):
        return Unavailable(
            UnknownKind.SCOPE, "there is no Jira at JIRA_URL, or not this edition of it (404). Check the address."
        )
    return Unavailable(wrong.kind or UnknownKind.SCOPE, str(wrong))
