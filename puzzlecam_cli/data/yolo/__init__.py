"""YOLO's layout: `data.yaml`, photos, and a text of boxes or polygons for each of them."""
