"""A process that is forked with all modules loaded does what a new one does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.preloaded import fork_exec

TELLS = """
import json, os, signal, sys, warnings
print(json.dumps({
    "arguments": sys.argv[1:],
    "folder": os.getcwd(),
    "name": __name__,
    "environment": sorted(os.environ.items()),
    "files": sorted(set(os.listdir("/proc/self/fd")) & {"0", "1", "2", sys.argv[1]}),
    "leads": [os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid()],
    "signals": [str(signal.getsignal(n)) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)],
    "said": sys.stdin.read(),
}))
warnings.warn("a word of warning")
print("to stderr", file=sys.stderr)
"""
ENDS = {
    "well": "pass",
    "with a number": "import sys; sys.exit(3)",
    "with a text": "import sys; sys.exit('no more')",
    "with an error": "1 / 0",
    "at once": "import os; os._exit(5)",
    "by a signal": "import os; os.kill(os.getpid(), 9)",
    "with what was left to do": "import atexit; atexit.register(print, 'bye')",
}


def of_both(monkeypatch: pytest.MonkeyPatch, *command: str, **options: object) -> list[tuple[int, str, str]]:
    """Exit code, stdout and the last line of stderr of a new process, and of a forked one."""
    found = []
    for is_forked in (False, True):
        with monkeypatch.context() as patch:
            if is_forked:
                patch.setattr(subprocess, "_fork_exec", fork_exec)
            done = subprocess.run(  # type: ignore[call-overload]
                [sys.executable, *command], capture_output=True, text=True, check=False, timeout=60, **options
            )
        found.append((done.returncode, done.stdout, "".join(done.stderr.splitlines()[-1:])))
    return found


def test_it_finds_what_a_new_one_finds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    handed, other = os.pipe()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "WORD": "zwölf"}
    new, forked = of_both(
        monkeypatch, "-c", TELLS, str(handed), "a b", cwd=tmp_path, env=environment, input="hello", pass_fds=[handed],
        start_new_session=True,
    )  # fmt: skip
    for end in (handed, other):
        os.close(end)
    assert new == forked
    assert str(handed) in new[1]


@pytest.mark.parametrize("code", ENDS.values(), ids=ENDS)
def test_it_ends_as_a_new_one_ends(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    new, forked = of_both(monkeypatch, "-c", code)
    assert new == forked


def test_a_module_is_run_as_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    new, forked = of_both(monkeypatch, "-m", "puzzlecam_cli", "--version")
    assert new == forked == (0, "0.1.0\n", "")
