"""HTML that cannot be broken by data: text is escaped where it is put in, unless it is HTML already."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape
from io import BytesIO
from typing import Any

from PIL import Image

from puzzlecam_cli.errors import printable

VOID = frozenset({"img", "input", "meta", "link", "br", "hr"})


class Html(str):
    """Text that is HTML."""

    __slots__ = ()


Child = str | Html | Iterable["Child"] | None


def tag(name: str, /, *children: Child, **attributes: str | int | float | bool | None) -> Html:
    """An element.

    Args:
        children: HTML as it is, other text escaped, lists of both; None is nothing.
        attributes: of a name that Python has another use for, or with a hyphen, `class_` and `aria_label`; False and
            None leave it out, True is one without a value.
    """
    inside = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(_plain(str(value)))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{inside}>" if name in VOID else f"<{name}{inside}>{joined(children)}</{name}>")


def joined(children: Child) -> Html:
    """Children one after the other."""
    if children is None:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, str):
        return Html(escape(_plain(children), quote=False))
    return Html("".join(map(joined, children)))


def data(text: str, **attributes: str) -> Html:
    """A name from the data inside a sentence, whatever direction it is written in."""
    return tag("bdi", text, **attributes)


def code(text: str) -> Html:
    return tag("code", text)


def lines(text: str) -> Html:
    """A text of several lines, for `pre`."""
    return Html("\n".join(joined(line) for line in text.split("\n")))


def prose(text: str) -> Html:
    """A sentence with `code` in it, as notes and messages are written."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return joined(text)
    return joined([code(part) if number % 2 else part for number, part in enumerate(parts)])


def table(heading: Iterable[Child], rows: Iterable[Iterable[Child]], *, caption: str, numbers: bool = True) -> Html:
    """A table whose first column names its rows.

    Args:
        caption: for those who cannot see what it stands below.
        numbers: whether all other columns are.
    """
    head = tag("tr", [tag("th", cell, scope="col") for cell in heading])
    body = [
        tag("tr", [tag("td", cell) if n else tag("th", cell, scope="row") for n, cell in enumerate(row)])
        for row in rows
    ]
    whole = tag("table", tag("caption", caption, class_="unseen"), tag("thead", head), tag("tbody", body))
    return tag(
        "div", whole, class_="scroll numbers" if numbers else "scroll", tabindex=0, role="group", aria_label=caption
    )


def data_uri(picture: Image.Image, form: str, **options: Any) -> str:
    """A picture inside the page.

    Args:
        form: `webp`, `png` or `jpeg`.
    """
    file = BytesIO()
    picture.save(file, form, **options)
    return f"data:image/{form};base64,{b64encode(file.getvalue()).decode()}"


def _plain(text: str) -> str:
    """Text that does nothing: what turns the direction of writing is shown, nothing is left out."""
    return printable(text, 12 * len(text) + 12)
