"""What stages and steps are. A stage is a command; a step makes one kind of artifact."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from puzzlecam_cli.errors import UserError

if TYPE_CHECKING:
    from puzzlecam_cli.recipe.schema import Recipe
    from puzzlecam_cli.run.context import Context


@dataclass(frozen=True)
class Step:
    """One artifact of a run, and all that decides what is in it.

    Args:
        name: where it lies in the run folder.
        function: `module:function`, called with a `Context`.
        keys: recipe keys or sections it reads.
        without: keys below those that it does not read.
        data: splits it reads, each with `tags` or `masks` if it reads these.
        needs: steps whose artifacts it reads.
        crf: key of the dense CRF it works with.
        saliency: what it uses saliency maps for, if there are any: keys of the recipe's `saliency`.
        files: its finished files, where it makes the same whatever the photos are.
        each: of a step that works photo by photo, the file of a photo's `{id}`, of a `{split}` if that is in the name.
        of: whose photos these are: `train` or `val`.
        own: the files and folders that are its.
        traces: patterns of what else it leaves in them.
        takes_what_is_there: it can work with a part of what it needs.
        passing: what is made of it suffices to use the run: it may be deleted then, to free the disk.
        version: raised when the code begins to make something else of the same inputs.
    """

    name: str
    function: str
    keys: tuple[str, ...]
    own: tuple[str, ...]
    files: tuple[str, ...] = ()
    each: str = ""
    of: Literal["train", "val"] = "train"
    traces: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    crf: str = ""
    saliency: tuple[str, ...] = ()
    takes_what_is_there: bool = False
    passing: bool = False
    version: int = 1

    @property
    def places(self) -> tuple[str, ...]:
        """All that it writes: what it owns and, where it works photo by photo, the list of its files."""
        return (*self.own, self.made) if self.each else self.own

    @property
    def made(self) -> str:
        """The list of the files that it makes, written before them: it tells them from what others put beside them."""
        return f"made/{self.name.replace('/', '-')}.txt"

    def reads(self, key: str, recipe: Recipe) -> bool:
        """Whether a recipe's key, one of `keys` or below them, decides what it makes."""
        if self.name == "seg/model" and recipe.seg.parts > 1:  # it learns from what `seg.predict` makes
            return True
        return not any(key == skipped or key.startswith(skipped + ".") for skipped in self.without)

    def make(self, context: Context) -> None:
        """Do its work; PyTorch is loaded only now."""
        module, _, name = self.function.partition(":")
        getattr(import_module(module), name)(context)


@dataclass(frozen=True, init=False)
class Stage:
    """A command of its own: what it does in one sentence, and its steps in order."""

    name: str
    does: str
    steps: tuple[Step, ...]

    def __init__(self, name: str, does: str, *steps: Step):
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "does", does)
        object.__setattr__(self, "steps", steps)


def choose(pipeline: tuple[Stage, ...], first: str | None, last: str | None) -> tuple[Stage, ...]:
    """The stages from `first` to `last`, both included.

    Raises:
        UserError: there is no such stage, or they are in the wrong order.
    """
    names = [stage.name for stage in pipeline]
    for name in (first, last):
        if name is not None and name not in names:
            raise UserError("usage", f"there is no stage `{name}`", hint=f"stages are {', '.join(names)}")
    begin = names.index(first) if first else 0
    end = names.index(last) if last else len(names) - 1
    if begin > end:
        raise UserError("usage", f"`{first}` comes after `{last}`")
    return pipeline[begin : end + 1]


def named(pipeline: tuple[Stage, ...], names: Sequence[str] | None) -> tuple[Stage, ...]:
    """The stages of these names, in the pipeline's order; None: all.

    Raises:
        UserError: there is no such stage, or none is named.
    """
    if names is None:
        return pipeline
    for name in names:
        choose(pipeline, name, name)
    if not names:
        raise UserError("usage", "no stage is named")
    return tuple(stage for stage in pipeline if stage.name in names)


def all_steps(stages: Iterable[Stage]) -> list[Step]:
    return [step for stage in stages for step in stage.steps]
