"""A folder that is given to `clean`: only what its run made is deleted, and only when it is said."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from puzzlecam_cli.group.lock import run_lock
from tests.conftest import Run
from tests.run.folders import content, put

Build = Callable[[Path], object]


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "run")


def outside(run: Path) -> Path:
    """A folder of the user's, with files that are called as a run's are."""
    put(run.parent / "outside", "synthetic_train_0001.npz")
    return put(run.parent / "outside", "state.pt").parent


def replaced(name: str) -> Build:
    """A link in the place of something of the run's, which leads out of it."""

    def build(run: Path) -> None:
        path, target = run / name, outside(run)
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
            target = target / "state.pt"
        path.symlink_to(target)

    return build


def checkpoint(run: Path) -> Path:
    return next((run / "seg/checkpoint").iterdir())


STAYS: dict[str, Build] = {
    "notes beside maps": lambda run: put(run, "cams/notes.txt"),
    "own maps beside maps": lambda run: put(run, "cams/mine.npz"),
    "own maps in a folder of maps": lambda run: put(run, "cams/mine/synthetic_train_0001.npz"),
    "an own checkpoint": lambda run: put(run, "seg/checkpoint/best.pt"),
    "notes in a checkpoint": lambda run: put(run, f"seg/checkpoint/{checkpoint(run).name}/notes.txt"),
    "hidden files": lambda run: put(run, "rw/scores/.hidden"),
    "an own copy of a recipe": lambda run: put(run, "recipe.own-1.yaml"),
    "an own folder": lambda run: put(run, "mine/cams/a.npz"),
    "names in the list that lead out": lambda run: (run / "made/cams.txt").write_text(
        f"cams/../../outside/state.pt\n{outside(run)}/state.pt\n"
    ),
}
REFUSED: dict[str, Build] = {
    "maps that are a link": replaced("cams"),
    "walked maps that are a link": replaced("rw/scores"),
    "checkpoints that are a link": replaced("seg/checkpoint"),
    "a checkpoint that is a link": lambda run: replaced(f"seg/checkpoint/{checkpoint(run).name}")(run),
    "a folder inside the maps that is a link": lambda run: (run / "cams/deep").symlink_to(outside(run)),
    "a stage that is a link": replaced("train-cls"),
    "files of others in .unfinished": lambda run: put(run, ".unfinished/cams/a.npz"),
    "a link as .unfinished": lambda run: (run / ".unfinished").symlink_to(outside(run)),
    "a folder as events.jsonl": lambda run: ((run / "events.jsonl").unlink(), (run / "events.jsonl").mkdir()),
    "a damaged ledger": lambda run: put(run, "run.json", "{"),
    "no ledger": lambda run: (run / "run.json").unlink(),
    "no recipe": lambda run: (run / "recipe.yaml").unlink(),
    "more maps than the run made, and no list": lambda run: (
        (run / "made/cams.txt").unlink(),
        put(run, "cams/mine.npz"),
    ),
}


@pytest.mark.parametrize("build", STAYS.values(), ids=STAYS.keys())
def test_what_the_run_did_not_make_stays(puzzlecam: Run, run: Path, build: Build) -> None:
    mine = {name for name in content(run.parent) if "run/" not in name}
    before = content(run)
    build(run)
    mine |= {f"run/{name}" for name in content(run).keys() - before.keys()}
    files = content(run.parent)
    result = puzzlecam("clean", run, "--yes")
    assert result.exit_code == 0, result.stderr
    after = content(run.parent)
    assert all(after[name] == files[name] for name in mine)
    assert not (run / "affinity/labels").exists()


@pytest.mark.parametrize("yes", [(), ("--yes",)], ids=["looking", "deleting"])
@pytest.mark.parametrize("build", REFUSED.values(), ids=REFUSED.keys())
def test_a_folder_with_links_or_damage_is_refused(
    puzzlecam: Run, run: Path, build: Build, yes: tuple[str, ...]
) -> None:
    build(run)
    before = content(run.parent)
    result = puzzlecam("clean", run, *yes)
    assert result.exit_code == 2, result.output
    assert str(run) in result.stderr
    assert content(run.parent) == before


