"""What the README and the pages of `puzzlecam docs` say is so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from typer.testing import Result

from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.view.pages import as_read_here, topics
from tests.documents import BLOCK, DOCS, PAGES, RESULTS, ROOT, generated

TEXTS = {page.name: page.read_text() for page in PAGES}
SCORE = r"(?<![\d.,])[−-]?\d\.\d{3}(?![\d,.]*\d)"
Puzzlecam = Callable[..., Result]


def commands(text: str) -> list[str]:
    """Each call of the tool in the shell blocks of a page, on one line."""
    blocks = re.findall(r"```sh\n(.*?)```", text.replace("\\\n", " "), flags=re.DOTALL)
    parts = [part for block in blocks for part in re.findall(r"(?<!-m )\bpuzzlecam [^&#|\n]*", block)]
    return [re.sub(r"\s+\d?>.*", "", part).strip() for part in parts]  # without where output goes


COMMANDS = sorted({line for text in TEXTS.values() for line in commands(text)})


@pytest.mark.parametrize("page", TEXTS)
def test_what_is_generated_is_up_to_date(page: str) -> None:
    assert generated(TEXTS[page]) == TEXTS[page], "python -m tests.documents writes it anew"


def test_every_page_is_in_the_index_and_in_the_readme_once() -> None:
    for page, folder in (("index.md", ""), ("README.md", "puzzlecam_cli/docs/")):
        links = re.findall(rf"\[([\w-]+)\]\({folder}\1\.md\)", TEXTS[page].split("numbers.md).")[-1])
        assert sorted(links) == topics(), page


@pytest.mark.parametrize("page", TEXTS)
def test_what_is_linked_is_there(page: str) -> None:
    folder = ROOT if page == "README.md" else DOCS
    for target in re.findall(r"\]\(([^)#]+)(?:#[\w-]+)?\)", TEXTS[page]):
        assert target.startswith("https://") or (folder / target).is_file(), target


@pytest.mark.parametrize("page", TEXTS)
def test_each_score_in_the_text_is_in_a_stored_result(page: str) -> None:
    stored = set(re.findall(SCORE, "\n".join(path.read_text() for path in RESULTS.glob("*.json"))))
    said = set(re.findall(SCORE, BLOCK.sub("", re.sub(r"```.*?```", "", TEXTS[page], flags=re.DOTALL))))
    assert said <= stored, sorted(said - stored)


def test_each_command_of_a_stored_result_is_shown_in_full() -> None:
    for path in RESULTS.glob("*.json"):
        for command in json.loads(path.read_text())["commands"]:
            assert f"`{command}`" in TEXTS["figures.md"], command


def test_each_table_is_shown_and_each_shown_one_is_stored() -> None:
    shown = {name for text in TEXTS.values() for kind, name, _ in BLOCK.findall(text) if kind == "table"}
    assert shown == {path.stem for path in RESULTS.glob("*.json") if not path.stem.startswith(("scores-", "text-"))}


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_and_its_options_exist(puzzlecam: Puzzlecam, line: str) -> None:
    words = line.split()[1:]
    grouped = words[0] in ("recipes", "plugins", "data") and len(words) > 1 and not words[1].startswith("-")
    help_text = puzzlecam(*words[: 1 + grouped], "--help")
    assert help_text.exit_code == 0, line
    for option in (word for word in words if word.startswith("--")):
        assert option in help_text.stdout, line


@pytest.mark.parametrize("page", TEXTS)
def test_no_command_has_a_bracket_that_a_shell_takes_for_a_pattern(page: str) -> None:
    """zsh answers `--set cams.scales=[1.0]` with `no matches found`. The usage of commands is none of them."""
    text = re.sub(r"<!-- commands: .*?<!-- end -->", "", TEXTS[page], flags=re.DOTALL)
    blocks = re.findall(r"```sh\n(.*?)```", text.replace("\\\n", " "), flags=re.DOTALL)
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    for line in [re.split(r"\s#", line)[0] for block in blocks for line in block.splitlines()] + inline:
        if line.startswith(("puzzlecam ", "python ", "--set ")):
            assert not set("[]{}*?") & set(re.sub(r"'[^']*'|\"[^\"]*\"", "", line)), line


@pytest.mark.parametrize("page", TEXTS)
def test_each_key_that_is_set_is_one(page: str) -> None:
    for key in re.findall(r"--set '?([\w.]+)=", TEXTS[page]):
        section: object = Recipe
        for part in key.split("."):
            fields = getattr(section, "model_fields", {})
            if key.startswith(("data.", "backbone.")):  # these have keys of their kind
                break
            assert part in fields, key
            section = fields[part].annotation


def test_a_page_is_markdown_in_a_pipe_without_what_is_for_writers(puzzlecam: Puzzlecam) -> None:
    result = puzzlecam("docs", "rw")
    assert result.exit_code == 0
    assert result.stdout.startswith("# Stage 4, rw")
    assert "<!--" not in result.stdout
    assert "| `rw.beta` |" in result.stdout


def test_without_a_topic_all_of_them_are_listed(puzzlecam: Puzzlecam) -> None:
    listed = puzzlecam("docs").stdout
    assert all(f"[{topic}]({topic}.md)" in listed for topic in topics())
    assert json.loads(puzzlecam("docs", "--json").stdout) == topics()


def test_a_topic_that_is_not_there_is_answered_with_what_may_be_meant(puzzlecam: Puzzlecam) -> None:
    result = puzzlecam("docs", "predicting")
    assert result.exit_code == 2
    assert "`predict`" in result.stderr


def test_links_are_read_as_commands_in_a_terminal() -> None:
    text = "See [rw](rw.md), [all keys](recipe-keys.md#keys), ![a cow](row.png) and [the paper](https://arxiv.org)."
    read = "See **rw**, all keys (`puzzlecam docs recipe-keys`), *a cow* and [the paper](https://arxiv.org)."
    assert as_read_here(text) == read


def test_the_site_s_settings_name_the_pages() -> None:
    names: dict[str, object] = {}
    pytest.importorskip("sphinx", reason="the generator of the site is an extra")
    exec(compile((ROOT / ".github/site/conf.py").read_text(), "conf.py", "exec"), names)
    assert (DOCS / f"{names['root_doc']}.md").is_file()
