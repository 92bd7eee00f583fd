"""Names of licences, as the hub calls them."""

from __future__ import annotations

import re

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.text import quoted

LICENCE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}", re.ASCII)


def check_licence(text: str) -> str:
    """A licence by the hub's name, such as `mit`.

    Raises:
        UserError: it cannot be one.
    """
    if not LICENCE.fullmatch(text.lower()):
        hint = "the hub's names are such as mit, apache-2.0, cc-by-4.0, other"
        raise UserError("usage", f"--licence {quoted(text)} is no name of a licence", hint=hint)
    return text.lower()
