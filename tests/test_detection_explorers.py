"""The explorers of detection: what they say is what the package computes, and what one counts by hand."""

from itertools import product
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from lecture_utils import detection as d
from lecture_utils.explorers import Anchors, QueryPicker, ScoreThreshold, Suppression, board as ui
from lecture_utils.explorers.box_sources import GREEN, LOOK, best_iou
from tests.detection_cases import Doubles, boxes_of, cases, crowds, inside_of
from tests.helpers import blocks, uniform

RED = (255, 0, 0)


class Three:
    """Two objects of class 1, IoU .6, and three boxes: on the first, near it (IoU .95), on the second."""

    boxes = torch.tensor([[10.0, 10, 30, 30], [15, 10, 35, 30]])
    crowds = SimpleNamespace(images=uniform(1, 3, 64, 64), boxes=[boxes], labels=[torch.tensor([1, 1])])

    def detect(self, images, threshold=0.05, most=100, overlap=0.5):
        near = torch.tensor([[10.0, 10, 30, 31]])
        boxes = torch.cat([self.boxes[:1], near, self.boxes[1:]])
        return [d.trunk.Detections(boxes, torch.tensor([0.9, 0.8, 0.7]), torch.ones(3).long())]


@pytest.mark.parametrize(
    ("overlap", "score", "kept", "missed", "right"),
    [
        (0.5, 0.3, 1, 1, 1),
        (0.6, 0.3, 2, 0, 2),
        (0.95, 0.3, 2, 0, 2),
        (1.0, 0.3, 3, 0, 2),
        (1.0, 0.8, 2, 0, 2),
    ],
)
def test_what_nms_keeps_by_hand(overlap, score, kept, missed, right):
    ours = Suppression(Three.crowds, Three())
    (scene,) = ours.scenes
    assert scene == "scene 0: dog, dog"
    _, (gone, without, stays), (*_, result) = ours.look(scene, overlap, score)
    there = 3 if score < 0.7 else 2
    assert (len(stays.boxes), len(gone.boxes), len(without.boxes)) == (kept, there - kept, missed)
    assert stays.name == f"{kept} kept" and gone.name == f"{there - kept} suppressed"
    assert result == f"{2 - missed} of 2 objects found, {right} of {kept} boxes right"
    assert stays.words[0] == "dog 0.90" and gone.dash and not stays.dash, "told apart by dashes, too"
    (chart,) = blocks(ours.board(scene=scene, overlap=overlap, score=score), ui.Chart)
    found, right_share = (dict(zip(line.xs, line.ys, strict=True)) for line in chart.lines)
    if overlap in found:
        assert (found[overlap], right_share[overlap]) == (1 - missed / 2, right / kept)


def test_the_scenes_are_those_where_objects_of_one_class_overlap_most():
    far, near, nearer = ([[0, 0, 10, 10], [x, 0, x + 10, 10]] for x in (20, 5, 2))
    boxes = [torch.tensor(each).float() for each in (far, near, nearer, nearer, far[:1], far + near[:1])]
    labels = [torch.tensor(each) for each in ([0, 0], [0, 0], [0, 1], [2, 2], [1], [0, 1, 2])]
    scenes = SimpleNamespace(images=uniform(6, 3, 64, 64), boxes=boxes, labels=labels)
    numbers = [int(name.split()[1][:-1]) for name in Suppression(scenes, Doubles(scenes)).scenes]
    assert numbers[:2] == [3, 1] and numbers[-2:] == [4, 5], "of different classes is no overlap"
    net = Doubles(scenes)
    Suppression(scenes, net)
    assert net.said == (0.05, 80, 1), "it asks for the boxes before NMS"
    ours = Suppression(crowds(), Doubles(crowds()))
    for scene, overlap in product(ours.scenes, (0.0, 0.3, 0.6, 0.95)):
        found, kept, _ = ours.kept(scene, overlap, 0.1)
        assert kept == d.batched_nms(*found, overlap).tolist(), "in each class by itself"


def hog_svm():
    net = d.HOGSVM(3)
    net.weight.copy_(uniform(*net.weight.shape) - 0.5), net.bias.fill_(-2)
    return net


NETS = {
    "YOLO": (lambda n: d.YOLO(n, boxes=6), 0.5),
    "SSD": (d.SSD, 0.45),
    "RetinaNet": (lambda n: d.RetinaNet(n, prior=0.5), 0.5),
    "RCNN": (lambda n: d.RCNN(n, side=32, context=2), 0.3),
    "FastRCNN": (d.FastRCNN, 0.3),
    "FasterRCNN": (d.FasterRCNN, 0.3),
    "HOGSVM": (lambda n: hog_svm(), 0.3),
}


