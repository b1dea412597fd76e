"""Two explorers of a net's units: a filter of the first layer at every position; a channel with its best patches."""

from collections import Counter
from functools import lru_cache
from itertools import product

import numpy as np
import torch
from PIL import Image, ImageDraw

from .. import features
from ..features.first_layer import first_answers, unlike
from ..features.patches import crop
from ..plots.pixels import spotlight
from . import board as ui
from .base import Choice, OfImages, Slider

PANEL, TILE = 420, 190  # px: image and map, the filter and the patch
YES, NO = "#b40426", "#3b4cc0"  # both ends of coolwarm
CHOSEN, ASKED = 6, 64  # filters that are stops; images that are asked for the shared scale
SIGNED, RELU = "its answer", "after the ReLU"
SIDE, SMALL, STOPS = 372, 156, 4  # px: the panels of a channel, of its filmstrip; number of its stops
FRAME = "#D55E00"  # around the receptive field of the strongest unit


class FilterAtWork(OfImages):
    """A filter of the first layer, an image, and the filter's activation at every position of it.

    net: any nn.Module whose first convolution takes 3 channels. images: float (n, 3, h, h) in [0, 1], n >= 2.
    names: what each image shows, or None. The stops look at the image that their filters activate on most strongly.
    The activation holds the filter's bias too. One scale for all filters and images: the size that one activation in a
    thousand of an image exceeds, averaged over the images (64 of them, if there are more).
    The control "show" is there where the net's first ReLU is a module.
    Errors: ValueError for images or names, and for a net that does not look at colour images.
    """

    title = "Red: there the image is like the filter; blue: like its negative"
    caption = (
        "Beside each filter its activation at every position. All maps share one scale; stronger activations are cut "
        "off at its ends. Look for an edge that is red in one map and missing in another."
    )
    format, arrows = "jpeg", {"filter": (1, 0)}
    hint = "Point at a place: the filter that is most active there. Or use the arrow keys."

    def __init__(self, net, images, names=None):
        super().__init__(net, images, names, 2)
        filters = features.raw_filters(net).float().cpu()
        self.filters = features.as_pictures(filters, per_filter=True).numpy()  # (k, 3, h, w) in [0, 1]
        self.answers = lru_cache(maxsize=4)(lambda picture: first_answers(net, self.images[picture]))
        self.controls = {
            "filter": Slider(0, len(filters) - 1, 1, "filter"),
            "picture": Slider(0, len(images) - 1, 1, "picture"),
        }
        first, *others = unlike(filters, CHOSEN)
        self.limit, loudest = self._scale([first, *others])
        self.end = f"{float(f'{self.limit:.2g}'):g}"  # of the scale, in two digits: "0.49", "300"
        self.bar = ui.Tile(self._bar())
        self.stops = {f"filter {first}": {"filter": first, "picture": loudest}}
        if self.answers(loudest).relu is not None:
            self.controls["view"] = Choice((SIGNED, RELU), "show")
            self.stops[f"filter {first}"]["view"] = SIGNED
            self.stops[f"filter {first}, {RELU}"] = {"view": RELU}
        self.stops |= {f"filter {other}": {"filter": other} for other in others}

    def _scale(self, chosen):
        """The shared scale, and the image that the chosen filters activate on most strongly, each filter alike."""
        count = min(len(self.images), ASKED)
        asked = np.linspace(0, len(self.images) - 1, count).round().astype(int).tolist()
        high, peaks = [], []
        for picture in asked:
            signed = first_answers(self.net, self.images[picture]).signed
            high.append(np.quantile(np.abs(signed), 0.999))
            peaks.append(signed[chosen].max((1, 2)).clip(0))
        shares = np.stack(peaks) / np.max(peaks, 0).clip(1e-12)  # (asked, chosen), of a filter's largest
        return max(float(np.mean(high)), 1e-12), asked[shares.sum(1).argmax()]

    def _bar(self):
        """The colour bar, which stands still, with what its ends mean: a Pillow image."""
        words = {0: f"≥ {self.end}", 0.5: "0", 1: f"≤ −{self.end}"}
        image = ui.Ramp("coolwarm", PANEL, words, 22, 18, room=88).image()
        pen = ImageDraw.Draw(image)
        pen.text((30, 24), "like the\nfilter", YES, ui.font(16))
        pen.text((30, PANEL - 64), "like its\nnegative", NO, ui.font(16))
        return image

    def look(self, filter, picture, view=SIGNED):
        """The map (rows, columns), where (row, column) its largest value stands, None where nothing is above zero,
        and where its smallest, None where nothing is below.
        """
        answers = self.answers(picture)
        values = (answers.signed if view == SIGNED else answers.relu)[filter]
        yes, no = (divmod(int(at), values.shape[1]) for at in (values.argmax(), values.argmin()))
        return values, yes if values.max() > 0 else None, no if values.min() < 0 else None

    def sentence(self, filter, picture, view=SIGNED):
        values, yes, no = self.look(filter, picture, view)
        found, other = "it is above zero nowhere", "and below zero nowhere"
        if yes:
            found = f"its largest activation is {values.max():+.2f} at row {yes[0]}, column {yes[1]}"
        if no:
            other = f"its smallest is {values.min():+.2f} at row {no[0]}, column {no[1]}"
        if view == RELU:
            other = f"the ReLU leaves {(values > 0).mean():.0%} of the positions above zero"
        rows, columns = values.shape
        return f"Filter {filter} on {self.named(picture)}, {rows} x {columns} positions: {found}; {other}."

    def board(self, filter, picture, view=SIGNED):
        values, yes, no = self.look(filter, picture, view)
        image, answers, kernel = self.images[picture].numpy(), self.answers(picture), self.filters.shape[2:]
        zoom = PANEL / image.shape[2]
        shown, heat = ui.scaled(image, PANEL), self._map(values, answers, zoom)
        for place, ink in ((no, NO), (yes, YES)):
            if place:
                shown = ui.outlined(shown, [[zoom * edge for edge in answers.box(place, kernel)]], ink)
                heat = ui.outlined(heat, [[zoom * edge for edge in answers.box(place, answers.step)]], ink)
        patch = ui.titled(ui.Block(TILE), "inactive", size=19, bold=False)
        if yes:
            box = torch.tensor([answers.box(yes, kernel)]).round().long()
            cut = ui.Tile(crop(self.images[[picture]], box)[0], TILE - 8, smooth=False, frame=YES)
            patch = ui.titled(cut, "most like it", size=19, bold=False, ink=YES, gap=8)
        kernels = ui.column(ui.Tile(self.filters[filter], TILE, smooth=False), patch, gap=9)

        def grip(x, y, *_):
            """The filter whose activation is the largest of all at a place."""
            every = answers.signed if view == SIGNED else answers.relu
            at = np.floor((np.array([y, x]) / zoom - answers.start) / answers.step).astype(int)
            row, column = at.clip(0, np.subtract(values.shape, 1))
            return {"filter": int(every[:, row, column].argmax())}

        panels = kernels, ui.held(ui.Tile(shown), grip), ui.held(ui.Tile(heat), grip), self.bar
        shape = "{} x {} positions".format(*values.shape)
        heads = f"filter {filter}", self.named(picture), f"{view}, {shape}", ""
        return ui.row(*map(ui.titled, panels, heads), gap=24)

    def _map(self, values, answers, zoom):
        """The map in its colours, its squares where they stand in the image; white where no unit is. Pillow image."""
        high, wide = values.shape * np.multiply(answers.step, zoom)
        y, x = np.multiply(answers.start, zoom)
        colours = ui.mapped(values, "coolwarm", -self.limit, self.limit)
        sheet = Image.new("RGB", (PANEL, PANEL), "white")
        sheet.paste(ui.scaled(colours, round(wide), round(high), smooth=False), (round(x), round(y)))
        return sheet

    def still(self, title, **values):
        cells = ui.mapped(self.look(**values)[0], "coolwarm", -self.limit, self.limit)
        small = ui.Tile(self.filters[values["filter"]], 62, smooth=False)
        return ui.captioned(ui.row(small, ui.Tile(cells, 166, smooth=False), gap=5), title)

    def film(self):
        picture = self.places()[0][2]["picture"]
        image = ui.captioned(ui.Tile(self.images[picture], 166), self.named(picture))
        words = {0: f"≥ {self.end}", 0.5: "0", 1: f"≤ −{self.end}"}
        first = ui.row(image, ui.Ramp("coolwarm", 166, words, room=56), gap=8, align=1.0)
        stills = (self.still(title, **values) for _, title, values in self.places())
        return ui.grid([first, *stills], 4, gap=13, below=8)


