"""Rules of somebody else's: found by their entry point, used like the shipped ones, never left out quietly."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import ROOT, Ended, World

EXAMPLE = ROOT / "docs" / "examples" / "house-rules"
RULE = (EXAMPLE / "house_rules.py").read_text(encoding="utf-8")
POLICY = (EXAMPLE / "almguard.yml").read_text(encoding="utf-8")
SPY = "from pathlib import Path\nPath({seen!r}).touch()\n"


def package(folder: Path, code: str, name: str = "acme-house-rules", module: str = "house_rules") -> Path:
    """An installed package, as pip leaves it: a module, and beside it what it registers."""
    about = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text(f"[almguard.rules]\nhouse = {module}\n", encoding="utf-8")
    return folder


def run(world: World, installed: Path, *arguments: str, cwd: Path | None = None) -> Ended:
    return world.run(*arguments, environ={"PYTHONPATH": f"{ROOT}:{installed}"}, cwd=cwd)


@pytest.fixture
def house(demo: World) -> Path:
    return package(demo.folder / "installed", RULE)


def test_it_is_listed_explained_and_in_the_schema(demo: World, house: Path) -> None:
    listed = {rule["id"]: rule for rule in json.loads(run(demo, house, "rules", "--format", "json").out)}
    assert listed["branch-name"]["subjects"] == ["pull_request"]
    assert listed["branch-name"]["family"] == "house_rules"
    assert "approvals" in listed
    explained = run(demo, house, "explain", "branch-name")
    assert explained.code == 0
    assert "only take out of it" in explained.out
    assert "| Former names | `source-branch-name` |" in explained.out
    assert run(demo, house, "rules", "--write", "pages").code == 0
    assert (demo.folder / "pages" / "branch-name.md").is_file()
    assert "branch-name.parameters" in json.loads(run(demo, house, "schema", "policy").out)["definitions"]


def test_it_is_validated_like_a_shipped_one(demo: World, house: Path) -> None:
    assert run(demo, house, "validate", str(EXAMPLE / "almguard.yml")).code == 0
    wrong = POLICY.replace("longest: 60", "longst: 60").replace("[feature, fix]", "feature")
    refused = run(demo, house, "validate", demo.write("wrong.yml", wrong))
    assert refused.code == 2
    assert "wrong.yml:9:31: rules[0].with.longst: unknown key 'longst', did you mean 'longest'" in refused.err
    assert "write [feature]" in refused.err
    child = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: child}\nextends: house.yml\n"
        "rules: [{rule: branch-name, with: {prefixes: [feature, wip]}}]\n"
    )
    demo.write("house.yml", POLICY)
    loosened = run(demo, house, "validate", demo.write("child.yml", child))
    assert loosened.code == 2
    assert "may only lose values" in loosened.err


def test_without_the_package_the_rule_is_unknown(demo: World) -> None:
    refused = demo.run("validate", str(EXAMPLE / "almguard.yml"))
    assert refused.code == 2
    assert "no rule is called 'branch-name'" in refused.err


@pytest.mark.parametrize("target", ["github:acme/payments#12", "ado:acme/Payments/payments!12"])
def test_it_judges_on_both_platforms(demo: World, house: Path, target: str) -> None:
    said = run(demo, house, "audit", target, "--config", str(EXAMPLE / "almguard.yml"), "--format", "json")
    (found,) = [result for result in json.loads(said.out)["results"] if result["key"] == "house/branch-name"]
    assert found["outcome"] == "fail"
    assert "begins with none of feature/, fix/" in found["findings"][0]["message"]
    assert said.code == 1


def test_a_former_name_goes_on_meaning_the_rule(demo: World, house: Path) -> None:
    old = POLICY.replace("rule: branch-name", "rule: source-branch-name")
    waiver = (
        "apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n  - {{entry: house/{name}, subject: acme/*, reason: r, owner: ana, "
        "approver: bo, expires: 2099-01-01}}\n"
    )
    demo.write("policy.yml", old)
    demo.write("waivers.yml", waiver.format(name="source-branch-name"))
    config = demo.write(
        "config.yml", "apiVersion: almguard/v1\nkind: Config\npolicies: [policy.yml]\nwaivers: waivers.yml\n"
    )
    command = ("audit", "github:acme/payments#12", "--config", config, "--format", "json")

    def waived(key: str) -> tuple[str, bool]:
        said = run(demo, house, *command)
        report = json.loads(said.out)
        (found,) = [result for result in report["results"] if result["key"] == key]
        return found["rule"], found["waiver"] is not None

    assert waived("house/source-branch-name") == ("branch-name", True)
    validated = run(demo, house, "validate", config)
    assert validated.code == 0
    told = run(demo, house, "explain", "--effective", "--config", config)
    assert "policy.yml:7: the rule source-branch-name is called branch-name now; write 'rule: branch-name'" in told.err
    assert "'name: source-branch-name'" in told.err
    # The waiver goes on, when the policy has the new name, and when it keeps the old one as the entry's own.
    demo.write("policy.yml", POLICY)
    assert waived("house/branch-name") == ("branch-name", True)
    demo.write("policy.yml", POLICY.replace("rule: branch-name", "rule: branch-name\n    name: source-branch-name"))
    assert waived("house/source-branch-name") == ("branch-name", True)
    explained = run(demo, house, "explain", "source-branch-name")
    assert explained.out.startswith("# branch-name")
    assert "the rule source-branch-name is called branch-name now" in explained.err


def test_a_child_may_use_the_new_name_where_its_parent_has_the_former_one(demo: World, house: Path) -> None:
    demo.write("house.yml", POLICY.replace("rule: branch-name", "name: branches\n    rule: source-branch-name"))
    child = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {{name: child}}\nextends: house.yml\n"
        "rules: [{{name: branches, rule: branch-name, with: {{longest: {longest}}}}}]\n"
    )
    assert run(demo, house, "validate", demo.write("child.yml", child.format(longest=50))).code == 0
    assert run(demo, house, "validate", demo.write("child.yml", child.format(longest=70))).code == 2


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import nowhere_to_be_found\n", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def f(:\n", "SyntaxError"),
        ("raise SystemExit(0)\n", "SystemExit: 0"),
        ("x = 1\n", "the module house_rules declares no rule"),
        (
            RULE.replace('"branch-name",', '"approvals",'),
            "the rule 'approvals' is declared twice: in bot.rules.approve.appro",
        ),
        (
            RULE.replace('"source-branch-name"', '"approvals"'),
            "cannot be called 'approvals': that is the id of 'approvals'",
        ),
        (
            RULE.replace('"branch-name",', '"Branch Name",'),
            "a rule's id is words in lower case joined by '-', not 'Branch N",
        ),
        (
            RULE.replace("    Why:\n", "    Wherefore:\n"),
            "the docstring of the rule 'branch-name' lacks the section Why",
        ),
        (RULE.replace('severity="low"', 'severity="lowly"'), "'lowly' is not a valid Severity"),
        (
            RULE + "@rule(" + RULE.split("@rule(")[1].replace("def branch_name", "def other"),
            "the rule 'branch-name' is declared twice in house_rules",
        ),
    ],
)
def test_a_broken_package_is_named_and_nothing_goes_on_without_it(demo: World, code: str, reason: str) -> None:
    installed = package(demo.folder / "installed", code)
    commands = [["rules"], ["validate", str(EXAMPLE / "almguard.yml")]]
    for command in commands if code.startswith("import") else commands[:1]:
        ended = run(demo, installed, *command)
        assert ended.code == 2
        assert "the installed package acme-house-rules 1.0 cannot be used" in ended.err
        assert reason in ended.err
        assert "pip uninstall acme-house-rules" in ended.err
        assert "error in almguard itself" not in ended.err
        assert ended.out == ""


def test_two_packages_do_not_share_a_name(demo: World) -> None:
    installed = package(demo.folder / "installed", RULE)
    other = RULE.replace('"branch-name", ', '"branch-title", ')
    package(installed, other, "b-rules", "other_rules")
    ended = run(demo, installed, "rules")
    assert ended.code == 2
    assert "'source-branch-name': that is a former id of 'branch-" in ended.err


def test_nothing_is_imported_from_what_is_judged(demo: World) -> None:
    """A checkout that brings such a package along, and modules named as those that are imported anyway."""
    checkout, seen = demo.folder / "checkout", demo.folder / "imported"
    spy = SPY.format(seen=str(seen))
    package(checkout, spy + RULE)
    for name in ("yaml", "click", "sitecustomize", "re2"):
        (checkout / f"{name}.py").write_text(spy, encoding="utf-8")
    for folder in ("policies", ".github"):
        package(checkout / folder, spy + RULE)
    git = ["git", "-C", str(checkout), "-c", "user.name=a", "-c", "user.email=a@acme.test"]
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    for target, cwd in ((str(checkout), demo.folder), (".", checkout)):
        audited = demo.run("audit", target, "--format", "json", cwd=cwd)
        assert "results" in audited.json(), audited.err
        listed = demo.run("rules", "--format", "json", cwd=cwd).json()
        assert "branch-name" not in {rule["id"] for rule in listed}
        assert demo.run("validate", str(EXAMPLE / "almguard.yml"), cwd=cwd).code == 2
    assert not seen.exists()
