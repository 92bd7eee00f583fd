"""A folder of tagged photos goes through every stage by the command line; what is wrong with it ends with exit 2."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from puzzlecam_cli.recipe.load import load_recipe
from tests.conftest import Run

PHOTOS = {
    "one/été 1": ("cat",),
    "one/2": ("cat", "big dog"),
    "two/3": ("big dog",),
    "two/4": (),
    "5": ("cat",),
    "two/6": ("big dog",),
}
MASKED = ("one/été 1", "two/3", "5")
COLOURS = {"cat": (200, 40, 40), "big dog": (40, 200, 40)}
QUICK = (
    "train_cls={epochs: 1, lr: 0.001}",
    "cams.scales=[1.0]",
    "affinity={epochs: 1, lr: 0.001, radius: 3, labels: {crf: {iterations: 0}}}",
    "seg={epochs: 1, width: 8, predict: {scales: [1.0], crf: {iterations: 0}}}",
    "rw.crf.iterations=0",
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Photos with a bar a class, masks of half of them, and a table of tags."""
    rows = ["Photo;Tags;Split"]
    for number, (image_id, tags) in enumerate(PHOTOS.items()):
        photo, mask = Image.new("RGB", (64 + number, 56), (90, 90, 90)), Image.new("L", (64 + number, 56))
        for left, (label, tag) in enumerate(COLOURS.items()):
            if tag in tags:
                box = (8 + 24 * left, 10, 24 + 24 * left, 44)
                ImageDraw.Draw(photo).rectangle(box, fill=COLOURS[tag])
                ImageDraw.Draw(mask).rectangle(box, fill=2 - label)  # classes are sorted: `big dog`, `cat`
        for picture, path in ((photo, f"photos/{image_id}.JPG"), (mask, f"masks/{image_id}.png")):
            if path.startswith("photos") or image_id in MASKED:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                picture.save(tmp_path / path, format="JPEG" if path.startswith("photos") else "PNG")
        rows.append(f"{image_id}.JPG;{','.join(tags)};{'test' if image_id in ('5', 'two/6') else 'train'}")
    (tmp_path / "photos" / "tags.csv").write_text("\n".join(rows), encoding="utf-8")
    return tmp_path


def options(home: Path, *changes: str, **given: str) -> list[str]:
    data = {"kind": "folder", "root": f"'{home / 'photos'}'", "masks": f"'{home / 'masks'}'"} | given
    data |= {} if "train" in given or "tags" in given else {"train": "split", "val": "split"}
    section = f"data={{{', '.join(f'{key}: {value}' for key, value in data.items())}}}"
    return [part for change in (section, *changes) for part in ("--set", change)]


def test_a_folder_goes_through_every_stage(puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path) -> None:
    changes = options(root, *QUICK)
    run = tmp_path / "run"
    plan = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan", *changes)
    assert plan.exit_code == 0, plan.output
    assert {line.split()[0] for line in plan.stdout.splitlines()} == {"run"}
    assert not run.exists()
    result = puzzlecam("run-all", tiny_recipe, "--run", run, *changes)
    assert result.exit_code == 0, result.output
    assert "scores of `train` are of the 2 of its 4 photos with a mask" in result.stderr

    for image_id in ("one/été 1", "one/2", "two/3", "two/4"):
        with Image.open(run / "rw" / "pseudo_labels" / f"{image_id}.png") as labels:
            tags = {1 + sorted(COLOURS).index(tag) for tag in PHOTOS[image_id]}
            assert set(np.unique(np.array(labels)).tolist()) <= {0, *tags}
    predictions = run / "seg" / "predictions" / "val"
    assert sorted(path.relative_to(predictions).as_posix() for path in predictions.rglob("*.png")) == [
        "5.png",
        "two/6.png",
    ]
    is_empty = not any(np.any(np.array(Image.open(path))) for path in predictions.rglob("*.png"))
    assert ("all predictions of `val` that were made now (2) are background" in result.stderr) == is_empty
    scores = json.loads((run / "eval" / "scores.json").read_text())
    assert scores["tags_from"] == "file"
    assert scores["tags"] == {"photos": 4, "tags": 4, "classes": 2, "photos_without": 1}
    assert [(row["what"], row["images"]) for row in scores["results"]] == [
        ("cams", 2),
        ("rw", 2),
        ("pseudo-labels", 2),
        ("predictions", 1),
    ]
    again = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan", *changes)
    assert {line.split()[0] for line in again.stdout.splitlines()} == {"keep"}


def test_changed_tags_redo_what_follows_from_them(
    puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path
) -> None:
    changes = options(root, "train_cls={epochs: 1, lr: 0.001}")
    run = tmp_path / "run"
    assert puzzlecam("train-cls", tiny_recipe, "--run", run, *changes).exit_code == 0
    table = root / "photos" / "tags.csv"
    table.write_text(table.read_text(encoding="utf-8") + "\n", encoding="utf-8")  # says the same
    plan = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan", *changes)
    assert plan.stdout.splitlines()[0].split()[0] == "keep"
    table.write_text(table.read_text(encoding="utf-8").replace("two/4.JPG;", "two/4.JPG;cat"), encoding="utf-8")
    plan = puzzlecam("run-all", tiny_recipe, "--run", run, "--plan", *changes)
    assert plan.stdout.splitlines()[0].split()[0] == "run"
    assert "the photos, tags or masks of data.train changed" in plan.stdout


REFUSED = {
    "no such folder": ({"root": "gone"}, "there is no folder gone"),
    "no such folder, of a table": ({"root": "gone", "tags": "tags.csv"}, "there is no folder gone"),
    "no such table": ({"tags": "gone.csv"}, "there is no tag file gone.csv"),
    "no such column": ({"train": "colour=red"}, "no column `colour` in"),
    "no such masks": ({"masks": "gone"}, "there is no folder gone"),
    "a share that is none": ({"train": "1.5"}, "must be a share between 0 and 1"),
    "no such setting": ({"tag": "tags.csv", "tags": "tags.csv"}, "did you mean `tags`"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_folder_ends_before_anything_is_made(
    given: dict[str, str], words: str, puzzlecam: Run, tiny_recipe: Path, root: Path, tmp_path: Path
) -> None:
    for more in (["--plan"], []):
        result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", *more, *options(root, **given))
        assert result.exit_code == 2, result.output
        assert words in " ".join(result.stderr.split())
        assert not (tmp_path / "run" / "train-cls").exists()


def test_the_recipe_of_folders_is_that_of_small_photos_with_other_data() -> None:
    folder, small = load_recipe("folder"), load_recipe("small_photos")
    assert folder.model_dump(exclude={"data"}) == small.model_dump(exclude={"data"})
    given = folder.data.model_dump(exclude_defaults=True)
    assert given == {"kind": "folder", "root": Path("photos"), "tags": Path("tags.csv"), "val": 0.2}
