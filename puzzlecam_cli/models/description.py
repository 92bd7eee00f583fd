"""What a model file says of itself: all that is needed to build its network and to use it, as safetensors metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.constants import IGNORE
from puzzlecam_cli.text import CONTROL, quoted

if TYPE_CHECKING:
    from puzzlecam_cli.recipe.schema import Predict

FORMAT = "puzzlecam-model-1"
LONGEST = 1 << 20  # characters of a value: 254 class names have a few thousand
OF_RUNTIME = ("mixed_precision", "tf32")  # in `predict`, beside `seg.predict`
OURS = ("name", "pretrained", "weights")  # no options of a backbone


@dataclass(frozen=True)
class Description:
    """A network, its classes, and where it comes from.

    Args:
        classes: C names, of the indices 1..C.
        colours: C + 1 times red, green, blue in 0..255; background first.
        backbone: its name, as `load_backbone` takes it.
        options: of the backbone.
        head: `kind` (a row of `models.build.HEADS`) and what that head is built with.
        mean, std: of the normalised input, per colour in [0, 1].
        multiple: of pixels that the network's input sides are padded to.
        supervision: how tags and masks were used, in words: `tags`, `masks`, `first_weights`, `licence`.
        predict: the recipe's `seg.predict` and `mixed_precision`, and `tf32` where it is false, for networks that
            predict; else empty.
        puzzlecam: version of the package that wrote it.

    Raises:
        ValueError: they do not fit each other.
    """

    classes: tuple[str, ...]
    colours: tuple[tuple[int, int, int], ...]
    backbone: str
    options: Mapping[str, Any]
    head: Mapping[str, Any]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    multiple: int
    supervision: Mapping[str, str]
    predict: Mapping[str, Any]
    puzzlecam: str

    def __post_init__(self) -> None:
        if not 1 <= len(set(self.classes)) == len(self.classes) < IGNORE:
            raise ValueError(f"its {len(self.classes)} classes are no 1 to {IGNORE - 1} names that differ")
        if len(self.colours) != len(self.classes) + 1 or not all(0 <= c <= 255 for rgb in self.colours for c in rgb):
            raise ValueError(f"its {len(self.colours)} colours are not those of {len(self.classes)} classes")
        if not isinstance(self.head.get("kind"), str):
            raise ValueError("its head has no kind")
        if wrong := [name for name in OURS if name in self.options]:
            raise ValueError(f"its backbone has `{wrong[0]}` for an option")
        if not len(self.mean) == len(self.std) == 3 or not all(map(isfinite, (*self.mean, *self.std))):
            raise ValueError("its mean and std are not of three colours")
        if min(self.std) <= 0 or self.multiple < 1:
            raise ValueError("its std or its multiple is not above 0")
        if self.precision not in ("auto", "no", "fp16", "bf16"):
            raise ValueError("its precision is none")

    @property
    def is_segmenter(self) -> bool:
        """Whether its network labels pixels."""
        return bool(self.predict)

    @property
    def precision(self) -> str:
        """The recipe's `mixed_precision`, which its predictions are made in: `auto`, `no`, `fp16` or `bf16`."""
        return str(self.predict.get("mixed_precision", "no"))

    @property
    def tf32(self) -> bool:
        """The recipe's `tf32`."""
        return bool(self.predict.get("tf32", True))

    def settings(self, changes: Mapping[str, Any] | None = None) -> Predict:
        """How its photos are predicted.

        Args:
            changes: to the recipe's `seg.predict`; those of `crf` are laid over the recipe's.

        Raises:
            UserError: a value is out of bounds, or of a newer program.
        """
        from pydantic import ValidationError

        from puzzlecam_cli.recipe.schema import Predict

        values = {key: value for key, value in self.predict.items() if key not in OF_RUNTIME}
        changes = dict(changes or {})
        if isinstance(crf := changes.get("crf"), Mapping):
            changes["crf"] = {**values.get("crf", {}), **crf}
        try:
            return Predict.model_validate({**values, **changes})
        except ValidationError as error:
            said = f"photos cannot be predicted so: {_reason(error)}"
            raise UserError("predict-settings", said, hint="`puzzlecam recipes show` tells of seg.predict") from None

    def metadata(self) -> dict[str, str]:
        """The strings that stand in a file, JSON but for `format` and `puzzlecam`."""
        values = asdict(self)
        values["backbone"] = {"name": values.pop("backbone"), "options": values.pop("options")}
        version = values.pop("puzzlecam")
        return {"format": FORMAT, "puzzlecam": version} | {name: json.dumps(value) for name, value in values.items()}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None, path: Path) -> Description | None:
        """What a file's metadata say; None: they are not of this program, or of a version that wrote none.

        Args:
            path: of the file, for messages.

        Raises:
            UserError: they are damaged, or a newer program's.
        """
        written = (metadata or {}).get("format")
        if metadata is None or written is None or not written.startswith("puzzlecam-"):
            return None
        if written != FORMAT:
            raise UserError(
                "model-newer",
                f"{path} was written by a newer version of puzzlecam: its format is {quoted(written)}",
                hint="update puzzlecam: python -m pip install --upgrade puzzlecam-cli",
            )
        try:
            return _adapter().validate_python(_values(metadata))  # type: ignore[no-any-return]
        except (ValueError, TypeError, RecursionError) as error:
            raise UserError(
                "model-unreadable",
                f"{path} is damaged: what it says of itself cannot be read ({_reason(error)})",
                hint="copy it once more; or give the folder of its run, or make it again with `puzzlecam run-all`",
            ) from None


def _values(metadata: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a description.

    Raises:
        ValueError: they are not there, or no JSON.
    """
    values: dict[str, Any] = {}
    for name in ("classes", "colours", "backbone", "head", "mean", "std", "multiple", "supervision", "predict"):
        if name not in metadata:
            raise ValueError(f"it has no `{name}`")
        if len(metadata[name]) > LONGEST:
            raise ValueError(f"its `{name}` is too long")
        values[name] = json.loads(metadata[name])
    if isinstance(names := values["classes"], list):
        for name in (name for name in names if isinstance(name, str)):
            if not name.strip() or name == "background" or CONTROL.search(name):
                raise ValueError(f"{quoted(name, 40)} is no name of a class")
    backbone = values["backbone"]
    if not isinstance(backbone, dict):
        raise ValueError("its `backbone` is no table")
    return values | {
        "backbone": backbone.get("name"),
        "options": backbone.get("options", {}),
        "puzzlecam": metadata.get("puzzlecam", "?"),
    }


@cache
def _adapter() -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(Description)


def _reason(error: Exception) -> str:
    from pydantic import ValidationError

    if isinstance(error, json.JSONDecodeError):
        return "a value is no JSON"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        said = first["msg"].removeprefix("Value error, ")
        return f"`{place}`: {said}"[:200] if place else said[:200]
    return str(error)[:200]
