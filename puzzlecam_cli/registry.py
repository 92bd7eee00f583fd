"""Find plugins by entry point. Listing imports none of them; only the chosen one is loaded.

What comes with this package is declared in the same form, `name: "module:attribute"`, in `BUILT_IN`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from difflib import get_close_matches
from functools import partial
from importlib.metadata import Distribution, EntryPoint, EntryPoints, distributions
from pathlib import Path
from typing import Any, NamedTuple

from puzzlecam_cli import __version__
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf_engines import ENGINES, FieldOf, installed_engines
from puzzlecam_cli.text import shell

OWN = "puzzlecam-cli"
BACKBONES, DATASETS, CRF = "puzzlecam.backbones", "puzzlecam.datasets", "puzzlecam.crf"
KINDS = {"backbone": BACKBONES, "dataset": DATASETS, "crf": CRF}  # as commands call them: the entry-point group
WORDS = {BACKBONES: "backbone", DATASETS: "data kind", CRF: "CRF engine"}

# The kinds of data that come with this package: one file and one row each.
DATA_KINDS = {
    "voc": "puzzlecam_cli.data.kinds.voc:VocPhotos",
    "folder": "puzzlecam_cli.data.kinds.folder:FolderPhotos",
    "coco": "puzzlecam_cli.data.kinds.coco:CocoPhotos",
    "yolo": "puzzlecam_cli.data.kinds.yolo:YoloPhotos",
    "synthetic": "puzzlecam_cli.data.kinds.synthetic:SyntheticPhotos",
}
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnest50", "resnest101", "resnest269")
BUILT_IN = {
    BACKBONES: {name: f"puzzlecam_cli.models.resnet:{name}" for name in RESNETS},
    DATASETS: DATA_KINDS,
    CRF: {name: engine.field for name, engine in ENGINES.items()},
}

# `<prefix>:<model>` for libraries of many networks: their callable takes the model's name first.
LIBRARIES = {"timm": EntryPoint("timm", "puzzlecam_cli.models.timm_networks:timm_backbone", BACKBONES)}

_ADDRESS = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?")


class Plugin(NamedTuple):
    """A row of the list of plugins; `error` says in a sentence why it cannot be used."""

    kind: str
    name: str
    distribution: str
    version: str
    error: str | None


def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, sorted; none is imported."""
    found = {entry.name: entry for entry in reversed(_entries(group))}  # where names clash, ours is listed
    return {name: found[name] for name in sorted(found)}


def distribution_of(entry: EntryPoint) -> str:
    """The distribution that brings the entry point, e.g. `puzzlecam-cli 0.1.0`."""
    return " ".join(_brought_by(entry))


def listed(*, check: bool = False) -> list[Plugin]:
    """All that is installed, by kind and name.

    Args:
        check: load each, to say of those that fail what is wrong; otherwise none is imported, and only what their
            metadata tell is said.
    """
    rows = []
    for kind, group in KINDS.items():
        for entry in sorted(_entries(group), key=lambda entry: entry.name):
            problem = why_unusable(entry)
            if check and problem is None:
                try:
                    _loaded(entry)
                except UserError as error:
                    problem = error.problem
            rows.append(Plugin(kind, entry.name, *_brought_by(entry), problem))
        rows += [
            Plugin(kind, f"{name}:<model>", *_brought_by(library), None)
            for name, library in LIBRARIES.items()
            if library.group == group
        ]
    unreadable = [dist for dist, entries in _found() if entries is None]
    said = "its entry_points.txt cannot be read"
    return [*rows, *(Plugin("?", "?", *_name_and_version(dist), said) for dist in unreadable)]


def not_installed() -> dict[tuple[str, str], Path]:
    """Group and name of what the plugins that are shipped with this package bring, and is not installed: the folder."""
    import tomllib

    inside = Path(__file__).parent / "_plugins"  # in an installed package; else at the top of the checkout
    shipped = inside if inside.is_dir() else inside.parents[1] / "plugins"
    brought: dict[tuple[str, str], Path] = {}
    for file in sorted(shipped.glob("*/pyproject.toml")):
        groups = tomllib.loads(file.read_text(encoding="utf-8"))["project"].get("entry-points", {})
        brought |= {(group, name): file.parent for group in KINDS.values() for name in groups.get(group, {})}
    return {(group, name): folder for (group, name), folder in brought.items() if name not in installed(group)}


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
    return factory


