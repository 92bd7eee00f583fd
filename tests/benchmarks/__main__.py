"""`python -m tests.benchmarks [WORDS ...] [--json]`: `puzzlecam bench --methods`, for all methods or those named."""

from __future__ import annotations

import sys

from puzzlecam_cli.cli.bench import compare_methods

if __name__ == "__main__":
    compare_methods([word for word in sys.argv[1:] if word != "--json"], "--json" in sys.argv)
