"""What the names of messages mean: the sections of one page, `docs/errors.md`."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

PAGE = Path(__file__).parents[1] / "docs" / "errors.md"
HEADING = "\n## "


def explanations() -> dict[str, str]:
    """Each reference, and in Markdown what it means, what to do and an example."""
    _, *sections = PAGE.read_text(encoding="utf-8").split(HEADING)
    parted = (section.partition("\n") for section in sections)
    return {reference: text.strip() for reference, _, text in parted}


def first_sentence(text: str) -> str:
    """Of an explanation, for a list."""
    return " ".join(text.partition("\n\n")[0].split()).partition(". ")[0].rstrip(".")


def explanation(reference: str) -> str:
    """The explanation of a reference, which may be given as it stands in a message (`error: stage-stale`).

    Raises:
        UserError: there is none of this name.
    """
    known, name = explanations(), reference.strip().removeprefix("error:").strip().lower()
    if name not in known:
        raise UserError("usage", f"no message is called {quoted(reference)}", hint=_near(name, known))
    return known[name]


def _near(name: str, known: Collection[str]) -> str:
    close = get_close_matches(name, known, 3, cutoff=0.5)
    return (f"did you mean {' or '.join(close)}? " if close else "") + "`puzzlecam explain` lists all"
