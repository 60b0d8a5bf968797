"""A stand-in for Jira's REST API: issues by key, searching for keys, and what the account may do.

Cloud answers under ``/rest/api/3`` to an e-mail and an API token, Data Center under ``/rest/api/2`` to a personal access
token. Neither tells whether an issue is not there or hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.sandbox.identity import number
from bot.sandbox.wire import NotJson, Request, Response

if TYPE_CHECKING:
    from bot.sandbox.scenario import JiraIssuePart, JiraTokenPart
    from bot.sandbox.world import World

MOST = 100
HIDDEN = "Issue does not exist or you do not have permission to see it."
CATEGORIES = {"new": (2, "To Do"), "indeterminate": (4, "In Progress"), "done": (3, "Done")}
SEARCH = re.compile(r'\s*(?:issueKey|key|issue)\s+in\s*\(\s*("?[\w-]+"?(?:\s*,\s*"?[\w-]+"?)*)\s*\)\s*', re.I)

Body = dict[str, object]


class _Refusal(Exception):  # noqa: N818 - an answer, not an error of the sandbox
    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = Response(status, {"errorMessages": [message], "errors": {}}, named)


@dataclass(frozen=True)
class _Issue:
    project: str
    part: JiraIssuePart

    @property
    def key(self) -> str:
        return f"{self.project}-{self.part.number}"

    @property
    def keys(self) -> set[str]:
        return {key.upper() for key in (self.key, *self.part.moved_from)}


class Jira:
    """Answers for the scenario's Jira."""

    def __init__(self, world: World, base: str) -> None:
        self.world = world
        self.base = base
        jira = world.scenario.jira
        assert jira is not None
        self.jira = jira
        self.cloud = jira.edition == "cloud"
        self.version = "3" if self.cloud else "2"

    def handle(self, request: Request) -> Response:
        """The answer to a request."""
        try:
            return Response(200, self._answer(request, self._account(request)))
        except NotJson:
            return Response(400, {"errorMessages": ["Invalid request payload. Refer to the REST API documentation."]})
        except _Refusal as refusal:
            return refusal.response

    def _account(self, request: Request) -> JiraTokenPart:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self.jira.tokens.get(request.secret)
        wanted = "basic" if self.cloud else "bearer"
        known = token is not None and not token.expired and scheme.lower() == wanted
        if known and token is not None and self.cloud:
            import base64

            known = base64.b64decode(value).decode("utf-8", "replace").partition(":")[0] == token.email
        if token is None or not known:
            raise _Refusal(401, "Client must be authenticated to access this resource.", WWW_Authenticate="OAuth")
        return token

    def _answer(self, request: Request, account: JiraTokenPart) -> Body:
        match request.method, request.segments[1:]:
            case "POST", ["rest", "api", self.version, "issue", "bulkfetch"] if self.cloud:
                return self._bulk(request, account)
            case "POST", ["rest", "api", self.version, "search"] if not self.cloud:
                return self._search(request, account)
            case _, ["rest", "api", _, "search"]:
                raise _Refusal(410, "The requested API has been removed. Please migrate to /rest/api/3/search/jql.")
            case "GET", ["rest", "api", self.version, "issue", key]:
                found = next(self._named([key], account), None)
                if found is None:
                    raise _Refusal(404, HIDDEN)
                return self._body(found, request.first("fields").split(","))
            case "GET", ["rest", "api", self.version, "mypermissions"]:
                return self._permissions(request, account)
            case _:
                raise _Refusal(404, "null for uri: " + request.path)

    def _bulk(self, request: Request, account: JiraTokenPart) -> Body:
        """What is not there, or not for this account, is left out and no error."""
        body = request.json()
        keys = body.get("issueIdsOrKeys") if isinstance(body, dict) else None
        if not isinstance(keys, list) or not keys:
            raise _Refusal(400, "issueIdsOrKeys is required.")
        if len(keys) > MOST:
            raise _Refusal(400, f"You can request at most {MOST} issues.")
        found = [self._body(each, body.get("fields")) for each in self._named(keys, account)]
        return {"expand": "renderedFields,names,schema", "issues": found, "issueErrors": []}

    def _search(self, request: Request, account: JiraTokenPart) -> Body:
        body = request.json()
        match = SEARCH.fullmatch(str(body.get("jql"))) if isinstance(body, dict) else None
        if match is None:
            raise _Refusal(400, "Error in the JQL Query: this sandbox searches for keys alone, issueKey in (…).")
        keys = [key.strip().strip('"') for key in match[1].split(",")]
        found = list(self._named(keys, account))
        for key in keys:
            if body.get("validateQuery", True) and not any(key.upper() in each.keys for each in found):
                raise _Refusal(400, f"An issue with key '{key}' does not exist for field 'issueKey'.")
        start, most = int(body.get("startAt") or 0), min(int(body.get("maxResults") or 50), 1000)
        shown = [self._body(each, body.get("fields")) for each in found[start : start + most]]
        return {"expand": "schema,names", "startAt": start, "maxResults": most, "total": len(found), "issues": shown}

    def _permissions(self, request: Request, account: JiraTokenPart) -> Body:
        project = request.first("projectKey")
        if project and (
            project not in (each.key for each in self.jira.projects) or not self._browses(account, project)
        ):
            raise _Refusal(404, f"No project could be found with key '{project}'.")
        wanted = request.first("permissions")
        if self.cloud and not wanted:
            raise _Refusal(400, "The permissions parameter is required.")
        named = wanted.split(",") if wanted else ["BROWSE_PROJECTS"]
        return {
            "permissions": {
                name: {"id": "10", "key": name, "name": name.title(), "type": "PROJECT", "havePermission": True}
                for name in named
            }
        }

    def _named(self, keys: list[str], account: JiraTokenPart) -> Iterator[_Issue]:
        """The issues of these keys, present or former, that the account sees, each once."""
        wanted = {str(key).upper() for key in keys}
        for project in self.jira.projects:
            for part in project.issues:
                issue = _Issue(project.key, part)
                if issue.keys & wanted and not part.hidden and self._browses(account, project.key):
                    yield issue

    @staticmethod
    def _browses(account: JiraTokenPart, project: str) -> bool:
        return account.projects == "all" or project in account.projects

    def _body(self, issue: _Issue, wanted: object) -> Body:
        part = issue.part
        ident = str(number("jira", issue.key) % 1_000_000)
        address = f"{self.base}/rest/api/{self.version}"
        done = part.category == "done"
        category, name = CATEGORIES[part.category]
        fields: Body = {
            "summary": part.summary,
            "issuetype": {"self": f"{address}/issuetype/1", "id": "1", "name": part.type, "subtask": False},
            "project": {"self": f"{address}/project/1", "id": "1", "key": issue.project, "name": issue.project.title()},
            "created": self._stamp(self.world.at(part.created_at)),
            "resolutiondate": self._stamp(self.world.at(part.resolved_at)) if part.resolved_at is not None else None,
            "status": {
                "self": f"{address}/status/1",
                "id": "1",
                "name": part.status,
                "statusCategory": {"id": category, "key": part.category, "name": name},
            },
        }
        if self.cloud:
            changed = (
                part.resolved_at if part.resolved_at is not None else timedelta(days=-1) if done else part.created_at
            )
            fields["statuscategorychangedate"] = self._stamp(self.world.at(changed))
        named = wanted if isinstance(wanted, list) and wanted else None
        shown = {key: value for key, value in fields.items() if named is None or key in named}
        return {
            "expand": "names,schema",
            "id": ident,
            "self": f"{address}/issue/{ident}",
            "key": issue.key,
            "fields": shown,
        }

    @staticmethod
    def _stamp(at: datetime) -> str:
        return at.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
