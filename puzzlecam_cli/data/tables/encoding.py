"""The text of a file of tags: UTF-8 and what has a byte order mark, else what can be told without a guess."""

from __future__ import annotations

from puzzlecam_cli.data.tables.found import Known
from puzzlecam_cli.text import decode_text


def decoded(data: bytes, known: Known, encoding: str | None) -> tuple[str, list[str]]:
    """The text in the bytes of a file, and how it was read if that is not as UTF-8.

    Raises:
        UserError: `tags-encoding`: see `decode_text`.
    """
    return decode_text(data, known.file, otherwise=encoding or "utf-8", kind="tags"), []
