"""The settings of photos in PASCAL VOC layout."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from puzzlecam_cli.data.ids import check_id
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import Location, default


class VocData(DataSettings):
    """A folder in PASCAL VOC layout."""

    kind: Literal["voc"]
    root: Location = Field(description="Folder with JPEGImages, Annotations and ImageSets.")
    train: str = default("train_aug", "List trained on; VOC's train_aug (10,582 ids) is shipped [paper].")
    val: str | None = default("val", "List predicted at the end; null: none [paper].")
    score: str | None = default(
        None,
        "List on which maps and pseudo labels are scored; null: `train`, for train_aug VOC's train [code].",
    )
    classes: Location | None = default(
        None,
        "One class name a line; null: root/classes.txt, class_names.txt, labels.txt or labelmap.txt, or VOC's [ours].",
    )
    tags: Literal["auto", "annotations", "lists", "masks"] = default(
        "auto",
        "Where tags come from: XML in Annotations; ImageSets/Main/<class>_<list>.txt; auto: the first, where there is "
        "such a folder, else the second; `masks` reads them off pixel masks: the scores will say so [ours].",
    )
    boxes: Literal["any", "clipped"] = default(
        "any", "Whether an object whose box is empty once it is clipped to the photo counts; clipped: no [ours]."
    )
    masks: Location | None = default(
        None,
        "Masks to score with instead of root/SegmentationClass, as of `folder`: pictures, CVAT's zip, instances JSON, "
        "or a folder with data.yaml and labels, of some or all photos [ours].",
    )
    white: Literal["void", "class"] = default(
        "void", "What 255 in a mask is; `class`: the one class of masks in black and white [ours]."
    )
    colours: Location | None = default(
        None, "The classes' colours in RGB masks, as CVAT's labelmap.txt; null: root/labelmap.txt, else VOC's [ours]."
    )

    @field_validator("train", "val", "score")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and ("/" in value or value.startswith(".") or check_id(value)):
            raise ValueError("must be the name of a list in ImageSets/Segmentation or ImageSets/Main, no path")
        if value is not None and value.lower().endswith(".txt"):
            raise ValueError("must be the name of a list: leave out .txt")
        return value
