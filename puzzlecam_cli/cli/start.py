"""What comes before all else: from here on, Ctrl-C and SIGTERM end the process without a traceback.

At the top only `os` is imported, which Python has loaded itself: a signal may come while modules are imported.
"""

import os

INTERRUPTED = 130
CONTINUES = "interrupted; the same command continues"
WIDTHS = ("COLUMNS", "LINES", "TERMINAL_WIDTH")  # Rich and Typer lay out by them, whatever they say


def stop_at_once(*_: object) -> None:
    """End this process here. Only for moments when there is nothing to lose."""
    try:  # noqa: SIM105
        os.write(2, f"{CONTINUES}\n".encode())
    except OSError:  # stderr is closed
        pass
    os._exit(INTERRUPTED)


def prepare_start() -> None:
    """Let signals end the process, and forget sizes of a terminal that cannot be."""
    try:
        import signal

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop_at_once)
    except KeyboardInterrupt:
        stop_at_once()
    for name in WIDTHS:
        value = os.environ.get(name, "")
        if not (value.isascii() and value.isdigit() and len(value) < 4 and int(value) >= 10):
            os.environ.pop(name, None)
