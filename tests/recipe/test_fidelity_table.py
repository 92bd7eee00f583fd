"""Every number of the paper and its authors' code that a recipe can carry: one row each, and where it comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml
from pydantic import BaseModel
from typer.testing import Result

from puzzlecam_cli.recipe.load import load_recipe, recipe_names, shipped_recipes
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.plan import flatten

Run = Callable[..., Result]
PAPER = ("voc_resnet50", "voc_resnest50", "voc_resnest101", "voc_resnest269")
SOURCES = {"paper", "code", "IRNet", "AffinityNet", "ours"}

# "optimiser": the authors' SGD gets its weight decay as momentum; "groups": rates ×1, ×2, ×10, ×20, biases not decayed
ROWS: tuple[tuple[str, Any, str], ...] = (
    ("seed", 0, "shared: the seed of all scripts"),
    ("data.train", "train_aug", "shared: 10,582 images"),
    ("data.val", "val", "shared: 1,449 images"),
    ("data.tags", "auto", "shared: tags from the XML files, which is the first that is looked for"),
    ("backbone.pretrained", True, "shared: ImageNet weights in all three networks"),
    ("train_cls.epochs", 15, "train-cls: code's default"),
    ("train_cls.batch", 32, "train-cls: code's default"),
    ("train_cls.accumulate", "auto", "train-cls: the whole batch at once, where it fits"),
    ("train_cls.lr", 0.1, "train-cls: code's default"),
    ("train_cls.momentum", 1e-4, "optimiser"),
    ("train_cls.weight_decay", 1e-4, "train-cls: code's default"),
    ("train_cls.decay_biases", False, "groups"),
    ("train_cls.poly_power", 0.9, "optimiser: what the code calls momentum"),
    ("train_cls.new_lr", 10, "groups"),
    ("train_cls.bias_lr", 2, "groups"),
    ("train_cls.clip_norm", None, "train-cls: not clipped"),
    ("train_cls.resize", [320, 640], "train-cls and paper 4.1"),
    ("train_cls.resize_side", "longer", "shared: code; the paper names no side"),
    ("train_cls.crop", 512, "train-cls and paper 4.1"),
    ("train_cls.batchnorm", "train", "train-cls: mode normal"),
    ("train_cls.frozen_levels", 0, "train-cls: all layers train"),
    ("train_cls.levels", 1, "train-cls: the last map"),
    ("train_cls.background", 0.0, "train-cls: the three losses of the paper"),
    ("train_cls.puzzle.tiles", 4, "train-cls and paper 3.3"),
    ("train_cls.puzzle.classify_tiles", True, "train-cls and paper, Eq. 5"),
    ("train_cls.puzzle.alpha", 4, "paper 4.1 and README; code's default is 1"),
    ("train_cls.puzzle.ramp", 0.5, "train-cls: up to half of the steps"),
    ("train_cls.puzzle.compare", "features", "train-cls: raw maps; the paper writes of maps after Eq. 1"),
    ("train_cls.puzzle.mask", "labels", "train-cls: the present classes"),
    ("train_cls.puzzle.reduction", "mean", "train-cls: over all 20 classes"),
    ("train_cls.puzzle.distance", "l1", "train-cls and paper, Eq. 6"),
    ("train_cls.puzzle.detach", "none", "train-cls: gradient into both branches"),
    ("cams.scales", [0.5, 1.0, 1.5, 2.0], "cams"),
    ("cams.flip", True, "cams"),
    ("cams.longer_side", None, "cams: photos as they are"),
    ("saliency.folder", None, "paper, Table 3: I, image-level labels alone"),
    ("saliency.plugin", None, "paper, Table 3: likewise"),
    ("saliency.maps", 0.8, "ours: used only where there is saliency"),
    ("saliency.labels", 0.1, "ours: likewise"),
    ("saliency.walk", False, "ours: likewise"),
    ("affinity.kind", "boundary", "affinity: IRNet's branch; the paper cites AffinityNet"),
    ("affinity.epochs", 3, "affinity"),
    ("affinity.batch", 32, "affinity"),
    ("affinity.accumulate", "auto", "affinity: the whole batch at once, where it fits"),
    ("affinity.lr", 0.1, "affinity: one group"),
    ("affinity.momentum", 1e-4, "optimiser"),
    ("affinity.weight_decay", 1e-4, "affinity"),
    ("affinity.decay_biases", True, "affinity: one group"),
    ("affinity.poly_power", 0.9, "optimiser"),
    ("affinity.new_lr", 1, "affinity: one group"),
    ("affinity.bias_lr", 1, "affinity: one group"),
    ("affinity.clip_norm", None, "affinity: not clipped"),
    ("affinity.resize", [320, 640], "affinity"),
    ("affinity.resize_side", "longer", "shared: code"),
    ("affinity.crop", 512, "affinity"),
    ("affinity.radius", 10, "affinity: pairs"),
    ("affinity.canvas", "crop", "rw: photos are zero-padded to 512 × 512, the training crop"),
    ("affinity.labels.foreground", 0.40, "affinity labels: README; code's default is .30"),
    ("affinity.labels.background", 0.10, "affinity labels: README; code's default is .05"),
    ("affinity.labels.powers", None, "affinity labels: AffinityNet's way, not the code's"),
    ("affinity.labels.crf.engine", "auto", "pydensecrf, as the code has it, where it is installed"),
    ("affinity.labels.crf.iterations", 10, "affinity labels"),
    ("affinity.labels.crf.smooth_xy", 3, "label CRF"),
    ("affinity.labels.crf.smooth_weight", 3, "label CRF"),
    ("affinity.labels.crf.colour_xy", 50, "label CRF"),
    ("affinity.labels.crf.colour_rgb", 5, "label CRF"),
    ("affinity.labels.crf.colour_weight", 10, "label CRF"),
    ("affinity.labels.crf.largest_side", None, "label CRF: photos as they are"),
    ("affinity.labels.crf.confidence", 0.7, "label CRF"),
    ("rw.radius", 5, "rw"),
    ("rw.beta", 10, "rw"),
    ("rw.log2_steps", 8, "rw: squared eight times"),
    ("rw.longer_side", None, "rw: photos as they are"),
    ("rw.background_power", None, "rw: background is not walked"),
    ("rw.background", 0.35, "pseudo labels: README; code's default is .25"),
    ("rw.colours", 0, "pseudo labels: a pixel's colour is for the CRF alone"),
    ("rw.crf.engine", "auto", "pydensecrf, as the code has it, where it is installed"),
    ("rw.crf.iterations", 1, "pseudo labels: README; code's default is 10"),
    ("rw.crf.smooth_xy", 3, "label CRF"),
    ("rw.crf.smooth_weight", 3, "label CRF"),
    ("rw.crf.colour_xy", 50, "label CRF"),
    ("rw.crf.colour_rgb", 5, "label CRF"),
    ("rw.crf.colour_weight", 10, "label CRF"),
    ("rw.crf.largest_side", None, "label CRF: photos as they are"),
    ("rw.crf.confidence", 0.7, "label CRF"),
    ("seg.epochs", 50, "seg: code's default"),
    ("seg.batch", 32, "seg: code's default"),
    ("seg.accumulate", "auto", "seg: the whole batch at once, where it fits"),
    ("seg.lr", 0.007, "seg: code's default"),
    ("seg.momentum", 4e-5, "optimiser"),
    ("seg.weight_decay", 4e-5, "seg: code's default"),
    ("seg.decay_biases", False, "groups"),
    ("seg.poly_power", 0.9, "optimiser"),
    ("seg.new_lr", 10, "groups"),
    ("seg.bias_lr", 2, "groups"),
    ("seg.clip_norm", None, "seg: not clipped"),
    ("seg.resize", [256, 1024], "seg: code's default"),
    ("seg.resize_side", "longer", "shared: code"),
    ("seg.crop", 512, "seg: code's default"),
    ("seg.start_from", "imagenet", "seg"),
    ("seg.batchnorm", "frozen", "seg: README, mode fix"),
    ("seg.width", 256, "seg: DeepLabv3+"),
    ("seg.norm", "group", "seg: README, group normalisation"),
    ("seg.first_weights", "kaiming", "seg: public copies of the module, the last 1×1 included"),
    ("seg.background_weight", 1, "seg: all pixels alike"),
    ("seg.rounds", 1, "seg: trained once, on the pseudo labels"),
    ("seg.predict.scales", [0.5, 1.0, 1.5, 2.0], "seg, inference"),
    ("seg.predict.flip", True, "seg, inference"),
    ("seg.predict.region_power", 0, "seg, inference: each pixel for itself"),
    ("seg.predict.longer_side", None, "seg, inference: photos as they are"),
    ("seg.predict.crf.engine", "auto", "pydensecrf, as the code has it, where it is installed"),
    ("seg.predict.tile", 2048, "seg, inference: larger photos in tiles"),
    ("seg.predict.crf.iterations", 10, "seg, inference: README"),
    ("seg.predict.crf.smooth_xy", 3, "probability CRF"),
    ("seg.predict.crf.smooth_weight", 3, "probability CRF"),
    ("seg.predict.crf.colour_xy", 80, "probability CRF"),
    ("seg.predict.crf.colour_rgb", 13, "probability CRF"),
    ("seg.predict.crf.colour_weight", 10, "probability CRF"),
    ("seg.predict.crf.largest_side", None, "probability CRF: photos as they are"),
    ("eval.thresholds", [round(0.05 * k, 2) for k in range(1, 16)], "eval: .05 to .75 by .05"),
    ("runtime.mixed_precision", "auto", "ours: bf16 on GPUs that have it; the code has fp32, `no`"),
    ("runtime.tf32", True, "shared: PyTorch's default"),
)
EXPECTED = {key: value for key, value, _ in ROWS}

# (key, the value chosen, the other one, where the other one comes from)
DISPUTED = (
    ("train_cls.puzzle.alpha", 4, 1, "code's default, against paper and README"),
    ("train_cls.puzzle.compare", "features", "cams", "paper, against the code"),
    ("train_cls.resize_side", "longer", "shorter", "the paper does not say"),
    ("affinity.kind", "boundary", "feature", "the paper's citation, against the code"),
    ("affinity.labels.foreground", 0.40, 0.30, "code's default, against README"),
    ("affinity.labels.background", 0.10, 0.05, "code's default, against README"),
    ("rw.background", 0.35, 0.25, "code's default, against README"),
    ("rw.crf.iterations", 1, 10, "code's default, against README"),
    ("train_cls.momentum", 1e-4, 0.9, "what the code seems to say, against what it does"),
    ("seg.momentum", 4e-5, 0.9, "what the code seems to say, against what it does"),
)


def resolved(name: str, *changes: str) -> dict[str, Any]:
    """A recipe as dotted keys and plain values."""
    values = load_recipe(name, changes).model_dump(mode="json")
    return {key.removeprefix("."): value for key, value in flatten("", values)}


def test_every_key_that_decides_a_result_has_a_row() -> None:
    """No number of the method without a source; `data` and `backbone` name the user's own things."""
    deciding = ("train_cls", "cams", "saliency", "affinity", "rw", "seg", "eval")
    keys = {key for key in resolved("voc_resnet50") if key.split(".")[0] in deciding}
    assert keys <= EXPECTED.keys()
    assert len(EXPECTED) == len(ROWS), "a key stands twice"
    assert all(source for _, _, source in ROWS)


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_recipes_carry_every_number(name: str) -> None:
    found = resolved(name)
    assert {key: found[key] for key in EXPECTED} == EXPECTED


