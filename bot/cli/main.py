"""The entry point: finds the command, runs it, and turns whatever happened into an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from bot import __version__

USAGE = 2
"""The exit code of everything that is no verdict: wrong usage, a broken policy, Ctrl-C, a closed pipe, a crash."""

COMMANDS = {
    "demo": ("bot.cli.demo", "Show it all on a built-in sandbox: both platforms, no token, no network."),
    "gate": ("bot.cli.gate", "Judge a pull request or a release, and post the verdict."),
    "scan": ("bot.cli.scan", "Judge every repository of organisations and projects."),
    "audit": ("bot.cli.audit", "Judge one target in depth: a checkout, a repository, a pull request, a release."),
    "explain": ("bot.cli.explain", "Explain a rule, or why a target is judged as it is."),
    "init": ("bot.cli.init", "Write a first policy, its test and the pipeline that enforces it."),
    "validate": ("bot.cli.validate", "Check policy files, offline."),
    "test": ("bot.cli.test", "Run policy tests: cases, each with what the policy has to make of it."),
    "rehearse": ("bot.cli.rehearse", "Judge merged pull requests as they stood at their merge; compare two policies."),
    "rules": ("bot.cli.rules", "List the rules, or write their pages."),
    "waivers": ("bot.cli.waivers", "List the waivers, add one, or check whether they still hold."),
    "baseline": ("bot.cli.baseline", "Write down the findings of today, so that only new ones block."),
    "report": ("bot.cli.report", "Show kept runs in any format, compare two, merge the reports of shards."),
    "schema": ("bot.cli.schema", "Print the JSON Schema of a file format."),
    "doctor": ("bot.cli.doctor", "Say what the token can read, and whether a gate binds."),
    "sandbox": ("bot.cli.sandbox", "Serve a local GitHub and Azure DevOps from a scenario."),
}


class LazyCommands(click.Group):
    """A group whose commands are imported when they are run; ``--help`` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table above."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a mistyped name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f" Did you mean '{close[0]}'?" if close else " 'almguard --help' lists them."
            raise click.UsageError(f"There is no command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list for ``--help``, from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="almguard")
def almguard() -> None:
    """Governance as code for the software lifecycle on GitHub and Azure DevOps.

    Exit codes: 0 passed, 1 blocked, 2 usage or internal error, 3 inconclusive or an incomplete scan, 4 nothing was
    selected, 5 waiting for people or checks.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. 1 comes from a verdict alone."""
    try:
        code = almguard.main(args=arguments, standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as problem:
        _refused(problem)
        return USAGE if problem.exit_code == 1 else problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("almguard: interrupted; nothing more was read or posted.")
        return USAGE
    except (BrokenPipeError, SystemExit):
        # click answers a closed pipe with an exit of its own, and the code 1, which belongs to verdicts
        _drop_stdout()
        return USAGE
    except Exception as error:
        return _crashed(error)


def main() -> None:
    """What the ``almguard`` command calls."""
    try:
        code = run()
        sys.stdout.flush()
    except (BrokenPipeError, ValueError):
        _drop_stdout()
        code = USAGE
    except BaseException:
        # Not even the error could be told (no memory for it, say). The interpreter's own code would be 1: a verdict's.
        os._exit(USAGE)
    sys.exit(code)


def _refused(problem: click.ClickException) -> None:
    """What click says of a mistake, which may quote whatever it was given."""
    import io

    from bot.cli.failures import harmless

    words = io.StringIO()
    problem.show(words)
    _say(harmless(words.getvalue().rstrip("\n")))


def _crashed(error: Exception) -> int:
    """An error that nobody foresaw: said in one line, without secrets; the traceback only on request."""
    from bot.cli.failures import explained, harmless

    _say(harmless(f"almguard: {explained(error)}"))
    if os.environ.get("ALMGUARD_DEBUG"):
        import traceback

        _say(harmless("".join(traceback.format_exception(error))))
    return USAGE


def _say(text: str) -> None:
    try:
        click.echo(text, err=True)
    except (BrokenPipeError, OSError, ValueError):
        return


def _drop_stdout() -> None:
    """Nobody reads any more: let the interpreter's own flush at exit go nowhere."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        return
