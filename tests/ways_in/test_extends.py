"""`extends` and `recipes copy`: what leads from one recipe file to another, and where that ends."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from puzzlecam_cli.recipe.load import load_recipe
from tests.conftest import Run
from tests.recipe.messages import LEAST, check_message, refused

REFUSED = {
    "a file that is not there": ("base.yaml", "there is no recipe `base.yaml`"),
    "a misspelt shipped name": ("quickstrat", "did you mean `quickstart`?"),
    "a list": ("[a, b]", "mine.yaml must extend one recipe, by its path or name"),
    "a number": ("5", "must extend one recipe"),
    "nothing": ("", "must extend one recipe"),
    "true": ("yes", "must extend one recipe"),
    "a section": ("{a: b}", "must extend one recipe"),
    "an empty text": ("''", "there is no recipe ``"),
    "itself": ("mine.yaml", "mine.yaml extends itself"),
    "itself by another path": ("../here/mine.yaml", "mine.yaml extends itself"),
    "one that extends it": ("back.yaml", "mine.yaml extends itself"),
    "more than ten": ("long0.yaml", "more than 10 recipes extend one another"),
    "the list of users": ("/etc/passwd", "× /etc/passwd "),
    "a folder": ("directory", "`directory`: it is a folder"),
    "an endless device": ("/dev/zero", "/dev/zero is a device"),
    "a list of keys": ("list.yaml", "list.yaml must hold keys and values"),
    "no YAML": ("broken.yaml", "broken.yaml cannot be read"),
    "nobody's home": ("~nobody-such/a.yaml", "no such home folder"),
    "300 characters": ("x" * 300, "file name too long"),
    "escape codes": (r'"a\tb"', r"`a\tb`"),
    "one in the current folder only": ("current.yaml", "there is no recipe `current.yaml`"),
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside the current one, with recipes to extend."""
    (tmp_path / "current").mkdir()
    monkeypatch.chdir(tmp_path / "current")
    Path("current.yaml").write_text(LEAST)
    here = tmp_path / "here"
    (here / "directory").mkdir(parents=True)
    (here / "back.yaml").write_text("extends: mine.yaml\n")
    (here / "list.yaml").write_text("- a\n")
    (here / "broken.yaml").write_text("seg: {\n")
    (here / "good.yaml").write_text(LEAST + "seed: 5\n")
    for number in range(12):
        (here / f"long{number}.yaml").write_text(f"extends: long{number + 1}.yaml\n")
    return here


@pytest.mark.parametrize(("name", "words"), REFUSED.values(), ids=REFUSED)
def test_a_base_that_is_none_is_named_with_who_extends_it(name: str, words: str, here: Path) -> None:
    (here / "mine.yaml").write_text(f"seed: 1\nextends: {name}\n")
    message = refused(here / "mine.yaml")
    assert words in message
    assert "mine.yaml line 2  extends = " in message


@pytest.mark.parametrize("name", ["good.yaml", "../here/good.yaml", "{here}/good.yaml", "~/good.yaml", "runs/a"])
def test_a_base_is_found_from_any_folder(name: str, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(here))
    (here / "runs" / "a").mkdir(parents=True)
    (here / "runs" / "a" / "recipe.yaml").write_text(LEAST + "seed: 5\n")
    (here / "runs" / "a" / "run.json").write_text("{}")
    (here / "mine.yaml").write_text(f"extends: {name.format(here=here)}\nrw: {{beta: 3}}\n")
    recipe = load_recipe(str(here / "mine.yaml"))
    assert (recipe.seed, recipe.rw.beta) == (5, 3)


COPIED = {
    "no base": LEAST,
    "a base beside it": "# mine\nextends: good.yaml  # and why\nrw: {beta: 3}\n",
    "a base in quotes": 'extends: "good.yaml"\nseed: 3\n',
    "a base further up": "extends: ../here/good.yaml\n",
    "a base in a flow": "{extends: good.yaml, seed: 9}\n",
    "a shipped base": "extends: quickstart\nseed: 3\n",
    "a base at home": "extends: ~/good.yaml\n",
    "a base in a block": "extends: >-\n  good.yaml\nseed: 3\n",
}


