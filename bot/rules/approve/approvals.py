"""The rule ``approvals``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import re2
from pydantic import Field, field_validator

from bot.model.facts import Fact, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import (
    ChangedFiles,
    CodeOwners,
    Comments,
    Commits,
    FormerCommits,
    Opinion,
    Pushes,
    Review,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
    TeamSpec,
)
from bot.model.findings import Evidence, Finding, Reviewer, ReviewWanted, Statement, Unknown
from bot.model.subjects import PullRequest
from bot.rules import RuleParams, Tighter, needs, rule
from bot.rules.approve.asking import review_wanted
from bot.rules.approve.contributors import authors, committed, committers, pushed_last, unmatched_emails, wrote_it
from bot.rules.approve.eligibility import Eligibility, From, Missing
from bot.rules.approve.freshness import Keep, outdated
from bot.rules.approve.opinions import approves, compiled, newest_opinions
from bot.rules.approve.ownership import Owned, named, owners_of
from bot.rules.approve.standing import Doubt, Objection, Standing, at_least, joint

F = TypeVar("F", bound=Fact)


class Params(RuleParams):
    """How many approvals, whose, and what takes them away."""

    minimum: Annotated[int, Tighter.MORE] = Field(default=1, ge=0)
    """How many people must have approved. With 0 only a request for changes fails the rule."""
    from_: Annotated[From, Tighter.NEVER] = Field(default=From(), alias="from")
    """Whose approval counts; without it anyone's with write permission."""
    count_author: Annotated[bool, Tighter.FALSE] = False
    """Whether the author's own approval counts, also where the author has committed."""
    count_committers: Annotated[bool, Tighter.FALSE] = False
    """Whether the approval of somebody who authored, committed or co-authored a commit of the change counts."""
    count_last_pusher: Annotated[bool, Tighter.FALSE] = False
    """Whether the approval of the person who pushed last counts."""
    dismiss_on_push: Annotated[bool, Tighter.TRUE] = True
    """Whether an approval counts only for the head that it was given on."""
    keep_on: Annotated[frozenset[Keep], Tighter.SUBSET] = frozenset(Keep)
    """What may be pushed without taking approvals away: ``update-merge``, a merge of the base that the platform made and
    that touches nothing else; ``rebase``, the same patches commit by commit. What cannot be proven is not kept."""
    ignore_commits_by: Annotated[frozenset[str], Tighter.SUBSET] = frozenset()
    """Logins whose commits make nobody a committer, where author and committer are both among them and the platform has
    verified the commit's signature. Azure DevOps verifies none, so there nothing is ignored."""
    comment_pattern: Annotated[str | None, Tighter.NEVER] = None
    """A regular expression (RE2): a comment on the pull request as a whole that contains it approves, and on GitHub a review
    that only comments. Code, HTML comments and quoted lines are not read, nor a comment that somebody else has edited."""
    request_review: Annotated[bool, Tighter.NEVER] = False
    """Whether the finding tells whom to ask for a review, leaving out those who were asked, and who has yet to answer."""
    strict_identity: Annotated[bool, Tighter.TRUE] = False
    """Whether a commit e-mail that belongs to no known account makes the outcome unknown: it may be an approver's."""

    @field_validator("comment_pattern")
    @classmethod
    def _regex(cls, pattern: str | None) -> str | None:
        if pattern is not None:
            try:
                compiled(pattern)
            except re2.error as error:
                reason = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
                raise ValueError(
                    f"not a regular expression as RE2 reads it (it has no lookaround): {reason}"
                ) from error
        return pattern


def _permissions_matter(params: Params) -> bool | None:
    return params.from_.least is not None or None


def _commits_matter(params: Params) -> bool | None:
    return not params.count_committers or (params.dismiss_on_push and bool(params.keep_on)) or None


def _rebases_matter(params: Params) -> bool | None:
    return (params.dismiss_on_push and Keep.REBASE in params.keep_on) or None


def _pushes_matter(params: Params) -> bool | None:
    return not params.count_last_pusher or params.dismiss_on_push or None


def _team_spec(params: Params) -> TeamSpec | None:
    source = params.from_
    if not source.teams and not source.code_owners:
        return None
    return TeamSpec(source.teams, source.code_owners, whole=False)


def _comments_matter(params: Params) -> bool | None:
    return params.comment_pattern is not None or None


