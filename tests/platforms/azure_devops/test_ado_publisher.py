from __future__ import annotations

import pytest

from bot.engine.ports import PlatformError, Publication
from bot.model.facts import UnknownKind
from bot.model.results import Verdict
from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher
from tests.platforms.azure_devops.ado_reader import Reader, requested


def publication(
    pull_request, verdict=Verdict.BLOCKED, comment: str | None = "It is blocked.", title="Blocked", create=True
):
    return Publication(
        pull_request, "almguard", verdict, title, "summary", comment, create, details_url="https://example.com/run"
    )


def statuses(sandbox):
    return [one for one in sandbox.world.repository("acme", "payments").pull_requests[12].ado_statuses if one.posted]


def threads(sandbox):
    return [one for one in sandbox.world.repository("acme", "payments").pull_requests[12].ado_threads if one.posted]


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (Verdict.PASSED, "succeeded"),
        (Verdict.WAITING, "pending"),
        (Verdict.BLOCKED, "failed"),
        (Verdict.INCONCLUSIVE, "error"),
        (Verdict.EMPTY, "error"),
    ],
)
def test_each_verdict_is_a_state_on_the_judged_iteration(reader: Reader, pull_request, sandbox, verdict, state):
    AzureDevOpsPublisher(reader.provider).publish(publication(pull_request, verdict))
    (status,) = statuses(sandbox)
    assert (status.genre, status.name, status.state) == ("almguard", "almguard", state)
    assert (status.iteration, status.target_url, status.description) == (2, "https://example.com/run", "Blocked")


def test_twice_is_once(reader_for, sandbox):
    for _ in range(2):
        reader = reader_for()
        AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject()))
    assert len(statuses(sandbox)) == 1
    (thread,) = threads(sandbox)
    assert [one.content for one in thread.comments] == ["It is blocked."]
    assert not [one for one in requested(sandbox) if one.startswith("PATCH")]


def test_the_thread_is_updated_and_closed_and_opened_again(reader: Reader, pull_request, sandbox):
    publisher = AzureDevOpsPublisher(reader.provider)
    publisher.publish(publication(pull_request))
    (thread,) = threads(sandbox)
    assert thread.status == "active"
    publisher.publish(publication(pull_request, Verdict.PASSED, "All is well.", "Passed"))
    (thread,) = threads(sandbox)
    assert ([one.content for one in thread.comments], thread.status) == (["All is well."], "fixed")
    publisher.publish(publication(pull_request, Verdict.BLOCKED, "Not any more."))
    (thread,) = threads(sandbox)
    assert ([one.content for one in thread.comments], thread.status) == (["Not any more."], "active")
    assert [one.state for one in statuses(sandbox)] == ["failed", "succeeded", "failed"]


@pytest.mark.parametrize("verdict", Verdict)
def test_no_comment_touches_no_thread(reader_for, sandbox, verdict):
    reader = reader_for()
    AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject(), verdict, None))
    assert threads(sandbox) == []
    reader = reader_for()
    AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject()))
    reader = reader_for()
    AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject(), verdict, None))
    (thread,) = threads(sandbox)
    assert ([one.content for one in thread.comments], thread.status) == (["It is blocked."], "active")


def test_a_thread_is_brought_up_to_date_but_not_made_where_none_is_asked_for(reader_for, sandbox):
    reader = reader_for()
    publisher = AzureDevOpsPublisher(reader.provider)
    publisher.publish(publication(reader.subject(), Verdict.PASSED, "All is well.", create=False))
    assert threads(sandbox) == []
    publisher.publish(publication(reader.subject()))
    publisher.publish(publication(reader.subject(), Verdict.PASSED, "All is well.", create=False))
    (thread,) = threads(sandbox)
    assert ([one.content for one in thread.comments], thread.status) == (["All is well."], "fixed")


def test_a_status_that_somebody_else_has_posted_does_not_stand_for_ours(reader_for, sandbox):
    reader = reader_for()
    AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject()))
    statuses(sandbox)[0].creator = "ben"
    reader = reader_for()
    AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject()))
    assert [one.creator for one in statuses(sandbox)] == ["ben", "almguard"]


def test_a_thread_that_somebody_else_has_marked_is_closed_and_not_spoken_in(reader_for, sandbox):
    foreign = reader_for()
    AzureDevOpsPublisher(foreign.provider).publish(publication(foreign.subject()))
    (thread,) = threads(sandbox)
    thread.comments[0].author = "ben"
    reader = reader_for()
    AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject()))
    forged, ours = threads(sandbox)
    assert (forged.status, ours.status) == ("fixed", "active")
    assert ours.comments[0].author == "almguard"


def test_without_the_scope_the_status_cannot_be_posted(reader_for):
    reader = reader_for("only-read")
    with pytest.raises(PlatformError, match=r"vso\.code_status") as refused:
        AzureDevOpsPublisher(reader.provider).publish(publication(reader.subject()))
    assert refused.value.kind is UnknownKind.SCOPE


def test_a_refused_thread_is_told_and_does_not_undo_the_status(reader: Reader, pull_request, sandbox, break_down):
    break_down(match="POST .*/threads$", kind="status", status=403, body='{"message": "TF401027: no"}')
    done = AzureDevOpsPublisher(reader.provider).publish(publication(pull_request))
    assert len(statuses(sandbox)) == 1
    (told,) = done.refused
    assert "vso.threads_full" in told


def test_a_failed_post_of_the_status_is_repeated(reader: Reader, pull_request, sandbox, break_down):
    break_down(match="POST .*/statuses$", kind="status", status=503)
    AzureDevOpsPublisher(reader.provider).publish(publication(pull_request))
    assert [one.state for one in statuses(sandbox)] == ["failed"]
