"""The first step whose losses are not finite is found later, without having waited for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from puzzlecam_cli.engine.finite import NONE, FiniteWatch


def losses(loss: float, part: float = 1.0) -> dict[str, Tensor]:
    return {"loss": torch.tensor(loss), "part": torch.tensor(part)}


@pytest.mark.parametrize("bad", [losses(torch.nan), losses(-torch.inf), losses(1.0, torch.inf)])
def test_the_first_of_several_bad_steps_is_named_with_its_own_values(bad: dict[str, Tensor]) -> None:
    watch = FiniteWatch()
    for step, seen in enumerate([losses(1.0), losses(2.0), bad, losses(3.0), losses(torch.nan, torch.nan)], start=7):
        watch.note(step, seen)
    assert watch.first() == 9
    (value,) = watch.values(9).values()
    assert not torch.tensor(value).isfinite()
    assert watch.values(8) == {}, "another process's step"


def test_finite_losses_are_no_news() -> None:
    watch = FiniteWatch()
    assert watch.first() == NONE
    watch.note(0, losses(1e30))
    assert watch.first() == NONE
