"""Listed photos whose annotations hold outlines of objects: masks are drawn from them."""

from __future__ import annotations

from puzzlecam_cli.data.parts.listed import ListedPhotos


class OutlinedPhotos(ListedPhotos):
    """What kinds with outlines have in common."""

    @property
    def tags_from(self) -> str:
        return "annotations"

    def check_masks(self) -> None:
        from puzzlecam_cli.data.coco.outlines import check_package

        check_package()
