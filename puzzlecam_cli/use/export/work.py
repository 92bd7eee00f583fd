"""Write a network for another runtime, and put it in place only if it does there what it does here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import replacing
from puzzlecam_cli.plain_file import is_folder, why_no_file
from puzzlecam_cli.run.opened import model_of, open_model
from puzzlecam_cli.text import several
from puzzlecam_cli.use.export.compare import View, compare, score, within
from puzzlecam_cli.use.export.kinds import KINDS, Array, Kind, Runner
from puzzlecam_cli.use.export.pictures import Pictures, find_pictures
from puzzlecam_cli.use.export.portable import Portable
from puzzlecam_cli.use.hub import located

LEAST_EQUAL = 0.999  # of all labels of an input, in fp32


@dataclass(frozen=True)
class Exported:
    """A file that was written and tried.

    Args:
        path: of the file.
        kind: `onnx`, `torchscript` or `safetensors`.
        precision: `fp32`, `fp16` or `int8`.
        megabytes: of the file.
        seconds: that writing it took.
        pictures: what it was tried on, in words.
        inputs: how many of them and of their sizes.
        difference: the largest between its probabilities and the network's.
        equal: the share of all labels that are equal, in [0, 1].
        scored: photos with masks that were scored; 0: there are none, or nothing is lost that would show.
        miou: of the network itself and of the file, in [0, 1], one scale, without CRF; None where none were scored.
        notes: what a person should know, a sentence each.
    """

    path: Path
    kind: str
    precision: str
    megabytes: float
    seconds: float
    pictures: str
    inputs: int
    difference: float
    equal: float
    scored: int = 0
    miou: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        """`pets.onnx  18.4 MB  100.00 % of labels equal, probabilities differ by up to 4e-06 (8 photos, 25 inputs)`"""
        parts = [f"{self.path}  {self.megabytes:.1f} MB  {100 * self.equal:.2f} % of labels equal"]
        parts.append(f"probabilities differ by up to {self.difference:.2g} ({self.pictures}, {self.inputs} inputs)")
        if self.miou:
            own, here = self.miou
            parts.append(f"mIoU {here:.4f} instead of {own:.4f} ({several(self.scored, 'photo')} of val)")
        return ", ".join(parts)


def export(
    model: str | Path,
    kind: str | None = None,
    *,
    out: str | Path | None = None,
    precision: str = "fp32",
    check: Sequence[str] = (),
    force: bool = False,
    tell: Tell = silent,
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
        tell: is told what is being done.

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
    pictures = find_pictures(path, check, target, tell)
    if precision == "int8" and not pictures.calibrating:
        said = f"int8 needs photos to find the ranges of values with, and there are none: {pictures.note or 'no run'}"
        raise UserError("export-photos", said, hint="name some: --check PHOTOS")
    tell("opening the model")
    description, network = open_model(path)
    tell(f"writing {target}")
    started = time.monotonic()
    with replacing(target, durable=True) as temporary:
        try:
            calibrating = (within(picture) for picture in pictures.calibrating)
            chosen.writer.write(network, description, temporary, precision, calibrating)
        except RuntimeError as error:  # of the tracer and of the converter
            said = f"the network of backbone `{description.backbone}` cannot be written as {kind}: "
            raise UserError("export-failed", said + str(error).strip().partition("\n")[0], hint=ANY) from error
        seconds = time.monotonic() - started
        runner, itself = chosen.writer.open_runner(temporary), _itself(Portable(network, description).eval())
        views = compare(runner, itself, pictures.tried, _counting(tell, "trying input"))
        _check_views(views, precision, kind, description.backbone)
        scored = pictures.scored if precision != "fp32" else ()
        side = description.predict.get("longer_side")
        counting = _counting(tell, "scoring photo", len(scored))
        own, exported = score((itself, runner), scored, len(description.classes), side, counting) if scored else (0, 0)
        megabytes = temporary.stat().st_size / 1e6
    pixels = np.array([np.prod(view.size) for view in views])
    return Exported(
        path=target,
        kind=kind,
        precision=precision,
        megabytes=megabytes,
        seconds=seconds,
        pictures=pictures.told,
        inputs=len(views),
        difference=max(view.difference for view in views),
        equal=float((pixels * [view.equal for view in views]).sum() / pixels.sum()),
        scored=len(scored),
        miou=(own, exported) if scored else None,
        notes=_notes(pictures, precision),
    )


ANY = "--format safetensors carries any network"
UNKNOWN = "what {} costs in mIoU is not known: the run has no photos with masks that it was not trained on"


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
    if not force and not kind.writer.is_ours(target):
        said = f"{target} is there already, and is no export that could be made again"
        raise UserError("export-exists", said, hint="name another file (--out FILE), or --force overwrites it")


def _itself(network: Portable) -> Runner:
    @torch.inference_mode()
    def run(images: Array) -> tuple[Array, Array]:
        labels, probabilities = network(torch.from_numpy(images))
        return labels.numpy(), probabilities.numpy()

    return run


def _counting(tell: Tell, what: str, of: int | None = None) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        tell(f"{what} {done}" + (f" of {of}" if of else ""))

    return tick


def _check_views(views: Sequence[View], precision: str, kind: str, backbone: str) -> None:
    """Whether what was written does what the network does.

    Raises:
        UserError: it does not, and the file is not put in place.
    """
    broken = [str(view) for view in views if not np.isfinite(view.difference)]
    if broken:
        said = f"as {kind} in {precision} the network gives values that are not finite: nothing is written"
        raise UserError("export-differs", said, shorten(broken), "--precision fp32 keeps all values as they are")
    if precision == "fp32" and (differing := [str(view) for view in views if view.equal < LEAST_EQUAL]):
        said = f"backbone `{backbone}` does something else as {kind} than it does here: nothing is written"
        raise UserError("export-differs", said, shorten(differing), ANY)


def _notes(pictures: Pictures, precision: str) -> tuple[str, ...]:
    unscored = UNKNOWN.format(precision) if precision != "fp32" and not pictures.scored else ""
    return tuple(filter(None, (pictures.note, unscored)))
