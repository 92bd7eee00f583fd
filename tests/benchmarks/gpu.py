"""`python -m tests.benchmarks.gpu [NETWORK ...]`: what only a GPU tells of the shipped networks, in two tables.

Each network is measured in a process of its own, with random weights; each row is printed when it is there. Without a
GPU nothing is measured.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter

BATCHES = {"efficientnet_lite0": 32, "resnet50": 32, "resnest50": 32, "resnest101": 16, "resnest269": 8}
SIDE, CLASSES = 512, 20
SIZES = ((375, 500), (333, 500), (357, 500), (281, 500), (500, 334), (442, 500), (500, 391), (313, 500))  # of VOC
WAYS: dict[str, dict[str, object]] = {  # of training; plain: the authors' form, as PyTorch has it
    "plain": {"mixed_precision": "no", "cuda_graphs": False},
    "fp32": {"mixed_precision": "no", "tf32": False, "cuda_graphs": False},
    "TF32": {"mixed_precision": "no", "cuda_graphs": False},
    "bf16": {"mixed_precision": "bf16", "cuda_graphs": False},
    "TF32, graph": {"mixed_precision": "no", "cuda_graphs": True},
    "bf16, graph": {"mixed_precision": "bf16", "cuda_graphs": True},
}
VISITED = ("network", "precision", "first visit", "later", "photos/s by eights", "largest difference")
TRAINED = ("network", "batch", "precision", "images/s", "GiB", "loss", "note")


def visit(name: str, precision: str, sizes: Sequence[tuple[int, int]] = SIZES) -> tuple[str, ...]:
    """A photo and its mirror image: milliseconds when their size is new and after, eight photos of one size, and the
    error against IEEE float32."""
    import torch

    from puzzlecam_cli.engine.place import Device, for_inference
    from puzzlecam_cli.engine.views import predict
    from puzzlecam_cli.models.backbone import load_backbone
    from puzzlecam_cli.models.classifier import Classifier

    torch.manual_seed(0)
    exact = Classifier(load_backbone(name), CLASSES).eval()
    fast = Classifier(load_backbone(name), CLASSES)
    fast.load_state_dict(exact.state_dict())
    place = Device.named(None, precision)
    plain = Device(place.device, tf32=False)
    fast, exact = for_inference(fast, place), exact.to(place.device)
    times: list[list[float]] = []
    errors = []
    for height, width in (sizes[0], *sizes):  # the first starts the libraries
        view = torch.randn(3, height, width)
        times.append([_milliseconds(lambda view=view: predict(fast, [view], place, flip=True)) for _ in range(4)])
        found, wanted = (predict(of, [view], at, flip=True) for of, at in ((fast, place), (exact, plain)))
        errors.append(float((found - wanted).abs().max() / wanted.abs().max()))
    first, later = median(new for new, *_ in times[2:]), median(min(rest) for _, *rest in times[2:])
    eight = [view] * 8
    together = min(_milliseconds(lambda: predict(fast, eight, place, flip=True)) for _ in range(4))
    return name, precision, f"{first:.1f} ms", f"{later:.1f} ms", f"{8000 / together:.0f}", f"{max(errors):.0e}"


def train(name: str, way: str, batch: int | None = None, side: int = SIDE, steps: int = 10) -> tuple[str, ...]:
    """Steps of the puzzle on one batch, loading left out."""
    import torch

    from puzzlecam_cli.engine.accelerator import for_training, make_accelerator, on_device
    from puzzlecam_cli.engine.graph import by_graph
    from puzzlecam_cli.engine.optimiser import make_optimiser
    from puzzlecam_cli.engine.precision import tf32
    from puzzlecam_cli.engine.step import Terms, add_gradients
    from puzzlecam_cli.engine.way import Way
    from puzzlecam_cli.models.backbone import load_backbone
    from puzzlecam_cli.models.classifier import Classifier
    from puzzlecam_cli.recipe.schema import Puzzle, Runtime, TrainCls
    from puzzlecam_cli.stages.train_cls import PuzzleLosses
    from tests.gpu.beside import reset_accelerate

    reset_accelerate()
    gc.collect()  # what the row before this one held
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    torch.manual_seed(0)
    runtime = Runtime.model_validate(WAYS[way])
    accelerator, size = make_accelerator(runtime), batch or BATCHES.get(name, 16)
    backbone = load_backbone(name)
    backbone.eval()  # its statistics are frozen, as in the shipped recipes
    module = PuzzleLosses(Classifier(backbone, CLASSES), Puzzle())
    if way == "plain":
        module = module.to(accelerator.device)
        optimiser = torch.optim.SGD(module.parameters(), 0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
    else:
        module = for_training(module, accelerator, runtime)
        optimiser = make_optimiser(module, backbone, TrainCls())
    wrapped, prepared = accelerator.prepare(module, optimiser)
    images = on_device(torch.randn(size, 3, side, side), accelerator, module)
    given = {
        "image": images,
        "tags": torch.eye(CLASSES, device=accelerator.device)[:size].repeat(-(-size // CLASSES), 1),
    }
    given["tags"] = given["tags"][:size]
    notes: list[str] = []

    def one_by_one(batch: dict[str, torch.Tensor], step: int, steps: int) -> Terms:
        return add_gradients(module, wrapped, batch, step, steps, 1, accelerator)

    gradients = by_graph(runtime.cuda_graphs, one_by_one, module, wrapped, Way(), accelerator, notes.append)
    losses: Terms = {}

    def run(first: int, last: int) -> None:
        for step in range(first, last):
            losses.update(gradients(given, step, 2 * steps))
            prepared.step()
            prepared.zero_grad()

    with tf32(runtime.tf32):
        run(0, 3)
        milliseconds = _milliseconds(lambda: run(3, 3 + steps))
    held = torch.cuda.max_memory_reserved() / 2**30 if accelerator.device.type == "cuda" else 0.0
    speed, loss = 1000 * size * steps / milliseconds, float(losses["loss"])
    return name, str(size), way, f"{speed:.0f}", f"{held:.1f}", f"{loss:.4f}", " ".join(notes)


def _milliseconds(work: Callable[[], object]) -> float:
    import torch

    def wait() -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()

    wait()
    began = perf_counter()
    work()
    wait()
    return 1000 * (perf_counter() - began)


def rows(work: Callable[..., tuple[str, ...]], names: Sequence[str], ways: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Of each network and way; what does not fit is told as such."""
    for name in names:
        pool: ProcessPoolExecutor | None = None
        for way in ways:
            pool = pool or ProcessPoolExecutor(1, mp_context=get_context("spawn"))
            try:
                yield pool.submit(work, name, way).result()
            except Exception as error:  # too little memory, or a kernel that is lacking: the others are measured
                yield name, way, f"{type(error).__name__}: {error}"[:200]
                pool.shutdown()  # an error of CUDA stays with its process
                pool = None
        if pool is not None:
            pool.shutdown()


def in_columns(row: Sequence[str]) -> str:
    """Each under the one before it, without knowing the rows that follow."""
    return "  ".join(cell.ljust(18) for cell in row).rstrip()


def main(names: Sequence[str]) -> None:
    import torch

    from puzzlecam_cli.bench.machine import this_machine

    if not torch.cuda.is_available():
        sys.exit("no GPU is seen: nothing to measure")
    print(this_machine(gpu=True))
    for header, work, ways in ((VISITED, visit, ("no", "bf16")), (TRAINED, train, tuple(WAYS))):
        print(f"\n{in_columns(header)}", flush=True)
        for row in rows(work, names, ways):
            print(in_columns(row), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [*BATCHES])
