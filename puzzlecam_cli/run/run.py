"""A run: a recipe, the folder it works in, and what is known of that folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import cast

from puzzlecam_cli.data.photos import PhotoSet, Tell, open_photos, silent
from puzzlecam_cli.data.skipping import Skipping
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.resolved import as_yaml
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger


@dataclass(frozen=True)
class Run:
    """What planning, carrying out and looking at a run need; it is passed on whole."""

    recipe: Recipe
    folder: RunFolder
    ledger: Ledger
    tell: Tell = silent

    @classmethod
    def at(cls, recipe: Recipe, root: Path, tell: Tell = silent) -> Run:
        """The run of a recipe in a folder, which need not be there yet.

        Args:
            tell: is told of what is read of the data, as that takes seconds where there is much.

        Raises:
            UserError: the folder's ledger is damaged.
        """
        folder = RunFolder(root)
        return cls(recipe, folder, Ledger(folder.ledger), tell)

    @classmethod
    def of(cls, root: Path, tell: Tell = silent) -> Run:
        """The run that a folder holds, by its own recipe.

        Raises:
            UserError: it holds none, or the recipe or the ledger is damaged.
        """
        folder = RunFolder(root)
        if not (folder.recipe.is_file() and folder.ledger.is_file()):
            problem = "holds no run: it lacks recipe.yaml or run.json" if root.is_dir() else "is no folder"
            raise UserError("run-missing", f"{root} {problem}", hint="name the folder of a run: runs/quickstart")
        return cls.at(load_recipe(str(folder.recipe)), root, tell)

    @cached_property
    def text(self) -> str:
        """The recipe in full, as `recipe.yaml` holds it; each step compares the two."""
        return as_yaml(self.recipe)

    @cached_property
    def all_photos(self) -> PhotoSet:
        """The data set with those of its photos that cannot be decoded."""
        return open_photos(self.recipe.data, self.folder.root, self.recipe.seed, self.tell)

    @cached_property
    def skipping(self) -> Skipping | None:
        """What leaves out photos that cannot be decoded; None where these are an error."""
        return Skipping(self.all_photos, self.folder.left_out) if self.recipe.data.skips else None

    @property
    def photos(self) -> PhotoSet:
        """The data set that is worked with."""
        return self.all_photos if self.skipping is None else cast(PhotoSet, self.skipping)
