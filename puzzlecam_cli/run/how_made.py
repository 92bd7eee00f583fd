"""How a run was made, as its steps remember: from what, in which precision, and what was made anew since."""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.constants import AUTO
from puzzlecam_cli.run.describe import SALIENCY
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger, engines_of
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.run.pipeline import Stage, all_steps
from puzzlecam_cli.run.plan import PRECISION, TF32
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import Result

if TYPE_CHECKING:
    from puzzlecam_cli.run.context import Context

PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}
# the step that makes an artifact, by what the scores call it
MADE_BY = {"cams": "cams", "rw": "rw/scores", "pseudo-labels": "rw/pseudo_labels", "predictions": "seg/predictions"}


def how_made(ledger: Ledger) -> dict[str, list[str]]:
    """`precision` of its networks and the engines `crf`, each as often as they differ; empty where it is not known."""
    made = [record for steps in ledger.records.values() for record in steps.values() if record.is_made]
    bits = {
        f"{PRECISIONS[record.inputs[PRECISION]]}{' with TF32' * bool(record.inputs[TF32])}"
        for record in made
        if record.inputs.get(PRECISION) in PRECISIONS and TF32 in record.inputs
    }
    engines = {name for record in made for name in engines_of(record)}
    return {"precision": sorted(bits), "crf": sorted(engines)}


def value_of(key: str, step: str, run: Run) -> Any:
    """A number of the recipe, or `auto`, with which a step was made; that of the recipe now where this is not known."""
    record = run.ledger.get(step)
    made_with = record.inputs.get(key) if record and record.is_made else None
    if type(made_with) in (int, float) or made_with == AUTO:
        return made_with
    return reduce(getattr, key.split("."), run.recipe)


def learned_from(what: str, ledger: Ledger, folder: RunFolder) -> str:
    """What told of the objects in an artifact: `tags`, or `tags + saliency`, the paper's I and I + S (Table 3).

    Args:
        what: as the scores call it.
    """
    salient = False
    if what == "predictions":
        model = folder.model("seg")
        told = read_description(model) if model.is_file() else None
        salient = told is not None and SALIENCY in told.supervision
    elif what != "cams":
        records = [record for step in ("affinity/labels", "rw/scores") if (record := ledger.get(step))]
        salient = any(key.startswith("saliency.") for record in records for key in record.inputs)
    return "tags + saliency" if salient else "tags"


def made_before(ledger: Ledger, pipeline: tuple[Stage, ...]) -> dict[str, str]:
    """The steps, or what they are made of, that are older than something they were made of, with what is newer."""
    older: dict[str, str] = {}
    for step in all_steps(pipeline):
        record = ledger.get(step.name)
        if record is None or not record.is_made:
            continue
        for need in step.needs:
            source = ledger.get(need)
            if need in older:
                older[step.name] = older[need]
            elif source and source.is_made and record.inputs.get(need, source.made) != source.made:
                older[step.name] = f"{need} was made anew after {step.name}"
    return older


def count_tags(context: Context) -> Result | None:
    """What was learned from: photos, their tags, and photos without one; null where tags cannot be read any more."""
    try:
        photos = context.train_photos
    except UserError:
        return None
    times = Counter(tag for photo in photos for tag in photo.tags)
    untagged = sum(not photo.tags for photo in photos)
    return {"photos": len(photos), "tags": times.total(), "classes": len(times), "photos_without": untagged}
