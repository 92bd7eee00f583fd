"""The parent's watch over its group, with small scripts as ranks."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.events import Event, Note
from puzzlecam_cli.group import launch
from puzzlecam_cli.group.watch import Rank, RankFailed, stop_signals, watch
from puzzlecam_cli.recipe.schema import Runtime

JOIN = """
import os, signal, subprocess, sys, time
from pathlib import Path
from puzzlecam_cli.events import Note
from puzzlecam_cli.group.rank import find_parent
parent = find_parent()
def wait_for(name):
    while not Path(name).exists():
        time.sleep(0.01)
def fail(*lines, code, after=None):
    try:
        with parent.reporting_failure():
            raise ValueError
    except ValueError:
        Path("failed").touch()
        while after and ") Z " not in Path(f"/proc/{after}/stat").read_text():
            time.sleep(0.01)
        time.sleep(0.2)
        print(*lines, sep="\\n", flush=True)
        sys.exit(code)
"""
SLEEPS = "time.sleep(60)"
LOSES_THE_OTHER = "wait_for('failed')\nfail('Connection closed by peer', code=1)"
STOPS_WHEN_ASKED = """
signal.signal(signal.SIGTERM, lambda *_: Path(f"asked-{os.getpid()}").open("a").write("x") and sys.exit(130))
Path(f"ready-{os.getpid()}").touch()
time.sleep(60)
"""
NEVER_STOPS = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(f"ready-{os.getpid()}").touch()
time.sleep(60)
"""

Group = Callable[..., list[Rank]]


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path or str(Path.cwd()) for path in sys.path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def lifeline() -> Iterator[tuple[int, int]]:
    """What ranks hold, and the parent's end."""
    ends = os.pipe()
    yield ends
    for end in ends:
        with suppress(OSError):
            os.close(end)


@pytest.fixture
def group(lifeline: tuple[int, int]) -> Iterator[Group]:
    """Start a rank for each script: `group(SLEEPS, SLEEPS)`."""
    ranks: list[Rank] = []

    def start(*scripts: str) -> list[Rank]:
        for number, script in enumerate(scripts):
            title = f"rank {number} of {len(scripts)}"
            program = [sys.executable, "-c", JOIN + script]
            ranks.append(launch._start(program, dict(os.environ), lifeline[0], title, Path(f"{number}.log")))
        return ranks

    yield start
    for rank in ranks:
        rank.kill()


def failure_of(ranks: list[Rank]) -> RankFailed:
    with pytest.raises(RankFailed) as caught:
        watch(ranks, (), lambda event: None)
    return caught.value


def test_events_arrive_in_order_and_a_good_end_is_silent(group: Group) -> None:
    said: list[Event] = []
    watch(group("for n in range(5000): parent.emit(Note('cams', f'{n} × 2'))", "time.sleep(0.3)"), (), said.append)
    assert said == [Note("cams", f"{number} × 2") for number in range(5000)]


@pytest.mark.parametrize("order", [0, 1])
def test_the_first_failure_is_told_and_not_those_that_follow(group: Group, order: int) -> None:
    cause = "fail('some warning', 'error: image-unreadable', '× a.jpg is damaged', code=2)"
    ranks = group(*[cause, LOSES_THE_OTHER][:: -1 if order else 1])
    failure = failure_of(ranks)
    assert str(failure) == "error: image-unreadable\n× a.jpg is damaged"
    assert failure.exit_code == 2
    assert ranks[1 - order].process.poll() is not None


def test_our_own_failure_keeps_its_traceback(group: Group) -> None:
    ranks = group(SLEEPS, "fail('Traceback (most recent call last):', 'ZeroDivisionError', code=1)")
    failure = failure_of(ranks)
    assert ranks[0].process.poll() == -signal.SIGKILL
    assert failure.exit_code == 1
    assert str(failure) == "rank 1 of 2 failed:\nTraceback (most recent call last):\nZeroDivisionError"


def test_a_rank_that_ends_without_a_word_is_a_failure(group: Group) -> None:
    failure = failure_of(group("print('libfoo.so is missing'); os._exit(3)", SLEEPS))
    assert (str(failure), failure.exit_code) == ("rank 0 of 2 failed:\nlibfoo.so is missing", 1)


