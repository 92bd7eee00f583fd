"""The authors' optimiser: which parameters learn how fast, the rate at each step, and what a step does."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.optimiser import make_optimiser, poly_rate, set_rate
from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import DeepLab
from puzzlecam_cli.models.feature_net import FeatureNet
from puzzlecam_cli.recipe.load import load_recipe, recipe_names
from puzzlecam_cli.recipe.schema import Affinity, Seg, TrainCls, Training
from puzzlecam_cli.stages.affinity import AffinityLosses
from puzzlecam_cli.stages.seg import SegmentationLoss
from puzzlecam_cli.stages.train_cls import PuzzleLosses

STRIDES = (4, 4, 8, 16, 16)


class Five(nn.Module):
    """Five maps, each of a convolution with bias and batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Sequential(nn.Conv2d(3, 8, 3, s, 1), nn.BatchNorm2d(8)) for s in STRIDES)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [each(images) for each in self.maps]


def backbone() -> Backbone:
    torch.manual_seed(0)
    return Backbone(Five(), (8,) * 5, STRIDES)


def groups(optimiser: torch.optim.Optimizer, network: nn.Module) -> dict[str, tuple[float, float, float]]:
    """(factor, rate, decay) of each parameter that is trained, by name."""
    of = {id(p): (g["factor"], g["lr"], g["weight_decay"]) for g in optimiser.param_groups for p in g["params"]}
    assert len(of) == sum(len(group["params"]) for group in optimiser.param_groups), "one parameter in two groups"
    return {name: of[id(p)] for name, p in network.named_parameters() if id(p) in of}


def roles(network: nn.Module) -> dict[str, str]:
    """Each parameter's role by the layer it belongs to: scales of normalisation layers are weights."""
    found = {}
    for layer_name, layer in network.named_modules():
        for name, parameter in layer.named_parameters(recurse=False):
            is_bias = parameter is getattr(layer, "bias", None)
            age = "pretrained" if "backbone" in layer_name.split(".") else "new"
            found[f"{layer_name}.{name}".removeprefix(".")] = f"{age} {'bias' if is_bias else 'weight'}"
    return found


FACTORS = {"pretrained weight": 1, "pretrained bias": 2, "new weight": 10, "new bias": 20}


def classifier() -> tuple[nn.Module, nn.Module, Training]:
    network = Classifier(backbone(), 3)
    return PuzzleLosses(network, TrainCls().puzzle), network.backbone, TrainCls()


def deeplab() -> tuple[nn.Module, nn.Module, Training]:
    network = DeepLab(backbone(), 3, width=8)
    return SegmentationLoss(network), network.backbone, Seg()


@pytest.mark.parametrize(
    ("build", "present"), [(classifier, {"pretrained weight", "pretrained bias", "new weight"}), (deeplab, {*FACTORS})]
)
def test_rates_are_times_1_2_10_20_and_biases_are_not_decayed(build, present):
    module, pretrained, settings = build()
    role_of = roles(module)
    assert set(role_of.values()) == present  # the classifier's head has no bias
    found = groups(make_optimiser(module, pretrained, settings), module)
    assert found == {
        name: (FACTORS[role], settings.lr, settings.weight_decay if role.endswith("weight") else 0.0)
        for name, role in role_of.items()
    }


def test_a_rate_is_set_for_each_group_in_its_proportion():
    module, pretrained, settings = deeplab()
    optimiser = make_optimiser(module, pretrained, settings)
    for rate in (0.5, 0.003):
        set_rate(optimiser, rate)
        rates = {role: groups(optimiser, module)[name][1] for name, role in roles(module).items()}
        assert rates == {role: pytest.approx(rate * factor) for role, factor in FACTORS.items()}


@pytest.mark.parametrize("layer", [nn.BatchNorm2d, nn.GroupNorm])
def test_scales_of_normalisation_layers_are_weights_and_decayed(layer):
    module, pretrained, settings = deeplab()
    found = groups(make_optimiser(module, pretrained, settings), module)
    layers = [name for name, m in module.named_modules() if isinstance(m, layer)]
    factor = 1 if layer is nn.BatchNorm2d else 10
    assert layers
    for name in layers:
        assert found[f"{name}.weight"] == (factor, 0.007, 4e-5)
        assert found[f"{name}.bias"] == (2 * factor, 0.007, 0.0)


@pytest.mark.parametrize("kind", [BoundaryNet, FeatureNet])
def test_a_pair_network_is_one_group_biases_and_all(kind):
    """The authors name one rate and one decay for the whole head; the backbone is not trained."""
    module = AffinityLosses(kind(backbone()), radius=2)
    found = groups(make_optimiser(module, None, Affinity()), module)
    assert set(found.values()) == {(1.0, 0.1, 1e-4)}
    assert found.keys() == {name for name, role in roles(module).items() if role.startswith("new")}


def test_biases_are_decayed_where_the_recipe_says_so():
    module, pretrained, _ = deeplab()
    found = groups(make_optimiser(module, pretrained, Seg(decay_biases=True)), module)
    assert {decay for _, _, decay in found.values()} == {4e-5}


def test_what_does_not_train_is_in_no_group():
    module, pretrained, settings = classifier()
    frozen = [name for name, _ in module.named_parameters() if ".maps.0." in name]
    for name in frozen:
        module.get_parameter(name).requires_grad_(False)
    found = groups(make_optimiser(module, pretrained, settings), module)
    assert frozen
    assert found.keys() == {name for name, _ in module.named_parameters()} - set(frozen)


