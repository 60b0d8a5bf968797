"""What gate, scan and audit share: find the configuration, judge, and make one ``Run`` of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from bot import __version__
from bot.cli.ci_event import own_run
from bot.cli.failures import Refusal, Unread, from_platform
from bot.cli.governing import Governing
from bot.cli.places import CONFIG_PATHS, Folder, root_of
from bot.cli.sarif_files import Around, as_is, asks_for_alerts
from bot.cli.session import Session
from bot.engine.judging import Judged, judge, kinds_judged
from bot.engine.ports import Known, PlatformError, Progress, Provider
from bot.engine.reach import reach
from bot.engine.targets import Target, TargetError, parse
from bot.engine.verdict import EXIT_CODES, USAGE, OnUnknown, decide, facts_digest, note
from bot.model.analyzers import AnalyzerCatalogue
from bot.model.annotations import Annotation
from bot.model.facts import Answer, FactRequest, Loaded, UnknownKind
from bot.model.facts.change import ChangedFiles
from bot.model.results import Enforcement, Gap, Gate, Result, Run, Verdict
from bot.model.subjects import Branch, Organization, PullRequest, PullRequestState, Release, Repository, Subject

if TYPE_CHECKING:
    from bot.policy.configuration import Configuration, SourceFile
    from bot.policy.references import Fetcher


@dataclass
class Judging:
    """One run in the making."""

    session: Session
    command: str
    configuration: Configuration | None = None
    """Given by --config; None: each target's own."""
    around: Around = as_is
    """What stands in front of the platform, and answers in its place: the results of SARIF files."""
    notices: list[str] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    """Ids of subjects whose own configuration could not be read, so that they were judged by the given one alone."""
    incomplete: bool = False
    """Subjects that a blocking rule judges could not all be listed."""
    failures: list[tuple[str, click.ClickException]] = field(default_factory=list)
    """Which of several could not be judged, or told, and why: the others were."""
    configurations: dict[str, Configuration] = field(default_factory=dict)
    """Those that were applied, by digest."""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    changed: dict[str, Answer] = field(default_factory=dict)
    """The files that pull requests change, by the pull request's id, where a rule asked for them."""
    annotations: dict[str, tuple[Annotation, ...]] = field(default_factory=dict)
    """What was found at lines of the changed files, by the pull request's id."""
    governing: dict[str, Governing] = field(default_factory=dict)
    """The files that rules were read from, by the id of their branch; where there is no configuration, none."""
    moved: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What moved of a pull request while it was judged, by its name."""
    annotated: set[str] = field(default_factory=set)
    """Ids of pull requests where the platform shows that at the lines."""
    judged: Judged = field(default_factory=lambda: Judged((), (), (), Known()))
    """The newest judgement alone."""
    _providers: dict[str, Provider] = field(default_factory=dict)
    _catalogues: dict[tuple[SourceFile, ...], AnalyzerCatalogue] = field(default_factory=dict)

    def resolve(self, target: Target) -> tuple[Provider, Subject]:
        """The subject that a target names, and who reads it."""
        provider = self.session.provider(target)
        try:
            subject = provider.resolve(target)
        except PlatformError as error:
            raise from_platform(error) from None
        self._providers[subject.id] = provider
        return provider, self.landed(provider, subject) if isinstance(subject, PullRequest) else subject

    def landed(self, provider: Provider, subject: PullRequest) -> PullRequest:
        """A stacked pull request as one into the branch where the stack lands, where the configuration there says so.

        It is read there, and not on the base: that is another pull request's branch, whose author could decide otherwise.
        """
        if subject.state is not PullRequestState.OPEN:
            return subject
        floor = self.configuration
        try:
            landing = provider.landing(subject)
            # What is guarded by rules is a place to land: else whoever opens a pull request from it into a branch of their own
            # would decide by what everything into it is judged, or that nothing is.
            if landing is None or provider.guarded(subject.base):
                return subject
            there = replace(subject, base=landing)
            follows = floor is not None and floor.gate.follow_stack
            if not follows:
                own = loaded(lambda: self._own(provider, there))
                follows = own is not None and own.gate.follow_stack
        except PlatformError as error:
            raise from_platform(error) from None
        if not follows:
            return subject
        self.notices.append(
            f"{subject.name} is stacked on {subject.base.branch}: it is judged by the policy of {landing.branch}, where it "
            "will land."
        )
        return there

    def provider_of(self, root: Subject) -> Provider:
        """Who resolved a subject."""
        return self._providers[root.id]

    def configuration_for(self, provider: Provider, subject: Subject) -> Configuration:
        """The subject's own from its base branch, else the baseline in audit; a given one is the floor under its own."""
        from bot.policy.load import default_configuration

        found = self.configured(provider, subject)
        if found is not None:
            return found
        self.notices.append(
            "No configuration was found: the baseline policy runs in audit, which blocks nothing. "
            f"Write {CONFIG_PATHS[0]} to decide yourself, or let 'almguard init' write it."
        )
        return self.using(default_configuration())

    def configured(self, provider: Provider, subject: Subject) -> Configuration | None:
        """The subject's own configuration from its base branch, over the given one; None where there is neither."""
        from bot.policy.floor import under

        floor = self.configuration
        try:
            own = loaded(lambda: self._own(provider, subject))
        except PlatformError as error:
            if floor is None or error.kind is None:
                raise from_platform(error) from None
            # What the floor asks for can be judged all the same; only, a pass of it is not the whole answer.
            self.unread.add(subject.id)
            reason = f"the repository's own configuration: {error}"
            self.gaps.append(Gap(subject.id, subject.name, "configuration", error.kind, reason))
            return self.using(floor)
        if floor is not None:
            return self.using(floor if own is None else loaded(lambda: under(floor, own)))
        return None if own is None else self.using(own)

    def configuration_for_scan(self) -> Configuration:
        """A scan goes by one configuration: the given one, else the baseline in audit."""
        from bot.policy.load import default_configuration

        if self.configuration is None:
            self.notices.append(
                "No configuration was given: the baseline policy runs in audit, which blocks nothing. "
                "Name one with --config."
            )
        return self.using(self.configuration or default_configuration())

    def using(self, configuration: Configuration) -> Configuration:
        """Note that a configuration is applied."""
        if configuration.digest not in self.configurations:
            self.configurations[configuration.digest] = configuration
            self.notices += [*configuration.warnings, *steps_to_come(configuration, self.session.now)]
        self.session.connect(configuration.connections)
        return configuration

    def below(self, provider: Provider, root: Subject, configuration: Configuration) -> list[Subject]:
        """The subjects to judge in depth: a repository's or an organisation's own and all under it, else the root alone.

        Pull requests are judged when they are named, not as part of their repository.
        """
        if not isinstance(root, Organization | Repository):
            return [root]
        now = self.session.now
        kinds = (kinds_judged(configuration, now) - {PullRequest}) | {type(root)}
        found = list(provider.discover(root, frozenset(kinds)))
        unlisted = [item for item in found if isinstance(item, Gap)]
        self.gaps.extend(unlisted)
        # A blocking rule whose subjects could not all be listed has not judged them, and must not look as if it had.
        self.incomplete = self.incomplete or (
            bool(unlisted) and any(kind is not type(root) for kind in kinds_judged(configuration, now, blocking=True))
        )
        return [item for item in found if not isinstance(item, Gap)]

    def configurations_of(
        self, floor: Configuration, provider: Provider, subjects: Sequence[Subject]
    ) -> list[tuple[Configuration, list[Subject]]]:
        """Subjects by the configuration that they are judged by: their repository's own over the floor.

        A repository whose own configuration cannot be read, or does not load, is judged by the floor alone, and is a gap: one
        mistake in one repository does not end a scan.
        """
        from bot.policy.floor import under
        from bot.policy.problems import PolicyError

        chosen: dict[str, Configuration] = {}
        grouped: dict[str, tuple[Configuration, list[Subject]]] = {}
        for subject in subjects:
            home = reach(subject, Repository)
            key = home.id if home is not None else ""
            if key not in chosen:
                chosen[key] = floor
                try:
                    # Azure DevOps reads nothing of a repository that is disabled.
                    lives = isinstance(home, Repository) and not home.archived
                    own = self._own(provider, home) if home is not None and lives else None
                    chosen[key] = floor if own is None else under(floor, own)
                except (PlatformError, PolicyError, click.ClickException) as error:
                    kind = (error.kind if isinstance(error, PlatformError) else None) or UnknownKind.UNREADABLE
                    said = error.message if isinstance(error, click.ClickException) else str(error)
                    reason = f"the repository's own configuration does not load: {said.splitlines()[0]}"
                    self.gaps.append(Gap(key, subject.name, "configuration", kind, reason))
            found = chosen[key]
            grouped.setdefault(found.digest, (found, []))[1].append(subject)
        return list(grouped.values())

    def note_idle_waivers(self, root: Subject) -> None:
        """After a scan that saw everything: the waivers that cover nothing there."""
        if not self.gaps:
            found = (waiving.idle(root) for waiving in self.judged.waiving)
            self.results.extend(result for result in found if result is not None)

    def judge(
        self,
        configuration: Configuration,
        provider: Provider,
        subjects: Sequence[Subject],
        progress: Progress,
        *,
        whole: bool = True,
        part_of: Subject | None = None,
    ) -> tuple[Result, ...]:
        """Judge subjects of one provider, and keep everything that was said.

        Not ``whole``: a scan judges others too; by the same waivers, where they are a batch of those under ``part_of``.
        """
        values = self.values_for(configuration)
        own_checks = configuration.gate.posted(subjects)
        judged = self.judged = judge(
            configuration,
            subjects,
            self.around(provider, self.session.now),
            values,
            progress,
            own_checks,
            own_run=own_run(self.session.environ),
            whole=whole and part_of is None and self.command == "scan",
            part_of=part_of,
            besides=self._besides(subjects),
        )
        if self.around is not as_is and not asks_for_alerts(judged.known):
            self.notices.append("No rule asks for alerts, so nobody went by the SARIF files: code-alerts does.")
        self.subjects.extend(self._counted(judged.subjects, judged.results))
        self.results.extend(judged.results)
        self.gaps.extend(judged.gaps)
        self.notices.extend(notice for waiving in judged.waiving for notice in waiving.notices())
        about: dict[str, list[Result]] = {}
        for result in judged.results:
            about.setdefault(result.subject.id, []).append(result)
        for subject in subjects:
            if self.command == "gate" and isinstance(subject, PullRequest | Release):
                own = about.get(subject.id, [])
                if (changed := judged.known.answer(ChangedFiles, subject)) is not None:
                    self.changed[subject.id] = changed
                verdict, said = decide(own, configuration.gate.on_unknown), note(own)
                if subject.id in self.unread and verdict is not Verdict.BLOCKED:
                    verdict, said = Verdict.INCONCLUSIVE, "the repository's own configuration could not be read"
                self.gates.append(
                    Gate(subject, verdict, configuration.digest, facts_digest(judged.known, subject), said)
                )
        return judged.results

    def _besides(self, subjects: Sequence[Subject]) -> dict[FactRequest, list[Subject]]:
        """What a gate tells and no rule may ask for: whether the change alters the rules that it is judged by."""
        governed = [one for one in subjects if isinstance(one, PullRequest) and one.base.id in self.governing]
        return {FactRequest(ChangedFiles): list(governed)} if governed and self.command == "gate" else {}

    def altered(self, subject: PullRequest) -> tuple[str, ...]:
        """The files of its base branch's rules that a pull request changes, as far as is known."""
        answer = self.changed.get(subject.id)
        governing = self.governing.get(subject.base.id)
        if governing is None or not isinstance(answer, Loaded) or not isinstance(answer.value, ChangedFiles):
            return ()
        return governing.altered(answer.value)

    def values_for(self, configuration: Configuration) -> dict[type, object]:
        """What a configuration's rules are given besides facts; the catalogue of tools only where one takes it."""
        values: dict[type, object] = {datetime: self.session.now}
        if any(
            AnalyzerCatalogue in variant.values.values()
            for policy in configuration.policies
            for entry in policy.entries
            for check in entry.rules()
            for variant in check.rule.variants.values()
        ):
            values[AnalyzerCatalogue] = self._catalogue(configuration)
        return values

    def _counted(self, subjects: Sequence[Subject], results: Sequence[Result]) -> list[Subject]:
        """The subjects to show: a scan leaves archived repositories out, unless an entry asks for them."""
        if self.command != "scan":
            return list(subjects)
        judged = {result.subject.id for result in results}
        homes = {one.id: reach(one, Repository) for one in subjects}
        archived = {of for of, home in homes.items() if isinstance(home, Repository) and home.archived}
        return [one for one in subjects if one.id in judged or one.id not in archived]

    def forget(self) -> None:
        """Let go of what was judged, once it is kept elsewhere; what the next batch needs stays."""
        self.subjects, self.results, self.gaps, self.notices = [], [], [], []
        self.configurations, self.governing = {}, {}
        self.judged = Judged((), (), (), Known())

    def on_unknown(self) -> OnUnknown:
        """What the configurations say about unknowns: one that blocks outweighs those that warn."""
        return {
            kind: "block" if any(c.gate.unknown(kind) == "block" for c in self.configurations.values()) else "warn"
            for kind in UnknownKind
        }

    def run(self) -> Run:
        """The run, as far as it has come."""
        policies = {
            (source.name, source.sha256): source
            for configuration in self.configurations.values()
            for source in configuration.sources
        }
        return Run(
            id=str(uuid.uuid4()),
            command=self.command,
            version=__version__,
            started_at=self.started_at,
            finished_at=datetime.now(UTC),
            now=self.session.now,
            requests=self.session.requests(),
            depth=self.session.depth(),
            policies=tuple(policies.values()),
            subjects=tuple(self.subjects),
            results=tuple(self.results),
            gaps=tuple(self.gaps),
            gate=worst(self.gates),
            notices=tuple(dict.fromkeys(self.notices)),
            spent=self.session.spent(),
        )

    def exit_code(self, *, exit_zero: bool) -> int:
        """The code of the worst verdict; an incomplete audit of what blocks is 3, and so is a gate that could not
        judge all. One that was refused (a configuration that does not load) is 2.
        """
        if any(failure.exit_code == USAGE for _, failure in self.failures):
            return USAGE
        incomplete = self.incomplete or bool(self.failures)
        if self.gates:
            verdict = min((gate.verdict for gate in self.gates), key=SEVEREST.index)
        else:
            verdict = decide(self.results, self.on_unknown())
            incomplete = incomplete or bool(self.unread)
        code = code_of(verdict, incomplete=incomplete, exit_zero=exit_zero)
        # Who is told the verdict otherwise forgives the exit code, and must not where it could not be told.
        return EXIT_CODES[Verdict.INCONCLUSIVE] if code == 0 and exit_zero and self.failures else code

    def _own(self, provider: Provider, subject: Subject) -> Configuration | None:
        """The configuration of the subject's base branch; None: it has none. Raises ``PlatformError`` and ``PolicyError``."""
        from bot.policy.load import load_configuration

        found = provider.configuration(subject, CONFIG_PATHS)
        if found is None:
            return None
        branch = reach(subject, Branch)
        governing = self.governing.setdefault(branch.id, Governing()) if branch is not None else Governing()
        files, fetcher = _Beside(provider, subject, governing), self.session.fetcher()
        return load_configuration(found.text, found.source, files, fetcher)

    def _catalogue(self, configuration: Configuration) -> AnalyzerCatalogue:
        from bot.policy.catalogue import load_catalogue

        own = configuration.analyzers
        if own not in self._catalogues:
            self._catalogues[own] = loaded(lambda: load_catalogue(own))
        return self._catalogues[own]


