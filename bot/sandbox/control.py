"""``/_sandbox``: how tests look into the sandbox and change it.

| | |
| --- | --- |
| ``GET, DELETE /_sandbox/requests`` | the ledger of requests; begin it again |
| ``GET, POST, DELETE /_sandbox/faults`` | faults.Fault: list, add, clear |
| ``GET, PUT, DELETE /_sandbox/latency`` | ``{"seconds": 0.1}`` for every answer |
| ``GET, PUT, DELETE /_sandbox/limits`` | limits.Limits, and what each token spent; change some; begin again |
| ``GET /_sandbox/state`` | what was posted; ``?repository=owner/name`` for one, ``?all=1`` with the scenario's |
| ``POST /_sandbox/events`` | events.Event, or a list: the world moves on |
| ``POST /_sandbox/change`` | changes.Change: a share of an organisation's repositories changes |
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from bot.sandbox.changes import Change, Fate, change
from bot.sandbox.events import Event, happen
from bot.sandbox.faults import Fault, Latency
from bot.sandbox.history import ReferenceMissing
from bot.sandbox.limits import Limits
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.server import Application
    from bot.sandbox.wire import Request
    from bot.sandbox.world import Repository, WorkItem

EVENTS: TypeAdapter[list[Event]] = TypeAdapter(list[Event])


class Control:
    """Answers what is asked of the sandbox itself."""

    def __init__(self, application: Application) -> None:
        self.application = application

    def handle(self, request: Request) -> Response:
        """The answer."""
        try:
            return self._answer(request)
        except ValidationError as wrong:
            errors = [{"where": list(error["loc"]), "message": error["msg"]} for error in wrong.errors()]
            return Response(422, {"message": "This is not understood.", "errors": errors})
        except ReferenceMissing as wrong:
            return Response(404, {"message": str(wrong)})

    def _answer(self, request: Request) -> Response:
        application = self.application
        match request.method, request.path:
            case "GET", "/_sandbox/requests":
                return Response(200, [asdict(entry) for entry in list(application.ledger.entries)])
            case "DELETE", "/_sandbox/requests":
                application.ledger.clear()
                return Response(204)
            case "GET", "/_sandbox/faults":
                return Response(200, [fault.model_dump() for fault in list(application.faults.waiting)])
            case "POST", "/_sandbox/faults":
                for each in [Fault.model_validate(each) for each in _listed(request.json())]:
                    if each.rate is not None and each.kind in ("moved", "deleted"):
                        application.world.fates.append(Fate(each.kind, each.rate, each.seed))
                    else:
                        application.faults.add(each)
                return Response(201, [fault.model_dump() for fault in list(application.faults.waiting)])
            case "DELETE", "/_sandbox/faults":
                application.faults.clear()
                application.world.fates.clear()
                return Response(204)
            case "GET", "/_sandbox/latency":
                return Response(200, {"seconds": application.faults.latency})
            case "PUT", "/_sandbox/latency":
                application.faults.latency = Latency.model_validate(request.json()).seconds
                return Response(200, {"seconds": application.faults.latency})
            case "DELETE", "/_sandbox/latency":
                application.faults.latency = 0.0
                return Response(204)
            case "GET", "/_sandbox/limits":
                return self._limits()
            case "PUT", "/_sandbox/limits":
                given = request.json()
                changed = {
                    **application.accounts.limits.model_dump(),
                    **(given if isinstance(given, dict) else {"": given}),
                }
                application.accounts.limits = Limits.model_validate(changed)
                return self._limits()
            case "DELETE", "/_sandbox/limits":
                application.accounts.clear()
                return Response(204)
            case "GET", "/_sandbox/state":
                return self._state(request)
            case "POST", "/_sandbox/events":
                events = EVENTS.validate_python(_listed(request.json()))
                return Response(200, [happen(application.world, event) for event in events])
            case "POST", "/_sandbox/change":
                return Response(200, change(application.world, Change.model_validate(request.json() or {})))
        return Response(404, {"message": f"The sandbox has no {request.method} {request.path}."})

    def _limits(self) -> Response:
        accounts = self.application.accounts
        return Response(200, {"limits": accounts.limits.model_dump(), "tokens": accounts.told()})

    def _state(self, request: Request) -> Response:
        named = request.first("repository").lower()
        everything = request.first("all") in ("1", "true")
        world = self.application.world
        with world.lock:
            repositories = [
                repository
                for repository in world.repositories
                if (repository.full_name.lower() == named if named else repository.touched)
            ]
            return Response(
                200,
                {
                    "repositories": {each.full_name: _posted(each, everything=everything) for each in repositories},
                    "work_items": [
                        _item(item)
                        for item in world.work_items
                        if (item.posted or everything)
                        and (not named or (item.repository is not None and item.repository.full_name.lower() == named))
                    ],
                },
            )


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def _posted(repository: Repository, *, everything: bool) -> dict[str, object]:
    """What clients posted to a repository."""
    ado = [
        {
            "number": pull_request.number,
            "labels": pull_request.labels,
            "ado_labels": pull_request.ado_labels,
            "ado_statuses": [_plain(asdict(each)) for each in pull_request.ado_statuses if everything or each.posted],
            "requested_reviewers": list(pull_request.part.requested_reviewers),
            "ado_threads": [_plain(asdict(each)) for each in pull_request.ado_threads if everything or each.posted],
        }
        for pull_request in repository.pull_requests.values()
    ]
    return {
        "check_runs": [_plain(asdict(each)) for each in repository.check_runs if everything or each.posted],
        "statuses": [_plain(asdict(each)) for each in repository.statuses if everything or each.posted],
        "issue_comments": [_plain(asdict(each)) for each in repository.issue_comments if everything or each.posted],
        "ado_commit_statuses": [
            {"sha": sha, **_plain_dict(asdict(each))}
            for sha, statuses in repository.ado_commit_statuses.items()
            for each in statuses
            if everything or each.posted
        ],
        "deployment_reviews": [_plain(asdict(each)) for each in repository.deployment_reviews],
        "pull_requests": ado,
    }


def _item(item: WorkItem) -> dict[str, object]:
    """An issue or a work item, as it stands."""
    part = item.part
    return {
        "number": item.id,
        "platforms": part.platforms,
        "repository": item.repository.full_name if item.repository is not None else None,
        "project": f"{item.organization}/{item.project}",
        "type": part.type,
        "title": part.title,
        "body": part.body,
        "state": part.state,
        "closed_at": _plain(item.closed_at),
        "labels": part.labels,
        "assignees": item.assignees,
        "area": item.area,
        "hyperlinks": [{"url": url, "comment": comment} for url, comment in item.hyperlinks],
        "created_by": part.created_by,
        "rev": item.rev,
    }


def _plain_dict(value: dict[str, object]) -> dict[str, object]:
    return {str(key): _plain(each) for key, each in value.items()}


def _plain(value: object) -> object:
    """A value as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return _plain_dict(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value
