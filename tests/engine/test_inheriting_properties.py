"""Whoever builds on a policy is at least as strict as it, on everything that it selects, on every day; or may be looser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from bot.model.facts import Fact, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import Change, ChangedFile, ChangedFiles
from bot.model.facts.repository import Properties
from bot.model.subjects import Subject
from bot.policy.problems import PolicyError
from tests.engine.told import STRICTNESS, Place, declare, loaded, policy, results, verdict
from tests.policy.examples import REPOSITORY, pull_request, replace

HIDDEN = Unavailable(UnknownKind.SCOPE, "hidden")


@pytest.fixture(scope="module", autouse=True)
def rules() -> Iterator[None]:
    yield from declare()


def optional(strategies: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


LABELS = st.lists(st.sampled_from("abc"), unique=True, max_size=3).map(sorted)
SMALL = st.integers(0, 4)
INNER = optional({"least": st.integers(0, 2), "words": LABELS})
PARAMETERS = optional(
    {
        "least": SMALL,
        "most": SMALL,
        "allowed": LABELS,
        "wanted": LABELS,
        "strict": st.booleans(),
        "lenient": st.booleans(),
        "exact": st.integers(0, 1),
        "inner": INNER,
    }
)
WORDS = ["audit", "warn", "block", "disabled"]
DAYS = ["2026-10-01", "2026-11-02", "2026-12-01"]
STEPS = st.tuples(
    st.sampled_from(WORDS), st.dictionaries(st.sampled_from(DAYS), st.sampled_from(WORDS), max_size=2)
).map(lambda drawn: [drawn[0], *({word: day} for day, word in sorted(drawn[1].items()))])
ENFORCE = st.sampled_from(["block", "block", "warn", "audit", "disabled"]) | STEPS
CONDITION = st.sampled_from(["pr.draft", "!pr.draft", "files.any_match('a*')", "pr.number > 2"])
CONDITIONS = optional({"when": CONDITION, "unless": CONDITION})
SAYS = st.sampled_from(["pass", "fail", "unknown", "not_applicable", "awaiting"])


def leaf(name: str, measured: dict[str, Any], conditions: dict[str, Any], word: str, form: int) -> dict[str, Any]:
    """A rule of some kind, or one of one's own."""
    checks: list[dict[str, Any]] = [
        {"rule": "measured", "with": measured},
        {"rule": "told", "with": {"says": word}},
        {"subject": "pull_request", "assert": "files.size() < 2 || pr.draft", "message": "m"},
        {"subject": "repository", "assert": "repository.topics.size() > 1", "message": "m"},
    ]
    when = {} if form == 3 or (form == 1 and conditions) else conditions
    return {"name": name, **checks[form], **when}


@st.composite
def members(draw: st.DrawFn, names: str, depth: int) -> list[dict[str, Any]]:
    """Some members of a group, or entries without their enforcement."""
    return [draw(member(name, depth)) for name in draw(st.lists(st.sampled_from(names), unique=True, min_size=1))]


@st.composite
def member(draw: st.DrawFn, name: str, depth: int) -> dict[str, Any]:
    if depth and draw(st.integers(0, 2)) == 0:
        how = draw(st.sampled_from(["any_of", "all_of"]))
        return {
            "name": name,
            how: [{**one, "name": f"{name}.{one['name']}"} for one in draw(members("xyz", depth - 1))],
        }
    return leaf(name, draw(PARAMETERS), draw(CONDITIONS), draw(SAYS), draw(st.sampled_from([0, 0, 0, 1, 2, 3])))


MATCH = optional(
    {
        "repository": st.lists(
            st.sampled_from(["acme/*", "payments-*", "!acme/old", "other", "*"]), min_size=1, unique=True
        ),
        "branch": st.lists(st.sampled_from(["default", "release/*", "!main"]), min_size=1, unique=True),
        "topics": st.lists(st.sampled_from(["pci", "none"]), min_size=1, unique=True),
        "visibility": st.sampled_from(["private", "public"]),
        "archived": st.sampled_from([True, False, "any"]),
        "fork": st.booleans(),
        "language": st.just("Go"),
        "platform": st.sampled_from(["github", "azure-devops"]),
        "organization": st.sampled_from(["acme", "*"]),
        "properties": st.dictionaries(
            st.sampled_from(["tier", "team"]),
            st.lists(st.sampled_from(["high", "low", "!low"]), min_size=1),
            min_size=1,
        ),
    }
)


