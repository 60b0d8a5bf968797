"""Check runs, statuses, and what they come to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.github import checks
from bot.sandbox.github.actions import Workflow, workflow_named, workflows_of
from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import actor
from bot.sandbox.github.graphql.thing import Context, Many, Thing
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.rulesets import active_for, classic_for
from bot.sandbox.identity import number
from bot.sandbox.posted import CheckRun, Status

if TYPE_CHECKING:
    from bot.sandbox.git_objects import Commit
    from bot.sandbox.world import Repository

RUN_STATES = {
    "success": "SUCCESS",
    "neutral": "SUCCESS",
    "skipped": "SUCCESS",
    "failure": "FAILURE",
    "cancelled": "FAILURE",
    "timed_out": "FAILURE",
    "action_required": "FAILURE",
    "stale": "EXPECTED",
    None: "PENDING",
}


def rolled_up(states: list[str]) -> str:
    """What several states come to, the worst first."""
    return next(each for each in ("ERROR", "FAILURE", "PENDING", "EXPECTED", "SUCCESS") if each in [*states, "SUCCESS"])


def is_required(repository: Repository, pull_request: int | None, name: str, app: str | None) -> bool:
    """Whether a pull request's target requires this check."""
    request = repository.pull_requests.get(pull_request or 0)
    branch = request.target if request else repository.default_branch
    parts = [ruleset.part for ruleset in active_for(repository, branch)]
    classic = classic_for(repository, branch)
    if classic:
        parts.append(classic.part)
    return any(check.name == name and check.app in (None, app) for part in parts for check in part.checks)


class StatusCheckRollupThing(Thing, of="StatusCheckRollup"):
    """All that is said of a commit: the newest of each."""

    def __init__(self, c: Context, repository: Repository, commit: Commit) -> None:
        super().__init__(c)
        self.it = repository
        self.about = commit
        self.id = encode("StatusCheckRollup", repository.key, commit.sha)
        self.runs = checks.newest_runs(checks.runs_on(repository, commit.sha))
        self.statuses = checks.newest_statuses(repository, commit.sha)
        self.all: list[CheckRun | Status] = [*reversed(self.runs), *reversed(self.statuses)]

    @property
    def state(self) -> str:
        """What it comes to."""
        states = [RUN_STATES[run.conclusion] for run in self.runs]
        return rolled_up(states + [status.state.upper() for status in self.statuses])

    def commit(self) -> Any:
        """What it is about."""
        return self.new("Commit", self.it, self.about)

    def contexts(self) -> Many:
        """Check runs, then statuses; each denied to a token that may not read its kind."""

        def wrap(each: CheckRun | Status) -> Any:
            if isinstance(each, CheckRun):
                return self.new("CheckRun", self.it, each) if self.c.may("checks", self.it) else self.c.denied()
            return self.new("StatusContext", self.it, each) if self.c.may("statuses", self.it) else self.c.denied()

        return Many(self.all, wrap, extra={"checkRunCount": len(self.runs), "statusContextCount": len(self.statuses)})


class StatusThing(Thing, of="Status"):
    """What the statuses of a commit come to."""

    def __init__(self, c: Context, repository: Repository, commit: Commit) -> None:
        super().__init__(c)
        self.it = repository
        self.id = encode("Status", repository.key, commit.sha)
        self.all = checks.newest_statuses(repository, commit.sha)
        self.state = rolled_up([status.state.upper() for status in self.all])

    @property
    def contexts(self) -> list[Any]:
        """The newest of each context."""
        self.c.need("statuses", "read", self.it)
        return [self.new("StatusContext", self.it, status) for status in self.all]

    def context(self, name: str) -> Any:
        """One of them."""
        return next((each for each in self.contexts if each.context == name), None)


class StatusContextThing(Thing, of="StatusContext"):
    """A commit status."""

    def __init__(self, c: Context, repository: Repository, status: Status) -> None:
        super().__init__(c)
        self.it = repository
        self.status = status
        self.id = encode("StatusContext", repository.key, status.id)
        self.context = status.context
        self.state = status.state.upper()
        self.description = status.description
        self.target_url = status.target_url
        self.created_at = stamp(status.created_at)

    def creator(self) -> Any:
        """Who posted it."""
        return actor(self.c, self.status.creator)

    def commit(self) -> Any:
        """What it is about."""
        return self.new("Commit", self.it, self.it.git.commits[self.status.sha])

    def is_required(self, pull_request_number: int | None = None, pull_request_id: str | None = None) -> bool:
        """Whether the target branch requires it."""
        del pull_request_id
        return is_required(self.it, pull_request_number, self.context, None)


