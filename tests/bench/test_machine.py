"""The line that says where figures come from."""

from __future__ import annotations

from puzzlecam_cli.bench.machine import Machine, this_machine


def test_a_machine_is_told_in_a_line() -> None:
    assert str(Machine("EPYC", 2, 1, "2.6.0", 0.25, None)) == "EPYC (2 cores), torch 2.6.0, 1 thread, load 0.2 before"
    assert str(Machine("EPYC", 16, 8, "2.6.0", None, "H100")) == "EPYC (16 cores), H100, torch 2.6.0, 8 threads"


def test_this_machine_has_a_name() -> None:
    machine = this_machine(threads=3)
    assert machine.processor
    assert machine.threads == 3
    assert machine.gpu is None
