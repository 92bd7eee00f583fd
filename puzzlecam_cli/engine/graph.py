"""A training step as one CUDA graph: its hundreds of kernels are launched at once, not one by one from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from warnings import catch_warnings

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine.step import LossModule, Terms, counts_of, gradients_of
from puzzlecam_cli.engine.way import Way

LEFT = 0.1  # of a GPU's memory, at least, beside a graph, which holds its own until the training ends
WARM_UP = 3  # steps: libraries choose kernels and reserve memory in the first ones

Compute = Callable[[], Terms]
Gradients = Callable[[Batch, int, int], Terms]  # of a batch, at a step of so many


def by_graph(
    wanted: bool | Literal["auto"],
    one_by_one: Gradients,
    module: LossModule,
    wrapped: nn.Module,
    way: Way,
    accelerator: Accelerator,
    note: Callable[[str], None],
) -> Gradients:
    """What computes the gradients of a batch at a step by replaying a graph, where one can be captured.

    Args:
        wanted: `runtime.cuda_graphs`.
        one_by_one: what does so by launching kernel by kernel.
        module, wrapped, accelerator: see `add_gradients`.
        way: in which a batch is computed.
        note: is told why there is no graph, if there is none; with `auto` only where one was tried.
    """
    if not wanted:
        return one_by_one
    if reason := why_not(accelerator, way):
        if wanted is True:
            note(_fallen_back(reason))
        return one_by_one
    return GraphedStep(one_by_one, module, wrapped, accelerator, note)


def why_not(accelerator: Accelerator, way: Way) -> str | None:
    """Why steps cannot be captured, whatever the network; None: they can."""
    if accelerator.device.type != "cuda":
        return "they are for GPUs"
    if accelerator.num_processes > 1:
        return "several processes exchange their gradients in each step"
    if accelerator.scaler is not None:
        return "fp16 scales its loss anew in each step; bf16 does not"
    if way.recomputes:
        return "blocks are computed again with the random numbers they had"
    return "batches are computed in parts" if way.parts > 1 else None


class GraphedStep:
    """Captures the first batch's step, and replays it on the others. The optimiser's part is not in it."""

    def __init__(
        self,
        one_by_one: Gradients,
        module: LossModule,
        wrapped: nn.Module,
        accelerator: Accelerator,
        note: Callable[[str], None],
    ):
        self.module, self.wrapped, self.accelerator = module, wrapped, accelerator
        self.one_by_one, self.note = one_by_one, note
        self._batch: Batch = {}  # what the graph reads
        self._weights: Terms = {}
        self._losses: Terms = {}  # what it writes
        self._gradients: list[tuple[nn.Parameter, Tensor]] = []
        self._replay: Callable[[], None] | None = None

    def __call__(self, batch: Batch, step: int, steps: int) -> Terms:
        """The losses hold their values until the next call."""
        weights = self.module.weights(step, steps)
        if not self._batch:
            self._capture(batch, weights)
        if self._replay is None or _form(batch) != _form(self._batch):
            return self.one_by_one(batch, step, steps)
        for name, value in batch.items():
            self._batch[name].copy_(value)
        for name, weight in weights.items():
            self._weights[name].fill_(weight)
        self._replay()
        for parameter, gradient in self._gradients:
            parameter.grad = gradient
        return self._losses

    def _capture(self, batch: Batch, weights: dict[str, float]) -> None:
        """What computing the step some more times changes is put back: statistics of normalisations, random numbers."""
        device, parameters = self.accelerator.device, [*self.module.parameters()]
        self._batch = {name: value.clone() for name, value in batch.items()}
        self._weights = {
            name: torch.tensor(weight, dtype=torch.float32, device=device) for name, weight in weights.items()
        }
        before = [(buffer, buffer.clone()) for buffer in self.module.buffers()]

        def compute() -> Terms:
            for parameter in parameters:
                parameter.grad = None  # the graph writes gradients; it must not add to them
            counts = counts_of(self.module, self._batch, self.accelerator)
            return gradients_of(self.wrapped, self._batch, counts, self._weights, self.accelerator)

        try:
            with torch.random.fork_rng([device] if device.type == "cuda" else []):
                self._replay, self._losses = record(compute)
            self._gradients = [(p, p.grad) for p in parameters if p.grad is not None]
        except RuntimeError as error:  # of CUDA, of a network that waits for values, or too little memory for both
            self.note(_fallen_back(str(error).partition("\n")[0][:200]))
        for buffer, value in before:
            buffer.copy_(value)
        for parameter in parameters:
            parameter.grad = None


def record(compute: Compute) -> tuple[Callable[[], None], Terms]:
    """What does the same again with the same tensors, and the tensors that it leaves its results in.

    Other threads may go on to pin memory for the next batches meanwhile.

    Raises:
        RuntimeError: it waits for values of the GPU, or takes more memory than there is.
    """
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(WARM_UP):
            compute()
        with _waiting_is_an_error():  # better here than while it is captured
            compute()
    torch.cuda.current_stream().wait_stream(beside)
    pool, graph = torch.cuda.graph_pool_handle(), torch.cuda.CUDAGraph()
    try:
        # the outer one goes back to the stream that is used now: the graph's own does not, after an error
        with (
            torch.cuda.stream(torch.cuda.current_stream()),
            torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"),
        ):
            losses = compute()
    except RuntimeError:
        _after_failure(pool)
        raise
    if torch.cuda.mem_get_info()[0] < LEFT * torch.cuda.mem_get_info()[1]:
        raise RuntimeError("too little memory is left beside it")  # which is the graph's no more, as nothing holds it
    return graph.replay, losses


@contextmanager
def _waiting_is_an_error() -> Iterator[None]:
    before = torch.cuda.get_sync_debug_mode()
    with catch_warnings(action="ignore"):  # that it may overlook some
        torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _after_failure(pool: tuple[int, int]) -> None:
    """End what a capture that failed has left as it was within one: PyTorch does not (2.11, 2.14).

    Random numbers, whose generator would refuse to be used; and memory, of which no more would be given back.
    """
    device = torch.cuda.current_device()
    generator = torch.cuda.default_generators[device]
    generator.graphsafe_set_state(generator.clone_state())
    with suppress(RuntimeError):  # where it is ended already, the graph gives it back itself
        torch._C._cuda_endAllocateToPool(device, pool)
        torch._C._cuda_releasePool(device, pool)


def _form(batch: Batch) -> dict[str, tuple[torch.Size, torch.dtype]]:
    return {name: (value.shape, value.dtype) for name, value in batch.items()}


def _fallen_back(reason: str) -> str:
    return f"no CUDA graph, steps are launched kernel by kernel: {reason}"