@st.composite
def parents(draw: st.DrawFn, override: bool = False) -> dict[str, Any]:
    """A policy, of which nothing may be loosened unless ``override``."""
    entries = [{**one, "enforce": draw(ENFORCE)} for one in draw(members("pqr", 2))]
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["match"] = draw(MATCH)
    if override:
        more["override"] = "allow"
    return policy("base", *entries, **more)


def tightened(draw: st.DrawFn, was: dict[str, Any]) -> dict[str, Any]:
    """Parameters of which most are not looser, so that enough children load."""
    now = draw(PARAMETERS)
    if draw(st.booleans()):
        for key, least in (("least", 0), ("exact", 0)):
            if key in now:
                now[key] = max(now[key], was.get(key, least))
        for key in ("exact", "inner"):
            now.pop(key, None)
        if "most" in now:
            now["most"] = min(now["most"], was.get("most", 9))
        if "allowed" in now:
            now["allowed"] = [one for one in now["allowed"] if one in was.get("allowed", "abc")]
        if "wanted" in now:
            now["wanted"] = sorted({*now["wanted"], *was.get("wanted", ())})
        now |= {key: value for key, value in (("strict", True), ("lenient", False)) if key in now}
    return now


def restated(draw: st.DrawFn, parent: dict[str, Any], depth: int) -> dict[str, Any]:
    """What a child says of an entry that it inherits: any part of it, changed or not."""
    child: dict[str, Any] = {"name": parent["name"]}
    if "rule" in parent and draw(st.booleans()):
        child |= {"rule": parent["rule"]} if draw(st.booleans()) else {}
        child["with"] = tightened(draw, parent["with"]) if parent["rule"] == "measured" else {"says": draw(SAYS)}
    for how in ("any_of", "all_of"):
        if how in parent and draw(st.booleans()):
            chosen = [one for one in parent[how] if draw(st.booleans())]
            child[how] = [restated(draw, one, depth - 1) for one in chosen]
            if draw(st.integers(0, 2)) == 0:
                child[how].append(draw(member(f"{parent['name']}.new", 1)))
            if not child[how]:
                del child[how]
    if draw(st.integers(0, 7)) == 0:
        child |= draw(CONDITIONS)
    if draw(st.integers(0, 15)) == 0:
        child = {**draw(member(parent["name"], 1))}
    return child


@st.composite
def children(draw: st.DrawFn, parent: dict[str, Any], name: str = "child", path: str = "base.yml") -> dict[str, Any]:
    """A policy that builds on another, and may or may not be stricter."""
    entries = []
    for one in parent["rules"]:
        if draw(st.booleans()):
            own = restated(draw, one, 2)
            if draw(st.integers(0, 2)) == 0:
                own["enforce"] = draw(ENFORCE) if draw(st.booleans()) else "block"
            entries.append(own)
    if draw(st.integers(0, 2)) == 0:
        entries.append({**draw(member("own", 1)), "enforce": draw(ENFORCE)})
    more: dict[str, Any] = {"extends": path}
    if draw(st.integers(0, 2)) == 0:
        more["match"] = draw(MATCH)
    if draw(st.integers(0, 2)) == 0:
        more["override"] = draw(st.sampled_from(["allow", "forbid"]))
    for entry in entries:
        if draw(st.integers(0, 9)) == 0:
            entry["override"] = "allow"
    return policy(name, *entries, **more)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Subject, dict[tuple[type[Fact], str], Any], datetime]:
    """A subject, what is known of it, and a moment."""
    repository = replace(
        REPOSITORY,
        name=draw(st.sampled_from(["acme/payments-api", "acme/old"])),
        archived=draw(st.integers(0, 5)) == 0,
        is_fork=draw(st.booleans()),
        language=draw(st.sampled_from(["Go", None])),
        visibility=draw(st.sampled_from([REPOSITORY.visibility, None])),
        topics=draw(st.sampled_from([("pci", "backend"), ()])),
    )
    pull = pull_request(
        repository.branch(draw(st.sampled_from(["main", "release/1"]))),
        number=draw(SMALL),
        labels=tuple(draw(LABELS)),
        draft=draw(st.booleans()),
        from_fork=draw(st.booleans()),
        iteration=draw(st.integers(0, 2)),
        title=draw(st.sampled_from(["pass"] * 6 + ["unknown", "not_applicable", "error", "fail"])),
    )
    one = ChangedFiles((ChangedFile("a.py", Change.MODIFIED),))
    files = draw(
        st.sampled_from(
            [
                one,
                one,
                ChangedFiles((*one.files, ChangedFile("b", Change.ADDED))),
                ChangedFiles(()),
                HIDDEN,
                NotSupported("none"),
            ]
        )
    )
    properties = draw(st.sampled_from([Properties({"tier": "high", "team": "low"}), Properties({}), HIDDEN]))
    subject: Subject = draw(st.sampled_from([pull, pull, pull, repository]))
    answers = {(ChangedFiles, pull.id): files, (Properties, repository.id): properties}
    return subject, answers, draw(st.sampled_from([datetime(2026, month, 2, tzinfo=UTC) for month in (9, 10, 11, 12)]))


