"""Fixtures that every test may use."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says nothing here: tests run side by side, and are no benchmarks.
settings.register_profile("almguard", deadline=None)
settings.load_profile("almguard")

# What a command keeps between runs is not kept in anybody's home.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="almguard-tests-")
os.environ.pop("ALMGUARD_CACHE", None)
atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real payloads and pipeline files that stand beside the project, not in it."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the folder with recorded data is not beside the project")
    return folder
