"""One cell of a notebook as the blocks of a deck: what a room sees of it, what waits behind a key, what is left out."""

import re
from base64 import b64decode
from html import escape
from io import BytesIO

from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

from tools.deck_layout import BODY, Block
from tools.run_notebooks import LIVE

SHORT, METHOD = 12, 20  # lines of code that a room can still read; of a method's own cell
KINDS = ("image/png", "image/jpeg")  # of stored figures
ITEM = re.compile(
    r"\n(?=\s*(?:[-*]|\d+\.)\s)|(?<=  )\n"
)  # between the items of a list, or at a forced line break
EXERCISE = re.compile(r"(exercise|check)-\d\d\.\d")


class DeckFailed(Exception):
    """A notebook gives no deck. The message names the cell and says what to do."""


def prose(source):
    """Markdown as blocks, one for each paragraph, list or heading, so that a page can end between them."""
    parts = [source] if "```" in source else re.split(r"\n\s*\n", source.strip())
    return [block for part in filter(str.strip, parts) for block in paragraph(part)]


def paragraph(part):
    """A paragraph, list or heading as a block; a list that is longer than a page as several."""
    markdown = MarkdownWithMath(IPythonRenderer(escape=False, exclude_anchor_links=True))
    html = re.sub(r'(href="\d\d_\w+)\.ipynb', r"\1.html", markdown.render(part))
    html = re.sub(r'(?s)<a href="evidence/[^"]*">(.*?)</a>', r"\1", html)  # a deck has no evidence beside it
    level = re.match(r"(#+) ", part)
    items = re.split(ITEM, part)
    plain = [" ".join(re.sub(r"\[(.*?)\]\(.*?\)|[*`$]", r"\1", item).split()) for item in items]
    block = Block(f"h{len(level.group(1))}" if level else "prose", html, plain)
    if block.height() <= BODY or len(items) == 1:
        return [block]
    half = len(items) // 2
    return [*paragraph("\n".join(items[:half])), *paragraph("\n".join(items[half:]))]


def figure(output):
    """A stored figure with its alt text as a block; its title and caption are part of the picture."""
    kind = next(kind for kind in KINDS if kind in output.data)
    data = output.data[kind].replace("\n", "")
    with Image.open(BytesIO(b64decode(data))) as image:
        width, height = image.size
    alt = output.metadata.get(kind, {}).get("alt", "")
    html = f'<img src="data:{kind};base64,{data}" alt="{escape(alt)}" width="{width}" height="{height}">'
    return Block("figure", html, size=(width, height))


def tables(html, text):
    """A table as a block, or, where it is longer than a page, as several that repeat its title and header.

    They are about equally long: a last row does not stand alone on its page.
    """
    lines = [line for line in text.splitlines() if not re.fullmatch(r"[-\s]*", line)]
    rows = re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
    if not 1 < len(rows) <= len(lines):  # something else than `plots.table`: left as it is
        return [Block("table", html, lines)]
    before, after = html[: html.index(rows[0])] + rows[0], html[html.rindex("</tr>") + len("</tr>") :]
    head, body = lines[: -len(rows) + 1], lines[-len(rows) + 1 :]

    def cut(most):
        parts = [Block("table", before, head)]
        for row, line in zip(rows[1:], body, strict=True):
            longer = Block("table", parts[-1].html + row, [*parts[-1].lines, line])
            if longer.height() > most and len(parts[-1].lines) > len(head):
                parts.append(Block("table", before + row, [*head, line]))
            else:
                parts[-1] = longer
        return parts

    fewest = len(cut(BODY))
    parts = next(
        filter(lambda parts: len(parts) == fewest, map(cut, range(0, BODY + 1, 10)))
    )  # as even as can be
    return [Block("table", part.html + after, part.lines) for part in parts]


def results(cell):
    """The outputs of a code cell as blocks; a live control is a block of the kind "live"."""
    for output in cell.outputs:
        data = output.get("data", {})
        text = output.get("text") or data.get("text/plain", "")
        if any(kind in data for kind in KINDS):
            yield figure(output)
        elif text == LIVE:
            yield Block("live", "")
        elif "text/html" in data:
            yield from tables(data["text/html"], text)
        elif text.strip():
            text = text.rstrip()
            yield Block("print", f"<pre>{escape(text)}</pre>", text.splitlines())


def shows_its_code(cell, outputs):
    """Whether the code is for the room: a method, or short, no setup, no imports, no more than a value below it."""
    lines = cell.source.strip().splitlines()
    if "method" in cell.metadata.get("tags", []):
        return len(lines) <= METHOD
    if (
        len(lines) > SHORT
        or "setup" in cell.metadata.get("tags", [])
        or any(re.match(r"(import|from) ", line) for line in lines)
    ):
        return False
    return not outputs or cell.outputs[0].output_type == "execute_result" and outputs[0].kind == "print"


def slide_type(cell):
    return cell.metadata.get("slideshow", {}).get("slide_type", "-")


def blocks_of(cell, name):
    """One cell as blocks, in reading order. name: of the notebook, for the error."""
    tags = cell.metadata.get("tags", [])
    if "presenter" in tags or slide_type(cell) == "notes":
        return [Block("note", "".join(block.html for block in prose(cell.source)))]
    if cell.cell_type != "code":
        return prose(cell.source) if cell.cell_type == "markdown" else []
    if any(EXERCISE.fullmatch(tag) for tag in tags):
        return []
    if cell.execution_count is None:
        raise DeckFailed(f"{name}: cell {cell.id} has not been run: make notebooks")
    outputs, code = list(results(cell)), Highlight2HTML()(cell.source)
    shown = [Block("code", code, cell.source.splitlines())] if shows_its_code(cell, outputs) else []
    return [*shown, *outputs, Block("hidden", code)]
