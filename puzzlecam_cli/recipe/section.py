"""What all sections of a recipe share: strict, frozen, every field with a default, a meaning and a source."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _no_truth(value: Any) -> Any:
    """YAML reads `yes` as true, and true would pass for 1."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false (YAML also reads yes, no, on and off as these)")
    return value


Integer = Annotated[int, BeforeValidator(_no_truth)]
Real = Annotated[float, BeforeValidator(_no_truth)]
Fraction = Annotated[Real, Field(ge=0, le=1)]
Positive = Annotated[Real, Field(gt=0)]
Count = Annotated[Integer, Field(ge=1)]


def default(value: Any, description: str, **bounds: Any) -> Any:
    """A field with its default, what it means and where the default comes from."""
    return Field(default=value, description=description, **bounds)


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)
