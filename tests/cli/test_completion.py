"""What Tab offers, and how soon."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from puzzlecam_cli.cli.app import app
from puzzlecam_cli.cli.completion import image_ids
from puzzlecam_cli.recipe.load import recipe_names
from puzzlecam_cli.stages import STAGE_NAMES

Cli = Callable[..., Result]
SECONDS = 0.8  # of a processor, on any machine that tests run on; a third of it on one of today


@pytest.fixture
def place(tmp_path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a run, a recipe, and what is neither."""
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "first").symlink_to(finished_run)
    (tmp_path / "runs" / "empty").mkdir()
    (tmp_path / "mine.yaml").write_text("recipe: 1\nextends: quickstart\nseg: {epochs: 77}\n")
    (tmp_path / "broken.yaml").write_text("seg: [")
    (tmp_path / "notes.txt").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def offered(line: str) -> list[str]:
    """What bash is given for a line with the cursor at its end."""
    words = line.split(" ")
    shell = {"_PUZZLECAM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return CliRunner().invoke(app, prog_name="puzzlecam", env=shell).stdout.split()


def test_commands_are_offered_and_hidden_ones_are_not() -> None:
    assert set(STAGE_NAMES) <= set(offered("puzzlecam "))
    assert offered("puzzlecam predi") == ["predict"]


@pytest.mark.usefixtures("place")
def test_recipes_are_those_shipped_files_and_runs() -> None:
    assert offered("puzzlecam run-all ") == [*recipe_names(), "broken.yaml", "mine.yaml", "runs/"]
    assert offered("puzzlecam run-all runs/") == ["runs/empty/", "runs/first"]
    assert offered("puzzlecam recipes show small") == ["small_photos"]


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("command", ["card", "clean", "labels", "predict", "export", "compare runs/first", "watch"])
def test_runs_are_offered_where_runs_are_taken(command: str) -> None:
    if command.split()[0] not in app_names():
        pytest.skip(f"there is no `{command}`")
    assert offered(f"puzzlecam {command} runs/f") == ["runs/first"]


def app_names() -> set[str]:
    return set(offered("puzzlecam "))


@pytest.mark.usefixtures("place")
def test_keys_are_those_of_the_recipe_and_the_last_one_has_its_value() -> None:
    assert offered("puzzlecam run-all quickstart --set seg.predict.f") == [
        "seg.predict.flip=",
        "seg.predict.flip=true",
    ]
    assert offered("puzzlecam run-all mine.yaml -s seg.epo") == ["seg.epochs=", "seg.epochs=77"]
    assert offered("puzzlecam run-all broken.yaml --set seg.wid") == offered("puzzlecam run-all --set seg.wid")
    assert set(offered("puzzlecam run-all voc_resnet50 --set rw.crf.")) >= {"rw.crf.engine=", "rw.crf.iterations="}
    assert all(key.endswith("=") for key in offered("puzzlecam status quickstart --set train_cls."))


def test_stages_and_names_of_messages_are_offered() -> None:
    assert offered("puzzlecam run-all quickstart --from ") == list(STAGE_NAMES)
    assert offered("puzzlecam run-all quickstart --until s") == ["seg"]
    assert offered("puzzlecam explain stage-") == ["stage-missing", "stage-stale"]


def test_ids_are_those_of_the_photos_of_a_run(finished_run: Path) -> None:
    class Typed:
        params = {"run": str(finished_run), "ids": ("synthetic_train_0001",)}  # noqa: RUF012

    found = image_ids(Typed(), "synthetic_")  # type: ignore[arg-type]
    train = [f"synthetic_train_000{number}" for number in range(2, 7)]
    assert found == [*train, *(f"synthetic_val_000{number}" for number in range(1, 4))]
    assert image_ids(Typed(), "synthetic_val_0002") == ["synthetic_val_0002"]  # type: ignore[arg-type]


@pytest.mark.parametrize("line", ["puzzlecam ", "puzzlecam run-all q", "puzzlecam run-all quickstart --set seg.ep"])
def test_it_answers_at_once_and_loads_nothing_heavy(line: str) -> None:
    code = (
        "import atexit, os, sys, time\n"
        "def tell(): print(time.process_time(), 'torch' in sys.modules, 'rich.markdown' in sys.modules)\n"
        "atexit.register(tell)\nsys.argv = ['puzzlecam']\n"
        "from puzzlecam_cli.cli.app import main\nmain()"
    )
    shell = {"_PUZZLECAM_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    done = subprocess.run([sys.executable, "-c", code], env=os.environ | shell, capture_output=True, text=True)
    *answers, told = done.stdout.splitlines()
    seconds, torch, markdown = told.split()
    assert answers
    assert (torch, markdown) == ("False", "False")
    assert float(seconds) < SECONDS


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_completes_with_what_is_installed(place: Path) -> None:
    """The script that `--show-completion` prints, in bash itself."""
    script = subprocess.run(
        [sys.executable, "-c", "import sys; sys.argv = ['puzzlecam']; from puzzlecam_cli.cli.app import main; main()"],
        env=os.environ | {"_PUZZLECAM_COMPLETE": "source_bash"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    run = "import sys; sys.argv[0] = 'puzzlecam'; from puzzlecam_cli.__main__ import main; main()"
    caller = f"#!{sys.executable}\n{run}\n"
    (place / "puzzlecam").write_text(caller)
    (place / "puzzlecam").chmod(0o755)
    lines = (
        script,
        "COMP_WORDS=(puzzlecam card runs/)",
        "COMP_CWORD=2",
        "_puzzlecam_completion puzzlecam",
        'echo "${COMPREPLY[@]}"',
    )
    answer = subprocess.run(
        ["bash", "--norc", "-c", "\n".join(lines)],
        env=os.environ | {"PATH": f"{place}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["runs/empty/", "runs/first"]
