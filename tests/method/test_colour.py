"""L*a*b* against values that tables give."""

from __future__ import annotations

import pytest
import torch

from puzzlecam_cli.method.colour import srgb_to_lab

TABLE = {  # sRGB of 8 bits, D65
    (255, 255, 255): (100.0, 0.0, 0.0),
    (0, 0, 0): (0.0, 0.0, 0.0),
    (255, 0, 0): (53.24, 80.09, 67.20),
    (0, 255, 0): (87.73, -86.18, 83.18),
    (0, 0, 255): (32.30, 79.19, -107.86),
    (128, 128, 128): (53.59, 0.0, 0.0),
    (2, 2, 2): (0.55, 0.0, 0.0),
}


def test_colours_are_where_the_tables_have_them() -> None:
    found = srgb_to_lab(torch.tensor(list(TABLE), dtype=torch.float64).T / 255).T
    for row, expected in zip(found.tolist(), TABLE.values(), strict=True):
        assert row == pytest.approx(expected, abs=0.03)


def test_any_shape_is_taken() -> None:
    picture = torch.rand(3, 4, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(srgb_to_lab(picture)[:, 2, 3], srgb_to_lab(picture[:, 2:3, 3:4])[:, 0, 0])
