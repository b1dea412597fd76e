"""The site: what a page holds and leaves out, that links resolve, and that a browser needs no network for it."""

import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from browser import chromium
from nbformat.v4 import new_notebook
from test_slides import TITLE, code, figure, live, text, value

from tools import site, slides

README = """# Inside ConvNets

Clone `ADDRESS-OF-THIS-REPOSITORY`, see [the licence](LICENSE).

| notebook | minutes |
|---|---|
| [01 One](notebooks/01_one.ipynb) | 5 |
| [02 Two](notebooks/02_two.ipynb) | 5 |

## For instructors

[INSTRUCTORS.md](INSTRUCTORS.md)
"""
GLOSSARY = """# Glossary

| term | 한국어 | in one sentence | notebook |
|---|---|---|---|
| heatmap (map) | 히트맵 | Where the evidence lies. | [01](../notebooks/01_one.ipynb) |
| heatmap++ (map) | 히트맵++ | Another. | [01](../notebooks/01_one.ipynb) |
"""
PLAN = "**Minutes:** {}\n\n**Show:** a secret\n\n**Ask:** why?\n\n**Usual wrong answer:** none"


def lecture(*cells):
    return new_notebook(cells=[text(TITLE, "slide"), *cells])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """(the site of two small lectures with one evidence notebook, its folder)."""
    root, folder = tmp_path_factory.mktemp("course"), tmp_path_factory.mktemp("made") / "site"
    one = lecture(
        text("## 1 · Where: $x < 1$?", "slide"),
        text(PLAN.format(10), "notes", ["presenter"]),
        text(
            "A **heatmap**, again a **heatmap**, and **two**. See [part\n1](evidence/01_one.ipynb), [2](02_two.ipynb)."
        ),
        code("plots.show()", figure(alt='one "<grey>" square'), live()),
        code("1 + 1", value("2")),
        text("## Sources", "skip"),
    )
    two = lecture(text("## A · Formulas", "slide"), text("Two **heatmaps**: `a`"), code("2", figure()))
    evidence = new_notebook(
        cells=[text("# Evidence 01"), text("[the lecture](../01_one.ipynb)"), code("3", value("3"))]
    )
    for name, book in {"01_one": one, "02_two": two, "evidence/01_one": evidence}.items():
        path = root / f"notebooks/{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(book, path)
    (root / "docs").mkdir()
    (root / "README.md").write_text(README, encoding="utf-8")
    (root / "docs/glossary.md").write_text(GLOSSARY, encoding="utf-8")
    return site.build(folder, root, "ann/course"), folder


def read(folder, page):
    return (folder / page).read_text(encoding="utf-8")


class Tags(HTMLParser):
    """The tags of a page with their attributes: what it loads, where it leads, which places it has."""

    def __init__(self, path):
        super().__init__()
        self.loads, self.leads, self.books, self.ids, self.unsaid = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids += [found["id"]] if "id" in found else []
        self.leads += [found["href"]] if tag == "a" and "href" in found else []
        self.books += [found["href"]] if ".ipynb" in found.get("href", "") and "download" not in found else []
        for name in ("src", "srcset", "data", "poster", "action"):
            self.loads += [found[name]] if name in found else []
        self.loads += [found["href"]] if tag == "link" else []
        self.unsaid += [found["src"]] if tag == "img" and not found.get("alt") else []


def faults(folder):
    """What is wrong with a site, as a list of sentences: other hosts, dead links, figures without words."""
    pages = {path.resolve(): Tags(path) for path in folder.rglob("*.html")}
    places = re.findall(r'\["([^"]+)", "', read(folder, "search.js"))
    for path, tags in pages.items():
        page = path.relative_to(folder.resolve()).as_posix()
        for style in re.findall(r"<style>.*?</style>", path.read_text(encoding="utf-8"), re.S):
            tags.loads += re.findall(r"(?:url\(|@import\s+(?!url))[\"'\s]*([^\"')\s]+)", style)
        yield from (f"{page}: a figure without alt text" for _ in tags.unsaid)
        yield from (f"{page}: a notebook, not its page: {href}" for href in tags.books if "://" not in href)
        yield from (
            f"{page} has two places {place}" for place in {i for i in tags.ids if tags.ids.count(i) > 1}
        )
        for href in tags.loads + tags.leads + (places if page == "index.html" else []):
            to, _, place = href.partition("#")
            if href.startswith("data:"):
                continue
            if re.match(r"\w+:|//", href):
                if href in tags.loads:
                    yield f"{page} asks another host: {href}"
                continue
            target = (path.parent / to).resolve() if to else path
            if not target.is_file():
                yield f"{page}: {href} leads nowhere"
            elif place and not place.startswith("/") and place not in pages[target].ids:
                yield f"{page}: no such place {href}"
    for name in ("page.css", "page.js"):
        yield from (
            f"{name}: {url}" for url in re.findall(r"https?://\S+|url\(.*?\)|@import", read(folder, name))
        )


def test_a_site_is_whole(small):
    assert list(faults(small[1])) == []


