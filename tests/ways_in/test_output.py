"""Way in: what comes from data, on its way out: names of classes, ids, notes and errors, in every view."""

from __future__ import annotations

import errno
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.dom.minidom import parseString

import pytest
import typer
from rich.console import Console

from puzzlecam_cli.cli.boundary import error_boundary
from puzzlecam_cli.errors import UserError, printable
from puzzlecam_cli.events import Event, Metric, Note, Progress, RunStarted, StageEnded, StageKept, StageStarted
from puzzlecam_cli.group.watch import RankFailed, _lines
from puzzlecam_cli.view import scores as scores_view
from puzzlecam_cli.view import tables
from puzzlecam_cli.view.drawing import draw
from puzzlecam_cli.view.event_file import EventFile
from puzzlecam_cli.view.fold import fold
from puzzlecam_cli.view.markdown import markdown_table
from puzzlecam_cli.view.plain import PlainView
from puzzlecam_cli.view.plot import _text
from puzzlecam_cli.view.strokes import Pen

# from data: as it is shown
TEXTS = {
    "plain words": ("a cat", "a cat"),
    "other scripts": ("né 牛 कुत्ता", "né 牛 कुत्ता"),
    "an escape code": ("\x1b[31mred", r"\x1b[31mred"),
    "an escape code of one character": ("\x9b31mred", r"\x9b31mred"),
    "a title for the window": ("\x1b]0;owned\x07", r"\x1b]0;owned\x07"),
    "a carriage return": ("good\rbad", r"good\rbad"),
    "an end of line": ("good\nerror: bad", r"good\nerror: bad"),
    "backspaces": ("good\b\b\b\bbad", r"good\x08\x08\x08\x08bad"),
    "NUL": ("a\0b", r"a\x00b"),
    "a turn of direction": ("a\u202egpj", r"a\u202egpj"),
    "half a character": ("a\udcffb", r"a\udcffb"),
    "markup": ("[red]cat[/red]", "[red]cat[/red]"),
    "an end of markup": ("cat[/]", "cat[/]"),
    "a link in markup": ("[link=file:///etc/passwd]cat[/link]", "[link=file:///etc/passwd]cat[/link]"),
    "an emoji's name": (":smile: cat", ":smile: cat"),
    "places for values": ("{cat} %s %d {0.__class__}", "{cat} %s %d {0.__class__}"),
}


def scores(name: str) -> dict[str, Any]:
    result = {"what": "cams", "split": name, "images": 1, "miou": 0.5, "fp": 0.1, "fn": 0.1, "threshold": None}
    result |= {"threshold_from": None, "crf": False, "iou": {"background": 0.5, name: None}, "sweep": []}
    return {"results": [result], "tags_from": "tags", "backbone": name, "puzzle": True}


def plain_view(text: str, capsys: pytest.CaptureFixture[str], _: Path) -> str:
    PlainView()(Note("cams", text))
    return capsys.readouterr().err


def dashboard(text: str, capsys: pytest.CaptureFixture[str], _: Path) -> str:
    output = io.StringIO()
    told: tuple[Event, ...] = (
        RunStarted(text, text, ("cams", "rw")),
        StageKept("rw", text),
        StageStarted("cams", text),
        Progress("cams", text, 1, 2),
        Note("cams", text),
    )
    drawn = draw(fold((0.0, event) for event in told), 1, 300, 40, Pen())
    Console(file=output, width=300, force_terminal=True, color_system=None).print(*drawn, sep="\n")
    return output.getvalue()


def score_table(text: str, capsys: pytest.CaptureFixture[str], _: Path) -> str:
    tables.show(tables.score_table(scores(text)), width=300)
    return capsys.readouterr().out


def score_file(text: str, *_: object) -> str:
    return scores_view.scores_table(scores(text))


def user_error(text: str, *_: object) -> str:
    return str(UserError(text, text, (text,), text))


def output_of_a_rank(text: str, _: object, folder: Path) -> str:
    log = folder / "rank-0.log"
    log.write_bytes(text.replace("\n", "\\n").encode(errors="surrogateescape") + b"\n")
    return str(RankFailed("\n".join(_lines(log)), 1))


