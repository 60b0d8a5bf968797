"""A repository's git history, made from its part of the scenario in the order in which it would have happened."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from bot.sandbox.git_objects import Commit, GitRepository, Signature
from bot.sandbox.identity import WEB_FLOW, number
from bot.sandbox.pull_requests import PullRequest, Push
from bot.sandbox.scenario import CommitPart, PullRequestPart, PushPart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bot.sandbox.identity import Person
    from bot.sandbox.scenario import Instant, RepositoryPart

FOUNDED = timedelta(days=400)
"""How long ago a repository got its first commit, unless its first other event is older."""


class ReferenceMissing(ValueError):  # noqa: N818 - reads as what it says
    """A scenario names something that it does not have. ``where`` leads to it, as pydantic's ``loc`` does."""

    def __init__(self, message: str, where: tuple[str | int, ...]) -> None:
        super().__init__(message)
        self.where = where


@dataclass
class History:
    """Builds the git repository and the pull requests of one repository."""

    part: RepositoryPart
    full_name: str
    instant: Callable[[Instant], datetime]
    people: Mapping[str, Person]
    text: Callable[[str], str]
    """A file's text, with ``@REPOSITORY:PATH`` resolved."""
    git: GitRepository = field(default_factory=GitRepository)
    pull_requests: dict[int, PullRequest] = field(default_factory=dict)
    _merges: dict[tuple[int, str, str], str] = field(default_factory=dict)

    def build(self) -> None:
        """Play every event in order of time."""
        if self.part.empty:
            return
        default = f"refs/heads/{self.part.default_branch}"
        events: list[tuple[datetime, int, Callable[[], None]]] = []
        self._schedule(events, 0, [(commit, partial(self._commit, default, commit)) for commit in self.part.commits])
        for branch, commits in self.part.branches.items():
            ref = f"refs/heads/{branch}"
            self._schedule(events, 1, [(commit, partial(self._commit, ref, commit)) for commit in commits])
        for index, part in enumerate(self.part.pull_requests):
            self._schedule_pull_request(events, part, index)
        first = min((at for at, _, _ in events), default=self.instant(timedelta(0)))
        files = self.part.files or {"README.md": f"# {self.part.name}\n"}
        founding = CommitPart(message="Begin", files=dict(files))
        founded = min(first - timedelta(minutes=1), self.instant(-FOUNDED))
        self.git.refs[default] = self._add(founding, None, founded, self._first_person())
        for _, _, event in sorted(events, key=lambda event: event[:2]):
            event()
        for branch, commits in self.part.branches.items():
            if not commits:
                self.git.refs[f"refs/heads/{branch}"] = self.git.refs[default]
        self._tag()

    def _schedule(
        self,
        events: list[tuple[datetime, int, Callable[[], None]]],
        rank: int,
        commits: list[tuple[CommitPart, Callable[[], None]]],
    ) -> None:
        """Each commit at its own time, but never before the one that the scenario lists above it."""
        latest: datetime | None = None
        for commit, event in commits:
            at = self.instant(commit.at)
            latest = at if latest is None else max(at, latest)
            events.append((latest, rank, event))

    def _schedule_pull_request(
        self, events: list[tuple[datetime, int, Callable[[], None]]], part: PullRequestPart, index: int
    ) -> None:
        pushes = part.pushes or self._default_pushes(part)
        created = self.instant(part.created_at)
        times = [self.instant(push.at) for push in pushes]
        if "created_at" not in part.model_fields_set and part.pushes:
            created = times[0] if "at" in pushes[0].model_fields_set else min(created, *times)
        if "at" not in pushes[0].model_fields_set or times[0] < created:
            times[0] = created
        for i in range(1, len(times)):
            times[i] = max(times[i], times[i - 1])
        source = self._source(part, index)
        events.append((times[0], 2, partial(self._open, part, source, pushes[0], times[0], created)))
        for push, at in zip(pushes[1:], times[1:], strict=True):
            events.append((at, 2, partial(self._push_to, part.number, push, at)))
        if part.state != "open":
            said = [each.at for each in part.reviews] + [each.at for each in part.checks]
            said += [each.at for each in part.threads]
            last = max([*times, *(self.instant(at) for at in said)])
            ended = self.instant(part.closed_at) if part.closed_at is not None else last + timedelta(minutes=1)
            events.append((max(ended, times[-1]), 3, partial(self._end_at, part.number, ended)))

    def _push_to(self, number_: int, push: PushPart, at: datetime) -> None:
        self.push(self.pull_requests[number_], push, at)

    def _end_at(self, number_: int, at: datetime) -> None:
        self.end(self.pull_requests[number_], at)

    def _default_pushes(self, part: PullRequestPart) -> list[PushPart]:
        if self._source_is_shared(part):
            return [PushPart(commits=[])]
        return [
            PushPart(commits=[CommitPart(message=part.title, files={"src/change.py": f"CHANGE = {part.number}\n"})])
        ]

    def _source_is_shared(self, part: PullRequestPart) -> bool:
        """Whether its branch is there without it: one head may have several pull requests."""
        if "source" not in part.model_fields_set:
            return False
        earlier = self.part.pull_requests[: self.part.pull_requests.index(part)]
        return part.source in self.part.branches or any(other.source == part.source for other in earlier)

    def _source(self, part: PullRequestPart, index: int) -> str:
        """The branch; pull requests that leave it to the default each get one of their own."""
        taken = any(other.source == part.source for other in self.part.pull_requests[:index])
        return f"{part.source}-{part.number}" if taken and "source" not in part.model_fields_set else part.source

    def _open(self, part: PullRequestPart, source: str, push: PushPart, at: datetime, created: datetime) -> None:
        """The push that opens a pull request."""
        target = part.target or self.part.default_branch
        base = self.git.refs.get(f"refs/heads/{target}")
        if base is None:
            where = ("pull_requests", self.part.pull_requests.index(part), "target")
            raise ReferenceMissing(f"there is no branch {target!r} when pull request {part.number} is opened", where)
        branch = f"refs/heads/{source}"
        shared = not part.pushes and self._source_is_shared(part) and branch in self.git.refs
        ident = number("pull-request", self.full_name, part.number)
        pull_request = PullRequest(part, self.git, ident, part.number, source, target, created, pushes=[])
        pull_request.labels, pull_request.ado_labels = list(part.labels), list(part.labels)
        pull_request.pushes.append(self._pushed(pull_request, push, at, self.git.refs[branch] if shared else base))
        self.pull_requests[part.number] = pull_request

    def push(self, pull_request: PullRequest, push: PushPart, at: datetime) -> None:
        """One more push to an open pull request."""
        tip = self.git.refs[f"refs/heads/{pull_request.target}"] if push.force else pull_request.head
        pull_request.pushes.append(self._pushed(pull_request, push, at, tip))

    def _pushed(self, pull_request: PullRequest, push: PushPart, at: datetime, tip: str) -> Push:
        """Put a push's commits on a tip and move the branch there."""
        part = pull_request.part
        base = self.git.refs[f"refs/heads/{pull_request.target}"]
        before = pull_request.pushes[-1].head_sha if pull_request.pushes else base
        commits = []
        for commit in push.commits:
            when = self.instant(commit.at) if "at" in commit.model_fields_set else at
            tip = self._add(commit, tip, when, part.author, base=base)
            commits.append(tip)
        self.git.refs[f"refs/pull/{part.number}/head"] = tip
        if part.fork is None:
            self.git.refs[f"refs/heads/{pull_request.source}"] = tip
        forced = push.force and bool(pull_request.pushes)
        return Push(push.by or part.author, at, before, tip, forced, tuple(commits), base)

    def end(self, pull_request: PullRequest, at: datetime) -> None:
        """Close it, and merge it if its part says so: merged branches are deleted."""
        pull_request.closed_at = at
        if pull_request.part.state == "merged":
            pull_request.merge_sha = self.merge(pull_request, at)
            if pull_request.part.fork is None and not self._others_use(pull_request):
                self.git.refs.pop(f"refs/heads/{pull_request.source}", None)

    def _others_use(self, pull_request: PullRequest) -> bool:
        others = [
            (self._source(other, index), other.target)
            for index, other in enumerate(self.part.pull_requests)
            if other.number != pull_request.number
        ]
        return pull_request.source in self.part.branches or any(pull_request.source in names for names in others)

    def merge(self, pull_request: PullRequest, at: datetime) -> str:
        """Merge the way that the repository allows, merge commits first."""
        ref = f"refs/heads/{pull_request.target}"
        tip = self.git.refs[ref]
        files = self.merged_files(tip, pull_request.merge_base, pull_request.head)
        part = pull_request.part
        author = self._signature(part.merged_by or part.author)
        committer = self._signature(WEB_FLOW)
        method = self.part.merge_methods[0] if self.part.merge_methods else "merge"
        if method == "merge":
            owner = part.fork or self.full_name.split("/")[0]
            message = f"Merge pull request #{part.number} from {owner}/{pull_request.source}\n\n{part.title}"
            parents: tuple[str, ...] = (tip, pull_request.head)
        else:
            message = f"{part.title} (#{part.number})"
            author = self._signature(part.author)
            parents = (tip,)
        sha = self.git.add_commit(files, parents, author, committer, at, message, verified=True)
        self.git.refs[ref] = sha
        self.git.names[f"#{part.number}"] = sha
        return sha

    def tried_merge(self, pull_request: PullRequest, push: Push) -> str:
        """What ``refs/pull/N/merge`` pointed at after a push: the merge that was made, or the one tried with it."""
        if pull_request.merge_sha:
            return pull_request.merge_sha
        key = (pull_request.number, push.base_sha, push.head_sha)
        if key not in self._merges:
            fork = self.git.merge_base(push.base_sha, push.head_sha) or push.base_sha
            files = self.merged_files(push.base_sha, fork, push.head_sha)
            head = self.git.commits[push.head_sha]
            message = f"Merge pull request {pull_request.number} from {pull_request.source} into {pull_request.target}"
            parents = (push.base_sha, push.head_sha)
            self._merges[key] = self.git.add_commit(files, parents, head.author, head.committer, push.at, message)
        return self._merges[key]

    def merged_files(self, ours: str, base: str, theirs: str) -> dict[str, str]:
        """Ours, with every file that they changed since the base as they have it."""
        files = dict(self.git.files(ours))
        old, new = self.git.files(base), self.git.files(theirs)
        for path in old.keys() | new.keys():
            if old.get(path) == new.get(path):
                continue
            if path in new:
                files[path] = new[path]
            else:
                files.pop(path, None)
        return files

    def commit(self, commit: CommitPart) -> None:
        """One more commit on the default branch."""
        self._commit(f"refs/heads/{self.part.default_branch}", commit)

    def _commit(self, ref: str, commit: CommitPart) -> None:
        """One more commit on a branch; a new branch begins at the default branch's tip."""
        parent = self.git.refs.get(ref) or self.git.refs[f"refs/heads/{self.part.default_branch}"]
        self.git.refs[ref] = self._add(commit, parent, self.instant(commit.at), self._first_person(), base=parent)

    def _add(
        self, commit: CommitPart, parent: str | None, at: datetime, author: str, *, base: str | None = None
    ) -> str:
        files = dict(self.git.files(parent)) if parent else {}
        parents: tuple[str, ...] = (parent,) if parent else ()
        message = commit.message
        if commit.merge == "base" and parent and base:
            files = self.merged_files(parent, self.git.merge_base(parent, base) or base, base)
            parents = (parent, base)
            if "message" not in commit.model_fields_set:
                message = f"Merge branch '{self.part.default_branch}'"
        for old, new in commit.renames.items():
            if old not in files:
                raise ReferenceMissing(f"commit {commit.message!r} renames {old!r}, which is not there", ())
            files[new] = files.pop(old)
        for path, text in commit.files.items():
            if text is None:
                files.pop(path, None)
            else:
                files[path] = self.git.add_blob(self.text(text).encode())
        who = self._signature(commit.author or author, commit.email)
        platform = WEB_FLOW if commit.merge == "base" else ""
        committer = self._signature(commit.committer or platform) if commit.committer or platform else who
        # GitHub signs what it commits itself; its e-mail address alone is anybody's to claim.
        verified = commit.verified or (commit.committer or platform) == WEB_FLOW
        sha = self.git.add_commit(files, parents, who, committer, at, message, verified=verified)
        if commit.id:
            self.git.names[commit.id] = sha
        return sha

    def _signature(self, login: str, email: str = "") -> Signature:
        person = self.people[login]
        if email and email != person.email:
            owner = next((other.login for other in self.people.values() if other.email == email), None)
            return Signature(person.name, email, owner)
        return Signature(person.name, person.email, login)

    def _first_person(self) -> str:
        people = (login for login, person in self.people.items() if not person.bot and login != WEB_FLOW)
        return next(people, WEB_FLOW)

    def _tag(self) -> None:
        for tag, name in self.part.tags.items():
            self.git.refs[f"refs/tags/{tag}"] = self.commit_named(name, ("tags", tag))
        for tag, name in self.part.annotated_tags.items():
            commit = self.git.commits[self.commit_named(name, ("annotated_tags", tag))]
            self.git.add_tag(tag, commit.sha, commit.committer, commit.committed_at, f"Tag {tag}")
        for index, release in enumerate(self.part.releases):
            sha = self.commit_named(release.commit, ("releases", index, "commit"))
            self.git.names.setdefault(release.version, sha)
            if release.tag_moved:
                sha = self._elsewhere(sha)
            if not release.draft:
                self.git.refs.setdefault(f"refs/tags/{release.version}", sha)

    def commit_named(self, name: str, where: tuple[str | int, ...]) -> str:
        """The commit that the scenario means by this name."""
        sha = self.git.names.get(name) or self.git.resolve(name)
        if sha is None:
            raise ReferenceMissing(f"there is no commit, branch, tag or merged pull request {name!r}", where)
        return sha

    def _elsewhere(self, sha: str) -> str:
        """Another commit, for a tag that moved: the default branch's tip, or else a parent."""
        tip = self.git.refs[f"refs/heads/{self.part.default_branch}"]
        commit: Commit = self.git.commits[sha]
        return tip if tip != sha else commit.parents[0] if commit.parents else sha
