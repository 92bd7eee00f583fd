"""`puzzlecam new`: from a folder to a recipe that loads, with nothing asked that can be found out."""

from __future__ import annotations

import os
import pty
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from puzzlecam_cli.recipe.load import load_recipe
from tests.layouts import CATS, CSV, JPEG, MANY, MANY_ROWS, TWO, lay, photos, picture, voc
from tests.ways_in.test_discover import FOUND

pytestmark = pytest.mark.usefixtures("_preloaded")  # on a terminal
Run = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_folder_becomes_a_recipe_and_the_next_commands(puzzlecam: Run, here: Path) -> None:
    lay(here / "pets", {**photos(*MANY), "tags.csv": f"file,tags\n{MANY_ROWS}"})
    result = puzzlecam("new", "pets", "--no-forecast")
    assert result.exit_code == 0, result.output
    data = load_recipe("pets.yaml").data.model_dump()
    assert (data["root"], data["tags"], data["val"]) == (Path("pets"), Path("pets/tags.csv"), 0.2)
    assert "photos    40 in pets, 30 × 20 pixels\n" in result.stdout
    assert "parts     32 trained on, 8 predicted" in result.stdout
    assert result.stdout.endswith("next: puzzlecam data check pets.yaml\n      puzzlecam run-all pets.yaml\n")


def test_the_recipe_is_short_and_says_why(puzzlecam: Run, here: Path) -> None:
    lay(here / "pets", {**photos(*MANY), "tags.csv": f"file,tags\n{MANY_ROWS}"})
    assert puzzlecam("new", "pets", "--no-forecast").exit_code == 0
    lines = Path("pets.yaml").read_text().splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 120
    assert lines[0] == "# 40 photos of 2 classes in pets, as `puzzlecam new` found them."
    assert any(line.startswith("  val: 0.2 ") and "# a fifth of the photos" in line for line in lines)


def test_the_current_folder_is_looked_at_by_default(puzzlecam: Run, here: Path) -> None:
    lay(here, voc())
    assert puzzlecam("new", "--no-forecast").exit_code == 0
    assert load_recipe("here.yaml").data.model_dump()["root"] == here  # `.` is another folder elsewhere
    assert puzzlecam("run-all", "here.yaml", "--plan").exit_code == 0


