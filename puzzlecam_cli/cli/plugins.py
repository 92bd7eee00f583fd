"""`puzzlecam plugins`: what is installed, and a plugin of one's own to start from."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from puzzlecam_cli.cli.options import JsonOption
from puzzlecam_cli.errors import LINE, UserError, printable

plugins = typer.Typer(help="List backbones, kinds of data, CRF engines and saliency methods; begin one of your own.")


@plugins.callback(invoke_without_command=True)
def list_(
    context: typer.Context,
    as_json: JsonOption = False,
    check: Annotated[bool, typer.Option("--check", help="Load each, to see which are broken: exit code 2.")] = False,
) -> None:
    """List all plugins and what comes along, by kind; without --check none is imported."""
    if context.invoked_subcommand:
        return
    from puzzlecam_cli.registry import listed, not_installed
    from puzzlecam_cli.text import are, several, shell
    from puzzlecam_cli.view.lines import say

    found = listed(check=check)
    if as_json:
        print(json.dumps([plugin._asdict() for plugin in found], indent=1))
    else:
        for plugin in found:
            row = f"{plugin.kind:9} {plugin.name:20} {plugin.distribution} {plugin.version}"
            row += f"   × {plugin.error}" if plugin.error else ""
            say(row, hang=31, most=2 * LINE, stream=sys.stdout)
    for folder in sorted(set(not_installed().values())):
        say(f"not installed: {folder.name}: python -m pip install {shell(str(folder))}")
    if check and not any(plugin.error for plugin in found):
        say(f"{several(len(found), 'plugin')}: none is broken")
    if check and (broken := [plugin for plugin in found if plugin.error]):
        sys.stdout.flush()
        where = tuple(f"{plugin.kind} {plugin.name}: {plugin.error}" for plugin in broken)
        raise UserError(
            "plugin-broken",
            f"{several(len(broken), 'plugin')} {are(len(broken))} broken",
            where,
            "repair or remove them: python -m pip uninstall DISTRIBUTION; the others can be used all the same",
        )


@plugins.command("new")
def new(
    name: Annotated[str, typer.Argument(help="Of the distribution, e.g. puzzlecam-mine: the plugin is called `mine`.")],
    folder: Annotated[
        str | None, typer.Argument(metavar="DIR", help="To be made. \\[NAME]", show_default=False)
    ] = None,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="backbone, dataset, crf or saliency.")
    ] = "backbone",
) -> None:
    """Write a working distribution to start from: package, test, README. It passes its own test at once."""
    from puzzlecam_cli.session.new_plugin import new_plugin
    from puzzlecam_cli.text import shell

    path = new_plugin(name, kind, folder)
    print(printable(str(path), 5000), flush=True)
    there, with_test = (printable(shell(text), 5000) for text in (str(path), f"{path}[test]"))
    print(f"written {there}: package, test, README", file=sys.stderr)
    print(f"\nnext: python -m pip install -e {with_test}\n      python -m pytest {there}", file=sys.stderr)
