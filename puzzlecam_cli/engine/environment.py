"""What Accelerate would read from the environment: the recipe decides, so the rest is refused. Needs no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping

from puzzlecam_cli.errors import UserError, shorten
from puzzlecam_cli.recipe.schema import Runtime

NO = {"", "0", "false", "no", "off", "f", "n"}
YES = {"1", "true", "yes", "on", "t", "y"}

# Accelerate's names for what this tool does in one way, or has a key for: what they would do
REFUSED = {
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "divides gradients; parts of a batch are a training's key `accumulate`",
    "ACCELERATE_MIXED_PRECISION": "is not the recipe's runtime.mixed_precision; there is --mixed-precision",
    "ACCELERATE_DYNAMO_BACKEND": "compiles networks and lets them round to TF32",
    "ACCELERATE_DOWNCAST_BF16": "rounds to bfloat16; there is --mixed-precision bf16",
    "ACCELERATE_TORCH_DEVICE": "chooses a device; there are --cpu and CUDA_VISIBLE_DEVICES",
    "ACCELERATE_USE_DEEPSPEED": "asks for DeepSpeed, which is not used here",
    "ACCELERATE_USE_FSDP": "asks for FSDP, which is not used here",
    "ACCELERATE_USE_MEGATRON_LM": "asks for Megatron-LM, which is not used here",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "asks for parallel layers, which are not used here",
    "ACCELERATE_USE_SAGEMAKER": "asks for SageMaker's own processes, which are not used here",
}
SWITCHES = ("ACCELERATE_USE_CPU", "ACCELERATE_DEBUG_MODE", "ACCELERATE_CPU_AFFINITY", "FORK_LAUNCHED")
NUMBERS = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE")


def check_environment(runtime: Runtime, environment: Mapping[str, str]) -> None:
    """See to it that the environment changes no numbers; what `accelerate launch` sets by itself is fine.

    Raises:
        UserError: all variables that would change the results, or that Accelerate could not read.
    """
    harmless = {
        "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": {"", "1"},
        "ACCELERATE_MIXED_PRECISION": {*NO, runtime.mixed_precision},
        "ACCELERATE_TORCH_DEVICE": {""},
    }
    problems = {
        name: said
        for name, said in REFUSED.items()
        if environment.get(name, "").strip().lower() not in harmless.get(name, NO)
    }
    for name in SWITCHES:
        if name in environment and environment[name].lower() not in (NO | YES) - {""}:
            problems[name] = "must be true or false"
    for name in NUMBERS:
        if name in environment and not (environment[name].isascii() and environment[name].isdigit()):
            problems[name] = "must be a number: a launcher of processes sets it"
    if "LOCAL_RANK" in environment and "WORLD_SIZE" not in environment:
        problems["LOCAL_RANK"] = "comes without WORLD_SIZE: a launcher of processes sets both"
    if problems:
        raise UserError(
            "environment",
            "the environment contradicts the recipe, which alone decides a run's numbers",
            shorten([f"{name}={environment[name][:40]}  {said}" for name, said in problems.items()]),
            f"unset {' '.join(problems)}; or leave out that option of `accelerate launch`",
        )
