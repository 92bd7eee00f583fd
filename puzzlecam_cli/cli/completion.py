"""What the shell offers when Tab is pressed. It answers at once: nothing heavy is imported, no photo is looked for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path

import typer

Complete = Callable[[typer.Context, str], list[str]]
MOST = 200  # offered at once: a person reads no more
PLAIN = re.compile(r"[\w.+-]+")  # a value that no shell takes apart
RUN_FILES = ("run.json", "recipe.yaml")


def _offered(find: Callable[[typer.Context, str], Iterator[str]]) -> Complete:
    """Those of what is found that begin as what was typed; none where something is wrong: a command will say it."""

    @wraps(find)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        found: dict[str, None] = {}
        with suppress(Exception):
            for text in find(ctx, incomplete):
                if text.startswith(incomplete):
                    found[text] = None
                if len(found) >= MOST:
                    break
        return list(found)

    return complete


@_offered
def recipes(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Shipped recipes, recipe files, and runs, whose recipe is meant then."""
    from puzzlecam_cli.recipe.load import recipe_names

    if "/" not in incomplete:
        yield from recipe_names()
    yield from _below(incomplete, (".yaml", ".yml"))


@_offered
def runs(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Folders of runs, and folders on the way to them."""
    yield from _below(incomplete, ())


@_offered
def models(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Runs and model files."""
    yield from _below(incomplete, (".safetensors",))


@_offered
def stages(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    from puzzlecam_cli.stages import STAGE_NAMES

    yield from STAGE_NAMES


@_offered
def keys(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Keys of the recipe that stands before, such as `seg.epochs=`; of the last that is left, its value as well.

    Two that begin alike keep bash from putting a blank behind the equals sign.
    """
    known = {name: value for name, value in _values().items() if name.startswith(incomplete.partition("=")[0])}
    for name, value in known.items():
        yield f"{name}="
        if len(known) == 1 and PLAIN.fullmatch(str(value)):
            yield f"{name}={str(value).lower() if isinstance(value, bool) else value}"


@_offered
def references(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Names of messages."""
    from puzzlecam_cli.session.explain import explanations

    yield from explanations()


@_offered
def topics(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Names of pages of the documentation."""
    from puzzlecam_cli.view.pages import topics

    yield from topics()


@_offered
def image_ids(ctx: typer.Context, incomplete: str) -> Iterator[str]:
    """Ids of the photos of the run that stands before, from the lists of what it made."""
    from puzzlecam_cli.run.made import claimed
    from puzzlecam_cli.run.pipeline import all_steps
    from puzzlecam_cli.stages import PIPELINE

    root, given = Path(str(ctx.params["run"])).expanduser(), set(ctx.params.get("ids") or ())
    for step in all_steps(PIPELINE):
        before, _, after = step.each.partition("{id}")
        begin = re.compile(re.escape(before).replace(re.escape("{split}"), "[^/]+"))
        for file in claimed(root, step) or ():
            if (found := begin.match(file)) and (image_id := file[found.end() :].removesuffix(after)) not in given:
                yield image_id


def _values() -> dict[str, object]:
    """The keys with their values of the recipe that was typed, or of one that is shipped."""
    from puzzlecam_cli.recipe.load import find_recipe, load_recipe
    from puzzlecam_cli.run.plan import flatten

    recipe = None
    for word in _typed():
        with suppress(Exception):
            find_recipe(word)
            recipe = load_recipe(word)
            break
    sections = (recipe or load_recipe("quickstart")).model_dump(mode="json").items()
    return {key: value for section, below in sections for key, value in flatten(section, below) if key != "recipe"}


def _typed() -> list[str]:
    """The words behind the command. A line that is not finished has no parameters yet, so they are the shell's own."""
    import shlex

    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    return [word for word in shlex.split(line)[2:] if not word.startswith("-")]


def _below(incomplete: str, suffixes: tuple[str, ...]) -> Iterator[str]:
    """Runs, files that end so and folders that go on, in the folder that the typed path names."""
    folder, _, begun = incomplete.rpartition("/")
    place = f"{folder}/" if "/" in incomplete else ""
    with os.scandir(os.path.expanduser(place) or ".") as entries:  # noqa: PTH111 -- Path's fails without a home
        for entry in sorted(entries, key=lambda each: each.name):
            if entry.name.startswith(".") and not begun.startswith("."):
                continue
            if entry.is_dir():
                is_run = all(os.path.isfile(os.path.join(entry.path, name)) for name in RUN_FILES)  # noqa: PTH113, PTH118
                yield place + entry.name + ("" if is_run else "/")
            elif entry.name.endswith(suffixes) and suffixes:
                yield place + entry.name
