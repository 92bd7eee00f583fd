"""Pictures in a terminal: by kitty's protocol, iTerm's, sixels, or as half blocks where there is nothing better."""

from __future__ import annotations

import os
import re
import select
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO

import numpy as np
from PIL import Image
from rich.columns import Columns
from rich.console import Console, Group
from rich.style import Style
from rich.text import Text

KITTY, ITERM, SIXEL, BLOCKS = "kitty", "iterm", "sixel", "blocks"
CHUNK = 4096  # characters of a message of kitty's protocol, at most
PATIENCE = 0.2  # seconds in which a terminal answers
NARROWEST, WIDEST, GAP = 30, 48, 1  # characters of a picture in half blocks, and between two
COLOURS = 255  # of a picture in sixels


def way_of(environment: Mapping[str, str], ask: Callable[[], str]) -> str:
    """How a terminal shows pictures.

    Args:
        environment: of the process; a multiplexer in between passes pictures on only as sixels.
        ask: gives the terminal's answer to what it is, empty without one.
    """
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if "TMUX" not in environment and not term.startswith(("tmux", "screen")):
        if (
            "KITTY_WINDOW_ID" in environment
            or "kitty" in term
            or "ghostty" in term
            or program in ("ghostty", "WezTerm")
        ):
            return KITTY
        if program in ("iTerm.app", "mintty") or environment.get("LC_TERMINAL") == "iTerm2":
            return ITERM
    answer = re.search(r"\x1b\[\?([\d;]+)c", ask())
    return SIXEL if answer and "4" in answer[1].split(";")[1:] else BLOCKS


def answer_of_terminal() -> str:
    """What the terminal says to the question what it can (DA1); empty where nobody answers in time."""
    if not (sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()) or shows_no_blocks():
        return ""
    import termios
    import tty

    descriptor, said = sys.stdin.fileno(), ""
    before = termios.tcgetattr(descriptor)
    try:
        tty.setcbreak(descriptor)
        sys.stdout.write("\x1b[c")
        sys.stdout.flush()
        while select.select([descriptor], [], [], PATIENCE)[0] and not said.endswith("c"):
            said += os.read(descriptor, 64).decode("ascii", "replace")
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
    return said


def shows_no_blocks() -> str:
    """Why half blocks are not for this terminal; empty where they are."""
    if os.environ.get("NO_COLOR"):
        return "NO_COLOR is set, and half blocks are nothing but colour"
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return "the terminal has no colours"
    try:
        "▀".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return "the terminal's encoding has no half blocks"
    return ""


def as_kitty(picture: Image.Image) -> str:
    """A picture in messages of kitty's graphics protocol."""
    data = _png(picture)
    parts = [data[first : first + CHUNK] for first in range(0, len(data), CHUNK)]
    said = []
    for number, part in enumerate(parts):
        keys = "a=T,f=100,q=2," * (number == 0) + f"m={int(number < len(parts) - 1)}"
        said.append(f"\x1b_G{keys};{part}\x1b\\")
    return "".join(said) + "\n"


def as_iterm(picture: Image.Image) -> str:
    """A picture in the message of iTerm's inline images."""
    data = _png(picture)
    return f"\x1b]1337;File=inline=1;width={picture.width}px;preserveAspectRatio=1:{data}\x07\n"


def as_sixel(picture: Image.Image) -> str:
    """A picture in sixels: bands of six lines, in each a row of characters for every colour in it."""
    reduced = picture.convert("RGB").quantize(COLOURS)
    palette = np.array(reduced.getpalette(), np.int32).reshape(-1, 3)
    pixels = np.asarray(reduced)
    said = [f'\x1bPq"1;1;{picture.width};{picture.height}']
    said += [
        f"#{index};2;{';'.join(str(round(int(value) * 100 / 255)) for value in palette[index])}"
        for index in np.unique(pixels).tolist()
    ]
    for top in range(0, len(pixels), 6):
        band = pixels[top : top + 6]
        weights = 1 << np.arange(len(band))[:, None]
        lines = [
            f"#{index}{_run_lengths(((band == index) * weights).sum(axis=0) + 63)}"
            for index in np.unique(band).tolist()
        ]
        said.append("$".join(lines) + "-")
    return "".join(said) + "\x1b\\\n"


def as_blocks(picture: Image.Image, columns: int) -> Text:
    """A picture of half blocks, two pixels a character, at most so many columns wide."""
    width = min(columns, picture.width)
    height = max(2, round(picture.height * width / picture.width / 2) * 2)
    pixels = np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS))
    text = Text(no_wrap=True, overflow="crop")
    for upper, lower in zip(pixels[::2].tolist(), pixels[1::2].tolist(), strict=True):
        for above, below in zip(upper, lower, strict=True):
            text.append("▀", Style(color=_rgb(above), bgcolor=_rgb(below)))
        text.append("\n")
    text.right_crop(1)
    return text


def show_blocks(pictures: Sequence[tuple[str, Image.Image]]) -> None:
    """Show pictures on stdout as half blocks, each above its caption, side by side as far as there is room."""
    console = Console()
    each = max(1, min(WIDEST, max(NARROWEST, console.width // len(pictures) - GAP), console.width - GAP))
    blocks = [Group(as_blocks(picture, each), Text(caption[:each])) for caption, picture in pictures]
    if console.width > each + GAP:
        console.print(Columns(blocks, padding=(1, GAP), width=each))
    else:
        console.print(*blocks, sep="\n")


def show_picture(picture: Image.Image, way: str) -> None:
    """Send a picture to stdout, a terminal that shows it in one of the other ways."""
    encode = {KITTY: as_kitty, ITERM: as_iterm, SIXEL: as_sixel}[way]
    sys.stdout.write(encode(picture))
    sys.stdout.flush()


def _png(picture: Image.Image) -> str:
    file = BytesIO()
    picture.save(file, "png")
    return b64encode(file.getvalue()).decode()


def _rgb(pixel: list[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*pixel)


def _run_lengths(characters: np.ndarray) -> str:
    starts = np.flatnonzero(np.diff(characters, prepend=-1))
    lengths = np.diff(starts, append=len(characters))
    return "".join(
        f"!{length}{chr(character)}" if length > 3 else chr(character) * length
        for character, length in zip(characters[starts].tolist(), lengths.tolist(), strict=True)
    )
