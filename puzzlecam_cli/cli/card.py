"""`card`: a model card, and the hub."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import RunArgument
from puzzlecam_cli.errors import UserError, printable

OutOption = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file. \\[stdout]")]
PushOption = Annotated[
    str | None,
    typer.Option("--push-to-hub", metavar="OWNER/NAME", help="Put model, card, recipe and scores there; no photo."),
]
PrivateOption = Annotated[bool, typer.Option("--private", help="With --push-to-hub: for nobody else.")]
LicenceOption = Annotated[
    str | None, typer.Option("--licence", metavar="ID", help="Of the model, as the hub calls it: mit, cc-by-4.0, ...")
]


def card(
    run: RunArgument,
    out: OutOption = None,
    push_to_hub: PushOption = None,
    private: PrivateOption = False,
    licence: LicenceOption = None,
) -> None:
    """Write a model card: data, supervision, scores with their protocol, limits, licence, use.

    Nothing is in it that the run's files do not say; of the recipe's paths it shows the last name only.
    """
    from puzzlecam_cli.recipe.writing import write_text_file
    from puzzlecam_cli.run.opened import model_of
    from puzzlecam_cli.run.run import Run
    from puzzlecam_cli.use.hub import check_extra, read_reference, the_hub
    from puzzlecam_cli.use.licence import check_licence
    from puzzlecam_cli.view.lines import say
    from puzzlecam_cli.view.telling import Teller
    from puzzlecam_cli.view.words import size

    if private and not push_to_hub:
        raise UserError("usage", "--private is for --push-to-hub", hint="--push-to-hub OWNER/NAME --private")
    licence = check_licence(licence) if licence is not None else None
    repository = None
    if push_to_hub is not None:
        reference = read_reference(push_to_hub)
        if reference.revision:
            raise UserError("hub-name", "a model is put on the main branch", hint=f"leave out @{reference.revision}")
        repository = reference.repository
        check_extra()
    if out is not None and os.path.lexists(out):
        raise UserError("file-exists", f"{out} is there already", hint="--out names another file")
    found = Run.of(Path(run))
    model_of(found.folder.root)  # what is wrong with it is told before PyTorch is loaded
    if "torch" not in sys.modules:
        Teller().now("loading PyTorch")
    from puzzlecam_cli.use.card import card_of
    from puzzlecam_cli.use.card_facts import facts_of
    from puzzlecam_cli.use.published import hub_files

    facts = facts_of(found)
    name = repository.partition("/")[2] if repository else Path(run).resolve().name
    text = card_of(facts, name, repository=repository, licence=licence)
    if out is not None:
        write_text_file(out, text)
        say(f"written {out}")
    if licence is None and (out is not None or repository is not None):
        say("note: no licence is chosen, and the card says so: --licence ID names one")
    if repository is None:
        if out is None:
            print(text, end="")
        return
    files = hub_files(facts, text)
    bytes_ = sum(len(file) if isinstance(file, bytes) else file.stat().st_size for file in files.values())
    whose = "private" if private else "as public as the owner's settings say"
    say(f"to hf://{repository} ({whose}): {', '.join(files)}; {size(bytes_)}")
    print(printable(the_hub().push(files, repository, private=private)))
