"""One channel on one picture: where it says yes, its map, and the nine patches that it likes best."""

from functools import lru_cache

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image, ImageDraw

from .. import features, plots
from ..checks import check_images
from ..plots import maps as show_maps
from .base import Explorer, Slider
from .pixels import enlarged, fitted, font

PANEL, GAP, HEAD, BAR, STOPS = 372, 22, 32, 96, 6  # px: picture, space, titles, colour bar; number of stops
SECOND, THIRD = PANEL + GAP, 2 * PANEL + 2 * GAP + BAR  # px: where the map and the patches begin
WIDTH, HEIGHT = THIRD + PANEL + 2, HEAD + PANEL + 2
FRAME = "#D55E00"  # around the field of the strongest unit


class Channels(Explorer):
    """Channel and picture under sliders. Left the picture, lit where the channel says yes; its map; its best patches.

    net: any nn.Module. images: float (n, 3, h, w) in [0, 1], at least 9. layer: a name from dict(net.named_modules())
    whose units have places. names: what each picture shows, or None.
    Yes: the map, enlarged, lies above the value that a channel exceeds at `share` of its places on all these images.
    Patches: of these images the nine with the strongest unit, each patch all that the unit sees.
    The stops take the first pictures in turn, for each the channel that comes nearest to its largest value on any
    picture; no channel twice.
    Errors: ValueError, KeyError as for `features.top_patches`.
    """

    title = "What does this channel say yes to?"
    caption = (
        "Lit: where the channel answers as strongly as at one place in two hundred. Orange frame: all that its "
        "strongest unit sees. Right: the nine strongest patches of all pictures. Do they show one thing?"
    )
    format = "jpeg"

    def __init__(self, net, images, layer, names=None, share=features.dissection.SHARE):
        check_images(images, net=net, range01=True)
        if len(images) < 9:
            raise ValueError(f"images: expected at least 9, one for each patch, got {len(images)}")
        if names is not None and len(names) != len(images):
            raise ValueError(f"names: expected {len(images)}, one for each image, got {len(names)}")
        self.net, self.layer, self.images, self.names = net, layer, images.cpu(), names
        self.field = features.receptive_field(net, layer, image_size=images.shape[-1])
        self.top = features.top_units(net, self.images, layer, 9)
        self.maps = features.extract(net, self.images, layer)
        self.thresholds = features.top_thresholds(self.maps, share)
        self.limits = self.maps.amax((0, 2, 3)).clamp_min(1e-12)  # of each channel, over all pictures
        self.controls = {
            "channel": Slider(0, self.maps.shape[1] - 1, 1, "channel"),
            "picture": Slider(0, len(images) - 1, 1, "picture"),
        }
        self.stops = {f"channel {c}, picture {p}": {"channel": c, "picture": p} for p, c in self._choose()}
        self.patches = lru_cache(maxsize=64)(self._patches)

    def _choose(self):
        """(picture, channel) of each stop."""
        ratio = self.maps.amax((2, 3)) / self.limits  # (pictures, channels)
        ratio[:, self.thresholds <= 0] = 0  # a channel that is hardly ever on is no example
        taken = []
        for picture in range(min(STOPS, len(self.images))):
            ratio[:, taken] = -1
            taken.append(int(ratio[picture].argmax()))
            yield picture, taken[-1]

    def look(self, channel, picture):
        """The map (rows, columns), where it says yes (h, w), and the strongest unit's box; None where all is silent."""
        values = self.maps[picture, channel]
        yes = (
            features.placed(values[None, None], self.field, self.images.shape[2:])[0, 0]
            > self.thresholds[channel]
        )
        if values.max() <= 0:
            return values, yes, None
        unit = torch.tensor(divmod(int(values.argmax()), values.shape[1]))
        return values, yes, self.field.boxes(unit).tolist()

    def describe(self, channel, picture):
        self.check(channel=channel, picture=picture)
        values, yes, box = self.look(channel, picture)
        if box is None:
            return f"Channel {channel} is silent on {self._name(picture)}."
        return (
            f"Channel {channel} on {self._name(picture)}: it answers {values.max():.1f} at most, of "
            f"{self.limits[channel]:.1f} on any picture, and says yes to {yes.float().mean():.1%} of the pixels. "
            f"Its best patches are from {self._sources(channel)}."
        )

    def _sources(self, channel):
        """Where the nine patches come from, the commonest first: "dog (7), rabbit (2)"."""
        which = self.top.images[channel].tolist()
        if self.names is None:
            return "pictures " + ", ".join(map(str, which))
        found = [self.names[index] for index in which]
        counts = sorted({name: found.count(name) for name in found}.items(), key=lambda item: -item[1])
        return ", ".join(f"{name} ({count})" for name, count in counts)

    def _name(self, picture):
        return f"picture {picture}" + ("" if self.names is None else f": {self.names[picture]}")

    def _patches(self, channel):
        """The nine patches as one Pillow image of PANEL px."""
        row = (values[channel] for values in self.top)
        found = features.cut_patches(self.net, self.images, self.layer, *row).patches
        side, sheet = (PANEL - 8) // 3, Image.new("RGB", (PANEL, PANEL), "white")
        for n, patch in enumerate(found.numpy()):
            y, x = divmod(n, 3)
            sheet.paste(enlarged(patch, (side, side)), (x * (side + 4), y * (side + 4)))
        return sheet

    def render(self, channel, picture):
        self.check(channel=channel, picture=picture)
        values, yes, box = self.look(channel, picture)
        sheet, size = Image.new("RGB", (WIDTH, HEIGHT), "white"), (PANEL, PANEL)
        lit = show_maps.spotlight(self.images[picture], yes)
        sheet.paste(Image.fromarray(lit).resize(size, Image.Resampling.BICUBIC), (0, HEAD))
        draw, zoom = ImageDraw.Draw(sheet), PANEL / self.images.shape[3]
        if box is not None:
            edges = [
                min(max(edge * zoom, 2), PANEL - 3) + (HEAD if n % 2 else 0) for n, edge in enumerate(box)
            ]
            draw.rectangle(edges, outline=FRAME, width=3)
        limit = float(self.limits[channel])
        coloured = colormaps["viridis"]((values.numpy() / limit).clip(0, 1), bytes=True)[..., :3]
        squares = Image.fromarray(np.ascontiguousarray(coloured)).resize(size, Image.Resampling.NEAREST)
        sheet.paste(squares, (SECOND, HEAD))
        self._bar(sheet, draw, limit, float(self.thresholds[channel]))
        sheet.paste(self.patches(channel), (THIRD, HEAD))
        words = {
            0: self._name(picture),
            SECOND: f"channel {channel}, {values.shape[0]} × {values.shape[1]}",
            THIRD: "its nine best patches",
        }
        for x, text in words.items():
            draw.text((x, 2), fitted(text, PANEL, 20, True), font=font(20, True), fill=plots.INK)
        return np.asarray(sheet)

    def filmstrip(self):
        """Each stop as it is rendered, without the words inside: the picture lit, the map, the nine patches."""
        tile, space, above, across = 1.56, 0.06, 0.3, 2  # inches
        wide, high = 3 * tile + 2 * space + 0.2, above + tile + 0.12
        rows = -(-len(self.stops) // across)
        sheet = plots.Sheet(across * wide - 0.2, rows * high - 0.12, self.title, self.caption, self.alt())
        for n, title in enumerate(self.stops):
            values = self.stop(title)
            frame = self.render(**values)[HEAD : HEAD + PANEL]
            for k, left in enumerate((0, SECOND, THIRD)):
                x, y = n % across * wide + k * (tile + space), above + n // across * high
                axes = sheet.axes(x, y, tile, tile)
                axes.imshow(frame[:, left : left + PANEL], aspect="auto")
                if k == 0:
                    name = "" if self.names is None else f" ({self.names[values['picture']]})"
                    axes.set_title(title + name, fontsize=plots.TEXT, color=plots.INK, pad=4, loc="left")
        return plots.Tiles(sheet.figure, sheet.alt)

    @staticmethod
    def _bar(sheet, draw, limit, threshold):
        """The colour bar of the map, from 0 to the channel's largest value, with the mark where yes begins."""
        left = SECOND + PANEL + 10
        ramp = colormaps["viridis"](np.linspace(1, 0, PANEL), bytes=True)[:, None, :3]
        sheet.paste(Image.fromarray(np.ascontiguousarray(ramp.repeat(18, 1))), (left, HEAD))
        draw.text((left + 24, HEAD), f"{limit:.1f}", font=font(17), fill=plots.INK)
        draw.text((left + 24, HEAD + PANEL - 1), "0", font=font(17), fill=plots.INK, anchor="ls")
        at = HEAD + round((PANEL - 1) * (1 - min(max(threshold, 0) / limit, 1)))
        at = min(max(at, HEAD + 36), HEAD + PANEL - 30)
        draw.line((left - 3, at, left + 22, at), fill=FRAME, width=4)
        draw.text((left + 26, at), "yes ↑", font=font(17), fill=FRAME, anchor="lm")
