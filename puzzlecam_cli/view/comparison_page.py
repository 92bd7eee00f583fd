"""Runs side by side as one HTML page that needs nothing else: no script, no request."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from puzzlecam_cli.errors import printable
from puzzlecam_cli.use.comparison.compared import Comparison, names_of
from puzzlecam_cli.view.comparison import Table, comparison_tables
from puzzlecam_cli.view.scores import TITLES

MARK = "<!doctype html><!-- puzzlecam compare -->\n"  # begins a page of ours, which may be written anew
STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #888; --better: #1a7f37; --worse: #b35900; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .9rem .25rem 0; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap; }
.number { text-align: right; } th { color: var(--soft); font-weight: 600; }
figure { margin: 1.5rem 0; } svg { width: 100%; max-width: 40rem; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: currentColor; } .zero { stroke: var(--soft); stroke-dasharray: 3 3; }
.better { stroke: var(--better); fill: var(--better); } .worse { stroke: var(--worse); fill: var(--worse); }
.open { stroke: var(--soft); fill: var(--soft); }
"""
WIDTH, LEFT, ROW = 640, 260, 26  # of the drawing, in its own units


def comparison_page(found: Comparison) -> str:
    """Tables, intervals as a drawing, and the IoU of each class. Text of data is escaped."""
    names = names_of(found.told.runs)
    scores, *others = comparison_tables(found)
    title = " and ".join(map(_text, names)) if len(names) == 2 else f"{_text(names[0])} and {len(names) - 1} others"
    how = f"Gains are over <b>{_text(names[0])}</b>; intervals are of {found.told.resamples:,} resamples of the photos."
    parts = [
        f'{MARK}<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        f"<title>{title}</title><style>{STYLE}</style>",
        f"<h1>{title}</h1><p>{how}</p>",
        _table(scores),
        _intervals(found, names),
        f"<ul>{''.join(f'<li>{_text(note)}</li>' for note in found.notes)}</ul>",
        *map(_table, [*others, *_by_class(found, names)]),
    ]
    return "\n".join(part for part in parts if part) + "\n</html>\n"


def _by_class(found: Comparison, names: Sequence[str]) -> list[Table]:
    tables = []
    for result in found.results:
        runs = [(name, run) for name, run in zip(names, result["runs"], strict=True) if run]
        rows = [
            (label, *("–" if run["iou"][label] is None else f"{run['iou'][label]:.3f}" for _, run in runs))
            for label in runs[0][1]["iou"]
        ]
        heading = ("class", *(name for name, _ in runs))
        tables.append(Table(f"IoU of each class: {TITLES[result['what']]}", [heading, *rows], heading[1:]))
    return tables


def _table(table: Table) -> str:
    heading, *rows = table.rows
    sides = [' class="number"' if name in table.numbers else "" for name in heading]
    head = "".join(f'<th scope="col"{side}>{_text(name)}</th>' for name, side in zip(heading, sides, strict=True))
    body = ("".join(f"<td{side}>{_text(cell)}</td>" for cell, side in zip(row, sides, strict=True)) for row in rows)
    lines = "\n".join(f"<tr>{row}</tr>" for row in body)
    return f'<h2>{_text(table.title)}</h2>\n<div class="wide"><table><tr>{head}</tr>\n{lines}\n</table></div>'


def _intervals(found: Comparison, names: Sequence[str]) -> str:
    """A bar an interval on a common scale, a dot at the difference; coloured where the interval leaves zero out."""
    rows = [
        (f"{TITLES[result['what']]}, {name}", run["difference"])
        for result in found.results
        for name, run in zip(names, result["runs"], strict=True)
        if run and run["difference"]
    ]
    if not rows:
        return ""
    most = max(0.001, *(abs(row[end]) for _, row in rows for end in ("low", "high", "miou")))
    height = ROW * len(rows) + 24

    def x(value: float) -> str:
        return f"{LEFT + (WIDTH - LEFT - 30) * (value / most + 1) / 2:.1f}"

    parts = [f'<line class="zero" x1="{x(0)}" x2="{x(0)}" y1="0" y2="{ROW * len(rows)}"/>']
    for number, (label, row) in enumerate(rows):
        parts.append(_interval(label, row, ROW * number + ROW / 2, x))
    for value in (-most, 0.0, most):
        parts.append(f'<text x="{x(value)}" y="{height - 6}" text-anchor="middle">{value:+.3f}</text>')
    said = "Gains in mIoU with their 95 % intervals; the numbers are in the table above."
    drawing = f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{said}">{"".join(parts)}</svg>'
    return f"<figure>{drawing}</figure>"


def _interval(label: str, row: dict[str, float], y: float, x: Any) -> str:
    kind = "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "open"
    short = label if len(label) <= 36 else f"{label[:35]}…"
    return (
        f'<text x="{LEFT - 30}" y="{y + 4}" text-anchor="end">{_text(short)}</text>'
        f'<line class="{kind}" stroke-width="3" x1="{x(row["low"])}" x2="{x(row["high"])}" y1="{y}" y2="{y}"/>'
        f'<circle class="{kind}" r="5" cx="{x(row["miou"])}" cy="{y}"/>'
    )


def _text(text: str) -> str:
    return escape(printable(text, most=2000))
