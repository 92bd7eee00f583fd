"""What people reported of tools like this one: exports of annotation tools, masks that were edited, files elsewhere.

Each is looked at as before a run: what is refused (`×`) and what a person is told.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from puzzlecam_cli.cli.mendable import as_mendable
from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.check_data import (
    about_tags,
    lists,
    masks_are_sharp,
    masks_mean_something,
    pixels,
    tags_fit_masks,
)
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import PIPELINE
from tests.conftest import TINY

CLASSES = ("goat", "hen", "cow", "pig", "duck", "fox")
PHOTOS = {"a": "cow", "b": "hen", "c": "duck", "d": "cow"}  # the last two are `val`
DATA_CHECKS = (lists, pixels, masks_mean_something, masks_are_sharp, tags_fit_masks)
Change = Callable[[Path], object]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four photos of one object each, right in all."""
    root = tmp_path / "data"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name, tag in PHOTOS.items():
        Image.new("RGB", (48, 32), "green").save(root / "JPEGImages" / f"{name}.jpg")
        (root / "Annotations" / f"{name}.xml").write_text(
            f"<annotation><object><name>{tag}</name></object></annotation>"
        )
        labels = np.zeros((32, 48), np.uint8)
        labels[8:24, 10:40] = 1 + CLASSES.index(tag)
        save(root / "SegmentationClass" / f"{name}.png", labels)
    (root / "classes.txt").write_text("\n".join(("background", *CLASSES)))
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("c\nd\n")
    return root


def save(path: Path, labels: np.ndarray) -> None:
    picture = Image.fromarray(labels.astype(np.uint8))
    picture.putpalette(VOC_PALETTE)
    picture.save(path)


def checked(root: Path, *changes: str) -> Checked:
    data = {"kind": "voc", "root": str(root), "train": "train", "val": "val"}
    (root.parent / "recipe.yaml").write_text(yaml.safe_dump(TINY | {"data": data}))
    (root.parent / "run").mkdir(exist_ok=True)
    run = Run.at(load_recipe(str(root.parent / "recipe.yaml"), changes), root.parent / "run")
    return Checked(run, tuple(all_steps(PIPELINE)), 1, lambda done, total: None, 0)


def told(root: Path, *changes: str) -> list[str]:
    """All that the checks of the data say; what stops the run begins with `×`."""
    found = checked(root, *changes)
    try:
        errors = [error for check in DATA_CHECKS for error in check(found)]
        facts = [] if errors else list(about_tags(found))
    except UserError as error:
        errors, facts = [error], []
    return [f"× {' '.join(str(error).split())}" for error in errors] + facts


def text(place: str, before: str, after: str) -> Change:
    def change(root: Path) -> None:
        for file in root.glob(place):
            file.write_text(re.sub(before, after, file.read_text()))

    return change


def masks(of: Callable[[np.ndarray], np.ndarray]) -> Change:
    def change(root: Path) -> None:
        for file in root.glob("SegmentationClass/*.png"):
            save(file, of(np.array(Image.open(file))))

    return change


def moved(before: str, after: str) -> Change:
    return lambda root: (root / before).rename(root / after)


def renamed(pattern: str, name: Callable[[Path], str]) -> Change:
    return lambda root: [file.rename(file.with_name(name(file))) for file in list(root.glob(pattern))]


def resized(labels: np.ndarray, how: Image.Resampling) -> np.ndarray:
    small = Image.fromarray(labels).resize((32, 21), how)
    return np.array(small.resize((48, 32), how))


