"""`puzzlecam doctor`: what this machine has, what it lacks, and whether every stage works here."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from shutil import get_terminal_size
from textwrap import wrap
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import JsonOption
from puzzlecam_cli.errors import LINE, UserError, for_terminal, printable

QuickOption = Annotated[bool, typer.Option("--quick", help="Leave out the self-test.")]


def doctor(as_json: JsonOption = False, quick: QuickOption = False) -> None:
    """Say what this machine has and lacks, what that costs and what brings it; then try every stage, in ten seconds.

    Exit code 2 where something is lacking that every run needs. Nothing is downloaded, and nothing is left behind.
    """
    from puzzlecam_cli.session.doctor import look_around
    from puzzlecam_cli.session.self_test import self_test
    from puzzlecam_cli.view.telling import Teller

    found = look_around(Teller())
    needed = [finding for finding in found if finding.state == "needed"]
    if not as_json:
        for finding in found:
            mark = {"there": "ok", "lacking": "--", "needed": "!!"}[finding.state]
            lines = [*_wrapped(finding.found), *_wrapped(finding.costs), *filter(None, [finding.mend])]
            for number, line in enumerate(lines):  # a command stays in one line
                _say(f"{f'{mark} {finding.what}' if number == 0 else '':30} {line}")
    seconds: dict[str, float] | None = None
    if not quick and not needed:
        _tell("self-test: every stage on a few made-up pictures")
        seconds = self_test(lambda stage, took: _tell(f"{stage:12} {took:.1f} s"))
        if not as_json:
            _say(f"ok self-test                   every stage works here: {sum(seconds.values()):.1f} s")
    if as_json:
        print(json.dumps({"findings": [asdict(finding) for finding in found], "self_test": seconds}, indent=1))
    if needed:
        sys.stdout.flush()
        raise UserError(
            "needed-missing",
            f"{len(needed)} of the things that every run needs are lacking here",
            tuple(f"{finding.what}: {finding.found}" for finding in needed),
            "; ".join(finding.mend for finding in needed),
        )


def _wrapped(text: str) -> list[str]:
    return wrap(printable(text, 2 * LINE), max(40, get_terminal_size().columns - 31))


def _say(text: str) -> None:
    from puzzlecam_cli.view.lines import say

    say(for_terminal(text, getattr(sys.stdout, "encoding", None)), hang=31, most=2 * LINE, stream=sys.stdout)


def _tell(text: str) -> None:
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)
