"""Two explorers of a detector's thresholds: what NMS keeps, and which score is enough."""

import inspect

import torch

from ..detection import batched_nms, box_iou
from ..detection.precision import area_under, by_score, check_images_of, match_detections, precision_recall
from ..detection.trunk import Detections
from ..plots import COLOURS, INK
from ..world import CLASSES
from . import board as ui
from .base import Choice, Explorer, Slider

PANEL, STILL, BESIDE, HIGH = (
    470,
    320,
    480,
    250,
)  # px: an image, one on a filmstrip, what stands beside; a chart
NAMES, GREEN = tuple(CLASSES), COLOURS[3]
FOUND = 0.5  # IoU from which on a box of the right class has found its object
TICKS = {0: "0", 0.5: ".5", 1: "1"}


class OnScene(Explorer):
    """A scene with boxes on it, what they mean, and a chart.

    A subclass gives `chart(**values)`, a block BESIDE px wide, and `look(**values)`: the image (3, h, h), its
    `board.Layer`s, and three texts: which scene, what is set, what comes of it.
    """

    format = "jpeg"

    def sentence(self, **values):
        _, layers, (scene, setting, result) = self.look(**values)
        return f"{scene}; {setting}: {', '.join(layer.name for layer in layers)}; {result}."

    def board(self, **values):
        image, layers, (scene, setting, result) = self.look(**values)
        head, keys = ui.Text(setting, bold=True, wide=BESIDE), [ui.key(layer, BESIDE) for layer in layers]
        beside = ui.column(head, *keys, ui.Text(result, 18, wide=BESIDE), self.chart(**values), gap=8)
        return ui.row(ui.titled(ui.boxed(image, PANEL, layers), scene), beside, gap=24)

    def still(self, title, **values):
        image, layers, (*_, result) = self.look(**values)
        return ui.captioned(ui.boxed(image, STILL, layers), f"{title}: {result}")


