"""Masks out of outlines, and JSON read item by item: each against a plain reading of the whole."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from puzzlecam_cli.data.coco import items as items_module
from puzzlecam_cli.data.coco.instances import Instances, read_instances
from puzzlecam_cli.data.coco.items import CUT, items
from puzzlecam_cli.data.coco.mask import CocoMask, pack
from puzzlecam_cli.data.coco.outlines import OutlineError, check_package, draw, run_lengths
from puzzlecam_cli.errors import UserError

H, W = 30, 40
fuzz = settings(deadline=None, max_examples=50, derandomize=True)
numbers = st.floats(-20, 60, width=32)
polygons = st.lists(
    st.lists(numbers, min_size=6, max_size=30).map(lambda row: row[: len(row) // 2 * 2]), min_size=1, max_size=3
)


@st.composite
def runs(draw_one: st.DrawFn, compressed: bool) -> Any:
    """Run lengths of a random mask, as `pycocotools` itself writes them."""
    from pycocotools import mask as coco

    seed = draw_one(st.integers(0, 10_000))
    mask = np.random.default_rng(seed).random((H, W)) < draw_one(st.floats(0, 1))
    if compressed:
        encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
        return {"size": [H, W], "counts": encoded["counts"].decode()}
    flat = mask.ravel(order="F").astype(int)
    starts = np.flatnonzero(np.diff(np.concatenate(([0], flat)))).tolist()
    counts = np.diff([0, *starts, H * W]).tolist()
    return {"size": [H, W], "counts": counts}


outlines = st.one_of(polygons, runs(True), runs(False))


def by_annotation(document: Path, label_of: dict[int, int]) -> dict[int, NDArray[np.uint8]]:
    """Masks by `pycocotools`' own reading: crowds below, then objects by falling area, later ones on top."""
    from pycocotools.coco import COCO

    with warnings.catch_warnings(), patch("builtins.print"):
        warnings.simplefilter("ignore")
        coco = COCO(str(document))
        found = {}
        for image in coco.loadImgs(coco.getImgIds()):
            labels = np.zeros((image["height"], image["width"]), np.uint8)
            shown = [(row, coco.annToMask(row)) for row in coco.loadAnns(coco.getAnnIds(image["id"]))]
            for row, mask in sorted(shown, key=lambda pair: (not pair[0]["iscrowd"], -int(pair[1].sum()))):
                labels[mask == 1] = 255 if row["iscrowd"] else label_of[row["category_id"]]
            found[image["id"]] = labels
    return found


@fuzz
@given(st.lists(st.tuples(outlines, st.sampled_from([3, 90]), st.booleans(), st.integers(1, 2)), max_size=6))
def test_masks_are_those_of_pycocotools(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    path = tmp_path_factory.mktemp("masks") / "a.json"
    written = {
        "images": [{"id": n, "file_name": f"{n}.jpg", "height": H, "width": W} for n in (1, 2)],
        "annotations": [
            {"id": n, "segmentation": outline, "category_id": kind, "iscrowd": int(crowd), "image_id": image}
            for n, (outline, kind, crowd, image) in enumerate(rows)
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}],
    }
    path.write_text(json.dumps(written))
    read = read_instances(path).annotations.tolist()
    label_of = {3: 1, 90: 2}
    expected = by_annotation(path, label_of)
    for number, image in enumerate((1, 2)):
        own = [row[1:] for row in read if row[0] == number]
        places = [(start, size, 255 if crowd else 1 + kind) for kind, crowd, _, start, size in own]
        mask: CocoMask = pickle.loads(pickle.dumps(CocoMask(path, image, (H, W), pack(places))))
        found = mask.read()
        # Of two objects of one area the order is the file's in both.
        assert (found == expected[image]).all()
        assert found.dtype == np.uint8


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@fuzz
@given(
    st.dictionaries(st.text(max_size=8), json_values, max_size=6),
    st.sampled_from([None, 1, 3]),
    st.sampled_from([(",", ":"), (", ", ": "), ("\t,\n  ", " : \r\n")]),
    st.booleans(),
    st.sampled_from([1, 7, 64, 1 << 20]),
)
def test_items_are_those_of_the_whole_document_whatever_the_window(
    tmp_path_factory: pytest.TempPathFactory,
    written: Any,
    indent: int | None,
    separators: Any,
    ascii: bool,
    window: int,
) -> None:
    path = tmp_path_factory.mktemp("items") / "a.json"
    data = json.dumps(written, indent=indent, separators=separators, ensure_ascii=ascii).encode("utf-8", "replace")
    path.write_bytes(data)
    found: dict[str, Any] = {}
    with patch.object(items_module, "WINDOW", window):
        for key, number, value, start, end in items(path):
            assert json.loads(data[start:end]) == value
            if number is None:
                found[key] = value
            else:
                assert number == len(found.setdefault(key, []))
                found[key].append(value)
    assert found == json.loads(data)


