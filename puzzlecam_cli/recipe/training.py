"""Sections of a recipe: what every training has, and the classifier's with the puzzle."""

from __future__ import annotations

from math import isqrt
from typing import Literal

from pydantic import ValidationInfo, field_validator

from puzzlecam_cli.method.constants import ALPHA, RAMP
from puzzlecam_cli.recipe.section import LARGEST_SIDE, Count, Fraction, Integer, Real, Section, default

RESIZE = "Length of a side in pixels, drawn uniformly from this range, the other in proportion [{}]."


class Training(Section):
    """What every training has: schedule, optimiser, crops."""

    epochs: Count = default(15, "Passes over the training images [code].")
    batch: Count = default(32, "Images a step, over all processes [code].")
    accumulate: Literal["auto"] | Count = default(
        "auto",
        "Parts of a batch, one after the other, to save memory; auto: what it takes, which is tried first [ours].",
    )
    lr: Real = default(0.1, "Learning rate at step 0 for pretrained weights [code].", gt=0)
    momentum: Real = default(
        1e-4, "Nesterov momentum of SGD; the authors' code passes its weight decay here [code].", ge=0
    )
    weight_decay: Real = default(1e-4, "For weights [code].", ge=0)
    decay_biases: bool = default(False, "The same for biases [code].")
    poly_power: Real = default(0.9, "lr = lr₀·(1 − step/steps)^power [code].", ge=0)
    new_lr: Real = default(10.0, "Learning rate factor of layers without pretrained weights [code].", gt=0)
    bias_lr: Real = default(2.0, "Learning rate factor of biases [code].", gt=0)
    clip_norm: Real | None = default(None, "Largest gradient norm; null: unlimited [code].", gt=0)
    resize: tuple[Integer, Integer] = default((320, 640), RESIZE.format("paper, code"))
    resize_side: Literal["longer", "shorter"] = default(
        "longer", "The side that gets this length; the paper does not say which [code]."
    )
    crop: Integer = default(
        512, "Side of the square crop; the backbone says which will do [paper, code].", ge=32, le=LARGEST_SIDE
    )

    @field_validator("resize")
    @classmethod
    def _a_range(cls, value: tuple[int, int]) -> tuple[int, int]:
        if not 16 <= value[0] <= value[1] <= LARGEST_SIDE:
            raise ValueError(f"must be [smallest, largest] with 16 ≤ smallest ≤ largest ≤ {LARGEST_SIDE}")
        return value

    @field_validator("accumulate")
    @classmethod
    def _an_image_each(cls, value: int | str, info: ValidationInfo) -> int | str:
        if isinstance(value, int) and value > (batch := info.data.get("batch", value)):
            raise ValueError(f"must be at most the batch, {batch}: a part has one image or more")
        return value


class Puzzle(Section):
    """The puzzle module and its losses, Eq. (4)-(7)."""

    tiles: Integer = default(4, "Tiles an image is cut into: 4 = 2 × 2 [paper].")
    classify_tiles: bool = default(True, "Use L_p-cls, Eq. (5) [paper].")
    alpha: Real = default(ALPHA, "Weight of L_re, Eq. (7), at the end of its ramp; 0: no L_re [paper].", ge=0)
    ramp: Fraction = default(RAMP, "Share of the training over which alpha grows linearly from 0 [paper].")
    compare: Literal["features", "cams"] = default(
        "features",
        "L_re compares raw class maps, or maps after ReLU and max-normalisation, as the paper writes [code].",
    )
    mask: Literal["labels", "none", "selection"] = default(
        "labels", "L_re looks at the image's own classes, at them image by image (selection), or at all (none) [code]."
    )
    reduction: Literal["mean", "per_tag"] = default(
        "mean", "With mask labels: L_re is averaged over all classes, or over tags: no fading with many classes [code]."
    )
    distance: Literal["l1", "l2"] = default("l1", "L_re is the absolute difference, or its square [paper].")
    detach: Literal["none", "whole", "tiles"] = default(
        "none", "Branch of L_re that gets no gradient; the authors' code trains both [code]."
    )

    @field_validator("tiles")
    @classmethod
    def _a_square(cls, value: int) -> int:
        if not 4 <= value <= 1024 or isqrt(value) ** 2 != value:
            raise ValueError("must be a square from 4 to 1,024 (4, 9, 16): tiles form an equal grid")
        return value

    @property
    def is_used(self) -> bool:
        return self.classify_tiles or self.alpha > 0

    @property
    def rows(self) -> int:
        return isqrt(self.tiles)


class TrainCls(Training):
    batchnorm: Literal["train", "frozen"] = default(
        "train", "`frozen` keeps the pretrained running statistics; scale and shift train [code]."
    )
    frozen_levels: Integer = default(
        0, "Of the backbone's five maps, those up to which nothing trains; IRNet: 3 [code].", ge=0, le=5
    )
    levels: Integer = default(
        1,
        "Of the backbone's five maps, the deepest that the head sees; CAMs have the finest one's cells [code].",
        ge=1,
        le=5,
    )
    puzzle: Puzzle = Puzzle()
    background: Real = default(
        0.0,
        "Weight of L_bg: where a tag's map is below 5 % of its highest value, cells are taught not to be it [ours].",
        ge=0,
    )
