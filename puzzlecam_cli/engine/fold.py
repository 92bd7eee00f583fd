"""Networks that only predict need no batch normalisation: it is a part of the convolution before it."""

from __future__ import annotations

from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

Pairs = list[tuple[nn.Conv2d, nn.BatchNorm2d]]


@torch.no_grad()
def fold_batchnorms(network: nn.Module) -> bool:
    """Multiply each BatchNorm2d that reads a convolution's output into that convolution, in place.

    Which reads what is seen in a pass of a small image. Where another layer reads that output too, the results would
    change; then everything is put back.

    Args:
        network: in eval mode, on the CPU, where float32 is not rounded to TF32; (B, 3, H, W) → a tensor.

    Returns:
        Whether that was done.
    """
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    pairs, before = _watch(network, image)
    kept = [(conv, conv.weight, conv.bias) for conv, _ in pairs]
    replaced: list[tuple[nn.Module, str, nn.Module]] = []
    names = {norm: name for name, norm in network.named_modules()}
    for conv, norm in pairs:
        conv.weight, conv.bias = _folded(conv, norm)
        path, _, name = names[norm].rpartition(".")
        parent = network.get_submodule(path)
        replaced.append((parent, name, norm))
        setattr(parent, name, what_follows_norm(norm))
    tolerance = 1e-4 * float(before.abs().max())
    if not (isfinite(tolerance) and torch.allclose(network(image), before, rtol=0, atol=tolerance)):
        for conv, weight, bias in kept:
            conv.weight, conv.bias = weight, bias
        for parent, name, module in replaced:
            setattr(parent, name, module)
        return False
    return True


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights and biases of both, computed in float64 and rounded once."""

    def exact(value: Tensor | None) -> Any:
        return None if value is None else value.double()

    weight, bias = fuse_conv_bn_weights(
        exact(conv.weight),
        exact(conv.bias),
        exact(norm.running_mean),
        exact(norm.running_var),
        norm.eps,
        exact(norm.weight),
        exact(norm.bias),
    )
    return nn.Parameter(weight.to(conv.weight.dtype)), nn.Parameter(bias.to(conv.weight.dtype))


def _watch(network: nn.Module, image: Tensor) -> tuple[Pairs, Tensor]:
    """The BatchNorms, each with the convolution before it, and the result of one pass. Both are called once in it."""
    outputs: dict[int, tuple[nn.Conv2d, Tensor]] = {}  # the tensors stay alive, so that no two have one id
    pairs: Pairs = []
    called: list[nn.Module] = []

    def after_convolution(module: nn.Module, _: Any, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        called.append(module)
        outputs[id(output)] = (module, output)

    def before_norm(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(module, nn.BatchNorm2d)
        called.append(module)
        if what_follows_norm(module) is not None and module.track_running_stats and id(given[0]) in outputs:
            pairs.append((outputs[id(given[0])][0], module))

    hooks = [m.register_forward_hook(after_convolution) for m in network.modules() if isinstance(m, nn.Conv2d)]
    hooks += [m.register_forward_pre_hook(before_norm) for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    try:
        result: Tensor = network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return [pair for pair in pairs if all(called.count(module) == 1 for module in pair)], result


def what_follows_norm(norm: nn.BatchNorm2d) -> nn.Module | None:
    """What a layer does besides normalising: timm's also drop and activate. None: that is not known."""
    if type(norm) is nn.BatchNorm2d:
        return nn.Identity()
    if hasattr(norm, "drop") and hasattr(norm, "act"):
        return nn.Sequential(norm.get_submodule("drop"), norm.get_submodule("act"))
    return None
