"""Write a network for another runtime, and put it in place only if it does there what it does here."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from safetensors.torch import load_file

from puzzlecam_cli.data.photos import Tell
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import replacing
from puzzlecam_cli.run.opened import open_model
from puzzlecam_cli.text import several
from puzzlecam_cli.use.export.compare import View, compare, score, within
from puzzlecam_cli.use.export.exported import Exported, Wanted
from puzzlecam_cli.use.export.kinds import Array, Runner
from puzzlecam_cli.use.export.pictures import Pictures, find_pictures
from puzzlecam_cli.use.export.portable import Portable

LEAST_EQUAL = 0.999  # of all labels of an input, in fp32
ANY = "--format safetensors carries any network"
UNKNOWN = "what {} costs in mIoU is not known: the run has no photos with masks that it was not trained on"


def make(wanted: Wanted, check: Sequence[str], tell: Tell, begin: Tell) -> Exported:
    """See `export`."""
    target, kind, precision = wanted.target, wanted.kind, wanted.precision
    if wanted.chosen.is_copy and not check:
        return _copied(wanted, begin)
    pictures = find_pictures(wanted.path, check, target, tell)
    if precision == "int8" and not pictures.calibrating:
        said = f"int8 needs photos to find the ranges of values with, and there are none: {pictures.note or 'no run'}"
        raise UserError("export-photos", said, hint="name some: --check PHOTOS")
    begin("opening the model")
    description, network = open_model(wanted.path)
    begin("writing the network" + (", calibrating it with photos" if precision == "int8" else ""))
    started = time.monotonic()
    with replacing(target, durable=True) as temporary:
        try:
            calibrating = _calibrating(pictures, tell)
            wanted.chosen.writer.write(network, description, temporary, precision, calibrating)
        except RuntimeError as error:  # of the tracer and of the converter
            said = f"the network of backbone `{description.backbone}` cannot be written as {kind}: "
            raise UserError("export-failed", said + str(error).strip().partition("\n")[0], hint=ANY) from error
        seconds = time.monotonic() - started
        begin(f"opening {target} in its runtime")
        runner, itself = wanted.chosen.writer.open_runner(temporary), _itself(Portable(network, description).eval())
        views = compare(runner, itself, pictures.tried, _counting(tell, "trying photo", len(pictures.tried)))
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


def _copied(wanted: Wanted, begin: Tell) -> Exported:
    """A file of the same tensors: these are compared, and no photo is needed."""
    begin("opening the model")
    description, network = open_model(wanted.path)
    started = time.monotonic()
    with replacing(wanted.target, durable=True) as temporary:
        wanted.chosen.writer.write(network, description, temporary, wanted.precision, ())
        seconds = time.monotonic() - started
        own, written = network.state_dict(), load_file(temporary)
        differing = [name for name in own.keys() | written.keys() if not _same(own.get(name), written.get(name))]
        if differing:
            said = f"{wanted.target} would not hold what the model does: nothing is written"
            raise UserError("export-differs", said, shorten(sorted(differing)))
        megabytes = temporary.stat().st_size / 1e6
    return Exported(
        path=wanted.target,
        kind=wanted.kind,
        precision=wanted.precision,
        megabytes=megabytes,
        seconds=seconds,
        pictures=f"all {several(len(own), 'tensor')}",
        inputs=0,
        difference=0.0,
        equal=1.0,
    )


def _same(one: torch.Tensor | None, other: torch.Tensor | None) -> bool:
    """Whether they hold the same bits; a number that is none equals itself."""
    if one is None or other is None or one.dtype != other.dtype or one.shape != other.shape:
        return False
    return one.contiguous().numpy().tobytes() == other.contiguous().numpy().tobytes()


def _calibrating(pictures: Pictures, tell: Tell) -> Iterator[Array]:
    tick = _counting(tell, "calibrating with photo", len(pictures.calibrating))
    for picture in pictures.calibrating:
        tick()
        yield within(picture)


def _itself(network: Portable) -> Runner:
    @torch.inference_mode()
    def run(images: Array) -> tuple[Array, Array]:
        labels, probabilities = network(torch.from_numpy(images))
        return labels.numpy(), probabilities.numpy()

    return run


def _counting(tell: Tell, what: str, of: int) -> Callable[[], None]:
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        tell(f"{what} {done} of {of}")

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
