"""Every network of a recipe by one function: a backbone with a head."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from pydantic import ValidationError
from torch import nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_backbone
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.models.pair_nets import KINDS, pair_net
from puzzlecam_cli.recipe.schema import Recipe, Seg, TrainCls


def _classifier(backbone: Backbone, num_classes: int, levels: int = 1) -> Classifier:
    return Classifier(backbone, num_classes, TrainCls(levels=levels).levels)  # within bounds, whatever a file says


def _deeplab(backbone: Backbone, num_classes: int, width: int, norm: Literal["group", "batch"]) -> DeepLab:
    settings = Seg(width=width, norm=norm)  # as above
    return DeepLab(backbone, num_classes + 1, settings.width, settings.norm)


def _pair_net(kind: Any, backbone: Backbone, num_classes: int, canvas: int) -> nn.Module:
    return pair_net(kind, backbone, int(canvas))


# By kind: a function of a backbone, the number of object classes C, and what else is in a description's `head`.
HEADS: dict[str, Callable[..., nn.Module]] = {
    "classifier": _classifier,
    "deeplab": _deeplab,
    **{kind: partial(_pair_net, kind) for kind in KINDS},
}


def head_of(recipe: Recipe, stage: str) -> dict[str, Any]:
    """The `head` of the network that a stage trains: `train-cls`, `affinity` or `seg`."""
    match stage:
        case "train-cls":
            levels = recipe.train_cls.levels
            return {"kind": "classifier"} | ({"levels": levels} if levels > 1 else {})  # as older models say it
        case "affinity":
            return {"kind": recipe.affinity.kind, "canvas": recipe.affinity.canvas_side}
        case "seg":
            return {"kind": "deeplab", "width": recipe.seg.width, "norm": recipe.seg.norm}
    raise ValueError(f"stage {stage!r} trains no network")


def with_head(backbone: Backbone, head: Mapping[str, Any], num_classes: int) -> nn.Module:
    """A backbone with a head whose weights are new.

    Args:
        backbone: it becomes the network's.
        head: of a description.
        num_classes: C, without background.
    """
    options = {name: value for name, value in head.items() if name != "kind"}
    return HEADS[head["kind"]](backbone, num_classes, **options)


def build(description: Description) -> nn.Module:
    """The network that a description is of, with new weights.

    Raises:
        UserError: its backbone is not installed or cannot be built, or its head is not known here.
    """
    backbone = load_backbone(description.backbone, **description.options)
    kind = description.head["kind"]
    if kind not in HEADS:
        raise UserError(
            "model-newer",
            f"a model with a head of kind `{kind[:100]}` is not known to this version of puzzlecam",
            hint="update puzzlecam: python -m pip install --upgrade puzzlecam-cli",
        )
    try:
        return with_head(backbone, description.head, len(description.classes))
    except (ValidationError, TypeError, ValueError) as error:
        said = f"a head of kind `{kind}` cannot be built as the model says: {dict(description.head)}"[:300]
        raise UserError("model-unreadable", said, hint="its metadata are damaged: copy the file once more") from error
