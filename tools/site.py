"""The notebooks as a site of static pages: what `make site` runs.

python tools/site.py               all lectures, evidence, the glossary, an index and the decks, in site/
python tools/site.py owner/name    the same, with buttons that open the notebooks of that GitHub repository elsewhere

A page needs nothing from any other host: style, formulas, search and figures lie beside it, so that the folder works
from a stick, too. Nothing is run here; a page shows what its notebook has stored, without what is for the presenter.
Terms of the glossary are links where a page first says them in bold. Decks are there without speaker notes.
"""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from hashlib import sha256
from html import escape, unescape
from pathlib import Path
from posixpath import normpath, relpath

import nbformat
from jinja2 import Environment, FileSystemLoader
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tools import doctor, slides
from tools.deck_blocks import results, slide_type
from tools.student import for_students

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "tools/pages"
ADDRESS = "ADDRESS-OF-THIS-REPOSITORY"  # in the README
ROW = re.compile(r"(\[(\d\d .+?)\]\(notebooks/(\S+)\.ipynb\))")  # a lecture in the README's table
TERM = re.compile(r"<tr>\s*<td>(.+?)</td>\s*<td>(.+?)</td>\s*<td>(.+?)</td>")  # a row of the glossary
DOCS = {"glossary": "Glossary", "your_own_net": "Your own net", "nets_and_methods": "Nets and methods"}


