"""Where everything is: the resource locations this sandbox serves, as ``OPTIONS /{org}/_apis`` answers them.

Clients look an id up here, fill in the route's template and send the request there; the router below is built from the
same rows, so that what is announced and what is served cannot differ. Ids, areas, templates and versions are facts of
the service: those of dev.azure.com agree with a recorded answer of a real organisation (a test compares them); those
of the other hosts, which this sandbox folds onto one address, agree with the ids in Microsoft's own client.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

OTHER_HOSTS = frozenset(
    ("Release", "IMS", "Graph", "audit"),
)
"""The areas that the real service answers for at other host names than dev.azure.com."""


@dataclass(frozen=True, slots=True)
class Location:
    """One resource location."""

    name: str
    """Our own short name, by which a handler says what it serves."""
    id: str
    area: str
    resource: str
    template: str
    resource_version: int
    lowest: str
    highest: str
    released: str

    @property
    def preview_only(self) -> bool:
        """Whether every version of it is a preview."""
        return self.released == "0.0"

    def document(self) -> dict[str, object]:
        """As the discovery answer has it."""
        return {
            "id": self.id,
            "area": self.area,
            "resourceName": self.resource,
            "routeTemplate": self.template,
            "resourceVersion": self.resource_version,
            "minVersion": self.lowest,
            "maxVersion": self.highest,
            "releasedVersion": self.released,
        }


def _parse(table: str) -> dict[str, Location]:
    locations = {}
    for line in table.strip().splitlines():
        if not line or line.startswith("#"):
            continue
        name, guid, area, resource, template, version, lowest, highest, released = line.split()
        locations[name] = Location(name, guid, area, resource, template, int(version), lowest, highest, released)
    return locations


LOCATIONS = _parse(Path(__file__).with_name("locations.txt").read_text(encoding="utf-8"))

UNLISTED = {
    location.name: location
    for location in (
        # advsec.dev.azure.com. The recorded table has no such area, and the SDK has no client for it.
        Location(
            "alerts", "", "alert", "alerts", "{project}/_apis/alert/repositories/{repository}/alerts/{alertId}",
            1, "7.1", "7.2", "0.0",
        ),
        Location(
            "analyzed_branches", "", "alert", "branches", "{project}/_apis/alert/repositories/{repository}/filters/branches",
            1, "7.1", "7.2", "0.0",
        ),
        Location(
            "enablement", "", "management", "enablement",
            "{project}/_apis/management/repositories/{repository}/enablement", 3, "7.1", "7.2", "0.0",
        ),
        Location(
            "project_enablement", "", "management", "enablement",
            "{project}/_apis/management/enablement", 3, "7.1", "7.2", "0.0",
        ),
    )
}  # fmt: skip
"""Served at their paths without being announced."""


def discovery() -> dict[str, object]:
    """The answer to ``OPTIONS /{org}/_apis``."""
    rows = [location.document() for location in LOCATIONS.values()]
    return {"count": len(rows), "value": rows}