def strictness(path: str, files: dict[str, Any], world: tuple[Subject, Any, datetime]) -> tuple[bool, int]:
    """Whether anything is selected, and how strict the verdict is."""
    subject, answers, now = world
    configuration = loaded(path, files)
    found = results(configuration, subject, answers=answers, now=now)
    return bool(found), STRICTNESS[verdict(configuration, found)]


def is_milder(base: str, child: str, files: dict[str, Any], world: tuple[Subject, Any, datetime]) -> bool:
    """Whether a policy lets more through than one that it builds on, or does not select what that selects."""
    selected, before = strictness(base, files, world)
    too, after = strictness(child, files, world)
    event(f"strictness {before} to {after}")
    if "match" in files[base]:
        return (too, after) < (selected, before)
    return too and after < before  # A parent that selects nothing itself leaves that to its children.


def holds(*paths: str, files: dict[str, Any]) -> bool:
    """Whether files load."""
    try:
        for path in paths:
            loaded(path, files)
    except PolicyError:
        return False
    return True


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_a_child_that_loads_is_never_milder_than_its_parent(data: st.DataObject) -> None:
    parent = data.draw(parents())
    files = {"base.yml": parent, "child.yml": data.draw(children(parent))}
    assume(holds("base.yml", "child.yml", files=files))
    for world in data.draw(st.lists(worlds(), min_size=6, max_size=6)):
        assert not is_milder("base.yml", "child.yml", files, world)


@settings(max_examples=25, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_what_one_in_between_allows_is_its_own_alone(data: st.DataObject) -> None:
    parent = data.draw(parents())
    between = data.draw(children(parent, "between"))
    inherited = {**between, "rules": [*parent["rules"], *(e for e in between["rules"] if is_whole(e))]}
    files = {
        "base.yml": parent,
        "between.yml": between,
        "child.yml": data.draw(children(inherited, path="between.yml")),
    }
    assume(holds("base.yml", "between.yml", "child.yml", files=files))
    for world in data.draw(st.lists(worlds(), min_size=6, max_size=6)):
        assert not is_milder("base.yml", "child.yml", files, world)
        if between.get("override") != "allow" and not any("override" in entry for entry in between["rules"]):
            assert not is_milder("between.yml", "child.yml", files, world)


def is_whole(entry: dict[str, Any]) -> bool:
    """Whether an entry stands by itself, without a parent's."""
    return entry["name"] == "own"


@settings(max_examples=12, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_of_several_parents_none_is_loosened(data: st.DataObject) -> None:
    one, other = data.draw(parents()), data.draw(parents(override=data.draw(st.booleans())))
    child = data.draw(children(one))
    files = {
        "one.yml": one,
        "other.yml": {**other, "metadata": {"name": "other"}},
        "child.yml": {**child, "extends": data.draw(st.permutations(["one.yml", "other.yml"]))},
    }
    assume(holds("one.yml", "other.yml", "child.yml", files=files))
    # What selects less than another does narrows that only where the other leaves it to its children.
    assume("match" in one or "match" not in other)
    for world in data.draw(st.lists(worlds(), min_size=6, max_size=6)):
        assert not is_milder("one.yml", "child.yml", files, world)


REFUSAL = re.compile(r"^child\.yml:(\d+):\d+: .*; it is inherited from base\.yml:(\d+):\d+$")


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(st.data())
def test_a_refusal_names_the_lines_of_both_and_with_permission_there_is_none(data: st.DataObject) -> None:
    parent = data.draw(parents())
    files = {"base.yml": parent, "child.yml": data.draw(children(parent))}
    assume(holds("base.yml", files=files))
    try:
        loaded("child.yml", files)
        return
    except PolicyError as error:
        refused = [problem for problem in map(str, error.problems) if "it is inherited from" in problem]
        assume(len(refused) == len(error.problems))
    texts = Place(files).files
    for problem in refused:
        told = REFUSAL.match(problem)
        assert told is not None, problem
        for path, line in (("child.yml", told[1]), ("base.yml", told[2])):
            # What a parent does not state has the place of the entry, which is where its mapping begins.
            assert texts[path].splitlines()[int(line) - 1].strip() not in ("", "}", "]"), (problem, texts)
    files["base.yml"] = {**parent, "override": "allow"}
    loaded("child.yml", files)
