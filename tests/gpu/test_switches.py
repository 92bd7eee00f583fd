"""What a CPU can only try with a stand-in: captured steps, layouts without cuDNN, folding beside TF32."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from puzzlecam_cli.engine import precision
from puzzlecam_cli.engine.fold import fold_batchnorms
from puzzlecam_cli.engine.graph import GraphedStep, record
from puzzlecam_cli.engine.place import Device, for_inference
from puzzlecam_cli.engine.step import LossModule, Terms, add_gradients
from puzzlecam_cli.engine.views import predict
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.classifier import Classifier
from tests.engine.test_fold import norms, with_statistics
from tests.engine.test_graph import learned
from tests.engine.test_step import MODULES

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
SIZES = ((61, 83), (96, 64))


def on_gpu(dtype: torch.dtype) -> Any:
    """As much of an accelerator as a step asks for; Accelerate has one a process, which other tests have on the CPU."""
    return SimpleNamespace(
        device=torch.device("cuda"),
        num_processes=1,
        scaler=None,
        autocast=partial(torch.autocast, "cuda", dtype, enabled=dtype != torch.float32),
        backward=lambda loss: loss.backward(),
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES.keys())
def test_a_captured_step_learns_what_others_learn(make: Callable[[], LossModule], dtype: torch.dtype) -> None:
    accelerator, notes = on_gpu(dtype), list[str]()
    plain, module = (make().to("cuda") for _ in range(2))

    def moved(gradients: Callable[..., Terms]) -> Callable[..., Terms]:
        return lambda batch, *at: gradients({name: value.to("cuda") for name, value in batch.items()}, *at)

    expected, state = learned(plain, moved(partial(add_gradients, plain, plain, parts=1, accelerator=accelerator)))

    def none(*_: object) -> Terms:
        raise AssertionError("a step was launched kernel by kernel")

    found, same = learned(module, moved(GraphedStep(none, module, module, accelerator, notes.append)))
    assert not notes
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    for one, other in zip(same, state, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_after_a_capture_that_failed_all_can_be_used_as_before() -> None:
    """PyTorch leaves the generator of random numbers, the stream and the memory as they were within it."""
    dropout, ones, stream = torch.nn.Dropout(0.5), torch.ones(64, device="cuda"), torch.cuda.current_stream()

    def waits() -> Terms:
        found = dropout(ones)
        if torch.cuda.is_current_stream_capturing():
            found.sum().item()
        return {"loss": found.sum()}

    with pytest.raises(RuntimeError):
        record(waits)
    assert torch.cuda.current_stream() == stream
    torch.manual_seed(0)
    expected = waits()["loss"]
    torch.cuda.empty_cache()
    held = torch.cuda.memory_reserved()
    torch.empty(2**28, device="cuda").fill_(1)
    torch.cuda.empty_cache()
    assert torch.cuda.memory_reserved() == held
    replay, losses = record(lambda: {"loss": dropout(ones).sum()})
    torch.manual_seed(0)
    replay()
    assert losses["loss"] == expected


def test_what_waits_is_found_before_it_is_captured() -> None:
    ones = torch.ones(4, device="cuda")
    with pytest.raises(RuntimeError, match="synchroniz"):
        record(lambda: {"loss": ones * float(ones.sum())})
    assert float(ones.sum()) == 4


@pytest.mark.parametrize("name", ["resnet18", "resnest50", "timm:tf_efficientnet_lite0"])
@pytest.mark.parametrize(("bits", "tf32", "allowed"), [("no", False, 1e-4), ("no", True, 1e-2), ("bf16", True, 0.1)])
def test_a_network_predicts_what_it_predicts_on_a_cpu(name: str, bits: str, tf32: bool, allowed: float) -> None:
    torch.manual_seed(0)
    networks = [Classifier(load_backbone(name), 5) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    places = Device(torch.device("cpu")), Device(torch.device("cuda"), bits, tf32)
    notes: list[str] = []
    on_cpu, fast = (for_inference(of, at, notes.append) for of, at in zip(networks, places, strict=True))
    assert not notes
    for size in SIZES:
        view = torch.randn(3, *size)
        wanted, found = (
            predict(of, [view], at, flip=True).cpu() for of, at in zip((on_cpu, fast), places, strict=True)
        )
        assert (found - wanted).abs().max() <= allowed * wanted.abs().max()
    assert torch.backends.cudnn.enabled


def test_networks_are_folded_beside_tf32() -> None:
    network = with_statistics(Classifier(load_backbone("resnet18"), 5))
    with precision.tf32(True):
        assert fold_batchnorms(network)
    assert norms(network) == 0


def test_without_tf32_a_convolution_has_all_bits() -> None:
    torch.manual_seed(0)
    layer, image = torch.nn.Conv2d(64, 64, 3).cuda(), torch.randn(1, 64, 33, 33, device="cuda")
    exact = layer.double()(image.double()).float()
    with precision.tf32(False), torch.no_grad():
        assert (layer.float()(image) - exact).abs().max() < 1e-5 * exact.abs().max()


def test_auto_is_what_the_gpu_has() -> None:
    major, _ = torch.cuda.get_device_capability()
    device = torch.device("cuda", torch.cuda.current_device())
    assert precision.chosen("auto", device) == ("bf16" if major >= 8 else "no")
