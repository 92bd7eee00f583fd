"""A small made-up data set in the PASCAL VOC layout, for runs without a download.

Every object is a large plain body with a small patterned part. The part tells the class, the body barely does: the case
in which a class activation map covers too little and Puzzle-CAM has work to do.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageColor

FloatArray = NDArray[np.floating[Any]]
Pattern = Callable[[FloatArray, FloatArray], FloatArray]

SMALLEST_SIZE = 32

# Per class: the pattern of its telling part and its two colours.  A pattern maps (u, v), in units of the
# part's radius, to a signed field: the first colour where it is positive, the second elsewhere.
TELLING_PARTS: dict[str, tuple[Pattern, str, str]] = {
    "striped": (lambda u, v: np.sin(11 * u), "#f4d21f", "#17130c"),
    "checkered": (lambda u, v: np.sin(8 * u) * np.sin(8 * v), "#fafafa", "#c01822"),
    "dotted": (lambda u, v: np.cos(9 * u) + np.cos(9 * v) - 0.5, "#fff7f0", "#1d3fa8"),
    "ringed": (lambda u, v: np.cos(12 * np.hypot(u, v)), "#f07818", "#f8f4ea"),
    "crossed": (lambda u, v: 5 * (0.24 - np.minimum(abs(u), abs(v))), "#f6f6f6", "#0e7a3c"),
    "zigzag": (lambda u, v: np.sin(10 * (v + 0.5 * abs(2.4 * u % 2 - 1))), "#ee3fa0", "#141433"),
    "spoked": (lambda u, v: np.cos(5 * np.arctan2(v, u)), "#30d8e0", "#4a1260"),
    "halved": (lambda u, v: 5 * u, "#b6ee2a", "#7a2d10"),
}
CLASS_NAMES: tuple[str, ...] = tuple(TELLING_PARTS)

# Grass, leaf, soil, sand, stone, sky, water, snow: any of them goes with any class.
BACKDROPS = ("#6f8a4e", "#43602f", "#6b5138", "#c8b58a", "#8c8a84", "#a9c4d8", "#4f7280", "#dfe3e4")


@dataclass(frozen=True)
class Blob:
    """A smooth outline: a turned ellipse of area π · radius² with waves on it (pixels, radians)."""

    x: float
    y: float
    radius: float
    elongation: float
    angle: float
    waves: tuple[tuple[float, float], ...] = ()  # (amplitude, phase) of cos 3θ, cos 4θ, ...

    def local(self, height: int, width: int) -> tuple[FloatArray, FloatArray]:
        """Coordinates (u, v), (H, W) each, in which the ellipse is upright and the unit circle."""
        down = np.arange(height, dtype=np.float32)[:, None] - self.y
        right = np.arange(width, dtype=np.float32)[None, :] - self.x
        cosine, sine, stretch = math.cos(self.angle), math.sin(self.angle), math.sqrt(self.elongation)
        along, across = cosine * right + sine * down, cosine * down - sine * right
        return along / (self.radius * stretch), across * (stretch / self.radius)

    def depth(self, height: int, width: int) -> FloatArray:
        """(H, W) depth below the outline in pixels, about exact near it; negative outside."""
        u, v = self.local(height, width)
        theta = np.arctan2(v, u)
        outline = np.ones_like(theta)
        for k, (amplitude, phase) in enumerate(self.waves, start=3):
            outline += amplitude * np.cos(k * theta + phase)
        # ½∫(1 + wave)² dθ = π(1 + ½Σa²): divide it out, so that the area does not depend on the waves.
        outline /= math.sqrt(1 + sum(amplitude**2 for amplitude, _ in self.waves) / 2)
        return (outline - np.hypot(u, v)) * self.radius


def draw_picture(
    first: int, size: int, classes: int, generator: Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[int]]:
    """Image (H, W, 3), object numbers (H, W) with 0 for background, and each object's 0-based class."""
    longer = size * generator.uniform(0.8, 1.2)
    height, width = round(longer), round(longer * generator.uniform(3 / 4, 1))
    if generator.random() < 0.5:
        height, width = width, height
    canvas = draw_background(height, width, generator)
    instances = np.zeros((height, width), np.uint8)
    telling = np.zeros((height, width), bool)
    wholes: list[float] = []  # pixels of each object's body before anything covered it
    colours: list[FloatArray] = []
    object_classes: list[int] = []

    wanted = int(generator.choice((1, 2, 3), p=(0.45, 0.38, 0.17)))
    for number in range(1, wanted + 1):
        for _ in range(16):
            body = plan_body(height, width, wanted, generator)
            body_depth = body.depth(height, width)
            part = plan_part(body.radius, body_depth, generator)
            part_depth = part.depth(height, width)
            part_pixels = part_depth >= 0
            covered = part_pixels | (body_depth >= 0)
            after = np.where(covered, np.uint8(number), instances)
            seen = np.bincount(after.ravel(), minlength=number + 1)[1:]
            # The picture's edge and later objects take little of a body; parts stay whole and on no other
            # object: every tag has a visible reason, and one body only.
            if (
                (seen >= 0.85 * np.array([*wholes, math.pi * body.radius**2])).all()
                and np.count_nonzero(part_pixels) >= 0.85 * math.pi * part.radius**2
                and not (telling & covered | part_pixels & (instances > 0)).any()
            ):
                break
        else:
            if number > 1:
                break  # no room: fewer objects are fine, a hidden one with a tag is not
        index = first
        if number > 1 and classes > 1 and generator.random() > 0.12:  # else the first one's class again
            index = int((first + generator.integers(1, classes)) % classes)
        colour = choose_body_colour(index, [canvas[covered].mean(axis=0), *colours], generator)
        paint_body(canvas, body_depth, colour, generator)
        paint_part(canvas, part, part_depth, index, generator)
        instances, telling = after, telling | part_pixels
        wholes.append(math.pi * body.radius**2)
        colours.append(colour)
        object_classes.append(index)

    canvas += generator.standard_normal(canvas.shape, np.float32) * generator.uniform(2, 5)
    return np.clip(canvas, 0, 255).astype(np.uint8), instances, object_classes


