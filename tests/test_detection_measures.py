"""Average precision against pycocotools and VOC's own loop, error types against loops; and all by hand."""

import contextlib
import io
import math

import numpy as np
import pytest
import torch
import torchvision.ops as tv
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from lecture_utils import detection as d
from lecture_utils.detection import precision
from tests.detection_cases import boxes_of, cases, close, inside_of
from tests.helpers import draws, uniform


def data_set(seed, images=3):
    """(found, truth): boxes near the objects, some of another class, some doubled, some wild; images without any."""
    found, truth = [], []
    for n in range(images):
        key, random = 1000 * seed + n, np.random.default_rng([seed, n])
        objects, labels = inside_of(key, random.integers(0, 6))
        again = torch.arange(len(objects)).repeat(2)[: random.integers(0, 10)]
        moved = (objects[again] + torch.from_numpy(random.normal(0, 4, (len(again), 4)))).view(-1, 2, 2)
        boxes = torch.cat([moved.sort(1).values.flatten(1), boxes_of(key + 7, random.integers(0, 3))])
        guess = torch.randint(0, 4, (len(boxes),), generator=draws(key))
        sure = torch.from_numpy(random.random(len(again)) < 0.8)
        guess[: len(again)] = torch.where(sure, labels[again], guess[: len(again)])
        found.append(
            (boxes, uniform(len(boxes), seed=key).mul(20).round() / 20, guess)
        )  # scores are often equal
        truth.append((objects, labels))
    return found, truth


def annotations(images):
    """The boxes of all images, one after the other, as COCO writes them."""
    rows = []
    for n, (boxes, *scores, labels) in enumerate(images):
        scores = scores[0] if scores else labels  # objects have none
        for (x0, y0, x1, y1), score, label in zip(
            boxes.tolist(), scores.tolist(), labels.tolist(), strict=True
        ):
            row = {"id": len(rows) + 1, "image_id": n, "category_id": label, "iscrowd": 0, "score": score}
            rows.append(row | {"bbox": [x0, y0, x1 - x0, y1 - y0], "area": (x1 - x0) * (y1 - y0)})
    return rows


def coco_ap(found, truth, thresholds, area_range, most):
    """pycocotools' AP (thresholds, 4 classes); -1 where a class has no object."""
    sides = [COCO(), COCO()]
    with contextlib.redirect_stdout(io.StringIO()):
        for one, images in zip(sides, (truth, found), strict=True):
            some = {
                "images": [{"id": n} for n in range(len(truth))],
                "categories": [{"id": n} for n in range(4)],
            }
            one.dataset = some | {"annotations": annotations(images)}
            one.createIndex()
        judge = COCOeval(*sides, iouType="bbox")
        judge.params.iouThrs, judge.params.maxDets = np.array(thresholds), [most]
        judge.params.areaRng, judge.params.areaRngLbl = [list(area_range)], ["all"]
        judge.evaluate()
        judge.accumulate()
    return torch.tensor(judge.eval["precision"][:, :, :, 0, 0]).mean(1)


@cases()
def test_average_precision_is_cocos(seed):
    found, truth = data_set(seed)
    thresholds = [0.5, 0.55, 0.75, 0.9] if seed % 2 else [0.5]
    area_range, most = [(0, 1e10), (300, 700), (0, 400)][seed % 3], 2 if seed % 5 == 0 else 100
    result = d.mean_average_precision(found, truth, thresholds, "coco", area_range, most)
    oracle = coco_ap(found, truth, thresholds, area_range, most)
    known = (oracle >= 0).all(0)
    assert result.classes.tolist() == known.nonzero()[:, 0].tolist() and close(result.table, oracle[:, known])
    assert result.mean == pytest.approx(oracle[:, known].mean().item(), nan_ok=True)


def voc_ap(found, truth, label, threshold, recalls):
    """The loop of VOC's own program, without its added pixel."""
    rows = [(s, n, b) for n, each in enumerate(found) for b, s, c in zip(*each, strict=True) if c == label]
    mine = [objects[labels == label] for objects, labels in truth]
    taken, hits = set(), []
    for _, n, box in sorted(rows, key=lambda row: -row[0]):
        iou = tv.box_iou(box[None], mine[n]).nan_to_num(0)[0] if len(mine[n]) else torch.zeros(1)
        best = (n, int(iou.argmax()))
        hits.append(bool(iou.max() > threshold) and best not in taken)
        taken |= {best} if hits[-1] else set()
    recall, precise = np.cumsum(hits) / sum(map(len, mine)), np.cumsum(hits) / np.arange(1, len(hits) + 1)
    if recalls == 11:
        return sum(np.max(precise[recall >= t], initial=0) for t in np.arange(0.0, 1.1, 0.1)) / 11
    recall, precise = np.r_[0, recall, 1], np.r_[0, precise, 0]
    return float(np.sum(np.diff(recall) * np.maximum.accumulate(precise[::-1])[::-1][1:]))


