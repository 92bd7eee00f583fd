"""Way in: tags that programs export: CVAT, Datumaro, Label Studio; and what they are encoded in."""

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


def cvat(images: str, labels: str = "") -> str:
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>'
    return f"{head}<meta><task><labels>{labels}</labels></task></meta>{images}</annotations>"


def datumaro(*items: Any) -> str:
    labels = [{"name": "cat", "parent": ""}, {"name": "dog"}, {"name": "background"}]
    return json.dumps({"info": {}, "categories": {"label": {"labels": labels}}, "items": items})


def studio(*tasks: tuple[str, list[Any]]) -> str:
    return json.dumps([{"id": 1, "data": {"image": image}, "annotations": found} for image, found in tasks])


def result(kind: str, *tags: str) -> dict[str, Any]:
    return {"type": kind, "value": {kind: tags}}


LABELS = "<label><name>cat</name></label><label><name>dog</name></label>"
READ: dict[str, tuple[str, Tags]] = {
    "CVAT's tags": (
        cvat(
            '<image name="a.jpg"><tag label="cat"/><tag label="dog"/></image>'
            '<image name="b.jpg"><tag label="dog"/></image><image name="c.jpg"/>',
            LABELS,
        ),
        ABC,
    ),
    "CVAT's boxes, outlines and masks": (
        cvat(
            '<image name="a.jpg"><box label="cat"/><polygon label="dog"/><mask label="dog"/></image>'
            '<image name="b.jpg"><points label="dog"/></image>',
            LABELS,
        ),
        AB,
    ),
    "CVAT without labels": (cvat('<image name="x/é.jpg"><tag label=" cat "/></image>'), {"x/é.jpg": ("cat",)}),
    "Datumaro's labels": (
        datumaro(
            {
                "id": "a",
                "annotations": [{"type": "label", "label_id": 0}, {"type": "label", "label_id": 1}],
                "image": {"path": "a.jpg"},
            },
            {
                "id": "b",
                "annotations": [{"type": "bbox", "label_id": 1}, {"type": "polygon", "label_id": 2}],
                "media": {"path": "b.jpg"},
            },
            {"id": "c.jpg", "annotations": []},
        ),
        ABC,
    ),
    "Datumaro's captions and empty paths": (
        datumaro(
            {"id": "a", "annotations": [{"type": "caption"}, {"type": "mask", "label_id": 0}], "image": {"path": ""}},
            {"id": "b", "annotations": [{"type": "points", "label_id": None}, {"type": "label", "label_id": 1}]},
        ),
        {"a": ("cat",), "b": ("dog",)},
    ),
    "Label Studio's choices": (
        studio(
            ("/data/upload/1/0a1b2c3d-a.jpg", [{"result": [result("choices", "cat", "dog")]}]),
            ("/data/upload/1/ffffffff-b.jpg", [{"result": [result("choices", "dog")]}]),
            ("/data/upload/1/00000000-c.jpg", []),
        ),
        {
            "/data/upload/1/0a1b2c3d-a.jpg": ("cat", "dog"),
            "/data/upload/1/ffffffff-b.jpg": ("dog",),
            "/data/upload/1/00000000-c.jpg": (),
        },
    ),
    "Label Studio's boxes and brushes, one cancelled": (
        studio(
            (
                "s3://x/a.jpg",
                [
                    {"result": [result("rectanglelabels", "cat"), result("brushlabels", "dog")]},
                    {"result": [], "was_cancelled": True},
                ],
            ),
            ("/data/local-files/?d=b.jpg", [{"result": [result("polygonlabels", "dog")]}]),
        ),
        {"s3://x/a.jpg": ("cat", "dog"), "/data/local-files/?d=b.jpg": ("dog",)},
    ),
    "Label Studio's short JSON": (
        json.dumps(
            [
                {"image": "a.jpg", "id": 1, "choice": {"choices": ["cat", "dog"]}},
                {"image": "b.jpg", "id": 2, "choice": "dog"},
            ]
        ),
        AB,
    ),
}


@pytest.mark.parametrize(("text", "tags"), READ.values(), ids=READ)
def test_an_export_gives_the_tags_it_holds(tmp_path: Path, text: str, tags: Tags) -> None:
    file = tmp_path / "tags"
    file.write_text(text)
    table = read_tags(file)
    assert dict(zip(table.names, table.tags, strict=True)) == tags
    assert set(table.classes) == {"cat", "dog"} & set(table.classes) | {tag for own in tags.values() for tag in own}


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_json_and_xml_are_read_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "tags"
    file.write_bytes(json.dumps({"a.jpg": ["café"]}, ensure_ascii=False).encode(encoding))
    assert read_tags(file).tags == (("café",),)
    if "16" not in encoding:
        text = cvat('<image name="a.jpg"><tag label="café"/></image>')
        file.write_bytes(text.replace("utf-8", encoding.removesuffix("-sig")).encode(encoding))
        assert read_tags(file).tags == (("café",),)


def test_columns_and_labels_of_exports_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "tags"
    file.write_text(cvat('<image name="a.jpg" subset="train"><tag label="dog"/></image>', LABELS))
    assert (read_tags(file).classes, read_tags(file).columns) == (("cat", "dog"), {"subset": ("train",)})
    file.write_text(json.dumps({"a.jpg": {"tags": ["cat"], "split": "val"}}))
    assert read_tags(file).columns == {"split": ("val",)}


REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "COCO": (json.dumps({"images": [], "annotations": [], "categories": []}), ("COCO", "kind: coco")),
    "Datumaro, a label that is not there": (
        datumaro({"id": "a", "annotations": [{"type": "label", "label_id": 7}]}),
        ("item 1", "`a`", "`7`"),
    ),
    "Datumaro, items that are none": (datumaro(3, None), ("item 1", "item 2")),
    "Label Studio, annotations that differ": (
        studio(("a.jpg", [{"result": [result("choices", "cat")]}, {"result": [result("choices", "dog")]}])),
        ("task 1", "`a.jpg`", "different"),
    ),
    "CVAT's video": (cvat('<track id="0" label="cat"><box frame="0"/></track>'), ("video", "CVAT for images 1.1")),
    "CVAT without images": (cvat("", LABELS), ("names no image",)),
    "CVAT that breaks off": (cvat("")[:80], ("line 2", "no XML")),
    "CVAT's image without a name": (cvat('<image id="0"><tag label="cat"/></image>'), ("image 1", "names no photo")),
    "an annotation of VOC": (
        '<?xml version="1.0"?><annotation><filename>a.jpg</filename></annotation>',
        ("`annotation`",),
    ),
    "entities": (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>',
        ("document type",),
    ),
    "an encoding of XML that is none": ('<?xml version="1.0" encoding="klingon"?><annotations/>', ("tags",)),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_an_export_that_is_none_is_refused(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    file = tmp_path / "tags.json"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        read_tags(file)
    assert caught.value.reference in ("tags-invalid", "tags-ambiguous")
    assert [text for text in ("tags.json", *said) if text not in str(caught.value)] == []


@settings(deadline=None, max_examples=200, derandomize=True)
@given(
    st.lists(
        st.sampled_from(
            ["<image name='a'>", "</image>", "<tag label='cat'/>", "<label>", "</label>", "<track/>", "x", "<!-- -->"]
        )
    ),
    st.binary(max_size=8),
)
def test_any_xml_gives_tags_or_a_plain_refusal(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], tail: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.xml"
    file.write_bytes(b"<annotations>" + "".join(parts).encode() + b"</annotations>" + tail)
    try:
        assert read_tags(file).names
    except UserError as error:
        assert error.reference.startswith("tags-")  # noqa: PT017
