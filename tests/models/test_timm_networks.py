"""Any timm network as a backbone: `timm:<model>`."""

from __future__ import annotations

import pytest
import timm
import torch

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_backbone


def on_meta(name: str) -> Backbone:
    """Structure without memory or time."""
    with torch.device("meta"):
        return load_backbone(name).eval()


def shapes(backbone: Backbone, height: int, width: int, device: str = "meta") -> list[tuple[int, ...]]:
    with torch.no_grad():
        return [tuple(x.shape) for x in backbone(torch.zeros(2, 3, height, width, device=device))]


@pytest.mark.parametrize(
    ("name", "strides"),
    [("timm:mobilenetv3_small_050", (2, 4, 8, 16, 16)), ("timm:convnext_atto", (4, 4, 8, 16, 16))],
)
def test_a_timm_network_gives_the_five_maps_it_declares(name, strides):
    torch.manual_seed(0)
    backbone = load_backbone(name).eval()
    assert backbone.strides == strides
    expected = [(2, c, 64 // s, 96 // s) for c, s in zip(backbone.channels, strides, strict=True)]
    assert shapes(backbone, 64, 96, "cpu") == expected


def test_a_timm_network_of_four_maps_gives_the_finest_twice():
    first, second, *_ = load_backbone("timm:convnext_atto").eval()(torch.ones(1, 3, 64, 64))
    assert torch.equal(first, second)


def test_a_timm_network_brings_its_own_colours():
    assert (on_meta("timm:mobilevitv2_050").mean, on_meta("timm:mobilevitv2_050").std) == ((0, 0, 0), (1, 1, 1))


def test_a_timm_file_fits_without_its_classifier(tmp_path):
    source = timm.create_model("convnext_atto", features_only=True, output_stride=16)
    torch.save(source.state_dict() | {"head.fc.weight": torch.zeros(5, 5)}, tmp_path / "file.pth")
    loaded = load_backbone("timm:convnext_atto", weights=tmp_path / "file.pth").network.state_dict()
    assert all(torch.equal(loaded[f"network.{name}"], value) for name, value in source.state_dict().items())


@pytest.mark.parametrize(
    "name",
    [
        "vit_tiny_patch16_224",
        "dla34",
        "hrnet_w18",
        "vgg11",  # six maps
        "mambaout_femto",  # channels last
    ],
)
def test_a_timm_network_gives_what_it_declares_or_is_refused(name):
    try:
        backbone = on_meta(f"timm:{name}")
    except UserError as error:
        refused = error.reference
    else:
        refused = None
    if refused:
        assert refused == "backbone-unfit"
        return
    expected = [(2, c, 192 // s, 256 // s) for c, s in zip(backbone.channels, backbone.strides, strict=True)]
    assert shapes(backbone, 192, 256) == expected


def test_an_unknown_timm_network_is_the_users_to_mend():
    with pytest.raises(UserError, match="backbone-missing") as caught:
        load_backbone("timm:resnet5000")
    assert all(timm.is_model(name) for name in caught.value.where)
    assert caught.value.where
