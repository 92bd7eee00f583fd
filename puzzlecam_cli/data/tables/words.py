"""Words that head columns and name what is no class."""

from __future__ import annotations

import re
from collections.abc import Iterable

from puzzlecam_cli.data.classes.class_list import is_no_object
from puzzlecam_cli.data.parts.part_of import TRAIN, VAL

# Best first: a table may have a file, a name and a number of each photo.
_NAMES = (
    "file filename filepath fname imagefile imagefilename imagefilepath imagepath imgpath imgfile photofile photopath "
    "relativepath path dateiname datei fichier archivo",
    "image img photo picture pic imagename imgname photoname picturename bild foto",
    "imageid imgid photoid pictureid fileid name uid uuid id key externalid imageurl url",
)
_TAGS = (
    "tag label class category keyword object annotation target groundtruth gt choice subject concept classname "
    "classlabel labelname categoryname tagname objectname displayname objectclass classtext imagetag imagelabel "
    "schlagwort klasse kategorie etiquette classe étiqueta etiqueta clase categoria categoría метка класс тег 标签 类别"
)
_BOX_GROUPS = (
    *("xmin ymin", "x1 y1", "x0 y0", "x y w h", "x y width height", "left top", "cx cy", "xcenter ycenter", "bbox"),
    *("boundingbox", "bboxx bboxy", "bboxxmin bboxymin", "segmentation", "encodedpixels", "regionshapeattributes"),
)
_PART_VALUES = {*TRAIN, *VAL, "trainval", "unassigned"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_NOTHING = {"", "none", "nothing", "-", "--", "–", "—", "n/a", "na", "nan", "null", "empty", "no class", "no object"}
_NOTHING |= {
    "no finding",
    "no findings",
    "no objects",
    "no tag",
    "no tags",
    "no label",
    "no labels",
    "nil",
    "[]",
    "#n/a",
    "<na>",
}


def _plural(words: str) -> frozenset[str]:
    """The words, also in the plural of several languages."""
    return frozenset(form for w in words.split() for form in (w, f"{w}s", f"{w}es", f"{w[:-1]}ies", f"{w}n", f"{w}e"))


_RANKS = {word: rank for rank, words in enumerate(_NAMES) for word in words.split()}
_TAG_WORDS = _plural(_TAGS)
# What else a column may be headed by; see `heads`.
NUMBERS_OF_TAGS = _plural(
    "classid labelid categoryid tagid classindex labelindex classidx labelidx classnumber labelnumber"
)
BOX = _plural(
    "xmin ymin xmax ymax x1 y1 x2 y2 x3 y3 x4 y4 x y w h x0 y0 left top right bottom xcenter ycenter cx cy bbox "
    "box boxes boundingbox bndbox bboxx bboxy bboxw bboxh bboxwidth bboxheight bboxxmin bboxymin bboxxmax bboxymax "
    "area iscrowd segmentation polygon points regionshapeattributes encodedpixels rle score confidence"
)
# Of the parts that photos belong to, and of objects in VOC: never classes, even where they hold 0 and 1.
PART = _plural(
    "split subset set part partition phase fold kfold usage isval isvalid isvalidation istrain istest istraining "
    "val valid validation test testing training dev difficult isdifficult truncated occluded isoccluded "
    "istruncated isgroupof isdepiction isinside"
)
# Numbers below have another meaning than a class.
MEASURE = _plural(
    "width height imagewidth imageheight imgwidth imgheight size filesize depth channels year date time timestamp "
    "index idx no nr number row id order rank weight latitude longitude lat lon lng altitude rotation orientation "
    "age count user annotator worker source quality rating aspectratio area score confidence "
    "text caption description title comment note prompt license author"
)
INDEX = _plural("index idx row no nr id # number level0")  # only numbers the rows
PRESENCE = _plural("value present presence shown exists ispresent isshown confidence")  # of the tag in the row
VEHICLE = _plural("bus car bicycle bike boat motorbike motorcycle aeroplane airplane truck")  # `train` is one, too


def bare(word: str) -> str:
    """A word without capitals and what people write between its parts."""
    return re.sub(r"[\s_./:()-]", "", word).casefold()


def rank_of_name(header: str) -> int | None:
    """How well a header fits a column of photos' names, 0 best; None: not at all."""
    return _RANKS.get(bare(header))


def heads_tags(header: str) -> bool:
    """Whether a header says that tags are below, also one of several (`tag_1`)."""
    return bare(header).rstrip("0123456789") in _TAG_WORDS


def ends_in_tags(header: str) -> bool:
    """Whether the last of several words of a header says that tags are below (`Finding Labels`, `imageTags`)."""
    *before, last = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+", header) or [""]
    return bool(before) and last.casefold() in _TAG_WORDS


def heads(header: str, meaning: frozenset[str]) -> bool:
    """Whether a header is one of the words with a meaning, such as `PART`."""
    return bare(header) in meaning


def is_nothing(tag: str) -> bool:
    """Whether a cell says that a photo shows no class: empty, `none`, `-`, `n/a` and their like."""
    return tag.casefold() in _NOTHING


def is_no_tag(tag: str) -> bool:
    """Whether a tag is none: nothing, or background and void."""
    return is_nothing(tag) or is_no_object(tag)


def head_boxes(header: list[str]) -> bool:
    """Whether the columns together are of boxes or outlines: a row is an object then."""
    found = {bare(word) for word in header}
    return any(set(group.split()) <= found for group in _BOX_GROUPS)


def are_parts(column: Iterable[object]) -> bool:
    """Whether all cells below no header name parts of a data set."""
    found = {str(cell).casefold() for cell in column} - {""}
    return bool(found) and found <= _PART_VALUES


def is_number(text: str) -> bool:
    """Whether a text is a number as tables hold it."""
    return _NUMBER.fullmatch(text) is not None
