"""What `python -m tests.benchmarks` measures, and what is wanted. PyTorch is loaded where it is measured only."""

from __future__ import annotations

from tests.benchmarks.measure import Case
from tests.benchmarks.rows import Target

MIB = 2**20
HERE = "tests.benchmarks.methods:"
STAGES = "tests.benchmarks.stage_cases:"
PYDENSECRF = "ours is the engine `torch`, plain is pydensecrf, lattices included"


STEP = "plain is 8 times one of its 8 products of matrices in float32"


def _time(times: float) -> Target:
    return Target("time", times=times)


CASES = (
    Case("random walk", "3 maps, 32×32", f"{HERE}walk", (32, 32, "all"), (_time(30),), 1e-5),
    Case("random walk", "3 maps, 64×64", f"{HERE}walk", (64, 64, "all"), (_time(500),), 1e-5),
    Case(
        "random walk",
        "3 maps, 94×125",
        f"{HERE}walk",
        (94, 125, "step"),
        (_time(4000), Target("memory", at_most=64 * MIB)),
        1e-5,
        STEP,
    ),
    *(
        Case(
            "random walk",
            f"3 maps, {height}×{width}, {kind} edges",
            f"{HERE}walk",
            (height, width, "step", kind),
            (_time(times),),
            1e-5,
            STEP,
        )
        for height, width, times in ((64, 64, 500), (94, 125, 4000))
        for kind in ("noise", "smooth")
    ),
    Case(
        "random walk",
        "3 maps, 270×480 (1080×1920 pixels)",
        f"{HERE}walk",
        (270, 480, "none"),
        (Target("time", at_most=2), Target("memory", at_most=700 * MIB)),
        1e-5,
    ),
    Case(
        "affinity, training",
        "radius 10, 4 × 128×128",
        f"{HERE}path_affinity",
        (4, 128, 128, 10, True),
        (_time(8), Target("memory", times=2.5)),
        0,
    ),
    Case("affinity, inference", "radius 5, 94×125", f"{HERE}path_affinity", (1, 94, 125, 5, False), (_time(15),), 0),
    Case("dense CRF", "2 labels, 1 step, 375×500", f"{HERE}field", (2, 1), (_time(2 / 3),), 1e-3, PYDENSECRF),
    Case("dense CRF", "21 labels, 10 steps, 375×500", f"{HERE}field", (21, 10), (_time(2 / 3),), 1e-3, PYDENSECRF),
    Case("affinity labels", "2 CRFs, 375×500", f"{HERE}shared_lattice", (), (_time(1.15),), 0),
    Case(
        "affinity labels",
        "all but the 2 CRFs, 375×500",
        f"{STAGES}around_the_crf",
        (),
        (_time(1 / 0.03),),
        note="plain is pydensecrf alone: at most 3 % beside it",
    ),
    Case("affinity labels", "2 workers, 375×500", f"{STAGES}workers", (2, 40), (_time(1.6),), note="by the clock"),
    Case("scoring", "15 thresholds, 375×500", f"{HERE}sweep", (15,), (_time(35),), 0),
    Case("scoring", "100 thresholds, 375×500", f"{HERE}sweep", (100,), (_time(200),), 0),
    Case(
        "map file",
        "2 classes, 4 scales, 375×500",
        f"{HERE}map_file",
        (),
        (Target("file", times=70), Target("time", at_most=0.005)),
        3e-4,
    ),
    Case(
        "CAM inference",
        "ResNet-50, 375×500, mirrored",
        f"{HERE}inference",
        ("resnet50", 375, 500, False),
        (_time(1.2),),
        1e-4,
    ),
    Case(
        "CAM inference",
        "EfficientNet-Lite0, 192×256, mirrored",
        f"{HERE}inference",
        ("timm:tf_efficientnet_lite0", 192, 256, False),
        (_time(1.2),),
        1e-4,
    ),
    Case(
        "CAM inference, bf16",
        "ResNet-50, 375×500, mirrored",
        f"{HERE}inference",
        ("resnet50", 375, 500, True),
        (_time(3),),
        note="opt-in; its error with random weights says little",
    ),
    Case("CAM sums", "20 classes, 4 scales, 375×500", f"{HERE}sum_of_scales", (), (_time(15),), 0),
    Case(
        "loading",
        "40 views of 375×500, crop 512",
        f"{HERE}loading",
        (),
        (_time(2.2), Target("time", at_most=40 * 0.003)),
        1,
    ),
    Case(
        "training step",
        "EfficientNet-Lite0, 8 × 256×256",
        f"{STAGES}training_step",
        ("timm:tf_efficientnet_lite0", 256, 8, False),
        (_time(1.5),),
        1e-4,
    ),
    Case(
        "training step, bf16",
        "EfficientNet-Lite0, 8 × 256×256",
        f"{STAGES}training_step",
        ("timm:tf_efficientnet_lite0", 256, 8, True),
        (_time(1.8),),
        0.05,
    ),
    Case(
        "training step, bf16",
        "ResNet-50, 4 × 256×256",
        f"{STAGES}training_step",
        ("resnet50", 256, 4, True),
        (_time(1.8),),
        0.05,
    ),
    Case("start-up", "--help", f"{HERE}start_up", ("--help",), (Target("time", at_most=0.2),)),
    Case("start-up", "--version", f"{HERE}start_up", ("--version",), (Target("time", at_most=0.2),)),
    Case(
        "start-up",
        "wrong usage",
        f"{HERE}start_up",
        ("run-all", "--no-such-option"),
        (Target("time", at_most=0.2),),
    ),
    Case(
        "start-up",
        "wrong recipe",
        f"{HERE}start_up",
        ("run-all", "quickstart", "--set", "seg.epoch=1"),
        (Target("time", at_most=0.5),),
    ),
    Case(
        "start-up",
        "run-all quickstart --plan",
        f"{HERE}start_up",
        ("run-all", "quickstart", "--plan"),
        (Target("time", at_most=0.5),),
    ),
)
