"""One filter of the first layer at work: the filter, a picture, and the filter's answer at every place."""

from functools import lru_cache
from math import ceil

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Normalize
from PIL import Image, ImageDraw

from .. import plots
from ..checks import check_images
from ..features import as_pictures, raw_filters
from ..features.first_layer import first_answers, unlike
from .base import Choice, Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, TILE, GAP, HEAD, BAR = 420, 190, 24, 34, 120  # px: picture and map, filter, space, titles, colour bar
SECOND, THIRD = TILE + GAP, TILE + PANEL + 2 * GAP  # px: where the picture and the map begin
WIDTH, HEIGHT = THIRD + PANEL + GAP + BAR, HEAD + PANEL + 4
YES, NO = "#b40426", "#3b4cc0"  # both ends of coolwarm
CHOSEN, ASKED = 6, 64  # filters that are stops; pictures that are asked for the shared scale
SIGNED, RELU = "its answer", "after the ReLU"


class FilterAtWork(Explorer):
    """A filter of the first layer, a picture, and the filter's answer at every place of it.

    net: any nn.Module whose first convolution takes 3 channels. images: float (n, 3, h, w) in [0, 1], n >= 2.
    names: what each picture shows, or None. picture: the one that the stops look at; None takes the one on which
    their filters say yes most strongly.
    Red: the picture is there as the filter is. Blue: it is the opposite, dark where the filter is bright. The answer
    holds the filter's bias too. One scale for all filters and pictures: the size that one answer in a thousand of a
    picture exceeds, averaged over the pictures (64 of them, if there are more); larger ones get its end's colour.
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
        check_images(images, net=net, range01=True)
        if len(images) < 2:
            raise ValueError(f"images: expected at least 2, to choose from, got {len(images)}")
        if names is not None and len(names) != len(images):
            raise ValueError(f"names: expected {len(images)}, one for each image, got {len(names)}")
        self.net, self.images, self.names = net, images.cpu(), names
        filters = raw_filters(net).float().cpu()
        self.filters = as_pictures(filters, per_filter=True).numpy()  # (k, 3, h, w) in [0, 1]
        self.answers = lru_cache(maxsize=4)(lambda picture: first_answers(net, self.images[picture]))
        self.controls = {
            "filter": Slider(0, len(filters) - 1, 1, "filter"),
            "picture": Slider(0, len(images) - 1, 1, "picture"),
        }
        chosen = unlike(filters, CHOSEN)
        self.limit, loudest = self._ask_around(chosen)
        start = {"filter": chosen[0], "picture": loudest if picture is None else picture}
        self.check(**start)
        self.stops = {f"filter {chosen[0]}": start}
        if self.answers(start["picture"]).relu is not None:
            self.controls["view"] = Choice((SIGNED, RELU), "show")
            self.stops[f"filter {chosen[0]}"] = start | {"view": SIGNED}
            self.stops[f"filter {chosen[0]}, {RELU}"] = {"view": RELU}
        self.stops |= {f"filter {other}": {"filter": other} for other in chosen[1:]}

    def _ask_around(self, chosen):
        """The shared scale, and the picture on which the chosen filters say yes most strongly.

        Each filter counts the same: its largest answer to a picture, as a share of its largest to any.
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
        """The map (rows, columns), the place (row, column) of its largest value, and that of its smallest.

        The first is None where nothing is above zero, the second where nothing is below.
        """
        chosen = {"filter": filter, "picture": picture, "view": view}
        self.check(**{name: chosen[name] for name in chosen if name in self.controls or view != SIGNED})
        answers = self.answers(picture)
        values = (answers.signed if view == SIGNED else answers.relu)[filter]
        yes, no = (
            tuple(map(int, np.unravel_index(at, values.shape))) for at in (values.argmax(), values.argmin())
        )
        return values, yes if values.max() > 0 else None, no if values.min() < 0 else None

    def describe(self, filter, picture, view=SIGNED):
        values, yes, no = self.look(filter, picture, view)
        found, other = "it says yes nowhere", "nothing is like its opposite"
        if yes:
            found = f"its strongest yes is {values.max():+.2f} at row {yes[0]}, column {yes[1]}"
        if no:
            other = f"its opposite answers {values.min():+.2f} at row {no[0]}, column {no[1]}"
        if view == RELU:
            other = f"the ReLU leaves {(values > 0).mean():.0%} of the places above zero"
        rows, columns = values.shape
        return f"Filter {filter} on {self._name(picture)}, {rows} x {columns} places: {found}; {other}."

    def _name(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f": {self.names[picture]}")

    def render(self, filter, picture, view=SIGNED):
        values, yes, no = self.look(filter, picture, view)
        image, answers, kernel = self.images[picture].numpy(), self.answers(picture), self.filters.shape[2:]
        zoom = PANEL / max(image.shape[1:])
        size = round(image.shape[2] * zoom), round(image.shape[1] * zoom)
        sheet = _paper(self.limit).copy()
        sheet.paste(enlarged(self.filters[filter], (TILE, TILE), smooth=False), (0, HEAD))
        sheet.paste(enlarged(image, size), (SECOND, HEAD))
        sheet.paste(_coloured(values, self.limit, answers, zoom, size), (THIRD, HEAD))
        draw = ImageDraw.Draw(sheet)
        for place, colour in ((no, NO), (yes, YES)):
            if place:
                _frame(draw, answers.box(place, kernel), zoom, SECOND, size, colour)
                _frame(draw, answers.box(place, answers.step), zoom, THIRD, size, colour)
        foot = HEAD + PANEL - TILE
        if yes:
            patch = _cut(image, answers.box(yes, kernel))
            sheet.paste(enlarged(patch, (TILE, TILE), smooth=False), (0, foot))
            draw.rectangle((0, foot, TILE - 1, foot + TILE - 1), outline=YES, width=4)
        words = {0: f"filter {filter}", SECOND: self._name(picture), THIRD: f"{view}, {_shape(values)}"}
        for x, text in words.items():
            draw.text((x, 2), fitted(text, PANEL, 20, True), font=font(20, True), fill=plots.INK)
        found = "strongest yes" if yes else "no yes here"
        draw.text((0, foot - 27), found, font=font(19), fill=YES if yes else plots.INK)
        return np.asarray(sheet)

    def filmstrip(self):
        """The picture and the colour bar, and for each stop the filter beside its map."""
        tile, small, gap, across, above = 1.66, 0.62, 0.13, 4, 0.3  # inches
        wide, high = small + 0.05 + tile + gap, above + tile + 0.08
        rows = ceil((1 + len(self.stops)) / across)
        sheet = plots.Sheet(across * wide - gap, rows * high, self.title, self.caption, self.alt())
        picture, norm = self.stop(next(iter(self.stops)))["picture"], Normalize(-self.limit, self.limit)
        axes = sheet.axes(0, above, tile, tile)
        axes.imshow(self.images[picture].numpy().transpose(1, 2, 0))
        axes.set_title(self._name(picture), fontsize=plots.SMALL, color=plots.INK, pad=4)
        sheet.colour_bar(tile + 0.1, above, tile, norm, "coolwarm", "")
        for k, title in enumerate(self.stops, 1):
            x, y, values = k % across * wide, above + k // across * high, self.stop(title)
            tiles = self.filters[values["filter"]].transpose(1, 2, 0)
            sheet.axes(x, y, small, small).imshow(tiles, interpolation="nearest")
            axes = sheet.axes(x + small + 0.05, y, tile, tile)
            axes.imshow(self.look(**values)[0], cmap="coolwarm", norm=norm, interpolation="nearest")
            axes.set_title(title, fontsize=plots.SMALL, color=plots.INK, pad=4)
        return sheet.picture()


