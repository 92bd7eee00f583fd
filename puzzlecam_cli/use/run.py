"""What a run left, to look at from Python: nothing is written, and nothing is read before it is asked for."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.data.ids import check_id
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.plain_file import is_folder, why_no_file
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.made import claimed
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.run import Run as Working
from puzzlecam_cli.stages import PIPELINE
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image

    from puzzlecam_cli.data.photos import Photo
    from puzzlecam_cli.recipe.schema import Recipe
    from puzzlecam_cli.use.model import Model

STEPS = {step.name: step for step in all_steps(PIPELINE)}
STAGE_OF = {step.name: stage.name for stage in PIPELINE for step in stage.steps}


class Run:
    """A run folder, finished or not, to be read.

    Photos are named by their ids, classes by their indices 1..C; `classes[index - 1]` is a class's name. Where the data
    are not in their place any more, all but `photo` and `show` still works of what the run has made.

    Args:
        path: the folder.
        changes: `dotted.key=YAML value` each, such as `data.root=FOLDER` for data that were moved.

    Raises:
        UserError: it is not a run's folder, or damaged.
    """

    def __init__(self, path: str | os.PathLike[str], *, changes: Sequence[str] = ()):
        self.path = Path(os.path.expanduser(path))  # noqa: PTH111 -- Path's own fails where there is no such user
        file = self.path / "recipe.yaml"
        if why_no_file(file) or why_no_file(self.path / "run.json"):
            problem = "holds no run: it lacks recipe.yaml or run.json" if is_folder(self.path) else "is no folder"
            hint = "name the folder that a command said, such as `runs/quickstart`"
            raise UserError("run-missing", f"{self.path} {problem}", hint=hint)
        self._run = Working.at(load_recipe(str(file), changes), self.path)

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r})"

    @property
    def recipe(self) -> Recipe:
        """As the run resolved it, every default written out."""
        return self._run.recipe

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes 1..C, as the run's models say them, else the data.

        Raises:
            UserError: the data are not there, and no model that names them.
        """
        from puzzlecam_cli.run.model_file import read_description

        for stage in ("seg", "affinity", "train-cls"):
            file = self._run.folder.model(stage)
            if file.is_file() and (described := read_description(file, stage=stage)):
                return described.classes
        self._photos(self._run.photos.splits.train)  # what lies in another place may still seem to have classes
        return self._run.photos.classes

    def ids(self, split: str) -> list[str]:
        """The ids of a split's photos, in its order.

        Args:
            split: `train`, `val` or `score` as the recipe uses them, or the name of one of these.

        Raises:
            UserError: there is no such split, or it is known from the data alone and they are not there.
        """
        name = self.name_of_split(split)
        for step in STEPS.values():  # the first that lists the files it makes; steps of no photos have no list
            if name == self._run.photos.splits.named(step.of) and (made := claimed(self.path, step)) is not None:
                before, after = step.each.format(id="\n", split=name).split("\n")
                return [file.removeprefix(before).removesuffix(after) for file in made]
        return [photo.id for photo in self._photos(name)]

    def photo(self, image_id: str) -> Image:
        """A photo in RGB, turned as its camera says.

        Raises:
            UserError: there is no such photo, or it cannot be read.
        """
        from puzzlecam_cli.data.pixels.photo_file import open_image

        return open_image(self._found(image_id)[1].image)

    def tags(self, image_id: str) -> tuple[str, ...]:
        """The names of the classes that a photo is tagged with; see `tag_indices`."""
        return tuple(self.classes[index - 1] for index in self.tag_indices(image_id))

    def cams(self, image_id: str, *, stride: int = 1) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """The class activation maps of a training photo.

        Args:
            stride: 1 for the photo's own size, 4 for a quarter of it.

        Returns:
            The K indices of its tags, and (K, H, W) scores in [0, 1); at stride 4 (K, ceil(H/4), ceil(W/4)).

        Raises:
            UserError: the stage has not been run, there is no such photo, or the file is damaged.
        """
        from puzzlecam_cli.run.artifacts import read_cams

        classes, scores = read_cams(self._made("cams", image_id), _stride(stride))
        return classes, scores.numpy()

    def walked(self, image_id: str, *, stride: int = 1) -> tuple[NDArray[np.int16], NDArray[np.float32]]:
        """The maps of a training photo after the random walk; see `cams`, but for scores in [0, 1]."""
        from puzzlecam_cli.run.artifacts import read_walked

        classes, scores = read_walked(self._made("rw/scores", image_id), _stride(stride))
        return classes, scores.numpy()

    def pseudo_label(self, image_id: str) -> NDArray[np.uint8]:
        """The pseudo label of a training photo: (H, W), 0 background, 1..C, 255 unknown.

        Raises:
            UserError: the stage has not been run, there is no such photo, or the file is damaged.
        """
        return self.labels("rw/pseudo_labels", image_id)

    def prediction(self, split: str, image_id: str) -> NDArray[np.uint8]:
        """The network's labels of a photo: (H, W), 0 background, 1..C.

        Args:
            split: `val`, or the name of the split that the recipe uses so.

        Raises:
            UserError: the stage has not been run, there is no such split or photo, or the file is damaged.
        """
        name, predicted = self.name_of_split(split), self._run.photos.splits.val
        if name != predicted:
            hint = f"the run predicts {quoted(predicted)}" if predicted else "the recipe has no `data.val`"
            raise UserError("split-missing", f"the run does not predict {quoted(name)}", hint=hint)
        return self.labels("seg/predictions", image_id)

    def scores(self) -> dict[str, Any]:
        """What `eval` found: the content of `eval/scores.json`, its `results` one a dictionary.

        Raises:
            UserError: the stage has not been run, or the file is damaged.
        """
        from puzzlecam_cli.run.scores import read_scores

        if not (path := self._run.folder.scores).is_file():
            raise self._not_made("eval/scores")
        return read_scores(path)

    def model(self) -> Model:
        """The trained segmentation network; see `puzzlecam_cli.load_model`."""
        from puzzlecam_cli.use.model import load_model

        return load_model(self.path)

    def show(self, image_id: str, *, size: int = 240) -> Image:
        """A photo beside all that the run has made of it, as one picture, which a notebook displays.

        Args:
            size: of the longer side of each, in pixels; at most 4096.

        Raises:
            UserError: there is no such photo, or a file cannot be read.
        """
        from puzzlecam_cli.use.photo_row import photo_row
        from puzzlecam_cli.view.photo_row import drawn

        return drawn(photo_row(self, image_id), self.classes, size=min(size, 4096), overlay=True)

    def truth(self, image_id: str) -> NDArray[np.uint8] | None:
        """The mask of a photo, for looking and scoring only: (H, W), 0 background, 1..C, 255 void; None: it has none.

        Raises:
            UserError: there is no such photo, or its mask cannot be read.
        """
        mask = self._found(image_id)[1].mask
        return None if mask is None else mask.read()

    def has(self, step: str, image_id: str) -> bool:
        """Whether a step's file of a photo is there, such as that of `cams` or `rw/pseudo_labels`."""
        return self._path(step, image_id).is_file()

    def labels(self, step: str, image_id: str) -> NDArray[np.uint8]:
        """What `rw/pseudo_labels` or `seg/predictions` hold of a photo; see `pseudo_label`."""
        from puzzlecam_cli.data.pixels.mask_file import read_labels

        return read_labels(self._made(step, image_id))

    def tag_indices(self, image_id: str) -> tuple[int, ...]:
        """The classes 1..C that a photo is tagged with, sorted: as its maps have them, else as the data do.

        Raises:
            UserError: there is no such photo, or its tags are not known.
        """
        if self._run.folder.cam(self._checked(image_id)).is_file():
            return tuple(sorted(self.cams(image_id, stride=4)[0].tolist()))
        split, _ = self._found(image_id)
        if split not in self._tags:
            self._tags[split] = {photo.id: photo.tags for photo in self._photos(split, tags=True)}
        return self._tags[split][image_id]

    @cached_property
    def _by_id(self) -> dict[str, tuple[str, Photo]]:
        """Every photo of every split, with the first split that has it."""
        splits = self._run.photos.splits
        names = dict.fromkeys(name for name in (splits.train, splits.val, splits.score) if name is not None)
        return {photo.id: (name, photo) for name in reversed(names) for photo in self._photos(name)}

    @cached_property
    def _tags(self) -> dict[str, dict[str, tuple[int, ...]]]:
        """Of the splits that were asked for, by id."""
        return {}

    def _photos(self, split: str, *, tags: bool = False) -> list[Photo]:
        try:
            return self._run.photos.photos(split, tags=tags)
        except UserError as error:
            moved = f"data that were moved: Run({str(self.path)!r}, changes=['data.root=FOLDER'])"
            hint = f"{error.hint}; {moved}" if error.hint else moved
            raise UserError(error.reference, error.problem, error.where, hint) from None

    def _found(self, image_id: str) -> tuple[str, Photo]:
        if self._checked(image_id) not in self._by_id:
            raise self._unknown(image_id, self._by_id)
        return self._by_id[image_id]

    def name_of_split(self, split: str) -> str:
        """The name of a split, which may be said by the part it plays."""
        splits = self._run.photos.splits
        parts = {"train": splits.train, "val": splits.val, "score": splits.score}
        if split in parts.values():
            return split
        if (name := parts.get(split)) is None:
            names = ", ".join(dict.fromkeys(name for name in parts.values() if name))
            problem = f"the run has no split {quoted(str(split))}"
            raise UserError("split-missing", problem, hint=f"it has {names}")
        return name

    def _path(self, step: str, image_id: str) -> Path:
        split = self._run.photos.splits.val
        return self.path / STEPS[step].each.format(id=self._checked(image_id), split=split)

    def _made(self, step: str, image_id: str) -> Path:
        """The file that a step made of a photo; a `UserError` says why there is none."""
        path, part = self._path(step, image_id), STEPS[step].of
        if path.is_file():
            return path
        if (record := self._run.ledger.get(step)) is None:
            raise self._not_made(step)
        known = self.ids(part)
        if image_id not in known:
            raise self._unknown(image_id, known, f" in `{self.name_of_split(part)}`")
        problem = "is cleaned away" if record.state == "cleaned" else "is not there"
        raise UserError("artifact-missing", f"{path} {problem}", hint=_again(step, self.path))

    def _checked(self, image_id: str) -> str:
        problem = check_id(image_id) if isinstance(image_id, str) else "is no text"
        if problem:
            raise UserError("image-id", f"the image id {quoted(str(image_id))} {problem}")
        return image_id

    def _unknown(self, image_id: str, known: Collection[str], where: str = "") -> UserError:
        close = get_close_matches(image_id, known, 3)
        what = "an id is the photo's path below its folder, without suffix"
        hint = f"did you mean {' or '.join(map(quoted, close))}?" if close else what
        return UserError("image-id", f"the run has no photo {quoted(image_id)}{where}", hint=hint)

    def _not_made(self, step: str) -> UserError:
        return UserError("stage-missing", f"{self.path} has no {step} yet", hint=_again(step, self.path))


def _stride(stride: int) -> int:
    if stride not in (1, 4):
        raise UserError("usage", f"maps are given at stride 1 or 4, not {quoted(str(stride))}")
    return stride


def _again(step: str, path: Path) -> str:
    return f"`puzzlecam {STAGE_OF[step]} {path}` makes it"
