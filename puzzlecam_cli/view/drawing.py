"""A snapshot drawn as lines of text, for any width and height: what matters most stays where there is little room."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import isfinite

from rich.text import Text

from puzzlecam_cli.view.snapshot import START, Curve, Snapshot, Stage
from puzzlecam_cli.view.strokes import Pen, flowed, padded
from puzzlecam_cli.view.words import duration, size

Row = tuple[float, Text]  # how soon it gives way: the higher, the sooner
NARROW = 72  # columns: with less, the bar has a line of its own
LONGEST_NAME = 16
WIDEST = 84  # of what is told of a stage before its figure: the eye should find the figure
SILENT = 60.0  # seconds without an event that are told
NOTES = 4  # that are shown
FIRST, TITLE, NEAR, BLANK = 0.0, 3.0, 5.0, 9.0


def draw(
    snapshot: Snapshot,
    at: float,
    width: int,
    height: int,
    pen: Pen,
    *,
    above: Sequence[Text] = (),
    with_notes: bool = True,
) -> list[Text]:
    """At most `height` lines of at most `width` cells.

    Args:
        at: the time in seconds since 1970.
        above: lines on what is known of the run beside its events, such as whether it lives; they come second.
    """
    rows: list[Row] = [(TITLE, _title(snapshot, at, width, pen))] if snapshot.recipe or snapshot.folder else []
    rows += [(1 + 0.01 * number, line) for number, text in enumerate(above) for line in _wrapped(text, width)]
    rows += [(BLANK, Text())] if rows else []
    rows += _stages(snapshot, at, width, pen)
    if below := _running(snapshot, at, width, pen):
        rows += [(BLANK, Text()), *below]
    if with_notes and (notes := _notes(snapshot, width, height - len(rows) - 1, pen)):
        rows += [(BLANK, Text()), *notes]
    kept = sorted(range(len(rows)), key=lambda number: (rows[number][0], number))[: max(height, 1)]
    lines = [pen.cut(rows[number][1], width) for number in sorted(kept)]
    for line in lines:
        line.rstrip()
    while lines and not lines[-1].plain:
        lines.pop()
    return lines


def _title(snapshot: Snapshot, at: float, width: int, pen: Pen) -> Text:
    """Recipe, folder, machine, and how long the command has taken in all."""
    until = snapshot.seen if snapshot.ended else max(at, snapshot.seen)
    took = pen.words("" if snapshot.began is None else duration(until - snapshot.began), "bold")
    left, folder = pen.words(snapshot.recipe, "bold"), pen.words(snapshot.folder, "dim")
    if left.cell_len + folder.cell_len + took.cell_len + 3 <= width:
        left = Text.assemble(left, "  ", folder)
    machine = pen.words(snapshot.machine, "dim")
    if machine and left.cell_len + machine.cell_len + took.cell_len + 8 <= width:
        took = Text.assemble(machine, "   ", took)
    return pen.between(left, took, width)


def _stages(snapshot: Snapshot, at: float, width: int, pen: Pen) -> list[Row]:
    """A line a stage; in a narrow terminal, the bar of the one that runs is another."""
    stages, running = snapshot.stages, snapshot.current
    here = next((number for number, one in enumerate(stages) if one.name == running), len(stages))
    names = max((min(pen.words(one.name).cell_len, LONGEST_NAME) for one in stages), default=0)
    times = [_time(one, at) for one in stages]
    longest = max(map(len, times), default=0)
    waiting = next((one.name for one in stages if one.state == "waits"), "")
    rows: list[Row] = []
    for number, (one, time) in enumerate(zip(stages, times, strict=True)):
        is_here = one.name == running
        name = padded(pen.cut(pen.words(one.name, "dim" if one.state == "waits" else "bold" * is_here), names), names)
        head = Text.assemble(pen.mark(one.state), " " * (1 + (width >= NARROW)), name, no_wrap=True)
        room = width - head.cell_len - longest - 4
        is_told_below = is_here and width < NARROW
        what = Text() if is_told_below else _what(snapshot, one, at, room, pen, running if one.name == waiting else "")
        line = pen.between(Text.assemble(head, "  ", what), pen.words(time, "" if is_here else "dim"), width)
        rows.append((FIRST if is_here or one.state == "failed" else NEAR + 1 + abs(number - here) / 100, line))
        if is_told_below and one.count and not one.doing:
            percent = f" {_percent(one.count.share)}"
            rows.append((FIRST, Text.assemble(pen.bar(one.count.share, max(width - len(percent), 0)), percent)))
    return rows


def _time(stage: Stage, at: float) -> str:
    if stage.state == "runs":
        return "" if stage.began is None else duration(at - stage.began)
    return "" if stage.seconds is None or stage.state == "waits" else duration(stage.seconds)


def _what(snapshot: Snapshot, stage: Stage, at: float, width: int, pen: Pen, waits_for: str) -> Text:
    """What is told of a stage between its name and its time: what was made, and what it came to."""
    if width < 6:
        return Text()
    if stage.state == "waits":
        return pen.words(f"waits for {waits_for}" if waits_for and waits_for != START else "", "dim")
    first = min(width - 2 - max(24, width * 2 // 5), WIDEST)
    second = width - first - 2
    if stage.state == "runs":
        return _work(snapshot, stage, at, first, second, pen)
    made, figure = ", ".join(dict.fromkeys(stage.made)), stage.figure
    if stage.state == "kept":
        figure = f"kept: {stage.because}"
    elif stage.state != "done":
        figure = f"{stage.state}  {figure}".strip()
    told, came_to = pen.words(made, "dim"), pen.words(figure, "dim" if stage.state == "kept" else "")
    if told.cell_len > first or (stage.state == "kept" and not made):
        return pen.cut(Text.assemble(told, "  " if made else "", came_to), width)
    return Text.assemble(padded(told, first), "  ", pen.cut(came_to, second))


def _work(snapshot: Snapshot, stage: Stage, at: float, first: int, second: int, pen: Pen) -> Text:
    """Of the stage that runs, what it does, and how far it is."""
    count = stage.count
    if count is None or stage.doing:
        doing = pen.words(stage.doing or "begins")
        took = at - stage.doing_since if stage.doing else 0.0
        since = pen.words(f"  {duration(took)}" if took >= 1 else "", "dim")
        because = pen.words(stage.because, "dim")
        if doing.cell_len + since.cell_len > first:
            return pen.cut(Text.assemble(doing, since), first + 2 + second)
        return Text.assemble(padded(Text.assemble(doing, since), first), "  ", pen.cut(because, second))
    task, percent = pen.cut(pen.words(count.task), first - 6), _percent(count.share)
    long = first - task.cell_len - len(percent) - 4
    bar = Text.assemble("  ", pen.bar(count.share, long)) if long >= 6 else Text()
    loss = next((curve for curve in snapshot.curves if curve.name == "loss"), None)
    told = Text() if loss is None else _curve(loss, second, pen)
    return Text.assemble(padded(Text.assemble(task, bar, "  ", percent), first), "  ", told)


def _running(snapshot: Snapshot, at: float, width: int, pen: Pen) -> list[Row]:
    """How fast the stage that runs is, when it ends, what it takes of the machine, and its losses."""
    stage = snapshot.running
    if stage is None:
        return []
    progress, settings = _progress(snapshot, stage, at, width, pen), _settings(snapshot, pen)
    parts = ([*progress, *settings],) if width < NARROW else (progress, settings)
    blocks = [flowed([pen.cut(part, width) for part in block], width) for block in parts]
    lines = flowed([line for block in blocks for line in block], width)
    rows: list[Row] = [(1.5 + number, line) for number, line in enumerate(lines)]
    drawn = sorted(snapshot.curves, key=lambda curve: curve.name != "loss")
    drawn = drawn if width < NARROW else [curve for curve in drawn if curve.name != "loss"]
    by_name = {curve.name: curve for curve in snapshot.curves}
    if len(drawn) == 1 and width >= NARROW and drawn[0].points == by_name.get("loss", drawn[0]).points:
        drawn = []  # the only loss is the sum
    if not drawn:
        return rows
    most = min(max(width // 38, 1), len(drawn))
    columns = -(-len(drawn) // -(-len(drawn) // most))  # as many in every line
    wide = (width - 3 * (columns - 1)) // columns
    names = max(pen.words(curve.name).cell_len for curve in drawn)
    for first in range(0, len(drawn), columns):
        cells = [_curve(curve, wide, pen, names) for curve in drawn[first : first + columns]]
        rows += [(BLANK, Text())] if first == 0 and width >= NARROW else []
        line = Text("   ").join([*(padded(cell, wide) for cell in cells[:-1]), cells[-1]])
        rows.append((2.2 + first / columns if width < NARROW else NEAR + 0.5 + first / 100, line))
    return rows


def _curve(curve: Curve, width: int, pen: Pen, name_width: int = 0) -> Text:
    """Name, last value, and how it came there."""
    told = Text.assemble(padded(pen.words(curve.name, "dim"), name_width), f" {curve.last:.3f}", no_wrap=True)
    room = width - told.cell_len - 2
    return Text.assemble(told, "  ", pen.curve(curve.points, room)) if room >= 4 else pen.cut(told, width)


def _told(label: str, value: str, pen: Pen) -> Text:
    return Text.assemble(pen.words(f"{label} ", "dim"), pen.words(value), no_wrap=True)


def _progress(snapshot: Snapshot, stage: Stage, at: float, width: int, pen: Pen) -> list[Text]:
    """How far the stage is, and how fast; that first which matters most."""
    found: list[Text] = []
    count, pace = stage.count, snapshot.pace
    if width < NARROW:
        found.append(pen.words(stage.doing or (count.task if count else "begins")))
    if count is not None:
        if count.done >= count.total:
            found.append(pen.words("all done, finishing"))
        elif count.end is not None:
            found.append(pen.words(f"{duration(max(count.end - at, 0))} left", "bold"))
            found += [_told("ends", clock(count.end, at), pen)] if count.end - at >= 60 else []
        found.append(pen.words(f"{count.done:,} of {count.total:,} {count.unit}"))
        if count.rate:
            found.append(pen.words(_rate(count.rate, count.unit)))
    if pace is not None and pace.images_per_second is not None:
        found.append(pen.words(_rate(pace.images_per_second, "images")))
    if at - snapshot.seen > SILENT:
        found.append(pen.words(f"nothing new for {duration(at - snapshot.seen)}"))
    return found


def _settings(snapshot: Snapshot, pen: Pen) -> list[Text]:
    """What the recipe sets over time, and what the stage takes of the machine."""
    pace = snapshot.pace
    found = [_told(name, f"{value:.3g}", pen) for name, value in snapshot.schedule]
    if pace is not None:
        if pace.data_wait is not None:
            found.append(_told("data wait", _percent(pace.data_wait).strip(), pen))
        if pace.gpu_memory is not None:
            used, total = size(pace.gpu_memory), size(pace.gpu_memory_total or 0)
            used = used.removesuffix(total[-3:]) if pace.gpu_memory_total else used  # a unit once
            found.append(_told("GPU memory", f"{used} of {total}" if pace.gpu_memory_total else used, pen))
        if pace.gpu_use is not None:
            found.append(_told("GPU busy", _percent(pace.gpu_use).strip(), pen))
    return found


def _percent(share: float) -> str:
    """Five characters, rounded down: all is done where it says 100."""
    return f"{int(100 * share + 1e-9):3} %" if isfinite(100 * share) else "  ? %"


def _rate(rate: float, unit: str) -> str:
    if 0 < rate < 0.95:
        return f"{1 / rate:.1f} s a{'n' * (unit[:1] in 'aeiou')} {unit.removesuffix('s')}"
    return f"{rate:.0f} {unit}/s" if rate >= 99.5 else f"{rate:.1f} {unit}/s"


def clock(when: float, at: float) -> str:
    """The time of the day; with the date where that is not clear."""
    try:
        moment = datetime.fromtimestamp(when)
    except (ValueError, OverflowError, OSError):
        return "?"
    return f"{moment:%H:%M}" if abs(when - at) < 20 * 3600 else f"{moment:%d %b %H:%M}"


def _notes(snapshot: Snapshot, width: int, room: int, pen: Pen) -> list[Row]:
    """The last notes, those that are long in several lines where there is room; else they are cut."""
    rows: list[Row] = []
    shown = snapshot.notes[-NOTES:]
    spare = room - len(shown)
    for newer, (when, text) in enumerate(reversed(shown)):
        line = Text.assemble((f"{clock(when, when)}  ", "dim"), pen.words(text), no_wrap=True)
        whole = _wrapped(line, width, hang=7) if width >= NARROW else [line]
        if len(whole) - 1 > spare:
            whole = [line]
        spare -= len(whole) - 1
        rows[:0] = [((4.5, 7, 8, 8.5)[newer], part) for part in whole]
    return rows


def _wrapped(text: Text, width: int, hang: int = 0) -> list[Text]:
    """A text in lines of at most `width` cells, broken between words."""
    if text.cell_len <= width:
        return [text]
    words, lines = text.split(" "), [Text()]
    for word in words:
        if lines[-1].plain.strip() and lines[-1].cell_len + 1 + word.cell_len > width:
            lines.append(Text(" " * hang))
            lines[-1].append_text(word)
        else:
            lines[-1] = Text.assemble(lines[-1], " ", word) if lines[-1].plain else word
    return lines
