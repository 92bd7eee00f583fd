"""The commands of README and pages, run where each name that stands for the reader's own is that of a small thing."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from puzzlecam_cli.cli.app import app
from tests.conftest import TINY
from tests.test_documents import COMMANDS

NOT_RUN = {  # what begins so, and why
    "puzzlecam ablate": "trains twelve times: tests/cli/test_ablate.py",
    "puzzlecam bench": "takes a minute: tests/bench",
    "puzzlecam card runs/PHOTOS --licence cc-by-4.0 --push-to-hub": "tests/ways_in/test_card.py",
    "puzzlecam predict hf://": "tests/ways_in/test_hub.py",
    "puzzlecam --install-completion": "writes into the shell's own files: tests/cli/test_completion.py",
    "puzzlecam run-all small_photos": "trains a real network: tests/test_pipeline.py",
    "puzzlecam doctor": "tries all stages: tests/cli/test_doctor.py",
    "puzzlecam export runs/PHOTOS --format torchscript": "tests/test_export.py",
    "puzzlecam export runs/PHOTOS --precision int8": "tests/test_export.py",
    "puzzlecam plugins --check": "loads every network: tests/cli/test_plugins.py",
}
FIRST = (
    "puzzlecam new",
    "puzzlecam recipes copy",
    "puzzlecam run-all PHOTOS.yaml",
    "puzzlecam labels",
)  # others use it
LAST = ("puzzlecam rw RECIPE --set", "puzzlecam clean")
FOLDER = {"kind": "folder", "root": "PHOTOS", "tags": "PHOTOS/tags.csv", "train": "train.txt", "val": "val.txt"}


def in_order(line: str) -> tuple[int, int, str]:
    first = next((number for number, start in enumerate(FIRST) if line.startswith(start)), len(FIRST))
    return (line.startswith(LAST), first, line)


@pytest.fixture(scope="module")
def desk(finished_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder: PHOTOS with tags, NEW photos, a recipe and a finished run under the names that pages use."""
    desk = tmp_path_factory.mktemp("desk")
    data = finished_run / "data"
    shutil.copytree(data / "JPEGImages", desk / "PHOTOS")
    lists = {part: (data / f"ImageSets/Segmentation/{part}.txt").read_text().split() for part in ("train", "val")}
    for part, ids in lists.items():
        (desk / f"{part}.txt").write_text("\n".join(ids))
    tagged = enumerate([*lists["train"], *lists["val"]])
    tags = ["file,tags", *(f"{each}.jpg,{'circle' if number % 2 else 'square'}" for number, each in tagged)]
    (desk / "PHOTOS" / "tags.csv").write_text("\n".join(tags))
    (desk / "tags.csv").write_text("\n".join(tags))
    shutil.copytree(data / "JPEGImages", desk / "NEW")
    shutil.copytree(data, desk / "FOLDER")
    for name in ("RECIPE", "quickstart", "first", "second", "third"):
        (desk / name).write_text(yaml.safe_dump(TINY))
        shutil.copytree(finished_run, desk / "runs" / name)
    shutil.copytree(finished_run, desk / "RUN")
    shutil.copy(finished_run / "seg" / "model.safetensors", desk)
    return desk


@pytest.fixture
def at_the_desk(desk: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(desk)
    return desk


def call(line: str, desk: Path) -> Result:
    photos = "\n".join(str(path) for path in sorted((desk / "NEW").iterdir()))
    more = ["--no-forecast"] if line.startswith("puzzlecam new") else []  # the forecast has its own tests
    if line.startswith("puzzlecam show") and "--out" not in line:  # there is no terminal for it here
        more = ["--out", "shown"]
    return CliRunner().invoke(app, [*shlex.split(line)[1:], *more], input=photos if " - " in line else None)


def test_every_command_does_what_it_says(at_the_desk: Path) -> None:
    """In an order in which each finds what it needs; exit code 0."""
    for line in sorted(COMMANDS, key=in_order):
        if line.startswith(tuple(NOT_RUN)):
            continue
        for folder in ("predictions", "labels"):  # of another example, by another model
            shutil.rmtree(folder, ignore_errors=True)
        result = call(line, at_the_desk)
        assert result.exit_code == 0, f"{line}\n{result.output}"
        if line.startswith("puzzlecam new"):
            (at_the_desk / "PHOTOS.yaml").write_text(yaml.safe_dump(TINY | {"data": FOLDER}))
        if line.startswith("puzzlecam labels") and "cvat" in line:
            shutil.copy("labels/cvat.zip", "corrected.zip")


@pytest.mark.parametrize("reason", NOT_RUN.values())
def test_what_is_not_run_has_its_tests_elsewhere(reason: str) -> None:
    assert (Path(__file__).parents[1] / reason.split()[-1]).exists()
