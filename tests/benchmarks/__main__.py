"""`python -m tests.benchmarks [WORDS ...] [--json]`: every method beside its plain form, or those named."""

from __future__ import annotations

import json
import sys
from itertools import chain

from rich.console import Console

from puzzlecam_cli.bench.cases import CASES
from puzzlecam_cli.bench.measure import bench
from puzzlecam_cli.view.tables import bench_view


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--json"]
    chosen = [case for case in CASES if not words or any(word in f"{case.method}, {case.on}" for word in words)]
    rows = []
    for case, measured in zip(chosen, bench(chosen), strict=True):
        print(f"{case.method}, {case.on}", file=sys.stderr)
        rows.append(measured)
    flat = list(chain(*rows))
    if "--json" in sys.argv:
        print(json.dumps([row.as_json() for row in flat], indent=1))
    else:
        Console(width=None if sys.stdout.isatty() else 220).print(bench_view(flat))


if __name__ == "__main__":
    main()
