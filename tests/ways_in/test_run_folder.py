"""A folder that is given with `--run`: what we did not write in it stays as it is, whatever it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.looking import Remembered
from puzzlecam_cli.session.plan import plan_stages, status_of
from puzzlecam_cli.session.stages import run_stages
from tests.conftest import Run
from tests.run.folders import content, put

Build = Callable[[Path], object]
FILES = ("recipe.yaml", "run.json", "events.jsonl", "photos.jsonl", "run.lock")
MARK = '{"schema": 1, "recipe": null, "stages": {}}'


def file(name: str, text: str = "mine") -> Build:
    return lambda folder: put(folder, name, text)


def link(name: str, target: str) -> Build:
    """A link to something of the user's, outside the folder."""

    def build(folder: Path) -> None:
        put(folder.parent / "outside", "file", '{"pid": 1}')
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).symlink_to(folder.parent / "outside" / target)

    return build


def hard_link(name: str, text: str = "mine") -> Build:
    def build(folder: Path) -> None:
        (folder / name).hardlink_to(put(folder.parent / "outside", "file", text))

    return build


def marked(build: Build) -> Build:
    """The same in a folder that is a run's."""

    def both(folder: Path) -> None:
        put(folder, "run.json", MARK)
        build(folder)

    return both


def folder_called(name: str) -> Build:
    return lambda folder: (folder / name).mkdir(parents=True)


def pipe(name: str) -> Build:
    return lambda folder: os.mkfifo(folder / name)


FOREIGN: dict[str, tuple[Build, str]] = {
    "own scores": (file("eval/scores.json"), "eval/scores.json"),
    "an own table of scores": (file("eval/scores.md"), "eval/scores.md"),
    "own maps": (file("cams/a.npz"), "cams"),
    "own files deep in cams": (file("cams/a/b/notes.txt"), "cams"),
    "an own model": (file("train-cls/model.safetensors"), "model.safetensors"),
    "own metrics": (file("train-cls/metrics.jsonl"), "metrics.jsonl"),
    "own checkpoints": (file("seg/checkpoint/best.pt"), "seg/checkpoint"),
    "own walked maps": (file("rw/scores/a.npz"), "rw/scores"),
    "own pseudo labels": (file("rw/pseudo_labels/a.png"), "rw/pseudo_labels"),
    "own predictions": (file("seg/predictions/val/a.png"), "seg/predictions"),
    "own labels": (file("affinity/labels/a.png"), "affinity/labels"),
    "an own list in made": (file("made/cams.txt"), "made/cams.txt"),
    "an own file called cams": (file("cams"), "cams"),
    "files in .unfinished": (file(".unfinished/cams/a.npz"), ".unfinished/cams"),
    "files in .replaced": (file(".replaced/cams/a.npz"), ".replaced/cams"),
    "a file called .unfinished": (file(".unfinished"), ".unfinished"),
    "an own recipe.yaml": (file("recipe.yaml", "recipe: 1\n"), "recipe.yaml"),
    "an npm run.json": (file("run.json", '{"name": "run", "scripts": {}}'), "run.json"),
    "own events": (file("events.jsonl", '{"event": "push"}\n'), "events.jsonl"),
    "an own list of photos": (file("photos.jsonl", "[1]\n"), "photos.jsonl"),
    "another's lock": (file("run.lock", "locked by me"), "run.lock"),
    "a marked folder with own maps": (marked(file("cams/a.npz")), "cams"),
    "a marked folder with files in .unfinished": (marked(file(".unfinished/cams/a.npz")), ".unfinished/cams"),
    **{f"a link as {name}": (link(name, "file"), name) for name in FILES},
    **{f"a link to nowhere as {name}": (link(name, "nothing"), name) for name in FILES},
    **{f"a folder called {name}": (folder_called(name), name) for name in FILES},
    **{f"a pipe called {name}": (pipe(name), name) for name in FILES},
    **{
        f"a link as {name}": (link(name, "."), name)
        for name in (
            "cams",
            "rw",
            "rw/scores",
            "seg/predictions",
            "eval",
            "train-cls",
            ".unfinished",
            ".replaced",
            "made",
        )
    },
    "a link to nowhere as cams": (link("cams", "nothing"), "cams"),
    "a link as a model": (link("train-cls/model.safetensors", "file"), "model.safetensors"),
    "a link inside cams": (marked(link("cams/deep", ".")), "cams/deep"),
    "a link inside .unfinished": (marked(link(".unfinished/cams", ".")), ".unfinished/cams"),
    "a link as a checkpoint": (marked(link("seg/checkpoint/step-000000001", ".")), "step-000000001"),
    "a hard link as run.lock": (marked(hard_link("run.lock", '{"pid": 1}')), "run.lock"),
    "a hard link as events of ours": (hard_link("events.jsonl", '{"time": 1}\n'), "events.jsonl"),
}


