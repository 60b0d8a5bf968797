"""One batch of a scan, judged: whatever happens to one repository, the others are judged all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click

from bot.cli.failures import redacted
from bot.cli.judgement import Judging
from bot.engine.accounts import Fate
from bot.engine.homes import Home, home_of
from bot.engine.ports import PlatformError, Progress, Provider
from bot.engine.waiving import Met
from bot.model.facts import Gone, UnknownKind
from bot.model.results import Gap, Outcome, PolicySource, Result
from bot.model.subjects import Repository, Subject
from bot.policy.configuration import Configuration

LONGEST = 500
"""Characters of an error's text that are told."""


@dataclass
class Said:
    """What the judging of some homes came to."""

    subjects: list[Subject] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    met: dict[str, dict[int, Met]] = field(default_factory=dict)
    """What the waivers met, by policy and position."""
    policies: dict[tuple[str, str], PolicySource] = field(default_factory=dict)
    blocking: set[UnknownKind] = field(default_factory=set)
    """The kinds of unknown that some configuration does not let through."""
    broken: set[str] = field(default_factory=set)
    """Ids of the homes that could not be judged, for an error that nobody foresaw."""
    gone: set[str] = field(default_factory=set)
    """Ids of the homes that were not there any more when something of them was read."""

    def add(self, other: Said) -> None:
        """Both together."""
        self.subjects += other.subjects
        self.results += other.results
        self.gaps += other.gaps
        self.notices += other.notices
        add_up(self.met, other.met)
        self.policies |= other.policies
        self.blocking |= other.blocking
        self.broken |= other.broken
        self.gone |= other.gone

    def fates(self, homes: Iterable[Home]) -> dict[str, Fate]:
        """What became of each home. One that is archived, and that no entry asks for, is left out."""
        about: dict[str, set[Outcome]] = {}
        for result in self.results:
            about.setdefault(home_of(result.subject).id, set()).add(result.outcome)
        found: dict[str, Fate] = {}
        for home in homes:
            of = home.subject
            outcomes = about.get(of.id, set())
            if of.id in self.broken | self.gone or outcomes == {Outcome.UNKNOWN}:
                found[of.id] = Fate.UNKNOWN
            elif not outcomes and isinstance(of, Repository) and of.archived:
                found[of.id] = Fate.SKIPPED
            else:
                found[of.id] = Fate.JUDGED
        return found


@dataclass(frozen=True)
class BatchJudge:
    """Judges the homes below one root."""

    judging: Judging
    configuration: Configuration
    provider: Provider
    root: Subject
    repository_policies: bool
    bar: Progress

    def judge(self, homes: Sequence[Home]) -> Said:
        """Judge them together; where nobody foresaw what happens, one by one, so that only the one that breaks it is unknown.

        Raises ``ClickException`` for what is wrong with the configuration.
        """
        try:
            return self._together(homes)
        except click.ClickException:
            raise
        except Exception as error:
            self.judging.forget()
            if len(homes) == 1:
                return self._broken(homes[0], error)
        said = Said()
        for home in homes:
            self.provider.release(list(home.subjects.values()))
            said.add(self.judge([home]))
        return said

    def _broken(self, home: Home, error: Exception) -> Said:
        of = home.subject
        return Said(subjects=[of], gaps=[gap_of(of, "judging", error)], broken={of.id})

    def _together(self, homes: Sequence[Home]) -> Said:
        judging = self.judging
        subjects = [subject for home in homes for subject in home.subjects.values()]
        met: dict[str, dict[int, Met]] = {}
        gone: set[str] = set()
        if self.repository_policies:
            for each, theirs in judging.configurations_of(self.configuration, self.provider, subjects):
                judging.judge(judging.using(each), self.provider, theirs, self.bar, whole=False)
                gone |= self._gone()
        else:
            judging.judge(judging.using(self.configuration), self.provider, subjects, self.bar, part_of=self.root)
            gone = self._gone()
            met = {waiving.policy.name: dict(waiving.met(self.root)) for waiving in judging.judged.waiving}
        said = Said(
            judging.subjects,
            judging.results,
            judging.gaps,
            judging.notices,
            met,
            {(s.name, s.sha256): s for each in judging.configurations.values() for s in each.sources},
            {kind for kind, how in judging.on_unknown().items() if how == "block"},
            gone={
                home.subject.id
                for home in homes
                if any(f"{about}/".startswith(f"{home.subject.id}/") for about in gone)
            },
        )
        judging.forget()
        return said

    def _gone(self) -> set[str]:
        """Ids of what was just judged and is not there any more: what the listing told of it is not what it is."""
        return {about for (_, about), answer in self.judging.judged.known.answers.items() if isinstance(answer, Gone)}


def add_up(total: dict[str, dict[int, Met]], more: Mapping[str, Mapping[int, Met]]) -> None:
    """What waivers met in several batches, put together in ``total``."""
    for policy, flags in more.items():
        of = total.setdefault(policy, {})
        for at, met in flags.items():
            of[at] = of.get(at, Met(0)) | met


def going_on(root: Subject, listing: Iterable[Subject | Gap]) -> Iterator[Subject | Gap]:
    """A listing of ``root``; an error that nobody foresaw ends it and is a gap."""
    try:
        yield from listing
    except click.ClickException:
        raise
    except Exception as error:
        yield gap_of(root, "listing", error)


def gap_of(subject: Subject, what: str, error: Exception) -> Gap:
    """That something of a subject was not read, for an error that was not met where it happened."""
    if isinstance(error, PlatformError):
        return Gap(subject.id, subject.name, what, error.kind or UnknownKind.SCOPE, redacted(str(error)))
    words = redacted(f"{type(error).__name__}: {error}".strip())
    words = words if len(words) <= LONGEST else words[:LONGEST] + "…"
    return Gap(subject.id, subject.name, what, UnknownKind.UNREADABLE, f"an error that nobody foresaw: {words}")
