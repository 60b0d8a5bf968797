"""The files that people write, as pydantic models: ``Policy`` and ``Config``. Every docstring ends up in the schema."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from bot.model import globs as path_globs
from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.results import Enforcement
from bot.model.subjects import Platform, Visibility
from bot.policy.durations import duration
from bot.policy.globs import mistake

API_VERSION = "almguard/v1"
LABEL = r"^[^,;\s](?:[^,;\r\n]*[^,;\s])?$"
"""Azure DevOps takes neither commas nor semicolons within a tag."""
NAME = r"^[a-z0-9]+([._-][a-z0-9]+)*$"


T = TypeVar("T")


def _listed(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return value if isinstance(value, tuple) else (value,)


def _glob(value: str) -> str:
    wrong = mistake(value)
    if wrong is not None:
        raise ValueError(f"{value!r} is no pattern: {wrong}")
    return value


def _path_glob(value: str) -> str:
    try:
        path_globs.compiled((value,))
    except ValueError as error:
        raise ValueError(f"{value!r} is no pattern of paths, as gitignore writes them: {error}") from error
    return value


def _credential_name(value: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", value):
        # Not repeated: somebody may have written the credential itself.
        raise ValueError("the name of a credential is wanted here, in capitals (ADO), never the credential itself")
    return value


def _some_path(value: tuple[str, ...]) -> tuple[str, ...]:
    if all(glob.startswith("!") for glob in value):
        raise ValueError(
            "these are exclusions alone, and no file is left to look for; begin with the files that are meant"
        )
    return value


def _duration(value: str) -> str:
    duration(value)
    return value


Text = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
Duration = Annotated[
    str,
    AfterValidator(_duration),
    Field(json_schema_extra={"pattern": "^([0-9]{1,4}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?$", "minLength": 2}),
]
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=100)]
Glob = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500),
    AfterValidator(_glob),
    Field(json_schema_extra={"format": "glob"}),
]
PathGlob = Annotated[
    str,
    StringConstraints(min_length=1, max_length=500),
    AfterValidator(_path_glob),
    Field(json_schema_extra={"format": "gitignore"}),
]
if TYPE_CHECKING:  # A single value may stand for a list of one; afterwards it is always a tuple.
    Globs: TypeAlias = tuple[str, ...]
    Platforms: TypeAlias = tuple[Platform, ...]
    Visibilities: TypeAlias = tuple[Visibility, ...]
else:
    Globs = Annotated[Annotated[tuple[Glob, ...], Field(min_length=1)] | Glob, AfterValidator(_listed)]
    # Jira, a tracker of issues, has no repositories.
    Home = Annotated[Literal["github", "azure-devops", "local"], AfterValidator(Platform)]
    Platforms = Annotated[Annotated[tuple[Home, ...], Field(min_length=1)] | Home, AfterValidator(_listed)]
    Visibilities = Annotated[
        Annotated[tuple[Visibility, ...], Field(min_length=1)] | Visibility, AfterValidator(_listed)
    ]
if TYPE_CHECKING:  # As above: a single text may stand for a list of one.
    Texts: TypeAlias = tuple[str, ...]
    Paths: TypeAlias = tuple[str, ...]
else:
    Paths = Annotated[
        Annotated[tuple[PathGlob, ...], Field(min_length=1)] | PathGlob,
        AfterValidator(_listed),
        AfterValidator(_some_path),
    ]
    Texts = Annotated[Annotated[tuple[Text, ...], Field(min_length=1)] | Text, AfterValidator(_listed)]
CheckName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Expression = Annotated[
    str, StringConstraints(min_length=1, max_length=10_000), Field(json_schema_extra={"format": "cel"})
]
Template = Annotated[
    str, StringConstraints(min_length=1, max_length=2_000), Field(json_schema_extra={"format": "message"})
]
Step = Annotated[dict[Enforcement, date | None], Field(min_length=1, max_length=1)] | Enforcement


class Strict(BaseModel):
    """What every part of a file keeps to: no unknown keys, no quiet conversions, the docstrings are the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, use_attribute_docstrings=True)

    misplaced: ClassVar[Mapping[str, str]] = {}
    """Keys that people write here and that belong elsewhere, each with what to do: refused, never ignored."""


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
    """Custom properties: columns of the inventory, GitHub custom properties, Azure DevOps project properties."""
    topics: Globs | None = None
    """A topic of the repository."""
    path: Paths | None = None
    """A file that the default branch has (of a pull request, its base), as gitignore writes it: `/Dockerfile`, `*.tf`."""
    visibility: Visibilities | None = None
    """Who may see the repository."""
    language: Globs | None = None
    """The repository's main language, in upper or lower case."""
    archived: bool | Literal["any"] = False
    """Archived (disabled) repositories are left out, unless this is `true` (only those) or `any`."""
    fork: bool | None = None
    """Only forks, or only what is not one."""


