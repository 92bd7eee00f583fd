"""Way in: tables of tags, as people and programs write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from puzzlecam_cli.data.tables.tags import TagTable, read_tags
from puzzlecam_cli.errors import UserError

Tags = dict[str, tuple[str, ...]]
AB: Tags = {"a.jpg": ("cat", "dog"), "b.jpg": ("dog",)}
ABC: Tags = {**AB, "c.jpg": ()}

READ: dict[str, tuple[str, Tags]] = {
    "semicolons between tags": ("file,tags\na.jpg,cat;dog\nb.jpg,dog\nc.jpg,\n", ABC),
    "semicolons and blanks": ("file,tags\na.jpg,cat; dog\nb.jpg, dog\nc.jpg,\n", ABC),
    "a semicolon at the end": ("file,tags\na.jpg,cat;dog;\nb.jpg,dog;\nc.jpg,;\n", ABC),
    "bars between tags": ("file,tags\na.jpg,cat|dog\nb.jpg,dog\nc.jpg,\n", ABC),
    "commas between tags in quotes": ('file,tags\na.jpg,"cat,dog"\nb.jpg,dog\nc.jpg,""\n', ABC),
    "commas and blanks in quotes": ('file,tags\na.jpg,"cat, dog"\nb.jpg,"dog"\n', AB),
    "a blank before the quote": ('file, tags\na.jpg, "cat, dog"\nb.jpg, dog\n', AB),
    "blanks between tags": ("file,tags\na.jpg,cat dog\nb.jpg,dog\nc.jpg,cat\n", {**AB, "c.jpg": ("cat",)}),
    "tabs, blanks between tags": ("a.jpg\tcat dog\nb.jpg\tdog\nc.jpg\tcat\n", {**AB, "c.jpg": ("cat",)}),
    "semicolons between cells": ("file;tags\na.jpg;cat,dog\nb.jpg;dog\nc.jpg;\n", ABC),
    "bars between cells": ("file|tags\na.jpg|cat,dog\nb.jpg|dog\nc.jpg|\n", ABC),
    "semicolons between cells, commas in all tags": (
        "a.jpg;cat,dog\nb.jpg;dog,cat\n",
        {"a.jpg": ("cat", "dog"), "b.jpg": ("dog", "cat")},
    ),
    "Excel's line about the delimiter": ("sep=;\nfile;tags\na.jpg;cat,dog\nb.jpg;dog\n", AB),
    "only blanks": ("a.jpg cat dog\nb.jpg dog\nc.jpg\nd.jpg cat", {**ABC, "d.jpg": ("cat",)}),
    "only blanks, blanks in names": (
        "my a.jpg cat dog\nmy b.jpg dog\nc.jpg cat",
        {"my a.jpg": ("cat", "dog"), "my b.jpg": ("dog",), "c.jpg": ("cat",)},
    ),
    "lists of Python": ("file,tags\na.jpg,\"['cat', 'dog']\"\nb.jpg,['dog']\nc.jpg,[]\n", ABC),
    "lists of numpy": ("file,tags\na.jpg,['cat' 'dog']\nb.jpg,['dog']\n", AB),
    "lists of JSON": ('file,tags\na.jpg,"[""cat"", ""dog""]"\nb.jpg,"[""dog""]"\n', AB),
    "tags in cells of their own": ("a.jpg,cat,dog\nb.jpg,dog\nc.jpg\n", ABC),
    "tags in cells, Excel's empty ones": ("a.jpg,cat,dog\nb.jpg,dog,\nc.jpg,,\n", ABC),
    "tags in cells below one header": ("file,tags\na.jpg,cat,dog\nb.jpg,dog\nc.jpg\n", ABC),
    "tags in cells below empty headers": ("file,tags,\na.jpg,cat,dog\nb.jpg,dog,\nc.jpg,,\n", ABC),
    "tags in numbered columns": ("file,tag1,tag2\na.jpg,cat,dog\nb.jpg,dog,\nc.jpg,,\n", ABC),
    "tags in cells, blanks in names": (
        "a.jpg,traffic light,cat\nb.jpg,stop light,traffic light\n",
        {"a.jpg": ("traffic light", "cat"), "b.jpg": ("stop light", "traffic light")},
    ),
    "one row a tag": ("file,label\na.jpg,cat\na.jpg,dog\nb.jpg,dog\nc.jpg,\n", ABC),
    "one row a tag, not sorted, no header": ("a.jpg,cat\nb.jpg,dog\na.jpg,dog\n", AB),
    "one row a tag, blanks in names": (
        "file,label\na.jpg,traffic light\na.jpg,traffic sign\nb.jpg,stop sign\nb.jpg,stop light\n",
        {"a.jpg": ("traffic light", "traffic sign"), "b.jpg": ("stop sign", "stop light")},
    ),
    "boxes of TensorFlow": (
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.jpg,9,9,cat,1,1,2,2\na.jpg,9,9,dog,1,1,2,2\nb.jpg,9,9,dog,1,1,2,2\nb.jpg,9,9,dog,3,3,4,4\n",
        AB,
    ),
    "boxes, blanks and commas in names": (
        'image,xmin,ymin,xmax,ymax,label\na,1,1,2,2,"fox, red"\na,1,1,2,2,red fox\nb,1,1,2,2,fox\n',
        {"a": ("fox, red", "red fox"), "b": ("fox",)},
    ),
    "boxes without a header": (
        "x/a.jpg,1,2,3,4,cat\nx/a.jpg,1,2,3,4,dog\nx/b.jpg,,,,,\n",
        {"x/a.jpg": ("cat", "dog"), "x/b.jpg": ()},
    ),
    "0 and 1": ("file,cat,dog\na.jpg,1,1\nb.jpg,0,1\nc.jpg,0,0\n", ABC),
    "-1 and 1": ("file,cat,dog\na.jpg,1,1\nb.jpg,-1,1\nc.jpg,-1,-1\n", ABC),
    "-1, 0 (difficult) and 1": ("file,cat,dog\na.jpg,1,0\nb.jpg,-1,1\nc.jpg,-1,-1\n", ABC),
    "1.0 and 0.0": ("file,cat,dog\na.jpg,1.0,1.0\nb.jpg,0.0,1.0\nc.jpg,0.0,0.0\n", ABC),
    "True and False": ("file,cat,dog\na.jpg,True,True\nb.jpg,False,True\nc.jpg,False,False\n", ABC),
    "TRUE and FALSE of Excel": ("file;cat;dog\na.jpg;TRUE;TRUE\nb.jpg;FALSE;TRUE\nc.jpg;FALSE;FALSE\n", ABC),
    "WAHR and FALSCH of Excel": ("Datei;cat;dog\na.jpg;WAHR;WAHR\nb.jpg;FALSCH;WAHR\nc.jpg;FALSCH;FALSCH\n", ABC),
    "yes and no": ("file,cat,dog\na.jpg,yes,yes\nb.jpg,no,yes\nc.jpg,no,no\n", ABC),
    "Y and N": ("file,cat,dog\na.jpg,Y,Y\nb.jpg,N,Y\nc.jpg,N,N\n", ABC),
    "x and nothing": ("file,cat,dog\na.jpg,x,X\nb.jpg,,x\nc.jpg,,\n", ABC),
    "1 and nothing": ("file,cat,dog\na.jpg,1,1\nb.jpg,,1\nc.jpg,,\n", ABC),
    "ticks and nothing": ("file\tcat\tdog\na.jpg\t✓\t✓\nb.jpg\t\t✓\nc.jpg\t\t\n", ABC),
    "0 and 1, names in the last column": ("cat,dog,file\n1,1,a.jpg\n0,1,b.jpg\n0,0,c.jpg\n", ABC),
    "0 and 1, the header's name empty": (",cat,dog\na.jpg,1,1\nb.jpg,0,1\n", AB),
    "0 and 1, pandas' index": (",file,cat,dog\n0,a.jpg,1,1\n1,b.jpg,0,1\n", AB),
    "0 and 1, a column of background": ("file,background,cat,dog\na.jpg,1,1,1\nb.jpg,1,0,1\n", AB),
    "0 and 1 of one class": ("file,cat\na.jpg,1\nb.jpg,0\n", {"a.jpg": ("cat",), "b.jpg": ()}),
    "0 and 1, VOC's train among vehicles": (
        "file,bus,train\na.jpg,1,0\nb.jpg,0,1\n",
        {"a.jpg": ("bus",), "b.jpg": ("train",)},
    ),
    "0 and 1, train beside val": ("file,cat,dog,train,val\na.jpg,1,1,1,0\nb.jpg,0,1,0,1\n", AB),
    "0 and 1, a mark of validation": ("file,cat,dog,is_valid\na.jpg,1,1,0\nb.jpg,0,1,1\n", AB),
    "0 and 1, sizes and dates": ("file,cat,dog,width,date\na.jpg,1,1,9,2020-01-01\nb.jpg,0,1,9,2020-01-02\n", AB),
    "0 and 1, empty cells at the end of a row": ("file,cat,dog\na.jpg,1,1,,\nb.jpg,0,1\n", AB),
    "0 and 1, names that are numbers": ("id,cat,dog\n17,1,1\n4,0,1\n", {"17": ("cat", "dog"), "4": ("dog",)}),
    "pandas' index without a header": ("0,a.jpg,cat;dog\n1,b.jpg,dog\n", AB),
    "pandas' index, unnamed": ("Unnamed: 0,file,tags\n0,a.jpg,cat;dog\n1,b.jpg,dog\n", AB),
    "the name last": ("tags,file\ncat;dog,a.jpg\ndog,b.jpg\n", AB),
    "the name last, no header": ("cat;dog,a.jpg\ndog,b.jpg\n", AB),
    "the name last, other delimiters in tags": ("cat,dog;a.jpg\ndog;b.jpg\ncat;c.jpg", {**AB, "c.jpg": ("cat",)}),
    "a name and an id": ("id,file_name,label\n7,a.jpg,cat\n7,a.jpg,dog\n9,b.jpg,dog\n", AB),
    "a number and a name of the class": ("file,class_id,class_name\na.jpg,1,cat\na.jpg,2,dog\nb.jpg,2,dog\n", AB),
    "a header in another language": ("Dateiname;Schlagworte\na.jpg;cat,dog\nb.jpg;dog\n", AB),
    "a header of unknown words": ("which,shows\na.jpg,cat;dog\nb.jpg,dog\n", AB),
    "numbers of classes": (
        "file,label\na.jpg,3\nb.jpg,7\nc.jpg,0\n",
        {"a.jpg": ("3",), "b.jpg": ("7",), "c.jpg": ("0",)},
    ),
    "none, nothing and n/a": (
        "file,tags\na.jpg,cat\nb.jpg,none\nc.jpg,-\nd.jpg,N/A\ne.jpg,nothing\n",
        {"a.jpg": ("cat",), **dict.fromkeys(("b.jpg", "c.jpg", "d.jpg", "e.jpg"), ())},
    ),
    "background among tags": ("file,tags\na.jpg,cat;background;dog\nb.jpg,dog;__ignore__\nc.jpg,void\n", ABC),
    "the same row twice": ("file,tags\na.jpg,cat;dog\na.jpg,dog;cat\nb.jpg,dog\n", AB),
    "one tag twice": ("file,tags\na.jpg,cat;dog;cat\nb.jpg,dog\n", AB),
    "blank lines and lines of commas": ("\nfile,tags\n\na.jpg,cat;dog\n,\nb.jpg,dog\n\n", AB),
    "lines of Windows": ("file,tags\r\na.jpg,cat;dog\r\nb.jpg,dog\r\n", AB),
    "lines of an old Mac": ("file,tags\ra.jpg,cat;dog\rb.jpg,dog", AB),
    "names in folders, backslashes": (
        "file,tags\nx\\a.jpg,cat\ny/b.jpg,dog\n",
        {"x\\a.jpg": ("cat",), "y/b.jpg": ("dog",)},
    ),
    "names with commas in quotes": ('file,tags\n"a,b.jpg",cat\nc.jpg,dog\n', {"a,b.jpg": ("cat",), "c.jpg": ("dog",)}),
    "inches inside of a cell": (
        'file,tags\na.jpg,pizza 12"\nb.jpg,dog\n',
        {"a.jpg": ('pizza 12"',), "b.jpg": ("dog",)},
    ),
    "blanks in names of classes": (
        "file,tags\na.jpg,potted plant;cat\nb.jpg,dining table\n",
        {"a.jpg": ("potted plant", "cat"), "b.jpg": ("dining table",)},
    ),
    "blanks in names, no word elsewhere": (
        "file,tags\na.jpg,potted plant\nb.jpg,cat\nc.jpg,potted plant\n",
        {"a.jpg": ("potted plant",), "b.jpg": ("cat",), "c.jpg": ("potted plant",)},
    ),
    "letters of two characters": ("file,tags\ne\u0301.jpg,cafe\u0301\n", {"é.jpg": ("café",)}),
    "scripts of the world": (
        "file,tags\n牛.jpg,牛;собака\nकुत्ता.jpg,कुत्ता\n",
        {"牛.jpg": ("牛", "собака"), "कुत्ता.jpg": ("कुत्ता",)},
    ),
    "a part without a header": ("a.jpg,cat,train\nb.jpg,dog,val\n", {"a.jpg": ("cat",), "b.jpg": ("dog",)}),
    "names without suffix": (
        "image_id,tags\n000001,cat;dog\n000002,dog\n",
        {"000001": ("cat", "dog"), "000002": ("dog",)},
    ),
    "Google's tables, parts not told": (
        "UNASSIGNED,gs://b/a.jpg,cat,dog\nUNASSIGNED,gs://b/b.jpg,dog\n",
        {"gs://b/a.jpg": AB["a.jpg"], "gs://b/b.jpg": AB["b.jpg"]},
    ),
    "Google's tables, all of one part": (
        "TRAIN,a.jpg,cat,0.1,0.1,,,0.3,0.3,,\nTRAIN,a.jpg,dog,0.1,0.1,,,0.3,0.3,,\nTRAIN,b.jpg,dog,0.1,0.1,,,0.3,0.3,,\n",
        AB,
    ),
    "a class `train` in all rows": ("a.jpg,train\nb.jpg,train\n", {"a.jpg": ("train",), "b.jpg": ("train",)}),
    "several words above the tags, among columns of 0 and 1": (
        "Image Index,Finding Labels,Follow-up #,Patient ID\na.jpg,cat|dog,0,1\nb.jpg,dog,1,1\nc.jpg,No Finding,2,1\n",
        ABC,
    ),
    "choices of Label Studio in JSON": (
        'image,id,choice\na.jpg,1,"{""choices"":[""cat"",""dog""]}"\nb.jpg,2,dog\n',
        AB,
    ),
    "boxes of Label Studio in JSON": (
        'image,label\na.jpg,"[{""x"":1,""rectanglelabels"":[""cat""]},{""x"":2,""rectanglelabels"":[""dog""]}]"\nb.jpg,"[{""rectanglelabels"":[""dog""]}]"\n',
        AB,
    ),
    "numbers of classes one after another, no header": (
        "a.jpg 0\nb.jpg 1\nc.jpg 2\n",
        {"a.jpg": ("0",), "b.jpg": ("1",), "c.jpg": ("2",)},
    ),
    "a line of the cell a tag": ('file,tags\na.jpg,"cat\ndog"\nb.jpg,dog\n', AB),
    "slashes in names": ("f,tags\na.jpg,pet/cat\nb.jpg,pet/dog\n", {"a.jpg": ("pet/cat",), "b.jpg": ("pet/dog",)}),
}


def read(tmp_path: Path, data: str | bytes, **how: object) -> TagTable:
    file = tmp_path / "tags.csv"
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_tags(file, **how)  # type: ignore[arg-type]


def tags_of(table: TagTable) -> Tags:
    return dict(zip(table.names, table.tags, strict=True))


@pytest.mark.parametrize(("text", "tags"), READ.values(), ids=READ)
def test_a_table_gives_the_tags_it_holds(tmp_path: Path, text: str, tags: Tags) -> None:
    table = read(tmp_path, text)
    assert tags_of(table) == tags
    assert set(table.classes) == {tag for own in tags.values() for tag in own}


REFUSED: dict[str, tuple[str, tuple[str, ...]]] = {
    "nothing": ("", ("holds no row",)),
    "blank lines": ("\n , \n", ("no",)),
    "names alone": ("a.jpg\nb.jpg\n", ("one column only", "line 1", "`a.jpg`")),
    "a header alone": ("file,tags\n", ("header and no row", "line 1")),
    "no tag at all": ("file,tags\na.jpg,\nb.jpg,none\n", ("no tag of any photo",)),
    "a row without a photo": ("file,tags\na.jpg,cat\n,dog\n", ("line 3", "names no photo")),
    "two rows that differ": ("file,tags\na.jpg,cat;dog\nb.jpg,dog\na.jpg,cat\n", ("line 4", "line 2", "`a.jpg`")),
    "two rows of 0 and 1 that differ": ("file,cat,dog\na.jpg,1,0\na.jpg,0,1\n", ("line 3", "line 2")),
    "two rows of cells that differ": ("a.jpg,cat,dog\na.jpg,cat\n", ("line 2", "line 1", "`cat`, `dog` and `cat`")),
    "a quote that is not closed": ('file,tags\na.jpg,"cat\nb.jpg,dog\n', ("line 2", "no table")),
    "a quote that swallows a row": ('file,tags\na.jpg,"cat\nb.jpg,"dog\n', ("line",)),
    "0.7 among 0 and 1": ("file,cat,dog\na.jpg,1,0.7\nb.jpg,0,1\n", ("line 2", "`dog`", "`0.7`")),
    "2 among 0 and 1, and 3": ("file,cat,dog\na.jpg,1,2\nb.jpg,0,1\nc.jpg,3,1\n", ("line 2", "line 4", "`3`")),
    "empty among 0 and 1": ("file,cat,dog\na.jpg,1,0\nb.jpg,,1\n", ("line 3", "`cat` is empty")),
    "yes among 0 and 1": ("file,cat,dog\na.jpg,1,0\nb.jpg,yes,1\n", ("line 3", "`yes`")),
    "rows of 0 and 1 that are too short": (
        "file,cat,dog\na.jpg,1\nb.jpg,0,1\nc.jpg,1\n",
        ("line 2", "line 4", "2 cell"),
    ),
    "rows of 0 and 1 that are too long": ("file,cat,dog\na.jpg,1,0,1\nb.jpg,0,1\n", ("line 2", "4 cell")),
    "0 and 1 without a header": ("a.jpg,1,0\nb.jpg,0,1\n", ("no header", "line 1")),
    "0 and 1 below `label`": ("file,label\na.jpg,1\nb.jpg,0\n", ("`label`", "`0` and `1`", "line 2")),
    "VOC's list of one class": ("a.jpg 1\nb.jpg -1\n", ("line 1",)),
    "two columns of one class": ("file,cat,cat\na.jpg,1,0\nb.jpg,0,1\n", ("`cat`",)),
    "a column of 0 and 1 without a name": ("file,cat,\na.jpg,1,0\nb.jpg,0,1\n", ("header",)),
    "train: a class or a part": ("file,cat,train\na.jpg,1,0\nb.jpg,0,1\n", ("`train`",)),
    "probabilities": ("file,cat,dog\na.jpg,0.9,0.2\nb.jpg,0.1,0.7\n", ("`cat`", "`dog`")),
    "blanks: names or not": (
        "file,tags\na.jpg,traffic light\nb.jpg,street light\n",
        ("line 2", "`traffic light` is one class"),
    ),
    "blanks: each word keeps its place": (
        "f,tags\na.jpg,traffic light\nb.jpg,traffic sign\nc.jpg,stop sign\nd.jpg,stop light\n",
        ("line 2", "`traffic` and `light`"),
    ),
    "commas: names or not": (
        'file,tags\na.jpg,"fox, red"\nb.jpg,"fox, red"\nc.jpg,cat\n',
        ("line 2", "`fox` and `red`"),
    ),
    "semicolons and commas": ('file,tags\na.jpg,cat;dog\nb.jpg,"cat,dog"\n', ("line 2", "line 3")),
    "semicolons in cells of their own": ("a.jpg,cat,dog\nb.jpg,cat;dog\n", ("line 2", "`cat;dog`")),
    "two columns of tags": ("file,class,label\na.jpg,cat,big\nb.jpg,dog,small\n", ("`class`", "`label`")),
    "no column of tags": ("file,split,width\na.jpg,train,9\nb.jpg,val,9\n", ("no column of tags", "split")),
    "several unknown columns": ("file,shows,mood\na.jpg,cat,me\nb.jpg,dog,you\n", ("`shows`", "`mood`")),
    "photos as tags": ("a.jpg,b.jpg\nc.jpg,d.jpg\n", ("line 1", "`b.jpg` is a photo")),
    "fractions as tags": ("file,label\na.jpg,0.75\nb.jpg,cat\n", ("line 2", "`0.75`")),
    "a tag of 300 letters": (f"file,tags\na.jpg,{'x' * 300}\nb.jpg,dog\n", ("line 2", "longer than")),
    "control characters": ("file,tags\na.jpg,c\x07t\n\x1b[2Jb.jpg,dog\n", ("line 2", "line 3")),
    "a cell of 200 kB": (f"file,tags\na.jpg,{'x' * 200_000}\n", ("line 2",)),
    "captions": ("file_name,text\na.jpg,a cat on a sofa\nb.jpg,a sofa\n", ("no column of tags",)),
    "0 and 1 in one cell": ("a.jpg 0 1 0\nb.jpg 1 0 0\n", ("line 1", "lists of 0 and 1")),
    "lists of 0 and 1": ('file,labels\na.jpg,"[0, 1, 0]"\nb.jpg,"[1, 0, 0]"\n', ("line 2", "a column of its own")),
    "-1 for what is not sure": ("file,cat,dog\na.jpg,1,0\nb.jpg,-1,1\nc.jpg,0,1\n", ("line 3", "not sure")),
    "objects of Python": ("file,genres\na.jpg,\"[{'id': 1, 'name': 'cat'}]\"\nb.jpg,[]\n", ("line 2", "no JSON")),
    "errors of a spreadsheet": ("file,tags\na.jpg,#REF!\nb.jpg,=A1\nc.jpg,cat\n", ("line 2", "line 3", "`#REF!`")),
    "regions of VIA": (
        'filename,region_count,region_id,region_shape_attributes,region_attributes\na.jpg,1,0,"{""x"":1}","{""class"":""cat""}"\nb.jpg,1,0,"{""x"":1}",{}\n',
        ("`region_count`",),
    ),
    "no photo shows any class": ("file,cat,dog\na.jpg,,\nb.jpg,,\n", ("`cat, dog`",)),
    "two columns whose last word is of tags": (
        "file,main category,other category\na.jpg,cat,big\nb.jpg,dog,small\n",
        ("`main category`",),
    ),
    "slashes: names or not": (
        "f,tags\na.jpg,cat/dog\nb.jpg,dog/cow\nc.jpg,cow/cat\n",
        ("line 2", "`cat/dog` is one class"),
    ),
    "plus: names or not": ("f,tags\na.jpg,cat+dog\nb.jpg,dog\nc.jpg,cat\n", ("line 2", "`cat` and `dog`")),
    "`and` between tags": ("f,tags\na.jpg,cat and dog\nb.jpg,dog and cow\nc.jpg,cow\nd.jpg,cat\n", ("line 2", "`and`")),
}


@pytest.mark.parametrize(("text", "said"), REFUSED.values(), ids=REFUSED)
def test_a_table_that_is_none_or_says_two_things_is_refused(tmp_path: Path, text: str, said: tuple[str, ...]) -> None:
    with pytest.raises(UserError) as caught:
        read(tmp_path, text)
    assert caught.value.reference in ("tags-invalid", "tags-ambiguous")
    assert "tags.csv" in caught.value.problem
    assert [text for text in said if text not in str(caught.value)] == []
