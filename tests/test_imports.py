"""Every module can be imported, with whatever versions are installed, and nothing warns of what will be gone."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import puzzlecam_cli

PACKAGE = Path(puzzlecam_cli.__file__).parent
OPTIONAL = {  # have no build for some machines
    "puzzlecam_cli.method.crf_pydensecrf": "pydensecrf",
    "puzzlecam_cli.method.window_kernel": "triton",
}
IMPORT_ALL = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"


def test_every_module_is_imported_without_a_warning() -> None:
    files = sorted(PACKAGE.rglob("*.py"))
    names = [".".join(("puzzlecam_cli", *file.relative_to(PACKAGE).with_suffix("").parts)) for file in files]
    modules = [name.removesuffix(".__init__") for name in names if not name.endswith("__main__")]
    modules = [name for name in modules if name not in OPTIONAL or find_spec(OPTIONAL[name])]
    done = subprocess.run([sys.executable, "-W", "error", "-c", IMPORT_ALL, *modules], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(modules) > 100
