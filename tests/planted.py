"""A sound set of photos in VOC layout, and the faults that can be planted in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

from tests.conftest import TINY

CLASSES = ("goat", "hen", "cow", "pig")
WIDER = (*CLASSES, "yak", "colt", "foal", "owl")
SIZE = 64, 48
Plant = Callable[["Farm"], object]


class Farm:
    """16 photos to train on and 8 to predict, each of one or two of four classes, with masks; all different."""

    def __init__(self, folder: Path):
        self.root = folder / "farm"
        self.recipe = folder / "farm.yaml"
        for name in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
            (self.root / name).mkdir(parents=True)
        (self.root / "classes.txt").write_text("\n".join(CLASSES))
        data = {"kind": "voc", "root": str(self.root), "train": "train", "val": "val"}
        self.recipe.write_text(yaml.safe_dump(TINY | {"data": data}))
        for number in range(24):
            tags = [CLASSES[number % 4]] + ([CLASSES[(number // 4 + 1) % 4]] if number % 3 == 0 else [])
            self.add(f"t{number:02}" if number < 16 else f"v{number:02}", tags, seed=number)

    def photo(self, name: str) -> Path:
        return self.root / "JPEGImages" / f"{name}.jpg"

    def mask(self, name: str) -> Path:
        return self.root / "SegmentationClass" / f"{name}.png"

    def list(self, split: str) -> Path:
        return self.root / "ImageSets/Segmentation" / f"{split}.txt"

    def add(self, name: str, tags: Iterable[str], seed: int, size: tuple[int, int] = SIZE) -> None:
        """A photo of coloured patches, which stands in a list by the first letter of its name."""
        patches = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC).save(self.photo(name), quality=95)
        self.tag(name, tags)
        self.draw(name, [WIDER.index(tag) + 1 for tag in tags], size)
        self.name_in("train" if name[0] == "t" else "val", name)

    def tag(self, name: str, tags: Iterable[str]) -> None:
        objects = "".join(f"<object><name>{tag}</name></object>" for tag in tags)
        (self.root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{objects}</annotation>")

    def draw(self, name: str, labels: Iterable[int], size: tuple[int, int] = SIZE) -> None:
        mask = np.zeros(size[::-1], np.uint8)
        for column, label in enumerate(labels):
            mask[2:-2, 4 + 20 * column : 20 + 20 * column] = label
        Image.fromarray(mask).save(self.mask(name))

    def name_in(self, split: str, name: str) -> None:
        with self.list(split).open("a") as file:
            file.write(f"{name}\n")

    def copy(self, name: str, other: str, tags: Iterable[str]) -> None:
        """The same file under another name."""
        self.add(other, tags, seed=0)
        self.photo(other).write_bytes(self.photo(name).read_bytes())


def widen(farm: Farm) -> None:
    (farm.root / "classes.txt").write_text("\n".join(WIDER))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def save_again(farm: Farm, name: str, other: str, tags: Iterable[str]) -> None:
    """A near-identical photo: smaller, and compressed once more."""
    farm.add(other, tags, seed=0)
    Image.open(farm.photo(name)).resize((56, 42)).resize(SIZE).save(farm.photo(other), quality=80)


# What is planted, the finding that names it, its weight, and the ids or classes it must name.
FAULTS: dict[str, tuple[Plant, str, str, set[str]]] = {
    "a photo that is cut off": (lambda f: cut(f.photo("t03")), "image-unreadable", "stops", {"t03"}),
    "a list that names a photo that is not there": (
        lambda f: f.name_in("train", "t99"),
        "image-missing",
        "stops",
        {"t99"},
    ),
    "an id that stands twice in its list": (lambda f: f.name_in("val", "v20"), "data-invalid", "stops", {"v20"}),
    "a mask of another size": (lambda f: f.draw("v17", [2], (32, 24)), "mask-unreadable", "stops", {"v17"}),
    "a tiny photo": (lambda f: f.add("t40", ["hen"], 40, (20, 18)), "photo-tiny", "harms", {"t40"}),
    "a photo of one colour": (
        lambda f: [f.add("t41", ["hen"], 41), Image.new("RGB", SIZE, "navy").save(f.photo("t41"))],
        "photo-empty",
        "harms",
        {"t41"},
    ),
    "the same file twice, with different tags": (
        lambda f: f.copy("t05", "t42", ["cow"]),
        "duplicates-disagree",
        "harms",
        {"t05", "t42"},
    ),
    "a photo of train under another name in val": (
        lambda f: f.copy("t06", "v43", ["cow", "pig"]),
        "duplicates-across-splits",
        "harms",
        {"t06", "v43"},
    ),
    "a photo saved again in val": (
        lambda f: save_again(f, "t10", "v44", ["cow"]),
        "near-duplicates-across-splits",
        "harms",
        {"t10", "v44"},
    ),
    "a photo in both splits": (lambda f: f.name_in("val", "t08"), "splits-overlap", "harms", {"t08"}),
    "a photo without a tag": (lambda f: [f.add("t45", [], 45)], "photo-without-tags", "note", {"t45"}),
    "a class that is never tagged": (
        widen,
        "class-never-tagged",
        "harms",
        {"yak"},
    ),
    "two classes that always occur together": (
        lambda f: [widen(f), *(f.add(f"t5{n}", ["colt", "foal"], 50 + n) for n in range(3))],
        "classes-always-together",
        "harms",
        {"colt", "foal", "t50", "t51", "t52"},
    ),
    "a class on one photo": (lambda f: [widen(f), f.add("t60", ["owl"], 60)], "class-rare", "harms", {"owl", "t60"}),
    "a mask of a class that is no tag": (lambda f: f.draw("t01", [2, 4]), "mask-without-tag", "harms", {"pig", "t01"}),
    "a mask that shows nothing": (lambda f: f.draw("t02", []), "mask-empty", "harms", {"t02"}),
    "a photo six times as long as wide": (
        lambda f: f.add("t61", ["hen"], 61, (360, 60)),
        "photo-extreme",
        "note",
        {"t61"},
    ),
}
