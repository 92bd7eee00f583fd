"""Way in: tags in JSON and JSON lines, as people and scripts write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.tables.tags import read_tags
from puzzlecam_cli.errors import UserError

Tags = dict[str, tuple[str, ...]]
AB: Tags = {"a.jpg": ("cat", "dog"), "b.jpg": ("dog",)}
ABC: Tags = {**AB, "c.jpg": ()}


def lines(*values: Any) -> str:
    return "\n".join(map(json.dumps, values)) + "\n"


READ: dict[str, tuple[str, Tags]] = {
    "lines of file and tags": (
        lines(
            {"file": "a.jpg", "tags": ["cat", "dog"]}, {"file": "b.jpg", "tags": ["dog"]}, {"file": "c.jpg", "tags": []}
        ),
        ABC,
    ),
    "one line": (lines({"file": "a.jpg", "tags": ["cat"]}), {"a.jpg": ("cat",)}),
    "lines of Windows, a blank one": (
        lines({"file": "b.jpg", "tags": ["dog"]}).replace("\n", "\r\n\r\n"),
        {"b.jpg": ("dog",)},
    ),
    "metadata.jsonl": (
        lines({"file_name": "a.jpg", "label": "cat"}, {"file_name": "b.jpg", "label": "dog"}),
        {"a.jpg": ("cat",), "b.jpg": ("dog",)},
    ),
    "metadata.jsonl with objects": (
        lines(
            {"file_name": "a.jpg", "objects": {"bbox": [[1, 2, 3, 4]], "categories": ["cat"]}},
            {"file_name": "b.jpg", "objects": {"bbox": [], "categories": []}},
        ),
        {"a.jpg": ("cat",), "b.jpg": ()},
    ),
    "lines of one tag each": (lines(*({"image": n, "label": t} for n, own in AB.items() for t in own)), AB),
    "lines of objects with names": (
        lines(
            {"image": "a.jpg", "labels": [{"name": "cat", "x": 1}, {"name": "dog"}]},
            {"image": "b.jpg", "labels": [{"name": "dog"}]},
        ),
        AB,
    ),
    "lines of objects with labels": (
        lines(
            {"path": "a.jpg", "annotations": [{"label": "cat"}, {"label": "dog"}]},
            {"path": "b.jpg", "annotations": [{"label": "dog"}]},
        ),
        AB,
    ),
    "lines of tags in one text": (lines({"file": "a.jpg", "tags": "cat;dog"}, {"file": "b.jpg", "tags": "dog"}), AB),
    "lines of 0 and 1": (lines({"file": "a.jpg", "cat": 1, "dog": 1}, {"file": "b.jpg", "cat": 0, "dog": 1}), AB),
    "lines of true and false": (
        lines({"file": "a.jpg", "cat": True, "dog": True}, {"file": "b.jpg", "cat": False, "dog": True}),
        AB,
    ),
    "lines of an object of true and false": (
        lines(
            {"file": "a.jpg", "labels": {"cat": True, "dog": True}},
            {"file": "b.jpg", "labels": {"cat": False, "dog": True}},
        ),
        AB,
    ),
    "lines without tags for a photo": (
        lines({"file": "a.jpg", "tags": ["cat", "dog"]}, {"file": "b.jpg", "tags": ["dog"]}, {"file": "c.jpg"}),
        ABC,
    ),
    "lines of null": (
        lines(
            {"file": "a.jpg", "tags": ["cat", "dog"]},
            {"file": "b.jpg", "tags": ["dog"]},
            {"file": "c.jpg", "tags": None},
        ),
        ABC,
    ),
    "a list of objects": (json.dumps([{"file": n, "classes": own} for n, own in ABC.items()], indent=2), ABC),
    "an object of tags by photo": (json.dumps(ABC), ABC),
    "an object of one tag by photo": (
        json.dumps({"a.jpg": "cat", "b.jpg": "dog"}),
        {"a.jpg": ("cat",), "b.jpg": ("dog",)},
    ),
    "an object of objects by photo": (json.dumps({n: {"tags": own, "split": "train"} for n, own in ABC.items()}), ABC),
    "an object around the list": (
        json.dumps({"version": 1, "images": [{"file": n, "tags": own} for n, own in ABC.items()]}),
        ABC,
    ),
    "blanks and commas in names": (
        json.dumps({"a.jpg": ["traffic light", "fox, red"], "b.jpg": ["stop light"]}),
        {"a.jpg": ("traffic light", "fox, red"), "b.jpg": ("stop light",)},
    ),
    "background and none": (
        json.dumps({"a.jpg": ["cat", "background", "dog"], "b.jpg": ["dog", "none"], "c.jpg": ["none"]}),
        ABC,
    ),
    "a table that begins with a bracket": (
        "[1] a.jpg,cat;dog\n[2] b.jpg,dog\n",
        {"[1] a.jpg": ("cat", "dog"), "[2] b.jpg": ("dog",)},
    ),
    "lines of Vertex AI": (
        '{"imageGcsUri":"a.jpg","classificationAnnotations":[{"displayName":"cat"},{"displayName":"dog"}],'
        '"dataItemResourceLabels":{"aiplatform.googleapis.com/ml_use":"test"}}\n'
        '{"imageGcsUri":"b.jpg","classificationAnnotations":[{"displayName":"dog"}]}\n',
        AB,
    ),
}


@pytest.mark.parametrize(("text", "tags"), READ.values(), ids=READ)
def test_json_gives_the_tags_it_holds(tmp_path: Path, text: str, tags: Tags) -> None:
    file = tmp_path / "tags"
    file.write_text(text)
    table = read_tags(file)
    assert dict(zip(table.names, table.tags, strict=True)) == tags
    assert set(table.classes) == {"cat", "dog"} & set(table.classes) | {tag for own in tags.values() for tag in own}


REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "an empty list": ("[]", ("holds",)),
    "an empty object": ("{}", ("holds",)),
    "numbers": ("[1, 2]", ("item 1",)),
    "lists": (lines(["a.jpg", "cat", "dog"], ["b.jpg", "dog"]), ("line 1", "objects of photos and tags")),
    "photos by class": (json.dumps({"cat": ["a.jpg"]}), ("item 1", "`a.jpg` is a photo")),
    "objects without anything": ("[{}]", ("names no photo",)),
    "objects without tags": (lines({"file": "a.jpg", "width": 3}), ("no column of tags",)),
    "objects without a name": (lines({"tags": ["cat"], "split": "x"}, {"tags": ["dog"], "split": "y"}), ("tags",)),
    "a line that breaks off": (lines({"file": "a.jpg", "tags": ["cat"]}) + '{"file": "b.jpg", "ta', ("line 2",)),
    "a document that breaks off": ('{"a.jpg": ["cat"],\n "b.jpg": ["d', ("line 2", "no JSON")),
    "lines and lists mixed": (lines({"file": "a.jpg", "tags": ["cat"]}, ["b.jpg", "dog"]), ("holds",)),
    "a photo twice": ('{"a.jpg": ["cat"], "a.jpg": ["dog"]}', ("`a.jpg` twice",)),
    "a key twice in a line": (
        '{"file": "a.jpg", "tags": ["cat"]}\n{"file": "b.jpg", "tags": [], "tags": ["cat"]}',
        ("line 2", "`tags`"),
    ),
    "a photo in two items that differ": (
        json.dumps([{"file": "a.jpg", "tags": ["cat"]}, {"file": "a.jpg", "tags": ["dog"]}]),
        ("item 2", "item 1"),
    ),
    "probabilities": (lines({"file": "a.jpg", "labels": {"cat": 0.2, "dog": 0.8}}), ("item 1", "neither 0 nor 1")),
    "0.5 among 0 and 1": (
        json.dumps([{"file": "a.jpg", "cat": 1, "dog": 0.5}, {"file": "b.jpg", "cat": 0, "dog": 1}]),
        ("item 1", "`0.5`"),
    ),
    "0 and 1 that lack a key": (
        lines({"file": "a.jpg", "cat": 1, "dog": 0}, {"file": "b.jpg", "dog": 1}),
        ("line 2", "`cat` is empty"),
    ),
    "deep nesting": ("[" * 100_000, ("tags",)),
    "a manifest of SageMaker": (
        '{"source-ref":"s3://b/a.jpg","pets":1,"pets-metadata":{"class-name":"cat"}}\n'
        '{"source-ref":"s3://b/b.jpg","pets":0,"pets-metadata":{"class-name":"dog"}}\n',
        ("manifest of SageMaker", "`pets`"),
    ),
    "vectors of 0 and 1": ('{"a.jpg": [0, 1, 1], "b.jpg": [1, 0, 0]}', ("item 1", "lists of 0 and 1")),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_json_that_is_no_list_of_tags_is_refused(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    file = tmp_path / "tags.json"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_tags(file)
    assert caught.value.reference in ("tags-invalid", "tags-ambiguous")
    assert [text for text in ("tags.json", *said) if text not in str(caught.value)] == []


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.floats()
    | st.sampled_from(["a.jpg", "cat", "file", "", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["file", "tags", "label", "items", "categories", "data", "annotations", "result", "value", "cat"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.lists(values, min_size=1, max_size=3), st.sampled_from(["\n", ",", "one"]))
def test_any_json_gives_tags_or_a_plain_refusal(
    tmp_path_factory: pytest.TempPathFactory, found: list[Any], how: str
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.json"
    file.write_text("\n".join(map(json.dumps, found)) if how == "\n" else json.dumps(found if how == "," else found[0]))
    try:
        table = read_tags(file)
    except UserError as error:
        assert error.reference.startswith("tags-")  # noqa: PT017
    else:
        assert len(table.names) == len(table.tags)
