"""The benchmark measures what it says, and its plain forms are the methods, however fast the machine is."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from rich.console import Console

from puzzlecam_cli.method.affinity import edges_to_affinity
from puzzlecam_cli.method.random_walk import random_walk
from puzzlecam_cli.view.tables import table
from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import methods, plain
from tests.benchmarks.cases import CASES
from tests.benchmarks.measure import Case, Pair, best_times, measure, peak_memory
from tests.benchmarks.rows import NUMBERS, Row, Target, bench_rows
from tests.benchmarks.scenes import edges, maps


def row(target: Target, plain: float | None, ours: float, error: float | None = 0.0, allowed: float | None = 0) -> Row:
    return Row("walk", "3 maps", target, plain, ours, error, allowed)


@pytest.mark.parametrize(
    ("measured", "met"),
    [
        (row(Target("time", times=4), 8.0, 2.0), True),
        (row(Target("time", times=4), 8.0, 2.1), False),
        (row(Target("time", times=4), 8.0, 1.0, error=1e-9), False),
        (row(Target("time", times=4), 8.0, 1.0, error=None), True),
        (row(Target("time", times=4), None, 1.0), False),
        (row(Target("memory", at_most=100), None, 100), True),
        (row(Target("memory", at_most=100), 900, 101), False),
    ],
)
def test_a_target_is_met_by_speed_or_size_and_a_small_error(measured, met):
    assert measured.met == met
    assert measured.as_json()["met"] == met


def test_numbers_have_units_and_stand_in_one_table():
    rows = [
        row(Target("time", times=30), 0.2, 0.005),
        row(Target("memory", at_most=64 * 2**20), None, 30 * 2**10, None),
    ]
    lines = bench_rows(rows)
    assert lines[1] == ("walk", "3 maps", "time", "200 ms", "5 ms", "×40", "≥ ×30", "0", "0", "met")
    assert lines[2][3:8] == ("", "30 KiB", "", "≤ 64 MiB", "")
    console = Console(width=120)
    with console.capture() as captured:
        console.print(table(bench_rows(rows), NUMBERS))
    assert "≥ ×30" in captured.get()


def sleepy() -> Pair:
    def busy(seconds: float) -> None:
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass

    return Pair(lambda: busy(0.01), lambda: busy(0.05), lambda: 0.5, plain_times=8, sizes=(700, 10))


def test_a_case_gives_one_row_a_target(monkeypatch):
    monkeypatch.setattr(methods, "sleepy", sleepy, raising=False)
    targets = (Target("time", times=8), Target("file", times=70), Target("memory", at_most=2**30))
    case = Case("walk", "3 maps", "tests.benchmarks.methods:sleepy", (), targets, 1.0)
    threads = torch.get_num_threads()
    try:
        times, files, memory = measure(case)
    finally:
        torch.set_num_threads(threads)
    assert times.ours >= 0.01
    assert times.plain is not None
    assert times.plain >= 8 * 0.05
    assert (files.plain, files.ours, files.met) == (700, 10, True)
    assert {r.error for r in (times, files, memory)} == {0.5}


def test_a_form_that_takes_long_runs_once():
    runs: list[str] = []

    def slow() -> None:
        runs.append("slow")
        time.sleep(2.1)

    best_times(Pair(lambda: runs.append("fast"), slow, wall=True))
    assert runs.count("slow") == 1
    assert runs.count("fast") > 3


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_peak_is_what_a_run_holds_at_once():
    def run() -> torch.Tensor:
        return torch.ones(8 * 2**20) + torch.ones(8 * 2**20)  # three times 32 MiB

    for _ in range(2):  # a second run is measured as the first
        assert 95 <= peak_memory(run) / 2**20 <= 110


def test_the_plain_walk_is_the_walk():
    scores, boundary = maps(2, 12, 15), edges(12, 15)
    walked = random_walk(scores, boundary)
    torch.testing.assert_close(plain.dense_walk(scores, boundary), walked, rtol=0, atol=1e-4)  # in float32


def test_the_plain_paths_are_the_paths():
    boundary = edges(14, 20)[None]
    expected = edges_to_affinity(boundary, 5).flatten(2)
    assert torch.equal(plain.path_affinity(boundary, plain.path_indices(14, 20, 5)), expected)


@pytest.mark.parametrize(
    "prepared",
    [("sweep", 15), ("field", 3, 2), ("shared_lattice",), ("map_file",), ("sum_of_scales",), ("loading",)],
    ids=lambda given: given[0],
)
def test_the_other_plain_forms_equal_ours_within_what_is_allowed(prepared):
    name, *arguments = prepared
    if name == "field":
        pytest.importorskip("pydensecrf", reason="pydensecrf2 has no build for Python 3.13")
    pair = getattr(methods, name)(*arguments)
    (allowed,) = {case.allowed for case in CASES if case.prepare.endswith(f":{name}")}
    assert pair.error() <= allowed


def test_the_list_of_cases_loads_nothing_heavy():
    code = "import sys, tests.benchmarks.cases; print([n for n in ('torch', 'numpy') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.usefixtures("_preloaded")  # the process that measures is a new one
def test_the_benchmarks_can_be_had_as_json():
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.benchmarks", "map file", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, cwd=root).stdout)
    assert [entry["target"]["quantity"] for entry in found["rows"]] == ["file", "time"]
    assert found["machine"]["threads"] == 1


def test_methods_are_listed_below_the_machine_and_announced(monkeypatch, capsys):
    monkeypatch.setattr(benchmarks, "bench", lambda cases: map(measure, cases))  # in this process: it takes less long
    benchmarks.compare_methods(["map file"], as_json=False)
    out, err = capsys.readouterr()
    machine, heading, *rows = out.splitlines()
    assert "torch" in machine
    assert ", 1 thread, load " in machine
    assert heading.split()[:2] == ["method", "on"]
    assert [row.split("  ")[0] for row in rows] == ["map file", "map file"]
    assert err.startswith("1/1  map file, ")


def test_a_method_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(SystemExit, match="random walk"):  # text: exit code 1
        benchmarks.compare_methods(["teleport"], as_json=False)
