"""Photos, their tags and, for scoring only, their masks."""
