"""What a wheel of this package holds beside the code."""

from __future__ import annotations

import ast
import json
import re
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
    plugins = {str(path.relative_to(ROOT)) for path in ROOT.glob("plugins/*/pyproject.toml")}
    assert "plugins/puzzlecam-efficientnet-lite/pyproject.toml" in plugins
    assert plugins <= held


def test_every_plugin_is_installed_where_tests_run() -> None:
    """The README's test command, and the one line of `.ci/run` that ends its others, name all in `plugins/`."""
    plugins = " ".join(f"./{path.relative_to(ROOT)}" for path in sorted(ROOT.glob("plugins/*")))
    (command,) = re.findall(r"<!-- test-command -->\n```sh\n(.*)\n", (ROOT / "README.md").read_text())
    assert plugins in command
    script = (ROOT / ".ci/run").read_text()
    assert f'install() {{ # by the command $@\n    "$@" {plugins}\n' in script
    environments = [line.split()[0] for line in script.splitlines() if "-e '.[" in line]
    assert environments == ["install", "install"]


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
