"""`python -m tests.benchmarks [WORDS ...] [--json]`: each method beside its plain form, or those named."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from rich.console import Console

from puzzlecam_cli.bench.machine import this_machine
from puzzlecam_cli.view.tables import table
from tests.benchmarks.cases import CASES
from tests.benchmarks.measure import Case, bench
from tests.benchmarks.rows import NUMBERS, bench_rows


def compare_methods(words: Sequence[str], as_json: bool) -> None:
    """Measure the methods with one of the words in their name, or all, and print the table."""
    chosen = [case for case in CASES if not words or any(word in title(case) for word in words)]
    if not chosen:
        names = ", ".join(dict.fromkeys(case.method for case in CASES))
        sys.exit(f"no method is named {' or '.join(words)}; there are: {names}")
    machine = this_machine(threads=1)
    rows = [row for _, measured in zip(announced(chosen), bench(chosen), strict=True) for row in measured]
    if as_json:
        print(json.dumps({"machine": asdict(machine), "rows": [row.as_json() for row in rows]}, indent=1))
    else:
        print(machine)
        Console(width=None if sys.stdout.isatty() else 220).print(table(bench_rows(rows), NUMBERS))


def title(case: Case) -> str:
    return f"{case.method}, {case.on}"


def announced(cases: Sequence[Case]) -> Iterator[Case]:
    """The cases, each named on stderr when its turn comes."""
    for number, case in enumerate(cases, start=1):
        print(f"{number}/{len(cases)}  {title(case)}", file=sys.stderr, flush=True)
        yield case


if __name__ == "__main__":
    compare_methods([word for word in sys.argv[1:] if word != "--json"], "--json" in sys.argv)
