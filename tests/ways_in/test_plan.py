"""`run-all --plan`: what would stop a run and is known without PyTorch is told by the plan already."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.check_data import about_tags, pixels
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.plan import what_changed
from puzzlecam_cli.run.run import Run as RunOfRecipe
from puzzlecam_cli.stages import PIPELINE
from tests.conftest import Run
from tests.recipe.messages import check_message

RECIPE = """
recipe: 1
data: {kind: voc, root: photos, train: train, val: val}
backbone: {name: resnet18, pretrained: false}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a recipe and four photos in VOC layout, two of them to train on; also the home folder."""
    root = tmp_path / "photos"
    for folder in ("JPEGImages", "Annotations", "SegmentationClass", "ImageSets/Segmentation"):
        (root / folder).mkdir(parents=True)
    for name in "abcd":
        Image.new("RGB", (40, 30)).save(root / "JPEGImages" / f"{name}.jpg")
        Image.fromarray(np.full((30, 40), 1, np.uint8)).save(root / "SegmentationClass" / f"{name}.png")
        text = "<annotation><object><name>cat</name></object></annotation>"
        (root / "Annotations" / f"{name}.xml").write_text(text)
    (root / "classes.txt").write_text("cat\ndog\n")
    (root / "ImageSets/Segmentation/train.txt").write_text("a\nb\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("c\nd\n")
    (tmp_path / "mine.yaml").write_text(RECIPE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


NAMES = {
    "timm: a path": ("timm:../../x", "no model of timm is called `../../x`"),
    "timm: an absolute path": ("timm:/etc/passwd", "no model of timm is called `/etc/passwd`"),
    "timm: a model of a hub": ("timm:hf-hub:timm/resnet18", "no path and no hub"),
    "timm: a second command": ("timm:resnet18;rm", "no model of timm is called `resnet18;rm`"),
    "timm: wildcards": ("timm:*", "no model of timm is called `*`"),
    "timm: no model": ("'timm:'", "no model of timm is called ``"),
    "timm: a blank": ("timm:resnet 18", "no model of timm is called `resnet 18`"),
    "timm: 10,000 letters": ("timm:" + "/" * 4000, "no model of timm is called"),
    "timm in capitals": ("Timm:resnet18", "no backbone is called `Timm:resnet18`"),
    "an unknown library": ("hub:resnet18", "no backbone is called `hub:resnet18`"),
    "a path": ("../resnet18", "no backbone is called `../resnet18`"),
    "a misspelt name": ("resnet81", "did you mean `resnet18`?"),
}


@pytest.mark.parametrize(("name", "words"), NAMES.values(), ids=NAMES)
def test_a_name_that_no_backbone_can_have_is_refused(name: str, words: str, here: Path, puzzlecam: Run) -> None:
    result = puzzlecam("run-all", "mine.yaml", "--plan", "--set", f"backbone.name={name}")
    assert result.exit_code == 2, result.output
    check_message(result.stderr.rstrip())
    assert words in result.stderr
    assert not (here / "runs").exists()


@pytest.mark.parametrize("name", ["timm:resnet18", "timm:resnet50.a1_in1k", "timm:vit_tiny_patch16_224", "resnet34"])
def test_a_name_that_a_backbone_can_have_is_planned_with(name: str, here: Path, puzzlecam: Run) -> None:
    assert puzzlecam("run-all", "mine.yaml", "--plan", "--set", f"backbone.name={name}").exit_code == 0


CHANGES = {
    "a root that is not there": ("data.root=nothing", "there is no folder nothing"),
    "a root with a colon": ("data.root=a:b", "there is no folder a:b"),
    "a root below the home folder": ("data.root=~/nothing", "{here}/nothing"),
    "a root that is a file": ("data.root=mine.yaml", "mine.yaml is no folder"),
    "a root in another layout": ("data.root=.", "there is no list ImageSets/Segmentation/train.txt"),
    "a list that is not there": ("data.val=test", "there is no list photos/ImageSets/Segmentation/test.txt"),
    "a scored list that is not there": ("data.score=test", "there is no list photos/ImageSets/Segmentation/test.txt"),
    "classes that are not there": ("data.classes=nothing.txt", "nothing.txt is not there"),
    "weights that are not there": ("backbone.weights=nothing.pth", "there is no weight file nothing.pth"),
    "weights below the home folder": ("backbone.weights=~/nothing.pth", "{here}/nothing.pth"),
    "weights that are a folder": ("backbone.weights=photos", "photos is a folder, not a file"),
    "weights that are a pipe": ("backbone.weights=pipe", "pipe is a pipe, not a file"),
    "weights that are a link to nothing": ("backbone.weights=link", "link is a link to nothing"),
}


@pytest.mark.parametrize(("change", "words"), CHANGES.values(), ids=CHANGES)
def test_a_change_that_names_what_is_not_there_is_refused(change: str, words: str, here: Path, puzzlecam: Run) -> None:
    os.mkfifo("pipe")
    Path("link").symlink_to("nowhere")
    result = puzzlecam("run-all", "mine.yaml", "--plan", "--set", change)
    assert result.exit_code == 2, result.output
    assert words.format(here=here) in result.stderr


def test_a_home_folder_may_be_meant(here: Path, puzzlecam: Run) -> None:
    assert puzzlecam("run-all", "mine.yaml", "--plan", "--set", "data.root=~/photos").exit_code == 0


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nowhere")


FILES: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "a photo that is not there": ("JPEGImages/a.jpg", Path.unlink, "`a`: not there"),
    "a photo that is a pipe": ("JPEGImages/a.jpg", pipe, "`a.jpg` is a pipe, not a file"),
    "a photo that is a link to nothing": ("JPEGImages/c.jpg", link, "`c.jpg` is a link to nothing"),
    "a mask that is a pipe": ("SegmentationClass/a.png", pipe, "`a.png` is a pipe, not a file"),
    "a mask that is a link to nothing": ("SegmentationClass/c.png", link, "`c.png` is a link to nothing"),
    "a mask that is not there": ("SegmentationClass/c.png", Path.unlink, "1 of 2 images of `val` have no mask"),
    "an annotation that is a pipe": ("Annotations/a.xml", pipe, "`a.xml` is a pipe, not a file"),
    "an annotation that is not there": ("Annotations/a.xml", Path.unlink, "`a`: not there"),
    "an annotation of a class in capitals": (
        "Annotations/a.xml",
        lambda file: file.write_text("<annotation><object><name>Cat</name></object></annotation>") and None,
        "a.xml: `Cat` is no class; did you mean `cat`?",
    ),
    "a list that is a pipe": ("ImageSets/Segmentation/train.txt", pipe, "train.txt is a pipe, not a file"),
    "classes that are a pipe": ("classes.txt", pipe, "classes.txt is a pipe, not a file"),
}


@pytest.mark.parametrize(("file", "change", "words"), FILES.values(), ids=FILES)
def test_a_file_that_will_not_do_is_told_by_the_plan(
    file: str, change: Callable[[Path], None], words: str, here: Path, puzzlecam: Run
) -> None:
    change(here / "photos" / file)
    result = puzzlecam("run-all", "mine.yaml", "--plan")
    assert result.exit_code == 2, result.output
    assert words in result.stderr


@pytest.mark.parametrize("stages", [[], ["--until", "train-cls"]], ids=["all stages", "the first stage alone"])
def test_photos_and_masks_that_are_swapped_are_told_by_the_plan(stages: list[str], here: Path, puzzlecam: Run) -> None:
    (here / "photos/JPEGImages").rename(here / "photos/masks")
    (here / "photos/SegmentationClass").rename(here / "photos/JPEGImages")
    (here / "photos/masks").rename(here / "photos/SegmentationClass")
    result = puzzlecam("run-all", "mine.yaml", "--plan", *stages)
    assert result.exit_code == 2, result.output
    assert result.stderr.count("they seem swapped") == 2  # of train and of val
    assert "photos/JPEGImages/a.png with the mask photos/SegmentationClass/a.jpg" in result.stderr


def test_no_photos_at_all_are_told_by_the_plan(here: Path, puzzlecam: Run) -> None:
    shutil.rmtree(here / "photos/JPEGImages")
    result = puzzlecam("run-all", "mine.yaml", "--plan")
    assert result.exit_code == 2
    assert "there is no folder photos/JPEGImages" in result.stderr


def test_the_state_of_what_is_no_folder_is_not_told(here: Path, puzzlecam: Run) -> None:
    result = puzzlecam("status", "mine.yaml", "--run", "mine.yaml")
    assert result.exit_code == 2
    assert "mine.yaml is no folder" in result.stderr


@pytest.mark.parametrize("seed", [-1, 2**63, 10**30])
def test_a_seed_that_is_none_is_refused(seed: int, here: Path, puzzlecam: Run) -> None:
    result = puzzlecam("ablate", "mine.yaml", "--seeds", seed)
    assert result.exit_code == 2
    assert f"{seed} is no seed" in result.stderr
    assert not (here / "runs").exists()


def checked() -> Checked:
    run = RunOfRecipe.at(load_recipe("mine.yaml"), Path("run"))
    return Checked(run, tuple(all_steps(PIPELINE)), 1, lambda done, total: None, 0)


def test_what_is_worth_knowing_is_said_once_and_names_photos_without_a_tag(here: Path) -> None:
    (here / "photos/classes.txt").write_text("background\ncat\ndog\n")
    (here / "photos/Annotations/b.xml").write_text("<annotation></annotation>")
    (here / "run").mkdir()
    facts = list(about_tags(checked()))
    assert len(facts) == len(set(facts))
    assert "`train`: 2 photos, 1 tag of 1 class, 1 photo without a tag: b" in facts
    assert "classes that no photo of `train` is tagged with: dog" in facts


def test_a_photo_and_a_mask_that_cannot_be_read_are_named_once_each(here: Path) -> None:
    (here / "photos/JPEGImages/a.jpg").write_text("not found")
    (here / "photos/SegmentationClass/a.png").write_bytes(b"")
    (here / "run").mkdir()
    of_photos, of_masks = pixels(checked())
    assert [line.count("a.jpg") for line in of_photos.where] == [1]
    assert [line.count("a.png") for line in of_masks.where] == [1]


def test_a_variable_against_the_recipe_is_told(here: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    result = puzzlecam("run-all", "mine.yaml", "--plan")
    assert result.exit_code == 2
    assert "ACCELERATE_GRADIENT_ACCUMULATION_STEPS=4" in result.stderr


def test_what_was_made_in_any_number_of_parts_is_as_good_as_what_would_be_made_in_as_many_as_it_takes() -> None:
    key = "train_cls.accumulate"
    assert what_changed({key: 1}, {key: "auto"}) == []
    assert what_changed({key: "auto"}, {key: 2}) == [f'{key} changed: "auto" → 2']
    assert what_changed({key: 1}, {key: 2}) == [f"{key} changed: 1 → 2"]
    assert what_changed({"data.train": "1"}, {"data.train": "auto"}) != []
