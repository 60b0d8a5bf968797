"""``almguard sandbox``: a local GitHub and Azure DevOps, from a scenario."""

from __future__ import annotations

from pathlib import Path

import click

from bot.cli.failures import Refusal


@click.command("sandbox")
@click.option("--scenario", type=click.Path(path_type=Path), help="The scenario file; without one, the demo's.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="The port on 127.0.0.1; 0 takes a free one.")
@click.option("--ready-file", type=click.Path(path_type=Path), help="Written, with the addresses, once it answers.")
@click.option(
    "--repositories", type=click.IntRange(1, 100_000), help="Add an organisation, grown, of so many repositories."
)
@click.option("--seed", type=int, help="What the added repositories follow from; without one, the scenario's seed.")
def command(
    scenario: Path | None, port: int, ready_file: Path | None, repositories: int | None, seed: int | None
) -> None:
    """Serve a local GitHub and Azure DevOps on 127.0.0.1, with state, until interrupted.

    What is asked is listed at /_sandbox/requests, what was posted at /_sandbox/state; /_sandbox/faults breaks things.
    """
    from bot.sandbox.grow import grow
    from bot.sandbox.server import ScenarioError, load_scenario, serve
    from bot.sandbox.world import World

    try:
        loaded = load_scenario(scenario or demo_scenario())
    except ScenarioError as error:
        raise Refusal(str(error)) from None
    except OSError as error:
        raise Refusal(f"{scenario}: the scenario cannot be read: {error.strerror or error}") from None
    world = World(loaded)
    if repositories is not None:
        grow(world, repositories, seed)
    try:
        serve(world, port, ready_file)
    except OSError as error:
        raise Refusal(f"port {port}: the sandbox cannot listen there: {error.strerror or error}") from None


def demo_scenario() -> Path:
    """The scenario that the demo shows."""
    import bot.sandbox

    return Path(bot.sandbox.__file__).parent / "scenarios" / "demo.yml"
