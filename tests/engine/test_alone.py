"""What is tried by one process waits for no other, whatever synchronises its layers."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from timm.layers import BatchNormAct2d, convert_sync_batchnorm
from torch import nn

from puzzlecam_cli.engine.batchnorm import each_process_alone, synchronise_batchnorms


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_layers_look_at_their_own_images_for_once(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No group is there to wait for: a layer that asked for one would fail, as those for GPUs do on a CPU."""
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), BatchNormAct2d(4)).train()
    expected, images = deepcopy(network), torch.randn(2, 3, 5, 5)
    if device == "cpu":
        synchronise_batchnorms(network, torch.device("cpu"))
    else:
        network = convert_sync_batchnorm(network)
    before = [vars(layer).get("forward") for layer in network]
    with each_process_alone(network):
        assert torch.equal(network(images), expected(images))
    assert [vars(layer).get("forward") for layer in network] == before
    with pytest.raises((ValueError, RuntimeError)):
        network(images)
