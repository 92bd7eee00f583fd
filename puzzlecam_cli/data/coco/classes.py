"""Classes out of the categories of instances JSON: by name, in the order of their ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.classes.class_list import did_you_mean, is_no_object
from puzzlecam_cli.data.classes.class_names import label_of, named_classes
from puzzlecam_cli.data.coco.instances import Category, Instances
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import quoted

_OUT = "take data.classes: FILE with the names wanted, one a line, and data.unlisted: ignore"


@dataclass(frozen=True)
class Classes:
    """The object classes 1..C of all documents.

    Args:
        labels: by document and row of its categories: 1..C, 0 for what is no class, 255 for void.
        facts: what a person should know, a sentence each.
    """

    names: tuple[str, ...]
    labels: tuple[tuple[int, ...], ...]
    facts: tuple[str, ...]


def classes_of(documents: Sequence[Instances], given: Path | None, *, ignore: bool) -> Classes:
    """The classes of one or several documents.

    Categories of one name are one class. `background`, `void` and their like are none; nor is Roboflow's first
    category, which is never used and stands above all others. Categories that are never used otherwise are classes.

    Args:
        given: a list of classes; None: all, in the order of the first document's ids.
        ignore: categories that are not in the list are left out; otherwise they are refused.

    Raises:
        UserError: `coco-classes`: there are other names in one document than in another; see `named_classes`.
    """
    facts: list[str] = []
    dummy = _above_all(documents)
    if dummy is not None:
        facts.append(f"category {quoted(dummy)} stands above all others and is never used: it is no class")
    found: list[dict[str, str]] = []
    for document in documents:
        keys: dict[str, list[str]] = {}
        for row in sorted(document.categories, key=_order):
            if row.name != dummy:
                keys.setdefault(row.name, []).append(str(row.key))
        facts += [
            f"{document.path}: categories {', '.join(shorten(same))} are all called {quoted(name)}: they are one class"
            for name, same in keys.items()
            if len(same) > 1
        ]
        found.append({name: f"category {same[0]}" for name, same in keys.items()})
    if given is None:
        _refuse_other_names(documents, [[name for name in each if not is_no_object(name)] for each in found])
    source = " and ".join(str(document.path) for document in documents)
    together: dict[str, str] = {}
    for each in found:
        together |= each | together  # where it stands first
    names, about = named_classes(together, given, ignore=ignore, source=source)
    labels = [tuple(label_of(row.name, names) for row in document.categories) for document in documents]
    return Classes(names, tuple(labels), (*facts, *about))


def _order(category: Category) -> tuple[bool, int]:
    """By number; ids that are words stay in the file's order, behind them."""
    return (False, category.key) if isinstance(category.key, int) else (True, 0)


def _above_all(documents: Sequence[Instances]) -> str | None:
    """The name of the category that no annotation has and that is the supercategory of all others; None: no such."""
    ordered = sorted(documents[0].categories, key=_order)
    if len(ordered) < 2 or any(row.above != ordered[0].name for row in ordered[1:]):
        return None
    first = ordered[0]
    for document in documents:
        rows = {number for number, row in enumerate(document.categories) if row.name == first.name}
        if not rows.isdisjoint(document.annotations[:, 1].tolist()):
            return None
    return first.name if first.above != first.name else None


def _refuse_other_names(documents: Sequence[Instances], found: Sequence[Sequence[str]]) -> None:
    first, wanted = documents[0], set(found[0])
    for document, names in zip(documents[1:], found[1:], strict=True):
        lacks = [quoted(name) for name in found[0] if name not in names]
        extra = [quoted(name) + did_you_mean(name, found[0]) for name in names if name not in wanted]
        if lacks or extra:
            where = [f"only in {first.path}: {name}" for name in lacks]
            where += [f"only in {document.path}: {name}" for name in extra]
            raise UserError(
                "coco-classes", f"{first.path} and {document.path} have different categories", shorten(where), _OUT
            )
