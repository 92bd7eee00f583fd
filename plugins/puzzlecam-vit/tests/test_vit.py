"""What the plugin promises of its transformers, with random weights and a few small blocks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
import yaml
from torch import Tensor

from puzzlecam_cli import run_stages
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_backbone
from puzzlecam_cli.testing import check_backbone

plugin = pytest.importorskip("puzzlecam_vit", reason="python -m pip install ./plugins/puzzlecam-vit")

SMALL: dict[str, Any] = {"depth": 3, "embed_dim": 24, "num_heads": 2}
# name and options, pixels a patch, tokens that are none, before those that are
FAMILIES = {
    "DINOv2": ("dinov2_small", {}, 14, 1),
    "DINOv2 with registers": ("plain_vit", {"model": "vit_small_patch14_reg4_dinov2"}, 14, 5),
    "DINOv3": ("dinov3_small", {}, 16, 5),
    "DeiT": ("deit_tiny", {}, 16, 1),
    "DeiT, distilled": ("plain_vit", {"model": "deit_tiny_distilled_patch16_224"}, 16, 2),
    "CLIP": ("clip_base", {}, 16, 1),
    "patches of 32": ("plain_vit", {"model": "vit_base_patch32_clip_224"}, 32, 1),
}


def images(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))


def made(name: str, **options: Any) -> tuple[Backbone, Any]:
    """A backbone, and the network in it."""
    torch.manual_seed(0)
    backbone = load_backbone(name, **{**SMALL, **options}).eval()
    return backbone, backbone.network


def test_a_transformer_keeps_the_promises_of_a_backbone() -> None:
    backbone = check_backbone("dinov2_small", **SMALL)
    assert backbone.strides == (4, 8, 14, 14, 14)
    assert backbone.multiple == 14
    assert backbone.licence == "apache-2.0 (timm)"


def test_with_a_second_backbone_it_keeps_them_too() -> None:
    backbone = check_backbone("dinov2_small", fine="timm:ghostnet_050", **SMALL)
    assert backbone.strides == (4, 8, 14, 14, 14)
    assert backbone.channels[-1] == 24


@pytest.mark.parametrize(("name", "options", "patch", "others"), FAMILIES.values(), ids=FAMILIES)
def test_the_last_map_is_the_patch_tokens_where_they_lie(name: str, options: Any, patch: int, others: int) -> None:
    """timm's own tokens without the first ones, row by row."""
    backbone, network = made(name, **options)
    x = images(3 * patch, 5 * patch)
    with torch.no_grad():
        tokens = network.tokens.network.forward_features(x)
        last = backbone(x)[-1]
    assert tokens.shape[1] == others + 15
    rows = tokens[:, others:].reshape(2, 3, 5, -1).permute(0, 3, 1, 2)
    torch.testing.assert_close(last, rows)


def test_maps_come_from_blocks_over_the_whole_depth() -> None:
    for depth, blocks in ((12, (2, 4, 7, 9, 11)), (2, (0, 0, 1, 1, 1))):
        _, network = made("deit_tiny", depth=depth)
        assert network.tokens.blocks == blocks