@pytest.mark.parametrize("force", [False, True], ids=["", "forced"])
@pytest.mark.parametrize(("build", "named"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_we_did_not_write_is_named_and_stays(
    tiny_recipe: Path, tmp_path: Path, build: Build, named: str, force: bool
) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    build(folder)
    before = content(tmp_path)
    for attempt in (plan_stages, run_stages):
        with pytest.raises(UserError) as caught:
            attempt(tiny_recipe, folder, force=force)
        assert caught.value.reference in ("folder-not-ours", "run-unreadable")
        assert named in str(caught.value)
    assert content(tmp_path) == before


USABLE: dict[str, Build] = {
    "nothing": lambda folder: None,
    "notes": file("notes.txt"),
    "notes beside scores": file("eval/report.txt"),
    "notes beside a model": file("train-cls/notes.txt"),
    "an empty folder of maps": folder_called("cams"),
    "a lock of ours, left by a kill": file("run.lock", '{"pid": 1, "host": "elsewhere"}'),
    "an empty lock": file("run.lock", ""),
    "events of ours, left by a kill": file("events.jsonl", '{"time": "2024", "event": "RunStarted"}\n'),
    "the mark of a run": file("run.json", MARK),
    "the mark of an older version": file("run.json", '{"schema": 1, "stages": {}}'),
    "photos of another data set": file("JPEGImages/a.jpg"),
}


@pytest.mark.parametrize("build", USABLE.values(), ids=USABLE.keys())
def test_a_folder_without_anything_in_the_way_can_be_used(tiny_recipe: Path, tmp_path: Path, build: Build) -> None:
    build(tmp_path)
    assert {decision.action for decision in plan_stages(tiny_recipe, tmp_path)} == {"run"}


def test_a_run_folder_may_be_a_link(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "run")
    assert plan_stages(tiny_recipe, tmp_path / "link")


def test_a_recipe_in_its_own_run_folder_stays_as_it_is(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    recipe = put(tmp_path, "recipe.yaml", "# mine\n" + tiny_recipe.read_text())
    result = puzzlecam("run-all", recipe, "--run", tmp_path, "--force")
    assert result.exit_code == 2
    assert "recipe.yaml" in result.stderr
    assert recipe.read_text().startswith("# mine")
    assert list(tmp_path.iterdir()) == [recipe]


def test_nothing_to_score_is_said_before_anything_is_written(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    put(tmp_path, "eval/report.txt")
    result = puzzlecam("eval", tiny_recipe, "--run", tmp_path)
    assert result.exit_code == 2
    assert "there is nothing to score" in result.stderr
    assert content(tmp_path) == {"eval/report.txt": b"mine"}


RECORD: dict[str, Any] = {"state": "done", "fingerprint": "f", "inputs": {}, "started": "s", "ended": "e", "files": 1}
NESTED: Any = 1
for _ in range(40):
    NESTED = [NESTED]


def ledger_of(**changed: Any) -> str:
    return json.dumps({"schema": 1, "stages": {"cams": {"steps": {"cams": RECORD | changed}}}})


DAMAGED: dict[str, str | bytes] = {
    "empty": "",
    "cut short": ledger_of()[:60],
    "a list": "[]",
    "nothing": "null",
    "a text": '"run"',
    "a number": "3",
    "of npm": '{"name": "x", "version": "1"}',
    "no schema": '{"stages": {}}',
    "a schema in words": '{"schema": "1", "stages": {}}',
    "schema 0": '{"schema": 0, "stages": {}}',
    "no stages": '{"schema": 1}',
    "stages that are a list": '{"schema": 1, "stages": []}',
    "a stage without steps": '{"schema": 1, "stages": {"cams": {}}}',
    "steps that are a number": '{"schema": 1, "stages": {"cams": {"steps": 3}}}',
    "a record that is a text": '{"schema": 1, "stages": {"cams": {"steps": {"cams": "done"}}}}',
    "a record with an unknown key": ledger_of(colour="red"),
    "a record without a state": '{"schema": 1, "stages": {"cams": {"steps": {"cams": {}}}}}',
    "an unknown state": ledger_of(state="sleeping"),
    "no state": ledger_of(state=None),
    "a state that is a list": ledger_of(state=["done"]),
    "inputs that are a number": ledger_of(inputs=3),
    "inputs that are a list": ledger_of(inputs=[]),
    "an input that is a section": ledger_of(inputs={"seed": {"a": 1}}),
    "an input 40 lists deep": ledger_of(inputs={"seed": NESTED}),
    "an input that is not a number": ledger_of(inputs={"seed": float("nan")}),
    "an endless input": ledger_of(inputs={"seed": float("inf")}),
    "an input of 1e999": ledger_of(inputs={"seed": 1}).replace('"seed": 1', '"seed": 1e999'),
    "files in words": ledger_of(files="3"),
    "files that are true": ledger_of(files=True),
    "fewer than no files": ledger_of(files=-1),
    "half a file": ledger_of(files=0.5),
    "seconds that are nothing": ledger_of(seconds=None),
    "an end that is a number": ledger_of(ended=3),
    "a fingerprint that is a number": ledger_of(fingerprint=3),
    "versions that are a list": ledger_of(versions=[]),
    "what comes is a list": '{"schema": 1, "stages": {}, "coming": [1]}',
    "what comes is damaged": '{"schema": 1, "stages": {}, "coming": {"cams": {"cams": 3}}}',
    "a recipe that is a number": '{"schema": 1, "recipe": 3, "stages": {}}',
    "100,000 brackets": "[" * 100_000,
    "a section 100,000 deep": '{"a":' * 100_000,
    "bytes that are no text": b"\xff\xfe{}",
    "a NUL": "\0",
    "a number of 5,000 digits": '{"schema": ' + "9" * 5000 + ', "stages": {}}',
    "escape codes": '{"schema": 1, "stages": {"cams": {"steps": {"cams": {"state": "\x1b[31m"}}}}}',
}
PYTHON = ("object", "attribute", "recursion", "decode", "Expecting", "argument", "int(", "codec")  # its own words


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_ledger_is_named_and_stays(tiny_recipe: Path, tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    before = content(tmp_path)
    for attempt in (plan_stages, run_stages, status_of):
        with pytest.raises(UserError) as caught:
            attempt(tiny_recipe, tmp_path)
        assert caught.value.reference == "run-unreadable"
        assert str(path) in caught.value.problem
        assert "\x1b" not in str(caught.value)
        assert len(str(caught.value)) < 1500
        assert not any(words in str(caught.value) for words in PYTHON)
    assert content(tmp_path) == before


def test_a_ledger_of_gigabytes_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "run.json").open("wb") as huge:
        huge.truncate(1 << 34)
    with pytest.raises(UserError, match=r"run\.json is damaged"):
        Ledger(tmp_path / "run.json")


def test_a_ledger_of_a_newer_version_is_left_to_it(tmp_path: Path) -> None:
    put(tmp_path, "run.json", '{"schema": 2, "phases": []}')
    with pytest.raises(UserError, match="newer version"):
        Ledger(tmp_path / "run.json")


def test_a_stage_without_records_does_not_count(tmp_path: Path) -> None:
    ledger = Ledger(put(tmp_path, "run.json", '{"schema": 1, "stages": {"cams": {"steps": {}}}}'))
    ledger.write()
    assert json.loads(ledger.path.read_text())["stages"] == {}


LINE = '["/a.jpg", "1 2", [3, 4], [0, 2], [], "2 classes"]'
LINES: dict[str, tuple[str, bool]] = {
    "whole": (LINE, True),
    "after a torn one": (f'["/b.jpg", "1 2", [3\n{LINE}', True),
    "after a list of brackets": (f"{'[' * 100_000}\n{LINE}", True),
    "after another's JSON": (f'{{"a": 1}}\n{LINE}', True),
    "of another number of classes": (LINE.replace("2 classes", "3 classes"), False),
    "without a side": (LINE.replace("[3, 4]", "[3]"), False),
    "with sides in words": (LINE.replace("[3, 4]", '["3", "4"]'), False),
    "with sides that are a text": (LINE.replace("[3, 4]", '"ab"'), False),
    "with sides that are no numbers": (LINE.replace("[3, 4]", "[NaN, 4]"), False),
    "with a side below zero": (LINE.replace("[3, 4]", "[-3, 4]"), False),
    "with classes in words": (LINE.replace("[],", '["a"],'), False),
    "with classes that are a number": (LINE.replace("[0, 2]", "3"), False),
    "with a file that is a number": (LINE.replace('"/a.jpg"', "3"), False),
    "with a value too many": (LINE.replace("]\n", ", 1]") + ", 1]", False),
    "not there": ("", False),
}


@pytest.mark.parametrize(("text", "counts"), LINES.values(), ids=LINES.keys())
def test_of_what_was_seen_of_photos_only_sound_lines_count(tmp_path: Path, text: str, counts: bool) -> None:
    known = Remembered.read(put(tmp_path, "photos.jsonl", text), "2 classes")
    assert list(known.seen) == (["/a.jpg"] if counts else [])
