"""Folders in VOC layout: what is read, and that everything wrong with them is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.kinds.voc import VOC_CLASSES, VocData, VocPhotos
from puzzlecam_cli.data.pixels.mask_file import MaskFile
from puzzlecam_cli.errors import UserError

Box = tuple[str, float, float, float, float]


def annotation(*boxes: Box, size: tuple[int, int] | None = (40, 30)) -> str:
    measured = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    objects = "".join(
        f"<object><name>{name}</name><difficult>1</difficult><bndbox><xmin>{left}</xmin><ymin>{top}</ymin>"
        f"<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        for name, left, top, right, bottom in boxes
    )
    return f"<annotation>{measured}{objects}</annotation>"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three photos: cat and dog, dog, nothing."""
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a", "b", "c"):
        Image.new("RGB", (40, 30)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
        Image.fromarray(np.full((30, 40), 8, np.uint8)).save(tmp_path / "SegmentationClass" / f"{name}.png")
    boxes: dict[str, list[Box]] = {"a": [("dog", 1, 1, 9, 9), ("cat", 2, 2, 8, 8), ("dog", 3, 3, 5, 5)]}
    boxes |= {"b": [("dog", 1, 1, 40, 30)], "c": []}
    for name, objects in boxes.items():
        (tmp_path / "Annotations" / f"{name}.xml").write_text(annotation(*objects))
    listed(tmp_path, "train", "a\nb\nc\n")
    return tmp_path


def listed(root: Path, split: str, text: str) -> None:
    (root / "ImageSets" / "Segmentation" / f"{split}.txt").write_bytes(text.encode())


def folder(root: Path, **settings: Any) -> VocPhotos:
    return VocPhotos(VocData(kind="voc", root=root, **settings), Path("run"), 0)


def refusal(root: Path, split: str = "train", **settings: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        folder(root, **settings).photos(split, tags=True)
    return caught.value


CAT, DOG = 1 + VOC_CLASSES.index("cat"), 1 + VOC_CLASSES.index("dog")


def test_photos_come_in_the_order_of_their_list_with_tags_and_masks(root):
    listed(root, "train", "c\na\nb\n")
    photos = folder(root).photos("train", tags=True)
    assert [photo.id for photo in photos] == ["c", "a", "b"]
    assert [photo.tags for photo in photos] == [(), (CAT, DOG), (DOG,)]
    assert [photo.image for photo in photos] == [root / "JPEGImages" / f"{i}.jpg" for i in "cab"]
    assert [photo.mask for photo in photos] == [MaskFile(root / "SegmentationClass" / f"{i}.png", 20) for i in "cab"]


def test_tags_are_numbered_in_vocs_order():
    assert len(VOC_CLASSES) == 20
    assert (CAT, DOG, VOC_CLASSES[0], VOC_CLASSES[19]) == (8, 12, "aeroplane", "tvmonitor")


def test_tags_are_sorted_whatever_the_annotation_says(root):
    boxes = [(name, 1, 1, 9, 9) for name in reversed(VOC_CLASSES)]
    (root / "Annotations" / "b.xml").write_text(annotation(*boxes))
    assert folder(root).photos("train", tags=True)[1].tags == tuple(range(1, 21))


def test_photos_without_tags_need_neither_annotations_nor_masks(root):
    for name in ("Annotations", "SegmentationClass"):
        for file in (root / name).iterdir():
            file.unlink()
        (root / name).rmdir()
    photos = folder(root).photos("train")
    assert [(photo.tags, photo.mask) for photo in photos] == [((), None)] * 3


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a\r\nb\r\n", ["a", "b"]),
        ("\n  b  \n\n a", ["b", "a"]),
        ("b 1\na -1\n", ["b", "a"]),
        ("/JPEGImages/a.jpg /SegmentationClass/a.png\n", ["a"]),
    ],
)
def test_lists_of_every_style_are_read(root, text, ids):
    listed(root, "train", text)
    assert folder(root).ids("train") == ids


def test_a_list_with_a_byte_order_mark_is_read(root):
    listed(root, "train", "\ufeffa\nb\n")
    assert folder(root).ids("train") == ["a", "b"]


