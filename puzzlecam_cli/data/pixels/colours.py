"""Which colour stands for which class: PASCAL VOC's palette, and lists that annotation tools export."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import lines, quoted

RGB = tuple[int, int, int]

# Bit b of the label sets bit 7 - b // 3 of red, green or blue (b % 3).
VOC_PALETTE = [
    sum((label >> bit & 1) << (7 - bit // 3) for bit in range(channel, 8, 3))
    for label in range(256)
    for channel in range(3)
]


def voc_colour(label: int) -> RGB:
    """The colour of a label, 0 to 255, in PASCAL VOC's palette."""
    red, green, blue = VOC_PALETTE[3 * label : 3 * label + 3]
    return red, green, blue


LINE = re.compile(r"\s*([^:]*[^:\s])\s*:\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*(?::.*)?", re.ASCII)


def read_colours(path: Path) -> tuple[tuple[str, RGB], ...]:
    """The names and colours of CVAT's `labelmap.txt`: a line `name:red,green,blue::` a label, `#` begins a comment.

    Raises:
        UserError: as `lines` does; `colours-invalid` names every line that is wrong or repeats.
    """
    return colours_in(lines(path), path)


def colours_in(text: Iterable[tuple[int, str]], path: Path) -> tuple[tuple[str, RGB], ...]:
    """The same out of numbered lines; `path` is where they are from."""
    found: dict[str, RGB] = {}
    problems = []
    for number, line in text:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = LINE.fullmatch(line)
        red, green, blue = (int(match[channel]) for channel in (2, 3, 4)) if match else (256, 256, 256)
        if match is None or max(red, green, blue) > 255:
            problems.append(f"line {number}: {quoted(line.strip(), 60)} is not `name:red,green,blue::`")
        elif match[1] in found:
            problems.append(f"line {number}: {quoted(match[1])} is named twice")
        elif (red, green, blue) in found.values():
            problems.append(f"line {number}: {quoted(match[1])} has the colour of another label")
        else:
            found[match[1]] = (red, green, blue)
    if problems or not found:
        raise UserError(
            "colours-invalid",
            f"{path} holds {len(problems)} wrong line(s)" if problems else f"{path} names no colour",
            shorten(problems),
            "a line is `name:red,green,blue::`, 0 to 255 each, as in CVAT's labelmap.txt",
        )
    return tuple(found.items())