class Site:
    """What the pages share: where each source lies on the site, the terms of the glossary, the places to search."""

    def __init__(self, folder, root=ROOT, repository=""):
        self.folder, self.root, self.repository = folder, root, repository
        self.imported = [n for n in doctor.dependencies() if n not in doctor.SHOW or n == "anywidget"]
        readme = (root / "README.md").read_text(encoding="utf-8").split("\n## For instructors")[0]
        self.readme = readme.replace(ADDRESS, f"https://github.com/{repository}") if repository else readme
        self.lectures = {name: title for _, title, name in ROW.findall(readme)}
        self.at = {"README.md": "index.html"}  # {source: page}, both relative
        self.at |= {f"docs/{name}.md": f"{name}.html" for name in DOCS if (root / f"docs/{name}.md").exists()}
        for path in sorted((root / "notebooks").glob("**/[0-9]*.ipynb")):
            name = path.relative_to(root).as_posix()
            self.at[name] = name.removeprefix("notebooks/").replace(".ipynb", ".html")
        self.terms, self.search = {}, []  # {name: (id, what it means)}, [[address, title, heading, text]]
        templates = Environment(loader=FileSystemLoader(PAGES), autoescape=True, trim_blocks=True)
        self.template = templates.get_template("page.html.j2")

    def put(self, page, data):
        """Write a file of the site. page: its path there."""
        target = self.folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data if isinstance(data, bytes) else data.encode())

    # --- markdown as a part of a page ---

    def prose(self, markdown, source):
        """Markdown of a source as HTML: headings have an id, links lead to pages, a wide table scrolls in its box."""
        html = MarkdownWithMath(IPythonRenderer(escape=False, exclude_anchor_links=True)).render(markdown)
        html = re.sub(
            r"<(h[1-4])>(.*?)</\1>", lambda h: f'<{h[1]} id="{slides.slug(h[2])}">{h[2]}</{h[1]}>', html
        )
        html = re.sub(r'(?s)<a href="([^"]+)">(.*?)</a>', lambda a: self.link(*a.groups(), source), html)
        html = re.sub(r'<img src="([^"]+)"', lambda i: f'<img src="{self.copied(i[1], source)}"', html)
        return re.sub(r"(<table.*?</table>)", r'<div class="scroll">\1</div>', html, flags=re.DOTALL)

    def link(self, href, text, source):
        """A link from a source: to its page, to a copied picture, into the repository, or nothing but its text."""
        path, _, place = href.partition("#")
        there = normpath(f"{Path(source).parent.as_posix()}/{path}")
        if "://" in href or not path:
            to = href
        elif there in self.at or there.startswith("slides/"):
            to = relpath(self.at.get(there, there), Path(self.at[source]).parent.as_posix())
            to += f"#{place}" * bool(place)
        elif there.endswith((".jpg", ".png")):
            to = self.copied(path, source)
        else:
            to = f"https://github.com/{self.repository}/blob/HEAD/{there}" if self.repository else ""
        return f'<a href="{to}">{text}</a>' if to else text

    def copied(self, path, source):
        """The address of a picture, once it lies on the site, too."""
        there = normpath(f"{Path(source).parent.as_posix()}/{path}")
        self.put(f"figures/{Path(there).name}", (self.root / there).read_bytes())
        return relpath(f"figures/{Path(there).name}", Path(self.at[source]).parent.as_posix())

    def with_terms(self, html, page):
        """The first bold use of each term of the glossary as a link to it."""
        up, seen = "../" * page.count("/"), set()

        def term(found):
            name = " ".join(re.sub(r"\(.*?\)", "", unescape(found[1])).lower().split())
            row = self.terms.get(name) or self.terms.get(name.removesuffix("s")) or self.terms.get(name + "s")
            if not row or row[0] in seen:
                return found[0]
            seen.add(row[0])
            return (
                f'<a class="term" href="{up}glossary.html#{row[0]}" title="{escape(row[1])}">{found[0]}</a>'
            )

        return re.sub(r"<strong>([^<]+)</strong>", term, html)

    def note(self, page, title, heading, text):
        """A place that the search finds. text: of its section."""
        place = f"{page}#{slides.slug(heading)}" if heading else page
        self.search.append([place, title, heading, " ".join(text.split())])

    # --- pages ---

    def notebook(self, source):
        """Write the page of a notebook, its figures, and the notebook itself to download."""
        page, book = self.at[source], nbformat.read(self.root / source, as_version=4)
        book.cells = [cell for cell in book.cells if "presenter" not in cell.metadata.get("tags", [])]
        title = re.match(r"# (.+)", book.cells[0].source)[1]
        deck = f"slides/{page}" if Path(page).stem in self.lectures and "/" not in page else ""
        parts, texts, heading, column = [], {}, "", -1
        for cell in book.cells:
            column += slide_type(cell) == "slide"
            if cell.cell_type == "markdown":
                html, text = (
                    self.prose(cell.source, source),
                    re.sub(r"^##? .*|\]\(.*?\)|[#*`$\[|]", "", cell.source),
                )
                if line := re.match(r"## (.+)", cell.source):
                    heading = line[1]
                    if deck and slide_type(cell) == "slide":
                        link = f' <a class="deck" href="{deck}#/{column}">slides</a></h2>'
                        html = html.replace("</h2>", link, 1)
            else:
                outputs = [self.output(block, page) for block in results(cell)]
                code = f'<div class="code" tabindex="0">{Highlight2HTML()(cell.source)}</div>'
                html = "\n".join([code, *outputs])
                text = " ".join([cell.source, *map(unescape, re.findall(r' alt="(.*?)"', html))])
            parts.append(html)
            texts[heading] = f"{texts.get(heading, '')} {text}"
        for heading, text in texts.items():
            self.note(page, title, heading, text)
        self.put(page.replace(".html", ".ipynb"), nbformat.writes(for_students(book)))
        self.write(source, title, self.with_terms("\n".join(parts), page), deck=deck)

    def output(self, block, page):
        """An output of a cell as HTML; a figure becomes a file beside the page, which a click opens at full size."""
        if block.kind == "live":
            return '<p class="live">Live in the notebook: there you can move it.</p>'
        if block.kind != "figure":
            return f'<div class="scroll {block.kind}" tabindex="0">{block.html}</div>'
        kind, data = re.search(r'"data:image/(\w+);base64,(.*?)"', block.html).groups()
        file = f"figures/{Path(page).stem}/{sha256(data.encode()).hexdigest()[:12]}.{kind}"
        self.put(f"{Path(page).parent}/{file}", b64decode(data))
        image = re.sub(r'src=".*?"', f'src="{file}" loading="lazy"', block.html)
        return f'<figure><a href="{file}">{image}</a></figure>'

    def document(self, name):
        """Write the page of a text of docs/; the glossary is also what bold terms lead to."""
        source = f"docs/{name}.md"
        html = self.prose((self.root / source).read_text(encoding="utf-8"), source)
        if name == "glossary":

            def row(found):
                term, korean, says = (unescape(re.sub("<.*?>", "", text)) for text in found.groups())
                for one in [part for part in re.split(r"[(),]", term.lower()) if part.strip()]:
                    self.terms[one.strip()] = (slides.slug(term), f"{korean}: {says}")
                self.note(self.at[source], "Glossary", term, f"{korean} {says}")
                return found[0].replace("<tr>", f'<tr id="{slides.slug(term)}">', 1)

            html = TERM.sub(row, html)
        else:
            self.note(self.at[source], DOCS[name], "", re.sub("<.*?>", "", html))
        self.write(source, DOCS[name], html)

    def index(self):
        """Write the first page, from the README: its table leads to evidence and decks, too."""

        def row(found):
            evidence = f"notebooks/evidence/{found[3]}.ipynb"
            links = [f"[evidence]({evidence})"] * (evidence in self.at) + [
                f"[slides](slides/{found[3]}.html)"
            ]
            return f"{found[1]}<br>{' · '.join(links)}"

        self.write("README.md", "Inside ConvNets", self.prose(ROW.sub(row, self.readme), "README.md"))

    def write(self, source, title, body, deck=""):
        """Put a page's body into the frame: contents, search, buttons, and links to the pages before and after."""
        alike = [s for s in self.at if Path(s).parent == Path(source).parent and s.endswith(".ipynb")]
        place = alike.index(source) if source in alike else len(alike) + 1
        heading, body = body.split("</h1>", 1)
        page = self.template.render(
            site=self,
            source=source,
            page=self.at[source],
            up="../" * self.at[source].count("/"),
            name=Path(self.at[source]).stem,
            title=title,
            heading=heading + "</h1>",
            body=body,
            docs=DOCS,
            deck=deck,
            sections=re.findall(r'<h2 id="(.+?)">(.*?)(?: <a .*?)?</h2>', body),
            before=[Path(s).stem for s in alike[:place][-1:] if source in alike],
            after=[Path(s).stem for s in alike[place + 1 :][:1]],
            formulas="$" in body,
        )
        self.put(self.at[source], page)


