"""Way in: streams, terminals, folders, signals and variables that a process finds when it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from puzzlecam_cli.cli.start import WAITING, forget_sizes, leave_cores_to_others
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group.environment import Place, place, threads
from puzzlecam_cli.group.rank import LIFELINE, REPORTS, find_parent, is_rank

PACKAGE = Path(__file__).parents[2]
GROUP = {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
ASCII = "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which `$P` is our command; its exit code is that of the first command of a pipe."""
    variables = os.environ | {"P": f"{sys.executable} -m puzzlecam_cli", "PYTHONPATH": str(PACKAGE)}
    script = f"set -o pipefail\n{line}\nexit ${{PIPESTATUS[0]}}"
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=60
    )


# what is run, its exit code, and what it says; "": nothing at all
STREAMS = {
    "stdin closed": ("$P backbones <&-", 0, "resnest269"),
    "stdout closed": ("$P backbones >&-", 0, ""),
    "stderr closed, and something to say": ("$P status nope 2>&-", 2, ""),
    "all closed, backbones": ("$P backbones <&- >&- 2>&-", 0, ""),
    "all closed, recipes": ("$P recipes show quickstart <&- >&- 2>&-", 0, ""),
    "all closed, status": ("$P status quickstart <&- >&- 2>&-", 0, ""),
    "all closed, a plan": ("$P run-all quickstart --plan <&- >&- 2>&-", 0, ""),
    "all closed, a usage error": ("$P train <&- >&- 2>&-", 2, ""),
    "all closed, a bad recipe": ("$P run-all quickstart -s sed=1 <&- >&- 2>&-", 2, ""),
    "a reader that has had enough": ("$P recipes show quickstart | head -1", 0, "recipe: 1"),
    "a reader that never reads": ("$P recipes schema | true", 0, ""),
    "a reader of errors that has gone": ("{ sleep 0.3; $P run-all nope; } 2>&1 | true", 2, ""),
    "a reader of both that has had enough": ("$P run-all nope 2>&1 | head -1", 2, "error: recipe-missing"),
    "stdout open for reading only": ("$P backbones 1</dev/null", 0, ""),
    "stderr open for reading only": ("$P status nope 2</dev/null", 2, ""),
    "stdout on a full disk": ("$P recipes show quickstart >/dev/full", 2, "the disk is full"),
    "stderr on a full disk": ("$P status nope 2>/dev/full", 2, ""),
}
TERMINALS = {
    "nothing but a path to Python": ("env -i $P backbones", 0, "resnest269"),
    "no HOME, no TERM": ("env -u HOME -u TERM $P status quickstart", 0, "missing"),
    "a HOME that is not there": ("HOME=/nope $P recipes list", 0, "quickstart"),
    "TERM=dumb": ("TERM=dumb $P --help", 0, "run-all"),
    "NO_COLOR": ("NO_COLOR=1 $P --help", 0, "run-all"),
    "COLUMNS=abc": ("COLUMNS=abc $P --help", 0, "run-all"),
    "TERMINAL_WIDTH=abc": ("TERMINAL_WIDTH=abc $P --help", 0, "run-all"),
    "ASCII": ("PYTHONIOENCODING=ascii $P status nope", 2, "\nx there is no recipe `nope`"),
    "the C locale": (f"{ASCII} $P status nope", 2, "\nx there is no recipe `nope`"),
    "the C locale, a recipe": (f"{ASCII} $P recipes show quickstart", 0, r"lr\u2080"),
    "Latin-1": ("PYTHONIOENCODING=latin-1 $P recipes show quickstart | iconv -f latin1", 0, r"lr\u2080·(1 - step"),
    "ASCII, a name beyond it": ("PYTHONIOENCODING=ascii $P status né牛", 2, r"`n\xe9\u725b`"),
    "a name that is no UTF-8": ("$P status $'\\xff'", 2, r"\udcff"),
    "a TMPDIR that is not there": ("TMPDIR=/nope $P run-all quickstart --plan", 0, "train-cls"),
    "a working folder that is gone": ("mkdir a && cd a && rmdir ../a && $P recipes list", 2, "working folder"),
    "a working folder that is gone, help": ("mkdir a && cd a && rmdir ../a && $P --help", 0, "run-all"),
    "a working folder that is gone, a run": (
        "mkdir a && cd a && rmdir ../a && $P run-all quickstart",
        2,
        "working fol",
    ),
    "WORLD_SIZE=abc, and nothing that needs it": ("WORLD_SIZE=abc $P status quickstart", 0, "missing"),
    "WORLD_SIZE=abc": ("WORLD_SIZE=abc $P run-all quickstart", 2, "variable WORLD_SIZE is `abc`"),
    "OMP_NUM_THREADS=abc": ("OMP_NUM_THREADS=abc $P train-cls quickstart", 2, "variable OMP_NUM_THREADS is `abc`"),
    "a lifeline that is stdin": (f"{REPORTS}=1 {LIFELINE}=0 $P cams quickstart </dev/null", 2, REPORTS),
}


