"""A checkpoint that is damaged, foreign or huge is left out, and the one before it is taken."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from puzzlecam_cli.engine.checkpoint import Checkpoints

State = dict[str, Any]


class Alone:
    """The agreement of a process with itself."""

    def any(self, *wishes: bool) -> tuple[bool, ...]:
        return wishes

    def of_main(self, value: object) -> object:
        return value


def training(folder: Path) -> tuple[Checkpoints, nn.Module, torch.optim.SGD]:
    """A layer whose parameters have a velocity."""
    module = nn.Linear(20, 30)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    module(torch.ones(1, 20)).sum().backward()
    optimiser.step()
    accelerator: Any = SimpleNamespace(
        is_main_process=True,
        process_index=0,
        num_processes=1,
        scaler=None,
        device=torch.device("cpu"),
        wait_for_everyone=lambda: None,
    )
    agreement: Any = Alone()
    return Checkpoints(folder, module, optimiser, accelerator, agreement), module, optimiser


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two checkpoints, after steps 1 and 2, whose weights are their step."""
    for step in (1, 2):
        checkpoints, module, _ = training(tmp_path)
        nn.init.constant_(module.get_parameter("weight"), step)
        checkpoints.save(step)
    return tmp_path


def changed(change: Callable[[State], object], name: str = "state.pt") -> Callable[[Path], None]:
    def act(path: Path) -> None:
        state = torch.load(path / name, weights_only=True)
        change(state)
        torch.save(state, path / name)

    return act


def replaced(content: bytes, name: str = "state.pt") -> Callable[[Path], object]:
    return lambda path: (path / name).write_bytes(content)


def shortened(name: str) -> Callable[[Path], object]:
    return lambda path: os.truncate(path / name, (path / name).stat().st_size // 2)


def bomb(path: Path) -> None:
    """100 MB of zeros in 100 kB, beside the rest."""
    with zipfile.ZipFile(path / "state.pt", "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/99", bytes(10**8))


def pipe(path: Path) -> None:
    (path / "state.pt").unlink()
    os.mkfifo(path / "state.pt")


class Executes:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, ("executed",))


def executing(path: Path) -> None:
    torch.save({"step": Executes()}, path / "state.pt")


def groups(state: State) -> Any:
    return state["optimiser"]["param_groups"]


DAMAGED: dict[str, Callable[[Path], object]] = {
    "an empty state": replaced(b""),
    "text": replaced(b"step: 2"),
    "a pickle": replaced(pickle.dumps({"step": 2})),
    "a pickle that calls": executing,
    "cut in the middle": shortened("state.pt"),
    "random numbers cut in the middle": shortened("rank-0.pt"),
    "no state": lambda path: (path / "state.pt").unlink(),
    "no random numbers": lambda path: (path / "rank-0.pt").unlink(),
    "a pipe": pipe,
    "a bomb": bomb,
    "a list": lambda path: torch.save([1, 2], path / "state.pt"),
    "of another step": changed(lambda state: state.update(step=7)),
    "a step in words": changed(lambda state: state.update(step="two")),
    "no step": changed(lambda state: state.pop("step")),
    "processes in words": changed(lambda state: state.update(processes="one")),
    "no module": changed(lambda state: state.pop("module")),
    "an empty module": changed(lambda state: state.update(module={})),
    "a module of another width": changed(lambda state: state["module"].update(weight=torch.zeros(3, 3))),
    "a module of another precision": changed(lambda state: state["module"].update(bias=torch.zeros(30).half())),
    "a module of other layers": changed(lambda state: state["module"].update(head=torch.zeros(3))),
    "weights in words": changed(lambda state: state["module"].update(weight="zeros")),
    "no optimiser": changed(lambda state: state.pop("optimiser")),
    "an optimiser of more groups": changed(lambda state: groups(state).append(groups(state)[0])),
    "an optimiser of other parameters": changed(lambda state: groups(state)[0].update(params=[0])),
    "an optimiser of other settings": changed(lambda state: groups(state)[0].pop("momentum")),
    "a velocity of another shape": changed(
        lambda state: state["optimiser"]["state"][0].update(momentum_buffer=torch.zeros(2))
    ),
    "a velocity of no parameter": changed(
        lambda state: state["optimiser"]["state"].update({9: {"momentum_buffer": torch.zeros(2)}})
    ),
    "random numbers too short": changed(lambda own: own.update(cpu=torch.zeros(5, dtype=torch.uint8)), "rank-0.pt"),
    "random numbers as floats": changed(lambda own: own.update(cpu=torch.zeros(5056)), "rank-0.pt"),
    "no random numbers of the processor": changed(lambda own: own.pop("cpu"), "rank-0.pt"),
    "random numbers of a GPU in words": changed(lambda own: own.update(cuda="none"), "rank-0.pt"),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_the_one_before_is_taken_whole(
    damage: Callable[[Path], object], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    damage(folder / "step-000000002")
    checkpoints, module, optimiser = training(folder)
    step, note = checkpoints.restore(9)
    assert step == 1
    assert "step-000000002 is damaged" in note
    assert len(note) < 400
    assert (module.get_parameter("weight") == 1).all()
    assert all(
        kept["momentum_buffer"].shape == parameter.shape
        for parameter, kept in zip(module.parameters(), optimiser.state.values(), strict=True)
    )
    assert not (folder / "executed").exists()


@pytest.mark.parametrize("damage", [DAMAGED["a module of another width"], DAMAGED["no optimiser"]])
def test_where_all_are_damaged_the_network_stays_as_it_was(damage: Callable[[Path], object], folder: Path) -> None:
    for name in ("step-000000001", "step-000000002"):
        damage(folder / name)
    checkpoints, module, _ = training(folder)
    before = module.get_parameter("weight").detach().clone()
    step, note = checkpoints.restore(9)
    assert step == 0
    assert note.count("is damaged") == 2
    assert torch.equal(module.get_parameter("weight"), before)


@pytest.mark.parametrize("name", ["step-best", "step-2", "step-0000000002", "my-notes", ".step-old"])
def test_a_folder_of_another_name_is_neither_read_nor_removed(name: str, folder: Path) -> None:
    (folder / name).mkdir()
    (folder / name / "state.pt").write_bytes(b"mine")
    checkpoints, _, _ = training(folder)
    assert checkpoints.restore(9) == (2, "")
    checkpoints.save(3)
    assert (folder / name / "state.pt").read_bytes() == b"mine"


def test_a_file_of_a_checkpoints_name_is_no_checkpoint(folder: Path) -> None:
    (folder / "step-000000009").write_bytes(b"mine")
    checkpoints, _, _ = training(folder)
    assert checkpoints.restore(9) == (2, "")
    assert (folder / "step-000000009").read_bytes() == b"mine"
