"""The one exception for what the user can mend."""

from __future__ import annotations


class UserError(Exception):
    """A problem the user can mend: exit code 2, no traceback.

    Args:
        reference: kebab-case name of the kind of problem, e.g. `image-unreadable`.
        problem: what is wrong, in one sentence.
        where: the places, one per line, e.g. `line 13  train_cls.batch`.
        hint: what to do about it.
    """

    def __init__(self, reference: str, problem: str, where: tuple[str, ...] = (), hint: str | None = None):
        super().__init__(reference, problem, where, hint)  # all in `args`: it survives a process pool
        self.reference = reference
        self.problem = problem
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        lines = [f"error: {self.reference}", f"× {self.problem}"]
        lines += [f"{'╰─>' if number == 0 else '   '} {place}" for number, place in enumerate(self.where)]
        if self.hint:
            lines += ["", f"hint: {self.hint}"]
        return "\n".join(lines)


def shorten(lines: list[str], shown: int = 8) -> tuple[str, ...]:
    """The first few of many lines, and how many more there are."""
    rest = len(lines) - shown
    return (*lines[:shown], f"... and {rest} more") if rest > 0 else tuple(lines)
