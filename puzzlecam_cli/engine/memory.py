"""What to do when a network does not fit into memory."""

from __future__ import annotations

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.fit import unfit
from puzzlecam_cli.recipe.schema import Runtime, Training


def out_of_memory(stage: str, settings: Training, runtime: Runtime, processes: int, backbone: Backbone) -> UserError:
    """Up to three settings that would help a training, and by about how much: activations fill most of the memory."""
    section = stage.replace("-", "_")
    help_: list[str] = []
    parts = min(2 * settings.accumulate, settings.batch // processes)
    if parts > settings.accumulate:
        share = settings.accumulate / parts
        help_.append(f"--set {section}.accumulate={parts}: about {share:.0%} of the memory; as good, slower")
    if crop := _smaller_crop(settings, backbone):
        help_.append(f"--set {section}.crop={crop}: about {(crop / settings.crop) ** 2:.0%}; smaller views")
    if runtime.mixed_precision == "no":
        help_.append("--mixed-precision bf16: 60 to 75%")
    if (batch := settings.batch // 2) >= processes:
        help_.append(f"--set {section}.batch={batch}: about 50%; other steps")
    problem = f"{stage} does not fit into memory: {settings.batch} images of {settings.crop}×{settings.crop} a step"
    return UserError("out-of-memory", problem, tuple(help_[:3]), "one of these; then the same command continues")


def _smaller_crop(settings: Training, backbone: Backbone) -> int | None:
    """The largest up to 3/4 of the crop's side that the backbone and the recipe take, in whole cells."""
    cell = backbone.strides[-1]
    for crop in range(settings.crop * 3 // 4 // cell * cell, 31, -cell):
        if not unfit(backbone, settings.model_copy(update={"crop": crop})):
            return crop
    return None
