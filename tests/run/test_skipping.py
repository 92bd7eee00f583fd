"""`data.on_error: skip`: what is left out might as well never have been on the lists, for every process and command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from puzzlecam_cli.data.made_up.drawn import write_synthetic
from puzzlecam_cli.data.skipping import LeftOut
from puzzlecam_cli.errors import UserError
from tests.conftest import TINY, Run
from tests.run.folders import content, states

SKIP = ("--set", "data.on_error=skip")
BROKEN = ("synthetic_train_0002", "synthetic_train_0005")
ABSENT = "synthetic_train_0007"
BROKEN_VAL = "synthetic_val_0003"


@pytest.fixture(scope="module")
def fine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight and four photos in VOC layout, all in order; read only."""
    root = tmp_path_factory.mktemp("photos") / "voc"
    write_synthetic(root, train=8, val=4, size=64, classes=3, seed=0, progress=lambda done, total: None)
    return root


def broken_copy(fine: Path, root: Path) -> Path:
    """Two photos of `train` cannot be decoded, one is not there, one of `val` is empty."""
    shutil.copytree(fine, root)  # with all times
    photos = root / "JPEGImages"
    (photos / f"{BROKEN[0]}.jpg").write_bytes(b"")
    (photos / f"{BROKEN[1]}.jpg").write_bytes((photos / f"{BROKEN[1]}.jpg").read_bytes()[:300])
    (photos / f"{ABSENT}.jpg").unlink()
    (photos / f"{BROKEN_VAL}.jpg").write_bytes(b"no photo")
    return root


def without_broken(root: Path, other: Path) -> Path:
    """The same photos, with lists that lack what cannot be read."""
    shutil.copytree(root, other)
    for split in ("train", "val"):
        file = other / "ImageSets/Segmentation" / f"{split}.txt"
        ids = [i for i in file.read_text().split() if i not in (*BROKEN, ABSENT, BROKEN_VAL)]
        file.write_text("\n".join(ids) + "\n")
    return other


def recipe_of(root: Path, **changes: Any) -> Path:
    path = root.with_suffix(".yaml")
    data = {"kind": "voc", "root": str(root), "train": "train", "val": "val"}
    path.write_text(yaml.safe_dump(TINY | {"data": data} | changes))
    return path


@pytest.fixture(scope="module")
def skipped(fine: Path, tmp_path_factory: pytest.TempPathFactory, puzzlecam: Run) -> tuple[Path, Path, str]:
    """The recipe of broken photos, its finished run, which is read only, and what the command said."""
    root = broken_copy(fine, tmp_path_factory.mktemp("broken") / "voc")
    recipe, run = recipe_of(root), root.parent / "run"
    result = puzzlecam("run-all", recipe, "--run", run, *SKIP)
    assert result.exit_code == 0, result.output
    return recipe, run, result.output


@pytest.fixture
def copies(skipped: tuple[Path, Path, str], tmp_path: Path) -> tuple[Path, Path]:
    """Photos, and their finished run, that a test may change."""
    recipe, run, _ = skipped
    root = shutil.copytree(recipe.with_suffix(""), tmp_path / "voc")
    return root, shutil.copytree(run, tmp_path / "run")


def artifacts(run: Path) -> dict[str, bytes | str]:
    kept = (".npz", ".png", ".safetensors")
    return {name: data for name, data in content(run).items() if name.endswith(kept)}


def scores(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "eval" / "scores.json").read_text())
    return found


