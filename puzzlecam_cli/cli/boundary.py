"""Where errors end: what the user can mend becomes a message and exit code 2, an interrupt 130, our fault 1."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

from puzzlecam_cli.errors import UserError

ISSUES = "https://github.com/puzzlecam/puzzlecam-cli/issues"
DISK_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the folder is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EFBIG: "the file is larger than this system allows",
    errno.EIO: "the disk reports an error",
    errno.ESTALE: "the folder's server has lost it",
    errno.ENOTCONN: "the folder's server is gone",
}


@contextmanager
def error_boundary() -> Iterator[None]:
    """Turn exceptions into messages on stderr and exit codes."""
    try:
        yield
    except KeyboardInterrupt:
        _fail("interrupted; the same command continues", 130)
    except BrokenPipeError:  # whoever reads our output, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit from None
    except Exception as error:
        if type(error).__module__.split(".")[0] in (
            "typer",
            "click",
        ):  # exits, and usage errors: they say it all
            raise
        mendable = error if isinstance(error, UserError) else _from_machine(error)
        if mendable is None:
            traceback.print_exc()
            _fail(f"\nThis is our fault, not yours. Please report the lines above: {ISSUES}", 1)
        _fail(str(mendable), 2)


def _from_machine(error: Exception) -> UserError | None:
    """Full disks, closed folders, lack of memory and a missing CRF engine, as the user's to mend."""
    from concurrent.futures.process import BrokenProcessPool

    if isinstance(error, ModuleNotFoundError) and (error.name or "").startswith("pydensecrf"):
        hint = "python -m pip install pydensecrf2 (Python 3.11 or 3.12), or set the crf.iterations of the recipe to 0"
        return UserError("crf-missing", "pydensecrf is not installed", hint=hint)
    if isinstance(error, OSError) and error.errno in DISK_ERRORS:
        where = (str(error.filename),) if error.filename else ()
        hint = "what was finished is kept: mend it, and the same command continues"
        return UserError("disk", DISK_ERRORS[error.errno], where, hint)
    if isinstance(error, BrokenProcessPool) or str(error).startswith("DataLoader worker"):
        hint = "the system does that when memory runs out: lower runtime.workers; the same command continues"
        return UserError("worker-killed", "a worker process was killed", hint=hint)
    if isinstance(error, RuntimeError) and "out of memory" in str(error):
        hint = "lower the stage's batch or crop, or set runtime.mixed_precision: bf16"
        return UserError("out-of-memory", str(error).splitlines()[0], hint=hint)
    return None


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr, flush=True)
    raise typer.Exit(code) from None


class BoundaryGroup(TyperGroup):
    """The commands, inside the boundary."""

    def invoke(self, ctx: Any) -> Any:
        with error_boundary():
            return super().invoke(ctx)
