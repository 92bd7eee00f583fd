"""The one exception for what the user can mend, and how text that is not ours comes to a terminal."""

from __future__ import annotations

from unicodedata import category

LINE, LINES = 300, 30  # characters of a line and places of a message: at most a screen
JOINERS = "\u200c\u200d"  # invisible, but part of ordinary words and emoji
PLAIN = {"×": "x", "╰": "`", "─": "-", "→": "->", "≤": "<=", "≥": ">=", "−": "-", "–": "-", "…": "...", "·": "."}
PLAIN |= {"▸": ">", "✓": "+", "‖": "|", "━": "=", "±": "+-"}


class UserError(Exception):
    """A problem the user can mend: exit code 2, no traceback.

    All four may hold text from files and arguments: `str` makes it fit for a terminal.

    Args:
        reference: kebab-case name of the kind of problem, e.g. `image-unreadable`.
        problem: what is wrong, in one sentence.
        where: the places, one per line, e.g. `line 13  train_cls.batch`.
        hint: what to do about it.
        ids: of all photos that are at fault, which may be more than `where` shows; empty where it is no photo's fault.
    """

    def __init__(
        self,
        reference: str,
        problem: str,
        where: tuple[str, ...] = (),
        hint: str | None = None,
        ids: tuple[str, ...] = (),
    ):
        super().__init__(reference, problem, where, hint, ids)  # all in `args`: it survives a process pool
        self.reference = reference
        self.problem = problem
        self.where = where
        self.hint = hint
        self.ids = ids

    def about(self, image_id: str) -> UserError:
        """The same error, of a photo."""
        return UserError(self.reference, self.problem, self.where, self.hint, (image_id,))

    def __str__(self) -> str:
        lines = [f"error: {printable(self.reference)}", f"× {printable(self.problem, 2 * LINE)}"]
        where = [printable(place) for place in shorten(list(self.where), LINES)]
        lines += [f"{'╰─>' if number == 0 else '   '} {place}" for number, place in enumerate(where)]
        if self.hint:
            lines += ["", f"hint: {printable(self.hint, 2 * LINE)}"]
        return "\n".join(lines)


def shorten(lines: list[str], shown: int = 8) -> tuple[str, ...]:
    """The first few of many lines, and how many more there are."""
    rest = len(lines) - shown
    return (*lines[:shown], f"... and {rest} more") if rest > 0 else tuple(lines)


def printable(text: str, most: int = LINE) -> str:
    """One line of text from data or arguments that does nothing to a terminal.

    Control characters, line ends and what turns the direction of writing are shown as `\\x1b`, `\\n`, `\\u202e`; the
    middle of a text longer than `most` characters is left out.
    """
    text = _cut(text, most)
    return text if text.isprintable() else _cut("".join(map(_visible, text)), most)


def _visible(character: str) -> str:
    is_control = category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") and character not in JOINERS
    return character.encode("unicode_escape").decode() if is_control else character


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = most // 3  # the end of a path says most
    return f"{text[: most - tail - 5]} ... {text[-tail:]}"


def for_terminal(text: str, encoding: str | None) -> str:
    """The text in characters that an output of this encoding can show; None: of unknown encoding, so ASCII."""
    encoding = encoding or "ascii"
    try:
        text.encode(encoding)
    except LookupError:
        return for_terminal(text, "ascii")
    except UnicodeEncodeError:
        return "".join(_within(character, encoding) for character in text)
    return text


def _within(character: str, encoding: str) -> str:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return PLAIN.get(character) or character.encode("ascii", "backslashreplace").decode()
    return character
