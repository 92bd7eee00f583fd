"""The documentation that comes with the package: pages in Markdown, one a topic, `index` the way to all others."""

from __future__ import annotations

import re
import sys
from difflib import get_close_matches
from pathlib import Path

from puzzlecam_cli.errors import UserError, for_terminal

FOLDER = Path(__file__).parents[1] / "docs"
INDEX = "index"
WIDEST = 120  # characters a line: longer ones are hard to read


def topics() -> list[str]:
    """The names of all pages but the index."""
    return sorted(path.stem for path in FOLDER.glob("*.md") if path.stem != INDEX)


def page(topic: str) -> str:
    """The Markdown of a page, without comments, which are for those who write it.

    Raises:
        UserError: there is no such page.
    """
    if topic not in (INDEX, *topics()):
        close = get_close_matches(topic.lower(), topics(), 1)
        hint = f"did you mean `{close[0]}`?" if close else "`puzzlecam docs` lists all topics"
        raise UserError("usage", f"there is no page about `{topic}`", hint=hint)
    return re.sub(r"<!--.*?-->\n?", "", (FOLDER / f"{topic}.md").read_text(encoding="utf-8"), flags=re.DOTALL)


def show_page(text: str) -> None:
    """Print a page on stdout: set for reading on a terminal, as it is in a pipe or a file."""
    if sys.stdout is None or not sys.stdout.isatty():
        print(text.rstrip("\n"))
        return
    from rich.console import Console
    from rich.markdown import Markdown

    console = Console(highlight=False)
    readable = Markdown(for_terminal(as_read_here(text), sys.stdout.encoding), hyperlinks=False)
    console.print(readable, width=min(console.width, WIDEST))


def as_read_here(text: str) -> str:
    """Links to other pages become the command that shows them, pictures their descriptions."""
    text = re.sub(r"!\[([^]]*)\]\([^)]*\)", r"*\1*", text)
    text = re.sub(r"\[([\w-]+)\]\(\1\.md\)", r"**\1**", text)
    return re.sub(r"\[([^]]+)\]\(([\w-]+)\.md(?:#[\w-]+)?\)", r"\1 (`puzzlecam docs \2`)", text)
