"""Whether a file is an export of this program, so that another may take its place: told without PyTorch."""

from __future__ import annotations

import zipfile
from pathlib import Path

from puzzlecam_cli.use.export.kinds import Kind

MARK = "puzzlecam-"  # what `format` begins with
LONGEST = 1000  # bytes of it


def is_ours(path: Path, kind: Kind) -> bool:
    """Of a model file it is never told: it may be a training's only result."""
    look = {".onnx": _of_onnx, ".pt": _of_torchscript}.get(kind.suffix)
    return look is not None and look(path)


def _of_onnx(path: Path) -> bool:
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # protobuf's own, of what is no ONNX
        return False
    return any(entry.key == "format" and entry.value.startswith(MARK) for entry in model.metadata_props)


def _of_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if name.partition("/")[2] == "extra/format"]
            if len(names) != 1:
                return False
            with archive.open(names[0]) as file:
                return file.read(LONGEST).startswith(MARK.encode())
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):  # the last of an encrypted one
        return False
