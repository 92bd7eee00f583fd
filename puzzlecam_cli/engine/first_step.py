"""Before the first step of a training: the way in which its batches fit into memory, found by trying."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from accelerate import Accelerator

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.agreement import Agreement
from puzzlecam_cli.engine.batchnorm import each_process_alone
from puzzlecam_cli.engine.memory import SPARE, lacking, out_of_memory
from puzzlecam_cli.engine.recompute import recompute_blocks
from puzzlecam_cli.engine.step import LossModule, pieces
from puzzlecam_cli.engine.way import Way, ways_to_try
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.recipe.schema import Training


@dataclass(frozen=True)
class FirstStep:
    """The first step of a training, which it takes memory for.

    Args:
        module: what is trained, as a single process has it, in training mode.
        optimiser: its own.
        batch: this process's share.
        accelerator: of the process.
        agreement: of its group, whose smallest memory decides.
    """

    module: LossModule
    optimiser: torch.optim.Optimizer
    batch: Batch
    accelerator: Accelerator
    agreement: Agreement

    def find_way(self, stage: str, settings: Training, backbone: Backbone, images: int, begun: Way) -> Way:
        """The first way that all processes have the memory for; the network is prepared for it.

        What is tried leaves nothing behind.

        Args:
            stage, settings, backbone: of the training, for what is told where nothing helps.
            images: of the smallest share of a batch.
            begun: the way that the training went until now.

        Raises:
            UserError: no way fits, or not the number of parts that the settings name.
        """
        number, precision = settings.accumulate, self.accelerator.mixed_precision
        ways = [Way(min(number, images))] if isinstance(number, int) else ways_to_try(self.module, images, begun)
        is_tried = number == "auto" and tells_when_full(self.accelerator)
        for way in ways:
            if way.recomputes:
                recompute_blocks(self.module.network)
            spare = SPARE if way is not ways[-1] else 1.0
            lack = lacking(self.module, pieces(self.batch, way.parts)[0], precision, spare)
            is_full = lack is not None or (is_tried and not self._fits(way))
            if not self.agreement.any(is_full)[0]:
                return way
        raise out_of_memory(stage, settings, precision, self.accelerator.num_processes, backbone, way.parts, lack)

    def _fits(self, way: Way) -> bool:
        """Whether a try succeeds, which leaves nothing behind."""
        device = self.accelerator.device
        before = [(buffer, buffer.clone()) for buffer in self.module.buffers()]
        fits = True
        with torch.random.fork_rng([device] if device.type == "cuda" else []), each_process_alone(self.module):
            try:
                self._try(way.parts)
            except torch.OutOfMemoryError:
                fits = False
        self.module.zero_grad()
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
        if device.type == "cuda":
            torch.cuda.empty_cache()
        return fits

    def _try(self, parts: int) -> None:
        """On this process alone: another one whose memory is full would be waited for."""
        velocities = torch.empty(self._velocities(), dtype=torch.uint8, device=self.accelerator.device)
        piece = pieces(self.batch, parts)[0]
        for _ in range(min(parts, 2)):  # from the second on, there are gradients beside it
            with self.accelerator.autocast():
                losses = [value for value in self.module(piece).values() if value.requires_grad]
            self.accelerator.backward(torch.stack(losses).sum())
        del velocities

    def _velocities(self) -> int:
        """Bytes that the optimiser will hold from its first step on."""
        parameters = (each for group in self.optimiser.param_groups for each in group["params"])
        new = (each for each in parameters if each.requires_grad and each not in self.optimiser.state)
        return sum(each.numel() * each.element_size() for each in new)


def tells_when_full(accelerator: Accelerator) -> bool:
    """Whether a device raises an error when its memory is used up; a CPU's process is killed."""
    return str(accelerator.device.type) != "cpu"
