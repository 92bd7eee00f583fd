"""The cases of `python -m tests.benchmarks`: each method, its plain form, and what is wanted of it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from puzzlecam_cli.data.pixels.photo_file import open_image
from puzzlecam_cli.data.transforms import generator_for, normalize, random_view
from puzzlecam_cli.method.affinity import edges_to_affinity
from puzzlecam_cli.method.cam import sum_scales
from puzzlecam_cli.method.constants import PREDICTION_KERNELS
from puzzlecam_cli.method.crf import DenseCrf, dense_crf, label_probabilities
from puzzlecam_cli.method.crf_torch import TorchField
from puzzlecam_cli.method.labels import best
from puzzlecam_cli.method.metrics import threshold_sweep
from puzzlecam_cli.method.random_walk import random_walk
from puzzlecam_cli.run.artifacts import read_cams, write_cams
from tests.benchmarks import plain
from tests.benchmarks.measure import Pair
from tests.benchmarks.scenes import SIZE, edges, maps, photo

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def walk(height: int, width: int, dense: str, kind: str = "scene") -> Pair:
    """`dense`: "all" of the plain walk is run, one "step" of its eight squarings, or "none"; `kind` of `edges`."""
    scores, boundary = maps(3, height, width), edges(height, width, kind)

    def error() -> float:
        exact = random_walk(scores.double(), boundary.double(), tolerance=0.0)
        return float((random_walk(scores, boundary) - exact).abs().max() / exact.max())

    def ours() -> Tensor:
        return random_walk(scores, boundary)

    if dense == "none":
        return Pair(ours, error=error)
    if dense == "all":
        return Pair(ours, lambda: plain.dense_walk(scores, boundary), error)
    count = height * width

    def square() -> Tensor:
        matrix = torch.ones(count, count)  # what it holds does not matter to the cost
        return matrix @ matrix

    return Pair(ours, square, error, plain_times=8)


def path_affinity(batch: int, height: int, width: int, radius: int, train: bool) -> Pair:
    boundary = torch.stack([edges(height, width).roll(7 * number, 1) for number in range(batch)])
    paths = plain.path_indices(height, width, radius)
    forms: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda e: edges_to_affinity(e, radius).flatten(2),
        lambda e: plain.path_affinity(e, paths),
    )
    weight = torch.randn(forms[0](boundary).shape) if train else None

    def run(form: Callable[[Tensor], Tensor]) -> Tensor:
        given = boundary.clone().requires_grad_(train)
        affinity = form(given)
        if weight is not None:
            torch.autograd.backward(affinity, weight)
        return affinity.detach()

    def error() -> float:
        return float((run(forms[0]) - run(forms[1])).abs().max())

    return Pair(lambda: run(forms[0]), lambda: run(forms[1]), error)


def sweep(thresholds: int) -> Pair:
    scores, classes = maps(3, *SIZE), torch.tensor([2, 7, 15])
    mask = torch.from_numpy(photo(*SIZE)[1]).long()
    levels = torch.linspace(0, 1, thresholds).tolist()
    given = (scores, classes, mask, levels, 20)

    def error() -> float:
        return float((threshold_sweep(*given) - plain.sweep(*given)).abs().max())

    return Pair(lambda: threshold_sweep(*given), lambda: plain.sweep(*given), error)


def field(labels: int, iterations: int) -> Pair:
    """The CRF of a photo's predictions by PyTorch and by pydensecrf."""
    image = photo(*SIZE)[0]
    probabilities = maps(labels, *SIZE).mul(4).softmax(0)
    unary = probabilities.log().neg().reshape(labels, -1).numpy()

    def ours() -> NDArray[np.float32]:
        return TorchField(image, labels, PREDICTION_KERNELS).infer(unary, iterations)

    def theirs() -> NDArray[np.float32]:
        from puzzlecam_cli.method.crf_pydensecrf import PydensecrfField

        return PydensecrfField(image, labels, PREDICTION_KERNELS).infer(unary, iterations)

    return Pair(ours, theirs, lambda: float(np.abs(ours() - theirs()).mean()))


def shared_lattice() -> Pair:
    """The two CRF runs of a photo's affinity labels, with the recipes' kernels."""
    picture, labels = photo(*SIZE)
    image, sure = torch.from_numpy(picture), torch.from_numpy(np.minimum(labels, 1)).long()
    cuts = [label_probabilities(cut, 2) for cut in (sure, sure.roll(9, 1))]
    kernels: dict[str, Any] = {
        "smooth_xy": 3.0,
        "smooth_weight": 3.0,
        "colour_xy": 50.0,
        "colour_rgb": 5.0,
        "colour_weight": 10.0,
    }

    def ours() -> Tensor:
        field = DenseCrf(image, 2, **kernels)
        return torch.stack([best(field.infer(cut, 10)) for cut in cuts])

    def twice() -> Tensor:
        return torch.stack([best(dense_crf(image, cut, iterations=10, **kernels)) for cut in cuts])

    return Pair(ours, twice, lambda: float((ours() != twice()).sum()))


