"""Files of policy tests that lie in memory."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from bot.policy.casefile import CaseFile, load_cases
from bot.policy.configuration import Configuration
from bot.policy.load import load_configuration
from bot.policy.packaged import data_file

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: payments}
rules:
  - {rule: secret-scanning, enforce: warn}
  - {rule: requirement-link, enforce: block}
  - name: change-approval
    enforce: block
    any_of:
      - {rule: approvals, with: {minimum: 2}}
      - rule: approvals
        name: docs-approval
        when: files.all(f, f.path.startsWith("docs/"))
        with: {minimum: 1}
  - {rule: branch-protection, enforce: disabled}
"""

HEAD = """
apiVersion: almguard/v1
kind: Tests
policy: ../payments.yml
"""

FACTS = """
facts:
  files: [src/app.py]
  reviews: []
  commits: [{sha: c2, message: Limit, author: ana}]
  pushes: [{person: ana, head: c2}]
  former_commits: {}
  reviewer_permissions: {levels: {ana: write, bo: write, cy: write}}
  work_items: [{source: azure-boards, form: keyword, text: AB#12, where: title, item: {number: 12}}]
"""


class Memory:
    """A place whose files are a dictionary; the tests lie in its folder ``tests``."""

    def __init__(self, files: Mapping[str, str] | None = None) -> None:
        self.files = {"payments.yml": POLICY, **(files or {})}
        self.loaded: list[str] = []

    def find(self, path: str) -> str | None:
        name = posixpath.normpath(f"tests/{path}")
        return name if name in self.files else None

    def read(self, name: str) -> str:
        return self.files[name]

    def configuration(self, name: str) -> Configuration:
        self.loaded.append(name)
        if name.startswith("pack:"):
            text = data_file("policies", f"{name.removeprefix('pack:')}.yml").read_text(encoding="utf-8")
            return load_configuration(text, name)
        return load_configuration(self.files[name], name, files=_Root(self.files))


class _Root:
    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> tuple[str, str] | None:
        return (self.files[path], path) if path in self.files else None

    def list(self) -> list[str]:
        return list(self.files)


def load(text: str, files: Mapping[str, str] | None = None) -> CaseFile:
    """A file of tests, ``tests/a.yml``."""
    return load_cases(text, "tests/a.yml", Memory(files))
