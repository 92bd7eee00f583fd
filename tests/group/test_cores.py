"""Cores are those that a process may use, not those of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from puzzlecam_cli.group import cores as module
from puzzlecam_cli.group.cores import cores

V1 = "9:name=systemd:/\n2:cpuacct:/\n1:cpu,cpuset:/docker/abc\n0::/\n"  # the path is the host's


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine of 16 cores whose control groups are files in a folder."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    monkeypatch.setattr(module, "GROUPS", tmp_path / "groups")
    monkeypatch.setattr(module, "OWN", tmp_path / "own")
    return tmp_path


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("", {}, 16),  # no control groups
        ("0::/\n", {"cpu.max": "max 100000\n"}, 16),
        ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"cpu.max": "6400000 100000\n"}, 16),
        ("0::/user/job\n", {"user/cpu.max": "300000 100000\n", "user/job/cpu.max": "max 100000\n"}, 3),
        (V1, {"cpu/cpu.cfs_quota_us": "200000\n", "cpu/cpu.cfs_period_us": "50000\n"}, 4),
        (V1, {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
        (V1, {"cpu/docker/abc/cpu.cfs_quota_us": "100000\n", "cpu/docker/abc/cpu.cfs_period_us": "50000\n"}, 2),
    ],
)
def test_a_containers_share_of_a_machine_counts(limits: Path, own: str, files: dict[str, str], found: int) -> None:
    (limits / "own").write_text(own)
    for name, text in files.items():
        path = limits / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cores() == found


def test_a_process_that_is_bound_to_some_cores_has_no_others(limits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert cores() == 2
