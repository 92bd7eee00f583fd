"""Batches that a resumed or divided training repeats exactly, and errors that survive worker processes."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from puzzlecam_cli.data import shared_memory
from puzzlecam_cli.data.loaders import (
    Loading,
    ScaledPhotos,
    TrainingBatches,
    TrainingViews,
    photo_loader,
    training_loader,
)
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run import context as stage_context

PLAIN: dict[str, Any] = {"mean": (0, 0, 0), "std": (1, 1, 1)}


def photos(folder: Path, count: int = 3) -> list[Photo]:
    """Grey pictures; the brightness is 10 times the index."""
    made = []
    for index in range(count):
        path = folder / f"{index}.png"
        Image.new("RGB", (40, 24), (10 * index,) * 3).save(path)
        made.append(Photo(str(index), path, tags=tuple(range(1, index + 1))))
    return made


def views(given: list[Photo], **settings: Any) -> TrainingViews:
    return TrainingViews(given, num_classes=3, seed=0, resize=(32, 32), crop=32, **PLAIN, **settings)


def all_steps(**settings: Any) -> list[list[tuple[int, int]]]:
    return list(TrainingBatches(**({"count": 12, "batch": 4, "epochs": 3, "seed": 0} | settings)))


def test_every_photo_comes_once_an_epoch():
    steps = all_steps()
    assert len(steps) == len(TrainingBatches(12, 4, 3, 0)) == 9
    for epoch in range(3):
        keys = list(chain(*steps[3 * epoch : 3 * epoch + 3]))
        assert sorted(keys) == [(epoch, index) for index in range(12)]


def test_epochs_and_seeds_are_shuffled_differently():
    def orders(seed: int) -> list[tuple[int, ...]]:
        steps = all_steps(seed=seed)
        return [tuple(index for _, index in chain(*steps[3 * e : 3 * e + 3])) for e in range(3)]

    assert len({*orders(0), *orders(1)}) == 6
    assert orders(0) == orders(0)


def test_a_last_smaller_batch_is_dropped():
    steps = all_steps(count=14)
    assert [len(step) for step in steps] == [4] * 9
    for epoch in range(3):
        assert len(set(chain(*steps[3 * epoch : 3 * epoch + 3]))) == 12


def test_fewer_photos_than_a_batch_make_one_smaller_batch():
    assert [sorted(step) for step in all_steps(count=3)] == [[(e, i) for i in range(3)] for e in range(3)]


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
def test_processes_share_each_batch_without_overlap(processes):
    shares = [all_steps(process=number, processes=processes) for number in range(processes)]
    for whole, *parts in zip(all_steps(), *shares, strict=True):
        assert sorted(chain(*parts)) == sorted(whole)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("first_step", [0, 1, 3, 4, 8, 9])
def test_a_resumed_training_gets_exactly_the_rest(first_step):
    assert all_steps(first_step=first_step) == all_steps()[first_step:]
    assert len(TrainingBatches(12, 4, 3, 0, first_step=first_step)) == 9 - first_step


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_carry_pictures_tags_and_masks(tmp_path, workers):
    given = photos(tmp_path)
    for photo in given:
        Image.fromarray(np.full((24, 40), int(photo.id), np.uint8)).save(tmp_path / f"mask{photo.id}.png")
    source = views(given, mask_of=MaskOf(tmp_path))
    batches = TrainingBatches(3, 3, 2, 0)
    seen = list(training_loader(source, batches, Loading(workers)))
    assert len(seen) == 2
    for batch, keys in zip(seen, batches, strict=True):
        order = [index for _, index in keys]
        assert batch["image"].shape == (3, 3, 32, 32)
        assert batch["mask"].shape == (3, 32, 32)
        np.testing.assert_allclose(batch["image"].amax(dim=(1, 2, 3)).numpy() * 255, [10 * i for i in order], atol=1e-3)
        assert batch["tags"].tolist() == [[float(c < i) for c in range(3)] for i in order]
        assert [set(mask.unique().tolist()) for mask in batch["mask"]] == [{i, 255} for i in order]


class MaskOf:
    """Importable, so that worker processes may be spawned."""

    def __init__(self, folder: Path):
        self.folder = folder

    def __call__(self, name: str, epoch: int) -> Path:
        return self.folder / f"mask{name}.png"


@pytest.mark.parametrize(("side", "rows"), [("longer", 19), ("shorter", 32)])
def test_views_draw_the_side_they_are_asked_for(tmp_path, side, rows):
    """Photos of 40 × 24 pixels, one side of which becomes 32."""
    item = views(photos(tmp_path), resize_side=side)[0, 2]
    assert int((item["image"][0] > 0).any(dim=1).sum()) == rows


@pytest.mark.parametrize("section", ["train_cls", "affinity", "seg"])
@pytest.mark.parametrize("side", ["longer", "shorter"])
def test_a_training_draws_the_side_its_recipe_names(section, side, monkeypatch):
    tasks: list[Any] = []
    monkeypatch.setattr(stage_context, "train", lambda task, *_: tasks.append(task))
    recipe = load_recipe("voc_resnet50", [f"{section}.resize_side={side}"])
    folder = SimpleNamespace(root=Path(), training=Path)
    accelerator = SimpleNamespace(is_main_process=False, device=torch.device("cpu"))
    run = SimpleNamespace(recipe=recipe, photos=SimpleNamespace(classes=()))
    context: Any = stage_context.Context(section, run, folder, accelerator, print)
    vars(context).update(train_photos=[])
    context.train(None, getattr(recipe, section), SimpleNamespace(**PLAIN), pretrained=None, freeze_batchnorm=False)
    assert tasks[0].views.resize_side == side


def test_batches_without_masks_have_none(tmp_path):
    (batch,) = training_loader(views(photos(tmp_path)), TrainingBatches(3, 3, 1, 0), Loading())
    assert set(batch) == {"image", "tags"}


def test_a_resumed_loader_repeats_the_pixels(tmp_path):
    source = views(photos(tmp_path, 3))
    whole = list(training_loader(source, TrainingBatches(3, 1, 2, 0), Loading()))
    rest = list(training_loader(source, TrainingBatches(3, 1, 2, 0, first_step=2), Loading(1)))
    assert len(rest) == 4
    for one, other in zip(whole[2:], rest, strict=True):
        assert torch.equal(one["image"], other["image"])
        assert torch.equal(one["tags"], other["tags"])


def broken_jpeg(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:900])
    return path


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("kind", ["truncated", "text", "empty", "gone"])
def test_a_photo_that_cannot_be_read_is_the_users_to_mend(tmp_path, kind, workers):
    file = tmp_path / "bad.jpg"
    if kind == "truncated":
        broken_jpeg(file)
    elif kind != "gone":
        file.write_bytes(b"<html>" if kind == "text" else b"")
    given = [*photos(tmp_path, 1), Photo("bad", file)]
    expected = "image-missing" if kind == "gone" else "image-unreadable"
    with pytest.raises(UserError, match=expected) as caught:
        list(training_loader(views(given), TrainingBatches(2, 2, 1, 0), Loading(workers)))
    assert str(file) in caught.value.problem
    with pytest.raises(UserError, match=expected):
        list(photo_loader(ScaledPhotos(given, (1.0,), **PLAIN), Loading(workers)))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_mask_that_cannot_be_read_is_the_users_to_mend(tmp_path, workers):
    given = photos(tmp_path, 1)
    source = views(given, mask_of=MaskOf(tmp_path))
    with pytest.raises(UserError, match="artifact-missing"):
        list(training_loader(source, TrainingBatches(1, 1, 1, 0), Loading(workers)))
    Image.new("RGB", (40, 24)).save(tmp_path / "mask0.png")
    with pytest.raises(UserError, match="artifact-unreadable") as caught:
        list(training_loader(source, TrainingBatches(1, 1, 1, 0), Loading(workers)))
    assert "mask0.png" in caught.value.problem


@pytest.mark.parametrize("workers", [0, 1])
def test_whole_photos_come_in_order_at_every_scale(tmp_path, workers):
    given = photos(tmp_path)
    seen = list(photo_loader(ScaledPhotos(given, (0.5, 1.0, 2.0), **PLAIN), Loading(workers)))
    assert [index for index, _, _ in seen] == [0, 1, 2]
    for index, image, scaled in seen:
        assert image.dtype == torch.uint8
        assert image.shape == (24, 40, 3)
        assert bool((image == 10 * index).all())
        assert [tuple(x.shape) for x in scaled] == [(3, 12, 20), (3, 24, 40), (3, 48, 80)]
        torch.testing.assert_close(scaled[1].permute(1, 2, 0), image / 255)


def textured(folder: Path) -> list[Photo]:
    """Three photos of noise and their masks."""
    generator = np.random.default_rng(0)
    for index in range(3):
        noise = generator.integers(0, 256, (50, 67, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{index}.jpg")
        Image.fromarray(noise[:, :, 0] // 64).save(folder / f"mask{index}.png")
    return [Photo(str(index), folder / f"{index}.jpg", tags=(1,)) for index in range(3)]


def test_worker_processes_load_the_same_training_views(tmp_path):
    source = TrainingViews(textured(tmp_path), 3, 0, (20, 90), 48, **PLAIN, mask_of=MaskOf(tmp_path))
    alone, shared = (list(training_loader(source, TrainingBatches(3, 2, 4, 0), Loading(workers))) for workers in (0, 2))
    assert len(alone) == 4
    for one, other in zip(alone, shared, strict=True):
        assert set(one) == {"image", "tags", "mask"}
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_worker_processes_load_the_same_photos(tmp_path):
    source = ScaledPhotos(textured(tmp_path), (0.5, 1.0, 1.7), **PLAIN)
    alone, shared = (list(photo_loader(source, Loading(workers))) for workers in (0, 2))
    assert [index for index, _, _ in alone] == [index for index, _, _ in shared] == [0, 1, 2]
    for one, other in zip(alone, shared, strict=True):
        assert torch.equal(one[1], other[1])
        assert all(torch.equal(a, b) for a, b in zip(one[2], other[2], strict=True))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_shared_memory_has_no_room_for_is_loaded_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, workers: int
) -> None:
    """Photos and batches, in order; what PyTorch began to write is deleted. It once lost them."""
    share, tried = Tensor.share_memory_, []

    def now_and_then(self: Tensor) -> Tensor:
        tried.append(self)
        if len(tried) % 7 != 6:
            return share(self)
        (tmp_path / f"torch_7_{len(tried)}").touch()
        raise RuntimeError(f"unable to allocate shared memory(shm) for file </torch_7_{len(tried)}>: No space left")

    given, batches = photos(tmp_path, 9), TrainingBatches(9, 4, epochs=3, seed=0)
    whole = ScaledPhotos(given, (0.5, 1.0), **PLAIN)
    views = TrainingViews(given, 9, seed=0, resize=(32, 48), crop=16, **PLAIN)

    def loaded(workers: int) -> tuple[list[Any], list[Any]]:
        return list(photo_loader(whole, Loading(workers))), list(training_loader(views, batches, Loading(workers)))

    expected = loaded(0)
    monkeypatch.setattr(shared_memory, "SHARED", tmp_path)
    monkeypatch.setattr(Tensor, "share_memory_", now_and_then)
    found = loaded(workers)
    for one, other in zip(expected[0], found[0], strict=True):
        assert one[0] == other[0]
        assert all(map(torch.equal, (one[1], *one[2]), (other[1], *other[2])))
    for batch, same in zip(expected[1], found[1], strict=True):
        assert all(torch.equal(batch[name], same[name]) for name in batch)
    for items in ([views[0] for _, _, views in found[0]], [batch["image"] for batch in found[1]]):
        assert {item.is_shared() for item in items} == {False, True}
    assert not list(tmp_path.glob("torch_*"))
