"""The forecast of very few photos, with and without masks and photos to predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.testing import Result

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
