"""Photos of any size and number, with values that fit them, go through every stage."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image
from typer.testing import Result

from puzzlecam_cli.recipe.fitting import Facts, fitting
from puzzlecam_cli.run.artifacts import read_cams, read_walked

Run = Callable[..., Result]
Size = tuple[int, int]  # height, width
CELL = 32  # the network's
SHORT = {"train_cls.epochs": 1, "affinity.epochs": 1, "seg.epochs": 1, "seg.width": 8, "runtime.workers": 0}


def write_voc(
    root: Path, sizes: Sequence[Size], tags: Sequence[Sequence[int]], classes: int, mode: str = "RGB"
) -> None:
    """Photos of soft patches, the last also the one that is predicted; masks show the first tag in the middle."""
    generator = np.random.default_rng(0)
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    (root / "classes.txt").write_text("".join(f"thing {number}\n" for number in range(1, classes + 1)))
    ids = [f"photo {number}" for number in range(len(sizes))]
    for image_id, (height, width), tagged in zip(ids, sizes, tags, strict=True):
        patches = Image.fromarray(generator.integers(0, 256, (4, 5, 3), dtype=np.uint8))
        patches.resize((width, height)).convert(mode).save(root / "JPEGImages" / f"{image_id}.png")
        objects = "".join(f"<object><name>thing {tag}</name></object>" for tag in tagged)
        (root / "Annotations" / f"{image_id}.xml").write_text(f"<annotation>{objects}</annotation>")
        mask = np.zeros((height, width), np.uint8)
        mask[height // 3 : height // 3 * 2 + 1, width // 3 : width // 3 * 2 + 1] = tagged[0] if tagged else 0
        Image.fromarray(mask).save(root / "SegmentationClass" / f"{image_id}.png")
    for split, listed in (("train", ids), ("val", ids[-1:])):
        (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_text("".join(f"{i}\n" for i in listed))


def fitted_recipe(path: Path, root: Path, sizes: Sequence[Size], classes: int, tiny: Path, **facts: Any) -> Path:
    """The tiny recipe with what fits these photos, and fewer epochs."""
    known = {"cores": 2, "memory": 4 * 10**9} | facts
    fitted = fitting(Facts.of(sizes, train=len(sizes), classes=classes, **known), CELL)
    values = yaml.safe_load(tiny.read_text())
    values["data"] = {"kind": "voc", "root": str(root), "train": "train", "val": "val"}
    values["affinity"]["radius"] = 10
    for section in ("train_cls", "affinity", "seg"):
        del values[section]["batch"]
    for key, value in ({key: fit.value for key, fit in fitted.items()} | SHORT).items():
        *sections, name = key.split(".")
        place = values
        for section in sections:
            place = place.setdefault(section, {})
        place[name] = value
    path.write_text(yaml.safe_dump(values))
    return path


MIXED = [(16, 16), (16, 400), (300, 40), (64, 48), (1, 1), (240, 320)]
DATA: dict[str, tuple[list[Size], list[list[int]], int, str]] = {
    "tiny": ([(16, 16)] * 4, [[1], [2], [1, 2], []], 2, "RGB"),
    "wide": ([(16, 400)] * 3, [[1], [2], [3]], 3, "RGB"),
    "tall": ([(400, 16)] * 3, [[1], [2], [3]], 3, "RGB"),
    "mixed": (MIXED, [[1], [2], [1, 2], [], [2], [1]], 2, "RGB"),
    "one photo": ([(60, 80)], [[1]], 2, "RGB"),
    "one class beside photos of none": ([(60, 80)] * 4, [[1], [], [1], []], 1, "RGB"),
    "254 classes": ([(40, 60)] * 3, [[1, 254], [253], [100, 101, 102]], 254, "RGB"),
    "grey": ([(60, 80)] * 3, [[1], [2], [1]], 2, "L"),
    "a megapixel": ([(800, 1300)] * 2, [[1], [2]], 2, "RGB"),
}


@pytest.mark.parametrize("name", DATA)
def test_any_photos_go_through_every_stage(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, name: str) -> None:
    sizes, tags, classes, mode = DATA[name]
    write_voc(tmp_path / "data", sizes, tags, classes, mode)
    recipe = fitted_recipe(tmp_path / "fit.yaml", tmp_path / "data", sizes, classes, tiny_recipe)
    run = tmp_path / "run"
    result = puzzlecam("run-all", recipe, "--run", run)
    assert result.exit_code == 0, result.output

    for number, (size, tagged) in enumerate(zip(sizes, tags, strict=True)):
        image_id = f"photo {number}"
        for read, folder in ((read_cams, "cams"), (read_walked, "rw/scores")):
            for stride in (1, 4):
                found, scores = read(run / folder / f"{image_id}.npz", stride)
                assert found.tolist() == tagged
                assert scores.shape == (len(tagged), -(-size[0] // stride), -(-size[1] // stride))
                assert scores.isfinite().all()
                assert not scores.numel() or 0 <= scores.min() <= scores.max() <= 1
        for folder, others in (("affinity/labels", {0, 255}), ("rw/pseudo_labels", {0})):
            labels = np.array(Image.open(run / folder / f"{image_id}.png"))
            assert labels.shape == size
            assert set(np.unique(labels).tolist()) <= others | set(tagged)
    predicted = np.array(Image.open(run / "seg" / "predictions" / "val" / f"photo {len(sizes) - 1}.png"))
    assert predicted.shape == sizes[-1]
    assert predicted.max() <= classes
    scores = json.loads((run / "eval" / "scores.json").read_text())["results"]
    assert [(row["what"], row["images"]) for row in scores] == [
        ("cams", len(sizes)),
        ("rw", len(sizes)),
        ("pseudo-labels", len(sizes)),
        ("predictions", 1),
    ]


def test_photos_far_from_the_side_are_seen_at_it_and_files_tell_so(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path
) -> None:
    sizes, tags, classes, _ = DATA["tiny"]
    write_voc(tmp_path / "data", sizes, tags, classes)
    recipe = fitted_recipe(tmp_path / "fit.yaml", tmp_path / "data", sizes, classes, tiny_recipe)
    result = puzzlecam("run-all", recipe, "--until", "rw", "--run", tmp_path / "run")
    assert result.exit_code == 0, result.output
    with np.load(tmp_path / "run" / "cams" / "photo 0.npz") as file:
        assert (tuple(file["size"]), tuple(file["seen"])) == ((16, 16), (64, 64))
    with np.load(tmp_path / "run" / "rw" / "scores" / "photo 0.npz") as file:
        assert file["scores"].shape == (1, 16, 16)  # of 64 pixels at stride 4


def test_what_does_not_fit_into_the_memory_is_told_with_its_remedy(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[Size] = [(800, 1300)] * 2
    write_voc(tmp_path / "data", sizes, [[1], [2]], 254)
    recipe = fitted_recipe(tmp_path / "fit.yaml", tmp_path / "data", sizes, 254, tiny_recipe, memory=5 * 10**8)
    monkeypatch.setattr("puzzlecam_cli.run.check_machine.free_memory", lambda: 5e8)
    as_they_are = [f"{key}=null" for key in ("cams.longer_side", "seg.predict.crf.largest_side")]
    result = puzzlecam("run-all", recipe, "--run", tmp_path / "run", *(p for c in as_they_are for p in ("--set", c)))
    assert result.exit_code == 2
    said = " ".join(result.stderr.split())
    assert "photos-too-large" in said
    assert "the probabilities of 255 labels" in said
    assert "largest_side" in said
    assert puzzlecam("train-cls", recipe, "--run", tmp_path / "run").exit_code == 0  # as it was fitted