def plan_body(height: int, width: int, wanted: int, generator: Generator) -> Blob:
    """The outline of a body; smaller where `wanted` objects share the picture."""
    largest = {1: 0.27, 2: 0.2, 3: 0.15}[wanted]
    radius = math.sqrt(generator.uniform(0.09, largest) * height * width / math.pi)
    x, y = (generator.uniform(0.9 * radius, side - 0.9 * radius) for side in (width, height))
    waves = tuple((generator.uniform(0, most), generator.uniform(0, 7)) for most in (0.14, 0.09, 0.06))
    return Blob(x, y, radius, generator.uniform(1, 1.7), generator.uniform(0, math.pi), waves)


def plan_part(body_radius: float, body_depth: FloatArray, generator: Generator) -> Blob:
    """The outline of a telling part, an eighth to a fifth of the body's size, centred just inside it."""
    rows, columns = np.nonzero((body_depth >= 0) & (body_depth < 0.4 * body_radius))
    spot = generator.integers(len(rows))
    radius = body_radius * math.sqrt(generator.uniform(0.125, 0.21))
    elongation, angle = generator.uniform(1, 1.25), generator.uniform(-0.5, 0.5)
    return Blob(float(columns[spot]), float(rows[spot]), radius, elongation, angle)


def choose_body_colour(index: int, avoid: list[FloatArray], generator: Generator) -> FloatArray:
    """An RGB colour (3,) loosely around the class's hue that stands out from every colour in `avoid`."""
    offered = []
    for _ in range(12):
        hue = 360 * (index / len(CLASS_NAMES) + generator.normal(0, 0.14)) % 360
        saturation, value = generator.uniform(35, 80), generator.uniform(35, 95)
        offered.append(ImageColor.getrgb(f"hsv({hue:.1f},{saturation:.1f}%,{value:.1f}%)"))
    colours = np.array(offered, np.float32)
    distances = np.linalg.norm(colours[:, None] - np.array(avoid), axis=-1).min(axis=1)
    # The first that is far enough, so that the hue stays as drawn; the farthest where none is.
    return np.asarray(colours[np.argmax(np.minimum(distances, 85))])


def draw_background(height: int, width: int, generator: Generator) -> FloatArray:
    """A (H, W, 3) backdrop in 0..255: two natural colours mixed by soft noise, a gradient and grain."""
    one, other = (
        np.array(ImageColor.getrgb(name) + generator.normal(0, 8, 3), np.float32)
        for name in generator.choice(BACKDROPS, 2, replace=False)
    )
    mix = soft_noise(height, width, 4, generator) + 0.5 * soft_noise(height, width, 11, generator)
    mix = np.clip(0.5 + 0.45 * mix, 0, 1)[..., None]
    down = generator.uniform(-20, 20) * np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    right = generator.uniform(-20, 20) * np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    fine = generator.uniform(3, 9) * soft_noise(height, width, max(height, width) // 3, generator)
    return np.asarray(one + mix * (other - one) + (down + right + fine)[..., None])


def soft_noise(height: int, width: int, cells: int, generator: Generator) -> FloatArray:
    """(H, W) smooth noise of about unit spread, with `cells` random values along the longer side."""
    longer = max(height, width)
    rows, columns = max(2, round(cells * height / longer)), max(2, round(cells * width / longer))
    grid = Image.fromarray(generator.standard_normal((rows, columns), np.float32))
    return np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC))


def paint_body(canvas: FloatArray, depth: FloatArray, colour: FloatArray, generator: Generator) -> None:
    """Blend a plain, slightly rounded and grainy body into `canvas` (H, W, 3), in place."""
    window = around(depth)
    height, width = depth[window].shape
    shade = 12 * soft_noise(height, width, 3, generator)
    grain = max(height, width) // int(generator.integers(2, 5))
    shade += generator.uniform(5, 14) * soft_noise(height, width, grain, generator)
    shade -= generator.uniform(10, 30) * np.clip(1 - 2 * depth[window] / depth.max(), 0, 1)
    blend(canvas[window], colour + shade[..., None], depth[window])


def paint_part(canvas: FloatArray, part: Blob, depth: FloatArray, index: int, generator: Generator) -> None:
    """Blend the telling part of class `index` into `canvas` (H, W, 3), in place."""
    pattern, *names = TELLING_PARTS[CLASS_NAMES[index]]
    one, other = (np.array(ImageColor.getrgb(name) + generator.normal(0, 10, 3), np.float32) for name in names)
    window = around(depth)
    u, v = part.local(*depth.shape)
    first = np.clip(0.5 + 2 * pattern(u[window], v[window]), 0, 1)[..., None]
    blend(canvas[window], other + first * (one - other), depth[window])


def around(depth: FloatArray) -> tuple[slice, slice]:
    """The rows and columns that hold a shape and its soft edge."""
    rows, columns = np.nonzero((depth > -1).any(axis=1))[0], np.nonzero((depth > -1).any(axis=0))[0]
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def blend(canvas: FloatArray, paint: FloatArray, depth: FloatArray) -> None:
    """Cover `canvas` with `paint` where `depth` ≥ 0, with an edge one pixel soft, in place."""
    canvas += np.clip(depth + 0.5, 0, 1)[..., None] * (paint - canvas)
