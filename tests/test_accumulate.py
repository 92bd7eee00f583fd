"""`accumulate: auto`: what does not fit into memory is computed in another way by itself, and trains the same.

A memory is made up that holds so many images, or so many more where blocks are computed again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor
from typer.testing import Result

from puzzlecam_cli.engine import first_step, loop, memory
from puzzlecam_cli.engine.agreement import Agreement
from puzzlecam_cli.engine.first_step import FirstStep
from puzzlecam_cli.engine.memory import held_bytes
from puzzlecam_cli.engine.way import Way
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.recipe.schema import Puzzle, Seg, TrainCls
from puzzlecam_cli.stages.seg import SegmentationLoss
from puzzlecam_cli.stages.train_cls import PuzzleLosses
from tests.launched import two_processes

Run = Callable[..., Result]
OF_FOUR = ("-s", "train_cls.batch=4")
FROZEN = ("-s", "train_cls.batchnorm=frozen", *OF_FOUR)


class Backwards(torch.autograd.Function):
    """Where a memory is full only when gradients come."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, is_full: bool) -> Tensor:
        ctx.is_full = is_full
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        if ctx.is_full:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return gradients[0], None


def small_memory(
    monkeypatch: pytest.MonkeyPatch, most: int, again: int | None = None, *, backwards: bool = False
) -> list[int]:
    """One that holds so many images, or `again` with blocks computed again; gives the list of those that came."""
    came: list[int] = []
    forward = PuzzleLosses.forward

    def small(self: PuzzleLosses, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        images = len(batch["image"])
        came.append(images)
        recomputes = any("_in_groups" in str(vars(module).get("forward")) for module in self.modules())
        is_full = images > (again if again is not None and recomputes else most)
        if is_full and not backwards:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        losses = forward(self, batch)
        return losses | {"loss_cls": Backwards.apply(losses["loss_cls"], is_full)}  # type: ignore[no-untyped-call]

    monkeypatch.setattr(PuzzleLosses, "forward", small)
    monkeypatch.setattr(first_step, "tells_when_full", lambda accelerator: True)
    return came


def trained(puzzlecam: Run, recipe: Path, run: Path, *options: object) -> tuple[dict[str, Tensor], str, str]:
    """Weights, logged values, and what was said."""
    result = puzzlecam("train-cls", recipe, "--run", run, *options)
    assert result.exit_code == 0, result.output
    folder = run / "train-cls"
    return load_file(folder / "model.safetensors"), (folder / "metrics.jsonl").read_text(), result.stderr


@pytest.fixture(scope="module")
def whole(puzzlecam: Run, tiny_recipe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undivided training of 4 photos a step, whose batch normalisation is frozen."""
    run = tmp_path_factory.mktemp("whole")
    _, _, said = trained(puzzlecam, tiny_recipe, run, *FROZEN)
    assert "memory" not in said
    return run / "train-cls"


def assert_equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    assert all(torch.equal(one[name], other[name]) for name in other)


def assert_close(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    for name in other:
        torch.testing.assert_close(one[name], other[name], rtol=1e-4, atol=2e-6, msg=name)


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
def test_parts_are_found_where_batch_normalisation_keeps_its_statistics(
    puzzlecam: Run, tiny_recipe: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    came = small_memory(monkeypatch, 1, backwards=backwards)
    found, logged, said = trained(puzzlecam, tiny_recipe, tmp_path, *FROZEN)
    assert_close(found, load_file(whole / "model.safetensors"))
    logs = logged, (whole / "metrics.jsonl").read_text()
    for one, other in zip(*([json.loads(line) for line in log.splitlines()] for log in logs), strict=True):
        assert one == pytest.approx(other, rel=1e-4, abs=1e-6)
    assert said.count("4 images do not fit into memory at once: they go through in 4 parts; as good, slower") == 1
    assert came[:2] == [4, 2]
    assert set(came[2:]) == {1}


def test_blocks_are_computed_again_where_batch_normalisation_looks_at_the_batch(
    puzzlecam: Run, tiny_recipe: Path, finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = small_memory(monkeypatch, 2, 3, backwards=True)
    found, logged, said = trained(puzzlecam, tiny_recipe, tmp_path)
    assert_equal(found, load_file(finished_run / "train-cls/model.safetensors"))
    assert logged == (finished_run / "train-cls/metrics.jsonl").read_text()
    assert said.count("computed again for the gradients; the same result") == 1
    assert set(came) == {3}


def test_parts_come_last_where_they_change_what_batch_normalisation_sees(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, *_ = trained(puzzlecam, tiny_recipe, tmp_path / "named", *OF_FOUR, "-s", "train_cls.accumulate=2")
    came = small_memory(monkeypatch, 1, 2)
    found, _, said = trained(puzzlecam, tiny_recipe, tmp_path / "found", *OF_FOUR)
    assert_equal(found, named)
    assert "in 2 parts, and blocks of the network are computed again" in said
    assert "batch normalisation looks at each part alone" in said
    assert came[:3] == [4, 4, 2]


def test_a_training_goes_on_in_the_way_it_began_though_there_is_room_now(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = (*OF_FOUR, "-s", "train_cls.epochs=3")
    with monkeypatch.context() as patch:
        small_memory(patch, 1, 2)
        expected, values, _ = trained(puzzlecam, tiny_recipe, tmp_path / "whole", *options)
        steps = iter((False, True))
        patch.setattr(loop, "stop_asked", lambda: next(steps))
        assert puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / "two", *options).exit_code == 130
    found, logged, said = trained(puzzlecam, tiny_recipe, tmp_path / "two", *options)
    assert "continues after step 2" in said
    assert said.count("4 images do not fit into memory at once: they go through in 2 parts, and blocks") == 1
    assert_equal(found, expected)
    assert logged == values


def test_a_number_is_obeyed(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    came = small_memory(monkeypatch, 1)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, *FROZEN, "-s", "train_cls.accumulate=2")
    assert result.exit_code == 2
    assert "--set train_cls.accumulate=4: about 50%" in result.stderr
    assert came == [2]


def test_what_fits_in_no_way_is_the_users_to_mend(
    puzzlecam: Run, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    came = small_memory(monkeypatch, 0)
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path, *FROZEN)
    assert result.exit_code == 2
    assert "train-cls does not fit into memory: 4 images of 64×64 a step, in 4 parts" in result.stderr
    assert "train_cls.crop=32" in result.stderr
    assert "accumulate" not in result.stderr
    assert came == [4, 2, 1, 1]


@pytest.mark.parametrize(("share", "parts"), [(1.4, 1), (1.2, 2), (0.6, 4)])
def test_on_a_cpu_the_way_is_chosen_by_what_a_step_would_hold(
    monkeypatch: pytest.MonkeyPatch, share: float, parts: int
) -> None:
    """Nothing is tried there: a process that takes too much is killed."""
    module = PuzzleLosses(Classifier(load_backbone("timm:mobilenetv3_small_050"), 3), Puzzle()).eval()
    batch = {"image": torch.zeros(4, 3, 64, 64), "tags": torch.zeros(4, 3)}
    held = held_bytes(module, batch)
    monkeypatch.setattr(memory, "free_memory", lambda: share * held)
    accelerator, optimiser = Accelerator(cpu=True), torch.optim.SGD(module.parameters())
    step = FirstStep(module, optimiser, batch, accelerator, Agreement(accelerator))
    assert step.find_way("train-cls", TrainCls(), module.network.backbone, 4, Way()) == Way(parts)


def test_a_forecast_tells_of_it(puzzlecam: Run, tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_memory(monkeypatch, 2)
    result = puzzlecam("bench", tiny_recipe, "--plain", "--photos", 1, "--json", *FROZEN)
    assert result.exit_code == 0, result.output
    notes = {step["what"]: step["note"] for step in json.loads(result.stdout)["steps"] if step["stage"] == "train-cls"}
    assert notes["training"].startswith("4 images do not fit into memory at once: they go through in 2 parts")


@pytest.mark.parametrize("fails", [True, False])
def test_a_try_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    """No gradient, no statistics, no velocity; the same random numbers come next."""
    torch.manual_seed(0)
    module = SegmentationLoss(DeepLab(load_backbone("resnet18"), 3, width=16, norm="batch")).train()
    optimiser = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    batch = {"image": torch.randn(4, 3, 64, 64), "mask": torch.randint(0, 3, (4, 64, 64))}
    before = {name: value.clone() for name, value in module.state_dict().items()}
    drawn = torch.random.get_rng_state()
    tried = 0

    def forward(self: SegmentationLoss, batch: Any) -> dict[str, Tensor]:
        nonlocal tried
        tried += 1
        loss = self.network(batch["image"]).square().sum()
        return {"loss": Backwards.apply(loss, fails)}  # type: ignore[no-untyped-call]

    monkeypatch.setattr(SegmentationLoss, "forward", forward)
    monkeypatch.setattr(first_step, "tells_when_full", lambda accelerator: True)
    accelerator = Accelerator(cpu=True)
    step = FirstStep(module, optimiser, batch, accelerator, Agreement(accelerator))
    backbone: Any = module.network.backbone
    if fails:
        with pytest.raises(UserError, match="does not fit"):
            step.find_way("seg", Seg(), backbone, 4, Way())
        assert tried == 1 + 1 + 1  # whole, computed again, in parts
    else:
        assert step.find_way("seg", Seg(), backbone, 4, Way()) == Way()
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert all(parameter.grad is None for parameter in module.parameters())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert not optimiser.state


# rank 1 alone has a small memory; every try and step is written to stderr
UNEQUAL = """
import json, os, sys, torch
from puzzlecam_cli.engine import first_step
from puzzlecam_cli.stages.train_cls import PuzzleLosses
from puzzlecam_cli.cli.app import app
forward = PuzzleLosses.forward
def small(self, batch):
    images = len(batch["image"])
    loss = forward(self, batch)
    if os.environ["RANK"] == "1" and images > 1:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
    return loss
PuzzleLosses.forward = small
first_step.tells_when_full = lambda accelerator: True
for arguments in json.loads(sys.argv[1]):
    if app(arguments, standalone_mode=False):
        sys.exit(f"failed: {arguments}")
"""


@pytest.mark.usefixtures("_preloaded")
def test_the_smallest_memory_of_a_group_decides_and_nobody_waits(
    tiny_recipe: Path, whole: Path, tmp_path: Path
) -> None:
    """Of 4 photos a step, each process has 2, which only the first can hold; the training equals that of one."""
    command = ["train-cls", str(tiny_recipe), "--run", str(tmp_path), *FROZEN, "-s", "runtime.sync_batchnorm=true"]
    errors = two_processes(UNEQUAL, [command], 120)
    assert "4 images do not fit into memory at once: they go through in 2 parts" in errors[0]
    assert_close(*(load_file(run / "model.safetensors") for run in (tmp_path / "train-cls", whole)))
