"""One request, as the handlers see it: who asks, where, and with what parameters."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Person, Project, Repository, Token, World

Json = dict[str, object]

CONTINUATION = "x-ms-continuationtoken"


@dataclass
class Answer:
    """An answer that is more than a 200 with a JSON body."""

    body: object
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str | None = None


@dataclass
class Call:
    """One authenticated request to one endpoint."""

    world: World
    collection: Collection
    token: Token
    method: str
    path: str
    values: dict[str, str]
    """The route's values, by lower-cased name."""
    query: dict[str, list[str]]
    """By lower-cased name."""
    accept: str
    body: bytes
    project_name: str | None
    content_type: str = ""

    @property
    def person(self) -> Person:
        """Whose token it is."""
        return self.world.people[self.token.login]

    @property
    def project(self) -> Project:
        """The project of the address; it is an error when there is none."""
        found = self.maybe_project
        if found is None:
            raise problems.bad_argument("A project name is required to process this request.")
        return found

    @property
    def maybe_project(self) -> Project | None:
        """The project of the address, if it names one."""
        if self.project_name is None:
            return None
        return self.collection.project(self.project_name, self)

    @property
    def repository(self) -> Repository:
        """The repository of the address."""
        name = self.values.get("repositoryid") or self.values.get("repositorynameorid") or self.values["repository"]
        found = self.collection.repository(name, self)
        if self.method not in ("GET", "HEAD", "OPTIONS"):
            found.keep()
        return found

    @property
    def pull_request(self) -> PullRequest:
        """The pull request of the address."""
        found = self.repository.pull_requests.get(self.whole("pullrequestid"))
        if found is None or "azure-devops" not in found.part.platforms:
            raise problems.pull_request_not_found()
        return found

    def whole(self, name: str) -> int:
        """A number in the address."""
        try:
            return int(self.values[name])
        except ValueError:
            raise problems.bad_argument(f"'{self.values[name]}' is not a valid value of {name}.") from None

    def text(self, name: str, default: str = "") -> str:
        """A query parameter."""
        found = self.query.get(name.lower())
        return found[0] if found else default

    def number(self, name: str, default: int) -> int:
        """A query parameter that is a number."""
        found = self.text(name)
        if not found:
            return default
        try:
            return int(found)
        except ValueError:
            raise problems.bad_argument(f"The value '{found}' of {name} is not a number.") from None

    def flag(self, name: str) -> bool:
        """A query parameter that is true or false."""
        return self.text(name).lower() == "true"

    def listed(self, name: str) -> list[str]:
        """A query parameter of several values with commas between them."""
        return [each.strip() for value in self.query.get(name.lower(), []) for each in value.split(",") if each.strip()]

    def json(self) -> object:
        """The body."""
        try:
            return json.loads(self.body or b"null")
        except ValueError as error:
            raise problems.bad_argument(f"The request body is not valid JSON: {error}") from None

    def document(self) -> Json:
        """The body, which must be an object."""
        body = self.json()
        if not isinstance(body, dict):
            raise problems.bad_argument("Value cannot be null. Parameter name: the request body must be an object.")
        return body

    def items(self) -> list[object]:
        """The body, which must be a list."""
        body = self.json()
        if not isinstance(body, list):
            raise problems.bad_argument("The request body must be a list.")
        return body


def collection(values: Sequence[object]) -> Json:
    """A list as the service wraps it."""
    return {"count": len(values), "value": values}


def page(call: Call, rows: Sequence[object], default: int = 1000) -> Json:
    """A list cut by ``$top`` and ``$skip``."""
    skip = call.number("$skip", call.number("skip", 0))
    top = call.number("$top", call.number("top", default))
    return collection(rows[skip : skip + top])


def continued(call: Call, rows: Sequence[object], default: int = 1000) -> Answer:
    """A list cut by ``$top``, with a continuation token in the headers while there is more."""
    token = call.text("continuationToken", "0")
    if not token.isdigit():
        raise problems.bad_argument(f"The continuation token '{token}' is not valid.")
    start = int(token)
    top = call.number("$top", call.number("top", default))
    headers = {CONTINUATION: str(start + top)} if start + top < len(rows) else {}
    return Answer(collection(rows[start : start + top]), headers=headers)
