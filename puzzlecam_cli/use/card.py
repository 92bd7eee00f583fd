"""A model card in the hub's form, YAML in front, then Markdown: nothing that a file of the run does not back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from puzzlecam_cli.errors import printable, shorten
from puzzlecam_cli.registry import BACKBONES, distribution_of, installed
from puzzlecam_cli.text import several
from puzzlecam_cli.use.card_facts import Facts, in_yaml, scrubbed, shareable_recipe
from puzzlecam_cli.use.hub import MODEL
from puzzlecam_cli.view.markdown import markdown_table
from puzzlecam_cli.view.scores import HEADER, said_of_making, score_notes, score_rows
from puzzlecam_cli.view.words import duration

WEAK = 0.5  # IoU below which a class is named among the limits
TAGS = ("image-segmentation", "semantic-segmentation", "weakly-supervised", "puzzle-cam")
CITATION = """\
```bibtex
@inproceedings{jo2021puzzle,
  title     = {Puzzle-CAM: Improved localization via matching partial and full features},
  author    = {Jo, Sanghyun and Yu, In-Jae},
  booktitle = {IEEE International Conference on Image Processing (ICIP)},
  year      = {2021}
}
```"""


def card_of(facts: Facts, name: str, *, repository: str | None = None, licence: str | None = None) -> str:
    """The text of a card.

    Args:
        name: the model's.
        repository: `owner/name` on the hub; None: it is not there, and the model is a file.
        licence: of the model, by the hub's name; None: nobody chose one.
    """
    title = " ".join(printable(name).split()) or "model"
    sections = (
        ("", _what(facts)),
        ("Classes", _classes(facts)),
        ("Data", _data(facts)),
        ("Supervision", _supervision(facts)),
        ("Scores", _measured(facts)),
        ("Limits", _limits(facts)),
        ("How to use", _use(facts, repository)),
        ("Licence", _licences(facts, licence)),
        ("Recipe", _recipe(facts)),
        ("Made with", _made_with(facts)),
        ("Citation", [CITATION]),
    )
    lines = ["---", _front(facts, title, licence), "---", "", f"# {_plain(title).replace('<', '&lt;')}"]
    for heading, text in sections:
        lines += ["", f"## {heading}", ""] if heading else [""]
        lines += text
    return "\n".join(lines) + "\n"


def _front(facts: Facts, title: str, licence: str | None) -> str:
    """What the hub reads. `datasets` is left out: it links to data sets of the hub, and a folder's name is none."""
    backbone = re.sub(r"[^A-Za-z0-9_.-]+", "-", facts.description.backbone)
    front: dict[str, Any] = {
        "license": licence or "unknown",
        "library_name": "puzzlecam",
        "pipeline_tag": "image-segmentation",
        "tags": ["puzzlecam", *TAGS, backbone],
    }
    if (predicted := _predictions(facts)) is not None:
        metrics = [{"type": "mean_iou", "value": round(predicted["miou"], 4), "name": "mIoU, background included"}]
        kind, split = facts.recipe.data.kind, predicted["split"]
        result = {
            "task": {"type": "image-segmentation", "name": "Semantic segmentation"},
            "dataset": {"type": kind, "name": _data_name(facts), "split": split},
            "metrics": metrics,
        }
        front |= {"metrics": ["mean_iou"], "model-index": [{"name": title, "results": [result]}]}
    return in_yaml(front).rstrip("\n")


def _data_name(facts: Facts) -> str:
    root = getattr(facts.recipe.data, "root", None)
    return str(scrubbed(root)) if isinstance(root, Path) and root.name else facts.recipe.data.kind


def _predictions(facts: Facts) -> dict[str, Any] | None:
    results = facts.scores["results"] if facts.scores else []
    found = [result for result in results if result["what"] == "predictions" and result["miou"] is not None]
    return found[0] if found else None


def _what(facts: Facts) -> list[str]:
    """What it is, and its main figure."""
    count, recipe = len(facts.description.classes), facts.recipe
    puzzle, crf = recipe.train_cls.puzzle.is_used, recipe.rw.crf.iterations > 0
    said = [
        f"Semantic segmentation of photos into {several(count, 'class')} and background, learned from image-level "
        f"tags: a classifier, trained {'with' if puzzle else 'without'} the losses of "
        "[Puzzle-CAM](https://arxiv.org/abs/2101.11253), finds the pixels that speak for each tag, a random walk"
        f"{' and a dense CRF make' if crf else ' makes'} pseudo labels of them, and this network, DeepLabv3+ over "
        f"{_code(facts.description.backbone)}, learned from those. To predict it needs no tags."
    ]
    if (predicted := _predictions(facts)) is not None:
        said += ["", f"**mIoU {predicted['miou']:.3f}** on {_images(predicted)} ({_seeds(facts)})."]
    return said


