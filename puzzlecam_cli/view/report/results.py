"""The report's figures: what was achieved, beside the paper's; what each stage adds; by class; by threshold."""

from __future__ import annotations

from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.run.scores import Result, Scores
from puzzlecam_cli.text import several
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.view.html.charts import (
    HEIGHT,
    LEFT,
    RIGHT,
    WIDTH,
    Frame,
    Mark,
    Series,
    chart,
    distances,
    legend,
    line_chart,
    short,
    text,
    ticks,
)
from puzzlecam_cli.view.html.markup import Child, Html, data, prose, table, tag
from puzzlecam_cli.view.scores import TABLE_2, TABLE_3, score_notes

COLOUR = {"cams": "s1", "rw": "s2", "pseudo-labels": "s3", "predictions": "s4"}
TITLE = {"cams": "CAM", "rw": "after the walk", "pseudo-labels": "pseudo labels", "predictions": "predictions"}
BRIEF = {"cams": "CAM", "rw": "walk", "pseudo-labels": "labels", "predictions": "network"}
DOES = {
    "cams": "where the classifier looks",
    "rw": "spread to the edges",
    "pseudo-labels": "what the network learns from",
    "predictions": "photos without tags",
}


def achieved(facts: Facts) -> list[Child]:
    """The main figures, beside the paper's."""
    scores = facts.scores
    if scores is None or not scores["results"]:
        return [tag("p", _why_no_scores(facts), class_="empty")]
    found = {result["what"]: result for result in scores["results"]}
    cards = [_card(result) for result in scores["results"]]
    notes = [tag("li", prose(note)) for note in score_notes(scores)]
    if facts.outdated:
        notes.append(tag("li", "Some scores are of what was made before, and left out: run ", tag("code", "eval"), "."))
    return [
        tag("div", cards, class_="cards"),
        tag("ul", notes, class_="notes") if notes else None,
        tag("div", _steps(scores, found), _beside_the_paper(scores, found), class_="pair"),
    ]


def _why_no_scores(facts: Facts) -> str:
    if facts.outdated:
        return "The scores that are there are of what was made before: run eval once more."
    if facts.evaluated:
        return "Nothing was scored, as the photos have no masks. Masks would be for scores alone: no stage needs them."
    return "Not measured yet: eval has not run."


def _card(result: Result) -> Html:
    what = result["what"]
    value = "–" if result["miou"] is None else f"{100 * result['miou']:.1f}"
    return tag(
        "div",
        tag("span", TITLE[what], class_="what"),
        tag("span", tag("b", value), tag("small", "% mIoU"), class_="value"),
        tag("span", f"{several(result['images'], 'photo')} of ", data(result["split"]), class_="of"),
        tag("span", DOES[what], class_="does"),
        class_=f"card {COLOUR[what]}",
    )


def _paper(scores: Scores) -> tuple[str, dict[str, float]]:
    """The row of the paper that a run is best compared with, and its figures."""
    found = TABLE_2.get((scores["backbone"], scores["puzzle"]))
    name, (cams, walked, labels) = found or TABLE_2["resnet50", True]
    figures = {"cams": cams, "rw": walked, "pseudo-labels": labels}
    if found and scores["puzzle"] and scores["backbone"] in TABLE_3:
        figures["predictions"] = TABLE_3[scores["backbone"]]
    return name, figures


def _steps(scores: Scores, found: dict[str, Result]) -> Html:
    """From the maps to the network: a line of ours, one of the paper's."""
    name, paper = _paper(scores)
    kinds = [what for what in TITLE if what in found or what in paper]
    ours = {what: result["miou"] for what, result in found.items() if result["miou"] is not None}
    values = [*ours.values(), *paper.values()]
    low, high = min(values), max(values)
    pad = max(0.04, 0.18 * (high - low))
    frame = Frame((-0.35, len(kinds) - 0.65), (max(0.0, low - 1.6 * pad), high + 1.4 * pad))
    drawn: list[Child] = []
    for value in ticks(*frame.y):
        y = frame.at(0, value)[1]
        drawn.append(tag("path", d=f"M{LEFT} {y}H{WIDTH - RIGHT}", class_="grid"))
        drawn.append(text(LEFT - 6, y + 3.5, f"{100 * value:.0f}", class_="end"))
    for line, colour in ((paper, "paper"), (ours, "run")):
        places = [(x, line[what]) for x, what in enumerate(kinds) if what in line]
        path = frame.path([x for x, _ in places], [y for _, y in places])
        drawn.append(tag("path", d=path, class_=f"line {colour}{' dashed' * (colour == 'paper')}"))
        for x, value in places:
            a, b = frame.at(x, value)
            drawn.append(tag("circle", cx=a, cy=b, r=3 if colour == "paper" else 5, class_=f"dot {colour}"))
            falls = x > 0 and value < ours.get(kinds[x - 1], 0.0)  # the line comes from above
            above = not falls and value >= paper.get(kinds[x], 0.0)
            if colour == "run":
                drawn.append(text(a, b - 10 if above else b + 19, f"{100 * value:.1f}", class_="middle mark strong"))
    for x, what in enumerate(kinds):
        drawn.append(text(frame.at(x, 0)[0], HEIGHT - 10, TITLE[what], class_="middle"))
    said = ", ".join(f"{TITLE[what]} {100 * value:.1f}" for what, value in ours.items())
    keys = legend([("this run", "run", False), (f"the paper: {name}", "paper", True)])
    return chart("What each stage adds, mIoU in %", f"This run: {said}.", drawn, keys)


