"""In which memory format a network is fastest on a device, and which of its layers a GPU computes without cuDNN."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import Lock

import torch
from torch import Tensor, nn

PAYS = 12_000 * 512**2  # pixels that a training has seen when 22 s of compiling are won back, 2 ms a view of 512 pixels


def memory_format(network: nn.Module, device: torch.device, *, compiles: bool) -> torch.memory_format:
    """Channels last, but for some networks on GPUs. Measured on an H100 in bf16 (torch 2.11, cuDNN 9):

    - Dense convolutions (ResNet) gain by it in training, and lose nothing else.
    - In groups (ResNeSt) they lose by it: 67 images a second instead of 77 in training (ResNeSt-101).
    - Depthwise ones gain where they train, 264 instead of 179 (EfficientNet-Lite0), after cuDNN has compiled kernels
      for each layer and size of image.

    Args:
        compiles: whether this pays for depthwise convolutions: see `compiling_pays`.
    """
    if device.type != "cuda":
        return torch.channels_last
    convolutions = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    in_groups = any(layer.groups > 1 and not is_depthwise(layer) for layer in convolutions)
    if in_groups or (not compiles and any(map(is_depthwise, convolutions))):
        return torch.contiguous_format
    return torch.channels_last


def like_weights(images: Tensor, network: nn.Module) -> Tensor:
    """(B, 3, H, W) in the memory format of a network's first weights."""
    first = next((weight for weight in network.parameters() if weight.dim() == 4), None)
    if first is None or first.is_contiguous():
        return images.contiguous()
    return images.contiguous(memory_format=torch.channels_last)


def is_depthwise(layer: nn.Module) -> bool:
    """Whether it is a convolution of each channel by itself."""
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels > 1


def compiling_pays(network: nn.Module, pixels: float) -> bool:
    """Whether it has depthwise convolutions that learn, from more pixels than it takes to win back their compiling.

    Those of a frozen backbone only predict.
    """
    return pixels >= PAYS and any(is_depthwise(layer) and layer.weight.requires_grad for layer in network.modules())


def keep_depthwise_out_of_cudnn(network: nn.Module) -> None:
    """Let PyTorch's own kernels compute depthwise convolutions, in place.

    cuDNN 9 plans and compiles for each layer and size of image: one that is seen for the first time costs 49 ms instead
    of 1,250 (EfficientNet-Lite0, H100; 5 instead of 42 to 152 by another measurement).
    """
    for layer in filter(is_depthwise, network.modules()):
        layer.forward = partial(_without_cudnn, layer.forward)


_SWITCHING = Lock()  # cuDNN is switched off for the whole program: one thread must not restore what another one set


def _without_cudnn(forward: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with _SWITCHING:
        before = torch.backends.cudnn.enabled
        torch.backends.cudnn.enabled = False
        try:
            return forward(x)
        finally:
            torch.backends.cudnn.enabled = before
