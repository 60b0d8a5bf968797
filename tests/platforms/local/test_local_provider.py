"""A git checkout, read with the git executable; nothing that the checkout configures is run."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.engine.ports import Known, PlatformError
from bot.engine.targets import parse
from bot.model.facts import FactRequest, Loaded, NotSupported, Unavailable
from bot.model.facts.change import Reviews
from bot.model.facts.pipelines import FileContents, PathSpec, Pipelines
from bot.model.subjects import Branch, Pipeline, Platform, Release, Repository
from bot.platforms.local.provider import LocalProvider
from bot.platforms.local.remote import host_of, platform_of, target_of

NOW = datetime(2026, 6, 2, 12, tzinfo=UTC)
WORKFLOW = "name: CI\non: pull_request\njobs:\n  lint:\n    steps:\n      - run: ruff check\n"
AZURE = "steps:\n  - template: ci/lint.yml\n"


def git(folder: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        **{f"GIT_{who}_{what}": "ana@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        "GIT_AUTHOR_DATE": "2026-05-01T10:00:00Z",
        "GIT_COMMITTER_DATE": "2026-05-01T10:00:00Z",
        "GIT_CONFIG_GLOBAL": os.devnull,
    }
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=environment)
    return done.stdout.decode().strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "payments"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    files = {
        ".github/workflows/ci.yml": WORKFLOW,
        ".github/workflows/broken.yml": "on: [\n",
        ".github/dependabot.yml": "version: 2\n",
        "azure-pipelines.yml": AZURE,
        ".azure-pipelines/variables.yml": "variables: []\n",
        ".azure-pipelines/release.yaml": "steps: [{script: ship}]\n",
        "ci/lint.yml": "steps: [{script: eslint .}]\n",
        "almguard.yml": "kind: Policy\n",
        "Makefile": "lint:\n\truff check\n",
    }
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")
    return folder


def provider(path: Path) -> LocalProvider:
    return LocalProvider(path, now=NOW)


def repository(path: Path) -> Repository:
    found = provider(path).resolve(parse(str(path)))
    assert isinstance(found, Repository)
    return found


def load(path: Path, request: FactRequest) -> object:
    reader = provider(path)
    subject = reader.resolve(parse(str(path)))
    assert isinstance(subject, Repository)
    branch = subject.default or subject
    [(_, _, answer)] = reader.load({request: [branch]}, Known())
    return answer


def test_a_checkout_is_a_repository(checkout: Path):
    found = repository(checkout)
    assert found.id == f"local/repository/{git(checkout, 'rev-parse', 'HEAD')}"
    assert (found.short_name, found.default_branch) == ("payments", "main")
    assert "(HEAD of main)" in found.name


def test_its_identity_survives_commits_branches_and_renames(checkout: Path):
    before = repository(checkout)
    git(checkout, "checkout", "-q", "-b", "feature")
    git(checkout, "commit", "-q", "--allow-empty", "-m", "Second")
    moved = checkout.rename(checkout.parent / "moved")
    after = repository(moved)
    assert after == before
    assert after.default_branch == "main"
    assert "(HEAD of feature)" in after.name
    git(moved, "checkout", "-q", "--detach")
    assert "(HEAD, detached)" in repository(moved).name


def test_the_remote_names_repository_and_default_branch(checkout: Path):
    git(checkout, "remote", "add", "origin", "git@github.com:acme/billing.git")
    git(checkout, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    git(checkout, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    found = repository(checkout)
    assert (found.short_name, found.organization.name, found.default_branch) == ("billing", "acme", "trunk")


@pytest.mark.parametrize("what", ["missing", "file", "plain", "empty"])
def test_what_is_no_checkout_says_what_to_do(tmp_path: Path, what: str):
    path = tmp_path / what
    if what == "file":
        path.write_text("")
    elif what != "missing":
        path.mkdir()
    if what == "empty":
        git(path, "init", "-q")
    with pytest.raises(PlatformError, match=r"Give the path|Commit something") as caught:
        repository(path)
    assert str(path) in str(caught.value)
    assert caught.value.kind is None


def test_pipelines_of_both_platforms_come_from_head(checkout: Path):
    (checkout / ".github/workflows/ci.yml").write_text("not committed")
    answer = load(checkout, FactRequest(Pipelines))
    assert isinstance(answer, Loaded)
    assert "HEAD of main" in answer.url
    assert answer.read_at == NOW
    assert isinstance(answer.value, Pipelines)
    found = {definition.path: definition for definition in answer.value.definitions}
    assert set(found) == {
        ".github/workflows/ci.yml",
        ".github/workflows/broken.yml",
        "azure-pipelines.yml",
        ".azure-pipelines/release.yaml",
    }
    assert found[".github/workflows/ci.yml"].jobs[0].steps[0].run == "ruff check"
    assert found[".github/workflows/ci.yml"].enabled is None
    assert found[".github/workflows/broken.yml"].error_line == 1
    assert found["azure-pipelines.yml"].jobs[0].steps[0].run == "eslint ."
    assert [t.blocking for t in found["azure-pipelines.yml"].triggers if t.event == "pull_request"] == [None]


def test_file_contents(checkout: Path):
    answer = load(checkout, FactRequest(FileContents, PathSpec(frozenset({"Makefile", "tox.ini", "ci"}))))
    assert isinstance(answer, Loaded)
    assert answer.value == FileContents({"Makefile": "lint:\n\truff check\n"})


def test_a_file_too_large_is_unavailable(checkout: Path):
    (checkout / "Makefile").write_text("#" * 1_000_001)
    git(checkout, "commit", "-q", "-a", "-m", "Grow")
    answer = load(checkout, FactRequest(FileContents, PathSpec(frozenset({"Makefile"}))))
    assert isinstance(answer, Unavailable)
    assert "1,000,001" in answer.reason


def test_what_a_platform_knows_is_not_told(checkout: Path):
    git(checkout, "remote", "add", "origin", "https://token@dev.azure.com/acme/Payments/_git/payments")
    answer = load(checkout, FactRequest(Reviews))
    assert answer == NotSupported("a checkout does not tell; audit ado:acme/Payments/payments for it")


def test_discovery(checkout: Path):
    git(checkout, "tag", "v1.0.0")
    git(checkout, "tag", "-a", "v1.1.0", "-m", "Annotated")
    reader, found = provider(checkout), repository(checkout)
    subjects = list(reader.discover(found, frozenset({Repository, Branch, Pipeline, Release})))
    assert found in subjects
    assert [each.branch for each in subjects if isinstance(each, Branch)] == ["main"]
    assert len([each for each in subjects if isinstance(each, Pipeline)]) == 4
    releases = [each for each in subjects if isinstance(each, Release)]
    assert {each.version for each in releases} == {"v1.0.0", "v1.1.0"}
    assert {each.commit for each in releases} == {git(checkout, "rev-parse", "HEAD")}


def test_configuration_is_the_committed_one(checkout: Path):
    found = provider(checkout).configuration(repository(checkout), [".github/almguard.yml", "almguard.yml"])
    assert found is not None
    assert (found.path, found.text, found.source) == ("almguard.yml", "kind: Policy\n", f"{checkout}@HEAD:almguard.yml")
    (checkout / "almguard.yml").write_bytes(b"kind: Policy\r\n")
    assert provider(checkout).configuration(repository(checkout), ["almguard.yml"]) == found
    assert provider(checkout).configuration(repository(checkout), ["other.yml"]) is None


def test_an_uncommitted_configuration_counts_and_says_so(checkout: Path):
    (checkout / "almguard.yml").write_text("kind: Config\n")
    found = provider(checkout).configuration(repository(checkout), ["almguard.yml"])
    assert found is not None
    assert found.text == "kind: Config\n"
    assert found.source == f"{checkout}/almguard.yml (working tree, not committed)"


def test_a_configuration_that_leads_out_of_the_checkout_is_not_read(checkout: Path):
    outside = checkout.parent / "secret.yml"
    outside.write_text("kind: Config\n")
    (checkout / "other.yml").symlink_to(outside)
    assert provider(checkout).configuration(repository(checkout), ["other.yml"]) is None
    git(checkout, "add", "other.yml")
    git(checkout, "commit", "-q", "-m", "Link")
    assert provider(checkout).configuration(repository(checkout), ["other.yml"]) is None


def test_nothing_that_the_checkout_configures_is_run(checkout: Path):
    mark = checkout.parent / "ran"
    script = checkout.parent / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "diff.external",
        "filter.x.clean",
        "filter.x.smudge",
    ):
        git(checkout, "config", key, str(script))
    git(checkout, "config", "diff.x.textconv", str(script))
    (checkout / ".git/info/attributes").write_text("* filter=x diff=x\n")
    hooks = checkout / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-index-change", "pre-auto-gc", "fsmonitor-watchman", "reference-transaction"):
        (hooks / hook).write_bytes(script.read_bytes())
        (hooks / hook).chmod(0o755)
    reader, found = provider(checkout), repository(checkout)
    list(reader.discover(found, frozenset({Repository, Pipeline, Release})))
    reader.configuration(found, ["almguard.yml"])
    assert found.default is not None
    list(reader.load({FactRequest(Pipelines): [found.default]}, Known()))
    assert not mark.exists()


def test_a_bare_repository_is_read(checkout: Path):
    bare = checkout.parent / "payments.git"
    git(checkout.parent, "clone", "-q", "--bare", str(checkout), str(bare))
    assert repository(bare) == repository(checkout)
    found = provider(bare).configuration(repository(bare), ["almguard.yml"])
    assert found is not None
    assert "HEAD" in found.source


@pytest.mark.parametrize(
    ("address", "target"),
    [
        ("git@github.com:acme/payments.git", "github:acme/payments"),
        ("https://github.com/acme/payments", "github:acme/payments"),
        ("https://x-access-token:abc@github.com/acme/payments.git", "github:acme/payments"),
        ("ssh://git@ssh.github.com:443/acme/payments.git", "github:acme/payments"),
        ("git@ssh.dev.azure.com:v3/acme/My%20Project/payments", "ado:acme/My Project/payments"),
        ("https://acme@dev.azure.com/acme/Payments/_git/api", "ado:acme/Payments/api"),
        ("https://dev.azure.com/acme/_git/payments", "ado:acme/payments/payments"),
        ("https://acme.visualstudio.com/DefaultCollection/Payments/_git/api", "ado:acme/Payments/api"),
        ("https://gitlab.com/acme/payments.git", None),
        ("/srv/git/payments.git", None),
        ("", None),
    ],
)
def test_remotes_lead_to_targets(address: str, target: str | None):
    assert target_of(address) == target


@pytest.mark.parametrize(
    ("address", "platform", "host"),
    [
        ("git@github.com:acme/payments.git", Platform.GITHUB, "github.com"),
        ("https://ana:word@github.acme.example/acme/payments.git", Platform.GITHUB, "github.acme.example"),
        ("https://acme.ghe.com/acme/payments", Platform.GITHUB, "acme.ghe.com"),
        ("git@ssh.dev.azure.com:v3/acme/Payments/api", Platform.AZURE_DEVOPS, "ssh.dev.azure.com"),
        ("https://tfs.acme.example/tfs/Main/Payments/_git/api", Platform.AZURE_DEVOPS, "tfs.acme.example"),
        ("https://gitlab.com/acme/github.git", None, "gitlab.com"),
        ("/srv/git/_git/payments.git", None, ""),
        ("", None, ""),
    ],
)
def test_remotes_tell_their_platform(address: str, platform: Platform | None, host: str):
    assert (platform_of(address), host_of(address)) == (platform, host)


def test_tags_with_odd_names_and_dates_do_not_stop_it(checkout: Path):
    subprocess.run(["git", "update-ref", b"refs/tags/v\xff", "HEAD"], cwd=checkout, check=True)
    head = git(checkout, "rev-parse", "HEAD").strip()
    text = f"object {head}\ntype commit\ntag odd\ntagger A <a@b.example> 999999999999999 +9999\n\nodd\n"
    made = subprocess.run(
        ["git", "hash-object", "-t", "tag", "-w", "--stdin", "--literally"],
        cwd=checkout, input=text.encode(), capture_output=True, check=True,
    )  # fmt: skip
    git(checkout, "update-ref", "refs/tags/odd", made.stdout.decode().strip())
    found = provider(checkout).discover(repository(checkout), frozenset({Release}))
    assert "v\ufffd" in {one.version for one in found if isinstance(one, Release)}


def test_settings_that_point_to_another_folder_are_not_followed(checkout: Path, tmp_path: Path):
    other = tmp_path / "elsewhere"
    other.mkdir()
    (other / "secret.yml").write_text("not of this checkout\n")
    git(checkout, "config", "core.worktree", str(other))
    assert provider(checkout).configuration(repository(checkout), ["secret.yml"]) is None
