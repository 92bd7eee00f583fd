"""The shape of the house: imports go down only, files stay small, the paper is found at once."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import puzzlecam_cli

PACKAGE = Path(puzzlecam_cli.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LAYERS = (
    {"cli"},
    {"session"},
    {"view", "stages", "bench", "use"},
    {"run"},
    {"engine"},
    {"models", "data"},
    {"group"},
    {"recipe", "registry", "method"},
    {"files", "text", "plain_file", "errors", "events"},
)


def layer_of(module: str) -> int | None:
    part = module.split(".")[1] if "." in module else ""
    return next((number for number, names in enumerate(LAYERS) if part in names), None)


def module_name(file: Path) -> str:
    return ".".join(("puzzlecam_cli", *file.relative_to(PACKAGE).with_suffix("").parts))


def imported(file: Path) -> set[str]:
    """Every module a file imports, at its top or inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names.add(node.module or "")
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_go_down_only(file: Path) -> None:
    own = layer_of(module_name(file))
    if own is None:
        return
    for name in imported(file):
        other = layer_of(name) if name.startswith("puzzlecam_cli.") else None
        assert other is None or other >= own, f"{file} imports {name} from above"


def test_the_method_imports_nothing_of_ours_but_itself() -> None:
    for file in (PACKAGE / "method").glob("*.py"):
        ours = {name for name in imported(file) if name.startswith("puzzlecam_cli")}
        assert all(name.startswith("puzzlecam_cli.method") for name in ours), file


def test_only_the_command_line_and_the_views_know_rich_and_typer() -> None:
    for file in FILES:
        if {name.split(".")[0] for name in imported(file)} & {"rich", "typer"}:
            assert file.relative_to(PACKAGE).parts[0] in ("cli", "view"), file


def test_no_file_has_more_than_300_lines() -> None:
    for file in [*FILES, *Path(__file__).parent.rglob("*.py")]:
        assert len(file.read_text().splitlines()) <= 300, file


@pytest.mark.parametrize("number", range(1, 8))
def test_each_equation_of_the_paper_is_found_once(number: int) -> None:
    source = "".join(file.read_text() for file in (PACKAGE / "method").glob("*.py"))
    named = re.findall(r"Eq\. \((\d)\)(?:-\((\d)\))?", source)
    assert sum(int(low) <= number <= int(high or low) for low, high in named) == 1


def test_no_file_imports_itself_by_way_of_others() -> None:
    """Neither at the top nor inside functions; what only names types is left out."""
    modules = {module_name(file).removesuffix(".__init__"): file for file in FILES}
    arrows = {name: {other for other in run_time_imports(file) if other in modules} for name, file in modules.items()}
    order: list[str] = []
    while ready := [name for name in arrows if name not in order and arrows[name] <= {*order, name}]:
        order += ready
    assert set(arrows) == set(order), sorted(set(arrows) - set(order))


def run_time_imports(file: Path) -> set[str]:
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
