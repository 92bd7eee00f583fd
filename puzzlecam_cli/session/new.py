"""Look at a folder of photos and write a recipe that fits it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from puzzlecam_cli.data.discover.candidate import Reading, read
from puzzlecam_cli.data.discover.describe import described, sample_sizes
from puzzlecam_cli.data.discover.layouts import Discovery, discover, no_tags, say_the_same
from puzzlecam_cli.data.discover.masks import without_masks
from puzzlecam_cli.data.discover.place import Place
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES
from puzzlecam_cli.data.photos import Tell
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.group.cores import cores
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.recipe.fitting import BASE, Facts, Fit, fitting
from puzzlecam_cli.recipe.writing import no_home, recipe_text, write_recipe
from puzzlecam_cli.run.find_in_tags import nothing_to_learn
from puzzlecam_cli.run.finding import Tagged, several
from puzzlecam_cli.text import shell

# Asks a person to choose: the number of an answer, from 0. None: nobody may be asked.
Ask = Callable[[str, Sequence[str]], int] | None
SOURCES = ("folders", "annotations")  # what `--tags` may name beside a file


@dataclass(frozen=True)
class Written:
    """What was found and written.

    Args:
        path: the recipe.
        found: what and how, a line each.
        notes: what a person should know, a sentence each.
        can_learn: whether there is anything to be learned from these photos; a note says why not.
    """

    path: Path
    found: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    can_learn: bool


def new_recipe(folder: str, out: str | None, tags: str | None, ask: Ask, tell: Tell) -> Written:
    """Find out what a folder holds and write a recipe for it.

    Args:
        folder: of photos; or a file of tags, with the photos beside or below it.
        out: the recipe; None: called after the folder, in the current one.
        tags: a file, or one of `SOURCES`; None: whatever is found.
        ask: see `Ask`.
        tell: is told of what is being done.

    Raises:
        UserError: there are no photos or no tags, several readings contradict each other and nobody may be asked,
            or the recipe cannot be written; nothing is overwritten.
    """
    place, source = _place(folder, tags, tell)
    target, renamed = _target(out, place)
    found = _discovered(place, source)
    reading, notes = _chosen(place, found, ask)
    reading = _divided(reading, ask)
    reading = without_masks(reading)
    sizes, unread = sample_sizes(reading, tell)
    fitted, machine = _fitted(reading, sizes, tell)
    reasons = reading.candidate.reasons
    values = {
        f"data.{key}": (value, reasons.get(key, "")) for key, value in _from_anywhere(reading.candidate.data).items()
    }
    command = shell(str(no_home(target)))
    heading = (
        f"{_size(reading, ' of')} in {place.folder}, as `puzzlecam new` found them.",
        f"  puzzlecam run-all {command}",
        f"`puzzlecam recipes show {command}` explains every value, also those of {BASE}.",
    )
    write_recipe(target, recipe_text(heading, BASE, values | fitted))
    lines = (*described(reading, sizes), ("machine", machine), ("recipe", f"{target}, from {BASE}"))
    hopeless = _why_hopeless(reading)
    return Written(target, lines, (*renamed, *notes, *place.facts, *reading.facts, *unread, *hopeless), not hopeless)


def _size(reading: Reading, between: str = ",") -> str:
    return f"{several(len(reading.photos), 'photo')}{between} {several(len(reading.classes), 'class')}"


def _why_hopeless(reading: Reading) -> list[str]:
    """Why training would make no sense, as `data check` says it too, and what is missing."""
    name = "train" if len(reading.trained) == reading.train else str(reading.candidate.data["root"])
    tagged = Tagged({"train": list(reading.trained)}, {"train": name}, reading.classes, frozenset({"train"}))
    return [
        f"training would make no sense: {found.said}" + (f"; {found.hint}" if found.hint else "")
        for found in nothing_to_learn(tagged)
    ]


def _place(folder: str, tags: str | None, tell: Tell) -> tuple[Place, str | None]:
    """The folder to look at, and what tags are to be taken from, if that is no file."""
    path = _existing(folder)
    given, source = (path, None) if path.is_file() else (None, tags)
    if given is not None:
        if tags is not None:
            raise UserError("usage", f"{given} is a file: with --tags FILE the other is a folder of photos")
        if given.suffix.lower() in PHOTO_SUFFIXES:
            raise UserError("usage", f"{given} is a photo", hint=f"puzzlecam new {shell(str(given.parent))}")
        path = given.parent
    elif not path.is_dir():
        raise UserError("folder-missing", f"{path} {why_no_file(path)}", hint="name a folder of photos")
    if given is None and tags is not None and tags not in SOURCES:
        home = os.path.expanduser(tags)  # noqa: PTH111 -- Path's own fails where there is no such home
        places = [place for place in (Path(home), path / tags) if os.path.lexists(place)]
        if not places:
            raise UserError(
                "tags-missing", f"there is no file {tags}", hint=f"--tags takes a file, {' or '.join(SOURCES)}"
            )
        given, source = places[0], None
    return Place(no_home(path), given and no_home(given), tell), source


def _existing(folder: str) -> Path:
    if not folder.strip():
        raise UserError("usage", "the folder has no name", hint="puzzlecam new FOLDER, or `.` for the current one")
    path = Path(folder)
    try:
        if not os.path.lexists(path) and folder.startswith("~"):
            path = path.expanduser()
        if os.path.lexists(path):
            return path
        near = [entry.name for entry in path.parent.iterdir()]
    except (OSError, RuntimeError, ValueError):  # a NUL, a home that is not there, a folder above that is not there
        near = []
    close = get_close_matches(path.name, near, 1)
    hint = f"did you mean {path.parent / close[0]}?" if close else "name a folder of photos"
    raise UserError("folder-missing", f"there is no folder {folder}", hint=hint)


def _target(out: str | None, place: Place) -> tuple[Path, tuple[str, ...]]:
    """The file to write, and what to say about its name."""
    if out is not None:
        path = Path(out)
        if not out.strip() or path.is_dir():
            raise UserError("usage", f"--out {out} is no name of a file", hint="--out NAME.yaml")
        if path.suffix.lower() not in (".yaml", ".yml"):
            raise UserError("usage", f"--out {out} does not end in .yaml", hint=f"--out {shell(out + '.yaml')}")
        if os.path.lexists(path):
            raise UserError("file-exists", f"{path} is there already", hint="--out names another file")
        if not path.parent.is_dir():
            raise UserError("folder-missing", f"there is no folder `{path.parent}` to write to", hint="make it first")
        return path, ()
    folder = place.folder.absolute()
    own = folder.resolve().name if folder.name == ".." else folder.name
    name = re.sub(r"[^\w.-]+", "-", own).strip("-.")[:100] or "photos"
    path, number = Path(f"{name}.yaml"), 1
    while os.path.lexists(path):
        number += 1
        path = Path(f"{name}-{number}.yaml")
    return path, (f"{name}.yaml is there already: this one is {path}",) if number > 1 else ()


def _discovered(place: Place, source: str | None) -> Discovery:
    try:
        return discover(place, source)
    except UserError as error:
        if place.given is None or error.reference != "data-missing":
            raise
        hint = f"puzzlecam new PHOTOS --tags {shell(str(place.given))} names the folder of photos"
        raise UserError(error.reference, error.problem, error.where, hint) from None


def _chosen(place: Place, found: Discovery, ask: Ask) -> tuple[Reading, tuple[str, ...]]:
    """The reading to use, and what to say of the others."""
    readings = found.readings
    notes = [f"not used: {item.source}: {item.why}" for item in found.unusable]
    if not readings:
        raise no_tags(place, found.unusable)
    if len(readings) == 1:
        return readings[0], tuple(notes)
    names = [reading.candidate.what for reading in readings]
    if say_the_same(readings):
        return readings[0], (*notes, f"{', '.join(names[1:])}: the same tags; {names[0]} is used")
    answers = [f"{name}: {_size(reading)}" for name, reading in zip(names, readings, strict=True)]
    if ask is None:
        commands = [f"{words}: puzzlecam new {_only(r)}" for words, r in zip(answers, readings, strict=True)]
        raise UserError(
            "tags-ambiguous",
            f"tags of the photos in {place.folder} are found in {len(readings)} places, and they differ",
            shorten(commands),
            "name the one that is meant; where each is about a part of the photos, put their rows into one file",
        )
    return readings[ask("Which tags are meant?", answers)], tuple(notes)


def _only(reading: Reading) -> str:
    """Arguments that leave no other reading."""
    return f"{shell(str(reading.candidate.data['root']))} --tags {shell(reading.candidate.source)}"


def _divided(reading: Reading, ask: Ask) -> Reading:
    """The reading with the division that a person chooses, if the data tell of several."""
    candidate = reading.candidate
    sure = [parts for parts in candidate.divisions if isinstance(parts.train, str) or isinstance(parts.val, str)]
    taken = next((n for n, parts in enumerate(sure) if candidate.divided(parts).data == candidate.data), len(sure))
    others = sure[taken + 1 :]  # those before it cannot be used
    if not others:
        return reading
    if ask is None:
        unused = ", ".join(parts.what for parts in others)
        return replace(reading, facts=(*reading.facts, f"photos are divided by {sure[taken].what}, not by {unused}"))
    answer = ask("What tells which photos are trained on?", [parts.what for parts in sure[taken:]])
    return read(candidate.divided(sure[taken + answer])) if answer else reading


def _from_anywhere(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings with all paths in full where the photos are in `.` or `..`, which are others wherever else one is."""
    root = Path(data["root"])
    if root != Path() and ".." not in root.parts:
        return data
    in_full = Path.resolve if ".." in root.parts else Path.absolute
    paths = {key for key, value in data.items() if isinstance(value, Path)}
    paths |= {key for key in ("train", "val") if isinstance(data.get(key), str) and Path(data[key]).is_file()}
    return {key: in_full(Path(value)) if key in paths else value for key, value in data.items()}


def _fitted(reading: Reading, sizes: Sequence[tuple[int, int]], tell: Tell) -> tuple[dict[str, Fit], str]:
    """Settings for these photos on this machine, and the machine in words."""
    from puzzlecam_cli.bench.machine import gpu_memory
    from puzzlecam_cli.engine.free_memory import free_memory

    tell("looking for a GPU")
    gpu, there, memory = gpu_memory(), cores(), int(free_memory())
    facts = Facts.of(
        sizes,
        train=reading.train,
        classes=len(reading.classes),
        cores=there,
        memory=memory,
        gpu_memory=gpu,
    )
    graphics = "no GPU" if gpu is None else f"a GPU with {gpu / 1e9:.0f} GB"
    return fitting(facts), f"{graphics}, {there} cores, {memory / 1e9:.0f} GB of memory free"
