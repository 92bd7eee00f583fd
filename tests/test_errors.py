"""What a message may hold, whatever it is about: at most a screen, and nothing that acts on a terminal."""

from __future__ import annotations

import pickle
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from puzzlecam_cli.errors import UserError, for_terminal, printable, shorten

ANY_TEXT = st.text(st.characters(), max_size=400)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("plain", "plain", id="plain"),
        pytest.param("Grüße, 写真, مرحبا, \U0001f600", "Grüße, 写真, مرحبا, \U0001f600", id="any script"),
        pytest.param("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469", id="a family in one sign"),
        pytest.param("\x1b[31mred", r"\x1b[31mred", id="a colour"),
        pytest.param("\x1b]0;title\x07", r"\x1b]0;title\x07", id="a window title and a bell"),
        pytest.param("\x9b31m", r"\x9b31m", id="a colour in one byte"),
        pytest.param("a\rb\nc\td", r"a\rb\nc\td", id="line ends and tabs"),
        pytest.param("\u2028\u2029\x85", r"\u2028\u2029\x85", id="line ends of Unicode"),
        pytest.param("\u202egnp.exe", r"\u202egnp.exe", id="from right to left"),
        pytest.param("\ufeffa\u200bb", r"\ufeffa\u200bb", id="invisible"),
        pytest.param("\udcff", r"\udcff", id="a byte that is no text"),
        pytest.param("\0\x7f\x08", r"\x00\x7f\x08", id="NUL, delete and backspace"),
        pytest.param("a\xa0b", "a\xa0b", id="a blank that keeps together"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_instead(text: str, shown: str) -> None:
    assert printable(text) == shown


@settings(deadline=None, max_examples=200, derandomize=True)
@given(text=ANY_TEXT, most=st.integers(20, 300))
def test_printable_text_acts_on_nothing_and_is_short(text: str, most: int) -> None:
    shown = printable(text, most)
    assert len(shown) <= most
    assert not {unicodedata.category(c) for c in shown if c not in "\u200c\u200d"} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert printable(shown, most) == shown


def test_the_middle_of_long_text_is_left_out() -> None:
    shown = printable("start" + "x" * 10**6 + "end")
    assert shown.startswith("start")
    assert shown.endswith("end")
    assert " ... " in shown
    assert len(shown) == 300


@settings(deadline=None, max_examples=100, derandomize=True)
@given(problem=ANY_TEXT, where=st.lists(ANY_TEXT, max_size=60), hint=ANY_TEXT)
@example(problem="x" * 10**6, where=["y\n" * 1000] * 1000, hint="z" * 10**6)
def test_a_message_is_at_most_a_screen(problem: str, where: list[str], hint: str) -> None:
    error = UserError("kind", problem, tuple(where), hint)
    lines = str(error).split("\n")
    assert len(lines) <= 40
    assert all(len(line) <= 620 for line in lines)
    assert "\x1b" not in str(error)
    assert pickle.loads(pickle.dumps(error)).where == tuple(where), "a process pool passes all of it on"


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("utf-8", "× café ╰─> 写 →"),
        ("latin-1", r"× café `-> \u5199 ->"),
        ("ascii", r"x caf\xe9 `-> \u5199 ->"),
        (None, r"x caf\xe9 `-> \u5199 ->"),
        ("no such encoding", r"x caf\xe9 `-> \u5199 ->"),
        ("cp1252", r"× café `-> \u5199 ->"),
    ],
)
def test_a_terminal_is_sent_what_it_can_show(encoding: str | None, shown: str) -> None:
    assert for_terminal("× café ╰─> 写 →", encoding) == shown


@settings(deadline=None, max_examples=100, derandomize=True)
@given(text=ANY_TEXT, encoding=st.sampled_from(["ascii", "latin-1", "cp437", "utf-8", "gbk"]))
def test_any_text_can_be_sent_to_any_terminal(text: str, encoding: str) -> None:
    for_terminal(text, encoding).encode(encoding)


def test_of_many_lines_the_first_are_shown_and_the_rest_counted() -> None:
    assert shorten(["a", "b"], 2) == ("a", "b")
    assert shorten(["a", "b", "c", "d"], 2) == ("a", "b", "... and 2 more")
