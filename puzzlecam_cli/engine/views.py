"""Whole photos through a network that predicts: mirrored pairs, and photos of equal size together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn

from puzzlecam_cli.data.loaders import ScaledPhotos, photo_loader
from puzzlecam_cli.engine.accelerator import loading
from puzzlecam_cli.engine.place import Place, on_device
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.schema import Runtime

Loaded = tuple[int, Tensor, list[Tensor]]  # see `ScaledPhotos`


def photos_at_once(runtime: Runtime, accelerator: Place) -> int:
    """Photos a network sees together: a CPU gains nothing from more than one and its mirror image."""
    return runtime.photos_at_once or (1 if accelerator.device.type == "cpu" else 8)


def loaded_together(
    photos: ScaledPhotos,
    runtime: Runtime,
    accelerator: Place,
    note: Callable[[str], None],
    failed: Callable[[UserError], None] | None = None,
) -> Iterator[list[Loaded]]:
    """Photos, loaded ahead, in groups of equal size that a network may see together.

    Args:
        note: is told what is worth knowing of how they are loaded.
        failed: see `photo_loader`.

    Raises:
        UserError: a photo cannot be read, without `failed`.
    """
    most = photos_at_once(runtime, accelerator)
    held = 3 if most == 1 else 4 * most  # one and two that are worked on `beside`; what waits for others of its size
    return groups_of_equal_size(photo_loader(photos, loading(runtime, accelerator, note), failed, held), most)


def groups_of_equal_size(photos: Iterable[Loaded], most: int) -> Iterator[list[Loaded]]:
    """Up to `most` photos of one size, as they come together; at most 4 · `most` wait for others of their size."""
    waiting: dict[torch.Size, list[Loaded]] = {}
    for photo in photos:
        group = waiting.setdefault(photo[1].shape, [])
        group.append(photo)
        if len(group) == most:
            yield waiting.pop(photo[1].shape)
        elif sum(map(len, waiting.values())) == 4 * most:
            yield waiting.pop(max(waiting, key=lambda size: len(waiting[size])))
    yield from waiting.values()


@torch.inference_mode()
def predict(
    network: nn.Module,
    views: Sequence[Tensor],
    accelerator: Place,
    *,
    flip: bool,
    note: Callable[[str], None] = lambda text: None,
) -> Tensor:
    """What a network makes of views of equal size, and of their mirror images.

    Args:
        network: (B, 3, h, w) → (B, C, ...).
        views: G of (3, h, w).
        flip: mirror them as well.
        note: is told that views go through the network in halves, for lack of memory.

    Returns:
        (G, 2, C, ...) float32; of mirror images as they are, not mirrored back. Without `flip` (G, 1, C, ...).

    Raises:
        UserError: not even one view fits into memory.
    """
    # stacked there: stacked here, what lies in pinned memory would be copied out of it, and the processor would wait
    straight = torch.stack([view.to(accelerator.device, non_blocking=True) for view in views])
    images = torch.stack([straight, straight.flip(-1)], dim=1) if flip else straight[:, None]
    output = _forward(network, on_device(images.flatten(0, 1), accelerator, network), accelerator, note)
    return output.reshape(*images.shape[:2], *output.shape[1:])


def _forward(network: nn.Module, images: Tensor, accelerator: Place, note: Callable[[str], None]) -> Tensor:
    """In one piece, or in halves if they do not fit into memory."""
    try:
        with accelerator.autocast():
            output: Tensor = network(images).float()
        return output
    except torch.OutOfMemoryError as error:
        if len(images) == 1:
            height, width = images.shape[-2:]
            raise UserError(
                "out-of-memory",
                f"one view of {height}×{width} pixels does not fit into memory",
                hint="leave out the largest of the scales, or --mixed-precision bf16, or --cpu",
            ) from error
    note("not all views that belong together fit into memory: they go through the network in halves")
    torch.cuda.empty_cache()
    return torch.cat([_forward(network, half, accelerator, note) for half in images.chunk(2)])
