"""The line that says where figures come from."""

from __future__ import annotations

import pytest

from puzzlecam_cli.bench.machine import Machine, this_machine


def test_a_machine_is_told_in_a_line() -> None:
    assert str(Machine("EPYC", 2, 1, "2.6.0", 0.25, None)) == "EPYC (2 cores), torch 2.6.0, 1 thread, load 0.2 before"
    assert str(Machine("EPYC", 16, 8, "2.6.0", None, "H100")) == "EPYC (16 cores), H100, torch 2.6.0, 8 threads"


@pytest.mark.parametrize(
    ("load", "cores", "words"),
    [
        (7.2, 2, "the machine is busy (load 7 on 2 cores): on an idle one less"),
        (2.0, 1, "the machine is busy (load 2 on 1 core): on an idle one less"),
        (1.2, 1, ""),  # what looked at the photos just before
        (8.0, 16, ""),
        (None, 2, ""),
    ],
)
def test_a_busy_machine_is_called_so(load: float | None, cores: int, words: str) -> None:
    assert Machine("EPYC", cores, 1, "2.6.0", load, None).busy == words


def test_this_machine_has_a_name() -> None:
    machine = this_machine(threads=3)
    assert machine.processor
    assert machine.threads == 3
    assert machine.gpu is None
