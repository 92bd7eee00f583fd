"""Which photos belong to `train` or to `val`: those of a list, or those with a value in a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import lines, quoted, several

TRAIN = ("train", "training", "trn")
VAL = ("val", "valid", "validation", "dev", "test", "testing")  # the first of them that there is plays the part
TRUE = ("true", "yes", "1", "1.0", "y", "t", "x")
FALSE = ("false", "no", "0", "0.0", "-1", "n", "f", "")
_NUMBER = re.compile(r"(.*\S)[\s,;]+[+-]?\d+")  # VOC and others write a class or a truth behind the name
Named = Callable[[str], list[str]]


def ids_of_list(
    path: Path, named: Named, like: Callable[[str], str], listed: Container[str], *, skip: bool
) -> list[str]:
    """The ids of a list of photos, a name a line.

    Args:
        named: the ids that a name may mean.
        like: what a name that means none may have meant, as the end of a sentence.
        listed: the photos that have tags; others are refused.
        skip: names of no photo are given as they stand; otherwise they are refused.

    Raises:
        UserError: `data-invalid` with all lines that name no photo, several, one that stands there twice, or one
            without tags; see `puzzlecam_cli.text.read_text`.
    """
    first: dict[str, int] = {}
    problems: list[str] = []
    missing: dict[str, int] = {}
    for number, line in lines(path):
        text = line.strip().strip("\"'")
        if not text:
            continue
        number_behind = _NUMBER.fullmatch(text)
        found = named(text) or (named(number_behind[1]) if number_behind else [])
        if not found and skip:
            missing.setdefault(text, number)
        elif not found:
            missing.setdefault(text, number)
            advice = like(text) if len(problems) < 8 else ""
            problems.append(f"line {number}: there is no photo {quoted(text)}{advice}")
        elif len(found) > 1:
            problems.append(f"line {number}: {quoted(text)} may be {' or '.join(map(quoted, found[:3]))}")
        elif found[0] not in listed:
            problems.append(f"line {number}: the photo {quoted(found[0])} has no tags, not even none: it is left out")
        elif (earlier := first.setdefault(found[0], number)) != number:
            problems.append(f"line {number}: {quoted(found[0])} is in line {earlier}, too")
    if problems:
        verb = "names" if len(problems) == 1 else "name"
        raise UserError(
            "data-invalid",
            f"{several(len(problems), 'line')} of {path} {verb} no photo, or not one alone",
            shorten(problems),
            "a list holds the name of one photo a line: its path, or the end of it"
            + ("; `data.on_error: skip` leaves out those that are not there" if missing and not skip else ""),
            tuple(missing),
        )
    if not first:
        raise UserError("data-invalid", f"{path} names no photo")
    return [*first, *missing]


def ids_of_column(part: str, written: str, columns: Mapping[str, Mapping[str, str]], source: object) -> list[str]:
    """The ids that belong to a part by `COLUMN=VALUE`, or `COLUMN` alone.

    Args:
        part: `train` or `val`.
        columns: the values of each by id.
        source: what columns are from, for messages.

    Raises:
        UserError: `data-missing`: there is no such column or value, or its values do not tell what they mean.
    """
    name, equals, value = (canonical(piece.strip()) for piece in written.partition("="))
    column = columns.get(name)
    if column is None:
        same = [other for other in columns if other.casefold() == name.casefold()]
        if len(same) != 1:
            raise _no_column(part, written, name, columns, source)
        name, column = same[0], columns[same[0]]
    values = sorted({found.strip() for found in column.values()})
    if not equals:
        meant = _part_named(part, values)
        if meant is None and (truths := _truths(values)):
            return [i for i, found in column.items() if found.strip().casefold() in truths]
        if meant is None:
            known = ", ".join(TRAIN if part == "train" else VAL)
            raise _no_value(part, f"no value of the column {quoted(name)} is {known} or true", name, values, source)
        value = meant
    found = [i for i, held in column.items() if held.strip().casefold() == value.casefold()]
    if not found:
        raise _no_value(part, f"no value of the column {quoted(name)} is {quoted(value)}", name, values, source)
    return found


def _part_named(part: str, values: Sequence[str]) -> str | None:
    """Which of several values means a part: `val`, else `test`; None if none does."""
    by_word = {value.casefold(): value for value in values}
    return next((by_word[word] for word in (TRAIN if part == "train" else VAL) if word in by_word), None)


def _truths(values: Sequence[str]) -> set[str]:
    """Those of several values that mean yes, if each means yes or no."""
    said = {value.casefold() for value in values}
    return said & {*TRUE} if said <= {*TRUE, *FALSE} else set()


def _no_column(
    part: str, written: str, name: str, columns: Mapping[str, Mapping[str, str]], source: object
) -> UserError:
    close = get_close_matches(name, columns, 1)
    there = tuple(_columns(columns))
    return UserError(
        "data-missing",
        f"data.{part}: there is no file {quoted(written)}, and no column {quoted(name)} in {source}",
        there,
        (f"did you mean {quoted(close[0])}? " if close else "")
        + f"data.{part} is a list of photos, COLUMN, COLUMN=VALUE, or a share such as 0.2",
    )


def _columns(columns: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, column in columns.items():
        yield f"column {quoted(name)}: {_some(sorted({value.strip() for value in column.values()}))}"


def _no_value(part: str, problem: str, name: str, values: Sequence[str], source: object) -> UserError:
    there = (f"its values in {source}: {_some(values)}",)
    return UserError("data-missing", f"data.{part}: {problem}", there, f"--set data.{part}='{name}=VALUE' names one")


def _some(values: Sequence[str]) -> str:
    return ", ".join(shorten([quoted(value, 40) for value in values], 6))
