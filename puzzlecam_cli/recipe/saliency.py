"""The `saliency` section of a recipe: maps from elsewhere of what stands out in a photo."""

from __future__ import annotations

from pydantic import model_validator

from puzzlecam_cli.recipe.section import Fraction, Location, Section, default


class Saliency(Section):
    """Maps of what stands out in each photo, beside its tags: I + S in the paper's Table 3, whose own results are of I.

    Nothing below is used without `folder` or `plugin`.
    """

    folder: Location | None = default(
        None,
        "Grey PNGs of 8 bits, `<id>.png`, of their photos' sizes, 255 where something stands out; null: none [paper].",
    )
    plugin: str | None = default(
        None, "Instead: who makes them, as `puzzlecam plugins` lists them; null: nobody [paper]."
    )
    maps: Fraction = default(
        0.8, "Maps are multiplied by 1 − this · (1 − saliency) before they are labelled and walk; 0: not [ours]."
    )
    labels: Fraction = default(
        0.1,
        "Where saliency is below this, affinity labels are sure background, unsure if maps are sure of an object; "
        "0: nowhere [ours].",
    )
    walk: bool = default(
        False,
        "Where the background walks (rw.background_power), its score is at least 1 − saliency; weighed maps leave it "
        "high there already [ours].",
    )

    @model_validator(mode="after")
    def _means_something(self) -> Saliency:
        if self.folder is not None and self.plugin is not None:
            raise ValueError("folder and plugin are two sources of saliency maps: give one of them")
        if self.is_given and not (self.maps or self.labels or self.walk):
            raise ValueError("the maps are used for nothing: maps, labels and walk are all off")
        return self

    @property
    def is_given(self) -> bool:
        return self.folder is not None or self.plugin is not None

    def serves(self, *uses: str) -> bool:
        """Whether there are maps for one of these uses: `maps`, `labels`, `walk`."""
        return self.is_given and any(getattr(self, use) for use in uses)
