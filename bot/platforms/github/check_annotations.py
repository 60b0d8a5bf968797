"""Annotations of a check run, as GitHub takes them: at most fifty in a request, each request adding to what stands.

What was added can never be taken back from a check run, so it keeps (in its ``external_id``) a digest of all that it
shows: where the annotations of a later judgement are the same none is sent again, and where they are others a new check run
takes the place of the old one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from bot.model.annotations import Annotation
from bot.platforms.github.client import Json

MOST_AT_ONCE = 50
_LONGEST_TITLE = 255
SIGN = "#"
"""What stands between the rest of an ``external_id`` and the digest."""
UNFINISHED = "unfinished"
"""In place of the digest until the last request has been answered: a run that ends before that is not taken for whole."""


def digest(annotations: Sequence[Annotation]) -> str:
    """The same for the same annotations; empty for none."""
    if not annotations:
        return ""
    return hashlib.sha256(json.dumps([_body(one) for one in annotations]).encode()).hexdigest()[:16]


def shown(external_id: str) -> str:
    """The digest of what a check run shows."""
    return external_id.partition(SIGN)[2]


def batches(annotations: Sequence[Annotation]) -> list[list[Json]]:
    """The annotations of each request; one of none where there are none."""
    bodies = [_body(one) for one in annotations]
    return [bodies[start : start + MOST_AT_ONCE] for start in range(0, max(len(bodies), 1), MOST_AT_ONCE)]


def _body(annotation: Annotation) -> Json:
    # GitHub has no annotation of a whole file; the first line is where it begins.
    line = annotation.line or 1
    return {
        "path": annotation.path,
        "start_line": line,
        "end_line": line,
        "annotation_level": annotation.level.value,
        "title": annotation.title[:_LONGEST_TITLE],
        "message": annotation.message,
    }