def test_the_defaults_carry_every_number(tmp_path) -> None:
    (tmp_path / "least.yaml").write_text("recipe: 1\ndata: {kind: voc, root: photos}\nbackbone: resnet50\n")
    found = resolved(str(tmp_path / "least.yaml"))
    assert {key: found[key] for key in EXPECTED} == EXPECTED


@pytest.mark.parametrize("name", PAPER)
def test_the_papers_recipes_count_objects_as_the_code_does(name: str) -> None:
    """An object whose box, clipped to the photo, is empty does not count there; for other photos a tag is a tag."""
    assert resolved(name)["data.boxes"] == "clipped"
    assert resolved("small_photos")["data.boxes"] == "any"


def test_the_papers_recipes_differ_in_the_backbone_only() -> None:
    first, *others = ({k: v for k, v in resolved(name).items() if k != "backbone.name"} for name in PAPER)
    assert all(other == first for other in others)
    assert [resolved(name)["backbone.name"] for name in PAPER] == [name.removeprefix("voc_") for name in PAPER]


def shown(text: str) -> Iterator[tuple[str, str]]:
    """(dotted key, comment) of each line of `recipes show`."""
    path: list[str] = []
    for line in text.splitlines():
        written, _, comment = line.partition(" # ")
        key = written.partition(":")[0]
        path = [*path[: (len(key) - len(key.lstrip())) // 2], key.strip()]
        yield ".".join(path), comment


def source(comment: str) -> str:
    """The bracket at the end of a comment."""
    found = re.search(r"\[([^][]*(?:\[[^][]*\])?[^][]*)\]\.$", comment)
    return found[1] if found else ""


def test_show_prints_every_number_of_the_largest_recipe_with_its_source(puzzlecam: Run) -> None:
    comments = dict(shown(puzzlecam("recipes", "show", "voc_resnest269").stdout))
    for key in EXPECTED:
        assert set(source(comments[key]).split(", ")) <= SOURCES, f"{key}: {comments[key]}"


def sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from sections(kind)


def test_every_default_names_its_source() -> None:
    found = list(sections(Recipe))
    assert len(found) > 15
    for section in found:
        for key, field in section.model_fields.items():
            if field.is_required() or isinstance(field.default, BaseModel):
                continue
            assert set(source(field.description or "").split(", ")) <= SOURCES, f"{section.__name__}.{key}"


@pytest.mark.parametrize("name", recipe_names())
def test_a_value_that_is_not_the_default_claims_no_other_source(puzzlecam: Run, name: str) -> None:
    found, usual = resolved(name), resolved("voc_resnet50")
    for key, comment in shown(puzzlecam("recipes", "show", name).stdout):
        of_its_kind = key.startswith("data.") and found["data.kind"] != usual["data.kind"]  # with defaults of its own
        if key in EXPECTED and not of_its_kind:
            assert source(comment).startswith("this recipe; default ") == (found[key] != usual[key]), key


def test_a_changed_value_is_shown_with_the_default_and_its_source(puzzlecam: Run) -> None:
    changes = ("seg.predict.crf.colour_xy=50", "rw.crf.iterations=10", "train_cls.resize=[256, 512]", "cams.flip=true")
    arguments = [part for change in changes for part in ("--set", change)]
    comments = dict(shown(puzzlecam("recipes", "show", "voc_resnest269", *arguments).stdout))
    assert source(comments["seg.predict.crf.colour_xy"]) == "this recipe; default 80.0: code"
    assert source(comments["rw.crf.iterations"]) == "this recipe; default 1: code"
    assert source(comments["train_cls.resize"]) == "this recipe; default [320, 640]: paper, code"
    assert source(comments["cams.flip"]) == "paper"


@pytest.mark.parametrize(("key", "chosen", "other", "whose"), DISPUTED, ids=[row[0] for row in DISPUTED])
def test_where_paper_and_code_disagree_both_can_be_had(key: str, chosen: Any, other: Any, whose: str) -> None:
    before, after = resolved("voc_resnet50"), resolved("voc_resnet50", f"{key}={other}")
    assert before[key] == chosen
    assert {k: v for k, v in after.items() if v != before[k]} == {key: other}, whose


@pytest.mark.parametrize("key", [row[0] for row in DISPUTED])
def test_the_papers_recipe_says_which_of_two_values_it_takes(key: str) -> None:
    """A comment on the line of the value, or on the lines above it."""
    text = (shipped_recipes() / "voc_resnet50.yaml").read_text(encoding="utf-8")
    node: Any = yaml.compose(text)
    for part in key.split("."):
        name, node = next((k, v) for k, v in node.value if k.value == part)
    lines, number = text.splitlines(), name.start_mark.line
    assert "#" in lines[number] or lines[number - 1].lstrip().startswith("#")


def test_the_papers_recipe_says_which_epoch_is_kept() -> None:
    """The authors choose theirs on masks, in train-cls and in seg; the last epoch needs none."""
    lines = (shipped_recipes() / "voc_resnet50.yaml").read_text(encoding="utf-8").splitlines()
    for section in ("train_cls:", "seg:"):
        (line,) = (line for line in lines if line.startswith(section))
        assert re.search("the last epoch is kept.*masks", line)


def test_a_section_that_is_written_in_part_keeps_its_other_defaults() -> None:
    """A section's defaults are its class's, not those of the section above it, which what is written would replace."""
    for section in sections(Recipe):
        for key, field in section.model_fields.items():
            if isinstance(field.default, BaseModel):
                assert field.default == type(field.default)(), f"{section.__name__}.{key}"


def test_changing_one_value_of_a_crf_leaves_its_others() -> None:
    for crf in ("affinity.labels.crf", "rw.crf", "seg.predict.crf"):
        before, after = resolved("voc_resnet50"), resolved("voc_resnet50", f"{crf}.smooth_xy=1")
        assert {key for key in before if after[key] != before[key]} == {f"{crf}.smooth_xy"}
