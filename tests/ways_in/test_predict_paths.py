"""What people name to have it predicted: files, folders, patterns, lists. Photos are found, or all faults are told."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.use.gathered import Gathered, gather

NFD, NFC = (unicodedata.normalize(form, "Käse") for form in ("NFD", "NFC"))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path) -> Iterator[None]:
    with chdir(tmp_path):
        yield


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def gathered(given: list[str], text: bytes = b"", out: str = "out") -> Gathered:
    return gather(given, Path(out), lambda: text)


def results(folder: str) -> None:
    touch(f"{folder}/.puzzlecam/made.json", f"{folder}/a.png", f"{folder}/overlay/a.png")


def link(name: str, target: str) -> Callable[[], None]:
    return lambda: Path(name).symlink_to(target)


FOUND: dict[str, tuple[list[str], list[str], list[str]]] = {
    "a file": (["p/a.jpg"], ["p/a.jpg"], ["a"]),
    "a file beside others": (["p/a.jpg", "p/b.jpg"], ["p/b.jpg"], ["b"]),
    "files in the order they are named": (["a.jpg", "b.jpg"], ["b.jpg", "a.jpg"], ["b", "a"]),
    "a file in capitals": (["A.JPG"], ["A.JPG"], ["A"]),
    "a file with points in its name": (["a.v1.2.jpg"], ["a.v1.2.jpg"], ["a.v1.2"]),
    "a file with blanks in its name": ([" my cat .jpg"], [" my cat .jpg"], [" my cat "]),
    "a hidden file that is named": ([".a.jpg"], [".a.jpg"], [".a"]),
    "a file called like an option": (["-a.jpg"], ["./-a.jpg"], ["-a"]),
    "a file with the signs of a pattern in its name": (["a[1].jpg", "a1.jpg"], ["a[1].jpg"], ["a[1]"]),
    "a file in another language": (["猫.jpg", "🐈.png"], ["猫.jpg", "🐈.png"], ["猫", "🐈"]),
    "a file in NFD": ([f"{NFD}.jpg"], [f"{NFD}.jpg"], [NFC]),
    "a file named twice": (["a.jpg"], ["a.jpg", "./a.jpg", "a.jpg"], ["a"]),
    "a folder": (["p/b.jpg", "p/a.jpg"], ["p"], ["a", "b"]),
    "a folder with a slash": (["p/a.jpg"], ["p/"], ["a"]),
    "a folder of folders": (["p/x/a.jpg", "p/x/y/b.png", "p/c.jpg"], ["p"], ["c", "x/a", "x/y/b"]),
    "a folder with one name in two folders": (["p/x/a.jpg", "p/y/a.jpg"], ["p"], ["x/a", "y/a"]),
    "the working folder": (["p/a.jpg"], ["."], ["p/a"]),
    "a folder and a file in it": (["p/x/a.jpg", "p/b.jpg"], ["p", "p/x/a.jpg"], ["b", "x/a"]),
    "a file and its folder": (["p/x/a.jpg", "p/b.jpg"], ["p/x/a.jpg", "p"], ["a", "b"]),
    "a folder with other files": (["p/a.jpg", "p/tags.csv", "p/a.txt", "p/a.json", "p/film.mp4"], ["p"], ["a"]),
    "a folder with what systems leave": (["p/a.jpg", "p/Thumbs.db", "p/._a.jpg", "p/__MACOSX/a.jpg"], ["p"], ["a"]),
    "a folder called like a photo": (["p/x.jpg/a.jpg"], ["p/x.jpg"], ["a"]),
    "two folders": (["p/a.jpg", "q/b.jpg"], ["p", "q"], ["a", "b"]),
    "two folders with one name in both": (["p/a.jpg", "q/a.jpg", "q/b.jpg"], ["p", "q"], ["p/a", "q/a", "q/b"]),
    "two files of one name": (["p/a.jpg", "q/r/a.png"], ["p/a.jpg", "q/r/a.png"], ["p/a", "q/r/a"]),
    "VOC's masks": (["v/JPEGImages/a.jpg", "v/SegmentationClass/a.png"], ["v"], ["JPEGImages/a"]),
    "masks beside photos": (["p/a.jpg", "p/a_mask.png", "p/b.jpg"], ["p"], ["a", "b"]),
    "masks that are named": (["p/masks/a.png", "p/a.jpg"], ["p/masks"], ["a"]),
    "a pattern": (["p/a.jpg", "p/b.png", "p/x/c.jpg"], ["p/*.jpg"], ["a"]),
    "a pattern that fits other files too": (["p/a.jpg", "p/tags.csv"], ["p/*"], ["a"]),
    "a pattern that fits folders": (["p/x/a.jpg", "p/y/b.jpg", "p/c.jpg"], ["p/*"], ["c", "a", "b"]),
    "a pattern for all depths": (["p/a.jpg", "p/x/b.jpg", "p/x/y/c.jpg"], ["p/**/*.jpg"], ["a", "b", "c"]),
    "a pattern for all depths and files": (["p/a.jpg", "p/x/b.jpg"], ["p/**"], ["a", "b"]),
    "a pattern with hidden files": (["p/a.jpg", "p/.b.jpg"], ["p/*"], ["a"]),
    "a photo called overlay": (["p/overlay.jpg"], ["p"], ["overlay"]),
    "a folder overlay that is named": (["p/overlay/a.jpg"], ["p/overlay"], ["a"]),
    "results in the folder of photos": (["p/a.jpg", "p/out/a.png"], ["p"], ["a"]),
}


@pytest.mark.parametrize(("files", "given", "ids"), FOUND.values(), ids=FOUND)
def test_photos_that_are_named_are_found(files: list[str], given: list[str], ids: list[str]) -> None:
    touch(*files)
    photos = gathered(given, out="p/out").photos
    assert [photo.id for photo in photos] == ids
    assert all(photo.image.is_file() for photo in photos)


LISTED = {
    "a line a photo": b"p/a.jpg\np/b.jpg\n",
    "no end of the last line": b"p/a.jpg\np/b.jpg",
    "lines of Windows": b"p/a.jpg\r\np/b.jpg\r\n",
    "empty lines": b"\n\np/a.jpg\n   \np/b.jpg\n\n",
    "a photo twice": b"p/a.jpg\np/b.jpg\n./p/a.jpg\n",
    "a byte order mark": "\ufeffp/a.jpg\np/b.jpg\n".encode(),
    "UTF-16": "p/a.jpg\np/b.jpg\n".encode("utf-16"),
    "a folder": b"p\n",
    "blanks around": b"  p/a.jpg \n\tp/b.jpg\n",
}


@pytest.mark.parametrize("text", LISTED.values(), ids=LISTED)
def test_a_list_on_stdin_names_photos(text: bytes) -> None:
    touch("p/a.jpg", "p/b.jpg")
    assert [photo.id for photo in gathered(["-"], text).photos] == ["a", "b"]


def test_a_line_of_a_list_is_a_path_as_it_stands() -> None:
    touch("p/my cat, [1].jpg")
    assert [photo.id for photo in gathered(["-"], b"p/my cat, [1].jpg\n").photos] == ["my cat, [1]"]


REFUSED: dict[str, tuple[list[str], list[str], str, list[str]]] = {
    "nothing": ([], [], "photos-missing", []),
    "an empty path": (["a.jpg"], ["", "a.jpg"], "path-unusable", ["empty"]),
    "missing files, all of them": (["a.jpg"], ["x.jpg", "a.jpg", "y/z.jpg"], "path-unusable", ["x.jpg", "y/z.jpg"]),
    "a missing folder": ([], ["no/such/"], "path-unusable", ["no/such"]),
    "a pattern for nothing": (["a.jpg"], ["*.png"], "path-unusable", ["*.png"]),
    "a pattern for other files": (["a.txt"], ["*"], "path-unusable", ["fits no photo"]),
    "a file that is no photo": (["a.jpg", "tags.csv"], ["a.jpg", "tags.csv"], "path-unusable", ["tags.csv"]),
    "a file without suffix": (["a"], ["a"], "path-unusable", ["no photo by its name"]),
    "an empty folder": (["p/.keep"], ["p"], "data-missing", ["no photo below p"]),
    "a folder without photos": (["p/a.txt"], ["p"], "data-missing", [".txt"]),
    "an empty folder and a missing file": (["p/.keep"], ["p", "x.jpg"], "path-unusable", ["below p", "x.jpg"]),
    "one name in one folder": (["p/a.jpg", "p/a.png"], ["p/a.jpg", "p/a.png"], "file-ambiguous", ["a.jpg", "a.png"]),
    "one name in a folder that is named": (["p/a.jpg", "p/a.png"], ["p"], "file-ambiguous", ["a.jpg", "a.png"]),
    "a name that holds a line end": (["p/a\nb.jpg"], ["p"], "image-id", ["a\\nb.jpg"]),
    "a name that is named and holds a line end": (["a\nb.jpg"], ["a\nb.jpg"], "image-id", ["a\\nb.jpg"]),
    "a name that results cannot have": (["p/overlay/a.jpg"], ["p"], "image-id", ["overlay"]),
    "a folder called like another's result": (["p/a.jpg", "p/a.png/b.jpg"], ["p"], "image-id", ["a.png"]),
    "results among photos": (["out/a.jpg"], ["out"], "out-holds-photos", ["out"]),
    "results above photos": (["out/p/a.jpg"], ["out/p"], "out-holds-photos", ["out/p"]),
    "a photo among results": (["out/a.jpg"], ["out/a.jpg"], "out-holds-photos", ["out"]),
}


@pytest.mark.parametrize(("files", "given", "reference", "told"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_named(files: list[str], given: list[str], reference: str, told: list[str]) -> None:
    touch(*files)
    with pytest.raises(UserError) as caught:
        gathered(given)
    assert caught.value.reference == reference
    assert all(words in str(caught.value) for words in told), str(caught.value)
    assert not Path("out/.puzzlecam").exists()


LISTS_REFUSED = {
    "an empty list": (b"\n\n", "names nothing"),
    "a missing photo": (b"a.jpg\nx.jpg\n", "x.jpg"),
    "a pattern": (b"*.jpg\n", "*.jpg"),
    "no text": (b"\x89PNG\r\n\x1a\n\xff\xfe", "not text"),
    "NULs between paths": (b"a.jpg\0b.jpg\0", "NUL"),
}


@pytest.mark.parametrize(("text", "told"), LISTS_REFUSED.values(), ids=LISTS_REFUSED)
def test_a_list_that_cannot_be_used_is_refused(text: bytes, told: str) -> None:
    touch("a.jpg", "b.jpg")
    with pytest.raises(UserError) as caught:
        gathered(["-"], text)
    assert told in str(caught.value)


KINDS: dict[str, tuple[Callable[[], None], str]] = {
    "a pipe": (lambda: os.mkfifo("x.jpg"), "is a pipe"),
    "a link to nothing": (link("x.jpg", "gone.jpg"), "link to nothing"),
    "a link to itself": (link("x.jpg", "x.jpg"), "link to itself"),
}


@pytest.mark.parametrize(("make", "told"), KINDS.values(), ids=KINDS)
def test_what_is_no_file_is_never_opened(make: Callable[[], None], told: str) -> None:
    make()
    with pytest.raises(UserError) as caught:
        gathered(["x.jpg"])
    assert told in str(caught.value)


LINKS: dict[str, tuple[Callable[[], None], list[str], list[str]]] = {
    "to a photo": (link("b.jpg", "p/a.jpg"), ["b.jpg"], ["b"]),
    "to a folder": (link("q", "p"), ["q"], ["a"]),
    "to a folder that is named as well": (link("q", "p"), ["p", "q"], ["a"]),
    "in a circle": (link("p/round", "."), ["p"], ["a"]),
    "in a circle, by a pattern": (link("p/round", "."), ["p/**/*.jpg"], ["a"]),
}


@pytest.mark.parametrize(("make", "given", "ids"), LINKS.values(), ids=LINKS)
def test_links_are_followed_and_lead_to_no_photo_twice(
    make: Callable[[], None], given: list[str], ids: list[str]
) -> None:
    touch("p/a.jpg")
    make()
    assert [photo.id for photo in gathered(given).photos] == ids


def test_earlier_results_are_never_predicted() -> None:
    touch("p/b.jpg")
    results("p/old")
    assert [photo.id for photo in gathered(["p"]).photos] == ["b"]
    found = gathered(["p/**/*.*"])
    assert [photo.id for photo in found.photos] == ["b"]
    assert "2 files among earlier results are passed over" in found.facts[0]
    for given in ("p/old", "p/old/a.png", "p/old/overlay"):
        with pytest.raises(UserError, match="results"):
            gathered([given])


def test_what_is_taken_for_masks_is_told() -> None:
    touch("v/JPEGImages/a.jpg", "v/SegmentationClass/a.png", "v/b.jpg", "v/b_mask.png")
    facts = gathered(["v"]).facts
    assert "SegmentationClass" in facts[0]
    assert "b_mask" in facts[1]


def test_a_hundred_thousand_photos_are_gathered_in_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted by what is asked of the disk, as seconds are the machine's."""
    touch(*(f"p/{number % 10}/{number}.jpg" for number in range(1000)))
    asked = 0
    lstat = os.lstat

    def counting(*given: object, **more: object) -> os.stat_result:
        nonlocal asked
        asked += 1
        return lstat(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "lstat", counting)
    assert len(gathered(["p", "p/*/*.jpg"]).photos) == 1000
    assert asked < 3000
