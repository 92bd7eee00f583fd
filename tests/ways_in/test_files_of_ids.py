"""Way in: names of files, as ids ask for them."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from puzzlecam_cli.data.disk.resolver import FileIndex
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES, check_id, result_path
from puzzlecam_cli.errors import UserError

COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def index_of(folder: Path, *files: str) -> FileIndex:
    for name in files:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    return FileIndex(folder, PHOTO_SUFFIXES)


FOUND = {
    "a suffix in small letters": ("a", "a.jpg"),
    "a suffix in capitals": ("a", "a.JPG"),
    "a suffix in both": ("a", "a.Jpg"),
    "jpeg": ("a", "a.jpeg"),
    "png in capitals": ("a", "a.PNG"),
    "bmp": ("a", "a.bmp"),
    "webp": ("a", "a.WebP"),
    "tif": ("a", "a.tif"),
    "tiff in capitals": ("a", "a.TIFF"),
    "dots in the name": ("screenshot 2020-12-16 16.42.21", "screenshot 2020-12-16 16.42.21.jpg"),
    "two suffixes": ("a.png", "a.png.jpg"),
    "a name that begins with a dot": (".a", ".a.jpg"),
    "blanks and brackets": ("field (1)", "field (1).jpg"),
    "brackets that file patterns know": ("a[0-9]*?", "a[0-9]*?.jpg"),
    "a folder": ("a/b", "a/b.jpg"),
    "folders with dots and blanks": ("a.b/c d/e", "a.b/c d/e.JPG"),
    "a folder called like a photo": ("a.jpg/b", "a.jpg/b.png"),
    "NFC in list and folder": (COMPOSED, f"{COMPOSED}.jpg"),
    "NFC in the list, NFD in the folder": (COMPOSED, f"{DECOMPOSED}.jpg"),
    "NFD in the list, NFC in the folder": (DECOMPOSED, f"{COMPOSED}.jpg"),
    "a folder in NFD": (f"{COMPOSED}/a", f"{DECOMPOSED}/a.jpg"),
    "Korean in NFD": ("소", unicodedata.normalize("NFD", "소") + ".jpg"),
    "a newline that no list can hold": ("a\nb", "a\nb.jpg"),
}


@pytest.mark.parametrize(("image_id", "file"), FOUND.values(), ids=FOUND)
def test_the_file_of_an_id_is_found(tmp_path: Path, image_id: str, file: str) -> None:
    index = index_of(tmp_path, file, "other.jpg", "a.txt", "a.xml")
    assert index.find(image_id) == tmp_path / file
    assert image_id in index
    assert index.missing([image_id]) == []


TWICE = {
    "jpg and png": ("a", ("a.jpg", "a.png")),
    "one suffix in two cases": ("a", ("a.JPG", "a.jpg")),
    "jpg and jpeg in a folder": ("a/b", ("a/b.jpeg", "a/b.jpg")),
    "NFC and NFD": (COMPOSED, (f"{COMPOSED}.jpg", f"{DECOMPOSED}.jpg")),
}


@pytest.mark.parametrize(("image_id", "files"), TWICE.values(), ids=TWICE)
def test_two_files_of_one_id_are_named_once_the_id_is_asked_for(
    tmp_path: Path, image_id: str, files: tuple[str, ...]
) -> None:
    index = index_of(tmp_path, *files, "other.jpg")
    assert index.missing(["other"]) == []
    for line in (*index.missing([image_id]), *index.missing([image_id], needed=False)):
        assert all(Path(file).name in line for file in files)
    with pytest.raises(UserError, match="file-ambiguous") as caught:
        index.find(image_id)
    assert len(caught.value.where) == 2
    assert all(Path(file).name in str(caught.value) for file in files)


MISSING = {
    "nothing like it": ("zebra", "`zebra`: not there"),
    "the suffix in the list": ("msrc_01_09.jpg", "`msrc_01_09.jpg`: not there; leave out `.jpg`"),
    "the suffix in capitals": ("msrc_01_09.JPG", "leave out `.JPG`"),
    "another suffix": ("msrc_01_09.png", "leave out `.png`"),
    "the suffix, in a folder": ("a/inner.jpg", "leave out `.jpg`"),
    "another case": ("cat_01", "is written `Cat_01`"),
    "another case in a folder": ("a/INNER", "is written `a/inner`"),
    "a folder left out": ("inner", "write `a/inner`, which is there"),
    "a folder left out, with the suffix": ("inner.jpg", "write `a/inner`"),
    "another folder": ("b/inner", "write `a/inner`"),
    "the folder in another case": ("A/inner", "write `a/inner`"),
    "a folder too many": ("JPEGImages/msrc_01_09", "write `msrc_01_09`"),
    "no such folder": ("b/zebra", "there is no folder `b`"),
    "a photo as a folder": ("msrc_01_09/x", "there is no folder `msrc_01_09`"),
    "a class after the id": ("msrc_01_09 cow", "write `msrc_01_09` alone"),
    "a number after the id": ("msrc_01_09 2", "write `msrc_01_09` alone"),
    "a line of CSV": ("7,msrc_01_09,cow", "write `msrc_01_09` alone"),
    "quotes": ('"msrc_01_09"', "write `msrc_01_09` alone"),
    "a slip of the finger": ("mscr_01_09", "did you mean `msrc_01_09`?"),
    "a photo of a kind that is not read": ("film", "there is `film.jp2`, which is none of"),
    "a name on disk with a blank at its end": ("blank", "is written `blank `"),
    "the way up": ("..", "`..`: not there"),
    "the way up and back": ("../photos/msrc_01_09", "write `msrc_01_09`"),
    "a way out": ("../secret", "not there"),
    "nothing": ("", "``: not there"),
    "an escape code": ("\x1b[31m", r"`\x1b[31m`: not there"),
    "10,000 folders": ("a/" * 10_000 + "x", "not there"),
    "a name of 10,000 letters": ("x" * 10_000, "not there"),
}


@pytest.mark.parametrize(("image_id", "said"), MISSING.values(), ids=MISSING)
def test_an_id_without_a_file_is_told_as_written_with_what_would_be_right(
    tmp_path: Path, image_id: str, said: str
) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"x")
    index = index_of(tmp_path / "photos", "msrc_01_09.jpg", "Cat_01.jpg", "a/inner.jpg", "film.jp2", "blank .jpg")
    assert index.find(image_id) is None
    assert image_id not in index
    (line,) = index.missing([image_id])
    assert said in line
    assert len(line) < 400
    assert index.missing([image_id], needed=False) == []
    assert index.stats([image_id]) == ["-"]


def test_nothing_is_suggested_that_is_not_like_it(tmp_path: Path) -> None:
    index = index_of(tmp_path, "a/v1.jpg", "a/.jpg", ".jpg", "other.jpg")
    assert index.missing(["v1.2", "x"]) == ["`v1.2`: not there", "`x`: not there"]


UNUSABLE = {
    "a link to nothing": (lambda file: file.symlink_to("nowhere"), "is a link to nothing"),
    "a link to itself": (lambda file: file.symlink_to(file), "is a link to itself"),
    "a pipe": (os.mkfifo, "is a pipe, not a file"),
    "a folder": (Path.mkdir, "is a folder, not a file"),
    "a link to a folder": (lambda file: file.symlink_to("/"), "is a folder, not a file"),
    "a device": (lambda file: file.symlink_to("/dev/zero"), "is a device, not a file"),
}


@pytest.mark.parametrize(("make", "said"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_is_called_like_a_photo_and_is_none_is_told(tmp_path: Path, make, said: str) -> None:
    make(tmp_path / "a.jpg")
    index = index_of(tmp_path)
    for needed in (True, False):
        assert index.missing(["a"], needed=needed) == [f"`a`: `a.jpg` {said}"]
    index.stats(["a"])


def test_a_link_to_a_photo_is_a_photo_and_a_folder_does_not_stand_beside_one(tmp_path: Path) -> None:
    index = index_of(tmp_path, "real.jpg", "b.jpg", "b.png/inner.txt")
    (tmp_path / "a.png").symlink_to("real.jpg")
    assert index.missing(["a", "b"]) == []
    assert index.find("b") == tmp_path / "b.jpg"


@pytest.mark.parametrize("make", [lambda file: None, Path.touch], ids=["no folder", "a file as the folder"])
def test_a_folder_that_is_not_there_has_no_files(tmp_path: Path, make) -> None:
    make(tmp_path / "JPEGImages")
    index = FileIndex(tmp_path / "JPEGImages", (".jpg",))
    assert index.find("a") is None
    assert index.missing(["a"]) == ["`a`: not there"]


def test_a_folder_that_links_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "JPEGImages").symlink_to("JPEGImages")
    with pytest.raises(UserError, match="cannot be listed"):
        FileIndex(tmp_path / "JPEGImages", (".jpg",)).find("a")


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    index = index_of(tmp_path, f"{COMPOSED}/a.jpg", f"{DECOMPOSED}/b.jpg")
    with pytest.raises(UserError, match="2 folders"):
        index.find(f"{COMPOSED}/a")


GOOD = ["a", "a.b", "a/b", "...", ".a", "a..b", "field (1)", "é", "x" * 240, "a:b", "-", " ", "a\u2028b"]
BAD = ["", ".", "..", "../a", "a/..", "a/../b", "./a", "/a", "/", "a/", "a//b", "\\", "a\\b", "C:/a", "a\0", "a\nb"]
BAD += ["a\x1b", "a\x85", "\ud800", "x" * 241, "é" * 121, "a/" * 600 + "b"]


@pytest.mark.parametrize("image_id", GOOD, ids=repr)
def test_the_result_of_a_good_id_lies_in_its_folder(tmp_path: Path, image_id: str) -> None:
    assert check_id(image_id) is None
    file = result_path(tmp_path, image_id, ".npz")
    assert file.resolve().is_relative_to(tmp_path.resolve())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name(f".{file.name}.1234567").touch()  # as results are written at first
    assert str(file) == f"{tmp_path}/{image_id}.npz"


@pytest.mark.parametrize("image_id", BAD, ids=lambda image_id: ascii(image_id[:20]))
def test_the_result_of_a_bad_id_is_refused(tmp_path: Path, image_id: str) -> None:
    with pytest.raises(UserError, match="image-id") as caught:
        result_path(tmp_path, image_id, ".npz")
    assert len(str(caught.value)) < 300
