"""What is installed, as metadata tell it: nothing is imported."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, distributions, entry_points
from pathlib import Path

from puzzlecam_cli import __version__
from puzzlecam_cli.registry.tables import BUILT_IN, KINDS, OWN, WORDS

_ADDRESS = re.compile(r"[\w.]+\s*:\s*[\w.]+\s*(\[.*\])?")


def installed(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group by name, sorted; none is imported."""
    found = {entry.name: entry for entry in reversed(entries_of(group))}  # where names clash, ours is listed
    return {name: found[name] for name in sorted(found)}


def distribution_of(entry: EntryPoint) -> str:
    """The distribution that brings the entry point, e.g. `puzzlecam-cli 0.1.0`."""
    return " ".join(brought_by(entry))


def not_installed() -> dict[tuple[str, str], Path]:
    """Group and name of what the plugins that are shipped with this package bring, and is not installed: the folder."""
    import tomllib

    inside = Path(__file__).parents[1] / "_plugins"  # in an installed package; else at the top of the checkout
    shipped = inside if inside.is_dir() else inside.parents[1] / "plugins"
    brought: dict[tuple[str, str], Path] = {}
    for file in sorted(shipped.glob("*/pyproject.toml")):
        groups = tomllib.loads(file.read_text(encoding="utf-8"))["project"].get("entry-points", {})
        brought |= {(group, name): file.parent for group in KINDS.values() for name in groups.get(group, {})}
    return {(group, name): folder for (group, name), folder in brought.items() if name not in installed(group)}


def plugin_packages() -> dict[str, str]:
    """The Python packages of all plugins that are not ours, each with its distribution."""
    found = [entry for group in KINDS.values() for entry in entries_of(group) if entry.dist]
    return {entry.value.partition(":")[0].partition(".")[0]: distribution_of(entry) for entry in found}


def why_unusable(entry: EntryPoint, among: Iterable[EntryPoint] | None = None) -> str | None:
    """What is wrong with a plugin as far as its metadata tell, in a sentence; None: nothing.

    Args:
        among: all of its group, where they are known.
    """
    what = f"{WORDS[entry.group]} `{entry.name}`"
    same = [other for other in among or entries_of(entry.group) if other.name == entry.name]
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
        if _plain(requirement.name) == OWN and not requirement.specifier.contains(__version__, True):
            return f"{what} from {distribution_of(entry)} needs {OWN} {requirement.specifier}; this is {__version__}"
    return None


def entries_of(group: str) -> list[EntryPoint]:
    """Ours, and those of all other distributions."""
    own = [EntryPoint(name, value, group) for name, value in BUILT_IN[group].items()]
    others = _of_others(tuple((folder, _changed(folder)) for folder in sys.path))
    return own + [entry for entry in others if entry.group == group]


@lru_cache(maxsize=1)  # a command asks some ten times, and hundreds of files are read for an answer
def _of_others(folders: tuple[tuple[str, int], ...]) -> list[EntryPoint]:
    """Those of other distributions, of all groups. A folder where something is installed or removed has changed."""
    try:
        found = entry_points()
        others = [entry for group in BUILT_IN for entry in found.select(group=group)]
    except Exception:  # of one distribution whose files are damaged
        readable = [dist for dist in distributions() if _is_readable(dist)]
        others = [entry for group in BUILT_IN for dist in readable for entry in dist.entry_points.select(group=group)]
    # ours are in `BUILT_IN`, whatever an older installation says
    return [entry for entry in others if entry.dist and _plain(name_and_version(entry.dist)[0]) != OWN]


def _changed(folder: str) -> int:
    try:
        return Path(folder).stat().st_mtime_ns
    except (OSError, ValueError):  # it is not there, or a name that none can have
        return 0


def in_order(group: str) -> list[EntryPoint]:
    """All of a group, also those whose names clash, as they are listed."""
    return sorted(entries_of(group), key=lambda entry: (entry.name, brought_by(entry)))


def unreadable() -> list[Distribution]:
    """Distributions that may bring plugins or not: who knows."""
    return [dist for dist in distributions() if not _is_readable(dist)]


def _is_readable(dist: Distribution) -> bool:
    try:
        return dist.entry_points is not None
    except Exception:  # whatever files that are damaged lead to
        return False


def _plain(name: str) -> str:
    """The one form in which names of distributions are compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def brought_by(entry: EntryPoint) -> tuple[str, str]:
    return name_and_version(entry.dist) if entry.dist else (OWN, __version__)


def name_and_version(dist: Distribution) -> tuple[str, str]:
    try:
        return str(dist.name or "?"), str(dist.version or "?")
    except Exception:
        return str(getattr(dist, "_path", "?")), "?"
