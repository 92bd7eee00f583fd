"""Backbones from other distributions, as `importlib.metadata` finds them in real metadata on `sys.path`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import puzzlecam_cli
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.registry import BACKBONES, backbone_factory, distribution_of, installed, not_installed

GOOD = """
from torch import nn
from puzzlecam_cli.models.backbone import Backbone

class Five(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.maps = nn.ModuleList(nn.Conv2d(3, width, 3, stride, 1) for stride in (4, 4, 8, 16, 16))

    def forward(self, images):
        return [conv(images) for conv in self.maps]

def good(*, pretrained, weights, width=8):
    return Backbone(Five(width), [width] * 5)

def stranger(*, pretrained, weights):
    return nn.Identity()

def clumsy(*, pretrained, weights):
    raise FileNotFoundError("clumsy.pth")
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """`install(name, source, entry=attribute)` puts a distribution of one module on `sys.path`."""

    def install(name: str, source: str, version: str = "1.2", **entries: str) -> None:
        module = f"{name.replace('-', '_')}_of_a_test"
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{entry} = {module}:{attribute}" for entry, attribute in entries.items()]
        (info / "entry_points.txt").write_text("\n".join(["[puzzlecam.backbones]", *lines]))
        monkeypatch.syspath_prepend(tmp_path)

    yield install
    for module in imported():
        del sys.modules[module]


def imported() -> set[str]:
    return {name for name in sys.modules if name.endswith("_of_a_test")}


def test_the_built_in_backbones_are_listed_with_their_distribution():
    listed = installed(BACKBONES)
    built_in = {"resnet18", "resnet34", "resnet50", "resnet101", "resnest50", "resnest101", "resnest269"}
    assert built_in <= listed.keys()
    assert list(listed) == sorted(listed)
    assert {distribution_of(listed[name]).split()[0] for name in built_in} == {"puzzlecam-cli"}


def test_listing_imports_no_plugin(install):
    install("puzzlecam-listed", "raise SystemError('imported')", listed_one="make", listed_two="make")
    listed = installed(BACKBONES)
    assert {"listed_one", "listed_two", "resnet50"} <= listed.keys()
    assert distribution_of(listed["listed_one"]) == "puzzlecam-listed 1.2"
    assert not imported()


def test_listing_imports_neither_torch_nor_timm():
    code = """
import sys
from puzzlecam_cli.registry import BACKBONES, installed
assert installed(BACKBONES)
print({"torch", "timm"} & set(sys.modules))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_a_plugin_becomes_a_backbone_and_takes_its_options(install):
    install("puzzlecam-good", GOOD, good_one="good")
    backbone = load_backbone("good_one", width=5)
    assert backbone.channels == (5,) * 5
    assert [tuple(x.shape) for x in backbone(torch.zeros(1, 3, 32, 48))][-1] == (1, 5, 2, 3)


def test_a_broken_plugin_is_named_and_breaks_only_itself(install):
    install("puzzlecam-broken", "import module_that_is_not_there", broken_one="make")
    with pytest.raises(UserError, match="plugin-broken") as caught:
        backbone_factory("broken_one")
    for part in ("`broken_one`", "puzzlecam-broken 1.2", "module_that_is_not_there"):
        assert part in caught.value.problem
    assert "pip uninstall puzzlecam-broken" in caught.value.hint
    assert callable(backbone_factory("resnet18"))


@pytest.mark.parametrize("source", ["1 / 0", "def make(:", "raise OSError('libcuda.so')", "other = 1"])
def test_every_way_to_fail_on_import_is_caught(source, install):
    install("puzzlecam-failing", source, failing_one="make")
    with pytest.raises(UserError, match="plugin-broken") as caught:
        backbone_factory("failing_one")
    assert "puzzlecam-failing" in caught.value.problem


def test_a_plugin_that_gives_no_backbone_is_named(install):
    install("puzzlecam-strange", GOOD, strange_one="stranger")
    with pytest.raises(UserError, match="plugin-broken") as caught:
        load_backbone("strange_one")
    assert "`strange_one`" in caught.value.problem
    assert "Identity" in caught.value.problem


def test_a_plugin_that_fails_while_building_is_named(install):
    install("puzzlecam-clumsy", GOOD, clumsy_one="clumsy")
    with pytest.raises(UserError, match="clumsy_one"):
        load_backbone("clumsy_one")


@pytest.mark.parametrize("name", ["option_one", "resnet18"])
def test_an_option_the_backbone_does_not_take_is_the_users_to_mend(name, install):
    install("puzzlecam-option", GOOD, option_one="good")
    with pytest.raises(UserError, match="backbone-failed") as caught:
        load_backbone(name, depth=3)
    assert name in caught.value.problem
    assert "depth" in caught.value.problem


@pytest.mark.parametrize(
    ("name", "meant"), [("resnet5", "resnet50"), ("resnest-269", "resnest269"), ("fine_on", "fine_one")]
)
def test_an_unknown_name_gets_a_suggestion(name, meant, install):
    install("puzzlecam-fine", GOOD, fine_one="good")
    with pytest.raises(UserError, match="backbone-missing") as caught:
        load_backbone(name)
    assert f"`{name}`" in caught.value.problem
    assert f"did you mean `{meant}`?" in caught.value.hint
    assert "fine_one" in caught.value.where[0]
    assert not imported()


def test_a_name_like_no_other_gets_no_suggestion():
    with pytest.raises(UserError, match="backbone-missing") as caught:
        load_backbone("qqqqqqqq")
    assert "did you mean" not in caught.value.hint


def test_a_plugin_of_this_repository_that_is_not_installed_is_named_with_its_folder(monkeypatch):
    monkeypatch.setattr("puzzlecam_cli.registry.found._of_others", lambda folders: [])
    with pytest.raises(UserError, match="backbone-missing") as caught:
        load_backbone("efficientnet_lite0")
    assert caught.value.problem == "backbone `efficientnet_lite0` is not installed"
    command, _, folder = caught.value.hint.rpartition(" ")
    assert command == "python -m pip install"
    assert "efficientnet_lite0 =" in (Path(folder) / "pyproject.toml").read_text()


def test_no_file_of_the_core_names_a_plugin(monkeypatch):
    monkeypatch.setattr("puzzlecam_cli.registry.found._of_others", lambda folders: [])
    shipped = not_installed()
    names = {name for _, name in shipped} | {folder.name for folder in shipped.values()}
    assert {"efficientnet_lite0", "puzzlecam-efficientnet-lite"} <= names
    for file in Path(puzzlecam_cli.__file__).parent.rglob("*.py"):
        text = file.read_text()
        assert not any(name in text for name in names), file
