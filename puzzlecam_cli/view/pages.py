"""Pages in Markdown: laid out on a terminal, as they are in a pipe."""

from __future__ import annotations

import sys

WIDEST = 100  # characters; longer lines are tiring to read


def show_page(text: str) -> None:
    """Print a page on stdout."""
    if sys.stdout is None or not sys.stdout.isatty():
        print(text)
        return
    from rich.console import Console
    from rich.markdown import Markdown  # takes a while to load

    console = Console()
    console.print(Markdown(text), width=min(console.width, WIDEST))