class Suppression(OnScene):
    """Non-maximum suppression on five scenes: which boxes stay at a threshold of IoU and one of score.

    crowds: `lab.detection`, or the like. net: a detector that ends in NMS (neither CenterNet nor DETR); its boxes are
    the 80 surest of `net.detect(images, overlap=1)`, in classes of `world.CLASSES`. NMS runs in each class by itself.
    The scenes: those three in which two objects of one class have the highest IoU, the first with the fewest objects,
    the first with the most. Errors: ValueError for a net without NMS.
    """

    title = "Non-maximum suppression: too low, and a neighbour is lost; too high, and doubles stay"
    caption = "Look at two objects of one class that overlap: which threshold keeps one box for each?"

    def __init__(self, crowds, net):
        if "overlap" not in inspect.signature(net.detect).parameters:
            raise ValueError(f"net: expected a detector that ends in NMS, got {type(net).__name__}")
        self.scenes, self.curves = {}, {}
        for n in closest(crowds):
            (found,) = net.detect(crowds.images[n : n + 1], most=80, overlap=1)
            found = Detections(*(each.cpu() for each in found))
            name = f"scene {n}: {', '.join(NAMES[label] for label in crowds.labels[n].tolist())}"
            self.scenes[name] = crowds.images[n], crowds.boxes[n], crowds.labels[n], found
        self.controls = {
            "scene": Choice(tuple(self.scenes), "scene"),
            "overlap": Slider(0.0, 1.0, 0.05, "IoU threshold of NMS"),
            "score": Slider(0.05, 0.95, 0.05, "score threshold"),
        }
        first, *_, most = self.scenes
        places = [(name, at) for name in (first, most) for at in (0.5, 0.1, 0.9)]
        self.stops = {
            f"{name}, NMS {at}": {"scene": name, "overlap": at, "score": 0.3} for name, at in places
        }

    def kept(self, scene, overlap, score):
        """Kept and suppressed boxes, `Detections` both, and the object that each kept one has found, or -1."""
        _, boxes, labels, found = self.scenes[scene]
        found = Detections(*(each[found.scores >= score] for each in found))
        stays = batched_nms(*found, overlap)
        gone = torch.ones(len(found.scores), dtype=torch.bool).index_fill(0, stays, False)
        kept, gone = (Detections(*(each[which] for each in found)) for which in (stays, gone))
        return kept, gone, matched(kept, boxes, labels)

    def look(self, scene, overlap, score):
        image, boxes, *_ = self.scenes[scene]
        kept, gone, match = self.kept(scene, overlap, score)
        hits, missed = int((match >= 0).sum()), [n for n in range(len(boxes)) if n not in match.tolist()]
        words = [
            f"{NAMES[k]} {p:.2f}" for k, p in zip(kept.labels.tolist(), kept.scores.tolist(), strict=True)
        ]
        layers = [
            ui.Layer(f"{len(gone.scores)} suppressed", gone.boxes, ui.ORANGE, 5),
            ui.Layer(f"{len(missed)} of {len(boxes)} objects without a box", boxes[missed], INK, 12),
            ui.Layer(f"{len(kept.scores)} kept", kept.boxes, ui.BLUE, 0, words),
        ]
        result = f"{hits} of {len(boxes)} objects found, {hits} of {len(words)} boxes right"
        return image, layers, (scene, f"IoU threshold {overlap:.2f}, score from {score:.2f} on", result)

    def chart(self, scene, overlap, score):
        steps = self.controls["overlap"].values()[::2]
        if (scene, score) not in self.curves:
            matches = [self.kept(scene, at, score)[2] for at in steps]
            hits, objects = [int((match >= 0).sum()) for match in matches], len(self.scenes[scene][1])
            right = [n / max(1, len(match)) for n, match in zip(hits, matches, strict=True)]
            self.curves[scene, score] = [n / objects for n in hits], right
        found, right = self.curves[scene, score]
        lines = (
            ui.Line(steps, found, ui.BLUE, "objects found", False),
            ui.Line(steps, right, GREEN, "boxes right", False),
        )
        ticks = {0: "0", 0.5: ".5", 1: "IoU 1"}, TICKS
        return ui.Chart(BESIDE, HIGH, lines, (0, 1), (0, 1.05), ticks, overlap, "", 50)


def closest(crowds):
    """The scenes of `Suppression`: their numbers."""
    overlaps, counts = [], [len(labels) for labels in crowds.labels]
    for boxes, labels in zip(crowds.boxes, crowds.labels, strict=True):
        overlaps.append(float((box_iou(boxes, boxes) * (labels[:, None] == labels)).triu(1).max()))
    order = sorted(range(len(overlaps)), key=lambda n: -overlaps[n])
    return dict.fromkeys([*order[:3], counts.index(min(counts)), counts.index(max(counts))])


def matched(found, boxes, labels):
    """The object that each detection has found, or -1: LongTensor (d,). found: the surest first; as COCO does it."""
    same = found.labels[:, None] == labels
    return match_detections(torch.where(same, box_iou(found.boxes, boxes), -1), FOUND)


