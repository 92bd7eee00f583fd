"""Find backbones by entry point. Listing imports none of them; only the chosen one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from puzzlecam_cli.errors import UserError

GROUP = "puzzlecam.backbones"
# `<prefix>:<model>` for libraries of many networks: their callable takes the model's name first
LIBRARIES = {"timm": EntryPoint("timm", "puzzlecam_cli.models.timm_networks:timm_backbone", GROUP)}


def installed_backbones() -> dict[str, EntryPoint]:
    """Entry points by backbone name, sorted; none is imported."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


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
    installed = installed_backbones()
    if name not in installed:
        close = get_close_matches(name, installed, 1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        if name.startswith("efficientnet_lite"):
            hint = "install the plugin: python -m pip install ./plugins/puzzlecam-efficientnet-lite; "
        raise UserError(
            "backbone-missing",
            f"no backbone is called `{name[:100]}`",
            (f"installed: {', '.join(installed)}",),
            f"{hint}`puzzlecam backbones` lists them; `timm:<model>` takes any timm network",
        )
    entry = installed[name]
    same_name = {other.value: distribution_of(other) for other in entry_points(group=GROUP, name=name)}
    if len(same_name) > 1:
        raise UserError(
            "plugin-clash",
            f"{' and '.join(sorted(same_name.values()))} both bring a backbone called `{name}`",
            hint="remove one of them: python -m pip uninstall NAME",
        )
    try:
        factory: Callable[..., Any] = entry.load()
    except (Exception, SystemExit) as error:
        raise UserError(
            "plugin-broken",
            f"backbone `{name}` from {distribution_of(entry)} failed to load: {type(error).__name__}: {error}",
            hint=f"repair or remove the plugin: python -m pip uninstall {entry.dist.name if entry.dist else name}",
        ) from error
    return factory
