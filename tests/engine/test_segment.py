"""What a network sees of a photo: views merged as the formula says, and large photos in tiles without a seam."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from PIL import Image
from torch import Tensor, nn

from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.data.pixels.sizes import is_tiled, side_of
from puzzlecam_cli.data.transforms import normalize, resized
from puzzlecam_cli.engine.place import Device
from puzzlecam_cli.engine.refine import Labels, Segmented
from puzzlecam_cli.engine.segment import Segmenter
from puzzlecam_cli.engine.tiles import Box, tiles, window
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf import dense_crf
from puzzlecam_cli.method.regions import of_one_mind
from puzzlecam_cli.recipe.schema import Predict, Runtime
from puzzlecam_cli.registry import crf_engine

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.3, 0.25)


class Local(nn.Module):
    """Logits of four labels, of what lies within a few pixels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1))
        self.to(memory_format=torch.channels_last)
        self.largest = 0

    def forward(self, images: Tensor) -> Tensor:
        self.largest = max(self.largest, *images.shape[-2:])
        logits: Tensor = self.layers(images)
        return logits


def photo(height: int, width: int) -> Image.Image:
    coarse = np.random.default_rng(0).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def settings(**changes: object) -> Predict:
    values = {"scales": (0.5, 1.0, 1.5), "crf": {"iterations": 2}, **changes}
    return Predict.model_validate(values)


def segmenter(chosen: Predict, network: nn.Module | None = None) -> Segmenter:
    return Segmenter(network or Local(), MEAN, STD, chosen, Device(torch.device("cpu")))


@torch.inference_mode()
def plain(network: nn.Module, image: Image.Image, chosen: Predict, size: tuple[int, int]) -> Tensor:
    """As `seg` predicted before tiles, view by view."""
    whole = 1.0 if chosen.longer_side is None else chosen.longer_side / max(image.size)
    total = torch.zeros(())
    for scale in chosen.scales:
        view = normalize(resized(image, whole * scale), MEAN, STD)
        both = torch.stack([view, view.flip(-1)] if chosen.flip else [view])
        logits = network(both.contiguous(memory_format=torch.channels_last))[None]
        summed = logits[:, 0] + logits[:, 1].flip(-1) if chosen.flip else logits[:, 0]
        total = total + F.interpolate(summed, size, mode="bilinear", align_corners=False)
    return total.softmax(dim=1)[0]


WAYS = {
    "as recipes do": {},
    "without mirror images": {"flip": False},
    "at one length": {"longer_side": 50},
    "with a CRF of a shrunk photo": {"crf": {"iterations": 1, "largest_side": 30}},
    "without tiles": {"tile": None},
    "at the limit": {"tile": 83, "scales": (1.0,)},
}


@pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS.keys())
def test_a_photo_is_predicted_as_before_tiles_bit_for_bit(changes: dict[str, object], tmp_path: Path) -> None:
    chosen, network, image = settings(**changes), Local(), photo(61, 83)
    image.save(tmp_path / "a.png")
    shown = (22, 30) if chosen.crf.largest_side else (61, 83)
    wanted = plain(network, image, chosen, shown)
    alone = segmenter(chosen, network).photo(image)
    ((index, loaded),) = segmenter(chosen, network).photos([Photo("a", tmp_path / "a.png")], Runtime(workers=0))
    for found in (alone, loaded):
        assert isinstance(found, Segmented)
        assert np.array_equal(found.probabilities, wanted.numpy())
        pixels = image if shown == (61, 83) else image.resize(shown[::-1], Image.Resampling.BOX)
        assert np.array_equal(found.image, np.array(pixels))
    refined = dense_crf(torch.from_numpy(np.array(pixels)), wanted, iterations=chosen.crf.iterations)
    assert isinstance(alone, Segmented)
    labels = alone.labelled(chosen.crf, crf_engine()).labels
    assert index == 0
    assert labels.shape == (61, 83)
    if shown == (61, 83):
        assert torch.equal(labels, refined.argmax(dim=0).to(torch.uint8))


