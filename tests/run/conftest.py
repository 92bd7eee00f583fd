"""A finished run that a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.run.shares import write_photos


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of twenty photos with tags."""
    return write_photos(tmp_path / "photos")
