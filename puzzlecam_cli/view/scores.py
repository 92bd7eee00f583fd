"""Scores set out as tables, also beside the paper's Table 2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from puzzlecam_cli.errors import LINE, LINES, printable
from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.run.scores import Result, Scores
from puzzlecam_cli.text import are
from puzzlecam_cli.view.markdown import markdown_table
from puzzlecam_cli.view.outcome import meanings

# Table 2 of the paper: mIoU on VOC 2012 train of CAM, + RW, + RW + CRF; by backbone and whether the puzzle was used.
TABLE_2 = {
    ("resnet50", False): ("AffinityNet, ResNet-50", (0.4782, 0.5810, 0.5970)),
    ("resnet50", True): ("Puzzle-CAM, ResNet-50", (0.5153, 0.6416, 0.6470)),
    ("resnest50", True): ("Puzzle-CAM, ResNeSt-50", (0.5759, 0.6948, 0.6991)),
    ("resnest101", True): ("Puzzle-CAM, ResNeSt-101", (0.6185, 0.7192, 0.7246)),
    ("resnest269", True): ("Puzzle-CAM, ResNeSt-269", (0.6245, 0.7414, 0.7467)),
}
# Table 3: mIoU of the network on VOC 2012 val, by backbone.
TABLE_3 = {"resnest101": 0.668, "resnest269": 0.695}
HEADER = ("what", "split", "images", "mIoU", "FP", "FN", "threshold", "CRF", "from")
TITLES = {"cams": "CAM", "rw": "CAM + RW", "pseudo-labels": "pseudo labels", "predictions": "predictions"}


def score_rows(scores: Scores) -> list[tuple[str, ...]]:
    """One row a result, under `HEADER`."""
    return [
        (
            TITLES[result["what"]],
            result["split"],
            str(result["images"]),
            _number(result["miou"]),
            _number(result["fp"]),
            _number(result["fn"]),
            _threshold(result),
            "yes" if result["crf"] else "no",
            printable(result.get("supervision", "tags")),
        )
        for result in scores["results"]
    ]


def scores_table(scores: Scores) -> str:
    """The scores in Markdown: all results, then the IoU of each class; what numbers in labels mean."""
    notes = [printable(note, LINES * LINE) for note in score_notes(scores)]
    numbers = markdown_table(("number", "class"), meanings(scores))
    if not scores["results"]:
        shown = markdown_table(*shown_table(scores)) if scores.get("shown") else []
        parts = ["No masks: nothing was scored.", *notes, "\n".join(shown), "\n".join(numbers)]
        return "\n\n".join(filter(None, parts)) + "\n"
    lines = markdown_table(HEADER, score_rows(scores))
    for note in [*notes, said_of_making(scores.get("made_with", {}))]:
        lines += ["", note] if note else []
    if comparison := table_2(scores):
        heading, *rows = comparison
        lines += ["", *markdown_table(heading, rows)]
    names = list(scores["results"][0]["iou"])
    heading = ("IoU", *(TITLES[result["what"]] for result in scores["results"]))
    rows = [(name, *(_number(result["iou"][name]) for result in scores["results"])) for name in names]
    lines += ["", *markdown_table(heading, rows), "", *numbers]
    return "\n".join(lines) + "\n"


def shown_table(scores: Scores) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Heading and rows: in how many photos the labels show each class, where no masks say how good they are."""
    shown = scores["shown"]
    heading = ("photos that show", *(f"{TITLES[one['what']]} of `{one['split']}`" for one in shown))
    names = list(shown[0]["classes"])
    rows = [(name, *(f"{one['classes'].get(name, 0)} of {one['images']}" for one in shown)) for name in names]
    return heading, [*rows, ("nothing but background", *(f"{one['empty']} of {one['images']}" for one in shown))]


def score_figure(scores: Scores) -> str:
    """The one that says most, in words: of predictions, else of what comes before them."""
    if not scores["results"]:
        return "no masks: nothing scored"
    last = scores["results"][-1]
    return f"mIoU {_number(last['miou'])} of {TITLES[last['what']]}"


