"""The classes of tags that bring their names along: those of a list, else all that tags name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from puzzlecam_cli.data.classes.class_list import LONGEST, MOST, did_you_mean, is_no_object, read_classes
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.text import CONTROL, are, quoted, several


def named_classes(
    found: Mapping[str, str], given: Path | None, *, ignore: bool, source: object
) -> tuple[tuple[str, ...], list[str]]:
    """The classes 1..C, and what a person should know about them, a sentence each. Background is no class.

    Args:
        found: names that tags hold, in their order, and where each stands first (`line 3`).
        given: a list of classes; None: all names are classes.
        ignore: tags that are not in the list are left out; otherwise they are refused.
        source: what tags are from, for messages.

    Raises:
        UserError: `tags-invalid` with all names that are too long or hold control characters; `tags-unlisted` with all
            that are not in the list; `tags-missing`: there is no class; `tags-many`: there are more than 254; see
            `read_classes`.
    """
    if wrong := [name for name in found if len(name) > LONGEST or CONTROL.search(name)]:
        where = [f"{found[name]}: {quoted(name)}" for name in wrong]
        raise UserError("tags-invalid", f"{len(wrong)} names in {source} cannot be those of classes", shorten(where))
    names = tuple(name for name in found if not is_no_object(name))
    facts = []
    if none := [quoted(name) for name in found if is_no_object(name)]:
        facts.append(f"{source}: {', '.join(none)} is no object class: photos tagged with nothing else show none")
    if given is None:
        if not names:
            raise UserError("tags-missing", f"{source} name no class", hint="tags are what is learned from")
        if len(names) > MOST:
            raise UserError(
                "tags-many",
                f"{source} name {len(names)} classes; a mask has room for {MOST}",
                shorten([f"{found[name]}: {quoted(name)}" for name in names]),
                "are these tags at all? If so, `data.classes: FILE` names those wanted, one a line, and "
                "`data.unlisted: ignore` leaves the others out",
            )
        return names, facts
    listed = read_classes(given)
    strange = [name for name in names if name not in listed.names]
    facts.append(f"classes are the {len(listed.names)} of {given}")
    if listed.left_out:
        some = ", ".join(map(quoted, listed.left_out))
        facts.append(f"{given}: {some} {are(len(listed.left_out))} no object class and left out")
    if strange and not ignore:
        raise UserError(
            "tags-unlisted",
            f"{source} name {several(len(strange), 'class')} not in {given}",
            shorten(
                [f"{found[name]}: {quoted(name)} is no class{did_you_mean(name, listed.names)}" for name in strange]
            ),
            "add them to the list, correct the tags, or leave them out with `data.unlisted: ignore`",
        )
    if strange:
        facts.append(f"names that are not in {given} are left out: {_some(strange)}")
    if names and len(strange) == len(names):
        raise UserError("tags-missing", f"none of the classes of {given} is a tag of {source}", (_some(strange),))
    return listed.names, facts


def label_of(name: str, names: Sequence[str]) -> int:
    """What a name is drawn with in masks: 1..C; 255 for a name that means void, 0 for what is no class otherwise."""
    if name in names:
        return names.index(name) + 1
    means_void = is_no_object(name) and not any(part in name.casefold() for part in ("background", "bg"))
    return 255 if means_void else 0


def _some(names: list[str]) -> str:
    return ", ".join(shorten([quoted(name) for name in names], 5))
