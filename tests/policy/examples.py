"""Subjects and facts that the tests of the policy language speak of."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from bot.model.people import Person
from bot.model.subjects import (
    Branch,
    Organization,
    Platform,
    PullRequest,
    Release,
    Repository,
    Visibility,
)

NOW = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)  # a Saturday

ORGANIZATION = Organization("github.test/organization/1", "acme", Platform.GITHUB, "")
PROJECT = Organization("ado.test/organization/2", "acme/Payments", Platform.AZURE_DEVOPS, "", project="Payments")
REPOSITORY = Repository(
    "github.test/repository/1",
    "acme/payments-api",
    Platform.GITHUB,
    "",
    organization=ORGANIZATION,
    short_name="payments-api",
    default_branch="main",
    visibility=Visibility.PRIVATE,
    topics=("pci", "backend"),
)
ADO_REPOSITORY = Repository(
    "ado.test/repository/2",
    "acme/Payments/payments-web",
    Platform.AZURE_DEVOPS,
    "",
    organization=PROJECT,
    short_name="payments-web",
    default_branch="main",
    visibility=Visibility.PRIVATE,
)
BOT = Person("github.test/user/9", "dependabot[bot]", is_bot=True)
ANA = Person("github.test/user/1", "ana", emails=frozenset({"ana@acme.test"}))


def pull_request(base: Branch | None = None, **changes: object) -> PullRequest:
    """One pull request."""
    made = PullRequest(
        "github.test/pull_request/12",
        "acme/payments-api#12",
        Platform.GITHUB,
        "",
        base=base or REPOSITORY.branch("main"),
        number=12,
        title="Pay twice",
        body="",
        author=ANA,
        head_sha="a" * 40,
        base_sha="b" * 40,
        source_branch="feature/pay",
        created_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def release(**changes: object) -> Release:
    """One release that nobody is known to have made."""
    made = Release(
        "github.test/release/1",
        "acme/payments-api@v1",
        Platform.GITHUB,
        "",
        repository=REPOSITORY,
        version="v1",
        commit="c" * 40,
        created_at=NOW,
    )
    return replace(made, **changes)  # type: ignore[arg-type]
