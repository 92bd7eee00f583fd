"""What a training logged before an interrupt is kept, line by line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from puzzlecam_cli.engine.metric_log import MetricLog

LINES = [json.dumps({"step": step, "loss": step / 7}) for step in range(4)]


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b'{"step": 9, "lo',
        b"}\n",
        b'{"loss": 1}\n',
        b"[1, 2]\n",
        b'{"step": "two"}\n',
        b'{"step": null}\n',
        b"\xff\xfe\x00}\n",
        b"{" * 100_000 + b"}\n",
    ],
    ids=["none", "torn", "brace", "no step", "list", "word", "null", "bytes", "brackets"],
)
def test_steps_before_the_checkpoint_stay_whatever_else_is_there(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(damage + b"".join(line.encode() + b"\n" for line in LINES[:2]) + damage)
    path.write_bytes(path.read_bytes() + b"\n" + "".join(line + "\n" for line in LINES[2:]).encode())
    log = MetricLog(path, 3, active=True)
    torn = 1 if damage.startswith(b'{"step": 9') else 0  # it swallowed the line after it
    assert path.read_text().splitlines() == LINES[torn:3]
    log.write({"step": 3, "loss": 0.5})
    assert json.loads(path.read_text().splitlines()[-1]) == {"step": 3, "loss": 0.5}


def test_a_training_that_begins_again_begins_its_log_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line + "\n" for line in LINES))
    MetricLog(path, 0, active=True)
    assert path.read_text() == ""


def test_only_one_process_writes(tmp_path: Path) -> None:
    log = MetricLog(tmp_path / "metrics.jsonl", 0, active=False)
    log.write({"step": 0})
    assert list(tmp_path.iterdir()) == []
