"""AffinityNet's features on a small backbone: shapes for any photo, the authors' layers, and what learns."""

from __future__ import annotations

from math import sqrt

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.feature_net import FeatureNet
from puzzlecam_cli.models.pair_nets import pair_net

STRIDES = (4, 4, 8, 16, 16)
CHANNELS = (4, 6, 8, 10, 16)


class Maps(nn.Module):
    """Five maps of ceil(side / stride) cells, each a convolution with batch normalisation."""

    def __init__(self, strides: tuple[int, ...]):
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, c, 3, s, 1), nn.BatchNorm2d(c)) for c, s in zip(CHANNELS, strides, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        return [each(images) for each in self.maps]


def network(strides: tuple[int, ...] = STRIDES) -> FeatureNet:
    torch.manual_seed(0)
    return FeatureNet(Backbone(Maps(strides), CHANNELS, strides))


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("strides", [STRIDES, (2, 4, 8, 16, 32), (4, 8, 16, 16, 16), (4, 8, 8, 8, 8)])
@pytest.mark.parametrize("size", [(64, 96), (75, 101), (37, 530), (1, 1)])
def test_features_have_an_eighth_of_the_photos_sides_rounded_up(size, strides):
    eighth = (-(-size[0] // 8), -(-size[1] // 8))
    made = network(strides).eval().features(images(1, 3, *size))[0]
    assert tuple(made.shape) == (448, *eighth)
    assert made.dtype == torch.float32
    assert not made.requires_grad
    assert tuple(network(strides)(images(2, 3, *size)).shape) == (2, 448, *eighth)


def test_a_backbone_without_a_map_at_stride_8_is_refused():
    with pytest.raises(UserError, match="needs a map at stride 8") as caught:
        network((4, 4, 16, 16, 16))
    assert "affinity.kind" in caught.value.hint


def test_the_three_deepest_maps_are_mixed_as_affinitynet_does():
    made, x = network().eval(), images(2, 3, 48, 80)
    with torch.no_grad():
        levels = [
            nn.functional.elu(torch.einsum("oi,bihw->bohw", level.weight[:, :, 0, 0], feature))
            for level, feature in zip(made.levels, made.backbone(x)[2:], strict=True)
        ]
        up = [nn.functional.interpolate(level, (6, 10), mode="bilinear", align_corners=False) for level in levels]
        mixed = torch.einsum("oi,bihw->bohw", made.mix.weight[:, :, 0, 0], torch.cat(up, dim=1))
        torch.testing.assert_close(made(x), torch.where(mixed > 0, mixed, mixed.exp() - 1), rtol=1e-4, atol=1e-5)
    assert [tuple(level.weight.shape) for level in made.levels] == [(64, 8, 1, 1), (128, 10, 1, 1), (256, 16, 1, 1)]
    assert all(layer.bias is None for layer in (*made.levels, made.mix))


def test_layers_start_as_affinitynets():
    made = network()
    for level, channels in zip(made.levels, CHANNELS[2:], strict=True):
        assert float(level.weight.detach().std()) == pytest.approx(sqrt(2 / channels), rel=0.1)  # He
    bound = 4 * sqrt(6 / (448 + 448))  # Glorot
    assert 0.99 * bound < float(made.mix.weight.detach().abs().max()) <= bound


def test_features_do_not_depend_on_what_pads_the_photo():
    made, x = network().eval(), images(3, 40, 56)
    whole = torch.zeros(1, 3, 48, 64)
    whole[0, :, :40, :56] = x
    with torch.no_grad():
        torch.testing.assert_close(made.features(x[None])[0], made(whole)[0, :, :5, :7])


def test_the_head_learns_and_the_backbone_does_not():
    made = network().train()
    before = {name: value.clone() for name, value in made.backbone.state_dict().items()}
    made.affinity(made(images(2, 3, 80, 80)), 5).square().sum().backward()
    for name, parameter in made.named_parameters():
        if name.startswith("backbone."):
            assert parameter.grad is None
        else:
            assert float(parameter.grad.abs().sum()) > 0, name
    assert not any(module.training for module in made.backbone.modules())
    assert all(torch.equal(value, before[name]) for name, value in made.backbone.state_dict().items())


@pytest.mark.parametrize(("kind", "stride"), [("boundary", 4), ("feature", 8)])
def test_each_kind_pairs_the_cells_of_its_stride_and_walks_maps_at_stride_4(kind, stride):
    made = pair_net(kind, network().backbone).eval()
    assert isinstance(made, BoundaryNet if kind == "boundary" else FeatureNet)
    assert made.stride == stride
    cells = 96 // stride
    affinity = made.affinity(made(images(2, 3, 96, 96)), 3)
    assert tuple(affinity.shape) == (2, 12, cells - 2, cells - 4)
    assert 0 <= float(affinity.min().detach()) < float(affinity.max().detach()) <= 1
    scores = torch.rand(2, 3, 13, 18, generator=torch.Generator().manual_seed(0))
    walked = made.walk(images(2, 3, 50, 70))(scores, radius=3, beta=2, log2_steps=4)
    assert walked.shape == scores.shape
    assert 0 <= walked.min() < walked.max() <= 1