def orientation(number: int) -> Change:
    def change(root: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = number
        for file in root.glob("JPEGImages/*.jpg"):
            Image.open(file).copy().save(file, exif=exif.tobytes())

    return change


def photo(data: bytes) -> Change:
    return lambda root: (root / "JPEGImages/a.jpg").write_bytes(data)


def nothing(root: Path) -> None:
    pass


# what was done to the data, and a part of what is said; a leading `×`: it stops the run
REPORTS: dict[str, tuple[Change, str]] = {
    "all right": (nothing, "`train`: 2 photos, 2 tags of 2 classes"),
    "a tag in capitals": (text("Annotations/a.xml", "cow", "COW"), "× a.xml: `COW` is no class; did you mean `cow`?"),
    "a plural as tag": (text("Annotations/a.xml", "cow", "cows"), "× a.xml: `cows` is no class; did you mean `cow`?"),
    "a tag with another blank": (
        lambda root: [text("classes.txt", "cow", "brown_cow")(root), text("*/a.xml", "cow", "Brown cow")(root)],
        "× a.xml: `Brown cow` is no class; did you mean `brown_cow`?",
    ),
    "background as a tag": (
        text("Annotations/a.xml", "</annotation>", "<object><name>_background_</name></object></annotation>"),
        "`train`: tags that are no object class are left out: `_background_`",
    ),
    "XML in another encoding than it says": (
        lambda root: (root / "Annotations/a.xml").write_bytes(
            b'<?xml version="1.0" encoding="gb2312"?><annotation>\xe5\x9b\xbe</annotation>'
        ),
        "× a.xml: is not text in GB2312: line 1: byte 0xE5",
    ),
    "two classes but for capitals": (text("classes.txt", "goat", "Cow"), "`Cow` and `cow` are two classes"),
    "labelme's class_names.txt": (moved("classes.txt", "class_names.txt"), "class_names.txt"),
    "labels.txt": (moved("classes.txt", "labels.txt"), "there is no {root}/classes.txt: classes are those of"),
    "classes in another order than the masks": (
        lambda root: (root / "classes.txt").write_text("\n".join(sorted(CLASSES))),
        "× tags and masks of 4 of 4 photos contradict each other",
    ),
    "masks that count background as 1": (masks(lambda m: m + 1), "× tags and masks of 4 of 4 photos contradict"),
    "masks that count the first class as 0": (
        masks(lambda m: np.where(m == 0, 255, m - 1)),
        "× tags and masks of 4 of 4 photos contradict",
    ),
    "masks of instances": (masks(lambda m: np.minimum(m, 1)), "× tags and masks of 4 of 4 photos contradict"),
    "val's masks alone are off by one": (
        lambda root: (
            [masks(lambda m: m + 1)(root), (root / "SegmentationClass/a.png").unlink()]
            and (root / "SegmentationClass/b.png").unlink()
        ),
        "× tags and masks of 2 of 2 photos contradict",
    ),
    "masks without background": (masks(lambda m: np.where(m == 0, 255, m)), "no mask of `val` holds background (0)"),
    "void as 254": (masks(lambda m: np.where(m == 0, 254, m)), "× {root}/SegmentationClass/a.png holds class 254"),
    "masks shrunk and grown by interpolation": (
        masks(lambda m: resized(m, Image.Resampling.BILINEAR)),
        "× 4 of 4 masks hold numbers that lie only where a lower one meets a higher one",
    ),
    "masks shrunk and grown by splines": (
        masks(lambda m: np.minimum(resized(m, Image.Resampling.BICUBIC), 5)),
        "× 4 of 4 masks hold numbers that lie only",
    ),
    "masks shrunk and grown by nearest neighbour": (
        masks(lambda m: resized(m, Image.Resampling.NEAREST)),
        "`train`: 2 photos",
    ),
    "masks with height and width exchanged": (
        masks(np.transpose),
        "× {root}/SegmentationClass/a.png: 32×48 pixels, its photo 48×32",
    ),
    "photos turned upside down by EXIF": (orientation(3), "EXIF turns 4 photos to the same size (a, b, c, ... and 1"),
    "photos turned to their side by EXIF": (orientation(6), "× {root}/SegmentationClass/a.png: 48×32 pixels, its"),
    "photos that EXIF leaves as they are": (orientation(1), "`train`: 2 photos"),
    "labelme's SegmentationClassPNG": (
        moved("SegmentationClass", "SegmentationClassPNG"),
        "no photo of `val` has a mask, so nothing is scored on it: there is no folder {root}/SegmentationClass, but "
        "SegmentationClassPNG",
    ),
    "SegmentationClassAug alone": (moved("SegmentationClass", "SegmentationClassAug"), "but SegmentationClassAug"),
    "no masks": (lambda root: shutil.rmtree(root / "SegmentationClass"), "no photo of `train` has a mask, so nothing"),
    "masks called <id>_mask.png": (
        renamed("SegmentationClass/*.png", lambda file: f"photo_{file.stem}_mask.png"),
        "no photo of `train` has a mask",
    ),
    "masks called <id>.jpg.png": (
        renamed("SegmentationClass/*.png", lambda file: f"{file.stem}.jpg.png"),
        "no photo of `train` has a mask",
    ),
    "labelme's masks as arrays": (
        renamed("SegmentationClass/*.png", lambda file: f"{file.stem}.npy"),
        "for `a`: there is `a.npy`, which is none of",
    ),
    "a list of photos and masks": (
        lambda root: (root / "ImageSets/Segmentation/train.txt").write_text("a.jpg a.png\nb.jpg b.png\n"),
        "× `a.jpg a.png`: not there; write `a` alone",
    ),
    "a list in ImageSets itself": (
        moved("ImageSets/Segmentation/train.txt", "ImageSets/train.txt"),
        "× there is {root}/ImageSets/train.txt: move it to {root}/ImageSets/Segmentation",
    ),
    "a list beside the folders": (
        moved("ImageSets/Segmentation/train.txt", "train.txt"),
        "× there is {root}/train.txt: move it to",
    ),
    "the data one folder below": (
        lambda root: [root.rename(root.parent / "x"), root.mkdir(), (root.parent / "x").rename(root / "VOC2012")],
        "× did you mean --set data.root={root}/VOC2012?",
    ),
    "HEIC called .jpg": (photo(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"), "× a.jpg cannot be decoded: it is HEIC"),
    "AVIF called .jpg": (photo(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"), "× a.jpg cannot be decoded: it is AVIF"),
    "a pointer of Git LFS": (photo(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d"), "× `git lfs pull`"),
    "a web page called .jpg": (photo(b"\n<!DOCTYPE html><title>404</title>"), "× it is a web page or XML"),
    "what macOS keeps beside a photo": (photo(b"\0\5\x16\7\0\2\0\0Mac OS X"), "× it is what macOS keeps"),
    "a Photoshop file called .jpg": (photo(b"8BPS\0\1" + b"\0" * 20), "× it is a PDF, a Photoshop file"),
}


@pytest.mark.parametrize(("change", "said"), REPORTS.values(), ids=REPORTS)
def test_what_people_ran_into_is_told_before_anything_is_trained(root: Path, change: Change, said: str) -> None:
    change(root)
    found = told(root)
    part = said.removeprefix("× ").format(root=root)
    assert any(part in line and line.startswith("×") == said.startswith("×") for line in found), found
    assert len(found) == len(set(found)), found


@pytest.mark.parametrize(
    ("remedy", "one"),
    [
        pytest.param("data.white=class", [255, 255, 255], id="white is the class"),
        pytest.param("data.colours={root}/colours.txt", [9, 8, 7], id="a table of colours"),
    ],
)
def test_the_remedy_that_a_message_names_helps_although_masks_were_looked_at_before(
    root: Path, remedy: str, one: list[int]
) -> None:
    (root / "classes.txt").write_text("cow\n")
    text("Annotations/*.xml", "<name>.*</name>", "<name>cow</name>")(root)
    for file in root.glob("SegmentationClass/*.png"):
        labels = np.array(Image.open(file))[..., None] > 0
        colours = np.where(labels, np.array(one), 0).astype(np.uint8)
        Image.fromarray(colours if "colours" in remedy else colours[..., 0]).save(file)
    (root / "colours.txt").write_text("background:0,0,0::\ncow:9,8,7::\n")
    assert any(line.startswith("×") for line in told(root))
    assert not any(line.startswith("×") for line in told(root, remedy.format(root=root)))


SHM = (
    "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):\nRuntimeError: "
    "unable to allocate shared memory(shm) for file </torch_1_2_0>: No space left on device (28)"
)
BUS = (
    "DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that dataloader's workers are out of "
    "shared memory. Please try to raise your shared memory limit."
)


@pytest.mark.parametrize(
    ("failure", "reference", "remedy"),
    [
        pytest.param(RuntimeError(SHM), "shared-memory", "--shm-size", id="a container's shared memory, told"),
        pytest.param(RuntimeError(BUS), "shared-memory", "--shm-size", id="a container's shared memory, by a signal"),
        pytest.param(RuntimeError("received 0 items of ancdata"), "limit", "ulimit -n", id="few open files, ancdata"),
        pytest.param(RuntimeError("Caught OSError\nToo many open files"), "limit", "ulimit -n", id="few open files"),
        pytest.param(RuntimeError("DataLoader worker (pid 7) exited"), "worker-killed", "workers", id="a worker ends"),
    ],
)
def test_what_workers_run_into_in_containers_is_the_users_to_mend(
    failure: Exception, reference: str, remedy: str
) -> None:
    error = as_mendable(failure)
    assert error is not None
    assert error.reference == reference
    assert remedy in (error.hint or "")
