"""Every path of a run, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    root: Path

    @property
    def recipe(self) -> Path:
        return self.root / "recipe.yaml"

    @property
    def ledger(self) -> Path:
        return self.root / "run.json"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    def stage(self, name: str) -> Path:
        return self.root / name

    def model(self, stage: str) -> Path:
        return self.root / stage / "model.safetensors"

    def metrics(self, stage: str) -> Path:
        return self.root / stage / "metrics.jsonl"

    @property
    def cams(self) -> Path:
        return self.root / "cams"

    def cam(self, image_id: str) -> Path:
        return self.cams / f"{image_id}.npz"

    @property
    def affinity_labels(self) -> Path:
        return self.root / "affinity" / "labels"

    def affinity_label(self, image_id: str) -> Path:
        return self.affinity_labels / f"{image_id}.png"

    @property
    def walked(self) -> Path:
        return self.root / "rw" / "scores"

    def walked_scores(self, image_id: str) -> Path:
        return self.walked / f"{image_id}.npz"

    @property
    def pseudo_labels(self) -> Path:
        return self.root / "rw" / "pseudo_labels"

    def pseudo_label(self, image_id: str) -> Path:
        return self.pseudo_labels / f"{image_id}.png"

    @property
    def predictions(self) -> Path:
        return self.root / "seg" / "predictions"

    def prediction(self, split: str, image_id: str) -> Path:
        return self.predictions / split / f"{image_id}.png"

    @property
    def scores(self) -> Path:
        return self.root / "eval" / "scores.json"

    @property
    def scores_table(self) -> Path:
        return self.root / "eval" / "scores.md"
