"""A folder of label pictures that were made of photos: what each was made of, and what in the folder is not ours."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from puzzlecam_cli.data.disk.resolver import stat_of
from puzzlecam_cli.data.disk.walk import MADE, MARK
from puzzlecam_cli.data.photos import Photo
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.files import append_line, as_json, is_whole, ready_to_append, write_text
from puzzlecam_cli.plain_file import read_file
from puzzlecam_cli.run.plan import fingerprint, what_changed
from puzzlecam_cli.text import are, quoted, several
from puzzlecam_cli.use.formats.output import of_the_wrong_kind

SCHEMA = 1
LARGEST = 1 << 24  # bytes of `made.json`
LAST = 2  # lines that are remembered of a photo: a process may be killed between the line and the picture
CONFIDENCE = "confidence"
MODELS = ("model", "train-cls", "affinity")  # those of `inputs` that are fingerprints of model files


class Given(NamedTuple):
    """A photo to make results of.

    Args:
        state: size and time of its file when it was listed.
        tags: class indices 1..C that it is restricted to; None: to none.
    """

    id: str
    image: str
    state: str
    tags: list[int] | None = None

    @classmethod
    def of(cls, photo: Photo, tags: Sequence[int] | None = None) -> Given:
        image = os.path.abspath(photo.image)  # noqa: PTH100 -- links stay
        return cls(photo.id, image, stat_of(image), None if tags is None else sorted(tags))

    def made(self, by: str, **known: Any) -> Made:
        """What is known of it after work on it: see `Made`."""
        return Made(self.id, self.image, self.state, by, self.tags, **known)


class Made(NamedTuple):
    """What is known of one photo: a line of `photos.jsonl`.

    Args:
        id, photo, state, tags: as of `Given`.
        by: fingerprint of the model and all settings.
        files: size and time of what was made, by the name before `<id>.png`: "", and `confidence/`.
        scores: of each label in it the mean probability of its pixels; None: not known.
        problem: why nothing was made, in words.
        crf: the engine of its dense CRF; None: it had none, or that is not known.
    """

    id: str
    photo: str
    state: str
    by: str
    tags: list[int] | None = None
    files: Mapping[str, str] = MappingProxyType({})
    scores: dict[str, float] | None = None
    problem: str | None = None
    crf: str | None = None


class Results:
    """A folder of results.

    Everything about them lies in `.puzzlecam` in it. A picture is written there first; when the list tells of it, it is
    moved to its place: so a file that the list does not know was put there by somebody, or was changed.

    Args:
        root: the folder; it need not be there.
        rank: of the process among several, each of which keeps a list of its own.
    """

    def __init__(self, root: Path, rank: int = 0):
        self.root = root
        self.home = root / MARK
        self._own = self.home / f"photos-{rank}.jsonl"
        self._known: dict[str, list[Made]] = {}
        for file in sorted(self.home.glob("photos-*.jsonl"), key=_time_of):
            with file.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    self._take(line)

    def _take(self, line: str) -> None:
        try:
            made = Made(**json.loads(line))
        except (ValueError, TypeError, RecursionError):  # torn: its photo is not known then
            return
        self._known[made.id] = [*self._known.get(made.id, []), made][-LAST:]

    @property
    def begun(self) -> dict[str, Any] | None:
        """What the pictures are made of, and how: `inputs`, `model`; None: nothing was made here yet.

        Raises:
            UserError: the file is damaged, or a newer program's.
        """
        path = self.home / MADE
        if not os.path.lexists(path):
            return None
        try:
            content = json.loads(read_file(path, limit=LARGEST))
            if content["schema"] != SCHEMA or not isinstance(content["inputs"], dict):
                raise ValueError("it is of another version")
        except (ValueError, KeyError, TypeError, RecursionError):
            said = f"{path} is damaged, or was written by another version of puzzlecam"
            raise UserError("results-unreadable", said, hint="--out names another folder") from None
        return dict(content)

    def check(
        self, photos: Sequence[Given], inputs: Mapping[str, Any], files: Sequence[str], model: Path, *, force: bool
    ) -> None:
        """Whether pictures of photos can be made here without harm to what is there.

        Args:
            inputs: all that decides what a photo's labels are.
            model: the file or run, for messages.
            files: that are made of each, by what stands before `<id>.png`.
            force: make anew what is there.

        Raises:
            UserError: those that are there are of another model or other settings, or of other photos of that name;
                files in their place were changed by somebody, or are not ours at all. `force` allows all but the last.
        """
        before = self.begun
        changes = _changes(before["inputs"], before.get("model"), inputs, model) if before is not None else []
        if changes and not force:
            raise UserError(
                "results-of-another",
                f"the results in {self.root} were made with another model or other settings",
                shorten(changes),
                "--out names another folder; --force makes those of the given photos anew",
            )
        foreign, others, changed, by = [], [], [], fingerprint(dict(inputs))
        names = (f"{before}{photo.id}.png" for before in files for photo in photos)
        foreign += [str(self.root / name) for name in of_the_wrong_kind(self.root, names)]
        for photo in photos:
            last, known = self.last(photo.id), self._known.get(photo.id, ())
            unknown = [name for name in files if not any(name in made.files for made in known)]
            foreign += [str(path) for name in unknown if os.path.lexists(path := self.picture(photo.id, name))]
            if last is None or unknown:
                continue
            if self.is_changed(photo.id) and not is_current(photo, last, by):
                changed.append(str(self.picture(photo.id)))
            elif last.photo != photo.image and last.state != photo.state and not last.problem:
                others.append(f"{quoted(photo.id)} is of {quoted(last.photo, 200)}")
        if foreign := list(dict.fromkeys(foreign)):
            said = f"{several(len(foreign), 'file')} in {self.root} {are(len(foreign))} in the way, and not ours"
            raise UserError("folder-not-ours", said, shorten(foreign), "move them away, or name another --out")
        if (others or changed) and not force:
            what = "results would be replaced by those of other photos" if others else "results were changed since"
            raise UserError(
                "results-of-another",
                f"{several(len(others or changed), 'photo')}: {what}",
                shorten(others or changed),
                "--out names another folder; --force makes them anew",
            )

    def begin(self, inputs: Mapping[str, Any], classes: Sequence[str], model: Path) -> None:
        """Mark the folder as one of results, and bring the lists of several processes together."""
        self.home.mkdir(parents=True, exist_ok=True)
        content = {"schema": SCHEMA, "classes": ["background", *classes], "inputs": inputs, "model": str(model)}
        write_text(self.home / MADE, as_json(content, indent=1) + "\n")
        lists = list(self.home.glob("photos-*.jsonl"))
        if len(lists) > 1:
            text = "".join(f"{_line(made)}\n" for known in self._known.values() for made in known)
            write_text(self.home / "photos-0.jsonl", text)
            for file in lists:
                if file.name != "photos-0.jsonl":
                    file.unlink()

    def last(self, image_id: str) -> Made | None:
        return next(reversed(self._known.get(image_id, ())), None)

    def picture(self, image_id: str, before: str = "") -> Path:
        return self.root / f"{before}{image_id}.png"

    def is_changed(self, image_id: str) -> bool:
        """Whether somebody changed a picture since it was made."""
        now = stat_of(str(self.picture(image_id)))
        return now != "-" and now not in (made.files.get("") for made in self._known.get(image_id, ()))

    def is_made(self, photo: Given, by: str, files: Iterable[str]) -> bool:
        """Whether the pictures of a photo are there, of the photo as it is, made by this model with these settings.

        One that was corrected by hand counts as well.
        """
        last = self.last(photo.id)
        if last is None or last.problem or not is_current(photo, last, by):
            return False
        return all(name in last.files and is_whole(self.picture(photo.id, name)) for name in files)

    def staged(self, image_id: str, before: str = "") -> Path:
        """Where a picture is written before it is moved to its place."""
        return self.home / "new" / f"{before}{image_id}.png"

    def put(self, made: Made) -> None:
        """Remember what was made of a photo, then move the pictures to their place."""
        states = {before: stat_of(str(self.staged(made.id, before))) for before in made.files}
        made = made._replace(files=states)
        line = _line(made)
        append_line(self._own, line)
        self._take(line)
        for before in made.files:
            target = self.picture(made.id, before)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.staged(made.id, before).replace(target)

    def open_list(self) -> None:
        """Make the own list fit to be added to, where a process was killed while it did."""
        ready_to_append(self._own, '{"id": ')

    def others(self, ids: Iterable[str]) -> list[Made]:
        """What is known of photos other than these whose pictures are here."""
        given = set(ids)
        return [
            known[-1]
            for image_id, known in self._known.items()
            if image_id not in given and os.path.lexists(self.picture(image_id))
        ]


def _changes(before: Mapping[str, Any], made_by: object, inputs: Mapping[str, Any], model: Path) -> list[str]:
    """The differences, each in words; models are called by their place, of which theirs is a fingerprint."""
    changed = [name for name in MODELS if before.get(name) != inputs.get(name)]
    of_others = what_changed(*({n: v for n, v in of.items() if n not in MODELS} for of in (before, inputs)))
    if not changed:
        return of_others
    old = quoted(made_by, 200) if isinstance(made_by, str) else "another model"
    same = (
        f"{old} was trained anew since"
        if made_by == str(model)
        else f"they are of {old}, not of {quoted(str(model), 200)}"
    )
    return [same, *of_others]


def _line(made: Made) -> str:
    values = {name: value for name, value in made._asdict().items() if value is not None}
    return json.dumps(values | {"files": dict(made.files)})


def is_current(photo: Given, made: Made, by: str) -> bool:
    """Whether something was made of the photo as it is, in this way."""
    return (made.by, made.state, made.tags) == (by, photo.state, photo.tags)


def _time_of(file: Path) -> float:
    return file.stat().st_mtime


def digest_of_tensors(file: Path) -> str:
    """Of all a model file holds but what it says of itself."""
    with file.open("rb") as stream:
        stream.seek(8 + int.from_bytes(stream.read(8), "little"))
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=8)).hexdigest()
