"""SGD with parameter groups and the poly rate, as the authors train all three networks."""

from __future__ import annotations

import torch
from torch import nn

from puzzlecam_cli.recipe.schema import Training


def make_optimiser(network: nn.Module, pretrained: nn.Module | None, settings: Training) -> torch.optim.SGD:
    """Four groups: pretrained or new, weights or biases. A group's `factor` scales the rate.

    Scales of normalisation layers count as weights [code].

    Args:
        network: all that is trained.
        pretrained: the part of it with pretrained weights; None: nothing.
        settings: rates, factors, momentum, decay.
    """
    old = {id(parameter) for parameter in pretrained.parameters()} if pretrained else set()
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault((id(parameter) in old, name.endswith("weight")), []).append(parameter)
    return torch.optim.SGD(
        [
            {
                "params": parameters,
                "factor": (1.0 if is_old else settings.new_lr) * (1.0 if is_weight else settings.bias_lr),
                "weight_decay": settings.weight_decay if is_weight or settings.decay_biases else 0.0,
            }
            for (is_old, is_weight), parameters in groups.items()
        ],
        lr=settings.lr,
        momentum=settings.momentum,
        nesterov=settings.momentum > 0,
        fused=True if next(network.parameters()).is_cuda else None,  # one kernel for all parameters
    )


def poly_rate(step: int, steps: int, settings: Training) -> float:
    """lr = lr₀ · (1 − step/steps)^power."""
    return settings.lr * float((1 - step / steps) ** settings.poly_power)


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    for group in optimiser.param_groups:
        group["lr"] = rate * group["factor"]
