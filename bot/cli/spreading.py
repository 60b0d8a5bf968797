"""Several tokens of one platform: reading is spread among them once it is known that they see the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from bot.cli.failures import Refusal, from_platform
from bot.engine.ports import PlatformError

if TYPE_CHECKING:
    from bot.platforms.credentials import Sight

GITHUB_TOKENS = "ALMGUARD_GITHUB_TOKENS"
AZURE_DEVOPS_TOKENS = "ALMGUARD_AZURE_DEVOPS_TOKENS"


def listed(environ: Mapping[str, str], variable: str) -> tuple[str, ...]:
    """The tokens of a variable, each once: there is white space or a comma between them."""
    return tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", environ.get(variable, "")))))


def alike(
    variable: str, tokens: Sequence[str], target: str, look: Callable[[str], Sight], notice: Callable[[str], None]
) -> tuple[str, ...]:
    """Those of the tokens that the platform accepts, which see the same of a target.

    One that was revoked is told of, and left out. Raises ``Refusal`` where the others differ, or none is left.
    """
    from bot.platforms.answers import TokenRefused
    from bot.platforms.credentials import compare, ordinal
    from bot.platforms.redaction import register

    sights: dict[str, Sight] = {}
    for number, token in enumerate(tokens, start=1):
        register(token)
        try:
            sights[token] = look(token)
        except TokenRefused:
            notice(
                f"the {ordinal(number)} of {len(tokens)} tokens of {variable} is refused: it was revoked or has expired"
            )
        except PlatformError as error:
            raise from_platform(error) from None
    if not sights:
        raise Refusal(f"Every token of {variable} is refused: they were revoked or have expired. Renew them.")
    try:
        compare(variable, target, list(sights.values()))
    except PlatformError as error:
        raise Refusal(str(error)) from None
    return tuple(sights)
