"""What is in each photo, as JSON: class, area, share of the photo and score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from puzzlecam_cli.data.photos import Tick
from puzzlecam_cli.data.pixels.colours import RGB
from puzzlecam_cli.files import as_json
from puzzlecam_cli.use.formats.labelled import Labelled, name_of
from puzzlecam_cli.use.formats.output import Output


def write(
    output: Output, photos: Sequence[Labelled], classes: tuple[str, ...], colours: tuple[RGB, ...], tick: Tick
) -> None:
    """`predictions.json`: a line a photo with its classes, the largest first; background is what they leave."""
    with output.replacing("predictions.json") as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'{{"schema": 1,\n"classes": {as_json(classes)},\n"photos": [')
        for number, line in enumerate(_lines(photos, classes, tick)):
            file.write(f"{',' if number else ''}\n{line}")
        file.write("\n]}\n")


def _lines(photos: Sequence[Labelled], classes: tuple[str, ...], tick: Tick) -> Iterator[str]:
    for done, photo in enumerate(photos, start=1):
        labels, areas = photo.read(len(classes))
        scores = photo.scores or {}
        found = [
            {
                "class": name_of(label, classes),
                "area": area,
                "share": round(area / labels.size, 6),
                "score": round(scores[label], 6) if label in scores else None,
            }
            for label, area in sorted(areas.items(), key=lambda item: -item[1])
            if label
        ]
        height, width = labels.shape
        about = {"id": photo.id, "file": str(photo.photo), "width": width, "height": height, "classes": found}
        yield as_json(about)
        tick(done, len(photos))
