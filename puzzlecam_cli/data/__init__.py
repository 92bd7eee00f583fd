"""Photos, their tags and, for scoring only, their masks.

| room | what is in it |
|---|---|
| `photos` | what a photo and a data set are: the only door; `loaders`, `transforms` feed networks from it |
| `kinds/` | one file a kind of data; what `coco` and `yolo` read is in `coco/` and `yolo/` |
| `disk/`, `pixels/` | which file a name means; from its bytes to pixels |
| `tags/`, `tables/`, `classes/` | what photos show: VOC layout and sub-folders; files of tags; the names |
| `parts/` | which photo belongs to train or val |
| `skipping` | any kind without the photos that cannot be read |
| `discover/` | what a folder holds, for `puzzlecam new` |
| `made_up/` | synthetic pictures |
"""
