"""Detection against torchvision, scikit-image and scipy, in float64, and against numbers by hand."""

import math
from itertools import permutations, product

import numpy as np
import pytest
import skimage.feature
import torch
import torchvision.ops as tv
from scipy.ndimage import maximum_filter
from torchvision.models.detection import _utils as tv_detection
from torchvision.models.detection.anchor_utils import AnchorGenerator

from lecture_utils import detection as d
from lecture_utils.detection import points, proposals
from tests.detection_cases import SIZE, boxes_of, cases, close, float64, inside_of
from tests.helpers import draws, normal, refusals, uniform


def cell_of(box, height, width):
    """(row, column) of a box's centre in cells of such sides."""
    x0, y0, x1, y1 = box.tolist()
    return int((y0 + y1) / 2 / height), int((x0 + x1) / 2 / width)


# --- boxes ---


def test_overlap_by_hand():
    a, b = torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3], [2, 0, 4, 2], [5, 5, 5, 5]])
    assert close(d.box_iou(a, b), [[1 / 7, 0, 0]])
    assert close(d.generalized_box_iou(a, b), [[1 / 7 - 2 / 9, 0, -21 / 25]])
    point = torch.tensor([[1.0, 1, 1, 1]])
    assert d.box_iou(point, point) == 0 == d.generalized_box_iou(point, point)
    assert close(
        d.clip_boxes(torch.tensor([[-5.0, -1, 9, 5], [9, 2, 9, 3]]), (4, 8)), [[0, 0, 8, 4], [8, 2, 8, 3]]
    )


@cases()
def test_boxes_are_torchvisions(seed):
    a, b = boxes_of(seed, seed % 7), boxes_of(seed + 1000, seed % 5)
    assert close(d.box_iou(a, b), tv.box_iou(a, b).nan_to_num(0))
    ours, oracle = d.generalized_box_iou(a, b), tv.generalized_box_iou(a, b)
    assert close(ours.where(oracle.isfinite(), 7), oracle.nan_to_num(7)) and ours.isfinite().all()
    assert close(d.clip_boxes(a, SIZE), tv.clip_boxes_to_image(a, SIZE))
    for given, wanted in product(("xyxy", "xywh", "cxcywh"), repeat=2):
        start = tv.box_convert(a, "xyxy", given)
        assert close(d.box_convert(start, given, wanted), tv.box_convert(start, given, wanted))
    n = 3 * (seed % 9)
    boxes, labels = boxes_of(seed, n), torch.randint(0, 3, (n,), generator=draws(seed))
    scores = uniform(n, seed=seed, dtype=float64).mul(8).round() / 8  # many are equal
    for threshold in (0.0, 0.3, 0.7):
        assert d.nms(boxes, scores, threshold).tolist() == tv.nms(boxes, scores, threshold).tolist()
        each = [(labels == label).nonzero()[:, 0] for label in range(3)]
        oracle = [k for mine in each for k in mine[tv.nms(boxes[mine], scores[mine], threshold)].tolist()]
        found = d.batched_nms(boxes, scores, labels, threshold).tolist()
        assert found == sorted(oracle, key=lambda k: (-scores[k], k))


# --- anchors ---


def test_anchors_by_hand():
    found = d.anchors((32, 48), 16, (16,), (0.25, 1))
    assert found.shape == (2 * 3 * 2, 4)
    assert found[:2].tolist() == [[-8, 4, 24, 12], [0, 0, 16, 16]]  # wide: a ratio is h / w
    assert found[3].tolist() == [16, 0, 32, 16] and found[6:8, 1].tolist() == [20, 16]
    assert len(d.anchors((33, 48), 16)) == 3 * 3 * 9  # the last row of cells reaches over the edge