@pytest.mark.parametrize("name", NETS)
def test_what_a_detector_finds_is_what_nms_keeps_of_all_its_boxes(name):
    make, usual = NETS[name]
    net, image, more = make(3).eval(), uniform(1, 3, 64, 64, seed=1), {"threshold": 0.01, "most": 500}
    if name in ("RCNN", "FastRCNN"):
        more["proposals"] = [inside_of(1, 30)[0].float()]
    if name == "HOGSVM":
        more["threshold"] = float(net.windows(image, 0).scores.sort().values[-300])
    (every,) = net.detect(image, overlap=1, **more)
    for overlap, options in ((usual, {}), (0.1, {"overlap": 0.1})):
        (found,) = net.detect(image, **more, **options)
        kept = d.batched_nms(*every, overlap)
        assert 0 < len(kept) < len(every.scores) and torch.equal(found.boxes, every.boxes[kept])
        assert torch.equal(found.labels, every.labels[kept])


def noisy(scenes):
    """Boxes beside the objects, some with another label, with scores at random."""
    found = Doubles(scenes).detect(scenes.images)
    scores = [uniform(len(each.scores), seed=n).sort(descending=True).values for n, each in enumerate(found)]
    return [
        each._replace(scores=score, labels=torch.where(score > 0.8, 0, each.labels))
        for each, score in zip(found, scores, strict=True)
    ]


def test_the_point_on_the_curve_is_what_one_counts_and_ap_is_the_package_s():
    scenes = crowds(12)
    found, truth = noisy(scenes), list(zip(scenes.boxes, scenes.labels, strict=True))
    ours, ap = ScoreThreshold(scenes, found), d.mean_average_precision(found, truth, 0.5)
    assert [ours.classes[name]["AP"] for name in ours.classes] == pytest.approx(ap.table[0].tolist())
    for label, name in zip(ap.classes.tolist(), ours.classes, strict=True):
        for score in (0.01, 0.5, 0.7):
            kept = [d.trunk.Detections(*(each[one.scores >= score] for each in one)) for one in found]
            kinds, _ = d.error_types(kept, truth)
            right = sum(
                int(((k == 0) & (one.labels == label)).sum()) for k, one in zip(kinds, kept, strict=True)
            )
            boxes = sum(int((one.labels == label).sum()) for one in kept)
            objects = sum(int((labels == label).sum()) for labels in scenes.labels)
            assert ours.point(name, score) == pytest.approx((boxes, right / objects, right / boxes))
            for place in range(1, 9):
                n = ours.classes[name]["scenes"][place - 1]
                _, (missed, wrong, good), _ = ours.look(name, place, score)
                hits = int(((kinds[n] == 0) & (kept[n].labels == label)).sum())
                own = int((scenes.labels[n] == label).sum())
                assert (len(good.boxes), len(missed.boxes)) == (hits, own - hits)
                assert len(wrong.boxes) == int((kept[n].labels == label).sum()) - hits
    values, ap = list(ours.stops.values()), {name: one["AP"] for name, one in ours.classes.items()}
    assert (ap[values[0]["name"]], ap[values[-1]["name"]]) == (max(ap.values()), min(ap.values()))
    name = next(iter(ours.classes))
    assert ours.point(name, 0.99) == (0, 0.0, 1.0)


@cases(40)
def test_the_best_anchor_is_found_without_laying_anchors_out(seed):
    boxes, size = boxes_of(seed, 20).float(), (60, 80)
    stride, scale, ratios = (4, 8, 16, 32)[seed % 4], 8 + 3 * seed, (1 / 3, 1.0, 2.0)[: 1 + seed % 3]
    expected = d.box_iou(d.anchors(size, stride, (scale,), ratios), boxes).amax(0)
    assert torch.allclose(best_iou(boxes, size, stride, scale, ratios), expected, atol=1e-5)


