"""The first step whose losses are not finite, found without waiting for the device at each step."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from puzzlecam_cli.data.loaders import TrainingBatches, TrainingViews
from puzzlecam_cli.engine.step import Terms
from puzzlecam_cli.errors import UserError, shorten

NONE = 2**62  # comes after every step


class FiniteWatch:
    """Notes on the device which step was the first with a loss that is not finite; only looking waits for it."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self._first: Tensor | None = None
        self._values = torch.zeros(0)

    def note(self, step: int, losses: Terms) -> None:
        values = torch.stack([value.float() for value in losses.values()])
        bad = ~values.isfinite().all()
        if self._first is None:
            self.names = tuple(losses)
            self._first, self._values = torch.full((), NONE, device=values.device), values
        is_first = bad & (self._first == NONE)
        self._first = torch.where(is_first, torch.full_like(self._first, step), self._first)
        self._values = torch.where(is_first, values, self._values)

    def first(self) -> int:
        """The step; `NONE` if all losses were finite."""
        return NONE if self._first is None else int(self._first)

    def values(self, step: int) -> dict[str, float]:
        """Those losses of this process that are not finite, if it was at that step that they first were not."""
        if self.first() != step:
            return {}
        found = zip(self.names, self._values.tolist(), strict=True)
        return {name: value for name, value in found if not math.isfinite(value)}


def not_finite(
    stage: str, step: int, batches: TrainingBatches, views: TrainingViews, values: dict[str, float], in_fp16: bool
) -> UserError:
    """What is told of the first step whose loss is not finite: its images, its losses, and what may help."""
    section = stage.replace("-", "_")
    ids = shorten([views.photos[index].id[:80] for _, index in batches.of_step(step)])
    return UserError(
        "loss-not-finite",
        f"the loss of {stage} is no longer finite at step {step}",
        (f"images of this step: {' '.join(ids)}", *(f"{name} = {value}" for name, value in values.items())),
        f"lower {section}.lr, or set {section}.clip_norm=2" + ("; or runtime.mixed_precision=bf16" if in_fp16 else ""),
    )
