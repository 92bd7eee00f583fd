"""What was found in the data, as text: findings first, by weight; then counts, classes and sizes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from puzzlecam_cli.errors import printable, shorten
from puzzlecam_cli.run.finding import Finding
from puzzlecam_cli.run.survey import ABOUT, Survey

HEADINGS = {"stops": "Stops training", "harms": "Harms the results", "note": "Worth knowing"}
MARKS = {"stops": "×", "harms": "!", "note": "-"}
WIDTH = 80
LONGEST_BAR = 16
MOST_LINES = 4  # of details a finding
MOST_CLASSES = 30  # lines of the table; of more, those with the most and the fewest photos
LONGEST_NAME = 28


def survey_lines(found: Survey, bar: str = "█") -> Iterator[str]:
    """Lines of at most 80 columns, but for single words that are longer, such as paths."""
    for weight, heading in HEADINGS.items():
        findings = [one for one in found.findings if one.weight == weight and one.finding != ABOUT]
        yield f"{heading}: {len(findings) or 'nothing'}"
        for finding in findings:
            yield from _finding(finding)
        yield ""
    if facts := [one for one in found.findings if one.finding == ABOUT]:
        yield "How the data were read"
        for fact in facts:
            yield from _wrapped(f"- {fact.said}", "  ", "    ")
        yield ""
    yield from _table([("split", "photos", "with a tag", "tags a photo", "with a mask"), *map(_split, found.splits)])
    yield ""
    yield from _classes(found.classes, [one["part"] for one in found.splits], bar)
    yield from _sizes(found.sizes)


def _finding(finding: Finding) -> Iterator[str]:
    yield from _wrapped(f"{MARKS[finding.weight]} {finding.finding}: {finding.said}", "  ", "    ")
    for place in shorten([one for one in finding.where if not one.startswith("... and ")], MOST_LINES):
        yield from _wrapped(place, "      ", "        ")
    if finding.ids and not finding.where:
        yield from _wrapped(", ".join(shorten(list(finding.ids), 6)), "      ", "      ")
    if finding.hint:
        yield from _wrapped(f"→ {finding.hint}", "    ", "      ")


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    wrapper = textwrap.TextWrapper(WIDTH, first, rest, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(printable(text, 600))


def _split(one: dict[str, Any]) -> tuple[str, ...]:
    photos, tags = one["photos"], one["tags"]
    return (
        one["name"] if one["name"] == one["part"] else f"{one['name']} ({one['part']})",
        f"{photos:,}",
        f"{one['tagged']:,}" if tags is not None else "?",
        f"{tags / photos:.2f}" if tags is not None and photos else "?",
        f"{one['masks']:,}",
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns of text, the first to the left and all others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        first, *numbers = (printable(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join([first, *(number.strip().rjust(w) for number, w in zip(numbers, widths[1:], strict=True))])


def _classes(classes: list[dict[str, Any]], parts: Sequence[str], bar: str) -> Iterator[str]:
    """A line a class, by the number of photos trained on; a bar for each part."""
    parts = [part for part in parts if classes and part in classes[0]]
    if not parts:
        return
    ordered = sorted(classes, key=lambda one: -one[parts[0]])
    half = MOST_CLASSES // 2
    shown = ordered if len(ordered) <= MOST_CLASSES else [*ordered[:half], *ordered[-half:]]
    most = {part: max(one[part] for one in ordered) or 1 for part in parts}
    names = {one["class"]: _name(one["class"]) for one in shown}
    width = max(len("photos with a class"), *map(len, names.values()))
    length = LONGEST_BAR if len(parts) < 3 else LONGEST_BAR // 2
    yield "  ".join(["photos with a class".ljust(width), *(part.ljust(8 + length) for part in parts)]).rstrip()
    for number, one in enumerate(shown):
        if number == half and len(ordered) > len(shown):
            yield f"  ... and {len(ordered) - len(shown)} more classes (--json lists them all)"
        cells = [names[one["class"]].ljust(width)]
        for part in parts:
            size = -(-one[part] * length // most[part])  # at least one mark for one photo
            cells.append(f"{one[part]:>7,} {(bar * size).ljust(length)}")
        yield "  ".join(cells).rstrip()
    yield ""


def _name(name: str) -> str:
    text = printable(name)
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _sizes(sizes: dict[str, Any]) -> Iterator[str]:
    """The longest photo only where it is more than twice as long as wide."""
    if not sizes:
        return
    longest = sorted((sizes["longest"]["width"], sizes["longest"]["height"]))
    for which in ("smallest", "median", "largest", *(["longest"] if longest[1] > 2 * longest[0] else [])):
        one = sizes[which]
        yield from _wrapped(f"{which + ' photo':16} {one['width']} × {one['height']}  {one['id']}", "", "    ")
