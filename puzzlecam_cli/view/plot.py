"""The plot of an ablation as SVG: a dot a seed, a bar at the mean, the paper's value beside it."""

from __future__ import annotations

from xml.sax.saxutils import escape

from puzzlecam_cli.errors import printable
from puzzlecam_cli.run.ablation import Summary

WIDTH, LEFT, RIGHT, TOP, LINE = 720, 200, 24, 40, 44


def ablation_plot(summary: Summary) -> str:
    """One line a row of Table 1; every seed's mIoU as a dot on a common scale, the paper's as a hollow diamond."""
    rows = summary["rows"]
    values: list[float] = [value for row in rows for value in (*row["miou"], row["paper"])]
    low, high = (min(values) * 20 // 1) / 20, (max(values) * 20 // 1 + 1) / 20
    height = TOP + LINE * len(rows) + 50

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - RIGHT), 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(12, 22, f"{summary['what']}: {summary['backbone']}, {summary['images']} images, seeds a dot each"),
    ]
    bottom = TOP + LINE * len(rows)
    for step in range(round((high - low) * 20) + 1):
        value = low + step / 20
        parts.append(f'<line x1="{x(value)}" x2="{x(value)}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(_text(x(value), bottom + 16, f"{value:.2f}", 'text-anchor="middle"'))
    for number, row in enumerate(rows):
        y = TOP + LINE * number + LINE // 2
        parts.append(_text(LEFT - 12, y + 4, row["title"], 'text-anchor="end"'))
        mean = x(row["mean"])
        parts.append(f'<line x1="{mean}" x2="{mean}" y1="{y - 13}" y2="{y + 13}" stroke="#1f77b4" stroke-width="3"/>')
        parts += [
            f'<circle cx="{x(value)}" cy="{y}" r="4.5" fill="#1f77b4" fill-opacity="0.5"/>' for value in row["miou"]
        ]
        paper = x(row["paper"])
        parts.append(
            f'<path d="M {paper} {y - 6} l 6 6 l -6 6 l -6 -6 z" fill="none" stroke="#d62728" stroke-width="1.5"/>'
        )
    parts.append(_text(LEFT, bottom + 38, "● a seed   ┃ mean   ◇ the paper (ResNet-50, VOC 2012)"))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x}" y="{y}" {more}>{escape(printable(text))}</text>'
