"""One frozen model per section of a recipe. A default is the authors' value; its description ends with the source.

[paper]: Jo and Yu, Puzzle-CAM, ICIP 2021. [code]: what the authors' published code does where the paper is silent.
[IRNet]: Ahn, Cho and Kwak, CVPR 2019. [AffinityNet]: Ahn and Kwak, CVPR 2018. [ours]: our choice.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, field_validator, model_validator

from puzzlecam_cli.recipe.crf import Crf as Crf
from puzzlecam_cli.recipe.crf import LabelCrf, PredictionCrf, PseudoLabelCrf
from puzzlecam_cli.recipe.data import DataSettings
from puzzlecam_cli.recipe.runtime import Runtime as Runtime
from puzzlecam_cli.recipe.saliency import Saliency as Saliency
from puzzlecam_cli.recipe.section import (
    Count,
    Fraction,
    Integer,
    Location,
    Positive,
    Real,
    Section,
    Seed,
    Side,
    default,
)
from puzzlecam_cli.recipe.training import RESIZE, TrainCls, Training
from puzzlecam_cli.recipe.training import Puzzle as Puzzle


class Backbone(Section):
    """A backbone by name (`puzzlecam backbones` lists them); keys beyond these three are its options."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    pretrained: bool = default(True, "Start from ImageNet weights [code].")
    weights: Location | None = default(None, "A weight file (.pth or .safetensors) in place of a download [ours].")

    @property
    def options(self) -> dict[str, Any]:
        return dict(self.model_extra or {})


class Views(Section):
    """Test-time views that are summed."""

    scales: tuple[Annotated[Real, Field(gt=0, le=8)], ...] = default(
        (0.5, 1.0, 1.5, 2.0), "Factors of the photo's size [code].", min_length=1, max_length=32
    )
    flip: bool = default(True, "Add the mirrored view [paper].")
    longer_side: Side | None = default(
        None, "Pixels of every photo's longer side at scale 1; null: as many as it has [code]."
    )


class AffinityLabels(Section):
    foreground: Fraction = default(0.40, "A pixel above this score is surely foreground [code].")
    background: Fraction = default(0.10, "A pixel below this score is surely background [code].")
    powers: tuple[Positive, Positive] | None = default(
        None,
        "Instead of both: what beats (1 − max)^first is surely foreground, what (1 − max)^second beats is surely "
        "background, and the CRF refines scores [AffinityNet: 4, 32, colour_xy 80, colour_rgb 13]; null: [code].",
    )
    crf: LabelCrf = LabelCrf()

    @model_validator(mode="after")
    def _in_order(self) -> AffinityLabels:
        if self.background > self.foreground:
            raise ValueError("background must not exceed foreground: between them lies what is ignored")
        if self.powers and self.powers[0] > self.powers[1]:
            raise ValueError("the first of powers must not exceed the second: between them lies what is ignored")
        return self


class Affinity(Training):
    """What tells alike neighbours from unlike ones, over a frozen ImageNet backbone."""

    kind: Literal["boundary", "feature", "cosine"] = default(
        "boundary",
        "`feature`: AffinityNet's features, at stride 8, cited in the paper: radius 5, labels.powers [4, 32], rw.beta "
        "8, rw.background_power 16; `cosine`: nothing is trained, pretrained maps are compared, at stride 8: rw.beta "
        "12, rw.log2_steps 6; `boundary`: IRNet's class-boundary branch, at stride 4 [code].",
    )
    epochs: Count = default(3, "Passes over the training images [code].")
    new_lr: Real = default(1.0, "One parameter group [code].", gt=0)
    bias_lr: Real = default(1.0, "One parameter group [code].", gt=0)
    decay_biases: bool = default(True, "One parameter group [code].")
    radius: Integer = default(
        10, "Pairs of grid cells closer than this are compared; AffinityNet: 5 [code, IRNet].", ge=2, le=20
    )
    labels: AffinityLabels = AffinityLabels()
    canvas: Literal["crop", "photo"] = default(
        "crop",
        "Whole photos are padded to at least `crop` × `crop`, as the network saw them in training, or to whole cells "
        "only (photo) [code].",
    )

    @property
    def is_trained(self) -> bool:
        """Whether its kind has anything to learn."""
        return self.kind != "cosine"

    @property
    def canvas_side(self) -> int:
        """Least side in pixels of what the network sees; 0 where there was no training whose crops it saw."""
        return self.crop if self.canvas == "crop" and self.is_trained else 0


