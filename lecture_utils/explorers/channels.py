"""One channel on one image: where it activates, its map, and the nine patches that activate it most."""

from functools import lru_cache

import torch

from .. import features, plots
from ..plots.pixels import spotlight
from .base import OfImages, Slider
from .board import Board, Film, mapped

PANEL, GAP, HEAD, BAR, STOPS = 372, 22, 32, 96, 6  # px: image, space, titles, colour bar; number of stops
SECOND, THIRD = PANEL + GAP, 2 * PANEL + 2 * GAP + BAR  # px: where the map and the patches begin
WIDTH, HEIGHT = THIRD + PANEL + 2, HEAD + PANEL + 2
FRAME = "#D55E00"  # around the receptive field of the strongest unit


class Channels(OfImages):
    """Channel and image under sliders. Left the image, lit where the channel activates; its map; its best patches.

    net: any nn.Module. images: float (n, 3, h, w) in [0, 1], at least 9. layer: a name from dict(net.named_modules())
    whose units have positions. names: what each image shows, or None.
    Lit: the map, enlarged, lies above the value that a channel exceeds at `share` of its positions on all these images.
    Patches: of these images the nine with the strongest unit, each patch all that the unit sees.
    The stops take the first images in turn, for each the channel that comes nearest to its largest value on any
    image; no channel twice.
    Errors: ValueError, KeyError as for `features.top_patches`.
    """

    title = "What does this channel say yes to?"
    caption = (
        "Lit: where the channel answers as strongly as at one place in two hundred. Orange frame: all that its "
        "strongest unit sees. Right: the nine strongest patches of all pictures. Do they show one thing?"
    )
    format = "jpeg"

    def __init__(self, net, images, layer, names=None, share=features.dissection.SHARE):
        super().__init__(net, images, names, 9, "one for each patch")
        self.layer = layer
        self.field = features.receptive_field(net, layer, image_size=images.shape[-1])
        self.top = features.top_units(net, self.images, layer, 9)
        self.maps = features.extract(net, self.images, layer)
        self.thresholds = features.top_thresholds(self.maps, share)
        self.limits = self.maps.amax((0, 2, 3)).clamp_min(1e-12)  # of each channel, over all images
        self.controls = {
            "channel": Slider(0, self.maps.shape[1] - 1, 1, "channel"),
            "picture": Slider(0, len(images) - 1, 1, "picture"),
        }
        self.stops = {f"channel {c}, picture {p}": {"channel": c, "picture": p} for p, c in self._choose()}
        self.patches = lru_cache(maxsize=64)(self._patches)

    def _choose(self):
        """(image, channel) of each stop."""
        ratio = self.maps.amax((2, 3)) / self.limits  # (images, channels)
        ratio[:, self.thresholds <= 0] = 0  # a channel that is hardly ever on is no example
        taken = []
        for picture in range(min(STOPS, len(self.images))):
            ratio[:, taken] = -1
            taken.append(int(ratio[picture].argmax()))
            yield picture, taken[-1]

    def look(self, channel, picture):
        """The map (rows, columns), where it is lit (h, w), and the strongest unit's box; None where all is inactive."""
        values = self.maps[picture, channel]
        placed = features.placed(values[None, None], self.field, self.images.shape[2:])[0, 0]
        lit = placed > self.thresholds[channel]
        if values.max() <= 0:
            return values, lit, None
        unit = torch.tensor(divmod(int(values.argmax()), values.shape[1]))
        return values, lit, self.field.boxes(unit).tolist()

    def sentence(self, channel, picture):
        values, lit, box = self.look(channel, picture)
        if box is None:
            return f"Channel {channel} is silent on {self.named(picture)}."
        return (
            f"Channel {channel} on {self.named(picture)}: it answers {values.max():.1f} at most, of "
            f"{self.limits[channel]:.1f} on any picture, and says yes to {lit.float().mean():.1%} of the pixels. "
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

    def _patches(self, channel):
        """The nine patches as one Pillow image of PANEL px."""
        row = (values[channel] for values in self.top)
        found = features.cut_patches(self.net, self.images, self.layer, *row).patches
        side, board = (PANEL - 8) // 3, Board(PANEL, PANEL)
        for n, patch in enumerate(found):
            board.tile(patch, n % 3 * (side + 4), n // 3 * (side + 4), side)
        return board.sheet

    def panels(self, channel, picture):
        """The image lit, with the strongest unit's field; the map; the nine patches: Pillow images of PANEL px."""
        values, lit, box = self.look(channel, picture)
        left, middle = Board(PANEL, PANEL), Board(PANEL, PANEL)
        left.tile(spotlight(self.images[picture], lit), 0, 0, PANEL)
        if box is not None:
            zoom = PANEL / self.images.shape[3]
            edges = [min(max(edge * zoom, 2), PANEL - 3) for edge in box]
            left.draw.rectangle(edges, outline=FRAME, width=3)
        colours = mapped(values.numpy(), "viridis", 0, float(self.limits[channel]))
        middle.tile(colours, 0, 0, PANEL, smooth=False)
        return left.sheet, middle.sheet, self.patches(channel)

    def board(self, channel, picture):
        board, limit = Board(WIDTH, HEIGHT), float(self.limits[channel])
        rows, columns = self.maps.shape[2:]
        heads = self.named(picture), f"channel {channel}, {rows} × {columns}", "its nine best patches"
        panels = self.panels(channel, picture)
        for x, panel, text in zip((0, SECOND, THIRD), panels, heads, strict=True):
            board.tile(panel, x, HEAD, PANEL)
            board.write(x, 2, text, bold=True, width=PANEL)
        left = SECOND + PANEL + 10
        board.ramp(left, HEAD, 18, PANEL, "viridis", {0: f"{limit:.1f}", 1: "0"}, 17)
        at = HEAD + round((PANEL - 1) * (1 - min(max(float(self.thresholds[channel]), 0) / limit, 1)))
        at = min(max(at, HEAD + 36), HEAD + PANEL - 30)
        board.draw.line((left - 3, at, left + 22, at), fill=FRAME, width=4)
        board.write(left + 26, at, "yes ↑", 17, FRAME, anchor="lm")
        return board

    def filmstrip(self):
        """Each stop as it is rendered, without the words inside: the image lit, the map, the nine patches."""
        tile, space, above, across = 1.56, 0.06, 0.3, 2  # inches
        wide, high = 3 * tile + 2 * space + 0.2, above + tile + 0.12
        film = Film(self, across * wide - 0.2, -(-len(self.stops) // across) * high - 0.12)
        for n, title, values in self.places():
            name = "" if self.names is None else f" ({self.names[values['picture']]})"
            x, y = n % across * wide, above + n // across * high
            for k, panel in enumerate(self.panels(**values)):
                words = "" if k else title + name
                film.tile(panel, x + k * (tile + space), y, tile, words, size=plots.TEXT, loc="left")
        return film.picture(256)
