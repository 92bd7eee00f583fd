"""Find out how a folder of photos is laid out and where their tags are; `layouts.discover` is the door.

| file | decides |
| --- | --- |
| `layouts` | which layouts are tried, in which order (`LAYOUTS`), and what is said if none fits |
| `place` | what lies in the folder: photos, masks, files that may be about all photos |
| `voc`, `coco`, `yolo`, `tag_file`, `folders` | one layout each: whether it is there, as settings of `data` |
| `candidate` | whether a run could read these settings, and what it would read |
| `parts` | which photos are trained on: lists, columns, sub-folders, or a share |
| `masks` | which folder of masks is theirs, and whether it is what it seems |
| `describe` | what is said of a reading |
| `strangers` | what is said of files that hold tags and are not read |
"""
