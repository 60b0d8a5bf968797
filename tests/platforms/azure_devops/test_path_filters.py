"""Path filters of policies, as patterns."""

from __future__ import annotations

import pytest

from bot.model.globs import matches
from bot.platforms.azure_devops.path_filters import MOST_STARS, patterns


@pytest.mark.parametrize(
    ("filters", "covered", "not_covered"),
    [
        (["*"], ["a.py", "a/b/c"], []),
        (["*.py"], ["a.py", "a/b.py"], ["a.pyc"]),
        (["/src/*"], ["src/a", "src/a/b"], ["a/src/b"]),
        (["/src/*.py"], ["src/a.py", "src/a/b/c.py"], ["src/a.js", "a.py"]),
        (["*/api/*"], ["api/a", "src/api/a/b", "a/b/api/c"], ["apis/a", "src/api.py"]),
        (["*/index.md"], ["index.md", "docs/index.md", "docs/a/b/index.md"], ["docs/my-index.md"]),
        (["*Tests*.cs"], ["Tests.cs", "src/UnitTests/a/b.cs"], ["src/Test.cs"]),
        (["/a*/z"], ["a/z", "ab/z", "ab/c/d/z"], ["ab/c/z.py", "b/z"]),
        (["/README.md"], ["README.md"], ["docs/README.md"]),
        (["/src/*", "!/src/gen/*"], ["src/a"], ["src/gen/a", "src/gen/a/b"]),
        (["/src/*", " !/src/gen/*"], ["src/a"], ["src/gen/a"]),
        (["!/src/gen/*", "/src/*"], ["src/gen/a"], []),
        (["/[a]?.py"], ["[a]?.py"], ["a1.py"]),
    ],
)
def test_a_star_spans_folders_and_the_last_match_decides(
    filters: list[str], covered: list[str], not_covered: list[str]
) -> None:
    found = patterns(filters)
    assert [path for path in covered if not matches(path, found)] == []
    assert [path for path in not_covered if matches(path, found)] == []


def test_a_filter_of_too_many_stars_is_refused() -> None:
    with pytest.raises(ValueError, match="stars"):
        patterns(["/a" + "*a" * (MOST_STARS + 1)])
