"""A stage's labels that are damaged, or of another photo or class list, end a command with 2 and their name."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import Result

from puzzlecam_cli.run.artifacts import write_labels


def png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def labels(height: int, width: int, value: int = 1) -> Callable[[Path], None]:
    return lambda path: write_labels(path, np.full((height, width), value, np.uint8))


def values(path: Path) -> np.ndarray:
    with Image.open(path) as file:
        return np.array(file)


def content(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


DAMAGED: dict[str, Callable[[Path], object]] = {
    "of another size": labels(30, 40),
    "a column short": lambda path: write_labels(path, values(path)[:, :-1]),
    "of a class that is not there": lambda path: write_labels(path, 0 * values(path) + 4),
    "of class 254": lambda path: write_labels(path, 0 * values(path) + 254),
    "in colours": content(png(np.zeros((64, 64, 3), np.uint8))),
    "of 16 bits": content(png(np.zeros((64, 64), np.uint16))),
    "text": content(b"background"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-30]),
}


@pytest.mark.parametrize(
    ("name", "command"),
    [("affinity/labels", "affinity -s affinity.lr=0.02"), ("rw/pseudo_labels", "seg -s seg.lr=0.02")],
)
@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_labels_that_do_not_fit_are_named(
    damage: Callable[[Path], object],
    name: str,
    command: str,
    finished_run: Path,
    tiny_recipe: Path,
    tmp_path: Path,
    puzzlecam: Callable[..., Result],
) -> None:
    run = shutil.copytree(finished_run, tmp_path / "run")
    path = min((run / name).iterdir())
    damage(path)
    stage, *options = command.split()
    result = puzzlecam(stage, tiny_recipe, "--run", run, *options)
    assert result.exit_code == 2, result.output
    assert path.stem in result.stderr
    assert "Traceback" not in result.output
