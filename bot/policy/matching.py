"""Whether a policy's ``match`` selects a subject: yes, no, or not known, and then never quietly no."""

from __future__ import annotations

from collections.abc import Mapping

from bot.model import globs as path_globs
from bot.model.facts import Answer, Fact, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.repository import Properties, RepositoryPaths
from bot.model.subjects import Branch, Organization, Platform, PullRequest, Repository, Subject, WorkItem
from bot.policy.expressions import Undecided
from bot.policy.globs import any_glob
from bot.policy.inventory import Inventory
from bot.policy.models import Match

DEFAULT_BRANCH = "default"
ANY = "any"
LISTED = ("fork", "language", "topics")
"""Keys that only a platform's listing answers. There no language and no topics are values; Azure DevOps has neither."""


Answers = Mapping[type[Fact], Answer]
"""What was read about the subject's repository and branch: ``Properties``, ``RepositoryPaths``; missing: not asked for."""


def needs_properties(match: Match, inventory: Inventory | None) -> bool:
    """Whether custom properties have to be loaded before it can be told: the inventory has not all of them."""
    columns = inventory.columns if inventory is not None else ()
    return any(name not in columns for name in match.properties or ())


def needs_paths(match: Match) -> bool:
    """Whether the paths of the repository have to be loaded before it can be told."""
    return match.path is not None


def matches(match: Match, subject: Subject, answers: Answers, inventory: Inventory | None) -> bool | Undecided:
    """Whether the subject is selected: yes, no, or not known because something could not be read.

    A policy that selects repositories judges nothing above a repository; a selection by branch binds only what has one.
    """
    if match.platform is not None and subject.platform not in match.platform:
        return False
    repository = repository_of(subject)
    if repository is None:
        return not selects_repositories(match) and _place(match, subject)
    if not _place(match, subject) or not _repository(match, repository) or not _branch(match, subject):
        return False
    found = [
        _inventory(match.properties, inventory, repository) if match.properties and inventory is not None else True,
        _properties(match, inventory, answers.get(Properties)),
        _paths(match.path, answers.get(RepositoryPaths)) if match.path is not None else True,
    ]
    doubts = [each for each in found if isinstance(each, Undecided)]
    selected = False if False in found else doubts[0] if doubts else True
    if selected is not False and match.visibility is not None and repository.visibility is None:
        return Undecided(f"the visibility of {repository.name} could not be read", UnknownKind.SCOPE)
    unread = [key for key in LISTED if getattr(match, key) is not None]
    if selected is not False and unread and repository.platform is Platform.LOCAL:
        return Undecided(f"a checkout does not tell the {' or '.join(unread)} of {repository.name}", UnknownKind.SCOPE)
    return selected


def selects_repositories(match: Match) -> bool:
    """Whether some key speaks of repositories, so that organisations and work items are never selected."""
    keys = (
        match.repository,
        match.branch,
        match.properties,
        match.topics,
        match.path,
        match.visibility,
        match.language,
        match.fork,
    )
    return any(key is not None for key in keys) or match.archived is True


def repository_of(subject: Subject) -> Repository | None:
    """The repository that a subject is, or belongs to."""
    if isinstance(subject, Repository):
        return subject
    found = getattr(subject, "repository", None)
    return found if isinstance(found, Repository) else None


def _place(match: Match, subject: Subject) -> bool:
    if match.organization is None and match.project is None:
        return True
    if isinstance(subject, WorkItem):
        name, project = _work_item_place(subject)
    else:
        repository = repository_of(subject)
        found = subject if isinstance(subject, Organization) else repository.organization if repository else None
        if found is None:
            return False
        name, project = found.name.split("/", 1)[0], found.project
    if match.organization is not None and not any_glob(name, match.organization, ignore_case=True):
        return False
    return match.project is None or (project is not None and any_glob(project, match.project, ignore_case=True))


def _work_item_place(item: WorkItem) -> tuple[str, str | None]:
    """Azure Boards' area path begins with the project; a GitHub issue's scope with the owner."""
    if item.platform is Platform.AZURE_DEVOPS:
        return item.name.split("/", 1)[0], item.scope.split("\\", 1)[0] or None
    return item.scope.split("/", 1)[0], None


