"""`clean` deletes what nobody needs any more, and nothing is made anew because of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.engine.beside import beside
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group.interrupt import stop_if_asked
from puzzlecam_cli.run import clean as cleaning
from puzzlecam_cli.run.clean import clean, what_can_go
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.session.plan import plan_stages, status_of
from puzzlecam_cli.session.stages import run_stages
from puzzlecam_cli.stages import PIPELINE
from tests.run.folders import content

GOES = ("cams/", "affinity/labels/", "rw/scores/", "/checkpoint/")


def cleaned(root: Path) -> Path:
    clean(Run.of(root), PIPELINE, say=print, tick=lambda done, total: None)
    return root


def actions(root: Path, *changes: str, **given: Any) -> dict[str, str]:
    return {d.step: d.action for d in plan_stages(root, root, changes=changes, **given) if d.action != "keep"}


def test_looking_changes_nothing(run: Path) -> None:
    before = content(run)
    found = what_can_go(Run.of(run), PIPELINE)
    assert content(run) == before
    named = {str(path.relative_to(run)) for item in found.items for path in item.files}
    assert named == {name for name in before if any(part in name for part in GOES)}
    assert sum(item.bytes for item in found.items) == sum(len(before[name]) for name in named)


def test_what_predicts_is_scored_and_tells_how_it_was_made_stays(run: Path) -> None:
    before = content(run)
    after = content(cleaned(run))
    kept = {name: data for name, data in before.items() if not any(part in name for part in GOES)}
    assert {name: data for name, data in after.items() if name != "run.json"} == {
        name: data for name, data in kept.items() if name != "run.json"
    }
    assert not (run / "cams").exists()
    assert what_can_go(Run.of(run), PIPELINE).items == ()


def test_a_cleaned_run_is_up_to_date_and_says_what_is_gone(run: Path) -> None:
    assert actions(cleaned(run)) == {}
    states = {entry.step: entry.state for entry in status_of(run, run)}
    assert [step for step, state in states.items() if state != "done"] == ["cams", "affinity/labels", "rw/scores"]
    assert set(states.values()) == {"done", "cleaned"}
    before = content(run)
    run_stages(run)
    after = content(run)
    assert {name for name in before | after if before.get(name) != after.get(name)} == {"events.jsonl"}


ASKED = {
    "other predictions": ("seg.predict.flip=false", {"seg/predictions": "run", "eval/scores": "run"}),
    "other pseudo labels": ("rw.crf.iterations=2", {"rw/pseudo_labels": "run", "rw/scores": "repair"}),
    "another walk": ("rw.beta=5", {"rw/scores": "run"}),
    "another affinity network": ("affinity.epochs=1", {"affinity/model": "run", "affinity/labels": "repair"}),
    "another classifier": ("train_cls.epochs=1", {"train-cls/model": "run", "cams": "run"}),
    "other maps": ("cams.flip=false", {"cams": "run", "affinity/labels": "run"}),
}


@pytest.mark.parametrize(("change", "wanted"), ASKED.values(), ids=ASKED.keys())
def test_only_what_a_changed_recipe_reads_is_made_again(run: Path, change: str, wanted: dict[str, str]) -> None:
    before = actions(run, change)
    after = actions(cleaned(run), change)
    assert wanted.items() <= after.items()
    assert {step: action for step, action in after.items() if action == "run"} == before
    assert after["cams"] == before.get("cams", "repair")


def test_what_is_made_again_is_the_same_and_leaves_what_was_made_of_it(run: Path) -> None:
    before = content(run)
    cleaned(run)
    run_stages(run, stages=["cams"])
    assert actions(run) == {}
    run_stages(run, stages=["rw"])
    run_stages(run, stages=["affinity"])
    after = content(run)
    same = [name for name in before if name.startswith(("cams/", "affinity/labels/", "rw/")) or "model" in name]
    assert same
    assert all(after[name] == before[name] for name in same)
    assert actions(run) == {}
    assert {entry.state for entry in status_of(run, run)} == {"done"}


def test_making_again_may_be_interrupted(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned(run)
    calls = iter(range(100))

    def stop() -> None:
        if next(calls) == 4:
            raise KeyboardInterrupt
        stop_if_asked()

    with monkeypatch.context() as patch:
        patch.setattr("puzzlecam_cli.group.interrupt.stop_if_asked", stop)
        patch.setattr("puzzlecam_cli.stages.cams.beside", partial(beside, ahead=0))  # else all may be written by then
        with pytest.raises(KeyboardInterrupt):
            run_stages(run, stages=["cams"])
    assert 0 < len(list((run / "cams").iterdir())) < 6
    assert actions(run) == {}
    assert actions(run, stages=["cams"]) == {"cams": "repair"}


def test_a_stage_that_lacks_what_was_cleaned_says_so(run: Path) -> None:
    cleaned(run)
    with pytest.raises(UserError, match=r"cams: cleaned to free the disk, and rw/scores needs it"):
        plan_stages(run, run, stages=["rw"])


def test_what_is_left_is_scored_and_what_is_brought_back_is_again(run: Path) -> None:
    before = content(run)["eval/scores.json"]
    cleaned(run)
    run_stages(run, stages=["eval"], force=True)
    again = f"puzzlecam cams {run} && puzzlecam rw {run} && puzzlecam eval {run}"
    assert f"CAM and CAM + RW cannot be scored, as their maps are cleaned away: `{again}`" in (
        run / "events.jsonl"
    ).read_text(encoding="utf-8")
    results = json.loads((run / "eval/scores.json").read_text())["results"]
    assert [result["what"] for result in results] == ["pseudo-labels", "predictions"]
    assert actions(run) == {}
    for stage in ("cams", "rw", "eval"):
        run_stages(run, stages=[stage])
    assert content(run)["eval/scores.json"] == before


def test_a_mistaken_change_leaves_a_cleaned_run_as_it_was(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cleaned(run)

    def stop() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("puzzlecam_cli.group.interrupt.stop_if_asked", stop)
        with pytest.raises(KeyboardInterrupt):
            run_stages(run, changes=["cams.flip=false"])
    assert actions(run) == {}
    (item,) = what_can_go(Run.of(run), PIPELINE).items
    assert (item.kind, item.place) == ("try", ".unfinished/cams")
    cleaned(run)
    assert not (run / ".unfinished").exists()
    assert Ledger(run / "run.json").get_coming("cams") is None
    assert actions(run) == {}


@pytest.mark.parametrize("last", ["cams", "affinity", "rw", "seg"])
def test_what_is_not_used_yet_stays(tiny_recipe: Path, run: Path, last: str) -> None:
    ledger = Ledger(run / "run.json")
    names = [stage.name for stage in PIPELINE]
    for stage in names[names.index(last) + 1 :]:
        del ledger.records[stage]
    ledger.write()
    found = what_can_go(Run.of(run), PIPELINE)
    waits = dict(found.waits)
    assert {"cams", *(["rw/scores"] if last in ("rw", "seg") else [])} <= waits.keys()
    assert {item.place for item in found.items} >= {"train-cls/checkpoint"}
    assert not any(item.place in waits for item in found.items)
    assert ("affinity/labels" in [item.place for item in found.items]) == (last != "cams")


def test_a_kill_between_the_ledger_and_the_files_leaves_nothing_to_be_trained(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop() -> None:
        if Ledger(run / "run.json").get("cams").state == "cleaned":  # type: ignore[union-attr]
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cleaning, "stop_if_asked", stop)
        with pytest.raises(KeyboardInterrupt):
            cleaned(run)
    assert len(list((run / "cams").iterdir())) == 6
    assert actions(run) == {}
    assert actions(cleaned(run)) == {}
    assert not (run / "cams").exists()
