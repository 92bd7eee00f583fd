"""Files of a run that are damaged: gone on with where that is safe, else named."""

from __future__ import annotations

from pathlib import Path

import pytest

from puzzlecam_cli.run import execute
from tests.conftest import Run
from tests.run.folders import states

EVENTS: dict[str, tuple[bytes, bytes]] = {
    "a torn line of ours": (b'{"time": 1}\n{"tim', b'{"time": 1}\n'),
    "a torn first line": (b'{"time": "20', b""),
    "another's line without an end": (b'{"name": 1}', b'{"name": 1}\n'),
    "no JSON": (b"\xff\xff", b"\xff\xff\n"),
    "100,000 brackets": (b"[" * 100_000, b"[" * 100_000 + b"\n"),
    "megabytes in a line": (b'{"time": ' + b" " * 3_000_000, b'{"time": ' + b" " * 3_000_000 + b"\n"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize(("damaged", "kept"), EVENTS.values(), ids=EVENTS.keys())
def test_damaged_events_are_gone_on_with(
    puzzlecam: Run, run: Path, damaged: bytes, kept: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "events.jsonl").write_bytes(damaged)
    monkeypatch.setattr(execute, "execute", lambda *_: None)
    assert puzzlecam("run-all", run).exit_code == 0
    text = (run / "events.jsonl").read_bytes()
    assert text.startswith(kept)
    assert text[len(kept) :].startswith(b'{"time": ')


RECIPES = {
    "empty": "",
    "no YAML": "{",
    "a list": "[1]",
    "a text": "hello",
    "brackets": "[" * 100_000,
    "bytes": "\0",
    "of another program": "name: x\nservices: {}\n",
    "megabytes": "a: " + "x" * 1_000_000,
}


@pytest.mark.parametrize("text", RECIPES.values(), ids=RECIPES.keys())
def test_a_damaged_recipe_of_a_run_is_named_or_left_alone(
    puzzlecam: Run, tiny_recipe: Path, run: Path, text: str
) -> None:
    (run / "recipe.yaml").write_text(text)
    for command in ("status", "run-all"):
        result = puzzlecam(command, run)
        assert result.exit_code == 2, result.output
        assert "recipe.yaml" in result.stderr
    assert states(puzzlecam("status", tiny_recipe, "--run", run)) == ["done"] * 9
    assert puzzlecam("eval", tiny_recipe, "--run", run).exit_code == 0
    assert (run / "recipe.own-1.yaml").read_text() == text


SCORES = {"empty": "", "a list": "[]", "of another program": '{"schema": 1}', "brackets": "[" * 100_000, "NUL": "\0"}


@pytest.mark.parametrize("text", SCORES.values(), ids=SCORES.keys())
def test_damaged_scores_are_named(puzzlecam: Run, run: Path, text: str) -> None:
    (run / "eval/scores.json").write_text(text)
    result = puzzlecam("run-all", run)
    assert result.exit_code == 2, result.output
    assert "scores.json is damaged" in result.stderr
    assert puzzlecam("eval", run).exit_code == 0
