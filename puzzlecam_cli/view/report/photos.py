"""A sample of photos, each with all that was made of it; a slider blends what lies over them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from puzzlecam_cli.data.pixels.colours import voc_colour
from puzzlecam_cli.use.photo_row import CAM, PREDICTION, PSEUDO_LABEL, TRUTH, WALKED, Panel, PhotoRow
from puzzlecam_cli.use.report.facts import Facts
from puzzlecam_cli.use.report.sample import Shown
from puzzlecam_cli.view.html.markup import Child, Html, data, data_uri, tag
from puzzlecam_cli.view.photo_row import caption, ground
from puzzlecam_cli.view.pictures import layer_of_labels, layer_of_scores, sized

SIDE = 320  # pixels of a photo's longer side in the page
MAP_SIDE = 160  # of a map: it has no finer detail
QUALITY = 76
HALF = 3  # pictures up to which two photos stand side by side, where there is room
MOST_BYTES = 5_500_000  # of all rows
PARTS = {"train": "trained on", "val": "new to the network"}
RANKS = {"best": "best", "median": "median", "worst": "worst"}


def photos(facts: Facts) -> tuple[list[Child], int]:
    """The controls and the rows, and how many rows were left out for their size."""
    if not facts.photos or facts.classes is None:
        return [], 0
    rows: dict[str, list[Html]] = {}
    size, drawn_so_far, seen = 0, 0, set()
    for number, shown in enumerate(facts.photos):
        drawn = _row(number, shown, facts.classes)
        size += len(drawn)
        if size > MOST_BYTES:
            break
        rows.setdefault(shown.part, []).append(drawn)
        drawn_so_far += 1
        seen |= set(shown.row.classes)
    controls = _controls(
        facts, [(index, facts.classes[index - 1]) for index in sorted(seen) if index <= len(facts.classes)]
    )
    empty = tag("p", "No photo fits these filters.", class_="empty", id="none", hidden=True)
    splits = {shown.part: shown.split for shown in facts.photos}
    groups = [
        tag("div", tag("h3", data(splits[part]), f": {PARTS[part]}"), tag("div", found, class_="rows"), class_="group")
        for part, found in rows.items()
    ]
    more = tag("button", "Show all photos", type="button", id="more", hidden=True)
    return [controls, *groups, empty, more], len(facts.photos) - drawn_so_far


def _controls(facts: Facts, classes: Sequence[tuple[int, str]]) -> Html:
    """They work by a script, and are hidden without it."""
    splits = list(dict.fromkeys((shown.part, shown.split) for shown in facts.photos))
    ranks = [rank for rank in RANKS if any(shown.rank == rank for shown in facts.photos)]
    blend = tag(
        "label",
        tag("span", "photo ", tag("output", "65 %", id="blend-said", for_="blend"), " maps and labels"),
        tag(
            "input",
            type="range",
            id="blend",
            min=0,
            max=100,
            value=65,
            step=1,
            aria_label="Opacity of maps and labels over the photo",
        ),
        class_="blend",
    )
    selects = [
        _select("class", "Class", [("", "all classes"), *((str(index), name) for index, name in classes)]),
        _select("part", "Photos", [("", "all photos"), *((part, f"{split}: {PARTS[part]}") for part, split in splits)]),
    ]
    if ranks:
        selects.append(_select("rank", "Rank", [("", "any"), *((rank, RANKS[rank]) for rank in ranks)]))
    count = tag("p", id="count", class_="count", role="status", aria_live="polite")
    return tag("form", blend, selects, count, class_="controls", id="controls", aria_label="Look at photos")


def _select(name: str, label: str, options: Sequence[tuple[str, str]]) -> Html:
    entries = [tag("option", text, value=value) for value, text in options]
    return tag("label", tag("span", label), tag("select", entries, id=f"by-{name}"))


def _row(number: int, shown: Shown, classes: tuple[str, ...]) -> Html:
    row = shown.row
    photo = sized(ground(row), SIDE)
    uri = data_uri(photo, "webp", quality=QUALITY)
    frames = [_frame(f"photo {row.id}", "photo" if row.photo else "the photo is not there", None)]
    frames += [_frame(_alt(panel, classes), _caption(panel, row, classes), _layer(panel)) for panel in row.panels]
    head = tag(
        "header",
        tag("h3", data(row.id), title=row.id),
        tag("span", RANKS[shown.rank], class_=f"chip rank {shown.rank}") if shown.rank else None,
        tag(
            "span",
            f"IoU {100 * shown.iou:.0f}",
            class_="chip",
            title="mean over the classes in it, background included",
        )
        if shown.iou is not None
        else None,
        _tags(row, classes),
    )
    style = f"--photo:url({uri});--shape:{photo.width}/{photo.height}"
    names = " ".join(map(str, row.classes))
    return tag(
        "article",
        head,
        tag("div", frames, class_="panels"),
        class_="photo half" if len(frames) <= HALF else "photo",
        style=style,
        data_classes=names,
        data_part=shown.part,
        data_rank=shown.rank,
    )


def _frame(alt: str, words: Child, layer: str | None) -> Html:
    inside = tag("img", src=layer, alt=alt, class_="layer") if layer else None
    named = {} if layer else {"role": "img", "aria_label": alt}
    return tag("figure", tag("div", inside, class_="frame", **named), tag("figcaption", words))


def _layer(panel: Panel) -> str:
    if panel.labels is not None:
        return data_uri(layer_of_labels(panel.labels, SIDE), "png", optimize=True, transparency=0)
    assert panel.scores is not None
    layer = layer_of_scores(panel.classes, panel.scores)
    if max(layer.size) > MAP_SIDE:
        layer = layer.resize(_within(layer.size, MAP_SIDE), Image.Resampling.BILINEAR)
    return data_uri(layer, "webp", quality=70, alpha_quality=70)


def _within(size: tuple[int, int], side: int) -> tuple[int, int]:
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _alt(panel: Panel, classes: tuple[str, ...]) -> str:
    found = [classes[index - 1] for index in panel.classes if index <= len(classes)]
    return f"{panel.what} over the photo: {', '.join(found) or 'background only'}"


def _caption(panel: Panel, row: PhotoRow, classes: tuple[str, ...]) -> Child:
    if panel.is_of_one_class and len(row.tags or ()) > 1:
        return ["CAM ", data(caption(panel, classes, plain=False).partition(": ")[2])]
    return {CAM: "CAM", WALKED: "walked", PSEUDO_LABEL: "pseudo label", PREDICTION: "prediction", TRUTH: "truth"}[
        panel.what
    ]


def _tags(row: PhotoRow, classes: tuple[str, ...]) -> Html:
    """The tags in their colours, then what was found without being tagged."""
    entries = []
    for index in row.classes:
        if index > len(classes):
            continue
        is_tag = row.tags is not None and index in row.tags
        red, green, blue = voc_colour(index)
        swatch = tag("i", class_="swatch", style=f"background:rgb({red},{green},{blue})", aria_hidden="true")
        note = None if is_tag or row.tags is None else tag("small", " not tagged")
        entries.append(tag("li", swatch, data(classes[index - 1]), note, class_="" if is_tag else "found"))
    return tag("ul", entries, class_="tags", aria_label="tags")
