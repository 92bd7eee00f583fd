"""COCO's instances JSON: read item by item, as it may be larger than memory, and masks out of its polygons and RLE."""
