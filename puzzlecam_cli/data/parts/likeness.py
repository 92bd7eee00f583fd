"""Photos that are near-identical: saved again, made smaller or larger, brightened, mirrored, cropped a little.

Of each photo a thumbnail of 288 bytes is kept. The signs of its lowest frequencies are a hash. Hashes are sorted, so
that those whose first bits are equal come together, and what comes together is compared by its details. That is done
three times with other bits in front, the weakest of them turned: no photo is compared with all others, and a copy is
missed only where it differs in firm bits all three times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.method.components import components

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image

    Array = NDArray[Any]

SIDE, COLOUR_SIDE = 16, 4  # of the thumbnail in grey, and of each of its two colours
GREYS = SIDE * SIDE
BYTES = GREYS + 2 * COLOUR_SIDE * COLOUR_SIDE

FREQUENCIES = 10  # a side, of the cosine transform of the greys
FLAT = 3.0  # grey levels, standard deviation of details: where there is less, only an equal thumbnail is alike
MAYBE = 0.82  # correlation of details: of a photo with one of which 3 % a side were cut off
ALIKE = 0.95  # the same, one laid on the other; of photos of the same scene, or two portraits, it is less
MOVED = 0.6  # of a thumbnail's pixels: how far copies are moved or stretched at most
STRICTER = (0.96, 0.975, 0.985, 0.995)  # where likeness goes from photo to photo through too many
COLOURS_APART = 14.0  # mean difference

BITS, ROUNDS, FIRST, WEAK = 64, 3, 12, 3  # of a hash; orders of its bits; bits in front, and turned of them
COMPARISONS = 2 * ROUNDS  # of photos as they are, and mirrored
APART = 16  # bits in which hashes of copies differ at most
BESIDE, CLOSEST = 128, 4  # hashes to either side that are compared, and photos of those, at most: all may be alike
CHUNK = 1 << 14  # photos or pairs at once


def thumbnail(picture: Image.Image) -> bytes:
    """What is remembered of a photo (RGB) to compare it: 16×16 greys, then two colours of 4×4, a byte each."""
    from PIL import Image

    bilinear = Image.Resampling.BILINEAR
    grey, blue, red = picture.resize((SIDE, SIDE), bilinear, reducing_gap=3.0).convert("YCbCr").split()
    small = (COLOUR_SIDE, COLOUR_SIDE)
    return b"".join((grey.tobytes(), blue.resize(small, bilinear).tobytes(), red.resize(small, bilinear).tobytes()))


def groups_alike(
    thumbnails: Sequence[bytes], most: int, tick: Callable[[int, int], None] | None = None
) -> tuple[list[list[int]], int]:
    """Groups of photos that are near-identical, directly or by way of others; each of two or more, sorted.

    Args:
        thumbnails: one a photo; an empty one is like no other.
        most: photos of a group: in a larger one only those that are more alike stay together.
        tick: is told how many of all comparisons are done.

    Returns:
        The groups, and how many photos were in groups that were too large. Neither depends on the order of the photos.
    """
    import numpy as np

    known = np.array([number for number, found in enumerate(thumbnails) if len(found) == BYTES], dtype=np.int64)
    if len(known) < 2:
        return [], 0
    table = np.frombuffer(b"".join(thumbnails[number] for number in known), np.uint8).reshape(-1, BYTES)
    different, which, times = np.unique(table, axis=0, return_inverse=True, return_counts=True)
    which = which.reshape(-1)
    labels, too_many = _joined(times, *_pairs(different, tick or (lambda done, total: None)), most)
    label = labels[which]  # of each photo
    alone = times[which] > most
    label[alone] = len(labels) + np.flatnonzero(alone)  # the same picture too many times: each by itself
    order = np.argsort(label, kind="stable")
    groups = np.split(known[order], np.flatnonzero(np.diff(label[order])) + 1)
    return sorted(group.tolist() for group in groups if len(group) > 1), too_many


def _joined(times: Array, first: Array, second: Array, likeness: Array, most: int) -> tuple[Array, int]:
    """The group (a number) of each thumbnail, and the photos in groups that were too large.

    Args:
        times: photos with each thumbnail, (n,).
        first, second, likeness: pairs that are alike, (p,).
    """
    import numpy as np

    found = np.arange(len(times))
    free = np.ones(len(times), dtype=bool)
    too_many = 0
    for least in (ALIKE, *STRICTER):
        used = free[first] & free[second] & (likeness >= least)
        label = components(len(times), first[used], second[used])
        fits = free & (np.bincount(label, times, len(times))[label] <= most)
        found[fits] = label[fits]
        free &= ~fits
        too_many = too_many or int(times[free].sum())
    return found, too_many


def _pairs(table: Array, tick: Callable[[int, int], None]) -> tuple[Array, Array, Array]:
    """Pairs of thumbnails (n, 288) that are alike: two numbers each, (p,), and how much, (p,)."""
    import numpy as np

    greys, colours = table[:, :GREYS], table[:, GREYS:].astype(np.float32)
    frequencies = np.concatenate([_frequencies(greys[start : start + CHUNK]) for start in range(0, len(table), CHUNK)])
    strength = np.linalg.norm(frequencies @ _details(), axis=1)
    lively = np.flatnonzero(strength >= FLAT * SIDE)
    frequencies, colours, count = frequencies[lively] / strength[lively, None], colours[lively], len(lively)
    details = frequencies @ _details()  # of length 1
    values = frequencies[:, _lowest()]
    pairs, likeness = [np.zeros(0, np.int64)], [np.zeros(0, np.float32)]
    for number, (is_mirrored, turn) in enumerate(product((False, True), range(ROUNDS)), start=1):
        mirror = _mirror() if is_mirrored else np.float32(1)
        painted = _mirrored_colours(colours) if is_mirrored else colours
        for first, second in _candidates((frequencies * mirror)[:, _lowest()], values, turn):
            for start in range(0, len(first), CHUNK):
                i, j = first[start : start + CHUNK], second[start : start + CHUNK]
                close = np.abs(painted[i] - colours[j]).mean(axis=1) <= COLOURS_APART
                i, j = i[close], j[close]
                maybe = np.einsum("pf,pf->p", details[i] * mirror, details[j]) >= MAYBE
                i, j = i[maybe], j[maybe]
                found = _likeness(frequencies[i] * mirror, frequencies[j])
                alike = found >= ALIKE
                pairs.append(np.minimum(i, j)[alike] * count + np.maximum(i, j)[alike])
                likeness.append(found[alike])
        tick(number, COMPARISONS)
    pair, where = np.unique(np.concatenate(pairs), return_index=True)
    return lively[pair // max(count, 1)], lively[pair % max(count, 1)], np.concatenate(likeness)[where]


def _likeness(first: Array, second: Array) -> Array:
    """The correlation of details (p, 100) where each photo is moved and stretched half the way to the other: (p,)."""
    import numpy as np

    one, other = first @ _details(), second @ _details()
    # (p, 4, 100): what half a pixel's move of each changes
    of_one, of_other = ((photos @ _moves()).reshape(-1, 4, FREQUENCIES**2) / 2 for photos in (first, second))
    steps = of_one + of_other
    products = steps @ steps.transpose(0, 2, 1)
    products += 1e-3 * np.trace(products, axis1=1, axis2=2)[:, None, None] * np.eye(4, dtype=np.float32)
    moved = np.linalg.solve(products, steps @ (one - other)[..., None])[:, None, :, 0].clip(-MOVED, MOVED)  # (p, 1, 4)
    one = one - (moved @ of_one)[:, 0]
    other = other + (moved @ of_other)[:, 0]
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: Array = np.einsum("pf,pf->p", one, other) / lengths
    return found


def _candidates(asked: Array, values: Array, turn: int) -> Iterator[tuple[Array, Array]]:
    """Pairs of photos whose hashes are close: (p,) numbers of those asked for and of those found, no photo with itself.

    Args:
        asked, values: (n, 64), whose signs are the bits: as they may be mirrored, and as they are.
        turn: which bits are in front.
    """
    import numpy as np

    front = np.arange(turn, ROUNDS * FIRST, ROUNDS)
    order = np.concatenate([front, np.setdiff1d(np.arange(BITS), front)])
    weight = np.uint64(1) << np.arange(BITS - 1, -1, -1, dtype=np.uint64)  # of the bits, the first the largest
    keys, wanted = ((of[:, order] > 0) @ weight for of in (values, asked))
    by_key = np.argsort(keys, kind="stable")
    in_order = keys[by_key]
    weakest = weight[np.argsort(np.abs(asked[:, front]), axis=1, kind="stable")[:, :WEAK]]  # (n, 3)
    rest = (np.uint64(1) << np.uint64(BITS - FIRST)) - np.uint64(1)
    for turned in product((False, True), repeat=WEAK):
        key = wanted ^ np.where(turned, weakest, np.uint64(0)).sum(axis=1, dtype=np.uint64)
        place = np.searchsorted(in_order, key)
        low = np.maximum(np.searchsorted(in_order, key & ~rest), place - BESIDE)
        high = np.minimum(np.searchsorted(in_order, key | rest, side="right"), place + BESIDE)
        for start in range(0, len(key), CHUNK):
            begin, counts = low[start : start + CHUNK], (high - low)[start : start + CHUNK]
            first = np.repeat(np.arange(start, start + len(counts)), counts)
            within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
            second = by_key[within + np.repeat(begin, counts)]
            apart = np.bitwise_count(wanted[first] ^ keys[second]).astype(np.int64)
            close = np.flatnonzero((apart <= APART) & (first != second))
            close = close[np.argsort(first[close] * BITS + apart[close], kind="stable")]
            rank = np.arange(len(close)) - np.searchsorted(first[close], first[close])
            close = close[rank < CLOSEST]
            yield first[close], second[close]


def _frequencies(greys: Array) -> Array:
    """The lowest 10×10 frequencies of thumbnails (n, 256): (n, 100)."""
    import numpy as np

    sides = greys.reshape(-1, SIDE, SIDE).astype(np.float32)
    found: Array = (_cosines() @ sides @ _cosines().T).reshape(-1, FREQUENCIES**2)
    return found


def _mirrored_colours(colours: Array) -> Array:
    return colours.reshape(len(colours), 2, COLOUR_SIDE, COLOUR_SIDE)[..., ::-1].reshape(colours.shape)


@cache
def _cosines() -> Array:
    """(10, 16): the orthonormal cosine transform of one side, its lowest frequencies."""
    import numpy as np

    waves = np.cos(np.pi * np.outer(np.arange(FREQUENCIES), 2 * np.arange(SIDE) + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)
    waves[0] /= np.sqrt(2)
    found: Array = waves.astype(np.float32)
    return found


@cache
def _details() -> Array:
    """(100, 100): leaves out of frequencies what grows evenly over a photo: the light of one sky is that of another."""
    import numpy as np

    down, right = np.meshgrid(np.linspace(-1, 1, SIDE), np.linspace(-1, 1, SIDE), indexing="ij")
    even = np.stack([np.ones_like(down), down, right, down**2, down * right, right**2])  # (6, 16, 16)
    basis = np.linalg.qr(_frequencies(even).T.astype(np.float64))[0]  # (100, 6)
    found: Array = (np.eye(FREQUENCIES**2) - basis @ basis.T).astype(np.float32)
    return found


@cache
def _moves() -> Array:
    """(100, 4·100): of frequencies, what their details gain where a photo is moved by a pixel: down, to the right.

    Or stretched, by a pixel at its edges: in height, in width.
    """
    import numpy as np

    waves, place = np.arange(FREQUENCIES)[:, None], np.arange(SIDE)
    slope = -np.pi * waves / SIDE * np.sin(np.pi * waves * (2 * place + 1) / (2 * SIDE)) * np.sqrt(2 / SIDE)  # (10, 16)
    move, stretch = _cosines() @ slope.T, _cosines() @ (np.linspace(-1, 1, SIDE) * slope).T
    still = np.eye(FREQUENCIES)
    all_four = [np.kron(move, still), np.kron(still, move), np.kron(stretch, still), np.kron(still, stretch)]
    found: Array = np.concatenate([gain.T @ _details() for gain in all_four], axis=1).astype(np.float32)
    return found


@cache
def _lowest() -> Array:
    """(64,): the numbers of the lowest frequencies, without the mean: the bits of a hash."""
    import numpy as np

    sums = np.add.outer(np.arange(FREQUENCIES), np.arange(FREQUENCIES)).reshape(-1)
    return np.argsort(sums, kind="stable")[1 : BITS + 1]


@cache
def _mirror() -> Array:
    """(100,): what mirroring left to right makes of each frequency: 1 or -1."""
    import numpy as np

    return np.tile((-1.0) ** np.arange(FREQUENCIES), FREQUENCIES).astype(np.float32)
