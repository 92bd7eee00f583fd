"""How a run was made, as its steps remember: precision of networks, engines of dense CRFs, what told of objects."""

from __future__ import annotations

from puzzlecam_cli.run.describe import SALIENCY
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger, engines_of
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.run.plan import PRECISION, TF32

PRECISIONS = {"no": "float32", "bf16": "bfloat16", "fp16": "float16"}


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