@pytest.mark.parametrize(("line", "code", "said"), (STREAMS | TERMINALS).values(), ids=STREAMS | TERMINALS)
def test_a_command_does_its_work_and_says_what_it_can(tmp_path: Path, line: str, code: int, said: str) -> None:
    result = shell(line, tmp_path)
    output = result.stdout + result.stderr
    assert result.returncode == code, output
    assert said in output
    assert said != "" or output.strip() == ""
    for sign in ("Traceback", "Error:", "ignored in", "\x1b"):
        assert sign not in output
    assert list(tmp_path.iterdir()) == []


SIZES = {
    "a usual one": ("120", True),
    "a narrow one": ("10", True),
    "words": ("abc", False),
    "nothing": ("", False),
    "none": ("0", False),
    "less than none": ("-80", False),
    "too narrow for a word": ("9", False),
    "a billion": ("1000000000", False),
    "5,000 digits": ("9" * 5000, False),
    "digits of another script": ("٨٠", False),
}


@pytest.mark.parametrize("name", ["COLUMNS", "LINES", "TERMINAL_WIDTH"])
@pytest.mark.parametrize(("value", "stays"), SIZES.values(), ids=SIZES)
def test_a_size_of_the_terminal_that_cannot_be_is_forgotten(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, stays: bool
) -> None:
    monkeypatch.setenv(name, value)
    forget_sizes()
    assert (name in os.environ) is stays


@pytest.mark.parametrize("chosen", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}], ids=str)
def test_threads_wait_as_the_user_says_or_else_briefly(monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str]) -> None:
    for name in WAITING:
        monkeypatch.setenv(name, "")  # to be put back
        monkeypatch.delenv(name)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    leave_cores_to_others()
    assert {name: os.environ[name] for name in WAITING if name in os.environ} == (chosen or {"GOMP_SPINCOUNT": "1000"})


