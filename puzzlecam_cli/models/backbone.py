"""What a backbone is, and how one is found by name."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.registry import backbone_factory

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """A network that gives five feature maps, finest first.

    Args:
        network: (B, 3, H, W) → five maps (B, channels[i], ceil(H/strides[i]), ceil(W/strides[i])).
        channels: of the five maps.
        strides: of the five maps; one must be 4, the last is the CAM's.
        mean, std: of the normalised input, per colour in [0, 1].
        loaded: what `load_weights` said of a weight file; None: there was none.

    Raises:
        ValueError: not five maps, or none at stride 4.
    """

    def __init__(
        self,
        network: nn.Module,
        channels: Sequence[int],
        strides: Sequence[int] = (4, 4, 8, 16, 16),
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        loaded: str | None = None,
    ):
        super().__init__()
        if not len(channels) == len(strides) == 5 or 4 not in strides:
            raise ValueError(f"a backbone gives five maps, one at stride 4; got strides {tuple(strides)}")
        self.network = network
        self.channels = tuple(channels)
        self.strides = tuple(strides)
        self.mean = tuple(mean)
        self.std = tuple(std)
        self.loaded = loaded

    @property
    def quarter(self) -> int:
        """Index of the deepest map at stride 4, the grid of affinities and of the decoder."""
        return max(index for index, stride in enumerate(self.strides) if stride == 4)

    def freeze(self, levels: int) -> None:
        """Stop the training of all that the first `levels` of the five maps are made from."""
        if levels == 0:
            return
        parameters = list(self.parameters())
        features = self(torch.zeros(1, 3, 64, 64))[:levels]
        total = torch.stack([feature.sum() for feature in features]).sum()
        gradients = torch.autograd.grad(total, parameters, allow_unused=True)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.requires_grad_(gradient is None)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) normalised → five maps."""
        features: list[Tensor] = list(self.network(images))
        return features


def load_backbone(
    name: str, *, pretrained: bool = False, weights: str | Path | None = None, **options: Any
) -> Backbone:
    """The backbone called `name`: built in, from a plugin, or `timm:<model>`.

    Args:
        name: as `puzzlecam backbones` lists it.
        pretrained: start from ImageNet weights.
        weights: a .pth or .safetensors file to start from instead, in the backbone's own naming.
        options: passed on to the backbone.

    Raises:
        UserError: there is no such backbone, its plugin is broken, or its weights cannot be had.
    """
    if name.startswith("timm:"):
        from puzzlecam_cli.models.generic import timm_backbone

        factory: Callable[..., Any] = partial(timm_backbone, name.removeprefix("timm:"))
    else:
        factory = backbone_factory(name)
    try:
        backbone = factory(pretrained=pretrained, weights=str(weights) if weights else None, **options)
    except UserError:
        raise
    except Exception as error:
        given = f" with options {options}" if options else ""
        raise UserError(
            "backbone-failed", f"backbone `{name}` cannot be built{given}: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(backbone, Backbone):
        raise UserError("plugin-broken", f"backbone `{name}` gave a {type(backbone).__name__}, not a Backbone")
    return backbone


def load_weights(network: nn.Module, file: str | Path, without: Sequence[str] = ("fc.",)) -> str:
    """Load a weight file; its tensors must be exactly the network's, apart from the classifier's.

    Args:
        network: its parameters carry the file's names.
        file: .safetensors, or a .pth of tensors only, possibly under `state_dict` and with a `module.` prefix.
        without: prefixes of names to leave out.

    Returns:
        What was loaded and what was left out, in a sentence.

    Raises:
        UserError: the file cannot be read, or names or shapes differ: which ones.
    """
    path = Path(file)
    state = {key.removeprefix("module."): value for key, value in _read_tensors(path).items()}
    left_out = sorted(key for key in state if key.startswith(tuple(without)))
    state = {key: value for key, value in state.items() if key not in left_out}
    wanted = network.state_dict()
    # files from before PyTorch 0.4.1 do not count batches
    uncounted = {k: v for k, v in wanted.items() if k.endswith("num_batches_tracked") and k not in state}
    state |= uncounted
    problems = [f"missing: {key}" for key in wanted.keys() - state.keys()]
    problems += [f"unknown: {key}" for key in state.keys() - wanted.keys()]
    problems += [
        f"shape: {key} is {tuple(state[key].shape)}, must be {tuple(wanted[key].shape)}"
        for key in wanted.keys() & state.keys()
        if state[key].shape != wanted[key].shape
    ]
    if problems:
        matched = len(wanted) - sum(not p.startswith("unknown") for p in problems)
        raise UserError(
            "weights-mismatch",
            f"{path} fits {matched} of {len(wanted)} tensors of this network",
            shorten(sorted(problems)),
            "the file must come from the same architecture",
        )
    network.load_state_dict(state)
    count = len(wanted) - len(uncounted)
    return f"{path.name}: {count} of {count} tensors matched; left out: {', '.join(shorten(left_out)) or 'none'}"


def _read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a weight file by name; nothing else is ever unpickled."""
    if not path.is_file():
        raise UserError("weights-missing", f"there is no weight file {path}")
    try:
        state: Any
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            state = load_file(path)
        else:
            with warnings.catch_warnings(action="ignore"):  # of pickles that PyTorch did not write
                state = torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:
        # PyTorch's own message advises to load such a file in spite of it
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UserError(
            "weights-unsafe" if found else "weights-unreadable",
            f"{path} holds `{found[1]}`: only tensors are loaded, as other Python objects could run code"
            if found
            else f"{path} is no file of plain tensors",
            hint="save a plain state_dict(), or convert the file to .safetensors",
        ) from error
    except Exception as error:
        raise UserError("weights-unreadable", f"{path} cannot be read as weights: {error}") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    if not all(isinstance(value, Tensor) for value in state.values()) or not state:
        raise UserError("weights-unreadable", f"{path} does not hold tensors by name")
    return dict(state)