@cases(20)
def test_anchors_are_torchvisions(seed):
    scales, ratios = (16.0 + seed, 40.0), (0.5, 1.0, 2.0)
    oracle = AnchorGenerator((scales,), (ratios,))
    corners = torch.tensor([[s / r**0.5, s * r**0.5] for r in ratios for s in scales]) / 2  # ratios first
    oracle.cell_anchors = [torch.cat([-corners, corners], 1)]  # not rounded
    grid = oracle.grid_anchors([(4, 3 + seed)], [[torch.tensor(8), torch.tensor(8)]])[0]
    grid = grid.view(-1, 3, 2, 4).transpose(1, 2).reshape(-1, 4) + 4  # around the middle of a cell
    assert close(d.anchors((32, 8 * (3 + seed)), 8, scales, ratios), grid, 1e-4)
    assert close(AnchorGenerator((scales,), (ratios,)).cell_anchors[0], oracle.cell_anchors[0], 0.5001)


def test_matching_and_moves_by_hand():
    anchors = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5], [0, 0, 10, 2], [50, 50, 60, 60], [0, 0, 9, 9]])
    objects = torch.tensor([[0.0, 0, 10, 10], [50, 50, 90, 90]])
    assert d.match_anchors(anchors, objects).tolist() == [0, -2, -1, 1, 0]  # 1 / 16 is the best of the second
    assert d.match_anchors(anchors[:3], objects[1:]).tolist() == [-1] * 3  # nothing touches it
    edge = torch.tensor([[0.0, 0, 10, 7], [0, 0, 10, 3], [0, 0, 10, 10]])
    assert d.match_anchors(edge, objects[:1]).tolist() == [0, -2, 0]  # .7 is found, .3 is ignored
    anchor, box = torch.tensor([[0.0, 0, 10, 20]]), torch.tensor([[5.0, 0, 25, 10]])
    assert close(d.encode_boxes(box, anchor), [[1.0, -0.25, math.log(2), -math.log(2)]])
    huge = d.decode_boxes(torch.tensor([[0.0, 0, 99, 0]]), anchor)
    assert close(huge, [[5 - 312.5, 0, 5 + 312.5, 20]], 1e-3)


@cases()
def test_anchors_are_matched_and_moved_as_in_torchvision(seed):
    anchors, objects = boxes_of(seed, 20, True), boxes_of(seed + 500, seed % 6, True)
    high, low = ((0.7, 0.3), (0.5, 0.4), (0.5, 0.5))[seed % 3]
    found = d.match_anchors(anchors, objects, high, low)
    objects = objects[tv.box_iou(anchors, objects).gt(0).any(0)]  # torchvision gives the others every anchor
    if len(objects):
        oracle = tv_detection.Matcher(high, low, allow_low_quality_matches=True)(tv.box_iou(objects, anchors))
        assert d.match_anchors(anchors, objects, high, low).tolist() == oracle.tolist()
    assert ((found >= 0) == (oracle >= 0 if len(objects) else False)).all()
    boxes, coder = boxes_of(seed + 900, 20, True), tv_detection.BoxCoder((1.0, 1.0, 1.0, 1.0))
    deltas = d.encode_boxes(boxes, anchors)
    assert close(deltas, coder.encode_single(boxes, anchors)) and close(
        d.decode_boxes(deltas, anchors), boxes
    )
    wild = 3 * normal(20, 4, seed=seed, dtype=float64)
    assert torch.allclose(d.decode_boxes(wild, anchors), coder.decode_single(wild, anchors))


# --- pooling ---


