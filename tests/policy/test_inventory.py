"""The inventory: which row a repository has, and what is wrong with a file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.subjects import Repository
from bot.policy.globs import any_glob
from bot.policy.inventory import Inventory, read_inventory
from bot.policy.loader import PolicyError
from tests.policy.examples import ADO_REPOSITORY, REPOSITORY

SERVICES = """\
repository,tier, owner ,production environments
acme/payments-api,critical,payments,"prod-eu, prod-us"
acme/payments-*,high,payments,
ledger,low,"a ""quoted"" name",

acme/**,,,
"""


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as raised:
        read_inventory(text, "services.csv")
    return [str(problem) for problem in raised.value.problems]


def named(name: str) -> Repository:
    return replace(REPOSITORY, name=name, short_name=name.rpartition("/")[2])


@pytest.mark.parametrize("text", [SERVICES, "\ufeff" + SERVICES, SERVICES.replace("\n", "\r\n")])
def test_the_first_row_that_is_for_a_repository_is_its_own(text: str):
    inventory = read_inventory(text, "services.csv")
    assert inventory.columns == ("tier", "owner", "production environments")
    assert inventory.values(REPOSITORY) == {
        "tier": "critical",
        "owner": "payments",
        "production environments": "prod-eu, prod-us",
    }
    assert inventory.values(named("Acme/Payments-Web")) == {"tier": "high", "owner": "payments"}
    assert inventory.values(named("other/ledger")) == {"tier": "low", "owner": 'a "quoted" name'}
    assert inventory.values(named("acme/ledger"))["tier"] == "low"
    assert inventory.values(ADO_REPOSITORY) == {}
    assert inventory.values(named("other/shop")) == {}


def test_a_glob_that_stands_before_a_name_comes_first():
    inventory = read_inventory("repository,tier\nacme/*,low\nacme/payments-api,critical\n", "services.csv")
    assert inventory.values(REPOSITORY) == {"tier": "low"}


def test_only_repositories():
    assert read_inventory("repository\nacme/x\n", "services.csv").columns == ()


def test_every_mistake_is_told_with_its_line():
    text = 'repository,tier\nacme/x\n"acme/\n y",a,b\nacme/[z,low\n!acme/*,low\n,low\nacme/ok,low\n'
    assert problems(text) == [
        "services.csv:2:1: 2 values are wanted here, one for each column, and there are 1",
        "services.csv:3:1: 2 values are wanted here, one for each column, and there are 3",
        "services.csv:5:1: repository: 'acme/[z' is no pattern: '[' opens a set of characters, and no ']' closes it",
        "services.csv:6:1: repository: '!acme/*': a row says which repositories it is for, not which it is not for",
        "services.csv:7:1: repository: '' is no pattern: an empty pattern matches nothing",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "services.csv:1:1: the file is empty; its first line names the columns: repository,tier"),
        ("\n \n", "services.csv:1:1: the file is empty; its first line names the columns: repository,tier"),
        (
            "Repository,tier\n",
            "services.csv:1:1: the first line names no column 'repository', only 'Repository', 'tier'",
        ),
        (
            "repository;tier\nacme/x;low\n",
            "services.csv:1:1: the first line names no column 'repository', only 'repository;tier'; "
            "columns are separated by commas",
        ),
        ("repository,tier,Tier\n", "services.csv:1:1: the column 'Tier' is here twice"),
        ("repository,repository\nacme/x,acme/x\n", "services.csv:1:1: the column 'repository' is here twice"),
        ("repository,,tier\n", "services.csv:1:1: a column has no name"),
        ('repository,tier\nacme/x,"low\n', "services.csv:2:1: not valid CSV: unexpected end of data"),
        ('repository,tier\nacme/x,"low"x\n', "services.csv:2:1: not valid CSV: ',' expected after '\"'"),
    ],
)
def test_what_is_no_inventory(text: str, told: str):
    assert problems(text) == [told]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str):
    for whole in (text, "repository,tier\n" + text):
        with suppress(PolicyError):
            read_inventory(whole, "services.csv")


ROWS = st.lists(st.text("ab*?/", min_size=1, max_size=4).filter(lambda glob: "***" not in glob), max_size=6)


@given(ROWS, st.lists(st.text("abAB", min_size=1, max_size=2), min_size=2, max_size=2).map("/".join))
def test_names_and_globs_are_taken_in_the_order_of_the_file(globs: list[str], name: str):
    repository = named(name)
    inventory = Inventory(("row",), tuple((glob, {"row": str(index)}) for index, glob in enumerate(globs)))
    meant = [
        index
        for index, glob in enumerate(globs)
        if any_glob(repository.name if "/" in glob else repository.short_name, (glob,), ignore_case=True)
    ]
    assert inventory.values(repository) == ({"row": str(meant[0])} if meant else {})