@pytest.mark.parametrize("window", [16, 300, 1000, 1 << 20])
def test_long_lists_of_numbers_are_not_decoded_and_places_hold(tmp_path: Path, window: int) -> None:
    rows = [{"id": n, "segmentation": [[n + 0.25] * (4 * n)], "name": "é" * (n % 3)} for n in range(60)]
    rows.append({"id": 60, "note": '"segmentation": ' + "[1, 2, 3], " * 40, "counts": list(range(200))})
    data = json.dumps({"rows": rows, "end": 1}, ensure_ascii=False).encode()
    (tmp_path / "a.json").write_bytes(data)
    with patch.object(items_module, "WINDOW", window):
        found = [item for item in items(tmp_path / "a.json") if item.key == "rows"]
    assert [json.loads(data[item.start : item.end]) for item in found] == rows
    assert [item.value["id"] for item in found] == list(range(61))
    assert found[-2].value["segmentation"] is CUT
    assert found[-1].value == rows[-1] | {"counts": CUT}


def answer(read: Callable[[], Any]) -> Any:
    """What a reading gives, or the error that a person is told; anything else fails."""
    try:
        return read()
    except UserError as error:
        return error


@fuzz
@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 400))
def test_damaged_documents_end_in_an_answer_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, start: int, length: int
) -> None:
    rows = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 5, "width": 5}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4]]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    data = json.dumps(rows).encode()
    path = tmp_path_factory.mktemp("fuzz") / "a.json"
    for damaged in (junk, data[:start] + junk + data[start:], data[:start] + junk + data[start + length :]):
        path.write_bytes(damaged)
        read = answer(lambda: read_instances(path))
        assert isinstance(read, Instances) or str(path) in read.problem


@fuzz
@given(st.sampled_from(["images", "annotations", "categories"]), json_values, st.text(max_size=12), json_values)
def test_any_value_in_a_document_ends_in_an_answer_or_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, key: str, row: Any, name: str, value: Any
) -> None:
    rows: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.jpg", "height": 5, "width": 5}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[0, 0, 4, 0, 4, 4]]}],
        "categories": [{"id": 1, "name": "cat"}],
    }
    path = tmp_path_factory.mktemp("fuzz") / "a.json"
    fields = list(rows[key][0])
    for other in (row, {name: value}, rows[key][0] | {fields[len(name) % len(fields)]: value}):
        path.write_text(json.dumps(rows | {key: [*rows[key], other]}), errors="replace")
        read = answer(lambda: read_instances(path))
        if isinstance(read, UserError):
            assert str(path) in read.problem
            continue
        own = read.annotations
        places = [(start, size, 1) for *_, shape, start, size in own.tolist() if shape]
        labels = answer(CocoMask(path, 1, (5, 5), pack(places)).read)
        assert f"{path}#1" in labels.problem if isinstance(labels, UserError) else labels.shape == (5, 5)


