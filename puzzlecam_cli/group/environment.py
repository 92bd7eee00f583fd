"""What launchers and people set in the environment, checked before anything relies on it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from puzzlecam_cli.errors import UserError

HINT = "launchers (torchrun, `accelerate launch`) set it; by hand, unset it"
GROUP = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE")
NEEDED = ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # for processes to find one another
LARGEST = 1_000_000  # processes
FLAGS = ("ACCELERATE_USE_CPU", "ACCELERATE_DEBUG_MODE", "ACCELERATE_CPU_AFFINITY", "FORK_LAUNCHED")
ELSEWHERE = ("ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_FSDP", "ACCELERATE_USE_MEGATRON_LM")
WORDS = {"y", "yes", "t", "true", "on", "1", "n", "no", "f", "false", "off", "0"}  # that Accelerate reads


@dataclass(frozen=True)
class Place:
    """The place of this process among those that a launcher started."""

    rank: int = 0
    size: int = 1


def place() -> Place:
    """This process's place, as the launcher says.

    Raises:
        UserError: a variable says what cannot be, or one is missing.
    """
    _check_numbers_of_threads()
    _check_accelerate()
    found = [name for name in GROUP if name in os.environ]
    if not found:
        return Place()
    if "WORLD_SIZE" not in found:
        raise _refusal(found[0], "is set, and WORLD_SIZE is not")
    size = _number("WORLD_SIZE", 1, LARGEST)
    because = f", as WORLD_SIZE is {size}"
    rank = _number("RANK", 0, size - 1, because)
    here = _number("LOCAL_WORLD_SIZE", 1, size, because) or size
    _number("LOCAL_RANK", 0, here - 1, f", as {here} processes are on this machine")
    _number("MASTER_PORT", 1, 65535)
    missing = [name for name in NEEDED if not os.environ.get(name)]
    if missing and (size > 1 or "LOCAL_RANK" in found):
        raise _refusal("WORLD_SIZE", f"is {size}, and these are not set: {', '.join(missing)}")
    return Place(rank, size)


def threads() -> int | None:
    """The threads a process may use, if OMP_NUM_THREADS says."""
    _check_numbers_of_threads()
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]  # further ones are for nested work
    return int(first) if first else None


def _number(name: str, low: int, high: int, because: str = "") -> int:
    """The value of a variable, 0 where it is not set."""
    text = os.environ.get(name)
    if text is None:
        return 0
    if not (text.removeprefix("-").isdecimal() and text.isascii() and len(text) < 20):
        raise _refusal(name, f"is `{text}`, which is no whole number")
    if not low <= int(text) <= high:
        possible = f"{low} to {high} are possible" if low < high else f"only {low} is possible"
        raise _refusal(name, f"is {text}; {possible}{because}")
    return int(text)


def _check_numbers_of_threads() -> None:
    text = os.environ.get("OMP_NUM_THREADS", "")
    parts = text.split(",") if text.strip() else []
    if not all(part.strip().isdecimal() and part.isascii() and 0 < int(part[:9]) < 10_000 for part in parts):
        hint = "unset it, or set it to the threads a process may use: OMP_NUM_THREADS=1"
        raise _refusal("OMP_NUM_THREADS", f"is `{text}`, which is no number of threads", hint)


def _check_accelerate() -> None:
    for name in (*FLAGS, *ELSEWHERE):
        text = os.environ.get(name, "0")
        if text.lower() not in WORDS:
            raise _refusal(
                name, f"is `{text}`, which is neither true nor false", "set it to true or false, or unset it"
            )
        if name in ELSEWHERE and text.lower() == "true":
            raise _refusal(name, "asks for what this tool does not do", "choose plain processes in `accelerate config`")


def _refusal(name: str, problem: str, hint: str = HINT) -> UserError:
    return UserError("environment", f"the environment variable {name} {problem}", hint=hint)
