"""The rest of the report: what was learned from, how long it took, with what it was made, what was noted."""

from __future__ import annotations

from puzzlecam_cli.text import several
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.use.report.stages import StageFact
from puzzlecam_cli.view.html.markup import Child, Html, code, data, lines, prose, table, tag
from puzzlecam_cli.view.words import duration, size

STATES = {
    "done": "finished",
    "cleaned": "finished, its files deleted since to free the disk",
    "running": "begun, not finished",
    "whole": "being put in its place",
    "failed": "failed",
    "interrupted": "interrupted",
    "": "not begun",
}
MARKS = {"done": "✓", "cleaned": "✓", "failed": "×", "": "·"}
SAID = {
    "tags": "Tags",
    "masks": "Masks",
    "saliency": "Saliency",
    "first_weights": "First weights",
    "licence": "Their licence",
}
TRAINED = {"train-cls": "classifier", "affinity": "affinity network", "seg": "segmentation network"}


def is_finished(facts: Facts) -> bool:
    return all(stage.state in ("done", "cleaned") for stage in facts.stages)


def unfinished(facts: Facts) -> Child:
    """What is not done, and how to go on; nothing of a finished run."""
    left = [stage for stage in facts.stages if stage.state not in ("done", "cleaned")]
    if not left:
        return None
    named = ", ".join(f"{stage.name} ({STATES[stage.state]})" for stage in left)
    return tag(
        "p",
        tag("b", "This run is not finished: "),
        named,
        ". ",
        code("puzzlecam run-all RUN"),
        " goes on where it stopped.",
        class_="banner",
    )


def supervision(facts: Facts) -> list[Child]:
    """What was used for what, as the networks' files say it."""
    tags = facts.scores.get("tags") if facts.scores else None
    parts: list[Child] = []
    if tags:
        each = f", {tags['tags'] / tags['photos']:.2f} a photo" if tags["photos"] else ""
        without = f"; {several(tags['photos_without'], 'photo')} without one" if tags["photos_without"] else ""
        parts.append(
            tag(
                "p",
                f"Learned from {several(tags['photos'], 'photo')} with {several(tags['tags'], 'tag')} of "
                f"{several(tags['classes'], 'class')}{each}{without}.",
            )
        )
    told: dict[tuple[str, str], list[str]] = {}
    for stage, said in facts.supervision.items():
        for key, text in said.items():
            told.setdefault((key, text), []).append(TRAINED[stage])
    rows = [
        (SAID.get(key, key), prose(text), _for(stages)) for (key, text), stages in sorted(told.items(), key=_by_kind)
    ]
    if rows:
        parts.append(table(("what", "how it was used", "for the"), rows, caption="Supervision", numbers=False))
    return parts


def _by_kind(item: tuple[tuple[str, str], list[str]]) -> tuple[int, str]:
    key, text = item[0]
    return (list(SAID).index(key) if key in SAID else len(SAID), text)


def _for(stages: list[str]) -> str:
    return "all three networks" if len(stages) == len(TRAINED) else ", ".join(stages)


def stages(facts: Facts) -> list[Child]:
    """State, time and disk of each stage; what it was made with."""
    rows = [_stage(stage) for stage in facts.stages]
    seconds = sum(stage.seconds for stage in facts.stages)
    bytes_ = sum(stage.bytes or 0 for stage in facts.stages)
    about = "about " * any(stage.is_about for stage in facts.stages)
    rows.append(["all", "", duration(seconds) if seconds else "", about + size(bytes_) if bytes_ else "", ""])
    head = ("stage", "state", "time", "on disk", "files")
    return [
        tag("div", _bars(facts), class_="bars", aria_hidden="true") if seconds else None,
        tag("div", table(head, rows, caption="Stages"), class_="stages"),
        made_with(facts),
    ]


def _stage(stage: StageFact) -> list[Child]:
    state = tag("span", f"{MARKS.get(stage.state, '▸')} {STATES[stage.state]}", class_=f"state {stage.state or 'none'}")
    about = "about " * stage.is_about
    return [
        stage.name,
        state,
        duration(stage.seconds) if stage.seconds else "",
        "" if stage.bytes is None else about + size(stage.bytes),
        f"{stage.files:,}" if stage.files else "",
    ]


def _bars(facts: Facts) -> list[Child]:
    """The time of the stages as one bar."""
    return [
        tag(
            "span",
            tag("b", stage.name),
            tag("small", duration(stage.seconds)),
            class_=f"part s{1 + number % 6}",
            style=f"flex-grow:{stage.seconds:.3f}",
            title=f"{stage.name}: {duration(stage.seconds)}",
        )
        for number, stage in enumerate(facts.stages)
        if stage.seconds
    ]


def made_with(facts: Facts) -> Html:
    """Versions, precision and engines, machines."""
    versions: dict[str, dict[str, None]] = {}
    for stage in facts.stages:
        for name, version in stage.versions.items():
            versions.setdefault(name, {})[version] = None
    machines = list(dict.fromkeys(stage.machine for stage in facts.stages if stage.machine))
    entries: list[tuple[str, Child]] = [
        ("machine", "; ".join(machines) or "not remembered: the run is of an older version"),
        ("networks", ", ".join(facts.made_with.get("precision", ()))),
        ("dense CRF", ", ".join(facts.made_with.get("crf", ()))),
        *((name, " and ".join(found)) for name, found in versions.items() if name != "crf.engine"),
        ("seed", str(facts.seed)),
        ("backbone", data(facts.backbone)),
    ]
    return tag("dl", [tag("div", tag("dt", name), tag("dd", value)) for name, value in entries if value], class_="made")


def recipe(facts: Facts) -> list[Child]:
    text = tag("pre", tag("code", lines(facts.recipe)), tabindex=0)
    said = "All values, every default written out; of paths only the last name."
    return [tag("details", tag("summary", "Show the recipe"), tag("p", said, class_="remark"), text)]


def noted(facts: Facts) -> list[Child]:
    """Notes of the run, and what this page lacks."""
    parts: list[Child] = []
    if facts.missing:
        parts.append(tag("h3", "Not on this page"))
        parts.append(tag("ul", [tag("li", prose(text)) for text in facts.missing], class_="notes missing"))
    if facts.notes:
        if facts.missing:
            parts.append(tag("h3", "Noted on the way"))
        entries = [
            tag(
                "li",
                tag("span", note.stage, class_="chip"),
                " ",
                prose(note.text),
                tag("small", f" {note.times} times") if note.times > 1 else None,
            )
            for note in facts.notes
        ]
        parts.append(tag("ul", entries, class_="notes"))
    return parts
