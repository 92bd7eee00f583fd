"""`data.root` of made-up pictures: what somebody else put there stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.data.kinds.synthetic import MARKER, UNFINISHED, SyntheticData, SyntheticPhotos
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.session.plan import plan_stages
from tests.run.folders import content, put

Build = Callable[[Path], object]
OURS = json.dumps({"version": 1, "seed": 9, "pictures": 2, "val_pictures": 1, "size": 64, "classes": 3})


def pictures(root: Path, count: int = 2, seed: int = 0) -> SyntheticPhotos:
    settings = SyntheticData(kind="synthetic", root=root, pictures=count, val_pictures=1, size=48, classes=2)
    return SyntheticPhotos(settings, root.parent / "run", seed)


def write(root: Path, count: int = 2, seed: int = 0) -> None:
    pictures(root, count, seed).prepare(lambda done, total: None)


def changed(name: str, text: str = "mine") -> Build:
    """Our pictures, one of the files that we wrote being somebody else's now."""

    def build(root: Path) -> None:
        write(root)
        put(root, name, text)

    return build


def linked(name: str) -> Build:
    """Our pictures, one of the places being a link to something of the user's."""

    def build(root: Path) -> None:
        write(root)
        target = put(root.parent / "outside", "synthetic_train_0001.jpg")
        path = root / name
        if path.is_dir():
            path.rename(path.with_name("moved"))
            target = target.parent
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return build


def below_a_file(root: Path) -> None:
    put(root.parent, root.name)


REFUSED: dict[str, Build] = {
    "a file": below_a_file,
    "a link to a folder": lambda root: root.symlink_to(root.parent),
    "a link to nowhere": lambda root: root.symlink_to(root.parent / "nothing"),
    "a link to itself": lambda root: root.symlink_to(root),
    "photos": lambda root: put(root, "JPEGImages/a.jpg"),
    "photos and another's synthetic.json": lambda root: (put(root, "a.jpg"), put(root, MARKER, '{"name": "x"}')),
    "an empty synthetic.json": lambda root: put(root, MARKER, ""),
    "a list in synthetic.json": lambda root: put(root, MARKER, "[]"),
    "brackets in synthetic.json": lambda root: put(root, MARKER, "[" * 4000),
    "a synthetic.json of another program": lambda root: put(root, MARKER, '{"version": 1, "seed": 2, "pictures": 3}'),
    "a synthetic.json of megabytes": lambda root: put(root, MARKER, OURS + " " * 1_000_000),
    "synthetic.json is a folder": lambda root: put(root, f"{MARKER}/a"),
    "synthetic.json is a link to ours": lambda root: (
        root.mkdir(),
        (root / MARKER).symlink_to(put(root.parent, "ours.json", OURS)),
    ),
    "an own train.txt": changed("ImageSets/Segmentation/train.txt", "my photo\n"),
    "a train.txt with a photo more": changed("ImageSets/Segmentation/train.txt", "synthetic_train_0001\nmine\n"),
    "an own val.txt without a line end": changed("ImageSets/Segmentation/val.txt", "mine"),
    "own classes": changed("classes.txt", "background\ncat\n"),
    "photos as a link": linked("JPEGImages"),
    "masks as a link": linked("SegmentationClass"),
    "lists as a link": linked("ImageSets"),
    "train.txt as a link": linked("ImageSets/Segmentation/train.txt"),
    "classes.txt as a link": linked("classes.txt"),
    "unfinished classes as a link": linked("classes.txt.unfinished"),
}


@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED.keys())
def test_a_folder_that_is_not_ours_is_named_and_stays(tmp_path: Path, build: Build) -> None:
    root = tmp_path / "pictures"
    build(root)
    before = content(tmp_path)
    for attempt in (pictures(root, 3).check, lambda: write(root, 3)):
        with pytest.raises(UserError) as caught:
            attempt()
        assert caught.value.reference == "folder-not-ours"
        assert str(root) in caught.value.problem
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    "place",
    ["afile/pictures", "/dev/null", "/dev/null/x", "x" * 300, "dangling/x"],
    ids=["below a file", "a device", "below a device", "300 characters", "below a link to nowhere"],
)
def test_a_folder_that_cannot_be_made_is_told_at_the_start(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "afile")
    (tmp_path / "dangling").symlink_to("nothing")
    with pytest.raises(UserError) as caught:
        plan_stages(tiny_recipe, tmp_path / "run", changes=[f"data.root={place}"])
    assert caught.value.reference == "folder-not-ours"


OWN = {
    "a photo": "JPEGImages/mine.jpg",
    "a photo called nearly as ours": "JPEGImages/synthetic_mine_12.jpg",
    "a photo with another suffix": "JPEGImages/synthetic_train_0001.png",
    "a mask": "SegmentationClass/mine.png",
    "tags": "Annotations/mine.xml",
    "a list": "ImageSets/Segmentation/mine.txt",
    "notes": "notes.txt",
    "a folder": "deep/er/photo.jpg",
}


@pytest.mark.parametrize("count", [1, 4], ids=["fewer", "more"])
@pytest.mark.parametrize("name", OWN.values(), ids=OWN.keys())
def test_own_files_among_pictures_stay_when_another_number_is_drawn(tmp_path: Path, name: str, count: int) -> None:
    root = tmp_path / "pictures"
    write(root)
    put(root, name)
    write(root, count, seed=1)
    assert (root / name).read_text() == "mine"
    drawn = list((root / "JPEGImages").glob("synthetic_train_????.jpg"))
    assert len(drawn) == count


@pytest.mark.parametrize("marker", [UNFINISHED, OURS], ids=["interrupted", "of another recipe"])
def test_a_folder_that_we_wrote_is_written_anew(tmp_path: Path, marker: str) -> None:
    root = tmp_path / "pictures"
    write(root)
    (root / MARKER).write_text(marker)
    (root / "ImageSets/Segmentation/train.txt").write_text("synthetic_train_0001\nsynthe")  # a kill in the middle
    (root / "classes.txt").unlink()
    write(root, 3)
    assert len(pictures(root, 3).photos("train")) == 3


@pytest.mark.parametrize(
    "change",
    ["pictures=1e12", "pictures=1000000000000", "val_pictures=1e9", "size=1e9", "size=1", "classes=9", "pictures=0"],
)
def test_numbers_out_of_bounds_are_refused(tiny_recipe: Path, tmp_path: Path, change: str) -> None:
    with pytest.raises(UserError) as caught:
        plan_stages(tiny_recipe, tmp_path, changes=[f"data.{change}"])
    assert caught.value.reference == "recipe-invalid"
    assert f"data.{change.split('=')[0]}" in str(caught.value)


def test_a_folder_whose_first_file_was_begun_when_we_were_killed_is_written(tmp_path: Path) -> None:
    put(tmp_path / "pictures", f".{MARKER}.4711", UNFINISHED[:3])
    write(tmp_path / "pictures")
    write(tmp_path / "others")
    assert content(tmp_path / "pictures") == content(tmp_path / "others")
