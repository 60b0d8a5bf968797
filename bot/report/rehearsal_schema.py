"""The JSON Schema (draft-07) of a rehearsal. Fields may be added, so none of its objects is closed."""

from __future__ import annotations

from bot.model.json_fields import JsonValue
from bot.model.results import Enforcement, Verdict
from bot.report.json_schema import BOOLEAN, COUNT, STRING, TIME
from bot.report.json_schema import schema as report_schema
from bot.report.rehearsal import ENDINGS
from bot.report.rehearsal_json import SCHEMA


def schema() -> dict[str, JsonValue]:
    """The schema of ``almguard.rehearsal/v1``; results and gaps are those of a report."""
    verdict: JsonValue = {"enum": [each.value for each in Verdict]}
    verdicts = _object(**{each.value: COUNT for each in Verdict})
    source = _object(name=STRING, source=STRING, sha256=STRING)
    entry = _object(
        key=STRING,
        enforcement={"enum": [each.value for each in Enforcement]},
        counts=_object(**dict.fromkeys(ENDINGS, COUNT)),
    )
    judged = _object(
        verdict=_described(verdict, "The one that counts."),
        proven=_described(verdict, "By what is known of the day of the merge alone."),
        assuming_today=_described(verdict, "With what the past does not tell taken from today."),
        decided_by=_list(STRING),
        results=_list({"$ref": "#/definitions/result"}),
    )
    change = _object(key=STRING, before=_or_null(STRING), after=_or_null(STRING))
    pull_request = _object(
        id=STRING,
        name=STRING,
        platform=STRING,
        url=STRING,
        title=STRING,
        head=STRING,
        base_branch=STRING,
        merged_at=TIME,
        rehearsed=_described(judged, "Under the policy that is rehearsed."),
        in_force=_described(_or_null(judged), "Under the policy in force; null where nothing is compared."),
        changes=_list(change),
    )
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": SCHEMA,
        "description": "Merged pull requests, judged as they stood when they were merged.",
        **_object(
            schema={"const": SCHEMA},
            tool=_object(name={"const": "almguard"}, version=STRING),
            run=_object(
                started_at=TIME,
                finished_at=TIME,
                now=TIME,
                requests={"type": "object", "additionalProperties": COUNT},
                complete=_described(BOOLEAN, "Whether every pull request, list and configuration could be read."),
                gaps=_list({"$ref": "#/definitions/gap"}),
            ),
            target=STRING,
            assume_today=BOOLEAN,
            enforcement={"enum": ["final", "today"]},
            policies=_list(source),
            in_force=_or_null(_list(source)),
            summary=_object(
                total=COUNT,
                verdicts=verdicts,
                rests_on_today=_described(COUNT, "Verdicts that depend on what only today tells."),
                in_force=_or_null(verdicts),
                changed=_described(COUNT, "Pull requests whose verdict the rehearsed policy changes."),
            ),
            entries=_list(entry),
            entries_in_force=_or_null(_list(entry)),
            pull_requests=_list(pull_request),
            notices=_list(STRING),
        ),
        "definitions": report_schema()["definitions"],
    }


def _object(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "required": list(properties), "properties": dict(properties)}


def _list(items: JsonValue) -> JsonValue:
    return {"type": "array", "items": items}


def _or_null(value: JsonValue) -> JsonValue:
    return {"anyOf": [value, {"type": "null"}]}


def _described(value: JsonValue, words: str) -> JsonValue:
    return {**value, "description": words} if isinstance(value, dict) else value
