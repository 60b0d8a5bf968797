"""Inheritance: merged by key, tightened only, from packs, files and other repositories, in an order that is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.model.results import Enforcement
from bot.policy.configuration import CompiledEntry, Configuration, Group, RuleCheck
from bot.policy.effective import effective
from bot.policy.load import load_configuration
from bot.policy.problems import PolicyError
from bot.policy.references import Fetched, FetchError, Reference
from bot.policy.resolving import Opened, Resolver

HEAD = "apiVersion: almguard/v1\nkind: Policy\n"
BASE = (
    HEAD
    + """metadata: {name: base}
match: {repository: ["acme/*", "!acme/old"], branch: default}
waivers: {max_days: 30}
rules:
  - rule: approvals
    enforce: [{warn}, {block: 2027-01-01}]
    with: {minimum: 2, from: {teams: [a, b]}, keep_on: [rebase]}
    when: pr.draft == false
  - rule: requirement-link
    override: allow
    enforce: block
    with: {types: [Bug, Task], max_pull_requests: 5}
  - name: g
    enforce: block
    any_of:
      - {rule: approvals, name: one}
      - {rule: static-analysis-passed}
  - name: every
    enforce: warn
    all_of:
      - {rule: requirement-link, name: link}
  - {name: own, enforce: warn, subject: release, assert: "release.version != ''", message: m}
