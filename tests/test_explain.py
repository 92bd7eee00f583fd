"""Every message has a page that tells more, and no page is of a message that is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import Result

from puzzlecam_cli import UserError
from puzzlecam_cli.cli.app import app
from puzzlecam_cli.cli.boundary import error_boundary
from puzzlecam_cli.session.explain import PAGE, explanation, explanations
from tests.references import references

Cli = Callable[..., Result]
PAGES = explanations()


def test_every_reference_has_its_page_and_no_page_is_stale() -> None:
    wanted = references()
    assert {name: place for name, place in wanted.items() if name not in PAGES} == {}, "write these"
    assert set(PAGES) - set(wanted) == set(), "delete these"


def test_references_are_found_however_they_are_put_together() -> None:
    """In a table, out of parts, by a parameter with a default, by one that is passed on, and passed along."""
    assert {"limit", "recipe-encoding", "data-encoding", "mask-missing", "weights-unsafe", "data-kind"} <= set(
        references()
    )


def test_pages_are_sorted() -> None:
    assert list(PAGES) == sorted(PAGES)


def test_a_page_is_short_and_says_what_to_do_with_an_example() -> None:
    for reference, page in PAGES.items():
        meaning, to_do, example = page.split("\n\n")
        assert len(meaning) > 40, reference
        assert to_do.startswith("**What to do:** "), reference
        assert example.startswith("**Example:** "), reference
        assert len(page.splitlines()) <= 12, reference
        assert all(len(line) <= 120 for line in page.splitlines()), reference


def test_the_commands_in_pages_exist() -> None:
    top: Any = typer.main.get_command(app)
    commands = re.findall(r"`puzzlecam ([^`]*)`", PAGE.read_text())
    assert len(commands) > 20
    for line in commands:
        command = top
        for word in line.split():
            if word in getattr(command, "commands", {}):
                command = command.commands[word]
        assert command is not top or line.startswith("COMMAND"), line
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert {word for word in line.split() if word.startswith("--")} <= known, line


def test_what_is_misspelt_is_suggested() -> None:
    assert explanation("error: Stage-Stale ") == PAGES["stage-stale"]
    with pytest.raises(UserError, match="stage-stlae") as caught:
        explanation("stage-stlae")
    assert "did you mean stage-stale" in str(caught.value)


def test_the_command_shows_one_or_lists_all(puzzlecam: Cli) -> None:
    assert puzzlecam("explain", "disk").stdout.strip() == PAGES["disk"]
    assert [line.split()[0] for line in puzzlecam("explain").stdout.splitlines()] == list(PAGES)
    assert json.loads(puzzlecam("explain", "--json").stdout) == PAGES
    assert puzzlecam("explain", "dsk").exit_code == 2


def said_of(error: Exception, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(typer.Exit) as caught, error_boundary():
        raise error
    assert caught.value.exit_code == 2
    return capsys.readouterr().err


def test_a_message_ends_with_the_command_that_tells_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "`puzzlecam explain disk` tells more\n"
    assert said_of(UserError("disk", "full", hint="free some"), capsys).endswith(f"\n\nhint: free some\n      {more}")
    assert said_of(UserError("disk", "full"), capsys).endswith(f"× full\n\nhint: {more}")
    assert said_of(UserError("of-a-plugin", "full"), capsys).endswith("× full\n")
    monkeypatch.setattr("puzzlecam_cli.session.explain.PAGE", Path("/no/such/file"))
    assert said_of(UserError("disk", "full"), capsys).endswith("× full\n")


@pytest.mark.parametrize(
    ("line", "problem", "called"),
    [
        ("predikt", "no such command 'predikt'. Did you mean 'predict'?", "[OPTIONS] COMMAND [ARGS]..."),
        ("recipes shw", "no such command 'shw'. Did you mean 'show'?", "recipes [OPTIONS] COMMAND [ARGS]..."),
        ("run-all", "missing argument 'RECIPE'", "run-all [OPTIONS] RECIPE"),
        ("run-all quickstart --sett x", "no such option: --sett", "run-all [OPTIONS] RECIPE"),
        ("run-all q --num-processes 0", "'--num-processes': it must be 1 or more", "run-all [OPTIONS] RECIPE"),
        ("bench q --photos x", "'--photos': it must be a whole number", "bench [OPTIONS] RECIPE"),
        ("export m --format onx", "'torchscript', 'safetensors'. Did you mean 'onnx'?", "export [OPTIONS] RUN|MODEL"),
        ("predict m", "missing argument 'PATH...'", "predict [OPTIONS] RUN|MODEL PATH..."),
        ("--nothing", "no such option: --nothing", "[OPTIONS] COMMAND [ARGS]..."),
    ],
)
def test_what_is_no_command_is_told_as_all_else(puzzlecam: Cli, line: str, problem: str, called: str) -> None:
    result = puzzlecam(*line.split())
    assert result.exit_code == 2
    first, second, third, blank, hint = result.stderr.splitlines()
    assert (first, blank) == ("error: usage", "")
    assert second.startswith("× ")
    assert problem in second
    assert third.startswith("╰─> ")
    assert third.endswith(called)
    assert hint.startswith("hint: ")
    assert hint.endswith("--help` tells of all that it takes")
