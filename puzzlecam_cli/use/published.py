"""What is put on the hub, and nothing else: no photo, no list of them, no folder of this machine."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.files import as_json
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.use.card_facts import Facts, in_yaml, scrubbed, shareable_recipe
from puzzlecam_cli.use.hub import MODEL


def hub_files(facts: Facts, card: str) -> dict[str, bytes | Path]:
    """What is put on the hub: the model, the card, the recipe without this machine's folders, the scores; no photo.

    Raises:
        UserError: the model file does not say what it is, or names a folder of this machine.
    """
    description = read_description(facts.model)
    if description is None:
        hint = "the run is at work, or its folder cannot be written in; try again when it is done"
        raise UserError("model-foreign", f"{facts.model} does not say what it is, so nobody could use it", hint=hint)
    if private := [key for key, value in description.options.items() if scrubbed(value) != value]:
        problem = f"the option `{private[0]}` of the backbone is a path of this machine, and stands in the model file"
        raise UserError("hub-private", problem, hint=f"train with backbone.{private[0]} as a name without folders")
    files: dict[str, bytes | Path] = {
        "README.md": card.encode(),
        MODEL: facts.model,
        "recipe.yaml": in_yaml(shareable_recipe(facts.recipe)).encode(),
    }
    if facts.scores is not None:
        files["scores.json"] = (as_json(facts.scores, indent=1) + "\n").encode()
    return files
