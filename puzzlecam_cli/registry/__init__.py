"""Find plugins by entry point. Listing imports none of them; only the chosen one is loaded."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf_engines import ENGINES, FieldOf, best_engine, load_field
from puzzlecam_cli.registry.found import (
    brought_by,
    distribution_of,
    in_order,
    installed,
    name_and_version,
    not_installed,
    plugin_packages,
    unreadable,
    why_unusable,
)
from puzzlecam_cli.registry.loaded import GuardedField, GuardedSaliency, its_output, load
from puzzlecam_cli.registry.tables import (
    BACKBONES,
    CRF,
    DATA_KINDS,
    DATASETS,
    KINDS,
    LIBRARIES,
    OWN,
    SALIENCY,
    WORDS,
)
from puzzlecam_cli.registry.tried import why_broken
from puzzlecam_cli.text import shell

__all__ = [
    "BACKBONES", "CRF", "DATA_KINDS", "DATASETS", "KINDS", "LIBRARIES", "OWN", "SALIENCY", "Plugin",
    "backbone_factory", "crf_brought_by", "crf_engine", "dataset", "distribution_of", "installed", "listed",
    "not_installed", "plugin_packages", "saliency_method",
]  # fmt: skip


class Plugin(NamedTuple):
    """A row of the list of plugins; `error` says in a sentence why it cannot be used."""

    kind: str
    name: str
    distribution: str
    version: str
    error: str | None


def listed(*, check: bool = False) -> list[Plugin]:
    """All that is installed, by kind and name.

    Args:
        check: load each in a process of their own, to say of those that fail what is wrong; otherwise none is
            imported, and only what their metadata tell is said.
    """
    rows = []
    entries = {group: in_order(group) for group in KINDS.values()}
    broken = iter(why_broken(sum(map(len, entries.values()))) if check else ())
    for kind, group in KINDS.items():
        for entry in entries[group]:
            problem = next(broken, None)
            problem = why_unusable(entry, entries[group]) or problem
            rows.append(Plugin(kind, entry.name, *brought_by(entry), problem))
        rows += [
            Plugin(kind, f"{name}:<model>", *brought_by(library), None)
            for name, library in LIBRARIES.items()
            if library.group == group
        ]
    said = "its entry_points.txt cannot be read"
    return [*rows, *(Plugin("?", "?", *name_and_version(dist), said) for dist in unreadable())]


def backbone_factory(name: str) -> Callable[..., Any]:
    """The callable that builds the backbone `name`.

    Raises:
        UserError: no such backbone is installed, two distributions bring one each, or its plugin fails to load.
    """
    library, colon, model = name.partition(":")
    if colon and library in LIBRARIES:
        return partial(LIBRARIES[library].load(), model)
    otherwise = "`puzzlecam backbones` lists them; `timm:<model>` takes any timm network"
    factory: Callable[..., Any] = _chosen(BACKBONES, name, "backbone-missing", "no backbone is called", otherwise)

    def build(**options: Any) -> Any:
        with its_output(installed(BACKBONES)[name]):
            return factory(**options)

    return build


def dataset(kind: str) -> Any:
    """The class of a kind of data: a `puzzlecam_cli.data.photos.PhotoSet` with its `Settings`.

    Raises:
        UserError: no such kind is installed, or its plugin fails to load.
    """
    return _chosen(DATASETS, kind, "data-kind", "there is no kind of data called", "data.kind names one of them")


def crf_engine(name: str = "auto", device: str = "cpu") -> FieldOf:
    """What makes the fields of a CRF engine: see `method.crf_engines.load_field`.

    An error in a plugin's code, or a result that is none, becomes a UserError that names it, also in other processes.

    Raises:
        UserError: no such engine is installed, or its plugin fails to load.
    """
    name = best_engine(device) if name == "auto" else name
    if name in ENGINES and name not in installed(CRF):
        hint = f"`torch` is always there; or {ENGINES[name].install}"
        raise UserError("crf-missing", f"{ENGINES[name].needs} is not installed", hint=hint)
    engine = _chosen(CRF, name, "crf-missing", "no CRF engine is called", "`auto` takes the fastest that is there")
    entry = installed(CRF)[name]
    if entry.dist is not None:
        return partial(GuardedField, entry, engine)
    return load_field(name, device)


def crf_brought_by(name: str) -> tuple[str, str]:
    """The distribution that a CRF engine is of, or needs if it is one of ours, and its version."""
    entry = installed(CRF)[name]
    if entry.dist is not None:
        return brought_by(entry)
    engine = ENGINES[name]
    try:
        return engine.distribution, version(engine.distribution)
    except PackageNotFoundError:  # the module came in another way
        return engine.needs, "of unknown version"


def saliency_method(name: str) -> Callable[[Any], Any]:
    """What makes saliency maps: a photo (H, W, 3) uint8 → (H, W) float32 in [0, 1].

    An error in a plugin's code, or a result that is none, becomes a UserError that names it.

    Raises:
        UserError: no such plugin is installed, or it fails to load.
    """
    otherwise = "`puzzlecam plugins` lists them; saliency.folder takes maps that are there"
    method = _chosen(SALIENCY, name, "saliency-missing", "no saliency method is called", otherwise)
    return GuardedSaliency(installed(SALIENCY)[name], method)


def _chosen(group: str, name: str, reference: str, missing: str, otherwise: str) -> Any:
    """What the entry point `name` stands for."""
    found = installed(group)
    if name in found:
        return load(found[name])
    where, shown = (f"installed: {', '.join(found) or 'none'}",), name[:100]
    if folder := not_installed().get((group, name)):
        hint = f"python -m pip install {shell(str(folder))}"
        raise UserError(reference, f"{WORDS[group]} `{shown}` is not installed", where, hint)
    close = get_close_matches(name, found, 1)
    raise UserError(
        reference, f"{missing} `{shown}`", where, (f"did you mean `{close[0]}`? " if close else "") + otherwise
    )
