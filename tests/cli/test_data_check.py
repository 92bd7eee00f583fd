"""`puzzlecam data check` as a person or a script calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.looking import Remembered
from puzzlecam_cli.run.run import Run as RunOfRecipe
from tests.planted import FAULTS, Farm
from tests.recipe.messages import check_message
from tests.run.folders import content

Run = Callable[..., Result]
FINDING = {"finding", "weight", "said", "ids", "count", "classes", "where", "hint"}


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farm:
    monkeypatch.chdir(tmp_path)
    return Farm(tmp_path)


@pytest.fixture
def planted(farm: Farm) -> Farm:
    for plant, *_ in FAULTS.values():
        plant(farm)
    return farm


def test_a_sound_set_ends_with_0_and_its_counts(farm: Farm, puzzlecam: Run) -> None:
    result = puzzlecam("data", "check", farm.recipe)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Stops training: nothing\n\nHarms the results: nothing\n")
    assert "train      16" in result.stdout
    assert result.stderr.count("looking at photos") == 2  # begun, and ended


def test_what_stops_training_ends_with_2_after_all_was_said(planted: Farm, puzzlecam: Run) -> None:
    result = puzzlecam("data", "check", planted.recipe)
    assert result.exit_code == 2
    assert "photos with a class" in result.stdout
    message = result.stderr[result.stderr.index("error: ") :]
    check_message(message.rstrip())
    assert message.startswith("error: data-unfit\n× training would make no sense: 4 findings against it")


def test_what_only_harms_ends_with_0(farm: Farm, puzzlecam: Run) -> None:
    farm.name_in("val", "t08")
    result = puzzlecam("data", "check", farm.recipe)
    assert result.exit_code == 0
    assert "! splits-overlap: 1 of 9 photos" in result.stdout


def test_findings_come_by_weight_in_lines_of_80_columns(planted: Farm, puzzlecam: Run) -> None:
    lines = puzzlecam("data", "check", planted.recipe).stdout.splitlines()
    marks = [line[2] for line in lines if line[:2] == "  " and line[2:4] in ("× ", "! ", "- ")]
    assert marks == sorted(marks, key="×!-".index)
    assert [line for line in lines if len(line) > 80 and " " in line.strip() and str(planted.root) not in line] == []


def test_the_same_in_json_with_all_ids(planted: Farm, puzzlecam: Run) -> None:
    result = puzzlecam("data", "check", planted.recipe, "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout)
    assert told.keys() == {"recipe", "schema", "kind", "trains", "splits", "classes", "sizes", "findings"}
    assert (told["schema"], told["kind"], told["trains"]) == (1, "voc", False)
    assert all(one.keys() == FINDING for one in told["findings"])
    weights = [one["weight"] for one in told["findings"]]
    assert weights == sorted(weights, key=("stops", "harms", "note").index)


def test_all_ids_are_told_however_many(farm: Farm, puzzlecam: Run) -> None:
    ids = [f"t{number}" for number in range(100, 140)]
    for name in ids:
        farm.name_in("train", name)
    told = json.loads(puzzlecam("data", "check", farm.recipe, "--json").stdout)
    (one,) = [one for one in told["findings"] if one["finding"] == "image-missing"]
    assert one["ids"] == ids
    assert one["count"] == 40
    assert told["splits"][0]["photos"] == 16  # the rest is looked at


def test_a_terminal_without_unicode_is_shown_ascii(planted: Farm) -> None:
    command = [sys.executable, "-m", "puzzlecam_cli", "data", "check", str(planted.recipe)]
    environment = {"PYTHONIOENCODING": "ascii", "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    result = subprocess.run(command, capture_output=True, env=environment)
    assert result.returncode == 2
    assert b"########" in result.stdout
    result.stdout.decode("ascii")


def test_no_torch_is_loaded_where_photos_fit_the_memory(farm: Farm) -> None:
    code = (
        "import sys\nfrom puzzlecam_cli.cli.app import main\n"
        f"sys.argv = ['puzzlecam', 'data', 'check', {str(farm.recipe)!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([name for name in ('torch', 'timm', 'accelerate') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines()[-1] == "[]"


def test_photos_that_are_too_large_are_named(farm: Farm, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("check_machine", "survey"):
        monkeypatch.setattr(f"puzzlecam_cli.run.{place}.free_memory", lambda: 64 * 48 * 800.0)
    farm.add("t40", ["cow"], 40, (320, 240))
    result = puzzlecam("data", "check", farm.recipe, "--json", "--set", "cams.scales=[1.0]")
    assert result.exit_code == 2
    (one,) = [one for one in json.loads(result.stdout)["findings"] if one["finding"] == "photos-too-large"]
    assert one["ids"] == ["t40"]


@pytest.mark.parametrize(("rounds", "told"), [(1, []), (2, ["t40"])])
def test_a_training_photo_that_a_later_round_cannot_label_is_named(
    farm: Farm, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, rounds: int, told: list[str]
) -> None:
    for place in ("check_machine", "survey"):
        monkeypatch.setattr(f"puzzlecam_cli.run.{place}.free_memory", lambda: 64 * 48 * 16000.0)
    farm.add("t40", ["cow"], 40, (320, 240))
    settings = ("cams.scales=[1.0]", "seg.predict.scales=[8.0]", "seg.epochs=2", f"seg.rounds={rounds}")
    result = puzzlecam("data", "check", farm.recipe, "--json", *(part for one in settings for part in ("--set", one)))
    findings = [one for one in json.loads(result.stdout)["findings"] if one["finding"] == "photos-too-large"]
    assert [image_id for one in findings for image_id in one["ids"]] == told


def test_what_was_seen_is_remembered_in_a_run_that_is_there_and_nothing_else_changes(
    farm: Farm, tmp_path: Path, puzzlecam: Run
) -> None:
    run = RunOfRecipe.at(load_recipe(str(farm.recipe)), tmp_path / "runs/farm")
    run.ledger.write()  # the mark of a run folder
    folder = run.folder
    before = content(tmp_path)
    first = puzzlecam("data", "check", farm.recipe)
    if first.exit_code:
        pytest.fail(first.output)
    after = content(tmp_path)
    assert after.keys() - before.keys() == {"runs/farm/photos.jsonl"}
    assert len(Remembered.read(folder.looked_at, "4 classes").seen) == 48
    second = puzzlecam("data", "check", farm.recipe)
    assert second.stdout == first.stdout
    assert "looking at photos" not in second.stderr
    assert content(tmp_path) == after


def test_photos_that_are_left_out_are_told_and_stop_nothing(farm: Farm, tmp_path: Path, puzzlecam: Run) -> None:
    farm.photo("t03").write_bytes(b"")
    farm.photo("t04").unlink()
    before = content(tmp_path)
    result = puzzlecam("data", "check", farm.recipe, "--set", "data.on_error=skip", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    (one,) = [one for one in told["findings"] if one["finding"] == "image-left-out"]
    assert one["weight"] == "harms"
    assert set(one["ids"]) == {"t03", "t04"}
    assert one["said"].endswith("left out: missing or unreadable")
    assert told["splits"][0]["photos"] == 14
    assert content(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.yaml"], "nothing.yaml"),
        (["farm.yaml", "--set", "data.rot=x"], "data.rot"),
        (["farm.yaml", "--set", "data.root=nowhere"], "there is no folder nowhere"),
    ],
    ids=["no such recipe", "a setting that is none", "a folder that is not there"],
)
def test_what_cannot_be_looked_at_ends_with_2(farm: Farm, puzzlecam: Run, arguments: list[str], words: str) -> None:
    result = puzzlecam("data", "check", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
