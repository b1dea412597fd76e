"""HOG with SVMs, R-CNN, Fast and Faster R-CNN: what they learn from, what they answer, and how they are trained."""

import json
import math

import numpy as np
import pytest
import safetensors.torch
import torch

from experiments.experiment import Refused
from experiments.train import detectors
from lecture_utils import detection
from lecture_utils.detection import HOGSVM, RCNN, FasterRCNN, FastRCNN, hog_svm, load_detector
from lecture_utils.detection.faster_rcnn import RATIOS, SCALES, rpn_loss
from lecture_utils.detection.regions import region_detections, region_loss, sample_regions

COLOURS = torch.tensor([[1.0, 0.1, 0.1], [0.1, 0.2, 1.0]])
KINDS = [RCNN, FastRCNN, FasterRCNN]


def scenes(count, seed=0, most=2):
    """Rectangles on grey, 64 px; a class is a colour, and the direction of its stripes. With proposals around them."""
    draws = torch.Generator().manual_seed(seed)
    images, boxes, labels, proposals = torch.full((count, 3, 64, 64), 0.5), [], [], []
    for n, image in enumerate(images):
        number = 1 + n % most
        side = torch.randint(14, 28, (number, 2), generator=draws)
        corner = torch.randint(2, 36, (number, 2), generator=draws)
        boxes.append(torch.cat([corner, corner + side], 1).float())
        labels.append((torch.arange(number) + n // most) % 2)
        for (x0, y0, x1, y1), label in zip(boxes[-1].int().tolist(), labels[-1].tolist(), strict=True):
            image[:, y0:y1, x0:x1] = COLOURS[label][:, None, None]
            image[:, y0 : y1 : 3 if label else 1, x0 : x1 : 1 if label else 3] = 0.9
        if number == 2 and detection.box_iou(boxes[-1][:1], boxes[-1][1:]) > 0.1:
            boxes[-1], labels[-1] = boxes[-1][1:], labels[-1][1:]  # the later one hides the other
        near = boxes[-1].repeat(8, 1) + 3 * torch.randn(8 * len(boxes[-1]), 4, generator=draws)
        low = 40 * torch.rand(20, 2, generator=draws)
        far = torch.cat([low, low + 6 + 16 * torch.rand(20, 2, generator=draws)], 1)
        proposals.append(torch.cat([near, far]).clamp(0, 64))
    return images, boxes, labels, proposals


def given(kind, proposals):
    return {} if kind is FasterRCNN else {"proposals": proposals}


@pytest.mark.parametrize("kind", KINDS)
def test_each_learns_a_few_scenes_by_heart(kind):
    torch.manual_seed(0)
    images, boxes, labels, proposals = scenes(4)
    small = {"side": 32, "context": 2} if kind is RCNN else {}
    net, more = kind(2, **small).train().requires_grad_(), given(kind, proposals)  # the trunk learns along
    optimiser, losses = torch.optim.AdamW(net.parameters(), 1e-3), []
    for _ in range(50):
        losses.append(sum(net.loss(images, boxes, labels, **more).values()))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert sum(losses[-3:]) < 0.3 * sum(losses[:3])
    found = net.detect(images, 0.3, **more)
    assert all((own.scores.diff() <= 0).all() for own in found), "the surest first"
    assert detection.mean_average_precision(found, list(zip(boxes, labels, strict=True)), 0.5).mean > 0.95


class Noted(HOGSVM):
    others = []  # how many negatives each of its SVMs has seen

    def _separate(self, label, images, own, other):
        self.others.append(sum(map(len, other)))
        super()._separate(label, images, own, other)


def test_hog_and_svms_find_what_they_have_not_seen():
    images, boxes, labels, _ = scenes(18, most=1)
    net = Noted(3).fit(images[:12], boxes[:12], labels[:12])
    found = net.detect(images[12:], 0.3)
    assert detection.mean_average_precision(found, list(zip(boxes, labels, strict=True))[12:], 0.5).mean > 0.7
    assert net.bias[2] == -20, "a class without examples is never found"
    assert Noted.others[2] > Noted.others[0] and len(Noted.others) == 4, "false positives are learned, too"
    assert hog_svm._window(torch.tensor([[5.0, 0, 15, 20]])).tolist() == [6 * 2**0.5 // 1 + 2, 6]
    boxes = HOGSVM(1).requires_grad_(False).windows(images[:1], 0)[0]
    assert boxes.amin(0)[:2].tolist() == [0, 0] and boxes.amax(0)[2:].tolist() == [64, 64]
    assert (boxes == torch.tensor([0.0, 0, 8, 8])).all(1).any()  # 24 px at the level of 3


def test_regions_are_sampled_as_counted_by_hand():
    boxes, labels = torch.tensor([[0.0, 0, 10, 10], [20, 20, 40, 40]]), torch.tensor([1, 0])
    close, half, far = [0.0, 0, 10, 12], [20.0, 20, 40, 30], [50.0, 50, 60, 60]  # IoU 10/12, exactly 1/2, 0
    regions, wanted, offsets = sample_regions(torch.tensor([close, half, far]), boxes, labels, 3, 12, 0.5)
    order = [regions.tolist().index(region) for region in (close, half, far, *boxes.tolist())]
    assert wanted[order].tolist() == [1, 0, 3, 1, 0], "the objects' own boxes count, too"
    assert len(regions) == 5 and wanted[4] == 3
    expected = [[0, -1 / 12 / 0.1, 0, math.log(10 / 12) / 0.2], [0, 0.5 / 0.1, 0, math.log(2) / 0.2]]
    assert torch.allclose(offsets[order], torch.tensor(expected + [[0.0] * 4] * 3), atol=1e-5)
    few = sample_regions(torch.tensor([close, half, *[far] * 9]), boxes, labels, 3, 8)
    assert (few[1] < 3).tolist() == [True] * 2 + [False] * 6
    none = sample_regions(torch.tensor([close]), boxes[:0], labels[:0], 3)
    assert none[1].tolist() == [3] and none[2].tolist() == [[0, 0, 0, 0]]


def test_the_loss_of_regions_by_hand():
    logits = torch.tensor([[0, 2.0, 0], [0, 0, 0]])  # two classes and background
    offsets, wanted = torch.full((2, 2, 4), 100.0), torch.zeros(2, 4)
    offsets[0, 1] = torch.tensor([0.5, 2, 0, 0])
    parts = region_loss(logits, offsets, torch.tensor([1, 2]), wanted)
    assert parts["class"] == pytest.approx((math.log(1 + 2 * math.exp(-2)) + math.log(3)) / 2)
    assert parts["box"] == pytest.approx((0.5**2 / 2 + 1.5) / 2)  # of the true class; background has none


def test_what_is_found_in_regions_by_hand():
    regions = torch.tensor([[0.0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 40, 40]])
    logits = torch.tensor([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.01, 0.9, 0.09]]).log()
    offsets = torch.zeros(3, 2, 4)
    offsets[2, 1] = torch.tensor([5.0, 0, math.log(2) / 0.2, 0])  # to the right, and wider: cut at 48
    boxes, scores, labels = region_detections(logits, offsets, regions, (48, 48), 0.2, 100)
    assert labels.tolist() == [1, 0, 1] and scores.tolist() == pytest.approx([0.9, 0.8, 0.3])
    assert boxes.flatten().tolist() == pytest.approx([20, 20, 48, 40, 0, 0, 10, 10, 1, 0, 11, 10], abs=1e-4)
    assert region_detections(logits, offsets, regions, (48, 48), 0.2, 1).labels.tolist() == [1]
    with pytest.raises(ValueError, match="scores: expected finite"):
        region_detections(logits * math.nan, offsets, regions, (48, 48), 0.2, 1)


def test_crops_are_warped_with_their_context():
    net, image = RCNN(2, side=32, context=4), torch.rand(2, 3, 48, 48)
    crops = net.crops(image, [torch.tensor([[10.0, 12, 34, 36]]), torch.tensor([[0.0, 0, 24, 24]])])
    assert torch.allclose(crops[0], image[0, :, 8:40, 6:38], atol=1e-6), "24 px, and 4 px of context"
    assert torch.allclose(crops[1, :, 5:, 5:], image[1, :, 1:28, 1:28], atol=1e-6)
    assert torch.allclose(crops[1, :, :3, :3], net.trunk.mean[0].expand(3, 3, 3), atol=1e-6), "outside"


@pytest.mark.parametrize("align", [True, False])
def test_each_region_is_cut_out_of_its_own_image(align):
    features, boxes = torch.rand(2, 192, 6, 6), torch.tensor([[2.0, 4, 30, 40], [9, 9, 41, 47], [0, 0, 8, 8]])
    pool = detection.roi_align if align else detection.roi_pool
    expected = pool(features, boxes, torch.tensor([0, 1, 1]), 3, 8)
    assert torch.equal(FastRCNN(2, align=align, bins=3).pooled(features, [boxes[:1], boxes[1:]]), expected)


def test_scores_and_offsets_of_the_rpn_are_in_the_order_of_the_anchors():
    net = FasterRCNN(2)
    features, k = torch.rand(1, 192, 3, 4), len(SCALES) * len(RATIOS)
    scores, offsets = net.rpn(features)
    hidden = net.rpn.hidden(features).relu()
    n = (2 * 4 + 1) * k + 5  # row 2, column 1, the sixth shape
    assert torch.allclose(scores[0, n], net.rpn.score(hidden)[0, 10:12, 2, 1])
    assert torch.allclose(offsets[0, n], net.rpn.offset(hidden)[0, 20:24, 2, 1])
    for layer in (net.rpn.score, net.rpn.offset):
        torch.nn.init.zeros_(layer.weight), torch.nn.init.zeros_(layer.bias)
    net.rpn.score.bias.data[2 * 4 + 1] = 5  # the square of 25 px: its anchors come first
    first = net.proposals(torch.rand(1, 3, 64, 64))[0][0]
    squares = detection.anchors(64, 8, SCALES, RATIOS)[4::k].clamp(0, 64)
    assert (squares - first).abs().amax(1).min() < 1e-4


def test_the_loss_of_the_rpn_by_hand():
    around = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 20], [30, 30, 40, 40], [39, 40, 49, 50]])
    scores, offsets = torch.zeros(4, 2), torch.zeros(4, 4)
    scores[0, 1], scores[2, 1], offsets[0, 0] = 1, 2, 3
    parts = rpn_loss(scores, offsets, torch.tensor([[0.0, 0, 10, 11]]), around, (48, 48))
    # an object (IoU 10/11), one that is ignored (11/20), background, and one that reaches outside
    assert parts["class"] == pytest.approx((math.log(1 + math.exp(-1)) + math.log(1 + math.exp(2))) / 2)
    assert parts["box"] == pytest.approx((2.5 + 0.5**2 / 2 + (math.log(1.1) / 0.2) ** 2 / 2) / 2, abs=1e-5)
    best = rpn_loss(scores, offsets * 0, torch.tensor([[31.0, 31, 34, 34]]), around, (48, 48))
    assert best["box"] > 0, "the best anchor of an object counts, however low its IoU is"


