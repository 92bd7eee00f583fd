"""Weight files: torchvision's and the ResNeSt authors' naming, what is said of them, and what is refused."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Doing, Event, Note
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.weights import load_weights
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.context import Context


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
def test_a_weight_file_takes_the_place_of_a_download(name, pretrained, weights, download, monkeypatch, tmp_path):
    asked = []
    if weights:
        weights = save({"weight": torch.zeros(1)}, tmp_path / weights)

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


def save(state: dict[str, Tensor], file: Path) -> Path:
    save_file(state, file) if file.suffix == ".safetensors" else torch.save(state, file)
    return file


# Names in the ResNeSt authors' files, one of each kind.
RESNEST_NAMES = {
    "conv1.0.weight",
    "conv1.1.running_mean",
    "conv1.3.weight",
    "conv1.4.bias",
    "conv1.6.weight",
    "bn1.weight",
    "layer1.0.conv1.weight",
    "layer1.0.bn1.weight",
    "layer1.0.conv2.conv.weight",
    "layer1.0.conv2.bn0.weight",
    "layer1.0.conv2.fc1.weight",
    "layer1.0.conv2.fc1.bias",
    "layer1.0.conv2.bn1.weight",
    "layer1.0.conv2.fc2.weight",
    "layer1.0.conv3.weight",
    "layer1.0.bn3.weight",
    "layer1.0.downsample.1.weight",
    "layer1.0.downsample.2.weight",
    "layer4.2.bn3.running_var",
    "fc.weight",
    "fc.bias",
}


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
def test_a_resnest_file_is_loaded_whole_and_said_to_be(ending, tmp_path):
    torch.manual_seed(1)
    source = timm.create_model("resnest50d").state_dict()
    assert source.keys() >= RESNEST_NAMES
    backbone = load_backbone("resnest50", weights=save(source, tmp_path / f"resnest50{ending}"))
    count = sum(not name.startswith("fc.") for name in source)
    assert backbone.loaded == f"resnest50{ending}: {count} of {count} tensors matched; left out: fc.bias, fc.weight"
    assert all(torch.equal(value, source[name]) for name, value in backbone.network.state_dict().items())


def test_a_torchvision_file_is_said_to_be_loaded_whole(tmp_path):
    """The published resnet50 file counts no batches: 265 tensors beside the classifier's two."""
    state = torchvision_resnet("resnet50").state_dict()
    published = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}
    backbone = load_backbone("resnet50", weights=save(published, tmp_path / "resnet50.pth"))
    assert backbone.loaded == "resnet50.pth: 265 of 265 tensors matched; left out: fc.bias, fc.weight"


def test_a_timm_network_says_what_it_loaded(tmp_path):
    source = timm.create_model("convnext_atto", features_only=True, output_stride=16).state_dict()
    backbone = load_backbone("timm:convnext_atto", weights=save(dict(source), tmp_path / "atto.safetensors"))
    assert backbone.loaded == f"atto.safetensors: {len(source)} of {len(source)} tensors matched; left out: none"


def test_without_a_file_nothing_is_said():
    assert load_backbone("resnet18").loaded is None


class Trap:
    """What a hostile pickle holds: it makes a folder when it is loaded."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("protocol", [None, 2, 4], ids=["torch.save", "pickle 2", "pickle 4"])
def test_a_pickle_of_other_objects_is_refused_and_not_run(protocol, tmp_path):
    content, file = {"weight": torch.zeros(2), "extra": Trap(tmp_path / "sprung")}, tmp_path / "trap.pth"
    if protocol is None:
        torch.save(content, file)
    else:
        file.write_bytes(pickle.dumps({"extra": content["extra"]}, protocol))
    with pytest.raises(UserError, match=r"weights-(unsafe|unreadable)") as caught:
        load_weights(small(), file)
    assert not (tmp_path / "sprung").exists()
    assert ("only tensors are loaded" in caught.value.problem) == (protocol != 4)  # what PyTorch cannot even read
    assert "weights_only" not in str(caught.value), "PyTorch advises to load it in spite of all"
    assert ".safetensors" in caught.value.hint


def test_a_checkpoint_with_its_settings_is_refused_by_what_it_holds(tmp_path):
    torch.save({"state_dict": small().state_dict(), "args": argparse.Namespace(lr=0.1)}, tmp_path / "all.pth")
    with pytest.raises(UserError, match="weights-unsafe") as caught:
        load_weights(small(), tmp_path / "all.pth")
    assert "`argparse.Namespace`" in caught.value.problem


@pytest.mark.parametrize("pretrained", [True, False])
def test_a_stage_notes_what_it_loaded_where_it_starts_from_a_file(pretrained, tmp_path):
    file = save(torchvision_resnet("resnet18").state_dict(), tmp_path / "resnet18.pth")
    recipe = load_recipe("voc_resnet50", [f"backbone={{name: resnet18, weights: {file}}}"])
    events: list[Event] = []
    context: Any = Context("train-cls", SimpleNamespace(recipe=recipe), None, None, events.append)
    backbone = context.backbone(pretrained=pretrained)
    begun = Doing("train-cls", "loading the network")
    assert events == [begun, *([Note("train-cls", backbone.loaded)] if pretrained else [])]
    assert (backbone.loaded is not None) == pretrained