def test_a_photo_that_was_always_whole_needs_no_accelerator_of_ours() -> None:
    """An `Accelerator` and a `Device` are the same place."""
    chosen, network = settings(), Local()
    ours = segmenter(chosen, network).photo(photo(40, 40))
    theirs = Segmenter(network, MEAN, STD, chosen, Accelerator(cpu=True)).photo(photo(40, 40))
    assert isinstance(ours, Segmented)
    assert isinstance(theirs, Segmented)
    assert np.array_equal(ours.probabilities, theirs.probabilities)


NEAR = {"iterations": 2, "colour_xy": 4, "smooth_xy": 1}  # a CRF as far-reaching in these tiles as in large ones
LARGE: dict[str, tuple[dict[str, object], tuple[int, int]]] = {
    "seen as it is": ({}, (200, 310)),
    "one line of tiles": ({}, (40, 300)),
    "without a CRF": ({"crf": {"iterations": 0}}, (200, 310)),
    "seen at one length": ({"longer_side": 100}, (200, 310)),
    "seen larger than it is": ({"longer_side": 260}, (60, 90)),
    "with a CRF of a shrunk photo": ({"crf": NEAR | {"largest_side": 90}}, (200, 310)),
    "with a CRF of a slightly shrunk photo": ({"crf": NEAR | {"largest_side": 250}}, (200, 310)),
}


@pytest.mark.parametrize(("changes", "size"), LARGE.values(), ids=LARGE.keys())
def test_tiles_give_nearly_what_the_whole_photo_gives(changes: dict[str, object], size: tuple[int, int]) -> None:
    """The network sees a few pixels around each, which lie in the margin; what differs is the resizing's rounding."""
    chosen, network, image = (
        settings(**{"scales": (1.0, 2.0), "tile": 128, "crf": NEAR, **changes}),
        Local(),
        photo(*size),
    )
    found = segmenter(chosen, network).photo(image)
    assert network.largest <= (200 if chosen.longer_side == 100 else 128)
    labels = found if isinstance(found, Labels) else found.labelled(chosen.crf, crf_engine())
    whole = segmenter(chosen.model_copy(update={"tile": None}), network).photo(image)
    assert isinstance(whole, Segmented)
    wanted = whole.labelled(chosen.crf, crf_engine())
    assert labels.labels.shape == labels.confidence.shape == size
    assert (labels.labels == wanted.labels).float().mean() > 0.95
    assert (labels.confidence.float() - wanted.confidence.float()).abs().mean() < 10


def test_tags_rule_out_all_other_classes() -> None:
    for tile in (None, 64):
        found = segmenter(settings(tile=tile, scales=(1.0,))).photo(photo(70, 90), tags=(2,))
        labels = found if isinstance(found, Labels) else found.labelled(settings().crf, crf_engine())
        assert set(np.unique(labels.labels).tolist()) <= {0, 2}
    none = segmenter(settings()).photo(photo(70, 90), tags=())
    assert isinstance(none, Segmented)
    assert not none.labelled(settings().crf, crf_engine()).labels.any()
    assert (none.labelled(settings().crf, crf_engine()).confidence == 255).all()


def test_regions_decide_together_before_the_crf_in_whole_photos_and_in_tiles() -> None:
    plain, together = (settings(region_power=power, crf={"iterations": 0}) for power in (0.0, 3.0))
    image = photo(40, 60)
    seen = segmenter(plain).photo(image)
    assert isinstance(seen, Segmented)
    chances = torch.from_numpy(seen.probabilities)
    for tags in (None, (1, 3)):
        found = segmenter(together).photo(image, tags)
        assert isinstance(found, Segmented)
        rows = [0, *(tags or (1, 2, 3))]
        kept = chances[rows] / chances[rows].sum(dim=0)
        wanted = torch.zeros_like(chances)
        wanted[rows] = of_one_mind(kept, 3.0)
        torch.testing.assert_close(found.refined(together.crf, crf_engine()), wanted)
        assert not torch.equal(wanted[rows].argmax(dim=0), kept.argmax(dim=0))  # or nothing was to be decided
    large = photo(100, 150)
    whole, in_tiles = (segmenter(chosen.model_copy(update={"tile": 64})).photo(large) for chosen in (plain, together))
    assert isinstance(whole, Labels)
    assert isinstance(in_tiles, Labels)
    assert torch.equal(whole.labels == 0, in_tiles.labels == 0)
    assert not torch.equal(whole.labels, in_tiles.labels)