@pytest.mark.parametrize(("cell", "stride"), [(16, 4), (14, 4), (14, 8), (32, 8), (16, 14), (32, 14)])
def test_finer_cells_are_interpolated_where_they_lie_in_the_image(cell: int, stride: int) -> None:
    """A map that tells where its cells' centres are, tells it of finer ones, between the outermost centres."""
    height, width = 14 * 16, 14 * 32
    rows, columns = (torch.arange(-(-side // cell)) * cell + cell / 2 for side in (height, width))
    x = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
    fine = plugin.at_stride(x, cell, stride, images(height, width))
    rows, columns = (torch.arange(-(-side // stride)) * stride + stride / 2 for side in (height, width))
    wanted = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]
    lowest, highest = cell / 2, torch.tensor([x[0, 0].max(), x[0, 1].max()])[:, None, None]
    torch.testing.assert_close(fine, torch.minimum(wanted.clamp(min=lowest), highest), rtol=0, atol=1e-3)


def test_a_second_backbone_sees_the_same_images_in_its_own_colours() -> None:
    backbone, network = made("clip_base", fine="resnet18")
    colours = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    mine, its = (
        (colours - torch.tensor(b.mean)[:, None, None]) / torch.tensor(b.std)[:, None, None]
        for b in (backbone, network.fine)
    )
    with torch.no_grad():
        for here, there in zip(backbone(mine)[:4], network.fine(its)[1:], strict=True):
            torch.testing.assert_close(here, there, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "model", "beside"),
    [
        ("deit_tiny", "deit_tiny_patch16_224", "head.weight"),  # timm's file has the classifier
        ("dinov2_small", "vit_small_patch14_dinov2", "mask_token"),  # and that of the authors this
    ],
)
def test_a_file_of_the_whole_network_is_loaded(name: str, model: str, beside: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    state = {"mask_token": torch.zeros(1, 24)} if beside == "mask_token" else {}
    state |= timm.create_model(model, **SMALL).state_dict()
    assert beside in state
    torch.save(state, tmp_path / "whole.pth")
    backbone, network = made(name, weights=tmp_path / "whole.pth")
    loaded = network.tokens.network.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.items())
    assert {"norm.weight", "pos_embed", "blocks.2.mlp.fc2.bias"} <= loaded.keys()
    assert f"{len(loaded)} of {len(loaded)} tensors matched" in str(backbone.loaded)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model("deit_tiny_patch16_224", **SMALL).state_dict(), tmp_path / "other.pth")
    with pytest.raises(UserError, match="weights-mismatch"):
        made("dinov2_small", weights=tmp_path / "other.pth")


def test_pretrained_weights_come_from_timm_and_it_is_said_where_they_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def create(model: str, *, pretrained: bool, **options: Any) -> Any:
        asked.append((model, pretrained))
        raise OSError("no network")

    monkeypatch.setattr(timm, "create_model", create)
    with pytest.raises(UserError, match="weights-unavailable") as caught:
        load_backbone("clip_base", pretrained=True)
    assert "backbone.weights" in str(caught.value.hint)
    assert asked == [("vit_base_patch16_clip_quickgelu_224.openai", True)]


@pytest.mark.parametrize(
    ("options", "reference"),
    [
        ({"model": "resnet18"}, "backbone-unfit"),
        ({"model": "swin_tiny_patch4_window7_224"}, "backbone-unfit"),
        ({"model": "vit_smal"}, "backbone-missing"),
        ({"model": "deit_tiny_patch16_224", "fine": "resnet1"}, "backbone-missing"),
        ({"model": "deit_tiny_patch16_224", "checkpoint_path": "x.pth"}, "backbone-failed"),
        ({}, "backbone-failed"),
    ],
)
def test_what_cannot_be_built_is_the_users_to_mend(options: dict[str, Any], reference: str) -> None:
    with pytest.raises(UserError, match=reference):
        load_backbone("plain_vit", **options)


def test_all_stages_run_on_photos_of_odd_sizes(tmp_path: Path) -> None:
    """Sides are no multiples of patches; crops are of two whole patches a tile."""
    training = {"epochs": 1, "batch": 3, "lr": 0.001, "resize": [56, 72], "crop": 56}
    recipe = {
        "recipe": 1,
        "data": {"kind": "synthetic", "pictures": 3, "val_pictures": 1, "size": 75, "classes": 2},
        "backbone": {"name": "dinov2_small", "pretrained": False, **SMALL, "depth": 1},
        "train_cls": training,
        "cams": {"scales": [1.0]},
        "affinity": {**training, "kind": "cosine", "labels": {"crf": {"iterations": 0}}},
        "rw": {"crf": {"iterations": 0}},
        "seg": {**training, "width": 8, "predict": {"scales": [1.0], "crf": {"iterations": 0}}},
        "runtime": {"workers": 0, "cpu": True},
    }
    (tmp_path / "vit.yaml").write_text(yaml.safe_dump(recipe))
    folder = run_stages(str(tmp_path / "vit.yaml"), str(tmp_path / "run"), plain=True)
    for path in (folder / "cams").glob("*.npz"):
        with np.load(path) as maps:
            height, width = maps["size"]
            assert height % 14
            assert maps["map_0"].shape[1:] == (-(-height // 14), -(-width // 14))
    scores = json.loads((folder / "eval" / "scores.json").read_text())
    assert {row["what"] for row in scores["results"]} == {"cams", "rw", "pseudo-labels", "predictions"}
