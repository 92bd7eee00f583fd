"""The finished network of a run, or a model file alone, found before anything heavy is loaded."""

from __future__ import annotations

from pathlib import Path

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.plan import NOT_THERE, flatten, in_words, what_changed

WANTED = "give the folder of a run, or its seg/model.safetensors"


def model_of(path: Path) -> Path:
    """The model file that a path stands for: itself, or of a run folder that of its finished `seg`.

    Raises:
        UserError: there is nothing, or something else.
    """
    if why_no_file(path) == "is a folder, not a file":
        return _of_run(path)
    if problem := why_no_file(path):
        raise UserError("model-missing", f"{path} {problem}", hint=WANTED)
    if path.suffix.lower() in (".pth", ".pt", ".bin", ".ckpt", ".onnx"):
        said = f"{path} is a file of weights alone, or of another program: it does not say what its network is"
        raise UserError("model-foreign", said, hint=WANTED)
    return path


def _of_run(root: Path) -> Path:
    folder = RunFolder(root)
    if not folder.ledger.is_file() or not folder.recipe.is_file():
        below = [str(path.parent) for path in sorted(root.glob("*/run.json"))]
        hint = f"did you mean {below[0]}?" if below else WANTED
        raise UserError("model-missing", f"{root} is a folder, but not that of a run", shorten(below), hint)
    made = f"`puzzlecam run-all {root}` makes it"
    record = Ledger(folder.ledger).get("seg/model")
    file = folder.model("seg")
    if record is None or not file.is_file() or record.state != "done":
        begun = "has not finished" if record is not None and record.state != "done" else "is missing"
        raise UserError("stage-missing", f"stage `seg` of {root} {begun}: there is no network yet", hint=made)
    if stale := stale_steps(root):
        stage = stale[0].partition("/")[0]
        raise UserError(
            "stage-stale",
            f"stage `{stage}` of {root} is stale: its network is not what the recipe makes any more",
            shorten(stale),
            f"`puzzlecam run-all {root}` makes it anew; {file} opens as it is",
        )
    return file


def stale_steps(root: Path) -> list[str]:
    """Why the network of a run is not what its recipe would make, a line each; its data are not looked at."""
    folder = RunFolder(root)
    ledger, recipe = Ledger(folder.ledger), load_recipe(str(folder.recipe))
    sections = recipe.model_dump(mode="json").items()
    values = {name: value for key, section in sections for name, value in flatten(key, section)}
    found, steps = [], ["seg/model"]
    for step in steps:  # grows while it is read
        record = ledger.get(step)
        if record is None:
            found.append(f"{step}: {NOT_THERE}")
            continue
        now = dict(record.inputs)
        for name in record.inputs:
            if (need := ledger.get(name)) is not None:
                now[name] = need.made
                steps += [name] if name not in steps else []
            elif name in values and not name.startswith("data."):  # those are fingerprints of photos
                now[name] = values[name]
        if changes := what_changed(record.inputs, now):
            found.append(f"{step}: {in_words(changes)}")
    return found
