"""The effective protection: the strictest of each setting over everything that is in force and visible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.model.facts.protection import Protection


@dataclass(frozen=True, slots=True)
class Switch:
    """A setting that is on or off, and what turns it on."""

    on: bool
    sources: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"yes ({', '.join(self.sources)})" if self.on else "no"


@dataclass(frozen=True, slots=True)
class Effective:
    """Everything that is in force and visible, taken together."""

    protections: tuple[Protection, ...]
    force_push_needs_permission: bool = False
    """Force push and deletion are refused by permissions (Azure DevOps) rather than by a setting of the branch."""

    def switch(self, field: str) -> Switch:
        """Whether any protection turns the setting on."""
        sources = tuple(protection.source for protection in self.protections if getattr(protection, field))
        return Switch(bool(sources), sources)

    def pull_request(self) -> Switch:
        """Whether changes come through a pull request only; demanding approvals demands one."""
        sources = tuple(p.source for p in self.protections if p.pull_request_required or p.approvals)
        return Switch(bool(sources), sources)

    def forbidden(self, field: str) -> Switch:
        """Whether force push or deletion is refused: by a setting, or unless a permission allows it."""
        switch = self.switch(field)
        if not switch.on and self.force_push_needs_permission:
            return Switch(True, ("refused without the permission",))
        return switch

    def approvals(self, author_may_approve: bool) -> tuple[int, str]:
        """The highest number of approvals that is demanded, and by what; without the author's own where that is asked."""
        counting = [p for p in self.protections if author_may_approve or not p.author_may_approve]
        best = max(counting, key=lambda protection: protection.approvals or 0, default=None)
        return (best.approvals or 0, best.source) if best is not None else (0, "")

    def self_approving(self) -> Iterator[str]:
        """What counts the author's own vote."""
        yield from (p.source for p in self.protections if p.approvals and p.author_may_approve)

    def checks(self) -> Mapping[str, bool]:
        """The checks required of every change by name, and whether each is bound to who reports it."""
        found: dict[str, bool] = {}
        for check in (one for protection in self.protections for one in protection.checks if not one.paths):
            pinned = check.app is not None or check.pipeline_id is not None
            found[check.name] = found.get(check.name, False) or pinned
        return found

    def checks_of_some(self) -> Mapping[str, tuple[str, ...]]:
        """The checks required of changes to certain files alone, by name, with the path filter."""
        return {check.name: check.paths for one in self.protections for check in one.checks if check.paths}