def test_a_run_that_skips_equals_one_whose_lists_lack_these_photos(
    skipped: tuple[Path, Path, str], tmp_path: Path, puzzlecam: Run
) -> None:
    recipe, run, said = skipped
    other = recipe_of(without_broken(recipe.with_suffix(""), tmp_path / "voc"))
    assert puzzlecam("run-all", other, "--run", tmp_path / "run").exit_code == 0
    assert len(artifacts(run)) == 3 + 4 * 5 + 3
    assert artifacts(run) == artifacts(tmp_path / "run")
    found = scores(run)
    assert found.pop("left_out") == {"train": 3, "val": 1}
    assert found.pop("masks_left_out") == {}
    assert found == scores(tmp_path / "run")
    line = "Photos left out, missing or unreadable: 3 of `train`, 1 of `val`; see left_out.json."
    assert line in said
    table = (run / "eval" / "scores.md").read_text()
    assert table.replace(f"{line}\n\n", "") == (tmp_path / "run" / "eval" / "scores.md").read_text()
    assert f"3 of 8 photos of `train` are left out, missing or unreadable: `{ABSENT}` not there" in said
    left = json.loads((run / "left_out.json").read_text())["photos"]
    assert {(entry["split"], entry["id"]) for entry in left} == {
        *(("train", i) for i in (*BROKEN, ABSENT)),
        ("val", BROKEN_VAL),
    }
    assert {entry["reason"] for entry in left if entry["id"] == BROKEN[0]} == {"is empty: it has 0 bytes"}


@pytest.mark.usefixtures("_preloaded")
def test_two_processes_leave_out_what_one_does(copies: tuple[Path, Path]) -> None:
    root, run = copies
    before = artifacts(run)
    command = [sys.executable, "-m", "puzzlecam_cli", "run-all", recipe_of(root), "--run", run, *SKIP]
    command += ["--from", "cams", "--until", "cams", "--num-processes", "2"]
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "maps  3/3" in result.stderr  # of the first process
    assert artifacts(run) == before


def test_plan_and_status_see_the_same_photos(skipped: tuple[Path, Path, str], puzzlecam: Run) -> None:
    recipe, run, _ = skipped
    before = content(run)
    assert set(states(puzzlecam("run-all", recipe, "--run", run, "--plan", *SKIP))) == {"keep"}
    assert set(states(puzzlecam("status", run))) == {"done"}
    assert content(run) == before


def test_lists_that_are_mended_as_told_leave_the_run_as_it_is_but_for_its_scores(
    skipped: tuple[Path, Path, str], tmp_path: Path, puzzlecam: Run
) -> None:
    recipe, run, _ = skipped
    other = without_broken(recipe.with_suffix(""), tmp_path / "voc")
    result = puzzlecam("run-all", recipe, "--run", run, "--plan", "--set", f"data.root={other}")
    assert states(result) == [*["keep"] * 8, "run"]  # the scores tell how many were left out


def test_a_photo_broken_in_another_way_makes_nothing_anew(copies: tuple[Path, Path], puzzlecam: Run) -> None:
    root, run = copies
    assert set(states(puzzlecam("run-all", recipe_of(root), "--run", run, "--plan", *SKIP))) == {"keep"}  # moved
    (root / "JPEGImages" / f"{BROKEN[0]}.jpg").write_bytes(b"still no photo")
    plan = puzzlecam("run-all", recipe_of(root), "--run", run, "--plan", *SKIP)
    assert f"data.train changed: left out, and another file now: `{BROKEN[0]}`" in plan.stdout
    before = artifacts(run)
    result = puzzlecam("run-all", recipe_of(root), "--run", run, *SKIP)
    assert "train-cls: kept, recipe and inputs unchanged" in result.output
    assert artifacts(run) == before
    assert set(states(puzzlecam("run-all", recipe_of(root), "--run", run, "--plan", *SKIP))) == {"keep"}


def test_a_photo_that_is_mended_counts_again_and_one_that_breaks_no_more(
    copies: tuple[Path, Path], puzzlecam: Run
) -> None:
    root, run = copies
    Image.new("RGB", (64, 64)).save(root / "JPEGImages" / f"{BROKEN_VAL}.jpg")
    plan = puzzlecam("run-all", recipe_of(root), "--run", run, "--plan", *SKIP)
    assert states(plan) == [*["keep"] * 7, "run", "run"]  # predictions and scores
    assert (
        f"the photos, tags or masks of data.val changed: left out, and another file now: `{BROKEN_VAL}`" in plan.stdout
    )
    (root / "JPEGImages" / "synthetic_val_0001.jpg").write_bytes(b"")
    (root / "SegmentationClass" / f"{BROKEN_VAL}.png").write_bytes(b"")
    result = puzzlecam("run-all", recipe_of(root), "--run", run, *SKIP)
    assert result.exit_code == 0, result.output
    assert f"`val`: left out before, and not now: `{BROKEN_VAL}`" in result.output
    assert "`val`: left out now, and not before: `synthetic_val_0001`" in result.output
    assert {path.stem for path in (run / "seg/predictions/val").glob("*")} == {
        f"synthetic_val_000{number}" for number in (2, 3, 4)
    }
    assert (scores(run)["left_out"], scores(run)["masks_left_out"]) == ({"train": 3, "val": 1}, {"val": 1})
    assert [result["images"] for result in scores(run)["results"]] == [5, 5, 5, 2]