def _owners_matter(params: Params) -> bool | None:
    return params.from_.code_owners or None


@rule(
    "approvals",
    severity="high",
    params=Params,
    controls=[
        "ISO27001:A.5.3",
        "ISO27001:A.8.28",
        "ISO27001:A.8.32",
        "NIST-SSDF:PW.7.2",
        "OSPS-BASELINE:OSPS-QA-07.01",
        "SCORECARD:Code-Review",
        "SLSA-SOURCE:L4",
        "SOC2:CC5.1",
        "SOC2:CC8.1",
    ],
)
def approvals(
    pr: PullRequest,
    reviews: Reviews,
    comments: Annotated[Comments | Unavailable | NotSupported | None, needs(_comments_matter)],
    commits: Annotated[Commits | Unavailable | NotSupported | None, needs(_commits_matter)],
    pushes: Annotated[Pushes | Unavailable | NotSupported | None, needs(_pushes_matter)],
    former: Annotated[FormerCommits | Unavailable | NotSupported | None, needs(_rebases_matter)],
    permissions: Annotated[ReviewerPermissions | Unavailable | NotSupported | None, needs(_permissions_matter)],
    teams: Annotated[TeamMembers | Unavailable | NotSupported | None, needs(_team_spec)],
    code_owners: Annotated[CodeOwners | Unavailable | NotSupported | None, needs(_owners_matter)],
    files: Annotated[ChangedFiles | Unavailable | NotSupported | None, needs(_owners_matter)],
    params: Params,
) -> Iterator[Statement]:
    """Enough eligible people other than those who made the change have approved its newest state.

    Each person counts once, by the newest opinion. The author does not count, nor does anyone behind a commit (author,
    committer, co-author), nor the person who pushed last, nor a bot, unless the parameters say so. The suggester of
    an applied suggestion and the platform's own committer stand behind no commit. For the pull request of a bot, a coding
    agent or a workflow, those whom it is assigned to are authors too; dependency updaters aside. An approval of
    an older head does not count. A request for changes by somebody who may approve, or by a required reviewer, blocks
    until it is dismissed or replaced.

    What could not be read matters only where it could change the outcome.

    Why:
        A second pair of eyes finds what the first overlooked, and no one can bring a change to production alone. An
        approval of what was there before the last push says nothing of what will be merged.

    Evidence:
        Every review with its opinion, whether it counted, and why not.

    How to fix:
        Have one of the people or teams that the finding names review the pull request. On Azure DevOps they vote
        Approve. Whoever approved an older head approves again. A request for changes is lifted by its reviewer's
        approval, or by dismissing it (GitHub) or resetting the vote (Azure DevOps).

    Example:
        - rule: approvals
          enforce: block
          with:
            minimum: 2
            from: {teams: [payments-team], permissions: [maintain]}
            keep_on: [update-merge]
    """
    change = Change(
        pr, _asked(commits), _asked(pushes), _asked(former), params, _strangers(pr, reviews, commits, params)
    )
    who = Eligibility(params.from_, permissions, teams, code_owners, files)
    statements = _judged(change, reviews, newest_opinions(reviews, comments, params.comment_pattern), who)
    yield from _whatever_was_said(statements, comments) if isinstance(comments, Unavailable) else statements


def _judged(change: Change, reviews: Reviews, newest: Sequence[Review], who: Eligibility) -> Iterator[Statement]:
    params = change.params
    given = [
        Approval(review, _standing(review, change, who))
        for review in newest
        if approves(review, params.comment_pattern)
    ]
    yield from _requests_for_changes(newest, who)
    counted = [approval for approval in given if approval.standing is None]
    doubts = [approval.standing for approval in given if isinstance(approval.standing, Doubt)]
    if len(counted) + len(doubts) < params.minimum:
        yield missing_approvals(change, reviews, given, who)
        return
    uncovered = list(_uncovered(change, reviews, given, who)) if params.minimum else []
    if at_least(len(counted), doubts) < params.minimum:
        yield from (Unknown(each.kind, each.reason) for each in dict.fromkeys(doubts))
        uncovered = [each for each in uncovered if isinstance(each, Finding)]
    yield from uncovered
    yield from evidence(given, change.strangers)


