"""``almguard demo``: the three jobs on the built-in sandbox, on both platforms, with nothing to set up."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from bot.model.results import Run

TOKEN = "sandbox-token"  # noqa: S105 - opens nothing but the sandbox
PLATFORMS = (("GitHub", "github:acme/payments#"), ("Azure DevOps", "ado:acme/Payments/payments!"))


@click.command("demo")
@click.option("--brief", is_flag=True, help="Show the pull requests alone, without the scan and the release.")
@click.option(
    "--svg", type=click.Path(dir_okay=False, path_type=Path), help="Also draw what is shown into an SVG file."
)
def command(brief: bool, svg: Path | None) -> int:
    """Show it all on a built-in sandbox: a blocked pull request, a release, a scan; on GitHub and on Azure DevOps.

    Needs no token and no network: the sandbox answers on 127.0.0.1, over HTTP, through the same SDKs as the real ones.
    """
    from rich.console import Console

    from bot.report import terminal

    console = Console(highlight=False, markup=False, emoji=False, record=svg is not None, width=100 if svg else None)
    with _world() as environ:
        _say(console, "A pull request, judged on GitHub and on Azure DevOps", "almguard gate github:acme/payments#12")
        runs = [(name, _judge("gate", prefix + "12", environ, post=True)) for name, prefix in PLATFORMS]
        terminal.render(runs[0][1], console)
        for name, run in runs[1:]:
            console.print(
                f"{name}, {next(iter(run.subjects)).name}: {_verdict(run)}, by {_requests(run)} requests: {_failing(run)}"
            )
        console.print()
        for number in (13, 14):
            for name, prefix in PLATFORMS:
                run = _judge("gate", f"{prefix}{number}", environ, post=True)
                console.print(f"{name}, {next(iter(run.subjects)).name}: {_verdict(run)}: {_failing(run)}")
        if not brief:
            _say(console, "A release: could it be rolled back?", "almguard audit github:acme/payments@v1.4.0")
            terminal.render(_judge("audit", "github:acme/payments@v1.4.0", environ), console)
            _say(console, "An organisation, scanned on both platforms at once", "almguard scan github:acme ado:acme")
            terminal.render(_judge("scan", "github:acme ado:acme", environ), console)
    _say(console, "Now yours", "")
    console.print(
        "  almguard audit .                                your own checkout, no token needed\n"
        "  GITHUB_TOKEN=… almguard audit github:you/repo    a repository, read only\n"
        "  almguard explain approvals                      what a rule means, and how to satisfy it\n"
        "  almguard sandbox --port 8080                    keep this world running, and point the bot at it"
    )
    if svg is not None:
        import re

        from bot.cli.output import write_whole

        drawn = console.export_svg(title="almguard demo")
        write_whole(svg, re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL))  # a picture fetches nothing
    return 0


@contextmanager
def _world() -> Iterator[Mapping[str, str]]:
    """The sandbox, running; yields an environment that points at it alone."""
    from bot.cli.sandbox import demo_scenario
    from bot.sandbox.server import Sandbox

    with Sandbox(demo_scenario()) as sandbox, tempfile.TemporaryDirectory(prefix="almguard-demo-") as folder:
        os.environ["AZURE_DEVOPS_CACHE_DIR"] = folder
        yield {
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_API_URL": f"{sandbox.url}/api/v3",
            "GITHUB_GRAPHQL_URL": f"{sandbox.url}/api/graphql",
            "AZURE_DEVOPS_EXT_PAT": TOKEN,
            "SYSTEM_COLLECTIONURI": f"{sandbox.url}/acme/",
        }


def _judge(job: str, targets: str, environ: Mapping[str, str], *, post: bool = False) -> Run:
    """Run one job as its command does."""
    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.posting import post_verdicts
    from bot.cli.sandbox import demo_scenario
    from bot.cli.session import session
    from bot.engine.ports import Silence

    policy = demo_scenario().with_name("demo-policy.yml")
    with session(None, environ) as opened:
        judging = Judging(opened, job, given_configuration(policy) if job != "scan" else None)
        for text in targets.split():
            provider, root = judging.resolve(target(text))
            configuration = (
                judging.configuration_for_scan() if job == "scan" else judging.configuration_for(provider, root)
            )
            judging.judge(configuration, provider, judging.below(provider, root, configuration), Silence())
            if post:
                tuple(post_verdicts(opened, judging, judging.run(), [(target(text), judging.gates[-1])], None))
        return judging.run()


def _say(console: Console, heading: str, how: str) -> None:
    console.print()
    console.rule(f" {heading} ", align="left", characters="─")
    if how:
        console.print(f"$ {how}\n", style="dim")


def _verdict(run: Run) -> str:
    return run.gate.verdict.value if run.gate is not None else "no verdict"


def _requests(run: Run) -> int:
    return sum(run.requests.values())


def _failing(run: Run) -> str:
    from bot.model.results import Outcome

    failing = ", ".join(
        f"{result.rule} waits for people or checks" if result.awaiting else f"{result.rule} fails"
        for result in run.results
        if result.outcome is Outcome.FAIL
    )
    return failing or "nothing fails"
