"""A finished artifact is replaced by a whole one, and by nothing else; a kill at any moment of it costs nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.folder import REPLACED, UNFINISHED, RunFolder
from puzzlecam_cli.run.made import claimed, delete_own, present
from puzzlecam_cli.run.ownership import make_whole, replace
from puzzlecam_cli.run.pipeline import Step
from tests.run.folders import content, put

MAPS = Step("maps", "nowhere:nothing", keys=(), own=("maps",), each="maps/{id}.npz")
MODEL = Step(
    "net/model",
    "nowhere:nothing",
    keys=(),
    own=("net/model.bin", "net/log.jsonl", "net/steps"),
    files=("net/model.bin",),
    traces=("net/log.jsonl", "net/steps/step-[0-9]*/state.pt"),
)


class KilledError(Exception):
    pass


@contextmanager
def killed_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the process die before its next change on disk, once it made so many."""
    left = calls

    def counted(name: str) -> None:
        change = getattr(Path, name)

        def changed(*arguments: object, **options: object) -> object:
            nonlocal left
            if left == 0:
                raise KilledError
            left -= 1
            return change(*arguments, **options)

        patch.setattr(Path, name, changed)

    with monkeypatch.context() as patch:
        for name in ("rename", "unlink", "rmdir", "mkdir"):
            counted(name)
        yield


def a_run(root: Path) -> RunFolder:
    """With the old artifacts of both steps, own files among them, and new ones that are whole."""
    for base, text, ids in ((root, "old", "abc"), (root / UNFINISHED, "new", "bcd")):
        for name in (*(f"maps/{i}.npz" for i in ids), "net/model.bin", "net/log.jsonl", "net/steps/step-01/state.pt"):
            put(base, name, text)
        put(base, MAPS.made, "".join(f"maps/{i}.npz\n" for i in ids))
    for name in ("maps/notes.txt", "maps/mine.npz", "maps/deep/mine.npz", "net/steps/mine.pt", "net/notes.txt"):
        put(root, name)
    return RunFolder(root, frozenset({"maps", "net/model"}))


AFTER = {
    **{f"maps/{i}.npz": b"new" for i in "bcd"},
    **dict.fromkeys(("net/model.bin", "net/log.jsonl", "net/steps/step-01/state.pt"), b"new"),
    **dict.fromkeys(("maps/notes.txt", "maps/mine.npz", "maps/deep/mine.npz"), b"mine"),
    **dict.fromkeys(("net/steps/mine.pt", "net/notes.txt"), b"mine"),
    "made/maps.txt": b"maps/b.npz\nmaps/c.npz\nmaps/d.npz\n",
}


def test_new_files_take_the_place_of_ours_and_those_of_others_stay(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    for step in (MAPS, MODEL):
        replace(folder, step)
    assert content(tmp_path) == AFTER
    assert not (tmp_path / UNFINISHED).exists()
    assert not (tmp_path / REPLACED).exists()


@pytest.mark.parametrize("moment", range(60))
def test_a_replacement_that_is_killed_goes_on_to_the_same_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    folder = a_run(tmp_path)
    try:
        with killed_after(moment, monkeypatch):
            for step in (MAPS, MODEL):
                replace(folder, step)
    except KilledError:
        assert len([v for v in content(tmp_path).values() if v == b"new"]) == 6, "a new file was lost"
        assert len([v for v in content(tmp_path).values() if v == b"mine"]) == 5, "a file of somebody else was lost"
    else:
        assert moment > 20
    for step in (MAPS, MODEL):
        replace(folder, step)
    assert content(tmp_path) == AFTER


def test_a_replacement_may_be_made_twice(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    for _ in range(2):
        for step in (MAPS, MODEL):
            replace(folder, step)
    assert content(tmp_path) == AFTER


def test_nothing_made_anew_replaces_what_was_there(tmp_path: Path) -> None:
    """As predictions, where the recipe says `val: null` now."""
    put(tmp_path, "maps/a.npz", "old")
    put(tmp_path, MAPS.made, "maps/a.npz\n")
    put(tmp_path, "maps/notes.txt")
    put(tmp_path / UNFINISHED, MAPS.made, "")
    folder = RunFolder(tmp_path, frozenset({"maps"}))
    make_whole(folder, MAPS)
    replace(folder, MAPS)
    assert content(tmp_path) == {"maps/notes.txt": b"mine", "made/maps.txt": b""}


def test_a_file_of_somebody_else_never_lands_on_a_new_one(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    put(tmp_path, "maps/d.npz")
    for step in (MAPS, MODEL):
        replace(folder, step)
    assert content(tmp_path) == AFTER | {f"{REPLACED}/maps/d.npz": b"mine"}


def test_a_place_that_cannot_be_renamed_is_named_and_the_new_files_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = a_run(tmp_path)

    def busy(path: Path, target: Path) -> Path:
        raise OSError(16, "Device or resource busy", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", busy)
        with pytest.raises(UserError, match="maps cannot be renamed"):
            replace(folder, MAPS)
    replace(folder, MAPS)
    replace(folder, MODEL)
    assert content(tmp_path) == AFTER


def test_only_listed_files_are_deleted(tmp_path: Path) -> None:
    a_run(tmp_path)
    delete_own(tmp_path, MAPS)
    delete_own(tmp_path, MODEL)
    left = {name: value for name, value in content(tmp_path).items() if not name.startswith(UNFINISHED)}
    assert set(left.values()) == {b"mine"}
    assert len(left) == 5


def test_without_a_list_as_in_older_runs_all_that_looks_like_a_step_s_files_is(tmp_path: Path) -> None:
    for name in ("maps/a.npz", "maps/sub/b.npz", "maps/notes.txt", "maps/.hidden.npz"):
        put(tmp_path, name)
    assert claimed(tmp_path, MAPS) is None
    assert sorted(present(tmp_path, MAPS)) == ["maps/a.npz", "maps/sub/b.npz"]


@pytest.mark.parametrize(
    "listed",
    ["../outside.npz", "maps/../../outside.npz", "/outside.npz", "notes.txt", "\0", "maps", "maps/link/outside.npz"],
)
def test_a_tampered_list_reaches_nothing_outside_a_step_s_place(tmp_path: Path, listed: str) -> None:
    run = tmp_path / "run"
    put(tmp_path, "outside.npz")
    put(run, "notes.txt")
    put(run, "maps/a.npz", "ours")
    (run / "maps/link").symlink_to(tmp_path)
    put(run, MAPS.made, f"{listed}\nmaps/a.npz\n")
    delete_own(run, MAPS)
    assert (tmp_path / "outside.npz").read_text() == "mine"
    assert (run / "notes.txt").read_text() == "mine"
    assert not (run / "maps/a.npz").exists()
