"""What a project keeps beside its code says the same as the code."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

import puzzlecam_cli
from tests.test_distribution import files

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOOLS = ["ruff check .", "ruff format --check .", "mypy"]


def read(name: str) -> Any:
    return yaml.safe_load((ROOT / name).read_text())


def test_the_citation_is_that_of_the_readme_and_of_this_version() -> None:
    cited = read(".github/CITATION.cff")
    assert cited["version"] == puzzlecam_cli.__version__
    assert cited["license"] == PROJECT["project"]["license"]
    assert cited["repository-code"] == PROJECT["project"]["urls"]["Homepage"]
    paper = cited["preferred-citation"]
    bibtex = re.search(r"```bibtex\n(.*?)```", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert bibtex
    assert paper["title"] in bibtex[1]
    assert f"year      = {{{paper['year']}}}" in bibtex[1]
    authors = " and ".join(f"{author['family-names']}, {author['given-names']}" for author in paper["authors"])
    assert f"{{{authors}}}" in bibtex[1]


def test_every_check_that_is_asked_for_is_the_one_of_ci() -> None:
    script = (ROOT / ".ci/run").read_text()
    guide = (ROOT / ".github/CONTRIBUTING.md").read_text()
    (repository,) = read(".pre-commit-config.yaml")["repos"]
    hooks = {hook["entry"] for hook in repository["hooks"]}
    for tool in TOOLS:
        assert f"\n{tool}\n" in script
        assert tool in guide
        assert tool.removesuffix(" .") in hooks
    steps = [step.get("run", "") for job in read(".github/workflows/ci.yml")["jobs"].values() for step in job["steps"]]
    assert "bash .ci/run" in steps
    dev = " ".join(PROJECT["project"]["optional-dependencies"]["dev"])
    assert all(tool.split()[0] in dev for tool in TOOLS)


def test_files_that_guides_name_are_there() -> None:
    for name in (".github/CONTRIBUTING.md", ".pre-commit-config.yaml", ".github/PULL_REQUEST_TEMPLATE.md"):
        paths = re.findall(r"(?:tests|puzzlecam_cli|\.github|\.ci)/[\w./]*\w", (ROOT / name).read_text())
        assert all((ROOT / path).exists() for path in paths), paths


def test_the_changelog_begins_with_what_is_not_released_and_has_the_version() -> None:
    text = (ROOT / ".github/CHANGELOG.md").read_text()
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    assert puzzlecam_cli.__version__ in text
    kinds = set(re.findall(r"^### (.*)$", text, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_nothing_hidden_is_distributed_and_all_pages_are() -> None:
    for builder in ("wheel", "sdist"):
        held = files(builder)
        assert not {name for name in held if name.startswith((".github", ".ci", ".pre-commit"))}
        assert {str(page.relative_to(ROOT)) for page in (ROOT / "puzzlecam_cli/docs").glob("*.md")} <= held


def test_issue_forms_are_whole() -> None:
    for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"):
        form = yaml.safe_load(path.read_text())
        if path.stem != "config":
            assert {"name", "description", "body"} <= form.keys()
            ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
            assert len(ids) == len(set(ids)) > 0