def test_the_shipped_train_aug_is_read_where_the_folder_has_none(root):
    ids = folder(root).ids("train_aug")
    assert (len(ids), len(set(ids))) == (10582, 10582)
    assert all(len(i) == 11 and i[4] == "_" and i[:4].isdigit() and i[5:].isdigit() for i in ids)


def test_the_folders_own_list_comes_before_the_shipped_one(root):
    listed(root, "train_aug", "b\n")
    assert folder(root).ids("train_aug") == ["b"]


def test_a_folder_that_is_not_there_is_refused(root):
    with pytest.raises(UserError, match="data-missing") as caught:
        folder(root / "nowhere").ids("train")
    assert "nowhere" in caught.value.problem
    assert "data.root" in caught.value.hint


def test_a_folder_without_photos_is_refused(root):
    (root / "JPEGImages").rename(root / "images")
    error = refusal(root)
    assert error.reference == "data-missing"
    assert "JPEGImages" in error.problem


@pytest.mark.parametrize(
    ("text", "reference", "said"),
    [
        ("", "data-invalid", "names no image"),
        (" \n\n", "data-invalid", "names no image"),
        ("a\nb\na\n", "data-invalid", "twice"),
    ],
)
def test_a_list_that_is_empty_or_repeats_itself_is_refused(root, text, reference, said):
    listed(root, "train", text)
    error = refusal(root)
    assert error.reference == reference
    assert said in error.problem
    assert error.where == (("`a`: lines 1 and 3",) if said == "twice" else ())


def test_a_list_that_is_not_there_is_refused(root):
    error = refusal(root, "trian")
    assert error.reference == "data-missing"
    assert "trian.txt" in error.problem


def test_all_missing_images_are_counted_and_the_first_named(root):
    names = [f"x{n}" for n in range(12)]
    listed(root, "train", "\n".join(["a", *names]))
    error = refusal(root)
    assert error.reference == "image-missing"
    assert "12 of 13" in error.problem
    assert [line.partition(":")[0] for line in error.where] == [*(f"`{name}`" for name in names[:8]), "... and 4 more"]


def test_all_problems_of_the_annotations_are_reported_at_once(root):
    (root / "Annotations" / "a.xml").write_text(annotation(("cta", 1, 1, 9, 9), ("dog", 1, 1, 9, 9)))
    (root / "Annotations" / "b.xml").write_text("<annotation><object>")
    (root / "Annotations" / "c.xml").write_text("<html/>")
    error = refusal(root)
    assert error.reference == "tags-invalid"
    assert "3 problem" in error.problem
    for line, expected in zip(error.where, ("a.xml: `cta` is no class", "b.xml: line 1", "c.xml: its"), strict=True):
        assert line.startswith(expected)
    assert "aeroplane, bicycle" in error.hint


def test_annotations_that_are_not_there_are_named(root):
    (root / "Annotations" / "c.xml").unlink()
    assert refusal(root).where[0].startswith("`c`: not there")


@pytest.mark.parametrize(("old", "new"), [("<xmin>1<", "<xmin>left<"), ("<width>40<", "<width>wide<")])
def test_a_box_that_is_no_number_is_refused(root, old, new):
    file = root / "Annotations" / "b.xml"
    file.write_text(file.read_text().replace(old, new))
    assert refusal(root, boxes="clipped").reference == "tags-invalid"
    assert folder(root).photos("train", tags=True)[1].tags == (DOG,)


@pytest.mark.parametrize(
    ("box", "counts"),
    [
        ((5, 5, 5, 20), False),  # no width
        ((5, 20, 20, 20), False),  # no height
        ((40, 5, 60, 20), False),  # beyond the right border
        ((5, 30, 20, 35), False),
        ((-9, 5, 0, 20), False),
        ((-9, -9, 1, 1), True),
        ((39.5, 29.5, 60, 60), True),
        ((5, 5, 6, 6), True),
        ((20, 20, 5, 5), False),  # inside out
    ],
)
def test_by_the_authors_rule_an_object_counts_if_its_box_has_an_area_inside_the_photo(root, box, counts):
    (root / "Annotations" / "b.xml").write_text(annotation(("dog", *box)))
    data = folder(root, boxes="clipped")
    assert data.photos("train", tags=True)[1].tags == ((DOG,) if counts else ())
    assert any("b.xml: dog" in fact for fact in data.facts("train")) != counts
    ours = folder(root)
    assert ours.photos("train", tags=True)[1].tags == (DOG,)
    assert any("b.xml: dog" in fact for fact in ours.facts("train")) != counts


