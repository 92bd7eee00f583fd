"""What displays are drawn with: words, marks, bars and curves, in characters that the terminal has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from rich.text import Text

from puzzlecam_cli.errors import for_terminal, printable

MARKS = {"waits": "·", "runs": "▸", "kept": "✓", "done": "✓", "failed": "×", "interrupted": "‖"}
PLAIN_MARKS = {"waits": ".", "runs": ">", "kept": "=", "done": "+", "failed": "x", "interrupted": "|"}
STYLES = {"waits": "dim", "runs": "bold cyan", "failed": "bold red", "interrupted": "yellow"}
LEVELS, PLAIN_LEVELS = "▁▂▃▄▅▆▇█", "_.-:=+*#"


@dataclass(frozen=True)
class Pen:
    """Draws for a terminal of an encoding; one without Unicode is shown marks, bars and curves of ASCII."""

    encoding: str = "utf-8"

    @property
    def has_unicode(self) -> bool:
        return self.encoding.lower().startswith("utf")

    def words(self, words: str, style: str = "") -> Text:
        """Words that may be from data: nothing in them is markup or does anything to the terminal."""
        return Text(for_terminal(printable(words, 2000), self.encoding), style, no_wrap=True)

    def mark(self, state: str) -> Text:
        marks = MARKS if self.has_unicode else PLAIN_MARKS
        return Text(marks.get(state, "?"), STYLES.get(state, "green"))

    def bar(self, share: float, width: int) -> Text:
        """`share` in [0, 1] of a line of `width` cells."""
        halves = round(share * width * 2)
        full, half = divmod(halves, 2)
        begun, rest = ("━" * full + "╸" * half, "─") if self.has_unicode else ("=" * full + ">" * half, "-")
        return Text.assemble((begun, "cyan"), (rest * (width - len(begun)), "dim"))

    def curve(self, points: Sequence[float], width: int) -> Text:
        """Points between their lowest and their highest, in at most `width` cells; neighbours are averaged."""
        count = min(width, len(points))
        edges = [number * len(points) // count for number in range(count + 1)] if count > 0 else []
        means = [fmean(points[first:last]) for first, last in pairwise(edges)]
        levels = LEVELS if self.has_unicode else PLAIN_LEVELS
        low, high = min(means, default=0.0), max(means, default=0.0)
        scale = (len(levels) - 1) / (high - low) if high - low > 1e-9 * max(abs(high), abs(low), 1e-30) else 0.0
        return Text("".join(levels[round((mean - low) * scale)] for mean in means), "cyan")

    def cut(self, text: Text, width: int) -> Text:
        """The text in at most `width` cells, with a sign where some of it is missing."""
        if text.cell_len <= width:
            return text
        text = text.copy()
        sign = "…" if self.has_unicode else "..."
        text.truncate(max(width - len(sign), 0), overflow="crop")
        text.append(sign[: max(width, 0)])
        return text

    def between(self, left: Text, right: Text, width: int) -> Text:
        """A line of `width` cells that begins and ends with a text; where there is no room, the left one is cut.

        Where it would be no more than its beginning, it goes alone.
        """
        left = left.copy()
        left.rstrip()
        room = width - right.cell_len - 1
        if room < min(left.cell_len, 6):
            return self.cut(left, width)
        left = self.cut(left, room)
        return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right, no_wrap=True)


def padded(text: Text, width: int) -> Text:
    """The text, filled up with spaces to `width` cells."""
    return Text.assemble(text, " " * max(width - text.cell_len, 0), no_wrap=True)


def flowed(parts: Sequence[Text], width: int, gap: int = 3) -> list[Text]:
    """Parts one after the other, in as many lines of `width` cells as it takes; none is broken."""
    lines: list[Text] = []
    for part in parts:
        if lines and lines[-1].cell_len + gap + part.cell_len <= width:
            lines[-1] = Text.assemble(lines[-1], " " * gap, part, no_wrap=True)
        else:
            lines.append(part)
    return lines
