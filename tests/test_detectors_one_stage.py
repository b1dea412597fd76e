"""Detectors without proposals: what they learn from by hand, that they learn, and how they answer."""

import math

import pytest
import torch
from torch import nn

from lecture_utils import detection
from lecture_utils.detection import _one_stage, detr, ssd
from tests.attribution_nets import unchanged
from tests.helpers import normal, refusals, uniform

NAMES = ("YOLO", "SSD", "RetinaNet", "CenterNet", "DETR")
SCENES = [  # (class, box) of each object, in images of 64 px; class 0 is red, 1 green, 2 blue
    [(0, (8, 8, 24, 28))],
    [],
    [(1, (30, 20, 58, 44)), (2, (4, 40, 16, 52))],
    [(2, (34, 6, 50, 22)), (2, (6, 30, 26, 56)), (0, (40, 40, 60, 56))],
]
every_detector = pytest.mark.parametrize("name", NAMES)
IMAGE = uniform(1, 3, 64, 64)
LEARNING = {"DETR": (1e-3, 120)}  # (learning rate, steps); a transformer is slower than convolutions


def scenes(table=SCENES):
    """Rectangles of one colour on grey: (images (n, 3, 64, 64), boxes, labels)."""
    images = torch.full((len(table), 3, 64, 64), 0.5)
    for image, objects in zip(images, table, strict=True):
        for label, (x0, y0, x1, y1) in objects:
            image[:, y0:y1, x0:x1] = 0.9 * torch.eye(3)[label][:, None, None]
    boxes = [torch.tensor([box for _, box in objects]).view(-1, 4).float() for objects in table]
    return images, boxes, [torch.tensor([label for label, _ in objects]).long() for objects in table]


def made(name, **options):
    return getattr(detection, name)(classes=3, pretrained=False, **options).eval()


def saying(net, *outputs):
    """The net, with a forward pass that says just this."""
    net.forward = lambda images: outputs if len(outputs) > 1 else outputs[0]
    return net


def loss_of(net, *objects):
    """The parts of the loss of one image with these objects: a box and a class, and so on."""
    boxes, labels = torch.tensor(objects[::2]).float(), torch.tensor(objects[1::2])
    return {name: part.item() for name, part in net.loss(IMAGE, [boxes], [labels]).items()}


def near(expected):
    return pytest.approx(expected, abs=1e-5, rel=1e-5)


