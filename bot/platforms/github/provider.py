"""The GitHub provider: the engine's port, put together from the readings of each family of facts.

The way of a round: every fact that GraphQL tells becomes a piece of a query, pieces of one repository share one, repositories
are batched; every fact that REST alone tells becomes a task. All queries and tasks of the round run at once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime

from bot.engine.ports import ConfigurationFile, Known, PlatformError
from bot.engine.targets import Search, Target
from bot.model.facts import Answer, Fact, FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.alerts import CodeAlerts, IntroducedAlerts
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    CodeOwners,
    Comments,
    Commits,
    FormerCommits,
    LinkedWorkItems,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
)
from bot.model.facts.lines import ChangedLines
from bot.model.facts.pipelines import DetectedTools, FileContents, Pipelines
from bot.model.facts.protection import BranchRules, BypassActors, ClassicProtection, SecretScanning
from bot.model.facts.release import (
    Deployments,
    PreviousRelease,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    RollbackProcedures,
)
from bot.model.facts.repository import Properties, RepositoryPaths
from bot.model.rehearsal import Merged
from bot.model.results import Gap
from bot.model.subjects import Branch, Organization, Platform, PullRequest, Release, Repository, Subject
from bot.platforms.github import (
    alerts,
    change,
    deployments,
    files,
    lines,
    links,
    people,
    protection,
    rebasing,
    releases,
    remote_files,
    settings,
    teams,
)
from bot.platforms.github.client import API_URL, GitHubClient
from bot.platforms.github.memory import Memory
from bot.platforms.github.merged import MergedPullRequests
from bot.platforms.github.query import Found, Piece, ask, batches, text
from bot.platforms.github.reading import Connected, Context, Reading, Task, WorkItemReader, answer, denied
from bot.platforms.github.readings import CONTENTS, READINGS
from bot.platforms.github.resolving import Resolver
from bot.platforms.github.whereabouts import elsewhere
from bot.platforms.jira.issues import IssueReader
from bot.platforms.transport import Transport
from bot.policy.references import Fetched, Reference

Read = Callable[[Context, FactRequest, Subject], Reading]
Plan = Callable[[Context, FactRequest, Sequence[Subject]], "list[Task]"]

GRAPHQL: Mapping[type[Fact], Read] = {
    Reviews: change.reviews,
    Comments: change.comments,
    Commits: change.commits,
    ChangedFiles: change.changed_files,
    Checks: change.checks,
    TeamMembers: teams.team_members,
    CodeOwners: files.code_owners,
    Pipelines: files.pipelines,
    FileContents: files.file_contents,
    DetectedTools: files.detected_tools,
    ClassicProtection: protection.classic_protection,
    BranchRules: protection.branch_rules,
    BypassActors: protection.bypass_actors,
    Deployments: deployments.deployments,
}
"""Facts that are merged into queries."""

REST: Mapping[type[Fact], Plan] = {
    Pushes: people.pushes,
    ReviewerPermissions: people.reviewer_permissions,
    FormerCommits: rebasing.former_commits,
    LinkedWorkItems: links.linked_work_items,
    SecretScanning: settings.secret_scanning,
    IntroducedAlerts: alerts.introduced_alerts,
    CodeAlerts: alerts.code_alerts,
    ChangedLines: lines.changed_lines,
    Properties: settings.properties,
    RepositoryPaths: files.repository_paths,
    PreviousRelease: deployments.previous_release,
    RollbackProcedures: releases.rollback_procedures,
    ReleaseChanges: releases.release_changes,
    ReleaseRecord: releases.release_record,
    ReleaseConfiguration: releases.release_configuration,
}
"""Facts that take requests of their own."""

_AT_ONCE = 24
_PLANNED = 400
"""Repositories whose queries are planned at a time: plans for ten thousand would fill the memory."""

_FEW = 5
"""Up to so many repositories files are read with their texts; of more, by name first."""


class GitHubProvider:
    """Reads GitHub."""

    platform = Platform.GITHUB

    def __init__(
        self,
        token: str | Callable[[], str],
        api_url: str = API_URL,
        graphql_url: str | None = None,
        *,
        now: datetime,
        connections: Sequence[Connected] = (),
        work_item_reader: WorkItemReader | None = None,
        issue_reader: IssueReader | None = None,
        transport: Transport | None = None,
        blobs: MutableMapping[str, str] | None = None,
    ) -> None:
        """Make a provider.

        Args:
            token: the token, or where to get one: see ``app.InstallationToken``.
            api_url: the address of the REST API.
            graphql_url: the address of the GraphQL API; by default the one that belongs to ``api_url``.
            now: when the run reads what it reads.
            connections: where ``AB#12`` leads from which repositories.
            work_item_reader: reads those work items.
            issue_reader: reads Jira's issues; None: there is no Jira to ask.
            transport: shared with the other platforms; by default the provider's own, closed with it.
            blobs: texts of files by their hash; what is in it is not fetched again. By default what the transport keeps.
        """
        self._own = transport is None
        self.transport = transport or Transport()
        self.client = GitHubClient(token, api_url, graphql_url, self.transport)
        clock = self.transport.clock
        if blobs is None:
            blobs = self.transport.blobs(self.client.host, self.client.principal)
        self.memory = Memory(clock=clock, blobs=blobs)
        self._now = now
        self._connections = tuple(connections)
        self._read_work_items = work_item_reader
        self._issues_of_jira = issue_reader
        self._resolver = Resolver(self.client, self.memory)

    def connect(self, connections: Sequence[Connected]) -> None:
        """Say where ``AB#12`` leads; a configuration is known only once a target was resolved."""
        self._connections = tuple(connections)

    def resolve(self, target: Target) -> Subject:
        """The subject that a target names. Raises ``PlatformError``."""
        return self._resolver.resolve(target)

    def discover(self, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """Every subject of these kinds under an organisation, a user account or a repository."""
        return self._resolver.discover(root, kinds)

    def counted(self, root: Subject) -> int | None:
        """How many repositories GitHub counts of an organisation or a user account."""
        return self.memory.repositories_of.get(root.name.lower()) if isinstance(root, Organization) else None

    def unpushed(self, repositories: Sequence[Repository], since: datetime) -> frozenset[str]:
        """None: the listing tells of all that anything was ever pushed to."""
        del repositories, since
        return frozenset()

    def release(self, subjects: Sequence[Subject]) -> None:
        """Let go of what was seen of these subjects alone."""
        self.memory.release(subjects)

    def merged(self, root: Subject, amount: int, branch: str | None = None) -> Iterator[Merged | Gap]:
        """The newest merged pull requests of a repository, or over an owner's repositories, as they stood at their merge."""
        homes = [root] if isinstance(root, Repository) else []
        for item in () if homes else self.discover(root, frozenset({Repository})):
            if isinstance(item, Gap):
                yield item
            elif isinstance(item, Repository) and not item.archived:
                homes.append(item)
        yield from MergedPullRequests(self.client, self.memory).newest(homes, amount, branch)

    def as_merged(self, targets: Sequence[Target]) -> Iterator[Merged | Gap]:
        """Pull requests that are named, as they stood at their merge. One whose repository cannot be had is a gap."""
        homes: dict[str, Repository | PlatformError] = {}
        wanted: list[tuple[Repository, int]] = []
        for target in targets:
            name = f"{target.organization}/{target.repository}".lower()
            if name not in homes:
                homes[name] = self._home(target)
            home = homes[name]
            if isinstance(home, PlatformError):
                yield Gap(str(target), str(target), "pull request", home.kind or UnknownKind.SCOPE, str(home))
            else:
                wanted.append((home, target.pull_request or 0))
        yield from MergedPullRequests(self.client, self.memory).read(wanted)

    def _home(self, target: Target) -> Repository | PlatformError:
        try:
            found = self.resolve(replace(target, pull_request=None))
        except PlatformError as wrong:
            return wrong
        assert isinstance(found, Repository)
        return found

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """The facts that must be loaded before this one."""
        after = READINGS[request.type].after if request.type in READINGS else ()
        if request.type is TeamMembers and request.spec is not None and request.spec.owners:
            after = (CodeOwners,)
        return tuple(FactRequest(fact) for fact in after)

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """All requests of one round."""
        homes = {home_of(subject) for subjects in needs.values() for subject in subjects}
        context = Context(
            self.client,
            self._now,
            self.memory,
            known,
            self._connections,
            self._read_work_items,
            self._issues_of_jira,
            few=len(homes) <= _FEW,
        )
        asked: dict[str, list[tuple[FactRequest, FactRequest, Subject]]] = {}
        tasks: list[Task] = []
        for request, subjects in needs.items():
            if request.type in GRAPHQL:
                told = files.with_states(request, self._together(subjects)) if self._states_matter(request) else request
                for subject in subjects:
                    asked.setdefault(home_of(subject), []).append((request, told, subject))
            elif (plan := REST.get(request.type)) is not None:
                tasks += plan(context, request, subjects)
            else:
                reason = NotSupported(f"GitHub has nothing that {request.type.name} could be read from")
                yield from ((request, subject, reason) for subject in subjects)
        places = list(asked)
        for start in range(0, max(1, len(places)), _PLANNED):
            planned = [
                (request, subject, GRAPHQL[request.type](context, told, subject))
                for place in places[start : start + _PLANNED]
                for request, told, subject in asked[place]
            ]
            yield from self._run([*self._queries(context, planned), *tasks])
            tasks = []
        yield from self._run(context.later)

    def _run(self, tasks: Sequence[Task]) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        for start in range(0, len(tasks), _AT_ONCE):
            for answers in self.transport.gather(tasks[start : start + _AT_ONCE]):
                yield from answers

    def _together(self, subjects: Sequence[Subject]) -> int:
        """How many subjects are judged in the run: where an owner was listed all of them, and not those of one batch alone.

        What is read of a repository must not depend on which others happen to be in its batch.
        """
        owners = {home_of(subject).partition("/")[0].lower() for subject in subjects}
        return max(len(subjects), *(self.memory.repositories_of.get(owner, 0) for owner in owners), 0)

    def _states_matter(self, request: FactRequest) -> bool:
        """A disabled workflow shows on a pull request by the check that is lacking; else its state must be asked for."""
        return request.type is Pipelines and not self.memory.pull_requests

    def _queries(self, context: Context, asked: Sequence[tuple[FactRequest, Subject, Reading]]) -> Iterator[Task]:
        for positions in batches([reading.piece for _, _, reading in asked], self.client.room.now):
            yield self._query(context, [asked[position] for position in positions])

    def _query(self, context: Context, asked: Sequence[tuple[FactRequest, Subject, Reading]]) -> Task:
        def task() -> list[tuple[FactRequest, Subject, Answer]]:
            found = ask(self.client, [reading.piece for _, _, reading in asked])
            if not context.few:
                named = [(home_of(subject), one.node) for (_, subject, _), one in zip(asked, found, strict=True)]
                files.fetch_missing(context, named)
            told = []
            for (request, subject, reading), one in zip(asked, found, strict=True):
                parse = functools.partial(self._parsed, request, subject, reading, one)
                if reading.last:
                    context.later.append(parse)
                else:
                    told += parse()
            return told

        return task

    def _parsed(
        self, request: FactRequest, subject: Subject, reading: Reading, found: Found
    ) -> list[tuple[FactRequest, Subject, Answer]]:
        moved = elsewhere(subject, found.home, found.errors)
        return [(request, subject, moved or answer(reading, found, self._now))]

    def configuration(self, subject: Subject, paths: Sequence[str]) -> ConfigurationFile | None:
        """The first of these paths that exists: on the base of a pull request, else on the default branch."""
        branch = _branch_of_configuration(subject)
        if branch is None:
            return None
        seen = self.memory.pull_requests.get(subject.id)
        texts = (
            seen.files
            if seen is not None and seen.base == branch.branch and all(path in seen.files for path in paths)
            else self._texts(branch, paths)
        )
        for path in paths:
            content = texts[path]
            if content is not None:
                return ConfigurationFile(path, content, f"{branch.name}:{path}")
        return None

    def same_head(self, subject: PullRequest) -> Sequence[Target]:
        """The other open pull requests of the repository that have the same head commit. Raises ``PlatformError``."""
        return self._resolver.same_head(subject)

    def landing(self, subject: PullRequest) -> Branch | None:
        """The branch that a stacked pull request will land in. Raises ``PlatformError``."""
        return self._resolver.landing(subject)

    def guarded(self, branch: Branch) -> bool:
        """Whether classic protection or an active ruleset covers the branch. Raises ``PlatformError``."""
        return self._resolver.guarded(branch)

    def find(self, search: Search) -> Sequence[Target]:
        """The open pull requests that an event is about and does not name. Raises ``PlatformError``."""
        return self._resolver.find(search)

    def paths(self, subject: Subject) -> Sequence[str]:
        """Every path on the base branch. Raises ``PlatformError``."""
        branch = _branch_of_configuration(subject)
        if branch is None:
            return ()
        found = files.paths_of(Context(self.client, self._now, self.memory, Known()), branch)
        if isinstance(found, Loaded) and isinstance(found.value, RepositoryPaths):
            return found.value.paths
        assert isinstance(found, Unavailable)
        advice = "; name the policy files instead of using a glob" if found.kind is UnknownKind.TRUNCATED else ""
        raise PlatformError(f"The files of {branch.name} cannot be listed: {found.reason}{advice}", found.kind)

    def fetch(self, reference: Reference) -> Fetched:
        """One file of any repository. Raises ``PlatformError``."""
        return remote_files.fetch(self.client, reference)

    def _texts(self, branch: Branch, paths: Sequence[str]) -> dict[str, str | None]:
        fields = " ".join(
            f"f{at}_: file(path: {text(path)}) {{ object {{ {files.BLOB} }} }}" for at, path in enumerate(paths)
        )
        piece = Piece(files.place(branch), fields, keys=tuple(f"f{at}_" for at in range(len(paths))), may_lack=True)
        found = ask(self.client, [piece])[0]
        _raise(branch, found)
        context = Context(self.client, self._now, self.memory, Known())
        texts: dict[str, str | None] = {}
        for at, path in enumerate(paths):
            blob = (found.node.get(f"f{at}_") or {}).get("object")
            texts[path] = files.blob_text(context, branch, blob) if blob and "oid" in blob else None
        return texts

    def requests(self) -> int:
        """How many HTTP requests were sent so far."""
        return self.transport.requests(Platform.GITHUB)

    def round_trips(self) -> int:
        """How many of them had to wait for another's answer."""
        return self.transport.round_trips(Platform.GITHUB)

    def close(self) -> None:
        """End connections and threads, where they are the provider's own."""
        if self._own:
            self.transport.close()


def home_of(subject: Subject) -> str:
    """``owner/name`` of the repository that a subject is in, or is."""
    if isinstance(subject, PullRequest | Branch | Release):
        return subject.repository.name
    return subject.name


def _branch_of_configuration(subject: Subject) -> Branch | None:
    if isinstance(subject, PullRequest):
        return subject.base
    if isinstance(subject, Branch):
        return subject
    if isinstance(subject, Repository):
        return subject.default
    home = getattr(subject, "repository", None)
    return home.default if isinstance(home, Repository) else None


def _raise(branch: Branch, found: Found) -> None:
    """A configuration that cannot be read is not a missing one."""
    if found.failure is not None:
        raise found.failure
    if found.errors:
        refusal = denied(found.errors, CONTENTS)
        raise PlatformError(f"The configuration of {branch.name} cannot be read: {refusal.reason}", refusal.kind)
    if found.node is None:
        raise PlatformError(
            f"The configuration of {branch.name} cannot be read: the token does not see the branch; it needs contents: read.",
            UnknownKind.SCOPE,
        )