class ScoreThreshold(OnScene):
    """A score threshold: the boxes of one class in a scene, and the point on its precision-recall curve.

    crowds: `lab.detection`, or the like. found: for each image, or each of the first ones, what a detector found there,
    as `net.detect(images)` gives it. A box is right if it has found an object of its class at an IoU of .5, as COCO
    counts. Scenes of a class: the first four that have it, then those with its surest wrong boxes.
    Errors: ValueError for what are no detections.
    """

    title = "Precision or recall: the score threshold decides"
    caption = "Lower the threshold, and missed objects are found; wrong boxes come with them."

    def __init__(self, crowds, found):
        truth = list(zip(crowds.boxes, crowds.labels, strict=True))[: len(found)]
        check_images_of(found, truth)
        self.crowds, self.found = crowds, [Detections(*by_score(*each)) for each in found]
        pairs = zip(self.found, truth, strict=True)
        self.match = [matched(each, boxes.double(), labels) for each, (boxes, labels) in pairs]
        there = torch.cat([labels for _, labels in truth]).unique().tolist()
        self.classes = {NAMES[label]: self._class(label) for label in there}
        count = min(8, len(found))
        self.controls = {
            "name": Choice(tuple(self.classes), "class"),
            "scene": Slider(1, count, 1, f"scene (1 to {count})"),
            "threshold": Slider(0.01, 0.99, 0.01, "score threshold"),
        }
        order = sorted(self.classes, key=lambda name: self.classes[name]["AP"])
        places = [(name, at) for name in (order[-1], order[0]) for at in (0.5, 0.05, 0.9)]
        self.stops = {
            f"{name}, score {at}": {"name": name, "scene": 1, "threshold": at} for name, at in places
        }

    def _class(self, label):
        """Of a class: its scores, the surest first, precision and recall after each, AP, and the scenes to show."""
        mine = [each.labels == label for each in self.found]
        scores = torch.cat([each.scores[own] for each, own in zip(self.found, mine, strict=True)])
        order = scores.argsort(descending=True, stable=True)
        right = torch.cat([match[own] >= 0 for match, own in zip(self.match, mine, strict=True)])[order]
        scene = torch.arange(len(mine)).repeat_interleave(torch.tensor([int(own.sum()) for own in mine]))[
            order
        ]
        objects = [int((labels == label).sum()) for labels in self.crowds.labels[: len(mine)]]
        have = [n for n, count in enumerate(objects) if count]
        scenes = dict.fromkeys([*have[:4], *scene[~right].tolist(), *have, *range(len(mine))])
        precision, recall = precision_recall(right, sum(objects))
        found = {"label": label, "scores": scores[order], "AP": area_under(precision, recall)}
        return found | {"curve": (recall.tolist(), precision.tolist()), "scenes": list(scenes)}

    def point(self, name, threshold):
        """(boxes, recall, precision) of a class in all scenes; without a box precision is 1."""
        count = int((self.classes[name]["scores"] >= threshold).sum())
        return count, *(
            (curve[count - 1] if count else n) for n, curve in enumerate(self.classes[name]["curve"])
        )

    def look(self, name, scene, threshold):
        label, n = self.classes[name]["label"], self.classes[name]["scenes"][scene - 1]
        found, match = self.found[n], self.match[n]
        mine, missed = (found.labels == label) & (found.scores >= threshold), self.crowds.labels[n] == label
        right, wrong = mine & (match >= 0), mine & (match < 0)
        missed[match[right]] = False
        words = [[f"{p:.2f}" for p in found.scores[which].tolist()] for which in (wrong, right)]
        layers = [
            ui.Layer(f"{int(missed.sum())} missed", self.crowds.boxes[n][missed], INK, 12),
            ui.Layer(f"{len(words[0])} wrong", found.boxes[wrong], ui.ORANGE, 5, words[0]),
            ui.Layer(f"{len(words[1])} right", found.boxes[right], ui.BLUE, 0, words[1]),
        ]
        count, recall, precision = self.point(name, threshold)
        result = (
            f"all {len(self.found)} scenes: {count} boxes, precision {precision:.2f}, recall {recall:.2f}"
        )
        return self.crowds.images[n], layers, (f"scene {n}", f"{name}, score from {threshold:.2f} on", result)

    def chart(self, name, scene, threshold):
        _, recall, precision = self.point(name, threshold)
        lines = [
            ui.Line(*self.classes[name]["curve"], ui.BLUE, dot=False),
            ui.Line([recall], [precision], INK),
        ]
        ticks, head = (
            ({0: "0", 0.5: ".5", 1: "recall 1"}, TICKS),
            f"precision: AP {self.classes[name]['AP']:.2f}",
        )
        return ui.Chart(BESIDE, HIGH, lines, (0, 1), (0, 1.05), ticks, recall, head, 50)