@cases()
def test_pooling_is_torchvisions(seed):
    features, boxes = normal(2, 3, 9, 12, seed=seed, dtype=float64), boxes_of(seed, seed % 6)
    which = torch.randint(0, 2, (len(boxes),), generator=draws(seed))
    rows = torch.cat([which[:, None].double(), boxes], 1)
    size, stride = ((2, 3), (4, 4), (1, 1), (5, 4))[seed % 4], (8, 4, 16.0)[seed % 3]
    oracle = tv.roi_pool(features, rows, size, 1 / stride)
    assert close(d.roi_pool(features, boxes, which, size, stride), oracle)
    samples, aligned = 1 + seed // 2 % 3, seed % 4 > 1
    oracle = tv.roi_align(features, rows, size, 1 / stride, samples, aligned)
    assert close(d.roi_align(features, boxes, which, size, stride, samples, aligned), oracle)
    full = (boxes[:, 2:] > boxes[:, :2]).all(1)  # torchvision takes no points, and gives 0, where a side is 0
    oracle = tv.roi_align(features, rows[full], size, 1 / stride, -1, aligned)
    assert close(d.roi_align(features, boxes[full], which[full], size, stride, 0, aligned), oracle)


def test_pooling_by_hand():
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)  # the value is the column
    one, box = torch.tensor([0]), torch.tensor([[16.0, 16, 80, 80]])
    assert close(d.roi_align(ramp, box, one, 2, 16), [[[[1.5, 3.5]] * 2]])  # means of 1..3 and 3..5, less .5
    assert close(d.roi_pool(ramp, box, one, 2, 16), [[[[3.0, 5]] * 2]])  # largest of 1, 2, 3 and 3, 4, 5
    moved = box + torch.tensor([4.0, 0, 4, 0])  # a quarter of a position: rounding loses it
    assert close(d.roi_pool(ramp, moved, one, 2, 16), d.roi_pool(ramp, box, one, 2, 16))
    assert close(d.roi_align(ramp, moved, one, 2, 16), d.roi_align(ramp, box, one, 2, 16) + 0.25)
    line = torch.tensor([[40.0, 16, 40, 80]])  # of no width
    assert close(d.roi_align(ramp, line, one, 2, 16, 0), [[[[2.0, 2]] * 2]])


@pytest.mark.parametrize(
    "name, extra", [("roi_pool", {}), ("roi_align", {"sampling_ratio": 2, "aligned": True})]
)
def test_slopes_reach_the_features(name, extra):
    features, boxes = normal(1, 2, 9, 9, dtype=float64), boxes_of(3, 4, True)
    ours, theirs = (features.clone().requires_grad_() for _ in range(2))
    getattr(d, name)(ours, boxes, torch.zeros(4).long(), 3, 8).square().sum().backward()
    getattr(tv, name)(theirs, [boxes], (3, 3), 1 / 8, **extra).square().sum().backward()
    assert ours.grad.any() and close(ours.grad, theirs.grad)


# --- losses ---


@cases()
def test_focal_losses(seed):
    logits, noise = 4 * normal(3, 4, 5, seed=seed, dtype=float64), uniform(3, 4, 5, seed=seed, dtype=float64)
    targets = (noise > 0.8).double()
    for alpha, gamma in ((0.25, 2), (0.75, 0), (None, 1.5)):
        oracle = tv.sigmoid_focal_loss(logits, targets, -1 if alpha is None else alpha, gamma)
        assert close(d.sigmoid_focal_loss(logits, targets, alpha, gamma), oracle)
    soft = noise.where(noise < 0.95 + seed % 2, 1)  # with odd seeds no centre
    total, centres = 0.0, int((soft == 1).sum())
    for z, y in zip(logits.flatten().tolist(), soft.flatten().tolist(), strict=True):
        p = 1 / (1 + math.exp(-z))
        total -= (1 - p) ** 2 * math.log(p) if y == 1 else (1 - y) ** 4 * p**2 * math.log(1 - p)
    assert close(d.center_focal_loss(logits, soft), total / max(centres, 1))


def test_focal_losses_by_hand():
    zero, one = torch.zeros(1), torch.ones(1)
    assert close(d.sigmoid_focal_loss(zero, one), [0.25 * 0.25 * math.log(2)])
    assert close(d.sigmoid_focal_loss(zero, zero), [0.75 * 0.25 * math.log(2)])
    far = torch.full((1,), -200.0, requires_grad=True)  # log p would be -infinite
    loss = d.center_focal_loss(far, one) + d.sigmoid_focal_loss(far, one, None).sum()
    loss.backward()
    assert close(loss, 400) and far.grad.isfinite().all()


