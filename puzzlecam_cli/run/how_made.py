"""In what precision the networks of a run computed, and who inferred in its dense CRFs: as each step remembers."""

from __future__ import annotations

from puzzlecam_cli.run.crf_engines import engines_of
from puzzlecam_cli.run.ledger import Ledger
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
