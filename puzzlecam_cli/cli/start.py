"""What comes before all else: from here on, Ctrl-C and SIGTERM end the process without a traceback.

At the top only `os` is imported, which Python has loaded itself: a signal may come while modules are imported.
"""

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

INTERRUPTED = 130
ANEW = "bench", "card", "compare", "doctor", "export", "new"  # commands that do not go on where they were interrupted
WAITING = "GOMP_SPINCOUNT", "OMP_WAIT_POLICY"  # of the threads that compute, as PyTorch finds them when it is loaded
SIZES = ("COLUMNS", "LINES", "TERMINAL_WIDTH")  # Rich and Typer lay out by them, whatever they say


def stop_at_once(*_: object) -> None:
    """End this process here. Only for moments when there is nothing to lose."""
    try:  # noqa: SIM105
        os.write(2, f"{said_of_interrupt()}\n".encode())
    except OSError:  # stderr is closed
        pass
    os._exit(INTERRUPTED)


def said_of_interrupt() -> str:
    """What is lost."""
    import sys

    return f"interrupted; the same command {'begins anew' if sys.argv[1:2] and sys.argv[1] in ANEW else 'continues'}"


def prepare_start() -> None:
    """Let signals end the process from now on."""
    try:
        import atexit
        import signal

        def let(handler: "Any") -> None:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, handler)

        let(stop_at_once)
        atexit.register(let, signal.SIG_IGN)  # the first to be registered is the last to run: all is done
    except KeyboardInterrupt:
        stop_at_once()
    forget_sizes()
    leave_cores_to_others()


def leave_cores_to_others() -> None:
    """Let threads that wait for one another fall asleep after some microseconds, unless the user says how they wait.

    By default they keep their cores busy for milliseconds, where the thread that they wait for may need one: beside a
    program that takes one of 2 cores, a training step of `seg` took 2.5 s instead of 1.8.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ[WAITING[0]] = "1000"


def forget_sizes() -> None:
    """Forget sizes of a terminal that cannot be."""
    for name in SIZES:
        value = os.environ.get(name, "")
        if not (value.isascii() and value.isdigit() and len(value) < 4 and int(value) >= 10):
            os.environ.pop(name, None)
