"""The kinds of plugins, and what comes with this package: declared as plugins are, `name: "module:attribute"`."""

from __future__ import annotations

from importlib.metadata import EntryPoint

from puzzlecam_cli.method.crf_engines import ENGINES, usable_engines

OWN = "puzzlecam-cli"
BACKBONES, DATASETS, CRF = "puzzlecam.backbones", "puzzlecam.datasets", "puzzlecam.crf"
SALIENCY = "puzzlecam.saliency"
# as commands call them: the entry-point group
KINDS = {"backbone": BACKBONES, "dataset": DATASETS, "crf": CRF, "saliency": SALIENCY}
WORDS = {BACKBONES: "backbone", DATASETS: "data kind", CRF: "CRF engine", SALIENCY: "saliency method"}

# The kinds of data that come with this package: one file and one row each.
DATA_KINDS = {
    "voc": "puzzlecam_cli.data.kinds.voc:VocPhotos",
    "folder": "puzzlecam_cli.data.kinds.folder:FolderPhotos",
    "coco": "puzzlecam_cli.data.kinds.coco:CocoPhotos",
    "yolo": "puzzlecam_cli.data.kinds.yolo:YoloPhotos",
    "synthetic": "puzzlecam_cli.data.kinds.synthetic:SyntheticPhotos",
}
RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnest50", "resnest101", "resnest269")
BUILT_IN = {
    BACKBONES: {name: f"puzzlecam_cli.models.resnet:{name}" for name in RESNETS},
    DATASETS: DATA_KINDS,
    CRF: {name: ENGINES[name].field for name in usable_engines()},
    SALIENCY: {},
}

# `<prefix>:<model>` for libraries of many networks: their callable takes the model's name first.
LIBRARIES = {"timm": EntryPoint("timm", "puzzlecam_cli.models.timm_networks:timm_backbone", BACKBONES)}
