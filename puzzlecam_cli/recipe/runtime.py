"""The `runtime` section of a recipe: how the work is done."""

from __future__ import annotations

from typing import Literal

from puzzlecam_cli.recipe.section import Count, Integer, Real, Section, default

WORKER_BYTES = 10**9  # what a process takes that has PyTorch loaded, 0.3 GB, and is at work on a photo
FIRST_WORKERS = 8  # that begin before it is known what one takes; further ones as the memory allows


class Runtime(Section):
    """How the work is done; none of it decides what is kept."""

    mixed_precision: Literal["auto", "no", "fp16", "bf16"] = default(
        "auto", "Precision of the networks; no: fp32 as in the code; auto: bf16 on GPUs that have it, else fp32 [ours]."
    )
    tf32: bool = default(
        True, "Convolutions in fp32 may round to TF32 on GPUs, PyTorch's default; false: IEEE fp32 throughout [code]."
    )
    cuda_graphs: bool | Literal["auto"] = default(
        False,
        "Launch each training step as one CUDA graph, faster where a GPU waits for Python; auto: where it can [ours].",
    )
    cpu: bool = default(False, "Leave GPUs alone [ours].")
    workers: Integer | None = default(
        None,
        "Loader and CRF processes; null: one a core, each with 1 GB of memory; of loaders 16 at most, beside a network "
        "on the CPU 1 [ours].",
        ge=0,
        le=256,
    )
    sync_batchnorm: bool = default(
        False, "Batch normalisation of trainings looks at all processes' images, not at each one's [code]."
    )
    trackers: tuple[Literal["tensorboard", "wandb"], ...] = default(
        (), "Where losses and maps are shown as well; each is an extra to install [ours]."
    )
    checkpoint_minutes: Real = default(
        10.0, "Time between two checkpoints of a training, besides the one at each epoch's end [ours].", ge=0
    )
    photos_at_once: Count | None = default(
        None, "Photos of equal size that a network predicts together; null: 8 on a GPU, 1 on a CPU [ours]."
    )
    log_seconds: Real = default(1.0, "Least time between two logged steps, or two reports of progress [ours].", ge=0)
