"""One rehearsal: find the merged pull requests, the policy in force for each, and judge them by one policy or two."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import click

from bot import __version__
from bot.cli.failures import Refusal, from_platform
from bot.cli.judgement import Judging, given_configuration, target
from bot.cli.output import write_whole
from bot.cli.session import Session
from bot.engine.ports import Historian, PlatformError, Progress
from bot.engine.rehearsing import AT_ONCE, Once, Rule, Stage, at_stage, rehearse
from bot.engine.targets import Target
from bot.model.facts import UnknownKind
from bot.model.rehearsal import Judged, Merged, Rehearsal, Rehearsed
from bot.model.results import Gap, PolicySource
from bot.model.subjects import Branch, Organization, Repository
from bot.policy.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person asked for."""

    amount: int
    branch: str | None
    config: Path | None
    stage: Stage
    assume_today: bool


@dataclass
class _Rehearsing:
    """A rehearsal in the making."""

    judging: Judging
    provider: Historian
    choice: Choice
    given: Configuration | None
    progress: Progress
    gaps: list[Gap] = field(default_factory=list)
    """What could not be read at all: pull requests, lists, configurations."""
    rehearsed: list[Rehearsed] = field(default_factory=list)
    policies: dict[str, PolicySource] = field(default_factory=dict)
    in_force: dict[str, PolicySource] = field(default_factory=dict)
    _own: dict[str, Configuration | None] = field(default_factory=dict)
    _sources: dict[object, Once] = field(default_factory=dict)

    def judge(self, merged: Sequence[Merged]) -> None:
        """Judge them, those of one configuration together."""
        grouped: dict[str, tuple[Configuration | None, list[Merged]]] = {}
        for one in merged:
            own = self._in_force(one.subject.base)
            key = "" if own is None else own.digest
            grouped.setdefault(key, (own, []))[1].append(one)
        for own, some in grouped.values():
            if own is None and self.given is None:
                continue  # Its configuration is a gap already.
            for start in range(0, len(some), AT_ONCE):
                self._judge(own, some[start : start + AT_ONCE])
        self.rehearsed.sort(key=lambda one: (one.merged_at, one.subject.number), reverse=True)

    def _judge(self, own: Configuration | None, merged: Sequence[Merged]) -> None:
        new = self.given or own
        assert new is not None
        after = self._trials(new, self.choice.stage, merged)
        self.policies.update((source.name, source) for source in new.sources)
        before: dict[str, Judged] = {}
        if self.given is not None and own is not None:
            before = self._trials(own, Stage.TODAY, merged)
            self.in_force.update((source.name, source) for source in own.sources)
        for one in merged:
            of = one.subject.id
            self.rehearsed.append(Rehearsed(one.subject, one.at, after[of], before.get(of)))
        for source in self._sources.values():
            source.forget([one.subject for one in merged])

    def _trials(self, configuration: Configuration, stage: Stage, merged: Sequence[Merged]) -> dict[str, Judged]:
        self.judging.using(configuration)
        # Where the configuration's connections lead decides what the facts say.
        source = self._sources.setdefault(configuration.connections, Once(self.provider))
        fixed = at_stage(configuration, stage, self.judging.session.now)
        found, _ = rehearse(Rule(fixed, self.judging.values_for(configuration)), merged, source, self.progress)
        return found

    def _in_force(self, base: Branch) -> Configuration | None:
        """The repository's own from the branch of today, else the baseline; None: it cannot be read, which is a gap."""
        if base.id not in self._own:
            try:
                self._own[base.id] = self.judging.configuration_for(self.provider, base)
            except click.ClickException as wrong:
                kind = UnknownKind.SCOPE if wrong.exit_code == UNREAD_CODE else UnknownKind.UNREADABLE
                reason = f"its own configuration cannot be used: {wrong.message}"
                self.gaps.append(Gap(base.id, base.name, "configuration", kind, reason))
                self._own[base.id] = None
        return self._own[base.id]


UNREAD_CODE = 3


