"""Parameters that cannot be used are refused before anything is judged."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bot.rules.approve.approvals import Params


def test_a_pattern_that_re2_does_not_read_is_refused() -> None:
    with pytest.raises(ValidationError, match="it has no lookaround"):
        Params(comment_pattern="(?=lgtm)")


@pytest.mark.parametrize(
    "given",
    [
        {"minimum": -1},
        {"from": {"permissions": ["owner"]}},
        {"from": {"permissions": ["none"]}},
        {"keep_on": ["push"]},
        {"count": 1},
    ],
)
def test_what_is_no_parameter_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate(given)
