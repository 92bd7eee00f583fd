"""What must not grow with the number of photos, and what must be done once for each."""

from __future__ import annotations

import runpy
import shutil
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from puzzlecam_cli.data.kinds.voc import VocData, VocPhotos
from puzzlecam_cli.engine import dense_crfs
from puzzlecam_cli.events import Event
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.context import Context
from puzzlecam_cli.run.run import Run

SCALE = Path(__file__).parent / "benchmarks" / "scale.py"


def context(recipe: Path, root: Path, emit: Callable[[Event], None], *changes: str) -> Context:
    device = torch.device("cpu")
    one_process: Any = SimpleNamespace(is_main_process=True, process_index=0, num_processes=1, device=device)
    run = Run.at(load_recipe(str(recipe), changes), root)
    return Context("stage", run, run.folder, one_process, emit)


@pytest.mark.parametrize(("seconds", "reported"), [(3600, [1, 1000]), (0, [*range(1, 1001)])])
def test_progress_is_reported_by_time_and_not_by_photo(
    tiny_recipe: Path, tmp_path: Path, seconds: int, reported: list[int]
) -> None:
    """Else the events of a run would be a line a photo and task."""
    events: list[Any] = []
    report = context(tiny_recipe, tmp_path, events.append, f"runtime.log_seconds={seconds}").progress("maps")
    for done in range(1, 1001):
        report(done, 1000)
    begun, *counted = events
    assert begun.what == "starting on maps"
    assert [event.done for event in counted] == reported


@pytest.mark.parametrize(
    ("module", "function", "job", "made"),
    [
        ("affinity", "make_labels", "LabelJob", "affinity/labels"),
        ("rw", "make_pseudo_labels", "PseudoLabelJob", "rw/pseudo_labels"),
        ("eval", "score", "ScoreJob", "eval"),
    ],
)
def test_no_job_is_made_before_it_is_asked_for(
    finished_run: Path,
    tiny_recipe: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    function: str,
    job: str,
    made: str,
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    shutil.rmtree(run / made)
    stage = import_module(f"puzzlecam_cli.stages.{module}")
    jobs: list[Any] = []
    make = getattr(stage, job)

    def noted(*arguments: Any) -> Any:
        jobs.append(make(*arguments))
        return jobs[-1]

    def one_by_one(work: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
        for number, item in enumerate(items, start=1):
            assert len(jobs) == number
            yield work(item)

    monkeypatch.setattr(stage, job, noted)
    monkeypatch.setattr(stage if module == "eval" else dense_crfs, "map_unordered", one_by_one)
    getattr(stage, function)(context(tiny_recipe, run, lambda event: None))
    assert len(jobs) == (21 if module == "eval" else 6)  # maps, walked maps and labels of 6, predictions of 3


def test_files_that_no_list_names_are_not_looked_at(finished_run: Path, tmp_path: Path) -> None:
    """A dangling link could not be."""
    root = tmp_path / "data"
    shutil.copytree(finished_run / "data", root)
    settings = VocData(kind="voc", root=root, train="train")
    before = VocPhotos(settings, tmp_path, 0).fingerprint("val", tags=True, masks=True)
    for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml"), ("SegmentationClass", "png")):
        (root / folder / f"elsewhere.{suffix}").symlink_to(tmp_path / "nowhere")
    assert VocPhotos(settings, tmp_path, 0).fingerprint("val", tags=True, masks=True) == before


@pytest.mark.parametrize(
    ("memory", "seconds", "said"),
    [
        ((300, 310, 360), (5, 14, 104), "memory flat: met, time linear: met"),  # + 60 MiB
        ((1000, 1000, 1090), (5, 14, 104), "memory flat: met, time linear: met"),  # + 9 %
        ((300, 310, 370), (5, 14, 104), "memory flat: NOT MET, time linear: met"),
        ((300, 300, 300), (5, 14, 124), "memory flat: met, time linear: NOT MET"),
    ],
)
def test_the_verdict_on_ten_times_the_photos(memory: tuple[int, ...], seconds: tuple[int, ...], said: str) -> None:
    """Each further photo costs 10 ms up to 1,000; then 10 or 12.2."""
    scale = runpy.run_path(str(SCALE))
    counted = zip((100, 1000, 10000), memory, seconds, strict=True)
    costs = [scale["Cost"]("cams", count, 0.0, cpu, mib * 2**20, 0) for count, mib, cpu in counted]
    assert scale["verdict"](costs) == said
