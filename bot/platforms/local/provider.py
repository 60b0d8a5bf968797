"""Reads a git checkout: its pipelines, files and tags, as its HEAD commit has them. What a platform knows, it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from bot.engine.ports import ConfigurationFile, Known, PlatformError
from bot.engine.targets import Search, Target
from bot.model.facts import Answer, Fact, FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.pipelines import FileContents, PathSpec, PipelineDefinition, Pipelines, Trigger
from bot.model.facts.repository import RepositoryPaths
from bot.model.results import Gap
from bot.model.subjects import Branch, Organization, Pipeline, Platform, PullRequest, Release, Repository, Subject
from bot.platforms.local.git import MAX_BLOB, Git, GitError
from bot.platforms.local.remote import target_of
from bot.platforms.pipelines import azure_pipeline, github_workflow
from bot.policy.references import Fetched, Reference

WORKFLOWS = ".github/workflows"
AZURE_FOLDERS = (".azure-pipelines", ".azuredevops", "azure-pipelines")
YAML = (".yml", ".yaml")


class LocalProvider:
    """One git checkout. It reads the HEAD commit, whatever branch is asked for, and the names of what it gives say so."""

    platform = Platform.LOCAL

    def __init__(self, path: str | Path, now: datetime) -> None:
        self._path = Path(path)
        self._now = now
        self._git = Git(self._path)
        self._definitions: tuple[PipelineDefinition, ...] | None = None
        self._note = ""

    def resolve(self, target: Target) -> Subject:
        """The repository of the checkout. Raises ``PlatformError`` where there is none."""
        del target  # the path was given to the provider
        if not self._path.is_dir():
            raise PlatformError(f"{self._path}: there is no such folder. Give the path of a git checkout.")
        try:
            self._git.run("rev-parse", "--git-dir")
        except GitError as error:
            raise PlatformError(
                f"{self._path} is not a git checkout that can be read: {error}. Give the path of a checkout, "
                "or a target like github:OWNER/REPO."
            ) from error
        try:
            head = self._git.run("rev-parse", "--verify", "HEAD^{commit}").decode().strip()
            root = self._git.root_commit()
        except GitError as error:
            raise PlatformError(
                f"{self._path}: the checkout has no commit yet ({error}). Commit something first."
            ) from error
        self._note = f"{head[:10]} (HEAD{self._on()})"
        origin = self.origin()
        name = origin.partition(":")[2] if origin else self._path.resolve().name
        top = name.split("/", maxsplit=1)[0] if origin else "local"
        organization = Organization(f"local/organization/{top}", top, Platform.LOCAL, "")
        return Repository(
            id=f"local/repository/{root}",
            name=f"{name} (checkout at {self._note})",
            platform=Platform.LOCAL,
            url="",
            organization=organization,
            short_name=name.rpartition("/")[2],
            default_branch=self._git.default_branch(),
        )

    def origin(self) -> str | None:
        """The target that the remote ``origin`` is; None where there is none, or it is on another host."""
        return target_of(self._git.line("config", "--get", "remote.origin.url"))

    def discover(self, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """The repository, its default branch, its pipelines, and its tags as releases."""
        if not isinstance(root, Repository):
            return
        if Repository in kinds:
            yield root
        if Branch in kinds and root.default is not None:
            yield root.default
        try:
            if Pipeline in kinds:
                for definition in self._pipelines():
                    identity = f"local/pipeline/{root.id.rpartition('/')[2]}/{definition.path}"
                    yield Pipeline(
                        identity, f"{root.short_name}: {definition.path}", Platform.LOCAL, "", root, definition.path
                    )
            if Release in kinds:
                yield from self._releases(root)
        except GitError as error:
            yield Gap(root.id, root.name, "git", UnknownKind.UNREADABLE, str(error))

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """None: files need nothing else."""
        del request
        return ()

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """Pipelines, files and their paths; of everything else, that a checkout does not tell it."""
        del known
        for request, subjects in needs.items():
            answer = self._answer(request)
            for subject in subjects:
                yield request, subject, answer

    def counted(self, root: Subject) -> int | None:
        """Not said: a checkout is one repository."""
        del root
        return None

    def unpushed(self, repositories: Sequence[Repository], since: datetime) -> frozenset[str]:
        """None: a checkout is judged."""
        del repositories, since
        return frozenset()

    def release(self, subjects: Sequence[Subject]) -> None:
        """Nothing is kept that could grow."""

    def configuration(self, subject: Subject, paths: Sequence[str]) -> ConfigurationFile | None:
        """The first of the paths that HEAD has, or the working tree: uncommitted changes to a configuration count, because
        whoever audits a checkout is trying them out.
        """
        del subject
        for path in paths:
            try:
                committed = self._git.text(path)
            except GitError as error:
                raise PlatformError(f"{self._path}: {path} cannot be read: {error}.", UnknownKind.UNREADABLE) from error
            present = self._uncommitted(path)
            if present is not None and (committed is None or _lines(present) != _lines(committed)):
                return ConfigurationFile(path, present, f"{self._path}/{path} (working tree, not committed)")
            if committed is not None:
                return ConfigurationFile(path, committed, f"{self._path}@HEAD:{path}")
        return None

    def same_head(self, subject: PullRequest) -> Sequence[Target]:
        """None: a checkout has no pull requests."""
        del subject
        return ()

    def landing(self, subject: PullRequest) -> None:
        """Nothing is stacked."""

    def guarded(self, branch: Branch) -> bool:
        """No: a checkout has no rules."""
        del branch
        return False

    def find(self, search: Search) -> Sequence[Target]:
        """None: a checkout has no pull requests."""
        del search
        return ()

    def paths(self, subject: Subject) -> Sequence[str]:
        """Every path of HEAD. Raises ``PlatformError``."""
        del subject
        try:
            return self._git.paths()
        except GitError as error:
            raise PlatformError(
                f"{self._path}: its files cannot be listed: {error}.", UnknownKind.UNREADABLE
            ) from error

    def fetch(self, reference: Reference) -> Fetched:
        """Refused: a checkout is one repository."""
        raise PlatformError(
            f"{reference} cannot be read from the checkout {self._path}, which holds no other repository. Read it from the "
            "platform that it names."
        )

    def requests(self) -> int:
        """None are sent."""
        return 0

    def round_trips(self) -> int:
        """None are made."""
        return 0

    def close(self) -> None:
        """Nothing is open."""

    def _answer(self, request: FactRequest) -> Answer:
        loaders: dict[type[Fact], Callable[[FactRequest], Fact]] = {
            Pipelines: lambda _: Pipelines(self._pipelines()),
            FileContents: self._contents,
            RepositoryPaths: lambda _: RepositoryPaths(self._git.paths()),
        }
        loader = loaders.get(request.type)
        if loader is None:
            return NotSupported(f"a checkout does not tell; audit {self.origin() or 'github:… or ado:…'} for it")
        try:
            return Loaded(loader(request), f"{self._path} at {self._note or 'HEAD'}", self._now)
        except GitError as error:
            return Unavailable(UnknownKind.UNREADABLE, f"{self._path}: {error}")

    def _pipelines(self) -> tuple[PipelineDefinition, ...]:
        if self._definitions is None:
            self._definitions = tuple(self._parsed())
        return self._definitions

    def _parsed(self) -> Iterator[PipelineDefinition]:
        for path in sorted(self._git.files("", WORKFLOWS, *AZURE_FOLDERS)):
            folder, _, name = path.rpartition("/")
            if not name.endswith(YAML):
                continue
            if folder == WORKFLOWS:
                yield self._workflow(path)
            elif folder in AZURE_FOLDERS or (not folder and name.startswith(("azure-pipelines", ".azure-pipelines"))):
                definition = self._azure(path)
                # Such a folder also holds templates of variables and other settings, which are no pipelines
                if not folder or "not a pipeline" not in definition.error:
                    yield definition

    def _workflow(self, path: str) -> PipelineDefinition:
        text, problem = self._read(path)
        if problem:
            return PipelineDefinition(path, path, enabled=None, error=f"{path}: line 1: {problem}", error_line=1)
        return github_workflow.parse(path, text, enabled=None)

    def _azure(self, path: str) -> PipelineDefinition:
        text, problem = self._read(path)
        # Whether a build validation runs it, and whether that blocks, stands in Azure DevOps alone
        triggers = (Trigger("pull_request", blocking=None),)
        if problem:
            error = f"{path}: line 1: {problem}"
            return PipelineDefinition(path, path, format="azure", enabled=None, error=error, error_line=1)
        return azure_pipeline.parse(path, text, read=self._template, enabled=None, triggers=triggers)

    def _read(self, path: str) -> tuple[str, str]:
        """A file's text, or else what is wrong with it."""
        try:
            return self._git.text(path) or "", ""
        except GitError as error:
            return "", str(error)

    def _template(self, path: str) -> str | None:
        try:
            return self._git.text(path)
        except GitError:
            return None  # the pipeline then names the template as one that was not found

    def _contents(self, request: FactRequest) -> FileContents:
        wanted = request.spec.paths if isinstance(request.spec, PathSpec) else frozenset()
        texts = {path: self._git.text(path) for path in sorted(wanted)}
        return FileContents({path: text for path, text in texts.items() if text is not None})

    def _releases(self, root: Repository) -> Iterator[Release]:
        for tag in self._git.tags():
            yield Release(
                id=f"local/release/{root.id.rpartition('/')[2]}/{tag.name}",
                name=f"{root.short_name}@{tag.name}",
                platform=Platform.LOCAL,
                url="",
                repository=root,
                version=tag.name,
                commit=tag.commit,
                created_at=tag.at,
                release_kind="tag",
            )

    def _on(self) -> str:
        branch = self._git.current_branch()
        return f" of {branch}" if branch else ", detached"

    def _uncommitted(self, path: str) -> str | None:
        """A file of the working tree; None where there is none, or it leads out of the checkout."""
        top = self._git.working_tree()
        if top is None:
            return None
        file = (top / path).resolve()
        if not file.is_relative_to(top.resolve()) or not file.is_file() or file.stat().st_size > MAX_BLOB:
            return None
        return file.read_text(encoding="utf-8", errors="replace")


def _lines(text: str) -> list[str]:
    """Lines without their ends: a checkout may have rewritten them."""
    return text.splitlines()
