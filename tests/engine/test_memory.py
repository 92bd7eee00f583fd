"""A step that cannot fit into a CPU's memory is refused before it is tried, by what it keeps for its gradients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import Result

from puzzlecam_cli.data.loaders import Batch
from puzzlecam_cli.engine import free_memory, memory
from puzzlecam_cli.engine.memory import kept_bytes, lacking

Run = Callable[..., Result]


class Net(nn.Module):
    """Two convolutions, of which one may be frozen; it may ask for a value at its end."""

    def __init__(self, frozen: bool = False, asks: bool = False):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.last = nn.Conv2d(8, 4, 3, padding=1)
        self.asks = asks
        self.first.requires_grad_(not frozen)
        self.norm.requires_grad_(not frozen)

    def forward(self, batch: Batch) -> Tensor:
        out: Tensor = self.last(torch.relu_(self.norm(self.first(batch["image"])))).exp()
        if self.asks and out.max().item() > 0:
            out = out * out
        return out.sum()


def kept_in_truth(net: Net, batch: Batch) -> int:
    """By a step that is taken."""
    found: dict[int, Tensor] = {}

    def keep(value: Tensor) -> Tensor:
        found[value.data_ptr()] = value
        return value

    own = {value.data_ptr() for value in (*net.parameters(), *net.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda value: value):
        net(batch)
    return sum(value.untyped_storage().nbytes() for place, value in found.items() if place not in own)


def images(count: int, side: int = 16) -> Batch:
    return {"image": torch.rand(count, 3, side, side)}


@pytest.mark.parametrize("frozen", [False, True], ids=["all trained", "some frozen"])
@pytest.mark.parametrize("count", [1, 5])
def test_what_a_step_keeps_is_what_it_keeps_when_it_is_taken(count: int, frozen: bool) -> None:
    net, batch = Net(frozen), images(count)
    assert kept_bytes(net, batch) == kept_in_truth(net, batch)


def test_a_network_that_asks_for_values_counts_until_then() -> None:
    assert 0 < kept_bytes(Net(asks=True), images(2)) <= kept_in_truth(Net(asks=True), images(2))


def test_looking_changes_nothing() -> None:
    net, batch = Net(), images(2)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    drawn = torch.random.get_rng_state()
    kept_bytes(net, batch)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert all(value.grad is None for value in net.parameters())


def test_nothing_is_lacking_before_all_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    net, batch = Net(), images(4)
    needed = float(kept_bytes(net, batch))
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
    result = puzzlecam(command[0], tiny_recipe, *run, *command[1:])
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