"""
)


class Place:
    """Files in memory, each named by its path."""

    def __init__(self, **files: str) -> None:
        self.files = {f"{name}.yml": text for name, text in files.items()}

    def read(self, path: str) -> tuple[str, str] | None:
        return (self.files[path], path) if path in self.files else None

    def list(self) -> list[str]:
        return list(self.files)


class Elsewhere:
    """Files of other repositories, in memory."""

    def __init__(self, **files: str) -> None:
        self.files = {f"policies/{name}.yml": text for name, text in files.items()}
        self.asked: list[Reference] = []

    def fetch(self, reference: Reference) -> Fetched:
        self.asked.append(reference)
        if reference.path not in self.files:
            raise FetchError(f"{reference} is not there; correct the path")
        return Fetched(self.files[reference.path], str(reference), reference.ref == "v3")


def child(rules: str, head: str = "", extends: str = "base.yml") -> Configuration:
    text = HEAD + f"metadata: {{name: child}}\nextends: {extends}\n{head}rules:\n{rules}"
    return load_configuration(text, "child.yml", Place(base=BASE), Elsewhere(base=BASE))


def refused(rules: str, head: str = "", extends: str = "base.yml") -> list[str]:
    with pytest.raises(PolicyError) as caught:
        child(rules, head, extends)
    return [str(problem) for problem in caught.value.problems]


def entry(configuration: Configuration, name: str) -> CompiledEntry:
    return next(each for each in configuration.policies[0].entries if each.name == name)


def parameters(configuration: Configuration, name: str) -> dict[str, object]:
    check = entry(configuration, name).check
    assert isinstance(check, RuleCheck)
    return check.params.model_dump()


def test_what_is_not_stated_is_inherited_and_entries_keep_their_order() -> None:
    merged = child("  - {name: last, rule: approvals, enforce: audit}\n  - {rule: approvals, with: {minimum: 3}}\n")
    policy = merged.policies[0]
    assert [each.key for each in policy.entries] == [
        f"child/{name}" for name in ("approvals", "requirement-link", "g", "every", "own", "last")
    ]
    assert parameters(merged, "approvals")["minimum"] == 3
    assert entry(merged, "approvals").schedule.at(datetime(2027, 1, 1, tzinfo=UTC)) is Enforcement.BLOCK
    assert policy.match.repository == ("acme/*", "!acme/old")
    assert policy.limits.max_days == 30
    assert policy.parents == ("base.yml",)
    assert entry(merged, "requirement-link").source == "base.yml"


def test_nested_parameters_are_merged_by_key() -> None:
    merged = parameters(child("  - {rule: approvals, with: {from: {teams: [a]}, keep_on: []}}\n"), "approvals")
    assert merged["minimum"] == 2
    assert merged["keep_on"] == frozenset()
    assert "a" in str(merged["from_"])


@pytest.mark.parametrize(
    "rules",
    [
        "  - {rule: approvals, enforce: block}\n",
        "  - {rule: approvals, enforce: [{warn}, {block: 2026-12-01}]}\n",
        "  - {rule: approvals, severity: critical}\n",
        "  - {rule: approvals, when: pr.draft == false}\n",
        "  - {rule: requirement-link, enforce: disabled, unless: pr.draft, with: {types: [Story]}}\n",
        "  - {name: every, all_of: [{rule: approvals, name: more}]}\n",
        "  - {name: g, any_of: [{rule: approvals, name: one, with: {minimum: 4}}]}\n",
        "  - {name: own, enforce: block, message: Another sentence.}\n",
    ],
)
def test_what_tightens_or_is_allowed_loads(rules: str) -> None:
    child(rules)


@pytest.mark.parametrize(
    ("rules", "place", "words"),
    [
        ("  - {rule: approvals, enforce: warn}\n", "6:23: rules[approvals].enforce", "base.yml:8:5"),
        (
            "  - {rule: approvals, enforce: [{warn}, {block: 2027-01-02}]}\n",
            "6:23: rules[approvals].enforce: the enforcement may only become stricter",
            "base.yml:8:5",
        ),
        (
            "  - {rule: approvals, severity: low}\n",
            "6:23: rules[approvals].severity: the severity may only be raised",
            "base.yml:7:5",
        ),
        (
            "  - {rule: approvals, with: {minimum: 1}}\n",
            "6:30: rules[approvals].with.minimum: minimum may only be raised",
            "base.yml:9:12",
        ),
        (
            "  - {rule: approvals, with: {from: {teams: [a, c]}}}\n",
            "6:37: rules[approvals].with.from.teams: from.teams may only lose values",
            "base.yml:9:31",
        ),
        (
            "  - {rule: approvals, with: {from: {teams: []}}}\n",
            "6:30: rules[approvals].with.from: from may not lose every way",
            "base.yml:9:24",
        ),
        (
            "  - {rule: approvals, with: {count_author: true}}\n",
            "6:30: rules[approvals].with.count_author: count_author may only be turned off",
            "base.yml:9:5",
        ),
        (
            "  - {rule: approvals, when: 'true'}\n",
            "6:23: rules[approvals].when: a condition may not be changed",
            "base",
        ),
        (
            "  - {rule: approvals, unless: pr.draft}\n",
            "6:23: rules[approvals].unless: a condition may not be added",
            "",
        ),
        (
            "  - {name: g, any_of: [{rule: approvals, name: two}]}\n",
            "6:24: rules[g].any_of[two]: 'two' would be one more way to pass the group 'g'",
            "base.yml:15:5",
        ),
        (
            "  - {name: g, all_of: [{rule: approvals, name: two}]}\n",
            "6:15: rules[g].all_of: an entry may not become another check",
            "",
        ),
        (
            "  - {name: own, assert: 'true'}\n",
            "6:17: rules[own].assert: an assertion may not be changed",
            "base.yml:24:",
        ),
        ("  - {rule: approvals, override: allow}\n", "6:23: rules[approvals].override", ""),
    ],
)
def test_what_loosens_is_an_error_that_names_both_places(rules: str, place: str, words: str) -> None:
    (problem,) = refused(rules)
    assert problem.startswith(f"child.yml:{place}"), problem
    assert words in problem
    assert "it is inherited from base.yml:" in problem


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("match: {repository: acme/payments}\n", "match.repository: an inherited 'match' may only gain values"),
        ("match: {topics: pci}\n", "match.topics: an inherited 'match' may not be narrowed"),
        ("match: {repository: ['acme/*', '!acme/old', '!acme/new']}\n", "match.repository"),
        ("waivers: {max_days: 31}\n", "waivers.max_days: how long a waiver lasts may only be shortened"),
    ],
)
def test_a_childs_own_settings_may_not_loosen_either(head: str, words: str) -> None:
    (problem,) = refused("  - {rule: approvals}\n", head)
    assert words in problem
    assert "only a policy with 'override: allow'" in problem


def test_a_match_may_be_widened_and_limits_tightened() -> None:
    policy = child("  - {rule: approvals}\n", "match: {repository: ['acme/*']}\nwaivers: {max_days: 7}\n").policies[0]
    assert (policy.match.repository, policy.limits.max_days) == (("acme/*",), 7)
    assert policy.match.branch == ("default",)


@pytest.mark.parametrize(
    ("low", "words"),
    [
        ("rules: [{rule: approvals, enforce: warn, unless: pr.author.is_bot}]\n", "a condition may not be added"),
        ("match: {repository: acme/one}\nrules: []\n", ""),
        (
            "rules: [{rule: approvals, enforce: warn, with: {count_author: true}}]\n",
            "count_author may only be turned off",
        ),
    ],
)
def test_an_earlier_parent_may_not_loosen_a_later_one_by_what_that_does_not_state(low: str, words: str) -> None:
    high = HEAD + "metadata: {name: high}\nrules: [{rule: approvals, enforce: block}]\n"
    files = Place(low=HEAD + "metadata: {name: low}\noverride: allow\n" + low, high=high)
    text = HEAD + "metadata: {name: child}\nextends: [low.yml, high.yml]\nrules: []\n"
    if not words:
        assert load_configuration(text, "child.yml", files).policies[0].match.repository == ("acme/one",)
        return
    with pytest.raises(PolicyError) as caught:
        load_configuration(text, "child.yml", files)
    assert words in str(caught.value)
    assert "it is inherited from high.yml:4:" in str(caught.value)


def test_what_a_child_allows_holds_for_its_own_entries_alone() -> None:
    between = HEAD + (
        "metadata: {name: between}\nextends: base.yml\noverride: allow\n"
        "rules:\n  - {rule: secret-scanning, enforce: block}\n"
    )
    text = HEAD + "metadata: {name: child}\nextends: between.yml\nrules:\n"
    files = Place(base=BASE, between=between)
    loaded = load_configuration(text + "  - {rule: secret-scanning, enforce: audit}\n", "child.yml", files)
    assert loaded.policies[0].parents == ("base.yml", "between.yml")
    with pytest.raises(PolicyError) as caught:
        load_configuration(text + "  - {rule: approvals, enforce: audit}\n", "child.yml", files)
    assert "base.yml:8:5" in str(caught.value)


GOVERNANCE = (
    HEAD
    + """metadata: {name: governance}
