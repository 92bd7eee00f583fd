"""What a run is for: predictions, labels, other runtimes, a model card, Python."""
