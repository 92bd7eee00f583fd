"""Pictures in terminals: what is sent is the picture, as a terminal would read it."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.view.terminal_pictures import (
    BLOCKS,
    ITERM,
    KITTY,
    SIXEL,
    as_blocks,
    as_iterm,
    as_kitty,
    as_sixel,
    way_of,
)

COLOURS = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], np.uint8)


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(COLOURS[np.random.default_rng(0).integers(0, 4, (13, 31))])


def png(data: str) -> Image.Image:
    return Image.open(BytesIO(b64decode(data))).convert("RGB")


def test_kitty_is_sent_the_picture_in_messages_of_at_most_4096(picture: Image.Image) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 90, 3), np.uint8))
    messages = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", as_kitty(noise))
    assert png("".join(data for _, data in messages)).tobytes() == noise.tobytes()
    assert all(len(data) <= 4096 for _, data in messages)
    assert [keys[-3:] for keys, _ in messages] == ["m=1"] * (len(messages) - 1) + ["m=0"] or len(messages) > 1
    assert messages[0][0].startswith("a=T,f=100")


def test_iterm_is_sent_the_picture(picture: Image.Image) -> None:
    match = re.fullmatch(r"\x1b\]1337;File=([^:]*):([^\x07]*)\x07\n", as_iterm(picture))
    assert match is not None
    assert "inline=1" in match[1]
    assert png(match[2]).tobytes() == picture.tobytes()


def test_sixels_are_the_picture(picture: Image.Image) -> None:
    """A reader of sixels by the manual of the VT340: `#` chooses a colour, `!` repeats, `$` goes back, `-` down."""
    text = as_sixel(picture)
    match = re.fullmatch(r'\x1bPq"1;1;31;13(.*)\x1b\\\n', text, re.DOTALL)
    assert match is not None
    palette: dict[int, tuple[int, ...]] = {}
    seen = np.zeros((18, 31, 3), int)
    x, y, colour = 0, 0, 0
    for index, values, count, what in re.findall(r"#(\d+)((?:;\d+)*)|!?(\d*)([?-~$\-])", match[1]):
        if index:
            colour = int(index)
            if values:
                palette[colour] = tuple(round(int(v) * 255 / 100) for v in values.split(";")[2:])
        elif what == "$":
            x = 0
        elif what == "-":
            x, y = 0, y + 6
        else:
            many = int(count or 1)
            for bit in range(6):
                if ord(what) - 63 >> bit & 1:
                    seen[y + bit, x : x + many] = palette[colour]
            x += many
    assert np.array_equal(seen[:13], np.asarray(picture))


def test_blocks_are_two_pixels_each_and_no_wider_than_the_terminal(picture: Image.Image) -> None:
    small = Image.fromarray(np.array([[COLOURS[0], COLOURS[1]], [COLOURS[2], COLOURS[3]]]))
    text = as_blocks(small, 80)
    assert text.plain == "▀▀"
    assert [str(span.style) for span in text.spans] == ["#ff0000 on #0000ff", "#00ff00 on #ffffff"]
    assert all(len(line) <= 20 for line in as_blocks(picture, 20).plain.splitlines())


@pytest.mark.parametrize(
    ("environment", "answer", "way"),
    [
        ({"TERM": "xterm-kitty"}, "", KITTY),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "", KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "", KITTY),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "", ITERM),
        ({"TERM": "xterm-256color"}, "\x1b[?62;4;22c", SIXEL),
        ({"TERM": "xterm-256color"}, "\x1b[?64;1;9;15;24c", BLOCKS),
        ({"TERM": "xterm-256color"}, "\x1b[?4c", BLOCKS),
        ({"TERM": "tmux-256color", "TMUX": "/tmp/x", "KITTY_WINDOW_ID": "1"}, "", BLOCKS),
        ({}, "garbage", BLOCKS),
    ],
)
def test_a_terminal_is_shown_pictures_as_it_can(environment: dict[str, str], answer: str, way: str) -> None:
    assert way_of(environment, lambda: answer) == way
