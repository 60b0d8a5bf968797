"""What a scan notes beside each batch that it keeps, so that it can go on, after it was killed, as if it had not been."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.engine.accounts import Fate
from bot.engine.waiving import Met
from bot.model.facts import UnknownKind
from bot.model.results import Gap, PolicySource


@dataclass(frozen=True, slots=True)
class Memo:
    """Of one batch."""

    target: str
    """The one that it is of."""
    fates: Mapping[str, Fate] = field(default_factory=dict)
    """What became of its repositories, by id."""
    met: Mapping[str, Mapping[int, Met]] = field(default_factory=dict)
    """What the waivers met, by policy and position."""
    listing: tuple[Gap, ...] = ()
    """Those of its gaps that are about the listing: it is done again, and they are not told twice."""
    gapped: bool = False
    """It has gaps."""
    notices: tuple[str, ...] = ()
    policies: tuple[PolicySource, ...] = ()
    """Those that it was judged by, besides the scan's own."""
    blocking: frozenset[UnknownKind] = frozenset()
    """The kinds of unknown that these do not let through."""

    def text(self) -> str:
        """As it is kept."""
        plain = {
            "target": self.target,
            "fates": {name: fate.value for name, fate in self.fates.items()},
            "met": {policy: {str(at): int(flags) for at, flags in each.items()} for policy, each in self.met.items()},
            "listing": [[gap.subject, gap.name, gap.fact, gap.kind.value, gap.reason] for gap in self.listing],
            "gapped": self.gapped,
            "notices": self.notices,
            "policies": [[source.name, source.source, source.sha256] for source in self.policies],
            "blocking": sorted(self.blocking),
        }
        return json.dumps({name: value for name, value in plain.items() if value})

    @classmethod
    def read(cls, text: str) -> Memo:
        """What was kept."""
        plain = json.loads(text)
        return cls(
            target=plain["target"],
            fates={name: Fate(fate) for name, fate in plain.get("fates", {}).items()},
            met={
                policy: {int(at): Met(flags) for at, flags in each.items()}
                for policy, each in plain.get("met", {}).items()
            },
            listing=tuple(
                Gap(subject, name, fact, UnknownKind(kind), reason)
                for subject, name, fact, kind, reason in plain.get("listing", ())
            ),
            gapped=plain.get("gapped", False),
            notices=tuple(plain.get("notices", ())),
            policies=tuple(PolicySource(*each) for each in plain.get("policies", ())),
            blocking=frozenset(map(UnknownKind, plain.get("blocking", ()))),
        )
