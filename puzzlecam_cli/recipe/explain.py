"""Pydantic's findings in the user's words: file, line, key, what is wrong, what was probably meant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.document import Document, Keys, shown
from puzzlecam_cli.recipe.words import in_words

SHOWN = 12  # problems
SET = "--set "
HINT = "`puzzlecam recipes show small_photos` prints every key and what it means"


@dataclass(frozen=True)
class Finding:
    """A problem of pydantic's, found again in the document: its keys, and what it is called there."""

    problem: Any
    keys: Keys
    place: str
    value: Any
    written: str | None

    def lines(self, words: str) -> tuple[str, str]:
        has_value = not isinstance(self.value, dict) and self.problem["type"] not in ("missing", "union_tag_not_found")
        value = f" = {self.written or shown(self.value)}" if has_value else ""
        return f"{self.place}  {'.'.join(self.keys)}{value}", f"    {words}"


def explain(error: ValidationError, document: Document, path: Path) -> UserError:
    """One error that lists the problems of a recipe and of the `--set` changes to it, at most a screen of them."""
    problems = error.errors(include_url=False)
    # a list whose items are wrong is also called too short: one of the two is enough
    above = {problem["loc"][:-1] for problem in problems}
    findings: dict[Keys, list[Finding]] = {}  # where several types are possible, each has its own problem
    for problem in problems:
        if problem["type"] != "too_short" or problem["loc"] not in above:
            finding = _find(problem, document, path.name)
            findings.setdefault(finding.keys, []).append(finding)
    where: list[str] = []
    for same in list(findings.values())[:SHOWN]:
        words = dict.fromkeys(in_words(each.problem, each.keys, each.written, document.values) for each in same)
        where += same[0].lines(", or ".join(words))
    if len(findings) > SHOWN:
        where.append(f"... and {len(findings) - SHOWN} more")
    return UserError(
        "recipe-invalid", _headline(path, [same[0].place for same in findings.values()]), tuple(where), HINT
    )


def _headline(path: Path, places: list[str]) -> str:
    """Which of the file and the `--set` changes are wrong."""
    changes = list(dict.fromkeys(place for place in places if place.startswith(SET)))
    culprits = [] if all(place.startswith(SET) for place in places) else [str(path)]
    culprits += changes if len(changes) < 2 else ["--set"]
    verb, plural = "has" if len(culprits) == 1 else "have", "s" if len(places) > 1 else ""
    return f"{' and '.join(culprits)} {verb} {len(places)} problem{plural}"


def _find(problem: Any, document: Document, file: str) -> Finding:
    keys = _keys(problem, document.values)
    value = problem["input"]
    if chooser := problem.get("ctx", {}).get("discriminator"):  # the kind of data
        keys = (*keys, chooser.strip("'"))
        value = value.get(keys[-1])
    place = (isinstance(value, dict) and _change_inside(document, keys)) or document.place(keys) or file
    exact = document.places.get(keys)
    return Finding(problem, keys, place, value, exact.written if exact else None)


def _keys(problem: Any, value: Any) -> Keys:
    """Pydantic's location, without what it puts between: the kind of data, the types that a value may have."""
    keys: Keys = ()
    for number, part in enumerate(problem["loc"], start=1):
        if (isinstance(value, dict) and part in value) or (isinstance(value, list) and part in range(len(value))):
            value = value[part]
        elif number < len(problem["loc"]) or problem["type"] != "missing" or isinstance(part, int):
            continue
        keys = (*keys, str(part))
    return keys


def _change_inside(document: Document, section: Keys) -> str:
    """The last `--set` inside a section: what made it wrong as a whole."""
    changed = [at.where for keys, at in document.places.items() if keys[: len(section)] == section]
    return next((where for where in reversed(changed) if where.startswith(SET)), "")