# --- grids and points ---


def test_the_grid_by_hand():
    box, label = torch.tensor([[10.0, 20, 30, 60]]), torch.tensor([1])  # centre 20, 40
    found = d.yolo_targets(box, label, (80, 160), classes=2, cells=4)  # a cell is 40 x 20 px
    assert found[2, 0].tolist() == pytest.approx([0.5, 0, (20 / 160) ** 0.5, (40 / 80) ** 0.5, 1, 0, 1])
    assert found.sum() == found[2, 0].sum()
    output = torch.zeros(2, 2, 12)
    output[1, 0] = torch.tensor([0.5, 0.5, 1, 0.5, 0.5, 0, 0, 0.1, 0.1, 0.8, 0.25, 0.75])
    boxes, scores = d.yolo_decode(output, (40, 40), per_cell=2)
    assert boxes[4].tolist() == pytest.approx([-10, 25, 30, 35])
    assert close(scores[4:6], [[0.125, 0.375], [0.2, 0.6]]) and scores[:4].sum() == 0


@cases()
def test_a_grid_holds_the_first_object_of_each_cell(seed):
    (boxes, labels), cells = inside_of(seed, seed % 8), 4 + seed % 9
    found, scores = d.yolo_decode(d.yolo_targets(boxes, labels, SIZE, 3, cells), SIZE, per_cell=1)
    first = {}
    for box, label in zip(boxes, labels.tolist(), strict=True):
        first.setdefault(cell_of(box, SIZE[0] / cells, SIZE[1] / cells), (box, label))
    expected, full = [first[cell] for cell in sorted(first)], scores.sum(1) > 0
    assert close(found[full], torch.stack([box for box, _ in expected]) if expected else boxes)
    assert scores[full].tolist() == [[float(k == label) for k in range(3)] for _, label in expected]


@cases()
def test_points_give_the_objects_back(seed):
    boxes, labels = inside_of(seed, seed % 8)
    heat, regression = d.center_heatmap(boxes, labels, SIZE, 3), d.center_regression(boxes, SIZE)
    cells = [cell_of(box, 4, 4) for box in boxes]
    centres = {(label, *cell) for label, cell in zip(labels.tolist(), cells, strict=True)}
    assert {tuple(at) for at in (heat == 1).nonzero().tolist()} == centres
    found, scores, classes = d.center_decode(heat, regression)
    sure = scores == 1
    assert sure.sum() == len(centres) and (scores.diff() <= 0).all() and len(found) <= 100
    for box, label, cell in zip(boxes, labels, cells, strict=True):
        of_class = found[sure & (classes == label)]
        assert cells.count(cell) > 1 or (of_class - box).abs().amax(1).min() < 1e-6


@cases()
def test_peaks_are_those_of_scipy(seed):
    heat = uniform(3, 6, 7, seed=seed, dtype=float64).mul(12).round() / 12
    plain, regression = heat.numpy(), torch.ones(4, 6, 7)
    peaks = np.stack([each == maximum_filter(each, 3, mode="constant") for each in plain]) & (plain > 0)
    _, scores, labels = d.center_decode(heat, regression, most=1000)
    assert labels.bincount(minlength=3).tolist() == peaks.sum((1, 2)).tolist()
    assert close(scores, np.sort(plain[peaks])[::-1].copy())
    assert close(d.center_decode(heat, regression, most=2)[1], scores[:2])