def _repository(match: Match, repository: Repository) -> bool:
    if match.archived != ANY and repository.archived is not match.archived:
        return False
    if match.repository is not None and not _named(repository, match.repository):
        return False
    if match.visibility is not None and repository.visibility not in (*match.visibility, None):
        return False
    if repository.platform is Platform.LOCAL:
        return True  # A checkout tells nothing of what follows: see ``matches``.
    if match.fork is not None and repository.is_fork is not match.fork:
        return False
    if match.language is not None and not any_glob(repository.language or "", match.language, ignore_case=True):
        return False
    return match.topics is None or _any_of(repository.topics, match.topics)


def _named(repository: Repository, globs: tuple[str, ...]) -> bool:
    """Full names; a glob without ``/`` looks at the last part alone."""

    def found(chosen: list[str]) -> bool:
        return any(
            any_glob(repository.name if "/" in glob else repository.short_name, (glob,), ignore_case=True)
            for glob in chosen
        )

    included = [glob for glob in globs if not glob.startswith("!")]
    return (not included or found(included)) and not found([glob[1:] for glob in globs if glob.startswith("!")])


def _branch(match: Match, subject: Subject) -> bool:
    if match.branch is None:
        return True
    branch = subject if isinstance(subject, Branch) else subject.base if isinstance(subject, PullRequest) else None
    if branch is None:
        return True

    def found(chosen: list[str]) -> bool:
        """``default`` is the default branch, whatever it is called."""
        return any(branch.is_default if g == DEFAULT_BRANCH else any_glob(branch.branch, (g,)) for g in chosen)

    included = [glob for glob in match.branch if not glob.startswith("!")]
    return (not included or found(included)) and not found([g[1:] for g in match.branch if g.startswith("!")])


def _any_of(values: tuple[str, ...], globs: tuple[str, ...]) -> bool:
    excluded = tuple(glob[1:] for glob in globs if glob.startswith("!"))
    included = tuple(glob for glob in globs if not glob.startswith("!"))
    if excluded and any(any_glob(value, excluded, ignore_case=True) for value in values):
        return False
    return not included or any(any_glob(value, included, ignore_case=True) for value in values)


def _inventory(wanted: Mapping[str, tuple[str, ...]], inventory: Inventory, repository: Repository) -> bool:
    """The properties that the inventory has a column for; a repository without a row has no value."""
    row = inventory.values(repository)
    return all(_property(row.get(name), globs) for name, globs in wanted.items() if name in inventory.columns)


def _properties(match: Match, inventory: Inventory | None, answer: Answer | None) -> bool | Undecided:
    """The properties that the platform has to tell."""
    columns = inventory.columns if inventory is not None else ()
    wanted = {name: globs for name, globs in (match.properties or {}).items() if name not in columns}
    if not wanted:
        return True
    match answer:
        case Loaded(value=Properties() as found):
            return all(_property(found.values.get(name), globs) for name, globs in wanted.items())
        case Unavailable() as unavailable:
            return Undecided(unavailable.reason, unavailable.kind, Properties.name)
        case NotSupported():
            # Where there are no custom properties at all, none has the value that is asked for.
            return all(_property(None, globs) for globs in wanted.values())
        case _:
            return Undecided("the custom properties were not read", missing=Properties.name)


def _paths(globs: tuple[str, ...], answer: Answer | None) -> bool | Undecided:
    """Whether the branch has a file of one of these paths, as gitignore reads globs; a later ``!`` takes out again."""
    match answer:
        case Loaded(value=RepositoryPaths() as found):
            return any(path_globs.matches(path, globs) for path in found.paths)
        case Unavailable() as unavailable:
            return Undecided(unavailable.reason, unavailable.kind, RepositoryPaths.name)
        case NotSupported():
            return False
        case _:
            return Undecided("the paths of the repository were not read", missing=RepositoryPaths.name)


def _property(value: str | None, globs: tuple[str, ...]) -> bool:
    """A property with several values arrives joined by commas. One that is unset has no value."""
    values = tuple(part.strip() for part in value.split(",")) if value else ()
    return _any_of(values, globs)
