"""`puzzlecam predict --from pseudo` with a run that uses saliency: of new photos as of those it was trained on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.errors import UserError
from puzzlecam_cli.session.predict import Predicted, predict
from tests.conftest import Run
from tests.planted import CLASSES, SIZE, Farm

RIGHT = np.where(np.arange(SIZE[0]) < SIZE[0] // 2, 0, 255).astype(np.uint8)[None].repeat(SIZE[1], axis=0)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, puzzlecam: Run) -> Path:
    """A folder with photos, saliency maps of those that are trained on, and a run up to its pseudo labels."""
    home = tmp_path_factory.mktemp("made")
    farm = Farm(home)
    (home / "maps").mkdir()
    for number in range(16):
        Image.fromarray(RIGHT).save(home / "maps" / f"t{number:02}.png")
    changes = (f"saliency.folder={home / 'maps'}", "rw.background_power=2", "rw.background=0.5")
    arguments = [part for change in changes for part in ("-s", change)]
    result = puzzlecam("run-all", farm.recipe, "--run", home / "run", "--until", "rw", *arguments)
    assert result.exit_code == 0, result.output
    rows = [f"t{n:02}.jpg,{CLASSES[n % 4]}{';' + CLASSES[(n // 4 + 1) % 4] if n % 3 == 0 else ''}" for n in range(24)]
    rows += [row.replace("t", "v", 1) for row in rows]
    (home / "tags.csv").write_text("\n".join(["file,tags", *rows]))
    return home


def labelled(made: Path, photos: Path, out: Path, *changes: str) -> Predicted:
    changes = ("runtime.workers=0", *changes)
    tags = str(made / "tags.csv")
    found = predict(str(made / "run"), [str(photos)], out, source="pseudo", tags=tags, changes=changes)
    assert found is not None
    return found


def chosen(made: Path, folder: Path, *names: str) -> Path:
    folder.mkdir()
    for name in names:
        shutil.copy(made / "farm" / "JPEGImages" / f"{name}.jpg", folder)
    return folder


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def test_photos_that_were_trained_on_get_the_labels_of_rw_bit_for_bit(made: Path, tmp_path: Path) -> None:
    names = ("t00", "t03", "t07")
    found = labelled(made, chosen(made, tmp_path / "photos", *names), tmp_path / "out")
    assert found.made == 3
    wanted = {f"{name}.png": (made / "run" / "rw" / "pseudo_labels" / f"{name}.png").read_bytes() for name in names}
    assert pictures(tmp_path / "out") == wanted


def test_new_photos_need_maps_of_their_own(made: Path, tmp_path: Path) -> None:
    photos = chosen(made, tmp_path / "photos", "t00", "v16", "v17")
    with pytest.raises(UserError) as refused:
        labelled(made, photos, tmp_path / "out")
    assert refused.value.reference == "saliency-missing"
    assert refused.value.ids == ("v16", "v17")
    assert "--set saliency.folder=" in str(refused.value.hint)
    assert not (tmp_path / "out").exists()
    maps = Path(shutil.copytree(made / "maps", tmp_path / "maps"))
    for name in ("v16", "v17"):
        Image.fromarray(RIGHT).save(maps / f"{name}.png")
    folder = f"saliency.folder={maps}"
    assert labelled(made, photos, tmp_path / "out", folder).made == 3
    assert labelled(made, photos, tmp_path / "out", folder).kept == 3
    Image.fromarray(255 - RIGHT).save(maps / "v17.png")
    changed = labelled(made, photos, tmp_path / "out", folder)
    assert (changed.made, changed.kept) == (1, 2), "what was made of another map is made anew"


def test_a_map_that_cannot_be_used_is_named_and_the_others_are_made(made: Path, tmp_path: Path) -> None:
    photos = chosen(made, tmp_path / "photos", "t00", "t01")
    maps = Path(shutil.copytree(made / "maps", tmp_path / "maps"))
    Image.new("L", (5, 5)).save(maps / "t01.png")
    found = labelled(made, photos, tmp_path / "out", f"saliency.folder={maps}")
    assert found.made == 1
    assert "5 × 5 pixels, its photo 64 × 48" in found.unreadable["t01"]


def test_labels_without_saliency_need_no_maps(made: Path, tmp_path: Path) -> None:
    photos = chosen(made, tmp_path / "photos", "v16")
    assert labelled(made, photos, tmp_path / "out", "saliency.maps=0").made == 1
    assert labelled(made, photos, tmp_path / "other", "saliency.folder=null").made == 1
    assert pictures(tmp_path / "out") == pictures(tmp_path / "other")
