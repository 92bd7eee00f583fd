"""The paper's Figures 1 and 3 on a few photos of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.run.ablation import TABLE_1
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.use.photo_row import CAM, Panel
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.use.report.sample import Shown
from puzzlecam_cli.use.run import Run
from puzzlecam_cli.view.report.views import View

SHOWN = 3  # photos of each figure
WHOLE, TILES, MERGED = "map of the whole", "maps of its tiles", "tiles put together"


def puzzle_views(run: Path, facts: Facts, *, largest: int) -> tuple[View, ...]:
    """Figure 1: maps of a photo, of its tiles each for itself, and of the tiles together, of the trained classifier.

    Args:
        largest: bytes of a classifier that is still looked through.
    """
    folder = RunFolder(run)
    model = folder.model("train-cls")
    chosen = _chosen(facts)
    if not chosen or not model.is_file() or model.stat().st_size > largest:
        return ()
    from puzzlecam_cli.use.puzzle_maps import puzzle_maps

    crop = Run(run).recipe.train_cls.crop
    try:
        found = puzzle_maps(model, [(shown.row.photo, _tag(shown)) for shown in chosen], side=crop)  # type: ignore[misc]
    except (UserError, ValueError, RuntimeError):
        return ()  # a backbone that is not installed any more, or a file of another version
    views = []
    for shown, (photo, whole, tiles, merged) in zip(chosen, found, strict=True):
        index = _tag(shown)
        maps = tuple((name, Panel(CAM, (index,), m)) for name, m in ((WHOLE, whole), (TILES, tiles), (MERGED, merged)))
        views.append(View(shown.row.id, photo, index, maps, frozenset({TILES, MERGED})))
    return tuple(views)


def losses_views(run: Path, facts: Facts) -> tuple[View, ...]:
    """Figure 3: the CAM of a photo after training with each row of Table 1, the first seed of each."""
    if facts.ablation is None:
        return ()
    seed = facts.ablation["seeds"][0]
    try:
        runs = {row.title: Run(run / "ablation" / row.name / f"seed-{seed}") for row in TABLE_1}
    except UserError:
        return ()
    views = []
    for shown in _chosen(facts):
        index, maps = _tag(shown), []
        for title, one in runs.items():
            try:
                classes, scores = one.cams(shown.row.id, stride=4)
                place = classes.tolist().index(index)
            except (UserError, ValueError):
                break
            maps.append((title, Panel(CAM, (index,), scores[place][None])))
        if len(maps) == len(runs) and shown.row.photo is not None:
            views.append(View(shown.row.id, shown.row.photo, index, tuple(maps)))
    return tuple(views)


def _chosen(facts: Facts) -> Sequence[Shown]:
    """Training photos with a tag, of classes as different as can be: the median ones first, as they show most."""
    able = [shown for shown in facts.photos if shown.part == "train" and shown.row.photo and shown.row.tags]
    able.sort(key=lambda shown: {"median": 0, "best": 1, "": 2, "worst": 3}[shown.rank])
    by_tag: dict[int, Shown] = {}
    for shown in able:
        by_tag.setdefault(_tag(shown), shown)
    others = [shown for shown in able if shown not in by_tag.values()]
    return [*by_tag.values(), *others][:SHOWN]


def _tag(shown: Shown) -> int:
    """The class that is shown of a photo: the first of its tags."""
    return shown.row.tags[0] if shown.row.tags else 0
