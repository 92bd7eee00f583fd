"""Recipes: every problem with its line. The authors' values as defaults: `test_fidelity_table.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from puzzlecam_cli.data.kinds.voc import VocPhotos
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import find_recipe, load_recipe, recipe_names, shipped_recipes

LEAST = "recipe: 1\ndata: {kind: voc, root: photos}\nbackbone: resnet18\n"  # three lines


def write(folder: Path, text: str, name: str = "mine.yaml") -> str:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return str(file)


def refusal(*arguments: Any) -> UserError:
    with pytest.raises(UserError) as caught:
        load_recipe(*arguments)
    return caught.value


def problems(*arguments: Any) -> list[tuple[str, str]]:
    """(place and key, what is wrong) of each problem."""
    error = refusal(*arguments)
    assert error.reference == "recipe-invalid"
    found = list(zip(error.where[::2], error.where[1::2], strict=True))
    assert f"{len(found)} problem" in error.problem
    return [(place, words.strip()) for place, words in found]


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_valid(name):
    assert load_recipe(name).recipe == 1


@pytest.mark.parametrize(
    ("lists", "scored"), [("", "train"), (", train: mine", "mine"), (", train: mine, score: other", "other")]
)
def test_maps_are_scored_on_the_training_list_unless_it_is_train_aug(lists, scored, tmp_path):
    settings = load_recipe(write(tmp_path, LEAST.replace("photos", f"photos{lists}"))).data
    assert VocPhotos(settings, tmp_path, 0).splits.score == scored


def test_an_unknown_key_is_refused_with_its_line_and_a_suggestion(tmp_path):
    text = LEAST + "cams:\n  flip: true\n  # a comment\n  scale: [1.0]\n"
    ((place, words),) = problems(write(tmp_path, text))
    assert place.startswith("mine.yaml line 7  cams.scale")
    assert words == "is not a key; did you mean `scales`?"


@pytest.mark.parametrize(
    ("line", "key", "meant"),
    [
        ("sead: 1", "sead", "seed"),
        ("train_clas: {}", "train_clas", "train_cls"),
        ("extend: base.yaml", "extend", "extends"),
        ("train_cls: {puzzle: {tile: 4}}", "train_cls.puzzle.tile", "tiles"),
        ("seg: {predict: {crf: {iteration: 4}}}", "seg.predict.crf.iteration", "iterations"),
        ("affinity: {labels: {crf: {confidense: 0.8}}}", "affinity.labels.crf.confidense", "confidence"),
    ],
)
def test_every_section_knows_its_keys(line, key, meant, tmp_path):
    ((place, words),) = problems(write(tmp_path, LEAST + line))
    assert place.startswith(f"mine.yaml line 4  {key}")
    assert f"did you mean `{meant}`?" in words


def test_keys_of_the_chosen_kind_of_data_are_suggested(tmp_path):
    text = "recipe: 1\nbackbone: resnet18\ndata:\n  kind: synthetic\n  picture: 5\n"
    ((place, words),) = problems(write(tmp_path, text))
    assert place.startswith("mine.yaml line 5  data.picture")
    assert "`pictures`" in words


def test_a_key_like_no_other_gets_no_suggestion(tmp_path):
    assert problems(write(tmp_path, LEAST + "zzzzzzzz: 1"))[0][1] == "is not a key"


def test_all_problems_are_reported_at_once(tmp_path):
    text = LEAST + "seed: -1\nseg:\n  epochs: many\n  norm: layer\nrw: {betta: 3}\n"
    found = problems(write(tmp_path, text))
    keys = [(4, "seed = -1"), (6, "seg.epochs = 'many'"), (7, "seg.norm = 'layer'"), (8, "rw.betta = 3")]
    assert {place for place, _ in found} == {f"mine.yaml line {line}  {key}" for line, key in keys}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("recipe: 1\nbackbone: resnet18\n", ("data", "is missing")),
        ("recipe: 1\nbackbone: resnet18\ndata: {kind: voc}\n", ("line 3  data.root", "is missing")),
        ("recipe: 1\nbackbone: resnet18\ndata: {root: r}\n", ("line 3  data", "is missing")),
        ("recipe: 1\nbackbone: resnet18\ndata: {kind: vok}\n", ("line 3  data.kind = 'vok'", "did you mean 'voc'?")),
        ("data: {kind: voc, root: r}\nbackbone: resnet18\n", ("recipe", "is missing")),
        ("recipe: 2\ndata: {kind: voc, root: r}\nbackbone: resnet18\n", ("line 1  recipe = 2", "1")),
        (
            "recipe: 1\ndata: {kind: voc, root: r}\nbackbone: {pretrained: no}\n",
            ("line 3  backbone.name", "is missing"),
        ),
    ],
)
def test_what_a_recipe_must_hold_is_named(text, expected, tmp_path):
    ((place, words),) = problems(write(tmp_path, text))
    assert expected[0] in place
    assert expected[1] in words


@pytest.mark.parametrize("tiles", [0, 1, 2, 5, 6, -4])
def test_tiles_that_form_no_square_are_refused(tiles, tmp_path):
    ((place, words),) = problems(write(tmp_path, LEAST + f"train_cls:\n  puzzle:\n    tiles: {tiles}\n"))
    assert place == f"mine.yaml line 6  train_cls.puzzle.tiles = {tiles}"
    assert "must be a square" in words


@pytest.mark.parametrize(("tiles", "crop", "rows"), [(4, 32, 2), (9, 96, 3), (16, 512, 4)])
def test_square_numbers_of_tiles_that_divide_the_crop_are_taken(tiles, crop, rows, tmp_path):
    recipe = load_recipe(write(tmp_path, LEAST + f"train_cls: {{crop: {crop}, puzzle: {{tiles: {tiles}}}}}"))
    assert recipe.train_cls.puzzle.rows == rows


def test_whether_a_crop_fits_is_left_to_the_backbone_but_a_tiny_one_is_refused(tmp_path):
    assert load_recipe(write(tmp_path, LEAST + "train_cls: {crop: 84}")).train_cls.crop == 84
    ((place, words),) = problems(write(tmp_path, LEAST + "train_cls: {crop: 31}"))
    assert place.startswith("mine.yaml line 4  train_cls.crop")
    assert "32" in words


@pytest.mark.parametrize(
    "line",
    [
        "train_cls: {lr: 0}",
        "train_cls: {batch: 0}",
        "train_cls: {resize: [640, 320]}",
        "train_cls: {resize: [320]}",
        "seg: {resize_side: both}",
        "cams: {scales: []}",
        "cams: {scales: [0]}",
        "affinity: {labels: {foreground: 0.1, background: 0.4}}",
        "rw: {log2_steps: -1}",
        "rw: {background: 1.5}",
        "rw: {crf: {confidence: 0.5}}",
        "eval: {thresholds: [0.5, 2]}",
        "runtime: {mixed_precision: fp8}",
    ],
)
def test_values_that_make_no_sense_are_refused(line, tmp_path):
    ((place, words),) = problems(write(tmp_path, LEAST + line))
    assert place.startswith(f"mine.yaml line 4  {line.split(':')[0]}")
    assert words


@pytest.mark.parametrize("text", ["4e-5", "4.0e-5", "0.00004", "4E-5"])
def test_every_way_to_write_a_small_number_is_a_number(text, tmp_path):
    """YAML 1.1 reads `4e-5` as text."""
    assert load_recipe(write(tmp_path, LEAST + f"seg: {{weight_decay: {text}}}")).seg.weight_decay == 4e-5
    assert load_recipe(write(tmp_path, LEAST), [f"seg.lr={text}"]).seg.lr == 4e-5


@pytest.mark.parametrize("line", ["seg: {epochs: yes}", "train_cls: {lr: true}"])
def test_yes_is_not_a_number(line, tmp_path):
    problems(write(tmp_path, LEAST + line))


def test_a_key_given_twice_is_refused(tmp_path):
    refusal(write(tmp_path, LEAST + "seg:\n  epochs: 5\n  lr: 0.1\n  epochs: 6\n"))


def test_a_recipe_and_its_sections_cannot_be_changed(tmp_path):
    recipe = load_recipe(write(tmp_path, LEAST))
    for section, key in (
        (recipe, "seed"),
        (recipe.seg.predict.crf, "iterations"),
        (recipe.data, "root"),
        (recipe.backbone, "name"),
    ):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(section, key, getattr(section, key))


def test_a_backbone_is_a_name_or_a_section_with_options(tmp_path):
    assert load_recipe(write(tmp_path, LEAST)).backbone.name == "resnet18"
    text = LEAST.replace("resnet18", "{name: mine, weights: w.pth, head: false}")
    backbone = load_recipe(write(tmp_path, text)).backbone
    assert (backbone.name, backbone.weights, backbone.options) == ("mine", Path("w.pth"), {"head": False})


@pytest.mark.parametrize("name", ["mine.yaml", "quickstart"])
def test_a_recipe_written_out_with_every_default_is_the_same_recipe(name, tmp_path):
    recipe = load_recipe(write(tmp_path, LEAST) if name == "mine.yaml" else name, ["seg.epochs=7"])
    text = yaml.safe_dump(recipe.model_dump(mode="json"))
    assert load_recipe(write(tmp_path, text, "whole.yaml")) == recipe


def test_invalid_yaml_is_refused_with_its_line(tmp_path):
    error = refusal(write(tmp_path, LEAST + "seg: {epochs: 5\nrw: 3\n"))
    assert error.reference == "recipe-unreadable"
    assert "line 5" in error.where[0]


@pytest.mark.parametrize(
    "content", [b"", b"- a\n- b\n", b"just text", b"# only a comment\n", b"\xff\xfe\x00r", b"a: \x07"]
)
def test_a_file_that_is_no_recipe_is_refused(content, tmp_path):
    (tmp_path / "mine.yaml").write_bytes(content)
    error = refusal(str(tmp_path / "mine.yaml"))
    assert error.reference == "recipe-unreadable"
    assert "mine.yaml" in error.problem


def test_yaml_builds_no_python_objects(tmp_path):
    error = refusal(write(tmp_path, LEAST + "seed: !!python/object/apply:os.getpid []"))
    assert error.reference == "recipe-unreadable"


@pytest.mark.parametrize("name", ["quickstrat", "quick_start.yaml", "somewhere/quickstart"])
def test_a_recipe_that_is_not_there_gets_a_suggestion(name):
    error = refusal(name)
    assert error.reference == "recipe-missing"
    assert f"`{name}`" in error.problem
    assert "did you mean `quickstart`?" in error.hint


@pytest.mark.parametrize("name", ["", ".", "zzzzzzzz", "/", "a/b/c.yaml"])
def test_a_name_like_no_recipe_is_refused(name):
    error = refusal(name)
    assert error.reference == "recipe-missing"
    assert "did you mean" not in error.hint


@pytest.mark.parametrize("name", ["quickstart", "quickstart.yaml", "recipes/quickstart.yaml"])
def test_a_shipped_recipe_is_found_from_any_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_recipe(name) == shipped_recipes() / "quickstart.yaml"
    write(tmp_path, LEAST, "quickstart.yaml")  # one's own file comes first
    assert (find_recipe(name).resolve() == tmp_path / "quickstart.yaml") == (name == "quickstart.yaml")