SEVEREST = (Verdict.BLOCKED, Verdict.INCONCLUSIVE, Verdict.WAITING, Verdict.EMPTY, Verdict.PASSED)
"""The verdicts, the one that decides over several first."""


def code_of(verdict: Verdict, *, incomplete: bool, exit_zero: bool) -> int:
    """The exit code of a verdict; where not everything was seen, one that stops nothing is none."""
    if incomplete and verdict in (Verdict.PASSED, Verdict.EMPTY, Verdict.WAITING):
        verdict = Verdict.INCONCLUSIVE
    if exit_zero and verdict in (Verdict.BLOCKED, Verdict.WAITING):
        return 0
    return EXIT_CODES[verdict]


def worst(gates: Sequence[Gate]) -> Gate | None:
    """The gate that decides where several pull requests were judged."""
    return min(gates, key=lambda gate: SEVEREST.index(gate.verdict), default=None)


def target(text: str, environment: str | None = None) -> Target:
    """A target from the command line."""
    try:
        return parse(text, environment)
    except TargetError as error:
        raise Refusal(str(error)) from None


def given_configuration(path: Path | None, fetcher: Fetcher | None = None) -> Configuration | None:
    """The configuration of --config; its policies are read beside it, those of other repositories by the fetcher."""
    if path is None:
        return None
    from bot.policy.load import load_configuration

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refusal(f"{path}: it cannot be read: {error}") from None
    return loaded(lambda: load_configuration(text, str(path), Folder(root_of(path)), fetcher))


