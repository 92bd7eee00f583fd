"""Shares of photos are settled once for a run, before anything is trained, and never over somebody's own lists."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from puzzlecam_cli.data.photos import Tick, open_photos
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run import looking
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.stages import PIPELINE
from tests.conftest import Run as Call
from tests.run.folders import content, states
from tests.run.shares import COUNT, parts, run_of, scene, settled, write_tags


def test_what_is_settled_is_found_by_all_that_come_later(photos: Path) -> None:
    first = run_of(photos)
    assert not first.photos.is_settled
    assert settled(first) == []
    found = parts(first)
    assert (len(found["train"]), len(found["val"])) == (15, 5)
    assert sorted(found["train"] + found["val"]) == [f"p{number:02d}" for number in range(COUNT)]
    later = run_of(photos)
    assert later.photos.is_settled
    assert parts(later) == found
    assert (later.folder.root / "splits" / "val.txt").read_text().split() == found["val"]


@pytest.mark.parametrize("seed", range(8))
def test_near_identical_photos_are_on_one_side_and_it_is_said(photos: Path, seed: int) -> None:
    run = run_of(photos, seed=seed)
    settled(run)
    for ids in parts(run).values():
        assert ("p00" in ids, "p02" in ids) == ("p01" in ids, "p03" in ids)
    assert any(
        "near-identical photos are kept on one side of the split: 2 groups (4 photos)" in f
        for f in run.photos.facts("train")
    )


def test_photos_like_those_of_a_named_val_are_not_trained_on(photos: Path) -> None:
    (photos / "val.txt").write_text("p00\np05\n")
    run = run_of(photos, train=0.5, val="val.txt")
    settled(run)
    assert "p01" not in parts(run)["train"]
    assert parts(run)["val"] == ["p00", "p05"]
    assert any(
        "left out, as near-identical with photos of `val`: 1 photo, such as `p01`" in fact
        for fact in run.photos.facts("val")
    )


def test_each_photo_is_decoded_once(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    look_at = looking.look_at
    monkeypatch.setattr(looking, "look_at", lambda photo, mask: seen.append(photo.id) or look_at(photo, mask=mask))
    run = run_of(photos)
    settled(run)
    preflight(run, PIPELINE[0].steps, tick=lambda done, total: None)
    assert sorted(seen) == [f"p{number:02d}" for number in range(COUNT)]


def test_progress_is_told_from_the_beginning(photos: Path) -> None:
    told: list[tuple[str, int, int]] = []
    settled(run_of(photos), lambda task: lambda done, total: told.append((task, done, total)))
    assert told[0] == ("looking at photos", 0, COUNT)
    assert ("looking at photos", COUNT, COUNT) in told
    rounds = [(done, total) for task, done, total in told if task == "dividing photos"]
    assert rounds == sorted(rounds)
    assert rounds[0][0] == 1
    assert rounds[-1][0] == rounds[-1][1]


def test_looking_goes_on_where_it_was_interrupted(photos: Path) -> None:
    def stop(task: str) -> Tick:
        def tick(done: int, total: int) -> None:
            if done == 7:
                raise KeyboardInterrupt

        return tick

    with pytest.raises(KeyboardInterrupt):
        settled(run_of(photos), stop)
    assert not run_of(photos).photos.is_settled
    told: list[int] = []
    settled(run_of(photos), lambda task: lambda done, total: told.append(total) if task[0] == "l" else None)
    assert told[-1] == COUNT - 7


def add(photos: Path) -> None:
    scene(50).save(photos / "p20.jpg")
    write_tags(photos, range(COUNT + 1))


def remove(photos: Path) -> None:
    (photos / "p09.jpg").unlink()
    write_tags(photos, [number for number in range(COUNT) if number != 9])


CHANGES: dict[str, tuple[dict[str, Any], Callable[[Path], object], str]] = {
    "another share": ({"val": 0.5}, lambda photos: None, "the shares changed"),
    "another seed": ({"seed": 1}, lambda photos: None, "the seed changed"),
    "another tag": ({}, lambda photos: write_tags(photos, range(COUNT), other=7), "tags changed"),
    "a photo more": ({}, add, "tags, photos changed"),
    "a photo less": ({}, remove, "tags, photos changed"),
    "another picture": ({}, lambda photos: scene(60).save(photos / "p09.jpg"), "photos changed"),
    "what is trained on": ({"train": 0.5}, lambda photos: None, "the shares, photos changed"),
}


@pytest.mark.parametrize(("given", "change", "why"), CHANGES.values(), ids=CHANGES)
def test_photos_are_divided_anew_where_what_it_follows_from_changed(
    given: dict[str, Any], change: Callable[[Path], object], why: str, photos: Path
) -> None:
    settled(run_of(photos))
    before = run_of(photos).photos.fingerprint("train", tags=True)
    change(photos)
    run = run_of(photos, **given)
    assert not run.photos.is_settled
    assert run.photos.fingerprint("train", tags=True) != before
    assert [why in reason for reason in settled(run)] == [True]
    assert run_of(photos, **given).photos.is_settled


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


def test_a_photo_that_cannot_be_decoded_is_told_by_the_check_and_settled_once_it_is_mended(photos: Path) -> None:
    (photos / "p09.jpg").write_bytes(b"no photo")
    run = run_of(photos)
    settled(run)
    with pytest.raises(UserError, match="p09"):
        preflight(run, PIPELINE[0].steps, tick=lambda done, total: None)
    scene(9).save(photos / "p09.jpg")
    assert len(settled(run_of(photos))) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_few_photos_are_divided_or_refused_in_words(photos: Path, count: int) -> None:
    write_tags(photos, range(COUNT - count, COUNT))
    run = run_of(photos)
    if count == 1:
        with pytest.raises(UserError, match="1 photo cannot be divided: none would be left for `val`"):
            settled(run)
        assert not (run.folder.root / "splits").exists()
        return
    settled(run)
    found = parts(run)
    assert len(found["val"]) == max(1, round(0.25 * count))
    assert len(found["train"]) == count - len(found["val"])


def test_a_set_of_one_flat_picture_is_divided_all_the_same(photos: Path) -> None:
    for number in range(COUNT):
        Image.new("RGB", (72, 64), (90, 90, 90)).save(photos / f"p{number:02d}.jpg")
    run = run_of(photos)
    settled(run)
    assert (len(parts(run)["train"]), len(parts(run)["val"])) == (15, 5)
    assert any("20 photos are like one another" in fact for fact in run.photos.facts("train"))


def test_a_plan_changes_nothing_and_names_what_is_wrong_with_tags(photos: Path, puzzlecam: Call) -> None:
    run = run_of(photos)
    recipe = photos.parent / "recipe.yaml"
    assert set(states(puzzlecam("run-all", recipe, "--run", run.folder.root, "--plan"))) == {"run"}
    assert set(states(puzzlecam("status", recipe, "--run", run.folder.root))) == {"missing"}
    assert not run.folder.root.exists()
    (photos / "tags.csv").write_text("file,tags\nnowhere.jpg,cat\n")
    result = puzzlecam("run-all", recipe, "--run", run.folder.root, "--plan")
    assert result.exit_code == 2
    assert "nowhere.jpg" in result.output


def test_a_stage_settles_and_is_kept_while_lists_are_the_same(photos: Path, puzzlecam: Call) -> None:
    run = run_of(photos)
    recipe = photos.parent / "recipe.yaml"
    stage = ("train-cls", recipe, "--run", run.folder.root, "--set", "train_cls.epochs=1")
    result = puzzlecam(*stage)
    assert result.exit_code == 0, result.output
    assert "kept" in puzzlecam(*stage).output
    shutil.rmtree(run.folder.root / "splits")
    result = puzzlecam(*stage)
    assert result.exit_code == 0, result.output
    assert "train-cls: kept, recipe and inputs unchanged" in result.output
    assert len(parts(run_of(photos))["val"]) == 5


def test_a_check_of_one_photo_says_once_why_it_cannot_be_divided(photos: Path, puzzlecam: Call) -> None:
    write_tags(photos, [3])
    run_of(photos)  # writes the recipe
    result = puzzlecam("data", "check", photos.parent / "recipe.yaml", "--json")
    assert result.exit_code == 2, result.output
    assert [row["finding"] for row in json.loads(result.stdout)["findings"]] == ["too-few-photos"]


def test_a_tag_file_below_the_root_is_not_missed_in_the_current_folder(photos: Path, puzzlecam: Call) -> None:
    run = run_of(photos, tags="tags.csv")
    result = puzzlecam("cams", photos.parent / "recipe.yaml", "--run", run.folder.root)
    assert "an earlier stage has to be run first" in result.output
    assert "current folder" not in result.output
