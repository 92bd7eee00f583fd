"""Values in a recipe that make no sense: each is named with its key and line, and what would make sense is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recipe.messages import refused

WRONG = {
    "no as a path": ("data.root", "no", "must be a path; YAML reads `no` as false: write 'no' in quotes"),
    "a number as a path": ("data.root", "2012", "must be a path; YAML reads `2012` as a number"),
    "nothing as a path": ("data.root", "", "must be a path"),
    "a home that means nothing in YAML": ("data.root", "~", "YAML reads `~` as nothing: write '~' in quotes"),
    "an empty path": ("data.root", "''", "must not be empty"),
    "nobody's home": ("data.root", "~nobody-such/x", "there is no home folder for `~nobody-such`"),
    "a list as a path": ("data.root", "[a, b]", "['a', 'b']\n        must be a path"),
    "off as text": ("data.train", "off", "must be text; YAML reads `off` as false"),
    "a number as text": ("data.train", "2012", "must be text; YAML reads `2012` as a number"),
    "a small number as text": ("data.train", "1e5", "must be text; YAML reads `1e5` as a number"),
    "no as a choice": ("runtime.mixed_precision", "no", "YAML reads `no` as false: write 'no' in quotes"),
    "a misspelt choice": ("seg.norm", "bach", "must be 'group' or 'batch'; did you mean 'batch'?"),
    "a number as a section": ("seg", "5", "must be a section of keys and values"),
    "an empty section": ("seg", "", "must be a section of keys and values"),
    "a section as a number": ("seg", "{epochs: {x: 5}}", "seg.epochs\n        is a whole number, not a section"),
    "a section as truth": ("cams", "{flip: {x: 5}}", "cams.flip\n        is true or false, not a section"),
    "a backbone that is a number": ("backbone", "50", "must be a name, or a section with a name"),
    "yes as a number": ("seg.epochs", "yes", "must be a number, not true or false"),
    "half a number": ("seg.epochs", "2.5", "must be a whole number"),
    "a clock time as a number": ("seg.epochs", "1:30", "must be a whole number"),
    "26 digits": ("seg.epochs", "9" * 26, "must be at most 1,000,000"),
    "1e26": ("seg.batch", "1e26", "must be a whole number"),
    "1.0e+26": ("seg.batch", "1.0e+26", "must be a whole number"),
    "a million million": ("seg.batch", "1000000000000", "must be at most 1,000,000"),
    "minus a million million": ("train_cls.frozen_levels", "-1000000000000", "must be at least 0"),
    "a large float": ("seg.lr", "1e30", "must be at most 1,000,000"),
    "4,000 digits": ("seed", "9" * 4000, "must be"),
    "a seed of 64 bits": ("seed", str(2**63), "must be less than 9,223,372,036,854,775,808"),
    "a negative seed": ("seed", "-1", "must be at least 0"),
    "infinity": ("seg.lr", ".inf", "must be a finite number"),
    "not a number": ("seg.lr", ".nan", "must be a finite number"),
    "not a whole number": ("seed", ".nan", "must be a"),
    "no part": ("seg.accumulate", "0", "must be 'auto', or must be at least 1\n"),
    "parts by name": ("seg.accumulate", "many", "must be 'auto', or must be a whole number\n"),
    "more parts than images": ("seg.accumulate", "99", "must be at most the batch, 32"),
    "a huge crop": ("seg.crop", "1000000", "must be at most 8,192"),
    "a huge photo": ("seg.resize", "[256, 1000000]", "must be [smallest, largest]"),
    "many tiles": ("train_cls.puzzle.tiles", "1000000", "must be a square from 4 to 1,024"),
    "a thousand processes": ("runtime.workers", "1000", "must be at most 256"),
    "a million pictures": ("data", "{kind: synthetic, pictures: 1000000}", "must be at most 100,000"),
    "a hundred scales": ("cams.scales", f"[{'1, ' * 100}]", "must have at most 32 entries"),
    "many mean-field steps": ("rw.crf.iterations", "100000", "must be at most 1,000"),
    "no scale": ("cams.scales", "[]", "must have at least 1 entry"),
    "one scale without a list": ("cams.scales", "1.0", "must be a list, e.g. [1.0]"),
    "half a range": ("seg.resize", "[256]", "seg.resize\n        must have more entries"),
    "too long a range": ("seg.resize", "[1, 2, 3]", "must have at most 2 entries"),
    "text in a list": ("cams.scales", "[1.0, big]", "cams.scales.1 = 'big'\n        must be a number"),
    "an unknown tracker": ("runtime.trackers", "[tensorbord]", "did you mean 'tensorboard'?"),
    "a key in capitals": ("SEG", "{epochs: 5}", "is not a key; did you mean `seg`?"),
    "a key with a dash": ("train-cls", "{epochs: 5}", "is not a key; did you mean `train_cls`?"),
    "a key of another section": ("log2_steps", "5", "is not a key here; did you mean `rw.log2_steps`?"),
    "control characters as escapes": ("seg.norm", r'"\t\n"', r"'\t\n'"),
    "writing from right to left": ("seg.norm", '"\u202etxt"', r"'\u202etxt'"),
    "a long value": ("seg.norm", "x" * 4000, "xxx ..."),
    "a long list": ("cams.scales", "[" + "x, " * 2000 + "]", "problems"),
}


@pytest.mark.parametrize(("key", "value", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_is_named_with_its_line(key: str, value: str, words: str, tmp_path: Path) -> None:
    lines = ["recipe: 1", "data: {kind: voc, root: photos}", "backbone: resnet18"]
    section, _, inner = key.partition(".")
    head = ["recipe: 1"] if section == "backbone" else lines[:1] + lines[2:]
    if section != "data":
        head.append(lines[1])
    kind = "kind: voc, " + ("" if inner == "root" else "root: r, ") if section == "data" else ""
    text = value
    for part in reversed(inner.split(".") if inner else []):
        text = f"{{{kind if part == inner else ''}{part}: {text}}}"
    (tmp_path / "mine.yaml").write_text("\n".join([*head, f"{section}: {text}"]), encoding="utf-8")
    message = refused(tmp_path / "mine.yaml")
    assert words in message
    assert f"mine.yaml line {len(head) + 1}" in message
