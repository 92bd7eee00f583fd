"""Folders of photos as people have them: which files are photos, what they are called, and which one a name means."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.errors import UserError

NFD, NFC = (unicodedata.normalize(form, "Käse") for form in ("NFD", "NFC"))


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


FOUND = {
    "one photo": (["a.jpg"], ["a"]),
    "all suffixes": (
        ["a.jpg", "b.jpeg", "c.png", "d.bmp", "e.webp", "f.tif", "g.tiff", "h.heic", "i.heif", "j.avif", "k.jfif"],
        list("abcdefghijk"),
    ),
    "suffixes in capitals": (["a.JPG", "b.Jpeg", "c.PnG"], ["a", "b", "c"]),
    "nested folders": (["x/y/z/a.jpg", "x/b.jpg", "c.jpg"], ["c", "x/b", "x/y/z/a"]),
    "the same name in two folders": (["x/a.jpg", "y/a.jpg"], ["x/a", "y/a"]),
    "names with blanks and points": (["my cat.v1.2.jpg", "x y/b c.png"], ["my cat.v1.2", "x y/b c"]),
    "a name in NFD": ([f"{NFD}.jpg"], [NFC]),
    "a folder in NFD": ([f"{NFD}/a.jpg"], [f"{NFC}/a"]),
    "hidden files and folders": (["a.jpg", ".b.jpg", "._a.jpg", ".thumbnails/c.jpg", "x/.d/e.jpg"], ["a"]),
    "what systems leave": (
        ["a.jpg", "__MACOSX/a.jpg", "@eaDir/a.jpg/SYNO.jpg", "x/$RECYCLE.BIN/b.jpg", "Thumbs.db", "desktop.ini"],
        ["a"],
    ),
    "other files beside": (["a.jpg", "a.json", "a.txt", "tags.csv", "film.mp4", "noend", "b.gif"], ["a"]),
    "a folder called like a photo": (["x.jpg/a.jpg"], ["x.jpg/a"]),
    "two suffixes": (["a.jpg.png", "a.tar.jpg"], ["a.jpg", "a.tar"]),
    "names that begin with what leads nowhere": (["-a.jpg", "~b.jpg", "#c.jpg"], ["#c", "-a", "~b"]),
    "other languages": (["猫/一.jpg", "кот/1.jpg", "🐈.png"], ["кот/1", "猫/一", "🐈"]),
    "the folder of a run inside": (["a.jpg", "runs/x/run.json", "runs/x/recipe.yaml", "runs/x/rw/a.png"], ["a"]),
    "one of a run's files only": (["x/run.json", "x/a.jpg"], ["x/a"]),
}


@pytest.mark.parametrize(("files", "ids"), FOUND.values(), ids=FOUND)
def test_the_photos_of_a_folder_are_found(files: list[str], ids: list[str], tmp_path: Path) -> None:
    walk = Walk(touch(tmp_path, *files))
    assert list(walk.files) == sorted(ids)
    assert all(path.is_file() for path in walk.files.values())


def test_folders_that_are_something_else_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpg", "masks/a.png", "x/masks/b.png")
    assert list(Walk(tmp_path, but=[tmp_path / "masks"]).files) == ["a", "x/masks/b"]
    assert list(Walk(tmp_path, but=[tmp_path / "x" / ".." / "masks", tmp_path]).files) == ["a", "x/masks/b"]


LINKS: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "to a folder elsewhere": (lambda root: (root / "in").symlink_to(root.parent / "out"), ["a", "in/c", "x/b"]),
    "to the folder itself": (lambda root: (root / "x" / "again").symlink_to(root), ["a", "x/b"]),
    "to the folder above": (lambda root: (root / "x" / "up").symlink_to(".."), ["a", "x/b"]),
    "to a folder that is walked anyway": (lambda root: (root / "w").symlink_to("x"), ["a", "x/b"]),
    "twice to one folder": (
        lambda root: [(root / name).symlink_to(root.parent / "out") for name in ("in", "out")],
        ["a", "in/c", "x/b"],
    ),
    "to a folder above all": (lambda root: (root / "up").symlink_to(root.parent), ["a", "x/b"]),
    "to a folder that links back": (
        lambda root: [(root / "in").symlink_to("../out"), (root.parent / "out" / "back").symlink_to(root)],
        ["a", "in/c", "x/b"],
    ),
    "to itself": (lambda root: (root / "self").symlink_to("self"), ["a", "x/b"]),
    "to nothing": (lambda root: (root / "gone").symlink_to("nowhere"), ["a", "x/b"]),
    "to a photo": (lambda root: (root / "l.jpg").symlink_to("a.jpg"), ["a", "l", "x/b"]),
}


@pytest.mark.parametrize(("link", "ids"), LINKS.values(), ids=LINKS)
def test_links_are_followed_and_no_circle_is(link: Callable[[Path], object], ids: list[str], tmp_path: Path) -> None:
    root = touch(tmp_path / "root", "a.jpg", "x/b.jpg")
    touch(tmp_path / "out", "c.jpg")
    link(root)
    assert list(Walk(root).files) == ids


REFUSED: dict[str, tuple[list[str], str]] = {
    "an empty folder": ([], "there is no photo below"),
    "no photo among files": (["a.txt", "b.txt", "c.csv"], r"there are: 2 × \.txt, 1 × \.csv"),
    "films only": (["a.mp4"], r"1 × \.mp4"),
    "two files of a name": (["x/a.jpg", "x/a.png", "b.JPG", "b.jpg"], r"2 names .*`b`: .*`b.JPG` and `b.jpg`.*`x/a`"),
    "a name in both Unicode forms": ([f"{NFC}.jpg", f"{NFD}.jpg"], rf"`{NFC}`: .* and "),
    "a photo of a phone and its copy": (["a.heic", "a.jpg"], r"`a.heic` and `a.jpg`.*keep one file of each"),
    "a backslash in a name": (["a\\b.jpg"], "holds a backslash.*rename"),
    "a line end in a name": (["a\nb.jpg", "ok.jpg"], "1 files .*holds a control character"),
    "bytes that are no text": ([os.fsdecode(b"\xff\xfe.jpg")], "holds a control character"),
    "a name as long as they can be": ([f"{'a' * 250}.jpg"], "longer than file names"),
}


@pytest.mark.parametrize(("files", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_named_at_once(files: list[str], words: str, tmp_path: Path) -> None:
    touch(tmp_path, *files)
    with pytest.raises(UserError) as refused:
        _ = Walk(tmp_path).files
    assert re.search(words, str(refused.value), re.DOTALL), str(refused.value)


@pytest.mark.parametrize(("name", "words"), [("gone", "there is no folder"), ("file.jpg", "is no folder")])
def test_a_folder_that_is_none_is_named(name: str, words: str, tmp_path: Path) -> None:
    touch(tmp_path, "file.jpg")
    with pytest.raises(UserError, match=words) as refused:
        _ = Walk(tmp_path / name).files
    assert "data.root=FOLDER" in str(refused.value.hint)


HERE = ["a.jpg", "x/b.JPG", "x/c.png", "y/c.png", f"{NFD}.jpg", "IMG_1.JPG", "p q.jpg", "d.jpg.png", "deep/er/e.jpg"]
NAMED = {
    "the name": ("a", ["a"]),
    "with suffix": ("a.jpg", ["a"]),
    "with the suffix in capitals": ("a.JPG", ["a"]),
    "with another suffix": ("a.png", ["a"]),
    "with blanks around": (" a.jpg ", ["a"]),
    "with its folder": ("x/b.jpg", ["x/b"]),
    "without its folder": ("b.jpg", ["x/b"]),
    "a part of its folders": ("er/e.jpg", ["deep/er/e"]),
    "of two folders": ("c.png", ["x/c", "y/c"]),
    "of one of two folders": ("y/c", ["y/c"]),
    "Windows' slashes": ("deep\\er\\e.jpg", ["deep/er/e"]),
    "a path of Windows": ("C:\\Users\\me\\deep\\er\\e.jpg", ["deep/er/e"]),
    "a path of another machine": ("/home/me/set/x/b.jpg", ["x/b"]),
    "a folder more": ("images/a.jpg", ["a"]),
    "a point before": ("./a.jpg", ["a"]),
    "two points before": ("../x/c.png", ["x/c"]),
    "points inside": ("x/../y/./c.png", ["y/c"]),
    "doubled slashes": ("x//b.jpg", ["x/b"]),
    "a file URL": ("file:///data/x/b.jpg", ["x/b"]),
    "a URL": ("https://example.org/set/x/b.jpg", ["x/b"]),
    "a URL with a question": ("https://example.org/a.jpg?size=3&x=y", ["a"]),
    "a URL with escapes": ("https://example.org/p%20q.jpg", ["p q"]),
    "of a bucket": ("s3://bucket/deep/er/e.jpg", ["deep/er/e"]),
    "Label Studio's local files": ("/data/local-files/?d=x/b.jpg", ["x/b"]),
    "Label Studio's upload": ("/data/upload/3/1a2b3c4d-a.jpg", ["a"]),
    "in NFC": (f"{NFC}.jpg", [NFC]),
    "in NFD": (NFD, [NFC]),
    "in other case": ("img_1.jpg", ["IMG_1"]),
    "a folder in other case": ("X/B.jpg", ["x/b"]),
    "two suffixes": ("d.jpg.png", ["d.jpg"]),
    "the first of two suffixes": ("d.jpg", ["d.jpg"]),
    "another folder": ("z/b.jpg", []),
    "another name": ("aa.jpg", []),
    "a folder alone": ("x", []),
    "nothing": ("", []),
    "only blanks": ("  ", []),
    "only slashes": ("//", []),
    "only a suffix": (".jpg", []),
    "a point": (".", []),
}


@pytest.mark.parametrize(("written", "ids"), NAMED.values(), ids=NAMED)
def test_a_name_means_its_photo(written: str, ids: list[str], tmp_path: Path) -> None:
    assert Walk(touch(tmp_path, *HERE)).named(written) == ids


def test_a_whole_path_goes_before_the_end_of_another(tmp_path: Path) -> None:
    walk = Walk(touch(tmp_path, "a.jpg", "x/a.jpg", "photos/x/a.jpg"))
    assert walk.named("a.jpg") == ["a"]
    assert walk.named("x/a.jpg") == ["x/a"]
    assert walk.named(f"{tmp_path}/x/a.jpg") == ["x/a"]
    assert walk.named("z/photos/x/a.jpg") == ["photos/x/a"]


def test_blanks_around_names_count_where_names_differ_in_them(tmp_path: Path) -> None:
    walk = Walk(touch(tmp_path, " lead.jpg", "end .jpg", "a .jpg", "a.jpg", "x /b.jpg"))
    assert [walk.named(name) for name in ("lead.jpg", "end", "a", "x/b")] == [[" lead"], ["end "], ["a"], ["x /b"]]


def test_case_counts_where_names_differ_in_it(tmp_path: Path) -> None:
    walk = Walk(touch(tmp_path, "A.jpg", "a.jpg", "x/B.jpg", "y/b.jpg"))
    if len(walk.files) < 4:
        pytest.skip("this file system knows no case")
    assert walk.named("A.jpg") == ["A"]
    assert walk.named("B.jpg") == ["x/B"]


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("z/b.jpg", "there is `x/b`"),
        ("deep/er/f.jpg", ""),
        ("IMG_2.jpg", "did you mean `IMG_1`?"),
        ("", ""),
        ("7", "`007`: zeros were lost"),
        ("7.0", "`007`"),
    ],
)
def test_what_a_name_may_have_meant_is_told(written: str, words: str, tmp_path: Path) -> None:
    said = Walk(touch(tmp_path, *HERE, "007.jpg")).like(written)
    assert words in said
    assert bool(words) == bool(said)


PIECES = st.text(
    st.characters(exclude_characters="/\\%?#.", exclude_categories=("Cc", "Cs", "Z")), min_size=1, max_size=8
)
PATHS = st.lists(PIECES, min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(PATHS, min_size=1, max_size=6), PATHS, st.sampled_from(["", ".jpg", ".PNG"]), st.booleans())
def test_every_photo_is_found_by_its_path_whatever_stands_before_it(
    paths: list[str], before: str, suffix: str, is_nfd: bool
) -> None:
    ids = sorted({unicodedata.normalize("NFC", path) for path in paths})
    walk = Walk(Path("nowhere"))
    walk.__dict__["files"] = {image_id: Path(f"{image_id}.jpg") for image_id in ids}
    for image_id in ids:
        written = f"{image_id}{suffix}"
        assert walk.named(unicodedata.normalize("NFD", written) if is_nfd else written) == [image_id]
        assert image_id in ids
        found = walk.named(f"/{before}/{written}")
        assert found
        assert all(f"{before}/{image_id}".endswith(other) or other.endswith(image_id) for other in found)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.text(max_size=40))
def test_any_text_is_answered(text: str) -> None:
    walk = Walk(Path("nowhere"))
    walk.__dict__["files"] = {"a": Path("a.jpg"), "x/b": Path("x/b.jpg")}
    assert set(walk.named(text)) <= {"a", "x/b"}
    assert isinstance(walk.like(text), str)
