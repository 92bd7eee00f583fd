"""The order in which ways to compute a batch are tried, and what is said of the one that fits."""

from __future__ import annotations

import pytest
from torch import nn

from puzzlecam_cli.engine.way import Way, in_words, ways_to_try


def network(*, looks: bool, blocks: bool = True) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(3), *([nn.ReLU()] if blocks else [])).train(looks)


def spelled(ways: list[Way]) -> list[str]:
    return [f"{way.parts}{'r' if way.recomputes else ''}" for way in ways]


@pytest.mark.parametrize(
    ("looks", "blocks", "images", "begun", "expected"),
    [
        (False, True, 32, Way(), "1 2 4 8 16 32 32r"),
        (False, True, 5, Way(), "1 2 4 5 5r"),
        (False, False, 5, Way(), "1 2 4 5"),
        (False, True, 1, Way(), "1 1r"),
        # at least two images at once
        (True, True, 32, Way(), "1 1r 2r 4r 8r 16r"),
        (True, True, 7, Way(), "1 1r 2r 3r"),
        (True, False, 32, Way(), "1 2 4 8 16"),
        (True, False, 1, Way(), "1"),
        (True, True, 1, Way(), "1 1r"),
        # a training that goes on, perhaps by fewer or more processes
        (True, True, 32, Way(4, True), "4r 8r 16r"),
        (False, True, 32, Way(3), "4 8 16 32 32r"),
        (False, True, 2, Way(16), "2 2r"),
        (True, True, 2, Way(16, True), "1r"),
    ],
)
def test_ways_need_less_and_less_memory_and_change_as_little_as_can_be(
    looks: bool, blocks: bool, images: int, begun: Way, expected: str
) -> None:
    found = ways_to_try(network(looks=looks, blocks=blocks), images, begun)
    assert " ".join(spelled(found)) == expected


def test_statistics_that_do_not_run_are_of_the_batch_in_any_mode() -> None:
    norm = nn.BatchNorm2d(3, track_running_stats=False).eval()
    assert spelled(ways_to_try(norm, 8)) == ["1", "2", "4"]


@pytest.mark.parametrize(
    ("way", "looks", "expected"),
    [
        (Way(1, True), True, "computed again for the gradients; the same result"),
        (Way(4, True), True, "in 4 parts, and blocks of the network are computed again for the gradients; batch norm"),
        (Way(4, True), True, "unlike train_cls.batchnorm: frozen"),
        (Way(4), False, "in 4 parts; as good"),
    ],
)
def test_it_is_said_what_a_way_changes(way: Way, looks: bool, expected: str) -> None:
    said = in_words(way, 32, "train-cls", network(looks=looks))
    assert said.startswith("32 images do not fit into memory at once: ")
    assert expected in said
