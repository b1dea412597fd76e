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
from .base import Choice, Slider
from .detection import BESIDE, GREEN, NAMES, PANEL, OnScene

LOOK = 202  # px: attention, and the centres of a query's boxes
GOOD, BEST = 0.5, 0.7  # IoU with an object


class Anchors(OnScene):
    """Anchors of one scale: which of them hold an object of a scene, and how many objects of all scenes have one.

    crowds: `lab.detection`, or the like. An object has an anchor if their IoU is .5 at least. The curves: the share of
    all small (below 16 x 16 px), medium (below 32 x 32 px) and large objects that have one, at every scale.
    """

    title = "Anchors find objects of their own size"
    caption = "Look for objects without an anchor: another scale, other ratios, or a finer stride?"
    hint, arrows = "Drag the scale along the chart, or use the arrow keys.", {"scale": (1, 0)}
    ratios = {"1": (1.0,), "1/2, 1, 2": (0.5, 1.0, 2.0), "1/3, 1/2, 1, 2, 3": (1 / 3, 0.5, 1.0, 2.0, 3.0)}

    def __init__(self, crowds):
        self.crowds, self.size = crowds, tuple(crowds.images.shape[2:])
        self.objects, self.sizes, strides = torch.cat(crowds.boxes), torch.cat(crowds.sizes), (4, 8, 16, 32)
        scale = Slider(8, 96, 4, "scale (px): side of a square anchor")
        self.controls = {
            "scene": Slider(0, min(23, len(crowds.images) - 1), 1, "scene"),
            "stride": Choice(strides, "stride (px)"),
            "scale": scale,
            "shapes": Choice(tuple(self.ratios), "ratios h / w"),
        }
        self.scales, self.curves = scale.values(), {}
        for stride in strides:
            for shapes, ratios in self.ratios.items():
                best = [best_iou(self.objects, self.size, stride, each, ratios) for each in self.scales]
                self.curves[stride, shapes] = torch.stack(best)  # (scales, objects)
        settings = [(stride, 3 * stride, "1/2, 1, 2") for stride in strides]
        settings += [(16, 24, "1/2, 1, 2"), (8, 24, "1")]
        self.stops = {
            f"stride {a}, scale {b}, ratios {c}": {"scene": 0, "stride": a, "scale": b, "shapes": c}
            for a, b, c in settings
        }

    def look(self, scene, stride, scale, shapes):
        boxes, k = self.crowds.boxes[scene], len(self.ratios[shapes])
        places = anchors(self.size, stride, (scale,), self.ratios[shapes])
        iou = box_iou(places, boxes)
        near, best, rows = iou.amax(1), iou.max(0), ceil(self.size[0] / stride)
        good, high = (near >= GOOD) & (near < BEST), near >= BEST
        one, found = (len(places) // k + rows) // 2 * k, " ".join(f"{n:.2f}" for n in best.values.tolist())
        layers = [
            ui.Layer(f"{k} of {len(places):,} anchors: one position", places[one : one + k], "#777777", 2),
            ui.Layer(f"{int(good.sum())} with an IoU of .5 to .7", places[good], ui.ORANGE, 5),
            ui.Layer(f"{int(high.sum())} with an IoU from .7 on", places[high], GREEN),
            ui.Layer(f"best of each object, IoU {found}", places[best.indices], ui.BLUE, 12),
            ui.Layer(f"{len(boxes)} objects", boxes, INK),
        ]
        reached = self.curves[stride, shapes][self.scales.index(scale)]
        good, high = (f"{(reached >= least).double().mean():.0%}" for least in (GOOD, BEST))
        result = f"of {len(reached):,} objects {good} reach an IoU of .5, {high} reach .7"
        texts = f"scene {scene}", f"stride {stride} px, scale {scale} px, ratios {shapes}", result
        return self.crowds.images[scene], layers, texts

    def beside(self, scene, stride, scale, shapes):
        reached, lines = (self.curves[stride, shapes] >= GOOD).double(), []
        for size, (name, ink) in enumerate((("small", ui.ORANGE), ("medium", ui.BLUE), ("large", GREEN))):
            share = reached[:, self.sizes == size].mean(1).nan_to_num().tolist()
            lines.append(ui.Line(self.scales, share, ink, name, dot=False))
        ticks = {8: "8", 32: "32", 64: "64", 96: "96 px"}, {0: "0", 0.5: ".5", 1: "1"}
        head = "share that reaches .5:"
        chart = ui.Chart(BESIDE, 250, lines, (8, 96), (0, 1.05), ticks, scale, head, 50)
        return ui.held(chart, lambda x, *_: {"scale": chart.value(x)})


def best_iou(boxes, size, stride, scale, ratios):
    """The largest IoU (n,) of each box with any of `anchors(size, stride, (scale,), ratios)`: in the nearest cell."""
    low, high = boxes.split(2, dim=1)
    last = torch.tensor([ceil(side / stride) - 1 for side in size[::-1]])
    middle = (((low + high) / 2 / stride - 0.5).round().clamp(min=0).minimum(last) + 0.5) * stride  # (n, 2)
    best = torch.zeros(len(boxes))
    for ratio in ratios:
        half = torch.tensor([scale / ratio**0.5, scale * ratio**0.5]) / 2
        both = (torch.minimum(high, middle + half) - torch.maximum(low, middle - half)).clamp(min=0).prod(1)
        best = torch.maximum(best, both / (area(boxes) + scale**2 - both))
    return best


class QueryPicker(OnScene):
    """One query of a DETR: what it predicts on a scene, where it looks, and what it predicts on many scenes.

    net: a `detection.DETR`. crowds: `lab.detection`, or the like; the first `most` scenes are asked here, once. A query
    predicts an object where it gives "no object" less than half. On the right the centres of its boxes, a mark a scene.
    Errors: ValueError for another net. Source: Carion et al. (2020), figure 7, where "no object" is not told apart.
    """

    title = "A query of DETR: what it predicts on a scene, and on many"
    caption = "Marks: the centres of its boxes, one a scene. Green: small, orange: wide, blue: high, grey: no object."

    across, filmed, arrows = 2, (0, 1, 2, 3), {"query": (1, 0)}
    hint = "Point at an object: the query that predicts it. Or use the arrow keys."

    def __init__(self, net, crowds, most=160):
        if not isinstance(net, DETR):
            raise ValueError(f"net: expected a DETR, got {type(net).__name__}")
        self.images, parts = crowds.images[:most], []
        with frozen(net), torch.no_grad():
            for some in progress(self.images.split(16), "asking the queries"):
                parts.append([each.cpu() for each in net.predict(copy_to(net, some))])
        self.p, self.boxes, self.attention = (torch.cat(each) for each in zip(*parts, strict=True))
        self.says, shown = self.p[..., -1] < 0.5, min(24, len(self.images))  # (scenes, queries)
        self.controls = {
            "query": Slider(0, self.p.shape[1] - 1, 1, "query"),
            "scene": Slider(0, shown - 1, 1, "scene"),
        }
        surest = self.p[:shown, :, -1].argmin(0).tolist()
        busiest = self.says.sum(0).argsort(descending=True, stable=True)[:6].tolist()
        self.stops = {f"query {query}": {"query": query, "scene": surest[query]} for query in busiest}

    def look(self, query, scene):
        p, boxes, says = self.p[scene, query], self.boxes[[scene], query], bool(self.says[scene, query])
        best = int(p[:-1].argmax()) if says else -1
        said = f"{(*NAMES, 'no object')[best]} {p[best]:.2f}"
        x, y = ((boxes[0, :2] + boxes[0, 2:]) / 2).tolist()
        name = f"{said}, centre ({x:.0f}, {y:.0f}) px"
        layers = [ui.Layer(name, boxes, *((ui.BLUE, 0) if says else (ui.ORANGE, 5)), [said])]
        result = f"an object in {int(self.says[:, query].sum())} of {len(self.says)} scenes"
        return self.images[scene], layers, (f"scene {scene}", f"query {query}", result)

    def pointed(self, query, scene):
        """The query whose box has its middle nearest to the pointer, of those that predict an object, if any do."""
        zoom = PANEL / self.images.shape[3]
        middles = (self.boxes[scene, :, :2] + self.boxes[scene, :, 2:]) / 2 * zoom
        others = 1e6 * ~self.says[scene]
        return lambda x, y, *_: {
            "query": int(((middles - torch.tensor([x, y])).norm(dim=1) + others).argmin())
        }

    def beside(self, query, scene):
        heat = self.attention[scene, query].unflatten(0, (round(self.attention.shape[2] ** 0.5), -1))
        _, (layer,), _ = self.look(query, scene)
        most, colours = float(heat.max()), ui.mapped(heat.numpy(), "viridis", 0, float(heat.max()))
        there = layer._replace(boxes=layer.boxes * len(heat) / self.images.shape[3], ink=ui.ORANGE, words=[])
        heat = ui.boxed(colours.transpose(2, 0, 1) / 255, LOOK, [there], smooth=False)
        marks = (("■ small", GREEN), ("▬ wide", ui.ORANGE), ("▮ high", ui.BLUE), ("■ no object", ui.GREY))
        legend = ui.grid((ui.Text(word, 16, ink, wide=LOOK // 2) for word, ink in marks), 2, gap=0)
        blocks = (
            heat,
            ui.Ramp("viridis", LOOK, {0: f"{most:.1%}", 1: "0"}, room=46),
            ui.column(self.plane(query), legend),
        )
        heads = "its attention", "", f"in {len(self.says)} scenes"
        return ui.row(*(ui.titled(*each, size=18) for each in zip(blocks, heads, strict=True)), gap=8)

    def plane(self, query):
        """The centres of its boxes in all scenes, those of objects on top: a tile."""
        zoom, sheet = LOOK / self.images.shape[3], Image.new("RGB", (LOOK, LOOK), "white")
        pen = ImageDraw.Draw(sheet)
        for n in self.says[:, query].int().argsort(stable=True).tolist():
            x0, y0, x1, y1 = self.boxes[n, query].tolist()
            a, b, ink = (5, 2, ui.ORANGE) if x1 - x0 >= y1 - y0 else (2, 5, ui.BLUE)
            a, b, ink = (3, 3, GREEN) if (x1 - x0) * (y1 - y0) < 32**2 else (a, b, ink)
            x, y = (x0 + x1) / 2 * zoom, (y0 + y1) / 2 * zoom
            pen.rectangle((x - a, y - b, x + a, y + b), ink if self.says[n, query] else ui.GREY)
        pen.rectangle((0, 0, LOOK - 1, LOOK - 1), outline=ui.LINE)
        return ui.Tile(sheet)

    def still(self, title, **values):
        image, layers, (*_, result) = self.look(**values)
        tiles = ui.boxed(image, LOOK, layers), self.plane(values["query"])
        return ui.captioned(ui.row(*tiles, gap=6), f"{title}: {result}")
