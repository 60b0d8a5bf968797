"""Reads a rule's case: the subject and the facts as policy tests write them, and the rest that belongs to one rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from bot.engine.ports import Known
from bot.engine.reach import reach
from bot.model.analyzers import AnalyzerCatalogue
from bot.model.facts import Fact, Loaded
from bot.model.subjects import Subject
from bot.policy.building import moment
from bot.policy.catalogue import load_catalogue
from bot.policy.factfile import Facts, build_facts, builder_for
from bot.policy.forms import Form, Kind
from bot.policy.loader import parse_yaml
from bot.policy.nodes import Mapping as MappingNode
from bot.policy.nodes import Node, Tree
from bot.policy.problems import PolicyError
from bot.policy.subjectfile import build_subject, platform_of
from bot.rules import Rule
from bot.rules.registry import find

DEFAULTS = "_defaults.yaml"
KEYS = {"rule", "with", "subject", "facts", "now", "analyzers", "expect"}
EXPECTATIONS = {"outcome", "findings", "awaiting", "unknown", "unknown_kind", "not_applicable", "evidence"}
NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)


class CaseError(ValueError):
    """A case is written wrongly."""


@dataclass(frozen=True)
class RuleCase:
    """One case."""

    rule: Rule
    params: Any
    subject: Subject
    facts: Facts
    now: datetime
    catalogue: AnalyzerCatalogue
    expect: Mapping[str, Any]

    @property
    def known(self) -> Known:
        """The facts, each at the subject that it is about."""
        known = Known()
        for fact, told in self.facts.items():
            holder = reach(self.subject, fact.subject)
            if holder is not None:  # an empty repository has no branch that a fact could be about
                known.answers[fact, holder.id] = Loaded(told, "", self.now) if isinstance(told, Fact) else told
        return known


@cache
def read(path: Path) -> RuleCase:
    """A case, with its folder's defaults beneath it, fact by fact."""
    tree, root = _tree(path)
    beside = path.parent / DEFAULTS
    under, defaults = _tree(beside) if beside.exists() else (tree, MappingNode(root.mark))
    plain = root.plain()
    assert isinstance(plain, dict)
    expect = plain["expect"]
    if wrong := sorted((set(plain) - KEYS) | (set(expect) - EXPECTATIONS) | (set(defaults.entries) - {"facts"})):
        raise CaseError(f"{path}: there is no key {', '.join(wrong)}")
    if plain["rule"] != path.parent.name:
        raise CaseError(f"{path}: the rule {plain['rule']} has its cases in tests/rules/{plain['rule']}/")
    rule = find(str(plain["rule"]))
    assert rule is not None
    written = root.get("subject") or MappingNode(root.mark)
    assert isinstance(written, MappingNode)
    platform = platform_of(written)
    builder, base = builder_for(tree, platform), builder_for(under, platform)
    subject = build_subject(builder, written, "subject", next(iter(rule.variants)))
    facts = {**build_facts(base, defaults.get("facts"), "facts"), **build_facts(builder, root.get("facts"), "facts")}
    catalogue = _catalogue(tree, root.get("analyzers"))
    if problems := [*builder.problems, *base.problems]:
        raise PolicyError(problems)
    assert isinstance(subject, Subject)
    params = rule.params.model_validate(plain.get("with") or {})
    for need in rule.variants[type(subject)].needs:
        if need.request(params) is not None and need.fact not in facts:
            raise CaseError(f"{path}: it says nothing of the fact {need.fact.name}, which the rule asks for")
    now = moment(str(plain["now"])) if "now" in plain else NOW
    assert now is not None
    return RuleCase(rule, params, subject, facts, now, catalogue, expect)


def _tree(path: Path) -> tuple[Tree, MappingNode]:
    tree = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    if tree.problems:
        raise PolicyError(tree.problems)
    assert isinstance(tree.root, MappingNode)
    return tree, tree.root


def _catalogue(tree: Tree, own: Node | None) -> AnalyzerCatalogue:
    if own is None:
        return _shipped()
    builder = builder_for(tree, platform_of(None))
    node = MappingNode(own.mark, {"analyzers": (own.mark, own)})
    built = builder.value(Form(Kind.RECORD, type=AnalyzerCatalogue), node, "")
    if builder.problems:
        raise PolicyError(builder.problems)
    assert isinstance(built, AnalyzerCatalogue)
    return built


@cache
def _shipped() -> AnalyzerCatalogue:
    return load_catalogue()
