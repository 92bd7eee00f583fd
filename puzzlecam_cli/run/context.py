"""What every step is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn

from puzzlecam_cli.data.loaders import TrainingViews
from puzzlecam_cli.data.photos import Photo, PhotoSet, Splits
from puzzlecam_cli.data.saliency import SaliencyMaps, SaliencyOf
from puzzlecam_cli.engine.accelerator import cores_divided, share
from puzzlecam_cli.engine.dense_crfs import Job, Result, map_crfs
from puzzlecam_cli.engine.gauge import Gauge
from puzzlecam_cli.engine.loop import Task, train
from puzzlecam_cli.engine.step import LossModule
from puzzlecam_cli.events import Doing, Emit, Note, Progress
from puzzlecam_cli.files import is_whole
from puzzlecam_cli.group.interrupt import reporting
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.models.backbone import Backbone, load_backbone
from puzzlecam_cli.models.build import head_of, with_head
from puzzlecam_cli.recipe.schema import Crf, Recipe, Training
from puzzlecam_cli.run.describe import describe, predict_of, supervised
from puzzlecam_cli.run.folder import RunFolder
from puzzlecam_cli.run.model_file import keep_true, load_model, save_model
from puzzlecam_cli.run.run import Run


@dataclass(frozen=True)
class Context:
    stage: str
    run: Run
    folder: RunFolder  # the run's, with places of its own for what is being made
    accelerator: Accelerator
    emit: Emit

    @property
    def recipe(self) -> Recipe:
        return self.run.recipe

    @property
    def data(self) -> PhotoSet:
        return self.run.photos

    @property
    def splits(self) -> Splits:
        return self.data.splits

    @property
    def num_classes(self) -> int:
        return len(self.data.classes)

    @cached_property
    def train_photos(self) -> list[Photo]:
        return self.data.photos(self.splits.train, tags=True)

    @cached_property
    def _saliency(self) -> SaliencyMaps:
        return SaliencyMaps(self.recipe.saliency)

    def saliency_of(self, image_id: str, *uses: str) -> SaliencyOf | None:
        """Where a photo's saliency map is from; None where it has none of these uses.

        Raises:
            UserError: it is not there.
        """
        return self._saliency.of(image_id) if self.recipe.saliency.serves(*uses) else None

    def backbone(self, *, pretrained: bool) -> Backbone:
        """The recipe's backbone: from ImageNet, or bare, to be filled from a trained model."""
        self.emit(Doing(self.stage, "loading the network"))
        chosen = self.recipe.backbone
        weights = chosen.weights if pretrained else None
        backbone = load_backbone(
            chosen.name, pretrained=pretrained and chosen.pretrained, weights=weights, **chosen.options
        )
        if weights:
            self.note_once(backbone.loaded or f"backbone weights from {weights}")
        return backbone

    def network(self, stage: str, backbone: Backbone) -> Any:
        """The network that a stage trains, its head with new weights, on a backbone."""
        return with_head(backbone, head_of(self.recipe, stage), self.num_classes)

    def trained(self, stage: str) -> Any:
        """The network that a stage trained.

        Raises:
            UserError: its model is not there, damaged, or of another network.
        """
        network, path = self.network(stage, self.backbone(pretrained=False)), self.folder.model(stage)
        load_model(path, network, stage=stage)
        if self.accelerator.is_main_process:
            keep_true(path, head_of(self.recipe, stage), predict_of(self.recipe, stage))
        return network

    def train(
        self,
        module: LossModule,
        settings: Training,
        backbone: Backbone,
        *,
        pretrained: nn.Module | None,
        freeze_batchnorm: bool,
        mask_of: Callable[[str, int], Path] | None = None,
        until: int | None = None,
    ) -> None:
        """Train a network on the training photos; after the last epoch, write the stage's model.

        Args:
            module: the network with its loss.
            settings: of the recipe.
            backbone: the network's.
            pretrained: the part of the network with pretrained weights; None: all is new.
            freeze_batchnorm: whether the backbone keeps its running statistics.
            mask_of: the label file of an image id in an epoch, if labels are trained on.
            until: epochs, after which the training is left for now; None: the last.
        """
        views = TrainingViews(
            self.train_photos,
            self.num_classes,
            self.recipe.seed,
            resize=settings.resize,
            crop=settings.crop,
            mean=backbone.mean,
            std=backbone.std,
            mask_of=mask_of,
            resize_side=settings.resize_side,
        )
        task = Task(
            stage=self.stage,
            module=module,
            backbone=backbone,
            pretrained=pretrained,
            freeze_batchnorm=backbone if freeze_batchnorm else None,
            views=views,
            settings=settings,
            runtime=self.recipe.runtime,
            seed=self.recipe.seed,
            folder=self.folder.training(self.stage),
            run=self.folder.root,
            until=until,
        )
        with cores_divided(self.accelerator):
            train(task, self.accelerator, self.emit)
        if until is None and self.accelerator.is_main_process:
            self._save(module.network, backbone, learned_from_labels=mask_of is not None)

    def train_nothing(self, network: nn.Module, backbone: Backbone) -> None:
        """Write a network as it begins, and the metrics of no steps, which replace those of a training before."""
        if self.accelerator.is_main_process:
            self.folder.training(self.stage).mkdir(parents=True, exist_ok=True)
            self.folder.metrics(self.stage).write_text("", encoding="utf-8")
            self._save(network, backbone, learned_from_labels=False)

    def _save(self, network: nn.Module, backbone: Backbone, learned_from_labels: bool) -> None:
        """Write the stage's model; in labels, if it learned from any, saliency may have a part."""
        self.emit(Doing(self.stage, "writing the model"))
        saliency = self.recipe.saliency if learned_from_labels else None
        told = supervised(self.data, len(self.train_photos), saliency)
        description = describe(self.recipe, self.stage, backbone, self.data.classes, told)
        save_model(self.folder.model(self.stage), network, description)

    def progress(self, task: str, unit: str = "images") -> Callable[[int, int], None]:
        """The same as `counted`; until the first item is done, it is told that the task has begun."""
        self.emit(Doing(self.stage, f"starting on {task}"))
        return self.counted(task, unit)

    def counted(self, task: str, unit: str = "images") -> Callable[[int, int], None]:
        """A function of (done, total) that reports a task's first and last item, and others as often as steps.

        It is called after each item, when its file is whole: where an interrupt is noticed.
        """
        gauge = Gauge(self.accelerator.device)

        def tell(done: int, total: int) -> None:
            self.emit(Progress(self.stage, task, done, total, unit))
            if pace := gauge.read(self.stage):
                self.emit(pace)

        return reporting(tell, self.recipe.runtime.log_seconds)

    @cached_property
    def _noted(self) -> set[str]:
        return set()

    def note_once(self, text: str) -> None:
        """Say what would else be said of one photo after the other."""
        if text not in self._noted:
            self._noted.add(text)
            self.emit(Note(self.stage, text))

    def map_crfs(self, function: Callable[[Job, FieldOf], Result], jobs: Iterable[Job], crf: Crf) -> Iterator[Result]:
        """`function` of each job and what makes a CRF's field: see `engine.dense_crfs`."""
        return map_crfs(function, jobs, crf, self.accelerator.device, self.recipe.runtime, self.note_once)

    def to_do(self, photos: Sequence[Photo], artifact: Callable[[str], Path]) -> Sequence[Photo]:
        """Of this process's share of the photos, those whose artifact is not there yet."""
        return [photo for photo in share(photos, self.accelerator) if not is_whole(artifact(photo.id))]
