"""Which lines a pull request changes, from the patches of its files."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.lines import ChangedLines, ChangedPart, endings
from bot.model.subjects import PullRequest, Subject
from bot.platforms.github.change import MOST_FILES
from bot.platforms.github.client import Json
from bot.platforms.github.reading import Context, Task, guarded
from bot.platforms.github.readings import needs
from bot.platforms.patches import written_lines


def changed_lines(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``ChangedLines``."""
    wanted: frozenset[str] = request.spec.paths if request.spec is not None else frozenset()

    def read(subject: Subject) -> Answer:
        assert isinstance(subject, PullRequest)
        files = list(context.client.pages(f"/repos/{subject.repository.name}/pulls/{subject.number}/files"))
        if len(files) >= MOST_FILES:
            reason = f"{subject.name} changes more files than GitHub lists ({MOST_FILES})"
            return Unavailable(UnknownKind.TRUNCATED, reason, subject.url)
        changed = [
            one for one in files if one["status"] != "removed" and not wanted.isdisjoint(endings(str(one["filename"])))
        ]
        parts = {str(one["filename"]): _part(one) for one in changed}
        return Loaded(ChangedLines(parts), f"{subject.url}/files", context.now)

    def task(subject: Subject) -> Task:
        return lambda: [(request, subject, guarded(lambda: read(subject), needs(ChangedLines), subject.url))]

    return [task(one) for one in subjects]


def _part(file: Json) -> ChangedPart:
    patch = file.get("patch")
    if patch is not None:
        return ChangedPart(written_lines(str(patch).split("\n")))
    # Without a patch it is binary or too large; or it was moved and is otherwise as it was.
    return ChangedPart(whole=file["status"] != "renamed" or bool(file.get("changes")))
