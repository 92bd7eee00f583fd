"""What a run's stored files say of it: all that a model card may tell. Its photos are not looked at."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from puzzlecam_cli.data.skipping import LeftOut
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.models.description import Description
from puzzlecam_cli.plain_file import read_file
from puzzlecam_cli.recipe.load import read_document
from puzzlecam_cli.recipe.schema import Recipe
from puzzlecam_cli.run.ablation import FILES, TABLE_1, WHAT
from puzzlecam_cli.run.how_made import how_made
from puzzlecam_cli.run.ledger import MACHINE, Record
from puzzlecam_cli.run.model_file import read_description
from puzzlecam_cli.run.opened import model_of, upgraded
from puzzlecam_cli.run.run import Run
from puzzlecam_cli.run.scores import Scores, read_scores

SCORED = {"cams": "cams", "rw": "rw/scores", "pseudo-labels": "rw/pseudo_labels", "predictions": "seg/predictions"}
HOMES = ("home", "Users", "Benutzer")


@dataclass(frozen=True)
class Facts:
    """A run, as its files tell it.

    Args:
        recipe: resolved; paths in it are `scrubbed` before they are shown.
        model: the file of its network.
        description: what that says of itself.
        photos: how many, and of which split, by what they were for: `train`, `val`.
        seen: how many photos that were predicted had been trained on; None: not known.
        left_out: photos that could not be read, by split.
        scores: what `eval` measured of what is there now; None: nothing.
        outdated: whether there are scores, but of what was made before.
        spread: of the maps' mIoU over seeds, as `ablation.json` has it; None where only one seed is stored.
        seconds: all stages together.
        versions: of the packages that trained it.
        made_with: the precision of its networks and the engines of its dense CRFs, as `how_made` tells.
        trained: when the network was finished, ISO 8601.
    """

    recipe: Recipe
    model: Path
    description: Description
    photos: Mapping[str, tuple[str, int]]
    seen: int | None
    left_out: Mapping[str, int]
    scores: Scores | None
    outdated: bool
    spread: Mapping[str, Any] | None
    seconds: float
    versions: Mapping[str, str]
    made_with: Mapping[str, Sequence[str]]
    trained: str


def facts_of(run: Run) -> Facts:
    """What is stored of a run with a finished network; a model of an older version is made to describe itself.

    Raises:
        UserError: there is no network yet, it is stale, or a file is damaged.
    """
    model = model_of(run.folder.root)
    description = read_description(model) or upgraded(model)
    network = run.ledger.get("seg/model")
    assert network is not None  # `model_of` has seen to it
    scores, outdated = current_scores(run)
    records = [record for steps in run.ledger.records.values() for record in steps.values()]
    return Facts(
        recipe=run.recipe,
        model=model,
        description=description,
        photos=_photos(run),
        seen=_seen(run),
        left_out=Counter(refused.split for refused in LeftOut.read(run.folder.left_out).photos),
        scores=scores,
        outdated=outdated,
        spread=_spread(run),
        seconds=sum(record.seconds for record in records if record.is_made),
        versions={name: version for name, version in network.versions.items() if name != MACHINE},
        made_with=how_made(run.ledger),
        trained=network.ended or "",
    )


def _photos(run: Run) -> dict[str, tuple[str, int]]:
    """The split and how many photos of it were trained on and predicted."""
    found = {}
    for which, step, listed in (("train", "rw/pseudo_labels", "train-cls/model"), ("val", "seg/predictions", "")):
        record, named = run.ledger.get(step), run.ledger.get(listed or step)
        split = str(named.inputs.get(f"data.{which}") or "").partition(" ")[0] if named else ""
        if record is not None and record.is_made and split and record.files:
            found[which] = (split, record.files)
    return found


def _seen(run: Run) -> int | None:
    """By the lists of the files that were made."""
    ids = []
    for step, above in (("rw/pseudo_labels", 2), ("seg/predictions", 3)):
        path = run.folder.root / "made" / f"{step.replace('/', '-')}.txt"
        if not path.is_file():
            return None
        names = path.read_text(encoding="utf-8", errors="replace").splitlines()
        ids.append({"/".join(name.split("/")[above:]) for name in names})
    return len(ids[0] & ids[1])


def current_scores(run: Run) -> tuple[Scores | None, bool]:
    """The scores of what is there now, and whether others were left out: those of earlier labels or predictions."""
    record = run.ledger.get("eval/scores")
    if record is None or not record.is_made or not run.folder.scores.is_file():
        return None, False
    scores = read_scores(run.folder.scores)
    known = [result for result in scores["results"] if _is_of_now(run, record, SCORED.get(result["what"], ""))]
    return scores | {"results": known} if known else None, len(known) < len(scores["results"])


def _is_of_now(run: Run, scored: Record, step: str) -> bool:
    """Whether what was scored of a step is what it made last, of the network that is there."""
    record, network = run.ledger.get(step), run.ledger.get("seg/model")
    if record is None or not record.is_made or scored.inputs.get(step) != record.made:
        return False
    return step != "seg/predictions" or (network is not None and record.inputs.get("seg/model") == network.made)


def _spread(run: Run) -> dict[str, Any] | None:
    """The row of an ablation of this very recipe that has its losses, over several seeds."""
    path = run.folder.root / "ablation" / FILES[0]
    if not path.is_file():
        return None
    puzzle = run.recipe.train_cls.puzzle
    row = next(
        row for row in TABLE_1 if (row.classify_tiles, row.compare_maps) == (puzzle.classify_tiles, puzzle.alpha > 0)
    )
    try:
        summary = json.loads(read_file(path, limit=1 << 20))
        seeds = summary["seeds"]
        entry = next(entry for entry in summary["rows"] if entry["name"] == row.name)
        if summary["what"] != WHAT or len(seeds) < 2 or entry["sd"] is None:
            return None
        own = run.recipe.model_dump(mode="json")
        folders = [path.parent / row.name / f"seed-{int(seed)}" / "recipe.yaml" for seed in seeds]
        others = [read_document(folder).values for folder in folders]
    except (UserError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return None  # not ours, or of another version: nothing is told of it
    if any(other.get(key) != own[key] for other in others for key in ("train_cls", "cams", "backbone")):
        return None
    return {key: summary[key] for key in ("split", "images", "seeds")} | {key: entry[key] for key in ("mean", "sd")}


def scrubbed(value: Any) -> Any:
    """Values of a recipe as they may be shown to everybody: of a path only its last name, and none that is a home."""
    if isinstance(value, Mapping):
        return {key: scrubbed(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [scrubbed(item) for item in value]
    text = str(value) if isinstance(value, Path | str) else ""
    parts = PureWindowsPath(text).parts  # it knows both kinds of slash
    leads = bool(parts) and (parts[0] in ("~", "..") or text.startswith(("/", "\\", "~")) or parts[0][1:2] == ":")
    if not (leads or (isinstance(value, Path) and len(parts) > 1)):
        return str(value) if isinstance(value, Path) else value
    if Path(text) == Path.home() or parts[-1].startswith("~") or (len(parts) > 1 and parts[-2] in HOMES):
        return "home"
    return parts[-1] if parts[-1].strip("./\\") and ":" not in parts[-1] else "folder"


def shareable_recipe(recipe: Recipe) -> dict[str, Any]:
    """A resolved recipe with nothing of this machine's folders in it."""
    shown: dict[str, Any] = scrubbed(recipe.model_dump(mode="python"))
    plain = recipe.model_dump(mode="json")
    return {key: _as_plain(shown[key], plain[key]) for key in plain}


def _as_plain(shown: Any, plain: Any) -> Any:
    """Values as YAML can hold them: those of `plain` where they are neither sections nor text."""
    if isinstance(shown, Mapping):
        return {key: _as_plain(below, plain[key]) for key, below in shown.items()}
    if isinstance(shown, list):
        return [_as_plain(one, other) for one, other in zip(shown, plain, strict=True)]
    return str(shown) if isinstance(shown, str) else plain


def in_yaml(values: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
    return text
