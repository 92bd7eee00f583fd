"""What is to be done in a folder of results: written down, so that every process of a group does the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from puzzlecam_cli.data.disk.walk import MARK
from puzzlecam_cli.files import replacing, write_text
from puzzlecam_cli.recipe.document import Document, lay_over
from puzzlecam_cli.recipe.explain import explain
from puzzlecam_cli.recipe.load import read_changes
from puzzlecam_cli.recipe.runtime import Runtime
from puzzlecam_cli.recipe.schema import Crf, Predict, RandomWalk, Saliency, Views
from puzzlecam_cli.recipe.section import Section
from puzzlecam_cli.use.results import Given

WALKED = ("maps", "walk")  # uses of saliency on the way to pseudo labels


class SegSettings(Section):
    predict: Predict = Predict()


class Network(Section):
    """What of a recipe decides how a trained network labels photos."""

    seg: SegSettings = SegSettings()
    runtime: Runtime = Runtime()

    @property
    def crf(self) -> Crf:
        return self.seg.predict.crf


class Pseudo(Section):
    """What of a recipe decides how tagged photos get pseudo labels of trained networks."""

    cams: Views = Views()
    saliency: Saliency = Saliency()
    rw: RandomWalk = RandomWalk()
    runtime: Runtime = Runtime()

    @property
    def crf(self) -> Crf:
        return self.rw.crf


Settings = Network | Pseudo
KINDS: Mapping[str, type[Settings]] = {"seg": Network, "pseudo": Pseudo}


@dataclass(frozen=True)
class Job:
    """How results are made.

    Args:
        source: `seg` or `pseudo`: of the segmentation network, or of classifier, walk and CRF.
        model: for `seg` the model file, for `pseudo` the run folder; in full.
        settings: of the kind that `source` has.
        by: fingerprint of the model and all settings.
        confidence: write the winning probability as well.
        keep: keep maps and walked scores.
        engines: that inferred in dense CRFs where the run itself made such labels.
    """

    source: str
    model: Path
    settings: Settings
    by: str
    confidence: bool = False
    keep: bool = False
    engines: tuple[str, ...] = ()

    def write(self, out: Path, photos: Sequence[Given]) -> None:
        values = asdict(self) | {"model": str(self.model), "settings": self.settings.model_dump(mode="json")}
        with replacing(out / MARK / "todo.jsonl") as temporary, temporary.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(photo) + "\n" for photo in photos)
        write_text(out / MARK / "job.json", json.dumps(values) + "\n")

    @classmethod
    def read(cls, out: Path) -> tuple[Job, list[Given]]:
        values = json.loads((out / MARK / "job.json").read_text(encoding="utf-8"))
        values["settings"] = KINDS[values["source"]].model_validate(values["settings"])
        values["model"] = Path(values["model"])
        with (out / MARK / "todo.jsonl").open(encoding="utf-8") as file:
            return cls(**values), [Given(*json.loads(line)) for line in file]


def settings_of(source: str, values: Mapping[str, Any], changes: Sequence[str], path: Path) -> Settings:
    """The settings of a run or model with `--set` changes.

    Args:
        values: a recipe's, or those of a model file that has none.
        path: where they are from.

    Raises:
        UserError: all problems with the changes at once.
    """
    kind = KINDS[source]
    of_kind = {name: values[name] for name in kind.model_fields if name in values}
    if "seg" in of_kind:
        of_kind["seg"] = {"predict": of_kind["seg"]["predict"]}
    document = lay_over(Document(of_kind), read_changes(changes))
    try:
        return kind.model_validate(document.values)
    except ValidationError as error:
        raise explain(error, document, path) from None
