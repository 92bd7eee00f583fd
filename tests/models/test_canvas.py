"""Whole photos are seen on the canvas of the training's crop, over which group normalisation averages."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.pair_nets import pair_net
from puzzlecam_cli.recipe.load import load_recipe


class Maps(nn.Module):
    """Five maps of ceil(side / stride) cells with biases, so that what pads a photo has features too."""

    def __init__(self, strides: tuple[int, ...]):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(3, 8, 3, s, 1) for s in strides)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [each(images) for each in self.maps]


def network(kind: str, canvas: int, strides: tuple[int, ...] = (4, 4, 8, 16, 16)):
    torch.manual_seed(0)
    return pair_net(kind, Backbone(Maps(strides), [8] * 5, strides), canvas).eval()


def photo(height: int, width: int) -> Tensor:
    return torch.randn(3, height, width, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def edges_by_hand(x: Tensor, sides: tuple[int, int]) -> Tensor:
    """IRNet's branch over a canvas of zeros, the photo and its mirror image each at the top left."""
    made, (height, width) = network("boundary", 0), x.shape[-2:]
    logits = []
    for view in (x, x.flip(-1)):
        canvas = torch.zeros(1, 3, *sides)
        canvas[0, :, :height, :width] = view
        levels = []
        for level, feature in zip(made.levels, made.backbone.network(canvas), strict=True):
            y = nn.functional.conv2d(feature, level[0].weight).reshape(1, 4, -1)  # four groups over the canvas
            y = (y - y.mean(dim=2, keepdim=True)) / (y.var(dim=2, keepdim=True, correction=0) + 1e-5).sqrt()
            y = y.reshape(1, 32, *feature.shape[-2:])
            scale = sides[0] // 4 / feature.shape[-2]
            levels.append(
                nn.functional.interpolate(y, scale_factor=scale, mode="bilinear").relu() if scale > 1 else y.relu()
            )
        logits.append(nn.functional.conv2d(torch.cat(levels, 1), made.edge.weight, made.edge.bias)[0, 0])
    straight, mirrored = (one[: -(-height // 4), : -(-width // 4)] for one in logits)
    return torch.sigmoid((straight + mirrored.flip(-1)) / 2)


@pytest.mark.parametrize(
    ("size", "canvas", "sides"),
    [
        ((48, 64), 128, (128, 128)),  # smaller than the crop
        ((75, 101), 128, (128, 128)),
        ((75, 150), 128, (128, 160)),  # one side beyond it: whole cells
        ((131, 150), 128, (144, 160)),
        ((128, 128), 128, (128, 128)),
        ((75, 101), 0, (80, 112)),  # canvas: photo
    ],
)
def test_edges_are_those_of_a_canvas_padded_by_hand(size, canvas, sides):
    x = photo(*size)
    (edges,) = network("boundary", canvas).edges(x[None])
    torch.testing.assert_close(edges, edges_by_hand(x, sides), rtol=1e-4, atol=1e-5)


def test_the_canvas_is_part_of_what_was_learnt():
    """The same photo on two canvases has other edges; a training crop on its own has none around it."""
    x = photo(48, 64)
    on_canvas, on_cells = network("boundary", 128).edges(x[None]), network("boundary", 0).edges(x[None])
    assert float((on_canvas - on_cells).abs().max()) > 0.01
    crop = photo(128, 128)[None]
    assert torch.equal(network("boundary", 128)(crop), network("boundary", 0)(crop))


@pytest.mark.parametrize("strides", [(14,) * 5, (2, 4, 8, 16, 32)], ids=str)
def test_a_canvas_has_whole_cells_at_all_strides(strides):
    seen: list[tuple[int, ...]] = []
    made = network("boundary", 130, strides)
    made.backbone.network.register_forward_pre_hook(lambda _, given: seen.append(tuple(given[0].shape[-2:])))
    made.edges(photo(50, 140)[None])
    assert all(side % cell == 0 for side in seen[0] for cell in (4, *strides))
    assert min(seen[0]) >= 130


def test_features_are_seen_on_the_canvas_too():
    x, canvas = photo(40, 56), torch.zeros(1, 3, 128, 128)
    canvas[0, :, :40, :56] = x
    with torch.no_grad():
        (features,) = network("feature", 128).features(x[None])
        torch.testing.assert_close(features, network("feature", 0)(canvas)[0, :, :5, :7])


@pytest.mark.parametrize(
    ("changes", "side"), [((), 512), (("affinity.crop=384",), 384), (("affinity.canvas=photo",), 0)]
)
def test_the_recipe_says_how_large_the_canvas_is(changes, side):
    assert load_recipe("voc_resnet50", changes).affinity.canvas_side == side
