"""Reports of runs that lack something: unfinished, damaged, without masks, with very many photos, with an ablation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from puzzlecam_cli import Run as Opened
from puzzlecam_cli.run.ablation import TABLE_1, WHAT
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.session import report
from puzzlecam_cli.session.report import write_report
from puzzlecam_cli.use.photo_row import photo_row
from puzzlecam_cli.use.report.curves import MOST_POINTS, read_training
from puzzlecam_cli.use.report.sample import LOOKED_AT, evenly, ranked, sample
from tests.conftest import Run
from tests.run.folders import put
from tests.view.parsed import Page


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def written(run: Path) -> Page:
    page = Page(write_report(run, photos=4).read_text(encoding="utf-8"))
    assert page.problems == []
    return page


def forget(*stages: str) -> Callable[[Path], object]:
    """As if stages had not been begun."""

    def change(run: Path) -> None:
        ledger = Ledger(run / "run.json")
        for stage in stages:
            del ledger.records[stage]
            shutil.rmtree(run / stage)
        ledger.write()

    return change


def overwrite(pattern: str, content: str = "{") -> Callable[[Path], object]:
    def change(run: Path) -> None:
        for file in run.glob(pattern):
            file.write_text(content)

    return change


LATER = ("cams", "affinity", "rw", "seg", "eval")
INCOMPLETE: dict[str, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "nothing begun": (forget("train-cls", *LATER), ("not finished", "not begun")),
    "a classifier": (forget(*LATER), ("not finished", "cams (not begun)")),
    "maps": (forget(*LATER[1:]), ("affinity (not begun)", "Not measured yet")),
    "pseudo labels": (forget("seg", "eval"), ("seg (not begun)", "pseudo label")),
    "predictions without a classifier": (lambda run: (run / "train-cls/model.safetensors").unlink(), ("predictions",)),
    "damaged scores": (overwrite("eval/scores.json"), ("scores:",)),
    "damaged confusion": (overwrite("eval/confusion.json", '{"classes": 3}'), ("confusion of classes cannot be read",)),
    "damaged logs": (overwrite("*/metrics.jsonl", "{}\n[1]\n\x00"), ()),
    "damaged events": (overwrite("events.jsonl", '{"event": "Note"\n{"event": "Note", "text": 3}\n'), ()),
    "no events": (lambda run: (run / "events.jsonl").unlink(), ()),
    "damaged models": (overwrite("*/model.safetensors"), ("model of seg",)),
    "damaged maps": (overwrite("cams/*.npz"), ("shown in part",)),
    "damaged walked maps": (overwrite("rw/scores/*.npz"), ("shown in part",)),
    "damaged labels": (overwrite("rw/pseudo_labels/*.png"), ("shown in part",)),
    "damaged predictions": (overwrite("seg/predictions/val/*.png"), ("shown in part",)),
    "damaged photos": (overwrite("data/JPEGImages/*.jpg"), ("shown in part",)),
    "no data": (lambda run: shutil.rmtree(run / "data"), ()),
    "a damaged ablation": (lambda run: put(run, "ablation/ablation.json", '{"what": 1, "rows": []}'), ("ablation",)),
}


@pytest.mark.parametrize("case", INCOMPLETE)
def test_what_is_missing_is_said_and_the_rest_is_shown(case: str, run: Path) -> None:
    change, said = INCOMPLETE[case]
    change(run)
    page = written(run)
    assert all(words in page.text for words in said)
    assert "Stages" in page.text
    assert "Traceback" not in page.text


def test_a_run_without_masks_says_so_and_shows_what_it_made(run: Path) -> None:
    shutil.rmtree(run / "data/SegmentationClass")
    scores = json.loads((run / "eval/scores.json").read_text())
    put(run, "eval/scores.json", json.dumps(scores | {"results": []}))
    put(run, "eval/confusion.json", json.dumps({"schema": 1, "classes": scores["classes"], "results": []}))
    page = written(run)
    assert "the photos have no masks" in page.text
    assert not page.of_class("rank")
    assert "pseudo label" in page.text
    assert "truth" not in page.of_class("rows")[0].text


def test_an_ablation_shows_the_four_losses(run: Path, finished_run: Path) -> None:
    rows = []
    for number, row in enumerate(TABLE_1):
        folder = run / "ablation" / row.name / "seed-0"
        folder.mkdir(parents=True)
        for name in ("recipe.yaml", "run.json"):
            shutil.copy(finished_run / name, folder)
        shutil.copytree(finished_run / "cams", folder / "cams")
        found = {"name": row.name, "title": row.title, "miou": [0.4 + number / 50], "mean": 0.4 + number / 50}
        rows.append(found | {"sd": None, "gain": {"mean": 0.1, "sd": None} if number else None, "paper": row.paper})
    summary = {"schema": 1, "what": WHAT, "split": "train", "images": 6, "backbone": "x", "threshold_from": "masks"}
    summary |= {"puzzle": {"tiles": 4}, "seeds": [0], "rows": rows, "paper": "Table 1", "tags_from": "file"}
    put(run, "ablation/ablation.json", json.dumps(summary))
    page = written(run)
    shown = next(element for element in page.of_class("losses") if element.name == "div")
    assert all(row.title in shown.text for row in TABLE_1)


class Counted:
    """A run of very many photos that counts what is read."""

    classes = ("cat",)

    def __init__(self, count: int):
        self.names = [f"{number:06}" for number in range(count)]
        self.read: list[str] = []

    def ids(self, split: str) -> list[str]:
        return self.names

    def name_of_split(self, split: str) -> str:
        return split

    def has(self, step: str, image_id: str) -> bool:
        return step in ("rw/pseudo_labels", "seg/predictions")

    def truth(self, image_id: str) -> None:
        self.read.append(image_id)

    def photo(self, image_id: str) -> None:
        self.read.append(image_id)

    def labels(self, step: str, image_id: str) -> None:
        self.read.append(image_id)

    cams = walked = labels

    def tag_indices(self, image_id: str) -> tuple[int, ...]:
        return (1,)


def test_of_very_many_photos_only_some_are_read() -> None:
    run = Counted(200_000)
    found = sample(run, most=20)  # type: ignore[arg-type]
    assert len(found.photos) == 20
    assert len(set(run.read)) <= LOOKED_AT
    assert int(found.photos[9].row.id) > 100_000


def test_large_photos_are_kept_small(run: Path) -> None:
    """As one of 12 megapixels takes 36 MB, and some are kept at once."""
    (file,) = (run / "data/JPEGImages").glob("synthetic_val_0001.jpg")
    with Image.open(file) as photo:
        photo.resize((1500, 1000)).save(file)
    row = photo_row(Opened(run), "synthetic_val_0001", side=60)
    assert row.photo is not None
    assert row.photo.size == (60, 40)
    assert all(max(panel.labels.shape) <= 60 for panel in row.panels if panel.labels is not None)
    assert [panel.what for panel in row.panels] == ["prediction", "truth"]
    maps = [panel.scores for panel in photo_row(Opened(run), "synthetic_train_0002", side=10).panels]
    assert {max(scores.shape) for scores in maps if scores is not None} == {10}


def test_the_best_and_the_worst_are_those() -> None:
    ious = {f"photo {number}": number / 20 for number in range(20)}
    ranks = ranked(ious)
    assert [ious[name] for name in ranks if ranks[name] == "best"] == [0.95, 0.9, 0.85]
    assert [ious[name] for name in ranks if ranks[name] == "worst"] == [0.1, 0.05, 0.0]
    assert sorted(ious[name] for name in ranks if ranks[name] == "median") == [0.45, 0.5, 0.55]
    assert ranked({"a": 1.0, "b": 0.0}) == {}
    assert evenly("abcdefgh", 4) == ["a", "c", "e", "g"]  # type: ignore[arg-type]


def test_long_logs_are_thinned_to_means(tmp_path: Path) -> None:
    log = tmp_path / "metrics.jsonl"
    log.write_text("".join(f'{{"step": {n}, "epoch": {n // 500}, "loss": {n}, "lr": 1}}\n' for n in range(1000)))
    training = read_training("seg", log)
    assert training is not None
    (loss,) = training.named("loss")
    assert len(loss.values) <= MOST_POINTS
    assert loss.values[0] == pytest.approx(sum(range(5)) / 5)
    assert (training.steps, training.epochs) == (1000, 2)


def test_run_all_writes_the_report_and_keeps_one_that_is_newer(finished_run: Path) -> None:
    assert (finished_run / "report.html").read_text().startswith("<!doctype html>")
    assert report.is_current(finished_run)


def test_a_report_that_fails_costs_no_run(run: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> Iterator[None]:
        raise RuntimeError("broken")

    monkeypatch.setattr(report, "gather", broken)
    (run / "report.html").unlink()
    result = puzzlecam("run-all", run)
    assert result.exit_code == 0
    assert "no report was written: RuntimeError: broken" in result.output


def test_only_a_report_is_replaced(run: Path, puzzlecam: Run, tmp_path: Path) -> None:
    other = tmp_path / "mine.html"
    other.write_text("<!doctype html>mine")
    result = puzzlecam("report", run, "--out", other)
    assert (result.exit_code, other.read_text()) == (2, "<!doctype html>mine")
    assert "file-exists" in result.output
    half = put(run, ".report.html.123")  # of one that was killed
    assert puzzlecam("report", run, "--photos", 1).exit_code == 0
    assert not half.exists()
    assert puzzlecam("report", tmp_path / "nowhere").exit_code == 2
    assert puzzlecam("report", run, "--out", other / "x.html").exit_code == 2
