"""The networks of a recipe's `affinity.kind`. The paper cites AffinityNet, the authors' code trains IRNet's branch.

What a backbone knows without either is ours.
"""

from __future__ import annotations

from typing import Literal

from puzzlecam_cli.models.backbone import Backbone
from puzzlecam_cli.models.boundary_net import BoundaryNet
from puzzlecam_cli.models.cosine_net import CosineNet
from puzzlecam_cli.models.feature_net import FeatureNet
from puzzlecam_cli.models.pair_net import PairNet

KINDS: dict[str, type[PairNet]] = {"boundary": BoundaryNet, "feature": FeatureNet, "cosine": CosineNet}


def pair_net(kind: Literal["boundary", "feature", "cosine"], backbone: Backbone, canvas: int = 0) -> PairNet:
    """The network of a kind; `canvas` as of `PairNet`."""
    return KINDS[kind](backbone, canvas)
