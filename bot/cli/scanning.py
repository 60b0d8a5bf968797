"""How a scan goes: list, judge a batch, keep it, forget it; and at the end say whether everything is accounted for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import click

from bot import __version__
from bot.cli.batch import BatchJudge, Said, add_up, going_on
from bot.cli.judgement import Judging
from bot.cli.session import Session
from bot.cli.wishes import Unchanged, Wish, normal, unchanged
from bot.engine.accounts import ARCHIVED, Accounts, Fate, uncounted
from bot.engine.homes import Portion, in_batches
from bot.engine.judging import kinds_judged
from bot.engine.memos import Memo
from bot.engine.ports import Progress, Provider
from bot.engine.runs import Batch, Closing, OpenRun, Store
from bot.engine.sharding import ELSEWHERE
from bot.engine.targets import Target
from bot.engine.verdict import OnUnknown
from bot.engine.waiving import Met, over_all
from bot.model.facts import UnknownKind
from bot.model.results import Coverage, Gap, PolicySource, Run, Spent
from bot.model.subjects import Organization, PullRequest, Repository, Subject
from bot.policy.configuration import Configuration


@dataclass
class Scan:
    """One run, under way. It holds what one batch needs, and of all others what became of their repositories."""

    opened: Session
    judging: Judging
    configuration: Configuration
    run: OpenRun
    wish: Wish
    bar: Progress
    accounts: Accounts
    notices: dict[str, None] = field(default_factory=dict)
    met: dict[str, dict[str, dict[int, Met]]] = field(default_factory=dict)
    """What the waivers met, by target, policy and position."""
    policies: dict[tuple[str, str], PolicySource] = field(default_factory=dict)
    blocking: set[UnknownKind] = field(default_factory=set)
    """The kinds of unknown that some configuration does not let through."""
    told: set[Gap] = field(default_factory=set)
    """What is already said about the listing."""
    gaps: list[Gap] = field(default_factory=list)
    """Those that are kept with no batch."""
    gapped: bool = False
    """Some batch has gaps."""
    idle: Unchanged | None = None
    """What is left out because nothing was pushed to it."""
    _sent: Mapping[str, Spent] = field(default_factory=dict)

    def whole(self, root: Subject) -> bool:
        """Whether everything below an organisation is judged here: then it can be told what nobody needs."""
        alone = len(self.wish.targets) == 1 and self.wish.shard is None and self.idle is None
        return isinstance(root, Organization) and alone

    def recall(self) -> None:
        """Take up what an earlier process has noted of this run."""
        self.accounts.settle(dict.fromkeys(self.run.done(), Fate.JUDGED))
        for memo in map(Memo.read, self.run.memos()):
            self.accounts.done(memo.target, memo.fates)
            self.told.update(memo.listing)
            self._note(memo)

    def over(self, target: Target) -> tuple[Subject, Coverage]:
        """Judge one target; gives how its repositories are accounted for. Raises ``ClickException`` where it is not there."""
        provider, root = self.judging.resolve(target)
        self.accounts.begin(normal(target))
        self.bar.total("repositories", None)
        kinds = kinds_judged(self.configuration, self.opened.now) | {Repository}
        if not self.wish.pull_requests:
            kinds -= {PullRequest}
        listing = self._listed(provider, root, kinds)
        judge = BatchJudge(self.judging, self.configuration, provider, root, self.wish.repository_policies, self.bar)
        for portion in in_batches(listing, self.accounts.wanted, self.wish.batch):
            self._leave_out(provider, portion)
            self._batch(judge, normal(target), portion)
        coverage = self.accounts.coverage(provider.counted(root))
        gap = uncounted(root, coverage)
        self.gaps += [gap] if gap is not None else []
        return root, coverage

    def _listed(self, provider: Provider, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """What the provider lists. An error that nobody foresaw ends the listing of this target, and is told."""
        for item in going_on(root, provider.discover(root, kinds)):
            if isinstance(item, Gap):
                if item in self.told:
                    continue
                self.told.add(item)
            elif isinstance(item, Repository):
                self.bar.advance("repositories")
            yield item

    def _leave_out(self, provider: Provider, portion: Portion) -> None:
        """Leave out what nothing was pushed to, where the listing does not tell: each of them may cost a request."""
        if self.idle is None:
            return
        unsure = [
            home.subject
            for home in portion.homes.values()
            if isinstance(home.subject, Repository)
            and home.subject.pushed_at is None
            and self.idle.concerns(home.subject)
        ]
        for identity in provider.unpushed(unsure, self.idle.since):
            self.accounts.skip(portion.homes.pop(identity).subject, self.idle.reason)

    def _batch(self, judge: BatchJudge, target: str, portion: Portion) -> None:
        """Judge a portion, keep it, and let go of it."""
        homes = list(portion.homes.values())
        said = judge.judge(homes) if homes else Said()
        fates = said.fates(homes)
        self.accounts.settle({identity: fate for identity, fate in fates.items() if fate is not Fate.SKIPPED})
        for home in homes:
            if fates[home.subject.id] is Fate.SKIPPED:
                self.accounts.skip(home.subject, ARCHIVED)
        done = tuple(identity for identity, fate in fates.items() if fate is not Fate.SKIPPED)
        gaps = tuple(dict.fromkeys([*portion.gaps, *said.gaps]))
        if done:
            memo = Memo(
                target=target,
                fates={each: fates[each] for each in done if isinstance(portion.homes[each].subject, Repository)},
                met=said.met,
                listing=tuple(portion.gaps),
                gapped=bool(gaps),
                notices=tuple(notice for notice in dict.fromkeys(said.notices) if notice not in self.notices),
                policies=tuple(source for key, source in said.policies.items() if key not in self.policies),
                blocking=frozenset(said.blocking - self.blocking),
            )
            subjects, results = tuple(said.subjects), tuple(said.results)
            requests, spent = self._sent_since()
            self.run.keep(Batch(done, subjects, results, gaps, requests, spent, memo.text()))
            self._note(memo)
        else:
            # Nothing of it is done, so whoever resumes the run meets all of it again.
            self.gaps += gaps
        judge.provider.release(portion.subjects())

    def _note(self, memo: Memo) -> None:
        add_up(self.met.setdefault(memo.target, {}), memo.met)
        self.gapped = self.gapped or memo.gapped
        self.notices |= dict.fromkeys(memo.notices)
        self.policies |= {(source.name, source.sha256): source for source in memo.policies}
        self.blocking |= memo.blocking

    def close(self, covered: Sequence[tuple[Subject, Coverage]]) -> Run:
        """End the run."""
        complete = not self.gapped and not self.gaps
        waived = [
            over_all(policy, met.get(policy.name, {}), root, self.opened.now, whole=self.whole(root) and complete)
            for root, coverage in covered
            for met in [self.met.get(coverage.target, {})]
            for policy in self.configuration.policies
            if policy.waivers and not self.wish.repository_policies and self._answers_for(root)
        ]
        sources = {(source.name, source.sha256): source for source in self.configuration.sources}
        requests, spent = self._sent_since()
        return self.run.finish(
            Closing(
                finished_at=datetime.now(UTC),
                version=__version__,
                depth=self.opened.depth(),
                policies=tuple((sources | self.policies).values()),
                coverage=tuple(coverage for _, coverage in covered),
                skipped=self.accounts.skipped,
                gaps=tuple(dict.fromkeys(self.gaps)),
                results=tuple(result for result in waived if result is not None),
                notices=tuple(self.notices),
                requests=requests,
                spent=spent,
            )
        )

    def _answers_for(self, root: Subject) -> bool:
        """Whether what is said of an organisation itself is said here, and by no other shard."""
        return self.wish.shard is None or self.wish.shard.holds(root.id)

    def on_unknown(self) -> OnUnknown:
        """What the configurations say about unknowns: one that blocks outweighs those that warn."""
        return {kind: "block" if kind in self.blocking else "warn" for kind in UnknownKind}

    def _sent_since(self) -> tuple[dict[str, int], dict[str, Spent]]:
        """The requests that were sent since this was last asked; and by kind."""
        now = self.opened.spent()
        new = {platform: spent - self._sent.get(platform, Spent()) for platform, spent in now.items()}
        self._sent = now
        return {platform: spent.requests for platform, spent in new.items()}, new


def scan(opened: Session, store: Store, judging: Judging, wish: Wish, bar: Progress) -> tuple[Scan, Run]:
    """Scan, and go on with the run that an earlier process of the same wish did not end.

    Raises ``ClickException``; and ``StoreError``.
    """
    from bot.policy.load import default_configuration

    given = judging.configuration
    configuration = given or default_configuration()
    order = wish.order(configuration, opened.environ, default=given is None)
    run = store.begin(order, "scan", opened.now, fresh=wish.fresh)
    if run.now != opened.now:
        opened.renew(run.now)
    judging.configuration_for_scan()
    idle, why = unchanged(store, order, wish, run.now)
    accounts = Accounts(lambda home: _left_out(home, wish, idle))
    notices = dict.fromkeys([*judging.notices, *([why] if why else [])])
    scan = Scan(opened, judging, configuration, run, wish, bar, accounts, notices, idle=idle)
    scan.policies = {(source.name, source.sha256): source for source in configuration.sources}
    scan.blocking = {kind for kind, how in judging.on_unknown().items() if how == "block"}
    judging.forget()
    scan.recall()
    if run.resumed and (done := run.done()):
        homes = f"{len(done):,} of its repositories and organisations" if len(done) > 1 else "one of its repositories"
        said = (
            f"This scan was begun at {run.started_at:%Y-%m-%d %H:%M} UTC and resumed: {homes} had been judged before."
        )
        scan.notices[said] = None
        click.echo(f"almguard: {said}", err=True)
    covered = []
    for target in wish.targets:
        try:
            covered.append(scan.over(target))
        except click.ClickException as error:
            if len(wish.targets) == 1:
                raise
            # One target that cannot be read ends neither the others nor the knowledge that it is missing.
            scan.gaps.append(Gap(str(target), str(target), "target", UnknownKind.SCOPE, error.message))
    return scan, scan.close(covered)


def _left_out(home: Subject, wish: Wish, idle: Unchanged | None) -> str:
    """Why a home is not judged; empty: it is."""
    if wish.shard is not None and not wish.shard.holds(home.id):
        return ELSEWHERE
    if idle is not None and isinstance(home, Repository) and idle.concerns(home):
        return idle.reason if home.pushed_at is not None and home.pushed_at < idle.since else ""
    return ""
