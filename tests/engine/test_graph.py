"""Steps replayed by a graph learn what steps launched one by one learn; a stand-in replays them on a CPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor, nn
from typer.testing import Result

from puzzlecam_cli.engine import graph
from puzzlecam_cli.engine.graph import GraphedStep, by_graph, why_not
from puzzlecam_cli.engine.step import LossModule, Terms, add_gradients
from puzzlecam_cli.engine.way import Way
from tests.engine.test_step import MODULES, batch, puzzle

STEPS = 8


def stand_in(compute: Callable[[], Terms], parameters: Callable[[], list[nn.Parameter]]) -> Any:
    """As a graph does it: warm up, and replay into tensors that stay the same, whatever has become of `grad`."""
    for _ in range(2):
        compute()
    losses = compute()
    gradients = [parameter.grad for parameter in parameters() if parameter.grad is not None]

    def replay() -> None:
        for name, value in compute().items():
            losses[name].copy_(value)
        found = [parameter.grad for parameter in parameters() if parameter.grad is not None]
        for kept, gradient in zip(gradients, found, strict=True):
            kept.copy_(gradient)
        for parameter in parameters():
            parameter.grad = None

    return replay, losses


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[LossModule]:
    """The module whose steps are recorded is put in here."""
    of: list[LossModule] = []
    monkeypatch.setattr(graph, "record", lambda compute: stand_in(compute, lambda: [*of[0].parameters()]))
    return of


def views(number: int) -> dict[str, Tensor]:
    """Another batch at each step."""
    return {name: value.roll(number, 0) * (1 + (name == "image") * number) for name, value in batch().items()}


def learned(module: LossModule, gradients: Callable[..., Terms]) -> tuple[list[dict[str, float]], list[Tensor]]:
    """Losses of each step, and the state after four of them."""
    optimiser, logged = torch.optim.SGD(module.parameters(), lr=0.01), []
    for step in range(4):
        logged.append({name: float(value) for name, value in gradients(views(step), step, STEPS).items()})
        optimiser.step()
        optimiser.zero_grad()
    return logged, [*module.state_dict().values()]


def with_all(module: LossModule) -> LossModule:
    """What capturing could spoil: statistics of a normalisation, and random numbers."""
    torch.manual_seed(0)
    channels = module.network.layer.out_channels  # type: ignore[union-attr]
    layers = (module.network.layer, nn.BatchNorm2d(channels), nn.Dropout(0.3))
    module.network.layer = nn.Sequential(*layers)  # type: ignore[arg-type]
    return module.train()


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES.keys())
def test_replayed_steps_learn_what_others_learn(make: Callable[[], LossModule], recorded: list[LossModule]) -> None:
    accelerator = Accelerator(cpu=True)
    plain, module = with_all(make()), with_all(make())
    recorded.append(module)
    torch.manual_seed(1)
    expected = learned(plain, partial(add_gradients, plain, plain, parts=1, accelerator=accelerator))
    torch.manual_seed(1)
    notes: list[str] = []
    replayed = GraphedStep(none, module, module, accelerator, notes.append)
    logged, state = learned(module, replayed)
    assert not notes
    for one, other in zip(logged, expected[0], strict=True):
        assert one == pytest.approx(other, rel=1e-6)
    assert len({line["loss"] for line in logged}) == 4
    for found, wanted in zip(state, expected[1], strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-8)


def none(*_: Any) -> Terms:
    raise AssertionError("a step was launched kernel by kernel")


def test_the_weight_of_a_loss_changes_from_step_to_step(recorded: list[LossModule]) -> None:
    """`alpha` grows while the batch stays."""
    module = puzzle()()
    module.network.layer = nn.Sequential(module.network.layer, nn.Conv2d(3, 3, 3, padding=1))  # type: ignore[arg-type,list-item]
    recorded.append(module)  # in which tiles give other maps than the whole
    replayed = GraphedStep(none, module, module, Accelerator(cpu=True), none)
    first, last = ({k: float(v) for k, v in replayed(batch(), step, STEPS).items()} for step in (1, 3))
    assert first["loss_re"] == last["loss_re"] > 0.01
    assert last["loss"] - first["loss"] == pytest.approx(2 * first["loss_re"], rel=1e-5)


def test_another_form_of_batch_is_computed_without_the_graph(recorded: list[LossModule]) -> None:
    module = puzzle()()
    recorded.append(module)
    alone: list[int] = []

    def one_by_one(given: dict[str, Tensor], step: int, steps: int) -> Terms:
        alone.append(len(given["image"]))
        return {}

    replayed = GraphedStep(one_by_one, module, module, Accelerator(cpu=True), none)
    for size in (5, 3, 5):
        replayed({name: value[:size] for name, value in batch().items()}, 0, STEPS)
    assert alone == [3]


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted\nmore"), torch.OutOfMemoryError("too much")])
def test_what_cannot_be_captured_is_said_once_and_learned_all_the_same(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(compute: Callable[[], Terms]) -> Any:
        compute()
        raise error

    monkeypatch.setattr(graph, "record", broken)
    accelerator, notes = Accelerator(cpu=True), list[str]()
    plain, module = with_all(puzzle()()), with_all(puzzle()())
    torch.manual_seed(1)
    expected, state = learned(plain, partial(add_gradients, plain, plain, parts=1, accelerator=accelerator))
    torch.manual_seed(1)
    one_by_one = partial(add_gradients, module, module, parts=1, accelerator=accelerator)
    found, same = learned(module, GraphedStep(one_by_one, module, module, accelerator, notes.append))
    assert found == expected
    assert all(map(torch.equal, same, state))
    assert [note.partition(": ")[2] for note in notes] == [str(error).partition("\n")[0]]


@pytest.mark.parametrize(
    ("changes", "way", "reason"),
    [
        ({}, Way(), None),
        ({"device": torch.device("cpu")}, Way(), "for GPUs"),
        ({"num_processes": 2}, Way(), "processes"),
        ({"scaler": object()}, Way(), "fp16"),
        ({}, Way(2), "parts"),
        ({}, Way(1, True), "computed again"),
    ],
)
def test_why_there_is_no_graph_is_known_before_any_is_tried(
    changes: dict[str, Any], way: Way, reason: str | None
) -> None:
    accelerator: Any = SimpleNamespace(
        **{"device": torch.device("cuda"), "num_processes": 1, "scaler": None, **changes}
    )
    notes: list[str] = []
    made = [
        by_graph(wanted, none, puzzle()(), nn.Module(), way, accelerator, notes.append)
        for wanted in (False, "auto", True)
    ]
    assert made[0] is none
    if reason is None:
        assert why_not(accelerator, way) is None
        assert [type(gradients) for gradients in made[1:]] == [GraphedStep, GraphedStep]
        assert not notes
    else:
        assert made[1:] == [none, none]
        assert [reason in note for note in notes] == [True]  # what was asked for; auto does without, and says nothing


def test_a_training_replays_its_steps_and_gives_the_same_model(
    puzzlecam: Callable[..., Result],
    tiny_recipe: Path,
    tmp_path: Path,
    recorded: list[LossModule],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a CPU no graph is captured, and that is said; with the stand-in in its place each step is replayed."""
    made = GraphedStep.__init__

    def remembered(self: GraphedStep, one_by_one: Any, module: LossModule, *rest: Any) -> None:
        recorded.append(module)
        made(self, none, module, *rest)

    outputs = []
    for name in ("plain", "graph"):
        result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / name, "-s", "runtime.cuda_graphs=true")
        assert result.exit_code == 0, result.output
        outputs.append(result.stderr)
        monkeypatch.setattr(graph, "why_not", lambda accelerator, way: None)
        monkeypatch.setattr(GraphedStep, "__init__", remembered)
    assert ["no CUDA graph" in output for output in outputs] == [True, False]
    assert len(recorded) == 1
    plain, replayed = (load_file(tmp_path / name / "train-cls/model.safetensors") for name in ("plain", "graph"))
    for key, value in plain.items():
        torch.testing.assert_close(replayed[key], value, rtol=1e-5, atol=1e-7, msg=key)
    logs = [(tmp_path / name / "train-cls/metrics.jsonl").read_text().splitlines() for name in ("plain", "graph")]
    assert len(logs[0]) == len(logs[1]) == 4
    for one, other in zip(*(map(json.loads, lines) for lines in logs), strict=True):
        assert one == pytest.approx(other, rel=1e-5, abs=1e-7)
