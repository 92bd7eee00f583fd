"""Plugins loaded and used with a guard: whatever their code does, they are named and break only themselves."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.metadata import EntryPoint
from typing import Any

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.method.crf_engines import FieldOf
from puzzlecam_cli.registry.found import brought_by, distribution_of, why_unusable
from puzzlecam_cli.registry.tables import DATASETS, WORDS


def load(entry: EntryPoint) -> Any:
    """What an entry point stands for, held to what can be told without using it.

    Raises:
        UserError: `plugin-clash` or `plugin-broken`.
    """
    what, brought = f"{WORDS[entry.group]} `{entry.name}` from {distribution_of(entry)}", brought_by(entry)[0]
    remedy = f"repair or remove the plugin: python -m pip uninstall {brought}"
    if problem := why_unusable(entry):
        if "both bring" in problem:
            raise UserError("plugin-clash", problem, hint="remove one of them: python -m pip uninstall NAME")
        raise UserError("plugin-broken", problem, hint=remedy)
    try:
        with its_output(entry):
            loaded = entry.load()
    except (Exception, SystemExit) as error:
        said = f"{what} failed to load: {said_by(error)}"
        raise UserError("plugin-broken", said, hint=remedy) from error
    if entry.group == DATASETS:
        lacks = sorted(getattr(loaded, "__abstractmethods__", ()))
        if not isinstance(loaded, type) or "kind" not in getattr(getattr(loaded, "Settings", None), "model_fields", ()):
            lacks = ["Settings, a model with `kind`"]
        if lacks:
            raise UserError("plugin-broken", f"{what} is no PhotoSet: it lacks {', '.join(lacks)}", hint=remedy)
    elif not callable(loaded):
        raise UserError("plugin-broken", f"{what} is a {type(loaded).__name__}, which is not callable", hint=remedy)
    return loaded


def said_by(error: BaseException) -> str:
    """The kind and the words of an error of others, which may fail to give them."""
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:
        return type(error).__name__


def its_output(entry: EntryPoint) -> redirect_stdout[Any]:
    """What a plugin prints in the block goes to stderr, after its name: standard output is for data."""
    return redirect_stdout(_Named(distribution_of(entry)))


class _Named:
    """A stream to stderr that says once who writes."""

    def __init__(self, who: str):
        self._who, self._is_named = who, False

    def write(self, text: str) -> int:
        if not self._is_named:
            self._is_named = True
            print(f"{self._who} says:", file=sys.stderr)
        return sys.stderr.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


class Guarded:
    """What a plugin made, of which each fault is told with the plugin's name."""

    remedy = "tell its authors, or do without it"

    def __init__(self, entry: EntryPoint):
        self._entry = entry

    def _tried(self, function: Callable[..., Any], *given: Any) -> Any:
        try:
            with its_output(self._entry):
                return function(*given)
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise self._broken(f"failed: {said_by(error)}") from error

    def _broken(self, said: str) -> UserError:
        what = f"{WORDS[self._entry.group]} `{self._entry.name}` from {distribution_of(self._entry)}"
        return UserError("plugin-broken", f"{what} {said}", hint=self.remedy)


class GuardedField(Guarded):
    """A field of a plugin's CRF engine."""

    remedy = "tell its authors, or set the recipe's crf.engine to another one"

    def __init__(self, entry: EntryPoint, engine: FieldOf, image: Any, labels: int, kernels: Any):
        super().__init__(entry)
        self._field = self._tried(engine, image, labels, kernels)

    def infer(self, unary: Any, iterations: int) -> Any:
        import numpy as np

        result = self._tried(lambda: np.asarray(self._field.infer(unary, iterations), dtype=np.float32))
        if result.shape != unary.shape or not np.isfinite(result).all():
            raise self._broken(f"gave {result.shape} for {unary.shape}, or values that are not finite")
        return result


class GuardedSaliency(Guarded):
    """A plugin's saliency method: a photo (H, W, 3) uint8 → (H, W) float32 in [0, 1]."""

    remedy = "tell its authors, or give the maps as files: saliency.folder"

    def __init__(self, entry: EntryPoint, method: Callable[..., Any]):
        super().__init__(entry)
        self._method = method

    def __call__(self, photo: Any) -> Any:
        import numpy as np

        result = self._tried(lambda: np.asarray(self._method(photo), dtype=np.float32))
        if result.shape != photo.shape[:2]:
            raise self._broken(f"gave {result.shape} for a photo of {photo.shape}")
        if not (result.min() >= 0 and result.max() <= 1):  # a value that is no number is neither
            raise self._broken(f"gave values from {result.min():g} to {result.max():g}, not in [0, 1]")
        return result