@pytest.mark.parametrize("kind", KINDS)
def test_images_without_objects_are_background(kind):
    images, boxes, labels, proposals = scenes(2)
    boxes[0], labels[0] = boxes[0][:0], labels[0][:0]
    net = kind(2, pretrained=False)
    for n in (1, 2):
        loss = sum(net.loss(images[:n], boxes[:n], labels[:n], **given(kind, proposals[:n])).values())
        loss.backward()
        assert math.isfinite(loss.item()) and loss > 0
    if kind is FastRCNN:
        assert len(net.detect(images[:1], 0, most=3)[0].boxes) == 3, "proposals are searched"
    if kind is not FasterRCNN:
        nothing = [torch.zeros(0, 4)]
        assert len(net.detect(images[:1], 0, proposals=nothing)[0].boxes) == 0
        assert sum(net.loss(images[:1], boxes[:1], labels[:1], nothing).values()) == 0


@pytest.mark.parametrize("kind", [*KINDS, HOGSVM])
def test_detecting_changes_nothing_and_may_find_nothing(kind):
    images, *_, proposals = scenes(2)
    net, more = (HOGSVM(2), {}) if kind is HOGSVM else (kind(2).train(), given(kind, proposals))
    before, state = torch.get_rng_state(), {k: v.clone() for k, v in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    learn = [p.requires_grad for p in net.parameters()]
    found = net.detect(images, 1.0, **more)
    assert [[tuple(each.shape) for each in one] for one in found] == [[(0, 4), (0,), (0,)]] * 2
    assert all(p.grad is None for p in net.parameters()) and learn == [
        p.requires_grad for p in net.parameters()
    ]
    assert torch.equal(before, torch.get_rng_state()) and modes == [m.training for m in net.modules()]
    assert all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    if kind is not HOGSVM:
        net.trunk.late[0].weight.data[:] = math.nan
        with pytest.raises(ValueError, match="finite"):
            net.detect(images, **more)


BAD = [
    ({"images": torch.full((2, 3, 64, 64), 7.0)}, r"images: expected values in \[0, 1\]"),
    ({"boxes": [torch.zeros(1, 4)] * 2}, "boxes: expected x0 < x1"),
    ({"labels": [torch.tensor([2])] * 2}, "labels: expected classes 0 .. 1, got 2"),
    ({"boxes": [torch.zeros(0, 4)]}, "boxes: expected a list with one tensor for each of 2 images, got 1"),
    (
        {"proposals": [torch.zeros(0, 4)]},
        "proposals: expected a list with one tensor for each of 2 images, got 1",
    ),
]


@pytest.mark.parametrize(("change", "message"), BAD)
def test_bad_scenes_are_named(change, message):
    box = torch.tensor([[2.0, 2, 20, 20]])
    usual = {"images": torch.rand(2, 3, 64, 64), "boxes": [box] * 2, "labels": [torch.tensor([1])] * 2}
    with pytest.raises(ValueError, match=message):
        FastRCNN(2, pretrained=False).loss(**usual | {"proposals": [box] * 2} | change)


def tiny(split, count):
    images, boxes, labels, _ = scenes(count, len(split))
    return (images * 255).byte().numpy(), [b.numpy() for b in boxes], [each.numpy() for each in labels]


def trained(folder, name="FastRCNN", data=tiny, **changes):
    recipe = detectors.Recipe(name, **{"epochs": 2, "images": 6, "batch": 3, "tested": 2} | changes)
    return detectors.train(folder, recipe, data, folder / "run", threads=1)


def test_a_training_that_was_stopped_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole = trained(tmp_path / "a")
    keep = detectors.Run.keep
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(detectors.Run, "keep", lambda run: keep(run) or 1 / 0)
        trained(tmp_path / "b")
    assert len(list((tmp_path / "b/run").rglob("*.npy"))) == 2 and not (tmp_path / "b/weights").exists()
    monkeypatch.setattr(detectors, "_search", None)  # proposals are searched once
    assert trained(tmp_path / "b") == whole and len(whole["epochs"]) == 2
    with pytest.raises(Refused, match="decay 0.01, now 0.1"):
        trained(tmp_path / "b", decay=0.1)
    with monkeypatch.context() as patch, pytest.raises(Refused, match="trunk another"):
        patch.setattr(detectors, "digest", lambda trunk: "another")
        trained(tmp_path / "b")
    bias = load_detector("FastRCNN", "epochs-2-images-6", folder=tmp_path / "a/weights").head.score.bias
    assert torch.equal(bias, bias.half().float()) and bias.abs().max() > 0


def test_kept_features_are_those_of_the_moved_images_and_the_trunk_stays_as_it_is(tmp_path):
    images, boxes, _ = tiny("train", 6)
    trunk = detection.Trunk()
    before = {name: tensor.clone() for name, tensor in trunk.state_dict().items()}
    maps, moves = detectors.kept(trunk, images, 1, tmp_path)
    again, _ = detectors.kept(None, images, 1, tmp_path)  # read, not computed
    light = detectors.varied(images, moves, np.random.default_rng([detectors.Run.stream, 1, 0]))
    for stride, found in trunk.levels(light).items():
        assert np.array_equal(maps[stride][range(6)], again[stride][range(6)])
        assert torch.allclose(torch.from_numpy(maps[stride][range(6)]).float(), found, rtol=1e-3, atol=1e-3)
    assert len(np.unique(moves, axis=0)) > 1 and not np.array_equal(
        moves, detectors.kept(trunk, images, 0, tmp_path)[1]
    )
    trained(tmp_path / "a", "FasterRCNN")
    (file,) = (tmp_path / "a/weights").glob("*.safetensors")
    net = load_detector("FasterRCNN", "epochs-2-images-6", folder=file.parent)
    names = safetensors.torch.load_file(file)
    assert not any(name.startswith("trunk.") for name in names)  # it ships once
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.train().trunk.state_dict().items())
    assert (
        not net.trunk.training
        and net.head.training
        and not any(p.requires_grad for p in net.trunk.parameters())
    )


