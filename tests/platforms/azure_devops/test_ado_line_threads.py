"""Findings as threads on lines: one each, closed when gone, never repeated."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.model.annotations import Annotation, Level
from bot.model.facts.change import Reviews
from bot.platforms.azure_devops.line_threads import MOST
from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher
from tests.platforms.azure_devops.ado_reader import requested
from tests.platforms.azure_devops.test_ado_publisher import publication


def annotation(number: int, level: Level = Level.FAILURE, text: str = "Wrong here") -> Annotation:
    return Annotation(
        "src/refund.py", number or None, level, "p/code-alerts", "title", text, f"**{text}**", f"k{number}-1"
    )


@pytest.fixture
def post(reader_for):
    def publish(*annotations: Annotation, comment: str | None = None, line_threads: bool = True, token: str = "all"):
        reader = reader_for(token)
        made = publication(reader.subject(), comment=comment)
        made = replace(made, annotations=annotations, line_threads=line_threads)
        return AzureDevOpsPublisher(reader.provider).publish(made)

    return publish


def lines(sandbox) -> list[tuple[int | None, str]]:
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    return [(one.line, one.status) for one in pull_request.ado_threads if one.posted and one.path]


def test_each_finding_has_a_thread_on_its_line_and_once(post, sandbox):
    for _ in range(3):
        done = post(annotation(3), annotation(0), comment="It is blocked.")
    assert lines(sandbox) == [(3, "active"), (None, "active")]
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    assert [thread.path for thread in pull_request.ado_threads if thread.posted] == [None, *["src/refund.py"] * 2]
    assert not [one for one in requested(sandbox) if one.startswith("PATCH")]
    assert done.refused == ()


def test_it_is_closed_when_fixed_and_opened_when_it_comes_back(post, sandbox):
    post(annotation(1), annotation(2))
    post(annotation(2))
    assert lines(sandbox) == [(1, "fixed"), (2, "active")]
    assert "1 opened again" in " ".join(post(annotation(1), annotation(2)).actions)
    assert lines(sandbox) == [(1, "active"), (2, "active")]
    post()
    assert lines(sandbox) == [(1, "fixed"), (2, "fixed")]


@pytest.mark.parametrize("settled", ["wontFix", "byDesign", "closed"])
def test_what_people_settled_is_left_in_peace(post, sandbox, settled):
    post(annotation(1))
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    (thread,) = [one for one in pull_request.ado_threads if one.path]
    thread.status = settled
    post(annotation(1))
    assert lines(sandbox) == [(1, settled)]


def test_its_words_are_brought_up_to_date_and_its_place_is_the_services(post, sandbox):
    post(annotation(1))
    post(replace(annotation(1, text="Otherwise"), line=9))
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    (thread,) = [one for one in pull_request.ado_threads if one.path]
    assert [comment.content for comment in thread.comments] == ["**Otherwise**"]
    assert thread.line == 1


def test_what_only_warns_holds_nothing_up_and_what_audits_is_no_thread(post, sandbox):
    post(annotation(1, Level.WARNING), annotation(2, Level.NOTICE))
    post(annotation(1, Level.WARNING), annotation(2, Level.NOTICE))
    assert lines(sandbox) == [(1, "closed")]


def test_there_are_so_many_and_no_more(post, sandbox):
    many = [annotation(number) for number in range(1, MOST + 6)]
    assert "5 findings beyond" in post(*many).refused[0]
    assert len(lines(sandbox)) == MOST
    post(*many[3:])
    assert [status for _, status in lines(sandbox)].count("active") == MOST
    assert [status for _, status in lines(sandbox)].count("fixed") == 3


def test_without_the_setting_those_that_stand_are_closed(post, sandbox):
    post(annotation(1), comment="It is blocked.", line_threads=False)
    assert lines(sandbox) == []
    post(annotation(1), comment="It is blocked.")
    post(annotation(1), comment="It is blocked.", line_threads=False)
    assert lines(sandbox) == [(1, "fixed")]


def test_they_are_nobodys_opinion(post, reader_for):
    before = reader_for().value(Reviews, reader_for().subject())
    post(annotation(1))
    reader = reader_for()
    assert reader.value(Reviews, reader.subject()) == before


def test_a_thread_that_somebody_else_has_marked_is_left_alone(post, sandbox):
    post(annotation(1))
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    (thread,) = [one for one in pull_request.ado_threads if one.path]
    thread.comments[0].author = "ben"
    post()
    assert lines(sandbox) == [(1, "active")]


def test_a_refusal_is_told_and_does_not_undo_the_status(post, sandbox, break_down):
    break_down(match="POST .*/threads$", kind="status", status=403, body='{"message": "TF401027: no"}')
    done = post(annotation(1))
    assert "threads on lines" in done.refused[0]
    assert any("Posted the status" in one for one in done.actions)


def test_a_draft_gets_no_new_thread_and_keeps_what_stands(post, sandbox):
    post(annotation(1), annotation(2))
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    pull_request.part = pull_request.part.model_copy(update={"draft": True})
    post(annotation(2), annotation(3))
    assert lines(sandbox) == [(1, "fixed"), (2, "active")]


def test_of_two_threads_for_one_finding_one_is_closed(post, sandbox):
    post(annotation(1))
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    (first,) = [one for one in pull_request.ado_threads if one.path]
    second = replace(first, id=first.id + 1, comments=list(first.comments))
    pull_request.ado_threads.append(second)
    post(annotation(1))
    assert lines(sandbox) == [(1, "active"), (1, "fixed")]


def test_threads_of_a_check_of_another_name_are_its_own(post, sandbox):
    post(annotation(1))
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    (thread,) = [one for one in pull_request.ado_threads if one.path]
    thread.properties = {"Almguard.Line": "almguard:other:k1-1"}
    post()
    assert lines(sandbox) == [(1, "active")]