@pytest.mark.parametrize("text", COPIED.values(), ids=COPIED)
def test_a_copy_is_the_same_recipe(
    text: str, here: Path, tmp_path: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(here))
    (here / "mine.yaml").write_text(text)
    copy = tmp_path / "copy.yaml"
    result = puzzlecam("recipes", "copy", here / "mine.yaml", copy)
    assert (result.exit_code, result.stdout) == (0, f"{copy}\n")
    assert load_recipe(str(copy)) == load_recipe(str(here / "mine.yaml"))
    assert [line for line in copy.read_text().splitlines() if "#" in line] == [
        line.replace("good.yaml", f'"{here}/good.yaml"') for line in text.splitlines() if "#" in line
    ], "comments stay"


def test_a_copy_says_the_shipped_name_where_that_is_enough(here: Path, tmp_path: Path, puzzlecam: Run) -> None:
    (here / "mine.yaml").write_text("extends: quickstart\n")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "quickstart").write_text(LEAST)  # would be found first
    for folder in (tmp_path, tmp_path / "other"):
        assert puzzlecam("recipes", "copy", here / "mine.yaml", folder).exit_code == 0
        assert load_recipe(str(folder / "mine.yaml")) == load_recipe("quickstart")
    assert (tmp_path / "mine.yaml").read_text() == "extends: quickstart\n"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param("good.yaml", "good.yaml is there already", id="a file that is there"),
        pytest.param("dangling", "dangling is there already", id="a link to nowhere"),
        pytest.param("full", "quickstart.yaml is there already", id="a folder that has one"),
        pytest.param("nodir/x.yaml", "there is no folder `nodir`", id="a missing folder"),
        pytest.param("nodir/", "there is no folder `nodir`", id="a missing folder with a slash"),
        pytest.param("good.yaml/x.yaml", "good.yaml is no folder", id="below a file"),
        pytest.param("good.yaml/", "good.yaml is no folder", id="a file with a slash"),
        pytest.param("", "the copy has no name", id="no name"),
        pytest.param(" ", "the copy has no name", id="a blank as name"),
        pytest.param("x" * 300, "cannot be written: File name too long", id="a name of 300 characters"),
        pytest.param("a\0b", "cannot be written", id="a name with a NUL"),
        pytest.param("/dev/null", "/dev/null is there already", id="a device"),
        pytest.param("/proc/x.yaml", "/proc/x.yaml cannot be written", id="where nothing can be written"),
        pytest.param("\x1b[31m/x", r"there is no folder `\x1b[31m`", id="escape codes"),
    ],
)
def test_a_copy_that_cannot_be_written_leaves_all_as_it_was(
    target: str, words: str, here: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(here)
    Path("dangling").symlink_to("nowhere")
    Path("full").mkdir()
    Path("full/quickstart.yaml").write_text("mine")
    before = {path: path.is_file() and path.read_bytes() for path in here.rglob("*")}
    result = puzzlecam("recipes", "copy", "quickstart", target)
    assert result.exit_code == 2
    check_message(result.stderr.rstrip())
    assert words in result.stderr
    assert {path: path.is_file() and path.read_bytes() for path in here.rglob("*")} == before


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_copy_that_fails_half_way_is_taken_back(
    number: int, tmp_path: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr("puzzlecam_cli.files.flush_to_disk", fail)
    assert puzzlecam("recipes", "copy", "quickstart", tmp_path / "x.yaml").exit_code == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["broken.yaml", "list.yaml", "back.yaml", "missing.yaml", "directory", "long0.yaml"])
def test_what_cannot_be_read_is_not_copied(name: str, here: Path, tmp_path: Path, puzzlecam: Run) -> None:
    result = puzzlecam("recipes", "copy", here / name, tmp_path / "x.yaml")
    assert result.exit_code == 2
    assert name.removesuffix(".yaml") in result.stderr
    assert not (tmp_path / "x.yaml").exists()


def test_the_recipe_of_a_run_is_copied_by_its_folder(here: Path, tmp_path: Path, puzzlecam: Run) -> None:
    (here / "run.json").write_text("{}")
    (here / "recipe.yaml").write_text(LEAST)
    assert puzzlecam("recipes", "copy", here, tmp_path / "x.yaml").exit_code == 0
    assert (tmp_path / "x.yaml").read_text() == LEAST
