"""A run as its events tell it, with what a display of it looks like at three widths and in a small corner."""

from __future__ import annotations

from puzzlecam_cli.events import (
    Doing,
    Event,
    Machine,
    Metric,
    Note,
    Pace,
    Progress,
    RunStarted,
    StageEnded,
    StageKept,
    StageStarted,
)

BEGAN = 1_800_000_000.0  # 2027-01-15 08:00 UTC
STAGES = ("train-cls", "cams", "affinity", "rw", "seg", "eval")
LONG = "the maps went flat: 61% of their highest contrast is left. Lower train_cls.puzzle.alpha, or compare cams"


def losses(step: int, loss: float) -> Event:
    values = {"epoch": step // 10, "lr": 0.1 - step / 300, "loss_cls": loss / 4, "loss_re": 2 * loss, "loss": loss}
    return Metric("affinity", step, values)


STORY: list[tuple[float, Event]] = [
    (0, RunStarted("voc", "runs/voc", STAGES)),
    (0, Doing("run", "loading PyTorch")),
    (5, StageKept("train-cls", "recipe and inputs unchanged")),
    (6, Machine("NVIDIA H100", 4)),
    (6, StageStarted("cams", "cams.flip changed: true → false")),
    (7, Progress("cams", "maps", 1, 100)),
    (17, Progress("cams", "maps", 41, 100)),
    (32, Progress("cams", "maps", 100, 100)),
    (32, StageEnded("cams", "done", 26.0)),
    (33, StageStarted("affinity", "cams is made anew")),
    (34, Doing("affinity", "loading the first batch")),
    (40, losses(0, 0.5)),
    (40, Progress("affinity", "epoch 1/3", 1, 30, "steps")),
    (41, Note("affinity", "only 7 images: batches of 7, not 8")),
    (50, losses(3, 0.4)),
    (60, losses(6, 0.3)),
    (90, losses(10, 0.25)),
    (90, Progress("affinity", "epoch 2/3", 11, 30, "steps")),
    (90, Pace("affinity", 1.6, 0.02, 31_000_000_000, 80_000_000_000, 0.97)),
    (91, Note("affinity", LONG)),
]


def until(seconds: float) -> list[tuple[float, Event]]:
    """What has happened by then, each with its time since 1970."""
    return [(BEGAN + at, event) for at, event in STORY if at <= seconds]