class CheckRunThing(Thing, of="CheckRun"):
    """A check run."""

    def __init__(self, c: Context, repository: Repository, run: CheckRun) -> None:
        super().__init__(c)
        self.it = repository
        self.run = run
        self.id = encode("CheckRun", repository.key, run.id)
        self.database_id = run.id
        self.name = run.name
        self.status = run.status.upper()
        self.conclusion = run.conclusion.upper() if run.conclusion else None
        self.started_at = stamp(run.started_at)
        self.completed_at = stamp(run.completed_at)
        self.url = f"{c.html}/{repository.full_name}/runs/{run.id}"
        self.details_url = run.details_url or self.url
        self.external_id = run.external_id
        self.title = run.title
        self.summary = run.summary
        self.text = run.text

    def check_suite(self) -> Any:
        """The suite it belongs to."""
        return self.new("CheckSuite", self.it, self.run.sha, self.run.app, self.run.event)

    def is_required(self, pull_request_number: int | None = None, pull_request_id: str | None = None) -> bool:
        """Whether the target branch requires it."""
        del pull_request_id
        return is_required(self.it, pull_request_number, self.name, self.run.app)


class CheckSuiteThing(Thing, of="CheckSuite"):
    """The check runs of one app on one commit for one event."""

    def __init__(self, c: Context, repository: Repository, sha: str, app: str, event: str) -> None:
        super().__init__(c)
        self.it = repository
        self.sha = sha
        self.slug = app
        self.event = event
        self.runs = [run for run in checks.runs_on(repository, sha) if run.app == app and run.event == event]
        self.id = encode("CheckSuite", repository.key, sha, app, event)
        self.database_id = number("check-suite", sha, app, event)
        self.url = f"{c.html}/{repository.full_name}/commit/{sha}/checks?check_suite_id={self.database_id}"
        newest = checks.newest_runs(self.runs)
        done = all(run.status == "completed" for run in newest)
        self.status = "COMPLETED" if done else "IN_PROGRESS"
        conclusions = [run.conclusion for run in newest if run.conclusion]
        order = ("failure", "timed_out", "cancelled", "action_required", "stale", "success", "neutral", "skipped")
        self.conclusion = next((each.upper() for each in order if each in conclusions), None) if done else None
        times = [run.started_at for run in self.runs if run.started_at]
        self.created_at = stamp(min(times, default=c.world.now))
        self.updated_at = stamp(
            max([run.completed_at for run in self.runs if run.completed_at] or times or [c.world.now])
        )

    def app(self) -> Any:
        """The app that reports it."""
        return self.new("App", self.slug)

    def commit(self) -> Any:
        """What it is about."""
        return self.new("Commit", self.it, self.it.git.commits[self.sha])

    def check_runs(self, filter_by: dict[str, Any] | None = None) -> Many:
        """Its runs; the newest of each name unless ``filterBy`` asks for all."""
        wanted = filter_by or {}
        found = self.runs if wanted.get("checkType") == "ALL" else checks.newest_runs(self.runs)
        if wanted.get("checkName"):
            found = [run for run in found if run.name == wanted["checkName"]]
        return Many(found, lambda run: self.new("CheckRun", self.it, run))

    def workflow_run(self) -> dict[str, object] | None:
        """The workflow's run behind it, for GitHub Actions."""
        if self.slug != "github-actions":
            return None
        ident = number("workflow-run", self.sha, self.event)
        workflow = self._workflow()
        return {
            "id": encode("WorkflowRun", self.it.key, ident),
            "databaseId": ident,
            "event": self.event,
            "runNumber": 1,
            "url": f"{self.c.html}/{self.it.full_name}/actions/runs/{ident}",
            "createdAt": self.created_at,
            "workflow": {
                "id": encode("Workflow", self.it.key, workflow.path),
                "databaseId": workflow.id,
                "name": workflow.name,
                "state": "ACTIVE" if workflow.enabled else "DISABLED_MANUALLY",
                "url": f"{self.c.html}/{self.it.full_name}/actions/workflows/{workflow.path.rpartition('/')[2]}",
            },
            "file": {"id": encode("WorkflowRunFile", self.it.key, ident), "path": workflow.path},
        }

    def _workflow(self) -> Workflow:
        """The workflow that the runs name, or the one with a job of their name, or the only one."""
        for run in self.runs:
            found = workflow_named(self.it, run.pipeline) if run.pipeline else None
            if found:
                return found
        every = workflows_of(self.it)
        for run in self.runs:
            for workflow in every:
                text = self.it.git.text(self.it.tip, workflow.path) if self.it.tip else None
                if re.search(rf"^\s+{re.escape(run.name)}:|name: {re.escape(run.name)}\s*$", text or "", re.MULTILINE):
                    return workflow
        if every:
            return every[0]
        name = self.runs[0].name if self.runs else "CI"
        path = f".github/workflows/{name}.yml"
        return Workflow(number("workflow", self.it.key, path), name, path, enabled=True)