# exp(0.9 · ln(1 − t/10)) for t = 0..9, from a table of logarithms
POLY = (1.0, 0.909533, 0.818052, 0.725418, 0.631446, 0.535887, 0.438383, 0.338383, 0.234924, 0.125893)


@pytest.mark.parametrize(("step", "share"), list(enumerate(POLY)))
def test_the_rate_falls_each_step_as_the_power_0_9_of_what_is_left(step, share):
    for settings in (TrainCls(), Affinity(), Seg()):
        assert poly_rate(step, 10, settings) == pytest.approx(settings.lr * share, rel=1e-5)
        assert poly_rate(step * 495, 4950, settings) == pytest.approx(settings.lr * share, rel=1e-5)


@pytest.mark.parametrize("name", [name for name in recipe_names() if name.startswith("voc_")])
def test_momentum_is_the_weight_decay_with_nesterov_in_the_papers_recipes(name):
    recipe = load_recipe(name)
    for settings, momentum in ((recipe.train_cls, 1e-4), (recipe.affinity, 1e-4), (recipe.seg, 4e-5)):
        assert settings.momentum == settings.weight_decay == momentum
        optimiser = make_optimiser(nn.Linear(2, 2), None, settings)
        for group in optimiser.param_groups:
            assert (group["momentum"], group["nesterov"], group["dampening"]) == (momentum, True, 0)


def nesterov(start: float, gradients: list[float], rates: list[float], momentum: float, decay: float) -> list[float]:
    """Stochastic gradient descent by the book: velocity v ← μ·v + g, step −rate·(g + μ·v), g with decay·w added."""
    weight, velocity, weights = start, 0.0, []
    for gradient, rate in zip(gradients, rates, strict=True):
        pull = gradient + decay * weight
        velocity = momentum * velocity + pull
        weight -= rate * (pull + momentum * velocity)
        weights.append(weight)
    return weights


class Slopes(nn.Module):
    """A pretrained and a new layer of one weight and one bias; the loss is a given slope times each."""

    def __init__(self) -> None:
        super().__init__()
        self.old, self.new = nn.Linear(1, 1), nn.Linear(1, 1)


@pytest.mark.parametrize(
    "settings",
    [TrainCls(), Seg(), TrainCls(momentum=0.9, weight_decay=0.01, lr=0.05), Affinity(momentum=0.0, weight_decay=0.1)],
    ids=["train-cls", "seg", "real momentum", "affinity without momentum"],
)
def test_two_steps_are_those_of_the_textbook(settings):
    network: Any = Slopes().double()
    slopes = {"old.weight": (0.5, -0.2), "old.bias": (1.0, 0.3), "new.weight": (-0.7, 0.4), "new.bias": (0.2, 0.9)}
    starts = {"old.weight": 1.5, "old.bias": -0.5, "new.weight": 0.25, "new.bias": 2.0}
    with torch.no_grad():
        for name, value in starts.items():
            network.get_parameter(name).fill_(value)
    optimiser = make_optimiser(network, network.old, settings)
    found: dict[str, list[float]] = {name: [] for name in slopes}
    for step in range(2):
        set_rate(optimiser, poly_rate(step, 4, settings))
        for name, pair in slopes.items():
            network.get_parameter(name).grad = torch.full_like(network.get_parameter(name), pair[step])
        optimiser.step()
        for name, weights in found.items():
            weights.append(network.get_parameter(name).item())
    for name, pair in slopes.items():
        age, kind = name.split(".")
        factor = (1 if age == "old" else settings.new_lr) * (1 if kind == "weight" else settings.bias_lr)
        rates = [factor * settings.lr * left**0.9 for left in (1.0, 0.75)]
        decay = settings.weight_decay if kind == "weight" or isinstance(settings, Affinity) else 0.0
        assert found[name] == pytest.approx(nesterov(starts[name], list(pair), rates, settings.momentum, decay))


def test_a_real_momentum_makes_steps_about_ten_times_as_long():
    """Why the paper's recipes keep the authors' slip: under a steady slope, 1 / (1 − 0.9) = 10."""

    def walked(momentum: float) -> float:
        network: Any = Slopes().double()
        before = network.old.weight.item()
        optimiser = make_optimiser(network, network, TrainCls(momentum=momentum, weight_decay=0))
        for _ in range(200):
            for parameter in network.parameters():
                parameter.grad = torch.ones_like(parameter)
            optimiser.step()
        return before - network.old.weight.item()

    assert walked(0.9) / walked(1e-4) == pytest.approx(10, rel=0.05)


def test_a_fused_step_is_the_same_step() -> None:
    """On a GPU one kernel takes it; that it knows momentum, decay and groups as we use them is seen on a CPU too."""
    torch.manual_seed(0)
    networks = [backbone(), backbone()]
    for network, fused in zip(networks, (False, True), strict=True):
        optimiser = make_optimiser(network, None, TrainCls())
        assert not any(group["fused"] for group in optimiser.param_groups)  # on a CPU it gains nothing
        for group in optimiser.param_groups:
            group["fused"] = fused
        for step in range(3):
            set_rate(optimiser, poly_rate(step, 3, TrainCls()))
            sum(map(Tensor.sum, network(torch.ones(2, 3, 32, 32)))).backward()  # type: ignore[union-attr]
            optimiser.step()
    for one, other in zip(*(network.parameters() for network in networks), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-7)
