"""How many proposals until the objects are among them?  python -m experiments proposals

The first 200 scenes of the gallery: the share of objects that one of the first n proposals covers with an IoU of .5 or
.7. Selective search, in the order of its hierarchy, and without each of its similarities; the region proposal network
of FasterRCNN, the surest first (NMS at .7, not cut at 40); baselines: its anchors in random order (sliding windows),
and boxes of random place, size and shape. Intervals: the scenes drawn anew 1,000 times. Then the heads of FastRCNN and
FasterRCNN are given each other's proposals, and the objects' own boxes: AP at an IoU of .5, 300 draws.
"""

import numpy as np
import torch
from skimage.color import rgb2hsv
from skimage.segmentation import felzenszwalb

from lecture_utils.crowds import read_crowds
from lecture_utils.detection import FastRCNN, anchors, box_iou, clip_boxes, decode_boxes, load_detector, nms
from lecture_utils.detection.fast_rcnn import STRIDE
from lecture_utils.detection.faster_rcnn import RATIOS, SCALES
from lecture_utils.detection.proposals import SIMILARITIES, first_regions, merge_regions, neighbours
from lecture_utils.detection.regions import SPREAD
from lecture_utils.hooks import frozen
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results
from ..methods.detection_draws import interval, overlaps, precisions
from .zf_correspondence import resampled, span

SCENES, DRAWS, SLICE = 200, 1000, 8
COUNTS = (1, 2, 5, 10, 20, 40, 100, 200, 500, 1000)
LEVELS = (0.5, 0.7)
SIDES = (8, 76)  # px: of random boxes


def by_search(image) -> dict[str, torch.Tensor]:
    """`selective_search` of image (3, h, w) with all similarities, and without each of them, from the same regions."""
    pixels = rgb2hsv(image.permute(1, 2, 0).double().numpy())
    labels = felzenszwalb(pixels, scale=100, sigma=0.8, min_size=20)
    regions, pairs, found = first_regions(pixels, labels), neighbours(labels), {}
    for without in ("", *SIMILARITIES):
        use = tuple(name for name in SIMILARITIES if name != without)
        boxes = [region["box"] for region in merge_regions(regions, pairs, use)]
        name = f"selective search without {without}" if without else "selective search"
        found[name] = torch.tensor(list(dict.fromkeys(boxes[::-1]))).float()
    return found


def by_network(net, image) -> torch.Tensor:
    """All proposals of a FasterRCNN for image (3, h, w), (p, 4) px, the surest first: as its own, but not cut off."""
    with frozen(net), torch.no_grad():
        scores, offsets = (each[0] for each in net.rpn(net.trunk(image[None])))
    around = anchors(image.shape[1:], STRIDE, SCALES, RATIOS)
    boxes = clip_boxes(decode_boxes(offsets * torch.tensor(SPREAD), around), image.shape[1:])
    solid = ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(1)
    boxes, scores = boxes[solid], scores[solid].softmax(1)[:, 1]
    return boxes[nms(boxes, scores, 0.7)]


def by_windows(size, draws) -> torch.Tensor:
    """The anchors of FasterRCNN for an image of size (h, w), cut off at its edges, in random order."""
    boxes = clip_boxes(anchors(size, STRIDE, SCALES, RATIOS), size)
    return boxes[torch.randperm(len(boxes), generator=draws)]


def at_random(size, draws, count: int = COUNTS[-1]) -> torch.Tensor:
    """Boxes within an image of size (h, w): sides and ratios even on a logarithm, places even."""
    side = SIDES[0] * (SIDES[1] / SIDES[0]) ** torch.rand(count, 1, generator=draws)
    shape = 2 ** (torch.rand(count, 1, generator=draws) - 0.5)  # h / w from 1/2 to 2
    wide = torch.cat([side / shape, side * shape], 1)
    low = torch.rand(count, 2, generator=draws) * (torch.tensor([size[1], size[0]]) - wide)
    return torch.cat([low, low + wide], 1)


def best_so_far(proposals, boxes, counts=COUNTS) -> torch.Tensor:
    """The best IoU of each object (g,) with one of the first n proposals, (counts, g); n may be more than there are."""
    best = box_iou(proposals, boxes).cummax(0).values
    return best[[min(n, len(best)) - 1 for n in counts]]


