"""How photos choose their thresholds is among what decides what is made: the recipe only says that they do."""

from __future__ import annotations

from puzzlecam_cli.method.constants import AUTO, AUTO_VERSION
from puzzlecam_cli.run.ledger import Inputs

RULE = "rw.background.version"  # of inputs with automatic thresholds


def rule_inputs(inputs: Inputs) -> Inputs:
    """What is added to the recipe's keys among a step's inputs."""
    return {RULE: AUTO_VERSION} if inputs.get("rw.background") == AUTO else {}
