"""The processes that projects go by: which types of work items there are, and the states of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.world import Project

States = dict[str, tuple[str, str]]
"""Each state with its category and its colour, in order."""

_AGILE: States = {
    "New": ("Proposed", "b2b2b2"),
    "Active": ("InProgress", "007acc"),
    "Resolved": ("Resolved", "ff9d00"),
    "Closed": ("Completed", "339933"),
    "Removed": ("Removed", "ffffff"),
}
_SCRUM: States = {
    "New": ("Proposed", "b2b2b2"),
    "Approved": ("Proposed", "b2b2b2"),
    "Committed": ("InProgress", "007acc"),
    "Done": ("Completed", "339933"),
    "Removed": ("Removed", "ffffff"),
}
_SCRUM_TASK: States = {
    "To Do": ("Proposed", "b2b2b2"),
    "In Progress": ("InProgress", "007acc"),
    "Done": ("Completed", "339933"),
    "Removed": ("Removed", "ffffff"),
}
_BASIC: States = {
    "To Do": ("Proposed", "b2b2b2"),
    "Doing": ("InProgress", "007acc"),
    "Done": ("Completed", "339933"),
}
_CMMI: States = {
    "Proposed": ("Proposed", "b2b2b2"),
    "Active": ("InProgress", "007acc"),
    "Resolved": ("Resolved", "ff9d00"),
    "Closed": ("Completed", "339933"),
}

TYPES: dict[str, tuple[str, ...]] = {
    "Agile": ("Bug", "Epic", "Feature", "Issue", "Task", "Test Case", "User Story"),
    "Scrum": ("Bug", "Epic", "Feature", "Impediment", "Product Backlog Item", "Task", "Test Case"),
    "Basic": ("Epic", "Issue", "Task", "Test Case"),
    "CMMI": ("Bug", "Change Request", "Epic", "Feature", "Issue", "Requirement", "Review", "Risk", "Task", "Test Case"),
}


def types_of(project: Project) -> tuple[str, ...]:
    """The types of work items that the project's process has."""
    return TYPES[project.part.process]


def states_of(project: Project, kind: str) -> States:
    """The states of a type."""
    match project.part.process:
        case "Scrum":
            return _SCRUM_TASK if kind.lower() == "task" else _SCRUM
        case "Basic":
            return _BASIC
        case "CMMI":
            return _CMMI
        case _:
            return _AGILE
