"""What a recipe costs is reckoned from a sample as a person would with pen and paper."""

from __future__ import annotations

import json

import pytest
from rich.console import Console

from puzzlecam_cli.bench.costs import Cost, Extent, Observed, cost, sample_size, total
from puzzlecam_cli.view.costs import cost_line, cost_rows
from puzzlecam_cli.view.tables import cost_view

FOUR_STEPS = Observed(
    "training", "steps", ((5.0, 1), (7.0, 2), (9.0, 3), (11.0, 4)), 12.0, disk=90, memory=2_000, gpu_memory=None
)


def test_a_training_costs_its_start_once_and_each_step_at_the_pace_between_reports() -> None:
    found = cost("seg", FOUR_STEPS, Extent(1798, images=8, files_grow=False))
    assert found.pace == 0.5  # 3 steps in 6 s
    assert found.images_per_second == 4
    assert found.start_up == 4  # of 12 s, 4 steps took 8
    assert found.seconds == 3600
    assert found.as_json()["hours"] == 1
    assert (found.disk, found.memory) == (90, 2_000)  # the same model, however long it is trained


def test_files_of_photos_grow_with_the_photos() -> None:
    observed = Observed("maps", "images", ((1.0, 1), (2.0, 2), (3.0, 3)), 3.5, disk=60)
    assert cost("cams", observed, Extent(3)).disk == 60
    assert cost("cams", observed, Extent(10_582)).disk == 10_582 * 20


def test_items_that_began_at_once_do_not_count_as_pace() -> None:
    """Two processes, 10 s an item each: 4 begin at once, so that the first is reported late and the next soon."""
    reports = ((13.0, 1), (13.1, 2), (23.0, 3), (23.0, 4), (33.0, 5), (33.0, 6), (43.0, 7), (43.0, 8))
    found = cost("rw", Observed("pseudo labels", "images", reports, 44.0, disk=8), Extent(100, at_once=4))
    assert found.pace == pytest.approx(4 / 20)
    assert found.start_up == pytest.approx(4)


def test_items_that_wait_at_the_end_do_not_count_as_pace() -> None:
    """A network needs 2 s an item; the last 4 are ready before the first is reported, and follow it at once."""
    reports = ((10.0, 1), (12.0, 2), (14.0, 3), (16.0, 4), (16.1, 5), (16.2, 6), (16.3, 7), (16.4, 8))
    found = cost("seg", Observed("predictions", "images", reports, 20.0, disk=8), Extent(70, trailing=4))
    assert found.pace == 0.5
    assert found.seconds == pytest.approx(4 + 70 * 2)


def test_reports_of_several_items_at_once_count_as_many() -> None:
    found = cost("cams", Observed("maps", "images", ((10.0, 4), (14.0, 8), (16.0, 10)), 17.0, disk=0), Extent(90, 4))
    assert found.pace == 1


def test_one_report_tells_the_whole_time() -> None:
    found = cost("cams", Observed("maps", "images", ((4.0, 2),), 5.0, disk=0), Extent(100))
    assert (found.pace, found.start_up, found.seconds) == (0.4, 0, 250)


def test_the_first_report_of_a_step_that_was_stopped_is_no_pace() -> None:
    assert Observed("maps", "images", ((4.0, 1),), 5.0, 0).tells
    assert not Observed("maps", "images", ((4.0, 1),), 5.0, 0, is_whole=False).tells
    assert Observed("maps", "images", ((4.0, 1), (5.0, 2)), 5.0, 0, is_whole=False).tells


def test_a_step_without_reports_costs_what_it_took() -> None:
    found = cost("eval", Observed("scoring", "files", (), 0.25, disk=7), Extent(0, files_grow=False, note="no masks"))
    assert (found.pace, found.images_per_second, found.seconds, found.disk) == (None, None, 0.25, 7)


def test_what_was_timed_in_full_costs_what_it_took() -> None:
    assert cost("seg", FOUR_STEPS, Extent(4, images=8)).seconds == 12


@pytest.mark.parametrize(("wanted", "workers", "size"), [(4, 0, 4), (4, 1, 4), (4, 2, 8), (5, 2, 10), (4, 8, 24)])
def test_every_process_has_equally_many_items_beyond_those_that_begin_at_once(
    wanted: int, workers: int, size: int
) -> None:
    assert sample_size(wanted, workers) == size


def test_the_total_adds_time_and_disk_and_names_the_highest_memory() -> None:
    training = cost("seg", FOUR_STEPS, Extent(1798, images=8, files_grow=False))
    maps = Observed("maps", "images", ((1.0, 1), (2.0, 2)), 2.0, disk=20, memory=3_000)
    whole = total([training, cost("cams", maps, Extent(1800))])
    assert whole == {
        "seconds": 3600 + 1800,
        "hours": 1.5,
        "disk": 90 + 18_000,
        "memory": 3_000,
        "gpu_memory": None,
    }
    assert json.loads(json.dumps(whole)) == whole


def test_the_table_is_read_in_hours_and_gigabytes() -> None:
    observed = Observed("training", "steps", ((1.0, 1), (3.0, 2)), 4.0, disk=1_230_000_000, memory=12_340_000_000)
    costs = [cost("seg", observed, Extent(16_500, images=32, files_grow=False, note="worth a note"))]
    heading, row, last = cost_rows(costs)
    assert heading[-3:] == ("disk GB", "memory GB", "")  # no GPU, no column
    assert row == ("seg", "training", "16", "16,500 steps of 32", "0.0 s", "9:10:00", "1.230", "12.3", "worth a note")
    assert last == ("total", "", "", "", "", "9:10:00", "1.230", "12.3", "")
    console = Console(width=130)
    with console.capture() as captured:
        console.print(cost_view(costs))
    assert "9:10:00" in captured.get()


def test_the_memory_of_a_gpu_has_a_column_of_its_own() -> None:
    observed = Observed("training", "steps", ((1.0, 1), (3.0, 2)), 4.0, 0, memory=2 * 10**9, gpu_memory=17 * 10**9)
    heading, *rows = cost_rows([cost("seg", observed, Extent(2))])
    assert [row[heading.index("GPU GB")] for row in rows] == ["17.0", "17.0"]


def test_one_line_says_all() -> None:
    def stage(name: str, seconds: float, disk: int, memory: int | None) -> Cost:
        return Cost(name, "work", "images", 1, 1, 1.0, 0.0, seconds, disk, memory, None, "")

    costs = [
        stage("train-cls", 130, 1_100_000_000, 3 * 10**9),
        stage("rw", 20, 50_000_000, None),
        stage("rw", 30, 40_000_000, None),
        stage("seg", 660, 10_000_000, 2 * 10**9),
    ]
    assert cost_line(costs) == (
        "about 14 minutes on this machine (train-cls 2 min, rw 50 s, seg 11 min), 1.2 GB on disk, 3.0 GB memory"
    )
    assert cost_line([stage("cams", 160_000, 0, None)]) == ("about 44 hours on this machine (cams 44 h), 1 MB on disk")
    assert cost_line([stage("cams", 9_900, 0, None)]).startswith("about 2.8 hours")
    assert cost_line(costs[:1], ["cams", "rw/scores"], "the machine is busy") == (
        "more than 2 minutes on this machine (train-cls 2 min), more than 1.1 GB on disk, more than 3.0 GB memory; "
        "not known, for want of time to try: cams, rw/scores; the machine is busy"
    )
    assert cost_line([stage("cams", 10**6, 0, None)]).startswith("about 12 days")
