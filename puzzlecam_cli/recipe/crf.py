"""Sections of a recipe: dense CRFs of three kinds of labels."""

from __future__ import annotations

from puzzlecam_cli.method.constants import CONFIDENCE, LABEL_KERNELS, PREDICTION_KERNELS
from puzzlecam_cli.recipe.section import Integer, Real, Section, Side, default

LEAST_DEVIATION = 1.0  # of a kernel: a lattice of finer cells cannot be numbered, and holds one pixel a cell anyway
SMOOTH_XY = "Standard deviation in pixels of the smoothness kernel [code]."
COLOUR_XY = "Standard deviation in pixels of the colour kernel [code]."
COLOUR_RGB = "Standard deviation in grey levels of the colour kernel [code]."


class Crf(Section):
    """A dense CRF (Krähenbühl and Koltun 2011)."""

    engine: str = default(
        "auto",
        "Who infers, as `puzzlecam plugins` lists them; auto: torch on a GPU; on a CPU pydensecrf where it is there, "
        "else torch [ours].",
    )
    iterations: Integer = default(10, "Mean-field steps; 0: no CRF [code].", ge=0, le=1000)
    smooth_xy: Real = default(LABEL_KERNELS.smooth_xy, SMOOTH_XY, ge=LEAST_DEVIATION)
    smooth_weight: Real = default(LABEL_KERNELS.smooth_weight, "Weight of the smoothness kernel [code].", ge=0)
    colour_xy: Real = default(LABEL_KERNELS.colour_xy, COLOUR_XY, ge=LEAST_DEVIATION)
    colour_rgb: Real = default(LABEL_KERNELS.colour_rgb, COLOUR_RGB, ge=LEAST_DEVIATION)
    colour_weight: Real = default(LABEL_KERNELS.colour_weight, "Weight of the colour kernel [code].", ge=0)
    largest_side: Side | None = default(
        None, "Photos whose longer side has more pixels are seen shrunk to this; null: none are [code]."
    )


class LabelCrf(Crf):
    """A dense CRF that starts from hard labels."""

    confidence: Real = default(CONFIDENCE, "Probability given to each pixel's label [code].", gt=0.5, lt=1)


class PseudoLabelCrf(LabelCrf):
    iterations: Integer = default(1, "Mean-field steps; 0: no CRF [code].", ge=0, le=1000)


class PredictionCrf(Crf):
    colour_xy: Real = default(PREDICTION_KERNELS.colour_xy, COLOUR_XY, ge=LEAST_DEVIATION)
    colour_rgb: Real = default(PREDICTION_KERNELS.colour_rgb, COLOUR_RGB, ge=LEAST_DEVIATION)
