"""The JSON Schema (draft-07) of the report. Fields may be added to a report, so none of its objects is closed."""

from __future__ import annotations

import json
from enum import StrEnum

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.json_fields import JsonValue
from bot.model.results import Change, Combination, Enforcement, Outcome, Verdict
from bot.model.subjects import Platform, Visibility
from bot.report.changes import MEANINGS
from bot.report.json_report import SCHEMA

STRING: JsonValue = {"type": "string"}
COUNT: JsonValue = {"type": "integer", "minimum": 0}
BOOLEAN: JsonValue = {"type": "boolean"}
TIME: JsonValue = {"type": "string", "format": "date-time"}


def schema() -> dict[str, JsonValue]:
    """The schema of ``almguard.report/v1``."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": SCHEMA,
        "description": "What one run of almguard found.",
        **_object(
            schema={"const": SCHEMA},
            tool=_object(name={"const": "almguard"}, version=STRING),
            run=_but_optional(
                ("spent", "lenient"),
                _object(
                    id=STRING,
                    command=_described(STRING, "gate, scan, audit or demo."),
                    targets=_described(_list(STRING), "What a scan was asked for: github:acme."),
                    shard=_described(_or_null(STRING), "Which part of them it judged: 3/16; null: all."),
                    started_at=TIME,
                    finished_at=TIME,
                    now=_described(TIME, "The one moment that every rule of the run judged by."),
                    requests=_described(
                        {**_object(github=COUNT, azure_devops=COUNT), "additionalProperties": COUNT},
                        "HTTP requests that were sent, by platform.",
                    ),
                    spent=_described(
                        {
                            "type": "object",
                            "additionalProperties": _object(
                                requests=COUNT, not_modified=COUNT, graphql=COUNT, points=COUNT
                            ),
                        },
                        "The same by kind: all, confirmed by the platform (304), queries of GraphQL and "
                        "what they took of its allowance. Absent where it was not counted.",
                    ),
                    lenient=_described(
                        _list(_words(UnknownKind)), "The kinds of unknown that the policies let through; absent: none."
                    ),
                    depth=_described(COUNT, "How many of the requests had to wait for one another."),
                    complete=_described(
                        BOOLEAN, "Whether everything that should have been read was. If not, gaps say why."
                    ),
                    gaps=_list(_ref("gap")),
                    coverage=_described(
                        _list(_ref("coverage")), "Of a scan: that each target's repositories are accounted for."
                    ),
                    skipped=_list(_ref("skip")),
                ),
            ),
            policies=_list(_object(name=STRING, source=STRING, sha256=STRING)),
            gate=_described(_or_null(_ref("gate")), "The decision; null where the run was no gate."),
            summary=_object(
                total=COUNT,
                outcomes=_ref("tally"),
                enforcement=_object(**{str(enforcement): _ref("tally") for enforcement in Enforcement}),
                waived=_described(
                    COUNT, "Results that a waiver covers, or one of their members; each keeps its outcome above."
                ),
                baseline=_described(COUNT, "Fails whose every finding is in the baseline."),
            ),
            subjects=_list(_ref("subject")),
            results=_list(_ref("result")),
            notices=_described(_list(STRING), "Things to tell the reader, such as that no configuration was found."),
            changes=_described(
                _or_null(_ref("changes")), "Since the run before of the same targets; null where there is none."
            ),
        ),
        "definitions": _definitions(),
    }


def schema_text() -> str:
    """The schema as the file that is kept with the documentation."""
    return json.dumps(schema(), indent=2) + "\n"


def _definitions() -> dict[str, JsonValue]:
    return {
        "subject": _subject(),
        "person": _object(id=STRING, login=STRING, name=STRING, is_bot=BOOLEAN),
        "skip": _described(
            _object(subject=STRING, name=STRING, reason=_described(STRING, "In a few words: archived.")),
            "A repository that a scan knows of and did not judge.",
        ),
        "coverage": _object(
            target=STRING,
            listed=_described(COUNT, "Repositories; the sum of judged, skipped and unknown."),
            counted=_described(_or_null(COUNT), "How many the platform says there are; null where it does not say."),
            judged=COUNT,
            skipped=COUNT,
            unknown=_described(COUNT, "Listed, and gone or unreadable before they could be judged."),
        ),
        "gap": _described(
            _object(subject=STRING, name=STRING, fact=STRING, kind=_words(UnknownKind), reason=STRING),
            "Something that should have been read and was not.",
        ),
        "changes": _object(
            since=_or_null(_object(run=STRING, started_at=TIME)),
            counts=_object(**{str(change): COUNT for change in Change}),
            items=_list(_ref("changed")),
        ),
        "changed": _object(
            change=_described(_words(Change), "; ".join(f"{change}: {MEANINGS[change]}" for change in Change)),
            key=_described(STRING, "policy/name"),
            subject=_described(STRING, "Its id."),
            name=STRING,
            before=_or_null(_ref("stood")),
            after=_or_null(_ref("stood")),
        ),
        "stood": _described(
            _object(
                outcome=_words(Outcome),
                enforcement=_words(Enforcement),
                waived=BOOLEAN,
                baseline=BOOLEAN,
                findings=_list(STRING),
            ),
            "How an entry ended in one of two runs.",
        ),
        "gate": _object(
            target=_ref("subject"),
            head=_described(STRING, "The commit that was judged."),
            base=_described(_or_null(STRING), "The tip of the base branch; null for a release."),
            base_branch=_or_null(STRING),
            verdict=_words(Verdict),
            policy_digest=STRING,
            facts_digest=STRING,
            note=STRING,
        ),
        "tally": _object(**{str(outcome): COUNT for outcome in Outcome}),
        "unknown": _object(kind=_words(UnknownKind), reason=STRING, fact=STRING),
        "evidence": _object(
            what=STRING,
            value=STRING,
            url=_or_null(STRING),
            read_at=_or_null(TIME),
            ok=_described(_or_null(BOOLEAN), "Whether it is as it should be; null where that was not asked."),
        ),
        "finding": _object(
            message=STRING,
            fix=_described(STRING, "What to do next, and who can."),
            awaiting=_described(BOOLEAN, "Time or people can cure it without a change."),
            location=_or_null(_object(path=STRING, line=_or_null({"type": "integer"}))),
            evidence=_list(_ref("evidence")),
            discriminator=STRING,
            review=_described(
                _or_null(
                    _object(candidates=_list(_object(name=STRING, is_team=BOOLEAN)), asked=COUNT),
                ),
                "Whose review would cure it, and how many were asked and have yet to answer.",
            ),
            checks=_described(_list(STRING), "The checks that it awaits: their names, or globs of them."),
        ),
        "condition": _described(
            _object(
                word=_described(STRING, "when, unless or assert"),
                text=STRING,
                value=_described(_or_null(BOOLEAN), "null where it is not known."),
                reason=STRING,
            ),
            "A condition of an entry, with its value on the subject.",
        ),
        "waiver": _object(
            reason=STRING,
            compensating_control=STRING,
            owner=STRING,
            approver=STRING,
            ticket=STRING,
            expires=_described({"type": "string", "format": "date"}, "The last day on which it applies."),
            source=_described(STRING, "The file and the line."),
        ),
        "tree": _object(how=_words(Combination), members=_list(_ref("member"))),
        "member": _object(key=_described(STRING, "policy/name"), **_ended(), tree=_or_null(_ref("tree"))),
        "result": _object(
            key=_described(STRING, "policy/name"),
            policy=STRING,
            subject=_described(STRING, "The id of one of the subjects."),
            unknown=_described(
                _or_null(_ref("unknown")), "The first of the reasons in unknowns; null where there is none."
            ),
            enforcement=_words(Enforcement),
            severity=_words(Severity),
            baseline=_described(BOOLEAN, "Whether it was there before: shown, and not held against the subject."),
            **_ended(_list(_ref("told"))),
            tree=_described(_or_null(_ref("tree")), "Of a group: how each of its members ended."),
        ),
        "told": {
            "allOf": [
                _ref("finding"),
                _object(
                    fingerprint=_described(_or_null(STRING), "The same as long as the finding is."),
                    baseline=_described(BOOLEAN, "Whether the baseline has it."),
                ),
            ]
        },
    }


def _subject() -> dict[str, JsonValue]:
    """What every subject has, and what only some kinds of it have."""
    every = _object(
        kind=STRING,
        id=_described(STRING, "host/kind/immutable-id: the same after a rename."),
        name=STRING,
        platform=_words(Platform),
        url=_described(STRING, "Empty where it has no page."),
    )
    number: JsonValue = {"type": "integer"}
    some = _object(
        project=_described(_or_null(STRING), "Of an organization: the Azure DevOps project, when it is one."),
        organization=_ref("subject"),
        repository=_ref("subject"),
        short_name=STRING,
        default_branch=_described(_or_null(STRING), "null: the repository is empty."),
        visibility=_or_null(_words(Visibility)),
        archived=_described(BOOLEAN, "On Azure DevOps: disabled."),
        is_fork=BOOLEAN,
        language=_or_null(STRING),
        topics=_list(STRING),
        pushed_at=_or_null(TIME),
        branch=STRING,
        path=STRING,
        base=_described(_ref("subject"), "The branch that a pull request is to be merged into."),
        number=_described({"type": ["integer", "string"]}, "A text where it is a work item's: PAY-7."),
        title=STRING,
        author=_or_null(_ref("person")),
        assignees=_list(_ref("person")),
        head_sha=STRING,
        base_sha=STRING,
        source_branch=STRING,
        created_at=_or_null(TIME),
        closed_at=_or_null(TIME),
        state=STRING,
        draft=BOOLEAN,
        from_fork=BOOLEAN,
        labels=_list(STRING),
        iteration=_or_null(number),
        environment=_or_null(STRING),
        version=STRING,
        commit=STRING,
        release_kind=_described(STRING, "release, tag, run or classic."),
        run_id=_or_null(number),
        deploying=BOOLEAN,
        type=_or_null(STRING),
        is_closed=BOOLEAN,
        scope=STRING,
        is_pull_request=BOOLEAN,
        linked_pull_requests=_or_null(number),
    )
    return {**every, "properties": {**_properties(every), **_properties(some)}}


def _properties(of: dict[str, JsonValue]) -> dict[str, JsonValue]:
    properties = of["properties"]
    assert isinstance(properties, dict)
    return properties


def _ended(findings: JsonValue = None) -> dict[str, JsonValue]:
    """What a result and the member of a group both have."""
    return {
        "rule": _described(STRING, "The rule's id; any_of or all_of for a group, assert for a rule of one's own."),
        "title": STRING,
        "outcome": _words(Outcome),
        "unknowns": _described(_list(_ref("unknown")), "Why it is unknown; on a fail, what could not be read besides."),
        "reason": _described(STRING, "Why it is not applicable, or what the error was."),
        "awaiting": BOOLEAN,
        "findings": findings or _list(_ref("finding")),
        "evidence": _list(_ref("evidence")),
        "conditions": _list(_ref("condition")),
        "waiver": _described(
            _or_null(_ref("waiver")), "The waiver that covers it: it counts as a pass; null where there is none."
        ),
    }


def _object(**properties: JsonValue) -> dict[str, JsonValue]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _but_optional(names: tuple[str, ...], of: dict[str, JsonValue]) -> dict[str, JsonValue]:
    required = of["required"]
    assert isinstance(required, list)
    return {**of, "required": [each for each in required if each not in names]}


def _list(items: JsonValue) -> dict[str, JsonValue]:
    return {"type": "array", "items": items}


def _ref(name: str) -> dict[str, JsonValue]:
    return {"$ref": f"#/definitions/{name}"}


def _words(words: type[StrEnum]) -> dict[str, JsonValue]:
    return {"enum": [word.value for word in words]}


def _or_null(value: JsonValue) -> dict[str, JsonValue]:
    return {"anyOf": [value, {"type": "null"}]}


def _described(value: JsonValue, description: str) -> dict[str, JsonValue]:
    if not isinstance(value, dict):
        raise TypeError(f"a schema is an object, not {value!r}")
    # In draft-07 everything beside a $ref is ignored.
    if "$ref" in value:
        return {"description": description, "allOf": [value]}
    return {"description": description, **value}
