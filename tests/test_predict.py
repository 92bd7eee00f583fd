"""`puzzlecam predict`: as `seg` predicts, nothing is done twice or lost, and whatever cannot be done is named."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from puzzlecam_cli.data.pixels.photo_file import size_of
from puzzlecam_cli.errors import UserError
from puzzlecam_cli.session.predict import Predicted, predict
from puzzlecam_cli.use import predict as of_network
from tests.conftest import Run
from tests.forked import acting_at, end_of, kill, start_command

CALM = ("runtime.workers=0",)


def done(model: Path, *paths: Path | str, out: Path, **more: object) -> Predicted:
    found = predict(str(model), [str(path) for path in paths], out, changes=CALM, **more)  # type: ignore[arg-type]
    assert found is not None
    return found


def pictures(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


def turned(path: Path) -> None:
    """Turn a picture by a right angle."""
    with Image.open(path) as picture:
        after = picture.transpose(Image.Transpose.ROTATE_90)
    after.save(path)


def labels_in(path: Path) -> set[int]:
    with Image.open(path) as picture:
        return set(np.unique(np.asarray(picture)).tolist())


def tags_file(run: Path, tmp_path: Path) -> Path:
    """The tags of the run's photos, as a person would write them."""
    rows = ["file,tags"]
    for file in sorted((run / "data" / "Annotations").glob("*.xml")):
        names = sorted({part.split("<")[0] for part in file.read_text().split("<name>")[1:]})
        rows.append(f"{file.stem}.jpg,{';'.join(names)}")
    path = tmp_path / "tags.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("given", ["the run", "the model file alone"])
