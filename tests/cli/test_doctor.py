"""`puzzlecam doctor`: what is lacking is told with what it costs; the self-test leaves nothing behind."""

from __future__ import annotations

import json
import platform
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest

from puzzlecam_cli.method import crf_engines
from puzzlecam_cli.session import doctor
from puzzlecam_cli.stages import cams
from tests.conftest import Run

pytestmark = pytest.mark.usefixtures("_preloaded")  # of the process in which plugins are tried
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """As if distributions were not installed."""

    def found(name: str) -> str:
        if name in names:
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", found)


def declared(name: str) -> list[str]:
    """What an installation of this very checkout requires, as its metadata say it."""
    extras = [(extra, line) for extra, lines in PROJECT["optional-dependencies"].items() for line in lines]
    of_extras = [f"{line} {'and' if ';' in line else ';'} extra == '{extra}'" for extra, line in extras]
    return [*PROJECT["dependencies"], *of_extras]


def looked(puzzlecam: Run, code: int = 0) -> dict[str, dict[str, Any]]:
    result = puzzlecam("doctor", "--quick", "--json")
    assert result.exit_code == code, result.output
    return {finding["what"]: finding for finding in json.loads(result.stdout)["findings"]}


def test_all_that_is_lacking_says_what_that_costs(puzzlecam: Run) -> None:
    found = looked(puzzlecam)
    assert found["torch"]["found"] == version("torch")
    assert {"Python", "cores", "memory", "disk here", "fp16", "bf16", "dense CRF"} <= set(found)
    for finding in found.values():
        assert finding["found"], finding
        assert bool(finding["costs"]) == (finding["state"] != "there"), finding


def test_every_extra_has_its_price() -> None:
    assert set(doctor.EXTRAS) == set(PROJECT["optional-dependencies"]) - {"all", "test", "dev", "site"}
    (everything,) = PROJECT["optional-dependencies"]["all"]
    assert everything == f"{PROJECT['name']}[{','.join(doctor.EXTRAS)}]"


def test_a_missing_extra_names_the_line_that_brings_it(puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "onnxruntime")
    extra = looked(puzzlecam)["extra onnx"]
    (wanted,) = (r for r in PROJECT["optional-dependencies"]["onnx"] if r.startswith("onnxruntime"))
    assert (extra["state"], extra["mend"]) == ("lacking", f"python -m pip install '{wanted}'")
    assert "export" in extra["costs"]


def test_no_line_is_wider_than_the_terminal_but_for_commands(puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    without(monkeypatch, "wandb")
    result = puzzlecam("doctor", "--quick")
    assert "no runtime.trackers: [wandb]" in result.stdout
    assert [line for line in result.stdout.splitlines() if len(line) > 80 and "pip install" not in line] == []


def test_a_missing_package_ends_with_exit_code_2(puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "timm")
    result = puzzlecam("doctor")
    assert result.exit_code == 2
    assert "!! timm " in result.stdout
    assert "needed-missing" in result.stderr
    assert "python -m pip install 'timm" in result.stderr
    assert "self-test" not in result.output


def test_without_pydensecrf_every_stage_works_with_the_engine_that_doctor_names_and_nothing_is_left(
    puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    engine = crf_engines.ENGINES["pydensecrf"]
    monkeypatch.setitem(crf_engines.ENGINES, "pydensecrf", engine._replace(needs="no_module_of_this_name"))
    without(monkeypatch, "pydensecrf2")
    monkeypatch.setattr(doctor, "requires", declared)
    result = puzzlecam("doctor", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    by_name = {finding["what"]: finding for finding in found["findings"]}
    assert by_name["dense CRF"]["found"].startswith(f"engine torch: torch {version('torch')}")
    assert by_name["extra pydensecrf"]["state"] == "lacking"
    assert list(found["self_test"]) == ["train-cls", "cams", "affinity", "rw", "seg", "eval"]
    assert all(f"{stage} " in result.stderr for stage in found["self_test"])
    left = {path.name for path in temporary.iterdir()}
    assert all(name.startswith("torchinductor_") for name in left), left  # PyTorch's own, once in a process


def test_an_extra_for_other_pythons_says_so(puzzlecam: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    of_others = "pydensecrf2; python_version < '3' and extra == 'pydensecrf'"
    monkeypatch.setattr(doctor, "requires", lambda name: [of_others])
    extra = looked(puzzlecam)["extra pydensecrf"]
    assert (extra["state"], extra["found"]) == ("lacking", f"not for Python {platform.python_version()}")


def test_a_broken_plugin_is_named_and_breaks_nothing(
    puzzlecam: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken_of_a_test.py").write_text("raise RuntimeError('out of order')")
    info = tmp_path / "broken-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[puzzlecam.backbones]\nbroken = broken_of_a_test:broken\n")
    monkeypatch.syspath_prepend(tmp_path)
    finding = looked(puzzlecam)["backbone broken"]
    assert finding["state"] == "lacking"
    assert "out of order" in finding["found"]


def test_an_interrupted_self_test_leaves_nothing(
    temporary: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(context: object) -> None:
        assert list(temporary.iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(cams, "make_cams", interrupted)
    monkeypatch.setattr(doctor, "look_around", lambda tell: [])
    assert puzzlecam("doctor").exit_code == 130
    assert not list(temporary.iterdir())
