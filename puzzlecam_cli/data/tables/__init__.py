"""Tag files of people: one file a form, and their table. See `puzzlecam_cli.data.tables.tags`."""