ODD_NAMES = [
    "two words",
    "it's",
    "a: b",
    "#1",
    "-dash",
    "ünïcödé 牛",
    "~tilde",
    "yes",
    "1:30",
    "a,b [c] {d}",
    '"q"',
    "&x",
    "%",
    "$HOME",
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_folder_of_any_name_can_be_run_by_the_printed_command(puzzlecam: Run, here: Path, name: str) -> None:
    lay(here / name, voc())
    result = puzzlecam("new", "--no-forecast", "--", name)
    assert result.exit_code == 0, result.output
    (printed,) = [line.strip() for line in result.stdout.splitlines() if "run-all" in line]
    _, *arguments = shlex.split(printed)
    assert puzzlecam(*arguments, "--plan").exit_code == 0, printed


def test_a_relative_path_of_any_kind_works_from_here(puzzlecam: Run, here: Path) -> None:
    lay(here.parent / "beside", voc())
    result = puzzlecam("new", "../beside", "--out", "x.yaml", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert yaml.safe_load(Path("x.yaml").read_text())["data"]["root"] == str(here.parent / "beside")
    assert puzzlecam("run-all", "x.yaml", "--plan").exit_code == 0


def test_nothing_is_overwritten(puzzlecam: Run, here: Path) -> None:
    lay(here / "pets", voc())
    (here / "pets.yaml").write_text("mine")
    refused = puzzlecam("new", "pets", "--out", "pets.yaml", "--no-forecast")
    assert refused.exit_code == 2
    assert "pets.yaml is there already" in refused.stderr
    result = puzzlecam("new", "pets", "--no-forecast")
    assert result.exit_code == 0
    assert "pets.yaml is there already: this one is pets-2.yaml" in result.stdout
    assert (here / "pets.yaml").read_text() == "mine"
    assert load_recipe("pets-2.yaml")


REFUSED = {
    "no folder": ({}, ["nowhere"], "there is no folder nowhere"),
    "a name like that of a folder": (voc("pets/"), ["pest"], "did you mean pets?"),
    "no name": ({}, [""], "the folder has no name"),
    "an empty folder": ({"x/readme.md": ""}, ["x"], "there is no photo below x"),
    "a photo": (dict(TWO), ["a.jpg"], "a.jpg is a photo"),
    "no tags": (dict(TWO), ["."], "`a.jpg,cat dog` and `b.jpg,cat`"),
    "a table of other photos": ({**TWO, "t.csv": "file,tags\nx.jpg,cat\ny.jpg,dog\n"}, ["."], "t.csv: "),
    "no such tags": ({**TWO, "tags.csv": CSV}, [".", "--tags", "x.csv"], "there is no file x.csv"),
    "a folder to write to that is not there": (voc(), [".", "--out", "x/y.yaml"], "there is no folder `x`"),
    "a recipe without its suffix": (voc(), [".", "--out", "y"], "--out y.yaml"),
    "a folder as a recipe": (voc("z/"), ["z", "--out", "z"], "--out z is no name of a file"),
    "tables that differ": (
        {**TWO, "tags.csv": CSV, "other.csv": CSV.replace("dog", "cow")},
        ["."],
        "puzzlecam new . --tags other.csv",
    ),
}


@pytest.mark.parametrize(("files", "arguments", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused(
    puzzlecam: Run, here: Path, files: dict[str, bytes | str], arguments: list[str], said: str
) -> None:
    lay(here, files)
    before = sorted(path for path in here.rglob("*"))
    result = puzzlecam("new", *arguments, "--no-forecast")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert sorted(path for path in here.rglob("*")) == before


def test_a_closed_folder_is_refused(puzzlecam: Run, here: Path) -> None:
    lay(here / "pets", voc())
    (here / "pets" / "JPEGImages").chmod(0)
    try:
        if os.access(here / "pets" / "JPEGImages", os.R_OK):
            pytest.skip("nothing is closed to this user")
        result = puzzlecam("new", "pets", "--no-forecast")
    finally:
        (here / "pets" / "JPEGImages").chmod(0o755)
    assert result.exit_code == 2
    assert "cannot be listed" in result.stderr


def test_the_tags_that_are_named_are_taken(puzzlecam: Run, here: Path) -> None:
    lay(here, {**CATS, "tags.csv": CSV, "other.csv": CSV.replace("dog", "cow")})
    assert puzzlecam("new", ".", "--tags", "other.csv", "--out", "1.yaml", "--no-forecast").exit_code == 0
    assert load_recipe("1.yaml").data.model_dump()["tags"] == here / "other.csv"
    assert puzzlecam("new", "other.csv", "--out", "2.yaml", "--no-forecast").exit_code == 0
    assert load_recipe("2.yaml").data.model_dump()["tags"] == here / "other.csv"
    assert puzzlecam("new", ".", "--tags", "folders", "--out", "3.yaml", "--no-forecast").exit_code == 0
    assert load_recipe("3.yaml").data.model_dump()["tags"] == Path("folders")


def test_tables_that_say_the_same_are_no_question(puzzlecam: Run, here: Path) -> None:
    lay(here, {**TWO, "tags.csv": CSV, "copy.tsv": CSV.replace(",", "\t")})
    result = puzzlecam("new", ".", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert "the same tags" in result.stdout


def test_few_photos_are_all_trained_on_and_that_is_said(puzzlecam: Run, here: Path) -> None:
    lay(here, {"a.jpg": JPEG, "tags.csv": "a.jpg,cat\n"})
    result = puzzlecam("new", ".", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert load_recipe("here.yaml").data.model_dump()["val"] is None
    assert "the one photo is not set aside" in result.stdout
    assert puzzlecam("run-all", "here.yaml", "--plan").exit_code == 0


@pytest.mark.parametrize("name", FOUND)
def test_a_recipe_of_any_layout_loads_and_can_be_planned(puzzlecam: Run, here: Path, name: str) -> None:
    lay(here / "data set", FOUND[name][0])
    result = puzzlecam("new", "data set", "--out", "x.yaml", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert load_recipe("x.yaml")
    plan = puzzlecam("run-all", "x.yaml", "--plan")
    assert plan.exit_code == 0, plan.output


def test_tags_that_lie_elsewhere_are_named(puzzlecam: Run, here: Path) -> None:
    lay(here / "pets", TWO)
    lay(here / "far/away", {"labels.csv": CSV})
    refused = puzzlecam("new", "far/away/labels.csv", "--no-forecast")
    assert refused.exit_code == 2
    assert "puzzlecam new PHOTOS --tags far/away/labels.csv" in refused.stderr
    result = puzzlecam("new", "pets", "--tags", "far/away/labels.csv", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert load_recipe("pets.yaml").data.model_dump()["tags"] == Path("far/away/labels.csv")


def test_masks_that_contradict_the_tags_are_left_out_and_that_is_said(puzzlecam: Run, here: Path) -> None:
    files = photos("a", "b", below="images/") | {"masks/a.png": picture("PNG", 2), "masks/b.png": picture("PNG", 1)}
    lay(here / "pets", {**files, "tags.csv": CSV})
    result = puzzlecam("new", "pets", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert "masks in pets/masks are not used: 2 of 2 looked at show classes that are no tags" in result.stdout
    assert load_recipe("pets.yaml").data.model_dump()["masks"] is None


def test_photos_that_cannot_be_read_are_said(puzzlecam: Run, here: Path) -> None:
    lay(here, {**photos(*MANY), "00.jpg": "no photo", "tags.csv": f"file,tags\n{MANY_ROWS}"})
    result = puzzlecam("new", "--no-forecast")
    assert result.exit_code == 0, result.output
    assert "a quick look at 40 of 40 photos found 1 that cannot be read: 00.jpg" in result.stdout
    assert "`puzzlecam data check` looks at all" in result.stdout
    lay(here, dict.fromkeys(photos(*MANY), "no photo"))
    refused = puzzlecam("new", "--out", "x.yaml", "--no-forecast")
    assert refused.exit_code == 2
    assert "none of the 40 photos looked at can be read" in refused.stderr


def test_two_columns_that_may_divide_photos_are_a_question(here: Path) -> None:
    rows = "file,tags,split,set\na.jpg,cat,train,val\nb.jpg,dog,val,train\n"
    lay(here, {**TWO, "tags.csv": rows})
    code, seen = on_a_terminal(here, ".", typed="2\n")
    assert code == 0, seen
    assert load_recipe(str(here / "here.yaml")).data.model_dump()["val"] == "set=val"
    code, seen = on_a_terminal(here, ".", "--yes", typed="")
    assert code == 0, seen
    assert "photos are divided by column `split`, not by column `set`" in " ".join(seen.split())
    assert load_recipe(str(here / "here-2.yaml")).data.model_dump()["val"] == "split=val"


def test_an_interrupted_forecast_leaves_the_recipe(puzzlecam: Run, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("puzzlecam_cli.session.forecast.forecast_recipe", interrupt)
    lay(here, {**TWO, "tags.csv": CSV})
    result = puzzlecam("new")
    assert result.exit_code == 0  # what comes after `&&` goes on
    assert "The recipe is ready." in result.stderr
    assert "no forecast: interrupted; the recipe is written" in result.stderr
    assert load_recipe("here.yaml")


def on_a_terminal(folder: Path, *arguments: str, typed: str) -> tuple[int, str]:
    """The exit code and what a person sees."""
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "puzzlecam_cli", "new", *arguments, "--no-forecast"]
    with subprocess.Popen(command, cwd=folder, stdin=child, stdout=child, stderr=child, close_fds=True) as process:
        os.close(child)
        os.write(parent, typed.encode())
        seen = b""
        while True:
            try:
                data = os.read(parent, 4096)
            except OSError:
                break
            if not data:
                break
            seen += data
    os.close(parent)
    return process.returncode, seen.decode()


def test_a_person_is_asked_which_tags_are_meant(here: Path) -> None:
    lay(here, {**TWO, "tags.csv": CSV, "other.csv": CSV.replace("dog", "cow")})
    code, seen = on_a_terminal(here, ".", typed="\n7\n2\n")
    assert code == 0, seen
    assert "Which tags are meant?" in seen
    assert "a number from 1 to 2, please" in seen
    assert load_recipe(str(here / "here.yaml")).data.model_dump()["tags"] == here / "tags.csv"


def test_nobody_is_asked_with_yes(here: Path) -> None:
    lay(here, {**TWO, "tags.csv": CSV, "other.csv": CSV.replace("dog", "cow")})
    code, seen = on_a_terminal(here, ".", "--yes", typed="")
    assert code == 2
    assert "tags-ambiguous" in seen


def test_a_forecast_that_cannot_be_made_leaves_the_recipe(
    puzzlecam: Run, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from puzzlecam_cli.errors import UserError

    def refuse(*_: object) -> None:
        raise UserError("weights-missing", "there are no weights")

    monkeypatch.setattr("puzzlecam_cli.session.forecast.forecast_recipe", refuse)
    lay(here, {**TWO, "tags.csv": CSV})
    result = puzzlecam("new")
    assert result.exit_code == 0
    assert "there are no weights" in result.stderr
    assert load_recipe("here.yaml")
