"""Label Studio's JSON: choices of images, labels of boxes and outlines in them."""

from __future__ import annotations

from typing import Any

from puzzlecam_cli.data.tables.found import Found, Known, Tagged, clean
from puzzlecam_cli.text import quoted

_LABELS = ("choices", "labels", "rectanglelabels", "polygonlabels", "brushlabels", "ellipselabels", "keypointlabels")


def read_label_studio(document: Any, known: Known) -> Found | None:
    """Tags of a Label Studio export; None: it is none. Annotations that were cancelled do not count.

    Raises:
        UserError: `tags-invalid` with each task that names no photo, or on which two annotations differ.
    """
    if not isinstance(document, list) or not document or not all(map(_is_task, document)):
        return None
    tagged, problems = [], []
    for number, task in enumerate(document, 1):
        name = _photo(task["data"])
        annotations = [a for a in task["annotations"] if isinstance(a, dict) and not a.get("was_cancelled")]
        found = [_tags(annotation.get("result")) for annotation in annotations]
        if not name:
            problems.append(f"task {number} names no photo")
        elif len({frozenset(tags) for tags in found}) > 1:
            problems.append(f"task {number} ({quoted(name)}) has {len(found)} annotations with different tags")
        else:
            tagged.append(Tagged(number, name, found[0] if found else ()))
    if problems:
        raise known.problem("is no Label Studio file of tags", problems)
    return Found(tagged, facts=["it is an export of Label Studio"])


def _is_task(task: Any) -> bool:
    return isinstance(task, dict) and isinstance(task.get("annotations"), list) and isinstance(task.get("data"), dict)


def _tags(results: Any) -> tuple[str, ...]:
    values = [r.get("value") for r in results if isinstance(r, dict)] if isinstance(results, list) else []
    lists = [value.get(key) for value in values if isinstance(value, dict) for key in _LABELS]
    return tuple(dict.fromkeys(clean(str(tag)) for tags in lists if isinstance(tags, list) for tag in tags))


def _photo(data: dict[str, Any]) -> str:
    """The address of a task's photo; which file it means, `Walk.named` knows."""
    texts = [value for value in (data.get("image"), *data.values()) if isinstance(value, str)]
    return clean(next((text for text in texts if "/" in text), next(iter(texts), "")))
