"""Mean-field inference by pydensecrf, the C++ program of the paper's authors (Krähenbühl and Koltun) for Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydensecrf import densecrf

from puzzlecam_cli.method.constants import Kernels

if TYPE_CHECKING:  # a plan looks whether this can be imported, and needs no NumPy
    import numpy as np
    from numpy.typing import NDArray


class PydensecrfField:
    """The pairwise terms of one photo.

    Args:
        image: (H, W, 3) uint8.
        labels: number of labels K, at least 2.
        kernels: of smoothness and colour.
    """

    def __init__(self, image: NDArray[np.uint8], labels: int, kernels: Kernels):
        import numpy as np

        height, width = image.shape[:2]
        self._field: Any = densecrf.DenseCRF2D(width, height, labels)
        self._field.addPairwiseGaussian(sxy=kernels.smooth_xy, compat=kernels.smooth_weight)
        # pydensecrf wants the picture writable and in C order
        rgb = np.array(image, dtype=np.uint8, order="C")
        self._field.addPairwiseBilateral(
            sxy=kernels.colour_xy, srgb=kernels.colour_rgb, rgbim=rgb, compat=kernels.colour_weight
        )

    def infer(self, unary: NDArray[np.float32], iterations: int) -> NDArray[np.float32]:
        """(K, H·W) energies → (K, H·W) probabilities after mean-field steps."""
        import numpy as np

        self._field.setUnaryEnergy(np.ascontiguousarray(unary))
        return np.array(self._field.inference(iterations), dtype=np.float32)
