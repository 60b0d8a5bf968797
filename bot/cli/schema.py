"""``almguard schema``: the JSON Schema of a file format."""

from __future__ import annotations

from typing import Any

import click


@click.command("schema")
@click.argument("kind", type=click.Choice(["policy", "waivers", "tests", "scenario", "report", "rehearsal"]))
def command(kind: str) -> None:
    """Print the JSON Schema of policy files, files of waivers, policy tests, scenarios, the JSON report or a rehearsal."""
    import json

    click.echo(json.dumps(schema_of(kind), indent=2, ensure_ascii=False))


def schema_of(kind: str) -> dict[str, Any]:
    """The schema of one kind of file."""
    if kind in ("policy", "waivers", "tests"):
        from bot.policy.schema import schema

        return schema(kind)
    if kind == "report":
        from bot.report.json_schema import schema as report_schema

        return report_schema()
    if kind == "rehearsal":
        from bot.report.rehearsal_schema import schema as rehearsal_schema

        return rehearsal_schema()
    from bot.sandbox.scenario import Scenario

    return {"$schema": "http://json-schema.org/draft-07/schema#", **Scenario.model_json_schema()}
