"""The forecast of very few photos, with and without masks and photos to predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

from puzzlecam_cli.bench.costs import Cost
from puzzlecam_cli.bench.machine import Machine
from tests.test_any_size import write_voc

Run = Callable[..., Result]


@pytest.mark.parametrize(
    ("count", "masks", "val"), [(1, True, "val"), (1, False, None), (2, True, None), (10, False, "val")]
)
def test_few_photos_have_a_forecast(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, count: int, masks: bool, val: str | None
) -> None:
    write_voc(tmp_path / "data", [(40, 60)] * count, [[1]] * count, 2)
    if not masks:
        for path in (tmp_path / "data" / "SegmentationClass").iterdir():
            path.unlink()
    values = yaml.safe_load(tiny_recipe.read_text())
    values["data"] = {"kind": "voc", "root": str(tmp_path / "data"), "train": "train", "val": val}
    recipe = tmp_path / "own.yaml"
    recipe.write_text(yaml.safe_dump(values))
    result = puzzlecam("bench", recipe, "--photos", 2, "--json", "--plain")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    items = {f"{step['stage']} {step['what']}": step["items"] for step in found["steps"]}
    assert items["cams maps"] == count
    assert items["train-cls training"] == 2 * max(count // 3, 1)
    predicted = next(step for step in found["steps"] if "predictions" in step["what"])
    assert predicted["items"] == (1 if val else 0)
    scored = found["steps"][-1]
    assert scored["items"] == ((3 * count + (1 if val else 0)) if masks else 0)
    assert found["total"]["seconds"] > 0


def test_new_says_where_there_was_no_time_and_that_the_machine_is_busy(
    puzzlecam: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = Machine("EPYC", 2, 1, "2.6.0", 7.0, None)
    training = Cost(
        "train-cls", "training", "steps", 9, 8, 1.0, 0.0, 130.0, 2 * 10**9, None, None, "9 images do not fit"
    )
    monkeypatch.chdir(tmp_path)
    write_voc(tmp_path / "photos", [(40, 60)] * 2, [[1], [2]], 2)
    said = []
    for costs in ([training], []):
        found = machine, costs, ["cams", "rw/scores"]
        monkeypatch.setattr("puzzlecam_cli.session.forecast.forecast_recipe", lambda *_, found=found: found)
        said.append(puzzlecam("new", "photos").stdout.splitlines()[-1])
    busy = "the machine is busy (load 7 on 2 cores): on an idle one less"
    assert said[0].startswith(
        "a run takes more than 2 minutes on this machine (train-cls 2 min), more than 2.0 GB on disk"
    )
    assert f"cams, rw/scores; {busy}; train-cls: 9 images do not fit; `puzzlecam bench " in said[0]
    assert said[1].startswith(f"no forecast: two minutes were not enough; {busy}; `puzzlecam bench ")
