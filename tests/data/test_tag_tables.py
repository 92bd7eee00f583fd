"""Tag tables: whatever set of tags is written in whatever form comes back as it was."""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.tables.tags import TagTable, read_tags
from puzzlecam_cli.errors import UserError

CLASSES = ("cat", "sofa", "собака", "牛", "été", "zebra")
Tags = dict[str, tuple[str, ...]]
Form = Callable[[Tags, "csv.Writer", str], None]  # type: ignore[name-defined]


def several_in_a_cell(mark: str) -> Form:
    def write(tags: Tags, writer: csv.Writer, head: str) -> None:  # type: ignore[name-defined]
        if head:
            writer.writerow([head, "tags"])
        writer.writerows([name, mark.join(own)] for name, own in tags.items())

    return write


def a_row_a_tag(tags: Tags, writer: csv.Writer, head: str) -> None:  # type: ignore[name-defined]
    if head:
        writer.writerow([head, "label"])
    writer.writerows([name, tag] for name, own in tags.items() for tag in own or ("",))


def tags_in_cells(tags: Tags, writer: csv.Writer, head: str) -> None:  # type: ignore[name-defined]
    writer.writerows([name, *own] for name, own in tags.items())


def a_column_a_class(yes: str, no: str) -> Form:
    def write(tags: Tags, writer: csv.Writer, head: str) -> None:  # type: ignore[name-defined]
        writer.writerow([head or "file", *CLASSES])
        writer.writerows([name, *(yes if c in own else no for c in CLASSES)] for name, own in tags.items())

    return write


FORMS = [
    *map(several_in_a_cell, (";", "; ", ",", "|", " | ")),
    a_row_a_tag,
    tags_in_cells,
    *(a_column_a_class(*pair) for pair in (("1", "0"), ("1", "-1"), ("True", "False"), ("x", ""), ("1.0", "0.0"))),
]
photos = st.text("abcdefgé牛0123456789 ._-()", min_size=1, max_size=8).map(lambda stem: f"{stem.strip()}.jpg")
tag_sets = st.dictionaries(photos, st.sets(st.sampled_from(CLASSES)).map(lambda own: tuple(sorted(own))), min_size=3)


def read(data: bytes, **how: object) -> TagTable:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "tags.csv")
        file.write_bytes(data)
        return read_tags(file, **how)  # type: ignore[arg-type]


@settings(deadline=None, max_examples=150, derandomize=True)
@given(
    tags=tag_sets,
    form=st.sampled_from(FORMS),
    delimiter=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    head=st.sampled_from(["", "file", "image_id"]),
)
def test_tags_of_every_form_come_back(
    tags: Tags, form: Form, delimiter: str, encoding: str, end: str, head: str
) -> None:
    if sum(bool(own) for own in tags.values()) < 2:
        return
    text = io.StringIO(newline="")
    form(tags, csv.writer(text, delimiter=delimiter, lineterminator=end), head)
    table = read(text.getvalue().encode(encoding))
    assert {name: set(own) for name, own in zip(table.names, table.tags, strict=True)} == {
        name: set(own) for name, own in tags.items()
    }


@settings(deadline=None, max_examples=300, derandomize=True)
@given(st.binary() | st.text("a.jpg,;|\t\"' \n\r01-[]{}:xcat<>\x00").map(str.encode))
def test_any_bytes_give_tags_or_a_plain_refusal(data: bytes) -> None:
    try:
        table = read(data)
    except UserError as error:
        assert error.reference.startswith("tags-")  # noqa: PT017
    else:
        assert len(table.names) == len(table.tags) == len(table.lines)
