"""The last lines of a run: where what it made lies, and what the numbers in it mean."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from puzzlecam_cli.view.outcome import numbers_line
from puzzlecam_cli.view.scores import scores_table

MANY = ["background", *(f"class {number}" for number in range(1, 21))]
DOZEN = ", ".join(["0 background", *(f"{number} class {number}" for number in range(1, 13))])
NUMBERS = {
    "two classes": ({"classes": ["background", "cat", "dog"]}, "0 background, 1 cat, 2 dog, 255 not known"),
    "a dozen": ({"classes": MANY[:13]}, f"{DOZEN}, 255 not known"),
    "twenty": ({"classes": MANY}, f"{DOZEN}, ..., 255 not known; all are listed in S.md"),
    "scores of an older version": (
        {"results": [{"iou": {"background": 1, "cat": 0}}]},
        "0 background, 1 cat, 255 not known",
    ),
}


@pytest.mark.parametrize(("scores", "words"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_are_told_with_their_classes(scores: dict[str, Any], words: str) -> None:
    assert numbers_line({"results": []} | scores, "S.md") == words


def test_the_table_lists_every_number_also_where_nothing_is_scored() -> None:
    text = scores_table({"results": [], "tags_from": "file", "classes": MANY})
    assert all(f"| {number} | {name} |\n" in text for number, name in enumerate(MANY))
    assert "| 255 | not known |\n" in text


def test_without_masks_the_table_tells_what_labels_show() -> None:
    shown = [
        {"what": "pseudo-labels", "split": "train", "images": 9, "empty": 1, "classes": {"cat": 6, "dog": 3}},
        {"what": "predictions", "split": "val", "images": 4, "empty": 4, "classes": {"cat": 0, "dog": 0}},
    ]
    text = scores_table({"results": [], "tags_from": "file", "classes": ["background", "cat", "dog"], "shown": shown})
    assert "| cat | 6 of 9 | 0 of 4 |\n" in text
    assert "| nothing but background | 1 of 9 | 4 of 4 |\n" in text
    assert "All 4 predictions of `val` are background" in text
    assert "pseudo labels of `train` are background" not in text


@pytest.mark.parametrize("has_masks", [True, False])
def test_a_run_ends_with_where_its_files_are(
    puzzlecam: Callable[..., Result], tiny_recipe: Path, finished_run: Path, tmp_path: Path, has_masks: bool
) -> None:
    run, data = tmp_path / "run", tmp_path / "data"
    shutil.copytree(finished_run, run)
    shutil.copytree(finished_run / "data", data)
    if not has_masks:
        shutil.rmtree(data / "SegmentationClass")
    voc = ["-s", "data={kind: voc, train: train, val: val}", "-s", f"data.root={data}"]
    result = puzzlecam("eval", tiny_recipe, "--run", run, *voc)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    first = lines.index(f"3 predictions: {run}/seg/predictions/val")
    assert lines[first + 1] == f"6 pseudo labels: {run}/rw/pseudo_labels"
    assert lines[first + 2].startswith("numbers in them: 0 background, 1 ")
    assert lines[first + 2].endswith(", 255 not known")
    in_full = [f"Scores in full: {run}/eval"] if has_masks else []
    assert lines[first + 3 : first + 3 + len(in_full)] == in_full
    took, next_, *commands = lines[first + 3 + len(in_full) :]
    assert re.fullmatch(r"took [\dms ]+: train-cls [\dms ]+, cams .*, affinity .*, rw .*, seg .*, eval .*", took)
    assert next_ == "what to do next:"
    assert [line.split("  ")[-1].strip().split()[:3] for line in commands] == [
        ["puzzlecam", command, str(run)] for command in ("report", "show", "predict")
    ]
    assert ("No masks: nothing was scored." in lines) != has_masks
    assert any(line.startswith("photos that show") for line in lines) != has_masks
    notes = [line for line in result.stderr.splitlines() if "has no masks: nothing of it is scored" in line]
    assert len(notes) == (0 if has_masks else 2)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("run-all", "--until", "rw"), ["6 pseudo labels: {run}/rw/pseudo_labels"]),
        (("rw",), ["6 pseudo labels: {run}/rw/pseudo_labels"]),
        (("seg",), ["3 predictions: {run}/seg/predictions/val"]),
        (("run-all", "--until", "cams"), []),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_part_of_a_run_ends_with_where_its_own_files_are(
    puzzlecam: Callable[..., Result], finished_run: Path, tmp_path: Path, words: tuple[str, ...], told: list[str]
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    result = puzzlecam(words[0], run, *words[1:])
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[: len(told)] == [line.format(run=run) for line in told]
    assert [line.partition(", ")[0] for line in lines[len(told) :]] == ["numbers in them: 0 background"] * len(told)
