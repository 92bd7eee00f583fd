"""What `extends` and `--set` change, and where problems in what they bring are reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe

BASE = """recipe: 1
data: {kind: voc, root: photos, train: mine}
backbone: {name: resnet18, weights: resnet18.pth}
seg:
  epochs: 20
  predict: {scales: [1.0], crf: {iterations: 3}}
cams: {scales: [0.5, 1.0]}
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def refusal(*arguments: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        load_recipe(*arguments)
    return caught.value


@pytest.fixture
def base(tmp_path: Path) -> Path:
    write(tmp_path, BASE, "base.yaml")
    return tmp_path


def test_an_extended_recipe_is_overridden_key_by_key(base):
    text = "extends: base.yaml\nseg:\n  lr: 0.5\n  predict: {crf: {iterations: 7}}\ncams: {scales: [2.0]}\n"
    recipe = load_recipe(write(base, text))
    assert (recipe.seg.epochs, recipe.seg.lr) == (20, 0.5)
    assert (recipe.seg.predict.scales, recipe.seg.predict.crf.iterations) == ((1.0,), 7)
    assert recipe.cams.scales == (2.0,), "a list is replaced, not merged"
    assert (recipe.data.root, recipe.data.train) == (Path("photos"), "mine")


def test_a_chain_of_recipes_is_merged_from_its_far_end(base):
    write(base, "extends: base.yaml\nseg: {epochs: 5, batch: 4}\n", "middle.yaml")
    recipe = load_recipe(write(base, "extends: middle.yaml\nseg: {batch: 8}\n"))
    assert (recipe.seg.epochs, recipe.seg.batch, recipe.backbone.name) == (5, 8, "resnet18")


def test_a_shipped_recipe_can_be_extended_by_name(tmp_path):
    recipe = load_recipe(write(tmp_path, "extends: quickstart\nseed: 77\n"))
    assert recipe == load_recipe("quickstart", ["seed=77"])


def test_the_extended_recipe_is_looked_for_beside_the_file_first(base):
    (base / "below").mkdir()
    write(base, BASE.replace("20", "21"), "below/base.yaml")
    assert load_recipe(write(base, "extends: base.yaml", "below/mine.yaml")).seg.epochs == 21
    assert load_recipe(write(base, "extends: ../base.yaml", "below/mine.yaml")).seg.epochs == 20


def test_another_kind_of_data_or_backbone_replaces_the_whole_section(base):
    recipe = load_recipe(write(base, "extends: base.yaml\ndata: {kind: synthetic}\nbackbone: {name: resnet50}\n"))
    assert recipe.data.kind == "synthetic"
    assert (recipe.backbone.name, recipe.backbone.weights) == ("resnet50", None)


def test_the_same_backbone_keeps_its_other_keys(base):
    recipe = load_recipe(write(base, "extends: base.yaml\nbackbone: {pretrained: false}\n"))
    assert (recipe.backbone.name, recipe.backbone.weights) == ("resnet18", Path("resnet18.pth"))


@pytest.mark.parametrize(
    "files",
    [
        {"mine.yaml": "extends: mine.yaml"},
        {"mine.yaml": "extends: a.yaml", "a.yaml": "extends: mine.yaml"},
        {"mine.yaml": "extends: a.yaml", "a.yaml": "extends: b.yaml", "b.yaml": "extends: ./a.yaml"},
    ],
)
def test_a_circle_of_recipes_is_refused(files, tmp_path):
    for name, text in files.items():
        write(tmp_path, text, name)
    assert refusal(str(tmp_path / "mine.yaml")).reference == "recipe-circular"


def test_a_problem_is_reported_where_it_was_written(base):
    write(base, BASE.replace("epochs: 20", "epochs: 0"), "base.yaml")
    error = refusal(write(base, "extends: base.yaml\nseg: {lr: 0}\n"), ["rw.beta=0"])
    assert {line.split("  ")[0] for line in error.where[::2]} == {
        "base.yaml line 5",
        "mine.yaml line 2",
        "--set rw.beta=0",
    }


def test_a_replaced_section_is_not_blamed_on_the_extended_recipe(base):
    write(base, "recipe: 1\nbackbone: resnet18\ndata:\n  kind: synthetic\n  root: pictures\n", "base.yaml")
    error = refusal(write(base, "extends: base.yaml\ndata: {kind: voc}\n"))
    assert error.where[0] == "mine.yaml line 2  data.root"


def test_a_section_that_was_set_is_not_blamed_on_the_file(base):
    error = refusal(str(base / "base.yaml"), ["seg={epochs: 0}"])
    assert error.where[0].startswith("--set")


@pytest.mark.parametrize(
    ("change", "path", "expected"),
    [
        ("seed=7", "seed", 7),
        ("seg.epochs=5", "seg.epochs", 5),
        ("seg.lr=4e-5", "seg.lr", 4e-5),
        (" seg.epochs =5", "seg.epochs", 5),
        ("cams.scales=[0.5, 2]", "cams.scales", (0.5, 2.0)),
        ("cams.flip=false", "cams.flip", False),
        ("seg.clip_norm=null", "seg.clip_norm", None),
        ("data.root=/a b/c=d", "data.root", Path("/a b/c=d")),
        ("data.val=", "data.val", None),
        ("rw={beta: 3, radius: 4}", "rw.radius", 4),
        ("train_cls.puzzle.alpha=1.5", "train_cls.puzzle.alpha", 1.5),
        ("backbone=resnet50", "backbone.name", "resnet50"),
        ("backbone.pretrained=false", "backbone.pretrained", False),
    ],
)
def test_values_are_set_as_yaml(change, path, expected, base):
    value: Any = load_recipe(str(base / "base.yaml"), [change])
    for key in path.split("."):
        value = getattr(value, key)
    assert value == expected


def test_setting_one_key_keeps_its_neighbours(base):
    recipe = load_recipe(str(base / "base.yaml"), ["seg.predict.crf.iterations=9", "seg.width=128"])
    assert (recipe.seg.epochs, recipe.seg.predict.scales, recipe.seg.predict.crf.iterations) == (20, (1.0,), 9)


def test_a_bare_backbone_name_can_be_given_options(base):
    recipe = load_recipe(write(base, "extends: base.yaml\nbackbone: resnet50\n"), ["backbone.weights=w.pth"])
    assert (recipe.backbone.name, recipe.backbone.weights) == ("resnet50", Path("w.pth"))


def test_the_command_line_wins_and_its_last_word_counts(base):
    file = write(base, "extends: base.yaml\nseg: {epochs: 30}\n")
    assert load_recipe(file).seg.epochs == 30
    assert load_recipe(file, ["seg.epochs=40"]).seg.epochs == 40
    assert load_recipe(file, ["seg.epochs=40", "seg.epochs=50"]).seg.epochs == 50


def test_setting_another_backbone_leaves_the_old_ones_weights_behind(base):
    recipe = load_recipe(str(base / "base.yaml"), ["backbone.name=resnet50"])
    assert (recipe.backbone.name, recipe.backbone.weights) == ("resnet50", None)
