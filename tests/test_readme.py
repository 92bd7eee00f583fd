"""What the README says is there."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from puzzlecam_cli.recipe.load import recipe_names

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = ROOT / "puzzlecam_cli" / "docs"


def test_the_two_promised_lines_are_in_it_word_for_word() -> None:
    plugin = "./plugins/puzzlecam-efficientnet-lite"
    assert f"python -m pip install . {plugin} && puzzlecam run-all quickstart\n" in README
    assert f"python -m pip install -e '.[test]' {plugin} ./plugins/puzzlecam-vit && python -m pytest\n" in README


def test_every_shipped_recipe_is_named() -> None:
    assert all(f"`{name}`" in README for name in recipe_names())


def test_the_paper_map_points_at_code() -> None:
    table = README.partition("## Paper and code")[2].partition("\n## ")[0]
    for file, names in re.findall(r"`([\w/]+\.py)`: ((?:`\w+`(?:, )?)+)", table):
        path = file.removeprefix("puzzlecam_cli/")
        module = path if "/" in path else f"method/{path}"
        loaded = importlib.import_module("puzzlecam_cli." + module.removesuffix(".py").replace("/", "."))
        for name in re.findall(r"\w+", names):
            assert hasattr(loaded, name), f"{file} has no {name}"
    for path in re.findall(r"`(puzzlecam_cli/[\w/]+\.py)`", README):
        assert (ROOT / path).is_file(), path


def test_the_lines_for_python_run(
    finished_run: Path, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder where `quickstart` is a recipe of seconds, and its run finished."""
    shutil.copy(tiny_recipe, tmp_path / "quickstart")
    shutil.copytree(finished_run, tmp_path / "runs" / "quickstart")
    monkeypatch.chdir(tmp_path)
    page = DOCS / "python.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    exec(compile(block, str(page), "exec"), {})
    assert (tmp_path / "photo_and_maps.png").is_file()


def test_ci_runs_the_readme_s_own_test_command() -> None:
    """The line that `.ci/run` takes from the README is the test command, and it is what it ends with."""
    script = (ROOT / ".ci" / "run").read_text()
    (extract,) = re.findall(r"install_and_test=\$\((.*)\)", script)
    line = subprocess.run(["bash", "-c", extract], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    plugins = "./plugins/puzzlecam-efficientnet-lite ./plugins/puzzlecam-vit"
    assert line == f"python -m pip install -e '.[test]' {plugins} && python -m pytest\n"
    assert script.splitlines()[-1].startswith('bash -euo pipefail -c "$install_and_test"')
