"""Files of policy tests as pydantic models. Every docstring ends up in the schema."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field

from bot.model.results import Verdict
from bot.policy.building import NO_MOMENT, moment
from bot.policy.models import Strict, Text


class Ending(StrEnum):
    """How an entry is expected to end: with an outcome, or with none because the policy does not select the subject."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    ERROR = "error"
    NOT_SELECTED = "not_selected"


def _moment(value: str) -> str:
    if moment(value) is None:
        raise ValueError(NO_MOMENT)
    return value


def _listed(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else (value,)


if TYPE_CHECKING:  # A single text may stand for a list of one; afterwards it is always a tuple.
    Texts: TypeAlias = tuple[str, ...]
else:
    Texts = Annotated[Annotated[tuple[Text, ...], Field(min_length=1)] | Text, AfterValidator(_listed)]
Moment = Annotated[str, AfterValidator(_moment), Field(json_schema_extra={"format": "date-time"})]


class Expect(Strict):
    """What is expected. What is not named is not looked at; an entry goes by its key, or by its name where that is enough."""

    verdict: Verdict | None = None
    """How a gate decides."""
    entries: dict[Text, Ending] = Field(default_factory=dict)
    """How entries, and members of groups, end."""
    findings: dict[Text, Texts] = Field(default_factory=dict)
    """By entry: texts, each of which stands in the message of a finding."""
    unknown: dict[Text, Texts] = Field(default_factory=dict)
    """By entry: why it is unknown, as kinds (`scope`) or as texts that stand in a reason."""
    waived: Texts = ()
    """The entries that a waiver covers."""


class CaseEntry(Strict):
    """One case: facts given here, recorded elsewhere, or read from a scenario that the sandbox serves."""

    name: Text
    """What it shows, in words."""
    subject: dict[str, Any] = Field(default_factory=dict)
    """What differs from the pull request `acme/payments#12` by `ana`; with `kind` another type of subject."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """What is known about it, by the fact's name; beside those of the whole file."""
    recorded: Text | None = None
    """A file of one case whose subject and facts are taken, such as `almguard test --record` writes it."""
    scenario: Text | None = None
    """A scenario for the sandbox, from which everything is read over HTTP."""
    target: Text | None = None
    """What is judged in the scenario: `github:acme/payments#12`."""
    environment: Text | None = None
    """The environment of a release that is judged in the scenario."""
    now: Moment | None = None
    """The moment at which it is judged, with its zone."""
    expect: Expect
    """What the policy has to make of it."""


class TestsFile(Strict):
    """A file of policy tests."""

    __test__ = False  # pytest takes it for no class of tests

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Tests"]
    """What this file is."""
    policy: Text
    """What is tested: a policy or a configuration, from where this file is, or a shipped pack, `pack:baseline`."""
    now: Moment | None = None
    """The moment at which cases are judged that name none of their own."""
    facts: dict[str, Any] = Field(default_factory=dict)
    """What is known in every case whose facts are given here, but for what the case itself says of it."""
    cases: tuple[CaseEntry, ...] = Field(min_length=1)
    """The cases."""
