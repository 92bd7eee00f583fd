"""What recipes say of photos that are listed: where they are, and which of them are trained on."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, model_validator

from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.section import Location, default

_SHARE = re.compile(r"([+-]?\d+(?:\.\d*)?|\.\d+)\s*(%?)", re.ASCII)


def _part(value: Any) -> Any:
    """A share as a number below 1, however it is written: 0.2, `0.2`, 20%."""
    if isinstance(value, str) and (share := _SHARE.fullmatch(value.strip())):
        value = float(share[1]) / (100 if share[2] else 1)
    if isinstance(value, bool) or (isinstance(value, int | float) and not 0 < value < 1):
        raise ValueError("must be a share between 0 and 1, such as 0.2; a list or a column; or null")
    if isinstance(value, str) and not value.strip():
        raise ValueError("must not be empty")
    return value


Part = Annotated[str | float | None, BeforeValidator(_part)]


class ListedData(DataSettings):
    """What these kinds have: a folder and the way its photos are divided."""

    root: Location
    train: Part = default(None, "Photos trained on: a list, a column, a share; null: all that are not in `val` [ours].")
    val: Part = default(None, "Photos predicted at the end: a list, a column, a share; null: none [ours].")
    classes: Location | None = default(None, "One class name a line; null: those of the tags [ours].")
    unlisted: Literal["refuse", "ignore"] = default(
        "refuse", "Tags that are not in `classes`: refuse or ignore [ours]."
    )

    splits: Location | None = default(
        None,
        "Folder of train.txt and val.txt, such as another run's `splits`: what shares came to there; null: found out "
        "[ours].",
    )

    @model_validator(mode="after")
    def _splits_of_shares(self) -> ListedData:
        if self.splits is not None and not isinstance(self.train, float) and not isinstance(self.val, float):
            raise ValueError("`splits` says what shares came to, but neither `train` nor `val` is a share")
        return self

    @model_validator(mode="after")
    def _no_more_than_all(self) -> ListedData:
        if isinstance(self.train, float) and isinstance(self.val, float) and self.train + self.val > 1 + 1e-9:
            raise ValueError(f"`train` and `val` are {self.train:g} and {self.val:g}: more than all photos")
        return self
