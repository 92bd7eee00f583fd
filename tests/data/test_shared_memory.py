"""Processes that load hand on no more than the memory that they share holds."""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from puzzlecam_cli.data import loaders, shared_memory
from puzzlecam_cli.data.loaders import Loading, ScaledPhotos, photo_loader
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.shared_memory import AHEAD, loaders_for, loaders_within
from tests.forked import assert_same, end_of, start_command

PLAIN: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}
OF_ITS_OWN = 0x00020000  # CLONE_NEWNS: a process's own list of what is mounted


@given(room=st.floats(0, 1e12), workers=st.integers(1, 256), item=st.floats(1, 1e10), held=st.integers(1, 40))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_what_is_on_its_way_fits_and_no_loader_is_left_out_that_would(
    room: float, workers: int, item: float, held: int
) -> None:
    found = loaders_within(room, workers, item, held)
    assert 0 <= found.workers <= workers
    if found.workers:
        assert (found.workers * found.ahead + held) * item <= room * (1 + 1e-9)
        assert item <= found.most * (1 + 1e-9)
    if found.workers < workers:
        assert (found.workers + 1 + held) * item > room * (1 - 1e-9)
    if found[:2] == (workers, 1):
        assert (AHEAD * workers + held) * item > room * (1 - 1e-9)


def test_where_nothing_is_known_to_be_short_all_load() -> None:
    assert loaders_within(inf, 16, 1e9, 2)[:2] == (16, AHEAD)


@pytest.mark.parametrize(
    ("shared", "memory", "found", "said"),
    [
        (1000e6, inf, (4, 2), None),
        (
            85e6,
            inf,
            (4, 1),
            "by 4 of 4 processes, 1 at a time: they take 10 MB each time, and /dev/shm has room for 85",
        ),
        (45e6, inf, (2, 1), "by 2 of 4 processes, 1 at a time"),
        (
            25e6,
            inf,
            (0, 1),
            "by no process: they take 10 MB each time, and /dev/shm has room for 25 MB; in a container: ",
        ),
        (1000e6, 45e6, (2, 1), "memory has room for 45 MB"),
    ],
)
def test_what_is_left_out_is_told_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, shared: float, memory: float, found: tuple[int, int], said: str | None
) -> None:
    monkeypatch.setattr(shared_memory, "free_shared_memory", lambda: shared)
    notes: list[str] = []
    assert loaders_for(4, 10e6, 2, memory, notes.append)[:2] == found
    assert len(notes) == (said is not None)
    assert said is None or said in notes[0]
    assert ("--shm-size" in "".join(notes)) == (said is not None and shared < memory)


def test_processes_of_a_group_share_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    whole = shared_memory.free_shared_memory()
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert shared_memory.free_shared_memory() == pytest.approx(whole / 4, rel=0.2) or whole == inf


def test_a_photo_larger_than_those_looked_at_is_loaded_without_sharing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first photo alone is looked at; the third has 25 times as many pixels."""
    given = []
    for number, side in enumerate((20, 20, 100, 20)):
        noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{number}.png")
        given.append(Photo(str(number), tmp_path / f"{number}.png"))
    monkeypatch.setattr(loaders, "LOOKED_AT", 1)
    monkeypatch.setattr(shared_memory, "free_shared_memory", lambda: 100e3)
    photos = ScaledPhotos(given, (0.5, 1.0), **PLAIN)
    small, large = photos.bytes_of((20, 20)), photos.bytes_of((100, 100))
    assert photos.largest_of_some() == small < 100e3 < large
    alone = list(photo_loader(photos, Loading()))
    ahead = list(photo_loader(photos, Loading(2)))
    assert [index for index, _, _ in alone] == [index for index, _, _ in ahead] == [0, 1, 2, 3]
    assert [view.is_shared() for _, _, (view, _) in ahead] == [True, True, False, True]
    for one, other in zip(alone, ahead, strict=True):
        assert sum(part.nbytes for part in (one[1], *one[2])) in (small, large)
        assert all(map(torch.equal, (one[1], *one[2]), (other[1], *other[2])))


def with_shared_memory(size: str) -> Callable[[], None]:
    """Give this process, and none other, so much of it."""

    def mount() -> None:
        assert ctypes.CDLL(None).unshare(OF_ITS_OWN) == 0
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", "/dev/shm"], check=True)

    return mount


@pytest.mark.usefixtures("_forked_pools")
@pytest.mark.parametrize(("size", "by"), [("300k", "no process"), ("700k", "1 of 2 processes, 1 at a time")])
def test_a_run_with_little_shared_memory_is_the_same_and_says_so(
    size: str, by: str, finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    """Two processes that load two batches ahead each would take 590 KB."""
    may = subprocess.run(
        ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"], capture_output=True, check=False
    )
    if may.returncode:
        pytest.skip("only root may mount a disk")
    run, log = tmp_path / "run", tmp_path / "log"
    arguments = ("run-all", str(tiny_recipe), "--run", str(run), "-s", "runtime.workers=2")
    code = end_of(start_command(log, *arguments, before=with_shared_memory(size)))
    text = log.read_text()
    assert code == 0, text
    assert f"train-cls: photos are loaded ahead by {by}" in text
    assert "--shm-size" in text
    assert_same(run, finished_run)
