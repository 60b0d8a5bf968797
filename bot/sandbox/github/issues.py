"""Issues, and the conversation of issues and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github import pulls
from bot.sandbox.github.call import Call, Refusal, invalid, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import Body, app, association, label, optional_user, user
from bot.sandbox.github.routing import delete, get, patch, post
from bot.sandbox.identity import number as stable_number
from bot.sandbox.posted import IssueComment
from bot.sandbox.pull_requests import PullRequest
from bot.sandbox.scenario import WorkItemPart
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Repository, WorkItem, World

TALK = "issues|pull_requests"
LONGEST_COMMENT = 65_536
LONGEST_TITLE = 256
NOT_PLANNED = "Removed"


def issues_of(each: Repository) -> list[WorkItem]:
    """A repository's issues."""
    return [item for item in each.world.work_items if item.repository is each and "github" in item.part.platforms]


@get("/repos/{owner}/{repo}/issues", TALK)
def issues(call: Call, each: Repository) -> object:
    """Issues and, as GitHub has it, pull requests too; open ones unless ``state`` says otherwise."""
    switched_on(each)
    state = call.request.first("state", "open")
    found: list[tuple[int, WorkItem | PullRequest]] = [
        (item.id, item) for item in issues_of(each) if state in ("all", "closed" if item.closed else "open")
    ]
    found += [
        (request.number, request)
        for request in pulls.shown(each)
        if state in ("all", "open" if request.part.state == "open" else "closed")
    ]
    labels = [name for name in call.request.first("labels").split(",") if name]
    if labels:
        found = [
            (ident, item)
            for ident, item in found
            if set(labels) <= set(item.labels if isinstance(item, PullRequest) else item.part.labels)
        ]
    found.sort(key=lambda pair: -pair[0])
    return call.page(found, lambda pair: _either(call, each, pair[1]))


@post("/repos/{owner}/{repo}/issues", "issues")
def open_issue(call: Call, each: Repository) -> Response:
    """A new issue, with the next number."""
    switched_on(each)
    data = call.body("title", resource="Issue")
    title, body, names = _title(data), _body(data), _names(data, "labels")
    assignees = _names(data, "assignees")
    for login in assignees:
        if not assignable(call.world, each, login):
            raise invalid("Issue", "assignees", "invalid")
    if not call.access.person_may_push(each):  # GitHub drops both without a word
        names, assignees = [], []
    with call.world.lock:
        used = [0, *each.pull_requests, *(item.id for item in issues_of(each))]
        item = call.world.plan(
            WorkItemPart(
                id=max(used) + 1,
                type="Issue",
                title=title,
                body=body,
                repository=each.full_name,
                created_at=call.world.clock(),
                created_by=call.token.poster,
                labels=names,
                platforms=["github"],
            )
        )
        item.assignees, item.posted = assignees, True
        for name in names:
            each.labels.setdefault(name, ("ededed", ""))
    return Response(201, issue_body(call, each, item))


@patch("/repos/{owner}/{repo}/issues/{number}", "issues")
def edit_issue(call: Call, each: Repository, number: str) -> Body:
    """Change an issue's title, body, labels, assignees or state."""
    switched_on(each)
    item = call.world.issue(each, int(number)) if number.isdigit() else None
    if item is None:
        raise missing()
    data = call.body(resource="Issue")
    changed: dict[str, object] = {}
    if "title" in data:
        changed["title"] = _title(data)
    if "body" in data:
        changed["body"] = _body(data)
    if "labels" in data:
        changed["labels"] = _names(data, "labels")
    state = data.get("state")
    if state not in (None, "open", "closed"):
        raise invalid("Issue", "state", "invalid")
    if state is not None:
        gone = NOT_PLANNED if data.get("state_reason") == "not_planned" else "Closed"
        changed["state"] = gone if state == "closed" else "Active"
    with call.world.lock:
        item.remember()
        item.part = item.part.model_copy(update=changed)
        if "assignees" in data:
            item.assignees = [name for name in _names(data, "assignees") if assignable(call.world, each, name)]
        item.changed_at = call.world.clock()
        item.closed_at = item.changed_at if item.closed else None
    return issue_body(call, each, item)


@get("/repos/{owner}/{repo}/issues/{number}", TALK)
def issue(call: Call, each: Repository, number: str) -> Body | Response:
    """One issue or pull request; the permission for pull requests alone opens no issue. A transferred one redirects."""
    return _one(call, each, number)


def _one(call: Call, each: Repository, number: str) -> Body | Response:
    moved = _transferred(call, f"{each.full_name}#{number}")
    if moved is not None:
        url = f"{call.api}/repositories/{moved[0].id}/issues/{moved[1]}"
        return Response(301, {"message": "Moved Permanently", "url": url}, {"Location": url})
    found = _find(each, number)
    if not isinstance(found, PullRequest):
        call.need("issues", "read", each)
    return _either(call, each, found)


