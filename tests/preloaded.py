"""Python processes that have all modules loaded when they begin: forked from this one, not started anew.

A new one takes seconds to import PyTorch, timm and Accelerate. What a test says of a process (its signals, exit code,
streams, environment, session, and what it leaves) is the same of a forked one; what it says of imports is not.
"""

from __future__ import annotations

import atexit
import ctypes
import faulthandler
import os
import runpy
import signal
import subprocess
import sys
import traceback
import warnings
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing import resource_tracker
from pathlib import Path
from types import ModuleType
from typing import Any

from accelerate.state import AcceleratorState, GradientState

_exec = subprocess._fork_exec  # type: ignore[attr-defined]


def fork_exec(
    args: list[Any], programs: Any, close: bool, keep: Sequence[int], folder: Any, env: Any, *rest: Any
) -> int:
    """In the place of `subprocess._fork_exec`: `[sys.executable, "-m" or "-c", ...]` is forked, all else is not.

    Files other than `keep` are closed, as in a new process: who waits for the end of a pipe would wait for ever.
    """
    stdin, _, _, stdout, _, stderr, _, failed, _, new_session, _, _, _, _, _, to_do_first = rest[:16]
    if args[0] != sys.executable or args[1] not in ("-m", "-c") or to_do_first is not None:
        return int(_exec(args, programs, close, keep, folder, env, *rest))
    sys.stdout.flush()
    sys.stderr.flush()
    if pid := os.fork():
        return pid
    code = 70
    try:
        if new_session:
            os.setsid()
        if folder is not None:
            os.chdir(folder)
        for number, file in enumerate((stdin, stdout, stderr)):
            if file >= 0:
                os.dup2(file, number)
        _forget(env)
        close_all_but({0, 1, 2, *keep} - {failed})  # then `Popen` of the parent goes on
        code = _run([os.fsdecode(text) for text in args[1:]])
    finally:
        os._exit(code)


def _forget(env: list[bytes] | None) -> None:
    """Whatever is this process's own."""
    if env is not None:
        os.environ.clear()
        os.environ.update(tuple(os.fsdecode(line).split("=", 1)) for line in env)  # type: ignore[arg-type]
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):  # Python's own
        warnings.simplefilter("ignore", category)
    atexit._clear()
    faulthandler.disable()
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    resource_tracker._resource_tracker.__init__()  # type: ignore[misc]
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        stream = os.fdopen(number, mode, closefd=False)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def close_all_but(keep: set[int]) -> None:
    """A pipe of pytest-xdist that a forked process holds open would hide from it that one of its workers is gone.

    PyTorch closes those of its shared memory itself, when their tensors are let go of.
    """
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) not in keep:
            with suppress(OSError):  # that of the listing is closed by now
                if not str(path.readlink()).startswith("/dev/shm/"):
                    os.close(int(path.name))


def end_with_parent() -> None:
    """Be killed when the process that forked this one ends, as one does that takes too long."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def _run(arguments: list[str]) -> int:
    """What Python does with its arguments, to the exit code."""
    how, what, *own = arguments
    sys.argv = [how, *own]
    code = 0
    try:
        if how == "-m":
            sys.modules.pop(f"{what}.__main__", None)
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        else:
            sys.modules["__main__"] = main = ModuleType("__main__")
            exec(compile(what, "<string>", "exec"), main.__dict__)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    return code
