"""Tags that were misspelt become classes of their own: they are named with what they are like, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from puzzlecam_cli.run.check_data import about_tags
from puzzlecam_cli.run.checked import Checked
from puzzlecam_cli.run.find_in_tags import misspelt, rarely_tagged
from puzzlecam_cli.run.finding import Tagged
from puzzlecam_cli.run.pipeline import all_steps
from puzzlecam_cli.stages import PIPELINE
from tests.run.shares import run_of, settled, write_photos
from tests.ways_in.test_data_check import tagged


def counted(**counts: int) -> Tagged:
    """So many photos of each class (`_`: a blank)."""
    names = [name.replace("_", " ") for name in counts]
    texts = [name.replace(" ", "~") for name, count in zip(names, counts.values(), strict=True) for _ in range(count)]
    return tagged(texts, names=names)


# photos of each class; which is said to be nearly like which
MISSPELT: dict[str, tuple[dict[str, int], str]] = {
    "a letter more": ({"sheep": 18, "sheepx": 1}, "`sheepx` (1 photo) is written nearly like `sheep` (18 photos)"),
    "the plural": ({"cow": 12, "cows": 2}, "`cows` (2 photos) is written nearly like `cow` (12 photos)"),
    "a letter less": ({"sheep": 9, "shep": 1}, "`shep` (1 photo) is written nearly like `sheep`"),
    "another letter": ({"sheep": 9, "shaep": 1}, "`shaep` (1 photo) is written nearly like `sheep`"),
    "two letters that changed places": ({"horse": 9, "hosre": 1}, "`hosre` (1 photo) is written nearly like `horse`"),
    "in capitals": ({"cow": 9, "Cows": 1}, "`Cows` (1 photo) is written nearly like `cow`"),
    "in one of two words": ({"potted_plant": 9, "poted_plant": 1}, "`poted plant` (1 photo) is written nearly like"),
    "two words joined": ({"potted_plant": 9, "potedplant": 1}, "`potedplant` (1 photo) is written nearly like"),
    "often, in a large set": ({"sheep": 400, "sheeps": 30}, "`sheeps` (30 photos) is written nearly like `sheep`"),
    "beside a class that is less like it": (
        {"cat": 8, "cats": 1, "cart": 40}, "`cats` (1 photo) is written nearly like `cat` (8 photos)"
    ),
    "several, one sentence": (
        {"cow": 9, "cows": 1, "sheep": 9, "sheepx": 1},
        "`cows` (1 photo) is written nearly like `cow` (9 photos); `sheepx` (1 photo) is written nearly like `sheep`",
    ),
    "as many photos": ({"horse": 9, "house": 9}, ""),
    "fewer, but not much": ({"horse": 18, "house": 4}, ""),
    "a class of its own, with a hundred photos": ({"car": 700, "cart": 100}, ""),
    "both on few photos": ({"sheep": 2, "sheepx": 1}, ""),
    "short names": ({"cat": 18, "car": 1, "cow": 1, "can": 1}, ""),
    "short names, one often": ({"cow": 90, "car": 1, "cat": 1}, ""),
    "another first letter": ({"lemon": 90, "melon": 1, "female": 90, "male": 1}, ""),
    "numbers": ({"type_1": 90, "type_2": 1, "grade12": 90, "grade13": 1}, ""),
    "letters for numbers": ({"type_a": 90, "type_b": 1}, ""),
    "one word the same": ({"traffic_light": 90, "traffic_sign": 1}, ""),
    "a word more": ({"traffic_light": 90, "light": 1}, ""),
    "a class without a photo": ({"sheep": 18, "sheepx": 0}, ""),
}  # fmt: skip


@pytest.mark.parametrize(("counts", "words"), MISSPELT.values(), ids=MISSPELT)
def test_a_rare_class_written_nearly_like_another_is_named_with_it(counts: dict[str, int], words: str) -> None:
    told = list(misspelt(counted(**counts)))
    assert [one.said.startswith(words) for one in told] == [True] * bool(words), told
    assert all("correct the tags" in one.hint and "`data.unlisted: ignore`" in one.hint for one in told)


def test_a_misspelt_tag_of_val_alone_is_named() -> None:
    (one,) = misspelt(tagged(["cow"] * 8, ["cow", "cows"], ["cow", "cows"]))
    assert (one.said, one.ids) == ("`cows` (1 photo) is written nearly like `cow` (9 photos)", ("v1",))


def test_the_remedy_of_a_rare_class_names_the_settings() -> None:
    (one,) = rarely_tagged(counted(cow=9, sky=1))
    assert "`data.classes: FILE`" in one.hint
    assert "`data.unlisted: ignore`" in one.hint


def test_it_is_a_fact_at_the_start_of_a_run(tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos")
    tags = photos / "tags.csv"
    tags.write_text(tags.read_text().replace("p07.jpg,cat", "p07.jpg,catt"))
    run = run_of(photos)
    settled(run)
    facts = list(about_tags(Checked(run, all_steps(PIPELINE), 1, None, 0)))
    assert "`catt` (1 photo) is written nearly like `cat` (9 photos)" in facts
