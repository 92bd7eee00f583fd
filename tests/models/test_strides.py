"""A backbone takes images of any size, at any strides; what a recipe asks of it is checked in words."""

from __future__ import annotations

import contextlib
import re
import socket
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone, load_backbone, pad_to_multiple
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.models.fit import check_fit, unfit
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Affinity, Puzzle, Seg, TrainCls
from puzzlecam_cli.testing import check_backbone

ANY = [
    (4, 4, 8, 8, 8),
    (4, 4, 8, 16, 16),
    (2, 4, 8, 16, 32),
    (14,) * 5,
    (16,) * 5,
    (8, 8, 16, 32, 32),
    (7, 7, 14, 28, 28),
]


class Patches(nn.Module):
    """Five maps of patches without padding, as of a ViT or a ConvNeXt: sides must be multiples of each stride."""

    def __init__(self, strides: tuple[int, ...]):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(3, 8, s, s) for s in strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        for each in self.maps:
            if images.shape[-1] % each.stride[0] or images.shape[-2] % each.stride[0]:
                raise ValueError("not whole patches")
        return [each(images) for each in self.maps]


def patches(strides: tuple[int, ...]) -> Backbone:
    torch.manual_seed(0)
    cell = max(strides)
    return Backbone(Patches(strides), [8] * 5, strides, multiple=cell).eval()


