"""CVAT's XML `CVAT for images 1.1`: tags of images, labels of boxes and outlines in them."""

from __future__ import annotations

import re
from io import BytesIO

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, iterparse

from puzzlecam_cli.data.tables.found import Found, Known, Tagged, clean
from puzzlecam_cli.text import quoted

_XML = re.compile(rb"[\s\xef\xbb\xbf]*<(\?xml|annotations)")


def read_cvat(data: bytes, known: Known) -> Found | None:
    """Tags of a CVAT file; None: it is no XML.

    Raises:
        UserError: `tags-invalid`: XML that breaks off, declares a document type, is not CVAT's, or is of a video.
    """
    if not _XML.match(data):
        return None
    labels: dict[str, None] = {}
    tagged: list[Tagged] = []
    subsets: list[str] = []
    try:
        events = iterparse(BytesIO(data), events=("start", "end"), forbid_dtd=True)
        _, root = next(events)
        if root.tag != "annotations":
            raise known.problem(f"is XML of {quoted(root.tag)}, not `annotations` as CVAT writes it")
        for event, element in events:
            if event == "start":
                continue
            if element.tag == "label" and not element.findtext("parent"):
                labels[clean(element.findtext("name") or "")] = None
            elif element.tag == "track":
                hint = "export it as `CVAT for images 1.1`"
                raise known.problem("is CVAT's XML of a video, which names no photos", hint=hint)
            elif element.tag == "image":
                own = (clean(child.get("label") or "") for child in element)
                tags = tuple(dict.fromkeys(filter(None, own)))
                tagged.append(Tagged(len(tagged) + 1, clean(element.get("name") or ""), tags))
                subsets.append(element.get("subset") or "")
                root.clear()  # else all of it would be kept
    except ParseError as error:
        line, column = error.position
        where = f"line {line}, column {column + 1}: {str(error).partition(':')[0]}"
        raise known.problem("is no XML", (where,)) from None
    except (DefusedXmlException, LookupError, ValueError):
        what = "declares a document type, entities or an encoding that is not read"
        raise known.problem(what) from None
    if not tagged:
        raise known.problem("names no image")
    columns = {"subset": subsets} if any(subsets) else {}
    return Found(
        tagged, classes=tuple(filter(None, labels)), columns=columns, facts=["it is an export of CVAT"], place="image"
    )
