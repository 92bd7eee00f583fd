"""What photos show, by annotations in VOC layout, rows of a table or sub-folders."""
