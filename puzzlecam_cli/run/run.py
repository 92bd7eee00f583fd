"""A run: a recipe, the folder it works in, and what is known of that folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from puzzlecam_cli.data.photos import PhotoSet, open_photos
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger


@dataclass(frozen=True)
class Run:
    """What planning, carrying out and looking at a run need; it is passed on whole."""

    recipe: Recipe
    folder: RunFolder
    ledger: Ledger

    @classmethod
    def at(cls, recipe: Recipe, root: Path) -> Run:
        """The run of a recipe in a folder, which need not be there yet.

        Raises:
            UserError: the folder's ledger is damaged.
        """
        folder = RunFolder(root)
        return cls(recipe, folder, Ledger(folder.ledger))

    @cached_property
    def photos(self) -> PhotoSet:
        return open_photos(self.recipe.data, self.folder.root, self.recipe.seed)
