"""Words that head columns and name what is no class."""

from __future__ import annotations

import re
from collections.abc import Iterable

from puzzlecam_cli.data.class_list import is_no_object

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
_NUMBERS_OF_TAGS = "classid labelid categoryid tagid classindex labelindex classidx labelidx classnumber labelnumber"
_BOXES = (
    "xmin ymin xmax ymax x1 y1 x2 y2 x3 y3 x4 y4 x y w h x0 y0 left top right bottom xcenter ycenter cx cy bbox box "
    "boxes boundingbox bndbox bboxx bboxy bboxw bboxh bboxwidth bboxheight bboxxmin bboxymin bboxxmax bboxymax area "
    "iscrowd segmentation polygon points regionshapeattributes encodedpixels rle score confidence"
)
# Of the parts that photos belong to, and of objects in VOC: never classes, even where they hold 0 and 1.
_PARTS = (
    "split subset set part partition phase fold kfold usage isval isvalid isvalidation istrain istest istraining val "
    "valid validation test testing training dev difficult isdifficult truncated occluded isoccluded istruncated "
    "isgroupof isdepiction isinside"
)
_MEASURES = (
    "width height imagewidth imageheight imgwidth imgheight size filesize depth channels year date time timestamp "
    "index idx no nr number row id order rank weight latitude longitude lat lon lng altitude rotation orientation "
    "age count user annotator worker source quality rating aspectratio area score confidence "
    "text caption description title comment note prompt license author"
)
_BOX_GROUPS: tuple[str, ...] = (
    "xmin ymin",
    "x1 y1",
    "x0 y0",
    "x y w h",
    "x y width height",
    "left top",
    "cx cy",
    "xcenter ycenter",
)
_BOX_GROUPS += ("bbox", "boundingbox", "bboxx bboxy", "bboxxmin bboxymin", "segmentation", "encodedpixels")
_BOX_GROUPS += ("regionshapeattributes",)
_PART_VALUES = {"train", "training", "val", "valid", "validation", "test", "testing", "dev", "trainval", "unassigned"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)
_VEHICLES = {"bus", "car", "bicycle", "bike", "boat", "motorbike", "motorcycle", "aeroplane", "airplane", "truck"}
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


def bare(word: str) -> str:
    """A word without capitals and what people write between its parts."""
    return re.sub(r"[\s_./:()-]", "", word).casefold()


def _plural(words: str) -> set[str]:
    return {form for w in words.split() for form in (w, f"{w}s", f"{w}es", f"{w[:-1]}ies", f"{w}n", f"{w}e")}


_RANKS = {word: rank for rank, words in enumerate(_NAMES) for word in words.split()}
_TAG_WORDS = _plural(_TAGS)
_NUMBER_WORDS = _plural(_NUMBERS_OF_TAGS)
_BOX_WORDS = set(_BOXES.split())
_PART_WORDS = set(_PARTS.split())
_MEASURE_WORDS = _plural(_MEASURES)


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


def heads_numbers_of_tags(header: str) -> bool:
    """Whether a header says that numbers of classes are below."""
    return bare(header) in _NUMBER_WORDS


def heads_box(header: str) -> bool:
    """Whether a header is one of a box or outline: rows are objects then."""
    return bare(header) in _BOX_WORDS


def heads_part(header: str) -> bool:
    """Whether a header says what part a photo belongs to, or something else that is 0 or 1 and no class."""
    return bare(header) in _PART_WORDS


def heads_measure(header: str) -> bool:
    """Whether numbers below a header have another meaning than a class."""
    return bare(header) in _MEASURE_WORDS


def is_vehicle(header: str) -> bool:
    """Whether a header is a class beside which `train` is one, too."""
    return bare(header) in _VEHICLES


def is_nothing(tag: str) -> bool:
    """Whether a cell says that a photo shows no class: empty, `none`, `-`, `n/a` and their like."""
    return tag.casefold() in _NOTHING


def is_no_tag(tag: str) -> bool:
    """Whether a tag is none: nothing, or background and void."""
    return is_nothing(tag) or is_no_object(tag)


def heads_index(header: str) -> bool:
    """Whether a header is one of a column that numbers the rows."""
    return bare(header) in ("index", "idx", "row", "no", "nr", "id", "#", "number", "level0")


def heads_presence(header: str) -> bool:
    """Whether 1 and 0 below a header say that the tag of their row is shown, or not."""
    return bare(header) in ("value", "present", "presence", "shown", "exists", "ispresent", "isshown", "confidence")


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
