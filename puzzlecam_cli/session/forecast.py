"""What a recipe will take on this machine, found on a few photos in a temporary folder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from puzzlecam_cli.events import RunStarted
from puzzlecam_cli.group.environment import place
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.run.preflight import preflight
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.session.member import Member
from puzzlecam_cli.session.views import open_views
from puzzlecam_cli.stages import PIPELINE, STAGE_NAMES
from puzzlecam_cli.view.telling import Teller

if TYPE_CHECKING:
    from puzzlecam_cli.bench.costs import Cost
    from puzzlecam_cli.bench.machine import Machine


def forecast_recipe(
    name: str, changes: Sequence[str], photos: int, plain: bool, limit: float = math.inf
) -> tuple[Machine, list[Cost], list[str]]:
    """The machine, the cost of every step in order, and the steps that could not be timed in `limit` seconds.

    Raises:
        UserError: what would stop a run and is known without decoding all photos, or as the steps do; the environment
            says what cannot be.
    """
    place()  # what a launcher set must make sense
    recipe = load_recipe(name, changes)
    alone = Member(accelerator=None, parent=None, is_shown=True)
    # a worker of a step that ran out of time may still write
    with TemporaryDirectory(prefix="puzzlecam-bench-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary)
        run = Run.at(recipe, root, Teller())
        preflight(run, all_steps(PIPELINE), tick=None)  # before PyTorch is loaded
        from puzzlecam_cli.bench.forecast import forecast
        from puzzlecam_cli.bench.machine import this_machine

        machine = this_machine(gpu=not recipe.runtime.cpu)
        with open_views(alone, root, plain) as emit:
            emit(RunStarted(f"bench of {Path(name).stem}", temporary, STAGE_NAMES))
            return machine, *forecast(recipe, run.photos, root, photos, emit, limit)
