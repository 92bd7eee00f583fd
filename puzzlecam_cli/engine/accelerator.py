"""Devices, precision, processes and seeds, through HuggingFace Accelerate."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar
from zlib import crc32

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import GradientAccumulationPlugin
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import Loading
from puzzlecam_cli.engine.batchnorm import synchronise_batchnorms
from puzzlecam_cli.engine.depthwise import speed_up_depthwise
from puzzlecam_cli.engine.environment import check_environment
from puzzlecam_cli.engine.free_memory import free_memory
from puzzlecam_cli.engine.kept_memory import keep_freed_memory
from puzzlecam_cli.engine.layout import compiling_pays, is_depthwise, keep_depthwise_out_of_cudnn, memory_format
from puzzlecam_cli.engine.place import Place
from puzzlecam_cli.engine.place import for_inference as for_inference
from puzzlecam_cli.engine.place import on_device as on_device
from puzzlecam_cli.engine.pool import pool_workers
from puzzlecam_cli.engine.precision import check_precision, chosen_together
from puzzlecam_cli.engine.trackers import check_trackers
from puzzlecam_cli.group.cores import processes_here
from puzzlecam_cli.recipe.schema import Runtime

LOADERS = 16  # each loads 36 of VOC's photos a second at four scales, 3 of 12 megapixels, or 130 views of 512 pixels


def make_accelerator(runtime: Runtime) -> Accelerator:
    """The accelerator of a run; its precision is the recipe's, whatever the environment says.

    Raises:
        UserError: fp16 is wanted without a GPU, or a tracker that is not installed, or the environment contradicts.
    """
    check_environment(runtime, os.environ)
    check_trackers(runtime)
    check_precision(runtime)
    threads = torch.get_num_threads()
    accelerator = Accelerator(
        mixed_precision=chosen_together(runtime),
        cpu=runtime.cpu,
        dynamo_backend="no",
        gradient_accumulation_plugin=GradientAccumulationPlugin(num_steps=1),  # else the environment has a say
    )
    if accelerator.device.type == "cpu":
        # Accelerate divides them over the processes. With another number sums are added up in another order, and maps
        # of several processes would not be, bit for bit, those of one
        torch.set_num_threads(threads)
        keep_freed_memory()
    return accelerator


def gpu_name(device: torch.device) -> str | None:
    """Of a GPU that is worked on, its name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else None


@contextmanager
def cores_divided(accelerator: Place) -> Iterator[None]:
    """On a CPU, let the processes of a group share the cores while they train, unless OMP_NUM_THREADS says otherwise.

    What they learn differs from what one learns by rounding anyway; what is made photo by photo does not.
    """
    threads = torch.get_num_threads()
    if accelerator.device.type == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(threads // processes_here(), 1))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def loader_workers(runtime: Runtime, accelerator: Place) -> int:
    """Processes that load photos ahead; a network on the CPU leaves them little to do and no core to spare."""
    if runtime.workers is not None:
        return runtime.workers
    return 1 if accelerator.device.type == "cpu" else min(pool_workers(runtime), LOADERS)


def loading(runtime: Runtime, accelerator: Place, note: Callable[[str], None]) -> Loading:
    """How photos are loaded ahead of a network.

    Args:
        note: is told where the memory allows less than is wanted.
    """
    on_gpu = accelerator.device.type == "cuda"
    return Loading(loader_workers(runtime, accelerator), on_gpu, free_memory() / processes_here() / 4, note)


def seed_everything(seed: int, purpose: str) -> None:
    """Seed PyTorch for one purpose, e.g. the first weights of one stage; independent of what ran before."""
    state = np.random.SeedSequence((seed, crc32(purpose.encode()))).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]) & (2**63 - 1))


def share(items: Sequence[Any], accelerator: Accelerator) -> Sequence[Any]:
    """The items this process works on."""
    return items[accelerator.process_index :: accelerator.num_processes]


Trained = TypeVar("Trained", bound=nn.Module)


def for_training(module: Trained, accelerator: Accelerator, runtime: Runtime, pixels: float = math.inf) -> Trained:
    """The module, where and how it trains best.

    Args:
        pixels: that it will see.

    Raises:
        UserError: `sync_batchnorm` is wanted, and cannot be had for a layer.
    """
    device, compiles = accelerator.device, compiling_pays(module, pixels)
    module = module.to(device).to(memory_format=memory_format(module, device, compiles=compiles))
    if device.type == "cuda" and not compiles:
        keep_depthwise_out_of_cudnn(module)
    if runtime.sync_batchnorm and accelerator.num_processes > 1:
        synchronise_batchnorms(module, device)
    if device.type == "cpu":
        speed_up_depthwise(module)
        if accelerator.mixed_precision == "bf16":
            keep_depthwise_in_float32(module)
    return module


def keep_depthwise_in_float32(module: nn.Module) -> None:
    """Take depthwise convolutions that train out of autocast: on a CPU their backward pass is slow in bfloat16.

    A step of `small_photos` at 256 pixels takes a third less time; with them in bfloat16, float32 is faster.
    """
    for layer in module.modules():
        if is_depthwise(layer) and layer.weight.requires_grad:
            layer.forward = partial(_in_float32, layer.forward)


def _in_float32(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.autocast(x.device.type, enabled=False):
        return forward(x.float())
