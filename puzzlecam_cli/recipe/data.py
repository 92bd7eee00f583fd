"""The `data` section of a recipe. Each kind of data brings its own settings: see `puzzlecam_cli.registry`."""

from __future__ import annotations

from typing import Literal

from puzzlecam_cli.recipe.section import Section, default


class DataSettings(Section):
    """What every kind of data has: its name, and what becomes of photos that cannot be read. The rest is its own."""

    kind: str
    on_error: Literal["stop", "skip"] = default(
        "stop",
        "Photos that are missing or cannot be decoded: `stop` names them all at the start; `skip` leaves them out, "
        "counts them in the scores and lists them in RUN/left_out.json. A photo whose mask is so is left out of the "
        "scores only. More than half of a split is an error all the same, and so are tags that cannot be read [ours].",
    )

    @property
    def skips(self) -> bool:
        """Whether photos that cannot be read are left out."""
        return self.on_error == "skip"