@every_detector
def test_it_learns_a_few_scenes_by_heart(name):
    """The surest detections of each image are its objects, one each; where there is none nothing is found."""
    images, boxes, labels = scenes()
    options = {"queries": 8, "decoder": 2} if name == "DETR" else {}
    net = getattr(detection, name)(classes=3, **options).eval().requires_grad_()  # the trunk learns along
    lr, steps = LEARNING.get(name, (2e-3, 60))
    optimizer, losses = torch.optim.AdamW(net.parameters(), lr), []
    for _ in range(steps):
        loss = sum(net.loss(images, boxes, labels).values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3
    for found, there, which in zip(net.detect(images, threshold=0.3), boxes, labels, strict=True):
        surest = slice(len(there))
        assert (len(found.boxes) > 0) == (len(there) > 0)
        iou = detection.box_iou(there, found.boxes[surest]) * (which[:, None] == found.labels[surest])
        assert ((iou > 0.5).sum(1) == 1).all()


@every_detector
def test_detect_changes_nothing_and_says_it_twice(name):
    images, boxes, labels = scenes()
    net = made(name).train()
    net.trunk.early.eval()
    sum(net.loss(images, boxes, labels).values()).backward()  # gradients are there, in every parameter
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    state = torch.get_rng_state()
    with unchanged(net):
        first, second = net.detect(images, 0), net.detect(images[2:3], 0)
    assert (
        torch.equal(torch.get_rng_state(), state)
        and net.training
        and net.trunk.training
        and not net.trunk.early.training
    )
    for a, b in zip(first[2], second[0], strict=True):  # alike, alone and among others
        torch.testing.assert_close(a, b, atol=1e-3, rtol=1e-4)
    assert (first[2].scores.diff() <= 0).all() and not first[2].boxes.requires_grad
    assert first[2].boxes.min() >= 0 and first[2].boxes.max() <= 64 and first[2].labels.max() < 3


@every_detector
def test_nothing_above_the_threshold_is_an_empty_answer_and_nothing_in_a_scene_is_no_fault(name):
    net = made(name)
    (found,) = net.detect(IMAGE, threshold=1)
    assert [each.shape for each in found] == [(0, 4), (0,), (0,)] and found.labels.dtype == torch.long
    assert len(net.detect(IMAGE, threshold=0, most=2)[0].scores) <= 2
    parts = net.loss(*scenes([[], []]))  # without any object it is learned from as well
    assert all(part.isfinite() for part in parts.values()) and sum(parts.values()).requires_grad


@every_detector
def test_the_seed_decides_the_weights_and_the_random_state_stays(name):
    state = torch.get_rng_state()
    first, again, other = made(name), made(name), made(name, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    for net in (first, again, other):
        del net.trunk  # which has a seed of its own
    weights = [nn.utils.parameters_to_vector(net.parameters()) for net in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


SPOILT = {  # what is said: how (images, boxes, labels) were spoilt
    "boxes: expected a list": lambda i, b, y: (i, b[0], y),
    "labels: expected a list .* 4 images, got 3": lambda i, b, y: (i, b, y[1:]),
    "boxes: expected x0 < x1": lambda i, b, y: (i, [each.flip(1) for each in b], y),
    "labels: expected classes 0 .. 2": lambda i, b, y: (i, b, [each + 3 for each in y]),
    "images: expected values in": lambda i, b, y: (i * 255, b, y),
    "images: expected sides that are multiples": lambda i, b, y: (i[..., :60, :60], b, y),
}


@every_detector
def test_wrong_scenes_are_refused(name):
    net = made(name)
    for words, spoil in SPOILT.items():
        with pytest.raises(ValueError, match=words):
            net.loss(*spoil(*scenes()))


@every_detector
def test_a_broken_net_is_no_empty_scene(name):
    net = made(name)
    with pytest.raises(ValueError, match="threshold"):
        net.detect(IMAGE, threshold=2)
    nn.init.constant_(list(net.parameters())[-1], math.nan)
    if name in ("RetinaNet", "DETR"):  # their last layer is that of the boxes
        nn.init.constant_((net.label if name == "DETR" else net.class_tower[-1]).bias, math.nan)
    with pytest.raises(ValueError, match="NaN"):
        net.detect(IMAGE)


def test_choose_takes_each_class_by_itself():
    boxes = torch.tensor([[0, 0, 10, 10], [1, 0, 11, 10], [70, 0, 80, 10], [20, 20, 70, 40]]).float()
    scores = torch.tensor([[0.9, 0.2], [0.8, 0.3], [1.0, 1.0], [0.05, 0.06]])
    found = _one_stage.choose(boxes, scores, (64, 64), 0.05, 100, 0.5)
    # Box 0 takes box 1 as class 0, and loses to it as class 1; box 2 is outside; box 3 is cut off.
    assert found.labels.tolist() == [0, 1, 1]
    torch.testing.assert_close(found.scores, torch.tensor([0.9, 0.3, 0.06]))
    assert found.boxes.tolist() == [[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 64, 40]]
    assert len(_one_stage.choose(boxes, scores, (64, 64), 0.05, 100, 0.9).scores) == 5
    assert len(_one_stage.choose(boxes, scores, (64, 64), 0.05, 100, 0.9, first=3).scores) == 3
    with pytest.raises(ValueError, match="scores: .* NaN"):
        _one_stage.choose(boxes, scores * math.nan, (64, 64), 0.05, 100, 0.5)


def test_yolo_s_loss_by_hand():
    """One object in row 1, column 2 of 4 x 4 cells; its second box is the better one by far."""
    box, root, output = (34, 18, 46, 30), (12 / 64) ** 0.5, torch.zeros(4, 4, 13)
    output[1, 2] = torch.tensor([0.5, 0.5, 0.1, 0.1, 0.2, 0.6, 0.5, root, root, 0.7, 0.5, 0.2, 0])
    output[3, 3, 4] = 0.4
    net = saying(made("YOLO"), output[None])
    iou = 10.4 / 13.6  # it lies 1.6 px aside
    expected = {"centre": 5 * 0.01, "size": 0, "object": (0.7 - iou) ** 2, "class": 0.25 + 0.04}
    assert loss_of(net, box, 0) == near(expected | {"no object": 0.5 * (0.04 + 0.16)})
    output[1, 2, 7] += 0.1
    assert loss_of(net, box, 0)["size"] == near(5 * 0.01)


def test_yolo_knows_one_object_a_cell_and_negative_numbers_are_no_score():
    net, box = made("YOLO"), (34, 18, 46, 30)
    assert loss_of(net, box, 0, (33, 17, 44, 29), 1) == loss_of(net, box, 0)
    output = torch.full((1, 4, 4, 13), -3.0)
    assert not len(saying(net, output).detect(IMAGE)[0].scores)
    output[0, 1, 2, [0, 1, 2, 3, 4, 11]] = torch.tensor(
        [0.5, 0.5, 0.4, 0.4, 0.6, 3]
    )  # surer than sure of class 1
    assert net.detect(IMAGE)[0].scores.tolist() == near([0.6])


def test_ssd_learns_from_the_hardest_backgrounds():
    losses, found = torch.tensor([0.95, 0.9, 0.5, 0.3, 0.8, 0.2]), torch.tensor([True] + 5 * [False])
    assert ssd.hard_negatives(losses, found).tolist() == [False, True, True, False, True, False]
    for all_or_none in (torch.ones(6).bool(), torch.zeros(6).bool()):
        assert not ssd.hard_negatives(losses, all_or_none).any()


def test_ssd_s_loss_and_boxes_by_hand():
    """All logits 0: each found anchor and its three backgrounds cost log 4. Boxes that are right cost nothing."""
    net, box = made("SSD"), (10, 12, 30, 34)
    at = net.anchors((64, 64))
    assert len(at) == 4 * (64 + 16 + 4 + 1) and at[1].tolist() == [-2, -2, 10, 10]
    assert at[3].tolist() == near([4 - 72**0.5, 4 - 72**0.5, 4 + 72**0.5, 4 + 72**0.5])
    found = detection.match_anchors(at, torch.tensor([box]).float(), 0.5, 0.5) == 0
    right = torch.tensor([box]).float().expand(found.sum(), 4)
    logits, deltas = torch.zeros(1, len(at), 4), torch.zeros(1, len(at), 4)
    deltas[0, found] = detection.encode_boxes(right, at[found]) / torch.tensor([0.1, 0.1, 0.2, 0.2])
    assert loss_of(saying(net, logits, deltas), box, 1) == near({"class": 4 * math.log(4), "box": 0})
    torch.testing.assert_close(net.predict(IMAGE)[0][0, found], right)
    deltas[..., 2] += 0.5  # smooth L1: .5 squared, halved
    logits[0, found, 1] = 20  # right, and sure: only the backgrounds cost
    assert loss_of(net, box, 1) == near({"class": 3 * math.log(4), "box": 0.125})
    assert (net.predict(IMAGE)[1][0, found].argmax(1) == 1).all()


@pytest.mark.parametrize(("gamma", "alpha"), [(0, None), (2, 0.25)])
def test_retinanet_s_loss_by_hand(gamma, alpha):
    """All logits 0, so p = 1/2: each costs log 2, times (1/2)^gamma, and alpha or 1 - alpha."""
    net, box = made("RetinaNet", gamma=gamma, alpha=alpha), (9, 12, 30, 34)
    at = net.anchors((64, 64))
    match = detection.match_anchors(at, torch.tensor([box]).float(), 0.5, 0.4)
    found, ignored = int((match == 0).sum()), int((match == -2).sum())
    assert found and ignored and len(at) == 3 * (256 + 64 + 16 + 4)
    yes, no = (1, 1) if alpha is None else (alpha, 1 - alpha)
    shares = yes * found + no * (3 * (len(at) - ignored) - found)
    wanted = detection.encode_boxes(torch.tensor([box]).float().expand(found, 4), at[match == 0])
    smooth = torch.where(wanted.abs() < 1, wanted**2 / 2, wanted.abs() - 0.5).sum().item()
    parts = loss_of(saying(net, torch.zeros(1, len(at), 3), torch.zeros(1, len(at), 4)), box, 2)
    assert parts == near({"class": math.log(2) * 0.5**gamma * shares / found, "box": smooth / found})


def test_retinanet_begins_at_its_prior_and_without_a_pyramid_fine_levels_know_nothing_of_coarse_ones():
    for prior in (0.01, 0.5):
        assert made("RetinaNet", prior=prior).predict(IMAGE)[1].median().item() == pytest.approx(
            prior, rel=0.5
        )
    for fpn in (True, False):
        net = made("RetinaNet", fpn=fpn)
        before = net.levels(IMAGE)
        nn.init.zeros_(net.fpn.laterals[3].weight)
        after = net.levels(IMAGE)
        assert torch.equal(before[0], after[0]) != fpn and not torch.equal(before[3], after[3])


def test_centernet_s_loss_and_boxes_by_hand():
    """Centre (41, 23) px: position (10, 5), offsets .25 and .75; 12 x 20 px are 3 x 5 positions."""
    net, box = made("CenterNet"), (35, 13, 47, 33)
    logits, said = torch.full((1, 3, 16, 16), -20.0), torch.zeros(1, 4, 16, 16)
    logits[0, 1, 5, 10], said[0, :, 5, 10] = 20, torch.tensor([0.25, 0.75, 3, 5])
    assert loss_of(saying(net, logits, said), box, 1) == near({"heatmap": 0, "offset": 0, "size": 0})
    found = net.detect(IMAGE)[0]
    assert found.boxes.tolist() == [list(box)] and found.labels.tolist() == [1] and found.scores > 0.99
    said += 0.5  # elsewhere it costs nothing
    logits[0, 1, 5, 10] = 0  # p = 1/2: (1/2)^2 log 2
    assert loss_of(net, box, 1) == near(
        {"heatmap": math.log(2) / 4, "offset": 2 * 0.5, "size": 0.1 * 2 * 0.5}
    )


def test_detr_s_loss_by_hand_and_the_order_of_queries_means_nothing():
    """Uniform logits cost log 4 in each of two layers. One query is right, in the other layer 6.4 px aside."""
    net, box = made("DETR", queries=3), (10, 10, 42, 42)
    boxes = torch.tensor([[0.0, 50, 4, 54], box, [50, 0, 54, 4]]).expand(2, 1, 3, 4).clone()
    boxes[1, 0, 1, ::2] += 6.4
    logits, giou = torch.zeros(2, 1, 3, 4), 25.6 / 38.4  # the box around both is their union: GIoU is IoU
    parts = loss_of(saying(net, logits, boxes, None), box, 2)
    assert parts == near({"class": 2 * math.log(4), "L1": 5 * 0.1, "GIoU": 2 * (1 - giou)})
    assert loss_of(saying(net, logits, boxes[:, :, [1, 2, 0]], None), box, 2) == parts
    logits[:, 0, 1, 2], logits[:, 0, 2, 3] = 20, 20  # right; the first query is not sure of "no object"
    wrong = loss_of(saying(net, logits, boxes, None), box, 2)["class"]
    assert wrong == near(2 * 0.1 * math.log(4) / 1.2)  # of the weights 1 + .1 + .1
    boxes = torch.tensor([[50.0, 0, 60, 20], [0, 50, 4, 54], box]).expand(1, 1, 3, 4)
    logits[:, 0, [0, 1, 2], [1, 3, 2]] = 40  # two objects, found by the last query and the first
    right = loss_of(saying(net, logits[:1], boxes, None), box, 2, (50, 0, 60, 20), 1)
    assert right == near({"class": 0, "L1": 0, "GIoU": 0})


def test_detr_s_attention_is_a_share_of_the_image_and_positions_differ():
    net, images = made("DETR", queries=5), uniform(2, 3, 64, 128)
    with unchanged(net):
        attention = net.attention(images)
    assert attention.shape == (2, 5, 8, 16)
    torch.testing.assert_close(attention.sum((2, 3)), torch.ones(2, 5))
    code = detr.sine_positions(4, 6, 32)
    assert code.shape == (24, 32) and torch.cdist(code, code).add(torch.eye(24) * 9).min() > 0.1
    row, column = 2 * math.pi / 4, 2 * math.pi / 6
    assert code[0, ::8].tolist() == near([math.sin(row), math.cos(row), math.sin(column), math.cos(column)])
    # A place is compared, and not passed on: where all of the memory is equal, its places change nothing.
    layer = detr.Layer(32, 4, looks=True).eval()
    x, place, memory = normal(1, 5, 32), normal(5, 32, seed=1), normal(1, 1, 32, seed=2).expand(1, 24, 32)
    torch.testing.assert_close(layer(x, place, memory, code)[0], layer(x, place, memory, 0 * code)[0])


test_options_are_refused = refusals(
    (lambda: made("RetinaNet", prior=1.0), "prior"),
    (lambda: made("RetinaNet", gamma=-1), "gamma"),
    (lambda: made("DETR", queries=0), "queries"),
    (lambda: made("DETR", width=30), "width"),
    (lambda: made("YOLO", boxes=0), "boxes"),
    (lambda: made("DETR", queries=2).loss(*scenes()), "objects: expected at most 2"),
)