@cases(50)
def test_within_the_radius_the_overlap_stays(seed):
    """Both corners anywhere within r; with r + 1 some box falls below."""
    box = torch.cat([torch.zeros(2), uniform(2, seed=seed) * 40 + 2])[None].double()
    r = points.peak_radius(box, 0.7).item()
    steps = torch.tensor(list(product((-1.0, 0, 1), repeat=4)))
    for reach, holds in ((r, True), (r + 1, False)):
        moved = box + steps * reach
        moved = moved[(moved[:, 2:] > moved[:, :2]).all(1)]
        assert bool((d.box_iou(box, moved) >= 0.7 - 1e-9).all()) == holds
    heat = d.center_heatmap(box * 4 + 20, torch.tensor([0]), 500, 1)
    row, column = (heat[0] == 1).nonzero()[0].tolist()
    assert heat[0, row, column + 1] == pytest.approx(math.exp(-18 / (2 * r + 1) ** 2))


# --- what detectors are built of ---


@cases(20)
def test_the_pyramid_is_torchvisions(seed):
    channels = [3, 5, 4][: 1 + seed % 3]
    ours, theirs = d.FPN(channels, 6).double(), tv.FeaturePyramidNetwork(channels, 6).double()
    pairs = [
        *zip(ours.laterals, theirs.inner_blocks, strict=True),
        *zip(ours.outputs, theirs.layer_blocks, strict=True),
    ]
    for one, other in pairs:
        one.load_state_dict(other[0].state_dict())
    sides = [(13 + seed, 10), (7, 5), (3, 3)]
    maps = [normal(2, c, *s, seed=seed, dtype=float64) for c, s in zip(channels, sides, strict=False)]
    expected = theirs({str(n): each for n, each in enumerate(maps)}).values()
    assert all(close(one, other) for one, other in zip(ours(maps), expected, strict=True))


@cases()
def test_hog_is_that_of_scikit_image(seed):
    orientations, cell, block = ((9, 8, 2), (4, 5, 1), (6, 4, 3))[seed % 3]
    image = uniform(1, 1 + 2 * (seed % 2), 24 + seed % 4, 27, seed=seed, dtype=float64)
    image[:, :, : seed % 12] = 0.5  # without any slope
    options = {"feature_vector": False, "channel_axis": 0}
    oracle = skimage.feature.hog(image[0].numpy(), orientations, (cell, cell), (block, block), **options)
    assert close(d.hog(image, orientations, cell, block)[0], oracle)


def test_a_slope_votes_for_its_direction():
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32)
    assert (d.hog(ramp)[..., 1:] == 0).all() and (d.hog(ramp)[..., 0] > 0).all()  # to the right: 0 degrees
    assert d.hog(ramp.mT).flatten(0, 4).argmax(1).unique().tolist() == [4]  # down: 90 of 180 degrees
    assert d.hog(uniform(2, 3, 128, 64)).flatten(1).shape == (2, 3780)


def slow_search(image, labels, use):
    """The same boxes from pixels: masks, histograms and similarities of all regions made anew at each step."""
    slopes = [proposals.gaussian_filter(image, 1.0, order=o, axes=(0, 1)) for o in ((1, 0), (0, 1))]
    texture = [np.maximum(np.sin(t) * slopes[0] + np.cos(t) * slopes[1], 0) for t in np.arange(8) * np.pi / 4]
    texture = np.concatenate(texture, 2) / np.max(texture)

    def shared(values, a, b, bins):
        count = [[np.histogram(v, bins, (0, 1))[0] / m.sum() for v in values[m].T] for m in (a, b)]
        return np.minimum(*count).sum() / values.shape[2]

    def box(mask):
        rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
        return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1

    def alike(a, b):
        x0, y0, x1, y1 = box(a | b)
        parts = {"colour": shared(image, a, b, 25), "texture": shared(texture, a, b, 10)}
        parts |= {
            "size": 1 - (a | b).mean(),
            "fill": 1 - ((x1 - x0) * (y1 - y0) - (a | b).sum()) / labels.size,
        }
        return round(sum(parts[name] for name in use), 9)

    def touch(a, b):
        return (a[1:] & b[:-1] | a[:-1] & b[1:]).any() or (a[:, 1:] & b[:, :-1] | a[:, :-1] & b[:, 1:]).any()

    regions = {n: labels == n for n in range(labels.max() + 1)}
    made = [box(mask) for mask in regions.values()]
    while len(regions) > 1:
        pairs = [(a, b) for b, a in product(regions, repeat=2) if a < b and touch(regions[a], regions[b])]
        a, b = max(pairs, key=lambda pair: alike(*(regions[n] for n in pair)))
        regions[len(made)] = regions.pop(a) | regions.pop(b)
        made.append(box(regions[len(made)]))
    return list(dict.fromkeys(made[::-1]))


