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


ROWS = b"\n,file,tags,split,width\n0,a.jpg,cat;dog,train,500\n\n1,b.jpg,dog,val,375\n"


def test_lines_columns_and_facts_are_told() -> None:
    table = read(ROWS)
    assert table.lines == (3, 5)
    assert table.columns == {"split": ("train", "val"), "width": ("500", "375")}
    assert table.classes == ("cat", "dog")
    assert [fact for fact in table.facts if "divided by `;`" in fact]
    assert all(fact.startswith("tags.csv: ") for fact in table.facts)


def test_columns_of_classes_keep_their_order() -> None:
    assert read(b"file,zebra,background,cat\na.jpg,1,1,0\nb.jpg,0,1,0\n").classes == ("zebra", "cat")


def test_a_column_that_differs_within_a_photo_is_left_out_and_told() -> None:
    table = read(b"file,label,split\na.jpg,cat,train\na.jpg,dog,val\nb.jpg,dog,val\n")
    assert table.columns == {}
    assert [fact for fact in table.facts if "`split` differs" in fact and "`a.jpg`" in fact]


def test_facts_tell_what_could_be_an_oversight() -> None:
    said = " ".join(read(b"file,tags\na.jpg,Cat;void\nb.jpg,cat\nc.jpg,none\n").facts)
    assert "`Cat` and `cat` are two classes" in said
    assert "`void` is no object class" in said
    assert "1 photo(s) show no class (`none` says so)" in said


def test_names_of_photos_tell_the_column_and_the_header() -> None:
    there = {"a", "b", "c"}.__contains__
    assert read(b"cat,a\ndog,b\ncat,c\n", is_photo=there).names == ("a", "b", "c")
    assert read(b"what,which\ncat,a.jpg\ndog,b.jpg\n", is_photo=lambda n: there(n[:1])).names == ("a.jpg", "b.jpg")
    assert read(b"c,fox\na.jpg,cat\nb.jpg,dog\n", is_photo=lambda n: n[:1] in "abc").names[0] == "c"


def refused(data: bytes, **how: object) -> UserError:
    try:
        read(data, **how)
    except UserError as error:
        return error
    raise AssertionError("it was read")


def test_what_could_be_a_header_or_a_photo_is_refused() -> None:
    there = {"a", "b"}.__contains__
    assert "`zebra, fox`" in str(refused(b"zebra,fox\na,cat\nb,dog\n", is_photo=there))
    assert read(b"zebra,cat\na,cat\nb,dog\n", is_photo=there).names[0] == "zebra"
    everywhere = {"a", "b", "cat", "dog"}.__contains__
    assert "two columns of photos' names" in str(refused(b"cat,a\ndog,b\n", is_photo=everywhere))


def test_a_class_list_tells_what_blanks_commas_and_numbers_mean() -> None:
    lights = b"a.jpg,traffic light\nb.jpg,street light\n"
    assert refused(lights).reference == "tags-ambiguous"
    assert read(lights, classes=["traffic light", "street light"]).tags[0] == ("traffic light",)
    assert read(lights, classes=["traffic", "street", "light"]).tags[0] == ("traffic", "light")
    commas = b'a.jpg,"fox, red"\nb.jpg,"fox, red"\n'
    assert read(commas, classes=["fox, red"]).classes == ("fox, red",)
    numbers = b"file,label\na.jpg,1\nb.jpg,0\n"
    assert refused(numbers).reference == "tags-ambiguous"
    assert read(numbers, classes=["0", "1"]).tags == (("1",), ("0",))
    assert read(numbers, classes=["label"]).tags == (("label",), ())
    assert read(b"file,cat,split\na.jpg,1,0\nb.jpg,0,1\n", classes=["cat", "split"]).tags[1] == ("split",)
    assert read(b"file,tags\na.jpg,cat;void\nb.jpg,none\n", classes=["cat", "void", "none"]).tags == (
        ("cat", "void"),
        ("none",),
    )


def test_a_separator_that_is_given_is_taken() -> None:
    text = b"a.jpg,traffic light/cat;x\nb.jpg,cat\n"
    assert read(text, separator="/").tags[0] == ("traffic light", "cat;x")
    assert read(text, separator=" ").tags[0] == ("traffic", "light/cat;x")
    assert read(text, separator="").tags[0] == ("traffic light/cat;x",)


def test_rows_that_say_a_tag_is_not_shown_give_none() -> None:
    table = read(b"file,class,present\na.jpg,cat,1\na.jpg,dog,0\nb.jpg,cat,0\nb.jpg,dog,0\n")
    assert (table.tags, table.classes) == ((("cat",), ()), ("cat", "dog"))
    assert read(b"file,class,value\na.jpg,cat,\na.jpg,dog,\nb.jpg,cat,\n").tags == (("cat", "dog"), ("cat",))


def test_files_that_are_no_text_are_called_by_their_kind() -> None:
    assert "Excel" in str(refused(b"PK\x03\x04\x14\x00"))
    assert "is not text" in str(refused(b"\x89PNG\r\n\x1a\n"))


def test_ten_thousand_columns_do_not_hang() -> None:
    names = [f"class {n}" for n in range(10_000)]
    rows = [",".join([f"{n}.jpg", *("1" if n == c else "0" for c in range(10_000))]) for n in range(20)]
    table = read("\n".join([",".join(["file", *names]), *rows]).encode())
    assert table.tags == tuple((f"class {n}",) for n in range(20))
    assert len(table.classes) == 10_000