def test_hog_is_trained_by_the_same_command(tmp_path):
    card = trained(tmp_path, "HOGSVM", options={"classes": 2}, epochs=1)
    assert json.loads((tmp_path / "weights/detector-hogsvm-classes-2-images-6.json").read_text()) == card
    assert load_detector("HOGSVM", "classes-2-images-6", folder=tmp_path / "weights").classes == 2
    with pytest.raises(Refused, match="name=value"):
        detectors.run("RCNN", set=["fpn"])


def test_objects_and_proposals_move_with_the_image():
    images = np.zeros((40, 3, 64, 64), np.uint8)
    images[:, :, 2:12, 20:40] = 255
    edge, box = np.array([[0, 2, 8, 12]], np.float32), np.array([[20, 2, 40, 12]], np.float32)
    scene = (np.concatenate([edge, box]), np.array([1, 3]), box)
    moves = detectors.moves_of(np.random.default_rng(0), 40)
    pictures = detectors.varied(images, moves, np.random.default_rng(1))
    boxes, labels, proposals = detectors.shifted([scene] * 40, moves, (64, 64))
    for image, own, named, around in zip(pictures, boxes, labels, proposals, strict=True):
        rows, columns = (image.mean(0) > 0.5).nonzero().T
        x0, y0, x1, y1 = own[-1].int().tolist()
        assert (columns.min(), columns.max() + 1, y1) == (x0, x1, rows.max() + 1) and named[-1] == 3
        assert torch.equal(own[-1], around[0]) and y0 == max(0, y1 - 10)
        left = min(8, x0 - 12) / 8 * (y1 - y0) / 10  # of the object at the edge
        assert len(own) == len(named) == (2 if left >= 0.25 else 1)
