"""L_bg: cells where the map of a tag is faint are taught that the class is not there."""

from __future__ import annotations

from math import exp, log

import pytest
import torch
from torch import Tensor

from puzzlecam_cli.method.background import background_sum

MAPS = torch.tensor([[[[10.0, 0.4], [0.6, -3.0]], [[1.0, 1.0], [1.0, 1.0]], [[5.0, 0.0], [0.0, 0.0]]]])
TAGS = torch.tensor([[1.0, 1.0, 0.0]])


def trained(maps: Tensor, tags: Tensor) -> tuple[float, Tensor]:
    maps = maps.clone().requires_grad_()
    total = background_sum(maps, tags)
    total.backward()
    assert maps.grad is not None
    return total.item(), maps.grad


def test_it_is_the_mean_over_faint_cells_of_each_tag_summed_over_tags():
    total, _ = trained(MAPS, TAGS)  # of the first class 0.4 and −3 are below 0.5; of the second none
    assert total == pytest.approx((log(1 + exp(0.4)) + log(1 + exp(-3.0))) / 2)


def test_it_lowers_faint_cells_of_tagged_classes_and_nothing_else():
    _, gradient = trained(MAPS, TAGS)
    assert (gradient[0, 0] > 0).tolist() == [[False, True], [False, True]]
    assert gradient[0, 1:].abs().max() == 0


def test_a_map_without_any_positive_cell_is_faint_all_over():
    _, gradient = trained(torch.full((1, 1, 2, 2), -1.0), torch.ones(1, 1))
    assert (gradient > 0).all()


def test_images_without_tags_add_nothing_and_others_do_not_change():
    maps, tags = torch.cat([MAPS, -MAPS]), torch.cat([TAGS, torch.zeros(1, 3)])
    assert trained(maps, tags)[0] == pytest.approx(trained(MAPS, TAGS)[0])


def test_what_is_faint_depends_on_each_map_alone():
    assert trained(MAPS * 7, TAGS)[1].gt(0).equal(trained(MAPS, TAGS)[1].gt(0))
