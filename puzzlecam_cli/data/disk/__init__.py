"""Which file on disk is meant by a name."""
