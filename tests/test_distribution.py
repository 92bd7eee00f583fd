"""What a wheel of this package holds beside the code."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

from puzzlecam_cli.recipe.load import recipe_names

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "puzzlecam_cli/docs/a_photo_and_its_maps.ipynb"


def files(builder: str) -> set[str]:
    made: Any = {"wheel": WheelBuilder, "sdist": SdistBuilder}[builder](str(ROOT))
    return {file.distribution_path for file in made.recurse_included_files()}


def test_the_wheel_holds_recipes_types_and_documents() -> None:
    held = files("wheel")
    assert {f"puzzlecam_cli/_recipes/{name}.yaml" for name in recipe_names()} <= held
    assert {"puzzlecam_cli/py.typed", "puzzlecam_cli/data/voc2012/train_aug.txt"} <= held
    assert {str(path.relative_to(ROOT)) for path in (ROOT / "puzzlecam_cli").rglob("*.py")} <= held
    assert str(NOTEBOOK.relative_to(ROOT)) in held


def test_a_wheel_can_be_made_of_the_source_distribution() -> None:
    held = files("sdist")
    assert {"README.md", "LICENSE", "recipes/quickstart.yaml", "puzzlecam_cli/py.typed"} <= held
    assert "plugins/puzzlecam-efficientnet-lite/pyproject.toml" in held


def test_the_notebook_runs(finished_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells one after the other; what a cell ends with is shown, where it is a picture."""
    monkeypatch.setenv("PUZZLECAM_RUN", str(finished_run))
    names: dict[str, Any] = {}
    pictures = 0
    for cell in json.loads(NOTEBOOK.read_text())["cells"]:
        assert not cell.get("outputs"), "outputs are not kept in the repository"
        if cell["cell_type"] != "code":
            continue
        tree = ast.parse("".join(cell["source"]))
        last = ast.Expression(tree.body.pop().value) if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, str(NOTEBOOK), "exec"), names)
        shown = eval(compile(last, str(NOTEBOOK), "eval"), names) if last else None
        if hasattr(shown, "_repr_png_"):
            pictures += shown._repr_png_()[:4] == b"\x89PNG"
    assert pictures >= 4
