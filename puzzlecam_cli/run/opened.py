"""Open what was trained, to use it: a run folder, or a model file alone wherever it was copied to.

PyTorch is not loaded until a network is built: what is no model is refused at once.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from puzzlecam_cli.data.disk.walk import RUN_FILES
from puzzlecam_cli.data.ids import PHOTO_SUFFIXES
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.group.lock import holder_of
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.plain_file import why_no_file
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger
from puzzlecam_cli.run.model_file import describe_again, load_model, read_description
from puzzlecam_cli.run.plan import NOT_THERE, flatten, in_words, what_changed
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import read_scores
from puzzlecam_cli.text import quoted

if TYPE_CHECKING:
    from torch import nn

STAGES = ("train-cls", "affinity", "seg")  # that train networks
MODEL = "model.safetensors"
WANTED = "give the folder of a run, or its seg/model.safetensors"


def open_model(path: Path) -> tuple[Description, nn.Module]:
    """A network that labels pixels, with its weights, and what it says of itself.

    The models of a run of an older version, which say nothing of themselves, are made to: see `upgrade`.

    Args:
        path: a run folder, whose `seg/model.safetensors` is meant, or a model file of any name.

    Returns:
        The description, and the network in eval mode on the CPU, its batch normalisations not folded.

    Raises:
        UserError: what is there is no run and no model, is damaged, unfinished or stale, is no network that labels
            pixels, or cannot be built here.
    """
    from puzzlecam_cli.models.build import build

    file = model_of(path)
    description = read_description(file) or upgraded(file)
    if not description.is_segmenter:
        raise UserError("model-unfit", f"{file} {_good_for(description)}", hint=WANTED)
    network = build(description)
    load_model(file, network)
    return description, network.eval()


def model_of(path: Path) -> Path:
    """The model file that a path stands for: itself, or of a run folder that of its finished `seg`.

    Raises:
        UserError: there is nothing, or something else.
    """
    if why_no_file(path) == "is a folder, not a file":
        return _of_run(path)
    if problem := why_no_file(path):
        raise UserError("model-missing", f"{path} {problem}", hint=WANTED)
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        hint = f"give the folder of its run ({_run_of(path) or f'runs/{path.stem}'}), not the recipe"
        raise UserError("model-foreign", f"{path} is a recipe, no model", hint=hint)
    if suffix in PHOTO_SUFFIXES:
        said = f"{path} is a photo, no model"
        raise UserError("model-foreign", said, hint=f"the run or model comes first, then photos; {WANTED}")
    if suffix in (".pth", ".pt", ".bin", ".ckpt", ".onnx"):
        said = f"{path} is a file of weights alone, or of another program: it does not say what its network is"
        raise UserError("model-foreign", said, hint=WANTED)
    return path


def _of_run(root: Path) -> Path:
    folder = RunFolder(root)
    if not folder.ledger.is_file() or not folder.recipe.is_file():
        below = [str(path.parent) for path in sorted(root.glob("*/run.json"))]
        near = below[0] if below else _run_of(root)
        hint = f"did you mean {near}?" if near else WANTED
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


def _run_of(path: Path) -> Path | None:
    """The run that a file or a folder lies in."""
    return next((above for above in path.parents if all((above / name).is_file() for name in RUN_FILES)), None)


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


def upgraded(file: Path) -> Description:
    """The description of a model file that has none, from the run it lies in, all of whose models get theirs.

    Raises:
        UserError: it lies in no run, or the run does not know its classes any more.
    """
    root, stage = file.absolute().parent.parent, file.absolute().parent.name
    if file.name != MODEL or stage not in STAGES or not RunFolder(root).ledger.is_file():
        said = f"{file} does not say what its network and its classes are"
        hint = "a model of an older version has to be opened in its run, by the run's folder, once; others are not ours"
        raise UserError("model-foreign", said, hint=hint)
    return upgrade(root, stage)


def upgrade(root: Path, stage: str) -> Description:
    """Let the models of a run of an older version say what they are; those that do are left alone.

    Where the run is at work, or cannot be written in, its files stay as they are.

    Args:
        stage: whose description is wanted; other models that cannot be read are left as they are.

    Raises:
        UserError: the recipe or the model cannot be read, they do not fit each other, the backbone is not installed,
            or the classes are not known any more.
    """
    from puzzlecam_cli.models.backbone import load_backbone
    from puzzlecam_cli.models.build import build
    from puzzlecam_cli.run.describe import describe, supervised

    run = Run.at(load_recipe(str(RunFolder(root).recipe)), root)
    chosen, labels = run.recipe.backbone, run.ledger.get("rw/pseudo_labels")
    backbone, classes = load_backbone(chosen.name, **chosen.options), _classes(run)
    told = supervised(run.all_photos, labels.files if labels else 0)
    for other in STAGES:
        file = run.folder.model(other)
        with nullcontext() if other == stage else suppress(UserError):
            if other != stage and (not file.is_file() or read_description(file)):
                continue
            description = describe(run.recipe, other, backbone, classes, told)
            load_model(file, build(description), again=CHANGED)
            if holder_of(root) is None:
                with suppress(OSError):
                    describe_again(file, description)
            if other == stage:
                found = description
    return found


CHANGED = (
    "the recipe, or the classes of the data, changed since it was trained: `puzzlecam run-all` with the run makes it"
)


def _classes(run: Run) -> tuple[str, ...]:
    """The names of a run's classes: the data's, or those that its scores name."""
    data = run.all_photos
    try:
        data.count(data.splits.train)  # some kinds know classes by heart, be the photos there or not
        return data.classes
    except UserError as error:
        with suppress(UserError):
            if names := read_scores(run.folder.scores).get("classes"):
                return tuple(names[1:])  # without background
        said = f"the classes of {run.folder.root} are not known: its models are of an older version, and its data gone"
        where = (error.problem, *error.where)
        hint = f"put the data back, or write where they are into `data` of {run.folder.recipe}, and do this once more"
        raise UserError("classes-unknown", said, where, hint) from None


def _good_for(description: Description) -> str:
    match description.head["kind"]:
        case "classifier":
            return "is a classifier: it finds maps for the tags of photos (cams, predict --from pseudo), not pixels"
        case "boundary" | "feature":
            return "is an affinity network: it spreads the maps of a run (rw, predict --from pseudo) and labels nothing"
    return f"has a head of kind {quoted(str(description.head['kind']))}, which labels no pixels"