@pytest.mark.parametrize(
    ("page", "old", "new", "fault"),
    [
        (
            "01_one.html",
            "page.css",
            "https://example.org/a.css",
            "asks another host: https://example.org/a.css",
        ),
        ("01_one.html", 'src="page.js"', 'src="//example.org/a.js"', "asks another host: //example.org/a.js"),
        ("01_one.html", 'href="02_two.html"', 'href="03.html"', "03.html leads nowhere"),
        ("01_one.html", "#heatmap-map", "#x", "no such place glossary.html#x"),
        ("01_one.html", ' alt="', ' data-alt="', "without alt text"),
        ("01_one.html", " download>", ">", "a notebook, not its page: 01_one.ipynb"),
        ("search.js", "01_one.html#", "01_one.html#x", "no such place 01_one.html#x"),
        ("page.css", "body {", "@import 'a'; body {", "page.css: @import"),
        (
            "slides/01_one.html",
            "<style>",
            "<style>@import url(https://x.org/a);",
            "asks another host: https://x.org/a",
        ),
    ],
)
def test_each_fault_of_a_site_is_found(small, page, old, new, fault):
    folder, before = small[1], read(small[1], page)
    assert old in before
    try:
        (folder / page).write_text(before.replace(old, new, 1), encoding="utf-8")
        assert any(fault in found for found in faults(folder))
    finally:
        (folder / page).write_text(before, encoding="utf-8")


def test_nothing_for_the_presenter_is_on_the_site(small):
    files = [path for path in small[1].rglob("*") if path.suffix in (".html", ".js", ".ipynb")]
    assert len(files) > 10 and not any("a secret" in path.read_text(encoding="utf-8") for path in files)
    assert not any("INSTRUCTORS.md" in read(small[1], page) for page in ("index.html", "search.js"))


def test_a_page_shows_what_its_notebook_has_stored(small):
    page = read(small[1], "01_one.html")
    (src, alt), *more = re.findall(
        r'<img src="(.+?)" loading="lazy" alt="(.+?)" width="900" height="300">', page
    )
    assert not more and alt == "one &quot;&lt;grey&gt;&quot; square" and f'<a href="{src}">' in page
    stored = nbformat.read(small[0].root / "notebooks/01_one.ipynb", as_version=4).cells[4].outputs[0].data
    assert (small[1] / src).read_bytes() == site.b64decode(stored["image/png"])
    assert "<pre>2</pre>" in page and page.count("Live in the notebook") == 1
    assert "mathjax.js" in page and "mathjax.js" not in read(small[1], "02_two.html")


def test_links_lead_to_pages_to_terms_and_to_the_neighbours(small):
    one, two, proof, index = (
        read(small[1], page) for page in ("01_one.html", "02_two.html", "evidence/01_one.html", "index.html")
    )
    term = '<a class="term" href="glossary.html#heatmap-map" title="히트맵: Where the evidence lies.">'
    assert one.count(term) == 1 and f"{term}<strong>heatmap</strong></a>" in one
    assert f"{term}<strong>heatmaps</strong></a>" in two
    assert '<a rel="next" href="02_two.html">02 Two →</a>' in one and 'rel="prev"' not in one
    assert '<a rel="prev" href="01_one.html">← 01 One</a>' in two and "neighbours" in proof
    assert (
        '<a href="evidence/01_one.html">part\n1</a>' in one
        and '<a href="../01_one.html">the lecture</a>' in proof
    )
    assert '<a href="evidence/01_one.html">evidence</a> · <a href="slides/01_one.html">slides</a>' in index
    assert "<code>https://github.com/ann/course</code>" in index and "course/blob/HEAD/LICENSE" in index


def test_buttons_need_to_know_the_repository(small, tmp_path):
    page = read(small[1], "evidence/01_one.html")
    assert 'href="01_one.ipynb" download' in page and 'href="../01_one.html">Lecture' in page
    assert "mybinder.org/v2/gh/ann/course/HEAD?labpath=notebooks/evidence/01_one.ipynb" in page
    assert "github/ann/course/blob/HEAD/notebooks/evidence/01_one.ipynb" in page
    cell = re.search("first cell</summary>\n<pre>(.+?)</pre>", page, re.DOTALL)[1].splitlines()
    assert cell[0] == "!git clone --depth 1 https://github.com/ann/course course"
    assert cell[1] == "%cd course" and cell[2].startswith("%pip install --quiet torch torchvision ")
    assert "anywidget" in cell[2] and "jupyterlab" not in cell[2] and "=" not in cell[2]
    site.build(tmp_path / "site", small[0].root)
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("0*_*.html")]
    assert not any(
        re.search("mybinder.org|colab|https://github.com", page.split("<script>")[-1]) for page in pages
    )
    assert "see the licence." in read(tmp_path / "site", "index.html")  # not a dead link


