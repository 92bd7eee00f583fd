"""Ids survive lists of any encoding and file systems of either form, and never lead out of a folder."""

from __future__ import annotations

import codecs
import os
import unicodedata
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.disk.lists import read_ids
from puzzlecam_cli.data.disk.resolver import FileIndex
from puzzlecam_cli.data.ids import canonical, check_id, result_path
from puzzlecam_cli.errors import UserError

quickly = settings(deadline=None, max_examples=50, derandomize=True)
MARKS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
characters = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="/\\\ufeff")
names = (
    st.text(characters, min_size=1, max_size=30)
    .map(lambda name: name.strip(" \t"))
    .filter(lambda name: name not in ("", ".", ".."))
)
image_ids = st.lists(names, min_size=1, max_size=3).map("/".join)


@quickly
@given(
    st.lists(image_ids, min_size=1, max_size=8, unique_by=canonical),
    st.sampled_from(sorted(MARKS)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(["", " 1", "\t-1", "  0"]),
)
def test_ids_survive_a_list_of_any_encoding_with_any_end_of_line(ids, codec, end, column):
    ids = [i for i in ids if column or i.split(" ")[-1] not in ("0", "1", "-1", "+1", "-0", "+0")]
    with TemporaryDirectory() as folder:
        file = Path(folder, "list.txt")
        file.write_bytes(MARKS[codec] + "".join(f"{i}{column}{end}" for i in [*ids, "last"]).encode(codec))
        assert read_ids(file) == [*ids, "last"]


@quickly
@given(
    st.lists(names, min_size=1, max_size=6, unique_by=canonical),
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from(["NFC", "NFD"]),
    st.sampled_from([".jpg", ".JPG", ".Png"]),
)
def test_ids_survive_file_systems_in_either_form(stems, listed, stored, suffix):
    stems = [s for s in stems if all(check_id(unicodedata.normalize(form, s)) is None for form in ("NFC", "NFD"))]
    with TemporaryDirectory() as folder:
        files = [Path(folder, unicodedata.normalize(stored, stem) + suffix) for stem in stems]
        for file in files:
            file.touch()
        ids = [unicodedata.normalize(listed, stem) for stem in stems]
        index = FileIndex(Path(folder), (".jpg", ".png"))
        assert [index.find(image_id) for image_id in ids] == files
        assert index.missing(ids) == []


@quickly
@given(st.text(st.sampled_from("ab./\\\0\n: ~é"), max_size=12))
def test_no_id_leads_out_of_its_folder(text):
    try:
        file = result_path(Path("/run/cams"), text, ".npz")
    except UserError:
        return
    normal = os.path.normpath(file)
    assert normal.startswith("/run/cams/")
    assert normal == str(file)