def rehearsed(session: Session, texts: Sequence[str], choice: Choice, progress: Progress) -> tuple[Rehearsal, bool]:
    """The rehearsal, and whether everything that it is about could be read."""
    started = datetime.now(UTC)
    targets = list(dict.fromkeys(target(text) for text in texts))
    judging = Judging(session, "rehearse")
    provider = _historian(session, targets)
    given = given_configuration(choice.config, session.fetcher())
    work = _Rehearsing(judging, provider, choice, given, progress)
    progress.total("pull requests", None)
    merged: dict[str, Merged] = {}
    try:
        for item in _found(judging, provider, targets, choice):
            if isinstance(item, Gap):
                work.gaps.append(item)
            else:
                merged[item.subject.id] = item  # One that was named twice, in two spellings, is one.
                progress.advance("pull requests")
    except PlatformError as error:
        raise from_platform(error) from None
    work.judge(list(merged.values()))
    made = Rehearsal(
        target=", ".join(texts),
        version=__version__,
        now=session.now,
        started_at=started,
        finished_at=datetime.now(UTC),
        requests=session.requests(),
        rehearsed=tuple(work.rehearsed),
        policies=tuple(work.policies.values()),
        in_force=tuple(work.in_force.values()),
        assume_today=choice.assume_today,
        enforcement=choice.stage.value,
        gaps=tuple(work.gaps),
        notices=tuple(dict.fromkeys(judging.notices)),
    )
    return made, not work.gaps


def _historian(session: Session, targets: Sequence[Target]) -> Historian:
    provider = session.provider(targets[0])
    if not isinstance(provider, Historian):
        raise Refusal(
            f"{targets[0]}: a git checkout has no merged pull requests. Name a repository: github:OWNER/REPO or "
            "ado:ORG/PROJECT/REPO."
        )
    return provider


def _found(judging: Judging, provider: Historian, targets: Sequence[Target], choice: Choice) -> Sequence[Merged | Gap]:
    """The newest under one place, or those that are named."""
    first = targets[0]
    if all(one.pull_request is not None for one in targets):
        if any((one.platform, one.organization) != (first.platform, first.organization) for one in targets):
            raise Refusal("The pull requests that are named belong to several organisations: rehearse each by itself.")
        if choice.branch is not None:
            raise Refusal("--branch chooses among the merged pull requests of a place; these are named.")
        return list(provider.as_merged(targets))
    if len(targets) > 1:
        raise Refusal("Name one repository, organisation or project, or else pull requests alone.")
    _, root = judging.resolve(first)
    if not isinstance(root, Organization | Repository):
        kind = "branch" if isinstance(root, Branch) else root.kind.replace("_", " ")
        raise Refusal(
            f"{first} is a {kind}; a rehearsal takes a repository, an organisation or a project, or merged pull requests."
        )
    return list(provider.merged(root, choice.amount, choice.branch))


def write(rehearsal: Rehearsal, format_: str, outputs: Sequence[tuple[str, Path]], *, verbose: bool) -> None:
    """Print the rehearsal in one format, and write it to files in others."""
    for kind, path in outputs:
        write_whole(path, _text(rehearsal, kind, verbose=verbose))
    if format_ == "terminal":
        from rich.console import Console

        from bot.report import rehearsal_terminal

        rehearsal_terminal.render(rehearsal, Console(highlight=False, markup=False, emoji=False), verbose=verbose)
        sys.stdout.flush()
    else:
        click.echo(_text(rehearsal, format_, verbose=verbose), nl=False)


def _text(rehearsal: Rehearsal, kind: str, *, verbose: bool) -> str:
    """The rehearsal as text, without anything that is, or looks like, a credential."""
    from bot.cli.failures import redacted

    if kind == "json":
        from bot.report import rehearsal_json

        return redacted(rehearsal_json.render(rehearsal))
    if kind == "markdown":
        from bot.report import rehearsal_markdown

        return redacted(rehearsal_markdown.render(rehearsal))
    import io

    from rich.console import Console

    from bot.report import rehearsal_terminal

    buffer = io.StringIO()
    console = Console(file=buffer, width=120, highlight=False, markup=False, emoji=False)
    rehearsal_terminal.render(rehearsal, console, verbose=verbose)
    return redacted(buffer.getvalue())
