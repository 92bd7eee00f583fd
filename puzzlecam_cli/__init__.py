"""Puzzle-CAM: learn to segment from image tags alone. The paper's equations are in `puzzlecam_cli.method`."""

__version__ = "0.1.0"
