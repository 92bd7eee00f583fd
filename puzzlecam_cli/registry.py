"""Find plugins by entry point. Listing imports none of them; only the chosen one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from puzzlecam_cli.errors import UserError

BACKBONES = "puzzlecam.backbones"
DATASETS = "puzzlecam.datasets"

# The kinds of data that come with this package: one file and one row each.
DATA_KINDS = {
    "voc": "puzzlecam_cli.data.kinds.voc:VocPhotos",
    "folder": "puzzlecam_cli.data.kinds.folder:FolderPhotos",
    "coco": "puzzlecam_cli.data.kinds.coco:CocoPhotos",
    "yolo": "puzzlecam_cli.data.kinds.yolo:YoloPhotos",
    "synthetic": "puzzlecam_cli.data.kinds.synthetic:SyntheticPhotos",
}

# `<prefix>:<model>` for libraries of many networks: their callable takes the model's name first.
LIBRARIES = {"timm": EntryPoint("timm", "puzzlecam_cli.models.timm_networks:timm_backbone", BACKBONES)}


def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, sorted; none is imported."""
    own = {name: EntryPoint(name, value, group) for name, value in DATA_KINDS.items()} if group == DATASETS else {}
    return own | {entry.name: entry for entry in sorted(entry_points(group=group), key=lambda entry: entry.name)}


def distribution_of(entry: EntryPoint) -> str:
    """The distribution that brings the entry point, e.g. `puzzlecam-cli 0.1.0`."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "?"


def backbone_factory(name: str) -> Callable[..., Any]:
    """The callable that builds the backbone `name`.

    Raises:
        UserError: no such backbone is installed, two distributions bring one each, or its plugin fails to load.
    """
    library, colon, model = name.partition(":")
    if colon and library in LIBRARIES:
        return partial(LIBRARIES[library].load(), model)
    found = installed(BACKBONES)
    if name not in found:
        close = get_close_matches(name, found, 1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        if name.startswith("efficientnet_lite"):
            hint = "install the plugin: python -m pip install ./plugins/puzzlecam-efficientnet-lite; "
        raise UserError(
            "backbone-missing",
            f"no backbone is called `{name[:100]}`",
            (f"installed: {', '.join(found)}",),
            f"{hint}`puzzlecam backbones` lists them; `timm:<model>` takes any timm network",
        )
    factory: Callable[..., Any] = _load(found[name], f"backbone `{name}`")
    return factory


def dataset(kind: str) -> Any:
    """The class of a kind of data: a `puzzlecam_cli.data.photos.PhotoSet` with its `Settings`.

    Raises:
        UserError: no such kind is installed, or its plugin fails to load.
    """
    found = installed(DATASETS)
    if kind not in found:
        close = get_close_matches(kind, found, 1)
        raise UserError(
            "data-kind",
            f"there is no kind of data called `{kind[:100]}`",
            (f"installed: {', '.join(found)}",),
            f"did you mean `{close[0]}`?" if close else "data.kind names one of them",
        )
    loaded = _load(found[kind], f"data kind `{kind}`")
    lacks = sorted(getattr(loaded, "__abstractmethods__", ()))
    if not isinstance(loaded, type) or "kind" not in getattr(getattr(loaded, "Settings", None), "model_fields", ()):
        lacks = ["Settings, a model with `kind`"]
    if lacks:
        raise UserError(
            "plugin-broken",
            f"data kind `{kind}` from {distribution_of(found[kind])} is no PhotoSet: it lacks {', '.join(lacks)}",
            hint=f"repair or remove the plugin: python -m pip uninstall {distribution_of(found[kind]).split()[0]}",
        )
    return loaded


def plugin_packages() -> dict[str, str]:
    """The Python packages of all plugins that are not ours, each with its distribution."""
    found = [entry for group in (BACKBONES, DATASETS) for entry in entry_points(group=group)]
    packages = {entry.value.partition(":")[0].partition(".")[0]: distribution_of(entry) for entry in found}
    return {package: brought for package, brought in packages.items() if package != __package__}


def _load(entry: EntryPoint, what: str) -> Any:
    same_name = {other.value: distribution_of(other) for other in entry_points(group=entry.group, name=entry.name)}
    if entry.group == DATASETS and entry.name in DATA_KINDS:
        same_name[DATA_KINDS[entry.name]] = "puzzlecam-cli"
    if len(same_name) > 1:
        raise UserError(
            "plugin-clash",
            f"{' and '.join(sorted(same_name.values()))} both bring a {what}",
            hint="remove one of them: python -m pip uninstall NAME",
        )
    try:
        return entry.load()
    except (Exception, SystemExit) as error:
        raise UserError(
            "plugin-broken",
            f"{what} from {distribution_of(entry)} failed to load: {type(error).__name__}: {error}",
            hint=f"repair or remove the plugin: python -m pip uninstall {entry.dist.name if entry.dist else what}",
        ) from error
