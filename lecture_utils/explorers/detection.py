"""Two explorers of a detector's thresholds: what NMS keeps, and which score is enough."""

import inspect

import torch

from ..detection import box_iou, nms
from ..detection.precision import area_under, by_score, check_images_of, match_detections, precision_recall
from ..detection.trunk import Detections
from ..plots import COLOURS, INK
from ..world import CLASSES
from . import board as ui
from .base import Choice, Explorer, Slider

PANEL, STILL, BESIDE = 470, 320, 480  # px: an image, on a filmstrip; what stands beside it
NAMES, GREEN = tuple(CLASSES), COLOURS[3]


class OnScene(Explorer):
    """Boxes on a scene, what they mean, and something beside them.

    A subclass gives `look(**values)`: the image (3, h, h), its `board.Layer`s, and three texts (which scene, what is
    set, what comes of it); and `beside(**values)`, a block BESIDE px wide.
    """

    format, filmed = "jpeg", (0, 1, 2)

    def sentence(self, **values):
        _, layers, (scene, setting, result) = self.look(**values)
        return f"{scene}; {setting}: {', '.join(layer.name for layer in layers)}; {result}."

    def board(self, **values):
        image, layers, (scene, setting, result) = self.look(**values)
        head, keys = ui.Text(setting, bold=True, wide=BESIDE), [ui.key(layer, BESIDE) for layer in layers]
        beside = ui.column(head, *keys, ui.Text(result, 18, wide=BESIDE), self.beside(**values), gap=8)
        shown = ui.held(ui.boxed(image, PANEL, layers), self.pointed(**values))
        return ui.row(ui.titled(shown, scene), beside, gap=24)

    def pointed(self, **values):
        """The grip of the image, if it has one."""

    def still(self, title, **values):
        image, layers, (*_, result) = self.look(**values)
        return ui.captioned(ui.boxed(image, STILL, layers), f"{title}: {result}")


class Suppression(OnScene):
    """Non-maximum suppression on five scenes: which boxes stay at a threshold of IoU and one of score.

    crowds: `lab.detection`, or the like. net: a detector that ends in NMS (neither CenterNet nor DETR); its boxes are
    the 80 surest of `net.detect(images, overlap=1)`, of classes of the toy world. NMS runs in each class by itself.
    The scenes: those three in which two objects of one class have the highest IoU, the first with the fewest objects,
    the first with the most. Errors: ValueError for a net without NMS.
    """

    title = "Non-maximum suppression: too low, and a neighbour is lost; too high, and duplicates stay"
    caption = "Look at two objects of one class that overlap: which threshold keeps one box for each?"
    hint, arrows = "Drag the threshold along the chart, or use the arrow keys.", {"overlap": (1, 0)}

    def __init__(self, crowds, net):
        if "overlap" not in inspect.signature(net.detect).parameters:
            raise ValueError(f"net: expected a detector that ends in NMS, got {type(net).__name__}")
        self.scenes, self.curves = {}, {}
        for n in closest(crowds):
            (found,) = net.detect(crowds.images[n : n + 1], most=80, overlap=1)
            name = f"scene {n}: {', '.join(NAMES[label] for label in crowds.labels[n].tolist())}"
            found = Detections(*(each.cpu() for each in found))
            self.scenes[name] = crowds.images[n], crowds.boxes[n], crowds.labels[n], found
        names = tuple(self.scenes)
        self.controls = {
            "scene": Choice(names, "scene"),
            "overlap": Slider(0.0, 1.0, 0.05, "IoU threshold of NMS"),
            "score": Slider(0.05, 0.95, 0.05, "score threshold"),
        }
        self.stops = {
            f"{name}, NMS {at}": {"scene": name, "overlap": at, "score": 0.3}
            for name in (names[0], names[-1])
            for at in (0.5, 0.1, 0.9)
        }

    def kept(self, scene, overlap, score):
        """`Detections` from that score on, the numbers of those that NMS keeps, and what each of these has found."""
        _, boxes, labels, found = self.scenes[scene]
        found = Detections(*(each[found.scores >= score] for each in found))
        apart = found.boxes.double() + 1e4 * found.labels[:, None]  # as `batched_nms`, all classes in one go
        kept = nms(apart, found.scores, overlap)
        return found, kept.tolist(), matched(*(each[kept] for each in found), boxes, labels)

    def look(self, scene, overlap, score):
        image, boxes, *_ = self.scenes[scene]
        found, kept, match = self.kept(scene, overlap, score)
        gone = [n for n in range(len(found.scores)) if n not in kept]
        missed = [n for n in range(len(boxes)) if n not in match]
        words = [f"{NAMES[found.labels[n]]} {found.scores[n]:.2f}" for n in kept]
        layers = [
            ui.Layer(f"{len(gone)} suppressed", found.boxes[gone], ui.ORANGE, 5),
            ui.Layer(f"{len(missed)} of {len(boxes)} objects without a box", boxes[missed], INK, 12),
            ui.Layer(f"{len(kept)} kept", found.boxes[kept], ui.BLUE, 0, words),
        ]
        hits = len(boxes) - len(missed)
        result = f"{hits} of {len(boxes)} objects found, {hits} of {len(kept)} boxes right"
        return image, layers, (scene, f"IoU threshold {overlap:.2f}, score from {score:.2f} on", result)

    def beside(self, scene, overlap, score):
        steps = self.controls["overlap"].values()[::2]
        if (scene, score) not in self.curves:
            pairs, objects = [], len(self.scenes[scene][1])
            for at in steps:
                *_, match = self.kept(scene, at, score)
                hits = sum(n >= 0 for n in match)
                pairs.append((hits / objects, hits / max(1, len(match))))
            self.curves[scene, score] = list(zip(*pairs, strict=True))
        names = ((ui.BLUE, "objects found"), (GREEN, "boxes right"))
        curves = zip(self.curves[scene, score], names, strict=True)
        shown = chart([ui.Line(steps, curve, *name, dot=False) for curve, name in curves], "IoU", overlap)
        return ui.held(shown, lambda x, *_: {"overlap": shown.value(x)})


