"""Errors of the machine that the user can mend: disks, memory, limits, folders that are not there."""

from __future__ import annotations

import errno
from traceback import walk_tb

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.registry import plugin_packages
from puzzlecam_cli.registry.loaded import said_by

FULL = "free some, or name a folder on another disk with --run; the same command continues"
PATH = "check the path: --run, data.root, backbone.weights and the recipe's own are read from the working folder"
SERVER = "mend it, and the same command continues"
MEMORY = "lower the stage's batch or crop, or runtime.workers; the same command continues"
MODE = "change the owner or the mode (ls -ld, chmod), or name another path"
PROCESSES = "raise the limit (ulimit -u), or lower runtime.workers"
SYSTEM_ERRORS = {
    errno.ENOSPC: ("disk", "the disk is full", FULL),
    errno.EDQUOT: ("disk", "the disk quota is used up", FULL),
    errno.EROFS: ("disk", "the folder is read-only", "name another folder with --run"),
    errno.EACCES: ("disk", "permission is denied", MODE),
    errno.EPERM: ("disk", "permission is denied", MODE),
    errno.EFBIG: ("disk", "the file is larger than this system allows", "raise the limit (ulimit -f)"),
    errno.EIO: ("disk", "the disk reports an error", SERVER),
    errno.ESTALE: ("disk", "the folder's server has lost it", SERVER),
    errno.ENOTCONN: ("disk", "the folder's server is gone", SERVER),
    errno.ETIMEDOUT: ("disk", "the folder's server does not answer", SERVER),
    errno.EBUSY: ("disk", "the file is in use", SERVER),
    errno.ENOENT: ("path", "a file or folder is not there, or not any more", PATH),
    errno.ENOTDIR: ("path", "a part of the path is a file, not a folder", PATH),
    errno.EISDIR: ("path", "a folder is where a file should be", PATH),
    errno.EEXIST: ("path", "something else is there already", PATH),
    errno.ENOTEMPTY: ("path", "the folder is not empty", PATH),
    errno.ELOOP: ("path", "links lead round in a circle, or where none may be", "use what the link stands for"),
    errno.ENAMETOOLONG: ("path", "a name is too long for this system", "shorten it: names have 255 bytes at most"),
    errno.ENXIO: ("path", "a pipe or device is where a file should be", PATH),
    errno.EMFILE: ("limit", "too many files are open", "raise the limit (ulimit -n), or lower runtime.workers"),
    errno.ENFILE: ("limit", "too many files are open on this machine", "close programs, or lower runtime.workers"),
    errno.EAGAIN: ("limit", "no more processes may be started", PROCESSES),
    errno.ENOMEM: ("out-of-memory", "the memory is used up", MEMORY),
}
SHARED = ("shared memory(shm)", "insufficient shared memory", "out of shared memory", "Bus error")  # PyTorch's words
PARSERS = {"json", "yaml", "xml", "defusedxml"}  # their recursion is as deep as what they read


def as_mendable(error: Exception) -> UserError | None:
    """The error in words, if its cause lies with data or machine; None if it is our fault."""
    if isinstance(error, ModuleNotFoundError):
        from puzzlecam_cli.method.crf_engines import ENGINES

        module = (error.name or "").partition(".")[0]
        if engine := next((e for e in ENGINES.values() if e.needs == module and e.install), None):
            hint = f"{engine.install}, or set the crf.engine of the recipe to auto"
            return UserError("crf-missing", f"{module} is not installed", hint=hint)
    if isinstance(error, OSError):
        return _of_system(error)
    if isinstance(error, RuntimeError) and any(words in str(error) for words in SHARED):
        hint = "enlarge it (docker run --shm-size=8g), or set runtime.workers: 0; the same command continues"
        return UserError("shared-memory", "the memory that processes share (/dev/shm) is full", hint=hint)
    if isinstance(error, RuntimeError) and ("ancdata" in str(error) or "Too many open files" in str(error)):
        return _of_system(OSError(errno.EMFILE, ""))
    if _is_lost_worker(error):
        hint = "the system does that when memory runs out: lower runtime.workers; the same command continues"
        return UserError("worker-killed", "a worker process was killed", hint=hint)
    if isinstance(error, RecursionError) and any(
        _package(frame.f_globals) in PARSERS for frame, _ in walk_tb(error.__traceback__)
    ):
        hint = "is it what it should be? No recipe, annotation or run folder of this tool is nested like that"
        return UserError("too-deep", "a file is nested too deeply to be read", hint=hint)
    return _of_library(error) or _of_plugin(error)


