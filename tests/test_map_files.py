"""The files of class activation maps: small, close to the maps, and never half read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from puzzlecam_cli.data.made_up.drawing import soft_noise
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.cam import sum_scales
from puzzlecam_cli.run.artifacts import read_cams, read_walked, write_cams, write_walked

SIZE, SCALES = (375, 500), (0.5, 1.0, 1.5, 2.0)


def smooth_maps(classes: int) -> list[Tensor]:
    """As a network gives them at stride 16, negative parts cut: each scale sees about the same."""
    generator = np.random.default_rng(0)
    fields = torch.from_numpy(np.stack([soft_noise(*SIZE, 5, generator) for _ in range(classes)])).float()
    grids = [[-(-round(side * scale) // 16) for side in SIZE] for scale in SCALES]
    return [9 * F.interpolate(fields[None], grid, mode="bilinear", antialias=True)[0].relu() for grid in grids]


@pytest.mark.parametrize("classes", [1, 2, 3])
def test_a_file_is_70_times_smaller_than_float32_maps_at_stride_4_and_full_size(tmp_path: Path, classes: int) -> None:
    write_cams(tmp_path / "maps.npz", range(1, classes + 1), SIZE, SCALES, smooth_maps(classes))
    authors = 4 * classes * (94 * 125 + 375 * 500)
    assert (tmp_path / "maps.npz").stat().st_size * 70 < authors


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (2, 0, 3, 1)], ids=str)
def test_rebuilt_maps_differ_by_3e_4_at_most_in_any_order_of_scales(
    tmp_path: Path, stride: int, order: tuple[int, ...]
) -> None:
    maps = [smooth_maps(2)[number] for number in order]
    write_cams(tmp_path / "maps.npz", (3, 8), SIZE, [SCALES[number] for number in order], maps)
    classes, rebuilt = read_cams(tmp_path / "maps.npz", stride)
    assert classes.tolist() == [3, 8]
    assert float((rebuilt - sum_scales(maps, SIZE, stride)).abs().max()) <= 3e-4
    with np.load(tmp_path / "maps.npz") as file:  # each alone is off by a rounding or two as well, and 0 where it was
        for number, exact in enumerate(maps):
            stored = torch.from_numpy(file[f"map_{number}"]).float()
            torch.testing.assert_close(stored, exact, rtol=2**-11, atol=2**-10 * float(exact.max()))
            assert (stored[exact == 0] == 0).all()


@pytest.mark.parametrize("place", [0.02, 0.2, 0.5, 0.8])
def test_a_file_with_wrong_bytes_is_named(tmp_path: Path, place: float) -> None:
    path = tmp_path / "maps.npz"
    write_cams(path, (3, 8), SIZE, SCALES, smooth_maps(2))
    data = bytearray(path.read_bytes())
    begin = int(place * len(data))
    data[begin : begin + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(UserError, match="artifact-unreadable"):
        read_cams(path)


SMALL = (37, 50)


@pytest.mark.parametrize("peak", [1.0, 3e4, 65_504.0, 66_000.0, 1e6, 1e9])
def test_high_maps_come_back_as_they_were(peak: float, tmp_path: Path) -> None:
    """float16 ends at 65,504. One class is high, the other is not."""
    maps = [torch.rand(2, 3, 4, generator=torch.Generator().manual_seed(n)) for n in range(2)]
    high = [m * torch.tensor([peak, 1.0])[:, None, None] for m in maps]
    for name, written_maps in (("low", maps), ("high", high)):
        write_cams(tmp_path / f"{name}.npz", (3, 8), SMALL, (1.0, 1.0), written_maps)
    low, found = read_cams(tmp_path / "low.npz")[1], read_cams(tmp_path / "high.npz")[1]
    assert torch.equal(found[1], low[1])
    torch.testing.assert_close(found[0], low[0], rtol=2e-3, atol=2e-3)
    assert found.isfinite().all()


def test_maps_below_the_limit_are_stored_as_they_are(tmp_path: Path) -> None:
    maps = torch.tensor([[[0.0, 0.25, 1000.0, 32_000.0]]]).expand(1, 3, 4)
    write_cams(tmp_path / "photo.npz", (3,), SMALL, (1.0,), [maps])
    with np.load(tmp_path / "photo.npz") as file:
        assert np.array_equal(file["map_0"], maps.half().numpy())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_maps_that_are_not_finite_are_not_written(value: float, tmp_path: Path) -> None:
    maps = torch.full((2, 3, 4), value)
    with pytest.raises(UserError, match="not finite for `photo_7`"):
        write_cams(tmp_path / "photo_7.npz", (3, 8), SMALL, (1.0,), [maps])
    with pytest.raises(UserError, match="not finite for `photo_7`"):
        write_walked(tmp_path / "photo_7.npz", np.array([3, 8], np.int16), SMALL, maps)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stride", [1, 4])
def test_maps_of_a_photo_that_was_seen_shrunk_are_those_of_a_photo_of_that_size(tmp_path: Path, stride: int) -> None:
    maps, own = smooth_maps(2), (3000, 4000)
    write_cams(tmp_path / "seen.npz", (3, 8), own, SCALES, maps, seen=SIZE)
    write_cams(tmp_path / "small.npz", (3, 8), SIZE, SCALES, maps)
    _, small = read_cams(tmp_path / "small.npz", stride)
    _, found = read_cams(tmp_path / "seen.npz", stride, own, seen=SIZE)
    assert torch.equal(found, small)
    _, large = read_cams(tmp_path / "seen.npz", stride, own)
    assert large.shape == (2, 3000 // stride, 4000 // stride)
    assert float((F.interpolate(large[None], small.shape[1:], mode="area")[0] - small).abs().max()) < 0.1


def test_walked_scores_are_read_at_any_size(tmp_path: Path) -> None:
    walked = torch.rand(1, 94, 125)
    write_walked(tmp_path / "seen.npz", np.array([5], np.int16), (3000, 4000), walked, seen=SIZE)
    write_walked(tmp_path / "small.npz", np.array([5], np.int16), SIZE, walked)
    for stride in (1, 4):
        _, small = read_walked(tmp_path / "small.npz", stride)
        assert torch.equal(read_walked(tmp_path / "seen.npz", stride, seen=SIZE)[1], small)
        assert read_walked(tmp_path / "seen.npz", stride)[1].shape == (1, 3000 // stride, 4000 // stride)
