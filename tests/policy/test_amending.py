"""Adding a waiver to the text of its file: what was there stays, byte for byte."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.amending import with_waiver
from bot.policy.loader import PolicyError, parse_yaml

NEW: dict[str, str | list[str]] = {
    "entry": "payments/approvals",
    "subject": ["acme/payments#12", "!acme/x"],
    "reason": "It's late: #12",
    "owner": "ana",
    "approver": "bo",
    "expires": "2027-01-31",
}
OLD = """\
# Ours.
apiVersion: almguard/v1
kind: Waivers

waivers:
  # The first of all.
  - entry: baseline/approvals      # two people
    subject: "acme/*"
    reason: >
      Nobody else
      knows it.
    owner: 'ana'
    approver: bo
    expires: 2026-12-31
    # until Cy is back
  # - entry: baseline/old

# The end.
"""


def kept(before: str, after: str) -> bool:
    """Whether the new text is the old one with something put in at one place."""
    same = next((at for at, pair in enumerate(zip(before, after, strict=False)) if len({*pair}) > 1), len(before))
    return len(after) > len(before) and after.endswith(before[same:])


def test_a_waiver_goes_below_the_last_one_and_its_comments():
    assert with_waiver(OLD, "waivers.yml", NEW) == OLD.replace(
        "    # until Cy is back\n",
        """\
    # until Cy is back
  - entry: payments/approvals
    subject: ["acme/payments#12", "!acme/x"]
    reason: "It's late: #12"
    owner: ana
    approver: bo
    expires: 2027-01-31
