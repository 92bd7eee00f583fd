"""The story in one table: what a run makes, in order, from what.

Nothing here imports a stage: planning a run must not load PyTorch.
"""

from __future__ import annotations

from puzzlecam_cli.run.pipeline import Stage, Step


def _training(stage: str) -> tuple[str, ...]:
    """What a training leaves besides its model."""
    steps = (f"{stage}/checkpoint/{hidden}step-[0-9]*" for hidden in ("", "."))
    return (f"{stage}/metrics.jsonl", *(f"{step}/{name}.pt" for step in steps for name in ("state", "rank-[0-9]*")))


PRECISION = ("runtime.mixed_precision", "runtime.tf32")  # of the networks

PIPELINE = (
    Stage(
        "train-cls",
        "Train the classifier with the puzzle losses.",
        Step(
            "train-cls/model",
            "puzzlecam_cli.stages.train_cls:train_classifier",
            keys=("seed", "backbone", "train_cls", *PRECISION, "runtime.sync_batchnorm"),
            data=("train tags",),
            files=("train-cls/model.safetensors",),
            traces=_training("train-cls"),
            own=("train-cls/model.safetensors", "train-cls/metrics.jsonl", "train-cls/checkpoint"),
        ),
    ),
    Stage(
        "cams",
        "Turn the classifier into class activation maps.",
        Step(
            "cams",
            "puzzlecam_cli.stages.cams:make_cams",
            keys=("cams", *PRECISION),
            needs=("train-cls/model",),
            each="cams/{id}.npz",
            own=("cams",),
            passing=True,
        ),
    ),
    Stage(
        "affinity",
        "Learn which neighbouring pixels belong together.",
        Step(
            "affinity/labels",
            "puzzlecam_cli.stages.affinity:make_labels",
            keys=("affinity.labels",),
            crf="affinity.labels.crf",
            saliency=("maps", "labels"),
            needs=("cams",),
            each="affinity/labels/{id}.png",
            own=("affinity/labels",),
            passing=True,
        ),
        Step(
            "affinity/model",
            "puzzlecam_cli.stages.affinity:train_affinity",
            keys=("seed", "backbone", "affinity", *PRECISION, "runtime.sync_batchnorm"),
            without=("affinity.labels", "affinity.canvas"),
            needs=("affinity/labels",),
            files=("affinity/model.safetensors",),
            traces=_training("affinity"),
            own=("affinity/model.safetensors", "affinity/metrics.jsonl", "affinity/checkpoint"),
        ),
    ),
    Stage(
        "rw",
        "Spread the maps by random walk; write pseudo labels.",
        Step(
            "rw/scores",
            "puzzlecam_cli.stages.rw:walk",
            keys=("rw", "affinity.kind", "affinity.canvas", *PRECISION),
            without=("rw.background", "rw.colours", "rw.crf"),
            saliency=("maps", "walk"),
            needs=("cams", "affinity/model"),
            each="rw/scores/{id}.npz",
            own=("rw/scores",),
            passing=True,
            version=3,
        ),
        Step(
            "rw/pseudo_labels",
            "puzzlecam_cli.stages.rw:make_pseudo_labels",
            keys=("rw.background", "rw.colours", "rw.crf"),
            crf="rw.crf",
            needs=("rw/scores",),
            each="rw/pseudo_labels/{id}.png",
            own=("rw/pseudo_labels",),
        ),
    ),
    Stage(
        "seg",
        "Train DeepLabv3+ on the pseudo labels; predict the evaluation split.",
        Step(
            "seg/model",
            "puzzlecam_cli.stages.seg:train_segmentation",
            keys=("seed", "backbone", "seg", *PRECISION, "runtime.sync_batchnorm"),
            without=("seg.predict",),
            crf="seg.predict.crf",  # of labels of later rounds
            needs=("train-cls/model", "rw/pseudo_labels"),
            files=("seg/model.safetensors",),
            traces=(*_training("seg"), "seg/checkpoint/labels-[0-9]*/**/*.png"),
            own=("seg/model.safetensors", "seg/metrics.jsonl", "seg/checkpoint"),
        ),
        Step(
            "seg/predictions",
            "puzzlecam_cli.stages.seg:predict_split",
            keys=("seg.predict", *PRECISION),
            crf="seg.predict.crf",
            data=("val",),
            needs=("seg/model",),
            each="seg/predictions/{split}/{id}.png",
            of="val",
            own=("seg/predictions",),
        ),
    ),
    Stage(
        "eval",
        "Score maps, pseudo labels and predictions.",
        Step(
            "eval/scores",
            "puzzlecam_cli.stages.eval:score",
            keys=(
                "eval",
                "backbone.name",
                "train_cls.puzzle.alpha",
                "train_cls.puzzle.classify_tiles",
                "rw.background",
                "rw.crf.iterations",
                "seg.predict.crf.iterations",
            ),
            data=("score masks", "val masks"),
            needs=("cams", "rw/scores", "rw/pseudo_labels", "seg/predictions"),
            files=("eval/scores.json",),
            own=("eval/scores.json", "eval/scores.md", "eval/confusion.json"),
            traces=("eval/scores.md", "eval/confusion.json"),
            takes_what_is_there=True,
        ),
    ),
)
STAGE_NAMES = tuple(stage.name for stage in PIPELINE)
