"""A disk that is full or closed, and photos that vanish: exit code 2, what and where, and the next run continues."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from puzzlecam_cli.run import check_machine
from puzzlecam_cli.run.ledger import Ledger
from tests.forked import acting_at, assert_same, end_of, kill, start

EVERY_STEP = ("-s", "runtime.checkpoint_minutes=0")
ARTIFACTS = (".npz", ".png", ".safetensors")


def artifacts(run: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in run.rglob("*")
        if path.suffix in ARTIFACTS and path.relative_to(run).parts[0] != "data"
    }


def assert_refused(code: int, log: Path, *words: str) -> None:
    """The last error is one of the user's to mend, and the only one."""
    text = log.read_text()
    assert code == 2, text
    assert "Traceback" not in text
    assert "Exception ignored" not in text
    assert text.count("error: ") == 1
    for word in words:
        assert word in text
    log.unlink()


def test_a_disk_that_is_full_at_any_moment_costs_nothing_that_was_finished(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    """Each try fails later than the last; what is there before a try is there after it, unchanged."""

    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    run, log, draw, failed = tmp_path / "run", tmp_path / "log", random.Random(0), 0
    while True:
        before = artifacts(run)
        code = end_of(start(log, tiny_recipe, run, before=acting_at(draw.randint(8, 24), full)))
        if code == 0:
            break
        assert_refused(code, log, "× the disk is full", f"╰─> {run}")
        failed += 1
        after = artifacts(run)
        assert all(after[path] == content for path, content in before.items())
        assert [path for path in run.rglob(".*") if path.name != ".gitignore"] == []
    assert failed >= 8
    assert_same(run, finished_run)


@pytest.mark.parametrize("largest", [2_000, 50_000])
def test_a_file_that_the_system_cuts_short_is_named(tiny_recipe: Path, tmp_path: Path, largest: int) -> None:
    """The kernel itself refuses: by its limit on the size of a file."""
    run, log = tmp_path / "run", tmp_path / "log"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))

    assert_refused(end_of(start(log, tiny_recipe, run, before=limit)), log, "larger than this system allows", str(run))
    assert end_of(start(log, tiny_recipe, run, "--until", "train-cls")) == 0, log.read_text()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own, 24 MB in memory."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a disk")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path, left: int) -> Path:
    """A file that leaves `left` bytes free, in whole blocks."""
    filler = disk / "filler"
    state = os.statvfs(disk)
    filler.write_bytes(bytes(state.f_bavail * state.f_bsize - left))
    return filler


def free_later() -> None:
    """The disk had room when the run began."""
    check_machine.shutil.disk_usage = lambda path: SimpleNamespace(free=10**12)  # type: ignore[assignment]


def test_a_disk_without_room_is_told_before_anything_is_made(
    small_disk: Path, tiny_recipe: Path, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    fill(small_disk, 500_000)
    assert_refused(end_of(start(log, tiny_recipe, small_disk / "run")), log, "needs at least", "are free on its disk")
    assert artifacts(small_disk / "run") == {}


@pytest.mark.parametrize(
    ("until", "left"), [("train-cls", 80_000), ("cams", 16_000), ("affinity", 20_000), ("rw", 1_000_000)]
)
def test_a_small_disk_that_fills_up_is_named_and_the_run_continues_on_a_larger_one(
    small_disk: Path, finished_run: Path, tiny_recipe: Path, tmp_path: Path, until: str, left: int
) -> None:
    run, log = small_disk / "run", tmp_path / "log"
    assert end_of(start(log, tiny_recipe, run, "--until", until)) == 0, log.read_text()
    log.unlink()
    filler, before = fill(small_disk, left), artifacts(run)
    assert_refused(end_of(start(log, tiny_recipe, run, before=free_later)), log, "× the disk is full", f"╰─> {run}")
    after = artifacts(run)
    assert all(after[path] == content for path, content in before.items())
    filler.unlink()
    assert end_of(start(log, tiny_recipe, run)) == 0, log.read_text()
    assert_same(run, finished_run)


def test_a_disk_that_became_read_only_is_named(small_disk: Path, tiny_recipe: Path, tmp_path: Path) -> None:
    run, log = small_disk / "run", tmp_path / "log"

    assert end_of(start(log, tiny_recipe, run, before=acting_at(30, kill))) == -signal.SIGKILL
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    log.unlink()
    assert_refused(end_of(start(log, tiny_recipe, run)), log, "nothing can be written", str(run))
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert end_of(start(log, tiny_recipe, run, "--until", "train-cls")) == 0, log.read_text()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(("first", "step"), [("step-000000001", "train-cls/model"), ("cams", "cams")])
def test_photos_that_vanish_in_the_middle_are_named_and_the_run_continues_when_they_are_back(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path, workers: int, first: str, step: str
) -> None:
    """They go when the first checkpoint or map appears: a loader process has read a few photos ahead by then."""
    photos = shutil.copytree(finished_run / "data", tmp_path / "photos")
    run, log, away = tmp_path / "run", tmp_path / "log", tmp_path / "away"
    data = ("-s", "data={kind: voc, train: train, val: val}", "-s", f"data.root={photos}")
    options = (*data, "-s", f"runtime.workers={workers}", *EVERY_STEP, "--until", "cams")

    def install() -> None:
        def vanishing(move: Callable[[Path, Path], Path]) -> Callable[[Path, Path], Path]:
            def moved(path: Path, target: Path) -> Path:
                if first in target.parts and not away.exists():
                    rename(photos / "JPEGImages", away)
                return move(path, target)

            return moved

        rename = Path.rename
        Path.rename = vanishing(Path.rename)  # type: ignore[assignment,method-assign]
        Path.replace = vanishing(Path.replace)  # type: ignore[assignment,method-assign]

    code = end_of(start(log, tiny_recipe, run, *options, before=install))
    assert_refused(code, log, "error: image-missing", f"{photos}/JPEGImages/")
    assert Ledger(run / "run.json").get(step).state == "failed"  # type: ignore[union-attr]
    away.rename(photos / "JPEGImages")
    assert end_of(start(log, tiny_recipe, run, *options)) == 0, log.read_text()
    for path, content in artifacts(run).items():
        assert content == (finished_run / path.relative_to(run)).read_bytes()