def repository():
    """owner/name on GitHub of this clone's origin; empty where it has none there."""
    line = ["git", "remote", "get-url", "origin"]
    told = subprocess.run(line, cwd=ROOT, capture_output=True, text=True).stdout.strip()
    found = re.search(r"github\.com[:/]([\w.-]+/[\w.-]+?)(\.git)?$", told)
    return found[1] if found else ""


def build(folder, root=ROOT, repository=""):
    """Build the site of a course into a folder, which is emptied first. Raises DeckFailed as the decks do."""
    shutil.rmtree(folder, ignore_errors=True)
    site = Site(folder, root, repository)
    for name in DOCS:
        if f"docs/{name}.md" in site.at:
            site.document(name)
    for source in site.at:
        if source.endswith(".ipynb"):
            site.notebook(source)
    site.index()
    for name in site.lectures:
        book = nbformat.read(root / f"notebooks/{name}.ipynb", as_version=4)
        site.put(f"slides/{name}.html", slides.build(book, name, page=f"../{name}.html"))
    site.put("search.js", f"const PLACES = {json.dumps(site.search, ensure_ascii=False)};\n")
    site.put("mathjax.js", (slides.VENDOR / "mathjax/tex-svg.js").read_bytes())
    for name in ("page.css", "page.js"):
        site.put(name, (PAGES / name).read_bytes())
    return site


def main(name=""):
    folder = ROOT / "site"
    name = name or repository()
    site = build(folder, repository=name)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"site/index.html  {len(site.at)} pages and {len(site.lectures)} decks, {size / 1e6:.0f} MB")
    if not name:
        print("no buttons for Colab and Binder: make site REPO=owner/name names the GitHub repository")


if __name__ == "__main__":
    main(*sys.argv[1:2])
