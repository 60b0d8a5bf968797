"""``almguard test --record``: a live subject, judged and written down as policy tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.failures import Refusal, from_platform, redacted
from bot.cli.judgement import Judging
from bot.cli.places import CONFIG_PATHS
from bot.engine.cases import CaseOutcome, by_key, run_given
from bot.engine.ports import Known, PlatformError, Progress, Provider
from bot.engine.reach import reach
from bot.engine.targets import Target
from bot.engine.verdict import decide
from bot.model.facts import Fact, Loaded, fact_types
from bot.model.results import Outcome, Result
from bot.model.subjects import Subject
from bot.policy.casefile import load_cases
from bot.policy.configuration import Configuration
from bot.policy.factdocument import document
from bot.policy.factfile import Given, Told
from bot.policy.load import DEFAULT_PACK
from bot.policy.nodes import Json
from bot.policy.problems import PolicyError
from bot.policy.pseudonyms import Pseudonyms, addresses_in, changed
from bot.policy.resolving import PACK
from bot.policy.yaml_text import to_yaml

if TYPE_CHECKING:
    from bot.cli.casefiles import CaseFiles
    from bot.cli.session import Session

HEAD = "# yaml-language-server: $schema=tests.schema.json\n"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file of tests, as text."""

    text: str
    notices: tuple[str, ...]
    """Things to tell the reader."""


def record(
    session: Session, target: Target, config: Path | None, folder: Path, files: CaseFiles, progress: Progress
) -> Recorded:
    """Judge a target, and write down what is known about it and how it ended, so that it ends so again.

    ``folder`` is where the file will lie: what it tests is named from there.
    """
    judging = Judging(session, "audit")
    provider, root = judging.resolve(target)
    policy, configuration = _tested(judging, provider, root, config, files)
    subjects = judging.below(provider, root, judging.using(configuration))
    judging.judge(configuration, provider, subjects, progress)
    judged = judging.judged
    cases: list[Json] = [
        _case(subject, own, judged.known, configuration)
        for subject in subjects
        if (own := [result for result in judged.results if result.subject.id == subject.id])
    ]
    if not cases:
        raise Refusal(f"{target}: {policy} judges nothing here, so there is nothing to record")
    reference = policy if policy.startswith(PACK) else os.path.relpath(policy, folder)
    whole: Json = {
        "apiVersion": "almguard/v1",
        "kind": "Tests",
        "policy": reference.replace(os.sep, "/"),
        "now": session.now.isoformat().replace("+00:00", "Z"),
        "cases": Pseudonyms(addresses_in(configuration)).document(cases),
    }
    text = HEAD + to_yaml(changed(whole, _clean))
    _try(text, configuration, files)
    return Recorded(text, (*judging.notices, *_missing(policy)))


def _tested(
    judging: Judging, provider: Provider, root: Subject, config: Path | None, files: CaseFiles
) -> tuple[str, Configuration]:
    """What is tested, by its path or as a pack: the given configuration, the target's own, else the baseline."""
    if config is not None:
        try:
            return str(config), files.configuration(str(config))
        except PolicyError as error:
            raise Refusal(f"the configuration does not load, so nothing was recorded:\n{error}") from None
    try:
        own = provider.configuration(root, CONFIG_PATHS)
    except PlatformError as error:
        raise from_platform(error) from None
    if own is None:
        name = f"{PACK}{DEFAULT_PACK}"
        return name, files.configuration(name)
    return own.path, judging.configuration_for(provider, root)


def _missing(policy: str) -> Iterator[str]:
    if not policy.startswith(PACK) and not Path(policy).is_file():
        yield f"{policy} was read from the target, and is not in this folder: correct 'policy' before you run the test."


def _case(subject: Subject, results: Sequence[Result], known: Known, configuration: Configuration) -> dict[str, Json]:
    facts = dict(_facts(subject, known))
    ended = by_key(results)
    names = [key.partition("/")[2] for key in ended]
    called = {key: name if names.count(name) == 1 else key for key, name in zip(ended, names, strict=True)}
    unknown: dict[str, Json] = {
        called[key]: list(dict.fromkeys(unknown.kind.value for unknown in each.unknown))
        for key, (each,) in ended.items()
        if each.outcome is Outcome.UNKNOWN and each.unknown
    }
    waived: list[Json] = [called[key] for key, (each,) in ended.items() if each.waiver is not None]
    expect: dict[str, Json] = {
        "verdict": decide(results, configuration.gate.on_unknown).value,
        "entries": {called[key]: each.outcome.value for key, (each,) in ended.items()},
    }
    expect |= {"unknown": unknown} if unknown else {}
    expect |= {"waived": waived} if waived else {}
    return {"name": subject.name, **document(Given(subject, facts)), "expect": expect}


def _facts(subject: Subject, known: Known) -> Iterator[tuple[type[Fact], Told]]:
    """All that was read about the subject, and about what it belongs to."""
    for fact in fact_types().values():
        holder = reach(subject, fact.subject)
        answer = None if holder is None else known.answer(fact, holder)
        if answer is not None:
            yield fact, answer.value if isinstance(answer, Loaded) else answer


def _clean(text: str) -> str:
    """A text without anything that is, or looks like, a credential, and that a file can hold."""
    return redacted(text).encode("utf-8", "replace").decode("utf-8")


def _try(text: str, configuration: Configuration, files: CaseFiles) -> None:
    """Run what was recorded. What addresses and secrets were taken out of must still end as it did."""
    try:
        written = load_cases(text, "the recording", _Judged(configuration))
    except PolicyError as error:
        raise Refusal(f"what was read does not fit into a file of tests, so nothing was written:\n{error}") from None
    catalogue = files.catalogue(configuration)
    for case in written.cases:
        ended = run_given(case, configuration, catalogue)
        if ended.outcome is not CaseOutcome.PASSED:
            said = ended.error or "; ".join(f"{d.what}: {d.expected}, then {d.got}" for d in ended.differences)
            raise Refusal(
                f"{case.name}: without the e-mail addresses and secrets in it the recording ends otherwise ({said}), so "
                "nothing was written. Name people by their logins in the policy, or write this case by hand."
            )


@dataclass(frozen=True)
class _Judged:
    """What a recording refers to: the configuration that it was judged by."""

    judged: Configuration

    def find(self, path: str) -> str | None:
        """It is known."""
        return path

    def read(self, name: str) -> str:
        """Nothing else is referred to."""
        raise FileNotFoundError(name)

    def configuration(self, name: str) -> Configuration:
        """The one."""
        del name
        return self.judged
