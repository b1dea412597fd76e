"""Decks: what a cell becomes, that pages fit, and that a deck opens in a browser without any network."""

import io
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest
from browser import chromium
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tools import deck_blocks, slides
from tools.run_notebooks import LIVE

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
STEMS = [path.stem for path in NOTEBOOKS]
TITLE = "# A title\n\n*Reading 5 minutes · lecture 10 minutes · needs nothing · runs offline*"


# --- small notebooks ---


def text(source, kind="-", tags=()):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}, "tags": list(tags)})


def code(source, *outputs, kind="-", tags=()):
    meta = {"slideshow": {"slide_type": kind}, "tags": list(tags)}
    return new_code_cell(source, execution_count=1, outputs=list(outputs), metadata=meta)


def figure(width=900, height=300, alt="one grey square"):
    file = io.BytesIO()
    Image.new("L", (width, height), 128).save(file, "PNG")
    png = b64encode(file.getvalue()).decode()
    return new_output("execute_result", {"image/png": png}, metadata={"image/png": {"alt": alt}})


def printed(words):
    return new_output("stream", name="stdout", text=words)


def value(words):
    return new_output("execute_result", {"text/plain": words})


def live():
    return new_output("display_data", {"text/plain": LIVE})


def second(*cells):
    """The pages of the second slide, each a list of blocks."""
    return slides.columns(new_notebook(cells=[text(TITLE, "slide"), *cells]), "a notebook")[1]


def columns(*cells):
    """The kinds of those blocks."""
    return [[block.kind for block in page] for page in second(*cells)]


def build(*cells):
    return slides.build(new_notebook(cells=[text(TITLE, "slide"), *cells]), "09_small")


# --- what a cell becomes ---


def test_slide_types_mean_what_they_mean_in_jupyter_and_fragments_come_one_after_the_other():
    one, two = (text(f"## {n}", "slide") for n in "12")
    assert columns(one, text("a"), two, text("b", "skip")) == [["h2", "prose"]]
    cells = [one, *(text("a", kind) for kind in ("fragment", "-", "fragment", "subslide"))]
    assert [[block.step for block in page] for page in second(*cells)] == [[0, 1, 1, 2], [0]]


@pytest.mark.parametrize(
    ("cell", "kinds"),
    [
        (code("a = 1\na", value("1")), ["code", "print", "hidden"]),
        (code("a = 1\na", figure()), ["figure", "hidden"]),
        (code("a = 1\n" * (deck_blocks.SHORT + 1)), ["hidden"]),
        (code("a = 1\na", value("1"), tags=["setup"]), ["print", "hidden"]),
        (code("def mine(): ...", tags=["exercise-01.2"]), []),
    ],
)
def test_short_code_is_shown_and_the_rest_waits_behind_a_key(cell, kinds):
    assert columns(text("## One", "slide"), cell) == [["h2", *kinds]]


def test_a_live_control_gives_way_to_the_nearest_still_of_its_section():
    near, far = figure(alt="near by here"), figure(alt="far away here")
    cells = [
        code("1", far, kind="slide"),
        code("2", live(), kind="subslide"),
        code("3", near, kind="subslide"),
    ]
    assert [[(block.kind, block.live) for block in page] for page in second(*cells)] == [
        [("figure", True), ("hidden", False), ("hidden", False)],  # the page of the control is gone
        [("figure", False), ("hidden", False)],
    ]
    deck = build(*cells)
    assert LIVE not in deck and deck.count("Live in the notebook") == 1


@pytest.mark.parametrize(
    ("cell", "words"),
    [(code("1", live()), "no still picture.*One"), (new_code_cell("1"), "make notebooks")],
)
def test_a_control_without_a_still_and_a_notebook_that_was_not_run_are_refused(cell, words):
    with pytest.raises(deck_blocks.DeckFailed, match=words):
        columns(text("## One", "slide"), cell, text("## Two", "slide"), code("2", figure()))


def test_what_a_page_is_made_of():
    """Presenter cells are notes and nothing else, alt text is escaped, links lead to decks, MathJax comes if needed."""
    cells = (
        text("## One", "slide"),
        text("Ask the *room*.", tags=["presenter"]),
        code("1", figure(alt='"<b>')),
    )
    deck = build(*cells, text("[next](01_first_layer.ipynb)"))
    assert deck.count("Ask the") == 1
    assert re.search(r'<aside class="notes"><p>Ask the <em>room</em>.</p>', deck)
    assert 'alt="&quot;&lt;b&gt;"' in deck and 'href="01_first_layer.html"' in deck
    assert "MathJax = {" not in deck and "MathJax = {" in build(text("## One: $x$", "slide"))


