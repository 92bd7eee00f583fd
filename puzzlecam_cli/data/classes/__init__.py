"""What may be a class, and in which order."""
