"""What a display shows, drawn from stored events: golden text at several sizes, and no line too long at any."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from puzzlecam_cli.events import Event, Progress, kinds
from puzzlecam_cli.view.drawing import draw
from puzzlecam_cli.view.fold import fold
from puzzlecam_cli.view.strokes import Pen
from tests.view import story

GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.txt"))


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_a_display_looks_as_it_is_to_look(file: Path) -> None:
    heading, *expected = file.read_text(encoding="utf-8").splitlines()
    width, height, encoding, seconds = re.fullmatch(
        r"(\d+) columns, (\d+) lines, (\S+), after (\d+) s", heading
    ).groups()  # type: ignore[union-attr]
    snapshot = fold(story.until(int(seconds)))
    lines = draw(snapshot, story.BEGAN + int(seconds), int(width), int(height), Pen(encoding))
    assert [line.plain for line in lines] == expected
    assert all(cell_len(line) <= int(width) for line in expected)
    assert all(line.encode(encoding) for line in expected if line)


NAMES = st.sampled_from([*story.STAGES, "run", "", "a\x1b[2J\nb", "日本語" * 9, "e\u0301" * 30, "👩‍🔬 " * 9, "x" * 400])
NUMBERS = st.floats() | st.floats(0, 1) | st.none()
WHOLE = st.integers(-3, 9) | st.integers(-(10**15), 10**15)
VALUES = st.dictionaries(st.sampled_from(["loss", "loss_cls", "lr", "alpha", "epoch", "日本"]), st.floats(), max_size=6)
BY_TYPE = {
    "str": NAMES,
    "int": WHOLE,
    "int | None": WHOLE | st.none(),
    "float": st.floats(),
    "float | None": NUMBERS,
    "tuple[str, ...]": st.lists(NAMES, max_size=9).map(tuple),
    "dict[str, float]": VALUES,
}


def of_kind(kind: type[Event]) -> st.SearchStrategy[Event]:
    """Any event of a kind, whatever its values."""
    return st.builds(kind, **{name: BY_TYPE[str(hint)] for name, hint in kind.__annotations__.items()})


EVENTS = st.one_of([of_kind(kind) for kind in kinds().values() if kind.__annotations__])
STEPS = st.builds(Progress, st.just("seg"), st.just("epoch 1/2"), st.integers(0, 99), st.just(99), st.just("steps"))
TIMES = st.floats(-10, 4e9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(TIMES, EVENTS | STEPS), max_size=25),
    TIMES,
    st.integers(10, 250),
    st.integers(3, 60),
    st.sampled_from(["utf-8", "ascii", "latin-1"]),
)
def test_whatever_happens_is_drawn_in_whatever_room_there_is(
    events: list[tuple[float, Event]], at: float, width: int, height: int, encoding: str
) -> None:
    lines = draw(fold(events), at, width, height, Pen(encoding))
    assert len(lines) <= height
    for line in lines:
        assert line.cell_len <= width
        assert cell_len(line.plain) == line.cell_len
        assert "\x1b" not in line.plain
        assert "\n" not in line.plain
        line.plain.encode(encoding)


@pytest.mark.parametrize("size", [(10, 3), (20, 5), (80, 24), (250, 60)], ids=str)
def test_the_stage_that_runs_is_the_last_to_give_way(size: tuple[int, int]) -> None:
    snapshot = fold(story.until(95))
    lines = draw(snapshot, story.BEGAN + 95, *size, Pen())
    assert any("▸ " in line.plain and "affinit" in line.plain for line in lines)
    assert any("36 %" in line.plain for line in lines)


def test_nothing_is_said_to_be_left_where_all_is_counted() -> None:
    events = [*story.until(17), (story.BEGAN + 30, Progress("cams", "maps", 100, 100))]
    text = "\n".join(line.plain for line in draw(fold(events), story.BEGAN + 60, 80, 24, Pen()))
    assert "100 %" in text
    assert "all done, finishing" in text
    assert " left" not in text


def test_a_long_silence_is_told() -> None:
    snapshot = fold(story.until(95))
    assert "nothing new for 5 m" in "\n".join(line.plain for line in draw(snapshot, snapshot.seen + 300, 80, 24, Pen()))


def test_without_colours_nothing_is_lost() -> None:
    lines = draw(fold(story.until(95)), story.BEGAN + 95, 80, 24, Pen())
    output = io.StringIO()
    console = Console(file=output, width=80, no_color=True, force_terminal=True, color_system="truecolor")
    for line in lines:
        console.print(line)
    assert not re.search(r"\x1b\[[0-9;]*[34][0-9]m", output.getvalue())
    words = re.sub(r"\x1b\[[0-9;]*m", "", output.getvalue())
    assert words.splitlines() == [line.plain for line in lines]
    marks = [line.plain[0] for line in lines[2:8]]
    assert marks == ["✓", "✓", "▸", "·", "·", "·"]  # states are told by signs as well


def test_drawing_costs_less_than_a_hundredth_of_the_time_at_two_a_second() -> None:
    """With the longest curves and the most notes; the least of several tries, as other work may disturb."""
    from puzzlecam_cli.view.dashboard import A_SECOND

    events = [*story.until(95), *((story.BEGAN + 96 + n, story.losses(n, 1 / (n + 1))) for n in range(400))]
    snapshot = fold(events)
    console = Console(file=io.StringIO(), width=120, height=40, force_terminal=True)
    took = []
    for _ in range(20):
        began = time.process_time()
        for line in draw(snapshot, snapshot.seen, 120, 40, Pen()):
            console.print(line)
        took.append(time.process_time() - began)
    assert min(took) * A_SECOND < 0.01