class RandomWalk(Section):
    radius: Integer = default(5, "Cells closer than this are neighbours [code, IRNet, AffinityNet].", ge=2, le=20)
    beta: Real = default(10.0, "Exponent of the affinities; AffinityNet: 8 [code, IRNet].", gt=0)
    longer_side: Side | None = default(
        None, "Pixels of every photo's longer side where maps walk; null: as many as it has [code]."
    )
    log2_steps: Integer = default(8, "2^this steps [code, IRNet, AffinityNet].", ge=0, le=16)
    background_power: Real | None = default(
        None,
        "A background score (1 − max)^power walks too and a score is its share of both [AffinityNet: 16, with "
        "background 0.5]; null: none does [code].",
        gt=0,
    )
    background: Literal["auto"] | Fraction = default(
        0.35,
        "Walked scores up to this are background; auto: up to a threshold of each photo's own, found without masks "
        "[code].",
    )
    colours: Real = default(
        0.0,
        "How much a pixel's colour counts beside its score, by how common it is in the photo's objects and around "
        "them: 1 as by Bayes' rule; 0: not at all [code].",
        ge=0,
        le=100,
    )
    crf: PseudoLabelCrf = PseudoLabelCrf()


class Predict(Views):
    region_power: Real = default(
        0.0,
        "Pixels of a connected region of objects decide together which these are: a class counts by its share of the "
        "region to this power; 0: each pixel for itself [code].",
        ge=0,
        le=100,
    )
    crf: PredictionCrf = PredictionCrf()
    tile: Annotated[Side, Field(ge=64)] | None = default(
        2048,
        "Photos with a longer side of more pixels than this are predicted in overlapping tiles, of which the network "
        "sees at most as many pixels a side; null: never [ours].",
    )


class Seg(Training):
    """DeepLabv3+ (Chen et al. 2018) on the pseudo labels."""

    epochs: Count = default(50, "Passes over the training images [code].")
    lr: Real = default(0.007, "Learning rate at step 0 for pretrained weights [code].", gt=0)
    momentum: Real = default(4e-5, "As in `train_cls`: the authors' weight decay [code].", ge=0)
    weight_decay: Real = default(4e-5, "For weights [code].", ge=0)
    resize: tuple[Integer, Integer] = default((256, 1024), RESIZE.format("code"))
    start_from: Literal["imagenet", "classifier"] = default(
        "imagenet", "The backbone's first weights; `classifier`: those of train-cls, for few photos [code]."
    )
    batchnorm: Literal["train", "frozen"] = default("frozen", "As in `train_cls`, of the backbone [code].")
    width: Integer = default(256, "Channels of ASPP and decoder, a multiple of 4 [code].", ge=4, le=4096, multiple_of=4)
    norm: Literal["group", "batch"] = default("group", "Normalisation of ASPP and decoder: 4 groups [code].")
    first_weights: Literal["kaiming", "pytorch"] = default(
        "kaiming",
        "How convolutions of ASPP and decoder begin: drawn as He et al. say, or as PyTorch does, two to three times as "
        "small [code].",
    )
    background_weight: Real = default(
        1.0,
        "How much a pixel of background counts in the loss, a weighted mean; one of an object counts 1 [code].",
        gt=0,
    )
    rounds: Count = default(
        1,
        "Equal parts of the training, of an epoch at least; before each but the first the network labels the training "
        "photos anew, by their tags, as `seg.predict` says, and goes on with these labels [code].",
    )
    predict: Predict = Predict()

    @property
    def parts(self) -> int:
        """The rounds that there are epochs for."""
        return min(self.rounds, self.epochs)

    def round_of(self, epoch: int) -> int:
        """The round, from 1, of an epoch, from 0; round n + 1 begins with epoch ⌊n · epochs / parts⌋."""
        return (self.parts * (epoch + 1) - 1) // self.epochs + 1


class Eval(Section):
    """How results are scored: by mean IoU over background and classes.

    A class that neither masks nor predictions hold is left out of the mean [ours]; the authors count it as 0.
    """

    thresholds: tuple[Fraction, ...] = default(
        tuple(round(0.05 * k, 2) for k in range(1, 16)),
        "Background thresholds tried on maps [code].",
        min_length=1,
        max_length=1000,
    )


class Recipe(Section):
    """Everything that decides a run's result."""

    recipe: Literal[1] = Field(description="Format version.")
    seed: Seed = default(0, "Every random choice follows from it [code].")
    data: SerializeAsAny[DataSettings]
    backbone: Backbone
    train_cls: TrainCls = TrainCls()
    cams: Views = Views()
    saliency: Saliency = Saliency()
    affinity: Affinity = Affinity()
    rw: RandomWalk = RandomWalk()
    seg: Seg = Seg()
    eval: Eval = Eval()
    runtime: Runtime = Runtime()

    @field_validator("backbone", mode="before")
    @classmethod
    def _just_a_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if not isinstance(value, dict | Backbone):
            raise ValueError("must be a name, or a section with a name")
        return value
