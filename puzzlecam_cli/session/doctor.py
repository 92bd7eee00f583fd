"""What this machine has and what it lacks: what that costs, and what brings it. Nothing is changed."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from packaging.requirements import Requirement

from puzzlecam_cli.data.photos import Tell, silent
from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.group.cores import cores
from puzzlecam_cli.method.crf_engines import best_engine
from puzzlecam_cli.recipe.load import load_recipe, recipe_names, shipped_recipes
from puzzlecam_cli.registry import BACKBONES, Plugin, backbone_factory, crf_brought_by, installed, listed
from puzzlecam_cli.registry.tables import OWN

if TYPE_CHECKING:
    import torch

HEAVY = ("torch", "torchvision", "timm", "accelerate")  # each is imported: they fit one another, or do not
GIGABYTE = 1e9

# What cannot be done without an extra; the packages are those of `pyproject.toml`.
EXTRAS = {
    "coco": "no masks from the polygons and RLE of COCO files, neither to score with nor to write",
    "heic": "photos in HEIC, as iPhones take them, cannot be read",
    "hub": "no `card --push-to-hub`, no `predict hf://owner/name`",
    "onnx": "no `export --format onnx`",
    "pydensecrf": "no recipe with crf.engine: pydensecrf; dense CRFs are PyTorch's",
    "tensorboard": "no runtime.trackers: [tensorboard]",
    "wandb": "no runtime.trackers: [wandb]",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Args:
        what: its name.
        found: its version or size, or why it is not usable; in words.
        state: `lacking`: something cannot be done, or takes longer; `needed`: no run works without.
        costs: what cannot be done without it; empty where it is there.
        mend: what brings it: a command where there is one.
    """

    what: str
    found: str
    state: Literal["there", "lacking", "needed"] = "there"
    costs: str = ""
    mend: str = ""


def look_around(tell: Tell = silent) -> list[Finding]:
    """All findings.

    Args:
        tell: is told of what takes seconds.
    """
    found = [*_packages(tell)]
    if all(finding.state == "there" for finding in found):
        found += _gpus()
        found += _precisions()
        found.append(_dense_crf())
    tell("loading plugins")
    plugins = listed(check=True)
    return [*found, *_machine(), *_plugins(plugins), *_recipes(), *_extras()]


def _packages(tell: Tell) -> Iterator[Finding]:
    yield Finding("Python", platform.python_version())
    yield Finding("puzzlecam", version(OWN))
    for requirement in _requirements():
        finding = _installed(requirement)
        if finding.state == "there" and requirement.name in HEAVY:
            tell(f"importing {requirement.name}")
            finding = _imported(finding)
        if finding.state != "there" or requirement.name in HEAVY:
            yield finding


def _requirements(extra: str = "") -> list[Requirement]:
    """Of this package on this machine: of all, or of one extra."""
    listed = map(Requirement, requires(OWN) or ())
    if not extra:
        return [r for r in listed if r.marker is None or r.marker.evaluate({"extra": ""})]
    return [
        r for r in listed if r.marker and r.marker.evaluate({"extra": extra}) and not r.marker.evaluate({"extra": ""})
    ]


def _pip(*requirements: Requirement) -> str:
    return "python -m pip install " + " ".join(f"'{r.name}{r.specifier}'" for r in requirements)


def _installed(requirement: Requirement) -> Finding:
    name, costs = requirement.name, "no command that trains or predicts"
    try:
        found = version(name)
    except PackageNotFoundError:
        return Finding(name, "not installed", "needed", costs, _pip(requirement))
    if not requirement.specifier.contains(found, prereleases=True):
        said = f"{found}, and {requirement.specifier} is needed"
        return Finding(name, said, "needed", costs, _pip(requirement))
    return Finding(name, found)


def _imported(finding: Finding) -> Finding:
    try:
        import_module(finding.what)
    except Exception as error:  # a library that does not fit another raises almost anything
        said = f"{finding.found} cannot be imported: {type(error).__name__}: {error}"
        mend = f"python -m pip install --force-reinstall {' '.join(HEAVY)}"
        return Finding(finding.what, said, "needed", "no command that trains or predicts", mend)
    return finding


def _gpus() -> Iterator[Finding]:
    import torch

    if torch.cuda.is_available():
        for number in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(number)
            yield Finding(f"GPU {number}", f"{properties.name}, {properties.total_memory / GIGABYTE:.0f} GB")
        return
    costs = "networks train on the CPU: small recipes within the hour, the paper's not in reasonable time"
    if shutil.which("nvidia-smi") is None:
        yield Finding("GPU", "none", "lacking", costs)
    else:
        mend = "a build of PyTorch that fits the driver: https://pytorch.org/get-started"
        said = f"there is a driver, but PyTorch {torch.__version__} finds no GPU"
        yield Finding("GPU", said, "lacking", costs, mend)


