"""The report as one file of HTML that needs nothing else: no network, no fonts, no scripts but its own."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256
from importlib.resources import files

from puzzlecam_cli.text import several
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.view.html.markup import Child, Html, data, tag
from puzzlecam_cli.view.report import about
from puzzlecam_cli.view.report.confusion import confusions
from puzzlecam_cli.view.report.photos import photos
from puzzlecam_cli.view.report.results import achieved, by_class, thresholds
from puzzlecam_cli.view.report.training import trainings
from puzzlecam_cli.view.report.views import Views, losses_view, puzzle_view

MARK = "<!doctype html>\n<!-- a report of puzzlecam -->\n"  # what a file begins with that may be replaced
PAPER = "https://arxiv.org/abs/2101.11253"


def report_page(facts: Facts, views: Views) -> str:
    """The whole page; the same text for the same facts."""
    rows, left_out = photos(facts)
    said = _photos_said(facts, left_out)
    sections = [
        ("results", "What was achieved", "", _part(achieved, facts)),
        ("classes", "Class by class", "IoU in %, of every stage that was scored.", _part(by_class, facts)),
        ("photos", "Photos", said, rows),
        ("puzzle", "The puzzle", PUZZLE, _part(puzzle_view, views, facts)),
        ("losses", "The four losses", LOSSES, _part(losses_view, views, facts)),
        ("thresholds", "Thresholds", "", _part(thresholds, facts)),
        ("confusion", "What is taken for what", "", _part(confusions, facts)),
        ("training", "How the trainings went", TRAINING, _part(trainings, facts)),
        ("supervision", "What it learned from", MASKS, _part(about.supervision, facts)),
        ("stages", "Stages, time and disk", "", _part(about.stages, facts)),
        ("recipe", "Recipe", "", _part(about.recipe, facts)),
        ("notes", "Notes", "", _part(about.noted, facts)),
    ]
    sections = [section for section in sections if any(part is not None for part in section[3])]
    style, script = _own("page.css"), _own("page.js")
    digest = b64encode(sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", f"{facts.name}: report of a Puzzle-CAM run"),
        tag("link", rel="icon", href="data:,"),
        tag("style", Html(style)),
    )
    body = tag(
        "body",
        tag("a", "Skip to the results", href="#results", class_="skip"),
        _header(facts),
        tag(
            "nav",
            tag("ol", [tag("li", tag("a", key.capitalize(), href=f"#{key}")) for key, *_ in sections]),
            aria_label="Parts of this page",
        ),
        tag("main", about.unfinished(facts), [_section(*section) for section in sections]),
        _footer(),
        tag("script", Html(script)),
    )
    return MARK + tag("html", head, body, lang="en") + "\n"


PUZZLE = (
    "The paper's Figure 1 with this run's classifier. The map of the whole photo, and the maps of its four tiles put "
    "together again: the puzzle losses pull the two towards each other, so that parts are found as well as wholes."
)
LOSSES = "The paper's Table 1 and Figure 3 on these photos: the same network trained with each choice of losses."
MASKS = "Masks are for scores only: no stage trains on one or chooses by one."
TRAINING = "Faint: what was logged. Bold: the mean of neighbouring points."


def _part(drawn: Callable[..., Sequence[Child]], *facts: object) -> Sequence[Child]:
    """A section; of a file that holds what no version of this program wrote, a word instead."""
    try:
        return drawn(*facts)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return [tag("p", "Not shown: a file that this is read from is damaged.")]


def _photos_said(facts: Facts, left_out: int) -> str:
    whole = ", ".join(f"{count:,} of {split}" for split, count in facts.counts.items())
    ranked = any(shown.rank for shown in facts.photos)
    said = f"{len(facts.photos) - left_out} photos, at equal distances in the run's lists ({whole})"
    if ranked:
        said += "; with the best, those around the median and the worst of the photos that were looked at"
    return said + "."


def _section(key: str, name: str, said: str, parts: Sequence[Child]) -> Html:
    return tag("section", tag("h2", name), tag("p", said, class_="lead") if said else None, parts, id=key)


def _header(facts: Facts) -> Html:
    ended = max((stage.ended for stage in facts.stages if stage.ended), default=None)
    about_it: list[Child] = [
        tag("li", facts.backbone),
        tag("li", several(len(facts.classes), "class")) if facts.classes else None,
        *(tag("li", f"{several(count, 'photo')} of ", data(split)) for split, count in facts.counts.items()),
        tag(
            "li",
            "finished " if about.is_finished(facts) else "last worked on ",
            tag("time", _day(ended), datetime=ended),
            " UTC",
        )
        if ended
        else None,
    ]
    title = facts.name if facts.title == facts.name else [data(facts.name), " ", tag("small", data(facts.title))]
    pieces = tag("span", [tag("i") for _ in range(4)], class_="pieces", aria_hidden="true")
    return tag(
        "header",
        tag("p", pieces, "puzzlecam", class_="brand"),
        tag("h1", title),
        tag("ul", about_it, class_="facts"),
        class_="top",
    )


def _day(time: str) -> str:
    return time.partition("T")[0] + " " + time.partition("T")[2][:5]


def _footer() -> Html:
    said = "Made by puzzlecam from the run's own files. Method: Puzzle-CAM, Jo and Yu, ICIP 2021, "
    return tag("footer", tag("p", said, tag("a", "arXiv 2101.11253", href=PAPER, rel="noreferrer"), "."))


def _own(name: str) -> str:
    return files("puzzlecam_cli.view.report").joinpath(name).read_text(encoding="utf-8")
