"""What is in a folder, to see that nothing of it changed, and what a run says of itself."""

from __future__ import annotations

from pathlib import Path

from typer.testing import Result


def content(folder: Path) -> dict[str, bytes | str]:
    """Every file with its bytes, every link with where it leads, every pipe; folders by their files."""
    found: dict[str, bytes | str] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"link to {path.readlink()}"
        elif path.is_file():
            found[name] = path.read_bytes()
        elif not path.is_dir():
            found[name] = "pipe"
    return found


def put(folder: Path, name: str, text: str = "mine") -> Path:
    """A file of somebody else."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def states(result: Result) -> list[str]:
    """The first word of each line of `status` or `--plan`."""
    assert result.exit_code == 0, result.output
    return [line.split()[0] for line in result.stdout.splitlines()]
