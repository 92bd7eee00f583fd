"""The kinds of data a recipe can name."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from puzzlecam_cli.recipe.section import Count, Integer, Location, Section, default


class VocData(Section):
    """A folder in PASCAL VOC layout."""

    kind: Literal["voc"]
    root: Location = Field(description="Folder with JPEGImages, Annotations and ImageSets.")
    train: str = default("train_aug", "List trained on; VOC's train_aug (10,582 ids) is shipped [paper].")
    val: str | None = default("val", "List predicted at the end; null: none [paper].")
    score: str | None = default(
        None,
        "List on which maps and pseudo labels are scored; null: `train`, for train_aug VOC's train [code].",
    )
    classes: Location | None = default(None, "One class name a line; null: root/classes.txt, else VOC's 20 [ours].")
    tags: Literal["annotations", "masks"] = default(
        "annotations", "Where tags come from; `masks` reads them off pixel masks: the scores will say so [code]."
    )

    @property
    def score_split(self) -> str:
        return self.score or ("train" if self.train == "train_aug" else self.train)


class SyntheticData(Section):
    """Made-up pictures: objects with a small telling part and a plain larger body. Written once, VOC layout."""

    kind: Literal["synthetic"]
    root: Location | None = default(None, "Where the pictures are written; null: `data` in the run folder [ours].")
    pictures: Count = default(240, "Pictures to train on [ours].", le=100_000)
    val_pictures: Count = default(60, "Pictures to predict and score [ours].", le=100_000)
    size: Integer = default(160, "Longer side in pixels, about [ours].", ge=48, le=4096)
    classes: Integer = default(6, "Object classes [ours].", ge=1, le=8)


Data = Annotated[VocData | SyntheticData, Field(discriminator="kind")]
