"""What to do when a network does not fit into memory."""

from __future__ import annotations

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.schema import Runtime, Training


def out_of_memory(stage: str, settings: Training, runtime: Runtime) -> UserError:
    """The settings that would help a training, and by about how much: activations fill most of the memory."""
    section = stage.replace("-", "_")
    crop = settings.crop * 3 // 4 // 32 * 32
    help_: list[str] = []
    if settings.accumulate < settings.batch:
        parts = min(2 * settings.accumulate, settings.batch)
        share = settings.accumulate / parts
        help_.append(f"--set {section}.accumulate={parts}: about {share:.0%} of the memory; as good, slower")
    if crop >= 32:
        help_.append(f"--set {section}.crop={crop}: about {(crop / settings.crop) ** 2:.0%}; smaller views")
    if runtime.mixed_precision == "no":
        help_.append("--mixed-precision bf16: about 60%")
    problem = f"{stage} does not fit into memory: {settings.batch} images of {settings.crop}×{settings.crop} a step"
    return UserError("out-of-memory", problem, tuple(help_), "one of these; then the same command continues")