match: {platform: [github, azure-devops]}
waivers: {allowed: false}
rules:
  - {rule: approvals, enforce: block, with: {minimum: 2}}
"""
)
LENIENT = HEAD + "metadata: {name: lenient}\noverride: allow\nrules:\n  - {rule: secret-scanning, enforce: block}\n"


@pytest.mark.parametrize(
    ("extends", "files"),
    [
        ("[governance.yml, lenient.yml]", {}),
        ("[lenient.yml, governance.yml]", {}),
        ("[pack:baseline, governance.yml]", {}),
        ("between.yml", {"between": LENIENT.replace("rules:", "extends: governance.yml\nrules:")}),
        ("governance.yml", {"governance": GOVERNANCE.replace("match:", "extends: pack:baseline\nmatch:")}),
        ("governance.yml", {"governance": GOVERNANCE.replace("match:", "extends: lenient.yml\nmatch:")}),
    ],
)
def test_no_policy_lets_be_loosened_what_another_one_beside_or_below_it_says(
    extends: str, files: dict[str, str]
) -> None:
    text = HEAD + (
        f"metadata: {{name: child}}\nextends: {extends}\nwaivers: {{allowed: true}}\nmatch: {{platform: azure-devops}}\n"
        "rules:\n  - {rule: approvals, enforce: disabled}\n"
    )
    place = Place(**{"governance": GOVERNANCE, "lenient": LENIENT, **files})
    with pytest.raises(PolicyError) as caught:
        load_configuration(text, "child.yml", place)
    assert [problem.path for problem in caught.value.problems] == [
        "waivers.allowed",
        "match.platform",
        "rules[approvals].enforce",
    ]


@pytest.mark.parametrize(
    "extends", ["[governance.yml, lenient.yml]", "[lenient.yml, governance.yml]", "lenient.yml", "between.yml"]
)
@pytest.mark.parametrize("said", ["", "override: forbid\n"])
def test_a_policy_that_lets_its_own_entries_be_loosened_does_so_beside_any_other(extends: str, said: str) -> None:
    text = HEAD + (
        f"metadata: {{name: child}}\nextends: {extends}\nrules:\n  - {{rule: secret-scanning, enforce: disabled}}\n"
    )
    place = Place(
        governance=GOVERNANCE.replace("match:", f"{said}match:"),
        lenient=LENIENT,
        between=LENIENT.replace("rules:", "extends: governance.yml\nrules:"),
    )
    load_configuration(text, "child.yml", place)


def test_a_policy_that_says_nothing_passes_on_no_permission_to_loosen() -> None:
    silent = HEAD + "metadata: {name: silent}\nextends: lenient.yml\nrules: []\n"
    text = HEAD + "metadata: {name: child}\nextends: silent.yml\nrules:\n  - {rule: secret-scanning, enforce: audit}\n"
    with pytest.raises(PolicyError, match=r"rules\[secret-scanning\]\.enforce"):
        load_configuration(text, "child.yml", Place(lenient=LENIENT, silent=silent))


def test_the_order_of_globs_of_paths_may_not_narrow_a_match() -> None:
    base = GOVERNANCE.replace("platform: [github, azure-devops]", "path: ['!old.tf', '*.tf']")
    text = HEAD + "metadata: {name: child}\nextends: base.yml\nmatch: {path: GLOBS}\nrules: []\n"
    for globs in ("['*.tf']", "['!old.tf', '*.tf', '*.py']"):
        load_configuration(text.replace("GLOBS", globs), "child.yml", Place(base=base))
    with pytest.raises(PolicyError, match=r"child\.yml:5:9: match\.path"):
        load_configuration(text.replace("GLOBS", "['*.tf', '!old.tf']"), "child.yml", Place(base=base))


def test_a_second_entry_of_an_inherited_name_does_not_vanish() -> None:
    twice = "  - {rule: approvals, with: {minimum: 3}}\n  - {rule: approvals, enforce: block, with: {minimum: 2}}\n"
    assert refused(twice)[0].startswith("child.yml:7:5: rules[1]: the name 'approvals' is taken by the entry on line 6")
    inner = "  - {name: g, any_of: [{rule: approvals, name: one}, {rule: approvals, name: one, with: {minimum: 9}}]}\n"
    assert refused(inner)[0].startswith("child.yml:6:54: rules[0].any_of[2]: the name 'one' is taken")


def test_a_parent_is_named_once() -> None:
    problems = refused("  - {rule: approvals}\n", extends="[base.yml, base.yml, base.yml]")
    assert problems == ["child.yml:4:21: extends[1]: 'base.yml' is named twice; take one of them out"]


def test_a_policy_that_comes_in_by_many_ways_counts_once() -> None:
    def layer(level: int, side: str) -> str:
        extends = f"extends: [l{level + 1}a.yml, l{level + 1}b.yml]\n" if level < 8 else ""
        return HEAD + f"metadata: {{name: l{level}{side}}}\n{extends}rules: []\n"

    files = {f"l{level}{side}": layer(level, side) for level in range(9) for side in "ab"}
    resolver = Resolver(Place(**files), None)
    opened = Opened(files["l0a"], "l0a.yml", resolver.files)
    found = resolver.policy(opened)
    assert resolver.problems == []
    assert found is not None
    assert len(found.texts) == 17


def test_the_later_of_two_parents_lies_over_the_earlier_and_may_not_loosen_it() -> None:
    one = HEAD + "metadata: {name: one}\nrules:\n  - {rule: approvals, enforce: block, with: {minimum: 2}}\n"
    two = one.replace("name: one", "name: two").replace("minimum: 2", "minimum: 3")
    text = HEAD + "metadata: {name: child}\nextends: [EXTENDS]\nrules: []\n"
    files = Place(one=one, two=two)
    loaded = load_configuration(text.replace("EXTENDS", "one.yml, two.yml"), "child.yml", files)
    assert parameters(loaded, "approvals")["minimum"] == 3
    assert loaded.policies[0].parents == ("one.yml", "two.yml")
    with pytest.raises(PolicyError) as caught:
        load_configuration(text.replace("EXTENDS", "two.yml, one.yml"), "child.yml", files)
    assert str(caught.value).startswith("one.yml:5:46: rules[approvals].with.minimum: minimum may only be raised")


def test_a_file_of_another_repository_is_a_parent_and_its_own_parents_lie_beside_it() -> None:
    between = HEAD + "metadata: {name: between}\nextends: policies/base.yml\nrules: []\n"
    fetcher = Elsewhere(base=BASE, between=between)
    text = HEAD + "metadata: {name: child}\nextends: 'github:acme/governance//policies/between.yml@v3'\nrules: []\n"
    loaded = load_configuration(text, "child.yml", Place(), fetcher)
    assert [str(reference) for reference in fetcher.asked] == [
        "github:acme/governance//policies/between.yml@v3",
        "github:acme/governance//policies/base.yml@v3",
    ]
    assert isinstance(entry(loaded, "g").check, Group)
    assert loaded.warnings == ()


def test_a_parent_that_is_pinned_to_nothing_is_a_warning() -> None:
    loaded = child("  - {rule: approvals}\n", extends="'github:acme/governance//policies/base.yml@main'")
    assert "child.yml:4: github:acme/governance//policies/base.yml@main is pinned to no tag" in loaded.warnings[0]


@pytest.mark.parametrize(
    ("extends", "words"),
    [
        ("'github:acme/governance//policies/no.yml@v3'", "is not there; correct the path"),
        ("'github:acme//x'", "is no repository"),
        ("missing.yml", "there is no file 'missing.yml'"),
        ("pack:basline", "no pack is called 'basline', did you mean 'baseline'"),
    ],
)
def test_a_parent_that_cannot_be_had_is_an_error_with_its_place(extends: str, words: str) -> None:
    problems = refused("  - {rule: secret-scanning, enforce: warn}\n", extends=extends)
    assert len(problems) == 1
    assert problems[0].startswith("child.yml:4:10: extends: ")
    assert words in problems[0]


def test_rings_and_long_chains_are_refused() -> None:
    def policy(name: str, extends: str) -> str:
        return HEAD + f"metadata: {{name: {name}}}\nextends: {extends}.yml\nrules: []\n"

    with pytest.raises(PolicyError) as caught:
        load_configuration(policy("a", "b"), "a.yml", Place(a=policy("a", "b"), b=policy("b", "a")))
    assert "b.yml:4:10: extends: policies extend one another in a ring: a.yml -> b.yml -> a.yml" in str(caught.value)
    chain = {f"p{n}": policy(f"p{n}", f"p{n + 1}") for n in range(12)}
    with pytest.raises(PolicyError) as caught:
        load_configuration(policy("a", "p0"), "a.yml", Place(**chain))
    assert "more than 10 policies extend one another in a row" in str(caught.value)


def test_a_parents_mistakes_are_told_once_at_their_own_place() -> None:
    broken = BASE.replace("minimum: 2", "minimum: x").replace("any_of", "anyof")
    text = HEAD + "metadata: {name: child}\nextends: base.yml\nrules:\n  - {rule: aprovals, enforce: warn}\n"
    with pytest.raises(PolicyError) as caught:
        load_configuration(text, "child.yml", Place(base=broken))
    told = [str(problem).split(": ")[0:2] for problem in caught.value.problems]
    assert ["base.yml:9:21", "rules[0].with.minimum"] in told
    assert ["child.yml:6:12", "rules[0].rule"] in told
    assert len(told) == len({tuple(each) for each in told})


def test_an_entry_without_a_parent_needs_what_a_whole_entry_needs() -> None:
    assert refused("  - {name: nobody, enforce: warn}\n")[0].startswith("child.yml:6:5: rules[0]: an entry is a rule")
    assert refused("  - {rule: secret-scanning}\n")[0].startswith(
        "child.yml:6:5: rules[0]: the key 'enforce' is missing"
    )


def test_every_line_of_the_merged_policy_has_its_origin() -> None:
    lines = list(effective(child("  - {rule: approvals, with: {minimum: 3}}\n").policies[0]))
    shown = {line.text.strip(): line.origin for line in lines}
    assert shown["minimum: 3"] == "child.yml:6"
    assert shown["keep_on: [rebase]"] == "base.yml:9"
    assert shown["name: child"] == "child.yml:3"
    assert all(line.origin or line.text.rstrip().endswith(":") for line in lines)
