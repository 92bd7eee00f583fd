"""A way in: the names of backbones, their options, and the plugins that bring them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import load_backbone

TIMM = "timm:mobilenetv3_small_050"
VIT = "timm:vit_tiny_patch16_224"

# what is written, its options, the strides and the multiple that come of it
TAKEN: dict[str, tuple[str, dict[str, Any], tuple[int, ...], int]] = {
    "built in": ("resnet18", {}, (4, 4, 8, 16, 16), 1),
    "timm, dilated": (TIMM, {}, (2, 4, 8, 16, 16), 1),
    "timm at another stride": (TIMM, {"output_stride": 8}, (2, 4, 8, 8, 8), 1),
    "timm that cannot be dilated": ("timm:ghostnet_050", {}, (2, 4, 8, 16, 32), 1),
    "timm with a tag": ("timm:resnet10t.c3_in1k", {}, (2, 4, 8, 16, 16), 1),
    "four maps": ("timm:convnext_atto", {"depths": [1, 1, 1, 1]}, (4, 4, 8, 16, 16), 16),
    "six maps": ("timm:vgg11", {}, (2, 4, 8, 16, 32), 32),
    "ViT, patches of 16": (VIT, {"embed_dim": 48}, (16,) * 5, 16),
    "ViT, any size asked for": (VIT, {"embed_dim": 48, "dynamic_img_size": True}, (16,) * 5, 16),
    "ViT, maps chosen": (VIT, {"embed_dim": 48, "out_indices": [1, 2, 3]}, (16,) * 5, 16),
    "ViT, patches of 14": ("timm:eva02_tiny_patch14_224", {"embed_dim": 48, "num_heads": 3}, (14,) * 5, 14),
    "Swin, channels last": (
        "timm:swin_tiny_patch4_window7_224",
        {"embed_dim": 24, "depths": [1, 1, 1, 1]},
        (4, 4, 8, 16, 32),
        32,
    ),
    "sizes that must be whole": ("timm:hrnet_w18_small", {}, (2, 4, 8, 16, 32), 32),
}


@pytest.mark.parametrize(("name", "options", "strides", "multiple"), TAKEN.values(), ids=TAKEN)
def test_a_backbone_declares_what_it_can_do(
    name: str, options: dict[str, Any], strides: tuple[int, ...], multiple: int
) -> None:
    backbone = load_backbone(name, **options)
    assert (backbone.strides, backbone.multiple) == (strides, multiple)


def test_the_maps_of_a_vit_are_spread_over_its_depth() -> None:
    assert list(load_backbone(VIT, embed_dim=48).network.network.out_indices) == [1, 3, 6, 8, 11]


# what is written, its options, the reference, a part of the message
REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "nothing": ("", {}, "backbone-missing", "no backbone is called ``"),
    "a misspelling": ("resnet5", {}, "backbone-missing", "did you mean `resnet50`?"),
    "capitals": ("ResNet50", {}, "backbone-missing", "`ResNet50`"),
    "blanks": (" resnet50", {}, "backbone-missing", "did you mean `resnet50`?"),
    "a path": ("../resnet50", {}, "backbone-missing", "`../resnet50`"),
    "code": ("os:system", {}, "backbone-missing", "`os:system`"),
    "10,000 letters": ("x" * 10_000, {}, "backbone-missing", "no backbone is called `xxx"),
    "an unknown library": ("hub:resnet50", {}, "backbone-missing", "`hub:resnet50`"),
    "a library alone": ("timm:", {}, "backbone-missing", "timm has no model ``"),
    "an unknown model": ("timm:resnet5000", {}, "backbone-missing", "timm has no model `resnet5000`"),
    "a path as model": ("timm:../../x", {}, "backbone-missing", "timm has no model `../../x`"),
    "a model of a hub": ("timm:hf_hub:timm/resnet18", {}, "backbone-missing", "timm has no model"),
    "wildcards": ("timm:*[", {}, "backbone-missing", "timm has no model"),
    "a model of 10,000 letters": ("timm:" + "x" * 10_000, {}, "backbone-missing", "timm has no model"),
    "an unknown option": ("resnet18", {"depth": 3}, "backbone-failed", "depth"),
    "an unknown option of timm": (TIMM, {"colour": 3}, "backbone-unfit", "colour"),
    "a value of another kind": ("timm:convnext_atto", {"depths": "many"}, "backbone-unfit", "convnext_atto"),
    "one colour": (TIMM, {"in_chans": 1}, "backbone-unfit", "mobilenetv3_small_050"),
    "a file of weights as option": (TIMM, {"checkpoint_path": "a.pth"}, "backbone-failed", "backbone.weights"),
    "another configuration": (TIMM, {"pretrained_cfg": {"file": "a"}}, "backbone-failed", "backbone.weights"),
    "a part of a configuration": (TIMM, {"pretrained_cfg_overlay": {}}, "backbone-failed", "backbone.weights"),
    "too few maps to choose": (VIT, {"embed_dim": 48, "out_indices": [99]}, "backbone-unfit", "vit_tiny"),
    "a fixed size": ("timm:mixer_s32_224", {}, "backbone-unfit", "gives no feature maps of images of any size"),
    "maps of other sizes": ("timm:inception_v3", {}, "backbone-unfit", "inception_v3"),
}


@pytest.mark.parametrize(("name", "options", "reference", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_backbone_is_refused_in_words(
    name: str, options: dict[str, Any], reference: str, words: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_backbone(name, **options)
    assert caught.value.reference == reference
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1500


# --- plugins: the module, what its entry point names, the reference, a part of the message

HEAD = "from torch import nn\nfrom puzzlecam_cli.models.backbone import Backbone\n"
PLUGINS: dict[str, tuple[str, str, str, str]] = {
    "a module that is not there": ("", "gone.sub:make", "plugin-broken", "gone"),
    "no such function": ("other = 1", "{m}:make", "plugin-broken", "make"),
    "no syntax": ("def make(:", "{m}:make", "plugin-broken", "SyntaxError"),
    "an error on import": ("1 / 0", "{m}:make", "plugin-broken", "ZeroDivisionError"),
    "an exit on import": ("import sys; sys.exit(3)", "{m}:make", "plugin-broken", "SystemExit"),
    "no address": ("", "not an address", "plugin-broken", "mine_one"),
    "a number": ("make = 3", "{m}:make", "plugin-broken", "not callable"),
    "no arguments": ("def make(): pass", "{m}:make", "backbone-failed", "unexpected keyword"),
    "an error": ("def make(**given): return [][0]", "{m}:make", "backbone-failed", "IndexError"),
    "an exit": ("def make(**given): raise SystemExit", "{m}:make", "backbone-failed", "SystemExit"),
    "no memory": ("def make(**given): raise MemoryError", "{m}:make", "backbone-failed", "MemoryError"),
    "nothing": ("def make(**given): pass", "{m}:make", "plugin-broken", "NoneType"),
    "a bare network": (HEAD + "def make(**given): return nn.Identity()", "{m}:make", "plugin-broken", "Identity"),
    "four maps": (
        HEAD + "def make(**given): return Backbone(nn.Identity(), [8] * 4, [4, 8, 16, 16])",
        "{m}:make",
        "backbone-failed",
        "a backbone gives five maps",
    ),
    "strides that fall": (
        HEAD + "def make(**given): return Backbone(nn.Identity(), [8] * 5, [4, 4, 16, 8, 8])",
        "{m}:make",
        "backbone-failed",
        "finest first",
    ),
    "a multiple of nothing": (
        HEAD + "def make(**given): return Backbone(nn.Identity(), [8] * 5, multiple=0)",
        "{m}:make",
        "backbone-failed",
        "multiples of at least one pixel",
    ),
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("way_in_")]:
        del sys.modules[name]


def install(path: Path, distribution: str, source: str, value: str) -> None:
    """A distribution of one module, as pip leaves it behind, that brings the backbone `mine_one`."""
    module = f"way_in_{distribution}"
    (path / f"{module}.py").write_text(source)
    info = path / f"{distribution}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[puzzlecam.backbones]\nmine_one = {value.format(m=module)}\n")


@pytest.mark.parametrize(("source", "value", "reference", "words"), PLUGINS.values(), ids=PLUGINS)
def test_a_broken_plugin_is_named_and_breaks_only_itself(
    source: str, value: str, reference: str, words: str, path: Path
) -> None:
    install(path, "mine", source, value)
    with pytest.raises(UserError) as caught:
        load_backbone("mine_one")
    assert caught.value.reference == reference
    assert "`mine_one`" in caught.value.problem
    assert words in str(caught.value)
    assert load_backbone("resnet18").multiple == 1


def test_two_plugins_of_one_name_are_both_named(path: Path) -> None:
    for distribution in ("mine", "theirs"):
        install(path, distribution, "def make(**given): pass", "{m}:make")
    with pytest.raises(UserError, match="plugin-clash") as caught:
        load_backbone("mine_one")
    assert "mine 1.2 and theirs 1.2 both bring" in caught.value.problem
