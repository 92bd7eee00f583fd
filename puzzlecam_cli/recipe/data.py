"""The `data` section of a recipe. Each kind of data brings its own settings: see `puzzlecam_cli.registry`."""

from __future__ import annotations

from typing import Literal

from puzzlecam_cli.recipe.section import Section, default


class DataSettings(Section):
    """What every kind of data has: its name, and what becomes of photos that cannot be read. The rest is its own."""

    kind: str
    on_error: Literal["stop", "skip"] = default(
        "stop", "Photos that cannot be read; `skip`: they are left out, counted and listed [ours]."
    )
