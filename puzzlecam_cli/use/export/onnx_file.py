"""ONNX, for ONNX Runtime and whatever else reads it.

PyTorch's exporter that traces (`dynamo=False`) takes a second where the one that reasons about symbolic sizes takes
minutes: there, the padding of EfficientNet's convolutions nests a condition on the size in every layer.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from puzzlecam_cli.models.description import Description
from puzzlecam_cli.use.export.kinds import Array, Runner
from puzzlecam_cli.use.export.portable import portable, quietly, traced_photos

OPSET = 17
SIZE = {2: "height", 3: "width"}
AXES = {
    "images": {0: "batch", **SIZE},
    "labels": {0: "batch", 1: "height", 2: "width"},
    "probabilities": {0: "batch", **SIZE},
}


def write(network: nn.Module, description: Description, out: Path, precision: str, photos: Iterable[Array]) -> None:
    """See `Writer`."""
    import onnx

    with quietly(), torch.inference_mode():
        torch.onnx.export(
            portable(network, description, half=precision == "fp16"),
            (traced_photos(),),
            str(out),
            dynamo=False,
            opset_version=OPSET,
            input_names=["images"],
            output_names=["labels", "probabilities"],
            dynamic_axes=AXES,
        )
    model = onnx.load(out)
    model.graph.output[1].type.tensor_type.shape.dim[1].dim_value = len(description.classes) + 1
    if precision == "int8":
        model = _in_int8(model, photos)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, description.metadata() | {"precision": precision})
    model.producer_name, model.producer_version = "puzzlecam", description.puzzlecam
    out.write_bytes(model.SerializeToString())


def _in_int8(model: Any, photos: Iterable[Array]) -> Any:
    """The convolutions in 8 bits, each channel's weights with a scale of its own; the ranges are the mean of photos'.

    What would cost most and saves least stays as it is: the first convolution and those of one channel each.
    """
    import onnx
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(photos)

        def get_next(self) -> dict[str, Array] | None:
            photo = next(self.left, None)
            return None if photo is None else {"images": photo}

    with TemporaryDirectory(prefix="puzzlecam-export-") as folder, quietly():
        whole, ready, made = (str(Path(folder) / name) for name in ("whole.onnx", "ready.onnx", "int8.onnx"))
        onnx.save(model, whole)
        quantization.quant_pre_process(whole, ready, skip_symbolic_shape=True)
        quantization.quantize_static(
            ready,
            made,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            per_channel=True,
            op_types_to_quantize=["Conv"],
            nodes_to_exclude=_thin(onnx.load(ready)),
            extra_options={"CalibMovingAverage": True},
        )
        return onnx.load(made)


def _thin(model: Any) -> list[str]:
    """The names of the convolutions each of whose outputs is made of one channel, or of the photo's three."""
    inputs = {tensor.name: tensor.dims[1] for tensor in model.graph.initializer if len(tensor.dims) == 4}
    return [node.name for node in model.graph.node if node.op_type == "Conv" and inputs.get(node.input[1]) in (1, 3)]


def open_runner(path: Path) -> Runner:
    """See `Writer`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what fails is raised as well
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(images: Array) -> tuple[Array, Array]:
        labels, probabilities = session.run(["labels", "probabilities"], {"images": images})
        return labels, probabilities

    return run
