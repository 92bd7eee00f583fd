"""What the models of a run say of themselves, from its recipe and data."""

from __future__ import annotations

from typing import Any

from puzzlecam_cli import __version__
from puzzlecam_cli.data.photos import PhotoSet
from puzzlecam_cli.data.pixels.colours import VOC_PALETTE
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.build import head_of
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.recipe.schema import Recipe, Saliency
from puzzlecam_cli.text import several

PALETTE = tuple((red, green, blue) for red, green, blue in zip(*[iter(VOC_PALETTE)] * 3, strict=True))


def describe(
    recipe: Recipe,
    stage: str,
    backbone: Backbone,
    classes: tuple[str, ...],
    supervision: dict[str, str],
) -> Description:
    """The network that a stage trains: `train-cls`, `affinity` or `seg`.

    Args:
        backbone: the network's.
        classes: their names.
        supervision: as `supervised` says it.
    """
    return Description(
        classes=classes,
        colours=PALETTE[: len(classes) + 1],
        backbone=recipe.backbone.name,
        options=recipe.backbone.model_dump(mode="json", exclude={"name", "pretrained", "weights"}),
        head=head_of(recipe, stage),
        mean=backbone.mean,
        std=backbone.std,
        multiple=backbone.multiple,
        supervision=supervision | first_weights(recipe, stage, backbone),
        predict=predict_of(recipe, stage),
        puzzlecam=__version__,
    )


def predict_of(recipe: Recipe, stage: str) -> dict[str, Any]:
    """The `predict` of a stage's description."""
    if stage != "seg":
        return {}
    runtime = recipe.runtime
    rounding = {} if runtime.tf32 else {"tf32": False}
    return recipe.seg.predict.model_dump(mode="json") | {"mixed_precision": runtime.mixed_precision} | rounding


def supervised(data: PhotoSet, photos: int, saliency: Saliency | None = None) -> dict[str, str]:
    """How tags, masks and saliency maps were used, in words.

    Args:
        photos: that were trained on.
        saliency: the recipe's, where it has a part in what was learned from.
    """
    split = data.splits.train
    salient = {} if saliency is None or not saliency.is_given else {SALIENCY: _saliency(saliency)}
    tags = f"image-level tags of {several(photos, 'photo')} of `{split}`"
    if data.tags_from == "masks":
        return {"tags": f"{tags}, read off pixel masks", "masks": f"{NEVER}, but for reading tags off them"} | salient
    return {"tags": f"{tags}, from {FROM.get(data.tags_from, data.tags_from)}", "masks": NEVER} | salient


def _saliency(given: Saliency) -> str:
    source = f"the folder {given.folder.name}" if given.folder is not None else f"the plugin `{given.plugin}`"
    return f"maps from {source}, of what stands out in each photo; what made them may have learned from pixel masks"


SALIENCY = "saliency"  # of a description's supervision: there where saliency maps had a part

NEVER = "never for training or selection; where there are any, for scores alone"
FROM = {"file": "a file of tags", "folders": "folders named after classes", "lists": "lists of a class each"}


def first_weights(recipe: Recipe, stage: str, backbone: Backbone) -> dict[str, str]:
    """Where a network's first weights came from, and under which licence they are, in words."""
    chosen = recipe.backbone
    if chosen.weights is not None:
        said, licence = f"the file {chosen.weights.name}", "that of the file, which is not known"
    elif chosen.pretrained:
        said = f"those that `{chosen.name}` brings, pretrained on other photos (ImageNet, where it is not said)"
        licence = backbone.licence or f"not known: see where `{chosen.name}` comes from"
    else:
        said, licence = "random", "none: nothing was pretrained"
    if stage == "seg" and recipe.seg.start_from == "classifier":
        said = f"the classifier's of this run, whose own were {said}"
    return {"first_weights": said, "licence": licence}
