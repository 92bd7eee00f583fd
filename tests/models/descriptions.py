"""A description of a model, and variants of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from puzzlecam_cli.models.description import Description

BACKBONE = "timm:mobilenetv3_small_050"


def described(**changes: Any) -> Description:
    """A small DeepLab of two classes, one with a name that is hard to write."""
    plain = Description(
        classes=("cat", 'a "sofa", 長椅子'),
        colours=((0, 0, 0), (128, 0, 0), (0, 128, 0)),
        backbone=BACKBONE,
        options={},
        head={"kind": "deeplab", "width": 16, "norm": "group"},
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        multiple=1,
        supervision={"tags": "of 6 photos", "masks": "never", "first_weights": "random", "licence": "none"},
        predict={"scales": [0.5, 1.0], "flip": True, "crf": {"iterations": 1}},
        puzzlecam="0.1.0",
    )
    return replace(plain, **changes)
