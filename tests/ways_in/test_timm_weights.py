"""A way in: timm's own weight files. What a network's features do not have is left out and named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file
from typer.testing import Result

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import load_backbone

Run = Callable[..., Result]
# network: what makes it small, and a tensor that its features do not have
FAMILIES: dict[str, tuple[dict[str, Any], str]] = {
    "resnet10t": ({}, "fc.weight"),
    "resnest14d": ({}, "fc.weight"),
    "tinynet_e": ({}, "conv_head.weight"),
    "mobilenetv2_035": ({}, "bn2.bias"),
    "mobilenetv3_small_050": ({}, "conv_head.bias"),
    "mobilenetv4_conv_small_035": ({}, "norm_head.bias"),
    "mnasnet_small": ({}, "classifier.weight"),
    "lcnet_035": ({}, "conv_head.bias"),
    "convnext_atto": ({"depths": (1, 1, 1, 1)}, "head.norm.weight"),
    "vit_tiny_patch16_224": ({"embed_dim": 48}, "norm.weight"),
    "eva02_tiny_patch14_224": ({"embed_dim": 48, "num_heads": 3}, "fc_norm.weight"),
    "swin_tiny_patch4_window7_224": ({"embed_dim": 24, "depths": (1, 1, 1, 1)}, "norm.weight"),
    "pvt_v2_b0": ({}, "head.weight"),
    "regnetx_002": ({}, "head.fc.weight"),
    "densenet121": ({"block_config": (2, 2, 2, 2)}, "classifier.weight"),
    "ghostnet_050": ({}, "conv_head.weight"),
    "hrnet_w18_small": ({}, "final_layer.0.weight"),
    "repvgg_a0": ({}, "head.fc.weight"),
    "dla46_c": ({}, "fc.weight"),
    "res2net50_26w_4s": ({"layers": (1, 1, 1, 1)}, "fc.weight"),
    "edgenext_xx_small": ({}, "head.norm.weight"),
    "mobilevit_xxs": ({}, "head.fc.weight"),
    "rexnet_100": ({}, "features.16.conv.weight"),
    "mambaout_femto": ({"depths": (1, 1, 1, 1)}, "head.norm.weight"),
    "xcit_nano_12_p16_224": ({"depth": 6}, "cls_token"),
}


@pytest.mark.parametrize(("name", "options", "beside"), [(n, *rest) for n, rest in FAMILIES.items()], ids=FAMILIES)
def test_timms_own_file_is_loaded(name: str, options: dict[str, Any], beside: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    source = timm.create_model(name, **options).state_dict()
    as_pth = list(FAMILIES).index(name) % 2
    file = tmp_path / ("own.pth" if as_pth else "own.safetensors")
    torch.save(source, file) if as_pth else save_file(source, file)
    torch.manual_seed(2)
    backbone = load_backbone(f"timm:{name}", weights=file, **options)
    loaded = backbone.network.network.state_dict()
    plain = {key.replace(".", "_"): value for key, value in source.items()}
    for key, value in loaded.items():
        assert torch.equal(value, plain[key.removeprefix("model.").replace(".", "_")]), key
    assert backbone.loaded is not None
    assert backbone.loaded.startswith(f"{file.name}: {len(loaded)} of {len(loaded)} tensors matched; left out: ")
    assert beside in source
    assert beside.replace(".", "_") not in {key.removeprefix("model.").replace(".", "_") for key in loaded}


def test_what_is_left_out_is_named(tmp_path: Path) -> None:
    torch.save(timm.create_model("mobilenetv3_small_050").state_dict(), tmp_path / "own.pth")
    said = load_backbone("timm:mobilenetv3_small_050", weights=tmp_path / "own.pth").loaded
    assert said is not None
    assert said.endswith("left out: classifier.bias, classifier.weight, conv_head.bias, conv_head.weight")


def test_a_file_decides_the_same_as_timm_would(tmp_path: Path) -> None:
    """The maps of a ConvNeXt from its own file are those of timm's own network of features with these weights."""
    torch.manual_seed(1)
    whole = timm.create_model("convnext_atto", depths=(1, 1, 1, 1))
    torch.save(whole.state_dict(), tmp_path / "own.pth")
    backbone = load_backbone("timm:convnext_atto", weights=tmp_path / "own.pth", depths=(1, 1, 1, 1), output_stride=32)
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        stages, x = [], whole.eval().stem(images)
        for stage in whole.stages:
            stages.append(x := stage(x))
        for found, expected in zip(backbone.eval()(images), [stages[0], *stages], strict=True):
            torch.testing.assert_close(found, expected)


def test_a_fine_tuned_classifier_may_have_any_size(tmp_path: Path) -> None:
    torch.save(timm.create_model("tinynet_e", num_classes=7).state_dict(), tmp_path / "own.pth")
    assert "left out: bn2.bias" in str(load_backbone("timm:tinynet_e", weights=tmp_path / "own.pth").loaded)


def test_a_file_takes_nothing_from_the_random_numbers_that_follow(tmp_path: Path) -> None:
    torch.save(timm.create_model("tinynet_e").state_dict(), tmp_path / "own.pth")
    drawn = []
    for weights in (None, tmp_path / "own.pth"):
        torch.manual_seed(3)
        load_backbone("timm:tinynet_e", weights=weights)
        drawn.append(float(torch.rand(())))
    assert drawn[0] == drawn[1]


@pytest.mark.parametrize(
    ("of", "into", "words"),
    [
        ("convnext_atto", "tinynet_e", "is of another network: none of its"),
        ("tinynet_e", "mobilenetv3_small_050", r"fits \d+ of 240 tensors"),
        ("mobilenetv2_035", "mobilenetv2_050", r"fits \d+ of"),
        ("resnet18", "resnet10t", r"fits \d+ of"),
    ],
)
def test_another_networks_file_is_refused_by_how_little_fits(of: str, into: str, words: str, tmp_path: Path) -> None:
    torch.save(timm.create_model(of).state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match=words) as caught:
        load_backbone(f"timm:{into}", weights=tmp_path / "other.pth")
    assert str(tmp_path / "other.pth") in caught.value.problem
    assert caught.value.where


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no weight file"),
        ({0: torch.zeros(1)}, "names a tensor 0"),
        ({"weight": torch.zeros(1)}, "is of another network"),
    ],
    ids=["no file", "numbers as names", "one foreign tensor"],
)
@pytest.mark.parametrize("name", ["timm:mobilenetv3_small_050", "resnet18"])
def test_a_stage_refuses_a_file_and_names_it(
    content: Any, words: str, name: str, tmp_path: Path, tiny_recipe: Path, puzzlecam: Run
) -> None:
    file = tmp_path / "mine.pth"
    if content:
        torch.save(content, file)
    change = f"backbone={{name: '{name}', weights: {file}}}"
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / "run", "--set", change)
    assert result.exit_code == 2, result.output
    said = "".join(result.stderr.split())
    assert "mine.pth" in said
    assert words.replace(" ", "") in said