@get("/repos/{owner}/{repo}/issues/{number}/comments", TALK)
def comments(call: Call, each: Repository, number: str) -> object:
    """The conversation, oldest first."""
    _find(each, number)
    found = [comment for comment in each.issue_comments if str(comment.number) == number]
    since = call.request.first("since")
    if since:
        found = [comment for comment in found if (stamp(comment.updated_at) or "") >= since]
    return call.page(found, lambda comment: comment_body(call, each, comment))


@post("/repos/{owner}/{repo}/issues/{number}/comments", TALK)
def add_comment(call: Call, each: Repository, number: str) -> Response:
    """Say something."""
    _find(each, number)
    text = _text(call)
    now = call.world.clock()
    with call.world.lock:
        comment = IssueComment(call.world.next_id(), int(number), call.token.poster, text, now, now, posted=True)
        each.issue_comments.append(comment)
    return Response(201, comment_body(call, each, comment))


@get("/repos/{owner}/{repo}/issues/comments/{ident}", TALK)
def one_comment(call: Call, each: Repository, ident: str) -> Body:
    """One comment."""
    return comment_body(call, each, _comment(each, ident))


@patch("/repos/{owner}/{repo}/issues/comments/{ident}", TALK)
def edit_comment(call: Call, each: Repository, ident: str) -> Body:
    """Say it differently."""
    comment = _comment(each, ident)
    text = _text(call)
    with call.world.lock:
        comment.body, comment.updated_at, comment.editor = text, call.world.clock(), call.token.poster
    return comment_body(call, each, comment)


@delete("/repos/{owner}/{repo}/issues/comments/{ident}", TALK)
def delete_comment(call: Call, each: Repository, ident: str) -> Response:
    """Take it back."""
    comment = _comment(each, ident)
    with call.world.lock:
        each.issue_comments.remove(comment)
    return Response(204)


@get("/repos/{owner}/{repo}/issues/{number}/labels", TALK)
def labels(call: Call, each: Repository, number: str) -> object:
    """The labels of an issue or pull request."""
    found = _find(each, number)
    names = found.labels if isinstance(found, PullRequest) else found.part.labels
    return call.page(names, lambda name: label(call, each, name))


@post("/repos/{owner}/{repo}/issues/{number}/labels", TALK)
def add_labels(call: Call, each: Repository, number: str) -> object:
    """Add labels to a pull request."""
    request = pulls.find(each, number)
    data = call.request.json()
    names = data.get("labels") if isinstance(data, dict) else data
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid("Label", "labels", "invalid")
    with call.world.lock:
        request.labels += [name for name in names if name not in request.labels]
    return [label(call, each, name) for name in request.labels]


@delete("/repos/{owner}/{repo}/issues/{number}/labels/{name}", TALK)
def remove_label(call: Call, each: Repository, number: str, name: str) -> object:
    """Take a label off a pull request."""
    request = pulls.find(each, number)
    if name not in request.labels:
        raise missing("Label does not exist")
    with call.world.lock:
        request.labels.remove(name)
    return [label(call, each, each_name) for each_name in request.labels]


def switched_on(each: Repository) -> None:
    """410, where the repository has no issues."""
    if not each.part.has_issues:
        raise Refusal(410, "Issues has been disabled in this repository.")


def assignable(world: World, each: Repository, login: str) -> bool:
    """Whether an issue of the repository can be given to that account: everybody with access, and no App."""
    someone = world.people.get(login)
    return someone is not None and not someone.bot and login in world.collaborators(each)


def _title(data: dict[str, object]) -> str:
    title = str(data["title"] or "")
    if not title or len(title) > LONGEST_TITLE:
        raise invalid("Issue", "title", "invalid", f"title is too long (maximum is {LONGEST_TITLE} characters)")
    return title


def _body(data: dict[str, object]) -> str:
    body = str(data.get("body") or "")
    if len(body) > LONGEST_COMMENT:
        raise invalid("Issue", "body", "custom", f"body is too long (maximum is {LONGEST_COMMENT} characters)")
    return body


def _names(data: dict[str, object], field: str) -> list[str]:
    names = data.get(field) or []
    if not isinstance(names, list):
        raise invalid("Issue", field, "invalid")
    return [str(name["name"] if isinstance(name, dict) else name) for name in names]


def _text(call: Call) -> str:
    text = call.body("body", resource="IssueComment")["body"]
    if not isinstance(text, str):
        raise invalid("IssueComment", "body", "invalid")
    if len(text) > LONGEST_COMMENT:
        message = f"body is too long (maximum is {LONGEST_COMMENT} characters)"
        raise Refusal(
            422,
            "Validation Failed",
            errors=[{"resource": "IssueComment", "code": "unprocessable", "field": "data", "message": message}],
        )
    return text