def map_file() -> Pair:
    """One photo's maps of two classes at four scales, beside float32 maps at stride 4 and full size of the authors."""
    folder = Path(tempfile.mkdtemp())
    scales = (0.5, 1.0, 1.5, 2.0)
    drawn = [_small_maps(2, scale) for scale in scales]
    write_cams(folder / "ours.npz", (3, 8), SIZE, scales, drawn)
    exact = {"keys": np.array([3, 8]), "cam": sum_scales(drawn, SIZE, 4).numpy()}
    exact["hr_cam"] = sum_scales(drawn, SIZE, 1).numpy()
    np.save(folder / "plain.npy", np.array(exact))
    sizes = tuple((folder / name).stat().st_size for name in ("plain.npy", "ours.npz"))

    def error() -> float:
        rebuilt = read_cams(folder / "ours.npz", stride=1)[1]
        return float(np.abs(rebuilt.numpy() - exact["hr_cam"]).max())

    def theirs() -> Any:
        return np.load(folder / "plain.npy", allow_pickle=True)

    return Pair(lambda: read_cams(folder / "ours.npz", stride=4), theirs, error, sizes=(sizes[0], sizes[1]))


def _small_maps(count: int, scale: float) -> Tensor:
    return 9 * maps(count, *(-(-round(side * scale) // 16) for side in SIZE))


def sum_of_scales() -> Pair:
    """Of 20 classes a photo has one."""
    every, rows = [_small_maps(20, scale) for scale in (0.5, 1.0, 1.5, 2.0)], [7]

    def ours() -> tuple[Tensor, Tensor]:
        kept = [m[rows] for m in every]
        return sum_scales(kept, SIZE, 4), sum_scales(kept, SIZE, 1)

    def theirs() -> tuple[Tensor, Tensor]:
        return plain.sum_all_classes(every, rows, SIZE)

    def error() -> float:
        return max(float((a - b).abs().max()) for a, b in zip(ours(), theirs(), strict=True))

    return Pair(ours, theirs, error)


def inference(name: str, height: int, width: int, bf16: bool) -> Pair:
    """A photo and its mirror image through a classifier of 20 classes, with random weights and statistics."""
    from accelerate import Accelerator

    from puzzlecam_cli.engine.accelerator import for_inference, on_device
    from puzzlecam_cli.models.backbone import load_backbone
    from puzzlecam_cli.models.classifier import Classifier

    accelerator = Accelerator(cpu=True, mixed_precision="bf16" if bf16 else "no")
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        network = Classifier(load_backbone(name), 20)
        for norm in (m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.2)  # type: ignore[union-attr]
            norm.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
        networks.append(network.eval())
    fast = for_inference(networks[0], accelerator)
    view = normalize(photo(height, width)[0], MEAN, STD)
    pair = torch.stack([view, view.flip(-1)])

    @torch.inference_mode()
    def ours() -> Tensor:
        with accelerator.autocast():
            maps: Tensor = fast(on_device(pair, accelerator, fast)).float()
        return maps

    @torch.inference_mode()
    def theirs() -> Tensor:
        exact: Tensor = networks[1](pair)
        return exact

    def error() -> float:
        exact = theirs()
        return float((ours() - exact).abs().max() / exact.abs().max())

    return Pair(ours, theirs, error)


def loading() -> Pair:
    """Views of one JPEG: a side of 320 to 640 pixels, a crop of 512."""
    path = Path(tempfile.mkdtemp()) / "photo.jpg"
    Image.fromarray(photo(*SIZE)[0]).save(path, quality=92)
    numbers = range(40)  # whose sides are of 480 pixels on average; those of the first 10 are longer

    def ours(number: int) -> Tensor:
        drawn = generator_for(0, 0, number)
        return random_view(open_image(path), None, drawn, resize=(320, 640), crop=512, mean=MEAN, std=STD)[0]

    def theirs(number: int) -> Tensor:
        return plain.view(path, generator_for(0, 0, number), MEAN, STD)

    def error() -> float:  # in grey levels, which both forms have whole numbers of
        level = 255 * torch.tensor(STD)[:, None, None]
        return max(float(((ours(n) - theirs(n)) * level).round().abs().max()) for n in numbers)

    def every(form: Callable[[int], Tensor]) -> None:
        for number in numbers:
            form(number)

    return Pair(lambda: every(ours), lambda: every(theirs), error)


def start_up(*arguments: str) -> Pair:
    """A command beside the libraries that it must not load."""

    def python(*given: str) -> None:
        subprocess.run([sys.executable, *given], capture_output=True)

    heavy = "import torch, timm, accelerate"
    return Pair(lambda: python("-m", "puzzlecam_cli", *arguments), lambda: python("-c", heavy), wall=True)
