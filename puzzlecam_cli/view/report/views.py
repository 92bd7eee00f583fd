"""The paper's Figures 1 and 3 on a run's own photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL.Image import Image

from puzzlecam_cli.use.photo_row import Panel
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.view.ablation import ablation_notes, ablation_table
from puzzlecam_cli.view.html.charts import chart, text
from puzzlecam_cli.view.html.markup import Child, Html, data, data_uri, prose, table, tag
from puzzlecam_cli.view.pictures import layer_of_scores, sized
from puzzlecam_cli.view.report.photos import QUALITY, SIDE


@dataclass(frozen=True)
class View:
    """A photo with maps of one of its classes, each under a name of its own.

    Args:
        tiles: names of those maps that were made tile by tile, 2 × 2.
    """

    id: str
    photo: Image
    index: int
    maps: tuple[tuple[str, Panel], ...]
    tiles: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Views:
    """Of Figure 1 the whole, the tiles and both together; of Figure 3 one map for each choice of losses."""

    puzzle: tuple[View, ...] = field(default=())
    losses: tuple[View, ...] = field(default=())


def puzzle_view(views: Views, facts: Facts) -> list[Child]:
    return [_rows(views.puzzle, facts, "puzzle")] if views.puzzle else []


def losses_view(views: Views, facts: Facts) -> list[Child]:
    summary = facts.ablation
    parts: list[Child] = [_rows(views.losses, facts, "losses")] if views.losses else []
    if summary is not None:
        heading, *rows = ablation_table(summary)
        whole = table(heading, rows, caption="mIoU of the maps by choice of losses")
        notes = tag("p", [[prose(note), " "] for note in ablation_notes(summary)], class_="remark")
        parts.append(tag("div", _plot(summary["rows"]), tag("div", whole, notes), class_="pair"))
    return parts


def _rows(shown: Sequence[View], facts: Facts, kind: str) -> Html:
    return tag("div", [_row(view, facts.classes or ()) for view in shown], class_=f"rows {kind}")


def _row(view: View, classes: Sequence[str]) -> Html:
    photo = sized(view.photo, SIDE)
    name = classes[view.index - 1] if view.index <= len(classes) else str(view.index)
    frames = [
        tag(
            "figure",
            tag("div", class_="frame", role="img", aria_label=f"photo {view.id}"),
            tag("figcaption", "photo, ", data(name)),
        )
    ]
    for words, panel in view.maps:
        assert panel.scores is not None
        layer = data_uri(layer_of_scores(panel.classes, panel.scores), "webp", quality=70, alpha_quality=80)
        tiled = " tiled" * (words in view.tiles)
        image = tag("img", src=layer, alt=f"{words}: where {name} is found in {view.id}", class_="layer")
        frames.append(tag("figure", tag("div", image, class_=f"frame{tiled}"), tag("figcaption", words)))
    uri = data_uri(photo, "webp", quality=QUALITY)
    return tag(
        "article",
        tag("div", frames, class_="panels"),
        class_="photo",
        style=f"--photo:url({uri});--shape:{photo.width}/{photo.height}",
    )


LEFT, WIDTH, LINE, TOP = 150, 360, 34, 10


def _plot(rows: Sequence[dict[str, object]]) -> Html:
    """A dot a seed, a bar at the mean, the paper's as a diamond."""
    found = [([float(v) for v in row["miou"]], float(row["mean"]), float(row["paper"])) for row in rows]  # type: ignore[attr-defined, arg-type]
    values = [value for miou, _, paper in found for value in (*miou, paper)]
    low, high = min(values) - 0.02, max(values) + 0.02
    height = TOP + LINE * len(rows) + 24

    def x(value: float) -> float:
        return round(LEFT + (value - low) / (high - low) * (WIDTH - LEFT - 14), 1)

    drawn: list[Child] = []
    for number, (row, (miou, mean, paper)) in enumerate(zip(rows, found, strict=True)):
        y = TOP + LINE * number + LINE // 2
        drawn.append(tag("path", d=f"M{LEFT} {y}H{WIDTH - 14}", class_="grid"))
        drawn.append(text(LEFT - 8, y + 4, str(row["title"]), class_="end"))
        drawn += [
            tag("circle", tag("title", f"{100 * value:.1f}"), cx=x(value), cy=y, r=4, class_="dot run")
            for value in miou
        ]
        drawn.append(
            tag("path", tag("title", f"mean {100 * mean:.1f}"), d=f"M{x(mean)} {y - 10}v20", class_="line run")
        )
        drawn.append(
            tag(
                "path",
                tag("title", f"paper {100 * paper:.1f}"),
                d=f"M{x(paper)} {y - 5}l5 5l-5 5l-5 -5z",
                class_="diamond",
            )
        )
    drawn += [text(x(value), height - 6, f"{100 * value:.0f}", class_="middle") for value in (low + 0.02, high - 0.02)]
    said = "; ".join(f"{row['title']} {100 * mean:.1f}" for row, (_, mean, _) in zip(rows, found, strict=True))
    keys = tag("p", "● a seed, ┃ the mean, ◇ the paper (ResNet-50, VOC 2012)", class_="remark")
    return chart("mIoU of the maps, %", said, drawn, keys, height=height)
