"""Whether a recipe and its backbone go together; a recipe alone knows no strides."""

from __future__ import annotations

from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.feature_net import no_map_for_features
from puzzlecam_cli.models.pair_nets import KINDS
from puzzlecam_cli.recipe.schema import Affinity, Recipe, TrainCls, Training


def check_fit(backbone: Backbone, recipe: Recipe) -> list[str]:
    """What of a recipe cannot be done with a backbone, a sentence each; none: they go together.

    Sides that are no multiple of `backbone.multiple` are no problem: the backbone pads its images.
    """
    problems: list[str] = []
    for section in ("train_cls", "affinity", "seg"):
        problems += [f"{section}.{problem}" for problem in unfit(backbone, getattr(recipe, section))]
    return problems


def unfit(backbone: Backbone, settings: Training) -> list[str]:
    """The same of one training's section, which stands before each sentence: `crop 500 ...`."""
    crop = settings.crop
    if isinstance(settings, TrainCls) and settings.puzzle.is_used:
        rows, stride = settings.puzzle.rows, backbone.strides[-1]
        if crop % (rows * stride):
            return [
                f"crop {crop} must be a multiple of {rows * stride}, to be cut into {rows} × {rows} tiles of whole "
                f"cells, which are of {stride} pixels in this backbone's last map"
            ]
    if isinstance(settings, Affinity) and settings.is_trained:
        stride = KINDS[settings.kind].stride
        if settings.kind == "feature" and stride not in backbone.strides:
            return [no_map_for_features(backbone).removeprefix("affinity.")]
        if crop % stride or crop < 2 * stride * settings.radius:
            return [
                f"crop {crop} must be a multiple of {stride} and at least {2 * stride} × radius {settings.radius}: "
                f"pairs are of cells of {stride} pixels"
            ]
    return []