@cases(20)
def test_selective_search_is_the_slow_one(seed):
    image = uniform(1, 3, 10, 10, seed=seed, dtype=float64)
    image[:, :, : seed % 9, 4:] *= 0.3
    use = [proposals.SIMILARITIES, ("size",), ("colour", "fill"), ("texture",)][seed % 4]
    hsv = proposals.rgb2hsv(image[0].permute(1, 2, 0).numpy())
    labels = proposals.felzenszwalb(hsv, scale=20, sigma=0.4, min_size=6)
    found = [tuple(map(int, box)) for box in d.selective_search(image, 20, 0.4, 6, use).tolist()]
    assert found == slow_search(hsv, labels, use) and found[0] == (0, 0, 10, 10)


def test_selective_search_finds_what_stands_out():
    image = torch.full((1, 3, 60, 80), 0.2)
    image[:, 0, 10:30, 15:55] = 0.9
    image[:, 2, 30:50, 15:35] = 0.9
    truth = torch.tensor([[15.0, 10, 55, 30], [15, 30, 35, 50], [15, 10, 55, 50]])  # and both together
    assert (d.box_iou(truth, d.selective_search(image, 200, 0.5)).amax(1) > 0.85).all()


@cases()
def test_the_assignment_is_the_cheapest(seed):
    (objects, labels), queries = inside_of(seed, seed % 5), 4 + seed % 2
    boxes, logits = boxes_of(seed + 50, queries), normal(queries, 4, seed=seed, dtype=float64)
    by_class, by_distance, by_overlap = weights = (1, 5, 2) if seed % 3 else (2, 0, 1)
    sides = torch.tensor([*SIZE[::-1], *SIZE[::-1]])
    a, b = (tv.box_convert(each, "xyxy", "cxcywh") / sides for each in (boxes, objects))
    cost = by_distance * torch.cdist(a, b, p=1) - by_overlap * tv.generalized_box_iou(boxes, objects)
    cost = cost - by_class * logits.softmax(1)[:, labels]
    assert close(d.matching_cost(logits, boxes, labels, objects, SIZE, weights), cost)
    rows, columns = d.hungarian_match(logits, boxes, labels, objects, SIZE, weights)
    assert rows.tolist() == sorted(set(rows.tolist())) and sorted(columns.tolist()) == [*range(len(objects))]
    every = permutations(range(queries), len(objects))
    cheapest = min(sum(cost[q, o].item() for o, q in enumerate(some)) for some in every)
    assert cost[rows, columns].sum().item() == pytest.approx(cheapest)


# --- bad input, and none at all ---

BOX, NONE, LABEL, SCORE = torch.tensor([[0.0, 0, 8, 8]]), torch.zeros(0, 4), torch.tensor([0]), torch.ones(1)
TURNED, FLAT, NAN = BOX[:, [2, 1, 0, 3]], BOX * torch.tensor([1, 1, 0, 1]), SCORE * math.nan
MAP, LOGITS = uniform(1, 2, 8, 8), torch.zeros(1, 3)

