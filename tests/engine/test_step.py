"""A loss says sums and counts; the engine divides, so that a batch in parts is the whole batch."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from puzzlecam_cli.engine.finite import FiniteWatch
from puzzlecam_cli.engine.optimiser import make_optimiser
from puzzlecam_cli.engine.step import LossModule, Terms, add_gradients, averages
from puzzlecam_cli.method.affinity import affinity_labels, affinity_loss, edges_to_affinity
from puzzlecam_cli.method.background import background_sum
from puzzlecam_cli.method.puzzle import alpha_at, merge, puzzle_loss, tile
from puzzlecam_cli.recipe.schema import Puzzle, TrainCls
from puzzlecam_cli.stages.affinity import AffinityLosses
from puzzlecam_cli.stages.seg import SegmentationLoss
from puzzlecam_cli.stages.train_cls import PuzzleLosses

STEP, STEPS = 3, 8


class Cells(nn.Module):
    """A network without statistics over the batch: (B, 3, H, W) → (B, C, H/4, W/4), one map without its channel."""

    stride = 4

    def __init__(self, channels: int):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(3, channels, 4, stride=4)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.layer(images)
        return maps if maps.shape[1] > 1 else maps[:, 0]

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return edges_to_affinity(output.sigmoid(), radius)


class Pixels(Cells):
    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images).repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)


def batch() -> dict[str, Tensor]:
    """Five images: one without a tag, one with all of them; one whose mask is all padding."""
    generator = torch.Generator().manual_seed(1)
    mask = torch.randint(0, 3, (5, 32, 32), generator=generator).repeat_interleave(4, 1).repeat_interleave(4, 2)
    mask = mask[:, :32, :32]
    mask[0], mask[1, :16] = 255, 255
    tags = torch.tensor([[0.0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 1, 1]])
    return {"image": torch.randn(5, 3, 32, 32, generator=generator), "tags": tags, "mask": mask}


def puzzle(background: float = 0.0, **settings: Any) -> Callable[[], LossModule]:
    return lambda: PuzzleLosses(Cells(3), Puzzle(**settings), background)  # type: ignore[arg-type]


MODULES: dict[str, Callable[[], LossModule]] = {
    "puzzle": puzzle(),
    "puzzle, averaged over tags": puzzle(reduction="per_tag"),
    "puzzle, image by image": puzzle(mask="selection"),
    "puzzle, all classes, cams, squared": puzzle(mask="none", compare="cams", distance="l2"),
    "puzzle, tiles not classified": puzzle(classify_tiles=False, detach="whole"),
    "no puzzle": puzzle(alpha=0.0, classify_tiles=False),
    "puzzle, background": puzzle(background=0.5),
    "no puzzle, background": puzzle(background=0.5, alpha=0.0, classify_tiles=False),
    "affinity": lambda: AffinityLosses(Cells(1), radius=3),  # type: ignore[arg-type]
    "segmentation": lambda: SegmentationLoss(Pixels(3)),
    "segmentation, background weighed less": lambda: SegmentationLoss(Pixels(3), 0.25),
}
each_module = pytest.mark.parametrize("make", MODULES.values(), ids=MODULES.keys())


def trained(module: LossModule, parts: int) -> tuple[dict[str, float], list[Tensor]]:
    """The logged values and the gradients of one step."""
    accelerator = Accelerator(cpu=True)
    losses = add_gradients(module, module, batch(), STEP, STEPS, parts, accelerator)
    gradients = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
    return averages(losses, accelerator), gradients


@each_module
@pytest.mark.parametrize("parts", [2, 3, 5])
def test_parts_of_a_batch_give_the_values_and_gradients_of_the_whole(
    make: Callable[[], LossModule], parts: int
) -> None:
    (values, gradients), (whole_values, whole_gradients) = trained(make(), parts), trained(make(), 1)
    assert values == pytest.approx(whole_values, rel=1e-5, abs=1e-7)
    for found, expected in zip(gradients, whole_gradients, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-7)
    assert any(gradient.abs().max() > 1e-4 for gradient in gradients)


@each_module
def test_counts_add_up_and_need_no_network(make: Callable[[], LossModule]) -> None:
    module, whole = make(), batch()
    names = module(whole).keys()
    module.network = nn.Module()  # cannot be called
    module.network.stride = 4  # type: ignore[assignment]
    pieces = [module.counts({key: value[part] for key, value in whole.items()}) for part in (slice(2), slice(2, 5))]
    for name in names:
        count = module.counts(whole)[name]
        assert count.is_floating_point() == (getattr(module, "background_weight", 1) != 1)
        assert float(count) == sum(float(piece[name]) for piece in pieces)


@each_module
def test_a_step_leaves_nothing_behind_on_the_module(make: Callable[[], LossModule]) -> None:
    module = make()
    before = {name: value for name, value in vars(module).items() if not name.startswith("_")}
    trained(module, 2)
    assert {name: value for name, value in vars(module).items() if not name.startswith("_")} == before


@pytest.mark.parametrize("settings", [{}, {"reduction": "per_tag"}, {"mask": "selection"}, {"classify_tiles": False}])
def test_the_puzzle_is_trained_by_the_papers_sum(settings: dict[str, Any]) -> None:
    module, images = puzzle(**settings)(), batch()["image"]
    whole, merged = module.network(images), merge(module.network(tile(images)))
    expected = puzzle_loss(whole, merged, batch()["tags"], alpha_at(STEP, STEPS), **settings)
    values, _ = trained(module, 1)
    for name, loss in expected.items():
        assert values[name] == pytest.approx(loss.item(), rel=1e-6), name
    assert module.schedule(STEP, STEPS) == {"alpha": 3.0}


@pytest.mark.parametrize("puzzled", [{}, {"alpha": 0.0, "classify_tiles": False}], ids=["puzzle", "no puzzle"])
def test_the_background_is_added_by_its_weight(puzzled: dict[str, Any]) -> None:
    module, tags = puzzle(background=0.5, **puzzled)(), batch()["tags"]
    expected = background_sum(module.network(batch()["image"]), tags) / tags.sum()
    values, without = trained(module, 1)[0], trained(puzzle(**puzzled)(), 1)[0]
    assert values["loss_bg"] == pytest.approx(expected.item(), rel=1e-6)
    assert values["loss"] == pytest.approx(without["loss"] + 0.5 * expected.item(), rel=1e-6)


def test_affinities_are_trained_by_irnets_mean_of_means() -> None:
    module = MODULES["affinity"]()
    affinity = edges_to_affinity(module.network(batch()["image"]).sigmoid(), 3)
    expected = affinity_loss(affinity, *affinity_labels(batch()["mask"][:, 2::4, 2::4], 3))
    assert trained(module, 1)[0]["loss"] == pytest.approx(expected.item(), rel=1e-6)


def test_pixels_of_background_count_as_much_as_they_weigh() -> None:
    """Twice the weight is a batch in which they occur twice."""
    network, whole = Pixels(3), batch()
    only_background = whole["mask"].where(whole["mask"] == 0, 255)
    twice = {"image": whole["image"].repeat(2, 1, 1, 1), "mask": torch.cat([whole["mask"], only_background])}
    results = []
    for module, shown in ((SegmentationLoss(network, 2.0), whole), (SegmentationLoss(network), twice)):
        network.zero_grad()
        loss = module(shown)["cross_entropy"] / module.counts(shown)["cross_entropy"]
        loss.backward()
        results.append((loss.item(), [parameter.grad.clone() for parameter in network.parameters()]))  # type: ignore[union-attr]
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-5)
    for weighed, repeated in zip(results[0][1], results[1][1], strict=True):
        torch.testing.assert_close(weighed, repeated, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("weight", [1e6, 0.3, 1e-3, 1e-9])
def test_a_batch_of_background_alone_has_the_mean_of_its_pixels_whatever_they_weigh(weight: float) -> None:
    """It is a mean: of a single kind of pixels, the same at any weight."""
    alone = batch() | {"mask": torch.zeros_like(batch()["mask"])}
    losses = []
    for module in (SegmentationLoss(Pixels(3), weight), SegmentationLoss(Pixels(3))):
        losses.append(float(add_gradients(module, module, alone, STEP, STEPS, 2, Accelerator(cpu=True))["loss"]))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


class Nothing(SegmentationLoss):
    def forward(self, batch: dict[str, Tensor]) -> Terms:
        return super().forward(batch | {"mask": torch.full_like(batch["mask"], 255)})

    def counts(self, batch: dict[str, Tensor]) -> Terms:
        return super().counts(batch | {"mask": torch.full_like(batch["mask"], 255)})


def test_a_batch_that_counts_nothing_has_a_loss_of_0() -> None:
    values, gradients = trained(Nothing(Pixels(3)), 2)
    assert values["loss"] == 0
    assert not any(gradient.any() for gradient in gradients)


@pytest.mark.parametrize("processes", [2, 3])
@each_module
def test_processes_divide_by_what_all_of_them_count(make: Callable[[], LossModule], processes: int) -> None:
    """Their gradients are averaged: each divides by the count of all, over the number of processes."""
    whole_values, whole_gradients = trained(make(), 1)
    module = make()
    everything = torch.stack(list(module.counts(batch()).values()))
    values, gradients = [], []
    for process in range(processes):
        accelerator: Any = SimpleNamespace(
            num_processes=processes,
            reduce=lambda _, how: {"sum": everything}[how],
            autocast=torch.enable_grad,
            backward=lambda loss: loss.backward(),
        )
        alone = make()
        mine = {key: value[process::processes] for key, value in batch().items()}
        values.append(add_gradients(alone, alone, mine, STEP, STEPS, 1, accelerator))
        gradients.append([parameter.grad for parameter in alone.parameters()])
    for name in whole_values:
        assert sum(float(value[name]) for value in values) / processes == pytest.approx(whole_values[name], rel=1e-5)
    for number, expected in enumerate(whole_gradients):
        mean = torch.stack([own[number] for own in gradients]).mean(dim=0)  # type: ignore[misc]
        torch.testing.assert_close(mean, expected, rtol=1e-4, atol=1e-7)


@each_module
def test_no_step_waits_for_its_device(make: Callable[[], LossModule], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors without values stand for a GPU's: whoever asks for a value fails."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which they do not have
    module = make().to("meta")
    on_device = {key: value.to("meta") for key, value in batch().items()}
    watch = FiniteWatch()
    accelerator = Accelerator(cpu=True)
    losses = add_gradients(module, module, on_device, STEP, STEPS, 2, accelerator)
    accelerator.clip_grad_norm_(module.parameters(), 2.0)
    make_optimiser(module, None, TrainCls()).step()
    watch.note(STEP, losses)
    assert all(value.device.type == "meta" for value in losses.values())
    with pytest.raises(RuntimeError, match="meta"):
        watch.first()
