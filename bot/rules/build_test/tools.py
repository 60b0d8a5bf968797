"""The analyzers by the names that pipelines use, and what makes a tool succeed whatever it finds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import lru_cache

from bot.model.analyzers import Analyzer, AnalyzerCatalogue
from bot.model.findings import Finding

TOLERANT_OPTIONS = frozenset(
    ["--exit-zero", "--soft-fail", "--no-fail", "-no-fail", "--no-exit-on-warn", "--no-exit-on-error", "--exit-code=0"]
)
"""Options with which a tool reports and succeeds all the same."""
TOLERANT_INPUTS = (
    ("soft_fail", "true"),
    ("soft-fail", "true"),
    ("exit-code", "0"),
    ("fail-build", "false"),
    ("fail", "false"),
    ("warn-only", "true"),
    ("args", "--exit-zero"),
)
GOALS = frozenset(["mvn", "gradle", "sbt", "rake"])
"""Programs that take several goals in any order."""
CI_APPS = frozenset(["github-actions", "azure-pipelines"])
"""Apps that report what pipelines do: the names of their checks are anybody's, and prove no tool."""
SHARED_APPS = frozenset(["github-advanced-security", "snyk-io"])
"""Apps that report for several tools, each check under the tool's name."""


class Tools:
    """Some analyzers, looked up by what stands in a pipeline."""

    def __init__(self, analyzers: tuple[Analyzer, ...]) -> None:
        self.analyzers = analyzers
        self.actions = _by_name((each, name) for each in analyzers for name in each.actions)
        self.tasks = _by_name((each, name) for each in analyzers for name in each.tasks)
        self.hooks = _by_name((each, name) for each in analyzers for name in each.hooks)
        self._commands: dict[str, list[tuple[Analyzer, tuple[str, ...]]]] = {}
        for analyzer in analyzers:
            for command in analyzer.commands:
                first, *rest = command.lower().split()
                self._commands.setdefault(first, []).append((analyzer, (first, *rest)))

    def of_command(self, words: tuple[str, ...]) -> Iterator[Analyzer]:
        """The analyzers that a command (freed of its launchers) is."""
        for analyzer, wanted in self._commands.get(words[0], ()) if words else ():
            if _matches(words, wanted):
                yield analyzer


@lru_cache(maxsize=32)
def tools(analyzers: tuple[Analyzer, ...]) -> Tools:
    """The same few catalogues are asked for every repository of a scan."""
    return Tools(analyzers)


def reports(analyzer: Analyzer, check: str, app: str | None) -> bool:
    """Whether a check by that name from that app is the analyzer's own; never one of a pipeline's jobs.

    Without an app (a commit status) it is nobody's: whoever may write posts one under any name. So is a check by the right
    name from an app that the analyzer does not have.
    """
    slug = (app or "").lower()
    if not slug or slug in CI_APPS:
        return False
    slugs = {each.lower() for each in analyzer.apps}
    if slugs and slug not in SHARED_APPS:
        return slug in slugs
    return (not slugs or slug in slugs) and bears_name(analyzer, check)


def bears_name(analyzer: Analyzer, check: str) -> bool:
    """Whether a check is called as the analyzer's are; whoever reported it."""
    return any(fnmatchcase(check.lower(), glob.lower()) for glob in analyzer.checks)


def unknown_tools(ids: Iterable[str], catalogue: AnalyzerCatalogue) -> Iterator[Finding]:
    """A finding for each tool that a policy names and the catalogue does not have."""
    known = [analyzer.id for analyzer in catalogue.analyzers]
    for each in dict.fromkeys(ids):
        if each not in known:
            near = get_close_matches(each.lower(), known, 1)
            meant = f"; is {near[0]!r} meant?" if near else "."
            fix = "Correct the id under `tools`, or add the tool to a catalogue of your own (`analyzers:`)."
            yield Finding(f"The analyzer catalogue has no tool {each!r}{meant}", fix, discriminator=f"tool {each}")


def tolerance(words: tuple[str, ...]) -> str:
    """The option with which a command succeeds whatever it finds; empty: none."""
    for index, word in enumerate(words):
        if word.lower() in TOLERANT_OPTIONS:
            return word
        if word == "--exit-code" and words[index + 1 : index + 2] == ("0",):
            return "--exit-code 0"
    return ""


def tolerant_input(inputs: Mapping[str, str]) -> str:
    """The input with which an action succeeds whatever it finds; empty: none."""
    return next(
        (f"{key}: {value}" for key, value in TOLERANT_INPUTS if inputs.get(key, "").strip().lower() == value), ""
    )


def _matches(words: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether the words after the program are the wanted ones, options (and their values) between them left out.

    A wanted option may stand anywhere; and so may each goal of a build tool.
    """
    rest = [word.lower() for word in words[1:]]
    for word in wanted[1:]:
        if word.startswith("-"):
            if not any(each == word or each.startswith(f"{word}=") for each in rest):
                return False
        elif wanted[0] in GOALS:
            if not any(each == word or each.endswith(f":{word}") for each in rest):
                return False
        else:
            index, after_option = 0, False
            while index < len(rest) and rest[index] != word:
                if not (rest[index].startswith(("-", "+")) or after_option):
                    return False
                after_option = rest[index].startswith("-") and "=" not in rest[index]
                index += 1
            if index == len(rest):
                return False
            rest = rest[index + 1 :]
    return True


def missing_option(analyzer: Analyzer, words: tuple[str, ...]) -> str:
    """Some tools report and succeed unless they are told otherwise."""
    options = [each for each in analyzer.gates_with if not each.endswith(":")]
    if not options or any(word == each or word.startswith(f"{each}=") for word in words for each in options):
        return ""
    return f"without {' or '.join(options)} it succeeds whatever it finds"


def missing_input(analyzer: Analyzer, inputs: Mapping[str, str]) -> str:
    """And some actions."""
    names = [each.removesuffix(":") for each in analyzer.gates_with if each.endswith(":")]
    if not names or any(inputs.get(name, "").strip().lower() not in ("", "0", "false") for name in names):
        return ""
    return f"without the input {' or '.join(names)} it succeeds whatever it finds"


def _by_name(pairs: Iterable[tuple[Analyzer, str]]) -> dict[str, tuple[Analyzer, ...]]:
    found: dict[str, tuple[Analyzer, ...]] = {}
    for analyzer, name in pairs:
        found[name.lower()] = (*found.get(name.lower(), ()), analyzer)
    return found
