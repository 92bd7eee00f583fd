"""Which row of a tag file is about which photo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from puzzlecam_cli.data.disk.walk import Walk
from puzzlecam_cli.data.tables.tags import TagTable
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import are, quoted, several

_ADVISED = 8  # as many as `shorten` shows


@dataclass(frozen=True)
class Tagged:
    """Photos with the names of their tags.

    Args:
        tags: class names by id, sorted by id; () for a photo that shows no class. Background may be among them.
        names: all names that tags hold, in their order, and where each stands first, such as `line 3`.
        columns: what else is known of photos, such as `split`: a value by id; by name for those in `missing`.
        facts: what a person should know, a sentence each.
        missing: rows that are left out as their photo is not there, by the name it has there: the reason.
    """

    tags: dict[str, tuple[str, ...]]
    names: dict[str, str]
    columns: dict[str, dict[str, str]]
    facts: tuple[str, ...]
    missing: dict[str, str] = field(default_factory=dict)


def tagged_by(table: TagTable, walk: Walk, ids: Sequence[str], *, skip: bool) -> Tagged:
    """The photos that rows are about. Those without a row are left out.

    Args:
        ids: those of `walk` that are photos.
        skip: rows whose photo is not there are left out; otherwise they are refused.

    Raises:
        UserError: `tags-unmatched` with all rows that are of no photo, of several photos, or of a photo that has one.
    """
    of: dict[str, int] = {}
    missing: list[int] = []
    several: list[str] = []
    twice: list[str] = []
    for row, name in enumerate(table.names):
        found = walk.named(name)
        if not found:
            missing.append(row)
        elif len(found) > 1:
            several.append(f"line {table.lines[row]}: {quoted(name)} may be {_either(found)}")
        elif (other := of.setdefault(found[0], row)) != row and _says(table, other) != _says(table, row):
            lines = f"lines {table.lines[other]} and {table.lines[row]}"
            twice.append(f"{lines}: {quoted(table.names[other])} and {quoted(name)} are one photo, tagged differently")
    problems = [*several, *twice]
    if not skip or len(missing) == len(table.names):
        problems += [_missing(table, walk, row) for row in missing[:_ADVISED]] + [""] * len(missing[_ADVISED:])
    if problems:
        hint = "names are paths below the folder of photos, or the ends of such paths"
        if several:
            hint = "write more of the path; where one of them is a mask, say so: data.masks: FOLDER"
        elif not skip:
            hint += "; `data.on_error: skip` leaves out rows whose photo is not there"
        rows = f"{len(problems)} of {len(table.names)} rows of {table.file}"
        verb = "names" if len(problems) == 1 else "name"
        said = f"{rows} {verb} no photo, or not one alone, below {walk.root}"
        lost = () if skip else tuple(table.names[row] for row in missing)
        raise UserError("tags-unmatched", said, shorten(problems), hint, lost)
    wanted = {image_id: of[image_id] for image_id in ids if image_id in of}
    names = dict.fromkeys(table.classes, "its header")
    for row, tags in reversed(list(enumerate(table.tags))):
        names |= dict.fromkeys(tags, f"line {table.lines[row]}")
    gone = {tag for row in missing for tag in table.tags[row]}
    for tag in gone.difference(*(table.tags[row] for row in of.values())) if gone else ():
        del names[tag]  # no photo here has it
    known = wanted | {table.names[row]: row for row in missing}
    return Tagged(
        {image_id: table.tags[row] for image_id, row in wanted.items()},
        names,
        {name: {i: values[row] for i, row in known.items()} for name, values in table.columns.items()},
        (*table.facts, *_facts(table, ids, of)),
        {table.names[row]: f"is not there (line {table.lines[row]} of {table.file})" for row in missing},
    )


def _missing(table: TagTable, walk: Walk, row: int) -> str:
    name = table.names[row]
    return f"line {table.lines[row]}: there is no photo {quoted(name)}{walk.like(name)}"


def _says(table: TagTable, row: int) -> tuple[object, ...]:
    return table.tags[row], *(values[row] for values in table.columns.values())


def _either(found: list[str]) -> str:
    more = f" or {len(found) - 3} more" if len(found) > 3 else ""
    return f"{' or '.join(quoted(image_id) for image_id in found[:3])}{more}"


def _facts(table: TagTable, ids: Sequence[str], of: dict[str, int]) -> Iterable[str]:
    without = [image_id for image_id in ids if image_id not in of]
    if without:
        some, count = ", ".join(shorten([quoted(image_id) for image_id in without], 3)), several(len(ids), "photo")
        yield f"{len(without)} of {count} {are(len(without))} in no row of {table.file} and left out: {some}"
