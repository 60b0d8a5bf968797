"""Scripts read as commands, and which of their failures count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.rules.build_test.shell_commands import commands


def words(script: str) -> list[str]:
    return [" ".join(command.words) for command in commands(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("ruff check .", ["ruff check ."]),
        ("echo 'semgrep ci' # semgrep", ["echo semgrep ci"]),
        ("a && b || c; d | e & f", ["a", "b", "c", "d", "e", "f"]),
        ("FOO=bar BAZ='x y' ruff check", ["ruff check"]),
        ("cat <<EOF\nsemgrep ci\nEOF\nruff check", ["cat", "ruff check"]),
        ("cat <<-'END' > file\n  semgrep\n  END\nmypy", ["cat", "mypy"]),
        ("ruff \\\n  check \\\n  .", ["ruff check ."]),
        ("ruff check > out.txt 2>&1", ["ruff check"]),
        ('bash -c "ruff check; mypy"', ["bash -c ruff check; mypy"]),
        ("if ruff check; then echo ok; else exit 1; fi", ["ruff check", "echo ok", "exit 1"]),
        ("for f in *.py; do pylint $f; done", ["pylint $f"]),
        ("(cd web && eslint .)", ["cd web", "eslint ."]),
        ("out=$(semgrep ci)", ["semgrep ci"]),
        ("echo $(semgrep ci)", ["echo $(semgrep ci)"]),
        ("./gradlew.bat detekt\r\nmvn verify\r\n", ["./gradlew.bat detekt", "mvn verify"]),
        ("eng\\common\\build.cmd -ci", ["eng\\common\\build.cmd -ci"]),
        (
            "ruff check ${{ github.event.inputs.path || 'src' }}",
            ["ruff check ${{ github.event.inputs.path || 'src' }}"],
        ),
        ("lint() {\n  ruff check\n}\nlint", ["ruff check", "lint"]),
        ("echo a#b # c\n# ruff", ["echo a#b"]),
    ],
)
def test_commands(script: str, expected: list[str]):
    assert words(script) == expected


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("ruff check", ""),
        ("ruff check\necho done", ""),
        ("ruff check || true", "after ||"),
        ("ruff check || echo failed", "after ||"),
        ("ruff check || exit 0", "after ||"),
        ("ruff check || exit 1", ""),
        ("ruff check || { echo failed; exit 1; }", ""),
        ("ruff check || { echo failed; }\necho done", "after ||"),
        ("ruff check && mypy || true", "after ||"),
        ("ruff check | tee log", "pipe"),
        ("set -o pipefail\nruff check | tee log", ""),
        ("set -euo pipefail\nruff check | tee log", ""),
        ("ruff check && mypy", ""),
        ("ruff check && mypy\necho done", "&&"),
        ("set +e\nruff check\necho done", "last command"),
        ("set +e\nruff check", ""),
        ("if ruff check; then echo ok; fi", "condition"),
        ("! ruff check", "condition"),
        ("ruff check &\nwait", "background"),
    ],
)
def test_whether_a_failure_counts(script: str, said: str):
    lost = next(command.lost for command in commands(script) if command.words[0] == "ruff")
    assert said in lost
    assert bool(said) is bool(lost)


def test_without_e_only_the_last_command_counts():
    script = "ruff check\nmypy\n"
    assert [bool(each.lost) for each in commands(script, stops_on_error=False)] == [True, False]
    assert [bool(each.lost) for each in commands("set -e\n" + script, stops_on_error=False)] == [False, False, False]


def test_lines_count_from_the_script():
    assert [(each.words[0], each.line) for each in commands("a\n\n# b\nc \\\n d\ne")] == [("a", 0), ("c", 3), ("e", 5)]


@pytest.mark.parametrize("piece", ["a&&", "then ", "A=b ", ";", "$(", "<<E\n", "a|", "'"])
def test_long_scripts_take_linear_time(piece: str):
    commands(piece * 40_000)


@settings(deadline=None)
@given(st.text(alphabet="ab '\"\\\n#$(){};|&<>=`E\t!-", max_size=60))
def test_no_script_makes_it_raise(script: str):
    assert all(command.words for command in commands(script))
