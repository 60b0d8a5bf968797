"""Who wrote the change: its author, and everybody behind its commits. Their approval is their own work's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import Commit, Commits, Pushes
from bot.model.people import Person, Signature
from bot.model.subjects import PullRequest
from bot.rules.approve.standing import Doubt, Objection, Standing, doubt, same_person

# They open pull requests because of a schedule, not because somebody asked: whom they assign has not set them going.
# `github-actions` is not among them: a workflow may well have been started by hand, by the one who is assigned then.
UPDATERS = frozenset(
    {
        "dependabot",
        "dependabot-preview",
        "pre-commit-ci",
        "renovate",
        "snyk-bot",
        "mend-bolt-for-github",
    }
)


def authors(pr: PullRequest) -> tuple[Person, ...]:
    """The author; and for a bot's pull request, updaters' aside, those whom it is assigned to, who set it going."""
    if pr.author.is_bot and pr.author.login.casefold().removesuffix("[bot]") not in UPDATERS:
        return (pr.author, *pr.assignees)
    return (pr.author,)


def wrote_it(person: Person, pr: PullRequest) -> Objection | None:
    """Whether the person is an author of the pull request."""
    first, *set_going = authors(pr)
    if same_person(person, first):
        return Objection("is the author")
    if any(same_person(person, other) for other in set_going):
        return Objection(f"set {first} going, and so is an author")
    return None


def committed(person: Person, commits: Commits | Unavailable | NotSupported, ignored: frozenset[str]) -> Standing:
    """Whether the person stands behind a commit of the change."""
    if not isinstance(commits, Commits):
        return doubt(commits, "whose commits the change consists of is not known")
    for commit in judged_commits(commits, ignored):
        for role, signature in _signatures(commit):
            if _is(person, signature):
                return Objection(f"is {role} of commit {commit.sha[:10]}")
    return None


def committers(commits: Commits, ignored: frozenset[str]) -> Iterator[Person]:
    """Everybody known to stand behind a commit of the change."""
    for commit in judged_commits(commits, ignored):
        yield from (signature.person for _, signature in _signatures(commit) if signature.person is not None)


def unmatched_emails(commits: Commits, ignored: frozenset[str], people: Iterable[Person]) -> tuple[str, ...]:
    """The e-mails of commits that belong neither to an account, as the platform says, nor to any of these people."""
    known = {email.casefold() for person in people for email in person.emails}
    found = {
        signature.email or signature.name
        for commit in judged_commits(commits, ignored)
        for _, signature in _signatures(commit)
        if signature.person is None and signature.email.casefold() not in known
    }
    return tuple(sorted(found))


def pushed_last(person: Person, pr: PullRequest, pushes: Pushes | Unavailable | NotSupported) -> Standing:
    """Whether the person put the present head there."""
    what = f"who pushed {pr.head_sha[:10]} is not known"
    if not isinstance(pushes, Pushes):
        found = doubt(pushes, what)
        return Doubt(found.kind, found.reason, most=1)
    if not pushes.pushes or pushes.pushes[-1].head != pr.head_sha:
        return Doubt(UnknownKind.TRANSIENT, f"{what}: the platform does not list that push (yet)", most=1)
    pusher = pushes.pushes[-1].person
    if pusher is None:
        return Doubt(UnknownKind.UNREADABLE, f"{what}: the platform names nobody", most=1)
    return Objection("pushed last") if same_person(person, pusher) else None


def judged_commits(commits: Commits, ignored: frozenset[str]) -> Sequence[Commit]:
    """All commits but those whose author and committer are both among ``ignored``.

    The platform matches an account by the e-mail that the commit claims, which anybody may write: only a verified signature
    proves the claim.
    """
    names = {name.casefold() for name in ignored}
    return [
        commit
        for commit in commits.commits
        if not (commit.verified is True and _is_named(commit.author, names) and _is_named(commit.committer, names))
    ]


def _is_named(signature: Signature, names: set[str]) -> bool:
    """A claimed e-mail or name is not enough: the platform must have matched the account."""
    return signature.person is not None and signature.person.login.casefold() in names


def _signatures(commit: Commit) -> Iterator[tuple[str, Signature]]:
    """Those behind a commit. Applying a suggestion names its suggester as co-author, who has only reviewed."""
    signatures = [("author", commit.author), ("committer", commit.committer)]
    if not commit.is_applied_suggestion:
        signatures += [("co-author", signature) for signature in commit.co_authors]
    yield from ((role, signature) for role, signature in signatures if not signature.is_platform)


def _is(person: Person, signature: Signature) -> bool:
    if signature.person is not None and same_person(person, signature.person):
        return True
    return bool(signature.email) and signature.email.casefold() in {email.casefold() for email in person.emails}