class Channels(OfImages):
    """Channel and image under sliders. Left the image, lit where the channel activates; its map; its best patches.

    net: any nn.Module. images: float (n, 3, h, h) in [0, 1], at least 9. layer: a name from dict(net.named_modules())
    whose units have positions. names: what each image shows, or None.
    Lit: the map, enlarged, lies above the value that a channel exceeds at one position in two hundred on all images.
    The stops take the first images in turn, for each the channel that comes nearest to its largest value on any
    image; no channel twice. Another unit than the strongest is pointed at on the map.
    Errors: ValueError, KeyError as for `features.top_patches`.
    """

    title = "What does this channel respond to?"
    caption = (
        "Lit: above the channel's 99.5th percentile. Orange frame: all that its strongest unit sees. "
        "Right: its nine top patches. Do they show one thing?"
    )
    format, across, hint = "jpeg", 2, "Point at a unit of the map, or use the arrow keys."
    arrows = {"column": (1, 0), "row": (0, 1)}

    def __init__(self, net, images, layer, names=None):
        super().__init__(net, images, names, 9, "one for each patch")
        self.layer = layer
        self.field = features.receptive_field(net, layer, image_size=images.shape[-1])
        self.top = features.top_units(net, self.images, layer, 9)
        self.maps = features.extract(net, self.images, layer)
        self.thresholds = features.top_thresholds(self.maps)
        self.limits = self.maps.amax((0, 2, 3)).clamp_min(1e-12)  # of each channel, over all images
        self.controls = {
            "channel": Slider(0, self.maps.shape[1] - 1, 1, "channel"),
            "picture": Slider(0, len(images) - 1, 1, "picture"),
        }
        for name, count in zip(("row", "column"), self.maps.shape[2:], strict=True):
            self.controls[name] = Slider(-1, count - 1, 1, f"{name} of the unit (−1: all)")
        strongest = {"row": -1, "column": -1}
        self.stops = {
            f"channel {c}, picture {p}": {"channel": c, "picture": p} | strongest for p, c in self._choose()
        }
        self.patches = lru_cache(maxsize=64)(self._patches)

    def _choose(self):
        """(image, channel) of each stop."""
        ratio = self.maps.amax((2, 3)) / self.limits  # (images, channels)
        ratio[:, self.thresholds <= 0] = 0  # a channel that is hardly ever on is no example
        for picture in range(min(STOPS, len(self.images))):
            channel = int(ratio[picture].argmax())
            ratio[:, channel] = -1
            yield picture, channel

    def among(self, row, column):
        """The rows and the columns that are asked: one, or all of them where it is −1."""
        counts = self.maps.shape[2:]
        return [[at] if at >= 0 else range(count) for at, count in zip((row, column), counts, strict=True)]

    def unit(self, channel, picture, row, column):
        """The row and the column of the strongest unit of those that are asked."""
        return max(product(*self.among(row, column)), key=self.maps[picture, channel].numpy().__getitem__)

    def look(self, channel, picture, row=-1, column=-1):
        """The map (rows, columns), where it is lit (h, h), and the unit's box; None: one of several, all inactive."""
        values = self.maps[picture, channel]
        placed = features.placed(values[None, None], self.field, self.images.shape[2:])[0, 0]
        lit, unit = placed > self.thresholds[channel], self.unit(channel, picture, row, column)
        shown = values[unit] > 0 or min(row, column) >= 0
        return values, lit, self.field.boxes(torch.tensor(unit)).tolist() if shown else None

    def sentence(self, channel, picture, row=-1, column=-1):
        values, lit, _ = self.look(channel, picture)
        asked = ", ".join(f"{name} {at}" for name, at in (("row", row), ("column", column)) if at >= 0)
        own = (
            f" In {asked} it reaches {values[self.unit(channel, picture, row, column)]:.1f}." if asked else ""
        )
        if values.max() <= 0:
            return f"Channel {channel} is inactive on {self.named(picture)}.{own}"
        return (
            f"Channel {channel} on {self.named(picture)}: it reaches {values.max():.1f}, of "
            f"{self.limits[channel]:.1f} on any image, and is active at {lit.float().mean():.1%} of the pixels. "
            f"Its top patches are from {self._sources(channel)}.{own}"
        )

    def _sources(self, channel):
        """Where the nine patches come from, the commonest first: "dog (7), rabbit (2)"."""
        which = self.top.images[channel].tolist()
        if self.names is None:
            return "pictures " + ", ".join(map(str, which))
        counts = Counter(self.names[index] for index in which).most_common()
        return ", ".join(f"{name} ({count})" for name, count in counts)

    def _patches(self, channel):
        """The nine patches as one Pillow image of SIDE px."""
        unit = (values[channel] for values in self.top)
        found = features.cut_patches(self.net, self.images, self.layer, *unit).patches
        return ui.grid([ui.Tile(patch, (SIDE - 8) // 3) for patch in found], 3, gap=4).image()

    def panels(self, channel, picture, row=-1, column=-1):
        """The image lit, with the unit's field; the map; the nine patches: Pillow images of SIDE px."""
        values, lit, box = self.look(channel, picture, row, column)
        shown = ui.scaled(spotlight(self.images[picture], lit), SIDE)
        if box is not None:
            shown = ui.outlined(shown, [[edge * SIDE / self.images.shape[3] for edge in box]], FRAME)
        colours = ui.mapped(values.numpy(), "viridis", 0, float(self.limits[channel]))
        heat = ui.scaled(colours, SIDE, smooth=False)
        if max(row, column) >= 0:
            (y, x), (high, wide) = self.among(row, column), (SIDE / count for count in values.shape)
            here = x[0] * wide, y[0] * high, (x[-1] + 1) * wide, (y[-1] + 1) * high
            heat = ui.outlined(heat, [here], FRAME)
        return shown, heat, self.patches(channel)

    def board(self, channel, picture, row=-1, column=-1):
        rows, columns = self.maps.shape[2:]
        shown, heat, patches = self.panels(channel, picture, row, column)
        panels = list(map(ui.Tile, (shown, heat, self._bar(channel), patches)))

        def grip(x, y, *_):
            return {"row": max(0, y * rows / SIDE - 0.5), "column": max(0, x * columns / SIDE - 0.5)}

        ui.held(panels[1], grip)
        heads = self.named(picture), f"channel {channel}, {rows} × {columns}", "", "its nine top patches"
        return ui.row(*map(ui.titled, panels, heads))

    def _bar(self, channel):
        """The colour bar with the threshold: a Pillow image."""
        limit, threshold = float(self.limits[channel]), float(self.thresholds[channel])
        image = ui.Ramp("viridis", SIDE, {0: f"{limit:.1f}", 1: "0"}, 18, 17, room=68).image()
        at = round((SIDE - 1) * (1 - min(max(threshold, 0) / limit, 1)))
        at, pen = min(max(at, 36), SIDE - 30), ImageDraw.Draw(image)
        pen.line((0, at, 22, at), fill=FRAME, width=4)
        pen.text((26, at), "active", FRAME, ui.font(17), "lm")
        return image

    def still(self, title, channel, picture, **unit):
        small = (ui.resized(panel, SMALL) for panel in self.panels(channel, picture))
        name = "" if self.names is None else f" ({self.names[picture]})"
        return ui.captioned(ui.row(*small, gap=6), title + name, align=0)