REFUSED = {
    "no number of processes": ({"WORLD_SIZE": "abc"}, "WORLD_SIZE is `abc`, which is no whole number"),
    "nothing": ({"WORLD_SIZE": ""}, "WORLD_SIZE is ``, which is no whole number"),
    "a fraction": ({"WORLD_SIZE": "1.5"}, "WORLD_SIZE is `1.5`"),
    "digits of another script": ({"WORLD_SIZE": "٢"}, "WORLD_SIZE"),
    "5,000 digits": ({"WORLD_SIZE": "9" * 5000}, "WORLD_SIZE"),
    "no process": ({"WORLD_SIZE": "0"}, "WORLD_SIZE is 0; 1 to 1000000 are possible"),
    "less than none": ({"WORLD_SIZE": "-1"}, "WORLD_SIZE is -1"),
    "a billion": ({"WORLD_SIZE": "1000000000"}, "WORLD_SIZE is 1000000000"),
    "several, and nothing else": ({"WORLD_SIZE": "2"}, "RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT"),
    "several without a port": (GROUP | {"MASTER_PORT": ""}, "MASTER_PORT is ``"),
    "several without an address": (GROUP | {"MASTER_ADDR": ""}, "these are not set: MASTER_ADDR"),
    "one of a group that cannot meet": ({"WORLD_SIZE": "1", "RANK": "0", "LOCAL_RANK": "0"}, "MASTER_ADDR"),
    "a rank alone": ({"RANK": "0"}, "RANK is set, and WORLD_SIZE is not"),
    "a local rank alone": ({"LOCAL_RANK": "0"}, "LOCAL_RANK is set"),
    "a local size alone": ({"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE is set"),
    "no number as rank": (GROUP | {"RANK": "first"}, "RANK is `first`"),
    "a rank beyond the last": (GROUP | {"RANK": "2"}, "RANK is 2; 0 to 1 are possible, as WORLD_SIZE is 2"),
    "a rank below the first": (GROUP | {"RANK": "-1"}, "RANK is -1"),
    "a local rank beyond the last": (GROUP | {"LOCAL_WORLD_SIZE": "1"}, "LOCAL_RANK is 1; only 0 is possible"),
    "no local process": (GROUP | {"LOCAL_WORLD_SIZE": "0"}, "LOCAL_WORLD_SIZE is 0"),
    "more local processes than all": (GROUP | {"LOCAL_WORLD_SIZE": "3"}, "LOCAL_WORLD_SIZE is 3"),
    "no number as port": (GROUP | {"MASTER_PORT": "http"}, "MASTER_PORT is `http`"),
    "no such port": (GROUP | {"MASTER_PORT": "65536"}, "MASTER_PORT is 65536; 1 to 65535 are possible"),
    "no number of threads": ({"OMP_NUM_THREADS": "abc"}, "OMP_NUM_THREADS is `abc`, which is no number of threads"),
    "no thread": ({"OMP_NUM_THREADS": "0"}, "OMP_NUM_THREADS is `0`"),
    "less threads than none": ({"OMP_NUM_THREADS": "-4"}, "OMP_NUM_THREADS"),
    "a billion threads": ({"OMP_NUM_THREADS": "1000000000"}, "OMP_NUM_THREADS"),
    "neither true nor false": ({"ACCELERATE_USE_CPU": "maybe"}, "ACCELERATE_USE_CPU is `maybe`"),
    "FSDP": ({"ACCELERATE_USE_FSDP": "true"}, "ACCELERATE_USE_FSDP asks for what this tool does not do"),
    "DeepSpeed": ({"ACCELERATE_USE_DEEPSPEED": "true"}, "ACCELERATE_USE_DEEPSPEED asks"),
}


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No variables of launchers but those of a test."""
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_PORT", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize(("found", "said"), REFUSED.values(), ids=REFUSED)
def test_a_variable_that_cannot_be_is_named(variables: pytest.MonkeyPatch, found: dict[str, str], said: str) -> None:
    for name, value in found.items():
        variables.setenv(name, value)
    with pytest.raises(UserError) as caught:
        place()
    assert caught.value.reference == "environment"
    assert said in caught.value.problem
    assert len(str(caught.value)) < 2000


TAKEN = {
    "nothing": ({}, Place(0, 1)),
    "one": ({"WORLD_SIZE": "1"}, Place(0, 1)),
    "one of two": (GROUP, Place(1, 2)),
    "one of two on two machines": (GROUP | {"LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "1"}, Place(1, 2)),
    "a port that nobody uses": ({"MASTER_PORT": "abc"}, Place(0, 1)),
    "threads": ({"OMP_NUM_THREADS": "4"}, Place(0, 1)),
    "threads of nested work": ({"OMP_NUM_THREADS": "4,2"}, Place(0, 1)),
    "threads that are not said": ({"OMP_NUM_THREADS": ""}, Place(0, 1)),
    "Accelerate's words": ({"ACCELERATE_USE_CPU": "True", "ACCELERATE_USE_FSDP": "false"}, Place(0, 1)),
}


@pytest.mark.parametrize(("found", "expected"), TAKEN.values(), ids=TAKEN)
def test_a_launchers_variables_are_read(variables: pytest.MonkeyPatch, found: dict[str, str], expected: Place) -> None:
    for name, value in found.items():
        variables.setenv(name, value)
    assert place() == expected
    assert is_rank() == (expected.rank > 0)
    assert threads() == (4 if "4" in found.get("OMP_NUM_THREADS", "") else None)


PIPES = {
    "words": ("abc", "def"),
    "numbers that are not open": ("999", "998"),
    "the terminal's": ("1", "0"),
    "negative numbers": ("-1", "-2"),
    "a number of 5,000 digits": ("9" * 5000, "3"),
    "a number no descriptor can be": (str(2**70), "3"),
    "reports only": ("7", None),
    "a lifeline only": (None, "7"),
}


@pytest.mark.parametrize(("reports", "lifeline"), PIPES.values(), ids=PIPES)
def test_pipes_of_a_parent_that_is_none_are_named(
    monkeypatch: pytest.MonkeyPatch, reports: str | None, lifeline: str | None
) -> None:
    for name, value in ((REPORTS, reports), (LIFELINE, lifeline)):
        monkeypatch.setenv(name, value) if value is not None else monkeypatch.delenv(name, raising=False)
    with pytest.raises(UserError, match="PUZZLECAM_") as caught:
        find_parent()
    assert "unset both" in str(caught.value.hint)


def test_a_lifeline_that_is_a_strangers_pipe_ends_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """We are not the head of our process group: its end would end our neighbours."""
    ends = os.pipe()
    monkeypatch.setenv(REPORTS, str(ends[1]))
    monkeypatch.setenv(LIFELINE, str(ends[0]))
    monkeypatch.setattr(os, "getpgrp", lambda: os.getpid() + 1)
    with pytest.raises(UserError, match=REPORTS):
        find_parent()
    for end in ends:
        os.close(end)


SIGNALLED = """
import os, sys
moment, numbers = sys.argv[1:]
class Moment:
    def find_spec(self, name, path=None, target=None):
        if name == moment:
            for number in numbers.split(","):
                os.kill(os.getpid(), int(number))
        return None
for name in ("signal", "enum"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Moment())
from puzzlecam_cli.__main__ import main
sys.argv[1:] = ["run-all", "quickstart", "--plan"]
main()
"""
SENT = {
    "Ctrl-C, first of all": ("signal", "2"),
    "Ctrl-C before the commands": ("puzzlecam_cli.cli.app", "2"),
    "SIGTERM before the commands": ("typer", "15"),
    "Ctrl-C twice before the commands": ("puzzlecam_cli.cli.boundary", "2,2"),
    "Ctrl-C in a command": ("puzzlecam_cli.session.plan", "2"),
    "SIGTERM in a command": ("yaml", "15"),
    "Ctrl-C twice in a command": ("yaml", "2,2"),
    "SIGTERM and Ctrl-C in a command": ("puzzlecam_cli.run.preflight", "15,2"),
}


@pytest.mark.parametrize(("moment", "numbers"), SENT.values(), ids=SENT)
def test_a_signal_while_modules_are_imported_ends_with_130_and_one_line(
    tmp_path: Path, moment: str, numbers: str
) -> None:
    command = [sys.executable, "-c", SIGNALLED, moment, numbers]
    variables = os.environ | {"PYTHONPATH": str(PACKAGE)}
    result = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False)
    assert result.returncode == 130, result.stderr
    assert result.stderr == "interrupted; the same command continues\n"