def test_a_link_in_the_place_of_a_file_is_left(puzzlecam: Run, run: Path) -> None:
    map_ = next((run / "cams").iterdir())
    replaced(f"cams/{map_.name}")(run)
    assert puzzlecam("clean", run, "--yes").exit_code == 0
    assert map_.is_symlink()
    assert map_.read_text() == "mine"


NO_RUN: dict[str, Callable[[Path], Path]] = {
    "nothing": lambda folder: folder / "nothing",
    "an empty name": lambda folder: Path(),
    "an empty folder": lambda folder: folder,
    "a file": lambda folder: put(folder, "file"),
    "photos": lambda folder: put(folder, "photos/cams/a.npz").parents[1],
    "a ledger alone": lambda folder: put(folder, "run.json", '{"schema": 1, "stages": {}}').parent,
    "npm's run.json": lambda folder: put(put(folder, "recipe.yaml", "recipe: 1").parent, "run.json", "{}").parent,
    "the name of a shipped recipe": lambda folder: Path("quickstart"),
    "a name of 300 letters": lambda folder: folder / ("a" * 300),
    "a name with an escape": lambda folder: folder / "\x1b[31m",
    "a name with a NUL": lambda folder: folder / "a\0b",
}


@pytest.mark.parametrize("build", NO_RUN.values(), ids=NO_RUN.keys())
def test_what_is_no_run_is_refused(
    puzzlecam: Run, tmp_path: Path, build: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = build(tmp_path)
    before = content(tmp_path)
    result = puzzlecam("clean", folder, "--yes")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: ")
    assert "\x1b" not in result.stderr
    assert content(tmp_path) == before


def test_nothing_is_deleted_while_somebody_works_in_the_run(puzzlecam: Run, run: Path) -> None:
    holder = {"pid": os.getppid(), "host": os.uname().nodename, "started": "now", "command": "x", "born": None}
    (run / "run.lock").write_text(json.dumps(holder))
    before = content(run)
    result = puzzlecam("clean", run)
    assert result.exit_code == 2
    assert "run-locked" in result.stderr
    assert content(run) == before
    (run / "run.lock").unlink()
    with run_lock(run, print):
        assert puzzlecam("clean", run).exit_code == 2


def test_as_json_and_in_words_the_same_is_said(puzzlecam: Run, run: Path) -> None:
    said = json.loads(puzzlecam("clean", run, "--json").stdout)
    assert said["schema"] == 1
    assert said["deleted"] is False
    assert said["bytes"] == sum(item["bytes"] for item in said["items"])
    words = puzzlecam("clean", run)
    assert "nothing is deleted yet" in words.stderr
    assert [item["place"] for item in said["items"]] == [line.split()[4] for line in words.stdout.splitlines()]
    deleted = json.loads(puzzlecam("clean", run, "--yes", "--json").stdout)
    assert deleted == said | {"deleted": True}
    assert puzzlecam("clean", run).stdout == ""
    result = puzzlecam("status", run)
    assert "cleaned" in result.stdout
    assert "work without them" in result.stderr


def test_a_file_with_a_second_name_frees_nothing(puzzlecam: Run, run: Path) -> None:
    before = json.loads(puzzlecam("clean", run, "--json").stdout)["bytes"]
    state = checkpoint(run) / "state.pt"
    (run.parent / "kept.pt").hardlink_to(state)
    assert json.loads(puzzlecam("clean", run, "--json").stdout)["bytes"] == before - state.stat().st_size


def test_files_of_a_killed_process_go(puzzlecam: Run, run: Path) -> None:
    for name in (".run.json.123", "cams/.synthetic_train_0001.npz.123", "seg/.model.safetensors.7"):
        put(run, name)
    result = puzzlecam("clean", run, "--yes")
    assert result.stdout.count("killed process") == 3
    assert not [name for name in content(run) if "/." in f"/{name}"]