def test_predictions_are_those_of_seg_bit_for_bit(
    given: str, finished_run: Path, model: Path, photos: Path, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")}
    found = done(finished_run if given == "the run" else model, photos, out=tmp_path / "out")
    wanted = pictures(finished_run / "seg" / "predictions" / "val")
    assert (found.made, found.kept) == (9, 0)
    assert wanted.items() <= pictures(tmp_path / "out").items()
    assert {path: path.stat().st_mtime_ns for path in finished_run.rglob("*")} == before


def test_pseudo_labels_of_training_photos_are_those_of_rw_bit_for_bit(
    finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    tags, out = tags_file(finished_run, tmp_path), tmp_path / "out"
    broken = photos / "synthetic_val_0001.jpg"
    broken.write_bytes(broken.read_bytes()[:500])
    found = done(finished_run, photos, out=out, source="pseudo", tags=str(tags))
    assert pictures(finished_run / "rw" / "pseudo_labels").items() <= pictures(out).items()
    assert list(found.unreadable) == ["synthetic_val_0001"]
    assert not list(out.rglob("*.npz"))
    kept = done(finished_run, photos, out=tmp_path / "kept", source="pseudo", tags=str(tags), keep=True)
    assert len(list((tmp_path / "kept").rglob("*.npz"))) == 2 * kept.made == 16


def test_what_is_there_is_kept_and_no_network_is_opened_for_it(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    done(model, photos, out=out)
    changed, gone = photos / "synthetic_val_0001.jpg", out / "synthetic_val_0002.png"
    turned(changed)
    gone.unlink()
    (photos / "new.jpg").write_bytes(changed.read_bytes())
    found = done(model, photos, out=out)
    assert (found.made, found.kept) == (3, 7)
    assert size_of(out / "synthetic_val_0001.png") == size_of(changed)
    monkeypatch.setattr(of_network, "open_model", None)
    assert done(model, photos, out=out).kept == 10


def test_a_prediction_killed_at_any_moment_ends_as_if_nothing_had_been(
    model: Path, photos: Path, tmp_path: Path
) -> None:
    out, log, ends = tmp_path / "out", tmp_path / "log", Counter[int]()
    command = ("predict", str(model), str(photos), "--out", str(out), "--set", CALM[0], "--confidence")
    for moment in (1, 2, 3, 5, 9, 14, 22, 200):
        ends[end_of(start_command(log, *command, before=acting_at(moment, kill)))] += 1
    assert set(ends) == {0, -signal.SIGKILL}, log.read_text()[-3000:]
    done(model, photos, out=tmp_path / "whole", confidence=True)
    assert pictures(out) == pictures(tmp_path / "whole")
    assert pictures(out / "confidence") == pictures(tmp_path / "whole" / "confidence")


def test_pseudo_labels_killed_in_between_end_as_if_nothing_had_been(
    finished_run: Path, photos: Path, tmp_path: Path
) -> None:
    """A photo that changes in between gets no label of what it was."""
    out, log, tags = tmp_path / "out", tmp_path / "log", tags_file(finished_run, tmp_path)
    command = ("predict", str(finished_run), str(photos), "--from", "pseudo", "--tags", str(tags), "--set", CALM[0])
    ends = [end_of(start_command(log, *command, "--out", str(out), before=acting_at(n, kill))) for n in (15, 25, 35)]
    assert ends == [-signal.SIGKILL] * 3, log.read_text()[-3000:]
    turned(photos / "synthetic_train_0001.jpg")
    found = done(finished_run, photos, out=out, source="pseudo", tags=str(tags))
    whole = tmp_path / "whole"
    done(finished_run, photos, out=whole, source="pseudo", tags=str(tags))
    assert found.made == 9
    assert pictures(out) == pictures(whole)


def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(model: Path, photos: Path, tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    command = ("predict", str(model), str(photos), "--out", str(out), "--set", CALM[0])
    before = acting_at(12, lambda _: os.kill(os.getpid(), signal.SIGINT))
    assert end_of(start_command(log, *command, before=before)) == 130
    assert 0 < len(pictures(out)) < 9
    assert done(model, photos, out=out).kept > 0


@pytest.mark.parametrize(
    "changes",
    [["seg.predict.flip=false"], ["seg.predict.scales=[0.5]"], ["runtime.mixed_precision=bf16"]],
    ids=["flip", "scales", "precision"],
)
def test_other_settings_in_one_folder_are_refused(
    changes: list[str], model: Path, photos: Path, tmp_path: Path
) -> None:
    one, out = photos / "synthetic_val_0001.jpg", tmp_path / "out"
    done(model, photos, out=out)
    before = pictures(out)
    with pytest.raises(UserError, match="other settings") as caught:
        predict(str(model), [str(one)], out, changes=changes)
    assert changes[0].partition("=")[0] in str(caught.value)
    assert pictures(out) == before
    if "mixed_precision" in changes[0]:  # a process keeps the one it began with
        return
    found = predict(str(model), [str(one)], out, changes=[*CALM, *changes], force=True)
    assert found is not None
    assert found.made == 1
    assert "8 earlier results of another model" in (out / ".puzzlecam" / "events.jsonl").read_text()


def test_what_a_list_of_some_photos_leaves_out_is_said(model: Path, photos: Path, tmp_path: Path) -> None:
    out, one = tmp_path / "out", photos / "synthetic_val_0001.jpg"
    done(model, photos, out=out)
    done(model, one, out=out, formats="overlay")
    assert "not in it" not in (out / ".puzzlecam" / "events.jsonl").read_text()
    done(model, one, out=out, formats="json,coco")
    assert "json and coco: of the photos named now alone; 8 others" in (out / ".puzzlecam/events.jsonl").read_text()


def test_files_of_others_are_never_overwritten(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "synthetic_val_0001.png").write_text("mine")
    for force in (False, True):
        with pytest.raises(UserError, match="not ours"):
            done(model, photos, out=out, force=force)
    assert [path.name for path in out.iterdir()] == ["synthetic_val_0001.png"]
    assert (out / "synthetic_val_0001.png").read_text() == "mine"


def test_files_of_others_are_not_overwritten_with_confidences(model: Path, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done(model, photos, out=out)
    (out / "confidence").mkdir()
    (out / "confidence" / "synthetic_val_0001.png").write_text("mine")
    with pytest.raises(UserError, match="not ours"):
        done(model, photos, out=out, confidence=True, force=True)
    assert (out / "confidence" / "synthetic_val_0001.png").read_text() == "mine"


def test_results_that_a_person_corrected_are_kept(model: Path, photos: Path, tmp_path: Path) -> None:
    out, photo = tmp_path / "out", photos / "synthetic_val_0001.jpg"
    done(model, photo, out=out)
    corrected = out / "synthetic_val_0001.png"
    turned(corrected)
    content = corrected.read_bytes()
    assert done(model, photo, out=out).kept == 1
    turned(photo)
    with pytest.raises(UserError, match="changed since"):
        done(model, photo, out=out)
    assert corrected.read_bytes() == content
    assert done(model, photo, out=out, force=True).made == 1


def test_another_photo_of_the_same_name_replaces_no_result(model: Path, photos: Path, tmp_path: Path) -> None:
    other, out = tmp_path / "tuesday", tmp_path / "out"
    other.mkdir()
    shutil.copyfile(photos / "synthetic_val_0002.jpg", other / "synthetic_val_0001.jpg")
    done(model, photos, out=out)
    with pytest.raises(UserError, match="other photos"):
        done(model, other, out=out)
    moved = photos.rename(tmp_path / "moved")
    assert done(model, moved, out=out).kept == 9


def test_photos_that_cannot_be_read_are_named_and_the_others_are_done(
    model: Path, photos: Path, tmp_path: Path, puzzlecam: Run
) -> None:
    out, whole = tmp_path / "out", (photos / "synthetic_val_0001.jpg").read_bytes()
    (photos / "synthetic_val_0001.jpg").write_bytes(whole[:400])
    (photos / "synthetic_val_0002.jpg").write_bytes(b"")
    command = ("predict", model, photos, "--out", out, "--format", "json", "--set", CALM[0])
    result = puzzlecam(*command)
    assert result.exit_code == 2
    assert result.stdout.startswith(f"7 label pictures: {out}\n")
    assert "2 of 9 photos cannot be read" in result.stderr
    assert all(name in result.stderr for name in ("synthetic_val_0001.jpg", "synthetic_val_0002.jpg"))
    assert len(json.loads((out / "predictions.json").read_text())["photos"]) == 7
    for name in ("synthetic_val_0001.jpg", "synthetic_val_0002.jpg"):
        (photos / name).write_bytes(whole)
    mended = puzzlecam(*command)
    assert (mended.exit_code, len(pictures(out))) == (0, 9), mended.output


def test_nothing_is_found_in_a_photo_but_its_tags(
    finished_run: Path, model: Path, photos: Path, tmp_path: Path
) -> None:
    tags, out = tmp_path / "tags.csv", tmp_path / "out"
    tags.write_text("file,tags\nsynthetic_val_0001.jpg,dotted\nsynthetic_val_0002.jpg,\n")
    done(model, photos, out=out, tags=str(tags), confidence=True)
    assert labels_in(out / "synthetic_val_0001.png") <= {0, 3}
    assert labels_in(out / "synthetic_val_0002.png") == {0}
    assert labels_in(out / "confidence" / "synthetic_val_0002.png") == {255}
    wanted = finished_run / "seg" / "predictions" / "val" / "synthetic_val_0003.png"
    assert (out / "synthetic_val_0003.png").read_bytes() == wanted.read_bytes()
    assert "7 photos are in no row" in (out / ".puzzlecam" / "events.jsonl").read_text()
    tags.write_text("file,tags\nsynthetic_val_0001.jpg,striped\nsynthetic_val_0002.jpg,\n")
    assert done(model, photos, out=out, tags=str(tags)).made == 1


def test_shares_of_several_processes_make_the_whole(
    model: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two shares one after the other, each with a list of its own; the next call brings the lists together."""
    from puzzlecam_cli.engine.accelerator import make_accelerator
    from puzzlecam_cli.recipe.schema import Runtime
    from puzzlecam_cli.session import predict as session
    from puzzlecam_cli.session import shares
    from puzzlecam_cli.use.results import Results

    out, runtime = tmp_path / "out", Runtime(cpu=True, workers=0)

    def spread(root: Path, *_: object) -> None:
        for rank in (0, 1):
            monkeypatch.setattr(of_network, "share", lambda items, _, rank=rank: items[rank::2])
            monkeypatch.setattr(shares, "Results", lambda root, number=0, rank=rank: Results(root, rank))
            shares.do_share(root, make_accelerator(runtime), lambda event: None)

    monkeypatch.setattr(session, "spread", spread)
    assert done(model, photos, out=out).made == 9
    assert sorted(path.name for path in (out / ".puzzlecam").glob("photos-*")) == ["photos-0.jsonl", "photos-1.jsonl"]
    assert done(model, photos, out=out).kept == 9
    assert [path.name for path in (out / ".puzzlecam").glob("photos-*")] == ["photos-0.jsonl"]


def test_all_background_is_said(model: Path, tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("file,tags\nx.jpg,\ny.jpg,dotted\n")
    Image.new("RGB", (64, 64)).save(tmp_path / "x.jpg")
    done(model, tmp_path / "x.jpg", out=tmp_path / "out", tags=str(tmp_path / "tags.csv"))
    assert "are background" in (tmp_path / "out" / ".puzzlecam" / "events.jsonl").read_text()


def test_the_command_prints_where_results_are_and_what_numbers_mean(
    model: Path, photos: Path, tmp_path: Path, puzzlecam: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = puzzlecam("predict", model, "photos/*val*", "--out", "out", "--set", CALM[0], "--format", "overlay")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "3 label pictures: out",
        "numbers in them: 0 background, 1 striped, 2 checkered, 3 dotted",
        "beside them: overlay",
    ]
