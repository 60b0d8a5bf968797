"""Which policies and entries apply to a subject, and why the others do not."""

from __future__ import annotations

from datetime import datetime

from bot.engine.judging import judge
from bot.engine.selection import Selection, selection
from bot.model.facts import Unavailable, UnknownKind
from bot.model.facts.repository import Properties
from bot.model.subjects import Subject
from bot.policy.load import load_configuration
from tests.engine.memory_provider import MemoryProvider
from tests.policy.examples import NOW, REPOSITORY, pull_request

PULL = pull_request()
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
match: {platform: github, repository: "acme/payments-*", properties: {tier: critical}}
rules:
  - {name: holds, enforce: warn, subject: pull_request, assert: 'true', message: m}
  - {name: skipped, enforce: warn, subject: pull_request, assert: 'true', message: m, when: pr.draft}
  - {name: later, enforce: [{disabled}, {warn: 2030-01-01}], subject: pull_request, assert: 'true', message: m}
  - {name: elsewhere, enforce: warn, subject: release, assert: 'true', message: m}
"""


def of(properties: object, policy: str = POLICY, subject: Subject = PULL) -> Selection:
    configuration = load_configuration(policy, "p.yml")
    provider = MemoryProvider({(Properties, REPOSITORY.id): properties})  # type: ignore[dict-item]
    judged = judge(configuration, [subject], provider, {datetime: NOW})
    (found,) = selection(configuration, subject, judged.known, judged.results, NOW)
    return found


def test_each_key_and_each_entry_says_whether_it_holds_and_why_not() -> None:
    found = of(Properties({"tier": "critical"}))
    assert found.selected is True
    assert [(key.name, key.holds) for key in found.keys] == [
        ("platform: github", True),
        ("repository: acme/payments-*", True),
        ("properties: tier=critical", True),
    ]
    said = {entry.name: (entry.holds, entry.why) for entry in found.entries}
    assert said == {
        "holds": (True, "warn: pass"),
        "skipped": (False, "when: pr.draft does not hold"),
        "later": (False, "it is disabled until 2030-01-01"),
        "elsewhere": (False, "it judges releases, and this is none: pull request"),
    }


def test_a_key_that_does_not_hold_is_named() -> None:
    found = of(Properties({"tier": "low"}))
    assert found.selected is False
    assert [key.name for key in found.keys if key.holds is False] == ["properties: tier=critical"]
    assert found.entries[0].why == "the policy does not select it"


def test_a_key_in_doubt_says_what_could_not_be_read() -> None:
    found = of(Unavailable(UnknownKind.SCOPE, "the token may not read it"))
    assert found.selected is None
    assert [(key.holds, key.why) for key in found.keys][-1] == (None, "the token may not read it")
    assert found.entries[0].holds is None