WRONG = {
    "a number": (5, "is neither polygons nor RLE"),
    "text": ("abc", "is neither polygons nor RLE"),
    "one flat list": ([0, 0, 4, 0, 4, 4], "is no list of lists of numbers"),
    "pairs": ([[[0, 0], [4, 0], [4, 4]]], "is no list of lists of numbers"),
    "numbers as text": ([["0", "0", "4", "0", "4", "4"]], "is no list of lists of numbers"),
    "true": ([[True] * 6], "is no list of lists of numbers"),
    "an x without its y": ([[0, 0, 4, 0, 4, 4, 1]], "polygon of 7 numbers, an x without its y"),
    "NaN": ([[0, 0, 4, float("nan"), 4, 4]], "leads far out of the photo"),
    "infinity": ([[0, 0, 4, float("inf"), 4, 4]], "leads far out of the photo"),
    "a million million": ([[0, 0, 1e12, 0, 4, 4]], "leads far out of the photo"),
    "an integer of 400 digits": ([[0, 0, 10**400, 0, 4, 4]], "leads far out of the photo"),
    "to and fro": ([[0, 0, 900_000, 0] * 10], "is too long: it goes to and fro"),
    "no counts": ({"size": [5, 5]}, "has no run lengths"),
    "counts of another size": ({"size": [5, 6], "counts": [30]}, "is of 6×5 pixels, the photo of 5×5"),
    "size turned": ({"size": [[5], 5], "counts": [25]}, "pixels, the photo of 5×5"),
    "size as text": ({"size": "5x5", "counts": [25]}, "is of ? pixels"),
    "too few pixels": ({"size": [5, 5], "counts": [3]}, "covers 3 pixels of 25"),
    "too many pixels": ({"size": [5, 5], "counts": [20, 6]}, "covers 26 pixels of 25"),
    "negative counts": ({"size": [5, 5], "counts": [-5, 30]}, "has no run lengths"),
    "counts with a point": ({"size": [5, 5], "counts": [25.0]}, "has no run lengths"),
    "empty counts": ({"size": [5, 5], "counts": ""}, "covers 0 pixels of 25"),
    "counts that are cut off": ({"size": [5, 5], "counts": "P"}, "has run lengths that are cut off"),
    "strange characters": ({"size": [5, 5], "counts": "é!"}, "with a strange character"),
    "a count without end": ({"size": [5, 5], "counts": "o" * 50}, "with a strange character"),
}


@pytest.mark.parametrize(("outline", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_outline_is_refused_in_words(outline: Any, said: str) -> None:
    with pytest.raises(OutlineError, match=said.replace("?", r"\?")):
        run_lengths(outline, (5, 5))


def test_a_photo_of_a_million_million_pixels_is_refused() -> None:
    with pytest.raises(OutlineError, match="more than 500,000,000"):
        run_lengths([[0, 0, 4, 0, 4, 4]], (10**6, 10**6))


def test_a_polygon_of_two_points_has_no_area() -> None:
    assert run_lengths([[0, 0, 4, 4]], (5, 5)) is None
    assert run_lengths([], (5, 5)) is None


def test_smaller_objects_lie_on_larger_ones_and_all_on_void() -> None:
    def square(side: int) -> Any:
        return run_lengths([[0, 0, side, 0, side, side, 0, side]], (9, 9))

    labels = draw([(1, square(2)), (2, square(6)), (255, square(8)), (3, square(4))], (9, 9))
    assert labels.diagonal().tolist() == [1, 1, 3, 3, 2, 2, 255, 255, 0]


def test_a_mask_names_its_annotation_and_image(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"id": 47, "segmentation": [[1]]}')
    with pytest.raises(UserError, match=r"a\.json#12: the outline of annotation `47` has a polygon of 1 numbers"):
        CocoMask(tmp_path / "a.json", 12, (5, 5), pack([(0, 34, 1)])).read()


@pytest.mark.parametrize("text", ["", "[1]", '{"id": 1, "segm'])
def test_a_document_that_changed_meanwhile_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(UserError, match=r"a\.json"):
        CocoMask(tmp_path / "a.json", 1, (5, 5), pack([(0, 100, 1)])).read()
    (tmp_path / "a.json").unlink()
    with pytest.raises(UserError, match=r"a\.json cannot be read"):
        CocoMask(tmp_path / "a.json", 1, (5, 5), pack([(0, 100, 1)])).read()


def test_a_missing_package_is_named_with_its_extra() -> None:
    gone = patch("puzzlecam_cli.data.coco.outlines.find_spec", lambda name: None)
    with gone, pytest.raises(UserError) as refusal:
        check_package()
    assert "puzzlecam-cli[coco]" in str(refusal.value.hint)
