"""How the trainings went."""

from __future__ import annotations

from puzzlecam_cli.text import several
from puzzlecam_cli.use.report.curves import Curve, Training
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.view.html.charts import Series, line_chart, smoothed
from puzzlecam_cli.view.html.markup import Child, tag

NAMES = {"loss": "all together", "loss_cls": "L_cls", "loss_p_cls": "L_p-cls", "loss_re": "L_re", "loss_bg": "L_bg"}
WHAT = {"train-cls": "The classifier", "affinity": "The affinity network", "seg": "The segmentation network"}
COLOURS = ("s3", "s4", "s5", "s6", "s2", "s1")
SMOOTH = 9  # points of a curve that its bold line is the mean of


def trainings(facts: Facts) -> list[Child]:
    """Of each stage that trains: losses, the weight of L_re, learning rate, contrast of the maps."""
    parts: list[Child] = []
    for training in facts.trainings:
        torn = f"; {several(training.torn, 'line')} of the log cannot be read" if training.torn else ""
        said = f"{several(training.epochs, 'epoch')}, {several(training.steps, 'step')}{torn}"
        parts.append(tag("h3", WHAT[training.stage], " ", tag("small", said)))
        parts.append(tag("div", _charts(training), class_="charts"))
    return parts


def _charts(training: Training) -> list[Child]:
    charts: list[Child] = []
    losses = training.losses
    if len(losses) > 2 or (len(losses) == 2 and losses[0].name != "loss"):
        losses = tuple(curve for curve in losses if curve.name != "loss") or losses
    elif losses:
        losses = losses[:1]
    if losses:
        charts.append(line_chart("Losses" if len(losses) > 1 else "Loss", _noisy(losses), x_label="steps"))
    if contrast := training.named("contrast"):
        charts.append(line_chart("Contrast of the maps: falls where they go flat", _noisy(contrast), x_label="steps"))
    names = (("lr", "learning rate", "s5"), ("alpha", "alpha, the weight of L_re", "s4"))
    schedule = [_share(curve, name, colour) for key, name, colour in names for curve in training.named(key)]
    if schedule:
        charts.append(line_chart("Schedule, % of the largest", schedule, x_label="steps", y_range=(0, 100)))
    return charts


def _share(curve: Curve, name: str, colour: str) -> Series:
    largest = max(curve.values)
    values = [100 * value / largest if largest > 0 else 0.0 for value in curve.values]
    return Series(f"{name} (largest {largest:.3g})", curve.steps, values, colour)


def _noisy(curves: tuple[Curve, ...]) -> list[Series]:
    """Each as the mean of some points, before what was logged."""
    found = []
    for number, curve in enumerate(curves):
        name = NAMES.get(curve.name) or curve.name.removeprefix("loss_")
        found.append(
            Series(
                name, curve.steps, smoothed(curve.values, SMOOTH), COLOURS[number % len(COLOURS)], faint=curve.values
            )
        )
    return found
