"""What is given to `card`: runs, files to write, names on the hub, licences."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.use import hub as hubs
from puzzlecam_cli.use.hub import HuggingFace
from tests.conftest import Run
from tests.run.folders import content, put
from tests.use.stand_in import TOKEN, StandIn, stand_in


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "run")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    with stand_in() as hub:
        monkeypatch.setattr(hubs, "the_hub", lambda: HuggingFace(hub.endpoint, tmp_path / "cache", TOKEN))
        yield hub


def unfinished(run: Path) -> None:
    ledger = Ledger(run / "run.json")
    del ledger.records["seg"]
    ledger.write()


def stale(run: Path) -> None:
    recipe = run / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace("log2_steps: 3", "log2_steps: 4"))


def scored(change: Callable[[dict], object]) -> Callable[[Path], object]:  # type: ignore[type-arg]
    """Scores with something changed."""

    def build(run: Path) -> None:
        scores = json.loads((run / "eval/scores.json").read_text())
        change(scores)
        put(run, "eval/scores.json", json.dumps(scores))

    return build


def last(**values: object) -> Callable[[Path], object]:
    return scored(lambda scores: scores["results"][-1].update(values))


BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing": (shutil.rmtree, "run-missing"),
    "a file": (lambda run: (shutil.rmtree(run), run.write_text("x")), "run-missing"),
    "a folder of photos": (lambda run: (run / "run.json").unlink(), "run-missing"),
    "no recipe": (lambda run: (run / "recipe.yaml").unlink(), "run-missing"),
    "a damaged recipe": (lambda run: put(run, "recipe.yaml", "recipe: [\n"), "recipe-unreadable"),
    "a damaged ledger": (lambda run: put(run, "run.json", "{"), "run-unreadable"),
    "no network": (unfinished, "stage-missing"),
    "a network that is lost": (lambda run: (run / "seg/model.safetensors").unlink(), "stage-missing"),
    "a network of another recipe": (stale, "stage-stale"),
    "a damaged network": (lambda run: put(run, "seg/model.safetensors", "x"), "model-unreadable"),
    "damaged scores": (lambda run: put(run, "eval/scores.json", "{"), "artifact-unreadable"),
    "scores of another program": (lambda run: put(run, "eval/scores.json", '{"schema": 1, "results": [1]}'), "artif"),
    "scores that lack numbers": (
        lambda run: put(
            run, "eval/scores.json", '{"schema": 1, "results": [{"what": "cams", "split": "train", "miou": 1}]}'
        ),
        "artifact-unreadable",
    ),
    "scores of words": (
        lambda run: put(
            run,
            "eval/scores.json",
            (run / "eval/scores.json").read_text().replace('"miou": 0.', '"miou": "x", "y": 0.'),
        ),
        "artifact-unreadable",
    ),
    "a score above 1": (last(miou=9), "artifact-unreadable"),
    "a score that is no number": (last(miou=float("nan")), "artifact-unreadable"),
    "a split that is no text": (last(split=[1]), "artifact-unreadable"),
    "photos in words": (last(images="many"), "artifact-unreadable"),
    "scores of another thing": (last(what="mine"), "artifact-unreadable"),
    "tags that are no counts": (scored(lambda scores: scores.update(tags="some")), "artifact-unreadable"),
    "results that are no list": (scored(lambda scores: scores.update(results={})), "artifact-unreadable"),
    "a damaged list of what is left out": (lambda run: put(run, "left_out.json", "[]"), "run-unreadable"),
}


@pytest.mark.parametrize(("build", "reference"), BROKEN.values(), ids=BROKEN.keys())
def test_a_run_that_has_no_card_is_refused_and_nothing_written(
    puzzlecam: Run, run: Path, hub: StandIn, build: Callable[[Path], object], reference: str
) -> None:
    build(run)
    out = run.parent / "card.md"
    result = puzzlecam("card", run, "--out", out, "--push-to-hub", "anna/tiny")
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"error: {reference}")
    assert not out.exists()
    assert not hub.asked


def test_it_goes_to_stdout_or_into_a_new_file(puzzlecam: Run, finished_run: Path, tmp_path: Path) -> None:
    before = content(finished_run)
    printed = puzzlecam("card", finished_run, "--licence", "MIT")
    assert printed.exit_code == 0, printed.stderr
    assert printed.stdout.startswith("---\nlicense: mit\n")
    written = puzzlecam("card", finished_run, "--licence", "mit", "--out", tmp_path / "card.md")
    assert written.exit_code == 0
    assert written.stdout == ""
    assert (tmp_path / "card.md").read_text() == printed.stdout
    assert content(finished_run) == before


OUT: dict[str, Callable[[Path], Path]] = {
    "a file that is there": lambda folder: put(folder, "README.md"),
    "a folder": lambda folder: put(folder, "cards/mine").parent,
    "a folder that is not there": lambda folder: folder / "nowhere" / "card.md",
    "a file as a folder": lambda folder: put(folder, "mine") / "card.md",
    "a link to a file": lambda folder: _link(folder / "link", put(folder, "mine")),
    "a link to nowhere": lambda folder: _link(folder / "link", folder / "nothing"),
    "a name of 300 letters": lambda folder: folder / ("a" * 300),
}


def _link(path: Path, target: Path) -> Path:
    path.symlink_to(target)
    return path


@pytest.mark.parametrize("build", OUT.values(), ids=OUT.keys())
def test_nothing_is_overwritten(
    puzzlecam: Run, finished_run: Path, tmp_path: Path, build: Callable[[Path], Path]
) -> None:
    out = build(tmp_path)
    before = content(tmp_path)
    result = puzzlecam("card", finished_run, "--out", out)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith("error: file-")
    assert content(tmp_path) == before


USAGE: dict[str, tuple[tuple[str, ...], str]] = {
    "private without a hub": (("--private",), "usage"),
    "an empty licence": (("--licence", ""), "usage"),
    "a licence in words": (("--licence", "all rights reserved"), "usage"),
    "a licence of two lines": (("--licence", "mit\ntags: [x]"), "usage"),
    "a licence of YAML": (("--licence", "[mit]"), "usage"),
    "a repository without an owner": (("--push-to-hub", "tiny"), "hub-name"),
    "an empty repository": (("--push-to-hub", ""), "hub-name"),
    "a repository upwards": (("--push-to-hub", "../tiny"), "hub-name"),
    "a repository with a blank": (("--push-to-hub", "anna/my model"), "hub-name"),
    "a repository with a revision": (("--push-to-hub", "anna/tiny@v1"), "hub-name"),
    "an address": (("--push-to-hub", "https://huggingface.co/anna/tiny"), "hub-name"),
}


@pytest.mark.parametrize(("options", "reference"), USAGE.values(), ids=USAGE.keys())
def test_options_that_mean_nothing_are_refused(
    puzzlecam: Run, finished_run: Path, hub: StandIn, options: tuple[str, ...], reference: str
) -> None:
    result = puzzlecam("card", finished_run, *options)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {reference}")
    assert result.stdout == ""
    assert not hub.asked


@pytest.mark.parametrize("name", ["anna/tiny", "hf://anna/tiny"])
def test_a_push_says_what_goes_where(puzzlecam: Run, finished_run: Path, hub: StandIn, name: str) -> None:
    result = puzzlecam("card", finished_run, "--push-to-hub", name, "--private")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{hub.endpoint}/anna/tiny\n"
    assert "hf://anna/tiny (private): README.md, model.safetensors, recipe.yaml, scores.json" in result.stderr
    assert TOKEN not in result.output
    assert "puzzlecam predict hf://anna/tiny " in hub.repositories["anna/tiny"]["README.md"].decode()
    assert json.loads(hub.repositories["anna/tiny"]["scores.json"])["results"]


def test_a_push_that_fails_is_told_without_the_token(puzzlecam: Run, finished_run: Path, hub: StandIn) -> None:
    hub.answer = 403
    result = puzzlecam("card", finished_run, "--push-to-hub", "anna/tiny")
    assert result.exit_code == 2
    assert "no licence is chosen" in result.stderr
    assert "\nerror: hub-token\n" in result.stderr
    assert TOKEN not in result.output
    assert "Traceback" not in result.output
