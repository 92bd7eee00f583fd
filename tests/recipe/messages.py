"""What every message about a recipe keeps to, whatever it is about."""

from __future__ import annotations

import re
import time

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe

LEAST = "recipe: 1\ndata: {kind: voc, root: photos}\nbackbone: resnet18\n"  # three lines
JARGON = re.compile(r"\b(tuple|dict|list_type|pathlib|nput should|instance|NoneType|pydantic|unicode string|class ')\b")
ACTING = re.compile(r"[\0-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
SECONDS = 2  # more than are needed, on a busy machine


def refused(name: object, *changes: str) -> str:
    """The message of a recipe that must be refused: at once, at most a screen, fit for a terminal."""
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        load_recipe(str(name), changes)
    assert time.process_time() - start < SECONDS
    message = str(caught.value)
    check_message(message)
    assert not JARGON.search(message)
    return message


def check_message(message: str) -> None:
    """At most a screen of lines that do nothing to a terminal."""
    lines = message.splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) <= 40
    assert sum(len(line) for line in lines) < 6000
    assert all(len(line) <= 620 for line in lines)
    assert not ACTING.search(message)
