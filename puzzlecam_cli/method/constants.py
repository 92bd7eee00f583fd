"""Values of the authors' code that more than one place needs; without PyTorch, so that a recipe can name them too."""

from __future__ import annotations

from typing import Final, NamedTuple

IGNORE = 255  # a label that says nothing: padding, unsure pixels, void pixels of masks
AUTO: Final = "auto"  # a threshold that each photo's scores choose
AUTO_VERSION = 2  # raised when the code begins to choose others
MAP_STRIDE = 4  # pixels a cell of the maps that walk

ALPHA = 4.0  # weight of L_re at the end of its ramp
RAMP = 0.5  # share of the training over which it grows

CONFIDENCE = 0.7  # probability that a CRF gives to a hard label


class Kernels(NamedTuple):
    """The kernels of a dense CRF: standard deviations in pixels (`_xy`) and grey levels (`_rgb`), and weights."""

    smooth_xy: float
    smooth_weight: float
    colour_xy: float
    colour_rgb: float
    colour_weight: float


LABEL_KERNELS = Kernels(3.0, 3.0, 50.0, 5.0, 10.0)  # of a CRF that starts from hard labels
PREDICTION_KERNELS = Kernels(3.0, 3.0, 80.0, 13.0, 10.0)  # of one that starts from probabilities
