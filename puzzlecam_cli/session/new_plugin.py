"""Write a plugin to start from: the files of `puzzlecam_cli/starters`, with its names filled in."""

from __future__ import annotations

import keyword
import os
import re
import shutil
import sys
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from string import Template

from puzzlecam_cli import __version__
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.registry import KINDS, LIBRARIES, OWN, distribution_of, installed
from puzzlecam_cli.text import quoted

STARTERS = Path(__file__).parents[1] / "starters"
NAME = re.compile(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*")
LONGEST = 60
# A row a kind: what it is called, the name in the module, its check, how a recipe chooses it.
KINDS_OF = {
    "backbone": ("The backbone", "build", "check_backbone", "backbone: {{name: {0}, pretrained: false}}"),
    "dataset": ("The kind of data", "Photos", "check_dataset", "data: {{kind: {0}, root: PHOTOS}}"),
    "crf": ("The CRF engine", "Field", "check_crf_engine", "seg: {{predict: {{crf: {{engine: {0}}}}}}}"),
    "saliency": ("The saliency method", "saliency", "check_saliency", "saliency: {{plugin: {0}}}"),
}
YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null"}
RESERVED = {"auto", *LIBRARIES}  # names that mean something already, where a plugin is chosen


def new_plugin(name: str, kind: str, folder: str | None) -> Path:
    """Write a distribution that brings one plugin.

    Args:
        name: of the distribution; the package is called the same with `_`, the plugin without a leading `puzzlecam_`.
        kind: a key of `puzzlecam_cli.registry.KINDS`.
        folder: to be made, with all in it; None: called after the distribution, in the current folder.

    Returns:
        The folder.

    Raises:
        UserError: no such kind, a bad name, one that something installed has, or a folder that exists.
    """
    if kind not in KINDS:
        guess = "".join(f"did you mean `{close}`? " for close in get_close_matches(kind, KINDS, 1))
        problem = f"there is no kind of plugin called {quoted(kind)}"
        raise UserError("usage", problem, hint=f"{guess}--kind takes {', '.join(KINDS)}")
    package = name.replace("-", "_")
    plugin = package.removeprefix("puzzlecam_")
    _check_name(name, package, plugin)
    _check_free(name.replace("_", "-"), package, plugin, KINDS[kind])
    target = Path(folder if folder is not None else name.replace("_", "-")).expanduser()
    if folder == "" or target.is_symlink() or target.exists():
        raise UserError("folder-exists", f"{quoted(folder or str(target))} exists already", hint="name a new folder")
    brings, attribute, check, recipe = KINDS_OF[kind]
    names = {
        "distribution": name.replace("_", "-"),
        "package": package,
        "plugin": plugin,
        "group": KINDS[kind],
        "own": OWN,
        "version": __version__,
        "brings": brings,
        "attribute": attribute,
        "check": check,
        "recipe": recipe.format(plugin),
    }
    begun = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        for source, place in (
            ("pyproject.toml.txt", "pyproject.toml"),
            ("README.md.txt", "README.md"),
            (f"{kind}.py.txt", f"{package}/__init__.py"),
            (f"{kind}_test.py.txt", f"tests/test_{plugin}.py"),
        ):
            file = begun / place
            file.parent.mkdir(parents=True, exist_ok=True)
            text = Template((STARTERS / source).read_text(encoding="utf-8")).substitute(names)
            file.write_text(text, encoding="utf-8")
        begun.rename(target)  # whole, or not at all
    finally:
        shutil.rmtree(begun, ignore_errors=True)
    return target


def _check_name(name: str, package: str, plugin: str) -> None:
    problem = None
    if not NAME.fullmatch(name):
        problem = "must begin with a letter; letters a-z, digits, and single - or _ between them"
    elif len(name) > LONGEST:
        problem = f"is longer than {LONGEST} letters"
    elif not NAME.fullmatch(plugin) or keyword.iskeyword(plugin) or keyword.iskeyword(package):
        problem = f"would call the plugin `{plugin}`, which is no name in Python"
    elif plugin in RESERVED:
        problem = f"would call the plugin `{plugin}`, which means something else already"
    elif plugin in YAML_WORDS:
        problem = f"would call the plugin `{plugin}`, which is no text where a recipe names it"
    elif package in sys.stdlib_module_names or package in ("puzzlecam", "tests", "conftest"):
        problem = f"would hide the module `{package}`"
    if problem:
        raise UserError("plugin-name", f"the name {quoted(name)} {problem}", hint="for example puzzlecam-mine")


def _check_free(name: str, package: str, plugin: str, group: str) -> None:
    """Whether nothing that is installed has one of its names."""
    taken = None
    if entry := installed(group).get(plugin):
        taken = f"{distribution_of(entry)} brings a plugin `{plugin}` of this kind"
    else:
        try:
            taken = f"{name} {distribution(name).version} is installed" if name != OWN else f"{OWN} is this tool"
        except PackageNotFoundError:
            if find_spec(package):
                taken = f"there is a package `{package}` already"
    if taken:
        raise UserError("plugin-clash", f"the name {quoted(name)} is taken: {taken}", hint="choose another name")
