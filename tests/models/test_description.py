"""What a model file says of itself comes back as it was, or is refused in one sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.models.build import HEADS, build, head_of
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.describe import predict_of
from tests.models.descriptions import described

FILE = Path("seg.safetensors")
Metadata = dict[str, str]


def test_a_description_comes_back_from_strings() -> None:
    written = described().metadata()
    assert all(isinstance(value, str) for value in written.values())
    assert Description.from_metadata(written, FILE) == described()
    assert json.loads(written["classes"])[1] == 'a "sofa", 長椅子'
    assert json.loads(written["backbone"])["name"] == described().backbone


def test_the_keys_are_those_of_the_contract() -> None:
    assert {
        *("format", "puzzlecam", "classes", "colours", "backbone", "head", "mean", "std", "multiple", "supervision")
    } <= described().metadata().keys()


@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}, {"classes": '["cat"]'}, {"format": "gguf"}])
def test_what_other_programs_write_is_none_of_ours(metadata: Metadata | None) -> None:
    assert Description.from_metadata(metadata, FILE) is None


def test_a_newer_format_is_told_from_a_damaged_one() -> None:
    with pytest.raises(UserError, match="newer version") as caught:
        Description.from_metadata(described().metadata() | {"format": "puzzlecam-model-2"}, FILE)
    assert "update" in str(caught.value.hint)


def of(name: str, value: Any) -> Callable[[Metadata], Metadata]:
    return lambda metadata: metadata | {name: value if isinstance(value, str) else json.dumps(value)}


DAMAGED: dict[str, Callable[[Metadata], Metadata]] = {
    "no classes": lambda metadata: {key: value for key, value in metadata.items() if key != "classes"},
    "no JSON": of("classes", "[cat"),
    "classes that are a text": of("classes", "cat and sofa"),
    "no class at all": of("classes", []),
    "two classes of one name": of("classes", ["cat", "cat"]),
    "more classes than a picture holds": of("classes", [str(number) for number in range(IGNORE)]),
    "a class that is a number": of("classes", ["cat", 5]),
    "a colour too few": of("colours", [[0, 0, 0], [1, 1, 1]]),
    "a colour of two": of("colours", [[0, 0, 0], [1, 1], [2, 2, 2]]),
    "a colour that is none": of("colours", [[0, 0, 0], [1, 1, 256], [2, 2, 2]]),
    "a backbone without a name": of("backbone", {"options": {}}),
    "a backbone that is a text": of("backbone", '"resnet50"'),
    "an option that asks for a download": of("backbone", {"name": "resnet18", "options": {"pretrained": True}}),
    "an option that names a file": of("backbone", {"name": "resnet18", "options": {"weights": "/etc/passwd"}}),
    "a head without a kind": of("head", {"width": 16}),
    "two means": of("mean", [0.5, 0.5]),
    "a deviation of nothing": of("std", [0.5, 0.5, 0.0]),
    "a mean that is not a number": of("mean", "[0.5, NaN, 0.5]"),
    "a multiple of nothing": of("multiple", 0),
    "brackets without end": of("predict", "[" * 100_000),
    "a value of megabytes": of("supervision", json.dumps({"tags": "x" * 2_000_000})),
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_metadata_are_refused(change: Callable[[Metadata], Metadata]) -> None:
    with pytest.raises(UserError) as caught:
        Description.from_metadata(change(described().metadata()), FILE)
    assert caught.value.reference == "model-unreadable"
    assert str(FILE) in caught.value.problem
    assert len(str(caught.value)) < 700


HEADS_OF_FILES: dict[str, dict[str, Any]] = {
    "of a kind of the future": {"kind": "transformer"},
    "with a width of gigabytes": {"kind": "deeplab", "width": 10**9, "norm": "group"},
    "without its width": {"kind": "deeplab"},
    "with an unknown key": {"kind": "classifier", "secret": 1},
    "with another norm": {"kind": "deeplab", "width": 16, "norm": "layer"},
    "with a canvas that is none": {"kind": "boundary", "canvas": "large"},
}


@pytest.mark.parametrize("head", HEADS_OF_FILES.values(), ids=HEADS_OF_FILES.keys())
def test_a_head_that_cannot_be_built_is_refused(head: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=r"model-(newer|unreadable)"):
        build(described(head=head))


def test_a_backbone_that_is_not_installed_is_named() -> None:
    with pytest.raises(UserError, match="dino_giant"):
        build(described(backbone="dino_giant"))


@pytest.mark.parametrize("stage", ["train-cls", "affinity", "seg"])
def test_every_network_of_a_recipe_is_built_by_one_function(stage: str) -> None:
    recipe = load_recipe("quickstart")
    network = build(described(head=head_of(recipe, stage))).eval()
    with torch.inference_mode():
        found = network(torch.rand(1, 3, 64, 64))
    wanted = {"train-cls": (1, 2, 4, 4), "affinity": (1, 16, 16), "seg": (1, 3, 64, 64)}
    assert found.shape == wanted[stage]
    assert head_of(recipe, stage)["kind"] in HEADS


def test_how_photos_are_predicted_is_the_recipes_with_changes() -> None:
    assert described().settings().scales == (0.5, 1.0)
    changed = described().settings({"scales": [2.0], "crf": {"colour_xy": 5.0}})
    assert (changed.scales, changed.crf.colour_xy, changed.crf.iterations) == ((2.0,), 5.0, 1)
    with pytest.raises(UserError, match="scales"):
        described().settings({"scales": [-1.0]})
    assert described(predict={"mixed_precision": "bf16", "flip": False}).settings().flip is False
    assert described(predict={"mixed_precision": "bf16"}).precision == "bf16"


def test_a_model_predicts_in_the_bits_of_its_recipe() -> None:
    """Models of before say nothing of TF32, and are read by older programs as long as they need not."""
    assert described(predict={"mixed_precision": "auto"}).precision == "auto"
    assert described(predict={"mixed_precision": "no"}).tf32 is True
    exact = described(predict={"mixed_precision": "no", "tf32": False, "flip": False})
    assert exact.tf32 is False
    assert exact.settings().flip is False
    for tf32, carried in ((True, {}), (False, {"tf32": False})):
        recipe = load_recipe("quickstart", [f"runtime.tf32={str(tf32).lower()}"])
        assert {k: v for k, v in predict_of(recipe, "seg").items() if k == "tf32"} == carried
