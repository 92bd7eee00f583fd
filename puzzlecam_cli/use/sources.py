"""What labels photos: the segmentation network of a run or of a model file, or a run's classifier, walk and CRF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.models.description import OF_RUNTIME, Description
from puzzlecam_cli.plain_file import is_folder
from puzzlecam_cli.recipe.load import load_recipe
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.registry import crf_engine
from puzzlecam_cli.run.automatic import rule_inputs
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.ledger import Ledger, engines_of
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.run.opened import model_of, upgraded
from puzzlecam_cli.run.plan import flatten
from puzzlecam_cli.use.job import WALKED, Pseudo, Settings, settings_of
from puzzlecam_cli.use.results import digest_of_tensors

VERSION = 1  # raised when the code begins to make something else of the same


@dataclass(frozen=True)
class Source:
    """What labels photos, and how.

    Args:
        kind: `seg` or `pseudo`.
        model: the model file, of `pseudo` the run folder; in full.
        classes: names of 1..C.
        colours: C + 1, background first.
        settings: of a run those of its recipe, of a model file those it carries, with changes.
        inputs: all that decides what a photo's labels are.
        engines: that inferred in dense CRFs where the run itself made such labels; none where that is not known.
    """

    kind: str
    model: Path
    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    settings: Settings
    inputs: dict[str, Any]
    engines: tuple[str, ...] = ()


def open_source(path: Path, kind: str, changes: Sequence[str]) -> Source:
    """A run or a model file; no network is built.

    Args:
        kind: `seg` or `pseudo`.
        changes: `dotted.key=YAML value` each.

    Raises:
        UserError: there is none, it is unfinished or damaged, or does not fit what is wanted; a change is wrong; the
            CRF engine is not installed.
    """
    source = _of_stages(path, changes) if kind == "pseudo" else _of_network(path, changes)
    crf = source.settings.crf
    if crf.iterations and crf.engine not in ("auto", "torch"):  # which are always there, and take long to load
        crf_engine(crf.engine)
    return source


def _of_network(path: Path, changes: Sequence[str]) -> Source:
    file = model_of(path)
    description = described_by(file)
    if not description.is_segmenter:
        hint = "give the folder of a run, or its seg/model.safetensors"
        raise UserError("model-unfit", f"{file} does not label pixels: it is of another stage", hint=hint)
    engines: tuple[str, ...] = ()
    if is_folder(path):
        values = _recipe(path).model_dump(mode="json")
        engines = engines_of(Ledger(RunFolder(path).ledger).get("seg/predictions"))
    else:
        carried = dict(description.predict)
        runtime = {"mixed_precision": description.precision, "tf32": description.tf32}
        values = {"runtime": runtime, "seg": {"predict": {k: v for k, v in carried.items() if k not in OF_RUNTIME}}}
    settings = settings_of("seg", values, changes, path)
    decides = {"from": "seg", "version": VERSION, "model": digest_of_tensors(file), **_flat(settings)}
    return Source("seg", file.absolute(), description.classes, description.colours, settings, decides, engines)


def _of_stages(path: Path, changes: Sequence[str]) -> Source:
    folder = RunFolder(path)
    if not is_folder(path) or not folder.ledger.is_file() or not folder.recipe.is_file():
        said = f"{path} is not the folder of a run: pseudo labels need its classifier and its AffinityNet"
        raise UserError(
            "model-unfit", said, hint="give the folder of a run; a model file alone predicts without --from"
        )
    ledger = Ledger(folder.ledger)
    records = {stage: ledger.get(f"{stage}/model") for stage in ("train-cls", "affinity")}
    missing = [
        f"stage `{stage}` is not finished"
        for stage, record in records.items()
        if record is None or record.state != "done" or not folder.model(stage).is_file()
    ]
    if missing:
        problem = f"{path} has no networks yet that make pseudo labels"
        raise UserError(
            "stage-missing", problem, shorten(missing), f"`puzzlecam run-all {path} --until rw` trains them"
        )
    described = described_by(folder.model("train-cls"))
    recipe = _recipe(path)
    settings = settings_of("pseudo", recipe.model_dump(mode="json"), changes, folder.recipe)
    models = {stage: digest_of_tensors(folder.model(stage)) for stage in records}
    canvas = {"affinity.canvas": recipe.affinity.canvas_side}
    decides = {"from": "pseudo", "version": VERSION, **models, **canvas, **_flat(settings)}
    engines = engines_of(ledger.get("rw/pseudo_labels"))
    return Source("pseudo", path.absolute(), described.classes, described.colours, settings, decides, engines)


def _recipe(run: Path) -> Recipe:
    return load_recipe(str(RunFolder(run).recipe))


def described_by(file: Path) -> Description:
    """What a model says of itself, or of one of an older version, its run."""
    return read_description(file) or upgraded(file)


def _flat(settings: Settings) -> dict[str, Any]:
    """The settings that decide labels, by dotted keys."""
    values = settings.model_dump(mode="json")
    runtime, saliency = values.pop("runtime"), values.pop("saliency", {})
    if isinstance(settings, Pseudo) and settings.saliency.serves(*WALKED):
        values["saliency"] = {key: saliency[key] for key in ("folder", "plugin", *WALKED)}
    flat = {key: value for name, below in values.items() for key, value in flatten(name, below)}
    rounding = {} if runtime["tf32"] else {"runtime.tf32": False}  # what was made before there was this key stays
    return flat | rule_inputs(flat) | {"runtime.mixed_precision": runtime["mixed_precision"]} | rounding
