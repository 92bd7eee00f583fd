"""For authors of plugins: one call is the whole test. What fails is an AssertionError that says what to change."""

from __future__ import annotations

from puzzlecam_cli.testing.backbone import check_backbone
from puzzlecam_cli.testing.crf_engine import check_crf_engine
from puzzlecam_cli.testing.dataset import check_dataset
from puzzlecam_cli.testing.saliency import check_saliency

__all__ = ["check_backbone", "check_crf_engine", "check_dataset", "check_saliency"]
