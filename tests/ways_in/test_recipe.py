"""Recipe files that people write, and that somebody hostile would: the right value, or a message with file and line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import find_recipe, load_recipe
from tests.conftest import Run
from tests.recipe.messages import LEAST, check_message, refused

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 13))
UNREADABLE = {
    "empty": (b"", "must hold keys and values"),
    "only a comment": (b"# recipe\n", "must hold keys and values"),
    "only blank lines": (b"\n\n  \n", "must hold keys and values"),
    "a list": (b"- a\n- b\n", "must hold keys and values"),
    "plain text": (b"just text", "must hold keys and values"),
    "a number": (b"42", "must hold keys and values"),
    "HTML": (b"<!DOCTYPE html>\n<html>\n", "must hold keys and values"),
    "JSON cut short": (b'{"recipe": 1,\n', "line 2"),
    "a tab as indent": (b"recipe: 1\nseg:\n\tepochs: 5\n", "line 3"),
    "a bracket left open": (LEAST.encode() + b"seg: {epochs: 5\nrw: 3\n", "line 5"),
    "a quote left open": (LEAST.encode() + b"seg: 'x\n", "line 5"),
    "two documents": (b"recipe: 1\n---\nrecipe: 1\n", "line 2"),
    "an anchor that is not there": (LEAST.encode() + b"seg: *other\n", "line 4"),
    "a NUL": (b"recipe: 1\nseed: \x00\n", "line 2"),
    "a BEL": (b"recipe: 1\n\nseed: \x07\n", "line 3"),
    "a raw ESC": (b"recipe: 1\nseed: \x1b[31m\n", "line 2"),
    "an escaped NUL": (LEAST.encode() + b'seg: {norm: "a\\0b"}\n', "line 4"),
    "an escaped ESC as a key": (LEAST.encode() + b'"\\e[31m": 1\n', "line 4"),
    "half a surrogate pair": (LEAST.encode() + b'seg: {norm: "\\ud83d"}\n', "line 4"),
    "a character beyond Unicode": (LEAST.encode() + b'seg: {norm: "\\U7fffffff"}\n', "not valid YAML"),
    "Latin-1": (b"recipe: 1\n# caf\xe9\n", "line 2"),
    "UTF-16 cut short": (b"\xff\xfer\x00\x00", "not text in UTF-16"),
    "UTF-16 without a mark": (LEAST.encode("utf-16-le"), "line 1"),
    "all bytes": (bytes(range(256)), "line"),
    "a PNG": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not text in UTF-8"),
    "a ZIP": (b"PK\x03\x04" + bytes(500), "line 1"),
    "over 256 kB": (LEAST.encode() + b"# " + b"x" * 300_000, "larger than 256 kB"),
    "12 MB": (LEAST.encode() + b"seed: 1 # x\n" * 1_000_000, "larger than 256 kB"),
    "an alias bomb": (BOMB.encode(), "more than 5,000 keys and values"),
    "an alias of itself": (b"recipe: &a [*a, *a]\n", "an alias stands inside of what it repeats"),
    "a section that is its own": (b"&a\nrecipe: *a\n", "an alias stands inside of what it repeats"),
    "20,000 keys": ("".join(f"k{n}: 1\n" for n in range(20_000)).encode(), "more than 5,000 keys and values"),
    "a list of 100,000": (b"recipe: [" + b"1," * 100_000 + b"]", "more than 5,000 keys and values"),
    "5,000 nested lists": (b"recipe: " + b"[" * 5000, "nested more than 20 deep"),
    "3,000 nested maps": (b"recipe: " + b"{a: " * 3000, "nested more than 20 deep"),
    "lists nested line by line": (b"".join(b" " * n + b"-\n" for n in range(500)), "nested more than 20 deep"),
    "a value of 100,000 characters": (LEAST.encode() + b"seg: {norm: " + b"x" * 100_000 + b"}", "line 4"),
    "a number of 5,000 digits": (LEAST.encode() + b"seed: " + b"9" * 5000, "line 4"),
    "a key twice": (LEAST.encode() + b"seed: 1\nseed: 2\n", "names `seed` twice, first on line 4"),
    "a key twice in a section": (LEAST.encode() + b"seg:\n  lr: 1\n  epochs: 2\n  lr: 1\n", "line 7"),
    "a whole number as key": (LEAST.encode() + b"1: x\n", "YAML reads `1` as a number"),
    "true as key": (LEAST.encode() + b"true: x\n", "YAML reads `true` as true"),
    "on as key": (LEAST.encode() + b"seg:\n  on: x\n", "YAML reads `on` as true"),
    "null as key": (LEAST.encode() + b"null: x\n", "YAML reads `null` as nothing"),
    "a list as key": (LEAST.encode() + b"? [a, b]\n: x\n", "a key must be text"),
    "a merge key": (LEAST.encode() + b"seg:\n  <<: {epochs: 3}\n", "`<<` is not understood"),
    "a Python object": (
        LEAST.encode() + b"seed: !!python/object/apply:os.getpid []\n",
        "`!!python/object/apply:os.getpid`",
    ),
    "a Python name": (LEAST.encode() + b"seed: !!python/name:os.system\n", "line 4"),
    "a set": (LEAST.encode() + b"seed: !!set {a, b}\n", "`!!set`"),
    "bytes": (LEAST.encode() + b"seed: !!binary aGk=\n", "`!!binary`"),
    "one's own tag": (LEAST.encode() + b"seed: !seed 3\n", "`!seed`"),
    "a tag that does not fit": (LEAST.encode() + b"seed: !!int abc\n", "line 4"),
    "a tag that fits no truth": (LEAST.encode() + b"seed: !!bool abc\n", "line 4"),
}


@pytest.mark.parametrize(("content", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_file_that_is_no_recipe(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    message = refused(tmp_path / "mine.yaml")
    assert words in message
    assert "mine.yaml" in message
    assert message.startswith(("error: recipe-unreadable", "error: recipe-encoding"))


MISSING = {
    "no data": ("recipe: 1\nbackbone: r\n", "mine.yaml  data\n        is missing"),
    "no kind": ("data: {root: r}\n", "line 1  data.kind\n        is missing: it must be 'voc'"),
    "a misspelt kind": ("data: {kind: vok}\n", "data.kind = 'vok'\n        must be 'voc'"),
    "a list of kinds": ("data: {kind: [voc]}\n", "line 1  data.kind = ['voc']"),
    "no as kind": ("data: {kind: no}\n", "line 1  data.kind = no"),
    "a kind without a section": ("data: voc\n", "line 1  data = 'voc'"),
    "no root": ("data: {kind: voc}\n", "line 1  data.root\n        is missing"),
    "a later format": ("recipe: 2\n", "recipe = 2\n        must be 1"),
    "a nameless backbone": ("recipe: 1\nbackbone: {}\n", "line 2  backbone.name"),
    "all at once": ("Recipe: 1\n", "4 problems"),
}


@pytest.mark.parametrize(("text", "words"), MISSING.values(), ids=MISSING)
def test_what_is_missing_is_named(text: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    assert words in refused(tmp_path / "mine.yaml")


def test_many_problems_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(LEAST + "".join(f"key{n}: 1\n" for n in range(1000)))
    message = refused(tmp_path / "mine.yaml")
    assert "has 1000 problems" in message
    assert "... and 988 more" in message


@pytest.mark.parametrize(
    ("line", "key", "expected"),
    [
        pytest.param("seg: {epochs: 007}", "seg.epochs", 7, id="leading zeros"),
        pytest.param("seg: {epochs: 010}", "seg.epochs", 10, id="no octal"),
        pytest.param("seg: {epochs: 1_000}", "seg.epochs", 1000, id="digits in groups"),
        pytest.param("seg: {epochs: '5'}", "seg.epochs", 5, id="a number in quotes"),
        pytest.param("seg: {epochs: 1e2}", "seg.epochs", 100, id="a whole number with an exponent"),
        pytest.param("seg: {epochs: 5.0}", "seg.epochs", 5, id="a whole number with a point"),
        pytest.param("seg: {lr: 4e-5}", "seg.lr", 4e-5, id="an exponent without a point"),
        pytest.param("seed: 9223372036854775807", "seed", 2**63 - 1, id="the largest seed"),
        pytest.param("cams: {flip: no}", "cams.flip", False, id="no as false"),
        pytest.param("seg: &s {epochs: 3}", "seg.epochs", 3, id="an anchor"),
        pytest.param(
            "rw: {crf: &c {iterations: 3}}\nseg: {predict: {crf: *c}}", "seg.predict.crf.iterations", 3, id="an alias"
        ),
        pytest.param("cams:\n  scales:\n  - 1\n  - 2.0\n", "cams.scales", (1.0, 2.0), id="a list in lines"),
        pytest.param("# Grüße, 你好, \U0001f600\n", "seed", 0, id="a comment in any script"),
    ],
)
def test_what_is_meant_is_read(line: str, key: str, expected: object, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(LEAST + line, encoding="utf-8")
    value: Any = load_recipe(str(tmp_path / "mine.yaml"))
    for part in key.split("."):
        value = getattr(value, part)
    assert value == expected


@pytest.mark.parametrize("train", ["007", "2012-01-01", "12:30", "y", "=", "a b", "Gr\u00fc\u00dfe", "'no'"])
def test_text_is_taken_as_it_is_written(train: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(LEAST.replace("root:", f"train: {train}, root:"), encoding="utf-8")
    assert load_recipe(str(tmp_path / "mine.yaml")).data.train == train.strip("'")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_marked_encodings_are_read(encoding: str, end: str, tmp_path: Path) -> None:
    text = LEAST.replace("photos", "Grüße/写真").replace("\n", end)
    (tmp_path / "mine.yaml").write_bytes(text.encode(encoding))
    assert load_recipe(str(tmp_path / "mine.yaml")).data.root == Path("Grüße/写真")


def test_a_tilde_is_ones_home_in_every_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "mine.yaml").write_text(
        "recipe: 1\nbackbone: {name: r, weights: ~/w.pth}\ndata: {kind: voc, root: ~/p, classes: ~/c}"
    )
    recipe = load_recipe(str(tmp_path / "mine.yaml"))
    paths = [str(path) for path in (recipe.data.root, recipe.data.classes, recipe.backbone.weights)]
    assert paths == ["/home/me/p", "/home/me/c", "/home/me/w.pth"]


@pytest.fixture
def odd_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, as the current one, with what is no recipe."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    Path("loop").symlink_to("loop")
    Path("dangling").symlink_to("nowhere")
    Path("directory").mkdir()
    Path("half_a_run").mkdir()
    Path("half_a_run/recipe.yaml").write_text(LEAST)
    Path("afile").write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("pipe", "pipe is a pipe, not a file", id="a pipe"),
        pytest.param("/dev/zero", "/dev/zero is a device", id="an endless device"),
        pytest.param("/dev/null", "/dev/null is a device", id="an empty device"),
        pytest.param("loop", "`loop`: too many levels of symbolic links", id="a link to itself"),
        pytest.param("dangling", "there is no recipe `dangling`", id="a link to nowhere"),
        pytest.param("directory", "`directory`: it is a folder, but not that of a run", id="a folder"),
        pytest.param("half_a_run", "it is a folder, but not that of a run", id="a folder without run.json"),
        pytest.param("afile/below", "there is no recipe `afile/below`", id="below a file"),
        pytest.param("x" * 300, "file name too long", id="a name of 300 characters"),
        pytest.param("x/" * 5000, "file name too long", id="a path of 10,000 characters"),
        pytest.param("a\0b", r"a\x00b", id="a name with a NUL"),
        pytest.param("\x1b[31mred", r"`\x1b[31mred`", id="a name with escape codes"),
        pytest.param("\udcff", r"`\udcff`", id="a name that is no UTF-8"),
        pytest.param("", "there is no recipe ``", id="an empty name"),
        pytest.param(".", "it is a folder", id="the current folder"),
        pytest.param("nowhere/recipes/quickstart.yaml", "there is no recipe", id="a shipped name in a wrong folder"),
        pytest.param("quickstrat", "did you mean `quickstart`?", id="a misspelt name"),
    ],
)
def test_a_name_that_is_no_recipe(name: str, words: str, odd_names: Path) -> None:
    assert words in refused(name)


def test_an_unreadable_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text(LEAST)

    def closed(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", closed)
    assert "mine.yaml cannot be read (Permission denied)" in refused(tmp_path / "mine.yaml")


def test_the_folder_of_a_run_is_its_recipe(odd_names: Path) -> None:
    (odd_names / "half_a_run" / "run.json").write_text("{}")
    assert find_recipe("half_a_run") == Path("half_a_run/recipe.yaml")
    (odd_names / "half_a_run").rename("quickstart")
    assert find_recipe("quickstart").name == "quickstart.yaml", "a shipped name stays that"
    assert find_recipe("./quickstart") == Path("quickstart/recipe.yaml")


def test_the_advice_of_a_message_works(puzzlecam: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(LEAST + "seed: -1")
    hint = refused(tmp_path / "mine.yaml").rpartition("hint: ")[2]
    program, *command = hint.split("`")[1].split()
    assert program == "puzzlecam"
    assert "epochs:" in puzzlecam(*command).stdout


YAML = st.text(st.sampled_from("abe019.:-[]{}&*!?|>#'\"\\\n\t ~%@,<=\0\x1b\u202e\ud800é"), max_size=60)
ONE_FOLDER = settings(
    deadline=None, max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@ONE_FOLDER
@given(text=YAML | st.builds(lambda text: LEAST + "seg: " + text, YAML) | st.text(max_size=40))
@example(text="&a [*a]")
@example(text="? ? ?")
@example(text="%YAML 9.9\n--- a")
@example(text="!<!> a")
def test_any_text_is_a_recipe_or_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load_recipe(str(tmp_path / "mine.yaml"))
    except UserError as error:
        check_message(str(error))


@ONE_FOLDER
@given(content=st.binary(max_size=80))
def test_any_bytes_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_recipe(str(tmp_path / "mine.yaml"))
    check_message(str(caught.value))
