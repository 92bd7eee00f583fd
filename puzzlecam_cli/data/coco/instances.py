"""An instances JSON as compact tables: 600,000 annotations take 29 MB, as their outlines stay in the file."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from puzzlecam_cli.data.coco.items import Item, items
from puzzlecam_cli.data.coco.outlines import POINTS, is_rectangle
from puzzlecam_cli.data.ids import canonical
from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Key = int | str
LISTS = ("images", "annotations", "categories")
COLUMNS = 6  # of `Instances.annotations`
OF = {"image_id": "images", "category_id": "categories"}
_HINT = "instances JSON has `images`, `annotations` and `categories`, as COCO's instances_train2017.json has"


class Image(NamedTuple):
    """An image of the document; `size` is (H, W) in pixels, None where it is not told."""

    key: Key
    name: str
    size: tuple[int, int] | None


class Category(NamedTuple):
    key: Key
    name: str
    above: str | None  # its supercategory


@dataclass(frozen=True)
class Instances:
    """What an instances JSON holds.

    Args:
        images, categories: in the file's order.
        annotations: (A, 6), in the file's order: rows of its image and its category; 1 for a region of many objects (a
            crowd); 1 where it has an outline, 0 for a box alone; its first byte in the file, and how many it has.
        boxes_as_shapes: all outlines are upright rectangles: boxes, not what objects look like.
    """

    path: Path
    images: tuple[Image, ...]
    categories: tuple[Category, ...]
    annotations: NDArray[np.int64]
    boxes_as_shapes: bool


def read_instances(path: Path, tell: Tell = silent) -> Instances:
    """Read a document of any size once.

    Args:
        tell: is told how much is read.

    Raises:
        UserError: `json-...` (see `items`); `coco-kind`: captions, panoptic or no annotations at all;
            `coco-invalid` with the index and id of all that is wrong.
    """
    reader = _Reader(path)
    for item in items(path, tell):
        reader.take(item)
    return reader.result()


def key_of(value: Any) -> Key | None:
    """An id as it is compared: exporters write 7, 7.0 and "7" for the same; None for what is no id."""
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value:
        is_number = len(value) < 20 and value.isascii() and value.isdigit() and (value[0] != "0" or value == "0")
        return int(value) if is_number else canonical(value)
    return None


class _Numbers(dict[Key, int]):
    """Numbers ids in the order in which they are met, so that lists may stand in any order."""

    def __missing__(self, key: Key) -> int:
        self[key] = number = len(self)
        return number


class _Reader:
    def __init__(self, path: Path):
        self._path = path
        self._rows = array("q")  # six numbers an annotation: see `Instances`
        self._numbers = {"images": _Numbers(), "categories": _Numbers()}
        self._images: dict[int, Image] = {}
        self._categories: dict[int, Category] = {}
        self._first: dict[tuple[str, int], int] = {}  # index of each image and category
        self._names: dict[str, int] = {}
        self._lists: set[str] = set()  # that are there
        self._shapes = self._boxes = 0
        self._problems: list[str] = []
        self._take = {"images": self._image, "annotations": self._annotation, "categories": self._category}

    def take(self, item: Item) -> None:
        key, index, value, _, _ = item
        take = self._take.get(key)
        if take is None:
            return
        if index is None and value != []:
            raise UserError("coco-invalid", f"{self._path}: `{key}` is no list", hint=_HINT)
        if not index:
            if key in self._lists:
                raise UserError("coco-invalid", f"{self._path} holds `{key}` twice", hint="join the two lists")
            self._lists.add(key)
        if index is None:
            return
        problem = take(item) if isinstance(value, dict) else "is no object"
        if problem:
            written = f" (id {_shown(value['id'])})" if isinstance(value, dict) and "id" in value else ""
            self._problems.append(f"{key}[{index}]{written} {problem}")

    def result(self) -> Instances:
        """What was read.

        Raises:
            UserError: see `read_instances`.
        """
        path = self._path
        if missing := [f"`{key}`" for key in LISTS if key not in self._lists]:
            raise self._kind(f"has no {' and no '.join(missing)}")
        import numpy as np

        rows = np.asarray(self._rows).reshape(-1, COLUMNS)
        for column, key, kept in ((0, "images", list(self._images)), (1, "categories", list(self._categories))):
            row_of = np.full(len(self._numbers[key]), -1)
            row_of[np.array(kept, dtype=np.int64)] = range(len(kept))
            rows[:, column] = row_of[rows[:, column]]
        if problems := self._problems or list(self._unknown(rows)):
            many = f"{len(problems)} items" if len(problems) > 1 else "an item"
            raise UserError("coco-invalid", f"{many} of {path} cannot be used", shorten(problems), _HINT)
        images, categories = tuple(self._images.values()), tuple(self._categories.values())
        return Instances(path, images, categories, rows, 0 < self._shapes == self._boxes)

    def _kind(self, problem: str) -> UserError:
        return UserError("coco-kind", f"{self._path} {problem}", hint=_HINT)

    def _image(self, item: Item) -> str | None:
        value, index = item.value, item.number or 0
        key, name = key_of(value.get("id")), value.get("file_name")
        if key is None:
            return f"has no id: {_shown(value.get('id'))}"
        if not isinstance(name, str) or not name.strip():
            return f"has no file_name: {_shown(name)}"
        if (same := self._names.setdefault(name, index)) != index:
            return f"is the photo of images[{same}], too: {quoted(name)}"
        height, width = key_of(value.get("height")), key_of(value.get("width"))
        size = (height, width) if _is_side(height) and _is_side(width) else None
        return self._keep("images", self._images, Image(key, name, size), index)

    def _category(self, item: Item) -> str | None:
        value, index = item.value, item.number or 0
        key, name, above = key_of(value.get("id")), value.get("name"), value.get("supercategory")
        if key is None:
            return f"has no id: {_shown(value.get('id'))}"
        if type(name) is int:
            name = str(name)
        name = canonical(name.strip()) if isinstance(name, str) else ""
        if not name:
            return f"has no name: {_shown(value.get('name'))}"
        above = canonical(above.strip()) if isinstance(above, str) else None
        return self._keep("categories", self._categories, Category(key, name, above), index)

    def _keep(self, key: str, kept: dict[int, Any], row: Image | Category, index: int) -> str | None:
        number = self._numbers[key][row.key]
        if (same := self._first.setdefault((key, number), index)) != index:
            return f"has the id of {key}[{same}]"
        kept[number] = row
        return None

    def _annotation(self, item: Item) -> str | None:
        _, _, value, start, end = item
        image, category, crowd = key_of(value.get("image_id")), key_of(value.get("category_id")), value.get("iscrowd")
        if image is None:
            return f"has no image_id: {_shown(value.get('image_id'))}"
        if category is None:
            for odd, kind in (("segments_info", "panoptic"), ("caption", "captions")):
                if odd in value:
                    raise self._kind(f"is of {kind}: its annotations hold `{odd}`")
            return f"has no category_id: {_shown(value.get('category_id'))}"
        if crowd not in (0, 1, None):
            return f"has iscrowd {_shown(crowd)}, which is neither 0 nor 1"
        shape = self._shape(value.get("segmentation"))
        row = self._numbers["images"][image], self._numbers["categories"][category]
        self._rows.extend((*row, 1 if crowd else 0, shape, start, end - start))
        return None

    def _shape(self, outline: Any) -> bool:
        """Whether an object has an outline; whether that is a right one is seen when its mask is read."""
        if not outline or (isinstance(outline, list) and all(_is_no_polygon(part) for part in outline)):
            return False
        self._shapes += 1
        if isinstance(outline, list) and len(outline) == 1 and is_rectangle(outline[0]):
            self._boxes += 1
        return True

    def _unknown(self, rows: NDArray[np.int64]) -> Iterable[str]:
        """Annotations of images and categories that are not there: read again, for the words of the message."""
        wrong = {start: image for image, category, _, _, start, _ in rows[(rows[:, :2] < 0).any(axis=1)].tolist()}
        for item in items(self._path) if wrong else ():
            if item.key == "annotations" and item.start in wrong:
                which = "image_id" if wrong[item.start] < 0 else "category_id"
                written = f" (id {_shown(item.value['id'])})" if "id" in item.value else ""
                problem = f"has {which} {_shown(item.value[which])}, which none of the {OF[which]} has"
                yield f"annotations[{item.number}]{written} {problem}"


def _is_side(value: Key | None) -> TypeGuard[int]:
    return isinstance(value, int) and value > 0


def _is_no_polygon(part: Any) -> bool:
    return isinstance(part, list) and len(part) < 2 * POINTS


def _shown(value: Any) -> str:
    """A value of the document inside a message."""
    return quoted(value if isinstance(value, str) else "nothing" if value is None else repr(value), 40)