def test_a_section_and_its_slides_find_each_other(small):
    assert 'href="slides/01_one.html#/1">slides</a></h2>' in read(small[1], "01_one.html")
    assert '<h2 id="1-where-x-1">' in read(small[1], "01_one.html")
    deck = read(small[1], "slides/01_one.html")
    assert deck.count('<a href="../01_one.html#1-where-x-1">Inside ConvNets 01</a>') >= 1
    assert 'href="../01_one.html#a-title"' in deck and '<aside class="notes">' not in deck
    alone = slides.build(nbformat.read(small[0].root / "notebooks/01_one.ipynb", as_version=4), "01_one")
    assert "../01_one.html" not in alone and "../mathjax.js" not in alone


# --- the whole site, in a browser without a network ---

WIDE = """() => [...document.querySelectorAll("body *")].filter(e => {
  const box = e.getBoundingClientRect();
  if (e.closest("svg, mjx-assistive-mml") || (box.left > -1 && box.right <= innerWidth + 1)) return false;
  for (let p = e.parentElement; p; p = p.parentElement)
    if (getComputedStyle(p).overflowX !== "visible") return false;
  return true;
}).map(e => e.tagName + " " + e.textContent.slice(0, 40))"""
# The smallest contrast of a letter with what lies behind it, as WCAG counts it: 4.5 can be read.
CONTRAST = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = c => { c = c / 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
  const shine = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const back = parts(getComputedStyle(e).backgroundColor);
      if (back.length < 4 || back[3] === 1) return back;
    }
  };
  const letters = e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  return Math.min(...[...document.querySelectorAll("body *")].filter(letters).map(e => {
    const [a, b] = [parts(getComputedStyle(e).color), behind(e)].map(shine).sort((a, b) => b - a);
    return (a + 0.05) / (b + 0.05);
  }));
}"""
DRAWN = (
    "window.MathJax && MathJax.startup && MathJax.startup.promise ? MathJax.startup.promise.then(() => 0) : 0"
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of the site of the course."""
    folder = tmp_path_factory.mktemp("whole") / "site"
    site.build(folder, repository="ann/course")
    return folder


@pytest.mark.slow
def test_the_site_of_the_course_is_whole(whole):
    assert list(faults(whole)) == []
    pages = [path for path in whole.rglob("*.html") if path.parent.name != "slides"]
    lectures = len(list((Path(__file__).resolve().parents[1] / "notebooks").glob("[0-9]*.ipynb")))
    assert len(pages) == 2 * lectures + 4 and len(list(whole.glob("slides/*.html"))) == lectures
    for path in pages:
        assert "|---" not in path.read_text(encoding="utf-8"), f"{path.name}: a table is not one"
        assert len(list(path.parent.glob(f"figures/{path.stem}/*"))) > 3 or path.stem[0] not in "01"
    assert sum(path.stat().st_size for path in whole.rglob("*") if path.is_file()) < 90e6


@pytest.mark.slow
def test_every_page_fits_a_phone_and_a_screen_and_asks_no_other_host(whole):
    asked, complaints = [], []
    with chromium(viewport={"width": 390, "height": 844}, offline=True) as context:
        tab = context.new_page()
        tab.set_default_timeout(120_000)  # a busy machine is no fault
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        for path in sorted(whole.rglob("*.html")):
            if path.parent.name == "slides":
                continue
            tab.goto(path.as_uri())
            tab.evaluate(DRAWN)
            for width in (390, 1440):
                tab.set_viewport_size({"width": width, "height": 844})
                assert tab.evaluate(WIDE) == [], f"{path.name} at {width} px"
                assert tab.evaluate("document.documentElement.scrollWidth") <= width, (
                    f"{path.name} at {width} px"
                )
            assert "mathjax.js" not in tab.content() or tab.locator("mjx-container").count(), path.name
    assert all(url.startswith((whole.as_uri(), "data:")) for url in asked) and complaints == []


@pytest.mark.slow
def test_the_search_finds_and_the_dark_page_can_be_read(whole):
    with chromium(viewport={"width": 390, "height": 844}, offline=True, color_scheme="dark") as context:
        tab = context.new_page()
        tab.set_default_timeout(120_000)  # a busy machine is no fault
        tab.goto((whole / "evidence/05_cam_and_gradcam.html").as_uri())
        tab.evaluate(DRAWN)
        dark = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        assert tab.evaluate(CONTRAST) >= 4.5
        tab.click("#theme")
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != dark
        assert tab.evaluate(CONTRAST) >= 4.5
        tab.reload()  # the choice is remembered
        assert tab.evaluate("getComputedStyle(document.body).backgroundColor") != dark
        for words, page in {
            "Grad-CAM": "05_cam_and_gradcam.html",
            "정확도": "glossary.html#accuracy",
        }.items():
            tab.fill("#find", words)
            tab.wait_for_selector("#found a")
            links = tab.eval_on_selector_all("#found a", "links => links.map(link => link.href)")
            assert page in links[0] and len(links) <= 20
            assert tab.evaluate(WIDE) == []
        tab.click("#found a")
        assert tab.locator("tr:target").inner_text().startswith("accuracy")
        tab.fill("#find", "xyzzy")
        tab.get_by_text("Nothing found.").wait_for()
