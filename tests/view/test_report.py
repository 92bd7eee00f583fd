"""The report: one page, whole, safe, readable by machines that read to people, the same for the same run."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from puzzlecam_cli.session.report import views_of
from puzzlecam_cli.use.photo_row import CAM, PSEUDO_LABEL, Panel, PhotoRow
from puzzlecam_cli.use.report.curves import Curve, Training
from puzzlecam_cli.use.report.facts import Confusion, Facts, gather
from puzzlecam_cli.use.report.sample import Shown
from puzzlecam_cli.use.report.stages import Noted
from puzzlecam_cli.view.report.page import report_page
from puzzlecam_cli.view.report.views import Views
from tests.view.parsed import Page

EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "rig\u202eht",
    "a & b",
    "שלום",
    "]]>--><!--",
    "`x",
)
RESULTS = ("cams", "rw", "pseudo-labels", "predictions")


@pytest.fixture(scope="module")
def facts(finished_run: Path) -> Facts:
    return gather(finished_run, photos=8)


@pytest.fixture(scope="module")
def text(finished_run: Path, facts: Facts) -> str:
    return report_page(facts, views_of(finished_run, facts))


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_it_is_whole_html_with_every_part(page: Page) -> None:
    assert page.problems == []
    sections = [element.attributes["id"] for element in page.all("section")]
    parts = "results classes photos puzzle thresholds confusion training supervision stages recipe"
    assert sections[: len(parts.split())] == parts.split()
    links = [link.attributes["href"] for link in page.all("a") if "nav" in link.inside]
    assert links == [f"#{section}" for section in sections]
    ids = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(ids) == len(set(ids))


def test_it_asks_nobody_for_anything(text: str, page: Page) -> None:
    for element in page.elements:
        for name in ("src", "srcset", "data", "poster", "action", "background"):
            assert (element.attributes.get(name) or "data:").startswith("data:")
        if element.name != "a":
            assert (element.attributes.get("href") or "data:").startswith("data:")
    assert all(address.startswith("data:image/") for address in re.findall(r"url\(([^)]*)\)", text))
    assert "@import" not in text
    assert any("default-src 'none'" in (meta.attributes.get("content") or "") for meta in page.all("meta"))


def test_it_shows_the_scores_that_are_stored(facts: Facts, page: Page) -> None:
    assert facts.scores is not None
    cards = page.of_class("card")
    assert len(cards) == 4
    for card, result in zip(cards, facts.scores["results"], strict=True):
        assert f"{100 * result['miou']:.1f}% mIoU" in card.text
        assert result["split"] in card.text


def test_who_cannot_see_it_can_read_it(page: Page) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    levels = [int(element.name[1]) for element in page.elements if re.fullmatch(r"h\d", element.name)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(image.attributes.get("alt") for image in page.all("img"))
    assert all(picture.attributes.get("aria-label") for picture in page.all("svg"))
    assert all(cell.attributes.get("scope") in ("col", "row") for cell in page.all("th"))
    for control in (*page.all("input"), *page.all("select")):
        assert "label" in control.inside
    frames = page.of_class("frame")
    assert all(frame.attributes.get("aria-label") for frame in frames if not _has_image(page, frame))
    assert "prefers-reduced-motion" in page.all("style")[0].text


def _has_image(page: Page, frame: object) -> bool:
    place = page.elements.index(frame)  # type: ignore[arg-type]
    return page.elements[place + 1].name == "img"


def test_a_row_has_all_that_was_made_of_the_photo(facts: Facts, page: Page) -> None:
    """In the training's split a map for each tag, walked maps, pseudo label and truth; in the other two."""
    rows = [row for row in page.of_class("photo") if "data-part" in row.attributes]
    assert len(rows) == len(facts.photos)
    assert {shown.part for shown in facts.photos} == {"train", "val"}
    for row, shown in zip(rows, facts.photos, strict=True):
        expected = len(shown.row.tags or ()) + 3 if shown.part == "train" else 2
        assert len(shown.row.panels) == expected
        assert shown.row.id in row.text
        assert row.attributes["data-classes"] == " ".join(map(str, shown.row.classes))


def test_the_same_run_gives_the_same_bytes(finished_run: Path, text: str) -> None:
    again = gather(finished_run, photos=8)
    assert report_page(again, views_of(finished_run, again)) == text


def test_text_of_the_data_does_nothing(facts: Facts) -> None:
    """Names, ids and notes that would be scripts, elements, or turn the direction of writing."""
    name, number = EVIL[0], len(EVIL)
    iou = dict.fromkeys(EVIL, 0.5)
    assert facts.scores is not None
    scores = facts.scores | {"results": [result | {"iou": iou, "split": name} for result in facts.scores["results"]]}
    photos = tuple(
        replace(shown, split=name, row=replace(shown.row, id=EVIL[1], tags=tuple(range(1, number + 1))))
        for shown in facts.photos
    )
    changed = replace(
        facts,
        name=name,
        title=EVIL[1],
        recipe="\n".join(EVIL),
        backbone=name,
        classes=EVIL,
        scores=scores,
        confusions=(Confusion("predictions", name, EVIL, np.full((number, number), 9)),),
        supervision={"seg": dict.fromkeys(EVIL, name)},
        notes=tuple(Noted(name, one, 1) for one in EVIL),
        photos=photos,
        counts={name: 5},
        missing=EVIL,
    )
    written = report_page(changed, Views())
    page = Page(written)
    assert page.problems == []
    assert len(page.all("script")) == 1
    assert all(not key.startswith("on") for element in page.elements for key in element.attributes)
    assert all((image.attributes["src"] or "").startswith("data:image/") for image in page.all("img"))
    assert "\u202e" not in written
    assert "rig\\u202eht" in page.text
    assert name in page.text
    assert page.all("title")[0].text.startswith(name)


def test_eighty_classes_and_long_trainings_stay_small(facts: Facts) -> None:
    """36 photos of 4 tags each of noise, which packs worst, 80 classes, and 100,000 logged steps: below 8 MB."""
    random = np.random.default_rng(0)
    names = tuple(f"class {number}" for number in range(1, 81))
    assert facts.scores is not None
    iou = dict.fromkeys(("background", *names), 0.5)
    results = [result | {"iou": iou} for result in facts.scores["results"]]
    from PIL import Image

    noise = Image.fromarray(random.integers(0, 256, (240, 320, 3), np.uint8))
    scores = random.random((4, 60, 80)).astype(np.float32)
    labels = random.integers(0, 81, (240, 320), np.uint8)
    panels = (
        *(Panel(CAM, (index,), scores[index - 1][None]) for index in range(1, 5)),
        Panel(PSEUDO_LABEL, tuple(range(1, 81)), labels=labels),
    )
    shown = Shown(PhotoRow("photo", noise, (1, 2, 3, 4), panels), "train", "train", "best", 0.5)
    counts = random.integers(1, 1000, (81, 81))
    training = Training("seg", (Curve("loss", tuple(range(240)), tuple(random.random(240).tolist())),), 100_000, 50, 0)
    page = report_page(
        replace(
            facts,
            classes=names,
            scores=facts.scores | {"results": results},
            confusions=(Confusion("predictions", "val", ("background", *names), counts),) * 2,
            photos=(shown,) * 200,
            trainings=(training,) * 3,
        ),
        Views(),
    )
    assert len(page.encode()) < 8_000_000
    assert Page(page).problems == []
