"""Batch normalisation over the images of all processes: on GPUs PyTorch's own, which works there only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from puzzlecam_cli.engine.fold import what_follows_norm
from puzzlecam_cli.errors import UserError


def synchronise_batchnorms(module: nn.Module, device: torch.device) -> None:
    """Let each BatchNorm2d that trains take mean and variance over all processes, in place; names stay as they are.

    Args:
        device: where it will train. On a GPU layers are replaced; their parameters and statistics are the same.

    Raises:
        UserError: a batch normalisation is of a kind that is not known.
    """
    norms: list[tuple[nn.BatchNorm2d, nn.Module]] = []  # with what follows each
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            if not isinstance(layer, nn.BatchNorm2d) or (rest := what_follows_norm(layer)) is None:
                raise UserError(
                    "sync-batchnorm",
                    f"{name} is a {type(layer).__name__}, which cannot be synchronised",
                    hint="--set runtime.sync_batchnorm=false, or another backbone",
                )
            norms.append((layer, rest))
    if device.type == "cuda":
        from timm.layers import convert_sync_batchnorm  # it knows PyTorch's layers and its own

        convert_sync_batchnorm(module)  # type: ignore[no-untyped-call]
        return
    for norm, rest in norms:
        norm.forward = partial(_forward, norm, rest, norm.forward)  # type: ignore[method-assign]


@contextmanager
def each_process_alone(module: nn.Module) -> Iterator[None]:
    """Let no layer wait for other processes: what was synchronised looks at the own images for once."""
    others: list[tuple[nn.Module, object]] = []
    for layer in module.modules():
        own = vars(layer).get("forward")
        if isinstance(layer, nn.SyncBatchNorm):
            others.append((layer, own))
            layer.forward = partial(_alone, layer)  # type: ignore[method-assign]
        elif isinstance(own, partial) and own.func is _forward:
            others.append((layer, own))
            layer.forward = own.args[2]
    try:
        yield
    finally:
        for layer, own in others:
            del layer.forward
            if own is not None:
                vars(layer)["forward"] = own


def _alone(norm: nn.SyncBatchNorm, x: Tensor) -> Tensor:
    x = nn.modules.batchnorm._BatchNorm.forward(norm, x)
    for name in ("drop", "act"):  # which timm's have
        x = norm.get_submodule(name)(x) if hasattr(norm, name) else x
    return x


def _forward(norm: nn.BatchNorm2d, rest: nn.Module, alone: Any, x: Tensor) -> Tensor:
    if not norm.training:
        return alone(x)  # type: ignore[no-any-return]
    with torch.autocast(x.device.type, enabled=False):
        normalised: Tensor = _Normalise.apply(x.float(), norm)
        shape = (1, -1, 1, 1)
        if norm.affine:
            normalised = normalised * norm.weight.reshape(shape) + norm.bias.reshape(shape)
    return rest(normalised.to(x.dtype))  # type: ignore[no-any-return]


class _Normalise(torch.autograd.Function):
    """x̂ = (x − mean) / √(variance + ε) over all processes. Running statistics are updated as in nn.BatchNorm2d."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        over = (0, 2, 3)
        count = torch.full((1,), x.numel() / x.shape[1], device=x.device)
        first = torch.cat([x.sum(over), count])
        dist.all_reduce(first)
        count = first[-1]
        mean = first[:-1] / count
        centred = x - mean.reshape(1, -1, 1, 1)
        variance = centred.square().sum(over)  # of the differences: no digits are lost where the mean is high
        dist.all_reduce(variance)
        variance /= count
        inverse = (variance + norm.eps).rsqrt()
        _remember(norm, mean, variance * count / (count - 1).clamp(min=1))
        normalised = centred.mul_(inverse.reshape(1, -1, 1, 1))
        ctx.save_for_backward(normalised, inverse, count)
        return normalised

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (normalised, inverse, count), (gradient,) = ctx.saved_tensors, gradients
        over = (0, 2, 3)
        sums = torch.stack([gradient.sum(over), (gradient * normalised).sum(over)])
        dist.all_reduce(sums)
        mean, along = (sums / count)[:, None, :, None, None]
        return (gradient - mean - normalised * along) * inverse.reshape(1, -1, 1, 1), None


def _remember(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        return
    norm.num_batches_tracked += 1
    share = 1 / float(norm.num_batches_tracked) if norm.momentum is None else norm.momentum
    norm.running_mean.lerp_(mean, share)
    norm.running_var.lerp_(variance, share)
