"""Weight files: read without running anything that is in them, and held to the network that they are loaded into."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from zipfile import BadZipFile, ZipFile, is_zipfile

import torch
from torch import Tensor, nn

from puzzlecam_cli.errors import UserError, shorten

# where trainings keep a network among other things; averaged weights first, as timm does
NESTS = ("state_dict_ema", "model_ema", "state_dict", "model")
COUNTER = "num_batches_tracked"
NOT_FINITE = "values that are not finite"
WRAPPERS = re.compile(r"^(?:module\.|_orig_mod\.)+")  # what DataParallel and torch.compile put before each name


def load_weights(network: nn.Module, file: str | Path, without: Sequence[str] = ("fc.",)) -> str:
    """Load a weight file; its tensors must be exactly the network's, apart from the classifier's.

    Args:
        network: its parameters carry the file's names.
        file: .safetensors, or a .pth of tensors only, possibly under `state_dict` or `model` and with a `module.`
            prefix.
        without: prefixes of names to leave out.

    Returns:
        What was loaded and what was left out, in a sentence.

    Raises:
        UserError: the file cannot be read, or names or shapes differ: which ones.
    """
    return fill(network, read_weights(file), file, lambda name: name.startswith(tuple(without)))


def fill(network: nn.Module, state: Mapping[str, Tensor], file: str | Path, beside: Callable[[str], bool]) -> str:
    """Load tensors by name; every one of the network's must be there, in its shape.

    Args:
        network: what is filled.
        state: as `read_weights` gives it.
        file: where it is from.
        beside: whether a name is of a part that the file has and the network need not have.

    Returns and raises:
        as `load_weights`.
    """
    wanted, path = network.state_dict(), Path(file)
    left_out = sorted(name for name in state if name not in wanted and beside(name))
    given = {name: tensor for name, tensor in state.items() if name not in left_out}
    # files from before PyTorch 0.4.1 do not count batches
    is_counted = any(name.endswith(COUNTER) for name in given)
    uncounted = {k: v for k, v in wanted.items() if k.endswith(COUNTER) and not is_counted}
    count = len(wanted) - len(uncounted)
    if problems := mismatches(wanted, given | uncounted):
        if all(problem.endswith(NOT_FINITE) for problem in problems):
            said, hint = f"{len(problems)} of {count} tensors of {path} hold", "take the weights of an earlier epoch"
            raise UserError("weights-mismatch", f"{said} {NOT_FINITE}", shorten(problems), hint)
        missing = wanted.keys() - given.keys() - uncounted.keys()
        wrong = [problem for problem in problems if not problem.startswith(("missing", "unknown"))]
        matched = count - len(missing) - len(wrong)
        if not matched:
            said = f"{path} is of another network: none of its {len(state)} tensors is one of this network's {count}"
        elif matched < count:
            said = f"{path} fits {matched} of {count} tensors of this network"
        else:
            said = f"{path} holds {len(problems)} tensors that this network does not have"
        raise UserError("weights-mismatch", said, shorten(problems), "the file must come from the same architecture")
    network.load_state_dict(given | uncounted)
    return f"{path.name}: {count} of {count} tensors matched; left out: {', '.join(shorten(left_out)) or 'none'}"


def mismatches(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """What keeps tensors from being a network's: a line each, sorted."""
    problems = [f"missing: {_cut(name)}" for name in wanted.keys() - given.keys()]
    problems += [f"unknown: {_cut(name)}" for name in given.keys() - wanted.keys()]
    for name in wanted.keys() & given.keys():
        here, there = wanted[name], given[name]
        if here.shape != there.shape:
            problems.append(f"shape: {name} is {_cut(tuple(there.shape))}, must be {tuple(here.shape)}")
        elif here.is_floating_point() and not there.is_floating_point():
            problems.append(f"numbers: {name} holds {there.dtype}, must be {here.dtype}".replace("torch.", ""))
        elif there.is_floating_point() and not here.is_meta and not there.isfinite().all():
            problems.append(f"numbers: {name} holds {NOT_FINITE}")
    return sorted(problems)


def read_weights(file: str | Path) -> dict[str, Tensor]:
    """The tensors of a weight file by name; nothing else is ever unpickled.

    Raises:
        UserError: there is no such file, it is damaged, or it holds something else.
    """
    path = Path(file)
    try:
        state = _read(path)
    except UserError:
        raise
    except UnpicklingError as error:
        # PyTorch's own message advises to load such a file in spite of it
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        raise UserError(
            "weights-unsafe" if found else "weights-unreadable",
            f"{path} holds `{found[1][:100]}`: only tensors are loaded, as other Python objects could run code"
            if found
            else f"{path} is no file of plain tensors",
            hint="save a plain state_dict(), or convert the file to .safetensors",
        ) from error
    except Exception as error:  # whatever bytes that were damaged or made up lead to
        said = _cut(str(error).partition("\n")[0].partition(". ")[0])
        why = said if " " in said else "it is damaged, or something else"  # not the byte that a parser stumbled over
        raise UserError(
            "weights-unreadable",
            f"{path} cannot be read as weights: {why}",
            hint="weights are .safetensors or .pth files of tensors",
        ) from error
    while isinstance(state, dict) and (nest := next((key for key in NESTS if isinstance(state.get(key), dict)), None)):
        state = state[nest]
    if not isinstance(state, dict) or not state:
        what = "an empty table" if state == {} else f"a {type(state).__name__}"
        raise UserError("weights-unreadable", f"{path} does not hold tensors by name, but {what}", hint=_SAVE)
    for name, value in state.items():
        if not isinstance(name, str):
            raise UserError("weights-unreadable", f"{path} names a tensor {_cut(repr(name))}, not by text", hint=_SAVE)
        if not isinstance(value, Tensor) or value.layout is not torch.strided or value.is_meta or value.is_quantized:
            kind = type(value).__name__ if not isinstance(value, Tensor) else "tensor without plain numbers"
            raise UserError(
                "weights-unreadable", f"{path} does not hold tensors alone: `{_cut(name)}` is a {kind}", hint=_SAVE
            )
    return {WRAPPERS.sub("", name): value for name, value in state.items()}


_SAVE = "save the network alone: torch.save(network.state_dict(), FILE)"


def _read(path: Path) -> Any:
    """What a file holds: tensors, and plain lists and tables of them."""
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no regular file" if path.exists() else None
        raise UserError("weights-missing", f"{path} is {what}" if what else f"there is no weight file {path}")
    if not path.stat().st_size:
        raise UserError("weights-unreadable", f"{path} is empty")
    if path.suffix.lower() == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if is_zipfile(path):
        with ZipFile(path) as file:
            claimed = sum(entry.file_size for entry in file.infolist())
        if claimed > path.stat().st_size:  # PyTorch never compresses: a few bytes could fill the memory
            raise BadZipFile(f"it is compressed, to hold {claimed:,} bytes")
    with warnings.catch_warnings(action="ignore"):  # of pickles that PyTorch did not write
        return torch.load(path, map_location="cpu", weights_only=True)


def _cut(text: object) -> str:
    """Names and messages come from the file, and may be of any length."""
    text = str(text)
    return text if len(text) <= 150 else f"{text[:150]}..."
