"""What is to be exported and where to: looked at, and refused, before PyTorch is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import is_folder, why_no_file
from puzzlecam_cli.run.opened import model_of
from puzzlecam_cli.use.export.exported import Exported, Wanted
from puzzlecam_cli.use.export.kinds import KINDS, Kind
from puzzlecam_cli.use.export.ours import is_ours
from puzzlecam_cli.use.hub import located


def export(
    model: str | Path,
    kind: str | None = None,
    *,
    out: str | Path | None = None,
    precision: str = "fp32",
    check: Sequence[str] = (),
    force: bool = False,
    tell: Tell = silent,
    begin: Tell = silent,
) -> Exported:
    """Write the segmentation network of a run for another runtime.

    The file takes uint8 RGB photos (B, 3, H, W) of any size and gives `labels` uint8 (B, H, W) and `probabilities`
    float32 (B, C+1, H, W): one scale, not mirrored, no CRF. A `safetensors` file is for this program.

    Args:
        model: a run folder, a model file, or `hf://owner/name`.
        kind: a row of `KINDS`; None: as the suffix of `out` says, else `onnx`.
        out: the file; None: the model's name, here.
        precision: one of the kind's; `fp16` and `int8` are for `onnx`, `fp16` for `torchscript`.
        check: photos, folders and patterns to try it on; none: photos of the run.
        force: write over a file that is there and no export.
        tell: is told what is being done, which may be much.
        begin: is told of each step that may take long.

    Raises:
        UserError: a package is missing, the file would replace something else, the model cannot be opened or cannot be
            expressed, or what was written in fp32 does something else than the network.
    """
    kind, chosen = _chosen(kind, out, precision)
    path = located(model)
    file = model_of(path)
    name = path.resolve().name if is_folder(path) else path.stem
    target = Path(out) if out is not None else _named(name, chosen, precision)
    _check_target(target, file, chosen, force)
    wanted = Wanted(path, file, kind, chosen, target, precision)
    begin("loading PyTorch")
    from puzzlecam_cli.use.export.making import make

    return make(wanted, check, tell, begin)


def _chosen(kind: str | None, out: str | Path | None, precision: str) -> tuple[str, Kind]:
    """The kind of file.

    Raises:
        UserError: name and kind contradict each other, the precision is not one of it, or a package is missing.
    """
    suffix = Path(out).suffix.lower() if out is not None else ""
    of_name = next((name for name, kind in KINDS.items() if kind.suffix == suffix), None)
    if kind and of_name and of_name != kind:
        said = f"{out} is named like a file of {of_name}, but --format is {kind}"
        raise UserError("usage", said, hint="change one of them")
    kind = kind or of_name or "onnx"
    chosen = KINDS[kind]
    if precision not in chosen.precisions:
        said = f"{kind} is not written in {precision}, but in {' or '.join(chosen.precisions)}"
        raise UserError("usage", said, hint="--format onnx is written in all of them")
    if missing := [package for package in chosen.packages if find_spec(package) is None]:
        said = f"{kind} needs {' and '.join(missing)}, which {'are' if len(missing) > 1 else 'is'} not installed"
        raise UserError("extra-missing", said, hint="python -m pip install 'puzzlecam-cli[onnx]'")
    return kind, chosen


def _named(name: str, kind: Kind, precision: str) -> Path:
    return Path(name + ("" if precision == "fp32" else f".{precision}") + kind.suffix)


def _check_target(target: Path, model: Path, kind: Kind, force: bool) -> None:
    """Whether a file may be written.

    Raises:
        UserError: something else is there.
    """
    problem = why_no_file(target)
    if problem == "is not there":
        return
    if problem:
        raise UserError("export-exists", f"{target} {problem}", hint="name a file: --out FILE")
    if target.samefile(model):
        said = f"{target} is the model itself: an export would overwrite it"
        raise UserError("export-exists", said, hint="name another file: --out FILE")
    if not force and not is_ours(target, kind):
        said = f"{target} is there already, and is no export that could be made again"
        raise UserError("export-exists", said, hint="name another file (--out FILE), or --force overwrites it")
