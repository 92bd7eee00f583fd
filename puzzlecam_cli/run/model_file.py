"""A stage's `model.safetensors`: the tensors of its network, and what the file says of itself."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import replacing
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.run.arrays import damaged_files

if TYPE_CHECKING:
    from torch import Tensor, nn


def save_model(path: Path, network: nn.Module, description: Description) -> None:
    """Write a network with what is needed to use it."""
    from safetensors.torch import save

    state = {name: tensor.contiguous().cpu() for name, tensor in network.state_dict().items()}
    data = save(state)
    length = 8 + int.from_bytes(data[:8], "little")
    with replacing(path, durable=True) as temporary, temporary.open("wb") as file:
        file.write(_head(data[8:length], description))
        file.write(memoryview(data)[length:])


def describe_again(path: Path, description: Description) -> None:
    """Replace what a model file says of itself; its tensors stay, byte for byte."""
    with path.open("rb") as source, replacing(path, durable=True) as temporary, temporary.open("wb") as file:
        file.write(_head(source.read(_length(source)), description))
        shutil.copyfileobj(source, file, 1 << 20)


def _length(file: BinaryIO) -> int:
    return int.from_bytes(file.read(8), "little")


def _head(header: bytes, description: Description) -> bytes:
    """What a file begins with, the same for the same content: `safetensors` itself shuffles its metadata."""
    tensors = {name: value for name, value in json.loads(header).items() if name != "__metadata__"}
    written = json.dumps({"__metadata__": description.metadata()} | tensors).encode()
    written += b" " * (-len(written) % 8)
    return len(written).to_bytes(8, "little") + written


def read_description(path: Path, *, stage: str | None = None) -> Description | None:
    """What a model file says of itself; None: nothing, as those of older versions and of other programs.

    Args:
        stage: that makes the file again; None: it lies somewhere else than in its run.

    Raises:
        UserError: it is not there, damaged, or a newer program's.
    """
    from safetensors import safe_open

    with _readable(path, stage), safe_open(path, "np") as file:  # "pt" would load PyTorch
        metadata: dict[str, str] | None = file.metadata()
    return Description.from_metadata(metadata, path)


def load_model(path: Path, network: nn.Module, *, stage: str | None = None, again: str = "") -> None:
    """Fill a network from a model file.

    Args:
        stage: as of `read_description`.
        again: what to do where it is of another network; by default to make it again, or to copy it.

    Raises:
        UserError: the file is not there, damaged, or of another network: how it differs.
    """
    from safetensors.torch import load_file

    from puzzlecam_cli.engine.state import differences

    with _readable(path, stage):
        state: dict[str, Tensor] = load_file(path)
    again = again or (f"delete it; `puzzlecam {stage}` makes it again" if stage else COPY)
    if differing := differences(state, network.state_dict()):
        said = f"{path} is the model of another network: {len(differing)} tensors differ"
        raise UserError("artifact-unreadable", said, shorten(differing), again)
    if endless := [name for name, tensor in state.items() if not tensor.isfinite().all()]:
        said = f"{path} holds values that are not finite in {len(endless)} tensors"
        raise UserError("artifact-unreadable", said, shorten(endless), again)
    network.load_state_dict(state)


COPY = "copy it once more from the run that it is of"


@contextmanager
def _readable(path: Path, stage: str | None) -> Iterator[None]:
    """Name the file where reading fails, and what to do.

    Raises:
        UserError: whatever is raised inside.
    """
    try:
        with damaged_files(path, stage or ""):
            yield
    except UserError as error:
        if stage:
            raise
        raise UserError(error.reference.replace("artifact", "model"), error.problem, error.where, COPY) from None


def keep_true(path: Path, head: dict[str, Any], predict: dict[str, Any]) -> None:
    """Bring up to date what does not decide how a network is trained, and may have changed since."""
    found = read_description(path, stage=path.parent.name)
    if found is not None and (found.head, found.predict) != (head, predict):
        describe_again(path, replace(found, head=head, predict=predict))