def _precisions() -> Iterator[Finding]:
    """On GPUs what they support, on a CPU what there is to gain."""
    import torch

    from puzzlecam_cli.engine.precision import has_bf16

    if torch.cuda.is_available():
        major, _ = torch.cuda.get_device_capability()
        yield Finding("fp16", "supported")
        without = [n for n in range(torch.cuda.device_count()) if not has_bf16(torch.device("cuda", n))]
        if not without:
            yield Finding("bf16", "supported, and what runtime.mixed_precision: auto is here")
        else:
            said = f"not by GPU {', '.join(map(str, without))}: runtime.mixed_precision: auto is float32 with it"
            yield Finding("bf16", said, "lacking", "no --mixed-precision bf16", "--mixed-precision fp16")
        yield Finding("TF32", "supported" if major >= 8 else "not by this GPU")
        return
    yield Finding("fp16", "for GPUs only")
    share = _seconds(torch.bfloat16) / _seconds(torch.float32)
    said = f"a convolution takes {share:.2f} of the time it takes in fp32"
    if share < 0.9:
        yield Finding("bf16", said)
    else:
        yield Finding("bf16", said, "lacking", "--mixed-precision bf16 saves no time here")


def _seconds(dtype: torch.dtype) -> float:
    """Of the processor for some convolutions, whatever else it is busy with."""
    import torch

    image = torch.rand(2, 64, 64, 64).to(dtype).to(memory_format=torch.channels_last)
    layer = torch.nn.Conv2d(64, 64, 3, padding=1).to(dtype).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        layer(image)
        began = time.process_time()
        for _ in range(10):
            layer(image)
    return time.process_time() - began


def _machine() -> Iterator[Finding]:
    from puzzlecam_cli.engine.free_memory import free_memory

    yield Finding("cores", str(cores()))
    yield _room("memory", int(free_memory()), 2, "runs may end for want of memory", "")
    shared = Path("/dev/shm")
    if shared.is_dir():
        mend = "docker run --shm-size=8g"
        costs = "fewer processes load photos ahead"
        yield _room(str(shared), shutil.disk_usage(shared).free, 1, costs, mend)
    mend = "work in a folder on another disk, or name one with --run"
    yield _room("disk here", shutil.disk_usage(Path()).free, 2, "a run may end for want of room", mend)


def _room(what: str, free: int, least: int, costs: str, mend: str) -> Finding:
    said = f"{free / GIGABYTE:.1f} GB free"
    return Finding(what, said) if free >= least * GIGABYTE else Finding(what, said, "lacking", costs, mend)


def _dense_crf() -> Finding:
    """What `crf.engine: auto` is here."""
    import torch

    on_gpu = torch.cuda.is_available()
    name = best_engine("cuda" if on_gpu else "cpu")
    return Finding("dense CRF", f"engine {name}: {' '.join(crf_brought_by(name))}{', on the GPU' if on_gpu else ''}")


def _plugins(plugins: Sequence[Plugin]) -> Iterator[Finding]:
    """Those that others bring, each of which was loaded."""
    for plugin in plugins:
        if plugin.distribution == OWN or (plugin.name.endswith(":<model>") and not plugin.error):
            continue
        what, brought = f"{plugin.kind} {plugin.name}", f"{plugin.distribution} {plugin.version}"
        if plugin.error is None:
            yield Finding(what, brought)
        else:
            mend = f"repair it, or python -m pip uninstall {plugin.distribution}"
            yield Finding(what, plugin.error, "lacking", f"no recipe that names {plugin.name}", mend)


def _recipes() -> Iterator[Finding]:
    """Shipped recipes whose backbone is not here."""
    lacking: dict[str, list[str]] = {}
    for name in recipe_names():
        backbone = load_recipe(str(shipped_recipes() / f"{name}.yaml")).backbone.name
        if ":" not in backbone and backbone not in installed(BACKBONES):
            lacking.setdefault(backbone, []).append(name)
    for backbone, names in lacking.items():
        try:
            backbone_factory(backbone)
        except UserError as error:
            costs = f"the recipes {', '.join(shorten(names))} need it"
            yield Finding(f"backbone {backbone}", "not installed", "lacking", costs, error.hint or "")


def _extras() -> Iterator[Finding]:
    for extra, costs in EXTRAS.items():
        requirements = _requirements(extra)
        found = [_installed(requirement) for requirement in requirements]
        what = f"extra {extra}"
        if not found:
            yield Finding(what, f"not for Python {platform.python_version()}", "lacking", costs)
        elif lacking := [f for f in found if f.state != "there"]:
            said = ", ".join(f"{finding.what} {finding.found}" for finding in lacking)
            names = {finding.what for finding in lacking}
            yield Finding(what, said, "lacking", costs, _pip(*(r for r in requirements if r.name in names)))
        else:
            yield Finding(what, ", ".join(f"{finding.what} {finding.found}" for finding in found))
