"""Read and write what stages leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zlib import error as ZlibError

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from puzzlecam_cli.data.colours import VOC_PALETTE
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import replacing
from puzzlecam_cli.method.cam import sum_scales


def write_labels(path: Path, labels: NDArray[np.uint8] | Tensor) -> None:
    """(H, W) class indices as an 8-bit PNG in VOC's palette."""
    picture = Image.fromarray(np.asarray(labels, dtype=np.uint8))
    picture.putpalette(VOC_PALETTE)
    with replacing(path) as temporary:
        picture.save(temporary, format="png")


def write_cams(
    path: Path, classes: Sequence[int], size: tuple[int, int], scales: Sequence[float], maps: Sequence[Tensor]
) -> None:
    """Maps before resizing: one (K, h, w) a scale, not negative, mirrored views added. `size` is the photo's."""
    arrays: dict[str, NDArray[Any]] = {
        "classes": np.array(classes, np.int16),
        "size": np.array(size, np.int32),
        "scales": np.array(scales, np.float32),
    }
    arrays |= {f"map_{n}": m for n, m in enumerate(_in_float16(maps))}
    _write_arrays(path, arrays)


def _in_float16(maps: Sequence[Tensor]) -> list[NDArray[np.float16]]:
    """The maps (K, h, w), each with what coarser ones lost in rounding, so that their sum is off by one rounding."""
    rounded = [m.cpu().half() for m in maps]
    lost = torch.zeros(1, 1, 1)  # (K, h, w)
    for number in sorted(range(len(maps)), key=lambda n: maps[n].shape[-1]):
        exact = maps[number].cpu().float()
        if exact.numel() == 0:
            break
        lost = F.interpolate(lost.expand(len(exact), -1, -1)[None], exact.shape[-2:], mode="bilinear")[0]
        wanted = (exact + lost).clamp(min=0) * (exact > 0)  # zeros stay: they deflate well
        rounded[number] = wanted.half()
        lost = exact + lost - rounded[number].float()
    return [m.numpy() for m in rounded]


def read_cams(path: Path, stride: int = 4) -> tuple[NDArray[np.int16], Tensor]:
    """Rebuild the class activation maps of a photo.

    Args:
        path: a file of the `cams` stage.
        stride: 4, or 1 for the photo's own size.

    Returns:
        The K class indices 1..C, and (K, ceil(H/stride), ceil(W/stride)) float32 scores in [0, 1).
    """
    data = _read_arrays(path)
    maps = [torch.from_numpy(data[f"map_{n}"]).float() for n in range(len(data["scales"]))]
    return data["classes"], sum_scales(maps, (int(data["size"][0]), int(data["size"][1])), stride)


def write_walked(path: Path, classes: NDArray[np.int16], size: tuple[int, int], scores: Tensor) -> None:
    """(K, ceil(H/4), ceil(W/4)) scores after the walk, divided by their common maximum."""
    arrays: dict[str, NDArray[Any]] = {
        "classes": classes,
        "size": np.array(size, np.int32),
        "scores": scores.cpu().numpy().astype(np.float16),
    }
    _write_arrays(path, arrays)


def read_walked(path: Path, stride: int = 4) -> tuple[NDArray[np.int16], Tensor]:
    """The walked scores of a photo, at full size (`stride` 1) interpolated and divided by their maximum again."""
    data = _read_arrays(path)
    scores = torch.from_numpy(data["scores"]).float()
    if stride == 1:
        height, width = (int(side) for side in data["size"])
        if not scores.shape[0]:
            return data["classes"], torch.zeros(0, height, width)
        scores = F.interpolate(scores[None], scale_factor=4, mode="bilinear", align_corners=False)[0]
        scores = scores[:, :height, :width]
        scores = scores / (scores.max() + 1e-5)
    return data["classes"], scores


def save_model(path: Path, network: nn.Module) -> None:
    from safetensors.torch import save

    state = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    with replacing(path, durable=True) as temporary:
        temporary.write_bytes(save(state))


def load_model(path: Path, network: nn.Module) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = load_file(path)
    except SafetensorError as error:
        raise _damaged(path, error) from None
    network.load_state_dict(state)


def _write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def _read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as data:
            return {key: data[key] for key in data.files}
    except FileNotFoundError:
        raise UserError("artifact-missing", f"{path} is not there", hint="run its stage again") from None
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, ZlibError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError("artifact-unreadable", f"{path} is damaged: {error}", hint="delete it; its stage makes it again")
