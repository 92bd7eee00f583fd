"""Numbers as a person says them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """`42 s`, `3 m 07 s`, `2 h 05 m`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} m"


def metric_words(values: dict[str, float]) -> str:
    """`loss 0.412  loss_re 0.081  lr 0.0100`."""
    names = [name for name in ("loss", "loss_cls", "loss_p_cls", "loss_re", "alpha") if name in values]
    return "  ".join([*(f"{name} {values[name]:.3f}" for name in names), f"lr {values['lr']:.4g}"])
