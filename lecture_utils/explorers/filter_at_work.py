"""One filter of the first layer at work: the filter, an image, and the filter's activation at every position."""

from functools import lru_cache
from math import ceil

import numpy as np
from matplotlib.colors import Normalize

from .. import plots
from ..features import as_pictures, raw_filters
from ..features.first_layer import first_answers, unlike
from .base import Choice, OfImages, Slider
from .board import Board, Film, mapped

PANEL, TILE, GAP, HEAD, BAR = 420, 190, 24, 34, 120  # px: image and map, filter, space, titles, colour bar
SECOND, THIRD = TILE + GAP, TILE + PANEL + 2 * GAP  # px: where the image and the map begin
WIDTH, HEIGHT = THIRD + PANEL + GAP + BAR, HEAD + PANEL + 4
FOOT = HEAD + PANEL - TILE  # where the patch stands
YES, NO = "#b40426", "#3b4cc0"  # both ends of coolwarm
CHOSEN, ASKED = 6, 64  # filters that are stops; images that are asked for the shared scale
SIGNED, RELU = "its answer", "after the ReLU"


class FilterAtWork(OfImages):
    """A filter of the first layer, an image, and the filter's activation at every position of it.

    net: any nn.Module whose first convolution takes 3 channels. images: float (n, 3, h, w) in [0, 1], n >= 2.
    names: what each image shows, or None. picture: the one that the stops look at; None takes the one that their
    filters activate on most strongly.
    Red: the image is there as the filter is. Blue: it is the opposite, dark where the filter is bright. The activation
    holds the filter's bias too. One scale for all filters and images: the size that one activation in a thousand of an
    image exceeds, averaged over the images (64 of them, if there are more); larger ones get its end's colour.
    The control "show" is there where the net's first ReLU is a module.
    Errors: ValueError for images or names, and for a net that does not look at colour images.
    """

    title = "Filters at work"
    caption = (
        "Beside each filter its answer at every place of the picture. Red: there the picture is like the filter. "
        "Blue: like its opposite. Look for an edge that is red in one map and missing in another."
    )
    format = "jpeg"

    def __init__(self, net, images, names=None, picture=None):
        super().__init__(net, images, names, 2)
        filters = raw_filters(net).float().cpu()
        self.filters = as_pictures(filters, per_filter=True).numpy()  # (k, 3, h, w) in [0, 1]
        self.answers = lru_cache(maxsize=4)(lambda picture: first_answers(net, self.images[picture]))
        self.controls = {
            "filter": Slider(0, len(filters) - 1, 1, "filter"),
            "picture": Slider(0, len(images) - 1, 1, "picture"),
        }
        chosen = unlike(filters, CHOSEN)
        self.limit, loudest = self._scale(chosen)
        self.paper = self._paper()
        start = {"filter": chosen[0], "picture": loudest if picture is None else picture}
        self.check(**start)
        self.stops = {f"filter {chosen[0]}": start}
        if self.answers(start["picture"]).relu is not None:
            self.controls["view"] = Choice((SIGNED, RELU), "show")
            self.stops[f"filter {chosen[0]}"] = start | {"view": SIGNED}
            self.stops[f"filter {chosen[0]}, {RELU}"] = {"view": RELU}
        self.stops |= {f"filter {other}": {"filter": other} for other in chosen[1:]}

    def _scale(self, chosen):
        """The shared scale, and the image that the chosen filters activate on most strongly.

        Each filter counts the same: its largest activation on an image, as a share of its largest on any.
        """
        asked = (
            np.linspace(0, len(self.images) - 1, min(len(self.images), ASKED)).round().astype(int).tolist()
        )
        high, peaks = [], []
        for picture in asked:
            signed = first_answers(self.net, self.images[picture]).signed
            high.append(np.quantile(np.abs(signed), 0.999))
            peaks.append(signed[chosen].max((1, 2)).clip(0))
        peaks = np.stack(peaks)  # (asked, chosen)
        shares = peaks / peaks.max(0).clip(1e-12)
        return max(float(np.mean(high)), 1e-12), asked[shares.sum(1).argmax()]

    def look(self, filter, picture, view=SIGNED):
        """The map (rows, columns), the position (row, column) of its largest value, and that of its smallest.

        The first is None where nothing is above zero, the second where nothing is below.
        """
        answers = self.answers(picture)
        values = (answers.signed if view == SIGNED else answers.relu)[filter]
        yes, no = (
            tuple(map(int, np.unravel_index(at, values.shape))) for at in (values.argmax(), values.argmin())
        )
        return values, yes if values.max() > 0 else None, no if values.min() < 0 else None

    def sentence(self, filter, picture, view=SIGNED):
        values, yes, no = self.look(filter, picture, view)
        found, other = "it says yes nowhere", "nothing is like its opposite"
        if yes:
            found = f"its strongest yes is {values.max():+.2f} at row {yes[0]}, column {yes[1]}"
        if no:
            other = f"its opposite answers {values.min():+.2f} at row {no[0]}, column {no[1]}"
        if view == RELU:
            other = f"the ReLU leaves {(values > 0).mean():.0%} of the places above zero"
        rows, columns = values.shape
        return f"Filter {filter} on {self.named(picture)}, {rows} x {columns} places: {found}; {other}."

    def board(self, filter, picture, view=SIGNED):
        values, yes, no = self.look(filter, picture, view)
        image, answers, kernel = self.images[picture].numpy(), self.answers(picture), self.filters.shape[2:]
        zoom = PANEL / max(image.shape[1:])
        size = round(image.shape[2] * zoom), round(image.shape[1] * zoom)
        board = Board(0, 0, self.paper)
        board.tile(self.filters[filter], 0, HEAD, TILE, smooth=False)
        board.tile(image, SECOND, HEAD, *size)
        board.tile(self._map(values, answers, zoom, size), THIRD, HEAD, *size)
        for place, colour in ((no, NO), (yes, YES)):
            if place:
                _frame(board.draw, answers.box(place, kernel), zoom, SECOND, size, colour)
                _frame(board.draw, answers.box(place, answers.step), zoom, THIRD, size, colour)
        if yes:
            board.tile(_cut(image, answers.box(yes, kernel)), 0, FOOT, TILE, smooth=False)
            board.draw.rectangle((0, FOOT, TILE - 1, FOOT + TILE - 1), outline=YES, width=4)
        board.write(0, FOOT - 27, "strongest yes" if yes else "no yes here", 19, YES if yes else plots.INK)
        shape = "{} x {} places".format(*values.shape)
        heads = {0: f"filter {filter}", SECOND: self.named(picture), THIRD: f"{view}, {shape}"}
        for x, text in heads.items():
            board.write(x, 2, text, bold=True, width=PANEL)
        return board

    def _map(self, values, answers, zoom, size):
        """The map in its colours, its squares where they stand in the image; white where no unit is. Pillow image."""
        (rows, columns), (y, x) = answers.step, answers.start
        board = Board(*size)
        whole = round(values.shape[1] * columns * zoom), round(values.shape[0] * rows * zoom)
        board.tile(
            mapped(values, "coolwarm", -self.limit, self.limit),
            round(x * zoom),
            round(y * zoom),
            *whole,
            False,
        )
        return board.sheet

    def _paper(self):
        """All that stands still: the colour bar."""
        board, left, limit = Board(WIDTH, HEIGHT), WIDTH - BAR, self.limit
        words = {0: f"≥ {limit:.2g}", 0.5: "0", 1: f"≤ −{limit:.2g}"}
        board.ramp(left, HEAD, 22, PANEL, "coolwarm", words, 18, gap=8)
        for top, other, colour in ((HEAD + 24, "filter", YES), (HEAD + PANEL - 64, "opposite", NO)):
            board.write(left + 30, top, "like the" if other == "filter" else "like its", 16, colour)
            board.write(left + 30, top + 20, other, 16, colour)
        return board

    def filmstrip(self):
        """The image and the colour bar, and for each stop the filter beside its map."""
        tile, small, gap, across, above = 1.66, 0.62, 0.13, 4, 0.3  # inches
        wide, high = small + 0.05 + tile + gap, above + tile + 0.08
        film = Film(self, across * wide - gap, ceil((1 + len(self.stops)) / across) * high)
        picture, norm = self.stop(next(iter(self.stops)))["picture"], Normalize(-self.limit, self.limit)
        film.tile(self.images[picture], 0, above, tile, self.named(picture), aspect="equal")
        film.colour_bar(tile + 0.1, above, tile, norm, "coolwarm", "")
        way = {"cmap": "coolwarm", "norm": norm, "interpolation": "nearest", "aspect": "equal"}
        for k, title, values in self.places():
            x, y = (k + 1) % across * wide, above + (k + 1) // across * high
            film.tile(self.filters[values["filter"]], x, y, small, interpolation="nearest")
            film.tile(self.look(**values)[0], x + small + 0.05, y, tile, title, **way)
        return film.picture()


def _cut(image, box):
    """The pixels (3, h, w) of a box; mid-grey where it reaches over the border."""
    left, top, right, bottom = map(round, box)
    margin = max(right - left, bottom - top)
    wider = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), constant_values=0.5)
    return wider[:, top + margin : bottom + margin, left + margin : right + margin]


def _frame(draw, box, zoom, left, size, colour):
    """A box of the image (left, top, right, bottom in px of it) drawn on its panel, dark on white."""
    low, high = (left, HEAD), (left + size[0] - 1, HEAD + size[1] - 1)
    edges = [low[i % 2] + zoom * edge for i, edge in enumerate(box)]
    edges = [min(max(edge, low[i % 2] + 2), high[i % 2] - 2) for i, edge in enumerate(edges)]
    for grow, shade, width in ((2, "white", 6), (0, colour, 3)):
        wider = edges[0] - grow, edges[1] - grow, edges[2] + grow, edges[3] + grow
        draw.rectangle(wider, outline=shade, width=width)
