"""Users are told when the classifier still names every tag, but its maps have faded."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from puzzlecam_cli.method.cam import contrast
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.stages.train_cls import contrast_kept, warn_of_flat_maps


def notes_after(folder: Path, logged: list[float]) -> list[Any]:
    run = RunFolder(folder)
    run.metrics("train-cls").parent.mkdir()
    lines = (json.dumps({"step": step, "contrast": value}) for step, value in enumerate(logged))
    run.metrics("train-cls").write_text("".join(f"{line}\n" for line in lines))
    notes: list[Any] = []
    warn_of_flat_maps(SimpleNamespace(folder=run, emit=notes.append))  # type: ignore[arg-type]
    return notes


def test_contrast_is_the_deviation_of_the_maps_of_present_classes() -> None:
    generator = np.random.default_rng(0)
    maps, labels = generator.normal(size=(3, 4, 5, 6)), np.array([[1, 0, 0, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    found = contrast(torch.from_numpy(maps), torch.from_numpy(labels))
    np.testing.assert_allclose(found, maps.std(axis=(2, 3)) * labels, rtol=1e-6)
    assert not contrast(torch.ones(2, 4, 5, 5), torch.ones(2, 4)).any()


def test_what_is_kept_is_the_end_by_the_highest_tenth() -> None:
    assert contrast_kept([float(v) for v in range(1, 11)]) == 1
    assert contrast_kept([1, 2, 8, 8, 4, 4, 4, 4, 2, 2]) == pytest.approx(2 / 8)
    assert contrast_kept([9, 9, 9, *np.repeat([1.0, 2, 5, 4, 4, 4, 4, 4, 4, 3], 4)]) == pytest.approx(3 / 5)


def test_a_log_of_fewer_than_ten_lines_says_nothing() -> None:
    assert contrast_kept([5.0, 1.0]) == 1
    assert contrast_kept([]) == 1


def test_maps_that_faded_are_named_with_what_to_do(tmp_path: Path) -> None:
    (note,) = notes_after(tmp_path, [*np.linspace(1, 6, 20), *np.linspace(6, 1.5, 40)])
    assert note.stage == "train-cls"
    assert "the maps went flat" in note.text
    assert "compare: cams" in note.text


def test_maps_that_kept_their_contrast_are_not(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, 60)
    assert notes_after(tmp_path, (np.minimum(np.linspace(1, 16, 60), 8) + noise).tolist()) == []


def test_every_training_logs_it(finished_run: Path) -> None:
    for line in (finished_run / "train-cls" / "metrics.jsonl").read_text().splitlines():
        assert json.loads(line)["contrast"] > 0
