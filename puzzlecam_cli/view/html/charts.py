"""Small charts as SVG, in the colours of the page they stand in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, isfinite, log10

from puzzlecam_cli.view.html.markup import Child, Html, tag

WIDTH, HEIGHT = 360, 216
LEFT, RIGHT, TOP, BOTTOM = 42, 12, 12, 30
LARGER = 1.4  # times as large as it was drawn, a chart is shown at most


@dataclass(frozen=True)
class Series:
    """A line.

    Args:
        colour: a CSS class, `s1` to `s6`.
        faint: points behind it, such as what it is the mean of.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    dashed: bool = False
    faint: Sequence[float] = ()


@dataclass(frozen=True)
class Mark:
    """A place that is named: a vertical line, or a point where `y` is known."""

    text: str
    x: float
    y: float | None = None
    colour: str = "s1"


@dataclass(frozen=True)
class Frame:
    """From values to places in the picture."""

    x: tuple[float, float]
    y: tuple[float, float]
    width: int = WIDTH
    height: int = HEIGHT

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        wide, high = self.width - LEFT - RIGHT, self.height - TOP - BOTTOM
        return round(LEFT + across * wide, 1), round(TOP + (1 - up) * high, 1)

    def path(self, x: Sequence[float], y: Sequence[float]) -> str:
        places = [self.at(*point) for point in zip(x, y, strict=True)]
        return " ".join(f"{'L' if number else 'M'}{a} {b}" for number, (a, b) in enumerate(places))


def line_chart(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str,
    marks: Sequence[Mark] = (),
    y_range: tuple[float, float] | None = None,
    levels: Sequence[tuple[str, float, str]] = (),
) -> Html:
    """Lines with axes, and the lines' names below.

    Args:
        marks: places that are named.
        y_range: of the axis; None: as the values are.
        levels: horizontal lines: name, value, colour.
    """
    xs = [x for one in series for x in one.x]
    ys = [y for one in series for y in (*one.y, *one.faint)] + [level for _, level, _ in levels]
    frame = Frame(_span(xs), _nice(y_range or _span(ys)))
    drawn: list[Child] = [_axes(frame, x_label)]
    for name, level, colour in levels:
        (a, y), (b, _) = frame.at(frame.x[0], level), frame.at(frame.x[1], level)
        drawn.append(
            tag("path", tag("title", f"{name}: {level:.3g}"), d=f"M{a} {y}L{b} {y}", class_=f"line dashed {colour}")
        )
    for one in series:
        if one.faint:
            drawn.append(tag("path", d=frame.path(one.x, one.faint), class_=f"line faint {one.colour}"))
        dashed = " dashed" * one.dashed
        drawn.append(
            tag("path", tag("title", one.name), d=frame.path(one.x, one.y), class_=f"line {one.colour}{dashed}")
        )
    drawn += [_mark(frame, mark) for mark in marks]
    named = [*((one.name, one.colour, one.dashed) for one in series), *((n, colour, True) for n, _, colour in levels)]
    return chart(title, said_of(series, x_label), drawn, legend(named) if len(named) > 1 else None)


def chart(
    title: str, description: str, drawn: Child, below: Child, *, width: int = WIDTH, height: int = HEIGHT
) -> Html:
    """A picture with its title, read out as its description."""
    picture = tag(
        "svg",
        drawn,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=f"{title}. {description}",
        style=f"max-width:{LARGER * width:.0f}px",
    )
    return tag("figure", tag("figcaption", title), picture, below, class_="chart")


def legend(entries: Sequence[tuple[str, str, bool]]) -> Html:
    """Names with the colours of their lines: name, colour, whether it is dashed."""
    keys = [
        tag("li", tag("span", class_=f"key {colour}{' dashed' * dashed}"), name) for name, colour, dashed in entries
    ]
    return tag("ul", keys, class_="legend")


def said_of(series: Sequence[Series], x_label: str) -> str:
    """A chart in words: where each line begins and ends."""
    said = [f"{one.name} from {one.y[0]:.3g} to {one.y[-1]:.3g}" for one in series if len(one.y)]
    return f"Over {x_label}: {'; '.join(said)}."


def text(x: float, y: float, words: str, **attributes: str | float) -> Html:
    return tag("text", words, x=x, y=y, **attributes)


def smoothed(values: Sequence[float], width: int) -> list[float]:
    """The mean of each value and its neighbours, `width` of them where there are so many on both sides."""
    sums = [0.0]
    for value in values:
        sums.append(sums[-1] + value)
    half = width // 2
    found = []
    for place in range(len(values)):
        reach = min(half, place, len(values) - 1 - place)
        found.append((sums[place + reach + 1] - sums[place - reach]) / (2 * reach + 1))
    return found


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers from `low` to `high`, about so many."""
    raw = (high - low) / count
    size = 10.0 ** floor(log10(raw))
    step = next(factor * size for factor in (1, 2, 2.5, 5, 10) if factor * size >= raw * 0.999)
    first, last = ceil(low / step - 1e-6), floor(high / step + 1e-6)
    return [number * step for number in range(first, last + 1)]


def short(value: float) -> str:
    """A tick in as few characters as tell it."""
    if value == 0:
        return "0"
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e") if abs(value) < 1e-3 else f"{value:.4g}"


def _axes(frame: Frame, x_label: str) -> list[Child]:
    drawn: list[Child] = []
    for value in ticks(*frame.y):
        x, y = frame.at(frame.x[0], value)
        drawn.append(tag("path", d=f"M{x} {y}H{frame.width - RIGHT}", class_="grid"))
        drawn.append(text(LEFT - 6, y + 3.5, short(value), class_="end"))
    for value in ticks(*frame.x, count=4):
        x, y = frame.at(value, frame.y[0])
        drawn.append(tag("path", d=f"M{x} {y}v4", class_="tick"))
        drawn.append(text(x, y + 15, short(value), class_="middle"))
    corner = frame.at(frame.x[1], frame.y[0])
    drawn.append(text(corner[0], corner[1] + 27, x_label, class_="end label"))
    return drawn


def _mark(frame: Frame, mark: Mark) -> Html:
    x, top = frame.at(mark.x, frame.y[1])
    low = frame.at(mark.x, frame.y[0])[1]
    if mark.y is None:
        return tag("path", tag("title", mark.text), d=f"M{x} {top}V{low}", class_=f"line dashed {mark.colour}")
    y = frame.at(mark.x, mark.y)[1]
    words = text(
        x, min(y + 18, low - 4), mark.text, class_="mark middle"
    )  # below: curves have their best points on top
    return tag("g", tag("circle", cx=x, cy=y, r=4, class_=f"dot {mark.colour}"), words)


def _span(values: Sequence[float]) -> tuple[float, float]:
    known = [value for value in values if isfinite(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    return (low, high) if high - low > 1e-12 * max(1.0, abs(high)) else (low - 0.5, high + 0.5)


def _nice(span: tuple[float, float]) -> tuple[float, float]:
    """A little wider, to round numbers; from 0 where that is near."""
    low, high = span
    low = 0.0 if 0 <= low < 0.4 * high else low
    marks = ticks(low, high)
    step = marks[1] - marks[0] if len(marks) > 1 else high - low
    return floor(low / step + 1e-6) * step, ceil(high / step - 1e-6) * step


def distances(values: Sequence[float | None]) -> list[float | None]:
    """Each value less the one before, where both are known."""
    return [None, *(None if a is None or b is None else b - a for a, b in pairwise(values))]
