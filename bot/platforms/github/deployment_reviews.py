"""Answers for custom deployment protection rules: whether a workflow run that waits may deploy.

Per the documentation only the GitHub App whose rule it is may answer, with deployments: write; an answer without a state is a
report that leaves the deployment waiting, and GitHub takes ten of them, of 1,024 characters each.

Source: https://docs.github.com/rest/actions/workflow-runs#review-custom-deployment-protection-rules-for-a-workflow-run
"""

from __future__ import annotations

from bot.engine.ports import DeploymentAnswer, PlatformError, Published
from bot.engine.targets import Target, parse
from bot.model.facts import UnknownKind
from bot.model.results import Verdict
from bot.platforms.github.client import GitHubClient, Refused

_STATES = {Verdict.PASSED: "approved", Verdict.BLOCKED: "rejected", Verdict.EMPTY: "rejected"}
"""What waits, and what could not be decided, leaves the deployment waiting."""


class GitHubDeploymentReviewer:
    """Asks about runs and answers for them, at the address of its client alone."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    def waiting(self, repository: str, run_id: int, environment: str) -> Target:
        """What the run would deploy, as GitHub tells it. Raises ``PlatformError``."""
        try:
            run = self._client.rest("GET", f"/repos/{repository}/actions/runs/{run_id}")
        except Refused as wrong:
            raise PlatformError(
                f"The workflow run {run_id} of {repository} cannot be read: {wrong.message}. The token needs actions: read.",
                None if wrong.is_missing else UnknownKind.SCOPE,
            ) from wrong
        sha = str(run["head_sha"])
        made = parse(f"github:{repository}", environment)
        ref = str(run.get("head_branch") or sha)
        return Target(
            f"github:{repository}@{ref}",
            made.platform,
            made.organization,
            repository=made.repository,
            release=ref,
            environment=environment,
            commit=sha,
        )

    def answer(self, answer: DeploymentAnswer) -> Published:
        """Approve, reject, or say why it waits. Raises ``PlatformError``."""
        state = _STATES.get(answer.verdict) if answer.verdict is not None else None
        body = {"environment_name": answer.environment, "comment": answer.comment}
        if state is not None:
            body["state"] = state
        where = f"/repos/{answer.repository}/actions/runs/{answer.run_id}/deployment_protection_rule"
        what = f"the deployment of run {answer.run_id} to {answer.environment}"
        try:
            self._client.rest("POST", where, body=body)
        except Refused as wrong:
            scope = wrong.status in (401, 403, 404)
            advice = (
                "Only the GitHub App whose rule it is may answer: give its ALMGUARD_APP_ID and ALMGUARD_APP_PRIVATE_KEY, and "
                "the App deployments: write."
                if scope
                else "It may be answered already, or have had ten reports, which is all that GitHub takes: look at the run."
            )
            raise PlatformError(
                f"The answer for {what} was refused: {wrong.message}. {advice}", UnknownKind.SCOPE if scope else None
            ) from wrong
        return Published((f"{state or 'left waiting, with a comment:'} {what}",))
