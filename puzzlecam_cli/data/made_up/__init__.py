"""Made-up pictures."""
