"""YOLO: data.yaml and labels."""

from __future__ import annotations

from collections.abc import Iterator

from puzzlecam_cli.data.discover.candidate import Candidate, Unusable
from puzzlecam_cli.data.discover.place import Place


def find(place: Place) -> Iterator[Candidate | Unusable]:
    """Every data.yaml whose photos are here."""
    yield from ()