class ScoreThreshold(OnScene):
    """A score threshold: the boxes of one class in a scene, and the point on its precision-recall curve.

    crowds: `lab.detection`, or the like. found: for each image, or each of the first ones, what a detector found there,
    as `net.detect(images)` gives it. A box is right if it has found an object of its class at an IoU of .5, as COCO
    counts. Scenes of a class: the first four that have it, then those with its surest wrong boxes.
    Errors: ValueError for what are no detections.
    """

    title = "Precision or recall: the score threshold decides"
    caption = "Lower the threshold, and missed objects are found; wrong boxes come with them."
    hint, arrows = "Drag along the curve, or use the arrow keys.", {"score": (-1, 0)}

    def __init__(self, crowds, found):
        truth = list(zip(crowds.boxes, crowds.labels, strict=True))[: len(found)]
        check_images_of(found, truth)
        self.crowds, self.found = crowds, [Detections(*by_score(*each)) for each in found]
        pairs = zip(self.found, truth, strict=True)
        self.match = [torch.tensor(matched(*each, boxes.double(), labels)) for each, (boxes, labels) in pairs]
        scene = torch.arange(len(found)).repeat_interleave(torch.tensor([len(each) for each in self.match]))
        _, scores, labels = map(torch.cat, zip(*self.found, strict=True))
        order = scores.argsort(descending=True, stable=True)
        self.all = [each[order] for each in (labels, scores, torch.cat(self.match) >= 0, scene)]
        there = torch.cat([labels for _, labels in truth]).unique().tolist()
        self.classes, count = {NAMES[label]: self._class(label) for label in there}, min(8, len(found))
        self.controls = {
            "name": Choice(tuple(self.classes), "class"),
            "scene": Slider(1, count, 1, f"scene (1 to {count})"),
            "score": Slider(0.01, 0.99, 0.01, "score threshold"),
        }
        order = sorted(self.classes, key=lambda name: self.classes[name]["AP"])
        self.stops = {
            f"{name}, score {at}": {"name": name, "scene": min(scene, count), "score": at}
            for name in (order[-1], order[0])
            for at, scene in ((0.5, 1), (0.05, 5), (0.9, 5))
        }

    def _class(self, label):
        """Of a class: its scores, the surest first, recall and precision before and after each, AP, scenes to show."""
        labels, *values = self.all
        scores, right, scene = (each[labels == label] for each in values)
        counts = [int((labels == label).sum()) for labels in self.crowds.labels[: len(self.found)]]
        have = [n for n, count in enumerate(counts) if count]
        precision, recall = precision_recall(right, sum(counts))
        return {
            "label": label,
            "scores": scores,
            "curve": ([0.0, *recall.tolist()], [1.0, *precision.tolist()]),
            "AP": area_under(precision, recall),
            "scenes": [*dict.fromkeys([*have[:4], *scene[~right].tolist(), *have, *range(len(counts))])],
        }

    def point(self, name, score):
        """(boxes, recall, precision) of a class in all scenes; without a box precision is 1."""
        count = int((self.classes[name]["scores"] >= score).sum())
        return count, *(curve[count] for curve in self.classes[name]["curve"])

    def look(self, name, scene, score):
        n = self.classes[name]["scenes"][scene - 1]
        found, match, own = self.found[n], self.match[n], self.crowds.labels[n] == self.classes[name]["label"]
        mine = (found.labels == self.classes[name]["label"]) & (found.scores >= score)
        right, wrong = mine & (match >= 0), mine & (match < 0)
        own[match[right]] = False  # what is left is missed
        words = [[f"{p:.2f}" for p in found.scores[which].tolist()] for which in (wrong, right)]
        layers = [
            ui.Layer(f"{int(own.sum())} missed", self.crowds.boxes[n][own], INK, 12),
            ui.Layer(f"{len(words[0])} wrong", found.boxes[wrong], ui.ORANGE, 5, words[0]),
            ui.Layer(f"{len(words[1])} right", found.boxes[right], ui.BLUE, 0, words[1]),
        ]
        count, recall, precision = self.point(name, score)
        result = f"{len(self.found)} scenes: boxes {count}, precision {precision:.2f}, recall {recall:.2f}"
        return self.crowds.images[n], layers, (f"scene {n}", f"{name}, score from {score:.2f} on", result)

    def beside(self, name, scene, score):
        (_, *point), curve, ap = (
            self.point(name, score),
            self.classes[name]["curve"],
            self.classes[name]["AP"],
        )
        lines = [ui.Line(*curve, ui.BLUE, dot=False), ui.Line(*([n] for n in point), INK)]
        shown = chart(lines, "recall", point[0], f"precision, AP {ap:.2f}")
        return ui.held(shown, lambda x, *_: {"score": self.reaching(name, shown.value(x))})

    def reaching(self, name, recall):
        """The largest score threshold at which a class reaches a recall, or the last box's where it never does."""
        scores, (recalls, _) = self.classes[name]["scores"], self.classes[name]["curve"]
        count = sum(each < recall for each in recalls)  # boxes that are needed, the surest first
        return float(scores[min(count, len(scores)) - 1]) if count and len(scores) else 1.0


def closest(crowds):
    """The scenes of `Suppression`: their numbers."""
    overlaps, counts = [], [len(labels) for labels in crowds.labels]
    for boxes, labels in zip(crowds.boxes, crowds.labels, strict=True):
        overlaps.append(float((box_iou(boxes, boxes) * (labels[:, None] == labels)).triu(1).max()))
    order = sorted(range(len(overlaps)), key=lambda n: -overlaps[n])
    return dict.fromkeys([*order[:3], counts.index(min(counts)), counts.index(max(counts))])


def matched(found, scores, labels, boxes, classes):
    """The object that each detection, the surest first, has found at an IoU of .5, or -1: as COCO counts. A list."""
    same = labels[:, None] == classes
    return match_detections(torch.where(same, box_iou(found, boxes), -1), 0.5).tolist()


def chart(lines, word, mark, head=""):
    """Shares against a share."""
    low, high = {0: "0", 0.5: ".5", 1: f"{word} 1"}, {0: "0", 0.5: ".5", 1: "1"}
    return ui.Chart(BESIDE, 320, lines, (0, 1), (0, 1.05), (low, high), mark, head, 50)
