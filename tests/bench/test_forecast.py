"""The forecast of a recipe: every step on a few photos, in a folder that goes away."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from numpy.typing import NDArray
from typer.testing import Result

from puzzlecam_cli.bench.forecast import Sizes, Watch, extents_of, forecast, sizes_of
from puzzlecam_cli.bench.sample import Sample, spread
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.events import Event, Note, Progress
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import PIPELINE

Command = Callable[..., Result]


@dataclass(frozen=True)
class Seen:
    path: Path

    def read(self) -> NDArray[np.uint8]:
        raise AssertionError("nothing reads it")


class Shelf(PhotoSet):
    """Names of photos by list; those in capitals have masks."""

    Settings = DataSettings
    tags_from = "thin air"
    classes = ("cat",)

    def __init__(self, lists: dict[str, str], train: str = "train", val: str | None = None, score: str | None = None):
        super().__init__(DataSettings(kind="shelf"), Path(), 0)
        self.lists, self._splits = lists, Splits(train, val, score or ("train" if train == "train_aug" else train))

    @property
    def splits(self) -> Splits:
        return self._splits

    def photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        return [
            Photo(name, Path(name), (1,) if tags else (), Seen(Path(f"{name}.png")) if name.isupper() else None)
            for name in self.lists[split].split()
        ]

    def fingerprint(self, split: str, *, tags: bool = False, masks: bool = False) -> str:
        return split


def ids(sample: Sample, split: str) -> str:
    return " ".join(photo.id for photo in sample.photos(split))


def test_a_sample_is_spread_over_the_list() -> None:
    photos = [Photo(str(number), Path()) for number in range(10)]
    assert [photo.id for photo in spread(photos, 3)] == ["0", "3", "6"]
    assert spread(photos, 20) == photos
    assert spread([], 3) == []


def test_a_sample_prefers_photos_whose_maps_can_be_scored() -> None:
    shelf = Shelf({"train_aug": "a B c D e F", "train": "B D F", "val": "g H"}, "train_aug", "val")
    sample = Sample.of(shelf, 2)
    assert (ids(sample, "train_aug"), ids(sample, "train"), ids(sample, "val")) == ("B D", "B D", "H")
    assert all(photo.tags == (1,) for photo in sample.photos("train_aug"))
    assert ids(sample.repeated("train_aug", 5), "train_aug") == "B D B D B"


def test_a_list_may_have_several_duties() -> None:
    sample = Sample.of(Shelf({"all": "A B C D"}, "all", "all"), 2)
    assert ids(sample, "all") == "A C"
    assert all(photo.tags for photo in sample.photos("all"))


def test_a_sample_without_masks_is_a_sample() -> None:
    assert ids(Sample.of(Shelf({"train": "a b c d"}), 2), "train") == "a c"


def test_the_files_to_score_are_counted_and_missing_masks_named() -> None:
    lists = {"train": "A B C", "val": "D E", "bare": "f g", "mixed": "H i"}
    assert sizes_of(Shelf(lists, "train", "val")) == Sizes(3, 2, 3 * 3 + 2)
    assert sizes_of(Shelf(lists, "train", None)) == Sizes(3, 0, 9)
    assert sizes_of(Shelf(lists, "train", "bare")) == Sizes(3, 2, 9, "`bare` has no masks: not scored")
    mixed = sizes_of(Shelf(lists, "mixed", "val"))
    assert mixed.note == "1 of 2 masks of `mixed` are missing: eval will refuse"


def test_every_step_has_its_extent() -> None:
    recipe = load_recipe("quickstart")
    found = extents_of(recipe, Sizes(200, 50, 650), 4, 1)
    assert list(found) == [step.name for step in all_steps(PIPELINE)]
    assert {name: extent.items for name, extent in found.items()} == {
        "train-cls/model": 6 * 25,  # epochs × 200 pictures in batches of 8
        "cams": 200,
        "affinity/labels": 200,
        "affinity/model": 4 * 25,
        "rw/scores": 200,
        "rw/pseudo_labels": 200,
        "seg/model": 5 * 25,
        "seg/predictions": 50,
        "eval/scores": 650,
    }
    few = extents_of(recipe, Sizes(5, 0, 15), 1, 1)
    assert (few["seg/model"].items, few["seg/model"].images) == (5, 5)  # one batch of all an epoch
    assert few["seg/predictions"].note


def test_progress_is_timed_from_the_beginning_and_nothing_is_said_of_an_untrained_network() -> None:
    times: Iterator[float] = iter((100.0, 103.0, 105.0, 110.0, 112.5))
    passed: list[Event] = []
    watch = Watch(passed.append, lambda: next(times))
    for event in (
        Progress("cams", "looking", 1, 3),
        Note("cams", "a collapse"),
        Progress("cams", "maps", 1, 3),
        Progress("cams", "maps", 2, 3),
        Progress("cams", "maps", 3, 3),
    ):
        watch(event)
    assert watch.reports == [(5.0, 1), (10.0, 2), (12.5, 3)]  # of the last task
    assert (watch.what, watch.unit) == ("maps", "images")
    assert [type(event) for event in passed] == [Progress] * 4


def snapshot(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@pytest.fixture(scope="module")
def benched(tmp_path_factory: pytest.TempPathFactory, tiny_recipe: Path, puzzlecam: Command) -> dict[str, dict]:  # type: ignore[type-arg]
    """What `bench` says of the tiny recipe with 60 pictures, by stage and what; it must leave no trace."""
    here, temporary = tmp_path_factory.mktemp("here"), tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        patch.setattr(tempfile, "tempdir", str(temporary))
        result = puzzlecam("bench", tiny_recipe, "-s", "data.pictures=60", "--photos", 2, "--json", "--plain")
    assert result.exit_code == 0, result.output
    assert snapshot(here) == {}
    assert list(temporary.glob("puzzlecam*")) == []
    assert "bench of tiny" in result.stderr
    found = json.loads(result.stdout)
    assert found.keys() == {"schema", "recipe", "photos", "machine", "steps", "total"}
    assert found["machine"].keys() == {"processor", "cores", "threads", "torch", "load", "gpu"}
    assert found["total"].keys() == {"seconds", "hours", "disk", "memory", "gpu_memory"}
    return {f"{step['stage']} {step['what']}": step for step in found["steps"]} | {"total": found["total"]}


def test_every_step_has_a_row(benched: dict[str, dict]) -> None:  # type: ignore[type-arg]
    *steps, _ = benched.values()
    assert [(step["stage"], step["what"], step["items"], step["unit"], step["images"]) for step in steps] == [
        ("data", "pictures", 63, "images", 1),
        ("train-cls", "training", 40, "steps", 3),
        ("cams", "maps", 60, "images", 1),
        ("affinity", "labels", 60, "images", 1),
        ("affinity", "training", 40, "steps", 3),
        ("rw", "walks", 60, "images", 1),
        ("rw", "pseudo labels", 60, "images", 1),
        ("seg", "training", 40, "steps", 3),
        ("seg", "predictions of val", 3, "images", 1),
        ("eval", "scoring", 183, "files", 1),
    ]
    assert all(step["images_per_second"] > 0 and step["hours"] > 0 and step["disk"] > 0 for step in steps)


def test_models_and_checkpoints_count_in_full_and_files_of_photos_for_each(
    benched: dict[str, dict],  # type: ignore[type-arg]
    finished_run: Path,
) -> None:
    """Against the run folder of the same recipe with 6 pictures."""

    def size(*names: str) -> int:
        return sum(path.stat().st_size for name in names for path in (finished_run / name).rglob("*") if path.is_file())

    assert benched["train-cls training"]["disk"] == pytest.approx(size("train-cls"), rel=0.01)
    seg = size("seg") - size("seg/predictions")
    assert benched["seg training"]["disk"] == pytest.approx(seg, rel=0.01)
    assert benched["cams maps"]["disk"] == pytest.approx(10 * size("cams"), rel=0.1)  # other pictures, other sizes
    assert benched["rw walks"]["disk"] == pytest.approx(10 * size("rw/scores"), rel=0.3)
    assert benched["total"]["disk"] == sum(step["disk"] for name, step in benched.items() if name != "total")


def test_photos_of_your_own_are_read_only(
    tmp_path: Path, tiny_recipe: Path, finished_run: Path, puzzlecam: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = yaml.safe_load(tiny_recipe.read_text())
    values["data"] = {"kind": "voc", "root": str(finished_run / "data"), "train": "train", "val": "val"}
    recipe = tmp_path / "own.yaml"
    recipe.write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path)
    before = snapshot(finished_run)
    result = puzzlecam("bench", recipe, "--photos", 1, "-s", "data.val=null", "-s", "train_cls.batch=4")
    assert result.exit_code == 0, result.output
    assert snapshot(finished_run) == before
    assert [path.name for path in tmp_path.iterdir()] == ["own.yaml"]
    machine, heading, *rows = result.stdout.splitlines()
    assert "torch" in machine
    assert heading.split()[:3] == ["stage", "what", "images/s"]
    text = "\n".join(rows)
    assert "2 steps of 4" in text
    assert "data.val names no list" in text
    assert "untrained network" in text


def test_missing_photos_are_found_as_by_run_all(tiny_recipe: Path, tmp_path: Path, puzzlecam: Command) -> None:
    data = "data={kind: voc, root: nowhere}"
    said = [puzzlecam(*command, tiny_recipe, "-s", data) for command in (["bench"], ["run-all", "--run", tmp_path])]
    assert [result.exit_code for result in said] == [2, 2]
    assert said[0].stderr == said[1].stderr
    assert "data-missing" in said[0].stderr


@pytest.mark.parametrize(("limit", "timed"), [(-1.0, []), (1.5, ["train-cls"]), (4.5, ["train-cls", "cams"])])
def test_after_the_time_limit_no_step_goes_on(
    tiny_recipe: Path,
    finished_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: float,
    timed: list[str],
) -> None:
    """By a clock on which each step of a training and each photo takes a second: 4 are timed."""
    now = 0.0

    def emit(event: Event) -> None:
        nonlocal now
        now += isinstance(event, Progress)

    monkeypatch.setattr("puzzlecam_cli.bench.forecast.time", SimpleNamespace(monotonic=lambda: now))
    changes = ["data={kind: voc, train: train, val: val}", f"data.root={finished_run / 'data'}"]
    recipe = load_recipe(str(tiny_recipe), changes)
    costs, untimed = forecast(recipe, Run.at(recipe, tmp_path).photos, tmp_path, 4, emit, limit)
    assert [cost.stage for cost in costs] == timed
    assert [cost.pace for cost in costs] == [1.0] * len(timed)
    assert untimed == [step.name for step in all_steps(PIPELINE)][len(timed) :]
    assert not (tmp_path / "affinity").exists()
