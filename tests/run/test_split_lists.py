"""The lists that shares came to: what lies in a run folder, who wrote it, and what is found again."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.data import split_files
from puzzlecam_cli.data.photos import open_photos
from puzzlecam_cli.errors import UserError
from tests.conftest import Run as Call
from tests.run.folders import content
from tests.run.shares import parts, photos_in, run_of, settled


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    return photos_in(tmp_path)


def test_lists_that_were_lost_are_made_again_the_same(photos: Path) -> None:
    run = run_of(photos)
    settled(run)
    found, marks = parts(run), run.photos.fingerprint("train", tags=True)
    shutil.rmtree(run.folder.root / "splits")
    again = run_of(photos)
    settled(again)
    assert (parts(again), again.photos.fingerprint("train", tags=True)) == (found, marks)


def test_an_earlier_seed_finds_what_it_came_to(photos: Path, puzzlecam: Call) -> None:
    run = run_of(photos)
    command = (photos.parent / "recipe.yaml", "--run", run.folder.root, "--set", "train_cls.epochs=1")
    assert puzzlecam("train-cls", *command).exit_code == 0
    before = content(run.folder.root / "splits")
    settled(run_of(photos, seed=1))
    other = (run.folder.root / "splits" / "val.txt").read_bytes()
    assert before["val.txt"] != other
    run_of(photos)  # writes the recipe
    for look in ("status", "run-all"):
        result = puzzlecam(look, *command, *(["--plan"] if look == "run-all" else []))
        assert result.stdout.split()[0] in ("done", "keep"), result.output
    assert (run.folder.root / "splits" / "val.txt").read_bytes() == other  # looking changes nothing
    assert puzzlecam("train-cls", *command).exit_code == 0
    assert content(run.folder.root / "splits")["val.txt"] == before["val.txt"]


@pytest.mark.parametrize("lost", ["train.txt", "val.txt"])
def test_a_list_that_was_lost_is_written_again(photos: Path, puzzlecam: Call, lost: str) -> None:
    run = run_of(photos)
    command = ("train-cls", photos.parent / "recipe.yaml", "--run", run.folder.root, "--set", "train_cls.epochs=1")
    assert puzzlecam(*command).exit_code == 0
    before = content(run.folder.root / "splits")
    (run.folder.root / "splits" / lost).unlink()
    assert "train-cls: kept" in puzzlecam(*command).output
    assert content(run.folder.root / "splits") == before


def test_a_run_that_was_copied_keeps_its_lists(photos: Path, tmp_path: Path) -> None:
    run = run_of(photos)
    settled(run)
    shutil.copytree(run.folder.root, tmp_path / "elsewhere")
    copied = run_of(photos, tmp_path / "elsewhere")
    assert copied.photos.is_settled
    assert parts(copied) == parts(run)


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


def test_the_same_photos_are_named_from_any_run_and_with_any_seed(photos: Path, tmp_path: Path) -> None:
    run = run_of(photos)
    pinned = run.photos.pinned()  # before or after, it is the same
    settled(run)
    assert run.photos.pinned() == pinned
    other = open_photos(pinned, tmp_path / "other", 7)
    assert other.is_settled
    assert other.pinned() == pinned
    for part in ("train", "val"):
        assert [photo.id for photo in other.photos(part)] == parts(run)[part]
        assert other.fingerprint(part, tags=True) == run.photos.fingerprint(part, tags=True)
