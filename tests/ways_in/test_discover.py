"""Way in: a folder of photos, however it is laid out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.data.discover.candidate import Reading
from puzzlecam_cli.data.discover.layouts import Discovery, discover
from puzzlecam_cli.data.discover.place import Place
from tests.layouts import CATS, CSV, JPEG, MANY, MANY_ROWS, MASK, TWO, Files, coco, lay, photos, voc, xml

FOLDER = {"kind": "folder", "root": ".", "tags": "tags.csv", "val": None}
IMAGES = {**FOLDER, "root": "images"}
VOC = {"kind": "voc", "root": ".", "train": "train", "val": "val"}
OURS: Files = {
    "labels/a.png": MASK,
    "labels/coco.json": coco("b", "a"),
    "labels/.puzzlecam/made.json": "{}",
}

# What lies in a folder, and the `data` section that reads it; paths as they are below the folder.
FOUND: dict[str, tuple[Files, dict[str, Any]]] = {
    "VOC": (voc(), VOC),
    "VOC one level below": (voc("VOC2012/"), {**VOC, "root": "VOC2012"}),
    "VOC two levels below": (voc("VOCdevkit/VOC2007/"), {**VOC, "root": "VOCdevkit/VOC2007"}),
    "VOC, lists in Main": (voc(lists={"Main/train": "a\n", "Main/val": "b\n"}), VOC),
    "VOC, trainval and test": (
        voc(lists={"Main/trainval": "a\n", "Main/test": "b\n"}),
        {**VOC, "train": "trainval", "val": "test"},
    ),
    "VOC, one list": (voc(lists={"Main/train": "a\nb\n"}), {**VOC, "val": None}),
    "VOC, tags in lists of Main": (
        {
            **photos("a", "b", below="JPEGImages/"),
            "classes.txt": "cat\ndog\n",
            "ImageSets/Main/cat_train.txt": "a 1\n",
            "ImageSets/Main/dog_train.txt": "a -1\n",
            "ImageSets/Main/cat_val.txt": "b -1\n",
            "ImageSets/Main/dog_val.txt": "b 1\n",
            "ImageSets/Main/train.txt": "a\n",
            "ImageSets/Main/val.txt": "b\n",
        },
        VOC,
    ),
    "VOC without lists": (
        voc(lists={}),
        {**FOLDER, "root": "JPEGImages", "tags": "Annotations", "classes": "classes.txt"},
    ),
    "XML of labelImg beside the photos": (
        {**TWO, "a.xml": xml("cat"), "b.xml": xml("dog")},
        {**FOLDER, "tags": "."},
    ),
    "XML of labelImg in a folder of its own": (
        {**photos("a", "b", below="images/"), "xml/a.xml": xml("cat"), "xml/b.xml": xml("dog")},
        {**IMAGES, "tags": "xml"},
    ),
    "a table beside the photos": ({**TWO, "tags.csv": CSV}, FOLDER),
    "labels of this tool in a folder inside": ({**TWO, "tags.csv": CSV, **OURS}, FOLDER),
    "labels of this tool in a folder beside": (
        {**TWO, "tags.csv": CSV} | {f"../{name}": data for name, data in OURS.items()},
        FOLDER,
    ),
    "predictions of a run beside": (
        {**TWO, "tags.csv": CSV, "../seg/predictions/val/a.png": MASK, "../run.json": "{}", "../recipe.yaml": ""},
        FOLDER,
    ),
    "a table above the photos": ({**photos("a", "b", below="images/"), "tags.csv": CSV}, IMAGES),
    "a table of another name": ({**TWO, "my labels (final).csv": CSV}, {**FOLDER, "tags": "my labels (final).csv"}),
    "a table in a folder of its own": (
        {**photos("a", "b", below="images/"), "annotations/t.csv": CSV},
        {**IMAGES, "tags": "annotations/t.csv"},
    ),
    "names with folders": (
        {**photos("a", "b", below="images/"), "tags.csv": "file,tags\nimages/a.jpg,cat\nimages/b.jpg,dog\n"},
        IMAGES,
    ),
    "photos in several folders": (
        {**photos("a", below="x/"), **photos("b", below="y/z/"), "tags.csv": CSV},
        FOLDER,
    ),
    "further photos elsewhere": (
        {**photos("a", "b", below="train/"), **photos("c", "d", below="test/"), "tags.csv": CSV},
        {**FOLDER, "root": "train"},
    ),
    "tab-separated": ({**TWO, "t.tsv": CSV.replace(",", "\t")}, {**FOLDER, "tags": "t.tsv"}),
    "semicolons": ({**TWO, "tags.csv": CSV.replace(",", ";")}, FOLDER),
    "UTF-16": ({**TWO, "tags.csv": CSV.encode("utf-16")}, FOLDER),
    "without a header": ({**TWO, "tags.csv": "a.jpg,cat\nb.jpg,dog\n"}, FOLDER),
    "a column a class": ({**TWO, "tags.csv": "file,cat,dog\na.jpg,1,0\nb.jpg,0,1\n"}, FOLDER),
    "a text file": ({**TWO, "tags.txt": "a.jpg cat\nb.jpg dog\n"}, {**FOLDER, "tags": "tags.txt"}),
    "JSON lines": (
        {**TWO, "t.jsonl": '{"file": "a.jpg", "tags": ["cat"]}\n{"file": "b.jpg", "tags": ["dog"]}\n'},
        {**FOLDER, "tags": "t.jsonl"},
    ),
    "CVAT's image tags": (
        {
            **TWO,
            "annotations.xml": '<annotations><version>1.1</version><image id="0" name="a.jpg" width="30" height="20">'
            '<tag label="cat" source="manual"></tag></image><image id="1" name="b.jpg" width="30" height="20">'
            '<tag label="dog" source="manual"></tag></image></annotations>',
        },
        {**FOLDER, "tags": "annotations.xml"},
    ),
    "a list of classes beside": (
        {**TWO, "tags.csv": CSV, "classes.txt": "dog\ncat\n"},
        {**FOLDER, "classes": "classes.txt"},
    ),
    "a list that lacks a class": (
        {**photos("a", "b", below="images/"), "tags.csv": CSV, "classes.txt": "dog\n"},
        IMAGES,
    ),
    "masks": (
        {**photos("a", "b", below="images/"), "masks/a.png": MASK, "tags.csv": CSV},
        {**IMAGES, "masks": "masks"},
    ),
    "SegmentationClass beside JPEGImages": (
        {**photos("a", "b", below="JPEGImages/"), "SegmentationClass/a.png": MASK, "tags.csv": CSV},
        {**FOLDER, "root": "JPEGImages", "masks": "SegmentationClass"},
    ),
    "a folder of masks of other photos": (
        {**photos("a", "b", below="images/"), "gt/z.png": MASK, "tags.csv": CSV},
        IMAGES,
    ),
    "lists": (
        {**TWO, "tags.csv": CSV, "train.txt": "a\n", "val.txt": "b\n"},
        {**FOLDER, "train": "train.txt", "val": "val.txt"},
    ),
    "lists with suffixes, valid and test": (
        {
            **TWO,
            **photos("c"),
            "tags.csv": CSV + "c.jpg,cat\n",
            "splits/train.txt": "a.jpg\n",
            "splits/valid.txt": "b.jpg\n",
            "splits/test.txt": "c.jpg\n",
        },
        {**FOLDER, "train": "splits/train.txt", "val": "splits/valid.txt"},
    ),
    "a list of other photos": ({**TWO, "tags.csv": CSV, "train.txt": "x\ny\n"}, FOLDER),
    "a column split": (
        {**TWO, "tags.csv": "file,tags,split\na.jpg,cat,train\nb.jpg,dog,val\n"},
        {**FOLDER, "train": "split=train", "val": "split=val"},
    ),
    "a column of three parts": (
        {**TWO, **photos("c"), "tags.csv": "file,tags,Set\na.jpg,cat,Train\nb.jpg,dog,Test\nc.jpg,cat,Valid\n"},
        {**FOLDER, "train": "Set=Train", "val": "Set=Valid"},
    ),
    "a column is_valid": (
        {**TWO, "tags.csv": "file,tags,is_valid\na.jpg,cat,False\nb.jpg,dog,True\n"},
        {**FOLDER, "train": "is_valid=False", "val": "is_valid=True"},
    ),
    "enough photos for a share": ({**photos(*MANY), "tags.csv": f"file,tags\n{MANY_ROWS}"}, {**FOLDER, "val": 0.2}),
    "sub-folders": (CATS, {**FOLDER, "tags": "folders"}),
    "sub-folders in images": ({f"images/{name}": data for name, data in CATS.items()}, {**IMAGES, "tags": "folders"}),
    "sub-folders in train and val": (
        {"train/cats/a.jpg": JPEG, "train/dogs/b.jpg": JPEG, "val/cats/c.jpg": JPEG, "val/dogs/d.jpg": JPEG},
        {**FOLDER, "tags": "folders", "train": "train", "val": "val"},
    ),
    "sub-folders, and a table of something else": (
        {**CATS, "prices.csv": "item,price\nbread,1\n"},
        {**FOLDER, "tags": "folders"},
    ),
    "sub-folders, and a table": ({**CATS, "tags.csv": CSV}, FOLDER),
    "COCO": (
        {**TWO, "instances.json": coco("a", "b")},
        {"kind": "coco", "root": ".", "train": "instances.json", "val": None},
    ),
    "COCO's own folders": (
        {
            **photos("a", below="train2017/"),
            **photos("b", below="val2017/"),
            "annotations/instances_train2017.json": coco("a"),
            "annotations/instances_val2017.json": coco("b"),
            "annotations/captions_train2017.json": '{"images": [], "annotations": []}',
        },
        {
            "kind": "coco",
            "root": ".",
            "train": "annotations/instances_train2017.json",
            "val": "annotations/instances_val2017.json",
        },
    ),
    "Roboflow's COCO": (
        {
            **photos("a", below="train/"),
            **photos("b", below="valid/"),
            **photos("c", below="test/"),
            "train/_annotations.coco.json": coco("a"),
            "valid/_annotations.coco.json": coco("b"),
            "test/_annotations.coco.json": coco("c"),
        },
        {"kind": "coco", "root": ".", "train": "train/_annotations.coco.json", "val": "valid/_annotations.coco.json"},
    ),
    "COCO, photos in images": (
        {**photos("a", "b", below="images/"), "result.json": coco("a", "b", images="images/")},
        {"kind": "coco", "root": "images", "train": "result.json", "val": None},
    ),
    "Kaggle's form for answers beside the tags": (
        {**TWO, "tags.csv": CSV, "sample_submission.csv": "id,label\na,cat\nb,cat\n"},
        FOLDER,
    ),
    "all photos of one part": (
        {
            **photos(*map(str, range(10, 34))),
            "tags.csv": "file,tags,split\n" + "".join(f"{n},cat,train\n" for n in range(10, 34)),
        },
        {**FOLDER, "val": 0.2},
    ),
    "classes one level below": (
        photos("animals/cat/a", "animals/dog/b"),
        {**FOLDER, "root": "animals", "tags": "folders"},
    ),
}

BOX = "{} 0.5 0.5 0.2 0.2\n".format
YOLO = {"kind": "yolo", "root": ".", "train": "train", "val": "val"}
FOUND |= {
    "YOLO": (
        {
            **photos("a", below="images/train/"),
            **photos("b", below="images/val/"),
            "labels/train/a.txt": BOX(0),
            "labels/val/b.txt": BOX(1),
            "data.yaml": "path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n",
        },
        YOLO,
    ),
    "Roboflow's YOLO": (
        {
            **photos("a", below="train/images/"),
            **photos("b", below="valid/images/"),
            "train/labels/a.txt": BOX(0),
            "valid/labels/b.txt": BOX(1),
            "data.yaml": "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n",
        },
        YOLO,
    ),
    "YOLO, a level below": (
        {
            **photos("a", "b", below="x/images/"),
            "x/labels/a.txt": BOX(0),
            "x/labels/b.txt": BOX(1),
            "x/data.yaml": "names: [cat, dog]\n",
        },
        {**YOLO, "root": "x", "train": None, "val": None},
    ),
    "YOLO beside the photos, a list of names": (
        {**TWO, "a.txt": BOX(0), "b.txt": BOX(1), "classes.txt": "cat\ndog\n"},
        {**YOLO, "train": None, "val": None},
    ),
}


def below(folder: Path, reading: Reading) -> dict[str, Any]:
    """The settings of a reading; paths as they are below the folder."""
    return {name: _below(folder, value) for name, value in reading.candidate.data.items()}


def _below(folder: Path, value: Any) -> Any:
    if isinstance(value, Path) or (isinstance(value, str) and value.startswith(str(folder))):
        return str(Path(value).relative_to(folder))
    return value


def found_in(folder: Path, files: Files, source: str | None = None, given: str | None = None) -> Discovery:
    lay(folder, files)
    return discover(Place(folder, folder / given if given else None), source)


def test_labels_of_this_tool_are_told_from_masks(tmp_path: Path) -> None:
    place = Place(lay(tmp_path / "here", {**TWO, "tags.csv": CSV, **OURS, "masks/a.png": MASK}))
    assert place.facts == (f"{tmp_path}/here/labels holds labels of this tool, no masks",)
    assert place.mask_folders == (tmp_path / "here/masks",)


@pytest.mark.parametrize(("files", "data"), FOUND.values(), ids=FOUND)
def test_a_layout_is_found(tmp_path: Path, files: Files, data: dict[str, Any]) -> None:
    found = found_in(tmp_path / "here", files)
    assert [below(tmp_path / "here", reading) for reading in found.readings] == [data], found.unusable
    tags = {path.stem: names for path, names in found.readings[0].tags().items() if path.stem in ("a", "b")}
    if tags:
        assert [(name.removesuffix("s"),) for name in ("cat", "dog")] == [
            tuple(name.removesuffix("s") for name in tags[photo]) for photo in sorted(tags)
        ]
