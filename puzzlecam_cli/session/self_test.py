"""Every stage on a few made-up pictures, in a folder that is gone afterwards: whether all of this works here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from puzzlecam_cli.events import Event, StageEnded
from puzzlecam_cli.group.interrupt import gentle_stop
from puzzlecam_cli.recipe.load import load_recipe, shipped_recipes
from puzzlecam_cli.run.execute import execute
from puzzlecam_cli.run.plan import plan
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.stages import PIPELINE

SMALL = (
    "data={pictures: 6, val_pictures: 2, size: 64, classes: 2}",
    "backbone={name: resnet18, pretrained: false}",
    *(f"{part}.{change}" for part in ("train_cls", "affinity", "seg") for change in ("epochs=1", "batch=3", "crop=64")),
    *(f"{part}.resize=[56,72]" for part in ("train_cls", "affinity", "seg")),
    "train_cls.frozen_levels=0",
    "cams.scales=[1.0]",
    "affinity.radius=4",
    "seg.width=16",
    "seg.predict.scales=[1.0]",
    "runtime.workers=0",
)


def self_test(tell: Callable[[str, float], None]) -> dict[str, float]:
    """Run `quickstart`, cut small, with an untrained ResNet-18.

    Args:
        tell: is told of each stage that is done, and its seconds.

    Returns:
        The seconds of each stage.

    Raises:
        UserError: what the user can mend.
        KeyboardInterrupt: it was asked to stop.
    """
    seconds: dict[str, float] = {}

    def emit(event: Event) -> None:
        if isinstance(event, StageEnded) and event.state == "done":
            seconds[event.stage] = round(event.seconds, 2)
            tell(event.stage, event.seconds)

    recipe = load_recipe(str(shipped_recipes() / "quickstart.yaml"), SMALL)
    with TemporaryDirectory(prefix="puzzlecam-doctor-") as folder, gentle_stop():
        run = Run.at(recipe, Path(folder) / "run")
        execute(run, PIPELINE, plan(run, PIPELINE, PIPELINE), None, emit)
    return seconds
