"""What all sections of a recipe share: strict, frozen, in bounds; a field has a default, a meaning and a source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

LARGEST = 1_000_000  # of any number that has no closer bound


def _no_truth(value: Any) -> Any:
    """YAML reads `yes` as true, and true would pass for 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false (YAML also reads yes, no, on and off as these)")
    return value


def _in_bounds(value: Any) -> Any:
    """A bound that those of a field add to; of two `le`, pydantic keeps one."""
    if abs(value) > LARGEST:
        raise ValueError(f"must be at most {LARGEST:,}" if value > 0 else f"must be at least -{LARGEST:,}")
    return value


def _not_empty(value: Any) -> Any:
    if value == "":
        raise ValueError("must not be empty")  # it would mean the current folder
    return value


def _at_home(value: Path) -> Path:
    try:
        return value.expanduser()
    except RuntimeError:
        raise ValueError(f"there is no home folder for `{value.parts[0]}`: write the path in full") from None


Location = Annotated[Path, BeforeValidator(_not_empty), AfterValidator(_at_home)]  # `~` is one's home, as in a shell
Integer = Annotated[int, AfterValidator(_in_bounds), BeforeValidator(_no_truth)]
Real = Annotated[float, AfterValidator(_in_bounds), BeforeValidator(_no_truth)]
LARGEST_SEED = 2**63
Seed = Annotated[int, Field(ge=0, lt=LARGEST_SEED), BeforeValidator(_no_truth)]
Fraction = Annotated[Real, Field(ge=0, le=1)]
Positive = Annotated[Real, Field(gt=0)]
Count = Annotated[Integer, Field(ge=1)]
LARGEST_SIDE = 8192  # pixels
Side = Annotated[Integer, Field(ge=16, le=LARGEST_SIDE)]


def default(value: Any, description: str, **bounds: Any) -> Any:
    """A field with its default, what it means and where the default comes from."""
    return Field(default=value, description=description, **bounds)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
