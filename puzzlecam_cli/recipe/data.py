"""The `data` section of a recipe. Each kind of data brings its own settings: see `puzzlecam_cli.registry`."""

from __future__ import annotations

from puzzlecam_cli.recipe.section import Section


class DataSettings(Section):
    """What every kind of data has: its name. The rest is a kind's own."""

    kind: str
