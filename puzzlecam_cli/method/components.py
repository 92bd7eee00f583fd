"""What is connected. It must stay light: plans look for near-identical photos with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray


def components(count: int, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """The smallest number that each of `count` numbers is connected with by pairs, (count,)."""
    import numpy as np

    label = np.arange(count)
    while True:
        lowest = np.minimum(label[first], label[second])
        below = label.copy()
        np.minimum.at(below, label[first], lowest)
        np.minimum.at(below, label[second], lowest)
        while not np.array_equal(below, jumped := below[below]):
            below = jumped
        if np.array_equal(below, label):
            return label
        label = below