def _comment(each: Repository, ident: str) -> IssueComment:
    _ = each.pull_requests  # the scenario's own comments come with them
    for comment in each.issue_comments:
        if str(comment.id) == ident:
            return comment
    raise missing()


def _transferred(call: Call, name: str) -> tuple[Repository, int] | None:
    """Where an issue was transferred to; nowhere for whoever does not see that repository."""
    for item in call.world.work_items:
        if name.lower() in (former.lower() for former in item.part.transferred_from):
            return (item.repository, item.id) if item.repository and call.access.sees(item.repository) else None
    return None


def _find(each: Repository, number: str) -> WorkItem | PullRequest:
    if number.isdigit():
        request = each.pull_requests.get(int(number))
        if request is not None and "github" in request.part.platforms:
            return request
        item = each.world.issue(each, int(number))
        if item is not None:
            return item
    raise missing()


def _either(call: Call, each: Repository, found: WorkItem | PullRequest) -> Body:
    return _pull_as_issue(call, each, found) if isinstance(found, PullRequest) else issue_body(call, each, found)


def _base(call: Call, each: Repository, number: int) -> Body:
    url = f"{call.api}/repos/{each.full_name}"
    mine = f"{url}/issues/{number}"
    return {
        "url": mine,
        "repository_url": url,
        "labels_url": f"{mine}/labels{{/name}}",
        "comments_url": f"{mine}/comments",
        "events_url": f"{mine}/events",
        "timeline_url": f"{mine}/timeline",
        "number": number,
        "milestone": None,
        "locked": False,
        "active_lock_reason": None,
        "comments": sum(comment.number == number for comment in each.issue_comments),
    }


def issue_body(call: Call, each: Repository, item: WorkItem) -> Body:
    """An issue."""
    part = item.part
    author = part.created_by or "almguard"
    assigned = [user(call, login) for login in item.assignees]
    reason = None if not item.closed else "not_planned" if part.state == NOT_PLANNED else "completed"
    return _base(call, each, item.id) | {
        "id": stable_number("issue", each.key, item.id),
        "node_id": encode("Issue", each.key, item.id),
        "html_url": f"{call.html}/{each.full_name}/issues/{item.id}",
        "title": part.title,
        "body": part.body or None,
        "user": user(call, author),
        "state": "closed" if item.closed else "open",
        "state_reason": reason,
        "labels": [label(call, each, name) for name in part.labels],
        "assignee": assigned[0] if assigned else None,
        "assignees": assigned,
        "created_at": stamp(item.created_at),
        "updated_at": stamp(max(item.changed_at, item.closed_at or item.changed_at)),
        "closed_at": stamp(item.closed_at),
        "closed_by": None,
        "type": _issue_type(call, each, part.type),
        "author_association": association(call.world, each, author),
    }


def _issue_type(call: Call, each: Repository, name: str) -> Body | None:
    if not call.world.organizations[each.owner].part.has_issue_types:
        return None
    return {
        "id": stable_number("issue-type", each.owner, name),
        "node_id": encode("IssueType", each.owner, name),
        "name": name,
        "description": None,
        "color": "blue",
        "is_enabled": True,
    }


def _pull_as_issue(call: Call, each: Repository, request: PullRequest) -> Body:
    """A pull request among issues."""
    whole = pulls.simple(call, each, request)
    taken = ("title", "body", "user", "state", "labels", "assignee", "assignees", "created_at", "updated_at")
    page = whole["html_url"]
    return _base(call, each, request.number) | {
        "id": stable_number("issue", each.key, request.number),
        "node_id": whole["node_id"],
        "html_url": page,
        **{name: whole[name] for name in taken},
        "closed_at": whole["closed_at"],
        "state_reason": None,
        "closed_by": optional_user(call, None),
        "draft": request.part.draft,
        "author_association": whole["author_association"],
        "pull_request": {
            "url": whole["url"],
            "html_url": page,
            "diff_url": whole["diff_url"],
            "patch_url": whole["patch_url"],
            "merged_at": whole["merged_at"],
        },
    }


def comment_body(call: Call, each: Repository, comment: IssueComment) -> Body:
    """A comment."""
    request = each.pull_requests.get(comment.number)
    place = "pull" if request is not None else "issues"
    return {
        "url": f"{call.api}/repos/{each.full_name}/issues/comments/{comment.id}",
        "html_url": f"{call.html}/{each.full_name}/{place}/{comment.number}#issuecomment-{comment.id}",
        "issue_url": f"{call.api}/repos/{each.full_name}/issues/{comment.number}",
        "id": comment.id,
        "node_id": encode("IssueComment", each.key, comment.id),
        "user": user(call, comment.author),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        "body": comment.body,
        "author_association": association(call.world, each, comment.author),
        "performed_via_github_app": app(call, comment.author.removesuffix("[bot]"))
        if comment.author.endswith("[bot]") and comment.posted
        else None,
    }