def _of_system(error: OSError) -> UserError | None:
    if error.errno == errno.ENOENT and "temporary directory" in str(error.strerror):
        hint = "make the folder that TMPDIR names, or set TMPDIR to one that is there and can be written to"
        return UserError("temporary-folder", "there is no folder for temporary files", hint=hint)
    if error.errno not in SYSTEM_ERRORS:
        return None
    reference, problem, hint = SYSTEM_ERRORS[error.errno]
    if reference == "path" and error.filename is None:
        return None  # nothing that the user could look at
    names = (error.filename, error.filename2)
    return UserError(reference, problem, tuple(_text(name) for name in names if name is not None), hint)


def _text(name: object) -> str:
    return name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name)


def _is_lost_worker(error: Exception) -> bool:
    from concurrent.futures.process import BrokenProcessPool

    return isinstance(error, BrokenProcessPool) or str(error).startswith("DataLoader worker")


def _of_library(error: Exception) -> UserError | None:
    """Errors that libraries tell in words alone."""
    text = str(error).partition("\n")[0]
    if "No space left on device" in text:
        return UserError("disk", f"the disk, or the shared memory, is full: {text}", hint=FULL)
    if isinstance(error, ImportError) and "failed to map segment" in text:
        return UserError(
            "out-of-memory",
            f"the memory allowed does not hold the libraries: {text}",
            hint="raise the limit (ulimit -v)",
        )
    if isinstance(error, ImportError) and "cannot open shared object file" in text:
        return UserError(
            "library-missing", text, hint="install it, or install PyTorch anew: pip install --force-reinstall torch"
        )
    if isinstance(error, MemoryError):
        return UserError("out-of-memory", text or "the memory is used up", hint=MEMORY)
    if not isinstance(error, RuntimeError):
        return None
    if "can't start new thread" in text:
        return UserError("limit", "no more threads may be started", hint=PROCESSES)
    if "out of memory" in text:
        hint = "lower the stage's batch or crop, or set runtime.mixed_precision: bf16"
        return UserError("out-of-memory", text, hint=hint)
    if "can't allocate memory" in text or "Cannot allocate memory" in text:
        asked = text.partition("DefaultCPUAllocator: ")[2] or text
        return UserError("out-of-memory", asked, hint=MEMORY)
    return None


def _of_plugin(error: Exception) -> UserError | None:
    """An error of a plugin's own code: of its frames and ours the innermost is the plugin's."""
    plugins = plugin_packages()
    frames = [(frame, line) for frame, line in walk_tb(error.__traceback__)]
    known = [(f, line) for f, line in frames if _package(f.f_globals) in ("puzzlecam_cli", *plugins)]
    if not known or (package := _package(known[-1][0].f_globals)) not in plugins:
        return None
    frame, line = known[-1]
    return UserError(
        "plugin-broken",
        f"the plugin {plugins[package]} failed: {said_by(error)}",
        (f"{frame.f_code.co_filename} line {line}, in {frame.f_code.co_name}",),
        f"tell its authors, or remove it: python -m pip uninstall {plugins[package].split()[0]}",
    )


def _package(module: dict[str, object]) -> str:
    return str(module.get("__name__", "")).partition(".")[0]
