"""Losses and pictures of maps for TensorBoard and Weights & Biases, through Accelerate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import LoggerType
from torch import Tensor

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.schema import Runtime

RED = (1.0, 0.2, 0.1)


def check_trackers(runtime: Runtime) -> None:
    """Whether the recipe's trackers are installed; Accelerate would go on without them, in silence.

    Raises:
        UserError: one is not.
    """
    for name in runtime.trackers:
        found = find_spec(name)
        if found is None or found.origin is None:  # no more than a folder of that name, such as wandb's own
            raise UserError(
                "tracker-missing",
                f"runtime.trackers names {name}, which is not installed",
                hint=f"python -m pip install 'puzzlecam-cli[{name}]'",
            )


class Trackers:
    """What the recipe's trackers are told about one training; nothing if it names none.

    Args:
        folder: of the run; trackers write to `trackers/<stage>` in it.
        first_step: a training that continues replaces what was told after it.
    """

    def __init__(self, runtime: Runtime, folder: Path, stage: str, first_step: int, accelerator: Accelerator):
        self.accelerator = accelerator
        accelerator.trackers = []
        if not runtime.trackers:
            return
        where = folder / "trackers" / stage
        if accelerator.is_main_process:
            where.mkdir(parents=True, exist_ok=True)
        accelerator.log_with = [LoggerType(name) for name in runtime.trackers]
        accelerator.project_configuration.logging_dir = str(where)
        accelerator.init_trackers(
            "puzzlecam",
            init_kwargs={
                "tensorboard": {"purge_step": first_step},
                "wandb": {"name": f"{folder.name} {stage}", "group": folder.name, "dir": str(where)},
            },
        )

    def __bool__(self) -> bool:
        return bool(self.accelerator.trackers)

    def tell(self, step: int, values: Mapping[str, float]) -> None:
        for tracker in self.accelerator.trackers:
            tracker.log(dict(values), step=step)

    def show(self, step: int, pictures: Callable[[], Tensor | None]) -> None:
        """Pictures (N, 3, H, W) in [0, 1], made only if somebody looks."""
        if not self or not self.accelerator.is_main_process or (made := pictures()) is None:
            return
        images = (255 * made.clamp(0, 1)).byte().permute(0, 2, 3, 1).cpu().numpy()
        for tracker in self.accelerator.trackers:
            tracker.log_images(
                {"maps": images}, step=step, **({"dataformats": "NHWC"} if tracker.name == "tensorboard" else {})
            )

    def close(self) -> None:
        for tracker in self.accelerator.trackers:
            tracker.finish()
        self.accelerator.trackers = []


def overlay(images: Tensor, maps: Tensor) -> Tensor:
    """Photos (N, 3, H, W) in [0, 1], reddened where maps (N, H, W) in [0, 1] are high."""
    shown = 0.7 * maps[:, None]
    return images * (1 - shown) + torch.tensor(RED, device=images.device)[:, None, None] * shown
