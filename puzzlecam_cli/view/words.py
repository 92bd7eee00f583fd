"""Numbers as a person says them."""

from __future__ import annotations

from math import isfinite


def duration(seconds: float) -> str:
    """`42 s`, `3 m 07 s`, `2 h 05 m`; `?` where it is no number."""
    if not isfinite(seconds):
        return "?"
    whole = max(round(seconds), 0)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} m"


def size(count: int) -> str:
    """`812 B`, `3.4 kB`, `120 MB`, `1.2 GB`."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}" if unit != "B" and value < 9.95 else f"{value:.0f} {unit}"


def metric_words(values: dict[str, float]) -> str:
    """`loss 0.412  loss_re 0.081  lr 0.0100`."""
    names = [name for name in ("loss", "loss_cls", "loss_p_cls", "loss_re", "loss_bg", "alpha") if name in values]
    rate = [f"lr {values['lr']:.4g}"] if "lr" in values else []
    return "  ".join([*(f"{name} {values[name]:.3f}" for name in names), *rate])
