"""The three networks on a small backbone: shapes for any photo, and what learns."""

from __future__ import annotations

from math import sqrt
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.build import with_head
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab

STRIDES = (4, 4, 8, 16, 16)


class Small(nn.Module):
    """Five maps of ceil(side / stride) cells, each a convolution with batch normalisation."""

    def __init__(self, channels: tuple[int, ...], strides: tuple[int, ...]):
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Sequential(nn.Conv2d(3, c, 3, s, 1), nn.BatchNorm2d(c), nn.ReLU())
            for c, s in zip(channels, strides, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        return [each(images) for each in self.maps]


def backbone(strides: tuple[int, ...] = STRIDES, deepest: int = 16) -> Backbone:
    torch.manual_seed(0)
    channels = (4, 6, 8, 10, deepest)
    return Backbone(Small(channels, strides), channels, strides)


def images(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def snapshot(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def unchanged(module: nn.Module, before: dict[str, Tensor]) -> bool:
    return all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_the_mean_of_the_classifiers_maps_is_its_logits():
    network, x = Classifier(backbone(), 7).eval(), images(2, 3, 64, 96)
    maps = network(x)
    assert maps.shape == (2, 7, 4, 6)
    pooled = network.backbone(x)[-1].mean(dim=(2, 3))
    torch.testing.assert_close(maps.mean(dim=(2, 3)), nn.functional.linear(pooled, network.head.weight))


def test_a_classifier_of_several_levels_sees_each_at_the_finest_ones_cells_and_by_no_means_its_strength():
    network, x = Classifier(backbone(), 7, levels=3).eval(), images(2, 3, 64, 96)
    maps = network(x)
    assert maps.shape == (2, 7, 64 // network.stride, 96 // network.stride)
    of_each = network.head.weight.split(network.backbone.channels[-3:], dim=1)
    expected = torch.zeros_like(maps)
    for level, weight in zip(network.backbone(x)[-3:], of_each, strict=True):
        for photo in range(2):
            one = torch.einsum("cd,dhw->chw", weight, level[photo] / level[photo].pow(2).mean().sqrt())
            size = maps.shape[-2:]
            expected[photo] += nn.functional.interpolate(one[None], size, mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(maps, expected)


@pytest.mark.parametrize("levels", [0, 6, "two"])
def test_a_classifier_of_levels_that_cannot_be_is_refused(levels: object) -> None:
    with pytest.raises(ValueError, match="levels"):
        with_head(backbone(), {"kind": "classifier", "levels": levels}, 3)


def test_the_classifiers_head_starts_with_he_and_without_bias():
    torch.manual_seed(0)
    network = Classifier(backbone(deepest=512), 64)
    assert float(network.head.weight.detach().std()) == pytest.approx(sqrt(2 / 512), rel=0.02)
    assert network.head.bias is None


def test_all_of_the_classifier_learns():
    network = Classifier(backbone(), 7)
    network(images(2, 3, 64, 64)).square().sum().backward()
    # the CAM comes from the last map alone; the others serve the other networks
    used = [*network.backbone.network.maps[-1].parameters(), network.head.weight]
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in used)
    assert all(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("size", [(64, 96), (75, 101), (37, 530), (600, 21), (1, 1)])
def test_boundaries_have_a_quarter_of_the_photos_sides_rounded_up(size):
    network = BoundaryNet(backbone()).eval()
    quarter = (-(-size[0] // 4), -(-size[1] // 4))
    edges = network.edges(images(1, 3, *size))[0]
    assert tuple(edges.shape) == quarter
    assert edges.dtype == torch.float32
    assert 0 <= float(edges.min()) <= float(edges.max()) <= 1
    assert tuple(network(images(2, 3, *size)).shape) == (2, *quarter)


@pytest.mark.parametrize("size", [(32, 48), (45, 70)])
def test_boundaries_are_the_sigmoid_of_the_mean_of_both_views(size):
    network, photo = BoundaryNet(backbone()).eval(), images(3, *size)

    def logits(view: Tensor) -> Tensor:
        """On a canvas of zeros, 16-pixel cells, the photo at its top left."""
        canvas = torch.zeros(1, 3, 48, 80)
        canvas[0, :, : size[0], : size[1]] = view
        cells = (-(-size[0] // 16) * 16, -(-size[1] // 16) * 16)
        with torch.no_grad():
            return network(canvas[:, :, : cells[0], : cells[1]])[0, : -(-size[0] // 4), : -(-size[1] // 4)]

    mean = (logits(photo) + logits(photo.flip(2)).flip(1)) / 2
    torch.testing.assert_close(network.edges(photo[None])[0], 1 / (1 + torch.exp(-mean)))


def test_a_mirrored_photo_has_mirrored_boundaries():
    network, photo = BoundaryNet(backbone()).eval(), images(1, 3, 32, 64)
    torch.testing.assert_close(network.edges(photo.flip(3)), network.edges(photo).flip(2))


@pytest.mark.parametrize(
    "strides",
    [
        STRIDES,
        (2, 4, 8, 16, 16),
        (4, 8, 16, 16, 16),
        (4, 8, 16, 32, 32),
        (4, 8, 8, 8, 8),
        (14,) * 5,
        (8, 8, 16, 32, 32),
    ],
)
def test_boundaries_are_at_stride_4_whatever_the_backbones_strides(strides):
    assert tuple(BoundaryNet(backbone(strides)).eval().edges(images(1, 3, 50, 70)).shape) == (1, 13, 18)


def test_boundaries_have_no_memory_of_gradients():
    network = BoundaryNet(backbone()).eval()
    assert not network.edges(images(1, 3, 32, 32)).requires_grad


def test_the_boundary_head_is_the_authors():
    network = BoundaryNet(backbone())
    convolutions = [level[0] for level in network.levels]
    assert [(c.in_channels, c.out_channels, c.kernel_size, c.bias) for c in convolutions] == [
        (channels, 32, (1, 1), None) for channels in network.backbone.channels
    ]
    assert {(level[1].num_groups, level[1].num_channels) for level in network.levels} == {(4, 32)}
    assert network.edge.weight.shape == (1, 160, 1, 1)
    assert network.edge.bias is not None


def test_the_boundary_head_learns_and_the_backbone_does_not():
    network = BoundaryNet(backbone()).train()
    before = snapshot(network.backbone)
    network(images(2, 3, 64, 64)).square().sum().backward()
    for name, parameter in network.named_parameters():
        if name.startswith("backbone."):
            assert parameter.grad is None
            assert not parameter.requires_grad
        else:
            assert float(parameter.grad.abs().sum()) > 0, name
    assert unchanged(network.backbone, before), "running statistics moved"


@pytest.mark.parametrize("wrap", [lambda network: network, nn.Sequential])
def test_the_boundary_backbone_stays_in_eval_whatever_is_asked(wrap):
    network = BoundaryNet(backbone())
    for mode in (True, False, True):
        wrap(network).train(mode)
        assert not any(module.training for module in network.backbone.modules())
        assert network.training is network.levels.training is mode


def test_the_boundary_backbone_is_in_eval_from_the_start():
    network = BoundaryNet(backbone())
    before = snapshot(network.backbone)
    network(images(2, 3, 64, 64))
    assert unchanged(network.backbone, before)


@pytest.mark.parametrize("size", [(64, 96), (75, 101), (33, 17), (16, 530)])
@pytest.mark.parametrize("norm", ["group", "batch"])
def test_segmentations_have_the_photos_size(size, norm):
    network = DeepLab(backbone(), 5, width=16, norm=norm).eval()
    with torch.no_grad():
        assert tuple(network(images(2, 3, *size)).shape) == (2, 5, *size)


@pytest.mark.parametrize("strides", [(2, 4, 8, 16, 16), (4, 8, 16, 16, 16), (14,) * 5, (4, 8, 8, 8, 8)])
def test_the_decoder_takes_the_map_nearest_to_stride_4(strides):
    given = backbone(strides)
    network = DeepLab(given, 5, width=16).eval()
    assert network.fine[0].in_channels == given.channels[given.fine]
    with torch.no_grad():
        assert tuple(network(images(1, 3, 50, 70)).shape) == (1, 5, 50, 70)


@pytest.mark.parametrize(
    ("norm", "kind", "other"), [("group", nn.GroupNorm, nn.BatchNorm2d), ("batch", nn.BatchNorm2d, nn.GroupNorm)]
)
def test_the_norm_is_the_one_asked_for_and_groups_are_four(norm, kind, other):
    network = DeepLab(backbone(), 5, width=16, norm=norm)
    head = [m for name, m in network.named_modules() if not name.startswith("backbone")]
    # five branches and the projection, the fine map, two convolutions of the decoder
    assert sum(isinstance(m, kind) for m in head) == 9
    assert not any(isinstance(m, other) for m in head)
    assert {m.num_groups for m in head if isinstance(m, nn.GroupNorm)} == ({4} if norm == "group" else set())


def test_the_segmentation_head_is_the_authors():
    with torch.device("meta"):
        network: Any = DeepLab(backbone(deepest=2048), 21)
    convolutions = [m for name, m in network.named_modules() if isinstance(m, nn.Conv2d) and "backbone" not in name]
    found = {(c.in_channels, c.out_channels, c.kernel_size[0], c.dilation[0], c.bias is not None) for c in convolutions}
    assert found == {
        (2048, 256, 1, 1, False),  # 1×1 branch, image pooling
        *((2048, 256, 3, rate, False) for rate in (6, 12, 18)),
        (1280, 256, 1, 1, False),
        (6, 48, 1, 1, False),
        (304, 256, 3, 1, False),
        (256, 256, 3, 1, False),
        (256, 21, 1, 1, True),
    }
    assert len(convolutions) == 10
    assert [m.p for m in network.modules() if isinstance(m, nn.Dropout)] == [0.5, 0.5, 0.1]


def test_all_maps_the_segmentation_uses_learn():
    network = DeepLab(backbone(), 5, width=16).train()
    network(images(2, 3, 64, 64)).square().sum().backward()
    used = [p for name, p in network.named_parameters() if not name.startswith("backbone.")]
    used += [p for index in (1, 4) for p in network.backbone.network.maps[index].parameters() if p.ndim > 1]
    assert all(p.grad is not None and float(p.grad.abs().sum()) > 0 for p in used)


def test_the_segmentation_of_a_photo_does_not_depend_on_its_batch():
    network, x = DeepLab(backbone(), 5, width=16).eval(), images(3, 3, 40, 56)
    with torch.no_grad():
        torch.testing.assert_close(network(x)[1:2], network(x[1:2]), rtol=1e-4, atol=1e-5)


def test_kaiming_draws_every_convolution_of_the_segmentation_head_and_nothing_else():
    """He et al. 2015: mean 0, variance 2 / inputs; PyTorch's own are uniform with a sixth of that."""
    network = DeepLab(backbone(), 5)
    before = snapshot(network)
    network.draw_kaiming()
    drawn = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    convolutions = {f"{name}.weight": m for name, m in network.named_modules() if isinstance(m, nn.Conv2d)}
    assert drawn == {name for name in convolutions if not name.startswith("backbone")}
    for name in drawn:
        weight, inputs = network.state_dict()[name], before[name][0].numel()
        assert float(weight.var() * inputs) == pytest.approx(2, rel=0.2), name
        assert float(before[name].var() * inputs) == pytest.approx(1 / 3, rel=0.2), name
        assert float(weight.abs().max()) > sqrt(6 / inputs), f"{name} is uniform"
