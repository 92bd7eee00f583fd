"""The tables of a GPU can be made: their rows on a small network, and what is told without one."""

from __future__ import annotations

import pytest
import torch

from tests.benchmarks import gpu

SMALL = "timm:mobilenetv3_small_050"


def test_a_network_is_visited_and_trained_in_rows_of_the_tables() -> None:
    """On a CPU they say nothing about a GPU, but that the script will not fail there for a reason of its own."""
    visited = gpu.visit(SMALL, "no", ((33, 40), (40, 49)))
    assert len(visited) == len(gpu.VISITED)
    assert float(visited[-1]) < 1e-3
    ways = ("plain", "TF32", "TF32, graph")
    authors, plain, graph = (gpu.train(SMALL, way, batch=2, side=64, steps=1) for way in ways)
    assert len(authors) == len(plain) == len(graph) == len(gpu.TRAINED)
    assert float(plain[5]) == pytest.approx(float(graph[5]), rel=1e-3)
    assert ("no CUDA graph" in graph[-1]) is not torch.cuda.is_available()


def test_a_row_that_fails_leaves_the_others() -> None:
    found = [*gpu.rows(int, ["no number"], ["at all"])]
    assert found[0][:2] == ("no number", "at all")
    assert "Error" in found[0][2]


def test_without_a_gpu_nothing_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no GPU"):
        gpu.main(["resnet18"])
