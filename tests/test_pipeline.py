"""The whole pipeline on six made-up pictures: what it leaves behind, what it keeps, and what it never looks at."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from typer.testing import Result

from puzzlecam_cli.run.artifacts import read_cams, read_walked
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.stages import PIPELINE, STAGE_NAMES

Run = Callable[..., Result]


def ids_of(run: Path, split: str) -> list[str]:
    return (run / "data" / "ImageSets" / "Segmentation" / f"{split}.txt").read_text().split()


def size_of(run: Path, image_id: str) -> tuple[int, int]:
    with Image.open(run / "data" / "JPEGImages" / f"{image_id}.jpg") as image:
        return image.height, image.width


def actions(result: Result) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return {line.split()[1]: line.split()[0] for line in result.stdout.splitlines()}


def test_maps_are_stored_as_the_contract_says(finished_run: Path) -> None:
    for image_id in ids_of(finished_run, "train"):
        with np.load(finished_run / "cams" / f"{image_id}.npz", allow_pickle=False) as data:
            assert data["classes"].dtype == np.int16
            assert data["size"].dtype == np.int32
            assert tuple(data["size"]) == size_of(finished_run, image_id)
            assert data["scales"].tolist() == [0.5, 1.0]
            for name in ("map_0", "map_1"):
                assert data[name].dtype == np.float16
                assert data[name].shape[0] == len(data["classes"]) > 0
                assert data[name].min() >= 0


def test_maps_are_rebuilt_at_both_strides(finished_run: Path) -> None:
    for image_id in ids_of(finished_run, "train"):
        height, width = size_of(finished_run, image_id)
        for stride in (1, 4):
            classes, scores = read_cams(finished_run / "cams" / f"{image_id}.npz", stride=stride)
            assert scores.shape == (len(classes), -(-height // stride), -(-width // stride))
            assert scores.min() >= 0
            assert scores.max() < 1


def test_walked_scores_are_divided_by_their_common_maximum(finished_run: Path) -> None:
    for image_id in ids_of(finished_run, "train"):
        height, width = size_of(finished_run, image_id)
        path = finished_run / "rw" / "scores" / f"{image_id}.npz"
        with np.load(path, allow_pickle=False) as data:
            assert data["scores"].dtype == np.float16
            assert data["scores"].max() in (0, 1)
        classes, scores = read_walked(path, stride=1)
        assert scores.shape == (len(classes), height, width)


@pytest.mark.parametrize(
    ("folder", "split", "others"),
    [("affinity/labels", "train", {0, 255}), ("rw/pseudo_labels", "train", {0}), ("seg/predictions/val", "val", {0})],
)
def test_labels_are_palette_pictures_at_the_photos_size(
    finished_run: Path, folder: str, split: str, others: set[int]
) -> None:
    ids = ids_of(finished_run, split)
    assert {path.stem for path in (finished_run / folder).iterdir()} == set(ids)
    for image_id in ids:
        with Image.open(finished_run / folder / f"{image_id}.png") as picture:
            assert picture.mode == "P"
            assert picture.getpalette()[:9] == [0, 0, 0, 128, 0, 0, 0, 128, 0]
            labels = np.array(picture)
        assert labels.shape == size_of(finished_run, image_id)
        tags = range(1, 4)
        if split == "train":
            tags = read_cams(finished_run / "cams" / f"{image_id}.npz")[0].tolist()
        assert set(np.unique(labels).tolist()) <= others | set(tags)


def test_every_training_logs_its_steps(finished_run: Path) -> None:
    for stage, names in {
        "train-cls": {"loss_cls", "loss_p_cls", "loss_re", "alpha"},
        "affinity": set(),
        "seg": set(),
    }.items():
        lines = [json.loads(line) for line in (finished_run / stage / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [0, 1, 2, 3]
        assert [line["epoch"] for line in lines] == [0, 0, 1, 1]
        assert all({"lr", "loss"} | names <= line.keys() for line in lines)


def test_scores_have_the_contracts_form_and_count_every_image(finished_run: Path) -> None:
    scores = json.loads((finished_run / "eval" / "scores.json").read_text())
    assert scores["schema"] == 1
    assert [(r["what"], r["split"], r["images"]) for r in scores["results"]] == [
        ("cams", "train", 6),
        ("rw", "train", 6),
        ("pseudo-labels", "train", 6),
        ("predictions", "val", 3),
    ]
    for result in scores["results"]:
        assert {"miou", "threshold", "threshold_from", "crf", "fp", "fn", "iou"} <= result.keys()
        known = [value for value in result["iou"].values() if value is not None]
        assert result["miou"] == pytest.approx(sum(known) / len(known))
        assert next(iter(result["iou"])) == "background"
    assert scores["results"][0]["threshold_from"] == "masks of train"
    assert scores["results"][2]["threshold_from"] == "recipe"
    assert scores["results"][3]["threshold"] is None


def test_the_ledger_remembers_every_stage(finished_run: Path) -> None:
    stages = json.loads((finished_run / "run.json").read_text())["stages"]
    assert tuple(stages) == STAGE_NAMES
    for entry in stages.values():
        assert entry["state"] == "done"
        assert {"fingerprint", "inputs", "started", "ended", "seconds", "versions"} <= entry.keys()


def test_events_are_json_lines(finished_run: Path) -> None:
    events = [json.loads(line) for line in (finished_run / "events.jsonl").read_text().splitlines()]
    started = [event["stage"] for event in events if event["event"] == "StageStarted"]
    assert tuple(started) == STAGE_NAMES


def test_a_second_run_does_nothing_and_says_why(finished_run: Path, tiny_recipe: Path, puzzlecam: Run) -> None:
    before = (finished_run / "run.json").read_bytes()
    result = puzzlecam("run-all", tiny_recipe, "--run", finished_run)
    assert result.exit_code == 0
    for stage in STAGE_NAMES:
        assert f"{stage}: kept, recipe and inputs unchanged" in result.stderr
    assert (finished_run / "run.json").read_bytes() == before
    assert "pseudo labels" in result.stdout


@pytest.mark.parametrize(
    ("change", "first"),
    [
        ("train_cls.lr=0.02", "train-cls/model"),
        ("cams.flip=false", "cams"),
        ("affinity.labels.foreground=0.5", "affinity/labels"),
        ("affinity.lr=0.02", "affinity/model"),
        ("rw.beta=8", "rw/scores"),
        ("rw.background=0.3", "rw/pseudo_labels"),
        ("rw.colours=1", "rw/pseudo_labels"),
        ("seg.epochs=3", "seg/model"),
        ("seg.predict.flip=false", "seg/predictions"),
        ("eval.thresholds=[0.5]", "eval/scores"),
        ("seed=1", "train-cls/model"),
    ],
)
def test_a_change_redoes_its_step_and_all_after_it(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run, change: str, first: str
) -> None:
    result = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--plan", "--set", change)
    names = [step.name for stage in PIPELINE for step in stage.steps]
    expected = {name: "keep" if names.index(name) < names.index(first) else "run" for name in names}
    assert actions(result) == expected
    assert f"{change.partition('=')[0]} changed: " in result.stdout


def test_scores_are_made_anew_when_a_later_stage_joins(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    shutil.rmtree(run / "seg")
    ledger = Ledger(run / "run.json")
    del ledger.records["seg"]
    (run / "run.json").write_text(json.dumps(ledger.as_json()))
    assert puzzlecam("eval", tiny_recipe, "--run", run).exit_code == 0
    plan = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan")
    assert {name for name, action in actions(plan).items() if action == "run"} == {
        "seg/model",
        "seg/predictions",
        "eval/scores",
    }


def test_how_the_work_is_done_does_not_make_results_stale(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run
) -> None:
    result = puzzlecam("run-all", tiny_recipe, "--run", finished_run, "--plan", "-s", "runtime.workers=1")
    assert set(actions(result).values()) == {"keep"}


@pytest.mark.parametrize(("changes", "action"), [([], "keep"), (["train_cls.resize_side=shorter"], "run")])
def test_a_key_of_a_newer_program_at_its_default_leaves_a_run_as_it_is(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path, changes: list[str], action: str
) -> None:
    """Else each new option would make all finished runs stale."""
    folder = tmp_path / "older"
    folder.mkdir()
    for path in finished_run.iterdir():
        if path.name != "run.json":
            (shutil.copytree if path.is_dir() else shutil.copy)(path, folder / path.name)
    ledger = json.loads((finished_run / "run.json").read_text())
    record = ledger["stages"]["train-cls"]["steps"]["train-cls/model"]
    assert record["inputs"].pop("train_cls.resize_side") == "longer"
    (folder / "run.json").write_text(json.dumps(ledger))
    options = [word for change in changes for word in ("--set", change)]
    found = actions(puzzlecam("run-all", tiny_recipe, "--run", folder, "--plan", *options))
    assert found["train-cls/model"] == action


def test_a_new_photo_makes_the_run_stale(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    shutil.copytree(finished_run / "data", folder)
    voc = ["-s", "data={kind: voc, train: train, val: val}", "-s", f"data.root={folder}"]
    run = tmp_path / "run"
    assert puzzlecam("train-cls", tiny_recipe, "--run", run, *voc).exit_code == 0
    assert actions(puzzlecam("run-all", tiny_recipe, "--run", run, "--plan", "--until", "train-cls", *voc)) == {
        "train-cls/model": "keep"
    }
    list_file = folder / "ImageSets" / "Segmentation" / "train.txt"
    list_file.write_text("\n".join(list_file.read_text().split()[:-1]) + "\n")
    changed = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan", "--until", "train-cls", *voc)
    assert actions(changed) == {"train-cls/model": "run"}
    assert "data.train changed" in changed.stdout


def test_masks_never_touch_training(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path) -> None:
    """Without a single mask the run succeeds, says so, and every network is the same to the last bit."""
    folder = tmp_path / "data"
    shutil.copytree(finished_run / "data", folder)
    shutil.rmtree(folder / "SegmentationClass")
    result = puzzlecam(
        "run-all",
        tiny_recipe,
        "--run",
        tmp_path / "run",
        *("-s", "data={kind: voc, train: train, val: val}", "-s", f"data.root={folder}"),
    )
    assert result.exit_code == 0, result.output
    assert "has no masks" in result.stderr
    assert json.loads((tmp_path / "run" / "eval" / "scores.json").read_text())["results"] == []
    for stage in ("train-cls", "affinity", "seg"):
        ours = load_file(tmp_path / "run" / stage / "model.safetensors")
        theirs = load_file(finished_run / stage / "model.safetensors")
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_lost_files_are_made_again(finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    lost = run / "cams" / f"{ids_of(run, 'train')[0]}.npz"
    content = lost.read_bytes()
    lost.unlink()
    result = puzzlecam("cams", tiny_recipe, "--run", run)
    assert result.exit_code == 0, result.output
    assert "1 of 6 files are not there any more, such as" in result.stderr
    assert lost.read_bytes() == content
    plan = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan")
    assert set(actions(plan).values()) == {"keep"}, "what was made from the other files is still right"


def test_a_lost_model_is_trained_again_and_all_after_it(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Run, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    (run / "affinity" / "model.safetensors").unlink()
    plan = actions(puzzlecam("run-all", tiny_recipe, "--run", run, "--plan"))
    assert plan["affinity/labels"] == "keep"
    assert plan["affinity/model"] == plan["rw/scores"] == plan["eval/scores"] == "run"


def test_the_ledger_reads_back_what_it_wrote(finished_run: Path) -> None:
    ledger = Ledger(finished_run / "run.json")
    assert ledger.as_json() == json.loads((finished_run / "run.json").read_text())
