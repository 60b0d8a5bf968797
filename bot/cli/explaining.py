"""``almguard gate --explain``: what stands in the way of what was judged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bot.cli.judgement import Judging
from bot.cli.output import text_of, write_whole
from bot.model.results import Result, Run
from bot.policy.configuration import CompiledPolicy


def explain_run(judging: Judging, run: Run, outputs: Sequence[tuple[str, Path]]) -> None:
    """Print the explanation, and write the ordinary reports to files."""
    from rich.console import Console

    from bot.report import hindrances

    digests = {gate.target.id: gate.policy_digest for gate in judging.gates}

    def policies(result: Result) -> Sequence[CompiledPolicy]:
        configuration = judging.configurations.get(digests.get(result.subject.id, ""))
        return configuration.policies if configuration is not None else ()

    for kind, path in outputs:
        write_whole(path, text_of(run, kind))
    hindrances.render(run, policies, Console(highlight=False, markup=False, emoji=False))
    sys.stdout.flush()