def _images(result: Mapping[str, Any]) -> str:
    return f"{several(result['images'], 'photo')} of {_code(result['split'])}"


def _code(text: str) -> str:
    """Text of the data inside a sentence: nothing in it is Markdown."""
    return f"`{printable(text).replace('`', chr(39))}`"


def _plain(text: str) -> str:
    """Text of the data outside of sentences: none of it is a link, a picture, code or emphasis."""
    return re.sub(r"[`*\[\]~]|\\(?!\w)|(?<!\w)_|_(?!\w)", r"\\\g<0>", text)  # inside a word `_` is itself


def _prose(text: str, most: int = 600) -> str:
    """Sentences that may hold code and addresses, but no HTML and no pictures."""
    return printable(text, most).replace("<", "&lt;").replace("![", "\\!\\[").replace("](", "\\](")


def _seeds(facts: Facts) -> str:
    return f"one seed, {facts.recipe.seed}"


def _classes(facts: Facts) -> list[str]:
    """Number, name, colour, and how well it is found."""
    named = ("background", *facts.description.classes)
    predicted = _predictions(facts)
    rows = []
    for number, (name, colour) in enumerate(zip(named, facts.description.colours, strict=True)):
        row = [str(number), _plain(name), "#{:02x}{:02x}{:02x}".format(*colour)]
        if predicted is not None:
            iou = predicted["iou"].get(name)
            row.append("–" if iou is None else f"{iou:.3f}")
        rows.append(row)
    heading = ["number", "class", "colour", *([f"IoU on {_code(predicted['split'])}"] if predicted else [])]
    return markdown_table(heading, rows)


def _data(facts: Facts) -> list[str]:
    kind = facts.recipe.data.kind
    lines = [f"{_code(_data_name(facts))}, data of the kind `{kind}`; the photos do not come with the model.", ""]
    known = {None: "", 0: "; none of them was trained on"}
    seen = known.get(facts.seen, f"; {facts.seen} of them were trained on as well")
    purpose = {"train": "trained on, by their tags", "val": f"predicted at the end{seen}"}
    rows = [(split, purpose[which], f"{count:,}") for which, (split, count) in facts.photos.items()]
    lines += markdown_table(("split", "used for", "photos"), rows)
    tags = facts.scores.get("tags") if facts.scores else None
    if tags:
        each = f"{tags['tags'] / tags['photos']:.2f} a photo" if tags["photos"] else ""
        without = f"; {several(tags['photos_without'], 'photo')} without one" if tags["photos_without"] else ""
        lines += ["", f"{several(tags['tags'], 'tag')} of {several(tags['classes'], 'class')}, {each}{without}."]
    gone = [f"{number:,} of {_code(split)}" for split, number in facts.left_out.items() if number]
    lines += ["", f"Left out, missing or unreadable: {', '.join(gone)}." if gone else "No photo was left out."]
    return lines


def _supervision(facts: Facts) -> list[str]:
    said = facts.description.supervision
    names = {"tags": "Tags", "masks": "Masks", "saliency": "Saliency", "first_weights": "First weights"}
    return [f"- **{name}**: {_prose(said[key])}." for key, name in names.items() if said.get(key)]


def _measured(facts: Facts) -> list[str]:
    """All scores with how they were come by."""
    if facts.scores is None:
        old = "There are scores of earlier predictions, which are left out." if facts.outdated else ""
        return [" ".join(["Not measured: there were no masks to score with, or `eval` has not run.", old]).strip()]
    results = facts.scores["results"]
    lines = [
        "mIoU over all photos of a split, background included; classes that neither masks nor results hold are left "
        "out of the mean. FP and FN: what is wrongly taken for a class, and what is missed of it, as shares of the "
        "union of mask and result, averaged over the classes.",
        "",
        *markdown_table(HEADER, score_rows(facts.scores)),
        "",
    ]
    for result in results:
        if result["what"] == "predictions":
            views = facts.recipe.seg.predict
            scales = ", ".join(f"{scale:g}" for scale in views.scales)
            last = "dense CRF" + "; regions decide together which objects they are" * bool(views.region_power)
            lines.append(
                f"- Predictions are without tags, at {'scales' if len(views.scales) > 1 else 'scale'} {scales}"
                f"{', mirrored as well' if views.flip else ''}, {'with' if result['crf'] else 'without'} a {last}."
            )
    if any(str(result["threshold_from"]).startswith("masks") for result in results):
        lines.append(
            "- CAM and CAM + RW are given at the threshold that is best on the very masks they are scored on: a little "
            "too good. Pseudo labels are cut where the recipe says (auto: each photo where its own scores divide)."
        )
    lines.append(f"- {_spread(facts)}")
    lines += [f"- {_prose(note, 2000)}" for note in score_notes(facts.scores)]
    if facts.outdated:
        lines.append("- Some scores are of what was made before, and left out.")
    return lines


