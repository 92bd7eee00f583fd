"""This process's part in a session: alone, the parent of a group, or one of a group."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.errors import printable
from puzzlecam_cli.events import Doing, Emit, Event
from puzzlecam_cli.recipe.schema import Recipe, Runtime

if TYPE_CHECKING:
    from accelerate import Accelerator

    from puzzlecam_cli.group.rank import Parent


@dataclass(frozen=True)
class Member:
    """Who this process is.

    Args:
        accelerator: of one of several; None for a process that is alone so far.
        parent: of one of several that we started.
        is_shown: whether it has the terminal, writes `events.jsonl` and says the results.
    """

    accelerator: Accelerator | None
    parent: Parent | None
    is_shown: bool

    def tell(self, event: Event) -> None:
        """Tell the parent what happens, if there is one; rank 0 speaks for all."""
        if self.parent is not None and self.accelerator is not None and self.accelerator.is_main_process:
            self.parent.emit(event)

    def spread(self, command: Sequence[str], recipe: Recipe, root: Path, wanted: int | None, emit: Emit) -> bool:
        """Do the work of a command in several processes, if it is for several and they are not there yet.

        Returns:
            Whether it was; if not, this process does it.
        """
        load_torch(emit)
        from puzzlecam_cli.group.launch import group_size, run_group

        processes = 1 if self.accelerator is not None else group_size(wanted, recipe.runtime)
        if processes == 1:
            return False
        emit(Doing("run", f"starting {processes} processes"))
        run_group(command, recipe, root, processes, emit)
        return True


def load_torch(emit: Emit) -> None:
    """Load PyTorch, and say so: it takes seconds, in which nothing else can be told."""
    if "torch" not in sys.modules:
        emit(Doing("run", "loading PyTorch"))
        import torch  # noqa: F401


@contextmanager
def joined(runtime: Runtime, root: Path, num_processes: int | None) -> Iterator[Member]:
    """Join the group this process was started for, if any; whoever has the terminal holds the run folder's lock.

    Raises:
        UserError: another process works in the folder, `--num-processes` is not possible here or contradicts the
            launcher, or the environment says what cannot be.
    """
    from puzzlecam_cli.group.launch import check_launch, in_group
    from puzzlecam_cli.group.lock import run_lock
    from puzzlecam_cli.group.rank import find_parent

    check_launch(num_processes, runtime)
    parent = find_parent()
    if parent is not None:
        with parent.reporting_failure():
            yield Member(_accelerator(runtime), parent, is_shown=False)
        return
    accelerator = _accelerator(runtime) if in_group() else None
    if accelerator is not None and not accelerator.is_main_process:
        yield Member(accelerator, None, is_shown=False)
        return
    with run_lock(root, lambda text: print(printable(text), file=sys.stderr, flush=True)):
        yield Member(accelerator, None, is_shown=True)


def _accelerator(runtime: Runtime) -> Accelerator:
    from puzzlecam_cli.engine.accelerator import make_accelerator

    return make_accelerator(runtime)
