"""`python -m tests.benchmarks.scale [COUNTS ...] [--json]`: every stage on ever more made-up photos.

The network is tiny, so that what a photo costs beside it shows. Wanted: the same memory for any number of photos, the
same time for each further one, a plan within two seconds. Photos and runs stay in the folder for temporary files.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import yaml

from puzzlecam_cli.data.made_up.drawn import write_synthetic
from puzzlecam_cli.stages import STAGE_NAMES

HEADING: tuple[str, ...] = ("stage", "photos", "s", "CPU s", "ms a further photo", "MiB", "× first", "main MiB", "")
MIB, MORE_MEMORY, MORE_MIB, MORE_TIME, PLAN_SECONDS = 2**20, 1.10, 64, 1.20, 2.0
TRAINING = {"epochs": 1, "batch": 8, "lr": 0.01, "resize": [48, 64], "crop": 32}
RECIPE: dict[str, Any] = {
    "recipe": 1,
    "backbone": {"name": "timm:mobilenetv3_small_050", "pretrained": False},
    "train_cls": TRAINING,
    "cams": {"scales": [1.0], "flip": False},
    "affinity": TRAINING | {"radius": 4, "labels": {"crf": {"iterations": 1}}},
    "seg": TRAINING | {"width": 16, "predict": {"scales": [1.0], "flip": False, "crf": {"iterations": 1}}},
    "eval": {"thresholds": [0.2, 0.3, 0.4, 0.5]},
    "runtime": {"workers": 2, "cpu": True},
}


@dataclass
class Cost:
    """What one command cost: seconds by the clock and of the processors, bytes at the peak."""

    stage: str
    photos: int
    wall: float
    cpu: float
    tree: int  # of all its processes together, what they share once; without libraries, which other programs share
    main: int  # of the first process alone, with its libraries


def measure(stage: str, photos: int, command: list[str], log: Path) -> Cost:
    """Run a command to its end, looking at its memory now and then."""
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # several wait for each other, which counts as work
    cost, start = Cost(stage, photos, 0, 0, 0, 0), time.perf_counter()
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", *command], stdout=out, stderr=out, env=one_thread)
    while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
        cost.main = max(cost.main, proc_bytes(process.pid, "status", "VmHWM"))
        cost.tree = max(cost.tree, tree_bytes(process.pid))
        time.sleep(0.05)
    _, process.returncode, usage = ended
    if process.returncode:
        raise SystemExit(f"{stage} of {photos} failed:\n{log.read_text()[-3000:]}")
    cost.wall, cost.cpu = time.perf_counter() - start, usage.ru_utime + usage.ru_stime
    return cost


def tree_bytes(root: int) -> int:
    """Memory of a process and of all below it, see `Cost.tree`."""
    pids, total = [root], 0
    for pid in pids:  # grows while it is read
        total += proc_bytes(pid, "smaps_rollup", "Pss_Anon", "Pss_Shmem")
        pids += map(int, read_proc(f"{pid}/task/{pid}/children").split())
    return total


def proc_bytes(pid: int, file: str, *names: str) -> int:
    """The sum of values of /proc in bytes; 0 for a process that has ended."""
    values = (line.split() for line in read_proc(f"{pid}/{file}").splitlines())
    return sum(int(value[1]) * 1024 for value in values if value[0][:-1] in names)


def read_proc(file: str) -> str:
    """A file of /proc; empty where its process has ended."""
    with suppress(OSError):
        return Path("/proc", file).read_text()
    return ""


def prepare(count: int, folder: Path) -> list[str]:
    """Photos to train on, a tenth as many to predict, and a recipe: the arguments of every command."""
    photos, run, recipe = folder / f"photos-{count}", folder / f"run-{count}", folder / f"scale-{count}.yaml"
    if not (photos / "classes.txt").exists():  # written last
        write_synthetic(photos, train=count, val=max(count // 10, 1), size=48, classes=3, seed=0)
    shutil.rmtree(run, ignore_errors=True)
    recipe.write_text(yaml.safe_dump(RECIPE | {"data": {"kind": "voc", "root": str(photos), "train": "train"}}))
    return [str(recipe), "--run", str(run)]


def measured(counts: list[int], folder: Path) -> Iterator[Cost]:
    """Stage by stage, so that the counts that are compared run one after the other; at last the plan."""
    arguments = {count: prepare(count, folder) for count in counts}
    for stage, command in [*((stage, [stage]) for stage in STAGE_NAMES), ("plan", ["run-all", "--plan"])]:
        for count in counts:
            print(f"{stage}, {count} photos", file=sys.stderr, flush=True)
            yield measure(stage, count, ["puzzlecam_cli", *command, *arguments[count]], folder / "last.log")


def further(costs: list[Cost]) -> list[float]:
    """Seconds of the processors for each photo more than in the count before."""
    return [(after.cpu - before.cpu) / (after.photos - before.photos) for before, after in pairwise(costs)]


def verdict(costs: list[Cost]) -> str:
    """Whether one stage, on ever more photos, is as wanted."""
    first, last = costs[0], costs[-1]
    checks = {"memory flat": last.tree <= max(MORE_MEMORY * first.tree, first.tree + MORE_MIB * MIB)}
    if first.stage == "plan":
        checks[f"within {PLAN_SECONDS:g} s"] = last.wall <= PLAN_SECONDS
    elif len(costs) > 2:
        checks["time linear"] = further(costs)[-1] <= MORE_TIME * further(costs)[-2]
    return ", ".join(f"{what}: {'met' if met else 'NOT MET'}" for what, met in checks.items())


def table(costs: list[Cost]) -> list[tuple[str, ...]]:
    """A heading and a row a stage and count; a further photo is one more than in the row above."""
    rows = [HEADING, ("---",) * len(HEADING)]
    for stage in dict.fromkeys(cost.stage for cost in costs):
        mine = [cost for cost in costs if cost.stage == stage]
        times = ["", *(f"{seconds * 1e3:.2f}" for seconds in further(mine))]
        for cost, time_of_further in zip(mine, times, strict=True):
            counted = (cost.stage, f"{cost.photos:,}", f"{cost.wall:.1f}", f"{cost.cpu:.1f}", time_of_further)
            memory = (f"{cost.tree / MIB:.0f}", f"{cost.tree / mine[0].tree:.2f}", f"{cost.main / MIB:.0f}")
            rows.append((*counted, *memory, verdict(mine) if cost is mine[-1] else ""))
    return rows


def main() -> None:
    counts = sorted(int(word) for word in sys.argv[1:] if word != "--json") or [100, 1000, 10000]
    costs = list(measured(counts, Path(gettempdir(), "puzzlecam-scale")))
    lines = (f"| {' | '.join(row)} |" for row in table(costs))
    print(json.dumps([asdict(cost) for cost in costs], indent=1) if "--json" in sys.argv else "\n".join(lines))


if __name__ == "__main__":
    main()
