"""Twenty photos that are divided by a share, and runs of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.settling import settle
from puzzlecam_cli.session.stages import mark
from tests.conftest import TINY

COUNT = 20
Parts = dict[str, list[str]]


def scene(number: int) -> Image.Image:
    rng = np.random.default_rng(number)
    coarse, fine = (Image.fromarray(rng.integers(0, 256, (n, n, 3)).astype(np.uint8)) for n in (4, 12))
    return Image.blend(coarse.resize((72, 64)), fine.resize((72, 64)), 0.4)


def write_tags(root: Path, numbers: Iterable[int], other: int | None = None) -> None:
    rows = [f"p{n:02d}.jpg,{'cat' if (n + (n == other)) % 2 else 'dog'}" for n in numbers]
    (root / "tags.csv").write_text("\n".join(["file,tags", *rows]) + "\n")


def run_of(photos: Path, run: Path | None = None, seed: int = 0, **data: Any) -> Run:
    values = TINY | {"seed": seed, "data": {"kind": "folder", "root": str(photos), "val": 0.25} | data}
    recipe = photos.parent / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    return Run.at(load_recipe(str(recipe)), run or photos.parent / "run")


def settled(run: Run, told: Callable[[str], Tick] = lambda task: lambda done, total: None) -> list[str]:
    mark(run)
    return settle(run, workers=0, tick=told)


def parts(run: Run) -> Parts:
    return {part: [photo.id for photo in run.photos.photos(part)] for part in ("train", "val")}


def write_photos(root: Path) -> Path:
    """Twenty photos of two classes; p00 and p01 are near-identical, p02 and p03 as well."""
    root.mkdir()
    for number in range(COUNT):
        scene(number - number % 2 if number < 4 else number).save(root / f"p{number:02d}.jpg", quality=90 - number % 2)
    write_tags(root, range(COUNT))
    return root