def dataset(kind: str) -> Any:
    """The class of a kind of data: a `puzzlecam_cli.data.photos.PhotoSet` with its `Settings`.

    Raises:
        UserError: no such kind is installed, or its plugin fails to load.
    """
    return _chosen(DATASETS, kind, "data-kind", "there is no kind of data called", "data.kind names one of them")


def crf_engine(name: str = "auto") -> FieldOf:
    """What makes the fields of a CRF engine; `auto`: of ours, where it can be used here, else of the first plugin.

    An error in a plugin's code, or a result that is none, becomes a UserError that names it, also in other processes.

    Raises:
        UserError: no such engine is installed, or its plugin fails to load.
    """
    install = " or ".join(engine.install for engine in ENGINES.values())
    if name == "auto":
        plugins = [entry.name for entry in installed(CRF).values() if entry.dist and not why_unusable(entry)]
        if not (usable := [*installed_engines(), *plugins]):
            raise UserError("crf-missing", "no engine for dense CRFs is installed", hint=install)
        name = usable[0]
    engine = _chosen(CRF, name, "crf-missing", "no CRF engine is called", "`auto` takes the best that is installed")
    entry = installed(CRF)[name]
    return engine if entry.dist is None else partial(_GuardedField, entry, engine)


def plugin_packages() -> dict[str, str]:
    """The Python packages of all plugins that are not ours, each with its distribution."""
    found = [entry for group in KINDS.values() for entry in _entries(group) if entry.dist]
    return {entry.value.partition(":")[0].partition(".")[0]: distribution_of(entry) for entry in found}


def why_unusable(entry: EntryPoint) -> str | None:
    """What is wrong with a plugin as far as its metadata tell, in a sentence; None: nothing."""
    what = f"{WORDS[entry.group]} `{entry.name}`"
    same = [other for other in _entries(entry.group) if other.name == entry.name]
    if len(same) > 1:
        return f"{' and '.join(sorted(map(distribution_of, same)))} both bring a {what}"
    if not _ADDRESS.fullmatch(entry.value):
        return f"{what} from {distribution_of(entry)} is declared as `{entry.value}`, which is not `module:attribute`"
    for needed in (entry.dist.requires or []) if entry.dist else []:
        from packaging.requirements import InvalidRequirement, Requirement

        try:
            requirement = Requirement(needed)
        except InvalidRequirement:
            continue
        if requirement.name.lower().replace("_", "-") == OWN and not requirement.specifier.contains(__version__, True):
            return f"{what} from {distribution_of(entry)} needs {OWN} {requirement.specifier}; this is {__version__}"
    return None


def _found() -> Iterator[tuple[Distribution, EntryPoints | None]]:
    """Each distribution once, the first on `sys.path`, with its entry points; None where they cannot be read."""
    seen = set()
    for dist in distributions():
        try:
            name = str(dist.name).lower().replace("_", "-")
            entries = dist.entry_points
        except Exception:  # whatever files that are damaged lead to
            yield dist, None
            continue
        if name not in seen and name != OWN:  # ours are in `BUILT_IN`, whatever an older installation says
            yield dist, entries
        seen.add(name)


def _entries(group: str) -> list[EntryPoint]:
    """Ours, and those of all other distributions."""
    own = [EntryPoint(name, value, group) for name, value in BUILT_IN[group].items()]
    return own + [entry for _, entries in _found() for entry in (entries or EntryPoints()).select(group=group)]


def _brought_by(entry: EntryPoint) -> tuple[str, str]:
    return _name_and_version(entry.dist) if entry.dist else (OWN, __version__)


