"""Tag files of people; `tags.read_tags` is the door.

| file | decides |
| --- | --- |
| `tags` | what kind of file it is, and what its rows say of each photo |
| `encoding`, `code_pages` | which characters its bytes are |
| `rows` | what divides the cells of a CSV |
| `layout` | whether there is a header, and which column names the photos |
| `forms` | the forms of a table: `class_columns` (0 and 1 a class), `tag_columns` (tags as words) |
| `splitting` | what divides several tags in a cell |
| `words`, `truth` | what headers and cells mean: `tags`, `split`, `none`; 1, yes, x |
| `json_file` | JSON and JSON lines; exports: `datumaro`, `label_studio` |
| `cvat`, `annotations` | XML: of CVAT, and a folder of VOC's |
| `found` | what readers know and hand on |
"""
