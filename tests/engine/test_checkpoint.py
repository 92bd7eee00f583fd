"""A checkpoint counts only where all of it is there, unchanged, for every process."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from puzzlecam_cli.engine import checkpoint
from puzzlecam_cli.engine.checkpoint import Checkpoints


class Alone:
    """The agreement of a process with itself, or with others that find some checkpoints damaged."""

    def __init__(self, *others_find: bool):
        self.others_find = iter(others_find)

    def any(self, *wishes: bool) -> tuple[bool, ...]:
        return tuple(wish or next(self.others_find, False) for wish in wishes)

    def of_main(self, value: object) -> object:
        return value


def training(
    folder: Path, agreement: Any = None, process: int = 0, processes: int = 1
) -> tuple[Checkpoints, nn.Module]:
    module = nn.Linear(40, 50)
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    accelerator: Any = SimpleNamespace(
        is_main_process=process == 0,
        process_index=process,
        num_processes=processes,
        scaler=None,
        device=torch.device("cpu"),
        wait_for_everyone=lambda: None,
    )
    return Checkpoints(folder, module, optimiser, accelerator, agreement or Alone()), module


def save(folder: Path, *steps: int, processes: int = 1) -> None:
    """Checkpoints whose weights are all equal to their step."""
    for step in steps:
        checkpoints, module = training(folder, processes=processes)
        nn.init.constant_(module.weight, step)  # type: ignore[arg-type]
        checkpoints.save(step)


def restored(folder: Path, *arguments: Any) -> tuple[int, str, float]:
    """Step, note and the first weight."""
    checkpoints, module = training(folder, *arguments)
    step, note = checkpoints.restore(9)
    return step, note, float(module.weight[0, 0].detach()) if step else 0.0  # type: ignore[index]


def test_one_too_many_after_a_kill_goes_with_the_next_start(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / "step-000000001").rename(tmp_path / "kept")
    save(tmp_path, 2, 3)
    (tmp_path / "kept").rename(tmp_path / "step-000000001")
    assert restored(tmp_path)[0] == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]


def test_the_last_two_are_kept(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000002", "step-000000003"]
    assert restored(tmp_path) == (3, "", 3.0)


@pytest.mark.parametrize("name", ["state.pt", "rank-0.pt"])
def test_no_changed_byte_goes_unnoticed(tmp_path: Path, name: str) -> None:
    """Most lie among the weights, where PyTorch alone reads on; a few fill gaps of the file and mean nothing."""
    draw, kinds = random.Random(0), set()
    for number in range(40):
        folder = tmp_path / str(number)
        save(folder, 1, 2)
        damaged = folder / "step-000000002" / name
        content = bytearray(damaged.read_bytes())
        content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        damaged.write_bytes(content)
        step, note, weight = restored(folder)
        assert weight == step
        assert ("step-000000002 is damaged" in note) == (step == 1)
        kinds.add(step)
    assert 1 in kinds


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", ["state.pt", "rank-0.pt"])
def test_a_file_that_is_cut_short_anywhere_leaves_the_one_before(tmp_path: Path, name: str, share: float) -> None:
    save(tmp_path, 1, 2)
    damaged = tmp_path / "step-000000002" / name
    damaged.write_bytes(damaged.read_bytes()[: int(share * damaged.stat().st_size)])
    step, note, weight = restored(tmp_path)
    assert (step, weight) == (1, 1.0)
    assert "step-000000002 is damaged" in note
    assert restored(tmp_path) == (1, "", 1.0), "it is gone by now, and said once"


def test_what_one_process_cannot_read_no_process_takes(tmp_path: Path) -> None:
    """Else they would go on from different steps, and wait for each other for ever."""
    save(tmp_path, 1, 2)
    step, note, weight = restored(tmp_path, Alone(True, False))
    assert (step, weight) == (1, 1.0)
    assert "another process" in note


def test_on_another_number_of_processes_it_goes_on_and_says_what_is_not_the_same(tmp_path: Path) -> None:
    save(tmp_path, 2, processes=3)
    step, note, weight = restored(tmp_path)
    assert (step, weight) == (2, 2.0)
    assert "it began on 3 processes" in note


def test_a_checkpoint_that_was_begun_goes(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / ".step-000000005").mkdir()
    (tmp_path / ".step-000000005" / "state.pt").write_bytes(b"half")
    assert restored(tmp_path) == (1, "", 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]


def test_a_full_disk_leaves_the_checkpoint_before_and_no_part_of_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1)

    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "flush_to_disk", full)
    with pytest.raises(OSError, match=r"state\.pt"):
        save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]


def test_the_checkpoint_of_an_earlier_version_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    torch.save({"epochs": 1}, tmp_path / "last.pt")
    step, note, _ = restored(tmp_path)
    assert step == 0
    assert "last.pt" in note
