"""Whom the rule ``approvals`` would have asked, as data beside its words."""

from __future__ import annotations

from bot.model.findings import Reviewer, ReviewWanted
from bot.model.people import Person
from bot.rules.approve.asking import review_wanted

ANA = Person("h/user/1", "ana", emails=frozenset({"ana@acme.example"}))
BEN, TEAM = Reviewer("ben"), Reviewer("acme/payments-team", is_team=True)


def test_who_may_not_and_who_has_spoken_is_left_out_by_any_of_their_names() -> None:
    candidates = [Reviewer("ANA"), Reviewer("ana@acme.example"), BEN, BEN, TEAM]
    assert review_wanted(candidates, [ANA], ()) == ReviewWanted((BEN, TEAM), 0)


def test_who_was_asked_is_counted_however_the_team_is_written() -> None:
    for written in ("acme/payments-team", "Payments-Team", "[Payments]\\payments-team"):
        assert review_wanted([BEN, TEAM], [], (written,)) == ReviewWanted((BEN,), 1)


def test_who_was_asked_and_cannot_help_does_not_count() -> None:
    assert review_wanted([BEN], [], ("cara", "ana")) == ReviewWanted((BEN,), 0)
