"""Loading: every kind of mistake with its place, all at once; and what comes out of a file that is right."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.results import Enforcement
from bot.policy.catalogue import load_catalogue
from bot.policy.configuration import Comment, Configuration, GateSettings, OnUnknown, RuleCheck
from bot.policy.load import default_configuration, load_configuration, shipped_packs
from bot.policy.problems import PolicyError, Problem
from bot.policy.schedule import Schedule

HEAD = "apiVersion: almguard/v1\nkind: Policy\n"
NAMED = HEAD + "metadata: {name: payments}\n"
RULES = "rules:\n  - rule: requirement-link\n    enforce: block\n"
TOOLS = "analyzers: [{id: house-linter, name: House, kinds: [lint], url: 'https://acme.test', commands: [house]}]"
CONFIG = "apiVersion: almguard/v1\nkind: Config\n"


class Place:
    """Files in memory."""

    def __init__(self, **files: str) -> None:
        self.files = {name.replace("__", "/") + ".yml": text for name, text in files.items()}

    def read(self, path: str) -> tuple[str, str] | None:
        return (self.files[path], f"acme@main:{path}") if path in self.files else None

    def list(self) -> Sequence[str]:
        return list(self.files)


def policy(name: str, rules: str = RULES) -> str:
    return HEAD + f"metadata: {{name: {name}}}\n" + rules


def mistakes(text: str, files: Place | None = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load_configuration(text, "f.yml", files)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- a\n", "f.yml:1:1: a configuration is a mapping: apiVersion, kind, …"),
        ("kind: Policy\n", "f.yml:1:1: the key 'apiVersion' is missing; this almguard knows almguard/v1"),
        (
            "apiVersion: almguard/v2\nkind: Policy\nnew: thing\n",
            "f.yml:1:13: apiVersion: 'almguard/v2' is not a version known here; this almguard knows almguard/v1",
        ),
        ("apiVersion: almguard/v1\n", "f.yml:1:1: the key 'kind' is missing; it is Policy or Config"),
        (
            "apiVersion: almguard/v1\nkind: policy\n",
            "f.yml:2:7: kind: Policy or Config is wanted here, and this is 'policy', did you mean 'Policy'",
        ),
        (HEAD + RULES, "f.yml:1:1: the key 'metadata' is missing"),
        (NAMED, "f.yml:1:1: the key 'rules' is missing"),
        (NAMED + "ruls: []\n" + RULES, "f.yml:4:1: ruls: unknown key 'ruls', did you mean 'rules'"),
        (
            NAMED + RULES + "    when:\n",
            "f.yml:7:10: rules[0].when: the condition is empty; write one, or take the key out",
        ),
        (
            NAMED + RULES + "    unless: null\n",
            "f.yml:7:13: rules[0].unless: the condition is empty; write one, or take the key out",
        ),
        (CONFIG + "policies: ['pack:baseline']\ngate: {context: {}}\n", "f.yml:4:17: gate.context: it is empty"),
        (
            CONFIG + "policies: ['pack:baseline']\ngate: {context: {'**': ''}}\n",
            "f.yml:4:24: gate.context.**: it is empty",
        ),
        (HEAD + "metadata: {name: x, owner: ''}\n" + RULES, "f.yml:3:28: metadata.owner: it is empty"),
        (
            NAMED + "rules:\n  - {rule: approvals, enforce: block, with_: {minimum: 5}}\n",
            "f.yml:5:39: rules[0].with_: unknown key 'with_', did you mean 'with'",
        ),
        (
            NAMED + "rules:\n  - {rule: approvals, enforce: block, with: {from_: {users: [ana]}}}\n",
            "f.yml:5:46: rules[0].with.from_: unknown key 'from_', did you mean 'from'",
        ),
        (
            NAMED + "api_version: x\n" + RULES,
            "f.yml:4:1: api_version: unknown key 'api_version', did you mean 'apiVersion'",
        ),
        (
            HEAD + "metadata: {name: Payments}\n" + RULES,
            "f.yml:3:18: metadata.name: 'Payments' does not have the form ^[a-z0-9]+([._-][a-z0-9]+)*$",
        ),
        (
            HEAD + "metadata: {name: x, owner: 3.10}\n" + RULES,
            'f.yml:3:28: metadata.owner: text is wanted here, and this is the number 3.1; for the text write "3.10" in quotes',
        ),
        (
            HEAD + "metadata: {name: x, owner: no}\n" + RULES,
            "f.yml:3:28: YAML 1.1 reads 'no' as false, YAML 1.2 as text; write false, or \"no\" in quotes",
        ),
        (HEAD + "metadata: x\n" + RULES, "f.yml:3:11: metadata: a mapping is wanted here, and this is 'x'"),
        (
            NAMED + "match: {platform: githb}\n" + RULES,
            "f.yml:4:19: match.platform: one of github, azure-devops, local is wanted here, and this is 'githb', "
            "did you mean 'github'",
        ),
        (
            NAMED + "match: {platform: [github, ado]}\n" + RULES,
            "f.yml:4:28: match.platform[1]: one of github, azure-devops, local is wanted here, and this is 'ado'",
        ),
        (
            NAMED + "match: {repository: ['acme/[x']}\n" + RULES,
            "f.yml:4:22: match.repository[0]: 'acme/[x' is no pattern: '[' opens a set of characters, and no ']' closes it",
        ),
        (
            NAMED + "match: {branch: [1]}\n" + RULES,
            "f.yml:4:18: match.branch[0]: text is wanted here, and this is the number 1",
        ),
        (
            NAMED + "match: {properties: {tier: ['!']}}\n" + RULES,
            "f.yml:4:29: match.properties.tier[0]: '!' is no pattern: an empty pattern matches nothing",
        ),
        (NAMED + "match: {archived: never}\n" + RULES, "f.yml:4:19: match.archived: true or false is wanted here"),
        (NAMED + "match: {topic: pci}\n" + RULES, "f.yml:4:9: match.topic: unknown key 'topic', did you mean 'topics'"),
        (NAMED + "extends: [pack:baselin]\n" + RULES, "f.yml:4:11: extends[0]: no pack is called 'baselin', did you"),
        (NAMED + "extends: 3\n" + RULES, "f.yml:4:10: extends: text is wanted here, and this is the number 3"),
        (NAMED + "extends: f.yml\n" + RULES, "f.yml:4:10: extends: there is no file 'f.yml', looked for from the root"),
        (
            NAMED + "extends: github:acme/x\n" + RULES,
            "f.yml:4:10: extends: ",
        ),
        (NAMED + "rules:\n  - approvals\n", "f.yml:5:5: rules[0]: a mapping is wanted here, and this is 'approvals'"),
        (NAMED + "rules:\n  - enforce: block\n", "f.yml:5:5: rules[0]: an entry is a rule ('rule'), a group"),
        (NAMED + "rules:\n  - rule: requirement-link\n", "f.yml:5:5: rules[0]: the key 'enforce' is missing"),
        (
            NAMED + "rules:\n  - rule: requirment-link\n    enforce: block\n",
            "f.yml:5:11: rules[0].rule: no rule is called 'requirment-link', did you mean 'requirement-link'",
        ),
        (
            NAMED + "rules:\n  - rule: zzz\n    enforce: block\n",
            "f.yml:5:11: rules[0].rule: no rule is called 'zzz'; 'almguard rules' lists them",
        ),
        (
            NAMED + "rules:\n  - rule: requirement-link\n    enforce: blok\n",
            "f.yml:6:14: rules[0].enforce: one of disabled, audit, warn, block is wanted here, and this is 'blok', "
            "did you mean 'block'",
        ),
        (
            NAMED + "rules:\n  - rule: requirement-link\n    enforce: off\n",
            "f.yml:6:14: rules[0].enforce: one of disabled, audit, warn, block is wanted here, and this is 'off', "
            "did you mean 'disabled'",
        ),
        (
            NAMED + "rules:\n  - rule: requirement-link\n    enforce: [{audit}, {blok: 2027-01-15}]\n",
            "f.yml:6:25: rules[0].enforce[1].blok: one of disabled, audit, warn, block is wanted here, and this is 'blok', "
            "did you mean 'block'",
        ),
        (
            NAMED + "rules:\n  - rule: requirement-link\n    enforce: [{audit}, {block: 2027-13-15}]\n",
            "f.yml:6:32: rules[0].enforce[1].block: ",
        ),
        (
            NAMED + "rules:\n  - rule: requirement-link\n    enforce: [{audit}, {block}]\n",
            "f.yml:6:24: rules[0].enforce[1]: a later step needs the day on which it begins: write {block: 2027-01-15}",
        ),
        (
            NAMED + "rules:\n  - name: x\n    enforce: block\n    any_of: []\n",
            "f.yml:7:13: rules[0].any_of: it is empty",
        ),
        (
            NAMED + "rules:\n  - enforce: block\n    any_of: [{rule: approvals}]\n",
            "f.yml:5:5: rules[0]: the key 'name' is missing: a group needs one, waivers and results go by it",
        ),
        (
            NAMED + "rules:\n  - name: x\n    enforce: block\n    any_of: [{rule: approvals, enforce: warn}]\n",
            "f.yml:7:32: rules[0].any_of[0].enforce: 'enforce' belongs to the group as a whole, not to a member of it",
        ),
        (
            NAMED
            + "rules:\n  - name: x\n    enforce: block\n    any_of: [{rule: approvals}, {rule: rollback-ready}]\n",
            "f.yml:7:5: rules[0].any_of: its members have no type of subject in common: 'approvals' judges pull requests, "
            "'rollback-ready' judges releases",
        ),
        (
            NAMED + "rules:\n  - name: x\n    enforce: block\n    all_of: [{any_of: [{rule: aprovals}], name: y}]\n",
            "f.yml:7:31: rules[0].all_of[0].any_of[0].rule: no rule is called 'aprovals', did you mean 'approvals'",
        ),
        (
            NAMED + "rules:\n  - name: x\n    enforce: block\n    rule: approvals\n    any_of: [{rule: approvals}]\n",
            "f.yml:8:5: rules[0].any_of: an entry has 'rule' or 'any_of', not both",
        ),
        (
            NAMED + "rules:\n  - name: x\n    enforce: block\n    assert: 'true'\n    message: m\n",
            "f.yml:5:5: rules[0]: the key 'subject' is missing; a rule of one's own has it",
        ),
        (
            NAMED + "rules:\n  - {name: x, enforce: block, subject: pr, message: m, assert: 'true'}\n",
            "f.yml:5:40: rules[0].subject: one of organization, repository, branch, pull_request, pipeline, environment, "
            "release, work_item is wanted here, and this is 'pr', did you mean 'pull_request'",
        ),
        (
            NAMED + "rules:\n  - {name: x, enforce: block, subject: release, message: m, assert: release.versio}\n",
            "f.yml:5:69: rules[0].assert: there is no 'release.versio' here, did you mean 'release.version'",
        ),
        (
            NAMED + RULES + "    message: m\n",
            "f.yml:7:5: rules[0].message: 'message' belongs to a rule of one's own ('assert')",
        ),
        (
            NAMED + RULES + "    severity:\n",
            "f.yml:7:14: rules[0].severity: it is empty; write one, or take the key out",
        ),
        (
            NAMED + "match:\n  repository:\n" + RULES,
            "f.yml:5:14: match.repository: it is empty; write a value, or take the key out",
        ),
        (
            NAMED + "waivers: {max_days: }\n" + RULES,
            "f.yml:4:21: waivers.max_days: it is empty; write a value, or take the key out",
        ),
        (
            NAMED + "match: {path: ['!Dockerfile']}\n" + RULES,
            "f.yml:4:15: match.path: these are exclusions alone, and no file is left to look for",
        ),
        (NAMED + RULES + "    name: waivers\n", "f.yml:7:11: rules[0]: the name 'waivers' is taken"),
        (
            NAMED + RULES + "    severity: urgent\n",
            "f.yml:7:15: rules[0].severity: one of low, medium, high, critical is",
        ),
        (NAMED + RULES + "    with: [1]\n", "f.yml:7:11: rules[0].with: a mapping is wanted here, and this is a list"),
        (
            NAMED + RULES + "    with: {typs: [Bug]}\n",
            "f.yml:7:12: rules[0].with.typs: unknown key 'typs', did you mean 'types'",
        ),
        (
            NAMED + RULES + "    with: {types: Bug}\n",
            "f.yml:7:19: rules[0].with.types: a list is wanted here, and this is 'Bug'; write [Bug]",
        ),
        (
            NAMED + RULES + "    with: {sources: [github-issue]}\n",
            "f.yml:7:22: rules[0].with.sources[0]: one of azure-boards, github-issues, jira is wanted here, and this is "
            "'github-issue', did you mean 'github-issues'",
        ),
        (
            NAMED + RULES + "    with: {mentions: yes}\n",
            "f.yml:7:22: rules[0].with.mentions: true or false is wanted here, and this is 'yes'; write true",
        ),
        (
            NAMED + RULES + "    with: {max_pull_requests: '3'}\n",
            "f.yml:7:31: rules[0].with.max_pull_requests: a whole number is wanted here, and this is '3'; "
            "write it without quotes",
        ),
        (
            NAMED + RULES + "    with: {max_pull_requests: 0}\n",
            "f.yml:7:31: rules[0].with.max_pull_requests: it should be greater than or equal to 1, and this is the number 0",
        ),
        (
            NAMED + RULES + "    with: {jira: {project: [PAY]}}\n",
            "f.yml:7:19: rules[0].with.jira.project: unknown key 'project', did you mean 'projects'",
        ),
        (
            NAMED + RULES + "    unless: pr.draft && pr.autor.is_bot\n",
            "f.yml:7:25: rules[0].unless: there is no 'pr.autor' here, did you mean 'pr.author'",
        ),
        (
            NAMED + RULES + "    when: |\n      pr.draft &&\n      files.all(f, f.pth == 'x')\n",
            "f.yml:9:21: rules[0].when: there is no field 'pth' here, did you mean 'path'",
        ),
        (NAMED + RULES + "    when: ''\n", "f.yml:7:11: rules[0].when: it is empty"),
        (NAMED + RULES + "    when: true\n", "f.yml:7:11: rules[0].when: text is wanted here, and this is true"),
        (
            NAMED + RULES + "  - rule: requirement-link\n    enforce: warn\n",
            "f.yml:7:5: rules[1]: the name 'requirement-link' is taken by the entry on line 5; "
            "give one of them a 'name' of its own",
        ),
        (NAMED + RULES + "    name: Not A Name\n", "f.yml:7:11: rules[0].name: 'Not A Name' does not have the form"),
        (CONFIG, "f.yml:1:1: the key 'policies' is missing"),
        (
            CONFIG + "policies: pack:baseline\n",
            "f.yml:3:11: policies: a list is wanted here, and this is 'pack:baseline'; write",
        ),
        (
            CONFIG + "policies: [pack:baselin]\n",
            "f.yml:3:12: policies[0]: no pack is called 'baselin', did you mean 'baseline'",
        ),
        (CONFIG + "policies: [a.yml]\n", "f.yml:3:12: policies[0]: there is no file 'a.yml', looked for from the root"),
        (
            CONFIG + "policies: ['x/*.yml']\n",
            "f.yml:3:12: policies[0]: no file matches 'x/*.yml', looked for from the root",
        ),
        (
            CONFIG + "policies: [../a.yml]\n",
            "f.yml:3:12: policies[0]: '../a.yml': a path from the root of the place is wanted",
        ),
        (
            CONFIG + "policies: ['github:a/b//c.yml@v1']\n",
            "f.yml:3:12: policies[0]: 'github:a/b//c.yml@v1' is a file of another repository, and nothing is read from",
        ),
        (CONFIG + "policies: [pack:baseline]\nwaivers: [w.yml]\n", "f.yml:4:11: waivers[0]: there is no file 'w.yml'"),
        (CONFIG + "policies: [pack:baseline]\nbaseline: x\n", "f.yml:4:11: baseline: there is no file 'x'"),
        (CONFIG + "policies: [pack:baseline]\ninventory: x\n", "f.yml:4:12: inventory: there is no file 'x'"),
        (CONFIG + "policies: [pack:baseline]\nidentities: x\n", "f.yml:4:13: identities: there is no file 'x'"),
        (
            CONFIG + "policies: [pack:baseline]\ngate: {on_unknown: {scop: warn}}\n",
            "f.yml:4:21: gate.on_unknown.scop: one of scope, licence, limit, transient, truncated, unreadable is wanted here, "
            "and this is 'scop', did you mean 'scope'",
        ),
        (
            CONFIG + "policies: [pack:baseline]\ngate: {comment: sometimes}\n",
            "f.yml:4:17: gate.comment: one of on-change, always, never is wanted here, and this is 'sometimes'",
        ),
        (
            CONFIG + "policies: [pack:baseline]\ngate: {context: {'[': x}}\n",
            "f.yml:4:18: gate.context.[: '[' is no pattern: '[' opens a set of characters, and no ']' closes it",
        ),
        (
            CONFIG + "policies: [pack:baseline]\nconnections: [{match: 'acme/*'}]\n",
            "f.yml:4:15: connections[0]: the key 'work_items' is missing",
        ),
        (
            CONFIG
            + "policies: [pack:baseline]\nconnections: [{match: 'acme/*', work_items: x, credential: ghp_abc}]\n",
            "f.yml:4:60: connections[0].credential: the name of a credential is wanted here, in capitals (ADO), never the",
        ),
        (
            CONFIG + "policies: [pack:baseline]\nanalyzers: [x.yml]\n",
            "f.yml:4:13: analyzers[0]: there is no file 'x.yml'",
        ),
    ],
)
def test_each_kind_of_mistake_and_its_place(text: str, expected: str) -> None:
    found = mistakes(text)
    assert found[0].startswith(expected)
    assert len(found) == 1


def test_many_mistakes_of_many_files_at_once() -> None:
    files = Place(
        policies__a=policy("a", "rules:\n  - rule: requirement-link\n    enforce: on\n    with: {typs: [x]}\n"),
        policies__b="apiVersion: almguard/v1\nkind: Config\npolicies: [x]\n",
        policies__c="a: [",
        policies__d=policy("d"),
        policies__e=policy("d"),
    )
    assert mistakes(CONFIG + "policies: [policies/*.yml, pack:x, b.yml]\ngate: {comments: never}\n", files) == [
        "acme@main:policies/a.yml:6:14: rules[0].enforce: one of disabled, audit, warn, block is wanted here, and this is 'on'",
        "acme@main:policies/a.yml:7:12: rules[0].with.typs: unknown key 'typs', did you mean 'types'",
        "acme@main:policies/b.yml:2:7: kind: Policy is wanted here, and this is 'Config'",
        "acme@main:policies/c.yml:2:1: not valid YAML: while parsing a flow node, did not find expected node content",
        "acme@main:policies/e.yml:1:1: metadata.name: acme@main:policies/d.yml has a policy 'd' already",
        "f.yml:3:28: policies[1]: no pack is called 'x'; there is pack:baseline, pack:open-source, pack:regulated, pack:strict",
        "f.yml:3:36: policies[2]: there is no file 'b.yml', looked for from the root of the place",
        "f.yml:4:8: gate.comments: unknown key 'comments', did you mean 'comment'",
    ]


def load(text: str, files: Place | None = None) -> Configuration:
    return load_configuration(text, "f.yml", files)


def test_a_policy_alone_is_a_configuration() -> None:
    loaded = load(
        NAMED
        + "match: {repository: acme/payments-*, archived: any}\nrules:\n"
        + "  - rule: requirement-link\n    enforce: block\n    with: {types: [Bug], max_pull_requests: 3}\n"
        + "  - rule: requirement-link\n    name: again\n    enforce: warn\n    severity: low\n"
        + "    when: files.size() > 0\n    unless: pr.draft\n"
    )
    first, second = loaded.policies[0].entries
    assert loaded.policies[0].name == "payments"
    assert loaded.policies[0].match.repository == ("acme/payments-*",)
    assert (first.key, first.schedule, first.severity) == (
        "payments/requirement-link",
        Schedule.always(Enforcement.BLOCK),
        Severity.HIGH,
    )
    assert isinstance(first.check, RuleCheck)
    assert first.check.params.model_dump(include={"types", "max_pull_requests"}) == {
        "types": frozenset({"Bug"}),
        "max_pull_requests": 3,
    }
    assert (second.key, second.severity, second.line) == ("payments/again", Severity.LOW, 9)
    assert [condition.text for condition in second.conditions] == ["files.size() > 0", "pr.draft"]
    assert loaded.gate == GateSettings()
    assert [(source.name, source.source) for source in loaded.sources] == [("payments", "f.yml")]


def test_a_config_names_policies_packs_and_catalogues() -> None:
    files = Place(policies__a=policy("a"), policies__b=policy("b"), other__c=policy("c"), tools=TOOLS)
    loaded = load(
        CONFIG
        + "policies: [other/c.yml, policies/*.yml, pack:baseline]\nanalyzers: [tools.yml]\n"
        + "gate: {context: {main: almguard-main, 'release/*': almguard-release}, comment: never,"
        + " on_unknown: {transient: warn}}\n"
        + "connections: [{match: 'acme/*', work_items: 'ado:acme/Payments', credential: ADO}]\n",
        files,
    )
    assert [each.name for each in loaded.policies] == ["c", "a", "b", "baseline"]
    assert [each.source for each in loaded.policies][-1] == "pack:baseline"
    assert [(each.path, each.text) for each in loaded.analyzers] == [("tools.yml", TOOLS)]
    assert "house-linter" in {tool.id for tool in load_catalogue(loaded.analyzers).analyzers}
    gate = loaded.gate
    assert [gate.context(name) for name in ("main", "release/1", "release/1/x")] == [
        "almguard-main",
        "almguard-release",
        "almguard",
    ]
    assert gate.comment is Comment.NEVER
    assert gate.unknown(UnknownKind.TRANSIENT) is OnUnknown.WARN
    assert gate.unknown(UnknownKind.SCOPE) is OnUnknown.BLOCK
    assert loaded.connections[0].match == ("acme/*",)
    assert loaded.connections[0].work_items == "ado:acme/Payments"


def test_the_digest_follows_the_contents_alone() -> None:
    here, there = load_configuration(policy("a"), "here.yml"), load_configuration(policy("a"), "there.yml")
    assert here.digest == there.digest
    assert load(policy("a") + "\n# a word\n").digest != here.digest
    files = Place(a=policy("a"))
    whole = load(CONFIG + "policies: [a.yml]\n", files)
    assert load(CONFIG + "policies: [a.yml]\ngate: {comment: never}\n", files).digest != whole.digest


def test_the_default_is_the_baseline_in_audit() -> None:
    loaded = default_configuration()
    assert [each.name for each in loaded.policies] == ["baseline"]
    assert {entry.schedule for entry in loaded.policies[0].entries} == {Schedule.always(Enforcement.AUDIT)}
    assert "baseline" in shipped_packs()
    assert "analyzers" not in shipped_packs()


def refusals(text: str) -> tuple[Problem, ...]:
    try:
        load(text)
    except PolicyError as error:
        return error.problems
    return ()


VALUES = st.recursive(
    st.sampled_from(
        ["block", "1", "-3", "3.10", "off", "~", "true", "'x'", "requirement-link", "pr.draft", '"\\ud800"', "{}"]
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.dictionaries(
            st.sampled_from(["name", "rule", "enforce", "with", "when", "any_of", "types", "x", '"a\\nb"']),
            inner,
            max_size=4,
        ).map(lambda pairs: "{" + ", ".join(f"{key}: {value}" for key, value in pairs.items()) + "}"),
    ),
    max_leaves=8,
)


@given(
    st.sampled_from([NAMED, CONFIG, HEAD]), st.sampled_from(["metadata", "match", "rules", "policies", "gate"]), VALUES
)
def test_nothing_but_a_configuration_or_a_policy_error(head: str, key: str, value: str) -> None:
    assert all(len(str(problem).splitlines()) == 1 for problem in refusals(f"{head}{key}: {value}\n"))


def test_a_bad_pattern_is_told_once_and_in_words(capfd: pytest.CaptureFixture[str]) -> None:
    found = mistakes(NAMED + "rules:\n  - {rule: approvals, enforce: block, with: {comment_pattern: '(?=y)'}}\n")
    assert len(found) == 1
    assert "invalid perl operator: (?=" in found[0]
    assert "b'" not in found[0]
    assert capfd.readouterr().err == ""