@cases()
def test_average_precision_is_vocs(seed):
    found, truth = data_set(seed)
    threshold, (style, recalls) = (0.3, 0.5)[seed % 2], (("voc", None), ("voc07", 11))[seed // 2 % 2]
    result = d.mean_average_precision(found, truth, threshold, style)
    oracle = [voc_ap(found, truth, label, threshold, recalls) for label in result.classes]
    assert result.table[0].tolist() == pytest.approx(oracle, abs=1e-9)


def test_average_precision_by_hand():
    """One perfect hit among 20 objects; two boxes that two rules read differently; IoU that is just the threshold."""
    box = torch.tensor([[0.0, 0, 10, 10]])
    one = [(box, torch.ones(1), torch.tensor([0]))]
    truth = [(torch.cat([box, box.expand(19, 4) + 20]), torch.zeros(20).long())]
    for style, expected in {"voc07": 1 / 11, "voc": 1 / 20, "coco": 6 / 101}.items():
        assert d.mean_average_precision(one, truth, style=style).mean == pytest.approx(expected)
    small = d.mean_average_precision(one, truth, area_range=(0, 50))
    assert math.isnan(small.mean) and small.table.shape == (1, 0)
    three = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [0, 4, 10, 14]])
    two = [
        (three[[0, 2]], torch.zeros(2).long())
    ]  # the second box lies on both, but more on the first, which is taken
    found = [(three[:2], torch.tensor([0.9, 0.8]), torch.zeros(2).long())]
    assert [d.mean_average_precision(found, two, 0.3, s).mean for s in ("coco", "voc")] == pytest.approx(
        [1, 0.5]
    )
    half = [(box * torch.tensor([1, 1, 1, 0.5]), torch.ones(1), torch.tensor([0]))]
    alone = [(box, torch.tensor([0]))]
    assert [d.mean_average_precision(half, alone, style=s).mean for s in ("coco", "voc")] == pytest.approx(
        [1, 0]
    )


def test_a_match_never_prefers_what_does_not_count():
    iou = torch.tensor([[0.9, 0.6], [0.8, 0.55]])
    assert precision.match_detections(iou, 0.5, "coco", [True, False]).tolist() == [1, 0]
    assert precision.match_detections(iou, 0.5, "voc", [True, False]).tolist() == [0, 0]


def test_error_types_by_hand():
    objects = torch.tensor(
        [[0.0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10], [60, 0, 70, 10], [80, 0, 90, 10]]
    )
    rows = {
        "duplicate": ([0.0, 0, 10, 9], 0.5, 0),
        "correct": ([0, 0, 10, 10], 0.9, 0),
        "localisation": ([20, 0, 30, 4], 0.8, 1),
        "confusion": ([40, 0, 50, 9], 0.7, 1),
        "both": ([60, 0, 70, 3], 0.6, 0),
        "background": ([0, 50, 10, 60], 0.6, 0),
    }
    found = tuple(torch.tensor(each) for each in zip(*rows.values(), strict=True))
    kinds, missed = d.error_types([found], [(objects, torch.tensor([0, 1, 0, 1, 1]))])
    assert [d.ERROR_TYPES[kind] for kind in kinds[0]] == list(rows)
    assert missed[0].tolist() == [False, False, False, True, True]  # "both" excuses nothing


@cases()
def test_error_types_are_those_of_loops(seed):
    found, truth = data_set(seed)
    for (boxes, scores, classes), (objects, labels), kinds, lost in zip(
        found, truth, *d.error_types(found, truth), strict=True
    ):
        iou, taken, near = tv.box_iou(boxes, objects).nan_to_num(0).tolist(), set(), set()
        for k in scores.argsort(descending=True, stable=True).tolist():
            own = [(value, g) for g, value in enumerate(iou[k]) if labels[g] == classes[k]]
            free = [(value, g) for value, g in own if value >= 0.5 and g not in taken]
            a = max(own, default=(-1, 0))
            b = max(
                ((value, g) for g, value in enumerate(iou[k]) if labels[g] != classes[k]), default=(-1, 0)
            )
            if free:
                word, taken = "correct", taken | {max(free)[1]}
            elif 0.1 <= a[0] < 0.5:
                word, near = "localisation", near | {a[1]}
            elif b[0] >= 0.5:
                word, near = "confusion", near | {b[1]}
            else:
                word = "duplicate" if a[0] >= 0.5 else "background" if max(a[0], b[0]) < 0.1 else "both"
            assert d.ERROR_TYPES[kinds[k]] == word
        assert lost.tolist() == [g not in taken | near for g in range(len(objects))]
