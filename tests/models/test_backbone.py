"""The built-in backbones against torchvision and the authors' strides, and weight files."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import IMAGENET_MEAN, IMAGENET_STD, Backbone, load_backbone, load_weights

CHANNELS = {
    "resnet18": (64, 64, 128, 256, 512),
    "resnet50": (64, 256, 512, 1024, 2048),
    "resnest50": (64, 256, 512, 1024, 2048),
    "resnest101": (128, 256, 512, 1024, 2048),
    "resnest269": (128, 256, 512, 1024, 2048),
}


def on_meta(name: str) -> Backbone:
    """Structure without memory or time."""
    with torch.device("meta"):
        return load_backbone(name).eval()


def shapes(backbone: Backbone, height: int, width: int, device: str = "meta") -> list[tuple[int, ...]]:
    with torch.no_grad():
        return [tuple(x.shape) for x in backbone(torch.zeros(2, 3, height, width, device=device))]


def torchvision_resnet(name: str) -> nn.Module:
    """torchvision's network with random, not trivial running statistics."""
    torch.manual_seed(0)
    network: nn.Module = getattr(torchvision.models, name)(weights=None)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def with_layer4_at_stride_16(network: nn.Module) -> nn.Module:
    """FIDELITY §0: layer4 at stride 1 without dilation; nothing else changes."""
    first: Any = network.layer4[0]
    for convolution in (first.conv1, first.conv2, first.downsample[0]):
        convolution.stride = (1, 1)
    return network


@torch.no_grad()
def stages(network: Any, images: Tensor) -> list[Tensor]:
    x = network.maxpool(network.relu(network.bn1(network.conv1(images))))
    features = [x]
    for layer in (network.layer1, network.layer2, network.layer3, network.layer4):
        x = layer(x)
        features.append(x)
    return features


