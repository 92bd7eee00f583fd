"""Cells that say whether a photo shows a class: 0/1, −1/1, true/false, x/blank and their like."""

from __future__ import annotations

from collections.abc import Iterable

from puzzlecam_cli.data.tables.found import Cell

NUMBERS = {"1": 1, "+1": 1, "1.0": 1, "1,0": 1, "1.": 1, "0": 0, "+0": 0, "-0": 0, "0.0": 0, "0,0": 0, "0.": 0}
NUMBERS |= {"-1": -1, "-1.0": -1, "-1,0": -1, "\u22121": -1}
# Each pair is used alone in a table; the last ones are Excel's in some languages.
_PAIRS = (
    *(("true", "false"), ("yes", "no"), ("t", "f"), ("y", "n"), ("on", "off"), ("present", "absent")),
    *(("wahr", "falsch"), ("ja", "nein"), ("vrai", "faux"), ("oui", "non"), ("verdadero", "falso"), ("vero", "falso")),
    *(("verdadeiro", "falso"), ("sí", "no"), ("waar", "onwaar"), ("да", "нет"), ("истина", "ложь"), ("是", "否")),
)
_CROSSES = {"x", "✓", "✔", "✗", "☑", "*", "•", "×"} | {"yes", "y", "true", "t", "ja", "oui", "sí", "да", "是"}
EMPTY = {"", "nan", "null", "none", "na", "n/a"}
_WORDS = {word for pair in _PAIRS for word in pair} | _CROSSES


def is_truth(cell: Cell) -> bool:
    """Whether a cell could say that a class is shown, or is not; empty ones could."""
    return isinstance(cell, str) and (cell in NUMBERS or cell.casefold() in _WORDS or cell.casefold() in EMPTY)


def is_empty(cell: Cell) -> bool:
    """Whether a cell holds nothing, or what tables write for that."""
    return not cell or (isinstance(cell, str) and cell.casefold() in EMPTY)


def shown_values(values: Iterable[Cell]) -> tuple[set[Cell], set[Cell], str]:
    """Of all values of a table: those that mean a class is shown, those that do not fit the others, and how all were
    read, for a person.

    Empty cells are a value where nothing else says `not shown`. 0 beside −1 counts as shown, as VOC's difficult objects
    do elsewhere.
    """
    present = set(values)
    empty = {value for value in present if is_empty(value)}
    numbers = {value: NUMBERS[value] for value in present if isinstance(value, str) and value in NUMBERS}
    if numbers:
        signs = set(numbers.values())
        shown = {value for value, number in numbers.items() if number == 1 or (number == 0 and -1 in signs)}
        odd = present - numbers.keys() - (set() if signs - {1} else empty)
        said = "1 is shown, -1 is not" if -1 in signs else "1 is shown, 0 is not" if 0 in signs else "1 is shown"
        if signs >= {-1, 0}:
            said += "; 0 (difficult in VOC) counts as shown"
        return set(shown), odd, said
    by_word = {value: value.casefold() for value in present - empty if isinstance(value, str)}
    for yes, no in _PAIRS:
        if no in by_word.values() and all(word in (yes, no) for word in by_word.values()):
            shown = {value for value, word in by_word.items() if word == yes}
            return set(shown), set(empty), f"`{yes}` is shown, `{no}` is not"
    marks = {value for value, word in by_word.items() if word in _CROSSES}
    if len({by_word[str(value)] for value in marks}) == 1 or not marks:
        example = sorted(map(str, marks))[:1]
        return set(marks), present - marks - empty, f"`{example[0]}` is shown, empty is not" if example else "all empty"
    return set(), present - empty, ""