def _name_and_version(dist: Distribution) -> tuple[str, str]:
    try:
        return str(dist.name or "?"), str(dist.version or "?")
    except Exception:
        return str(getattr(dist, "_path", "?")), "?"


def _chosen(group: str, name: str, reference: str, missing: str, otherwise: str) -> Any:
    """What the entry point `name` stands for."""
    found = installed(group)
    if name in found:
        return _loaded(found[name])
    where, shown = (f"installed: {', '.join(found)}",), name[:100]
    if folder := not_installed().get((group, name)):
        hint = f"python -m pip install {shell(str(folder))}"
        raise UserError(reference, f"{WORDS[group]} `{shown}` is not installed", where, hint)
    close = get_close_matches(name, found, 1)
    raise UserError(
        reference, f"{missing} `{shown}`", where, (f"did you mean `{close[0]}`? " if close else "") + otherwise
    )


def _loaded(entry: EntryPoint) -> Any:
    """What an entry point stands for, held to what can be told without using it.

    Raises:
        UserError: `plugin-clash` or `plugin-broken`.
    """
    what, brought = f"{WORDS[entry.group]} `{entry.name}` from {distribution_of(entry)}", _brought_by(entry)[0]
    remedy = f"repair or remove the plugin: python -m pip uninstall {brought}"
    if problem := why_unusable(entry):
        if "both bring" in problem:
            raise UserError("plugin-clash", problem, hint="remove one of them: python -m pip uninstall NAME")
        raise UserError("plugin-broken", problem, hint=remedy)
    try:
        with redirect_stdout(_Named(distribution_of(entry))):
            loaded = entry.load()
    except (Exception, SystemExit) as error:
        engine = ENGINES.get(entry.name) if entry.group == CRF and entry.dist is None else None
        if engine and isinstance(error, ModuleNotFoundError):
            raise UserError("crf-missing", f"{engine.needs} is not installed", hint=engine.install) from None
        said = f"{what} failed to load: {type(error).__name__}: {error}"
        raise UserError("plugin-broken", said, hint=remedy) from error
    if entry.group == DATASETS:
        lacks = sorted(getattr(loaded, "__abstractmethods__", ()))
        if not isinstance(loaded, type) or "kind" not in getattr(getattr(loaded, "Settings", None), "model_fields", ()):
            lacks = ["Settings, a model with `kind`"]
        if lacks:
            raise UserError("plugin-broken", f"{what} is no PhotoSet: it lacks {', '.join(lacks)}", hint=remedy)
    elif not callable(loaded):
        raise UserError("plugin-broken", f"{what} is a {type(loaded).__name__}, which is not callable", hint=remedy)
    return loaded


class _Named:
    """Standard output while a plugin is loaded: what it prints goes to stderr, after the name of who says it."""

    def __init__(self, who: str):
        self._who, self._is_named = who, False

    def write(self, text: str) -> int:
        if not self._is_named:
            self._is_named = True
            print(f"{self._who} says:", file=sys.stderr)
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


class _GuardedField:
    """A field of a plugin's CRF engine."""

    def __init__(self, entry: EntryPoint, engine: FieldOf, image: Any, labels: int, kernels: Any):
        self._entry = entry
        self._field = self._tried(engine, image, labels, kernels)

    def infer(self, unary: Any, iterations: int) -> Any:
        import numpy as np

        result = self._tried(lambda: np.asarray(self._field.infer(unary, iterations), dtype=np.float32))
        if result.shape != unary.shape or not np.isfinite(result).all():
            raise self._broken(f"gave {result.shape} for {unary.shape}, or values that are not finite")
        return result

    def _tried(self, function: Callable[..., Any], *given: Any) -> Any:
        try:
            return function(*given)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise self._broken(f"failed: {type(error).__name__}: {error}") from error

    def _broken(self, said: str) -> UserError:
        remedy = "tell its authors, or set the recipe's crf.engine to another one"
        what = f"CRF engine `{self._entry.name}` from {distribution_of(self._entry)}"
        return UserError("plugin-broken", f"{what} {said}", hint=remedy)
