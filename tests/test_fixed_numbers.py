"""The numbers of the paper and its authors' code that no recipe carries: where each lives, read off the thing itself.

Those that a recipe carries: `recipe/test_fidelity_table.py`. Layers and strides of the backbones:
`models/test_fidelity.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import exp, log
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from puzzlecam_cli.data.kinds.voc import SHIPPED_LISTS, VOC_CLASSES
from puzzlecam_cli.data.loaders import TrainingBatches
from puzzlecam_cli.method.affinity import affinity_loss, edges_to_affinity, neighbour_offsets
from puzzlecam_cli.method.cam import normalize_cams
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.method.crf import DenseCrf, label_probabilities
from puzzlecam_cli.method.metrics import iou_from_confusion
from puzzlecam_cli.method.puzzle import alpha_at
from puzzlecam_cli.models.backbone import IMAGENET_MEAN, IMAGENET_STD, Backbone, load_backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.classifier import Classifier
from puzzlecam_cli.models.deeplab import RATES, DeepLab, _upsample
from puzzlecam_cli.models.feature_net import FeatureNet
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Training
from puzzlecam_cli.stages.affinity import AffinityLosses


@cache
def built(kind: str) -> Any:
    """A network of the paper on ResNet-50, without memory or time."""
    make: dict[str, Callable[[Backbone], nn.Module]] = {
        "classifier": lambda backbone: Classifier(backbone, 20),
        "boundary": BoundaryNet,
        "feature": FeatureNet,
        "deeplab": lambda backbone: DeepLab(backbone, 21),
    }
    with torch.device("meta"):
        return make[kind](load_backbone("resnet50"))


def head(kind: str, layer: type[nn.Module]) -> Iterator[Any]:
    """The layers of a network outside its backbone."""
    yield from (m for name, m in built(kind).named_modules() if isinstance(m, layer) and "backbone" not in name)


def steps(settings: Training) -> int:
    return len(TrainingBatches(10_582, settings.batch, settings.epochs, 0))


def lowest_probability() -> float:
    """What the CRF makes of a probability of 0: its unary term, back to a probability."""
    field: Any = DenseCrf(torch.zeros(1, 1, 3, dtype=torch.uint8), 2)
    terms: list[Any] = []

    def infer(unary: np.ndarray, iterations: int) -> np.ndarray:
        terms.append(unary)
        return np.zeros((2, 1), np.float32)

    field._field = SimpleNamespace(infer=infer)
    field.infer(torch.tensor([0.0, 1.0]).reshape(2, 1, 1), 1)
    return exp(-float(terms[0].max()))


def loss_of(kind: str) -> float:
    """The affinity loss of four pairs, those of one kind with affinity 0.3 (different: 0.7), the others certain."""
    pairs = torch.eye(3, 4, dtype=torch.bool)[:, None, None]  # background, foreground, different; the last: none
    affinity = torch.tensor([1.0, 1.0, 0.0, 0.5], dtype=torch.float64)
    place = ("background", "foreground", "different").index(kind)
    affinity[place] = 0.7 if kind == "different" else 0.3
    return float(affinity_loss(affinity[None, None], *pairs)) / -log(0.3)


VOC = load_recipe("voc_resnet50")

# (what, value, whose and where it is said, where it lives, the value found there)
ROWS: tuple[tuple[str, Any, str, str, Callable[[], Any]], ...] = (
    ("object classes", 20, "VOC 2012", "data/voc.py", lambda: len(VOC_CLASSES)),
    (
        "images of train_aug",
        10_582,
        "paper 4.1",
        "data/voc2012",
        lambda: len((SHIPPED_LISTS / "train_aug.txt").read_text().split()),
    ),
    ("mean colour", (0.485, 0.456, 0.406), "code: ImageNet's", "models/backbone.py", lambda: IMAGENET_MEAN),
    ("deviation of colours", (0.229, 0.224, 0.225), "code: ImageNet's", "models/backbone.py", lambda: IMAGENET_STD),
    ("ignored labels: padding, unsure, void", 255, "code", "method/constants.py", lambda: IGNORE),
    ("steps of train-cls", 4_950, "code: last batch dropped", "data/loaders.py", lambda: steps(VOC.train_cls)),
    ("steps of affinity", 990, "code: last batch dropped", "data/loaders.py", lambda: steps(VOC.affinity)),
    ("steps of seg", 16_500, "code: last batch dropped", "data/loaders.py", lambda: steps(VOC.seg)),
    (
        "first step with the whole alpha",
        2_475,
        "code: half of the steps",
        "method/puzzle.py",
        lambda: next(step for step in range(4_950) if alpha_at(step, 4_950) == 4),
    ),
    (
        "added to a map's maximum",
        1e-5,
        "code: cams",
        "method/cam.py",
        lambda: 1 / float(normalize_cams(torch.ones(1, 1, dtype=torch.float64))) - 1,
    ),
    ("bias of the classifier", None, "code: train-cls", "models/classifier.py", lambda: built("classifier").head.bias),
    ("least probability of a CRF", 1e-5, "code: probability CRF", "method/crf.py", lowest_probability),
    (
        "probability of each of 3 other labels",
        0.1,
        "code: .7 for the label, the rest shared",
        "method/crf.py",
        lambda: float(label_probabilities(torch.zeros(1, 1, dtype=torch.long), 4)[3]),
    ),
    (
        "channels a level of the boundary head",
        {32},
        "code, IRNet",
        "models/boundary_net.py",
        lambda: {c.out_channels for c in head("boundary", nn.Conv2d)} - {1},
    ),
    (
        "channels that give the boundary",
        160,
        "code, IRNet",
        "models/boundary_net.py",
        lambda: built("boundary").edge.in_channels,
    ),
    (
        "groups of the boundary head",
        {4},
        "code, IRNet",
        "models/boundary_net.py",
        lambda: {m.num_groups for m in head("boundary", nn.GroupNorm)},
    ),
    ("pixels a cell, boundary", 4, "code, IRNet", "models/backbone.py", lambda: BoundaryNet.stride),
    ("pixels a cell, feature", 8, "AffinityNet", "models/feature_net.py", lambda: FeatureNet.stride),
    (
        "channels of the features",
        448,
        "AffinityNet",
        "models/feature_net.py",
        lambda: built("feature").mix.out_channels,
    ),
    ("directions of the walk", 34, "code, IRNet", "method/affinity.py", lambda: len(neighbour_offsets(VOC.rw.radius))),
    (
        "pairs of a crop: directions, rows, columns",
        (152, 119, 110),
        "code: affinity",
        "method/affinity.py",
        lambda: tuple(edges_to_affinity(torch.zeros(1, 128, 128), VOC.affinity.radius).shape[1:]),
    ),
    ("share of background pairs", 0.25, "IRNet, Eq. 6", "method/affinity.py", lambda: loss_of("background")),
    ("share of foreground pairs", 0.25, "IRNet, Eq. 6", "method/affinity.py", lambda: loss_of("foreground")),
    ("share of different pairs", 0.5, "IRNet, Eq. 6", "method/affinity.py", lambda: loss_of("different")),
    ("rates of the pyramid", (6, 12, 18), "code: stride 16", "models/deeplab.py", lambda: RATES),
    (
        "dilations that are built",
        {1, 6, 12, 18},
        "code: stride 16",
        "models/deeplab.py",
        lambda: {c.dilation[0] for c in head("deeplab", nn.Conv2d)},
    ),
    (
        "groups of pyramid and decoder",
        {4},
        "README: group normalisation",
        "models/deeplab.py",
        lambda: {m.num_groups for m in head("deeplab", nn.GroupNorm)},
    ),
    (
        "channels of the fine map",
        48,
        "code: low-level features",
        "models/deeplab.py",
        lambda: built("deeplab").fine[0].out_channels,
    ),
    (
        "dropout of pyramid and decoder",
        [0.5, 0.5, 0.1],
        "code",
        "models/deeplab.py",
        lambda: [m.p for m in head("deeplab", nn.Dropout)],
    ),
    (
        "upsampling with aligned corners",
        [0, 0.5, 1],
        "code",
        "models/deeplab.py",
        lambda: _upsample(torch.tensor([[[[0.0, 1.0]]]]), (1, 3)).flatten().tolist(),
    ),
    (
        "classes of a mean: background counts",
        21,
        "code: eval",
        "method/metrics.py",
        lambda: len(iou_from_confusion(torch.zeros(21, 21, dtype=torch.int64))),
    ),
)


@pytest.mark.parametrize(("what", "value", "source", "where", "found"), ROWS, ids=[row[0] for row in ROWS])
def test_a_number_lives_where_the_table_says(what, value, source, where, found) -> None:
    approximate = isinstance(value, float)
    assert found() == (pytest.approx(value, rel=1e-3) if approximate else value), f"{what} [{source}] in {where}"


class Flat(nn.Module):
    """Stands for a pair network: boundaries that are a fixed picture, to look at nothing but the labels."""

    stride = 4

    def forward(self, images: Tensor) -> Tensor:
        return torch.linspace(-3, 3, 16 * 16).reshape(1, 16, 16).sin()

    def affinity(self, output: Tensor, radius: int) -> Tensor:
        return edges_to_affinity(output.sigmoid(), radius)


def test_labels_of_cells_are_those_of_a_nearest_resize() -> None:
    """The authors shrink a crop's labels with Pillow: a cell gets the label of the pixel in its middle."""
    mask = np.random.default_rng(0).integers(0, 4, (64, 64)).astype(np.uint8)
    small = np.asarray(Image.fromarray(mask).resize((16, 16), Image.Resampling.NEAREST))
    spread = small.repeat(4, axis=0).repeat(4, axis=1)
    module: Any = AffinityLosses(Flat(), radius=3)

    def loss(labels: np.ndarray) -> float:
        batch = {"image": torch.zeros(1, 3, 64, 64), "mask": torch.from_numpy(labels.astype(np.int64))[None]}
        return float(module(batch)["loss_different"])

    assert (mask != spread).any()
    assert loss(mask) == loss(spread)
    assert loss(mask) != loss(np.roll(mask, 1, axis=1))
