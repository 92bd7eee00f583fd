"""Way in: tables of tags in whatever encoding they were saved, never read wrongly without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.tables.code_pages import PAGES
from puzzlecam_cli.data.tables.encoding import decoded
from puzzlecam_cli.data.tables.found import Known
from puzzlecam_cli.data.tables.tags import read_tags
from puzzlecam_cli.errors import UserError

# The words, the encoding they are saved in, and names of photos that are there (None: not known).
READ: dict[str, tuple[list[str], str, list[str] | None]] = {
    "ASCII": (["cat", "dog"], "ascii", None),
    "UTF-8": (["été", "собака", "牛"], "utf-8", None),
    "UTF-8 with a mark": (["été", "собака"], "utf-8-sig", None),
    "UTF-16 of Excel (Unicode text)": (["été", "собака", "牛"], "utf-16", None),
    "UTF-16 without a mark": (["cat", "dog"], "utf-16-le", None),
    "UTF-16 without a mark, letters of all kinds": (["牛", "été"], "utf-16-le", None),
    "UTF-16 without a mark, the other end first": (["собака", "dog"], "utf-16-be", None),
    "UTF-32": (["牛"], "utf-32", None),
    "western: an accent": (["café", "éléphant"], "cp1252", None),
    "western: umlauts": (["Löwe", "Bär", "straße"], "cp1252", None),
    "western: a capital umlaut": (["Äpfel", "Öl"], "cp1252", None),
    "western: an accent twice in a short word": (["été"], "cp1252", None),
    "western: a curly quote and a dash": (["bird’s nest", "x – été"], "cp1252", None),
    "western: a tilde, photos are there": (["niño"], "cp1252", ["niño"]),
    "western: a grave accent, photos are there": (["chèvre", "forêt"], "cp1252", ["chèvre"]),
    "central European: photos are there": (["kočka", "kůň"], "cp1250", ["kočka", "kůň"]),
    "Cyrillic": (["кот", "собака", "лошадь"], "cp1251", None),
    "Cyrillic, with capitals": (["Кот", "Собака"], "cp1251", None),
    "Greek: photos are there": (["σκύλος", "γάτα"], "cp1253", ["γάτα"]),
    "Turkish: photos are there": (["ağaç", "köpek"], "cp1254", ["ağaç"]),
    "Hebrew": (["כלב", "חתול", "סוס"], "cp1255", ["כלב"]),
    "Arabic": (["كلب", "قطة"], "cp1256", None),
    "Thai": (["คน", "แมว"], "cp874", None),
    "Japanese": (["ネコ", "いぬ", "うま"], "cp932", None),
    "Japanese: photos are there": (["猫", "犬"], "cp932", ["猫", "犬"]),
    "Chinese: photos are there": (["牛", "马"], "gbk", ["牛", "马"]),
    "Chinese of Taiwan: photos are there": (["貓", "狗"], "cp950", ["貓", "狗"]),
    "Korean: photos are there": (["고양이", "개"], "cp949", ["고양이"]),
}


def written(tmp_path: Path, words: list[str], encoding: str) -> Path:
    file = tmp_path / "tags.csv"
    text = "file,tags\r\n" + "".join(f"{word}.jpg,{word}\r\n" for word in words)
    file.write_bytes(text.encode(encoding))
    return file


@pytest.mark.parametrize(("words", "encoding", "photos"), READ.values(), ids=READ)
def test_words_come_back_from_any_encoding(
    tmp_path: Path, words: list[str], encoding: str, photos: list[str] | None
) -> None:
    file = written(tmp_path, words, encoding)
    there = {f"{photo}.jpg" for photo in photos or []}
    table = read_tags(file, is_photo=there.__contains__ if photos else lambda name: True)
    assert table.tags == tuple((word,) for word in words)
    assert table.names == tuple(f"{word}.jpg" for word in words)


def test_class_names_that_are_known_tell_the_encoding(tmp_path: Path) -> None:
    file = tmp_path / "tags.csv"
    file.write_bytes("a.jpg,niño\nb.jpg,niño\n".encode("cp1252"))
    assert read_tags(file, classes=["niño"]).classes == ("niño",)
    assert read_tags(file, classes=["nińo"]).classes == ("nińo",)


def test_an_encoding_that_is_given_is_taken(tmp_path: Path) -> None:
    file = written(tmp_path, ["niño", "chèvre"], "cp1252")
    assert read_tags(file, encoding="cp1252").classes == ("chèvre", "niño")
    assert read_tags(file, encoding="windows-1250").classes == ("chčvre", "nińo")
    assert read_tags(written(tmp_path, ["été"], "mac_roman"), encoding="mac_roman").classes == ("été",)
    assert read_tags(written(tmp_path, ["été"], "utf-16"), encoding="utf-16").classes == ("été",)


# The words, how they are saved, and what the message holds.
REFUSED: dict[str, tuple[list[str], str, tuple[str, ...]]] = {
    "a tilde": (["cat", "niño"], "cp1252", ("line 3", "`niño.jpg,niño` (cp1252)", "nińo", "data.encoding=cp1252")),
    "a grave accent": (["chèvre"], "cp1252", ("line 2", "chèvre", "chčvre")),
    "a háček": (["kočka"], "cp1250", ("line 2", "kočka", "koèka")),
    "two Chinese letters": (["牛", "马"], "gbk", ("line 2", "牛")),
    "a Korean word": (["고양이"], "cp949", ("line 2", "several ways")),
    "a Mac's accent": (["été"], "mac_roman", ("line 2", "byte 0x8E", "data.encoding")),
    "two encodings in one file": (["été"], "", ("line 3", "byte 0xE9")),
}


@pytest.mark.parametrize(("words", "encoding", "said"), REFUSED.values(), ids=REFUSED)
def test_what_can_be_read_in_two_ways_is_refused(
    tmp_path: Path, words: list[str], encoding: str, said: tuple[str, ...]
) -> None:
    file = written(tmp_path, words, encoding or "utf-8")
    if not encoding:
        file.write_bytes(file.read_bytes() + "b.jpg,éléphant\r\n".encode("cp1252"))
    with pytest.raises(UserError) as caught:
        read_tags(file)
    assert caught.value.reference == "tags-encoding"
    assert [text for text in ("tags.csv", *said) if text not in str(caught.value)] == []


@pytest.mark.parametrize("encoding", ["zip", "rot13", "no such", "idna", "unicode_escape", "", "utf-7"])
def test_an_encoding_that_is_none_is_refused(tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UserError, match="is no encoding") as caught:
        read_tags(written(tmp_path, ["cat"], "utf-8"), encoding=encoding)
    assert caught.value.reference == "tags-encoding"


def test_an_encoding_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="line 2"):
        read_tags(written(tmp_path, ["été"], "cp1252"), encoding="utf-8")


@settings(deadline=None, max_examples=200, derandomize=True)
@given(
    st.lists(st.text("abcdeéèñöüßłčкотсбаάλнיכאكل牛猫犬马고양ネコ '’-_", min_size=1), min_size=1),
    st.sampled_from(PAGES),
)
def test_a_code_page_is_told_rightly_or_refused(words: list[str], page: str) -> None:
    """Where photos are known, no reading but the right one is taken; what is UTF-8, also by chance, is read as that."""
    right = "\n".join(f"{word}.jpg,x" for word in words)
    try:
        data = right.encode(page)
    except UnicodeEncodeError:
        return
    names = {f"{word}.jpg".strip() for word in words}
    try:
        text, _ = decoded(data, Known(Path("tags.csv"), names.__contains__), None)
    except UserError as error:
        assert error.reference == "tags-encoding"  # noqa: PT017
        return
    assert text == right or text.encode() == data