def _cut(image, box):
    """The pixels (3, h, w) of a box; mid-grey where it reaches over the border."""
    left, top, right, bottom = map(round, box)
    margin = max(right - left, bottom - top)
    wider = np.pad(image, ((0, 0), (margin, margin), (margin, margin)), constant_values=0.5)
    return wider[:, top + margin : bottom + margin, left + margin : right + margin]


def _shape(values):
    return "{} x {} places".format(*values.shape)


@lru_cache(maxsize=4)
def _paper(limit):
    """All that stands still: the white sheet and its colour bar."""
    sheet = Image.new("RGB", (WIDTH, HEIGHT), "white")
    left, draw = WIDTH - BAR, ImageDraw.Draw(sheet)
    ramp = colormaps["coolwarm"](np.linspace(1, 0, PANEL), bytes=True)[:, None, :3]
    sheet.paste(Image.fromarray(np.ascontiguousarray(ramp.repeat(22, 1))), (left, HEAD))
    for share, word in ((0, f"≥ {limit:.2g}"), (0.5, "0"), (1, f"≤ −{limit:.2g}")):
        anchor = {0: "lt", 0.5: "lm", 1: "ls"}[share]
        draw.text((left + 30, HEAD + share * (PANEL - 1)), word, font=font(18), fill=plots.INK, anchor=anchor)
    for share, words, colour in ((0, ("like the", "filter"), YES), (1, ("like its", "opposite"), NO)):
        for line, word in enumerate(words):
            y = HEAD + 24 + 20 * line if share == 0 else HEAD + PANEL - 64 + 20 * line
            draw.text((left + 30, y), word, font=font(16), fill=colour)
    return sheet


def _coloured(values, limit, answers, zoom, size):
    """The map in its colours, its squares where they stand in the picture; white where no unit is. Pillow image."""
    colours = colormaps["coolwarm"](Normalize(-limit, limit)(values), bytes=True)[..., :3]
    (rows, columns), (y, x) = answers.step, answers.start
    whole = round(values.shape[1] * columns * zoom), round(values.shape[0] * rows * zoom)
    sheet = Image.new("RGB", size, "white")
    squares = Image.fromarray(np.ascontiguousarray(colours)).resize(whole, Image.Resampling.NEAREST)
    sheet.paste(squares, (round(x * zoom), round(y * zoom)))
    return sheet


def _frame(draw, box, zoom, left, size, colour):
    """A box of the picture (left, top, right, bottom in px of it) drawn on its panel, dark on white."""
    low, high = (left, HEAD), (left + size[0] - 1, HEAD + size[1] - 1)
    edges = [low[i % 2] + zoom * edge for i, edge in enumerate(box)]
    edges = [min(max(edge, low[i % 2] + 2), high[i % 2] - 2) for i, edge in enumerate(edges)]
    for grow, shade, width in ((2, "white", 6), (0, colour, 3)):
        draw.rectangle(
            (edges[0] - grow, edges[1] - grow, edges[2] + grow, edges[3] + grow), outline=shade, width=width
        )
