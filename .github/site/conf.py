"""The pages of `puzzlecam docs` as a static site: `sphinx-build -W -c .github/site puzzlecam_cli/docs SITE`."""

from pathlib import Path

from sphinx.application import Sphinx

project = "puzzlecam"
extensions = ["myst_parser"]
html_theme = "furo"
root_doc = "index"
exclude_patterns = ["*.ipynb"]
myst_heading_anchors = 3
html_copy_source = False


def add_contents(app: Sphinx, name: str, text: list[str]) -> None:
    """The index lists all pages in prose; for the side bar Sphinx wants a table of contents."""
    if name == root_doc:
        pages = sorted(path.stem for path in Path(app.srcdir).glob("*.md") if path.stem != root_doc)
        text[0] += "\n".join(["\n```{toctree}", ":hidden:", "", *pages, "```", ""])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", add_contents)