def test_an_annotation_without_size_or_box_still_tags(root):
    (root / "Annotations" / "a.xml").write_text(annotation(("dog", 1, 1, 9000, 9000), size=None))
    (root / "Annotations" / "b.xml").write_text("<annotation><object><name> cat </name></object></annotation>")
    assert [photo.tags for photo in folder(root).photos("train", tags=True)][:2] == [(DOG,), (CAT,)]


def test_an_unknown_size_of_zero_does_not_drop_the_objects(root):
    (root / "Annotations" / "b.xml").write_text(annotation(("dog", 1, 1, 9, 9), size=(0, 0)))
    assert folder(root).photos("train", tags=True)[1].tags == (DOG,)


@pytest.mark.parametrize("text", ["background\ncat\ndog\n", "cat\ndog\n", "background\r\n\r\n cat \r\ndog"])
def test_the_class_list_may_name_the_background_first(root, text):
    (root / "classes.txt").write_bytes(text.encode())
    data = folder(root)
    assert data.classes == ("cat", "dog")
    assert [photo.tags for photo in data.photos("train", tags=True)] == [(1, 2), (2,), ()]


def test_without_a_class_list_the_classes_are_vocs(root):
    assert folder(root).classes == tuple(VOC_CLASSES)


def test_another_class_list_can_be_named(root):
    (root / "classes.txt").write_text("sheep\n")
    (root / "mine.txt").write_text("dog\ncat\n")
    assert folder(root, classes=root / "mine.txt").classes == ("dog", "cat")
    assert refusal(root, classes=root / "not.txt").reference == "data-missing"


@pytest.mark.parametrize("text", ["", "background\n", "cat\ndog\ncat\n", "\n".join(f"class {n}" for n in range(255))])
def test_a_class_list_that_cannot_be_labels_is_refused(root, text):
    (root / "classes.txt").write_text(text)
    assert refusal(root).reference == "data-invalid"


def test_tags_can_come_from_masks(root):
    mask = np.zeros((30, 40), np.uint8)
    mask[:5], mask[5:9] = 255, 3
    mask[20:] = 12
    Image.fromarray(mask).save(root / "SegmentationClass" / "a.png")
    assert [photo.tags for photo in folder(root, tags="masks").photos("train", tags=True)] == [(3, 12), (8,), (8,)]
    (root / "SegmentationClass" / "b.png").unlink()
    assert refusal(root, tags="masks").reference == "mask-missing"


def test_a_mask_of_other_classes_gives_no_tags(root):
    Image.fromarray(np.full((30, 40), 77, np.uint8)).save(root / "SegmentationClass" / "a.png")
    refusal(root, tags="masks")


def test_the_fingerprint_changes_with_what_it_covers_and_nothing_else(root):
    def prints() -> list[str]:
        data = folder(root)
        return [data.fingerprint("train"), data.fingerprint("train", tags=True), data.fingerprint("train", masks=True)]

    before = prints()
    assert prints() == before
    (root / "JPEGImages" / "not_listed.jpg").write_bytes(b"x")
    assert prints() == before
    for number, path, changed in (
        (0, "JPEGImages/a.jpg", [True, True, True]),
        (1, "Annotations/a.xml", [False, True, False]),
        (2, "SegmentationClass/a.png", [False, False, True]),
        (3, "ImageSets/Segmentation/train.txt", [True, True, True]),
    ):
        before = prints()
        (root / path).write_bytes(b"b\na\nc\n" if number == 3 else b"x" * (number + 1))
        assert [one != other for one, other in zip(before, prints(), strict=True)] == changed, path
