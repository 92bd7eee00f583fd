"""Which classes are taken for which."""

from __future__ import annotations

import numpy as np

from puzzlecam_cli.use.report.facts import Confusion, Facts
from puzzlecam_cli.view.html.charts import chart, text
from puzzlecam_cli.view.html.markup import Child, Html, data, table, tag
from puzzlecam_cli.view.report.results import TITLE

CELL = 16
NAMED = 32  # classes up to which rows and columns carry names
LONGEST = 14  # characters of a name beside the picture
FAINTEST = 0.005  # share of a class's pixels below which a cell is left empty
MOST = 10  # of the worst mistakes


def confusions(facts: Facts) -> list[Child]:
    """A picture and the largest mistakes, of the last result that there is: predictions, else pseudo labels."""
    if not facts.confusions:
        return []
    parts = [
        _one(confusion)
        for confusion in reversed(facts.confusions)
        if confusion.what in ("pseudo-labels", "predictions")
    ]
    return [part for part in parts if part is not None] or [_one(facts.confusions[-1])]


def _one(confusion: Confusion) -> Html | None:
    pixels = confusion.pixels
    totals = pixels.sum(axis=1, keepdims=True)
    shares = pixels / np.maximum(totals, 1)
    seen = [index for index in range(len(pixels)) if totals[index, 0] or pixels[:, index].any()]
    if len(seen) < 2:
        return None
    names = [confusion.classes[index] for index in seen]
    heading = f"{TITLE[confusion.what]}, {confusion.split}"
    return tag(
        "div",
        _picture(heading, names, shares[np.ix_(seen, seen)]),
        _mistakes(heading, names, shares[np.ix_(seen, seen)]),
        class_="pair",
    )


def _picture(heading: str, names: list[str], shares: np.ndarray) -> Html:
    count = len(names)
    is_named = count <= NAMED
    left, top, right = (110, 92, 56) if is_named else (30, 30, 4)
    width, height = left + count * CELL + right, top + count * CELL + 4
    drawn: list[Child] = [tag("rect", x=left, y=top, width=count * CELL, height=count * CELL, class_="ground")]
    for row in range(count):
        for column in range(count):
            share = float(shares[row, column])
            if share < FAINTEST:
                continue
            said = (
                f"{names[row]} taken for {names[column]}: {share:.1%}"
                if row != column
                else f"{names[row]}: {share:.1%} right"
            )
            drawn.append(
                tag(
                    "rect",
                    tag("title", said),
                    x=left + column * CELL,
                    y=top + row * CELL,
                    width=CELL - 1,
                    height=CELL - 1,
                    class_="right" if row == column else "wrong",
                    fill_opacity=round(min(1.0, 0.08 + share**0.6 * 0.92), 2),
                )
            )
    for number, name in enumerate(names if is_named else ()):
        short = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
        place = number * CELL + CELL / 2
        drawn.append(text(left - 6, top + place + 4, short, class_="end"))
        x, y = left + place + 4, top - 6
        drawn.append(text(x, y, short, transform=f"rotate(-55 {x} {y})"))
    if not is_named:
        drawn.append(text(left, top - 8, "found: all classes in their order"))
        drawn.append(text(18, top, "truth", transform=f"rotate(-90 18 {top})", class_="end"))
    hit = float(np.mean([shares[n, n] for n in range(count)]))
    said = f"Rows are true classes, columns what was found. On average {hit:.0%} of a class's pixels are right."
    return chart(f"Confusion: {heading}", said, drawn, tag("p", said, class_="remark"), width=width, height=height)


def _mistakes(heading: str, names: list[str], shares: np.ndarray) -> Html:
    wrong = [(float(shares[a, b]), a, b) for a in range(len(names)) for b in range(len(names)) if a != b]
    largest = sorted((one for one in wrong if one[0] >= FAINTEST), key=lambda one: (-one[0], one[1], one[2]))[:MOST]
    if not largest:
        return tag("p", "No class is taken for another in more than half a percent of its pixels.", class_="remark")
    rows = [(data(names[a]), data(names[b]), f"{share:.1%}") for share, a, b in largest]
    return table(("pixels of", "taken for", "share"), rows, caption=f"The largest mistakes: {heading}", numbers=False)
