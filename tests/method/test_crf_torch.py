"""The dense CRF in PyTorch keeps an engine's promises, and those of several photos at once."""

from __future__ import annotations

from puzzlecam_cli.testing import check_crf_engine


def test_it_keeps_the_promises_of_an_engine():
    check_crf_engine("torch")
