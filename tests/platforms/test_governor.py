"""What may still be asked, by the clock of the test: nobody waits here."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from requests import Response
from requests.structures import CaseInsensitiveDict

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms import answers
from bot.platforms.answers import Limited, Told
from bot.platforms.concurrency import Lanes
from bot.platforms.governor import Governor
from bot.platforms.pacing import Limiter, WaitBudget

HOUR = 3600.0


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def governor(clock: Clock, platform: Platform = Platform.GITHUB) -> Governor:
    return Governor(platform, Limiter(1000, 1000, clock), clock)


def told(remaining: int, seconds: float = HOUR, resource: str = "core", reset: float = 9000.0) -> Told:
    return Told(resource, 5000, remaining, seconds, reset)


def test_plenty_is_used_at_once(clock: Clock) -> None:
    one = governor(clock)
    assert one.pause("core", "host", HOUR) is None
    one.told(told(4000))
    assert all(one.pause("core", "host", HOUR) is None for _ in range(100))


def test_what_is_left_is_spread_over_the_time_until_it_is_whole(clock: Clock) -> None:
    one = governor(clock)
    one.told(told(100, seconds=1000))
    waited = 0
    for _ in range(100):
        pause = one.pause("core", "host", HOUR)
        assert pause is not None
        assert not pause.must
        clock.sleep(max(0.0, pause.seconds))
        waited += 1
    assert waited == 100
    assert 1000 <= clock.now - 1000 + 1 <= 1002  # nothing is refused before the hour is over, and nothing is left
    assert one.pause("core", "host", HOUR) is None


def test_it_is_said_once_that_it_goes_slowly(clock: Clock) -> None:
    one = governor(clock)
    one.told(told(100))
    pauses = [one.pause("core", "host", HOUR) for _ in range(3)]
    assert [pause.quiet for pause in pauses if pause] == [False, True, True]
    assert pauses[0] is not None
    assert "100 of 5000 (core) are left at host until 02:30:00 UTC; going slowly" in pauses[0].why


def test_who_may_not_wait_so_long_uses_what_is_left(clock: Clock) -> None:
    one = governor(clock)
    one.told(told(2))
    assert one.pause("core", "host", 60) is None
    assert one.pause("core", "host", 60) is None
    wall = one.pause("core", "host", 60)
    assert wall is not None
    assert wall.must
    assert wall.seconds == HOUR
    assert "gives no more of 5000 (core) until" in wall.why
    clock.sleep(HOUR)
    assert one.pause("core", "host", 60) is None


def test_requests_and_points_are_apart_and_a_query_takes_its_points(clock: Clock) -> None:
    one = governor(clock)
    one.told(told(0, resource="core"))
    one.told(told(10, resource="graphql"))
    for _ in range(8):
        one.cost("graphql", 5)
    assert one.spent("core") == HOUR
    assert one.spent("graphql") == 0
    assert one.pause("graphql", "host", 0) is None
    assert one.pause("graphql", "host", 0) is None
    assert one.spent("graphql") == HOUR


def test_answers_that_overtake_one_another_give_nothing_back(clock: Clock) -> None:
    one = governor(clock)
    one.told(told(7))
    one.told(told(9))
    for _ in range(7):
        assert one.pause("core", "host", 0) is None
    assert one.pause("core", "host", 0) is not None
    one.told(told(5000, reset=9000 + HOUR))  # the next hour
    assert one.pause("core", "host", 0) is None


def test_secondary_limits_without_a_word_are_waited_for_longer_each_time(clock: Clock) -> None:
    one = governor(clock)
    refused = Limited(0.0, secondary=True)
    waits = []
    for _ in range(6):
        sent = clock()
        waits.append(one.limited(refused, sent))
        assert one.limited(refused, sent - 1) == waits[-1]  # another thread's, sent before: the same refusal
        clock.sleep(waits[-1])
    assert waits == [60, 120, 240, 480, 960, 960]
    one.well(clock())
    assert one.limited(refused, clock()) == 60


def test_a_pause_that_was_asked_for_is_everybodys(clock: Clock) -> None:
    one = governor(clock)
    assert one.limited(Limited(30, asked=True, secondary=True), clock()) == 30
    pause = one.pause("core", "host", 0)
    assert pause is not None
    assert (pause.seconds, pause.must) == (30, True)
    assert one.spent("graphql") == 30


def test_azure_devops_slows_down_and_has_no_wall(clock: Clock) -> None:
    one = governor(clock, Platform.AZURE_DEVOPS)
    one.told(Told("TSTU", 200, 20, 300, 9000))
    pause = one.pause("TSTU", "host", HOUR)
    assert pause is not None
    assert 0 < pause.seconds <= 5
    one.told(Told("TSTU", 200, 0, 300, 9000))
    pause = one.pause("TSTU", "host", HOUR)
    assert pause is not None
    assert not pause.must
    one.told(Told("TSTU", 200, 190, 300, 9000))
    assert one.pause("TSTU", "host", HOUR) is None


def test_the_servers_clock_counts() -> None:
    response = Response()
    response.status_code = 200
    there = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)
    response.headers = CaseInsensitiveDict(
        {
            "Date": format_datetime(there, usegmt=True),
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": "12",
            "X-RateLimit-Reset": str(int(there.timestamp()) + 90),
            "X-RateLimit-Resource": "graphql",
        }
    )
    assert answers.told(response) == Told("graphql", 5000, 12, 90.0, there.timestamp() + 90)
    response.headers["X-RateLimit-Remaining"] = "soon"
    assert answers.told(response) is None


def test_those_who_wait_at_the_same_time_spend_it_once(clock: Clock) -> None:
    budget = WaitBudget(100, lambda _why, _seconds: None, lambda _seconds: None, clock)
    assert budget.spend(60, "x")
    assert budget.spend(60, "x")
    assert budget.left == 40
    clock.sleep(60)
    assert not budget.spend(60, "x")
    assert budget.spend(40, "x")


def test_lanes_narrow_once_for_refusals_that_came_together_and_widen_one_by_one() -> None:
    lanes = Lanes(8)
    first = [lanes.passage() for _ in range(4)]
    entered = [each.__enter__() for each in first]
    for one in entered:
        one.bad = True
    for each in first:
        each.__exit__(None, None, None)
    assert lanes.width == 4
    for _ in range(4 + 1):
        with lanes.passage() as passage:
            passage.good = True
    assert lanes.width == 5
    for _ in range(200):
        with lanes.passage() as passage:
            passage.good = True
    assert lanes.width == 8
    for _ in range(10):
        with lanes.passage() as passage:
            passage.bad = True
    assert lanes.width == 1


def test_a_wall_beyond_the_budget_is_unknown_of_kind_limit() -> None:
    from bot.platforms.transport import Transport

    transport = Transport(max_wait=60, sleep=lambda _: None)
    adapter = transport.adapter(Platform.GITHUB)
    adapter.governor("token x").told(Told("core", 5000, 0, 1800, 9000))
    with pytest.raises(PlatformError, match=r"gives no more of 5000 \(core\) until .* may wait 60 are left") as raised:
        transport.session(Platform.GITHUB).get("http://127.0.0.1:1/a", headers={"Authorization": "token x"})
    assert raised.value.kind is UnknownKind.LIMIT
    assert transport.requests(Platform.GITHUB) == 0
    transport.close()