def test_eval_alone_knows_what_was_left_out(copies: tuple[Path, Path], puzzlecam: Run) -> None:
    root, run = copies
    (root / "SegmentationClass" / "synthetic_train_0001.png").write_bytes(b"")
    result = puzzlecam("eval", recipe_of(root), "--run", run, *SKIP)
    assert result.exit_code == 0, result.output
    assert scores(run)["left_out"] == {"train": 3, "val": 1}
    assert scores(run)["masks_left_out"] == {"train": 1}
    assert [result["images"] for result in scores(run)["results"]] == [4, 4, 4, 3]


def test_with_stop_the_same_run_is_told_what_is_broken(copies: tuple[Path, Path], puzzlecam: Run) -> None:
    root, run = copies
    before = content(run)
    result = puzzlecam("run-all", recipe_of(root), "--run", run)
    assert result.exit_code == 2
    assert ABSENT in result.output
    assert content(run) == before


def test_a_list_of_somebody_else_is_neither_read_nor_overwritten(fine: Path, tmp_path: Path, puzzlecam: Run) -> None:
    recipe = recipe_of(broken_copy(fine, tmp_path / "voc"))
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "left_out.json").write_text("[1, 2]")
    result = puzzlecam("run-all", recipe, "--run", tmp_path / "run", *SKIP)
    assert result.exit_code == 2
    assert "left_out.json" in result.output
    assert content(tmp_path / "run") == {"left_out.json": b"[1, 2]"}


def test_an_ablation_leaves_out_the_same_photos_in_all_its_runs(fine: Path, tmp_path: Path, puzzlecam: Run) -> None:
    recipe = recipe_of(broken_copy(fine, tmp_path / "voc"), train_cls=TINY["train_cls"] | {"epochs": 1})  # type: ignore[operator]
    run = tmp_path / "run"
    result = puzzlecam("ablate", recipe, "--run", run, "--seeds", "0", *SKIP)
    assert result.exit_code == 0, result.output
    for row in ("cls", "p-cls", "re", "all"):
        of_row = run / "ablation" / row / "seed-0"
        assert scores(of_row)["left_out"] == {"train": 3, "val": 1}
        assert len(list((of_row / "cams").glob("*.npz"))) == 5
    again = puzzlecam("ablate", recipe, "--run", run, "--seeds", "0", *SKIP)
    assert again.output.count("kept") == 4 * 3


# one line of `left_out.json` each, and one change to it
DAMAGED = {
    "no text": b"\xff\xfe\xfa",
    "no JSON": b"{",
    "nothing": b"",
    "a list": b"[]",
    "a number": b"3",
    "no schema": b'{"photos": [], "masks": []}',
    "another schema": b'{"schema": 2, "photos": [], "masks": []}',
    "no masks": b'{"schema": 1, "photos": []}',
    "photos that are a text": b'{"schema": 1, "photos": "abc", "masks": []}',
    "an entry without an id": b'{"schema": 1, "photos": [{"split": "train"}], "masks": []}',
    "an entry of numbers": b'{"schema": 1, "photos": [{"split": 1, "id": 2, "file": 3, "reason": 4}], "masks": []}',
    "nested too deeply": b"[" * 100_000,
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_list_is_named(name: str, tmp_path: Path) -> None:
    (tmp_path / "left_out.json").write_bytes(DAMAGED[name])
    with pytest.raises(UserError) as caught:
        LeftOut.read(tmp_path / "left_out.json")
    assert caught.value.reference == "run-unreadable"
    assert str(tmp_path / "left_out.json") in caught.value.problem
    assert "move it away" in str(caught.value.hint)