def test_a_killed_rank_is_named_even_if_the_one_that_lost_it_reports_sooner(group: Group) -> None:
    dies = "Path('pid').write_text(str(os.getpid())); wait_for('failed'); os.kill(os.getpid(), signal.SIGKILL)"
    loses = "wait_for('pid'); pid = Path('pid').read_text(); fail('Connection closed by peer', code=1, after=pid)"
    failure = failure_of(group(loses, dies))
    assert failure.exit_code == 1
    assert "rank 1 of 2 was ended by SIGKILL" in str(failure)


def test_ctrl_c_on_the_terminal_does_not_reach_the_ranks_by_itself(group: Group) -> None:
    sessions = [os.getsid(rank.process.pid) for rank in group(SLEEPS, SLEEPS)]
    assert len({*sessions, os.getsid(0)}) == 3


def test_the_first_signal_is_passed_on_once(group: Group) -> None:
    ranks = group(STOPS_WHEN_ASKED, STOPS_WHEN_ASKED)
    asked_when_ready(ranks, signal.SIGTERM)
    assert [Path(f"asked-{rank.process.pid}").read_text() for rank in ranks] == ["x", "x"]
    assert [rank.process.poll() for rank in ranks] == [130, 130]


def test_a_second_signal_does_not_wait(group: Group) -> None:
    ranks = group(NEVER_STOPS, NEVER_STOPS)
    asked_when_ready(ranks, signal.SIGTERM, signal.SIGTERM, signal.SIGINT)  # schedulers may repeat SIGTERM
    assert [rank.process.poll() for rank in ranks] == [None, None]  # killed by whoever called


def asked_when_ready(ranks: list[Rank], *signals_sent: signal.Signals) -> None:
    """Watch ranks and send this process signals, as a shell or a cluster would."""

    def ask() -> None:
        for rank in ranks:
            while not Path(f"ready-{rank.process.pid}").exists():
                threading.Event().wait(0.01)
        for number in signals_sent:
            os.kill(os.getpid(), number)
            threading.Event().wait(0.3)

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=ask)
    with stop_signals() as signals:
        thread.start()
        with pytest.raises(KeyboardInterrupt):
            watch(ranks, signals, lambda event: None)
        thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_error_while_stopping_is_still_told(group: Group) -> None:
    script = STOPS_WHEN_ASKED.replace("sys.exit(130)", "fail('error: disk', '× the disk is full', code=2)")
    ranks = group(script, STOPS_WHEN_ASKED)
    while not all(Path(f"ready-{rank.process.pid}").exists() for rank in ranks):
        threading.Event().wait(0.01)
    with pytest.raises(RankFailed, match="the disk is full"):
        watch(ranks, (signal.SIGTERM,), lambda event: None)


def test_a_rank_and_its_workers_end_with_the_parent(group: Group, lifeline: tuple[int, int]) -> None:
    script = "worker = subprocess.Popen(['sleep', '60'])\nparent.emit(Note('', str(worker.pid)))\n" + SLEEPS
    (rank,) = group(script)
    text = ""
    while not text:
        text = "".join(record["text"] for record in rank.read())
    os.close(lifeline[1])
    assert rank.process.wait(5) == -signal.SIGKILL
    stat = Path(f"/proc/{text}/stat")
    for _ in range(100):
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z":
            break
        threading.Event().wait(0.02)
    else:
        raise AssertionError("the worker lives on")


def test_as_many_processes_as_gpus_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    assert launch.group_size(None, Runtime()) == 3
    assert launch.group_size(2, Runtime()) == 2
    assert launch.group_size(None, Runtime(cpu=True)) == 1
    assert launch.group_size(8, Runtime(cpu=True)) == 8
    with pytest.raises(UserError, match="4 processes need as many GPUs, and 3 can be seen"):
        launch.group_size(4, Runtime())
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert launch.group_size(None, Runtime()) == 1
    assert launch.group_size(2, Runtime()) == 2


@pytest.mark.parametrize("sign", ["WORLD_SIZE", "ACCELERATE_MIXED_PRECISION"])
def test_another_launcher_decides_how_many_there_are(monkeypatch: pytest.MonkeyPatch, sign: str) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setenv(sign, "1")
    assert launch.group_size(None, Runtime()) == 1
    launch.check_launch(None, Runtime())
    with pytest.raises(UserError, match="--num-processes is 2, but the launcher started 1"):
        launch.check_launch(2, Runtime())
