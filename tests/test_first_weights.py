"""seg.first_weights: how the new layers of DeepLab begin, also in runs that were made without the key."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from puzzlecam_cli.engine.accelerator import seed_everything
from puzzlecam_cli.models.backbone import Backbone, load_backbone
from puzzlecam_cli.models.build import head_of, with_head
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.plan import what_changed
from puzzlecam_cli.stages.seg import train_segmentation

KEY = "seg.first_weights"


def begun(first_weights: str) -> dict[str, Tensor]:
    """The network's weights as its training gets them."""
    recipe = load_recipe("quickstart", (f"{KEY}={first_weights}", "seg={start_from: imagenet, width: 16}"))
    given: list[Any] = []
    context: Any = SimpleNamespace(
        recipe=recipe,
        backbone=lambda pretrained: load_backbone("resnet18"),
        network=lambda stage, backbone: with_head(backbone, head_of(recipe, stage), 3),
        folder=SimpleNamespace(pseudo_label=None),
        train=lambda module, *others, **settings: given.append(module.network.state_dict()),
    )
    train_segmentation(context)
    return dict(given[0])


def test_a_recipe_chooses_how_new_layers_begin() -> None:
    recipe = load_recipe("quickstart", ("seg.width=16",))
    seed_everything(recipe.seed, "seg")
    backbone: Backbone = load_backbone("resnet18")
    before = with_head(backbone, head_of(recipe, "seg"), 3).state_dict()  # as programs without the key drew them
    pytorch, kaiming = begun("pytorch"), begun("kaiming")
    assert all(torch.equal(value, before[name]) for name, value in pytorch.items())
    new = {name for name, value in kaiming.items() if not torch.equal(value, before[name])}
    assert "decoder.4.weight" in new
    assert not any(name.startswith("backbone") for name in new)
    assert kaiming["pyramid.branches.1.0.weight"].std() > 2 * before["pyramid.branches.1.0.weight"].std()


@pytest.mark.parametrize(("now", "told"), [("pytorch", []), ("kaiming", [f'{KEY} changed: "pytorch" → "kaiming"'])])
def test_a_run_without_the_key_began_as_pytorch_does(now: str, told: list[str]) -> None:
    assert what_changed({"seg.width": 128}, {"seg.width": 128, KEY: now}) == told


@pytest.mark.parametrize("value", ["pytorch", "kaiming"])
def test_a_run_with_the_key_is_held_against_it(value: str) -> None:
    assert what_changed({KEY: value}, {KEY: value}) == []
    assert len(what_changed({KEY: value}, {KEY: "kaiming" if value == "pytorch" else "pytorch"})) == 1
    assert what_changed({"cams.flip": True}, {"cams.flip": True}) == []
