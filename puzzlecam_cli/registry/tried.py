"""Plugins loaded to see whether they can be, in a process of their own: one that ends it, or never ends, is named."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from subprocess import DEVNULL, PIPE, Popen
from threading import Thread, Timer
from typing import TextIO

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.registry.found import in_order
from puzzlecam_cli.registry.loaded import load, said_by
from puzzlecam_cli.registry.tables import KINDS

SECONDS = 120  # for one plugin; most of them import PyTorch, which takes long from a slow disk
CHILD = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from puzzlecam_cli.registry.tried import tell; tell()"


def why_broken(count: int) -> list[str | None]:
    """What is wrong with each of all entry points, in the order of `KINDS` and `in_order`; None: nothing."""
    found: list[str | None] = []
    while len(found) < count:  # one that ends the process is followed by another process
        found += _tried(len(found), count)
    return found


def _tried(begin: int, end: int) -> Iterator[str | None]:
    """What a process says of entry points until one of them ends it; of that one, that it did."""
    command = [sys.executable, "-c", CHILD, json.dumps(sys.path), str(begin)]
    with Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True, errors="replace") as child:
        assert child.stdout is not None and child.stderr is not None  # noqa: PT018
        heard = Thread(target=_pass_on, args=(child.stderr,), daemon=True)
        heard.start()
        try:
            for _ in range(begin, end):
                late = Timer(SECONDS, child.kill)
                late.start()
                answer = child.stdout.readline()
                is_late = not late.is_alive()
                late.cancel()
                if not answer.endswith("\n"):
                    yield f"loading it takes more than {SECONDS} s" if is_late else _ended(child)
                    return
                yield json.loads(answer)
        finally:
            child.kill()
            heard.join(1)  # a process that a plugin started may hold it open


def _ended(child: Popen[str]) -> str:
    code = child.wait(SECONDS)
    return f"loading it ends the process: {f'signal {-code}' if code < 0 else f'exit code {code}'}"


def _pass_on(stream: TextIO) -> None:
    for line in stream:
        if sys.stderr is not None:
            sys.stderr.write(line)


def tell() -> None:
    """In the process: write a line of JSON for each, and whatever the plugins write to stderr."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        entries = [entry for group in KINDS.values() for entry in in_order(group)]
        for entry in entries[int(sys.argv[2]) :]:
            problem = None
            try:
                load(entry)
            except UserError as error:
                problem = error.problem
            except BaseException as error:  # a plugin may raise even what means Ctrl-C
                problem = f"loading it fails: {said_by(error)}"
            print(json.dumps(problem), file=answers, flush=True)
        os._exit(0)  # whatever threads plugins have started
