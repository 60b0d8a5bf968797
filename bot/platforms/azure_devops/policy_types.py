"""The kinds of branch policies, by the ids that Microsoft gives them (listed so by its Terraform provider)."""

from __future__ import annotations

MINIMUM_REVIEWERS = "fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"
WORK_ITEMS = "40e92b44-2fe1-4dd6-b3d8-74a9c21d0c6e"
COMMENTS = "c6a1889d-b943-4856-b76f-9e46bb6b0df2"
BUILD = "0609b952-1397-4640-95ec-e00a01b2c241"
REQUIRED_REVIEWERS = "fd2167ab-b0be-447a-8ec8-39368250530e"
MERGE_STRATEGY = "fa4e907d-c16b-4a4c-9dfa-4916e5d171ab"
STATUS = "cbdc66da-9728-4af8-aada-9a5a32e4a226"

NAMES = {
    MINIMUM_REVIEWERS: "Minimum number of reviewers",
    WORK_ITEMS: "Work item linking",
    COMMENTS: "Comment requirements",
    BUILD: "Build",
    REQUIRED_REVIEWERS: "Required reviewers",
    MERGE_STRATEGY: "Require a merge strategy",
    STATUS: "Status",
}
