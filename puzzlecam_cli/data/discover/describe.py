"""What was found, in words; and a look at some of the photos and masks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from puzzlecam_cli.data.discover.candidate import Reading
from puzzlecam_cli.data.photos import Tell
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

SIZES = 1000  # photos whose headers are read
Sizes = Sequence[tuple[int, int]]  # (H, W) in pixels


def sample_sizes(reading: Reading, tell: Tell) -> tuple[Sizes, tuple[str, ...]]:
    """The sizes of photos taken evenly from all, and what to say of those without a header.

    Raises:
        UserError: none of them is a photo.
    """
    from puzzlecam_cli.data.pixels.photo_file import size_of

    photos = reading.photos[:: -(-len(reading.photos) // SIZES)]
    sizes: list[tuple[int, int]] = []
    problems: list[str] = []
    for number, photo in enumerate(photos):
        if number % 200 == 0:
            tell(f"looking at sizes: {number:,} of {len(photos):,} photos")
        try:
            sizes.append(size_of(photo.image))
        except UserError as error:
            problems.append(error.problem)
    if not sizes:
        raise UserError(
            "image-unreadable", f"none of the {len(photos):,} photos looked at can be read", shorten(problems)
        )
    if problems:
        quick = f"a quick look at {len(photos):,} of {len(reading.photos):,} photos"
        said = (
            f"{quick} found {len(problems):,} that cannot be read: {problems[0]}; `puzzlecam data check` looks at all"
        )
        return sizes, (said,)
    return sizes, ()


def described(reading: Reading, sizes: Sizes) -> list[tuple[str, str]]:
    """What and how, a line each."""
    data = reading.candidate.data
    counts = Counter(tag for photo in reading.photos for tag in photo.tags)
    rarest = min(range(1, len(reading.classes) + 1), key=lambda tag: counts[tag])
    names = ", ".join(shorten([quoted(name, 30).strip("`") for name in reading.classes], 6))
    photos = f"{len(reading.photos):,} in {data['root']}, {_sizes(sizes)}"
    each = sum(counts.values()) / len(reading.photos)
    often = f"{each:.0f}" if each.is_integer() else f"{each:.2f}"
    rare = f"; fewest: {counts[rarest]} of {quoted(reading.classes[rarest - 1], 30)}"
    lines = [
        ("photos", photos),
        ("tags", f"{reading.candidate.what}: {often} a photo"),
        ("classes", f"{len(reading.classes)}: {names}{rare}"),
    ]
    if untagged := sum(not photo.tags for photo in reading.photos):
        lines.append(
            (
                "untagged",
                f"{untagged:,} photo{' has' if untagged == 1 else 's have'} no tag: nothing but background is shown",
            )
        )
    if reading.masks:
        lines.append(("masks", f"{reading.masks:,}, for scores only"))
    how = reading.candidate.reasons.get("val")
    lines.append(("parts", f"{reading.train:,} trained on, {reading.val:,} predicted" + (f" ({how})" if how else "")))
    return lines


def _sizes(sizes: Sizes) -> str:
    """`320 × 213 pixels`, the commonest first."""
    (height, width), count = Counter(sizes).most_common(1)[0]
    sides = [side for size in sizes for side in size]
    same = f"{width} × {height} pixels"
    return same if count == len(sizes) else f"{min(sides)} to {max(sides)} pixels a side, most often {width} × {height}"