NOTICE_DAYS = 30
"""How many days before a step of a dated enforcement it is announced."""


def steps_to_come(configuration: Configuration, now: datetime) -> Iterator[str]:
    """The entries whose enforcement changes soon, in words."""
    for policy in configuration.policies:
        for entry in policy.entries:
            step = entry.schedule.next(now)
            if step is None or step.since is None:
                continue
            days = (step.since - now.astimezone(UTC).date()).days
            if days <= NOTICE_DAYS:
                when = f"from {step.since}, in {days} {'day' if days == 1 else 'days'}"
                yield f"{entry.key} {STEPS[step.enforcement]} {when}; today it {STEPS[entry.schedule.at(now)]}."


STEPS = {
    Enforcement.DISABLED: "is not judged",
    Enforcement.AUDIT: "only records",
    Enforcement.WARN: "warns",
    Enforcement.BLOCK: "blocks",
}

T = TypeVar("T")


def loaded(load: Callable[[], T]) -> T:
    """What was loaded, or every mistake at once. A policy that does not load stops the run."""
    from bot.policy.problems import PolicyError

    try:
        return load()
    except PolicyError as error:
        if error.unread:
            raise Unread(f"the configuration cannot be read whole, so nothing was judged:\n{error}") from None
        raise Refusal(f"the configuration does not load, so nothing was judged:\n{error}") from None


@dataclass(frozen=True)
class _Beside:
    """The other files of a configuration that lies on a base branch."""

    provider: Provider
    subject: Subject
    governing: Governing

    def read(self, path: str) -> tuple[str, str] | None:
        """A file's text and its name."""
        self.governing.paths.add(path)
        try:
            found = self.provider.configuration(self.subject, (path,))
        except PlatformError as error:
            raise from_platform(error) from None
        return None if found is None else (found.text, found.source)

    def list(self) -> Sequence[str]:
        """Every path on the base branch."""
        self.governing.listed = True
        try:
            return self.provider.paths(self.subject)
        except PlatformError as error:
            raise from_platform(error) from None
