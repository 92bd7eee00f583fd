"""A small network, and the tensors of another of the same form, for tests of weight files."""

from __future__ import annotations

import torch
from torch import Tensor, nn

State = dict[str, Tensor]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def tensors() -> State:
    """Those of another network of the same form."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()


def without(state: State, *names: str) -> State:
    return {name: value for name, value in state.items() if name not in names}


def prefixed(prefix: str) -> State:
    return {prefix + name: value for name, value in tensors().items()}
