"""One file a kind of data: its settings and the `PhotoSet` they name. Their table is in `puzzlecam_cli.registry`."""
