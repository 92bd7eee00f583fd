"""Classes out of the categories of instances JSON: by name, in the order of their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from puzzlecam_cli.data.class_list import LONGEST, did_you_mean, is_no_object
from puzzlecam_cli.data.class_names import label_of, named_classes
from puzzlecam_cli.data.coco.instances import Category, Instances
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import CONTROL, quoted

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
        UserError: `coco-classes`: names that are none, or other names in one document than in another; see
            `named_classes`.
    """
    facts: list[str] = []
    dummy = _above_all(documents)
    if dummy is not None:
        facts.append(f"category {quoted(dummy)} stands above all others and is never used: it is no class")
    found: list[dict[str, str]] = []
    for document in documents:
        kept = [row for row in sorted(document.categories, key=_order) if row.name != dummy]
        facts += _about_names(document.path, kept)
        found.append(_firsts((row.name, f"category {row.key}") for row in kept))
    if given is None:
        _refuse_other_names(documents, [[name for name in each if not is_no_object(name)] for each in found])
    source = " and ".join(str(document.path) for document in documents)
    together = _firsts(pair for each in found for pair in each.items())
    names, about = named_classes(together, given, ignore=ignore, source=source)
    labels = [tuple(label_of(row.name, names) for row in document.categories) for document in documents]
    return Classes(names, tuple(labels), (*facts, *about))


def _firsts(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


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


def _about_names(path: Path, rows: Sequence[Category]) -> list[str]:
    """What a person should know about names.

    Raises:
        UserError: some are none.
    """
    wrong = [f"category {row.key}: {quoted(row.name)}" for row in rows if CONTROL.search(row.name)]
    wrong += [f"category {row.key}: {quoted(row.name)} is too long" for row in rows if len(row.name) > LONGEST]
    if wrong:
        raise UserError("coco-classes", f"names of categories in {path} cannot be those of classes", shorten(wrong))
    by_name: dict[str, list[str]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(str(row.key))
    return [
        f"{path}: categories {', '.join(shorten(keys))} are all called {quoted(name)}: they are one class"
        for name, keys in by_name.items()
        if len(keys) > 1
    ]


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
