"""Posts the verdict on a release: a check run on its commit, or a commit status where the token may not create check runs."""

from __future__ import annotations

from bot.engine.ports import PlatformError, Published, ReleasePublication
from bot.platforms.github.client import GitHubClient, Json, Refused
from bot.platforms.github.publisher import CONCLUSIONS, LONGEST, STATES, bounded

_CUT = "\n\n… (the rest is cut: GitHub takes no longer text)"


class GitHubReleasePublisher:
    """Posts with the provider's client."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    def publish_release(self, publication: ReleasePublication) -> Published:
        """Post or update the check. What the token may not do is told, not raised."""
        subject = publication.subject
        home = f"/repos/{subject.repository.name}"
        where = f"the check {publication.context!r} on {subject.commit[:12]}"
        body: dict[str, Json] = {
            "name": publication.context,
            "output": {
                "title": bounded(publication.title, 255, "…"),
                "summary": bounded(publication.summary, LONGEST, _CUT),
            },
        }
        if publication.details_url:
            body["details_url"] = publication.details_url
        conclusion = CONCLUSIONS.get(publication.verdict)
        body |= {"status": "completed", "conclusion": conclusion} if conclusion else {"status": "in_progress"}
        try:
            for run in self._own(publication):
                try:
                    self._client.rest("PATCH", f"{home}/check-runs/{run}", body=body)
                    return Published((f"updated {where}",))
                except Refused as refused:
                    if refused.status not in (403, 404):
                        raise
            new = {**body, "head_sha": subject.commit, "external_id": _external(publication)}
            self._client.rest("POST", f"{home}/check-runs", body=new)
            return Published((f"posted {where}",))
        except Refused as refused:
            return self._status(publication, refused)
        except PlatformError as wrong:
            return Published((), (f"{where} could not be posted: {wrong}",))

    def _own(self, publication: ReleasePublication) -> list[int]:
        """Check runs that were posted for this release before, the newest first."""
        subject = publication.subject
        path = f"/repos/{subject.repository.name}/commits/{subject.commit}/check-runs"
        try:
            listed = self._client.pages(path, {"check_name": publication.context, "filter": "all"}, key="check_runs")
            return sorted(
                (int(one["id"]) for one in listed if one.get("external_id") == _external(publication)), reverse=True
            )
        except Refused:
            return []  # what may not be read may not be updated either: posting will tell

    def _status(self, publication: ReleasePublication, why: Refused) -> Published:
        subject = publication.subject
        body = {
            "state": STATES[publication.verdict],
            "context": publication.context,
            "description": bounded(publication.title, 140, "…"),
        }
        if publication.details_url:
            body["target_url"] = publication.details_url
        try:
            self._client.rest("POST", f"/repos/{subject.repository.name}/statuses/{subject.commit}", body=body)
        except (Refused, PlatformError) as wrong:
            said = wrong.message if isinstance(wrong, Refused) else str(wrong)
            return Published(
                (),
                (
                    f"The verdict is not on the commit of {subject.name}: as a check run: {why.message}; as a commit status: "
                    f"{said}. For that the token needs checks: write or statuses: write.",
                ),
            )
        return Published((f"posted the commit status {publication.context!r} on {subject.commit[:12]}",))


def _external(publication: ReleasePublication) -> str:
    """Tells our check runs from a workflow's job of the same name, and from those of other releases of the commit."""
    subject = publication.subject
    return f"almguard:release:{subject.version}:{subject.environment or ''}"[:255]
