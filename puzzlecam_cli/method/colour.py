"""Colours as people tell them apart."""

from __future__ import annotations

import torch
from torch import Tensor

_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))  # of linear RGB: IEC 61966-2-1
_WHITE = (0.9505, 1.0, 1.089)  # D65
_LINEAR = 0.008856  # up to which share of the white the cube root is a line


def srgb_to_lab(colours: Tensor) -> Tensor:
    """CIE L*a*b* (1976), in which colours are as far from each other as they look: (3, ...) sRGB in [0, 1] → (3, ...).

    L* is in [0, 100]; a* and b* are about within ±110.
    """
    linear = torch.where(colours <= 0.04045, colours / 12.92, ((colours + 0.055) / 1.055).pow(2.4))
    x, y, z = torch.tensordot(colours.new_tensor(_XYZ), linear, dims=1) / colours.new_tensor(_WHITE).view(
        3, *[1] * (colours.ndim - 1)
    )
    fx, fy, fz = (torch.where(c > _LINEAR, c.pow(1 / 3), 7.787 * c + 16 / 116) for c in (x, y, z))
    return torch.stack([116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)])
