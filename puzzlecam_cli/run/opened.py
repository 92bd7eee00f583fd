"""Open what was trained, to use it: a run folder, or a model file alone wherever it was copied to."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path

from torch import nn

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.group.lock import holder_of
from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.models.build import build
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.run.describe import describe, supervised
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.found import WANTED, model_of
from puzzlecam_cli.run.model_file import describe_again, load_model, read_description
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import read_scores
from puzzlecam_cli.text import quoted

STAGES = ("train-cls", "affinity", "seg")  # that train networks
MODEL = "model.safetensors"


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
    file = model_of(path)
    description = read_description(file) or upgraded(file)
    if not description.is_segmenter:
        raise UserError("model-unfit", f"{file} {_good_for(description)}", hint=WANTED)
    network = build(description)
    load_model(file, network)
    return description, network.eval()


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
