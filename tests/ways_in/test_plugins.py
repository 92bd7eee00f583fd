"""Ways in: plugins of every kind as other distributions bring them, and the names of those to be written."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from puzzlecam_cli.models.backbone import load_backbone
from puzzlecam_cli.registry import crf_engine, tried
from puzzlecam_cli.registry.found import in_order, installed
from puzzlecam_cli.registry.tables import KINDS
from tests.conftest import Run
from tests.preloaded import fork_exec
from tests.recipe.messages import check_message

GROUPS = {
    "backbone": "puzzlecam.backbones",
    "dataset": "puzzlecam.datasets",
    "crf": "puzzlecam.crf",
    "saliency": "puzzlecam.saliency",
}


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("way_in_")]:
        del sys.modules[name]


def install(
    path: Path, distribution: str, source: str, *, group: str, name: str = "mine", value: str = "", needs: str = ""
) -> None:
    """A distribution of one module, as pip leaves it behind."""
    module = f"way_in_{distribution}"
    (path / f"{module}.py").write_text(source)
    info = path / f"{distribution}-1.2.dist-info"
    info.mkdir()
    required = f"Requires-Dist: {needs}\n" if needs else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n{required}")
    (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value or f'{module}:make'}\n")


# the module, what its entry point names, what it requires, a part of what is said; whether it is known without loading
BROKEN: dict[str, tuple[str, str, str, str, bool]] = {
    "no module": ("", "way_in_gone:make", "", "ModuleNotFoundError", False),
    "no such name": ("", "", "", "AttributeError", False),
    "an error when it is imported": ("1 / 0", "", "", "ZeroDivisionError", False),
    "an error without words": (
        "class E(Exception):\n def __str__(self): return 1 / 0\nraise E",
        "",
        "",
        "failed to load: E",
        False,
    ),
    "an exit when it is imported": ("import sys; sys.exit(3)", "", "", "SystemExit: 3", False),
    "a hard exit when it is imported": ("import os; os._exit(0)", "", "", "ends the process: exit code 0", False),
    "a crash when it is imported": (
        "import os; os.kill(os.getpid(), 11)",
        "",
        "",
        "ends the process: signal 11",
        False,
    ),
    "a Ctrl-C when it is imported": ("raise KeyboardInterrupt", "", "", "KeyboardInterrupt", False),
    "wrong Python": ("def (", "", "", "SyntaxError", False),
    "a number": ("make = 3", "", "", "int", False),
    "nothing": ("make = None", "", "", "NoneType", False),
    "escape codes": ("raise OSError('\\x1b[31m')", "", "", "OSError", False),
    "no address": ("", "no address", "", "not `module:attribute`", True),
    "a module alone": ("make = 3", "way_in_theirs", "", "not `module:attribute`", True),
    "for a newer version": ("make = 3", "", "puzzlecam-cli>=99.1", "needs puzzlecam-cli >=99.1; this is", True),
    "for an older version": ("make = 3", "", "Puzzlecam_CLI<0.0.1", "needs puzzlecam-cli <0.0.1; this is", True),
}
Rows = dict[tuple[str, str], dict[str, str]]


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory, puzzlecam: Run) -> tuple[Rows, Rows]:
    """What `puzzlecam plugins` says of all of them at once, by kind and name, without and with --check."""
    path = tmp_path_factory.mktemp("plugins")
    for kind, group in GROUPS.items():
        for number, (source, value, needs, *_) in enumerate(BROKEN.values()):
            named = f"{kind}{number}"
            install(path, named, source, group=group, name=f"zz{number}", value=value, needs=needs)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path)
        patch.setattr(subprocess, "_fork_exec", fork_exec)
        listed, checked = puzzlecam("plugins", "--json"), puzzlecam("plugins", "--json", "--check")
    assert (listed.exit_code, checked.exit_code) == (0, 2)
    check_message(checked.stderr[checked.stderr.index("error:") :].rstrip())
    assert not [name for name in sys.modules if name.startswith("way_in_")]
    unloaded, loaded = ({(r["kind"], r["name"]): r for r in json.loads(done.stdout)} for done in (listed, checked))
    return unloaded, loaded


@pytest.mark.parametrize("kind", GROUPS)
@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_listed_with_what_is_wrong(kind: str, case: str, broken: tuple[Rows, Rows]) -> None:
    _, _, _, words, is_known = BROKEN[case]
    if kind == "dataset" and words in ("int", "NoneType"):
        words = "is no PhotoSet"
    number = list(BROKEN).index(case)
    unloaded, loaded = (rows[kind, f"zz{number}"] for rows in broken)
    assert (unloaded["distribution"], unloaded["version"]) == (f"{kind}{number}", "1.2")
    assert (unloaded["error"] is not None) is is_known
    assert words in loaded["error"]


def test_broken_plugins_leave_the_others_as_they_are(broken: tuple[Rows, Rows]) -> None:
    for rows in broken:
        assert {"resnet18", "voc", "timm:<model>"} <= {name for (_, name), row in rows.items() if row["error"] is None}


def test_a_plugin_that_never_ends_to_load_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(path, "theirs", "import time; time.sleep(600)", group=GROUPS["crf"], name="zz_last")
    monkeypatch.setattr(tried, "SECONDS", 3)
    end = sum(len(in_order(group)) for group in KINDS.values())
    assert list(tried._tried(end - 1, end)) == ["loading it takes more than 3 s"]


PRINTS = {
    "in Python": "print('welcome')",
    "below Python": "import os; os.write(1, b'welcome\\n')",
    "by a program": "import os; os.system('echo welcome')",
}


@pytest.mark.parametrize("source", PRINTS.values(), ids=PRINTS)
def test_what_a_plugin_prints_is_no_data(source: str, path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    install(path, "theirs", f"{source}\ndef make(*given): pass", group=GROUPS["crf"], name="zz_last")
    end = sum(len(in_order(group)) for group in KINDS.values())
    assert list(tried._tried(end - 1, end)) == [None]
    out, err = capfd.readouterr()
    assert out == ""
    assert "welcome\n" in err


def test_what_a_backbone_prints_when_it_is_built_is_no_data(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = (
        "from puzzlecam_cli.models.resnet import resnet18\ndef make(**o):\n print('welcome')\n return resnet18(**o)"
    )
    install(path, "theirs", source, group=GROUPS["backbone"])
    load_backbone("mine")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "theirs 1.2 says:\nwelcome\n")


def test_what_is_installed_or_removed_after_a_look_is_seen_by_the_next(path: Path) -> None:
    """What was read is kept for as long as no folder of `sys.path` changes."""
    group = GROUPS["crf"]
    assert "mine" not in installed(group)
    install(path, "theirs", "", group=group)
    assert "mine" in installed(group)
    (path / "theirs-1.2.dist-info").rename(path / "gone")
    assert "mine" not in installed(group)


@pytest.mark.parametrize("kind", GROUPS)
def test_two_plugins_of_one_name_are_both_named(kind: str, path: Path, puzzlecam: Run) -> None:
    for distribution in ("ours", "theirs"):
        install(path, distribution, "def make(*given): pass", group=GROUPS[kind])
    rows = [row for row in json.loads(puzzlecam("plugins", "--json").stdout) if row["name"] == "mine"]
    assert [row["distribution"] for row in rows] == ["ours", "theirs"]
    assert all("ours 1.2 and theirs 1.2 both bring" in row["error"] for row in rows)


def test_damaged_metadata_are_named_and_break_nothing(path: Path, puzzlecam: Run) -> None:
    install(path, "theirs", "", group=GROUPS["crf"])
    (path / "theirs-1.2.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[nothing")
    rows = json.loads(puzzlecam("plugins", "--json").stdout)
    assert [row["distribution"] for row in rows if row["error"]] == ["theirs"]
    assert {"resnet18", "voc"} <= {row["name"] for row in rows}


def test_a_shadow_of_an_older_installation_is_no_clash(path: Path, puzzlecam: Run) -> None:
    """An editable installation of this package may have metadata from before."""
    install(path, "puzzlecam_cli", "", group=GROUPS["backbone"], name="resnet18", value="gone:resnet18")
    found = [row for row in json.loads(puzzlecam("plugins", "--json").stdout) if row["name"] == "resnet18"]
    assert [row["error"] for row in found] == [None]


ENGINES = {
    "an error": ("def make(*given): raise IndexError('no grid')", "failed: IndexError: no grid"),
    "an exit": ("def make(*given): raise SystemExit", "failed: SystemExit"),
    "no field": ("def make(*given): pass", "failed: AttributeError"),
    "another shape": (
        "class make:\n def __init__(self, *given): pass\n def infer(self, u, n): return u[:1]",
        "gave (1,",
    ),
    "no numbers": (
        "class make:\n def __init__(self, *g): pass\n def infer(self, u, n): return u * float('nan')",
        "finite",
    ),
}


@pytest.mark.parametrize(("source", "words"), ENGINES.values(), ids=ENGINES)
def test_a_crf_engine_that_fails_at_work_is_named(
    source: str, words: str, path: Path, puzzlecam: Run, finished_run: Path, tmp_path: Path
) -> None:
    import shutil

    name = "".join(filter(str.isalpha, words)).lower()
    install(path, "theirs", source, group=GROUPS["crf"], name=name)
    run = tmp_path / "run"
    shutil.copytree(finished_run, run)
    result = puzzlecam("rw", run, "--run", run, "-s", f"rw.crf.engine={name}")
    assert result.exit_code == 2, result.output
    check_message(result.stderr[result.stderr.rindex("error:") :].rstrip())
    assert words in result.stderr
    assert f"CRF engine `{name}` from theirs 1.2" in result.stderr


def test_an_unknown_engine_is_told_at_the_start(puzzlecam: Run, tiny_recipe: Path, tmp_path: Path) -> None:
    result = puzzlecam("run-all", tiny_recipe, "--run", tmp_path / "run", "--plan", "-s", "rw.crf.engine=pydense")
    assert result.exit_code == 2, result.output
    check_message(result.stderr.rstrip())
    for words in ("no CRF engine is called `pydense`", "did you mean `pydensecrf`?", "--set rw.crf.engine=torch"):
        assert words in result.stderr
    assert not (tmp_path / "run").exists()


def test_auto_takes_ours_before_a_plugin(path: Path) -> None:
    install(path, "theirs", "class make:\n def __init__(self, *given): pass", group=GROUPS["crf"])
    assert "puzzlecam_cli.method" in str(crf_engine())
    assert "way_in_theirs" in str(crf_engine("mine"))


# --- names of plugins to be written: what is typed, the reference, a part of the message

NAMES: dict[str, tuple[list[str], str, str]] = {
    "nothing": ([""], "plugin-name", "must begin with a letter"),
    "blanks": (["my net"], "plugin-name", "must begin with a letter"),
    "a path": (["../mine"], "plugin-name", "must begin with a letter"),
    "capitals": (["Mine"], "plugin-name", "must begin with a letter"),
    "a digit first": (["3d"], "plugin-name", "must begin with a letter"),
    "a dash last": (["mine-"], "plugin-name", "must begin with a letter"),
    "another alphabet": (["größe"], "plugin-name", "must begin with a letter"),
    "escape codes": (["a\x1b[31m"], "plugin-name", "\\x1b[31m"),
    "500 letters": (["x" * 500], "plugin-name", "is longer than 60"),
    "a word of Python": (["class"], "plugin-name", "`class`"),
    "a word of YAML": (["puzzlecam-yes"], "plugin-name", "`yes`, which is no text"),
    "a file of pytest": (["conftest"], "plugin-name", "would hide the module `conftest`"),
    "a module of Python": (["json"], "plugin-name", "would hide the module `json`"),
    "this tool": (["puzzlecam-cli"], "plugin-clash", "is this tool"),
    "the tool's name": (["puzzlecam"], "plugin-name", "would hide the module `puzzlecam`"),
    "a library of networks": (["puzzlecam-timm"], "plugin-name", "means something else"),
    "the word for any engine": (["puzzlecam-auto", "--kind", "crf"], "plugin-name", "means something else"),
    "a built-in backbone": (["puzzlecam-resnet18"], "plugin-clash", "puzzlecam-cli 0.1.0 brings a plugin `resnet18`"),
    "a built-in kind of data": (["voc", "--kind", "dataset"], "plugin-clash", "brings a plugin `voc`"),
    "a package that is installed": (["numpy"], "plugin-clash", "is installed"),
    "a kind that is not there": (["mine", "--kind", "loss"], "usage", "--kind takes backbone, dataset, crf, saliency"),
    "a folder that is there": (["mine", "there"], "folder-exists", "`there` exists already"),
    "a file that is there": (["mine", "file"], "folder-exists", "`file` exists already"),
    "a link to nothing": (["mine", "link"], "folder-exists", "`link` exists already"),
    "this folder": (["mine", "."], "folder-exists", "exists already"),
    "no folder": (["mine", ""], "folder-exists", "exists already"),
    "below a file": (["mine", "file/mine"], "path", "a part of the path is a file"),
}


@pytest.mark.parametrize(("typed", "reference", "words"), NAMES.values(), ids=NAMES)
def test_a_plugin_that_cannot_be_written_is_refused(
    typed: list[str], reference: str, words: str, path: Path, puzzlecam: Run
) -> None:
    (path / "there").mkdir()
    (path / "file").touch()
    (path / "link").symlink_to("nowhere")
    before = sorted(path.rglob("*"))
    result = puzzlecam("plugins", "new", *typed)
    assert result.exit_code == 2, result.output
    assert result.stderr.startswith(f"error: {reference}\n")
    check_message(result.stderr.rstrip())
    assert words in result.stderr
    assert sorted(path.rglob("*")) == before


@pytest.mark.parametrize(
    "folder", ["my nets", "\x1b[31mnets", "-nets", "it's"], ids=["blank", "escape", "dash", "quote"]
)
def test_what_to_do_next_can_be_typed_and_does_nothing_to_the_terminal(folder: str, path: Path, puzzlecam: Run) -> None:
    result = puzzlecam("plugins", "new", "--", "mine", folder)
    assert result.exit_code == 0, result.output
    assert all(line.isprintable() for line in result.output.split("\n"))
    install_it, test_it = (line.removeprefix("next:").split() for line in result.stderr.strip().split("\n")[-2:])
    assert install_it[:5] == ["python", "-m", "pip", "install", "-e"]
    if folder.isprintable():
        (named,) = shlex.split(" ".join(install_it[5:]))
        assert (Path(named.removesuffix("[test]")) / "pyproject.toml").is_file()
        assert Path(*shlex.split(" ".join(test_it[3:]))).is_dir()
