"""Lists that would allow nothing are refused: not giving them allows everything."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from bot.rules.plan.requirement_link import Params


@pytest.mark.parametrize("name", ["types", "states", "areas"])
def test_an_empty_list_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        Params.model_validate({name: []})
