"""What proves a rebase, and what it costs where one has to be proven."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.engine.ports import Known
from bot.model.facts.change import Commits, FormerCommits, Reviews
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from tests.platforms.azure_devops.ado_reader import Reader, requested

WORK = {"message": "Work", "files": {"src/work.py": "WORK = 1\n", "gone.txt": None}, "renames": {"old.md": "new.md"}}
MORE = {"message": "More", "files": {"src/more.py": "MORE = 1\n"}}
PUSHES = [{"at": "-5d", "commits": [WORK, MORE]}, {"at": "-1d", "force": True, "commits": [WORK, MORE]}]


@pytest.fixture
def rebased() -> Iterator[tuple[Reader, Sandbox]]:
    repository = {
        "name": "app",
        "files": {"gone.txt": "x\n", "old.md": "# Old\n"},
        "commits": [{"message": "Base", "at": "-3d", "files": {"src/base.py": "BASE = 2\n"}}],
        "pull_requests": [
            {
                "number": 1,
                "author": "ana",
                "created_at": "-6d",
                "pushes": PUSHES,
                "reviews": [{"by": "bo", "state": "approved", "at": "-4d"}],
            }
        ],
    }
    with Sandbox(Scenario.model_validate({"repositories": [repository]})) as sandbox:
        provider = AzureDevOpsProvider("sandbox-token", sandbox.azure_devops + "acme", now=sandbox.world.now)
        yield Reader(provider, Known()), sandbox
        provider.close()


def test_the_patches_of_then_and_now_are_the_same(rebased: tuple[Reader, Sandbox]) -> None:
    reader, sandbox = rebased
    pull_request = reader.subject("ado:acme/acme/app!1")
    present = reader.value(Commits, pull_request).commits
    reader.value(Reviews, pull_request)
    before = len(requested(sandbox))
    found = reader.value(FormerCommits, pull_request)
    ((head, former),) = found.former.items()
    assert head not in {commit.sha for commit in present}
    assert [commit.message for commit in former] == ["Work", "More"]
    assert [found.patch_ids[one.sha] for one in former] == [found.patch_ids[one.sha] for one in present]
    assert len(set(found.patch_ids.values())) == 2
    asked = requested(sandbox)[before:]
    assert len(asked) == 1 + 4 + 1 + 1, "the former commits, a difference for each, the blobs before, their contents"


def test_parents_that_a_list_leaves_out_are_asked_for(rebased: tuple[Reader, Sandbox]) -> None:
    reader, _ = rebased
    pull_request = reader.subject("ado:acme/acme/app!1")
    for commit in reader.provider.reads.pull_request(pull_request)["commits"]:
        del commit["parents"]
    assert all(not one.parents for one in reader.value(Commits, pull_request).commits)
    found = reader.value(FormerCommits, pull_request)
    assert len(found.patch_ids) == 4
