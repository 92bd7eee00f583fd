"""A step that cannot fit into a CPU's memory is refused before it is tried, by what it holds."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.profiler import profile
from typer.testing import Result

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine import free_memory, memory
from puzzlecam_cli.engine.memory import held_bytes, lacking

Run = Callable[..., Result]


class Net(nn.Module):
    """Two layers, of which one may be frozen; it may ask for a value at its end."""

    def __init__(self, frozen: bool = False, asks: bool = False):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(768, 300), nn.BatchNorm1d(300), nn.Linear(300, 100)
        self.asks = asks
        self.first.requires_grad_(not frozen)
        self.norm.requires_grad_(not frozen)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        out: Tensor = self.last(torch.relu_(self.norm(self.first(batch["image"].flatten(1))))).exp()
        if self.asks and out.max().item() > 0:
            out = out * out
        return {"sum": out.sum(), "seen": out.detach().sum()}


def held_in_truth(net: Net, batch: Batch) -> int:
    """By a step that is taken, as PyTorch's profiler counts it."""
    with profile(profile_memory=True) as watched:
        net(batch)["sum"].backward()
    changes = [event for event in watched.profiler.kineto_results.events() if event.name() == "[memory]"]
    held = accumulate(event.nbytes() for event in sorted(changes, key=lambda event: event.start_ns()))
    return max(held)


def images(count: int, side: int = 16) -> Batch:
    return {"image": torch.rand(count, 3, side, side)}


@pytest.mark.parametrize("frozen", [False, True], ids=["all trained", "some frozen"])
@pytest.mark.parametrize("count", [2, 500])
def test_what_a_step_holds_is_what_it_holds_when_it_is_taken(count: int, frozen: bool) -> None:
    net, batch = Net(frozen), images(count)
    assert held_bytes(net, batch) == pytest.approx(held_in_truth(net, batch), rel=0.01)


def test_a_network_that_asks_for_values_counts_until_then() -> None:
    assert 0 < held_bytes(Net(asks=True), images(2)) < held_bytes(Net(), images(2))


def test_looking_changes_nothing() -> None:
    net, batch = Net(), images(2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    drawn = torch.random.get_rng_state()
    held_bytes(net, batch)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert all(value.grad is None for value in net.parameters())


def test_nothing_is_lacking_before_all_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    net, batch = Net(), images(4)
    needed = float(held_bytes(net, batch))
    for free, precision, expected in (
        (needed, "no", None),
        (needed - 1, "no", (needed, needed - 1)),
        (needed - 1, "bf16", None),
        (needed / 2 - 1, "bf16", (needed / 2, needed / 2 - 1)),
        (1e12, "no", None),
    ):
        monkeypatch.setattr(memory, "free_memory", lambda free=free: free)
        assert lacking(net, batch, precision) == expected


@pytest.mark.parametrize("command", [("train-cls",), ("bench", "--plain")], ids=lambda command: command[0])
def test_a_batch_that_cannot_fit_is_refused_with_the_setting_that_helps(
    command: tuple[str, ...], puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda: 2e5)
    run = ("--run", tmp_path / "run") if command[0] == "train-cls" else ()
    result = puzzlecam(command[0], tiny_recipe, *run, *command[1:], "-s", "train_cls.accumulate=1")
    assert result.exit_code == 2, result.output
    assert "train-cls does not fit into memory: 3 images of 64×64 a step take at least 0.0 GB" in result.stderr
    assert "--set train_cls.accumulate=3: about 33% of the memory" in result.stderr


@pytest.mark.parametrize(
    ("files", "free"),
    [
        ({}, 8e9),
        ({"max": "max\n", "current": "7000000000\n"}, 8e9),
        ({"max": "5000000000\n", "current": "2000000000\n"}, 3e9),
        ({"max": "5000000000\n", "current": "4900000000\n", "stat": "anon 1\ninactive_file 4000000000\n"}, 4.1e9),
        ({"max": "5000000000\n", "current": "5100000000\n"}, 0.0),
        ({"max": "50000000000\n", "current": "1\n"}, 8e9),
    ],
    ids=["no container", "no limit", "a limit", "a limit, copies of files", "more than the limit", "a high limit"],
)
def test_free_memory_is_what_machine_and_container_leave(
    files: dict[str, str], free: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in files.items():
        (tmp_path / f"memory.{name}").write_text(text)
    monkeypatch.setattr(free_memory, "_GROUP", tmp_path)
    monkeypatch.setattr("psutil.virtual_memory", lambda: type("Memory", (), {"available": 8e9}))
    monkeypatch.setattr("resource.getrlimit", lambda _: (-1, -1))
    assert free_memory.free_memory() == pytest.approx(free)
