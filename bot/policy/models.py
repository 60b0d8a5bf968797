"""The files that people write, as pydantic models: ``Policy`` and ``Config``. Every docstring ends up in the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.results import Enforcement
from bot.model.subjects import Platform, Visibility
from bot.policy.globs import mistake

API_VERSION = "almguard/v1"
NAME = r"^[a-z0-9]+([._-][a-z0-9]+)*$"


T = TypeVar("T")


def _listed(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return value if isinstance(value, tuple) else (value,)


def _glob(value: str) -> str:
    wrong = mistake(value)
    if wrong is not None:
        raise ValueError(f"{value!r} is no pattern: {wrong}")
    return value


def _credential_name(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", value):
        # Not repeated: somebody may have written the credential itself.
        raise ValueError("the name of a credential is wanted here, in capitals (ADO), never the credential itself")
    return value


def _undated(value: object) -> object:
    if isinstance(value, list):
        raise ValueError("enforcement with dates is not supported yet; write one of disabled, audit, warn, block")
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=100)]
Glob = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500),
    AfterValidator(_glob),
    Field(json_schema_extra={"format": "glob"}),
]
if TYPE_CHECKING:  # A single value may stand for a list of one; afterwards it is always a tuple.
    Globs: TypeAlias = tuple[str, ...]
    Platforms: TypeAlias = tuple[Platform, ...]
    Visibilities: TypeAlias = tuple[Visibility, ...]
else:
    Globs = Annotated[Annotated[tuple[Glob, ...], Field(min_length=1)] | Glob, AfterValidator(_listed)]
    Platforms = Annotated[Annotated[tuple[Platform, ...], Field(min_length=1)] | Platform, AfterValidator(_listed)]
    Visibilities = Annotated[
        Annotated[tuple[Visibility, ...], Field(min_length=1)] | Visibility, AfterValidator(_listed)
    ]
CheckName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Expression = Annotated[
    str, StringConstraints(min_length=1, max_length=10_000), Field(json_schema_extra={"format": "cel"})
]


class Strict(BaseModel):
    """What every part of a file keeps to: no unknown keys, no quiet conversions, the docstrings are the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True)

    not_yet: ClassVar[Mapping[str, str]] = {}
    """Keys of the format that this version does not know what to do with: refused, never ignored."""


class Metadata(Strict):
    """What a policy is called and whose it is."""

    name: Name
    """The policy's name: the first half of its entries' keys. Words in lower case, joined by `-`, `.` or `_`."""
    owner: Text | None = None
    """The team or person to ask about it."""
    description: str | None = None
    """What it is for, in a sentence."""


class Match(Strict):
    """Which subjects the policy judges. All given keys must hold; a list means any of; globs may begin with `!`."""

    platform: Platforms | None = None
    """The platforms."""
    organization: Globs | None = None
    """The GitHub organisation or user, the Azure DevOps organisation."""
    project: Globs | None = None
    """The Azure DevOps project; nothing on GitHub matches it."""
    repository: Globs | None = None
    """Full names (`acme/payments-*`); a glob without `/` looks at the last part alone."""
    branch: Globs | None = None
    """The branch judged, or the base of the pull request; `default` is the default branch."""
    properties: dict[Text, Globs] | None = None
    """Custom properties: GitHub custom properties, Azure DevOps project properties."""
    topics: Globs | None = None
    """A topic of the repository."""
    visibility: Visibilities | None = None
    """Who may see the repository."""
    language: Globs | None = None
    """The repository's main language, in upper or lower case."""
    archived: bool | Literal["any"] = False
    """Archived (disabled) repositories are left out, unless this is `true` (only those) or `any`."""
    fork: bool | None = None
    """Only forks, or only what is not one."""


class Entry(Strict):
    """One rule, with its parameters and how it is enforced."""

    not_yet: ClassVar[Mapping[str, str]] = {
        "any_of": "a group of rules ('any_of')",
        "all_of": "a group of rules ('all_of')",
        "assert": "a rule of one's own ('assert')",
        "subject": "a rule of one's own ('subject')",
        "message": "a rule of one's own ('message')",
        "override": "inheritance ('override')",
    }

    rule: str
    """The rule's id."""
    name: Name | None = None
    """The second half of the entry's key; the rule's id where it is left out. Unique in the policy."""
    enforce: Annotated[Enforcement, BeforeValidator(_undated)]
    """What a failure does: `audit` records it, `warn` shows it, `block` blocks, `disabled` does not judge at all."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """The rule's parameters."""
    when: Expression | None = None
    """A condition (CEL): where it is false the entry is not applicable."""
    unless: Expression | None = None
    """A condition (CEL): where it is true the entry is not applicable."""
    severity: Severity | None = None
    """In place of the rule's own severity."""


class WaiverLimits(Strict):
    """What waivers of this policy's entries have to keep to."""

    allowed: bool = True
    """Whether its entries can be waived at all."""
    max_days: Annotated[int, Field(ge=1, le=3_650)] | None = None
    """How many days from now a waiver may end at most; one that ends later does not apply."""
    notice_days: Annotated[int, Field(ge=0, le=365)] = 14
    """How many days before a waiver ends it is announced."""


class Policy(Strict):
    """A policy: which subjects, and which rules they keep to."""

    not_yet: ClassVar[Mapping[str, str]] = {"extends": "inheritance ('extends')"}

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Policy"]
    """What this file is."""
    metadata: Metadata
    """What the policy is called and whose it is."""
    match: Match = Match()
    """Which subjects the policy judges; left out: all of them."""
    rules: tuple[Entry, ...]
    """The rules. With none the policy is empty, and a gate that goes by it says so."""


class Gate(Strict):
    """How a gate reports, and what it does about what could not be known."""

    context: CheckName | Annotated[dict[Glob, CheckName], Field(min_length=1)] = "almguard"
    """The name of the check; or globs of base branches, each with a name, of which the first that matches is taken."""
    comment: Literal["on-change", "always", "never"] = "on-change"
    """When to comment on the pull request."""
    on_unknown: dict[UnknownKind, Literal["block", "warn"]] = {}
    """By the kind of unknown, whether it blocks; everything blocks that is not named here."""


class Connection(Strict):
    """Which tracker the mentions of work items in some repositories lead to."""

    match: Globs
    """Globs of repository names."""
    work_items: Text
    """Where the work items are: `ado:acme/Payments`."""
    credential: Annotated[str, AfterValidator(_credential_name)] | None = None
    """The name of the credential, never the credential itself: `ADO` is the environment variable `ALMGUARD_ADO_TOKEN`."""


class Config(Strict):
    """A configuration: which policies, and how the bot behaves."""

    not_yet: ClassVar[Mapping[str, str]] = {
        "waivers": "a list of waivers ('waivers')",
        "baseline": "a baseline of known findings ('baseline')",
        "identities": "a list of identities ('identities')",
        "inventory": "an inventory ('inventory')",
    }

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Config"]
    """What this file is."""
    policies: tuple[Text, ...] = Field(min_length=1)
    """Policy files, from the root of the repository (globs are welcome), and shipped packs: `pack:baseline`."""
    gate: Gate = Gate()
    """How a gate reports, and what it does about what could not be known."""
    connections: tuple[Connection, ...] = ()
    """Which trackers the mentions of work items lead to."""
    analyzers: tuple[Text, ...] = ()
    """Files with analysis tools of your own, in the form of the shipped catalogue."""
