"""What is wanted of an export, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.text import several
from puzzlecam_cli.use.export.kinds import Kind


@dataclass(frozen=True)
class Exported:
    """A file that was written and tried.

    Args:
        path: of the file.
        kind: `onnx`, `torchscript` or `safetensors`.
        precision: `fp32`, `fp16` or `int8`.
        megabytes: of the file.
        seconds: that writing it took.
        pictures: what it was tried on, in words; of a copy, what was compared instead.
        inputs: how many of them and of their sizes; 0: it is a copy, and was compared number by number.
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
        """`pets.onnx  18.4 MB  100.00 % of labels equal, probabilities differ by up to 4e-06 (8 photos, 12 inputs)`"""
        if not self.inputs:
            return f"{self.path}  {self.megabytes:.1f} MB  a copy: {self.pictures} are equal"
        parts = [f"{self.path}  {self.megabytes:.1f} MB  {100 * self.equal:.2f} % of labels equal"]
        parts.append(f"probabilities differ by up to {self.difference:.2g} ({self.pictures}, {self.inputs} inputs)")
        if self.miou:
            own, here = self.miou
            parts.append(f"mIoU {here:.4f} instead of {own:.4f} ({several(self.scored, 'photo')} of val)")
        return ", ".join(parts)


@dataclass(frozen=True)
class Wanted:
    """What is to be written, and where: all of it was looked at.

    Args:
        path: the run folder or the model file.
        model: the file.
        kind, precision: see `export`.
        chosen: the row of the kind.
        target: the file to be written.
    """

    path: Path
    model: Path
    kind: str
    chosen: Kind
    target: Path
    precision: str
