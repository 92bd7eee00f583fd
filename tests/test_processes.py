"""Two processes on one machine make what one makes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_two_processes_run_through_every_stage(tiny_recipe: Path, finished_run: Path, tmp_path: Path) -> None:
    """Batches are divided, so weights differ by rounding and batch statistics; every artifact is there, once."""
    command = [sys.executable, "-m", "puzzlecam_cli", "run-all", str(tiny_recipe), "--run", str(tmp_path)]
    result = subprocess.run([*command, "--num-processes", "2"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    wanted = {path.relative_to(finished_run) for path in finished_run.rglob("*") if path.suffix in (".npz", ".png")}
    found = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.suffix in (".npz", ".png")}
    assert found == wanted
    assert result.stderr.count("train-cls: started") == 1
    counts = [entry["images"] for entry in json.loads((tmp_path / "eval" / "scores.json").read_text())["results"]]
    assert counts == [6, 6, 6, 3]


def test_a_group_is_not_started_for_what_is_known_to_fail(tiny_recipe: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "seg", str(tiny_recipe), "--run", str(tmp_path / "run")]
    result = subprocess.run([*command, "--num-processes", "2"], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 2
    assert result.stderr.count("error: ") == result.stderr.count("error: stage-missing") == 1
    assert not (tmp_path / "run").exists()