def our_own_failure(text: str, capsys: pytest.CaptureFixture[str], _: Path) -> str:
    return said_by_the_boundary(ValueError(text.replace("\n", "\\n")), capsys)[1]


def said_by_the_boundary(error: BaseException, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as end, error_boundary():
        raise error
    return end.value.exit_code, capsys.readouterr().err


VIEWS = (plain_view, dashboard, score_table, score_file, user_error, output_of_a_rank, our_own_failure)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__.replace("_", " "))
@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS)
def test_what_comes_from_data_does_nothing_to_the_terminal_and_is_not_interpreted(
    text: str,
    shown: str,
    view: Callable[[str, pytest.CaptureFixture[str], Path], str],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    output = view(text, capsys, tmp_path)
    assert all(line.isprintable() for line in output.split("\n")), output
    if view is output_of_a_rank and "\udcff" in text:
        shown = "a\ufffdb"  # bytes that are no UTF-8, read from a file
    if view is our_own_failure and "\udcff" in text:
        shown = r"a\udcffb"
    assert shown in output


def test_a_table_in_a_file_holds_no_more_columns_and_rows_than_it_has() -> None:
    lines = markdown_table(("name", "n"), [("a|b\nc", "1"), ("<script>", "2")])
    assert lines == ["| name | n |", "| --- | --- |", r"| a\|b\nc | 1 |", "| &lt;script> | 2 |"]


@pytest.mark.parametrize("text", [text for text, _ in TEXTS.values()], ids=TEXTS)
def test_words_in_a_plot_are_xml_that_can_be_read(text: str) -> None:
    document = parseString(f'<svg xmlns="http://www.w3.org/2000/svg">{_text(0, 0, text)}</svg>')
    assert document.documentElement.firstChild.firstChild.data == printable(text)


@pytest.mark.parametrize("text", [text for text, _ in TEXTS.values()], ids=TEXTS)
def test_the_file_of_events_holds_a_line_an_event(tmp_path: Path, text: str) -> None:
    EventFile(tmp_path / "events.jsonl")(Note("cams", text))
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == text


def test_a_megabyte_of_data_is_a_few_lines(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for view in VIEWS:
        assert len(view("x" * 1_000_000, capsys, tmp_path)) < 8000, view


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp437", "utf-8"])
def test_a_terminal_without_unicode_is_shown_marks_and_bars_of_its_own(encoding: str) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)  # strict: it would raise
    console = Console(file=stream, width=80, color_system=None)
    told = (
        RunStarted("né", "runs/né", ("train-cls", "cams", "rw", "seg", "eval")),
        StageKept("train-cls", "lr changed: 1 → 2 " + "x" * 100),
        StageStarted("cams", "not made yet"),
        StageEnded("cams", "failed", 1),
        StageStarted("rw", "not made yet"),
        Progress("rw", "walk", 1, 2),
        *(Metric("rw", step, {"loss": loss}) for step, loss in enumerate((3.0, 2.0, float("nan"), 1.0))),
        Note("rw", "3 × 2 ▸"),
    )
    console.print(*draw(fold((0.0, event) for event in told), 1, 80, 40, Pen(console.encoding)), sep="\n")
    stream.seek(0)
    lines = stream.read().splitlines()
    marks = [line[0] for line in lines[2:7]]
    assert marks == (["✓", "×", "▸", "·", "·"] if encoding == "utf-8" else ["=", "x", ">", ".", "."])
    assert all(len(line.rstrip()) <= 80 for line in lines), "wider than the terminal"
    assert "\\u25b8" not in "".join(lines[:6])


CAUSES: dict[str, tuple[Exception, int, str]] = {
    "a full disk": (OSError(errno.ENOSPC, "x", "a/b"), 2, "╰─> a/b"),
    "a folder that may not be read": (PermissionError(errno.EACCES, "x", "a/b"), 2, "permission is denied"),
    "a read-only disk": (OSError(errno.EROFS, "x", "a/b"), 2, "read-only"),
    "a name that is too long": (OSError(errno.ENAMETOOLONG, "x", "n" * 5000), 2, "a name is too long"),
    "a file that is gone": (FileNotFoundError(errno.ENOENT, "x", "run/cams/a.npz"), 2, "run/cams/a.npz"),
    "a file as folder": (NotADirectoryError(errno.ENOTDIR, "x", "afile/x"), 2, "a part of the path is a file"),
    "a folder as file": (IsADirectoryError(errno.EISDIR, "x", "run.json"), 2, "a folder is where a file should be"),
    "links in a circle": (OSError(errno.ELOOP, "x", "a"), 2, "links lead round in a circle"),
    "a name of bytes": (OSError(errno.ENOENT, "x", b"\xff\x1b"), 2, r"\xff\x1b"),
    "two names": (OSError(errno.EEXIST, "x", "a", None, "b"), 2, "    b"),
    "too many open files": (OSError(errno.EMFILE, "x"), 2, "ulimit -n"),
    "too many processes": (BlockingIOError(errno.EAGAIN, "x"), 2, "ulimit -u"),
    "no memory for a process": (OSError(errno.ENOMEM, "x"), 2, "out-of-memory"),
    "no folder for temporary files": (
        FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"),
        2,
        "TMPDIR",
    ),
    "no memory": (MemoryError(), 2, "× the memory is used up"),
    "no memory for an array": (MemoryError("Unable to allocate 1.8 TiB for an array"), 2, "1.8 TiB"),
    "no memory of a GPU": (
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB\nmore"),
        2,
        "lower the stage's batch",
    ),
    "no memory for a tensor": (
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes"),
        2,
        "× can't allocate memory: 9 bytes",
    ),
    "no memory for libraries": (
        ImportError("libtorch_cuda.so: failed to map segment from shared object"),
        2,
        "ulimit -v",
    ),
    "a library that is missing": (
        ImportError("libGL.so.1: cannot open shared object file: No such file or directory"),
        2,
        "× libGL.so.1",
    ),
    "a full disk, told by a library": (
        RuntimeError("No space left on device (os error 28)"),
        2,
        "error: disk",
    ),
    "an import of ours": (ImportError("cannot import name 'x'"), 1, "This is our fault, not yours"),
    "no more threads": (RuntimeError("can't start new thread"), 2, "no more threads"),
    "no CRF engine": (ModuleNotFoundError("x", name="pydensecrf.densecrf"), 2, "pip install pydensecrf2"),
    "a process that failed": (RankFailed("error: disk\n× full", 2), 2, "error: disk\n× full\n"),
    "a process that failed by our fault": (RankFailed("rank 1 of 2 failed:\nx", 1), 1, "rank 1 of 2 failed:\nx\n"),
    "a fault of ours": (KeyError("x"), 1, "This is our fault, not yours"),
    "a system error without a name": (FileNotFoundError(errno.ENOENT, "x"), 1, "This is our fault, not yours"),
    "a depth of ours": (RecursionError("x"), 1, "This is our fault, not yours"),
}


@pytest.mark.parametrize(("error", "code", "said"), CAUSES.values(), ids=CAUSES)
def test_an_error_ends_with_its_code_and_what_to_do(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, said: str
) -> None:
    found, output = said_by_the_boundary(error, capsys)
    assert found == code
    assert said in output
    assert ("Traceback" in output) is (code == 1 and not isinstance(error, RankFailed))
    assert len(output) < 2500


def test_a_file_nested_too_deeply_is_the_users_to_mend(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as end, error_boundary():
        json.loads("[" * 100_000)
    assert end.value.exit_code == 2
    assert "nested too deeply" in capsys.readouterr().err


def test_a_reader_that_has_gone_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert said_by_the_boundary(BrokenPipeError(), capsys) == (0, "")


def test_an_interrupt_ends_with_130_and_says_what_goes_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for command, goes_on in (("run-all", "continues"), ("bench", "begins anew")):
        monkeypatch.setattr(sys, "argv", ["puzzlecam", command, "quickstart"])
        said = f"interrupted; the same command {goes_on}\n"
        assert said_by_the_boundary(KeyboardInterrupt(), capsys) == (130, said)
