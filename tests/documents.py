"""What is generated in the README and in the pages of `puzzlecam docs`.

    python -m tests.documents                  write it anew
    python -m tests.documents take NAME RUN... the scores of finished runs, one a seed, as a stored result

Blocks between `<!-- KIND: NAME -->` and `<!-- end -->`: `keys` of a section of the recipe, `commands`, `table` and
`scores` from `puzzlecam_cli/docs/results/`, `figures`: what makes each.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

from puzzlecam_cli.cli.app import app
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.view.markdown import markdown_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "puzzlecam_cli" / "docs"
RESULTS = DOCS / "results"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
BLOCK = re.compile(r"<!-- (\w+): ([\w.-]+) -->\n(.*?)<!-- end -->", re.DOTALL)
SCORED = {"cams": "CAM", "rw": "CAM + RW", "pseudo-labels": "pseudo labels", "predictions": "predictions"}


def generated(text: str) -> str:
    """The text of a page with each of its blocks as it should be."""
    return BLOCK.sub(lambda block: f"<!-- {block[1]}: {block[2]} -->\n{_block(block[1], block[2])}<!-- end -->", text)


def _block(kind: str, name: str) -> str:
    if kind == "commands":
        return "\n".join(_commands(typer.main.get_command(app), "puzzlecam")) + "\n"
    if kind == "keys":
        rows = [(f"`{key}`", default, meaning) for key, default, meaning in _keys(Recipe, "") if _is_of(key, name)]
        return _table(("key", "default", "meaning"), rows)
    if kind == "scores":
        stored = [stored_result(path.stem) for path in sorted(RESULTS.glob("scores-*.json"))]
        heading = ("data", "command", "seeds", *SCORED.values())
        return _table(heading, [_scores_row(result) for result in stored])
    if kind == "figures":
        stored = [stored_result(path.stem) for path in sorted(RESULTS.glob("*.json"))]
        made = [
            (each["title"], "; ".join(f"`{line}`" for line in each["commands"]), each["machine"]) for each in stored
        ]
        return _table(("what", "made by", "on"), made)
    result = stored_result(name)
    return _table(result["heading"], result["rows"])


def _table(heading: Any, rows: Any) -> str:
    return "\n".join(markdown_table(heading, rows, most=10_000)) + "\n"


def stored_result(name: str) -> dict[str, Any]:
    """A file of `results/`."""
    loaded: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text())
    return loaded


def _is_of(key: str, section: str) -> bool:
    return section == "all" or key.split(".")[0] == section


def _keys(section: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not field.is_required():
            yield from _keys(kind, f"{prefix}{name}.")
        elif field.description:
            default = "" if field.is_required() else f"`{json.dumps(field.default, default=str)}`"
            yield prefix + name, default, field.description


def _commands(command: Any, name: str) -> Iterator[str]:
    for child in getattr(command, "commands", {}).values():
        if not child.hidden:
            yield from _commands(child, f"{name} {child.name}")
    if hasattr(command, "commands"):
        return
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    usage = " ".join([name, *map(_metavar, arguments)])
    yield from ["", f"## `{usage}`", "", " ".join((command.help or "").split())]
    options = [each for each in command.params if each.param_type_name == "option" and not each.hidden]
    if rows := [(", ".join(f"`{name}`" for name in each.opts), _plain(each.help or "")) for each in options]:
        yield from ["", *markdown_table(("option", "does"), rows, most=10_000)]


def _metavar(argument: Any) -> str:
    named = str(argument.metavar or argument.name.upper()) + ("..." if argument.nargs != 1 else "")
    if argument.required or named.startswith("["):
        return named.replace("......", "...")
    return f"[{named}]"


def _plain(text: str) -> str:
    return text.replace("\\[", "[")


def _scores_row(result: dict[str, Any]) -> tuple[str, ...]:
    cells = [_spread(result["seeds"], what) for what in SCORED]
    return (result["title"], f"`{result['commands'][0]}`", ", ".join(result["seeds"]), *cells)


def _spread(seeds: dict[str, dict[str, float]], what: str) -> str:
    """Mean and standard deviation over the seeds that have it, which are named where not all do."""
    values = {seed: scores[what] for seed, scores in seeds.items() if what in scores}
    if not values:
        return ""
    shown = f"{statistics.mean(values.values()):.3f}"
    if len(values) > 1:
        shown += f" ± {statistics.stdev(values.values()):.3f}"
    return shown if len(values) == len(seeds) else f"{shown} (seed {', '.join(values)})"


def take(name: str, runs: list[Path]) -> None:
    """Store the scores of runs that differ in their seed; title, command and machine of what was there are kept."""
    path = RESULTS / f"scores-{name}.json"
    before = json.loads(path.read_text()) if path.exists() else {"title": name, "commands": [""], "machine": ""}
    seeds = {}
    for run in runs:
        scores = json.loads((run / "eval" / "scores.json").read_text())["results"]
        seed = re.search(r"^seed: (\d+)", (run / "recipe.yaml").read_text(), re.M)
        assert seed, run
        seeds[seed[1]] = {each["what"]: round(each["miou"], 6) for each in scores}
    path.write_text(json.dumps(before | {"seeds": dict(sorted(seeds.items()))}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["take"]:
        take(sys.argv[2], [Path(run) for run in sys.argv[3:]])
    for page in PAGES:
        page.write_text(generated(page.read_text()))
