"""An ablation set out as a table: Table 1 of the paper beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from puzzlecam_cli.files import write_text
from puzzlecam_cli.run.ablation import Summary
from puzzlecam_cli.view.markdown import markdown_table
from puzzlecam_cli.view.plot import ablation_plot


def ablation_table(summary: Summary) -> list[tuple[str, ...]]:
    """Heading and rows: losses, mIoU, gain over L_cls seed by seed, the paper's mIoU and gain."""
    baseline = summary["rows"][0]["paper"]
    seeds = f"{len(summary['seeds'])} seeds" if len(summary["seeds"]) > 1 else "1 seed"
    rows: list[tuple[str, ...]] = [("losses", f"mIoU, {seeds}", "gain over L_cls", "paper", "paper's gain")]
    for row in summary["rows"]:
        gain = _plus_minus(row["gain"], signed=True) if row["gain"] else ""
        paper_gain = f"{row['paper'] - baseline:+.3f}" if row["gain"] else ""
        rows.append((row["title"], _plus_minus(row), gain, f"{row['paper']:.3f}", paper_gain))
    return rows


def ablation_notes(summary: Summary) -> list[str]:
    """What a reader of the table must know."""
    notes = [
        f"{summary['what']} on `{summary['split']}`, {summary['images']} images, {summary['backbone']}; each run at "
        f"the background threshold best on {summary['threshold_from']}; mean ± standard deviation over seeds "
        f"{', '.join(map(str, summary['seeds']))}.",
        f"L_re: {', '.join(f'{key} {value}' for key, value in summary['puzzle'].items())}.",
        f"Paper: {summary['paper']}.",
    ]
    return notes + (["The tags were read off pixel masks."] if summary["tags_from"] == "masks" else [])


def write_ablation(summary: Summary, folder: Path) -> None:
    """Table and plot, beside the numbers."""
    write_text(folder / "ablation.md", ablation_markdown(summary))
    write_text(folder / "ablation.svg", ablation_plot(summary))


def ablation_markdown(summary: Summary) -> str:
    heading, *rows = ablation_table(summary)
    return "\n".join([*markdown_table(heading, rows), "", *ablation_notes(summary)]) + "\n"


def _plus_minus(found: Mapping[str, Any], signed: bool = False) -> str:
    mean = f"{found['mean']:+.3f}" if signed else f"{found['mean']:.3f}"
    return mean if found["sd"] is None else f"{mean} ± {found['sd']:.3f}"