def _spread(facts: Facts) -> str:
    if (spread := facts.spread) is None:
        return f"All are of {_seeds(facts)}: the spread over seeds is not known."
    seeds = ", ".join(str(seed) for seed in spread["seeds"])
    return (
        f"Predictions are of {_seeds(facts)}. Over seeds {seeds} the maps (CAM) score {spread['mean']:.3f} ± "
        f"{spread['sd']:.3f} on {_images(spread)} (mean ± standard deviation)."
    )


def _limits(facts: Facts) -> list[str]:
    names = facts.description.classes
    lines = [
        "- Tags say what is in a photo, not where it ends: where a thing and its surroundings are always seen together "
        "(cows and grass), a mask may be of both, and of a thing that is known by one part, of that part alone.",
        f"- It knows {'this class' if len(names) == 1 else f'these {len(names)} classes'} only: anything else becomes "
        "background, or what it looks most like. Things of one class that touch are one region.",
    ]
    if (predicted := _predictions(facts)) is None:
        lines.append("- Its predictions were never compared with masks: look at some before you rely on them.")
        return lines
    lines.append(
        f"- It was measured on {_images(predicted)}, of the same origin as those it was trained on. How it does on "
        "other photos is not known."
    )
    known = {name: iou for name, iou in predicted["iou"].items() if name != "background" and iou is not None}
    if weak := [f"{_code(name)} ({iou:.2f})" for name, iou in sorted(known.items(), key=_by_iou) if iou < WEAK]:
        lines.append(f"- Weak classes, IoU below {WEAK:g}: {', '.join(shorten(weak, 12))}.")
    if never := [_code(name) for name in names if predicted["iou"].get(name) is None]:
        lines.append(
            f"- Neither seen nor predicted in {_code(predicted['split'])}, so not measured: "
            f"{', '.join(shorten(never, 12))}."
        )
    return lines


def _by_iou(item: tuple[str, float]) -> float:
    return item[1]


def _use(facts: Facts, repository: str | None) -> list[str]:
    """Commands that can be typed as they are."""
    model = f"hf://{repository}" if repository else MODEL
    needs = ["puzzlecam-cli[hub]" if repository else "puzzlecam-cli", *_plugin(facts)]
    return [
        "```sh",
        f"python -m pip install {' '.join(repr(need) if '[' in need else need for need in needs)}",
        f"puzzlecam predict {model} PHOTOS --out masks     # files or folders; a palette PNG for each",
        "```",
        "",
        "```python",
        "from puzzlecam_cli import load_model",
        "",
        f'model = load_model("{model}")',
        'prediction = model.predict("photo.jpg")',
        "prediction.labels           # (H, W) uint8: the numbers of the table above",
        "prediction.probabilities    # (C + 1, H, W) float32",
        "```",
        "",
        f"Input is RGB, divided by 255, less the mean {_numbers(facts.description.mean)}, divided by "
        f"{_numbers(facts.description.std)}; both commands see to that, to any size, and to the scales above.",
    ]


def _numbers(values: tuple[float, ...]) -> str:
    return f"({', '.join(f'{value:g}' for value in values)})"


def _plugin(facts: Facts) -> list[str]:
    """The distribution that brings the backbone, where that is not this one."""
    entry = installed(BACKBONES).get(facts.description.backbone)
    brought = distribution_of(entry).split()[0] if entry is not None else "?"
    return [] if brought in ("puzzlecam-cli", "?") else [brought]


def _licences(facts: Facts, licence: str | None) -> list[str]:
    said = f"- **The model**: {f'`{licence}`' if licence else 'none was chosen, so ask its author before you use it'}."
    first = facts.description.supervision.get("licence")
    return [said, *([f"- **The first weights**: {_prose(first)}."] if first else [])]


def _recipe(facts: Facts) -> list[str]:
    """All values, in a part that opens."""
    text = in_yaml(shareable_recipe(facts.recipe)).rstrip("\n")
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
    shown = "All values, every default written out; of paths only the last name"
    return [f"<details><summary>{shown}</summary>", "", f"{fence}yaml", text, fence, "", "</details>"]


def _made_with(facts: Facts) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in facts.versions.items())
    day = facts.trained.partition("T")[0]
    took = f", {duration(facts.seconds)} for all stages" if facts.seconds else ""
    made = said_of_making(facts.made_with)
    return [f"{versions}. {f'Trained {day}{took}. ' * bool(day)}{made}".rstrip()]