def test_the_speaker_has_the_clock_on_every_page():
    plan = "**Minutes:** {}\n\n**Show:** it\n\n**Ask:** why?\n\n**Usual wrong answer:** none"
    one, two = (text(f"## {n} · `{n}`", "slide") for n in "12")
    first, second, more = (
        text(source, tags=["presenter"]) for source in (plan.format(7), plan.format(5), "More.")
    )
    deck = build(one, first, text("a", "subslide"), more, two, second)
    ends = re.findall(r'<aside class="notes"><p>This section ends at minute (\d+) of 12', deck)
    assert ends == ["7", "7", "12"]
    title, *rest = deck.split("</section>")
    assert "<ul><li>7 → 7 · 1 · `1`</li><li>5 → 12 · 2 · `2`</li></ul>" in title
    assert 'href="../docs/teaching/09.md"' in title and not any("The plan, from" in page for page in rest)
    assert "ends at minute" not in build(one, more)


# --- the vendored files ---


def test_every_vendored_file_is_as_published_and_has_its_licence():
    readme, sums = (slides.VENDOR / name for name in ("README.md", "SHA256SUMS"))
    listed = dict(reversed(line.split()) for line in sums.read_text().splitlines())
    files = {path.relative_to(slides.VENDOR).as_posix(): path for path in slides.VENDOR.glob("*/*")}
    assert {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == listed
    for folder in {path.parent for path in files.values()}:
        assert f"| `{folder.name}` |" in readme.read_text() and folder / "LICENSE" in files.values()
    assert sum(path.stat().st_size for path in files.values()) < 5e6


# --- in a browser, without a network ---

MEASURE = """() => Reveal.getSlides().map(section => {
  const place = Reveal.getIndices(section);
  Reveal.slide(place.h, place.v || 0);
  while (Reveal.availableFragments().next) Reveal.nextFragment();
  const page = section.querySelector(".page");
  const inside = [...page.querySelectorAll("*")].filter(e => !e.parentElement.closest("mjx-container, template"));
  const box = e => e.getBoundingClientRect(), style = e => getComputedStyle(e);
  const name = e => e.tagName + " " + (e.textContent || e.alt || "").slice(0, 40);

  const beyond = b => b.left < 0 || b.right > 1281 || b.top < 0 || b.bottom > 721;

  const letters = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  return {
    heading: page.querySelector("h1, h2:not(.running)")?.textContent,
    headings: page.querySelectorAll("h1, h2").length,
    text: page.innerText,
    outside: inside.filter(e => beyond(box(e))).map(name),

    smallest: Math.min(...inside.filter(letters).map(e => parseFloat(style(e).fontSize))) * Reveal.getScale(),
    figures: [...page.querySelectorAll("figure img")].map(i => ({
      alt: i.alt, width: i.naturalWidth, shown: style(i.closest("figure")).visibility,
      scale: Math.min(box(i).width / i.naturalWidth, box(i).height / i.naturalHeight) / Reveal.getScale(),
    })),
    notes: [...section.querySelectorAll("aside.notes")].map(e => e.textContent.trim()),
    code: section.querySelector("template.code")?.content.textContent.length || 0,
  };
})"""
READY = (
    "Reveal.isReady() && document.fonts.status === 'loaded' && [...document.images].every(i => i.complete)"
)


class Opened:
    """A deck that was opened and paged through: what each page holds, and what the browser complained about."""

    def __init__(self, context, path):
        self.requests, self.complaints = [], []
        tab = context.new_page()
        tab.on("request", lambda request: self.requests.append(request.url))
        tab.on("requestfailed", lambda request: self.complaints.append(request.url[:100]))
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("console", lambda message: self.complaints.append(message.text))
        tab.goto(path.as_uri())
        tab.wait_for_function(READY)
        tab.evaluate("window.MathJax ? MathJax.startup.promise.then(() => 0) : 0")
        tab.add_style_tag(content="* { transition: none !important; }")
        self.font = tab.evaluate("document.fonts.check('28px \"Source Sans Pro\"') && document.fonts.size")
        self.formulas = tab.locator("mjx-container").count()
        self.columns = tab.evaluate("Reveal.getHorizontalSlides().length")
        self.pages = tab.evaluate(MEASURE)
        self.tab = tab


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    """(a browser context at 1280 x 720 without a network, the folder with the decks of all stored notebooks)."""
    folder = tmp_path_factory.mktemp("decks")
    slides.main(folder=folder)
    with chromium(viewport={"width": 1280, "height": 720}, offline=True) as context:
        yield context, folder


@pytest.fixture(scope="module")
def decks(window):
    context, folder = window
    return {stem: Opened(context, folder / f"{stem}.html") for stem in STEMS}


def kept_cells(stem):
    """The cells of a stored notebook that a deck shows, read with rules of this test's own."""
    notebook = nbformat.read(ROOT / f"notebooks/{stem}.ipynb", as_version=4)
    tags = {cell.id: " ".join(cell.metadata.get("tags", [])) for cell in notebook.cells}
    kinds = {cell.id: cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in notebook.cells}
    shown = [cell for cell in notebook.cells if kinds[cell.id] not in ("skip", "notes")]
    shown = [cell for cell in shown if "presenter" not in tags[cell.id]]
    notes = [cell for cell in notebook.cells if "presenter" in tags[cell.id] and kinds[cell.id] != "skip"]
    return shown, notes, sum(kind == "slide" for kind in kinds.values())


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_a_deck_asks_for_nothing_but_itself(decks, window, stem):
    deck = decks[stem]
    outside = [url for url in deck.requests if not url.startswith("data:")]
    assert outside == [(window[1] / f"{stem}.html").as_uri()]
    assert deck.complaints == [] and deck.font == 3


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_a_deck_holds_every_slide_figure_and_heading(decks, stem):
    deck, (shown, _, starts) = decks[stem], kept_cells(stem)
    assert deck.columns == starts
    outputs = [output for cell in shown if cell.cell_type == "code" for output in cell.outputs]
    stored = [o.metadata[k]["alt"] for o in outputs for k in deck_blocks.KINDS if k in o.get("data", {})]
    figures = [image for page in deck.pages for image in page["figures"]]
    assert [image["alt"] for image in figures] == stored and len(stored) > 3
    assert all(image["width"] > 0 and image["shown"] == "visible" and image["alt"] for image in figures)
    prose = "\n".join(cell.source for cell in shown if cell.cell_type == "markdown")
    headings = [re.sub(r"[*`$]", "", line) for line in re.findall(r"^##? (.+)", prose, re.MULTILINE)]
    assert [page["heading"] for page in deck.pages if page["heading"]] == headings
    assert all(page["headings"] for page in deck.pages)  # also of a page that continues another
    assert not any(LIVE in page["text"] for page in deck.pages)
    assert (deck.formulas > 0) == ("$" in prose)


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_every_page_can_be_read_at_1280_by_720(decks, stem):
    for number, page in enumerate(decks[stem].pages, 1):
        assert page["outside"] == [] and page["smallest"] >= 14, f"page {number}"
        assert len(page["text"]) > 58 or page["figures"], f"page {number} is nearly empty"
        # The smallest text of a figure has 11.5 pt at 100 dpi, 16 px.
        assert all(16 * figure["scale"] >= 12 for figure in page["figures"]), f"page {number}"


@pytest.mark.slow
@pytest.mark.parametrize("stem", STEMS)
def test_presenter_cells_are_notes_and_not_on_the_wall(decks, stem):
    _, notes, _ = kept_cells(stem)
    spoken = list(dict.fromkeys(note for page in decks[stem].pages for note in page["notes"]))
    spoken = [note for note in spoken if not note.startswith(("The plan, from", "This section ends at"))]
    assert len(spoken) == len(notes) > 0
    for cell, note in zip(notes, spoken, strict=True):
        start = re.sub(r"[*`]", "", cell.source).split("\n")[0][:40]
        assert note.startswith(start)
        assert len(start) < 20 or not any(start in page["text"] for page in decks[stem].pages)
    assert all(page["notes"] for page in decks[stem].pages)  # the speaker's window is nowhere empty


@pytest.mark.slow
def test_s_opens_the_notes_and_c_the_code(decks, window):
    tab, pages = decks[STEMS[0]].tab, decks[STEMS[0]].pages

    def turn_to(what):
        number = next(n for n, page in enumerate(pages) if page[what])
        tab.evaluate(
            "n => { const i = Reveal.getIndices(Reveal.getSlides()[n]); Reveal.slide(i.h, i.v) }", number
        )
        return pages[number][what]

    notes = turn_to("notes")
    with window[0].expect_page() as popup:
        tab.keyboard.press("s")
    spoken = popup.value.locator(".speaker-controls-notes .value")
    spoken.filter(has_text=notes[0][:30]).wait_for(timeout=10_000)
    popup.value.close()
    length, panel = turn_to("code"), tab.locator("#code")
    assert panel.is_hidden()
    tab.keyboard.press("c")
    assert len(panel.inner_text()) >= 0.9 * length
    tab.keyboard.press("c")
    assert panel.is_hidden()


@pytest.mark.slow
def test_these_tests_can_fail(window, tmp_path):
    """A deck with a page that is too full, letters that are too small, and a picture from the network."""
    small = '<img src="https://example.org/x.png" alt="x"><small style="font-size: 9px">small</small>'
    target = tmp_path / "bad.html"
    target.write_text(build(text("## One", "slide"), text("w " * 3000 + small)))
    deck = Opened(window[0], target)
    deck.tab.close()
    assert any(page["outside"] for page in deck.pages) and min(page["smallest"] for page in deck.pages) < 14
    assert any("example.org" in url for url in deck.requests) and deck.complaints