def _whatever_was_said(statements: Iterator[Statement], comments: Unavailable) -> Iterator[Statement]:
    """Comments that could not be read may approve, and take back a request for changes: they can cure, and not harm."""
    listed = list(statements)
    if any(isinstance(one, Finding) for one in listed):
        yield Unknown(comments.kind, f"whether a comment approves is not known: {comments.reason}")
        listed = [one for one in listed if not isinstance(one, Finding)]
    yield from listed


def _uncovered(
    change: Change, reviews: Reviews, given: Sequence[Approval], who: Eligibility
) -> Iterator[Finding | Unknown]:
    """Owned paths that nobody who may speak for them has approved."""
    lacking: list[Owned] = []
    doubts: dict[Doubt, None] = {}
    for owned in who.owned():
        # Of those whose approval may count, by what stands against their speaking for these paths.
        pairs = [
            (approval.standing, who.standing(approval.review.person, owned))
            for approval in given
            if not isinstance(approval.standing, Objection)
        ]
        standings = [
            joint([each for each in pair if isinstance(each, Doubt)])
            for pair in pairs
            if not isinstance(pair[1], Objection)
        ]
        unsure = [each for each in standings if each is not None]
        if None in standings or at_least(0, unsure):
            continue
        doubts.update(dict.fromkeys(unsure))
        if not unsure:
            lacking.append(owned)
    if lacking:
        yield Finding(
            f"No owner has approved {named(lacking)}.",
            _who_can(change, reviews, given, list(owners_of(lacking))),
            awaiting=True,
            discriminator="owners",
            review=_wanted(change, reviews, owners_of(lacking)),
        )
    yield from (Unknown(each.kind, f"whether an owner has approved: {each.reason}") for each in doubts)


def _standing(review: Review, change: Change, who: Eligibility) -> Standing:
    """What stands against an approval. Anything certain comes before any doubt."""
    doubts = []
    for standing in _standings(review, change, who):
        if isinstance(standing, Objection):
            return standing
        if standing is not None:
            doubts.append(standing)
    return joint(doubts)


def _standings(review: Review, change: Change, who: Eligibility) -> Iterator[Standing]:
    person, params = review.person, change.params
    author = wrote_it(person, change.pr)
    if not params.count_author:
        yield author
    yield who.standing(person)
    if not params.count_committers and author is None:
        yield committed(person, change.commits, params.ignore_commits_by)
        if params.strict_identity and change.strangers:
            emails = ", ".join(change.strangers)
            reason = (
                f"the commit e-mail {emails} belongs to no known account and may be an approver's: declare it under "
            )
            yield Doubt(UnknownKind.UNREADABLE, f"{reason}identities", most=len(change.strangers))
    if not params.count_last_pusher:
        yield pushed_last(person, change.pr, change.pushes)
    if params.dismiss_on_push:
        yield outdated(review, change.pr, change.commits, change.pushes, change.former, params.keep_on)


def _requests_for_changes(newest: Sequence[Review], who: Eligibility) -> Iterator[Finding | Unknown | Evidence]:
    for review in newest:
        if review.opinion is not Opinion.CHANGES_REQUESTED:
            continue
        person = review.person
        standing = None if review.required else who.standing(person)
        if isinstance(standing, Doubt):
            yield Unknown(standing.kind, f"whether the changes that {person} requested block: {standing.reason}")
        elif isinstance(standing, Objection):
            yield Evidence("requested changes, not counted", f"{person} {standing.reason}", review.url)
        else:
            yield Finding(
                f"{person} requested changes.",
                f"Settle it with {person}, who then approves; or dismiss the review (GitHub) or have the vote reset "
                "(Azure DevOps) by somebody who may.",
                (Evidence("requested changes", str(person), review.url, ok=False),),
                discriminator=f"changes-requested/{person.id}",
            )


def _strangers(pr: PullRequest, reviews: Reviews, commits: Commits | Missing | None, params: Params) -> tuple[str, ...]:
    if params.count_committers or not isinstance(commits, Commits):
        return ()
    people = [pr.author, *pr.assignees, *(review.person for review in reviews.reviews)]
    return unmatched_emails(commits, params.ignore_commits_by, people)


def _asked(fact: F | Missing | None) -> F | Missing:
    return NotSupported("it was not asked for") if fact is None else fact


