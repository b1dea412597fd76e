"""What fits on one page of a deck. Heights are estimates in px at 1280 x 720; figures give way where they err.

A page holds its text at full size, and each figure at no less than SMALLEST of its stored size. A tall figure
stands beside the text, a wide one below it. What does not fit is continued on a next page.
"""

from dataclasses import dataclass, field
from math import ceil

WIDTH, HEIGHT = 1200, 634  # px for the content; deck.css says where it stands
SMALLEST, LARGEST = (
    0.85,
    1.25,
)  # scale of a figure: below, its labels are hard to read; above, it looks coarse
BODY = 560  # px below the heading of a section
GAP, GUTTER = 16, 40  # px between blocks, and between text and figure
LIVE_LINE = 36  # px of the line below a figure that can be moved in the notebook
NARROW = 380  # px: text is not set narrower than this
LARGE_TEXT = 1.2  # a page with little text gets larger letters; deck.css knows how much
# px of a character, of a line, and around an item, as deck.css sets them
TYPE = {
    "h1": (26, 60, 6),
    "h2": (21, 48, 4),
    "h3": (16, 40, 2),
    "prose": (12.6, 38, 0),
    "code": (10.3, 24, 0),
    "print": (12.2, 29, 0),
    "table": (11.5, 30, 14),
}


@dataclass
class Block:
    """One thing on a page. kind: a key of TYPE, "figure", or what nobody sees: "note", "hidden", "live"."""

    kind: str
    html: str
    lines: list = field(default_factory=list)  # its text, for the estimate
    size: tuple = None  # of a figure, (width, height) in px
    step: int = 0  # 0 is seen at once, 1 with the first press of the key
    live: bool = False  # a figure that can be moved in the notebook

    @property
    def visible(self):
        return self.kind not in ("note", "hidden", "live")

    def height(self, width=WIDTH):
        """px that it needs at least, when it is `width` px wide."""
        if self.kind == "figure":
            least = self.size[1] * min(SMALLEST, width / self.size[0])
            return GAP + least + LIVE_LINE * self.live
        if not self.visible:
            return 0
        letter, line, around = TYPE[self.kind]
        return GAP + sum(around + line * max(1, ceil(len(text) * letter / width)) for text in self.lines)


@dataclass
class Page:
    """A page that fits. layout: "below" (one below the other), "beside" (text left, figure right) or "large"."""

    blocks: list
    layout: str

    @property
    def heading(self):
        """The text of its heading, or None."""
        return next(
            (block.lines[0].lstrip("# ") for block in self.blocks if block.kind in ("h1", "h2")), None
        )

    def of(self, *kinds):
        return [block for block in self.blocks if block.kind in kinds]

    @property
    def shown(self):
        return [block for block in self.blocks if block.visible]

    @property
    def figures(self):
        return self.of("figure")

    @property
    def text(self):
        return [block for block in self.shown if block.kind != "figure"]

    def grown(self, figure):
        """The height in px of a figure where nothing else needs the space; the page's style may shrink it."""
        width, height = figure.size
        room = HEIGHT / height if self.layout == "beside" else WIDTH / width
        return ceil(height * min(LARGEST, room))

    def step(self, block):
        """When a block comes: what is first on its page is there at once (0)."""
        return block.step - min(other.step for other in self.shown)


def layout(blocks):
    """The layout in which these blocks fit on one page, or None."""
    page = Page(blocks, "")
    if len(page.figures) == 1 and page.text:
        width, height = page.figures[0].size
        width *= min(LARGEST, HEIGHT / height)  # as large as the page allows
        rest = WIDTH - GUTTER - width
        if rest >= NARROW and sum(block.height(rest) for block in page.text) <= HEIGHT:
            return "beside"
    need = sum(block.height() for block in page.shown)
    if need > HEIGHT:
        return None
    return "below" if page.figures or need * LARGE_TEXT**2 > HEIGHT else "large"


def lead_in(page, block):
    """The sentence that introduces a block of code or a table: it is taken off the page, to go along with it.

    Not if the page would keep nothing but its heading, or if both do not fit on one page.
    """
    seen = [place for place, other in enumerate(page) if other.visible]
    body = [place for place in seen if page[place].kind not in ("h1", "h2")]
    if block.kind not in ("code", "table") or len(body) < 2 or page[seen[-1]].kind != "prose":
        return []
    taken = page[seen[-1] :]
    if layout([*taken, block]) is None:
        return []
    del page[seen[-1] :]
    return taken


def fit(blocks):
    """The blocks of one page of the notebook as pages that fit. A heading of a section begins a page.

    A block that is too large for any page stands alone on its own.
    """
    pages, current = [], []
    for block in blocks:
        before = [other.kind for other in current if other.visible]
        begins = block.kind in ("h1", "h2") and before
        full = (
            set(before) - {"h1", "h2"} and layout([*current, block]) is None
        )  # a heading never stands alone
        if block.visible and (begins or full):
            pages.append(current)
            current = lead_in(current, block)
        current.append(block)
    return [Page(page, layout(page) or "below") for page in [*pages, current] if page]
