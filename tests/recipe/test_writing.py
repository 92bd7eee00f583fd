"""Recipes that are written: short, and read back as they were meant."""

from __future__ import annotations

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from puzzlecam_cli.recipe.writing import in_yaml, recipe_text

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(str.isprintable)


@settings(deadline=None, max_examples=50, derandomize=True)
@given(WORDS | st.lists(WORDS, max_size=3) | st.integers() | st.booleans() | st.none())
def test_any_value_is_written_as_it_is_read(value: object) -> None:
    assert yaml.safe_load(in_yaml(value)) == value
    assert "\n" not in in_yaml(value)


def test_keys_of_one_section_stand_together() -> None:
    text = recipe_text(
        ("about",),
        "small_photos",
        {
            "seg.crop": (96, "small photos"),
            "data.root": ("x", ""),
            "seg.predict.scales": ([1.0], "one"),
            "seg.predict.crf.iterations": (1, ""),
        },
    )
    assert text == (
        "# about\nrecipe: 1\nextends: small_photos\n"
        "seg:\n"
        "  crop: 96                         # small photos\n"
        "  predict: {scales: [1.0], crf: {iterations: 1}}  # one\n"
        "data:\n"
        "  root: x\n"
    )
