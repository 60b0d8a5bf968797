"""Throws mutated policies, configurations and companions at the loaders until the time is over.

Whatever is thrown, a loader gives a result or a ``PolicyError``; anything else ends the run with the seed and the text.
``python benchmarks/fuzz_policies.py --minutes 10``
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from bot.policy.baseline import read_baseline
from bot.policy.identities import read_identities
from bot.policy.inventory import read_inventory
from bot.policy.load import load_configuration
from bot.policy.loader import parse_yaml
from bot.policy.problems import PolicyError
from bot.policy.references import Fetched, Reference
from bot.policy.waivers import read_waivers

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "payments"
SEEDS = [*sorted((ROOT / "policies").glob("*.yml")), *sorted(EXAMPLE.rglob("*.yml")), *sorted(EXAMPLE.glob("*.*s*"))]
PIECES = [
    *(
        "any_of:",
        "all_of:",
        "assert:",
        "extends:",
        "override: allow",
        "{{ pr.title }}",
        "{{",
        "}}",
        "*a",
        "&a",
        "<<:",
        "!x",
    ),
    *(
        "? ",
        "~",
        "null",
        "yes",
        "3.10",
        "12:30",
        "2027-13-45",
        "[]",
        "{}",
        "- ",
        ": ",
        "\t",
        "\x00",
        "\ud800",
        "é",
        "'",
        '"',
    ),
    *(
        "|",
        ">",
        "pack:baseline",
        "github:acme/x//p.yml@v1",
        "files.all(f, true)",
        "now > ",
        "has(pr.x)",
        "\n",
        "\r\n",
        "  ",
    ),
    *("#", "\u2028"),
]


class Place:
    """The files of the example, one of them as it was mutated."""

    def __init__(self, text: str) -> None:
        self.text = text

    def read(self, path: str) -> tuple[str, str] | None:
        """Any file: the mutated text, or the example's own."""
        found = EXAMPLE / path
        if found.is_file() and hash(path) % 2:
            return found.read_text(encoding="utf-8"), path
        return self.text, path

    def list(self) -> list[str]:
        """The example's policies."""
        return ["policies/payments.yml"]

    def fetch(self, reference: Reference) -> Fetched:
        """The mutated text, from another repository."""
        return Fetched(self.text, str(reference), False)


def mutate(text: str, chance: random.Random) -> str:
    """A few changes of characters, lines and pieces."""
    for _ in range(chance.randint(1, 6)):
        at, lines = chance.randint(0, len(text)), text.split("\n")
        match chance.randint(0, 5):
            case 0:
                text = text[:at] + chance.choice(PIECES) + text[at:]
            case 1:
                text = text[:at] + text[at + chance.randint(1, 12) :]
            case 2:
                lines.insert(chance.randint(0, len(lines)), chance.choice(lines))
                text = "\n".join(lines)
            case 3:
                del lines[chance.randrange(len(lines))]
                text = "\n".join(lines)
            case 4:
                one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
                lines[one], lines[other] = lines[other], lines[one]
                text = "\n".join(lines)
            case _:
                text = (
                    text[:at] + chr(chance.choice([chance.randint(0, 0x2FF), chance.randint(0, 0x10FFFF)])) + text[at:]
                )
    return text


LOADERS: dict[str, Callable[[str], object]] = {
    "configuration": lambda text: load_configuration(text, "f.yml", Place(text), Place(text)),
    "waivers": lambda text: read_waivers(parse_yaml(text, "w.yml")),
    "identities": lambda text: read_identities(text, "i.yml"),
    "inventory": lambda text: read_inventory(text, "s.csv"),
    "baseline": lambda text: read_baseline(text, "b.json"),
}


def main() -> None:
    """Run until the time is over, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    options = parser.parse_args()
    chance = random.Random(options.seed)
    texts = [path.read_text(encoding="utf-8") for path in SEEDS]
    counts: Counter[str] = Counter()
    end = time.monotonic() + options.minutes * 60
    while time.monotonic() < end:
        text = mutate(chance.choice(texts), chance)
        for name, load in LOADERS.items():
            try:
                load(text)
                counts[f"{name} loaded"] += 1
            except PolicyError:
                counts[f"{name} refused"] += 1
            except Exception:
                print(f"seed {options.seed}, text {sum(counts.values()) // len(LOADERS)}, {name}:\n{text!r}")
                raise
    print(f"seed {options.seed}: {sum(counts.values()):,} loads in {options.minutes:g} minutes, and nothing else than:")
    for what, amount in sorted(counts.items()):
        print(f"  {what:<24} {amount:>9,}")


if __name__ == "__main__":
    main()