def _beside_the_paper(scores: Scores, found: dict[str, Result]) -> Html:
    _, paper = _paper(scores)
    kinds = list(TITLE)
    ours = [found[what]["miou"] if what in found else None for what in kinds]
    gains = distances(ours)
    theirs = [paper.get(what) for what in kinds]
    rows = [
        (TITLE[what], _percent(ours[n]), _signed(gains[n]), _percent(theirs[n]), _signed(distances(theirs)[n]))
        for n, what in enumerate(kinds)
    ]
    remark = (
        "The paper's figures are of PASCAL VOC 2012 (20 classes; CAM to pseudo labels on train, the network on val), "
        "with its networks and its hours of training. Other data, other figures: read the gains, not the difference."
    )
    thresholds = "CAM and the walk are given at the threshold that is best on these very masks, as the paper does."
    whole = table(("mIoU, %", "this run", "gain", "paper", "gain"), rows, caption="Scores beside the paper's")
    return tag("div", whole, tag("p", thresholds, " ", remark, class_="remark"))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _signed(value: float | None) -> str:
    return "" if value is None else f"{100 * value:+.1f}".replace("-", "−")


def by_class(facts: Facts) -> list[Child]:
    """IoU of each class, of all that was scored: a line from the maps to the network."""
    scores = facts.scores
    if scores is None or not scores["results"]:
        return []
    results = [result for result in scores["results"] if result["iou"]]
    names = list(dict.fromkeys(name for result in results for name in result["iou"]))
    last = results[-1]["iou"]
    order = sorted(names, key=lambda name: (name != "background", -(last.get(name) or -1.0), name))
    kinds = [result["what"] for result in results]
    head = ["class", tag("span", "0 % to 100 %", class_="scale"), *(BRIEF[what] for what in kinds)]
    rows = []
    for name in order:
        values = {result["what"]: result["iou"].get(name) for result in results}
        rows.append([data(name), _line_of(values), *(_percent(values[what]) for what in kinds)])
    keys = legend(
        [
            (f"{TITLE[what]} ({result['split']})", COLOUR[what], False)
            for what, result in zip(kinds, results, strict=True)
        ]
    )
    return [keys, tag("div", table(head, rows, caption="IoU of each class in %"), class_="classes")]


def _line_of(values: dict[str, float | None]) -> Html:
    known = {what: value for what, value in values.items() if value is not None}
    if not known:
        return tag("span", "neither in the masks nor found", class_="faded")
    low, high = min(known.values()), max(known.values())
    dots = [tag("i", class_=COLOUR[what], style=f"left:{100 * value:.1f}%") for what, value in known.items()]
    return tag(
        "span",
        tag("u", style=f"left:{100 * low:.1f}%;width:{100 * (high - low):.1f}%"),
        dots,
        class_="track",
        aria_hidden="true",
    )


def thresholds(facts: Facts) -> list[Child]:
    """mIoU by the threshold that maps are cut at, and what was chosen."""
    results = facts.scores["results"] if facts.scores else []
    swept = [result for result in results if len(result.get("sweep") or ()) > 1]
    cut = next((result for result in results if result["what"] == "pseudo-labels"), None)
    series, marks, levels = [], [], []
    for result in swept:
        points = [(t, value) for t, value in result["sweep"] if isinstance(t, int | float) and value is not None]
        colour = COLOUR[result["what"]]
        if points:
            series.append(Series(TITLE[result["what"]], [t for t, _ in points], [100 * v for _, v in points], colour))
            best_at, best = max(points, key=lambda point: point[1])
            marks.append(Mark(f"{100 * best:.1f} at {short(best_at)}", best_at, 100 * best, colour))
        automatic = next((value for t, value in result["sweep"] if t == AUTO and value is not None), None)
        if automatic is not None:
            levels.append((f"the walk, cut automatically: {100 * automatic:.1f}", 100 * automatic, "s4"))
    if not series:
        return []
    if cut is not None and cut["threshold"] is not None:
        marks.append(Mark(f"the recipe's threshold {cut['threshold']:g}", cut["threshold"], None, "s4"))
    said: list[Child] = ["A pixel is background where no map is above the threshold. "]
    if levels:
        said.append(
            "The dashed line is the automatic choice: each photo is cut where its own scores divide, and no mask has a "
            "say in it. The curves' best points are chosen on the masks that they are scored on."
        )
    elif cut is not None and cut["threshold"] is not None:
        said.append("The dashed line is where the recipe cuts; the curves' best points are chosen on the masks.")
    drawn = line_chart("mIoU by threshold, %", series, x_label="threshold", marks=marks, levels=levels)
    return [tag("div", drawn, tag("p", said, class_="remark"), class_="pair")]
