"""What goes wrong is said once, clearly, with exit code 2, and leaves nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from puzzlecam_cli.engine import loop
from puzzlecam_cli.run.ledger import Ledger

Run = Callable[..., Result]


@pytest.fixture
def photos(finished_run: Path, tmp_path: Path) -> Path:
    """A folder of photos in VOC layout that a test may damage."""
    return shutil.copytree(finished_run / "data", tmp_path / "photos")


@pytest.fixture
def voc(photos: Path) -> list[str]:
    """Options that make the tiny recipe read it."""
    return ["-s", "data={kind: voc, train: train, val: val}", "-s", f"data.root={photos}"]


def first_id(photos: Path) -> str:
    return (photos / "ImageSets" / "Segmentation" / "train.txt").read_text().split()[0]


def refused(result: Result, *words: str) -> None:
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    for word in words:
        assert word in result.stderr


def leftovers(run: Path) -> list[Path]:
    """Files that look like artifacts, or like halves of some."""
    endings = (".safetensors", ".npz", ".png", ".pt")
    return [path for path in run.rglob("*") if path.suffix in endings or path.name.startswith(".")]


def test_a_bad_recipe_is_refused_before_anything_is_written(puzzlecam: Run, tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text("extends: quickstart\ntrain_cls:\n  epoch: 3\n  crop: 5\n")
    result = puzzlecam("run-all", recipe, "--run", tmp_path / "run")
    refused(result, "line 3", "did you mean `epochs`?", "line 4", "train_cls.crop", "2 problems")
    assert not (tmp_path / "run").exists()


def test_a_missing_image_is_named(
    puzzlecam: Run, tiny_recipe: Path, photos: Path, voc: list[str], tmp_path: Path
) -> None:
    lost = first_id(photos)
    (photos / "JPEGImages" / f"{lost}.jpg").unlink()
    refused(puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *voc), "image-missing", lost, "1 of 6")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "text", "cut short"])
@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_jpeg_is_named(
    puzzlecam: Run,
    tiny_recipe: Path,
    photos: Path,
    voc: list[str],
    tmp_path: Path,
    content: bytes | None,
    workers: int,
) -> None:
    image = photos / "JPEGImages" / f"{first_id(photos)}.jpg"
    image.write_bytes(image.read_bytes()[:900] if content is None else content)
    result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *voc, "-s", f"runtime.workers={workers}")
    refused(result, "image-unreadable", image.name)
    assert leftovers(tmp_path / "run") == []
    assert Ledger(tmp_path / "run" / "run.json").records == {}


def test_a_tag_that_is_no_class_is_named_with_its_file(
    puzzlecam: Run, tiny_recipe: Path, photos: Path, voc: list[str], tmp_path: Path
) -> None:
    annotation = photos / "Annotations" / f"{first_id(photos)}.xml"
    annotation.write_text(annotation.read_text().replace("<name>", "<name>un"))
    result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *voc)
    refused(result, "tags-invalid", annotation.name, "is no class", "classes are: striped, checkered, dotted")
    assert not (tmp_path / "run").exists()


def test_an_empty_list_is_refused(
    puzzlecam: Run, tiny_recipe: Path, photos: Path, voc: list[str], tmp_path: Path
) -> None:
    (photos / "ImageSets" / "Segmentation" / "train.txt").write_text("\n")
    refused(puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *voc), "train.txt", "names no image")
    assert not (tmp_path / "run").exists()


def test_a_missing_folder_is_refused(puzzlecam: Run, tiny_recipe: Path, voc: list[str], tmp_path: Path) -> None:
    nowhere = ["-s", f"data.root={tmp_path / 'nowhere'}"]
    refused(puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *voc, *nowhere), "data.root=", "nowhere")


@pytest.mark.parametrize(
    ("stage", "first"), [("cams", "train-cls"), ("affinity", "train-cls"), ("rw", "train-cls"), ("seg", "train-cls")]
)
def test_a_stage_names_the_earlier_stage_that_is_missing(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, stage: str, first: str
) -> None:
    refused(puzzlecam(stage, tiny_recipe, "--run", tmp_path / "run"), "stage-missing", f"run first: {first}")
    assert not (tmp_path / "run").exists()


def test_a_stage_refuses_an_earlier_stage_that_is_out_of_date(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path
) -> None:
    result = puzzlecam("seg", tiny_recipe, "--run", finished_run, "--set", "rw.beta=8")
    refused(result, "stage-stale", "rw.beta changed: 10.0 → 8.0")


def test_eval_refuses_a_split_of_which_an_artifact_is_missing(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    lost = sorted((run / "seg" / "predictions" / "val").iterdir())[0]
    lost.unlink()
    refused(puzzlecam("eval", tiny_recipe, "--run", run), "predictions of 1 of 3 images", lost.stem)


def test_a_damaged_map_is_named_and_not_scored(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    damaged = sorted((run / "cams").iterdir())[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    refused(puzzlecam("eval", tiny_recipe, "--run", run), "artifact-unreadable", damaged.name)


@pytest.mark.parametrize(("stage", "user"), [("train-cls", "cams"), ("affinity", "rw")])
def test_a_damaged_model_is_named_and_not_used(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path, stage: str, user: str
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    damaged = run / stage / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    refused(puzzlecam(user, tiny_recipe, "--run", run, "--force"), "artifact-unreadable", f"{stage}/model.safetensors")


def test_a_line_that_was_torn_does_not_spoil_the_next(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    events = run / "events.jsonl"
    lines = events.read_text().splitlines()
    events.write_text("\n".join([*lines, '{"time": "2026-']))
    assert puzzlecam("run-all", tiny_recipe, "--run", run).exit_code == 0
    after = events.read_text().splitlines()
    assert after[: len(lines)] == lines
    assert len(after) > len(lines)
    assert all(json.loads(line) for line in after)


@pytest.mark.parametrize(
    "failure", [BrokenProcessPool("abruptly"), RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")]
)
def test_a_killed_worker_is_no_failure_of_ours(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(loop, "make_optimiser", fail)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path)
    refused(result, "worker-killed", "lower runtime.workers", "the same command continues")


def test_a_damaged_ledger_is_named(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"stages"')
    refused(puzzlecam("status", tiny_recipe, "--run", tmp_path), "run-unreadable", "run.json")


def test_an_unknown_stage_is_refused(puzzlecam: Run, tiny_recipe: Path) -> None:
    refused(puzzlecam("run-all", tiny_recipe, "--until", "segment"), "there is no stage `segment`")


def test_a_loss_that_explodes_stops_the_training(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    explode = ["-s", "train_cls.lr=1e6", "-s", "train_cls.epochs=3"]
    refused(puzzlecam("run-all", tiny_recipe, "--run", tmp_path, *explode), "loss-not-finite", "clip_norm")
    assert not (tmp_path / "train-cls" / "model.safetensors").exists()


def test_our_own_failure_is_exit_code_1_with_a_traceback(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(loop, "make_optimiser", broken)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path)
    assert result.exit_code == 1
    assert "ZeroDivisionError" in result.stderr
    assert "Please report" in result.stderr


@pytest.mark.parametrize(
    ("failure", "word"),
    [
        (OSError(28, "No space left on device", "model.safetensors"), "the disk is full"),
        (PermissionError(13, "Permission denied", "run"), "permission is denied"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "out of memory"),
        (ModuleNotFoundError("no module", name="pydensecrf"), "pip install pydensecrf2"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_the_machine_lacks_is_the_users_to_mend(
    puzzlecam: Run,
    tiny_recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: Exception,
    word: str,
) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(loop, "make_optimiser", fail)
    refused(puzzlecam("train-cls", tiny_recipe, "--run", tmp_path), word)
