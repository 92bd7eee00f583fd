"""Read `scores.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Scores = dict[str, Any]
Result = dict[str, Any]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Checked(BaseModel):
    """What other code relies on; more may be there."""

    model_config = ConfigDict(strict=True)


class _Result(_Checked):
    what: Literal["cams", "rw", "pseudo-labels", "predictions"]
    split: str
    images: Count
    equal: Count = 0
    empty: bool = False
    out_of_date: str = ""
    supervision: str = "tags"
    miou: Share | None
    fp: Share | None
    fn: Share | None
    threshold: Share | None
    threshold_from: str | None
    crf: bool
    iou: Annotated[dict[str, Share | None], Field(min_length=1)]
    sweep: list[Annotated[list[Share | Literal["auto"] | None], Field(min_length=2, max_length=2)]] = []


class _Shown(_Checked):
    what: Literal["pseudo-labels", "predictions"]
    split: str
    images: Count
    out_of_date: str = ""
    empty: Count
    classes: dict[str, Count]


class _Tags(_Checked):
    photos: Count
    tags: Count
    classes: Count
    photos_without: Count


class _MadeWith(_Checked):
    precision: list[str] = []
    crf: list[str] = []


class _Scores(_Checked):
    version: Literal[1] = Field(alias="schema")
    results: list[_Result]
    shown: list[_Shown] = []
    classes: list[str] = []
    tags: _Tags | None = None
    tags_from: str | None = None
    made_with: _MadeWith = _MadeWith()
    left_out: dict[str, Count] = {}
    masks_left_out: dict[str, Count] = {}


def read_scores(path: Path) -> Scores:
    """What `eval` wrote.

    Raises:
        UserError: it is not there, or damaged.
    """
    from puzzlecam_cli.run.arrays import damaged_files  # NumPy is not for a plan

    with damaged_files(path, "eval"):
        scores: Scores = json.loads(path.read_text(encoding="utf-8"))
        try:
            _Scores.model_validate(scores)
        except ValidationError as error:
            first = error.errors()[0]
            raise ValueError(f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}") from None
    return scores
