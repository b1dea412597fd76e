"""Two explorers of where a detector's boxes come from: anchors, and the queries of DETR."""

from math import ceil

import torch
from PIL import Image, ImageDraw

from ..detection import DETR, anchors, box_iou
from ..detection.boxes import area
from ..hooks import copy_to, frozen
from ..plots import INK
from ..progress import progress
from . import board as ui
from .base import Choice, Explorer, Slider
from .detection import BESIDE, GREEN, HIGH, NAMES, OnScene

LOOK, SMALL = 320, 150  # px: of each image of a query, of one on a filmstrip
GOOD, BEST = 0.5, 0.7  # IoU with an object


class Anchors(OnScene):
    """Anchors of one scale: which of them hold an object of a scene, and how many objects of all scenes have one.

    crowds: `lab.detection`, or the like. An object has an anchor if their IoU is .5 at least. The curves: the share of
    all small (below 16 x 16 px), medium (below 32 x 32 px) and large objects that have one, at every scale.
    """

    title = "Anchors find objects of their own size"
    caption = "Look for objects without an anchor: another scale, other ratios, or a finer stride?"
    ratios = {"1": (1.0,), "1/2, 1, 2": (0.5, 1.0, 2.0), "1/3, 1/2, 1, 2, 3": (1 / 3, 0.5, 1.0, 2.0, 3.0)}

    def __init__(self, crowds):
        self.crowds, self.size = crowds, tuple(crowds.images.shape[2:])
        self.objects, self.sizes, strides = torch.cat(crowds.boxes), torch.cat(crowds.sizes), (4, 8, 16, 32)
        scale = Slider(8, 96, 4, "scale (px): side of a square anchor")
        self.controls = {
            "scene": Slider(0, min(23, len(crowds) - 1), 1, "scene"),
            "stride": Choice(strides, "stride (px)"),
            "scale": scale,
            "shapes": Choice(tuple(self.ratios), "ratios h / w"),
        }
        self.scales, self.curves = scale.values(), {}
        for stride in strides:
            for shapes, ratios in self.ratios.items():
                best = [best_iou(self.objects, self.size, stride, each, ratios) for each in self.scales]
                self.curves[stride, shapes] = torch.stack(best)  # (scales, objects)
        three = {"scene": 0, "shapes": "1/2, 1, 2"}
        places = [(stride, 3 * stride, three) for stride in strides]
        places += [(16, 24, three), (8, 24, three | {"shapes": "1"})]
        self.stops = {
            f"stride {stride}, scale {scale}, ratios {more['shapes']}": {"stride": stride, "scale": scale}
            | more
            for stride, scale, more in places
        }

    def look(self, scene, stride, scale, shapes):
        boxes, ratios = self.crowds.boxes[scene], self.ratios[shapes]
        places = anchors(self.size, stride, (scale,), ratios)
        iou, k = box_iou(places, boxes), len(ratios)
        near, best = iou.amax(1), iou.max(0)
        rows, columns = (ceil(side / stride) for side in self.size)
        middle = (rows // 2 * columns + columns // 2) * k
        good, high = (near >= GOOD) & (near < BEST), near >= BEST
        found = ", ".join(f"{value:.2f}" for value in best.values.tolist())
        layers = [
            ui.Layer(
                f"anchors of one of {rows} × {columns} positions", places[middle : middle + k], "#777777", 2
            ),
            ui.Layer(f"{int(good.sum())} anchors with an IoU of .5 to .7", places[good], ui.ORANGE, 5),
            ui.Layer(f"{int(high.sum())} anchors with an IoU from .7 on", places[high], GREEN),
            ui.Layer(f"best anchor of each object: {found}", places[best.indices], ui.BLUE, 12),
            ui.Layer(f"{len(boxes)} objects", boxes, INK),
        ]
        best = self.curves[stride, shapes][self.scales.index(scale)]
        good, high = (f"{(best >= least).double().mean():.0%}" for least in (GOOD, BEST))
        result = f"{good} of all {len(best):,} objects have an anchor ({high} from .7 on)"
        return (
            self.crowds.images[scene],
            layers,
            (f"scene {scene}", f"stride {stride}, scale {scale} px, ratios {shapes}", result),
        )

    def chart(self, scene, stride, scale, shapes):
        has, lines = (self.curves[stride, shapes] >= GOOD).double(), []
        for size, (name, ink) in enumerate((("small", ui.ORANGE), ("medium", ui.BLUE), ("large", GREEN))):
            share = has[:, self.sizes == size].mean(1).nan_to_num().tolist()
            lines.append(ui.Line(self.scales, share, ink, name, dot=False))
        ticks = {8: "8", 32: "32", 64: "64", 96: "96 px"}, {0: "0", 0.5: "50%", 1: "100%"}
        return ui.Chart(BESIDE, HIGH, lines, (8, 96), (0, 1.05), ticks, scale, "with an anchor:", 50)


def best_iou(boxes, size, stride, scale, ratios):
    """The largest IoU (n,) of each box with any of `anchors(size, stride, (scale,), ratios)`, without laying them out.

    Anchors of one shape are at every row and column: the largest intersection is the largest in x times that in y.
    """
    best = torch.zeros(len(boxes))
    for ratio in ratios:
        both = 1.0
        for axis, side in enumerate((scale / ratio**0.5, scale * ratio**0.5)):
            middles = (torch.arange(ceil(size[1 - axis] / stride)) + 0.5) * stride
            low = torch.maximum(boxes[:, axis, None], middles - side / 2)
            high = torch.minimum(boxes[:, axis + 2, None], middles + side / 2)
            both = both * (high - low).clamp(min=0).amax(1)
        best = torch.maximum(best, both / (area(boxes) + scale**2 - both))
    return best


class QueryPicker(Explorer):
    """One query of a DETR: what it says of a scene, where it looks, and what it says of many scenes.

    net: a `detection.DETR`. crowds: `lab.detection`, or the like; the first `most` scenes are asked here, once. A query
    says an object where it gives "no object" less than half. On the right the middles of its boxes, a mark a scene.
    Errors: ValueError for another net. Source: Carion et al. (2020), figure 7, where "no object" is not told apart.
    """

    title = "A query of DETR: what it says of a scene, and of many"
    caption = "Right: the middles of its boxes, a mark a scene. Has each query places and shapes of its own?"
    format, across = "jpeg", 2

    def __init__(self, net, crowds, most=160):
        if not isinstance(net, DETR):
            raise ValueError(f"net: expected a DETR, got {type(net).__name__}")
        self.images, parts = crowds.images[:most], []
        with frozen(net), torch.no_grad():
            for some in progress(self.images.split(16), "asking the queries"):
                parts.append([each.cpu() for each in net.predict(copy_to(net, some))])
        self.p, self.boxes, self.attention = (torch.cat(each) for each in zip(*parts, strict=True))
        self.says, self.planes = self.p[..., -1] < 0.5, {}  # (scenes, queries)
        shown, queries = min(24, len(self.images)), self.p.shape[1]
        self.controls = {
            "query": Slider(0, queries - 1, 1, "query"),
            "scene": Slider(0, shown - 1, 1, "scene"),
        }
        surest = self.p[:shown, :, -1].argmin(0).tolist()
        busiest = self.says.sum(0).argsort(descending=True, stable=True)[:6].tolist()
        self.stops = {f"query {query}": {"query": query, "scene": surest[query]} for query in busiest}

    def words(self, query, scene):
        """What it says of the scene, and how often it says an object."""
        p = self.p[scene, query]
        best = int(p[:-1].argmax()) if self.says[scene, query] else -1
        count = f"an object in {int(self.says[:, query].sum())} of {len(self.says)}"
        return f"{(*NAMES, 'no object')[best]} {p[best]:.2f}", count

    def sentence(self, query, scene):
        said, count = self.words(query, scene)
        x0, y0, x1, y1 = self.boxes[scene, query].round().int().tolist()
        return f"Query {query}, scene {scene}: {said}, from ({x0}, {y0}) to ({x1}, {y1}) px; {count} scenes."

    def plane(self, query):
        """The middles of its boxes in all scenes: a Pillow image of LOOK px."""
        if query not in self.planes:
            sheet, zoom = Image.new("RGB", (LOOK, LOOK), "white"), LOOK / self.images.shape[3]
            pen = ImageDraw.Draw(sheet)
            pen.rectangle((0, 0, LOOK - 1, LOOK - 1), outline=ui.LINE)
            for n in self.says[:, query].int().argsort(stable=True).tolist():  # those of objects last, on top
                x0, y0, x1, y1 = (zoom * self.boxes[n, query]).tolist()
                a, b, ink = (6, 2, ui.ORANGE) if x1 - x0 >= y1 - y0 else (2, 6, ui.BLUE)
                a, b, ink = (3, 3, GREEN) if (x1 - x0) * (y1 - y0) < (32 * zoom) ** 2 else (a, b, ink)
                x, y = (x0 + x1) / 2, (y0 + y1) / 2
                pen.rectangle((x - a, y - b, x + a, y + b), ink if self.says[n, query] else ui.LINE)
            self.planes[query] = sheet
        return self.planes[query]

    def panels(self, query, scene):
        """The image and the attention, each with the query's box; all its boxes: blocks of LOOK px."""
        boxes, side = self.boxes[[scene], query], round(self.attention.shape[2] ** 0.5)
        heat = self.attention[scene, query].view(side, side).numpy()
        heat = ui.mapped(heat, "viridis", 0, heat.max()).transpose(2, 0, 1) / 255
        (word, _), dash = self.words(query, scene), 0 if self.says[scene, query] else 5
        image = ui.boxed(self.images[scene], LOOK, [ui.Layer("", boxes, ui.BLUE, dash, [word])])
        layer = ui.Layer("", boxes * side / self.images.shape[3], ui.ORANGE, dash)
        x, y = ((boxes[0, :2] + boxes[0, 2:]) / 2 * LOOK / self.images.shape[3]).tolist()
        plane = ui.crossed(self.plane(query).copy(), x, y, reach=14, hole=5)
        return image, ui.boxed(heat, LOOK, [layer], smooth=False), ui.Tile(plane)

    def board(self, query, scene):
        image, heat, plane = self.panels(query, scene)
        said, count = self.words(query, scene)
        most = f"{self.attention[scene, query].max():.1%}"
        marks = (("■ small", GREEN), ("▬ wide", ui.ORANGE), ("▮ high", ui.BLUE), ("no object", ui.GREY))
        plane = ui.column(plane, ui.row(*(ui.Text(word, 16, ink) for word, ink in marks)))
        blocks = image, heat, ui.Ramp("viridis", LOOK, {0: most, 1: "0"}), plane
        return ui.row(
            *map(ui.titled, blocks, (f"scene {scene}: {said}", f"attention of query {query}", "", count))
        )

    def still(self, title, query, scene):
        small = (ui.resized(panel, SMALL) for panel in self.panels(query, scene))
        return ui.captioned(ui.row(*small, gap=6), f"{title}: {self.words(query, scene)[1]} scenes", align=0)
