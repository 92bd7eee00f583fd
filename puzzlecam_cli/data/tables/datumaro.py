"""Datumaro's JSON: labels of images, of boxes, masks and outlines in them."""

from __future__ import annotations

from typing import Any

from puzzlecam_cli.data.tables.found import Found, Known, Tagged, clean
from puzzlecam_cli.text import quoted


def read_datumaro(document: Any, known: Known) -> Found | None:
    """Tags of a Datumaro file; None: it is none.

    Raises:
        UserError: `tags-invalid` with each item that is no object, or whose label is not in the list of labels.
    """
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        return None
    labels = _at(document, "categories", "label", "labels")
    if not isinstance(labels, list):
        return None
    names = [clean(str(_at(label, "name") or "")) for label in labels]
    tagged, problems = [], []
    for number, item in enumerate(document["items"], 1):
        name = _at(item, "image", "path") or _at(item, "media", "path") or _at(item, "id")
        if not isinstance(name, str):
            problems.append(f"item {number} names no photo")
            continue
        annotations = _at(item, "annotations") or []
        numbers = [_at(annotation, "label_id") for annotation in annotations] if isinstance(annotations, list) else [-1]
        numbers = list(dict.fromkeys(n for n in numbers if n is not None))
        odd = [n for n in numbers if not isinstance(n, int) or not 0 <= n < len(names)]
        problems += [f"item {number} ({quoted(name)}): there is no label {quoted(str(n))}" for n in odd]
        tagged.append(Tagged(number, clean(name), () if odd else tuple(names[n] for n in numbers)))
    if problems:
        raise known.problem("is no Datumaro file of tags", problems)
    return Found(tagged, classes=tuple(filter(None, names)), facts=["it is an export of Datumaro"])


def _at(value: Any, *keys: str) -> Any:
    """What lies below keys, None if nothing does."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
