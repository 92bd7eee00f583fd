"""What the synthetic data set promises: a complete, repeatable VOC layout whose tags can be trusted."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from puzzlecam_cli.data.made_up.drawing import CLASS_NAMES
from puzzlecam_cli.data.made_up.drawn import write_synthetic
from puzzlecam_cli.method.constants import IGNORE as VOID

TRAIN, VAL, SIZE, CLASSES = 24, 8, 96, 5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small data set that the read-only tests share."""
    folder = tmp_path_factory.mktemp("synthetic")
    write_synthetic(folder, train=TRAIN, val=VAL, size=SIZE, classes=CLASSES, seed=0)
    return folder


def contents(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def listed(root: Path, split: str) -> list[str]:
    return (root / "ImageSets" / "Segmentation" / f"{split}.txt").read_text(encoding="utf-8").split()


def mask(root: Path, name: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(root / "SegmentationClass" / f"{name}.png"))


def objects(root: Path, name: str) -> list[ElementTree.Element]:
    return ElementTree.parse(root / "Annotations" / f"{name}.xml").getroot().findall("object")


def tags(root: Path, name: str) -> list[str]:
    return [str(entry.findtext("name")) for entry in objects(root, name)]


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for folder in ("one", "other"):
        write_synthetic(tmp_path / folder, train=4, val=2, size=64, classes=3, seed=7)
    assert contents(tmp_path / "one") == contents(tmp_path / "other")


def test_another_seed_writes_other_pictures(tmp_path):
    for seed in (7, 8):
        write_synthetic(tmp_path / str(seed), train=4, val=0, size=64, classes=3, seed=seed)
    for name in listed(tmp_path / "7", "train"):
        one, other = (tmp_path / seed / "JPEGImages" / f"{name}.jpg" for seed in ("7", "8"))
        assert one.read_bytes() != other.read_bytes()


def test_a_picture_does_not_depend_on_how_many_there_are(tmp_path):
    write_synthetic(tmp_path / "few", train=2, val=1, size=64, classes=3, seed=7)
    write_synthetic(tmp_path / "many", train=5, val=3, size=64, classes=3, seed=7)
    few, many = contents(tmp_path / "few"), contents(tmp_path / "many")
    pictures = [path for path in few if not path.endswith(".txt")]
    assert len(pictures) == 3 * 3
    assert all(few[path] == many[path] for path in pictures)


def test_train_and_val_share_no_picture(root):
    pictures = [path.read_bytes() for path in (root / "JPEGImages").iterdir()]
    assert len(set(pictures)) == len(pictures)


def test_the_layout_is_complete(root):
    names = [f"synthetic_train_{index:04d}" for index in range(1, TRAIN + 1)]
    assert listed(root, "train") == names
    assert listed(root, "val") == [f"synthetic_val_{index:04d}" for index in range(1, VAL + 1)]
    expected = {*names, *listed(root, "val")}
    for folder, ending in (("JPEGImages", ".jpg"), ("SegmentationClass", ".png"), ("Annotations", ".xml")):
        assert {path.name for path in (root / folder).iterdir()} == {name + ending for name in expected}
    lines = (root / "classes.txt").read_text(encoding="utf-8").splitlines()
    assert lines == ["background", *CLASS_NAMES[:CLASSES]]
    assert [path.name for path in root.iterdir() if path.is_file()] == ["classes.txt"]


def test_an_interrupted_run_does_not_look_complete(tmp_path):
    write_synthetic(tmp_path, train=2, val=0, size=64, classes=2, seed=0)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_synthetic(tmp_path, train=2, val=0, size=64, classes=2, seed=1, progress=stop)
    assert not (tmp_path / "classes.txt").exists()


def test_progress_counts_every_picture_of_both_splits(tmp_path):
    calls: list[tuple[int, int]] = []
    arguments = {"train": 2, "val": 1, "size": 64, "classes": 2, "seed": 0}
    write_synthetic(tmp_path, **arguments, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_tags_are_exactly_the_classes_of_the_mask(root):
    for name in listed(root, "train") + listed(root, "val"):
        labels = set(np.unique(mask(root, name)).tolist()) - {0, VOID}
        assert {CLASS_NAMES[label - 1] for label in labels} == set(tags(root, name))


def test_boxes_hold_the_objects_of_their_class(root):
    for name in listed(root, "train"):
        labels = mask(root, name)
        boxed = np.zeros(labels.shape, np.uint8)
        for entry in objects(root, name):
            left, top, right, bottom = (
                int(entry.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
            )
            assert 1 <= left < right <= labels.shape[1]
            assert 1 <= top < bottom <= labels.shape[0]
            boxed[top - 1 : bottom, left - 1 : right] = 1
        assert boxed[(labels > 0) & (labels != VOID)].all()


@pytest.mark.parametrize("split", ["train", "val"])
def test_every_class_occurs(root, split):
    assert {tag for name in listed(root, split) for tag in tags(root, name)} == set(CLASS_NAMES[:CLASSES])


def test_one_class_alone_can_be_drawn(tmp_path):
    write_synthetic(tmp_path, train=6, val=0, size=64, classes=1, seed=0)
    assert {tag for name in listed(tmp_path, "train") for tag in tags(tmp_path, name)} == {CLASS_NAMES[0]}


def test_pictures_hold_one_to_three_objects_and_some_hold_several_classes(root):
    found = [tags(root, name) for name in listed(root, "train")]
    assert {len(entry) for entry in found} == {1, 2, 3}
    assert any(len(set(entry)) > 1 for entry in found)


def test_objects_cover_between_a_fifteenth_and_a_third_of_their_picture(root):
    for name in listed(root, "train") + listed(root, "val"):
        found = tags(root, name)
        for tag in set(found):
            share = float(np.mean(mask(root, name) == CLASS_NAMES.index(tag) + 1)) / found.count(tag)
            assert 1 / 15 < share < 1 / 3


def test_objects_stand_out_from_their_background(root):
    """The mean colours differ by more than the grain, so that extents can be found in the picture."""
    for name in listed(root, "train"):
        image, labels = np.asarray(Image.open(root / "JPEGImages" / f"{name}.jpg"), float), mask(root, name)
        background = image[labels == 0].mean(axis=0)
        for label in set(np.unique(labels).tolist()) - {0, VOID}:
            assert np.linalg.norm(image[labels == label].mean(axis=0) - background) > 20


def test_sizes_vary_around_the_one_asked_for(root):
    sizes = []
    for name in listed(root, "train"):
        with Image.open(root / "JPEGImages" / f"{name}.jpg") as image:
            sizes.append(image.size)
        size = ElementTree.parse(root / "Annotations" / f"{name}.xml").getroot().find("size")
        assert (int(size.findtext("width")), int(size.findtext("height"))) == sizes[-1]
        assert mask(root, name).shape == sizes[-1][::-1]
    assert len(set(sizes)) > TRAIN // 2
    assert any(width > height for width, height in sizes)
    assert any(width < height for width, height in sizes)
    for longer, shorter in (sorted(size, reverse=True) for size in sizes):
        assert 0.8 * SIZE - 1 <= longer <= 1.2 * SIZE + 1
        assert shorter / longer >= 3 / 4 - 0.02


def test_masks_carry_the_voc_palette(root):
    with Image.open(root / "SegmentationClass" / "synthetic_train_0001.png") as image:
        assert image.mode == "P"
        palette = image.getpalette()
    assert palette[: 3 * 4] == [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0]
    assert palette[3 * VOID :] == [224, 224, 192]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"classes": len(CLASS_NAMES) + 1}, "choose 1 to"),
        ({"classes": 0}, "choose 1 to"),
        ({"val": -1}, "counts start at 0"),
        ({"size": 16}, "at least"),
    ],
)
def test_what_cannot_be_drawn_is_refused_before_anything_is_written(tmp_path, wrong, message):
    arguments = {"train": 1, "val": 1, "size": 64, "classes": 2, "seed": 0} | wrong
    with pytest.raises(ValueError, match=message):
        write_synthetic(tmp_path, **arguments)
    assert list(tmp_path.iterdir()) == []
