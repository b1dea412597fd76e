"""Decks for a lecture from the slide metadata of the notebooks: what `make slides` runs.

python tools/slides.py            all of notebooks/[0-9]*.ipynb, each as slides/NAME.html
python tools/slides.py 01         those whose name starts with 01

A deck is one file that needs nothing else: reveal.js, the font and every figure are inside. It opens from a stick,
without a kernel and without a network. Nothing is run here; a deck shows what its notebook has stored.

The slide types mean what they mean in Jupyter. What a cell becomes:
- prose, figures with their alt text, tables and printed text are shown;
- code is shown where it is short and the point itself, or tagged `method`; all code of a page waits behind the key C;
- a cell tagged `presenter` is a speaker note (key S), the first of a section on each of its pages that has none; each
  page says when its section should end, and the first has the plan of the whole lecture;
- a live control gives way to a still picture of its section;
- the stubs and checks of exercises are left out.
A page that would be too full is continued on a next one (see deck_layout), so that text stays readable. Each page says
which section it belongs to.
"""

import re
import sys
from base64 import b64encode
from html import unescape
from pathlib import Path

import nbformat
from jinja2 import Environment, FileSystemLoader

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools import instructors
from tools.deck_blocks import DeckFailed, blocks_of, slide_type
from tools.deck_layout import fit

ROOT = Path(__file__).resolve().parents[1]
DECK, VENDOR = ROOT / "tools/deck", ROOT / "tools/vendor"


# --- a notebook as columns of pages ---


def columns(notebook, name=""):
    """The deck as reveal shows it: a list of slides, each a list of pages, each a list of blocks."""
    deck, step = [], 0
    for cell in notebook.cells:
        kind = slide_type(cell)
        if kind == "skip":
            continue
        if kind == "slide" or not deck:
            deck.append([[]])
        elif kind == "subslide":
            deck[-1].append([])
        if kind in ("slide", "subslide"):
            step = 0
        step += kind == "fragment"
        for block in blocks_of(cell, name):
            block.step = step
            deck[-1][-1].append(block)
    if not deck:
        raise DeckFailed(f"{name}: no cell is a slide")
    return [without_dead_controls(slide, name) for slide in deck]


def without_dead_controls(slide, name):
    """A live control goes, and the still picture nearest to it says that it can be moved in the notebook.

    A page that is left with nothing to see joins its neighbour, with its notes and code.
    """
    flat = [block for page in slide for block in page]
    stills = [place for place, block in enumerate(flat) if block.kind == "figure"]
    for place, block in enumerate(flat):
        if block.kind == "live":
            if not stills:
                raise DeckFailed(
                    f"{name}: no still picture stands in for the live control in {flat[0].lines}"
                )
            flat[min(stills, key=lambda still: abs(still - place))].live = True
    kept = []
    for page in ([block for block in page if block.kind != "live"] for page in slide):
        if kept and not (seen(page) and seen(kept[-1])):
            kept[-1] += page
        else:
            kept.append(page)
    return kept


def seen(page):
    return any(block.visible for block in page)


# --- a deck as one file ---


def minutes(notebook):
    """The minutes of a lecture that the first cell promises."""
    return int(re.search(r"lecture (\d+) minutes", notebook.cells[0].source).group(1))


def notes(slide):
    """The first speaker note of a section, as a list, for its pages that have none of their own."""
    return [note for page in slide for note in page.of("note")][:1]


def slug(heading):
    """The id of a heading, from its Markdown or its HTML: by it a deck and the page of the site find each other."""
    plain = unescape(re.sub(r"<.*?>|[*`$]", "", heading)).lower()
    return re.sub(r"[^\w+]+", "-", plain).strip("-")  # PixelCNN++ is not PixelCNN


def vendored(name):
    """The text of a vendored script or style sheet, fit to stand inside an HTML page."""
    text = (VENDOR / name).read_text(encoding="utf-8")
    return text.replace("<!--", "<\\!--").replace("</script", "<\\/script") if name.endswith(".js") else text


def fonts():
    """The font of the text as CSS with the files inside."""
    for file, weight, style in (
        ("regular", 400, "normal"),
        ("italic", 400, "italic"),
        ("semibold", 600, "normal"),
    ):
        data = b64encode((VENDOR / f"source-sans-pro/source-sans-pro-{file}.woff").read_bytes()).decode()
        yield (
            f"@font-face {{ font-family: 'Source Sans Pro'; font-weight: {weight}; font-style: {style}; "
            f"src: url(data:font/woff;base64,{data}) format('woff'); }}"
        )


def build(notebook, name, page=""):
    """The deck of a notebook as the text of one HTML file. name: of the notebook, without its ending.

    page: address of the notebook's page on the site; each slide then leads there, and the speaker notes stay out.
    """
    slides = [[part for page in slide for part in fit(page)] for slide in columns(notebook, name)]
    pages = Environment(loader=FileSystemLoader(DECK), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return pages.get_template("deck.html.j2").render(
        title=re.match(r"# (.+)", notebook.cells[0].source).group(1),
        slides=slides,
        number=name[:2],
        seconds=60 * minutes(notebook),
        notes=notes,
        clock=instructors.clock(notebook),
        slug=slug,
        page_of_site=page,
        css="\n".join([vendored("reveal.js/reset.css"), vendored("reveal.js/reveal.css"), *fonts(), style()]),
        scripts=[vendored(f"reveal.js/{file}.js") for file in ("reveal", "notes")],
        start=(DECK / "deck.js").read_text(encoding="utf-8"),
        formulas=vendored("mathjax/tex-svg.js") if has_formulas(notebook) else "",
    )


def style():
    return (DECK / "deck.css").read_text(encoding="utf-8")


def has_formulas(notebook):
    return any("$" in cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def main(prefix="", folder=ROOT / "slides"):
    paths = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    paths = [path for path in paths if path.name.startswith(prefix)]
    if not paths:
        sys.exit(f"no notebook in notebooks/ starts with {prefix or 'a digit'!r}")
    folder.mkdir(exist_ok=True)
    for path in paths:
        try:
            deck = build(nbformat.read(path, as_version=4), path.stem)
        except DeckFailed as error:
            sys.exit(str(error))
        target = folder / f"{path.stem}.html"
        target.write_text(deck, encoding="utf-8")
        print(f"{folder.name}/{target.name}  {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(*sys.argv[1:2])
