"""Batch normalisation over all processes, as GPUs have it: the same network with other layers."""

from __future__ import annotations

import copy
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from puzzlecam_cli.engine.batchnorm import synchronise_batchnorms
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.backbone import Backbone, load_backbone

GPU = torch.device("cuda")  # of which none is needed to replace layers


def pair(name: str, levels: int) -> tuple[Backbone, Backbone]:
    """A backbone, frozen in part, with statistics of its own; and the same, synchronised."""
    torch.manual_seed(0)
    plain = load_backbone(name)
    for norm in plain.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.get_buffer("running_mean").uniform_(-0.1, 0.1)
            norm.get_buffer("running_var").uniform_(0.5, 2)
    plain.freeze(levels)
    other = copy.deepcopy(plain)
    synchronise_batchnorms(other, GPU)
    return plain, other


def after_a_step(network: Backbone, images: Tensor) -> dict[str, Tensor]:
    """All that a network holds after a step of training; a process alone has nobody to ask."""
    network.train()
    sum(feature.square().mean() for feature in network(images)).backward()  # type: ignore[union-attr]
    torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1).step()
    return network.state_dict()


@pytest.mark.parametrize("levels", [0, 3])
@pytest.mark.parametrize("name", ["resnet18", "timm:mobilenetv3_small_050"])
def test_replaced_layers_have_the_same_names_and_values_and_train_the_same(name: str, levels: int) -> None:
    plain, other = pair(name, levels)
    norms = [module for module in other.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    assert norms
    assert all(isinstance(norm, nn.SyncBatchNorm) for norm in norms)
    assert [*plain.state_dict()] == [*other.state_dict()]
    trained = [{n for n, p in network.named_parameters() if p.requires_grad} for network in (plain, other)]
    assert trained[0] == trained[1]
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert all(map(torch.equal, plain.eval()(images), other.eval()(images)))
    before = copy.deepcopy(plain.state_dict())
    wanted, found = (after_a_step(network, images) for network in (plain, other))
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
    still = {key for key, value in found.items() if torch.equal(value, before[key]) and "running" in key}
    assert bool(still) == (levels > 0)


def test_a_layer_that_is_not_known_is_named() -> None:
    with pytest.raises(UserError, match="1 is a BatchNorm1d"):
        synchronise_batchnorms(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)), GPU)


HALF = """
import os, sys, torch
import torch.distributed as dist
from tests.engine.test_batchnorm import IMAGES, small
from puzzlecam_cli.engine.batchnorm import synchronise_batchnorms
rank, device = int(os.environ["RANK"]), torch.device(sys.argv[1])
torch.backends.cudnn.allow_tf32 = False
dist.init_process_group("gloo")
network = small()
synchronise_batchnorms(network, device)
network.to(device)(IMAGES[rank::2].to(device)).pow(3).sum().backward()
for parameter in network.parameters():
    dist.all_reduce(parameter.grad)
if rank == 0:
    torch.save([[p.grad.cpu() for p in network.parameters()], [b.cpu() for b in network.buffers()]], sys.argv[2])
"""
IMAGES = torch.linspace(-3, 3, 6 * 3 * 8 * 8).sin().reshape(6, 3, 8, 8)


def small() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.BatchNorm2d(5))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_two_processes_on_a_gpu_normalise_as_one_on_the_cpu(tmp_path: Path) -> None:
    check_two_processes("cuda", tmp_path)


def check_two_processes(device: str, folder: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = Path(__file__).parents[2]
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "PYTHONPATH": str(root)}
    command = [sys.executable, "-c", HALF, device, str(folder / "found.pt")]
    ranks = [subprocess.Popen(command, env=os.environ | group | {"RANK": rank}, cwd=root) for rank in "01"]
    try:
        assert [rank.wait(120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
    network = small()
    network(IMAGES).pow(3).sum().backward()
    wanted = [[p.grad for p in network.parameters()], [*network.buffers()]]
    torch.testing.assert_close(torch.load(folder / "found.pt"), wanted, rtol=1e-3, atol=1e-3)
