"""Label pictures in the forms in which others read them: one file and one row of `table.py` each."""
