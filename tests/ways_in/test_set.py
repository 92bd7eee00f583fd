"""`--set KEY=VALUE` of a command line: the right value, or a message that is about that change and suggests one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from tests.conftest import Run
from tests.recipe.messages import LEAST, check_message, refused

BOMB = ", ".join([f"&a0 [{'1, ' * 9}]", *(f"&a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 9))])
REFUSED = {
    "no value": ("seg.epochs", "`--set seg.epochs` is not KEY=VALUE"),
    "no key": ("=5", "`--set =5` is not KEY=VALUE"),
    "nothing": ("", "`--set ` is not KEY=VALUE"),
    "a dot too many at the end": ("seg.=5", "is not KEY=VALUE"),
    "a dot too many at the start": (".epochs=5", "is not KEY=VALUE"),
    "two dots": ("seg..epochs=5", "is not KEY=VALUE"),
    "a colon for an equals sign": ("seg.epochs: 5", "is not KEY=VALUE"),
    "1,000 dots": (".".join("a" * 1000) + "=5", "is not KEY=VALUE"),
    "a bracket left open": ("seg.epochs=[5", "the value in `--set seg.epochs=[5` cannot be read"),
    "a tab": ("seg={a:\n\t1}", "--set seg={a:\\n\\t1}"),
    "an anchor that is not there": ("seg.epochs=*x", "cannot be read"),
    "a NUL": ("data.root=a\0b", "character U+0000 must not stand in it"),
    "an escape code": ("data.root=\x1b[31m", r"--set data.root=\x1b[31m"),
    "an escape code in the key": ("\x1b[31m=5", r"--set \x1b[31m=5"),
    "bytes that are no UTF-8": ("data.root=\udcff", "character U+DCFF"),
    "a Python object": ("seed=!!python/object/apply:os.getpid []", "the tag `!!python/object/apply:os.getpid`"),
    "a whole-number key inside": ("seg={1: 2}", "a key must be text"),
    "a key twice inside": ("seg={lr: 1, lr: 2}", "names `lr` twice"),
    "a bomb": (f"seed=[{BOMB}]", "more than 5,000"),
    "5,000 brackets": ("seed=" + "[" * 5000, "nested more than 20 deep"),
    "100,000 characters": ("data.root=" + "x" * 100_000, "longer than 4,096 characters"),
    "extends": ("extends=quickstart", "`extends` is not a key here; it is for recipe files"),
    "a key of extends": ("extends.x=1", "`extends` is not a key here"),
    "a misspelt key": ("seg.epoch=5", "--set seg.epoch=5  seg.epoch = 5\n        is not a key; did you mean `epochs`?"),
    "a misspelt section": ("sag.epochs=5", "is not a key; did you mean `seg`?"),
    "a section in capitals": ("SEG.epochs=5", "is not a key; did you mean `seg`?"),
    "a key in capitals": ("seg.EPOCHS=5", "did you mean `epochs`?"),
    "a section with a dash": ("train-cls.epochs=5", "did you mean `train_cls`?"),
    "a key without its section": ("epochs=5", "did you mean `train_cls.epochs` or `affinity.epochs` or `seg.epochs`?"),
    "blanks around a dot": ("seg . epochs=5", "did you mean `seg`?"),
    "a key of a number": ("seg.epochs.x=5", "seg.epochs\n        is a whole number, not a section"),
    "a key of a path": ("data.root.x=5", "data.root\n        is a path, not a section"),
    "a key of a list": ("cams.scales.0=5", "cams.scales\n        is a list"),
    "an empty list": ("cams.scales=[]", "must have at least 1 entry"),
    "no list": ("cams.scales=1.0", "must be a list, e.g. [1.0]"),
    "an empty list of thresholds": ("eval.thresholds=[]", "must have at least 1 entry"),
    "a word for a list": ("runtime.trackers=tensorboard", "must be a list, e.g. [tensorboard]"),
    "an empty path": ("data.root=", "must be a path"),
    "26 digits": ("train_cls.epochs=99999999999999999999999999", "must be at most 1,000,000"),
    "a million million": ("data.val=[1e12]", "must be text"),
    "false as text": ("data.train=no", "must be text; YAML reads `no` as false: write 'no' in quotes"),
    "fp8": ("runtime.mixed_precision=fp8", "must be 'auto', 'no', 'fp16' or 'bf16'"),
    "another kind of data": ("data.kind=vok", "did you mean 'voc'?"),
    "a section that is wrong as a whole": (
        "affinity.labels.foreground=0",
        "╰─> --set affinity.labels.foreground=0  affinity.labels\n",
    ),
    "a section in one": ("seg={epochs: 0}", "╰─> --set seg={epochs: 0}  seg.epochs = 0"),
}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(LEAST + "seg: {epochs: 20}\ncams: {scales: [0.5, 1.0]}\n")
    return file


@pytest.mark.parametrize(("change", "words"), REFUSED.values(), ids=REFUSED)
def test_a_wrong_change_is_named(change: str, words: str, mine: Path) -> None:
    message = refused(mine, change)
    assert words in message
    assert "× `--set " in message or "× --set " in message or "× the value in `--set " in message
    assert "mine.yaml" not in message


TAKEN = {
    "a number": ("seg.epochs=5", "seg.epochs", 5),
    "blanks around the key": (" seg.epochs =5", "seg.epochs", 5),
    "a blank before the value": ("seg.epochs= 5", "seg.epochs", 5),
    "a small number": ("seg.lr=4e-5", "seg.lr", 4e-5),
    "a list": ("cams.scales=[0.5, 2]", "cams.scales", (0.5, 2.0)),
    "null": ("seg.clip_norm=null", "seg.clip_norm", None),
    "nothing for null": ("data.val=", "data.val", None),
    "a section": ("rw={beta: 3, radius: 4}", "rw.radius", 4),
    "a path with blanks and an equals sign": ("data.root=/a b/c=d", "data.root", Path("/a b/c=d")),
    "a path with a colon": ("data.root=a:b", "data.root", Path("a:b")),
    "a path of any script": ("data.root=写真", "data.root", Path("写真")),
    "a path at home": ("data.root=~/x", "data.root", Path("/home/me/x")),
    "text in quotes": ("data.train='no'", "data.train", "no"),
    "a date": ("data.train=2012-01-01", "data.train", "2012-01-01"),
    "a backbone's name": ("backbone=resnet50", "backbone.name", "resnet50"),
    "a backbone's option": ("backbone.depth=1e-5", "backbone.depth", 1e-5),
    "the largest seed": ("seed=9223372036854775807", "seed", 2**63 - 1),
}


@pytest.mark.parametrize(("change", "key", "expected"), TAKEN.values(), ids=TAKEN)
def test_a_change_is_made(change: str, key: str, expected: object, mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    value: Any = load_recipe(str(mine), [change])
    for part in key.split("."):
        value = getattr(value, part)
    assert value == expected


def test_the_order_of_changes_to_another_kind_does_not_matter(mine: Path) -> None:
    kind, root = "data.kind=synthetic", "data.pictures=7"
    assert load_recipe(str(mine), [kind, root]) == load_recipe(str(mine), [root, kind])


def test_a_change_of_kind_that_leaves_keys_open_is_named() -> None:
    message = refused("quickstart", "data.kind=voc")
    assert "× --set data.kind=voc has 1 problem" in message
    assert "--set data.kind=voc  data.root\n        is missing" in message


def test_problems_of_the_file_and_of_changes_are_listed_together(mine: Path) -> None:
    mine.write_text(LEAST + "seg: {lr: -1}\n")
    message = refused(mine, "seg.epochs=0", "rw.bata=1")
    assert f"× {mine} and --set have 3 problems" in message
    assert "mine.yaml line 4  seg.lr = -1" in message
    assert "--set seg.epochs=0  seg.epochs = 0" in message
    assert "--set rw.bata=1  rw.bata = 1" in message


@pytest.mark.parametrize(
    "command", [["recipes", "check"], ["recipes", "show"], ["run-all", "--plan"], ["cams"], ["status"]], ids=" ".join
)
def test_every_command_refuses_a_wrong_change(
    puzzlecam: Run, command: list[str], mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = puzzlecam(*command, mine, "--set", "SEG.epochs=\x1b[31m5")
    assert result.exit_code == 2
    assert "\x1b" not in result.output
    assert list(tmp_path.iterdir()) == [mine], "nothing has been written"


@settings(
    deadline=None, max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    change=st.text(max_size=40)
    | st.builds(
        lambda key, value: f"{key}={value}",
        st.sampled_from(["seg", "seg.lr", "data", "data.root", "data.kind", "backbone", "cams.scales", "rw.crf.x"]),
        st.text(st.sampled_from("abe019.:-[]{}&*!?|>#'\"\\\n\t ~%@,<=\0\x1b\u202e\ud800é"), max_size=30),
    )
)
@example(change="data={kind: {kind: voc}}")
@example(change="data.kind={}")
@example(change="recipe=true")
def test_any_change_is_made_or_refused(mine: Path, change: str) -> None:
    try:
        load_recipe(str(mine), [change])
    except UserError as error:
        check_message(str(error))
