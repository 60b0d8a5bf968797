"""A repository's labels, and whom its issues can be given to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, invalid, missing
from bot.sandbox.github.issues import assignable, issues_of
from bot.sandbox.github.render import Body, label, user
from bot.sandbox.github.routing import get, post
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Repository

EITHER = "issues|pull_requests"
LONGEST_NAME = 50
LONGEST_DESCRIPTION = 100


def labels_of(each: Repository) -> list[str]:
    """The names of those that were made, and of those that the scenario's issues and pull requests carry."""
    used = [name for request in each.pull_requests.values() for name in request.labels]
    used += [name for item in issues_of(each) for name in item.part.labels]
    return sorted({*each.labels, *used})


def find(each: Repository, name: str) -> str | None:
    """The label of that name, upper and lower case alike."""
    return next((found for found in labels_of(each) if found.lower() == name.lower()), None)


@get("/repos/{owner}/{repo}/labels", EITHER)
def labels(call: Call, each: Repository) -> object:
    """All of them."""
    return call.page(labels_of(each), lambda name: label(call, each, name))


@get("/repos/{owner}/{repo}/labels/{name}", EITHER)
def one_label(call: Call, each: Repository, name: str) -> Body:
    """One of them."""
    found = find(each, name)
    if found is None:
        raise missing()
    return label(call, each, found)


@post("/repos/{owner}/{repo}/labels", EITHER)
def make_label(call: Call, each: Repository) -> Response:
    """One more; 422 where there is one of that name."""
    data = call.body("name", resource="Label")
    name, color = str(data["name"]), str(data.get("color") or "ededed")
    description = str(data.get("description") or "")
    if len(name) > LONGEST_NAME:
        raise invalid("Label", "name", "invalid")
    if len(description) > LONGEST_DESCRIPTION:
        raise invalid("Label", "description", "invalid")
    with call.world.lock:
        if find(each, name) is not None:
            raise invalid("Label", "name", "already_exists")
        each.labels[name] = (color, description)
    return Response(201, label(call, each, name))


@get("/repos/{owner}/{repo}/assignees", EITHER)
def assignees(call: Call, each: Repository) -> object:
    """Everybody to whom an issue can be given."""
    found = [login for login in call.world.collaborators(each) if assignable(call.world, each, login)]
    return call.page(found, lambda login: user(call, login))


@get("/repos/{owner}/{repo}/assignees/{login}", EITHER)
def may_be_assigned(call: Call, each: Repository, login: str) -> Response:
    """204 where an issue can be given to that account, else 404."""
    if not assignable(call.world, each, login):
        raise missing()
    return Response(204)
