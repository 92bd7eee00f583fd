"""Decisions that all processes of a group take together."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from accelerate import Accelerator

Value = TypeVar("Value")


class Agreement:
    """All processes of a group take the same turn at the same step, without waiting for a GPU."""

    def __init__(self, accelerator: Accelerator):
        self.group: Any = dist.new_group(backend="gloo") if accelerator.num_processes > 1 else None

    def any(self, *wishes: bool) -> tuple[bool, ...]:
        """For each wish, whether some process has it."""
        if self.group is None:
            return wishes
        votes = torch.tensor(wishes, dtype=torch.uint8)
        dist.all_reduce(votes, dist.ReduceOp.MAX, group=self.group)
        return tuple(bool(vote) for vote in votes)

    def least(self, number: int) -> int:
        """The smallest of all processes' numbers."""
        if self.group is None:
            return number
        numbers = torch.tensor(number)
        dist.all_reduce(numbers, dist.ReduceOp.MIN, group=self.group)
        return int(numbers)

    def of_main(self, value: Value) -> Value:
        """The main process's value, in every process."""
        if self.group is None:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self.group)
        return values[0]
