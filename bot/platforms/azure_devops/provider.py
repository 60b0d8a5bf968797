"""Azure DevOps as a provider of facts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from bot.engine.ports import ConfigurationFile, Known, PlatformError
from bot.engine.stacks import landing_branch
from bot.engine.targets import Search, Target
from bot.model.facts import Answer, Fact, FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts import alerts as alert_facts
from bot.model.facts import change as change_facts
from bot.model.facts import lines as line_facts
from bot.model.facts import pipelines as pipeline_facts
from bot.model.facts import protection as protection_facts
from bot.model.facts import release as release_facts
from bot.model.facts import repository as repository_facts
from bot.model.rehearsal import Merged
from bot.model.results import Gap
from bot.model.subjects import (
    Branch,
    Organization,
    Platform,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)
from bot.platforms.azure_devops import (
    access,
    alerts,
    change,
    checks,
    lines,
    pipelines,
    protection,
    rebasing,
    remote_files,
    rollback,
    searching,
    teams,
    work_items,
)
from bot.platforms.azure_devops import deployments as deployed
from bot.platforms.azure_devops import release as releases
from bot.platforms.azure_devops.client import Client, unavailable
from bot.platforms.azure_devops.discovery import Discovery, unpushed
from bot.platforms.azure_devops.files import Version, content, tree
from bot.platforms.azure_devops.loading import Loader, NoSuchThing, Wanted
from bot.platforms.azure_devops.merged import CompletedPullRequests
from bot.platforms.azure_devops.protection import all_policies_of
from bot.platforms.azure_devops.readings import READINGS
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.resolving import Resolver
from bot.platforms.azure_devops.subjects import ident, short
from bot.platforms.jira.issues import IssueReader
from bot.platforms.transport import Transport
from bot.policy.references import Fetched, Reference

LOADERS: Mapping[type[Fact], Loader] = {
    change_facts.Reviews: change.REVIEWS,
    change_facts.Comments: change.COMMENTS,
    change_facts.Commits: change.COMMITS,
    change_facts.FormerCommits: rebasing.FORMER_COMMITS,
    change_facts.Pushes: change.PUSHES,
    change_facts.ChangedFiles: change.FILES,
    change_facts.LinkedWorkItems: work_items.LINKED_WORK_ITEMS,
    change_facts.Checks: checks.CHECKS,
    change_facts.ReviewerPermissions: access.REVIEWER_PERMISSIONS,
    change_facts.TeamMembers: teams.TEAM_MEMBERS,
    change_facts.CodeOwners: protection.CODE_OWNERS,
    protection_facts.ClassicProtection: protection.CLASSIC_PROTECTION,
    protection_facts.BranchRules: protection.BRANCH_RULES,
    protection_facts.BypassActors: access.BYPASS_ACTORS,
    protection_facts.SecretScanning: protection.SECRET_SCANNING,
    alert_facts.IntroducedAlerts: alerts.INTRODUCED_ALERTS,
    alert_facts.CodeAlerts: alerts.CODE_ALERTS,
    line_facts.ChangedLines: lines.CHANGED_LINES,
    repository_facts.Properties: protection.PROPERTIES,
    repository_facts.RepositoryPaths: pipelines.REPOSITORY_PATHS,
    pipeline_facts.Pipelines: pipelines.PIPELINES,
    pipeline_facts.FileContents: pipelines.FILE_CONTENTS,
    pipeline_facts.DetectedTools: protection.DETECTED_TOOLS,
    release_facts.Deployments: deployed.DEPLOYMENTS,
    release_facts.PreviousRelease: rollback.PREVIOUS_RELEASE,
    release_facts.RollbackProcedures: rollback.ROLLBACK_PROCEDURES,
    release_facts.ReleaseChanges: releases.RELEASE_CHANGES,
    release_facts.ReleaseRecord: releases.RELEASE_RECORD,
    release_facts.ReleaseConfiguration: releases.RELEASE_CONFIGURATION,
}


class AzureDevOpsProvider:
    """Reads one organisation (or collection of a server) with one token."""

    platform = Platform.AZURE_DEVOPS

    def __init__(
        self,
        token: str,
        organization_url: str,
        *,
        bearer: bool = False,
        transport: Transport | None = None,
        now: datetime | None = None,
        issue_reader: IssueReader | None = None,
    ) -> None:
        """Make a provider; nothing is asked yet.

        Args:
            token: a personal access token, or with ``bearer`` a job's ``SYSTEM_ACCESSTOKEN``.
            organization_url: ``https://dev.azure.com/ORGANISATION``, or a server's ``https://HOST/COLLECTION``.
            bearer: how the token is sent.
            transport: the run's; it is closed by whoever made it. Without one, a transport of its own.
            now: the run's instant.
            issue_reader: reads Jira's issues; None: there is no Jira to ask.
        """
        self.client = Client(token, organization_url, bearer=bearer, transport=transport)
        self.reads = Reads(self.client, now or datetime.now(UTC), issue_reader)
        self._resolver = Resolver(self.reads)

    def display_names(self, ids: Sequence[str]) -> Mapping[str, str]:
        """What people call these identities, by their ids; those that cannot be read are left out."""
        try:
            rows = access.identities(self.reads, "identityIds", ids) if ids else []
        except PlatformError:
            return {}
        return {str(row["id"]): str(row.get("providerDisplayName") or "") for row in rows}

    def resolve(self, target: Target) -> Subject:
        """The subject that a target names."""
        return self._resolver.resolve(target)

    def discover(self, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """Every subject of these kinds under an organisation, a project or a repository."""
        return Discovery(self.reads, self._resolver, kinds).under(root)

    def counted(self, root: Subject) -> int | None:
        """How many repositories the service counted in the project, or in all projects of the organisation together."""
        if not isinstance(root, Organization):
            return None
        if root.project is not None:
            return self.reads.counts.get(ident(root))
        projects = self.reads.peek("projects")
        counts = [self.reads.counts.get(str(one["id"]).lower()) for one in projects or ()]
        return None if projects is None or None in counts else sum(filter(None, counts))

    def unpushed(self, repositories: Sequence[Repository], since: datetime) -> frozenset[str]:
        """Those without a push since; that is one request for each of them, many at once."""
        told = self.client.transport.gather(
            [functools.partial(unpushed, self.client, one, since) for one in repositories if not one.archived]
        )
        return frozenset(identity for identity in told if identity)

    def release(self, subjects: Sequence[Subject]) -> None:
        """Let go of what was read for these subjects, and of their projects' lists when other projects are released."""
        self.reads.release(subjects)

    def merged(self, root: Subject, amount: int, branch: str | None = None) -> Iterator[Merged | Gap]:
        """The newest completed pull requests under an organisation, a project or a repository, as they stood then."""
        return CompletedPullRequests(self.reads, self._resolver).newest(root, amount, branch)

    def as_merged(self, targets: Sequence[Target]) -> Iterator[Merged | Gap]:
        """Pull requests that are named, as they stood at their completion."""
        return CompletedPullRequests(self.reads, self._resolver).named(targets)

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """The facts that must be loaded before this one."""
        reading = READINGS.get(request.type)
        return tuple(FactRequest(fact) for fact in reading.after) if reading else ()

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """Answer every request about every subject; what several need is read once, what depends on nothing at once."""
        wanted = [
            (request, subject, Wanted(self.reads, subject, request.spec, known))
            for request, subjects in needs.items()
            for subject in subjects
        ]
        self._foresee(needs)
        for request, subjects in needs.items():
            changes = [subject for subject in subjects if isinstance(subject, PullRequest)]
            if request.type is change_facts.LinkedWorkItems and len(changes) > 1:
                counted = request.spec is not None and request.spec.count_pull_requests
                work_items.read_together(self.reads, changes, relations=counted)
        for some in _portions(wanted):
            first: list[Callable[[], Answer | None]] = [
                functools.partial(_in_advance, read)
                for request, _, one in some
                if (loader := LOADERS.get(request.type))
                for read in loader.ahead(one)
            ]
            then: list[Callable[[], Answer | None]] = [
                functools.partial(self._answer, request, one) for request, _, one in some
            ]
            answers = self.client.transport.gather([*first, *then])[len(first) :]
            for (request, subject, _), answer in zip(some, answers, strict=True):
                if answer is not None:
                    yield request, subject, answer

    def configuration(self, subject: Subject, paths: Sequence[str]) -> ConfigurationFile | None:
        """The first of these paths that the base branch has."""
        branch = _base(subject)
        if branch is None:
            return None
        texts = self._configurations(subject, branch, paths)
        for path in paths:
            if path in texts:
                return ConfigurationFile(path, texts[path], f"{branch.name}:{path}")
        return None

    def _configurations(self, subject: Subject, branch: Branch, paths: Sequence[str]) -> Mapping[str, str]:
        if isinstance(subject, PullRequest):
            return self.reads.configuration(branch, paths)
        for path in paths:
            text = content(self.client, branch.repository, self._version(subject, branch), path)
            if text is not None:
                return {path: text}
        return {}

    def _version(self, subject: Subject, branch: Branch) -> Version:
        """The base as a pull request was read with it, else the branch's tip: that of a stack's landing, too."""
        if isinstance(subject, PullRequest) and subject.base_sha:
            document = self.reads.pull_request(subject)
            if short(document.get("targetRefName")) == branch.branch:
                return Version(subject.base_sha, "commit")
        return Version(branch.branch, "branch")

    def same_head(self, subject: PullRequest) -> Sequence[Target]:
        """None: a status is posted to one pull request."""
        del subject
        return ()

    def landing(self, subject: PullRequest) -> Branch | None:
        """The branch that a stacked pull request will land in. Raises ``PlatformError``."""
        landing = landing_branch(subject, functools.partial(searching.under, self.reads, subject.repository))
        return None if landing is None else subject.repository.branch(landing)

    def guarded(self, branch: Branch) -> bool:
        """Whether an enabled, blocking policy covers the branch. Raises ``PlatformError``."""
        found = all_policies_of(self.reads, branch)
        return any(policy.get("isEnabled") and policy.get("isBlocking") for policy in found)

    def find(self, search: Search) -> Sequence[Target]:
        """The pull requests that an event is about and does not name. Raises ``PlatformError``."""
        return searching.find(self.reads, search)

    def paths(self, subject: Subject) -> Sequence[str]:
        """Every path on the base branch."""
        branch = _base(subject)
        return () if branch is None else tree(self.client, branch.repository, self._version(subject, branch))

    def fetch(self, reference: Reference) -> Fetched:
        """One file of any repository of the organisation. Raises ``PlatformError``."""
        return remote_files.fetch(self.client, reference)

    def read_work_items(self, project_target: str, ids: Sequence[int]) -> Mapping[int, WorkItem | Unavailable | None]:
        """Work items that another platform mentions: an item; None where there is none (or none that the token's owner may
        see); or why it could not be read. ``project_target`` says where for messages: ``ado:acme/Payments``.
        """
        try:
            return work_items.read_items(self.reads, ids)
        except PlatformError as wrong:
            reason = Unavailable(wrong.kind or UnknownKind.SCOPE, f"{project_target}: {wrong}")
            return dict.fromkeys(ids, reason)

    def requests(self) -> int:
        """How many HTTP requests were sent so far."""
        return self.client.transport.requests(Platform.AZURE_DEVOPS)

    def round_trips(self) -> int:
        """The longest chain of requests that waited for one another."""
        return self.client.transport.round_trips(Platform.AZURE_DEVOPS)

    def close(self) -> None:
        """End connections and threads."""
        self.client.close()

    def _foresee(self, needs: Mapping[FactRequest, Sequence[Subject]]) -> None:
        """Tell the shared reads what is coming, so that they ask for it together."""
        for request, subjects in needs.items():
            for subject in subjects:
                if request.type is pipeline_facts.FileContents and request.spec and isinstance(subject, Branch):
                    self.reads.want(subject, request.spec.paths)
                elif request.type is pipeline_facts.Pipelines:
                    self.reads.parsed.add(subject.id)
                elif request.type is change_facts.Reviews and isinstance(subject, PullRequest):
                    self.reads.reviewed[subject.id] = subject
                elif request.type is change_facts.Comments:
                    self.reads.heard.add(subject.id)
                elif len(subjects) > 1 and isinstance(subject, Repository):
                    self.reads.scanned.add(ident(subject.organization))

    def _answer(self, request: FactRequest, wanted: Wanted) -> Answer:
        loader = LOADERS.get(request.type)
        if loader is None:
            return NotSupported(f"Azure DevOps is not asked for {request.type.name}.")
        try:
            fact, url = loader.load(wanted)
        except NoSuchThing as nothing:
            return NotSupported(str(nothing))
        except PlatformError as wrong:
            return unavailable(wrong, wanted.subject.url)
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            # A document that is not as Microsoft describes it makes one fact unknown, not the run fail.
            return Unavailable(
                UnknownKind.UNREADABLE,
                f"{wanted.subject.name}: what {self.client.url} says about {request.type.name} is not understood "
                f"({type(wrong).__name__}: {wrong}).",
                wanted.subject.url,
            )
        return Loaded(fact, url, self.reads.now)


def _in_advance(read: Callable[[], object]) -> None:
    """Read now what will be asked for; a failure is kept under the key, and told to those who ask."""
    assert callable(read)
    try:
        read()
    except (PlatformError, NoSuchThing, KeyError, TypeError, ValueError, AttributeError):
        return


def _portions(
    wanted: Sequence[tuple[FactRequest, Subject, Wanted]], size: int = 2000
) -> Iterator[Sequence[tuple[FactRequest, Subject, Wanted]]]:
    """So many at once that a long scan's answers stream."""
    for start in range(0, len(wanted), size):
        yield wanted[start : start + size]


def _base(subject: Subject) -> Branch | None:
    match subject:
        case PullRequest():
            return subject.base
        case Branch():
            return subject
        case Repository():
            return subject.default
        case Release():
            return subject.repository.default
        case _:
            return None
