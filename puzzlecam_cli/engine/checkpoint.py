"""Checkpoints of a training: whole or not there, the last two kept.

A checkpoint is a folder `step-<number>`: `state.pt` with all that is learned, and one `rank-<n>.pt` a process with the
state of its random numbers. It is written beside its place and renamed when all is on the disk. The position in the
data needs no file: batches and views follow from seed and step (`TrainingBatches`).
"""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from accelerate import Accelerator
from torch import nn

from puzzlecam_cli.engine.agreement import Agreement
from puzzlecam_cli.engine.state import differences
from puzzlecam_cli.engine.way import Way
from puzzlecam_cli.files import flush_to_disk, naming

KEPT = 2
NAME = r"step-[0-9]{9}"


class Checkpoints:
    """Those of one training.

    Args:
        folder: where they lie.
        module: what is trained, as a single process has it.
        optimiser: its own, not a wrapper.
        accelerator: of the process.
        agreement: of its group.

    Attributes:
        way: in which the training goes on, kept as well.
    """

    def __init__(
        self,
        folder: Path,
        module: nn.Module,
        optimiser: torch.optim.Optimizer,
        accelerator: Accelerator,
        agreement: Agreement,
    ):
        self.folder, self.module, self.optimiser = folder, module, optimiser
        self.accelerator, self.agreement = accelerator, agreement
        self.way = Way()

    def save(self, step: int) -> None:
        """Keep the state after `step` steps; all processes call this together.

        Raises:
            OSError: the disk is full, or closed to us. Nothing of the new checkpoint stays.
        """
        final = self.folder / f"step-{step:09d}"
        unfinished = self.folder / f".{final.name}"
        if self.accelerator.is_main_process:
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        try:
            if self.accelerator.is_main_process:
                scaler = self.accelerator.scaler
                state = {
                    "step": step,
                    "processes": self.accelerator.num_processes,
                    "module": self.module.state_dict(),
                    "optimiser": self.optimiser.state_dict(),
                    "scaler": scaler.state_dict() if scaler else None,
                    "way": asdict(self.way),
                }
                _write(unfinished / "state.pt", state)
            _write(unfinished / self._own_name, self._random_state())
        except BaseException:  # also an impatient interrupt: a full disk needs the room
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process:
            shutil.rmtree(final, ignore_errors=True)
            unfinished.rename(final)
            flush_to_disk(self.folder)
            for old in self._all()[:-KEPT]:
                shutil.rmtree(old)

    def restore(self, most: int) -> tuple[int, str]:
        """Load the newest checkpoint that is whole for all processes; what is newer, unfinished or too old goes.

        Args:
            most: steps that may be done in it.

        Returns:
            the steps done, 0 without a checkpoint, and what there is to say about it, if anything.
        """
        notes, found = [], None
        candidates = self.agreement.of_main(self._all())
        for path in reversed(candidates):
            if int(path.name.removeprefix("step-")) > most:
                continue
            state, own, problem = self._load(path)
            is_damaged = self.agreement.any(bool(problem))[0]
            if not is_damaged:
                found = path
                break
            notes.append(f"checkpoint {path.name} is damaged ({problem or 'for another process'}) and left out")
        if self.accelerator.is_main_process:
            newer = candidates[candidates.index(found) + 1 :] if found else candidates
            whole = [path for path in candidates if path not in newer]
            unfinished = [path for path in self.folder.glob(".step-*") if re.fullmatch(NAME, path.name[1:])]
            for path in (*newer, *whole[:-KEPT], *unfinished):
                shutil.rmtree(path, ignore_errors=True)
            if (self.folder / "last.pt").exists():
                notes.append("last.pt, a checkpoint of an earlier version, is not read")
        if found is None:
            return 0, "; ".join(notes)
        self.module.load_state_dict(state["module"])
        self.optimiser.load_state_dict(state["optimiser"])
        if state["scaler"] and self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if own is None:
            notes.append(f"it began on {state['processes']} processes: the rest is not the same bit for bit")
        self._random = own
        self.way = Way(**state.get("way", {}))
        return int(state["step"]), "; ".join(notes)

    def _load(self, path: Path) -> tuple[dict[str, Any], dict[str, Any] | None, str]:
        """What is learned, this process's random numbers (None: it began on another number of processes), a problem."""
        try:
            state = _read(path / "state.pt", self._most_bytes())
            self._check(state, int(path.name.removeprefix("step-")))
            own = None
            if state["processes"] == self.accelerator.num_processes:
                own = _read(path / self._own_name, 1 << 20)
                _check_random(own)
        except PermissionError:
            raise
        except Exception as error:  # broken files make PyTorch raise almost anything
            return {}, None, " ".join(str(error).split())[:200] or type(error).__name__
        return state, own, ""

    def _check(self, state: dict[str, Any], step: int) -> None:
        """All that `restore` will load fits; what does not fit would be loaded in part.

        Raises:
            ValueError, KeyError, TypeError: it does not.
        """
        if state["step"] != step or not isinstance(state["processes"], int):
            raise ValueError("it is of another step")
        if differing := differences(state["module"], self.module.state_dict()):
            raise ValueError(f"it is of another network: {differing[0]}")
        found, wanted = state["optimiser"], self.optimiser.state_dict()
        for one, other in zip(found["param_groups"], wanted["param_groups"], strict=True):
            if one["params"] != other["params"] or one.keys() != other.keys():
                raise ValueError("its optimiser is another")
        parameters = [parameter for group in self.optimiser.param_groups for parameter in group["params"]]
        for number, kept in found["state"].items():
            velocity = kept["momentum_buffer"]
            if velocity is not None and velocity.shape != parameters[number].shape:
                raise ValueError("its optimiser is another")
        if Way(**state.get("way", {})).parts < 1:
            raise ValueError("its batches have no parts")

    def _most_bytes(self) -> int:
        """A whole checkpoint is shorter: weights, a velocity for each, and what PyTorch writes around them."""
        tensors = [*self.module.state_dict().values(), *self.module.parameters()]
        most: int = sum(tensor.numel() * tensor.element_size() + 4096 for tensor in tensors) + (1 << 20)
        return most

    _random: dict[str, Any] | None = None

    def restore_random_numbers(self) -> None:
        """Go on with the random numbers of the checkpoint that was loaded; call it just before the first step."""
        if self._random is not None:
            torch.set_rng_state(self._random["cpu"])
            if self._random["cuda"] is not None and self.accelerator.device.type == "cuda":
                torch.cuda.set_rng_state(self._random["cuda"], self.accelerator.device)
            self._random = None

    @property
    def _own_name(self) -> str:
        return f"rank-{self.accelerator.process_index}.pt"

    def _random_state(self) -> dict[str, Any]:
        on_gpu = self.accelerator.device.type == "cuda"
        cuda = torch.cuda.get_rng_state(self.accelerator.device) if on_gpu else None
        return {"cpu": torch.get_rng_state(), "cuda": cuda}

    def _all(self) -> list[Path]:
        return sorted(path for path in self.folder.glob("step-*") if re.fullmatch(NAME, path.name) and path.is_dir())


def _write(path: Path, state: dict[str, Any]) -> None:
    """By way of memory: on a full disk PyTorch's own writer loses the system's error."""
    buffer = BytesIO()
    torch.save(state, buffer)
    with naming(path):
        path.write_bytes(buffer.getbuffer())
        flush_to_disk(path)


def _read(path: Path, most_bytes: int) -> dict[str, Any]:
    """Compare the checksums as well, which PyTorch writes and does not look at."""
    if not path.is_file():  # a pipe would be waited for
        raise FileNotFoundError(f"{path.name} is not there")
    with ZipFile(path) as archive:
        if sum(member.file_size for member in archive.infolist()) > most_bytes:
            raise BadZipFile(f"{path.name} is too large")
        if damaged := archive.testzip():
            raise BadZipFile(f"{damaged} has another checksum")
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _check_random(own: dict[str, Any]) -> None:
    """Raises ValueError, KeyError, TypeError: these are no states of random numbers."""
    torch.Generator().set_state(own["cpu"])
    if own["cuda"] is not None and own["cuda"].dtype != torch.uint8:
        raise ValueError("its random numbers are none")