def test_the_anchors_of_a_scene_are_told_apart_by_their_iou():
    ours, values = Anchors(crowds()), {"scene": 3, "stride": 4, "scale": 16, "shapes": "1/2, 1, 2"}
    image, (one, good, high, best, objects), texts = ours.look(**values)
    places = d.anchors((64, 64), 4, (16,), (0.5, 1.0, 2.0))
    iou = d.box_iou(places, ours.crowds.boxes[3])
    near = iou.amax(1)
    assert torch.equal(image, ours.crowds.images[3]) and torch.equal(objects.boxes, ours.crowds.boxes[3])
    assert torch.equal(high.boxes, places[near >= 0.7])
    assert torch.equal(good.boxes, places[(near >= 0.5) & (near < 0.7)])
    assert torch.equal(d.box_iou(best.boxes, objects.boxes).diagonal(), iou.amax(0))
    assert (one.boxes[:, :2] + one.boxes[:, 2:] == 2 * 34).all(), "three around one position near the middle"
    every = torch.cat([d.box_iou(places, boxes).amax(0) for boxes in ours.crowds.boxes])
    assert (
        f"{(every >= 0.5).double().mean():.0%} reach" in texts[2] and f"of {len(every)} objects" in texts[2]
    )
    (chart,) = blocks(ours.board(**values), ui.Chart)
    shares = [line.ys[line.xs.index(16)] for line in chart.lines]
    of_size = [every[torch.cat(ours.crowds.sizes) == size] for size in range(3)]
    assert shares == pytest.approx([float((each >= 0.5).double().mean()) for each in of_size])


def test_a_query_is_what_the_net_says():
    net, scenes = d.DETR(queries=5).train(), crowds()
    modes, state = [module.training for module in net.modules()], torch.get_rng_state()
    ours = QueryPicker(net, scenes, most=7)
    assert modes == [module.training for module in net.modules()] and torch.equal(
        state, torch.get_rng_state()
    )
    with torch.no_grad():
        p, boxes, attention = net.eval().predict(scenes.images[:7])
    image, (layer,), (_, _, result) = ours.look(3, 6)
    assert torch.equal(image, scenes.images[6]) and torch.allclose(layer.boxes[0], boxes[6, 3], atol=1e-3)
    assert f"{int((p[:, 3, -1] < 0.5).sum())} of 7 scenes" in result
    assert torch.allclose(ours.attention, attention, atol=1e-5)
    ours.says = torch.zeros(7, 5, dtype=torch.bool)
    ours.says[:3] = True
    places = {0: ([10, 10, 20, 20], GREEN), 1: ([0, 30, 64, 60], ui.ORANGE), 2: ([30, 0, 63, 64], ui.BLUE)}
    ours.boxes[:] = torch.tensor([40.0, 20, 44, 24])
    for n, (box, _) in places.items():
        ours.boxes[n] = torch.tensor(box).float()
    plane = ours.plane(0).shown
    for box, ink in (*places.values(), ([40, 20, 44, 24], ui.GREY)):
        x, y = ((box[k] + box[k + 2]) / 2 * LOOK / 64 for k in (0, 1))
        assert plane.getpixel((round(x), round(y))) == Image.new("RGB", (1, 1), ink).getpixel((0, 0))
    _, (layer,), _ = ours.look(0, 5)
    assert layer.name.startswith("no object") and layer.dash, "no object: dashes"


def test_a_box_is_a_line_on_a_white_edge_or_dashes():
    grey = Image.new("RGB", (60, 40), "gray")
    for dash in (0, 5):
        drawn = ui.outlined(grey, [(10, 10, 50, 30)], "#ff0000", dash)
        line = [drawn.getpixel((x, 10)) for x in range(60)]
        assert line[:9] == line[51:] == [(128, 128, 128)] * 9 and line[9] == line[50] == (255, 255, 255)
        share = line[10:50].count(RED) / 40
        assert share == 1 if not dash else 0.4 < share < 0.6
        assert drawn.getpixel((30, 20)) == (128, 128, 128) == grey.getpixel((30, 10)), (
            "a new image; nothing inside"
        )
    beyond = ui.outlined(grey, [(-20, -20, 90, 90), (70, 50, 80, 60), (20, 20, 20, 20)], "#ff0000")
    assert [beyond.getpixel(at) for at in ((1, 20), (57, 20), (30, 1), (30, 37))] == [RED] * 4


def test_words_that_would_hide_others_are_left_out():
    image, ink = uniform(3, 64, 64), "#0072B2"
    one = ui.boxed(image, 256, [ui.Layer("", [[20, 20, 40, 40]], ink, 0, ["first"])]).pixels()
    four = [[20, 20, 40, 40]] * 9
    several = ui.boxed(image, 256, [ui.Layer("", four, ink, 0, ["first"] * 9)]).pixels()
    assert (several[:79, 80:112] == one[:79, 80:112]).all(), "the first word stays as it is"
    blue = [(pixels == (0, 114, 178)).all(2).sum() for pixels in (one, several)]
    assert blue[0] < blue[1] < 4.5 * blue[0], "nine boxes in one place, four corners"