test_bad_input_gets_a_sentence = refusals(
    (lambda: d.box_iou(TURNED, BOX), "boxes_a: expected x0 <= x1 and y0 <= y1 in px, got"),
    (lambda: d.generalized_box_iou(BOX, TURNED), "boxes_b: .*is it another format"),
    (lambda: d.clip_boxes(TURNED, 8), "boxes: expected x0 <= x1"),
    (lambda: d.box_convert(BOX, "xyhw", "xyxy"), "unknown in_fmt 'xyhw'; did you mean 'xywh'"),
    (lambda: d.box_convert(BOX, "xyxy", "cxcy"), "unknown out_fmt 'cxcy'"),
    (lambda: d.box_convert(-BOX, "xywh", "xyxy"), "boxes: expected x0 <= x1"),
    (lambda: d.box_iou(BOX.long(), BOX), "boxes_a: expected a floating tensor of shape"),
    (lambda: d.box_iou(BOX[0], BOX), "boxes_a: expected a floating tensor of shape"),
    (lambda: d.box_iou(BOX, BOX / 0), "boxes_b: expected finite values"),
    (lambda: d.nms(BOX, NAN, 0.5), "scores: expected finite values"),
    (lambda: d.nms(TURNED, SCORE, 0.5), "boxes: expected x0 <= x1"),
    (lambda: d.nms(BOX, SCORE[:0], 0.5), "scores: expected a floating tensor of shape .1,."),
    (lambda: d.nms(BOX, SCORE, 50), "threshold: expected a number"),
    (lambda: d.batched_nms(BOX, SCORE, SCORE, 0.5), "labels: expected a integer tensor"),
    (lambda: d.batched_nms(BOX, NAN, LABEL, 0.5), "scores: expected finite values"),
    (lambda: d.anchors(64, scales=()), "scales: expected one or more numbers"),
    (lambda: d.anchors(64, ratios=(0,)), "ratios: expected a number above 0"),
    (lambda: d.match_anchors(BOX, FLAT), "boxes: expected x0 < x1"),
    (lambda: d.match_anchors(BOX, BOX, 0.3, 0.7), "low, high: expected low <= high"),
    (lambda: d.encode_boxes(FLAT, BOX), "boxes: expected x0 < x1"),
    (lambda: d.encode_boxes(BOX, NONE), "boxes: expected one for each of the 0 anchors"),
    (lambda: d.decode_boxes(BOX, FLAT), "anchors: expected x0 < x1"),
    (lambda: d.decode_boxes(NONE, BOX), "deltas: expected one for each of the 1 anchors"),
    (lambda: d.roi_pool(MAP, BOX, torch.tensor([1])), "which: expected images 0 .. 0, got 1"),
    (lambda: d.roi_align(MAP, BOX, LABEL, stride=0), "stride: expected a number above 0"),
    (lambda: d.roi_align(MAP, BOX, LABEL, sampling_ratio=-1), "sampling_ratio: expected a whole number"),
    (lambda: d.sigmoid_focal_loss(LOGITS, LOGITS + 2), "targets: expected values in .0, 1."),
    (lambda: d.sigmoid_focal_loss(LOGITS, SCORE), "targets: expected a floating tensor of shape .1, 3."),
    (lambda: d.center_focal_loss(LOGITS / 0, LOGITS), "logits: expected finite values"),
    (lambda: d.yolo_targets(BOX + 60, LABEL, 64, 2), "boxes: expected centres inside the image"),
    (lambda: d.yolo_targets(FLAT, LABEL, 64, 2), "boxes: expected x0 < x1"),
    (lambda: d.yolo_targets(BOX, LABEL + 2, 64, 2), "labels: expected classes 0 .. 1, got 2 .. 2"),
    (lambda: d.yolo_decode(torch.zeros(2, 2, 10), 64), "output: expected shape .cells, cells, 2 . 5"),
    (lambda: d.center_heatmap(BOX - 9, LABEL, 64, 2), "boxes: expected centres inside the image"),
    (lambda: d.center_heatmap(BOX, LABEL, 64, 2, iou=0), "iou: expected a number above 0"),
    (lambda: d.center_regression(FLAT, 64), "boxes: expected x0 < x1"),
    (lambda: d.center_decode(MAP[0], MAP[0]), "regression: expected a floating tensor of shape .4, 8, 8."),
    (lambda: d.FPN([2, 3], 4)([MAP]), "maps: expected 2 of them, got 1"),
    (lambda: d.FPN([3], 4)([MAP]), "maps: expected a floating tensor of shape .n, 3, h, w."),
    (lambda: d.hog(torch.rand(1, 3, 15, 40)), "images: expected at least 16 px a side"),
    (lambda: d.selective_search(torch.rand(2, 3, 8, 8)), "images: expected one image"),
    (lambda: d.selective_search(torch.rand(1, 3, 8, 8), use=("color",)), "unknown similarity 'color'; did you mean"),
    (lambda: d.hungarian_match(LOGITS, BOX, LABEL.repeat(2), BOX.repeat(2, 1), 64), "objects: expected at most 1, one"),
    (lambda: d.hungarian_match(LOGITS, BOX, LABEL + 2, BOX, 64), "labels: expected classes 0 .. 1"),
    (lambda: d.hungarian_match(LOGITS / 0, BOX, LABEL, BOX, 64), "logits: expected finite values"),
    (lambda: d.hungarian_match(LOGITS, BOX, LABEL, BOX, 64, (1, 2)), "weights: expected three numbers"),
    (lambda: d.mean_average_precision([], [(BOX, LABEL)]), "found, truth: expected the same images .* got 0 and 1"),
    (lambda: d.mean_average_precision([(BOX, LABEL)], [(BOX, LABEL)]), "found: expected a list with .boxes, scores"),
    (lambda: d.mean_average_precision([(BOX, NAN, LABEL)], [(BOX, LABEL)]), "found: scores: expected finite"),
    (lambda: d.mean_average_precision([(BOX, SCORE, LABEL)], [(FLAT, LABEL)]), "truth: expected x0 < x1"),
    (lambda: d.mean_average_precision([], [], style="voc12"), "unknown style 'voc12'; did you mean 'voc"),
    (lambda: d.error_types([], [], 0.1, 0.5), "low, high: expected 0 < low < high"),
)  # fmt: skip


