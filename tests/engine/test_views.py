"""Photos go through a network together, and come out as if each had gone alone."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from PIL import Image
from torch import nn
from typer.testing import Result

from puzzlecam_cli.engine.views import Loaded, groups_of_equal_size, predict


def loaded(number: int, height: int, width: int) -> Loaded:
    return number, torch.zeros(height, width, 3, dtype=torch.uint8), []


def test_groups_have_one_size_and_hold_each_photo_once() -> None:
    sizes = np.random.default_rng(0).integers(3, 6, (200, 2)).tolist()
    photos = [loaded(number, *size) for number, size in enumerate(sizes)]
    groups = list(groups_of_equal_size(photos, 4))
    assert sorted(number for group in groups for number, _, _ in group) == list(range(200))
    assert all(len({image.shape for _, image, _ in group}) == 1 for group in groups)
    assert max(len(group) for group in groups) == 4
    assert len(groups) < 70  # nine sizes: mostly whole groups


def test_few_photos_wait_for_others_of_their_size() -> None:
    held = 0

    def photos() -> Iterator[Loaded]:
        nonlocal held
        for number in range(300):
            held += 1
            assert held <= 4 * 4
            yield loaded(number, 1 + number % 150, 9)  # equal ones are far apart

    for group in groups_of_equal_size(photos(), 4):
        held -= len(group)
    assert held == 0


@pytest.mark.parametrize("flip", [True, False])
def test_views_and_their_mirror_images_come_out_as_alone(flip: bool) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(5, 4, 3)).eval()
    views = list(torch.randn(3, 3, 20, 31))
    together = predict(network, views, Accelerator(cpu=True), flip=flip)
    assert together.shape[:3] == (3, 2 if flip else 1, 4)
    for view, pair in zip(views, together, strict=True):
        torch.testing.assert_close(pair[0], network(view[None])[0])
        if flip:
            torch.testing.assert_close(pair[1], network(view.flip(-1)[None])[0])


def test_maps_walks_and_predictions_do_not_depend_on_how_many_photos_go_together(
    finished_run: Path, tiny_recipe: Path, puzzlecam: Callable[..., Result], tmp_path: Path
) -> None:
    def made(photos_at_once: int) -> Path:
        run = shutil.copytree(finished_run, tmp_path / str(photos_at_once))
        for photo in (run / "data/JPEGImages").iterdir():
            Image.open(photo).resize((70, 59)).save(photo)
        lost = [*sorted((run / "cams").glob("*.npz"))[1:], *sorted((run / "rw/scores").glob("*.npz"))[1:]]
        lost += sorted((run / "seg/predictions/val").glob("*.png"))[1:]
        for path in lost:
            path.unlink()
        for stage in ("cams", "rw", "seg"):
            result = puzzlecam(stage, tiny_recipe, "--run", run, "--set", f"runtime.photos_at_once={photos_at_once}")
            assert result.exit_code == 0, result.output
        assert lost
        assert all(path.exists() for path in lost)
        return run

    alone, together = made(1), made(4)
    for path in (alone / "cams").glob("*.npz"):
        with np.load(path) as one, np.load(together / "cams" / path.name) as other:
            for number in range(2):
                np.testing.assert_allclose(other[f"map_{number}"], one[f"map_{number}"], rtol=2**-9, atol=1e-4)
    for path in (alone / "rw/scores").glob("*.npz"):
        with np.load(path) as one, np.load(together / "rw/scores" / path.name) as other:
            np.testing.assert_array_equal(other["classes"], one["classes"])
            np.testing.assert_allclose(other["scores"], one["scores"], rtol=2**-9, atol=1e-3)
    for path in (alone / "seg/predictions/val").glob("*.png"):
        with Image.open(path) as one_, Image.open(together / "seg/predictions/val" / path.name) as other_:
            assert (np.array(one_) != np.array(other_)).mean() < 0.01
