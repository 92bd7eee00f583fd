"""What is known of a run after its events."""

from __future__ import annotations

import math
from itertools import count as counting

import pytest

from puzzlecam_cli.events import (
    Doing,
    Event,
    Figure,
    Machine,
    Metric,
    Note,
    Progress,
    RunEnded,
    RunStarted,
    StageEnded,
    StageKept,
    StageStarted,
)
from puzzlecam_cli.view.fold import caught_up, fold
from puzzlecam_cli.view.snapshot import POINTS, START, Count, Curve, Snapshot, Stage
from tests.view.story import BEGAN, until

BEGIN = RunStarted("voc", "runs/voc", ("cams", "seg"), "puzzlecam run-all voc", "/home/me")


def after_(*events: Event) -> Snapshot:
    """The snapshot after events that are a second apart."""
    return fold(zip(counting(1.0), events))


def stage_of(snapshot: Snapshot, name: str) -> Stage:
    found = snapshot.stage(name)
    assert found is not None
    return found


def test_what_comes_before_the_first_stage_is_shown_as_one_and_goes_with_it() -> None:
    begun = after_(BEGIN, Doing("run", "loading PyTorch"))
    assert [stage.name for stage in begun.stages] == [START, "cams", "seg"]
    assert (begun.current, stage_of(begun, START).doing) == (START, "loading PyTorch")
    later = fold([(3.0, Progress("run", "looking at photos", 3, 9)), (4.0, StageStarted("cams", "x"))], begun)
    assert [stage.name for stage in later.stages] == ["cams", "seg"]
    assert later.current == "cams"


def test_what_is_of_no_stage_is_of_the_one_that_runs() -> None:
    running = after_(BEGIN, StageStarted("cams", ""), Doing("run", "loading PyTorch"))
    assert [stage.name for stage in running.stages] == ["cams", "seg"]
    assert stage_of(running, "cams").doing == "loading PyTorch"


def test_a_rate_is_measured_between_reports_whatever_the_time_is_now() -> None:
    count = stage_of(fold([(0, StageStarted("cams", "")), (10, progress(4)), (30, progress(44))]), "cams").count
    assert count is not None
    assert count.rate == pytest.approx(2.0)  # 40 photos in 20 seconds
    assert count.end == pytest.approx(30 + 28)  # 56 are left


def progress(done: int, total: int = 100, task: str = "maps", unit: str = "images") -> Progress:
    return Progress("cams", task, done, total, unit)


def test_nothing_is_left_where_all_is_counted_and_unknown_after_one_report() -> None:
    assert Count("maps", "images", 5, 5, 1, 0.0, 9.0).end is None
    assert Count("maps", "images", 1, 5, 1, 0.0, 0.0).rate is None


def test_what_a_stage_made_is_kept_in_words_with_its_loss() -> None:
    seg = [
        StageStarted("seg", "not made yet"),
        Metric("seg", 0, {"epoch": 0, "lr": 0.1, "loss": 2.0}),
        Progress("seg", "epoch 1/2", 1, 20, "steps"),
        Metric("seg", 19, {"epoch": 1, "lr": 0.1, "loss": 0.5}),
        Progress("seg", "epoch 2/2", 20, 20, "steps"),
        Doing("seg", "starting on predictions"),
        Progress("seg", "predictions of val", 1, 4),
        Progress("seg", "tiles of a large photo", 3, 9, "tiles"),
        Progress("seg", "predictions of val", 4, 4),
        StageEnded("seg", "done", 61.0),
    ]
    stage = stage_of(after_(BEGIN, *seg), "seg")
    assert (stage.state, stage.seconds, stage.made) == ("done", 61.0, ("2 epochs", "4 predictions of val"))
    assert stage.figure == "loss 0.500"
    unfinished = stage_of(after_(BEGIN, *seg[:3], StageEnded("seg", "interrupted", 5.0)), "seg")
    assert (unfinished.state, unfinished.made) == ("interrupted", ("epoch 1/2",))


def test_a_figure_that_a_stage_names_goes_before_its_loss() -> None:
    events = (StageStarted("cams", ""), Figure("cams", "mIoU 0.5"), StageEnded("cams", "done", 1.0))
    assert stage_of(after_(BEGIN, *events), "cams").figure == "mIoU 0.5"


def test_a_stage_that_is_kept_shows_what_it_took_when_it_was_made_in_this_folder() -> None:
    made = (StageStarted("cams", ""), progress(100), StageEnded("cams", "done", 42.0), RunEnded("interrupted"))
    kept = StageKept("cams", "unchanged")
    stage = stage_of(after_(BEGIN, *made, BEGIN, kept), "cams")
    assert (stage.state, stage.seconds, stage.made) == ("kept", 42.0, ("100 maps",))
    elsewhere = RunStarted("voc", "runs/other", ("cams", "seg"))
    assert stage_of(after_(BEGIN, *made, elsewhere, kept), "cams").seconds is None


def test_catching_up_with_a_long_story_gives_what_following_it_gives() -> None:
    for seconds in (5, 17, 33, 95):
        events = until(seconds)
        assert caught_up(events).stages == fold(events).stages
    ended = [*events, (BEGAN + 99, StageEnded("affinity", "done", 66.0)), (BEGAN + 99, StageStarted("rw", "x"))]
    following, caught = fold(ended), caught_up(ended)
    assert caught == following
    assert stage_of(caught, "affinity").figure == "loss 0.250"


@pytest.mark.parametrize("state", ["failed", "interrupted"])
def test_a_command_that_ends_before_its_end_ends_what_runs(state: str) -> None:
    early = after_(BEGIN, Doing("run", "checking"), RunEnded(state, "no masks"))
    assert (early.ended, early.reason, early.current) == (state, "no masks", "")
    assert stage_of(early, START).state == state
    late = after_(BEGIN, StageStarted("cams", ""), RunEnded(state))
    assert [stage.state for stage in late.stages] == [state, "waits"]


def test_a_curve_keeps_its_shape_in_a_bounded_number_of_points() -> None:
    curve = Curve("loss", 0.0)
    for value in range(10 * POINTS):
        curve = curve.add(float(value))
    assert POINTS // 2 <= len(curve.points) < POINTS
    assert list(curve.points) == sorted(curve.points)
    assert curve.last == 10 * POINTS - 1
    assert curve.points[0] < POINTS
    assert curve.points[-1] > 9 * POINTS
    assert curve.add(math.nan).points == curve.points


def test_several_processes_are_told_and_notes_of_the_run_have_no_stage() -> None:
    snapshot = after_(BEGIN, Machine("H100", 4), Note("run", "a"), Note("cams", "b"))
    assert snapshot.machine == "4 × H100"
    assert [text for _, text in snapshot.notes] == ["a", "cams: b"]