def test_nothing_at_all_is_an_answer():
    none, empty = torch.zeros(0).long(), (NONE, torch.zeros(0), torch.zeros(0).long())
    assert d.box_iou(NONE, BOX).shape == d.generalized_box_iou(NONE, BOX).shape == (0, 1)
    assert d.nms(*empty[:2], 0.5).tolist() == d.batched_nms(*empty, 0.5).tolist() == []
    assert (
        d.encode_boxes(NONE, NONE).shape
        == d.decode_boxes(NONE, NONE).shape
        == d.clip_boxes(NONE, 8).shape
        == (0, 4)
    )
    assert d.match_anchors(NONE, BOX).shape == (0,) and d.match_anchors(BOX, NONE).tolist() == [-1]
    assert d.roi_pool(MAP, NONE, none, 3).shape == d.roi_align(MAP, NONE, none, 3).shape == (0, 2, 3, 3)
    assert d.yolo_targets(NONE, none, 64, 2).sum() == d.center_heatmap(NONE, none, 64, 2).sum() == 0
    assert d.center_regression(NONE, 64).shape == (4, 16, 16)
    assert [len(each) for each in d.center_decode(torch.zeros(2, 4, 4), torch.zeros(4, 4, 4))] == [0, 0, 0]
    assert [len(each) for each in d.hungarian_match(LOGITS, BOX, none, NONE, 64)] == [0, 0]
    assert math.isnan(d.mean_average_precision([empty], [(NONE, none)]).mean)
    assert math.isnan(d.mean_average_precision([], []).mean)
    assert d.mean_average_precision([empty], [(BOX, LABEL)]).mean == 0
    kinds, missed = d.error_types([empty, (BOX, SCORE, LABEL)], [(BOX, LABEL), (NONE, none)])
    assert [k.tolist() for k in kinds] == [[], [5]] and [m.tolist() for m in missed] == [[True], []]
