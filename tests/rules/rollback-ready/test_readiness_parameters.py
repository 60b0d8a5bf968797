"""Spans of time that no calendar holds are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bot.rules.release.rollback_ready import Params


@pytest.mark.parametrize("name", ["keep_days", "rehearse_days"])
def test_more_than_ten_years_are_refused(name: str) -> None:
    assert Params.model_validate({name: 3650})
    with pytest.raises(ValidationError):
        Params.model_validate({name: 3651})