class SubjectKind(StrEnum):
    """What a rule of one's own judges."""

    ORGANIZATION = "organization"
    REPOSITORY = "repository"
    BRANCH = "branch"
    PULL_REQUEST = "pull_request"
    PIPELINE = "pipeline"
    ENVIRONMENT = "environment"
    RELEASE = "release"
    WORK_ITEM = "work_item"


class Override(StrEnum):
    """Whether a policy that inherits may do more than tighten."""

    ALLOW = "allow"
    FORBID = "forbid"


class Member(Strict):
    """A rule with its parameters, a group of rules, or a rule of one's own."""

    misplaced: ClassVar[Mapping[str, str]] = {
        "enforce": "'enforce' belongs to the group as a whole, not to a member of it",
        "severity": "'severity' belongs to the group as a whole, not to a member of it",
        "override": "'override' belongs to the group as a whole, not to a member of it",
        "match": "'match' belongs to the policy; an entry has 'when' and 'unless'",
    }

    rule: str | None = None
    """The rule's id."""
    name: Name | None = None
    """The second half of the entry's key; the rule's id where it is left out. Unique in the policy."""
    with_: dict[str, Any] = Field(default_factory=dict, alias="with")
    """The rule's parameters."""
    any_of: tuple[Member, ...] | None = Field(default=None, min_length=1)
    """A group of which one member has to pass."""
    all_of: tuple[Member, ...] | None = Field(default=None, min_length=1)
    """A group of which every member that applies has to pass."""
    assert_: Expression | None = Field(default=None, alias="assert")
    """A rule of one's own (CEL): what holds where all is well."""
    subject: SubjectKind | None = None
    """What a rule of one's own judges."""
    message: Template | None = None
    """What a rule of one's own says where it does not hold; `{{ … }}` holds an expression (CEL)."""
    fix: Template | None = None
    """What to do then, and who can; with expressions as in `message`."""
    location: Template | None = None
    """The file of the repository that it is about; with expressions as in `message`."""
    when: Expression | None = None
    """A condition (CEL): where it is false the entry is not applicable."""
    unless: Expression | None = None
    """A condition (CEL): where it is true the entry is not applicable."""


class Entry(Member):
    """One rule, one group of rules, or one rule of one's own, and how it is enforced."""

    misplaced: ClassVar[Mapping[str, str]] = {
        "match": "'match' belongs to the policy; an entry has 'when' and 'unless'"
    }

    enforce: Enforcement | Annotated[tuple[Step, ...], Field(min_length=1)] | None = None
    """What a failure does: `audit` records it, `warn` shows it, `block` blocks, `disabled` does not judge at all. Or a list
    of such steps, each but the first with the day on which it begins: `[{audit}, {block: 2027-01-15}]`."""
    severity: Severity | None = None
    """In place of the rule's own severity; a group has the gravest of its rules'."""
    override: Override | None = None
    """Whether a policy that inherits this entry may loosen it; where it is left out, what the policy says."""


class WaiverLimits(Strict):
    """What waivers of this policy's entries have to keep to."""

    allowed: bool = True
    """Whether its entries can be waived at all; where not, no baseline excuses their findings either."""
    max_days: Annotated[int, Field(ge=1, le=3_650)] | None = None
    """How many days from now a waiver may end at most; one that ends later does not apply."""
    notice_days: Annotated[int, Field(ge=0, le=365)] = 14
    """How many days before a waiver ends it is announced."""


class Policy(Strict):
    """A policy: which subjects, and which rules they keep to."""

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Policy"]
    """What this file is."""
    metadata: Metadata
    """What the policy is called and whose it is."""
    extends: Texts = ()
    """Policies that this one begins with, the later over the earlier: `pack:baseline`, a file of this place, or a file of
    another repository at a tag or commit: `github:acme/governance//policies/base.yml@v3`."""
    override: Override = Override.FORBID
    """Whether a policy that inherits this one may loosen its entries, those that it inherits itself only where its parent
    allows it too; an entry may say otherwise for itself."""
    match: Match = Match()
    """Which subjects the policy judges; left out: all of them."""
    waivers: WaiverLimits = WaiverLimits()
    """What waivers of its entries have to keep to."""
    rules: tuple[Entry, ...]
    """The rules. With none the policy is empty, and a gate that goes by it says so."""


