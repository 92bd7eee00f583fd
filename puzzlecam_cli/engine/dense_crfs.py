"""Dense CRFs of many photos: on a GPU where their engine can use it, else on all cores.

A worker imports this module: it must stay light.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch

from puzzlecam_cli.engine.beside import beside
from puzzlecam_cli.engine.pool import map_unordered, pool_workers
from puzzlecam_cli.method.constants import Kernels
from puzzlecam_cli.method.crf_engines import ENGINES, Field, FieldOf, best_engine
from puzzlecam_cli.recipe.schema import Crf, Runtime
from puzzlecam_cli.registry import crf_engine

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Job = TypeVar("Job")
Result = TypeVar("Result")
Note = Callable[[str], None]
TOO_LARGE = "not all dense CRFs fit into the GPU's memory: those are made on the CPU"

engine_called = cache(crf_engine)  # to look through what is installed takes as long as a small photo


def map_crfs(
    function: Callable[[Job, FieldOf], Result],
    jobs: Iterable[Job],
    crf: Crf,
    device: torch.device,
    runtime: Runtime,
    note: Note,
) -> Iterator[Result]:
    """`function` of each job and what makes a CRF's field, in whatever order they are done.

    On a GPU threads read photos and write labels beside its work; without one processes do all of that.

    Args:
        function: importable from the top of a module; so are its job and its result picklable.
        jobs: taken one by one, so they may be made on the way.
        crf: of the recipe.
        device: the networks'.
        note: is told once that not all fits into the GPU's memory.
    """
    if not uses_gpu(crf, device):
        yield from map_unordered(partial(_in_process, function, engine_of(crf, device)), jobs, pool_workers(runtime))
        return
    said: list[str] = []  # by threads: who listens expects to hear from this one
    fields = fields_of(crf, device, said.append)
    for result in beside(lambda job: function(job, fields), jobs):
        for text in said[:1]:
            note(text)
        said.clear()
        yield result


def engine_of(crf: Crf, device: torch.device) -> str:
    """The name of the engine that infers."""
    return best_engine(device.type) if crf.engine == "auto" else crf.engine


def uses_gpu(crf: Crf, device: torch.device) -> bool:
    """Whether its engine infers where the networks are, and that is a GPU."""
    name = engine_of(crf, device)
    return device.type == "cuda" and name in ENGINES and ENGINES[name].on_gpu


def fields_of(crf: Crf, device: torch.device, note: Note) -> FieldOf:
    """What makes the fields of a recipe's CRF in this process.

    Args:
        note: is told each time that one does not fit into the GPU's memory.
    """
    name = engine_of(crf, device)
    on_cpu = partial(_field, name)
    if not uses_gpu(crf, device):
        return on_cpu
    return partial(FieldOnGpu, crf_engine(name, str(device)), on_cpu, lambda: note(TOO_LARGE))


def _in_process(function: Callable[[Job, FieldOf], Result], name: str, job: Job) -> Result:
    return function(job, partial(_field, name))


def _field(name: str, image: NDArray[np.uint8], labels: int, kernels: Kernels) -> Field:
    """The engine is loaded when there is a CRF for it: a recipe may name one, and do without."""
    return engine_called(name)(image, labels, kernels)


class FieldOnGpu:
    """A field on a GPU; on the CPU if the GPU's memory does not hold it.

    Args:
        on_gpu, on_cpu: make the fields.
        too_large: is called where it does not fit.
        given: what fields are made of.
    """

    def __init__(self, on_gpu: FieldOf, on_cpu: FieldOf, too_large: Callable[[], None], *given: Any):
        self._on_cpu, self._too_large, self._given = on_cpu, too_large, given
        try:
            self._field = on_gpu(*given)
            return
        except torch.OutOfMemoryError:
            pass  # with the error goes what it holds of the GPU's memory
        self._move()

    def infer(self, unary: NDArray[np.float32], iterations: int) -> NDArray[np.float32]:
        """As of any field."""
        try:
            return self._field.infer(unary, iterations)
        except torch.OutOfMemoryError:
            pass
        self._move()
        return self._field.infer(unary, iterations)

    def _move(self) -> None:
        self._too_large()
        self._field = self._on_cpu(*self._given)
        torch.cuda.empty_cache()