def test_tiles_cover_each_pixel_once_and_are_no_larger_than_they_may_be() -> None:
    for size in ((1, 1), (100, 1), (97, 203), (128, 64), (129, 500)):
        seen = np.zeros(size, int)
        for outer, inner in tiles(size, 64):
            assert max(outer.size) <= 64
            assert 0 <= outer.top <= inner.top < inner.bottom <= outer.bottom <= size[0]
            assert 0 <= outer.left <= inner.left < inner.right <= outer.right <= size[1]
            inner.of(seen)[:] += 1
        assert (seen == 1).all()


def test_a_window_is_a_part_of_what_is_enlarged() -> None:
    logits = torch.randn(3, 7, 9)
    whole = F.interpolate(logits[None], (50, 41), mode="bilinear", align_corners=False)[0]
    box = Box(10, 0, 50, 33)
    torch.testing.assert_close(window(logits, (50, 41), box), box.of(whole), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("size", "changes", "wanted"),
    [
        ((2048, 100), {}, False),
        ((2049, 100), {}, True),
        ((9000, 12000), {"tile": None}, False),
        ((9000, 12000), {"longer_side": 500, "crf": {"largest_side": 1000}}, False),
        ((9000, 12000), {"longer_side": 500}, True),
        ((9000, 12000), {"crf": {"largest_side": 1000}}, True),
        ((100, 100), {"longer_side": 3000}, True),
    ],
)
def test_only_photos_beyond_the_limit_are_tiled(
    size: tuple[int, int], changes: dict[str, object], wanted: bool
) -> None:
    assert is_tiled(size, settings(**changes)) is wanted


@pytest.mark.parametrize("scales", [(1.0,), (0.5, 2.0), (8.0,)])
def test_no_view_of_a_tile_is_larger_than_the_limit(scales: tuple[float, ...]) -> None:
    assert side_of(settings(scales=scales)) * max(scales) <= 2048
    assert side_of(settings(scales=scales), ratio=4.0) * 4 * max(scales) <= 2048


def test_a_large_photo_tells_of_each_tile(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    chosen = settings(tile=64, scales=(1.0,), crf={"iterations": 0})
    made = Segmenter(Local(), MEAN, STD, chosen, Device(torch.device("cpu")), report=lambda *done: told.append(done))
    made.photo(photo(50, 90))
    assert told == [(done, told[0][1]) for done in range(1, told[0][1] + 1)]
    assert told[0][1] > 1


@pytest.mark.parametrize("tile", [None, 64], ids=["a small photo", "a large one"])
def test_a_photo_that_cannot_be_read_is_told_of_by_its_id_and_the_others_go_on(
    tile: int | None, tmp_path: Path
) -> None:
    photo(50, 90).save(tmp_path / "good.png")
    whole = (tmp_path / "good.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    names = ["cut", "good", "gone"]
    photos = [Photo(name, tmp_path / f"{name}.png") for name in names]
    failed: list[UserError] = []
    found = [*segmenter(settings(tile=tile)).photos(photos, Runtime(workers=0), failed=failed.append)]
    assert [index for index, _ in found] == [1]
    assert [error.ids for error in failed] == [("cut",), ("gone",)] or [error.ids for error in failed] == [
        ("gone",),
        ("cut",),
    ]
    with pytest.raises(UserError, match="cut"):
        list(segmenter(settings(tile=tile)).photos(photos[:1], Runtime(workers=0)))


@pytest.mark.parametrize("tile", [None, 64])
def test_what_overflows_is_refused(tile: int | None) -> None:
    network = Local()
    with torch.no_grad():
        network.get_parameter("layers.2.bias")[1] = torch.inf
    with pytest.raises(UserError, match="map-not-finite"):
        segmenter(settings(tile=tile), network).photo(photo(70, 90))
