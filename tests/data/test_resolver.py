"""The resolver looks at no more than ids ask for, and quickly."""

from __future__ import annotations

import time

from puzzlecam_cli.data.disk.lists import read_ids
from puzzlecam_cli.data.disk.resolver import FileIndex


def test_10_000_photos_are_found_in_a_moment(tmp_path):
    ids = [f"2007_{number:06}" for number in range(10_000)]
    for image_id in ids:
        (tmp_path / f"{image_id}.jpg").touch()
    (tmp_path / "list.txt").write_text("\n".join(ids))
    times = []
    for _ in range(5):
        start = time.process_time()
        index = FileIndex(tmp_path, (".jpg",))
        assert index.missing(ids) == []
        times.append(time.process_time() - start)
    assert min(times) < 0.2  # 30 ms on a quiet core
    assert index.find(ids[-1]) == tmp_path / f"{ids[-1]}.jpg"
    assert all(text != "-" for text in index.stats(ids))
    assert read_ids(tmp_path / "list.txt") == ids
    start = time.process_time()
    assert len(index.missing(f"{image_id}x" for image_id in ids)) == len(ids)
    assert time.process_time() - start < 3


def test_folders_that_no_id_names_are_not_listed(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "a" / "x.jpg").touch()
    (tmp_path / "y.jpg").touch()
    index = FileIndex(tmp_path, (".jpg",))
    listed = []
    scan = index._scan
    index._scan = lambda path: listed.append(path) or scan(path)
    assert index.missing(["a/x", "y", "a/x"]) == []
    assert set(listed) == {str(tmp_path), str(tmp_path / "a")}


def test_stats_change_with_the_file(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"x")
    index = FileIndex(tmp_path, (".jpg",))
    before = index.stats(["a", "b"])
    status = (tmp_path / "a.jpg").stat()
    assert before == [f"1 {status.st_mtime_ns}", "-"]
    (tmp_path / "a.jpg").write_bytes(b"xy")
    assert index.stats(["a"]) != before[:1]