def score_notes(scores: Scores) -> list[str]:
    """What a person should know about the scores, a sentence each."""
    notes = ["The tags were read off pixel masks."] if scores["tags_from"] == "masks" else []
    for key, what in (("left_out", "Photos"), ("masks_left_out", "Masks")):
        counts = [f"{number} of `{split}`" for split, number in scores.get(key, {}).items() if number]
        if counts:
            notes.append(f"{what} left out, missing or unreadable: {', '.join(counts)}; see left_out.json.")
    for one in [*scores["results"], *scores.get("shown", ())]:
        if one["images"] and (one.get("empty") is True or one.get("empty") == one["images"]):
            notes.append(
                f"All {one['images']} {TITLES[one['what']]} of `{one['split']}` are background: nothing was learned "
                "that shows, or too little."
            )
        if one.get("out_of_date"):
            notes.append(f"{said_of_older(one)}.")
    return [*notes, *(f"{said_of_equal(result)}." for result in scores["results"] if result.get("equal"))]


def said_of_making(made_with: Mapping[str, Sequence[str]]) -> str:
    """In what precision networks computed and who inferred in dense CRFs, a sentence; empty where it is not known."""
    precision, engines = (printable(" and ".join(made_with.get(key, ()))) for key in ("precision", "crf"))
    said = [f"networks in {precision}"] * bool(precision) + [f"dense CRFs by {engines}"] * bool(engines)
    return f"Made with {', '.join(said)}." if said else ""


def said_of_equal(result: Result) -> str:
    """What masks that are the labels themselves make of a result."""
    number, what = result["equal"], TITLES[result["what"]]
    masks = f"{number} of {result['images']} masks of `{result['split']}` {are(number)}, pixel for pixel, the {what}"
    return f"{masks} that are scored: uncorrected ones say nothing of how good these are"


def said_of_older(result: Result) -> str:
    """What was made anew since an artifact was made of it."""
    what, newer = f"{TITLES[result['what']]} of `{result['split']}`", result["out_of_date"]
    return f"{what} are of before: {newer}; `puzzlecam run-all RUN` brings them up to date"


def table_2(scores: Scores) -> list[tuple[str, ...]]:
    """Heading and rows: what the walk adds to the maps, what the CRF adds to the walk, and the paper's row.

    The walk is compared with the maps at the thresholds best for each, the CRF with the walk at the recipe's. Empty
    unless maps, walked maps and pseudo labels were all scored.
    """
    found = {result["what"]: result for result in scores["results"]}
    if not {"cams", "rw", "pseudo-labels"} <= found.keys():
        return []
    cams, walked, labels = found["cams"], found["rw"], found["pseudo-labels"]
    cut = AUTO if labels["threshold"] is None else labels["threshold"]
    at_cut = next((miou for threshold, miou in walked.get("sweep", ()) if threshold == cut), None)
    which = "automatic thresholds" if cut == AUTO else f"recipe's threshold {cut:g}"
    rows: list[tuple[str, ...]] = [
        ("mIoU", "CAM", "+ RW", "+ RW + CRF"),
        (f"{cams['split']}, best thresholds", _number(cams["miou"]), _number(walked["miou"]), ""),
        (f"{cams['split']}, {which}", "", _number(at_cut), _number(labels["miou"])),
    ]
    paper = TABLE_2.get((scores["backbone"], scores["puzzle"]))
    title, values = paper or TABLE_2["resnet50", True]
    return [*rows, (f"paper: {title}, VOC 2012 train", *map(_number, values))]


def _threshold(result: Result) -> str:
    """The threshold and what chose it; empty where there is none."""
    threshold, chosen_by = result["threshold"], result["threshold_from"]
    if chosen_by is None:
        return ""
    return f"{AUTO if threshold is None else format(threshold, '.2f')} ({chosen_by})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