class Gate(Strict):
    """How a gate reports, and what it does about what could not be known."""

    context: CheckName | Annotated[dict[Glob, CheckName], Field(min_length=1)] = "almguard"
    """The name of the check; or globs of base branches, each with a name, of which the first that matches is taken."""
    comment: Literal["on-change", "always", "never"] = "on-change"
    """When to comment on the pull request."""
    annotations: Literal["check", "threads", "never"] = "check"
    """Where findings in a file that the pull request changes are shown at their lines. `check`: on the check (GitHub), in the
    log of the build (Azure Pipelines). `threads`: on Azure DevOps as a thread on each line, too."""
    wait: Duration = "0s"
    """How long a gate waits for checks that are still running, where nothing else is missing, before it posts: `10m`."""
    request_reviews: Annotated[int, Field(ge=0, le=10)] = 0
    """How many of those who can still approve are asked for a review at the same time, once only people are missing; with 0
    nobody is asked."""
    follow_stack: bool = False
    """Whether a pull request into another open one's branch is judged as if it went where that one will land. It is read where
    the stack lands."""
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


class Tracking(Strict):
    """What `almguard scan --notify issues` writes: an issue (GitHub) or a work item (Azure DevOps) for each repository."""

    enforcement: Literal["audit", "warn", "block"] = "warn"
    """The least enforcement of what is listed: with `warn` what warns and what blocks, with `audit` everything."""
    severity: Severity = Severity.LOW
    """The least severity of what is listed."""
    label: Annotated[str, StringConstraints(pattern=LABEL, max_length=50)] = "almguard"
    """The label (GitHub) or tag (Azure DevOps) by which the items are found again. Whoever takes it off an item keeps that
    item, and gets another one."""
    labels: tuple[Annotated[str, StringConstraints(pattern=LABEL, max_length=50)], ...] = ()
    """Labels or tags that a new item has besides."""
    assignees: Literal["owner", "nobody"] = "owner"
    """Whom a new item is given to: the default owner in CODEOWNERS (GitHub), else the inventory's column `owner`; or nobody."""
    limit: Annotated[int, Field(ge=1, le=10_000)] = 50
    """How many writes one run makes at most; what is left is done by the next."""
    repository: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$")] | None = None
    """GitHub: the one repository that has all issues, `acme/governance`, in place of each repository its own. It has the
    organisation's as well."""
    project: Text | None = None
    """Azure DevOps: the one project of each organisation that has all work items, in place of each repository's own. It has
    the organisation's and its projects' as well."""
    work_item_type: Text = "Task"
    """Azure DevOps: the type of a new item. Every process that Microsoft ships has tasks."""
    area: Text | None = None
    """Azure DevOps: the area path of a new item; the project's own where it is left out."""


class Config(Strict):
    """A configuration: which policies, and how the bot behaves."""

    api_version: Literal["almguard/v1"] = Field(alias="apiVersion")
    """The version of this format."""
    kind: Literal["Config"]
    """What this file is."""
    policies: tuple[Text, ...] = Field(min_length=1)
    """Policy files, from the root of the repository (globs are welcome), shipped packs: `pack:baseline`, and files of other
    repositories at a tag or commit."""
    waivers: Texts = ()
    """Files of waivers."""
    baseline: Text | None = None
    """The file of the findings that are there today: they are shown, and do not block. `almguard baseline` writes it."""
    gate: Gate = Gate()
    """How a gate reports, and what it does about what could not be known."""
    connections: tuple[Connection, ...] = ()
    """Which trackers the mentions of work items lead to."""
    identities: Text | None = None
    """The file that says which accounts on several hosts are one person."""
    inventory: Text | None = None
    """A CSV file with a row for each kind of repository, whose columns `match.properties` may ask for."""
    analyzers: tuple[Text, ...] = ()
    """Files with analysis tools of your own, in the form of the shipped catalogue."""
    tracking: Tracking = Tracking()
    """What `almguard scan --notify issues` writes."""