@dataclass(frozen=True, slots=True)
class Change:
    """The change that is approved."""

    pr: PullRequest
    commits: Commits | Missing
    pushes: Pushes | Missing
    former: FormerCommits | Missing
    params: Params
    strangers: tuple[str, ...]
    """Commit e-mails of no known account."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One person's approval, and what stands against it."""

    review: Review
    standing: Standing

    @property
    def evidence(self) -> Evidence:
        """A line of the table."""
        who = str(self.review.person)
        if self.standing is None:
            return Evidence("approved, counted", who, self.review.url, ok=True)
        if isinstance(self.standing, Doubt):
            return Evidence("approved, in doubt", f"{who}: {self.standing.reason}", self.review.url)
        said = f"{who} {self.standing.reason}"
        return Evidence("approved, not counted", said, self.review.url, ok=False)


def evidence(given: Sequence[Approval], strangers: tuple[str, ...]) -> tuple[Evidence, ...]:
    """Every approval, and the commit e-mails that nobody is known to own."""
    lines = [approval.evidence for approval in given]
    if strangers:
        lines.append(Evidence("commit e-mail of no known account", ", ".join(strangers)))
    return tuple(lines)


def missing_approvals(change: Change, reviews: Reviews, given: Sequence[Approval], who: Eligibility) -> Finding:
    """How many are missing, who counted, who did not and why, and who can still approve."""
    minimum = change.params.minimum
    counted = [str(approval.review.person) for approval in given if approval.standing is None]
    said = [f"{len(counted)} of {minimum} approvals, {minimum - len(counted)} missing."]
    if counted:
        said.append(f"Counted: {', '.join(counted)}.")
    not_counted = [f"{a.review.person} ({a.standing.reason})" for a in given if a.standing is not None]
    if not_counted:
        said.append(f"Not counted: {', '.join(not_counted)}.")
    said += [f"There is no team {team}." for team in who.missing_teams()]
    if change.strangers:
        said.append(f"Commit e-mail of no known account: {', '.join(change.strangers)}.")
    return Finding(
        " ".join(said),
        _who_can(change, reviews, given, list(who.candidates()), list(who.anyone())),
        evidence(given, change.strangers),
        awaiting=True,
        discriminator="missing",
        review=_wanted(change, reviews, who.candidates()),
    )


def _who_can(
    change: Change,
    reviews: Reviews,
    given: Sequence[Approval],
    candidates: Sequence[Reviewer],
    anyone: Sequence[str] = (),
) -> str:
    """Up to five people or teams who can still approve; those of an older head first, they know the change."""
    again = [
        f"{approval.review.person} (again)"
        for approval in given
        if isinstance(approval.standing, Objection) and approval.standing.curable
    ]
    out = {str(approval.review.person).casefold() for approval in given} | _excluded(change)
    others = [one for one in candidates if str(one).casefold() not in out]
    asked = [name for name in reviews.requested if name.casefold() not in out]
    if change.params.request_review:
        waiting = {name.casefold() for name in asked}
        others = [one for one in others if one.name.casefold() not in waiting]
    names = [*again, *map(str, others), *anyone][:5]
    verb = "Ask for a review by" if change.params.request_review else "Can still approve:"
    said = [f"{verb} {', '.join(names)}."] if names else ["Nobody whom this entry names can still approve."]
    if asked:
        said.append(f"Asked, and has not answered: {', '.join(asked)}.")
    return " ".join(said)


def _excluded(change: Change) -> set[str]:
    """The logins of those whose approval would not count."""
    params = change.params
    found: set[str] = set()
    own = {str(person).casefold() for person in authors(change.pr)}
    if not params.count_committers and isinstance(change.commits, Commits):
        found |= {str(person).casefold() for person in committers(change.commits, params.ignore_commits_by)} - own
    if not params.count_last_pusher and isinstance(change.pushes, Pushes) and change.pushes.pushes:
        found.add(str(change.pushes.pushes[-1].person).casefold())
    return found if params.count_author else found | own


def _wanted(change: Change, reviews: Reviews, candidates: Iterator[Reviewer]) -> ReviewWanted:
    """Those whose review would count and who have not been asked, nor said anything yet."""
    params = change.params
    out = [*authors(change.pr), *(review.person for review in reviews.reviews)]
    if not params.count_committers and isinstance(change.commits, Commits):
        out += committers(change.commits, params.ignore_commits_by)
    if not params.count_last_pusher and isinstance(change.pushes, Pushes) and change.pushes.pushes:
        out += [person for person in (change.pushes.pushes[-1].person,) if person is not None]
    return review_wanted(candidates, out, reviews.requested)
