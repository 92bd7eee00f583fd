"""What looking at the data finds: every planted fault by name, and nothing in a sound set."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.run.looking import Remembered
from puzzlecam_cli.run.settling import unit_of
from puzzlecam_cli.run.survey import Survey, survey
from puzzlecam_cli.session.data_check import check_data
from tests.planted import FAULTS, Farm
from tests.run.folders import content
from tests.run.shares import run_of, write_photos


@pytest.fixture
def farm(tmp_path: Path) -> Farm:
    return Farm(tmp_path)


def look(farm: Farm, *changes: str) -> Survey:
    return check_data(farm.recipe, changes=changes)


def named(found: Survey, kind: str) -> set[str]:
    """All ids and classes that findings of a kind name."""
    return {name for one in found.findings if one.finding == kind for name in (*one.ids, *one.classes)}


def test_a_sound_set_gives_no_finding(farm: Farm) -> None:
    found = look(farm)
    assert [(one.finding, one.said) for one in found.findings] == []
    assert found.as_json()["trains"] is True


def test_all_planted_faults_are_named_at_once_with_their_photos(farm: Farm) -> None:
    for plant, *_ in FAULTS.values():
        plant(farm)
    found = look(farm)
    missed = {fault: names - named(found, kind) for fault, (_, kind, _, names) in FAULTS.items()}
    assert {fault: names for fault, names in missed.items() if names} == {}
    assert len(FAULTS) >= 12


@pytest.mark.parametrize(("fault", "planted"), FAULTS.items(), ids=FAULTS)
def test_a_fault_alone_is_named_with_its_weight_and_no_other_photo(farm: Farm, fault: str, planted: tuple) -> None:
    plant, kind, weight, names = planted
    plant(farm)
    found = look(farm)
    (one,) = [one for one in found.findings if one.finding == kind]
    assert one.weight == weight
    assert {*one.ids, *one.classes} >= names
    if kind not in ("class-never-tagged", "classes-always-together", "class-rare"):
        assert set(one.ids) == {name for name in names if name not in one.classes}
    assert found.as_json()["trains"] is (weight != "stops")


def test_facts_are_counted_as_a_second_count_does(farm: Farm) -> None:
    farm.add("t40", [], 40, (200, 50))
    told = json.loads(json.dumps(look(farm).as_json()))
    train = [(farm.root / "Annotations" / f"{name}.xml").read_text() for name in farm.list("train").read_text().split()]
    times = Counter(name for text in train for name in ("goat", "hen", "cow", "pig") if f"<name>{name}<" in text)
    assert told["schema"] == 1
    assert {one["class"]: one["train"] for one in told["classes"]} == times
    assert told["splits"][0] == {
        "part": "train",
        "name": "train",
        "photos": 17,
        "tagged": 16,
        "tags": times.total(),
        "masks": 17,
    }
    assert told["splits"][1]["photos"] == 8
    assert told["sizes"]["smallest"] == {"width": 64, "height": 48, "id": "t00"}
    assert told["sizes"]["longest"] == told["sizes"]["largest"] == {"width": 200, "height": 50, "id": "t40"}


def test_nothing_is_written_where_no_run_is(farm: Farm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = content(tmp_path)
    check_data(farm.recipe)
    check_data(farm.recipe, tmp_path / "run")
    assert content(tmp_path) == before


def test_made_up_pictures_are_drawn_and_looked_at(tiny_recipe: Path, tmp_path: Path) -> None:
    found = check_data(tiny_recipe, tmp_path / "run")
    assert found.stops == []
    assert [(one["part"], one["photos"], one["masks"]) for one in found.splits] == [("train", 6, 6), ("val", 3, 3)]
    assert not (tmp_path / "run").exists()


def test_a_folder_of_tagged_photos_is_looked_at_past_rows_without_a_photo(tmp_path: Path, farm: Farm) -> None:
    rows = [f"t{n:02}.jpg,{('goat', 'hen', 'cow')[n % 3]}" for n in range(16)] + ["gone.jpg,hen", "lost.jpg,cow"]
    (tmp_path / "tags.csv").write_text("\n".join(["file,tags", *rows]))
    photos, tags = farm.root / "JPEGImages", tmp_path / "tags.csv"
    data = f"data={{kind: folder, root: {photos}, tags: {tags}, val: null}}"
    found = look(farm, data)
    (one,) = found.stops
    assert one.finding == "tags-unmatched"
    assert one.ids == ("gone.jpg", "lost.jpg")
    assert found.splits[0]["photos"] == 16
    assert any("8 of 24 photos are in no row" in one.said for one in found.findings)
    assert not any("left out, as" in one.said for one in found.findings)  # a run would be refused for them


def test_progress_tells_each_task_by_a_name_of_its_own(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos")
    (photos / "p09.jpg").write_bytes(b"no photo")
    run = run_of(photos)
    run.folder.root.mkdir()
    told: list[str] = []

    def tick(task: str) -> Tick:
        return lambda done, total: told.append(f"{task} {done}/{total} {unit_of(task)}") if done == total else None

    survey(run, workers=0, tick=tick)
    assert told == [
        "looking at photos 20/20 images",
        "dividing photos 15/15 rounds",
        "looking at masks and unreadable photos 1/1 images",
        "comparing photos 6/6 rounds",
    ]


PICTURE = ["a" * 32, False, base64.b64encode(bytes(288)).decode()]
PICTURES: dict[str, tuple[list[Any], bool]] = {
    "whole": ([PICTURE], True),
    "none, as earlier versions wrote": ([], True),
    "of which it is not said whether it is flat": ([["a", "grey", PICTURE[2]]], False),
    "with a thumbnail that is cut": ([["a", False, PICTURE[2][:-4]]], False),
    "with a thumbnail that is no text": ([["a", False, 3]], False),
    "with a digest that is a number": ([[7, False, PICTURE[2]]], False),
    "with a value too many": ([PICTURE, 1], False),
    "that is a text": (["abc"], False),
    "that is nothing": ([None], False),
}


@pytest.mark.parametrize(("more", "counts"), PICTURES.values(), ids=PICTURES)
def test_of_what_was_seen_only_sound_pictures_count(tmp_path: Path, more: list[Any], counts: bool) -> None:
    file = tmp_path / "photos.jsonl"
    file.write_text(json.dumps(["/a.jpg", "1 2", [3, 4], [], [], "2 classes", *more]))
    assert list(Remembered.read(file, "2 classes").seen) == (["/a.jpg"] if counts else [])