def summary(best: list[torch.Tensor], labels: list[torch.Tensor], draws: int = DRAWS) -> dict:
    """Of one kind of proposals: recall [value, low, high] at each level and count, and MABO. best: of `best_so_far`."""
    weights = torch.cat([torch.ones(1, len(best)).double(), resampled(len(best), draws)])
    objects = weights @ torch.tensor([each.shape[1] for each in best]).double()
    row = {}
    for level in LEVELS:
        hits = torch.stack([(each >= level).sum(1) for each in best]).double()  # (images, counts)
        shares = (weights @ hits) / objects[:, None]
        row[f"recall at {level}"] = [span(values[0], values[1:]) for values in shares.T]
    last, classes = torch.cat([each[-1] for each in best]), torch.cat(labels)
    row["MABO"] = round(float(torch.stack([last[classes == c].mean() for c in classes.unique()]).mean()), 4)
    return row


def measured(net, images, boxes) -> dict[str, tuple[list, list]]:
    """{kind: (best IoU of each image, how many proposals each image has)}. net: a FasterRCNN."""
    draws, found = torch.Generator().manual_seed(14), {}
    for image, objects in progress(list(zip(images, boxes, strict=True)), "proposals"):
        size = tuple(image.shape[1:])
        kinds = by_search(image) | {"RPN": by_network(net, image)}
        kinds |= {"sliding windows": by_windows(size, draws), "random boxes": at_random(size, draws)}
        for kind, some in kinds.items():
            best, many = found.setdefault(kind, ([], []))
            best.append(best_so_far(some, objects)), many.append(len(some))
    return found


def swapped(nets: dict, sources: dict, images, truth: list, draws: int = 300) -> dict:
    """{head: {source: AP at .5 [value, low, high]}}: each head is given the boxes of each source.

    nets: {name: FastRCNN or FasterRCNN}. sources: {name: boxes (p, 4) px of each image}. truth: (boxes, labels).
    """
    weights = torch.cat([torch.ones(1, len(truth)).double(), resampled(len(truth), draws)])
    classes, found = torch.cat([labels for _, labels in truth]).unique().tolist(), {}
    for name, net in nets.items():
        for source, boxes in sources.items():
            each = progress(range(len(images)), f"{name}, {source}")
            answers = [FastRCNN.detect(net, images[n : n + 1], proposals=boxes[n : n + 1])[0] for n in each]
            values = precisions(overlaps(answers, truth), classes, weights, [0.5])[:, 0].nanmean(0)
            found.setdefault(name, {})[source] = interval(values)
    return found


def study(out, scenes: int = SCENES) -> dict:
    """Measure and write the results, which are returned."""
    crowds, net = read_crowds(), load_detector("FasterRCNN")
    found = measured(net, crowds.images[:scenes], crowds.boxes[:scenes])
    rows = {}
    for kind, (best, many) in found.items():
        rows[kind] = {"proposals": float(np.mean(many))} | summary(best, crowds.labels[:scenes])
    nets = {"FastRCNN": load_detector("FastRCNN"), "FasterRCNN": net}
    sources = {
        "selective search": [by_search(image)["selective search"] for image in crowds.images[:scenes]],
        "RPN": [net.proposals(image[None])[0] for image in crowds.images[:scenes]],
        "true boxes": crowds.boxes[:scenes],
    }
    truth = list(zip(crowds.boxes, crowds.labels, strict=True))[:scenes]
    some = {kind: torch.cat([each[-1] for each in best[:SLICE]]) for kind, (best, _) in found.items()}
    content = {
        "scenes": scenes,
        "counts": list(COUNTS),
        "rows": rows,
        "swapped": swapped(nets, sources, crowds.images[:scenes], truth),
        "slice": {kind: round(float(best.mean()), 4) for kind, best in some.items()},
    }
    write_results(out, "proposals", content)
    return content


def report(content: dict) -> str:
    """Recall at both levels at 40 and at 1,000 proposals."""
    at = [content["counts"].index(n) for n in (40, 1000)]
    lines = []
    for kind, row in content["rows"].items():
        cells = [f"{level}: {[row[f'recall at {level}'][k][0] for k in at]}" for level in LEVELS]
        lines.append(f"{kind:34s}{row['proposals']:8.0f}  " + "  ".join(cells) + f"  MABO {row['MABO']}")
    return "\n".join(lines)


EXPERIMENT = Experiment(makes=("results/proposals.json",), takes="3 minutes", run=study, report=report)
