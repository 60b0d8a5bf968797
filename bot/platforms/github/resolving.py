"""From a target to a subject, and from an owner to all that is under it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from urllib.parse import quote

from bot.engine.ports import PlatformError
from bot.engine.stacks import landing_branch
from bot.engine.targets import Search, Target
from bot.model.facts import Unavailable, UnknownKind
from bot.model.results import Gap
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    Platform,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)
from bot.platforms.github import moving, owners, tags
from bot.platforms.github.client import GitHubClient, Graph, GraphError, Json, Refused, TooMuch
from bot.platforms.github.files import BLOB
from bot.platforms.github.links import work_item
from bot.platforms.github.listing import (
    DEPLOYMENT,
    LISTED_BY,
    NEWEST,
    RELEASE,
    as_released,
    environments,
    in_environment,
    listed_fields,
    open_pull_requests,
    pipelines,
    release,
    releases,
)
from bot.platforms.github.memory import Memory, seen_pull_request
from bot.platforms.github.query import BUDGET, Connection, Piece, Unanswerable, ask, text
from bot.platforms.github.query import repository as repository_field
from bot.platforms.github.reading import denied
from bot.platforms.github.subjects import (
    PULL_REQUEST,
    REPOSITORY,
    hides_branch,
    organization,
    pull_request,
    repository,
)
from bot.platforms.github.whereabouts import gone

CONFIGURATION = (".github/almguard.yml", "almguard.yml")
"""Where a configuration is looked for first: both are read along with a pull request."""

COMMENTS = 50
"""Comments that are read along with a pull request, for the publisher: a sticky comment is among the first."""

_HEADED = "number state headRefOid repository { nameWithOwner }"
"""Of a pull request that a commit is in: whether the commit is its head."""


_ATTEMPTS = 3
"""How often a page of a listing is asked for once more, each time for half as much."""

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


class Resolver:
    """Finds subjects."""

    def __init__(self, client: GitHubClient, memory: Memory) -> None:
        self._client = client
        self._memory = memory
        self._guarded: dict[str, bool] = {}
        self._listing = False

    def resolve(self, target: Target) -> Subject:
        """The subject that a target names. Raises ``PlatformError``."""
        if target.organization is None:
            raise PlatformError(f"The target {target} names no GitHub owner: write github:OWNER or github:OWNER/REPO.")
        if target.repository is None:
            return self._organization(target)
        if target.pull_request is not None:
            return self._numbered(target, target.pull_request)
        if target.release is not None:
            return self._release(target, target.release)
        return self._made(self._repository(target, REPOSITORY))

    def _made(self, node: Json) -> Repository:
        """The repository. Without contents: read GraphQL hides its default branch; REST tells the name to every token."""
        home = repository(self._client.host, node)
        if not hides_branch(node):
            return home
        known = self._listed_repository(home) if self._listing else None
        if known is None:
            known = owners.listed(self._client.rest("GET", f"/repos/{home.name}"))
        return replace(home, default_branch=known.default_branch)

    def _listed_repository(self, home: Repository) -> owners.Listed | None:
        with suppress(Refused):  # a user account has no such list, and a token may not be shown it
            return owners.repositories(self._client, self._memory, home.organization.name).get(owners.number(home))
        return None

    def _ask(self, target: Target, selection: str) -> Graph:
        try:
            return self._client.graphql(f"query {{ {selection} {BUDGET} }}")
        except TooMuch as much:
            raise PlatformError(
                f"{target}: GitHub could not answer: {much}. Run again later.", UnknownKind.TRANSIENT
            ) from much

    def _organization(self, target: Target) -> Organization:
        owner = text(str(target.organization))
        graph = self._ask(
            target,
            f"owner: repositoryOwner(login: {owner}) {{ __typename login url ... on Organization {{ databaseId }} "
            "... on User { databaseId } repositories(first: 1, ownerAffiliations: [OWNER]) { totalCount } }",
        )
        node = graph.data.get("owner")
        if node is None:
            raise _not_there(target, graph, f"There is no organisation or user {target.organization!r}")
        self._memory.repositories_of[str(node["login"]).lower()] = int(
            (node.get("repositories") or {}).get("totalCount") or 0
        )
        return organization(self._client.host, node)

    def _repository(self, target: Target, selection: str) -> Json:
        owner, name = text(str(target.organization)), text(str(target.repository))
        graph = self._ask(target, f"it: repository(owner: {owner}, name: {name}) {{ {selection} }}")
        node = graph.data.get("it")
        if node is None:
            raise _not_there(target, graph, f"There is no repository {target.organization}/{target.repository}")
        return {**node, "errors": graph.errors}

    def _numbered(self, target: Target, number: int) -> PullRequest | WorkItem:
        candidates = " ".join(
            f"c{at}_: file(path: {text(path)}) {{ object {{ {BLOB} }} }}" for at, path in enumerate(CONFIGURATION)
        )
        change = (
            f"{PULL_REQUEST} {moving.LATELY} tip: baseRef {{ target {{ ... on Commit {{ {candidates} }} }} }} "
            f"comments(first: {COMMENTS}) {{ pageInfo {{ hasNextPage }} nodes {{ databaseId viewerDidAuthor body }} }} "
            f"head: commits(last: 1) {{ nodes {{ commit {{ oid heads: associatedPullRequests(first: 20) {{ "
            f"pageInfo {{ hasNextPage }} nodes {{ {_HEADED} }} }} }} }} }}"
        )
        node = self._repository(
            target,
            f"{REPOSITORY} found: issueOrPullRequest(number: {number}) {{ __typename ... on PullRequest {{ {change} }} }}",
        )
        home = self._made(node)
        found = node.get("found")
        if found is None:
            errors = [error for error in node["errors"] if error.path[:2] == ("it", "found")]
            if errors and any(error.kind != "NOT_FOUND" for error in errors):
                refusal = denied(errors, "pull requests: read")
                raise PlatformError(f"{home.name}#{number}: {refusal.reason}", refusal.kind)
            raise PlatformError(
                f"There is no pull request or issue #{number} in {home.name}, or this token may not see it."
            )
        if found["__typename"] != "PullRequest":
            return self._issue(home, number)
        subject = pull_request(self._client.host, home, found)
        seen = seen_pull_request(found)
        tip = (found.get("tip") or {}).get("target")
        unread = any(error.path[:3] == ("it", "found", "tip") and error.kind != "NOT_FOUND" for error in node["errors"])
        for at, path in enumerate(CONFIGURATION if tip is not None and not unread else ()):
            blob = ((tip or {}).get(f"c{at}_") or {}).get("object")
            if blob is None:
                seen.files[path] = None
            elif not blob.get("isTruncated"):
                seen.files[path] = blob.get("text")
        comments = found.get("comments")
        if comments and not comments["pageInfo"]["hasNextPage"]:
            seen.comments = tuple(one for one in comments["nodes"] if one)
        seen.moving = moving.state_of(found)
        seen.same_head = _heads_at_once(subject, found.get("head"))
        self._memory.pull_requests[subject.id] = seen
        return subject

    def same_head(self, subject: PullRequest) -> tuple[Target, ...]:
        """The other open pull requests of the repository with the same head; as a rule they came with this one."""
        seen = self._memory.pull_requests.get(subject.id)
        numbers = seen.same_head if seen is not None else None
        if numbers is None:
            numbers = self._same_head(subject)
        return _targets(subject.repository.name, numbers)

    def _same_head(self, subject: PullRequest) -> tuple[int, ...]:
        asked = f"Whether other pull requests have the head of {subject.name} cannot be told"
        headed = self._headed(subject.repository.name, subject.head_sha, asked)
        return tuple(number for number in headed if number != subject.number)

    def landing(self, subject: PullRequest) -> Branch | None:
        """Where a stack lands. The first step came with the pull request; the others are asked for where there is one."""
        home, seen = subject.repository, self._memory.pull_requests.get(subject.id)

        def under(branch: str) -> Sequence[tuple[int, str]]:
            return seen.under if seen is not None and branch == seen.base else self._under(subject, branch)

        landing = landing_branch(subject, under)
        return None if landing is None else home.branch(landing)

    def guarded(self, branch: Branch) -> bool:
        """Whether any rule covers the branch; REST tells everyone who may read it, GraphQL administrators alone."""
        if branch.id not in self._guarded:
            home = branch.repository.name
            try:
                found = self._client.rest("GET", f"/repos/{home}/branches/{quote(branch.branch, safe='')}")
            except Refused as refused:
                raise PlatformError(
                    f"Whether {branch.branch} of {home} is protected cannot be told; the token needs contents: read "
                    f"(GitHub: {refused})",
                    UnknownKind.SCOPE if refused.status in (401, 403, 404) else UnknownKind.TRANSIENT,
                ) from refused
            self._guarded[branch.id] = bool(found["protected"])
        return self._guarded[branch.id]

    def _under(self, subject: PullRequest, branch: str) -> Sequence[tuple[int, str]]:
        home = subject.repository.name
        listed = Connection("under_", "associatedPullRequests", "number baseRefName", "states: [OPEN]", size=10)
        piece = Piece(
            (repository_field(home), f"ref(qualifiedName: {text(f'refs/heads/{branch}')})"), connections=(listed,)
        )
        asked = (
            f"Whether {branch} of {home}, which {subject.name} is stacked on, is another pull request's cannot be told"
        )
        try:
            found = self._all(piece, listed, asked, "pull requests: read and contents: read")
        except _NotShown:  # deleted since
            return ()
        return [(int(one["number"]), str(one["baseRefName"])) for one in found]

    def find(self, search: Search) -> tuple[Target, ...]:
        """The open pull requests that a search means."""
        home = f"{search.home.organization}/{search.home.repository}"
        if search.head is not None:
            asked = f"Which pull requests of {home} have the head {search.head[:12]} cannot be told"
            return _targets(home, self._headed(home, search.head, asked))
        if search.queued is not None:
            return _targets(home, self._queued(home, search))
        raise PlatformError(f"GitHub has no work items or builds that lead to pull requests of {home}.")

    def _headed(self, home: str, commit: str, asked: str) -> tuple[int, ...]:
        """The open pull requests of a repository that end in a commit, those from forks among them."""
        heads = Connection("heads_", "associatedPullRequests", _HEADED, size=50)
        piece = Piece((repository_field(home), f'object(oid: "{commit}")', "... on Commit"), connections=(heads,))
        try:
            return _ending_in(home, commit, self._all(piece, heads, asked, "pull requests: read and contents: read"))
        except _NotShown as nothing:
            raise PlatformError(
                f"{asked}: GitHub does not show the commit to this token; it needs contents: read", UnknownKind.SCOPE
            ) from nothing

    def _queued(self, home: str, search: Search) -> tuple[int, ...]:
        """Those that a merge queue has put into a commit: what stands at it, and what is before that down to its base.

        None where there is no such queue, or not any more: the event names the last of them, which is judged at any rate.
        """
        queue = Connection(
            "entries_",
            "entries",
            "position headCommit { oid } pullRequest { number state }",
            wrap=(f"queue_: mergeQueue(branch: {text(search.base or '')})",),
        )
        asked = f"Which pull requests of {home} are in the merge group {str(search.queued)[:12]} cannot be told"
        try:
            nodes = self._all(
                Piece((repository_field(home),), connections=(queue,)), queue, asked, "pull requests: read"
            )
        except _NotShown:
            return ()
        group: list[Json] = []
        for entry in sorted(nodes, key=lambda one: -int(one["position"])):
            commit = (entry.get("headCommit") or {}).get("oid")
            if group and commit == search.on_top_of:
                break
            if group or commit == search.queued:
                group.append(entry)
        pulls = [one["pullRequest"] for one in group if one.get("pullRequest")]
        return tuple(sorted(int(one["number"]) for one in pulls if one["state"] == "OPEN"))

    def _all(self, piece: Piece, listed: Connection, asked: str, needed: str) -> list[Json]:
        """Every node of a list. Raises ``PlatformError`` where it cannot be read, ``_NotShown`` where it is not there."""
        found = ask(self._client, [piece])[0]
        if found.failure is not None:
            raise found.failure
        if found.errors:
            why = denied(found.errors, needed)
            raise PlatformError(f"{asked}: {why.reason}", why.kind)
        if not found.has(listed):
            raise _NotShown
        try:
            return found.all(listed)
        except Unanswerable as wrong:
            kind = wrong.answer.kind if isinstance(wrong.answer, Unavailable) else None
            raise PlatformError(f"{asked}: {wrong}", kind) from wrong

    def _issue(self, home: Repository, number: int) -> WorkItem:
        try:
            return work_item(
                self._client.host, home.name, self._client.rest("GET", f"/repos/{home.name}/issues/{number}")
            )
        except Refused as wrong:
            raise PlatformError(
                f"{home.name}#{number} cannot be read; the token needs issues: read (GitHub: {wrong})",
                UnknownKind.SCOPE,
            ) from wrong

    def _release(self, target: Target, version: str) -> Release:
        environment = f", environments: [{text(target.environment)}]" if target.environment else ""
        places = "places: environments(first: 100) { totalCount nodes { name } }" if target.environment else ""
        node = self._repository(
            target,
            f"{REPOSITORY} release(tagName: {text(version)}) {{ {RELEASE} }} "
            f"ref(qualifiedName: {text(f'refs/tags/{version}')}) {{ target {{ __typename oid ... on Commit {{ committedDate }} "
            "... on Tag { target { oid ... on Commit { committedDate } } } } } "
            f"deployments(first: 100, {NEWEST}{environment}) {{ nodes {{ {DEPLOYMENT} }} }} {places}",
        )
        home = self._made(node)
        if target.environment:
            _there_must_be(home, target.environment, node)
            if (spelt := _spelt(target.environment, node)) != target.environment:
                return self._release(replace(target, environment=spelt), version)
        found = release(self._client.host, home, version, node.get("release"), node.get("ref"))
        commit = target.commit or (version if _COMMIT.fullmatch(version) else None)
        # A deployment names its commit, and a branch may be called as a tag is: a release of another commit is not meant.
        if commit is not None and (found is None or found.commit != commit):
            tag = tags.at_commit(self._client, home.name, target, commit)
            if tag == version:
                raise PlatformError(
                    f"{target}: the tag {version!r} moved while it was read. Run again.", UnknownKind.TRANSIENT
                )
            return self._release(replace(target, commit=commit), tag)
        if found is None:
            raise PlatformError(
                f"There is no release and no tag {version!r} in {home.name}, or this token may not see it."
            )
        deployments = [one for one in (node.get("deployments") or {}).get("nodes") or [] if one]
        found = found if target.commit else as_released(found, deployments)
        deployed = [
            str(one["environment"])
            for one in deployments
            if one["commitOid"] == found.commit or (one.get("ref") or {}).get("name") == version
        ]
        return in_environment(found, target.environment or (deployed[0] if deployed else None))

    def discover(self, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """Every subject of these kinds under an organisation or a repository."""
        self._listing = isinstance(root, Organization)
        if isinstance(root, Organization):
            if Organization in kinds:
                yield root
            if kinds - {Organization}:
                yield from self._of_owner(root, kinds)
        elif isinstance(root, Repository):
            owner, name = (text(part) for part in root.name.split("/", 1))
            selection = f"it: repository(owner: {owner}, name: {name}) {{ {listed_fields(kinds)} }}"
            try:
                graph = self._client.graphql(f"query {{ {selection} {BUDGET} }}")
            except (PlatformError, TooMuch) as wrong:
                yield _gap(root, wrong)
                return
            if graph.data.get("it"):
                yield from self._of_repository(graph.data["it"], kinds)
            elif not graph.errors:
                yield Gap(root.id, root.name, "listing", UnknownKind.SCOPE, gone(root).reason)
            yield from _gaps(root, graph)
        elif type(root) in kinds:
            yield root

    def _of_owner(self, root: Organization, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """Page by page. A page that fails is asked for again, smaller; what was listed before a final failure stays."""
        most, after, failed = (100 if not kinds & {Release, PullRequest} else 20), None, 0
        while True:
            size = min(most, self._client.page.now)
            place = f", after: {text(after)}" if after else ""
            query = (
                f"query {{ owner: repositoryOwner(login: {text(root.name)}) {{ "
                f"repositories(first: {size}{place}, ownerAffiliations: [OWNER], orderBy: {{field: NAME, direction: ASC}}) "
                f"{{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {listed_fields(kinds)} }} }} }} {BUDGET} }}"
            )
            try:
                graph = self._client.graphql(query, divisible=size > 1 and self._client.page.doubtful(size))
            except (TooMuch, PlatformError) as wrong:
                failed += 1
                if isinstance(wrong, PlatformError) and (wrong.kind is not UnknownKind.TRANSIENT or failed > _ATTEMPTS):
                    yield _gap(root, wrong)
                    return
                if isinstance(wrong, TooMuch) and size == 1 and failed > _ATTEMPTS:
                    yield _gap(root, wrong)
                    return
                self._client.page.too_much(size // 2)
                continue
            failed = 0
            self._client.page.answered(size)
            page = (graph.data.get("owner") or {}).get("repositories")
            yield from _gaps(root, graph)
            if page is None:
                if not graph.errors:
                    yield Gap(
                        root.id, root.name, "repositories", UnknownKind.SCOPE, "GitHub lists none of its repositories"
                    )
                return
            self._memory.repositories_of[root.name.lower()] = int(page["totalCount"])
            for node in page["nodes"] or []:
                if node:
                    yield from self._of_repository(node, kinds)
            hidden = sum(node is None for node in page["nodes"] or [])
            if hidden and not graph.errors:
                words = (
                    f"GitHub counts {hidden} more of its repositories and does not show them to this token. Run again."
                )
                yield Gap(root.id, root.name, "repositories", UnknownKind.TRANSIENT, words)
            if not page["pageInfo"]["hasNextPage"]:
                return
            following = page["pageInfo"]["endCursor"]
            if following in (None, after):
                words = "a page of its repositories was named as its own successor, so not all were listed. Run again."
                yield Gap(root.id, root.name, "repositories", UnknownKind.TRUNCATED, words)
                return
            after = following

    def _of_repository(self, node: Json, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """What a listed repository holds. One that is not as GitHub describes them is a gap, and ends no listing."""
        try:
            yield from self._listed(node, kinds)
        except PlatformError as wrong:
            yield self._broken(node, wrong.kind or UnknownKind.SCOPE, str(wrong))
        except (KeyError, TypeError, ValueError, AttributeError, Refused) as wrong:
            words = f"GitHub's answer about it has an unexpected form ({type(wrong).__name__}: {wrong})"
            yield self._broken(node, UnknownKind.UNREADABLE, words)

    def _broken(self, node: Json, kind: UnknownKind, words: str) -> Gap:
        name = str(node.get("nameWithOwner"))
        return Gap(f"{self._client.host}/repository/{node.get('databaseId')}", name, "listing", kind, words)

    def _listed(self, node: Json, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        home = self._made(node)
        if Repository in kinds:
            yield home
        if Branch in kinds and home.default is not None:
            yield home.default
        if Environment in kinds:
            yield from environments(home, node["environments"])
        if Pipeline in kinds:
            yield from pipelines(home, node)
        if PullRequest in kinds:
            yield from self._pull_requests(home, node["pullRequests"])
        if Release in kinds:
            yield from releases(self._client.host, home, node)

    def _pull_requests(self, home: Repository, page: Json) -> Iterator[Subject | Gap]:
        for one in filter(None, page["nodes"] or []):
            subject = pull_request(self._client.host, home, one)
            self._memory.pull_requests[subject.id] = seen_pull_request(one)
            yield subject
        if page["pageInfo"]["hasNextPage"]:
            yield from self._more_pull_requests(home, page["pageInfo"]["endCursor"])

    def _more_pull_requests(self, home: Repository, after: str) -> Iterator[Subject | Gap]:
        owner, name = (text(part) for part in home.name.split("/", 1))
        selection = f"it: repository(owner: {owner}, name: {name}) {{ {open_pull_requests(after)} }}"
        try:
            graph = self._client.graphql(f"query {{ {selection} {BUDGET} }}")
        except (PlatformError, TooMuch) as wrong:
            yield _gap(home, wrong)
            return
        yield from _gaps(home, graph)
        if graph.data.get("it"):
            yield from self._pull_requests(home, graph.data["it"]["pullRequests"])


def _there_must_be(home: Repository, environment: str, node: Json) -> None:
    """A name that is misspelt must not pass for an environment that nothing was deployed to yet."""
    deployments, places = node.get("deployments"), node.get("places")
    if deployments is None or deployments["nodes"]:  # what may not be read is told by the facts, each for itself
        return
    if places is None or int(places["totalCount"]) > len(places["nodes"]):
        raise PlatformError(
            f"Nothing was deployed to {environment!r} of {home.name}, and whether there is such an environment cannot be "
            "told: the token needs actions: read, and no more than 100 environments are read.",
            UnknownKind.SCOPE if places is None else UnknownKind.TRUNCATED,
        )
    names = [str(one["name"]) for one in places["nodes"] if one]
    if environment.lower() not in {name.lower() for name in names}:
        there = ", ".join(sorted(names)) or "none"
        raise PlatformError(
            f"{home.name} has no environment {environment!r}, and nothing was deployed to one of that name. Its environments: "
            f"{there}. Check the spelling."
        )


def _spelt(environment: str, node: Json) -> str:
    """An environment's name as GitHub has it. Case makes no other one of it, and yet deployments are listed by the very name:
    by another spelling there would be none, as if this were the first release of all.
    """
    names = [str(one["name"]) for one in (node.get("places") or {}).get("nodes") or [] if one]
    if environment in names:
        return environment
    return next((name for name in names if name.lower() == environment.lower()), environment)


def _heads_at_once(subject: PullRequest, page: Json) -> tuple[int, ...] | None:
    """The other open pull requests with this head, where they came along; None: not all of them did."""
    commits = [one["commit"] for one in (page or {}).get("nodes") or [] if one and one.get("commit")]
    heads = commits[0].get("heads") if commits and commits[0]["oid"] == subject.head_sha else None
    if not heads or heads["pageInfo"]["hasNextPage"] or any(one is None for one in heads["nodes"]):
        return None
    return _others(subject, heads["nodes"])


def _others(subject: PullRequest, nodes: Sequence[Json]) -> tuple[int, ...]:
    """Of pull requests that a commit is in, the others that end in it."""
    headed = _ending_in(subject.repository.name, subject.head_sha, nodes)
    return tuple(number for number in headed if number != subject.number)


def _ending_in(home: str, commit: str, nodes: Sequence[Json]) -> tuple[int, ...]:
    """Of pull requests that a commit is in: those of this repository that are open, and end in it."""
    return tuple(
        sorted(
            int(one["number"])
            for one in nodes
            if one["state"] == "OPEN"
            and one["headRefOid"] == commit
            and str(one["repository"]["nameWithOwner"]).lower() == home.lower()
        )
    )


def _targets(home: str, numbers: Sequence[int]) -> tuple[Target, ...]:
    owner, _, name = home.partition("/")
    return tuple(
        Target(f"github:{home}#{number}", Platform.GITHUB, owner, repository=name, pull_request=number)
        for number in numbers
    )


class _NotShown(Exception):  # noqa: N818 - an answer, not an error
    """What a list would be of is not there, or not for this token."""


def _not_there(target: Target, graph: Graph, words: str) -> PlatformError:
    errors = [error for error in graph.errors if error.kind != "NOT_FOUND"]
    if errors:
        refusal = denied(errors, "metadata: read")
        return PlatformError(f"{target}: {refusal.reason}", refusal.kind)
    return PlatformError(
        f"{words}, or this token may not see it. Check the spelling, and what the token is given access to."
    )


def _gaps(root: Subject, graph: Graph) -> Iterator[Gap]:
    """What a partial answer left out, each reason once."""
    for error in {(error.message, _needed(error)): error for error in graph.errors}.values():
        refusal = denied([error], _needed(error))
        yield Gap(root.id, root.name, "listing", refusal.kind, refusal.reason)


def _needed(error: GraphError) -> str:
    """The permission behind the part of a listing that was refused."""
    return next((LISTED_BY[part] for part in error.path if part in LISTED_BY), "access to these repositories")


def _gap(root: Subject, wrong: PlatformError | TooMuch) -> Gap:
    kind = wrong.kind if isinstance(wrong, PlatformError) else None
    return Gap(root.id, root.name, "listing", kind or UnknownKind.TRANSIENT, str(wrong))
