"""Where a run's pseudo labels and predictions lie, and what the numbers in them mean."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from puzzlecam_cli.data.disk.walk import MADE, MARK
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.scores import Scores
from puzzlecam_cli.text import several, shell
from puzzlecam_cli.view.words import duration

SHOWN = 12  # classes named in a line


def outcome(folder: RunFolder, scores: Scores | None, stages: Collection[str]) -> list[str]:
    """A line each: predictions, pseudo labels, the numbers in them, the scores; of what is not there, none.

    Args:
        scores: those of the run; None: it has none, and its classifier names the classes.
        stages: that ran; of other stages' files nothing is said, but `eval` scores those of all.
    """
    from puzzlecam_cli.run.model_file import read_description  # PyTorch is not for a plan

    ledger, lines = Ledger(folder.ledger), []
    for step, what, place in (
        ("seg/predictions", "predictions", folder.predictions),
        ("rw/pseudo_labels", "pseudo labels", folder.pseudo_labels),
    ):
        record = ledger.get(step) if {step.partition("/")[0], "eval"} & set(stages) else None
        if record is None or not record.files or not place.is_dir():
            continue
        splits = [path for path in place.iterdir() if path.is_dir()] if what == "predictions" else []
        lines.append(f"{record.files:,} {what}: {splits[0] if len(splits) == 1 else place}")
    if lines and scores is None and (described := read_description(folder.model("train-cls"), stage="train-cls")):
        known = {"results": [], "classes": ["background", *described.classes]}
        lines.append(f"numbers in them: {numbers_line(known, f'`puzzlecam data check {shell(str(folder.root))}`')}")
    if lines and scores and meanings(scores):
        lines.append(f"numbers in them: {numbers_line(scores, str(folder.scores_table))}")
    if scores and scores["results"]:
        lines.append(f"Scores in full: {folder.scores.parent}")
    return lines + (closing(folder, ledger) if "eval" in stages else [])


def closing(folder: RunFolder, ledger: Ledger) -> list[str]:
    """What the stages took, and what can be done with the run now."""
    took = {stage: sum(record.seconds for record in steps.values()) for stage, steps in ledger.records.items()}
    each = ", ".join(f"{stage} {duration(seconds)}" for stage, seconds in took.items())
    run = shell(str(folder.root))
    goes_on = f"  masks for photos of your own       puzzlecam predict {run} NEW --out masks"
    if "seg" not in ledger.records:
        goes_on = f"  the network, and predictions       puzzlecam run-all {run}"
    return [
        f"took {duration(sum(took.values()))}: {each}",
        "what to do next:",
        f"  one page with curves and pictures  puzzlecam report {run}",
        f"  maps and labels of single photos   puzzlecam show {run} --out pictures",
        goes_on,
    ]


def predicted_lines(
    out: Path, classes: Sequence[str], made: int, kept: int, formats: Sequence[str], confidence: bool
) -> list[str]:
    """Where the labels of photos lie, how many, in which forms, and what the numbers in them mean."""
    if not made + kept:
        return []
    before = f", {kept:,} of them of earlier calls" if kept and made else ", all of earlier calls" if kept else ""
    lines = [f"{several(made + kept, 'label picture')}: {out}{before}"]
    named = [f"{number} {name}" for number, name in enumerate(("background", *classes))]
    more = [f"...; all are listed in {out / MARK / MADE}"] if len(named) > SHOWN + 1 else []
    lines.append(f"numbers in them: {', '.join([*named[: SHOWN + 1], *more])}")
    others = [*formats, *(["confidence"] if confidence else [])]
    return [*lines, f"beside them: {', '.join(others)}"] if others else lines


def meanings(scores: Scores) -> list[tuple[str, str]]:
    """What each number in pseudo labels and predictions means; nothing where scores of an older version do not know."""
    names = scores.get("classes") or [name for result in scores["results"][:1] for name in result["iou"]]
    return [*((str(number), name) for number, name in enumerate(names)), (str(IGNORE), "not known")] if names else []


def numbers_line(scores: Scores, more: str) -> str:
    """`0 background, 1 cat, 255 not known`; after a dozen classes, `more` is where the others are listed."""
    *named, last = (f"{number} {name}" for number, name in meanings(scores))
    if len(named) > SHOWN + 1:  # the background is none of them
        return f"{', '.join(named[: SHOWN + 1])}, ..., {last}; all are listed in {more}"
    return ", ".join([*named, last])
