"""What Accelerate reads from the environment never changes a run's numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accelerate.state import AcceleratorState, GradientState
from typer.testing import Result

from puzzlecam_cli.engine.accelerator import make_accelerator
from puzzlecam_cli.engine.environment import check_environment
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.recipe.schema import Runtime

LAUNCHED = {  # by `accelerate launch --cpu` 1.15 without other options
    "ACCELERATE_USE_CPU": "True",
    "ACCELERATE_MIXED_PRECISION": "no",
    "ACCELERATE_DYNAMO_BACKEND": "NO",
    "ACCELERATE_DYNAMO_MODE": "default",
    "ACCELERATE_DYNAMO_USE_FULLGRAPH": "False",
    "ACCELERATE_DYNAMO_USE_DYNAMIC": "False",
    "ACCELERATE_DYNAMO_USE_REGIONAL_COMPILATION": "False",
    "OMP_NUM_THREADS": "1",
}

REFUSED = {
    "gradients quartered": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
    "gradients divided by 0": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "0"},
    "accumulation that is no number": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "many"},
    "accumulation left to DeepSpeed": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "auto"},
    "bf16 against the recipe": {"ACCELERATE_MIXED_PRECISION": "bf16"},
    "fp16 in capitals": {"ACCELERATE_MIXED_PRECISION": "FP16"},
    "fp8": {"ACCELERATE_MIXED_PRECISION": "fp8"},
    "an unknown precision": {"ACCELERATE_MIXED_PRECISION": "int3"},
    "compiled networks": {"ACCELERATE_DYNAMO_BACKEND": "inductor"},
    "compiled networks in capitals": {"ACCELERATE_DYNAMO_BACKEND": "INDUCTOR"},
    "eager dynamo": {"ACCELERATE_DYNAMO_BACKEND": "eager"},
    "an unknown compiler": {"ACCELERATE_DYNAMO_BACKEND": "gcc"},
    "DeepSpeed": {"ACCELERATE_USE_DEEPSPEED": "true"},
    "FSDP": {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "2"},
    "Megatron": {"ACCELERATE_USE_MEGATRON_LM": "true"},
    "tensor parallelism": {"ACCELERATE_USE_PARALLELISM_CONFIG": "true", "PARALLELISM_CONFIG_TP_SIZE": "2"},
    "SageMaker": {"ACCELERATE_USE_SAGEMAKER": "true"},
    "downcast": {"ACCELERATE_DOWNCAST_BF16": "yes"},
    "another device": {"ACCELERATE_TORCH_DEVICE": "meta"},
    "a device that is none": {"ACCELERATE_TORCH_DEVICE": "tpu?"},
    "a switch that is neither": {"ACCELERATE_USE_CPU": "perhaps"},
    "an empty switch": {"ACCELERATE_USE_CPU": ""},
    "a debug mode that is neither": {"ACCELERATE_DEBUG_MODE": "2"},
    "affinity that is neither": {"ACCELERATE_CPU_AFFINITY": "cores"},
    "a world that is no number": {"WORLD_SIZE": "abc"},
    "an empty world": {"WORLD_SIZE": ""},
    "a world of -1": {"WORLD_SIZE": "-1"},
    "a rank that is no number": {"RANK": "first", "WORLD_SIZE": "2"},
    "a local rank in Arabic digits": {"LOCAL_RANK": "٣", "WORLD_SIZE": "4"},
    "half a world on this machine": {"LOCAL_WORLD_SIZE": "0.5"},
    "a rank in no world": {"LOCAL_RANK": "0"},
}

HARMLESS = {
    "nothing": {},
    "what accelerate launch sets": LAUNCHED,
    "one part": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "1"},
    "an empty accumulation": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": ""},
    "no DeepSpeed": {"ACCELERATE_USE_DEEPSPEED": "false"},
    "no FSDP": {"ACCELERATE_USE_FSDP": "0", "FSDP_SHARDING_STRATEGY": "FULL_SHARD"},
    "DeepSpeed's options without it": {"ACCELERATE_DEEPSPEED_ZERO_STAGE": "3", "ACCELERATE_GRADIENT_CLIPPING": "0.1"},
    "a compiler's options without it": {"ACCELERATE_DYNAMO_MODE": "max-autotune"},
    "fp8's options without it": {"ACCELERATE_FP8_FORMAT": "E4M3", "ACCELERATE_FP8_BACKEND": "TE"},
    "a process of a group": {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"},
}


@pytest.mark.parametrize("variables", REFUSED.values(), ids=REFUSED.keys())
def test_a_variable_that_would_change_numbers_is_refused_by_name(variables: dict[str, str]) -> None:
    with pytest.raises(UserError) as caught:
        check_environment(Runtime(), LAUNCHED | variables)
    name, value = next(iter(variables.items()))
    assert caught.value.reference == "environment"
    assert caught.value.where[0].startswith(f"{name}={value}")
    assert f"unset {name}" in str(caught.value.hint)


@pytest.mark.parametrize("variables", HARMLESS.values(), ids=HARMLESS.keys())
def test_a_variable_that_changes_nothing_is_let_through(variables: dict[str, str]) -> None:
    check_environment(Runtime(), variables)


def test_the_recipes_own_precision_is_no_contradiction() -> None:
    check_environment(Runtime(mixed_precision="bf16"), {"ACCELERATE_MIXED_PRECISION": "bf16"})


def test_all_problems_are_told_at_once_and_shortly() -> None:
    with pytest.raises(UserError) as caught:
        check_environment(Runtime(), {"WORLD_SIZE": "9" * 9000 + "x", "ACCELERATE_USE_FSDP": "true"})
    assert len(caught.value.where) == 2
    assert len(str(caught.value)) < 1000


@pytest.fixture
def fresh_state() -> Any:
    """Accelerate keeps its settings for the process."""
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    yield
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()


@pytest.mark.parametrize("setting", HARMLESS.values(), ids=HARMLESS.keys())
@pytest.mark.usefixtures("fresh_state")
def test_the_accelerator_is_the_recipes(setting: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in setting.items():
        if "RANK" not in name and "WORLD" not in name:
            monkeypatch.setenv(name, value)
    accelerator = make_accelerator(Runtime(cpu=True))
    assert accelerator.gradient_accumulation_steps == 1
    assert accelerator.mixed_precision == "no"
    assert accelerator.device.type == "cpu"
    assert accelerator.num_processes == 1
    assert accelerator.state.dynamo_plugin.backend.value == "NO"


def test_a_command_refuses_with_exit_code_2(
    puzzlecam: Callable[..., Result], tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")
    result = puzzlecam("train-cls", tiny_recipe, "--run", tmp_path / "run")
    assert result.exit_code == 2
    assert "ACCELERATE_GRADIENT_ACCUMULATION_STEPS=4" in result.stderr
    assert not (tmp_path / "run/train-cls/model.safetensors").exists()
