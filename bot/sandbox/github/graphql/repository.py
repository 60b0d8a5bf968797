"""Repositories and their refs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.github import deployments, issues, labels, pulls, releases
from bot.sandbox.github.call import stamp
from bot.sandbox.github.graphql.actors import actor
from bot.sandbox.github.graphql.thing import Context, Denied, Many, Thing
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import EPOCH
from bot.sandbox.github.rulesets import active_for, classic_for, classic_rules, rulesets

if TYPE_CHECKING:
    from bot.sandbox.world import Repository

Value = dict[str, object]
"""What answers a type without a class."""


class RepositoryThing(Thing, of="Repository"):
    """A repository."""

    def __init__(self, c: Context, repository: Repository) -> None:
        super().__init__(c)
        self.it = repository
        part = self.part = repository.part
        self.id = encode("Repository", repository.key)
        self.database_id = repository.id
        self.name = part.name
        self.name_with_owner = repository.full_name
        self.url = f"{c.html}/{repository.full_name}"
        self.description = part.description or None
        self.visibility = part.visibility.upper()
        self.is_private = part.visibility != "public"
        self.is_archived = part.archived
        self.is_fork = part.fork
        self.is_empty = part.empty
        self.is_disabled = self.is_locked = self.is_template = self.is_mirror = False
        self.pushed_at = self.updated_at = stamp(repository.pushed_at)
        self.created_at = stamp(EPOCH)
        self.merge_commit_allowed = "merge" in part.merge_methods
        self.squash_merge_allowed = "squash" in part.merge_methods
        self.rebase_merge_allowed = "rebase" in part.merge_methods
        self.delete_branch_on_merge = True
        self.auto_merge_allowed = self.allow_update_branch = self.web_commit_signoff_required = False
        self.forking_allowed = part.visibility == "public"
        self.has_issues_enabled = part.has_issues
        self.has_discussions_enabled = bool(repository.part.discussions)
        self.has_wiki_enabled = False
        self.has_vulnerability_alerts_enabled = part.security.dependency_alerts
        self.viewer_can_administer = c.access.administers(repository)

    def owner(self) -> Any:
        """Whose it is."""
        return self.new("Organization", self.c.world.organizations[self.it.owner])

    @property
    def primary_language(self) -> Value | None:
        """The language."""
        name = self.part.language
        return {"name": name, "color": None, "id": encode("Language", name)} if name else None

    def repository_topics(self) -> Many:
        """The topics."""
        return Many(
            self.part.topics,
            lambda name: {
                "id": encode("RepositoryTopic", self.it.key, name),
                "topic": {"id": encode("Topic", name), "name": name},
            },
        )

    @property
    def viewer_permission(self) -> str | None:
        """What the token's owner may do."""
        if self.c.token.kind == "pat" and self.c.token.github != "all":
            held = self.c.world.permission(self.c.token.login, self.it)
            return held.upper() if held else None
        return "ADMIN" if self.c.access.holds("administration", "write") else "WRITE"

    @property
    def security_policy_url(self) -> str | None:
        """Where SECURITY.md is shown."""
        return f"{self.url}/security/policy" if self.is_security_policy_enabled else None

    @property
    def is_security_policy_enabled(self) -> bool:
        """Whether there is a SECURITY.md."""
        places = ("SECURITY.md", ".github/SECURITY.md", "docs/SECURITY.md")
        return self.it.tip is not None and any(path in self.it.git.files(self.it.tip) for path in places)

    def default_branch_ref(self) -> Any:
        """The default branch; null in an empty repository."""
        return self.ref(f"refs/heads/{self.part.default_branch}")

    def ref(self, qualified_name: str) -> Any:
        """A ref by its whole name, or a branch's; null when there is none."""
        self.c.need("contents", "read", self.it)
        for name in (qualified_name, f"refs/heads/{qualified_name}", f"refs/{qualified_name}"):
            if name.startswith("refs/") and name in self.it.git.refs:
                return self.new("Ref", self.it, name)
        return None

    def refs(self, ref_prefix: str, query: str | None = None, order_by: dict[str, str] | None = None) -> Many:
        """The refs that begin so, by name."""
        self.c.need("contents", "read", self.it)
        names = sorted(name for name in self.it.git.refs if name.startswith(ref_prefix) and (query or "") in name)
        git = self.it.git
        if order_by and order_by["field"] == "TAG_COMMIT_DATE":
            names.sort(key=lambda name: git.commits[git.refs[name]].committed_at)
        if order_by and order_by["direction"] == "DESC":
            names.reverse()
        return Many(names, lambda name: self.new("Ref", self.it, name))

    def object(self, oid: str | None = None, expression: str | None = None) -> Any:
        """A commit, a directory or a file: by hash, or as ``git rev-parse`` reads it (``main:src/app.py``)."""
        self.c.need("contents", "read", self.it)
        git = self.it.git
        name = oid or expression or ""
        revision, colon, path = name.partition(":")
        if not colon:
            if revision in git.blobs:
                return self.new("Blob", self.it, revision)
            if revision in git.trees:
                return self.new("Tree", self.it, revision)
            tag = next((each for each in git.tags.values() if each.sha == revision), None)
            if tag is not None:
                return self.new("Tag", self.it, tag)
        if revision == "HEAD":
            revision = self.part.default_branch
        sha = git.resolve(revision)
        if sha is None:
            return None
        if not colon:
            return self.new("Commit", self.it, git.commits[sha])
        path = path.strip("/")
        if path in git.files(sha):
            return self.new("Blob", self.it, git.files(sha)[path])
        tree = git.commits[sha].tree_sha
        for step in path.split("/") if path else ():
            found = [entry.sha for entry in git.trees[tree] if entry.name == step and entry.is_tree]
            if not found:
                return None
            tree = found[0]
        return self.new("Tree", self.it, tree)

    def branch_protection_rules(self) -> Many:
        """Classic protection; each rule denied to who does not administer the repository."""
        allowed = self.viewer_can_administer
        return Many(
            classic_rules(self.it),
            lambda each: self.new("BranchProtectionRule", each) if allowed else self.c.denied(),
        )

    def rulesets(self, include_parents: bool = True, targets: list[str] | None = None) -> Many:
        """Rulesets, the organisation's too."""
        found = rulesets(self.it, parents=include_parents) if not targets or "BRANCH" in targets else []
        return Many(found, lambda each: self.new("RepositoryRuleset", each, self.it))

    def ruleset(self, database_id: int, include_parents: bool = True) -> Any:
        """One of them."""
        for each in rulesets(self.it, parents=include_parents):
            if each.id == database_id:
                return self.new("RepositoryRuleset", each, self.it)
        return None

    def collaborators(self, query: str | None = None, login: str | None = None, affiliation: str | None = None) -> Many:
        """Everyone with access, each edge with the permission; for those who may push."""
        if not self.c.access.person_may_push(self.it):
            raise Denied("FORBIDDEN", "You do not have permission to view repository collaborators.")
        logins = self.c.world.collaborators(self.it)
        if affiliation == "DIRECT":
            logins = [each for each in logins if each in self.part.permissions]
        if affiliation == "OUTSIDE":
            logins = [each for each in logins if each not in self.c.world.members(self.it.owner)]
        logins = [each for each in logins if (not login or each == login) and (query or "") in each]
        return Many(logins, lambda each: actor(self.c, each), edge=self._collaborator)

    def _collaborator(self, login: str) -> Value:
        held = (self.c.world.permission(login, self.it) or "read").upper()
        sources: list[Value] = []
        organization = self.owner()
        for name, permission in self.part.permissions.items():
            team = self.c.world.teams.get(name.removeprefix("team:")) if name.startswith("team:") else None
            if name == login or (team and login in team.members):
                source = self.new("Team", team) if team else self
                # The schema words sources by the base permissions, which know neither triage nor maintain.
                base = {"triage": "READ", "maintain": "WRITE"}.get(permission, permission.upper())
                sources.append(
                    {"permission": base, "roleName": permission, "source": source, "organization": organization}
                )
        return {"permission": held, "permissionSources": sources}

    def environments(self) -> Many:
        """Environments."""
        allowed = self.c.may("actions", self.it)
        return Many(
            deployments.environments_of(self.it),
            lambda part: self.new("Environment", self.it, part) if allowed else self.c.denied(),
        )

    def environment(self, name: str) -> Any:
        """One of them; null when there is none."""
        self.c.need("actions", "read", self.it)
        for part in deployments.environments_of(self.it):
            if part.name == name:
                return self.new("Environment", self.it, part)
        return None

    def deployments(self, environments: list[str] | None = None, order_by: dict[str, str] | None = None) -> Many:
        """Deployments, oldest first unless asked otherwise."""
        allowed = self.c.may("deployments", self.it)
        found = [
            each
            for each in deployments.deployments_of(self.it)
            if not environments or each.part.environment in environments
        ]
        if not order_by or order_by["direction"] == "ASC":
            found.reverse()
        return Many(found, lambda each: self.new("Deployment", self.it, each) if allowed else self.c.denied())

    def releases(self, order_by: dict[str, str] | None = None) -> Many:
        """Releases, newest first unless asked otherwise."""
        drafts = self.c.access.holds("contents", "write")
        allowed = self.c.may("contents", self.it)
        found = [part for part in releases.releases_of(self.it) if drafts or not part.draft]
        if order_by and order_by["direction"] == "ASC":
            found.reverse()
        return Many(found, lambda part: self.new("Release", self.it, part) if allowed else self.c.denied())

    def latest_release(self) -> Any:
        """The latest; null when there is none."""
        self.c.need("contents", "read", self.it)
        found = releases.latest_of(self.it)
        return self.new("Release", self.it, found) if found else None

    def release(self, tag_name: str) -> Any:
        """The release of a tag; null when there is none."""
        self.c.need("contents", "read", self.it)
        for part in self.part.releases:
            if part.version == tag_name:
                return self.new("Release", self.it, part)
        return None

    def pull_request(self, number: int) -> Any:
        """A pull request."""
        self.c.need("pull_requests", "read", self.it)
        found = self.it.pull_requests.get(number)
        if found is None or "github" not in found.part.platforms:
            raise Denied("NOT_FOUND", f"Could not resolve to a PullRequest with the number of {number}.")
        return self.new("PullRequest", self.it, found)

    def pull_requests(
        self,
        states: list[str] | None = None,
        base_ref_name: str | None = None,
        head_ref_name: str | None = None,
        labels: list[str] | None = None,
        order_by: dict[str, str] | None = None,
    ) -> Many:
        """Pull requests, oldest first unless asked otherwise."""
        allowed = self.c.may("pull_requests", self.it)
        found = [
            each
            for each in reversed(pulls.shown(self.it))
            if (not states or each.part.state.upper() in states)
            and base_ref_name in (None, each.target)
            and head_ref_name in (None, each.source)
            and (not labels or set(labels) & set(each.labels))
        ]
        if order_by and order_by["field"] == "UPDATED_AT":
            found.sort(key=lambda each: each.updated_at or each.created_at)
        if order_by and order_by["direction"] == "DESC":
            found.reverse()
        return Many(found, lambda each: self.new("PullRequest", self.it, each) if allowed else self.c.denied())

    def issue(self, number: int) -> Any:
        """An issue."""
        self.c.need("issues", "read", self.it)
        found = self.c.world.issue(self.it, number)
        if found is None:
            raise Denied("NOT_FOUND", f"Could not resolve to an Issue with the number of {number}.")
        return self.new("Issue", self.it, found)

    def issue_or_pull_request(self, number: int) -> Any:
        """Whichever has this number."""
        if number in self.it.pull_requests and "github" in self.it.pull_requests[number].part.platforms:
            return self.pull_request(number)
        if self.c.world.issue(self.it, number) is None:
            raise Denied("NOT_FOUND", f"Could not resolve to an issue or pull request with the number of {number}.")
        return self.issue(number)

    def discussion(self, number: int) -> Any:
        """A discussion."""
        if number not in self.it.part.discussions:
            raise Denied("NOT_FOUND", f"Could not resolve to a Discussion with the number of {number}.")
        self.c.need("discussions", "read", self.it)
        url = f"{self.c.html}/{self.it.full_name}/discussions/{number}"
        ident = encode("Discussion", self.it.key, number)
        return {"__typename": "Discussion", "id": ident, "number": number, "title": "Talk", "url": url}

    def issues(
        self,
        states: list[str] | None = None,
        labels: list[str] | None = None,
        order_by: dict[str, str] | None = None,
    ) -> Many:
        """Issues, oldest first unless asked otherwise."""
        allowed = self.c.may("issues", self.it)
        found = [
            item
            for item in issues.issues_of(self.it)
            if (not states or ("CLOSED" if item.closed else "OPEN") in states)
            and (not labels or set(labels) & set(item.part.labels))
        ]
        found.sort(key=lambda item: item.created_at, reverse=bool(order_by and order_by["direction"] == "DESC"))
        return Many(found, lambda item: self.new("Issue", self.it, item) if allowed else self.c.denied())

    def labels(self) -> Many:
        """Every label."""
        return Many(labels.labels_of(self.it), lambda name: self.new("Label", self.it, name))

    def label(self, name: str) -> Any:
        """One of them, upper and lower case alike; null when there is none."""
        found = labels.find(self.it, name)
        return None if found is None else self.new("Label", self.it, found)

    def vulnerability_alerts(self, states: list[str] | None = None) -> Many:
        """Dependabot alerts."""
        self.c.need("vulnerability_alerts", "read")
        shown = [
            part for part in self.part.alerts if part.kind == "dependency" and self.has_vulnerability_alerts_enabled
        ]
        found = [part for part in shown if not states or part.state.upper() in states]
        return Many(found, lambda part: self.new("RepositoryVulnerabilityAlert", self.it, part))

    def codeowners(self, ref_name: str | None = None) -> Value | None:
        """What is wrong with CODEOWNERS: owners whom the scenario does not know. Null without such a file."""
        self.c.need("contents", "read", self.it)
        sha = self.it.git.resolve(ref_name) if ref_name else self.it.tip
        for path in (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS"):
            text = self.it.git.text(sha, path) if sha else None
            if text is not None:
                return {"errors": list(self._unknown_owners(path, text))}
        return None

    def _unknown_owners(self, path: str, text: str) -> Any:
        teams = {f"{team.organization}/{team.slug}" for team in self.c.world.teams.values()}
        for line, content in enumerate(text.splitlines(), 1):
            words = content.split("#")[0].split()
            for owner in words[1:]:
                name = owner.removeprefix("@")
                if owner.startswith("@") and name not in self.c.world.people and name not in teams:
                    yield {
                        "line": line,
                        "column": content.index(owner) + 1,
                        "kind": "Unknown owner",
                        "message": f"Unknown owner on line {line}: make sure {owner} exists and has write access",
                        "path": path,
                        "source": content,
                        "suggestion": f"make sure {owner} exists and has write access to the repository",
                    }

    def merge_queue(self, branch: str | None = None) -> Any:
        """The queue into a branch, whose entries are the branches that a queue makes, in order; null where nothing waits."""
        base = branch or self.part.default_branch
        found = [
            (QUEUED.match(name), sha)
            for name, sha in self.it.git.refs.items()
            if name.startswith(f"refs/heads/gh-readonly-queue/{base}/")
        ]
        entries = [
            (int(match["number"]), sha)
            for match, sha in found
            if match and int(match["number"]) in self.it.pull_requests
        ]
        return self.new("MergeQueue", self.it, base, entries) if entries else None


QUEUED = re.compile(r"^refs/heads/gh-readonly-queue/.+/pr-(?P<number>\d+)-[0-9a-f]{40}$")


class MergeQueueThing(Thing, of="MergeQueue"):
    """The pull requests that wait to be merged into a branch."""

    def __init__(self, c: Context, repository: Repository, base: str, entries: list[tuple[int, str]]) -> None:
        super().__init__(c)
        self.it = repository
        self.waiting = entries
        self.id = encode("MergeQueue", repository.key, base)
        self.url = f"{c.html}/{repository.full_name}/queue/{base}"

    def entries(self) -> Many:
        """Each with the commit that the queue made of it and those before it."""
        return Many(list(enumerate(self.waiting, 1)), self._entry)

    def _entry(self, placed: tuple[int, tuple[int, str]]) -> Value:
        position, (number, sha) = placed
        git = self.it.git
        head = git.commits[sha]
        base = git.commits.get(head.parents[0]) if head.parents else None
        return {
            "id": encode("MergeQueueEntry", self.it.key, number),
            "position": position,
            "state": "AWAITING_CHECKS",
            "baseCommit": base and self.new("Commit", self.it, base),
            "headCommit": self.new("Commit", self.it, head),
            "pullRequest": self.new("PullRequest", self.it, self.it.pull_requests[number]),
        }


class RefThing(Thing, of="Ref"):
    """A branch or a tag."""

    def __init__(self, c: Context, repository: Repository, full_name: str) -> None:
        super().__init__(c)
        self.it = repository
        self.full_name = full_name
        prefix = "/".join(full_name.split("/")[:2]) + "/"
        self.id = encode("Ref", repository.key, full_name)
        self.prefix = prefix
        self.name = full_name.removeprefix(prefix)
        self.sha = repository.git.refs[full_name]

    def repository(self) -> Any:
        """Where it is."""
        return self.new("Repository", self.it)

    def target(self) -> Any:
        """The commit, or the annotated tag that points at it."""
        tag = self.it.git.tags.get(self.full_name)
        if tag is not None:
            return self.new("Tag", self.it, tag)
        return self.new("Commit", self.it, self.it.git.commits[self.sha])

    def branch_protection_rule(self) -> Any:
        """The classic rule that covers it."""
        rule = classic_for(self.it, self.name) if self.prefix == "refs/heads/" else None
        if rule is None:
            return None
        if not self.c.access.administers(self.it):
            raise self.c.denied()
        return self.new("BranchProtectionRule", rule)

    def rules(self, order_by: dict[str, str] | None = None) -> Many:
        """Every active rule that covers it."""
        del order_by
        found = active_for(self.it, self.name) if self.prefix == "refs/heads/" else []
        pairs = [(ruleset, rule) for ruleset in found for rule in ruleset.rules()]
        return Many(pairs, lambda pair: self.new("RepositoryRule", pair[0], pair[1], self.it))

    def associated_pull_requests(self, states: list[str] | None = None) -> Many:
        """The pull requests that come from it."""
        found = [
            each
            for each in pulls.shown(self.it)
            if each.source == self.name and each.part.fork is None and (not states or each.part.state.upper() in states)
        ]
        return Many(found, lambda each: self.new("PullRequest", self.it, each))

    def compare(self, head_ref: str) -> Any:
        """This ref against another."""
        head = self.it.git.resolve(head_ref)
        if head is None:
            raise Denied("NOT_FOUND", f"Could not resolve to a Ref with the name '{head_ref}'.")
        return self.new("Comparison", self.it, self.sha, head)


class ComparisonThing(Thing, of="Comparison"):
    """Two commits compared."""

    def __init__(self, c: Context, repository: Repository, base: str, head: str) -> None:
        super().__init__(c)
        self.it = repository
        self.id = encode("Comparison", repository.key, base, head)
        self.ahead = repository.git.log(head, base)[::-1]
        self.ahead_by = len(self.ahead)
        self.behind_by = len(repository.git.log(base, head))
        self.status = (
            "DIVERGED"
            if self.ahead_by and self.behind_by
            else "AHEAD"
            if self.ahead_by
            else "BEHIND"
            if self.behind_by
            else "IDENTICAL"
        )

    def commits(self) -> Many:
        """The commits that only the head has, oldest first."""
        authors = {commit.author.email for commit in self.ahead}
        return Many(self.ahead, lambda commit: self.new("Commit", self.it, commit), extra={"authorCount": len(authors)})