""",
    )


def test_empty_lines_between_waivers_are_the_style_of_a_file():
    old = "waivers:\n- {a: 1}\n\n# two\n- {b: 2}\n# end\n"
    assert (
        with_waiver(old, "w.yml", {"c": "d", "e": "f"})
        == "waivers:\n- {a: 1}\n\n# two\n- {b: 2}\n\n- c: d\n  e: f\n# end\n"
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("waivers:\n", "waivers:\n  - a: b\n"),
        ("waivers:  # none\nkind: x\n", "waivers:  # none\n  - a: b\nkind: x\n"),
        ("waivers: []\n", "waivers: \n  - a: b\n"),
        ("waivers: [ ]  # none\nkind: x\n", "waivers:   # none\n  - a: b\nkind: x\n"),
        ("waivers:\n  - c: d", "waivers:\n  - c: d\n  - a: b"),
        ("waivers:\r\n-   c: d\r\n", "waivers:\r\n-   c: d\r\n-   a: b\r\n"),
        ("waivers:\n    -\n        c: d\n", "waivers:\n    -\n        c: d\n    -   a: b\n"),
        ("waivers:\n  - c: |+\n      d\n\nkind: x\n", "waivers:\n  - c: |+\n      d\n\n  - a: b\nkind: x\n"),
        ("waivers:\n  - c: |\n      d", "waivers:\n  - c: |\n      d\n  - a: b"),
        ("waivers:\n  - c: d\n    e:\n", "waivers:\n  - c: d\n    e:\n  - a: b\n"),
        ("waivers:\n  - {c: d,\n     e: f}\nkind: x\n", "waivers:\n  - {c: d,\n     e: f}\n  - a: b\nkind: x\n"),
        ("\ufeffwaivers:\n  - c: d\n", "\ufeffwaivers:\n  - c: d\n  - a: b\n"),
        ('"waivers": # x\n  - c: d\n...\n', '"waivers": # x\n  - c: d\n  - a: b\n...\n'),
        ("  waivers:\n  kind: x\n", "  waivers:\n    - a: b\n  kind: x\n"),
    ],
)
def test_layouts(old: str, new: str):
    assert with_waiver(old, "w.yml", {"a": "b"}) == new


@pytest.mark.parametrize(
    "text",
    [
        "kind: Waivers\n",
        "waivers: none\n",
        "waivers: {}\n",
        "waivers: [{c: d}]\n",
        "waivers: [ # none\n]\n",
        "{waivers: []}\n",
        "- waivers:\n",
    ],
)
def test_what_cannot_be_added_to_is_refused(text: str):
    with pytest.raises(PolicyError) as raised:
        with_waiver(text, "w.yml", {"a": "b"})
    assert "add it by hand" in str(raised.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "w.yml:1:1: the file is empty"),
        ("waivers: [\n", "w.yml:2:1: not valid YAML: "),
        ("waivers:\n  - c: d\nwaivers: []\n", "w.yml:3:1: the key 'waivers' is here twice; the first is on line 1"),
        ("? {a: b}\n: c\nwaivers: []\n", "w.yml:1:3: a key is text, and this is a list or a mapping"),
    ],
)
def test_what_is_wrong_already_is_told(text: str, told: str):
    with pytest.raises(PolicyError) as raised:
        with_waiver(text, "w.yml", {"a": "b"})
    assert told in str(raised.value)


COMMENTS = st.lists(
    st.tuples(st.integers(0, 8), st.text("# ab:-[]'\"é", max_size=8)).map(lambda c: " " * c[0] + "#" + c[1]), max_size=2
)
BLANKS = st.lists(st.sampled_from(["", "  "]), max_size=2)
VALUES = st.sampled_from(
    [
        ("acme/x", []),
        ('"a: b # c"', []),
        ("'it''s'", []),
        ("|", ["one", "", "  two"]),
        (">-", ["one", "two"]),
        ("plain", ["goes on"]),
        ("[a, b]", []),
        ("[a,", ["b]"]),
        ("", []),
        ("é\u00a0ü", []),
    ]
)


@st.composite
def files(draw: st.DrawFn) -> str:
    dash = draw(st.integers(0, 4))
    key = dash + draw(st.integers(2, 4))
    lines = [*draw(COMMENTS), "apiVersion: almguard/v1", *draw(BLANKS), "kind: Waivers", *draw(COMMENTS)]
    lines += ["waivers:" + draw(st.sampled_from(["", "  # list"])), *draw(COMMENTS)]
    for number in range(draw(st.integers(1, 3))):
        if draw(st.booleans()):
            lines.append(" " * dash + "-" + " " * (key - dash - 1) + f"{{entry: e{number}, subject: [x]}}")
        else:
            start = " " * dash + "-" + " " * (key - dash - 1)
            for name in ("entry", "reason", "owner")[: draw(st.integers(1, 3))]:
                value, more = draw(VALUES)
                lines += [f"{start}{name}: {value}", *(" " * (key + 2) + line if line else "" for line in more)]
                start = " " * key
        lines += [*draw(BLANKS), *draw(COMMENTS), *draw(BLANKS)]
    lines += draw(st.sampled_from([[], ["# end"], ["...", "# end"]]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return draw(st.sampled_from(["", "\ufeff"])) + newline.join(lines) + draw(st.sampled_from(["", newline]))


SAYINGS = st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() or text.isascii())


@given(files(), SAYINGS, st.lists(SAYINGS, min_size=1, max_size=2))
def test_every_byte_stays_whatever_the_layout(text: str, reason: str, subjects: list[str]):
    try:
        old = parse_yaml(text if text.endswith("\n") else f"{text}\n", "w.yml").root.plain()
    except PolicyError:
        return  # A comment ended a text that it was drawn into.
    new = with_waiver(text, "w.yml", {"reason": reason, "subject": subjects})
    assert kept(text, new)
    assert isinstance(old, dict)
    assert isinstance(old["waivers"], list)
    assert parse_yaml(new, "w.yml").root.plain() == old | {
        "waivers": [*old["waivers"], {"reason": reason, "subject": subjects}]
    }


@given(st.text(st.sampled_from("waivers:\n -[]{}#|>'\"&*ab?,.\t\r\ufeff"), max_size=40).map("waivers:".__add__))
def test_any_text_is_added_to_or_refused(text: str):
    with suppress(PolicyError):
        new = with_waiver(text, "w.yml", NEW)
        assert kept(text, new) or kept(text.replace("[]", "").replace("[ ]", ""), new) or "[" in text
