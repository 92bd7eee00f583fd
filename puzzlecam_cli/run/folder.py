"""Every path of a run, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

UNFINISHED = ".unfinished"  # what will replace a finished artifact grows here
REPLACED = ".replaced"  # what was replaced is deleted here


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run.

    Args:
        root: its folder.
        staged: steps whose artifacts grow in `.unfinished`, because finished ones are still in their place.
    """

    root: Path
    staged: frozenset[str] = frozenset()

    def base(self, step: str) -> Path:
        """The folder below which a step's artifacts lie."""
        return self.root / UNFINISHED if step in self.staged else self.root

    @property
    def recipe(self) -> Path:
        return self.root / "recipe.yaml"

    @property
    def ledger(self) -> Path:
        return self.root / "run.json"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def looked_at(self) -> Path:
        """What is known of photos and masks that were decoded once."""
        return self.root / "photos.jsonl"

    @property
    def left_out(self) -> Path:
        """Which photos and masks cannot be read, and are left out."""
        return self.root / "left_out.json"

    def training(self, stage: str) -> Path:
        """The folder of a stage's training: model, metrics and checkpoints."""
        return self.base(f"{stage}/model") / stage

    def model(self, stage: str) -> Path:
        return self.training(stage) / "model.safetensors"

    def metrics(self, stage: str) -> Path:
        return self.training(stage) / "metrics.jsonl"

    @property
    def cams(self) -> Path:
        return self.base("cams") / "cams"

    def cam(self, image_id: str) -> Path:
        return self.cams / f"{image_id}.npz"

    @property
    def affinity_labels(self) -> Path:
        return self.base("affinity/labels") / "affinity" / "labels"

    def affinity_label(self, image_id: str) -> Path:
        return self.affinity_labels / f"{image_id}.png"

    @property
    def walked(self) -> Path:
        return self.base("rw/scores") / "rw" / "scores"

    def walked_scores(self, image_id: str) -> Path:
        return self.walked / f"{image_id}.npz"

    @property
    def pseudo_labels(self) -> Path:
        return self.base("rw/pseudo_labels") / "rw" / "pseudo_labels"

    def pseudo_label(self, image_id: str) -> Path:
        return self.pseudo_labels / f"{image_id}.png"

    def round_label(self, number: int, image_id: str) -> Path:
        """What a round of `seg`, 1 or later, learns from."""
        if number == 1:
            return self.pseudo_label(image_id)
        return self.training("seg") / "checkpoint" / f"labels-{number}" / f"{image_id}.png"

    @property
    def predictions(self) -> Path:
        return self.base("seg/predictions") / "seg" / "predictions"

    def prediction(self, split: str, image_id: str) -> Path:
        return self.predictions / split / f"{image_id}.png"

    @property
    def scores(self) -> Path:
        return self.base("eval/scores") / "eval" / "scores.json"

    @property
    def confusion(self) -> Path:
        """The confusion matrices that the scores are of."""
        return self.scores.with_name("confusion.json")

    @property
    def scores_table(self) -> Path:
        return self.scores.with_suffix(".md")
