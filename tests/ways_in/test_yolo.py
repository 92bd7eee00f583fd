"""Way in: YOLO's layout, as Ultralytics, Roboflow, CVAT and Label Studio write it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from puzzlecam_cli.data.kinds.yolo import YoloData, YoloPhotos
from puzzlecam_cli.data.yolo.description import read_description
from puzzlecam_cli.data.yolo.label_text import read_objects
from puzzlecam_cli.errors import UserError

fuzz = settings(deadline=None, max_examples=50, derandomize=True)
YAML = "path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n"
CAT, DOG = "0 0.5 0.5 0.2 0.2\n", "1 0.1 0.1 0.9 0.1 0.9 0.9 0.1 0.9 0.5 0.95\n"
TEXTS = {"train/a": CAT, "train/b": CAT + DOG, "train/c": "", "val/d": DOG}
Change = Callable[[Path], Any]


def layout(root: Path, texts: dict[str, str] = TEXTS, yaml: str | bytes | None = YAML) -> Path:
    """Photos a, b, c to train on and d to predict, in `images`, with texts in `labels`; c shows nothing."""
    for name, text in texts.items():
        for folder in ("images", "labels"):
            (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10)).save(root / f"images/{name}.jpg")
        (root / f"labels/{name}.txt").write_text(text)
    if yaml is not None:
        (root / "data.yaml").write_bytes(yaml if isinstance(yaml, bytes) else yaml.encode())
    return root


def opened(root: Path, **settings: Any) -> YoloPhotos:
    return YoloPhotos(YoloData(kind="yolo", root=root, **settings), root / "run", 0)


def tags_of(photos: YoloPhotos, split: str) -> dict[str, tuple[str, ...]]:
    names = dict(enumerate(photos.classes, start=1))
    listed = photos.photos(split, tags=True)
    return {photo.id.rpartition("/")[2]: tuple(names[tag] for tag in photo.tags) for photo in listed}


def rewritten(text: str | bytes, name: str = "data.yaml") -> Change:
    return lambda root: (root / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def listed(root: Path, start: str) -> None:
    (root / "data.yaml").write_text("train: train.txt\nval: val.txt\nnames: [cat, dog]\n")
    (root / "train.txt").write_text("".join(f"{start}images/train/{name}.jpg\n" for name in "abc"))
    (root / "val.txt").write_text(f"{start}images/val/d.jpg\n")


def roboflow(root: Path) -> None:
    for part, folder in (("train", "train"), ("val", "valid")):
        for kind in ("images", "labels"):
            (root / folder).mkdir(exist_ok=True)
            (root / kind / part).rename(root / folder / kind)
    text = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'dog']\n"
    (root / "data.yaml").write_text(text + "roboflow:\n  url: https://x.org\n")


def cvat(root: Path) -> None:
    (root / "data.yaml").unlink()
    (root / "obj.names").write_text("cat\ndog\n")
    (root / "obj.data").write_text("classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    for part in ("train", "val"):
        (root / f"obj_{part}_data").mkdir()
        names = [path.stem for path in (root / "images" / part).iterdir()]
        for name in names:
            (root / f"images/{part}/{name}.jpg").rename(root / f"obj_{part}_data/{name}.jpg")
            (root / f"labels/{part}/{name}.txt").rename(root / f"obj_{part}_data/{name}.txt")
        (root / f"{part}.txt").write_text("".join(f"data/obj_{part}_data/{name}.jpg\n" for name in names))


def grown(end: str) -> str:
    """YAML whose `h` stands for ten million values."""
    lists = "".join(f"{name}: &{name} [{', '.join([f'*{below}'] * 10)}]\n" for below, name in pairwise("abcdefgh"))
    return f"a: &a [x]\n{lists}{end}"


FORMS: dict[str, Change] = {
    "Ultralytics' own": lambda root: None,
    "names as a map": rewritten("train: images/train\nval: images/val\nnames:\n  0: cat\n  1: dog\n"),
    "names as a map of text": rewritten('train: images/train\nval: images/val\nnames: {"1": dog, "0": cat}\n'),
    "the number of classes": rewritten(YAML + "nc: 2\n"),
    "a path that is not here": rewritten(YAML.replace("path: .", "path: ../datasets/pets")),
    "an absolute path of another machine": rewritten(YAML.replace("path: .", "path: /content/pets")),
    "a home that is not here": rewritten(YAML.replace("path: .", "path: ~nobody-here/pets")),
    "absolute parts of another machine": rewritten(YAML.replace("images/", "/content/pets/images/")),
    "parts of another machine with Windows": rewritten(YAML.replace("images/", "D:\\pets\\images\\")),
    "a number of classes that is text": rewritten(YAML + "nc: '2'\n"),
    "tags of YAML under other keys": rewritten(YAML + "hook: !!python/name:os.system\n? [a]\n: b\n"),
    "no path": rewritten(YAML.replace("path: .\n", "")),
    "a slash at the end": rewritten(YAML.replace("images/train", "images/train/")),
    "a step up, as Roboflow writes": rewritten(YAML.replace("images/", "../images/")),
    "paths of Windows": rewritten(YAML.replace("images/", ".\\images\\")),
    "lists of folders": rewritten(YAML.replace("images/train", "[images/train]")),
    "comments and other keys": rewritten("# pets\n" + YAML + "download: |\n  import x\ntest:\n"),
    "a byte order mark": rewritten(b"\xef\xbb\xbf" + YAML.encode()),
    "lines of Windows": rewritten(YAML.replace("\n", "\r\n")),
    "valid for val": rewritten(YAML.replace("val:", "valid:")),
    "dataset.yaml": lambda root: (root / "data.yaml").rename(root / "dataset.yaml"),
    "lists of photos": lambda root: listed(root, "./"),
    "lists of paths of another machine": lambda root: listed(root, "/home/me/pets/"),
    "Roboflow's folders": roboflow,
    "CVAT's YOLO 1.1": cvat,
    "no text for what shows nothing": lambda root: (root / "labels/train/c.txt").unlink(),
    "blank lines": rewritten("\n" + CAT + "\n\n" + DOG + "\n", "labels/train/b.txt"),
    "lines of Windows in a text": rewritten((CAT + DOG).replace("\n", "\r\n"), "labels/train/b.txt"),
    "tabs": rewritten((CAT + DOG).replace(" ", "\t"), "labels/train/b.txt"),
    "class numbers with a point": rewritten("0.0 0.5 0.5 0.2 0.2\n1.0 0.5 0.5 0.2 0.2", "labels/train/b.txt"),
    "numbers with exponents": rewritten("0 5e-1 5E-01 2e-1 .2\n1 1 1 0 0", "labels/train/b.txt"),
    "a little outside": rewritten("0 1.000001 0.5 0.2 0.2\n1 -0.000001 0 0 1 1 1", "labels/train/b.txt"),
    "the same object twice": rewritten(CAT + CAT + DOG, "labels/train/b.txt"),
    "texts of classes that labelImg leaves": rewritten("cat\ndog\n", "labels/train/classes.txt"),
}


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_forms_of_one_data_set_give_the_same_tags(tmp_path: Path, change: Change) -> None:
    change(layout(tmp_path))
    photos = opened(tmp_path)
    assert photos.classes == ("cat", "dog")
    assert tags_of(photos, "train") == {"a": ("cat",), "b": ("cat", "dog"), "c": ()}
    assert tags_of(photos, "val") == {"d": ("dog",)}


SETTINGS: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    "a folder": ({"train": "images/val", "val": None}, "train", ["images/val/d"]),
    "all but val": ({"train": None}, "train", ["images/train/a", "images/train/b", "images/train/c"]),
    "everything": (
        {"train": None, "val": None},
        "train",
        ["images/train/a", "images/train/b", "images/train/c", "images/val/d"],
    ),
    "the other way round": ({"train": "val", "val": "train"}, "train", ["images/val/d"]),
    "the folder of images": (
        {"train": "images", "val": None},
        "train",
        ["images/train/a", "images/train/b", "images/train/c", "images/val/d"],
    ),
}


@pytest.mark.parametrize(("settings", "split", "found"), SETTINGS.values(), ids=SETTINGS)
def test_settings_name_other_parts(tmp_path: Path, settings: dict[str, Any], split: str, found: list[str]) -> None:
    photos = opened(layout(tmp_path), **settings)
    assert [photo.id for photo in photos.photos(split)] == found


def test_a_list_of_names_and_texts_beside_photos_is_enough(tmp_path: Path) -> None:
    Image.new("RGB", (20, 10)).save(tmp_path / "a b.PNG")
    (tmp_path / "a b.txt").write_text(DOG)
    (tmp_path / "classes.txt").write_text("cat\ndog\n\n")
    photos = opened(tmp_path, train=None, val=None)
    assert tags_of(photos, "train") == {"a b": ("dog",)}


REFUSED: dict[str, tuple[Change, str]] = {
    "no names": (rewritten("train: images/train\n"), "data.yaml has no `names`"),
    "an empty data.yaml": (rewritten(""), "has no `names`"),
    "no YAML": (rewritten("names: [cat\ntrain: x: y"), "data.yaml line 2"),
    "a tag of YAML": (rewritten("names: !!python/object/apply:os.system [x]"), "line 1: the tag"),
    "aliases that grow": (rewritten(grown("names: *h\n")), "holds more than 5,000 keys and values"),
    "merges that grow": (rewritten(grown("names: {<<: *h}\n")), "`<<` is not understood"),
    "a class of two names": (rewritten('names: {0: cat, "00": dog}'), "class 0 has two names"),
    "one number twice": (rewritten('names: {0: cat, "0": dog}'), "names `0` twice"),
    "names twice": (rewritten(YAML + "names: [dog, cat]\n"), "line 5: it names `names` twice"),
    "a path that is a list": (rewritten(YAML.replace("path: .", "path: [[a]]")), "`path` names no folder"),
    "aliases in aliases": (
        rewritten("a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b]\n"),
        "the name of class 0 as",
    ),
    "lists nested 100 deep": (rewritten("names: " + "[" * 100), "nested more than"),
    "another number of classes": (rewritten(YAML + "nc: 3\n"), "`nc` is `3`, and there are 2 names"),
    "a name that is yes": (
        rewritten("names: [cat, yes]"), "the name of class 1 as `true`: write it in quotation marks"),
    "an empty name": (rewritten("names: [cat, ' ']"), "the name of class 1 is empty"),
    "a number that is none": (rewritten("names: {cat: 0}"), "`cat` is no class number"),
    "names that are text": (rewritten("names: cat"), "`names` cannot be read"),
    "poses": (rewritten(YAML + "kpt_shape: [17, 3]"), "is of poses"),
    "300 names": (rewritten(YAML.replace("[cat, dog]", str([f"c{n}" for n in range(300)]))), "name 300 classes"),
    "background only": (rewritten(YAML.replace("cat, dog", "background")), "name no class"),
    "a part that is a number": (rewritten("names: [cat]\ntrain: 3"), "`train` names no folder or list"),
    "a part that is not there": (
        rewritten("names: [cat, dog]\ntrain: elsewhere"),
        "no folder or list of photos `elsewhere`",
    ),
    "no part of that name": (rewritten("names: [cat, dog]\nval: images/val"), "no folder or list of photos `train`"),
    "a way out": (rewritten(YAML.replace("images/train", "/usr")), "no folder or list of photos `/usr`"),
    "a list of other photos": (
        lambda root: (listed(root, ""), (root / "train.txt").write_text("./images/train/a.jpg\nz.jpg\n")),
        "line 2: there is no photo `z.jpg`",
    ),
    "no data.yaml": (lambda root: (root / "data.yaml").unlink(), "there is no data.yaml in"),
    "no texts": (
        lambda root: [path.unlink() for path in (root / "labels").rglob("*.txt")],
        "no photo below",
    ),
    "a class that has no name": (
        rewritten("0 .5 .5 .1 .1\n2 .5 .5 .1 .1\n", "labels/train/b.txt"),
        "b.txt line 2: there is no class 2: 0 to 1 have names"),
    "a negative class": (rewritten("-1 .5 .5 .1 .1\n", "labels/train/b.txt"), "b.txt line 1: there is no class -1"),
    "half a class": (rewritten("0.5 .5 .5 .1 .1\n", "labels/train/b.txt"), "there is no class 0.5"),
    "pixels": (rewritten("0 320 240 64 48\n", "labels/train/b.txt"), "b.txt line 1: `320` is not between 0 and 1"),
    "NaN": (rewritten("0 nan .5 .1 .1\n", "labels/train/b.txt"), "`0 nan .5 .1 .1` is not numbers alone"),
    "a class with an underscore": (rewritten("0_1 .5 .5 .1 .1\n", "labels/train/b.txt"), "is not numbers alone"),
    "digits of Arabic": (rewritten("١ .5 .5 .1 .1\n", "labels/train/b.txt"), "is not numbers alone"),
    "a class alone": (rewritten("0\n", "labels/train/b.txt"), "b.txt line 1: 1 numbers"),
    "three numbers": (rewritten("0 .5 .5 .1\n", "labels/train/b.txt"), "line 1: 4 numbers"),
    "a confidence": (rewritten("0 .5 .5 .1 .1 .9\n", "labels/train/b.txt"), "6 numbers, as predictions with"),
    "an x without its y": (rewritten("0 .1 .1 .2 .2 .3 .3 .4\n", "labels/train/b.txt"), "line 1: 8 numbers"),
    "names in place of numbers": (
        rewritten("cat .5 .5 .1 .1\n", "labels/train/b.txt"), "`cat .5 .5 .1 .1` is not numbers"),
    "commas": (rewritten("0,.5,.5,.1,.1\n", "labels/train/b.txt"), "is not numbers alone"),
    "a picture": (rewritten(b"\x89PNG\r\n\x1a\n\0", "labels/train/b.txt"), "b.txt is not text"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_with_file_and_line(tmp_path: Path, change: Change, said: str) -> None:
    change(layout(tmp_path))
    with pytest.raises(UserError) as refusal:
        opened(tmp_path).photos("train", tags=True)
    assert said in " ".join((refusal.value.problem, *refusal.value.where))
    assert str(tmp_path) in str(refusal.value)


def test_masks_are_drawn_from_polygons_alone(tmp_path: Path) -> None:
    layout(tmp_path, TEXTS | {"train/e": "1 0 0 0.5 0 0.5 1 0 1\n0 0.1 0.2 0.2 0.2 0.2 0.4 0.1 0.4\n"})
    photos = {photo.id[-1]: photo for photo in opened(tmp_path).photos("train")}
    assert photos["a"].mask is None
    assert photos["b"].mask is None
    expected = np.zeros((10, 20), np.uint8)
    expected[:, :10] = 2
    expected[2:4, 2:4] = 1
    assert photos["e"].mask is not None
    assert (photos["e"].mask.read() == expected).all()
    assert photos["c"].mask is not None
    assert not photos["c"].mask.read().any()


def test_boxes_alone_give_no_mask_at_all(tmp_path: Path) -> None:
    layout(tmp_path, {"train/a": CAT, "train/c": "", "val/d": CAT})
    assert opened(tmp_path).count("train") == (2, 0)


def test_facts_tell_of_background_boxes_and_corners(tmp_path: Path) -> None:
    layout(tmp_path, TEXTS | {"val/d": "1 0 0 0.5 0 0.5 1 0 1\n", "train/b": "0 0 0 0.5 0 0.5 1 0 1\n"})
    photos = opened(tmp_path)
    photos.photos("train")
    facts = " ".join(photos.facts("train"))
    assert "1 of 4 photos without a text, or with an empty one: background" in facts
    assert "1 photo without a mask, as objects have a box only" in facts
    assert "no polygon has more than four corners" in facts


@fuzz
@given(st.binary(max_size=120) | st.text("0123456789.- \ncat", max_size=60).map(str.encode))
def test_any_text_of_objects_ends_in_an_answer_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_bytes(data)
    try:
        objects, problems = read_objects(path, frozenset({0, 1}))
    except UserError:
        return
    filled = sum(bool(line.split()) for line in data.decode().replace("\r", "\n").split("\n"))
    assert len(objects) + len(problems) == filled


@fuzz
@given(st.binary(max_size=120) | st.text("names: [cat]{}&*!\n-0123 ", max_size=60).map(str.encode))
def test_any_data_yaml_ends_in_an_answer_or_a_user_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    for name in ("data.yaml", "obj.names"):
        path = tmp_path_factory.mktemp("yaml") / name
        path.write_bytes(data)
        try:
            assert read_description(path).names
        except UserError:
            continue