@pytest.mark.parametrize(
    ("name", "millions"),
    [("resnet18", 11.2), ("resnet50", 23.5), ("resnest50", 25.4), ("resnest101", 46.2), ("resnest269", 108.9)],
)
def test_each_network_has_the_published_size_and_five_maps(name, millions):
    backbone = on_meta(name)
    assert round(sum(p.numel() for p in backbone.parameters()) / 1e6, 1) == millions
    assert backbone.channels == CHANNELS[name]
    assert backbone.strides == (4, 4, 8, 16, 16)
    assert (backbone.mean, backbone.std) == (IMAGENET_MEAN, IMAGENET_STD)
    expected = [(2, c, 64 // s, 96 // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert shapes(backbone, 64, 96) == expected


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet101"])
def test_maps_of_odd_photos_are_rounded_up(name):
    backbone = on_meta(name)
    expected = [(2, c, -(-75 // s), -(-101 // s)) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert shapes(backbone, 75, 101) == expected


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_torchvision_file_gives_torchvisions_maps_with_layer4_at_stride_16(name, ending, tmp_path):
    network, file = torchvision_resnet(name), tmp_path / f"weights{ending}"
    save_file(network.state_dict(), file) if ending == ".safetensors" else torch.save(network.state_dict(), file)
    backbone = load_backbone(name, weights=file).eval()
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = backbone(images)
    expected = stages(with_layer4_at_stride_16(network), images)
    assert [tuple(x.shape[-2:]) for x in found] == [(16, 24), (16, 24), (8, 12), (4, 6), (4, 6)]
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_resnet_layer4_has_stride_1_and_no_dilation(name):
    convolutions = [m for m in on_meta(name).network.layer4.modules() if isinstance(m, nn.Conv2d)]
    assert {m.stride for m in convolutions} == {(1, 1)}
    assert {m.dilation for m in convolutions} == {(1, 1)}


@pytest.mark.parametrize("name", ["resnest50", "resnest101", "resnest269"])
def test_resnest_layer4_is_the_authors(name):
    """First block: dilation 1, a 3×3 average pool at stride 1, no pooling in the shortcut; the others: dilation 2."""
    first, *others = on_meta(name).network.layer4
    assert {m.stride for m in on_meta(name).network.layer4.modules() if isinstance(m, nn.Conv2d)} == {(1, 1)}
    assert first.conv2.conv.dilation == (1, 1)
    assert {block.conv2.conv.dilation for block in others} == {(2, 2)}
    pool = first.avd_last
    assert isinstance(pool, nn.AvgPool2d)
    assert (pool.kernel_size, pool.stride, pool.padding) == (3, 1, 1)
    assert isinstance(first.downsample[0], nn.Identity)
    assert all(block.avd_last is None and block.downsample is None for block in others)


def test_resnest_runs():
    torch.manual_seed(0)
    found = shapes(load_backbone("resnest50").eval(), 64, 96, "cpu")
    assert [shape[2:] for shape in found] == [(16, 24), (16, 24), (8, 12), (4, 6), (4, 6)]


@pytest.mark.parametrize("name", ["resnet50", "resnest50"])
def test_the_parameters_are_named_as_in_published_files(name):
    names = set(on_meta(name).network.state_dict())
    reference = timm.create_model({"resnet50": "resnet50", "resnest50": "resnest50d"}[name], num_classes=0)
    assert names == set(reference.state_dict())


def small() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_of_older_trainings_are_understood(wrapped, prefix, tmp_path):
    torch.manual_seed(0)
    source, target = small(), small()
    state: dict[str, Any] = {prefix + name: value for name, value in source.state_dict().items()}
    del state[f"{prefix}1.num_batches_tracked"]  # PyTorch before 0.4.1
    state[f"{prefix}fc.weight"] = torch.zeros(10, 4)
    torch.save({"state_dict": state, "epoch": 3} if wrapped else state, tmp_path / "old.pth")
    load_weights(target, tmp_path / "old.pth")
    assert all(torch.equal(value, source.state_dict()[name]) for name, value in target.state_dict().items())


def test_other_prefixes_can_be_left_out(tmp_path):
    torch.save(small().state_dict() | {"head.bias": torch.zeros(3)}, tmp_path / "file.pth")
    load_weights(small(), tmp_path / "file.pth", without=("head.",))
    with pytest.raises(UserError, match="weights-mismatch"):
        load_weights(small(), tmp_path / "file.pth")


def test_a_file_of_another_network_is_refused_with_names_and_shapes(tmp_path):
    state = small().state_dict()
    state["0.weight"] = torch.zeros(4, 3, 5, 5)
    state["2.weight"] = state.pop("1.bias")
    torch.save(state, tmp_path / "other.pth")
    target = small()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(UserError) as caught:
        load_weights(target, tmp_path / "other.pth")
    assert caught.value.reference == "weights-mismatch"
    assert "fits 5 of 7 tensors" in caught.value.problem
    assert set(caught.value.where) == {
        "missing: 1.bias",
        "unknown: 2.weight",
        "shape: 0.weight is (4, 3, 5, 5), must be (4, 3, 3, 3)",
    }
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_many_differences_are_counted_not_all_listed(tmp_path):
    state = torchvision_resnet("resnet34").state_dict()
    wanted = set(torchvision_resnet("resnet18").state_dict())
    torch.save(state, tmp_path / "resnet34.pth")
    with pytest.raises(UserError, match="weights-mismatch") as caught:
        load_backbone("resnet18", weights=tmp_path / "resnet34.pth")
    assert len(caught.value.where) == 9
    assert caught.value.where[-1] == f"... and {len(state.keys() - wanted) - 8} more"


@pytest.mark.parametrize("name", ["broken.pth", "broken.safetensors", "folder.pth"])
def test_a_file_that_is_no_weight_file_is_the_users_to_mend(name, tmp_path):
    (tmp_path / "folder.pth").mkdir()
    for ending in ("pth", "safetensors"):
        (tmp_path / f"broken.{ending}").write_bytes(b"<html>not found</html>")
    with pytest.raises(UserError, match=r"weights-(missing|unreadable)") as caught:
        load_weights(small(), tmp_path / name)
    assert name in caught.value.problem


@pytest.mark.parametrize("content", [[torch.zeros(2)], torch.zeros(2)], ids=["list", "tensor"])
def test_a_file_of_tensors_without_names_is_the_users_to_mend(content, tmp_path):
    torch.save(content, tmp_path / "file.pth")
    with pytest.raises(UserError, match="weights-"):
        load_weights(small(), tmp_path / "file.pth")


class CreatedError(BaseException):
    """Passes every `except Exception`."""


@pytest.mark.parametrize(
    ("pretrained", "weights", "download"), [(True, None, True), (False, None, False), (True, "f.pth", False)]
)
@pytest.mark.parametrize("name", ["resnet50", "resnest101", "timm:mobilenetv3_small_050"])
def test_a_weight_file_takes_the_place_of_a_download(name, pretrained, weights, download, monkeypatch):
    asked = []

    def create(model: str, pretrained: bool, **options: Any) -> None:
        asked.append(pretrained)
        raise CreatedError

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(CreatedError):
        load_backbone(name, pretrained=pretrained, weights=weights)
    assert asked == [download]


@pytest.mark.parametrize("name", ["resnet18", "resnest50", "timm:mobilenetv3_small_050"])
def test_a_failed_download_says_what_to_do(name, monkeypatch):
    def offline(*arguments: Any, **options: Any) -> None:
        raise ConnectionError("no route to host")

    monkeypatch.setattr(timm, "create_model", offline)
    with pytest.raises(UserError, match="weights-unavailable") as caught:
        load_backbone(name, pretrained=True)
    assert "backbone.weights" in caught.value.hint


@pytest.mark.parametrize(
    ("channels", "strides"),
    [
        ((8,) * 4, (4, 8, 16, 16)),
        ((8,) * 5, (4, 8, 16, 16)),
        ((8,) * 5, (2, 8, 8, 16, 16)),
        ((8,) * 4, (4, 4, 8, 16, 16)),
    ],
)
def test_a_backbone_without_five_maps_or_stride_4_is_refused(channels, strides):
    with pytest.raises(ValueError, match="five maps"):
        Backbone(nn.Identity(), channels, strides)


@pytest.mark.parametrize(
    ("strides", "quarter"), [((4, 4, 8, 16, 16), 1), ((2, 4, 8, 16, 16), 1), ((4, 8, 8, 16, 16), 0)]
)
def test_the_quarter_map_is_the_deepest_at_stride_4(strides, quarter):
    assert Backbone(nn.Identity(), (8,) * 5, strides).quarter == quarter


@pytest.mark.parametrize("levels", range(6))
def test_freezing_stops_exactly_what_the_first_maps_are_made_from(levels):
    backbone = load_backbone("resnet18")
    backbone.freeze(levels)
    levels_of = {"conv1": 0, "bn1": 0, "layer1": 1, "layer2": 2, "layer3": 3, "layer4": 4}
    for name, parameter in backbone.named_parameters():
        level = levels_of[name.split(".")[1]]  # network.<part>...
        assert parameter.requires_grad == (level >= levels), name
