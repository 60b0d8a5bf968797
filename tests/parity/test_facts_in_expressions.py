"""Every fact can be asked for by an expression alone, on both platforms, and says the same there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from bot.model.facts import fact_types
from bot.model.subjects import PullRequest, Release, Subject
from bot.policy.vocabulary import Name, vocabulary
from tests.cli.conftest import demo_scenario
from tests.parity.conftest import Gate

GITHUB_ALONE = "classic-protection"


def about(name: Name) -> str:
    """Something that holds of every value."""
    if name.by_name:
        return f"'README.md' in {name.name} || true"
    return f"has({name.name}) || true" if name.shape.optional else f"{name.name} == {name.name}"


def policy(subject: type[Subject]) -> str:
    rules = []
    for fact in fact_types().values():
        names = [name for name in vocabulary(subject).values() if name.fact is fact]
        if names:
            asserted = " && ".join(f"({about(name)})" for name in names)
            rules.append(own(fact.name.replace("_", "-"), subject, asserted, fact.name))
    return written(rules)


def own(name: str, subject: type[Subject], asserted: str, message: str = "no") -> dict[str, Any]:
    return {"name": name, "subject": subject.kind, "enforce": "block", "assert": asserted, "message": message}


def written(rules: list[dict[str, Any]]) -> str:
    head = {"apiVersion": "almguard/v1", "kind": "Policy", "metadata": {"name": "facts"}}
    return yaml.safe_dump({**head, "rules": rules})


@pytest.mark.parametrize(
    ("subject", "github", "azure"),
    [
        (PullRequest, "github:acme/payments#12", "ado:acme/Payments/payments!12"),
        (Release, "github:acme/payments@v1.4.0", "ado:acme/Payments/payments@v1.4.0"),
    ],
    ids=lambda value: value.kind if isinstance(value, type) else "",
)
def test_every_fact_is_read_where_an_expression_names_it(
    serve: Callable[[dict[str, Any]], Gate], subject: type[Subject], github: str, azure: str
) -> None:
    gate = serve(demo_scenario())
    there, here = gate(github, policy(subject)), gate(azure, policy(subject))
    assert set(there.outcomes.values()) == {"pass"}
    assert here.outcomes == {**there.outcomes, GITHUB_ALONE: "not_applicable"}


@pytest.mark.parametrize("target", ["github:acme/payments#12", "ado:acme/Payments/payments!12"])
def test_what_the_facts_say_is_the_same(serve: Callable[[dict[str, Any]], Gate], target: str) -> None:
    rules = [
        own("read", PullRequest, "'README.md' in contents && contents['README.md'].size() > 0"),
        own("absent", PullRequest, "!('NO.md' in contents) && !paths.any_match('NO.md')"),
        own("undecided", PullRequest, "contents['NO.md'] == ''"),
        own("listed", PullRequest, "paths.any_match('README.md') && 'README.md' in paths"),
        own(
            "said",
            PullRequest,
            "false",
            "{{ files.size() }} files, {{ paths.any_match('README.md') }}, {{ contents['NO.md'] }}",
        ),
    ]
    judged = serve(demo_scenario())(target, written(rules))
    assert judged.outcomes == {
        "read": "pass",
        "absent": "pass",
        "undecided": "unknown",
        "listed": "pass",
        "said": "fail",
    }
    assert "contents['NO.md'] == ''" in judged.messages("undecided")
    assert "files, true, (not known: " in judged.messages("said")