def photo(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(64, 96), (75, 101), (1, 1), (13, 200)])
@pytest.mark.parametrize("strides", ANY, ids=str)
def test_maps_have_the_sides_divided_by_the_stride_rounded_up(strides, size):
    found = [tuple(x.shape) for x in patches(strides)(photo(*size))]
    assert found == [(2, 8, -(-size[0] // s), -(-size[1] // s)) for s in strides]


def test_a_padded_image_is_seen_at_the_top_left_of_the_mean_colour():
    backbone, x = patches((14,) * 5), photo(30, 50)
    canvas = torch.zeros(2, 3, 42, 56)
    canvas[:, :, :30, :50] = x
    torch.testing.assert_close(backbone(x)[0], F.conv2d(canvas, *backbone.network.maps[0].parameters(), stride=14))


@pytest.mark.parametrize(
    ("size", "multiple", "least", "padded"),
    [
        ((30, 50), 1, 0, (30, 50)),
        ((30, 50), 16, 0, (32, 64)),
        ((30, 50), 16, 40, (48, 64)),
        ((64, 64), 16, 64, (64, 64)),
    ],
)
def test_images_are_padded_to_multiples_and_to_a_least_side(size, multiple, least, padded):
    made = pad_to_multiple(photo(*size), multiple, least)
    assert tuple(made.shape[-2:]) == padded
    assert torch.equal(made[..., : size[0], : size[1]], photo(*size))
    assert not made[..., size[0] :, :].any()
    assert not made[..., size[1] :].any()


@pytest.mark.parametrize("strides", ANY, ids=str)
def test_every_network_takes_any_strides(strides):
    x = photo(70, 90)
    with torch.no_grad():
        assert Classifier(patches(strides), 3)(x).shape[-2:] == (-(-70 // strides[-1]), -(-90 // strides[-1]))
        assert DeepLab(patches(strides), 4, width=16).eval()(x).shape == (2, 4, 70, 90)
        assert BoundaryNet(patches(strides)).eval()(x).shape == (2, 18, 23)
    assert BoundaryNet(patches(strides)).eval().edges(x).shape == (2, 18, 23)


@pytest.mark.parametrize("strides", [(14,) * 5, (4, 8, 16, 32, 32)], ids=str)
def test_boundaries_lie_where_their_cells_are_whatever_the_stride(strides):
    """A map's cell reaches the pixels that it covers: moving the photo by whole cells moves the boundaries."""
    network = BoundaryNet(patches(strides)).eval()
    for level in network.levels:
        level[1] = nn.Identity()  # what averages over the whole image
    cell = 28 if 14 in strides else 32
    x = photo(4 * cell, 4 * cell)[:1]
    with torch.no_grad():
        whole, cut = network(x), network(x[..., cell:, cell:])
    steps = cell // 4
    inner = slice(steps, -steps)  # the border is replicated
    torch.testing.assert_close(whole[:, steps:, steps:][:, inner, inner], cut[:, inner, inner])


# --- what a recipe asks of a backbone


@pytest.mark.parametrize(
    ("strides", "settings", "words"),
    [
        ((4, 4, 8, 16, 16), TrainCls(crop=512), None),
        ((4, 4, 8, 16, 16), TrainCls(crop=512, puzzle=Puzzle(tiles=9)), "crop 512 must be a multiple of 48"),
        ((4, 4, 8, 16, 16), TrainCls(crop=500), "multiple of 32"),
        ((4, 4, 8, 8, 8), TrainCls(crop=48), None),
        ((2, 4, 8, 16, 32), TrainCls(crop=96), "multiple of 64, to be cut into 2 × 2 tiles of whole cells"),
        ((14,) * 5, TrainCls(crop=84), None),
        ((14,) * 5, TrainCls(crop=512), "multiple of 28"),
        ((14,) * 5, TrainCls(crop=512, puzzle=Puzzle(alpha=0, classify_tiles=False)), None),
        ((4, 4, 8, 16, 16), Affinity(crop=80), None),
        ((4, 4, 8, 16, 16), Affinity(crop=79), "multiple of 4 and at least 8 × radius 10"),
        ((14,) * 5, Affinity(crop=84), None),
        ((4, 4, 8, 16, 16), Affinity(kind="feature", crop=80), "at least 16 × radius 10"),
        ((4, 4, 8, 16, 16), Affinity(kind="feature", crop=84, radius=5), "multiple of 8"),
        ((16,) * 5, Affinity(kind="feature"), "needs a map at stride 8"),
        ((14,) * 5, Seg(crop=99), None),
    ],
)
def test_what_does_not_go_together_is_said(strides, settings, words):
    problems = unfit(patches(strides), settings)
    assert len(problems) == (words is not None)
    assert words is None or words in problems[0]


def test_all_problems_are_said_with_their_sections():
    recipe = load_recipe("voc_resnet50", ["affinity.kind=feature", "affinity.crop=516"])
    first, second = check_fit(patches((14,) * 5), recipe)
    assert first.startswith("train_cls.crop 512 must be a multiple of 28")
    assert second.startswith("affinity.kind `feature` needs a map at stride 8")
    assert check_fit(load_backbone("resnet18"), load_recipe("voc_resnet50")) == []


# --- what a plugin promises


class Broken(Patches):
    """A network that breaks one promise."""

    def __init__(self, how: str):
        super().__init__((4, 4, 8, 16, 16))
        self.how = how
        if how == "no gradient":
            self.maps[0].requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = super().forward(images)
        maps[4] = maps[4] + F.avg_pool2d(maps[0], 4)
        if self.how == "random":
            maps[2] = maps[2] + torch.rand_like(maps[2])
        elif self.how == "batch":
            maps[4] = maps[4] - maps[4].mean(dim=0, keepdim=True)
        elif self.how == "not finite":
            maps[3] = maps[3] / 0
        elif self.how == "four":
            maps.pop()
        elif self.how == "small":
            maps[1] = maps[1][..., :-1]
        elif self.how == "large":
            maps[1] = F.pad(maps[1], (0, 1))
        elif self.how == "channels":
            maps[0] = maps[0][:, 1:]
        return maps


@pytest.mark.parametrize(
    ("how", "multiple", "words"),
    [
        ("random", 16, "a second time"),
        ("batch", 16, "depend on its batch"),
        ("not finite", 16, "not finite"),
        ("four", 16, "gives 4 maps"),
        ("small", 16, "declares stride 4"),
        ("large", 16, "declares stride 4"),
        ("channels", 16, "declares 8 channels"),
        ("no gradient", 16, "no gradient"),
        ("nothing", 16, None),
    ],
)
def test_a_broken_promise_is_found_by_the_plugins_test(how, multiple, words, monkeypatch):
    made: Any = Backbone(Broken(how), [8] * 5, multiple=multiple)
    monkeypatch.setattr("puzzlecam_cli.testing.backbone.load_backbone", lambda name, **options: made)
    if words is None:
        assert check_backbone("broken") is made
        return
    with pytest.raises(AssertionError, match=words):
        check_backbone("broken")


class Batched(nn.Module):
    """A network with batch normalisation that breaks a promise of training."""

    def __init__(self, how: str):
        super().__init__()
        self.how = how
        self.convs = nn.ModuleList(nn.Conv2d(3, 8, 3, stride, 1) for stride in (4, 4, 8, 16, 16))
        self.norm = nn.BatchNorm2d(8)
        self.idle = nn.Linear(2, 2) if how == "idle" else None
        self.scale = float(torch.rand(())) if how == "hidden" else 1.0
        self.steps = nn.Buffer(torch.zeros(()))
        if how == "chance":
            nn.init.constant_(self.convs[0].weight, float(np.random.default_rng().random()))
        if how == "network":
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", 9), timeout=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        if self.how == "counts" and not self.training:
            self.steps += 1
        first, *rest = [conv(images) * self.scale for conv in self.convs]
        if self.how == "always frozen":
            self.norm.eval()
        if self.how == "never frozen" and self.training:
            self.norm.train()
        return [self.norm(first), *rest]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("nothing", None),
        ("idle", r"passes no gradient to network.idle.weight \(of 2 parameters\)"),
        ("hidden", "not in plain attributes"),
        ("chance", "other first weights for the same seed"),
        ("network", "asks the network"),
        ("counts", "changes its buffers in eval mode"),
        ("always frozen", "keeps its running statistics in training"),
        ("never frozen", "changes its running statistics where all is frozen"),
    ],
)
def test_a_broken_promise_of_training_is_found(how, words, monkeypatch, capsys):
    def made(name: str, **options: Any) -> Backbone:
        return Backbone(Batched(how), [8] * 5)

    monkeypatch.setattr("puzzlecam_cli.testing.backbone.load_backbone", made)
    if words is None:
        check_backbone("batched")
        assert re.match(r"batched: [\d.]+ ms an image of 224×224 pixels; resnet18 [\d.]+ ms", capsys.readouterr().out)
        return
    with pytest.raises(AssertionError, match=words):
        check_backbone("batched")


def test_a_multiple_that_is_not_declared_is_found_by_the_plugins_test(monkeypatch):
    monkeypatch.setattr(
        "puzzlecam_cli.testing.backbone.load_backbone", lambda name, **options: Backbone(Broken("nothing"), [8] * 5)
    )
    with pytest.raises(AssertionError, match=r"declare the `multiple`.*whole patches"):
        check_backbone("broken")


@pytest.mark.parametrize("name", ["resnet18", "timm:convnext_atto", "timm:ghostnet_050", "timm:mobilenetv3_small_050"])
def test_backbones_that_come_along_keep_their_promises(name):
    assert check_backbone(name).strides[0] in (2, 4)
