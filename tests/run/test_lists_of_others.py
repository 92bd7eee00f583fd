"""Lists of a share that somebody else wrote or changed are never overwritten."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.data.parts import split_files
from puzzlecam_cli.errors import UserError
from tests.run.folders import content
from tests.run.shares import parts, run_of, settled


def edit(splits: Path) -> None:
    with (splits / "val.txt").open("a") as file:
        file.write("p05\n")


def link(splits: Path) -> None:
    (splits / "train.txt").rename(splits.parent / "own.txt")
    (splits / "train.txt").symlink_to("../own.txt")


def link_folder(splits: Path) -> None:
    splits.rename(splits.parent / "own")
    splits.symlink_to("own")


def replace_folder(splits: Path) -> None:
    shutil.rmtree(splits)
    splits.write_text("mine")


def lose_record(splits: Path) -> None:
    (splits / "splits.json").unlink()


NOT_OURS: dict[str, tuple[Callable[[Path], object], str]] = {
    "a list that was edited": (edit, "val.txt"),
    "a list that is a link": (link, "train.txt"),
    "a folder that is a link": (link_folder, "splits is no folder"),
    "a file in place of the folder": (replace_folder, "splits is no folder"),
    "lists without a record": (lose_record, "train.txt"),
    "a record of somebody else": (lambda splits: (splits / "splits.json").write_text('{"what": "mine"}'), "train.txt"),
    "a record that is no JSON": (lambda splits: (splits / "splits.json").write_bytes(b"\xff["), "train.txt"),
    "a folder in place of a list": (lambda s: ((s / "val.txt").unlink(), (s / "val.txt").mkdir()), "val.txt"),
}


@pytest.mark.parametrize("seed", [0, 1], ids=["as it was", "with another seed"])
@pytest.mark.parametrize(("spoil", "named"), NOT_OURS.values(), ids=NOT_OURS)
def test_what_somebody_else_wrote_is_never_overwritten(
    spoil: Callable[[Path], object], named: str, seed: int, photos: Path
) -> None:
    run = run_of(photos)
    settled(run)
    spoil(run.folder.root / "splits")
    before = content(run.folder.root)
    with pytest.raises(UserError, match=named) as caught:
        settled(run_of(photos, seed=seed))
    assert caught.value.reference == "splits-not-ours"
    assert content(run.folder.root) == before


@pytest.mark.parametrize("after", range(3))
def test_a_run_killed_while_it_writes_lists_goes_on(photos: Path, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    settled(run_of(photos))
    write_text, written = split_files.write_text, 0

    def write(path: Path, text: str) -> None:
        nonlocal written
        if written == after:
            raise KeyboardInterrupt
        written += 1
        write_text(path, text)

    with monkeypatch.context() as patched:
        patched.setattr(split_files, "write_text", write)
        with pytest.raises(KeyboardInterrupt):
            settled(run_of(photos, seed=1))
    settled(run := run_of(photos, seed=1))
    run.photos.restore()
    fresh = run_of(photos, photos.parent / "other", seed=1)
    settled(fresh)
    assert parts(run_of(photos, seed=1)) == parts(fresh)
    assert content(run.folder.root / "splits").keys() == {"splits.json", "train.txt", "val.txt"}
    assert (run.folder.root / "splits" / "val.txt").read_text().split() == parts(fresh)["val"]
