"""What a model card says is what the run's files say, and nothing of this machine is in it."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.use.card import card_of
from puzzlecam_cli.use.card_facts import Facts, facts_of, scrubbed, shareable_recipe
from puzzlecam_cli.use.hub import HuggingFace, located
from puzzlecam_cli.use.published import hub_files
from tests.use.stand_in import TOKEN, stand_in


@pytest.fixture(scope="module")
def facts(finished_run: Path) -> Facts:
    return facts_of(Run.of(finished_run))


@pytest.fixture
def run(finished_run: Path, tmp_path: Path) -> Path:
    return shutil.copytree(finished_run, tmp_path / "run")


def change(run: Path, step: str, **values: Any) -> None:
    ledger = Ledger(run / "run.json")
    for name, value in values.items():
        setattr(ledger.get(step), name, value)
    ledger.write()


def section(card: str, heading: str) -> str:
    return card.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    lines = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line] for line in lines[2:]]


def test_masks_that_are_the_scored_labels_are_told(facts: Facts) -> None:
    assert facts.scores is not None
    first, *others = facts.scores["results"]
    card = card_of(replace(facts, scores=facts.scores | {"results": [first | {"equal": 2}, *others]}), "tiny")
    assert f"- 2 of {first['images']} masks of `{first['split']}` are, pixel for pixel, the " in card


def test_the_hub_reads_what_stands_in_front(facts: Facts, finished_run: Path) -> None:
    scores = json.loads((finished_run / "eval/scores.json").read_text())
    predicted = next(result for result in scores["results"] if result["what"] == "predictions")
    data = ModelCard(card_of(facts, "tiny", licence="mit")).data
    assert (data.license, data.library_name, data.pipeline_tag) == ("mit", "puzzlecam", "image-segmentation")
    assert "weakly-supervised" in data.tags
    (result,) = data.eval_results
    assert (result.metric_type, result.dataset_split) == ("mean_iou", "val")
    assert result.metric_value == pytest.approx(predicted["miou"], abs=5e-5)
    assert data.model_name == "tiny"


def test_each_score_is_there_with_its_protocol(facts: Facts, finished_run: Path) -> None:
    scores = json.loads((finished_run / "eval/scores.json").read_text())
    said = section(card_of(facts, "tiny"), "Scores")
    assert [row[3] for row in cells(said)] == [f"{result['miou']:.3f}" for result in scores["results"]]
    assert [row[2] for row in cells(said)] == ["6", "6", "6", "3"]
    assert "masks of train" in said
    assert "one seed, 0" in said


def test_each_class_has_its_number_colour_and_score(facts: Facts, finished_run: Path) -> None:
    scores = json.loads((finished_run / "eval/scores.json").read_text())
    rows = cells(section(card_of(facts, "tiny"), "Classes"))
    assert [row[1] for row in rows] == scores["classes"]
    assert [row[2] for row in rows[:3]] == ["#000000", "#800000", "#008000"]
    iou = next(result for result in scores["results"] if result["what"] == "predictions")["iou"]
    assert [row[3] for row in rows] == ["–" if iou[row[1]] is None else f"{iou[row[1]]:.3f}" for row in rows]


def test_photos_tags_and_first_weights_are_told(facts: Facts) -> None:
    card = card_of(facts, "tiny")
    assert [row[::2] for row in cells(section(card, "Data"))] == [["train", "6"], ["val", "3"]]
    assert "none of them was trained on" in section(card, "Data")
    assert "image-level tags of 6 photos of `train`" in section(card, "Supervision")
    assert "random" in section(card, "Supervision")
    assert "nothing was pretrained" in section(card, "Licence")
    assert "none was chosen" in section(card, "Licence")


def test_the_recipe_in_it_is_the_run_s(facts: Facts, tmp_path: Path) -> None:
    text = section(card_of(facts, "tiny"), "Recipe").partition("yaml\n")[2].partition("\n```")[0]
    (tmp_path / "recipe.yaml").write_text(text)
    assert load_recipe(str(tmp_path / "recipe.yaml")) == facts.recipe


@pytest.mark.parametrize("repository", [None, "anna/tiny"])
def test_it_says_how_to_use_the_model(facts: Facts, repository: str | None) -> None:
    said = section(card_of(facts, "tiny", repository=repository), "How to use")
    named = f"hf://{repository}" if repository else "model.safetensors"
    assert f"puzzlecam predict {named} " in said
    assert f'load_model("{named}")' in said
    compile(said.partition("```python\n")[2].partition("```")[0], "card", "exec")


def test_without_masks_it_says_so(run: Path) -> None:
    scores = json.loads((run / "eval/scores.json").read_text())
    for content in (json.dumps(scores | {"results": []}), None):
        (run / "eval/scores.json").write_text(content) if content else (run / "eval/scores.json").unlink()
        facts = facts_of(Run.of(run))
        card = card_of(facts, "tiny")
        assert "Not measured" in section(card, "Scores")
        assert "never compared with masks" in section(card, "Limits")
        assert ModelCard(card).data.eval_results is None
        assert set(hub_files(facts, card)) == {"README.md", "model.safetensors", "recipe.yaml"}


def test_scores_of_earlier_predictions_are_left_out(run: Path) -> None:
    change(run, "seg/predictions", ended="later")
    facts = facts_of(Run.of(run))
    card = card_of(facts, "tiny")
    assert [row[0] for row in cells(section(card, "Scores"))] == ["CAM", "CAM + RW", "pseudo labels"]
    assert "left out" in section(card, "Scores")
    assert ModelCard(card).data.eval_results is None
    published = json.loads(hub_files(facts, card)["scores.json"])  # type: ignore[arg-type]
    assert [result["what"] for result in published["results"]] == ["cams", "rw", "pseudo-labels"]


def test_predictions_of_an_earlier_network_are_left_out(run: Path) -> None:
    change(run, "seg/model", ended="later")
    assert "predictions" not in [row[0] for row in cells(section(card_of(facts_of(Run.of(run)), "t"), "Scores"))]


def test_photos_that_were_trained_on_and_left_out_are_counted(run: Path) -> None:
    trained = (run / "made/rw-pseudo_labels.txt").read_text().splitlines()[0].removeprefix("rw/pseudo_labels/")
    with (run / "made/seg-predictions.txt").open("a") as file:
        file.write(f"seg/predictions/val/{trained}\n")
    refused = {"split": "train", "id": "a", "file": "/home/anna/a.jpg", "reason": "is cut short", "state": None}
    (run / "left_out.json").write_text(json.dumps({"schema": 1, "photos": [refused], "masks": []}))
    card = card_of(facts_of(Run.of(run)), "tiny")
    assert "1 of them were trained on as well" in section(card, "Data")
    assert "1 of `train`" in section(card, "Data")
    assert "anna" not in card


def ablation(run: Path, **changed: Any) -> None:
    """What `ablate` leaves of a recipe with all losses."""
    own = load_recipe(str(run / "recipe.yaml")).model_dump(mode="json")
    puzzle = own["train_cls"]["puzzle"]
    assert puzzle["classify_tiles"]
    assert puzzle["alpha"]
    for seed in (0, 1):
        recipe = own | {"seed": seed} | changed
        path = run / "ablation/all" / f"seed-{seed}" / "recipe.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(recipe))
    summary = {"schema": 1, "what": "mIoU of the class activation maps", "split": "train", "images": 6}
    rows = [{"name": "all", "mean": 0.25, "sd": 0.0125}]
    (run / "ablation/ablation.json").write_text(json.dumps(summary | {"seeds": [0, 1], "rows": rows}))


def test_the_spread_over_seeds_is_told_where_an_ablation_of_this_recipe_is_stored(run: Path) -> None:
    ablation(run)
    assert "Over seeds 0, 1 the maps (CAM) score 0.250 ± 0.013" in card_of(facts_of(Run.of(run)), "tiny")


@pytest.mark.parametrize("damage", ["another recipe", "no JSON", "another shape"])
def test_of_another_ablation_nothing_is_told(run: Path, damage: str) -> None:
    ablation(run, **({"cams": {"scales": [3.0]}} if damage == "another recipe" else {}))
    if damage != "another recipe":
        (run / "ablation/ablation.json").write_text("{" if damage == "no JSON" else "[1]")
    assert "the spread over seeds is not known" in card_of(facts_of(Run.of(run)), "tiny")


PATHS: dict[str, tuple[Any, Any]] = {
    "below a home": (Path("/home/anna/photos/cows"), "cows"),
    "a home": (Path("/home/anna"), "home"),
    "a home of another system": ("/Users/anna/", "home"),
    "one's own home": (Path.home(), "home"),
    "a home by its name": ("~anna", "home"),
    "below one's home": ("~/photos", "photos"),
    "of Windows": ("C:\\Users\\anna\\photos", "photos"),
    "a home of Windows": ("C:\\Users\\anna", "home"),
    "a drive": ("C:\\", "folder"),
    "a share": ("\\\\server\\anna\\photos", "photos"),
    "the root": (Path("/"), "folder"),
    "upwards": (Path("../../anna/photos"), "photos"),
    "upwards only": ("..", "folder"),
    "here": (Path(), "."),
    "a folder in a folder": (Path("anna/photos"), "photos"),
    "a folder": (Path("photos"), "photos"),
    "a class with a slash": ("cat/dog", "cat/dog"),
    "a backbone of a library": ("timm:timm/resnet18.a1", "timm:timm/resnet18.a1"),
    "words": ("train", "train"),
    "a number": (0.5, 0.5),
    "nothing": (None, None),
    "a list": (("/home/anna/a.txt", 1), ["a.txt", 1]),
    "a section": ({"root": Path("/home/anna/a")}, {"root": "a"}),
}


@pytest.mark.parametrize(("value", "shown"), PATHS.values(), ids=PATHS.keys())
def test_of_a_path_the_last_name_is_shown_and_of_a_home_none(value: Any, shown: Any) -> None:
    assert scrubbed(value) == shown


@pytest.mark.parametrize("name", ["folder", "small_photos", "coco"])
def test_no_folder_of_a_recipe_is_shown(name: str, facts: Facts) -> None:
    secret = "/home/anna/secret"
    recipe = load_recipe(name, [f"data.root={secret}/cows", f"backbone.weights={secret}/w.pth"])
    shown = shareable_recipe(recipe)
    assert shown["data"]["root"] == "cows"
    assert shown["backbone"]["weights"] == "w.pth"
    card = card_of(replace(facts, recipe=recipe), "tiny")
    assert "`cows`" in section(card, "Data")
    assert "secret" not in card + yaml.safe_dump(shown)
    assert isinstance(recipe, Recipe)


def test_classes_and_names_that_look_like_markdown_stay_what_they_are(facts: Facts) -> None:
    odd = ("a|b", "[click](http://x) ![](http://x) *b*", "`x`\n# y")
    described = replace(facts.description, classes=odd)
    said = described.supervision | {"licence": "<script> ![x](http://x)"}
    described = replace(described, supervision=said)
    card = card_of(replace(facts, description=described), "<b>\nx: y</b>\x1b[31m [z](http://z)")
    assert "![x]" not in card
    assert "](http://z)" not in card.partition("---\n\n")[2].replace("\\](", "")
    assert "\n# y" not in card
    assert r"\[click\](http://x) !\[\](http://x) \*b\*" in section(card, "Classes")
    assert "<script>" not in re.sub("`[^`\n]*`", "", card)
    assert "<b>" not in card.partition("---\n\n")[2]
    assert ModelCard(card).data.license == "unknown"
    assert len(cells(section(card, "Classes"))[1]) == 4


def test_what_is_pushed_is_read_back_and_opens(facts: Facts, finished_run: Path, tmp_path: Path) -> None:
    files = hub_files(facts, card_of(facts, "tiny", repository="anna/tiny"))
    assert set(files) == {"README.md", "model.safetensors", "recipe.yaml", "scores.json"}
    with stand_in() as hub:
        of_anna = HuggingFace(hub.endpoint, tmp_path, TOKEN)
        of_anna.push(files, "anna/tiny", private=False)
        stored = hub.repositories["anna/tiny"]
        fetched = located("hf://anna/tiny", of_anna)
    assert stored["model.safetensors"] == (finished_run / "seg/model.safetensors").read_bytes()
    description, _ = open_model(fetched)
    assert description == facts.description
    here = str(finished_run.parent).encode()
    assert not any(here in content for content in stored.values())


def test_an_option_that_is_a_path_is_not_published(facts: Facts, run: Path) -> None:
    from puzzlecam_cli.run.model_file import describe_again

    model = run / "seg/model.safetensors"
    describe_again(model, replace(facts.description, options={"folder": "/home/anna/x"}))
    with pytest.raises(UserError, match="`folder` of the backbone is a path"):
        hub_files(replace(facts, model=model), "card")
