"""The studies of detectors: AP of drawn scenes, kinds of errors, proposals and times, on what is known by hand."""

import json
from dataclasses import asdict

import numpy as np
import pytest
import torch

from experiments.methods import detection_draws as draws_of, trained_detectors
from experiments.studies import detector_scores as study, proposals
from experiments.train.detectors import Recipe
from lecture_utils import detection as d
from lecture_utils.crowds import Crowds
from tests.detection_cases import boxes_of, cases, inside_of
from tests.helpers import draws, normal, uniform

BOX = torch.tensor([[0.0, 0, 10, 10]])


def scene(seed):
    """(found, truth) of one image: objects of three classes, boxes near them and wild ones; no scores are equal."""
    objects, labels = inside_of(seed, seed % 5)
    near = objects + torch.tensor([0.0, 0, 3, 3]) * (seed % 3)
    boxes = torch.cat([near, objects[:2] + 1, boxes_of(seed + 9, 3)])
    guess = torch.cat([labels, labels[:2], torch.randint(0, 3, (3,), generator=draws(seed))])
    return (boxes, uniform(len(boxes), seed=seed), guess), (objects, labels)


def by_package(scenes, ious, **more):
    """AP (classes, ious) of `mean_average_precision`, and the classes."""
    result = d.mean_average_precision(*map(list, zip(*scenes, strict=True)), ious, **more)
    return result.table.T, result.classes.tolist()


# --- average precision of drawn scenes ---


@cases(20)
def test_a_draw_of_scenes_has_the_precision_of_its_copies(seed):
    scenes, ious = [scene(6 * seed + n) for n in range(6)], [0.5, 0.75]
    weights = torch.randint(0, 3, (4, 6), generator=draws(seed)).double()
    weights[0], limits = 1, ((0, np.inf), (200, 900))[seed % 2]
    images = draws_of.overlaps(*map(list, zip(*scenes, strict=True)))
    found = draws_of.precisions(images, [0, 1, 2], weights, ious, limits)
    assert found.shape == (3, 2, 4)
    for draw, counts in enumerate(weights.long().tolist()):
        copies = [one for one, times in zip(scenes, counts, strict=True) for _ in range(times)]
        table, classes = by_package(copies, ious, area_range=limits)
        assert torch.allclose(found[classes, :, draw], table, atol=1e-12)
        assert found[:, 0, draw].isnan().nonzero()[:, 0].tolist() == [c for c in range(3) if c not in classes]


def test_average_precision_by_hand():
    """A hit, a miss, a hit, of two objects: once as they are, and once with the miss drawn three times."""
    hits, answers = torch.tensor([[1.0, 2], [1, 2]]).double(), torch.tensor([[1.0, 3], [1, 5]]).double()
    found = draws_of.average_precision(hits, answers, torch.tensor([2.0, 2.0]).double())
    assert found.tolist() == pytest.approx([(51 + 50 * 2 / 3) / 101, (51 + 50 * 2 / 5) / 101])
    assert draws_of.average_precision(hits, answers, torch.zeros(2).double()).isnan().all()


def test_an_interval_has_the_value_in_its_middle():
    values = torch.cat([torch.tensor([0.3]).double(), torch.linspace(0.4, 0.8, 41).double()])
    assert draws_of.interval(values) == pytest.approx([0.3, 0.3 - 0.19, 0.3 + 0.19], abs=1e-4)


def test_the_best_threshold_by_hand():
    """Objects: 3 of two classes. By score hit, miss, hit, miss: F1 2/4, 2/5, 4/6, 4/7, so the third score."""
    away = BOX + 50
    boxes, labels = torch.cat([BOX, away, BOX + 20, away]), torch.tensor([0, 0, 1, 2])
    truth = [(torch.cat([BOX, BOX + 20, BOX + 90]), torch.tensor([0, 1, 1]))]
    found = [(boxes, torch.tensor([0.9, 0.8, 0.7, 0.6]), labels)]
    score, f1 = draws_of.best_threshold(draws_of.overlaps(found, truth))
    assert (score, f1) == pytest.approx((0.7, 4 / 6))
    nothing = [(BOX[:0], torch.zeros(0), torch.zeros(0).long())]
    assert draws_of.best_threshold(draws_of.overlaps(nothing, truth)) == (1.0, 0.0)


# --- the study ---


def crowd(count=6):
    """The same scene again and again: a small box of class 1, and a large one of class 0, half of it visible."""
    objects = torch.tensor([[0.0, 0, 10, 10], [20, 20, 60, 60]])
    truth = [(objects, torch.tensor([1, 0]))] * count
    return truth, [torch.tensor([1.0, 0.5])] * count, [torch.tensor([0, 2])] * count


def test_scores_of_the_answer_key_and_of_its_classes_swapped():
    truth, *_ = crowd()
    key = [d.Detections(boxes, torch.ones(2), labels) for boxes, labels in truth]
    found, each = study.scores(key, truth, 5)
    assert each.tolist() == [1, 1] and all(values.shape == (6,) for values in found.values())
    assert all(values.tolist() == [1] * 6 for name, values in found.items() if "medium" not in name)
    assert found["AP .5, medium"].isnan().all(), "there is none"
    swapped = [each._replace(labels=1 - each.labels) for each in key]
    found, each = study.scores(swapped, truth, 5)
    assert each.tolist() == [0, 0] and found["box found, AP .5"].tolist() == [1] * 6
    doubled = d.Detections(BOX[[0, 0]], torch.tensor([0.4, 0.6]), torch.tensor([3, 2]))
    assert study.one_class(doubled).scores.tolist() == [pytest.approx(0.6)]


def test_errors_are_counted_in_the_other_half():
    """First half: only scores above .5 are right. Second: the small box is found, the large one has another class."""
    truth, shares, sizes = crowd(4)
    boxes, wild = truth[0][0], BOX + 90
    half = [
        d.Detections(torch.cat([boxes, wild]), torch.tensor([0.8, 0.6, 0.3]), torch.tensor([1, 0, 0]))
    ] * 2
    scores, labels = torch.tensor([0.9, 0.7, 0.5]), torch.tensor([1, 1, 0])
    other = [d.Detections(torch.cat([boxes, wild]), scores, labels)] * 2
    found = study.errors(half + other, truth, shares, sizes)
    assert found["threshold"] == 0.6 and found["F1 on the first half"] == 1
    assert found["objects"] == 4, "the wild box has .5"
    expected = {"correct": 2, "confusion": 2, "missed": 0}
    assert {name: n for name, n in found["counts"].items() if n or name == "missed"} == expected
    assert found["confused"] == [["dog", "elephant", 2]]
    gone = [each._replace(scores=each.scores.where(each.labels != 1, 0.1)) for each in half]
    found = study.errors(half + gone, truth, shares, sizes)
    assert found["counts"]["missed"] == 2
    assert found["missed, of"]["small"] == [2, 2] and found["missed, of"]["large"] == [0, 2]
    assert found["missed, of"]["half to nine tenths"] == [0, 2] and found["missed, of"]["nearly all"] == [
        2,
        2,
    ]


def test_easy_scenes_by_hand():
    one = torch.tensor([[0.0, 0, 20, 20], [40, 0, 60, 20]])
    touching, small = torch.tensor([[[0.0, 0, 20, 20], [19, 0, 60, 20]], [[0, 0, 20, 20], [40, 0, 50, 20]]])
    boxes = [one, touching, small, one, one[:1]]
    seen = [torch.ones(len(each)) for each in boxes[:3]] + [torch.tensor([1.0, 0.8]), torch.ones(1)]
    none = [torch.zeros(len(each)).long() for each in boxes]
    crowds = Crowds(torch.zeros(5, 3, 8, 8), none, boxes, boxes, seen, None)
    assert study.two_apart(crowds) == [0]


def test_differences_are_paired():
    draws_one = torch.tensor([0.5, 0.4, 0.5, 0.6]).double()
    one, two = (dict.fromkeys(("AP .5", "AP .75", "AP .5 to .95"), draws_one + gap) for gap in (0.1, 0.0))
    (row,) = study.pairs({"a": one, "b": two})
    assert (row["one"], row["two"]) == ("a", "b") and row["AP .75"] == [0.1, 0.1, 0.1]


def test_objects_that_are_found_by_hand():
    """Of three: one found by .9, one by .2 (an IoU of .5 is enough), one by another class; none in the second image."""
    objects = torch.cat([BOX, BOX + 20, BOX + 40])
    half = torch.tensor([[20.0, 20, 30, 25]])
    found = [
        d.Detections(torch.cat([half, BOX, BOX + 40]), torch.tensor([0.2, 0.9, 0.8]), torch.tensor([1, 0, 0]))
    ]
    truth = [(objects, torch.tensor([0, 1, 2])), (BOX, torch.tensor([0])), (BOX[:0], torch.zeros(0).long())]
    found += [d.Detections(BOX[:0], torch.zeros(0), torch.zeros(0).long())] * 2
    assert study.found_objects(found, truth, 0.5) == "2100"
    assert study.found_objects(found, truth, 0.2) == "2200", "a score at the threshold is enough"


def test_trainings_that_differ_only_in_their_seed_are_a_group():
    def card(net, seed, **options):
        return {"net": net, "recipe": {"seed": seed, "options": options}}

    cards = {"SSD": card("SSD", 0), "YOLO": card("YOLO", 0), "YOLO seed 2": card("YOLO", 2)}
    cards |= {"YOLO boxes-3": card("YOLO", 0, boxes=3), "YOLO boxes-3 seed 1": card("YOLO", 1, boxes=3)}
    groups = study.groups(cards)
    assert groups == {
        "YOLO": {0: "YOLO", 2: "YOLO seed 2"},
        "YOLO boxes-3": {0: "YOLO boxes-3", 1: "YOLO boxes-3 seed 1"},
    }


def test_means_and_differences_over_seeds_by_hand():
    """AP of one: .5, .7, .6 (seeds 0, 1, 2), of two: .4, .55 (2, 1); in every draw each is .1 higher."""
    ap = {"a": 0.5, "b": 0.7, "c": 0.6, "d": 0.4, "e": 0.55}
    several = {name: {"AP": torch.tensor([x, x + 0.1, x + 0.1]).double()} for name, x in ap.items()}
    several["a"]["AP"][1:] = torch.tensor([0.3, 0.9])
    groups = {"one": {0: "a", 1: "b", 2: "c"}, "two": {2: "d", 1: "e"}}
    rows, (gap,) = study.over_seeds(several, groups)
    assert rows["one"]["seeds"] == [0, 1, 2] and rows["one"]["AP"]["each"] == [0.5, 0.7, 0.6]
    assert rows["one"]["AP"]["spread"] == pytest.approx(0.1)
    assert rows["one"]["AP"]["mean"] == pytest.approx(
        [0.6, 0.505, 0.695], abs=1e-4
    )  # of .5, .7 as of .6 +- .1
    assert rows["two"]["AP"]["mean"] == pytest.approx([0.475] * 3)
    assert (gap["one"], gap["two"], gap["seeds"]) == ("one", "two", [1, 2])
    assert gap["AP"]["each"] == pytest.approx([0.15, 0.2])
    assert gap["AP"]["range"] == pytest.approx([-0.05, 0.3])
    assert gap["AP"]["mean"] == pytest.approx([0.125, 0.03, 0.22], abs=1e-4)


def test_a_study_of_seeds_times_one_of_them(monkeypatch):
    asked = []
    monkeypatch.setattr(study, "timed", lambda work, repeats: 8.0)
    monkeypatch.setattr(study, "Trunk", torch.nn.Identity)
    monkeypatch.setattr(study, "loaded", lambda card: asked.append(card) or torch.nn.Identity())
    plain, second = ({"net": "SSD", "recipe": {"seed": n, "options": {}}} for n in (0, 1))
    found = study.measured_times(torch.zeros(1, 3, 8, 8), {"SSD": plain, "SSD seed 1": second}, None)
    assert asked == [plain] and found == {
        "trunk": {"batch 1": 8.0, "batch 8": 1.0},
        "SSD": {"batch 1": 8.0, "batch 8": 1.0, "of it proposals": 0.0},
    }


def test_trainings_come_in_the_order_of_detectors_variants_and_seeds(monkeypatch, tmp_path):
    order = [("FasterRCNN", {}, 0), ("YOLO", {}, 0), ("RetinaNet", {}, 0), ("RetinaNet", {}, 1)]
    order += [("RetinaNet", {"fpn": False}, 0), ("RetinaNet", {"fpn": False}, 1)]
    recipes = [Recipe(net, seed, options=options) for net, options, seed in order]
    cards = {each.tag: {"net": each.name, "recipe": asdict(each)} for each in recipes}
    files = {f"weights/{stem}.json": json.dumps(card) for stem, card in cards.items()}
    monkeypatch.setattr(trained_detectors.store, "manifest", lambda: {"weights/alex.json": ""} | files)
    monkeypatch.setattr(trained_detectors.store, "read_verified", files.__getitem__)
    expected = ["FasterRCNN", "YOLO", "RetinaNet", "RetinaNet seed 1"]
    assert list(trained_detectors.trained()) == [
        *expected,
        "RetinaNet fpn-false",
        "RetinaNet fpn-false seed 1",
    ]
    short = Recipe("SSD", 2, epochs=2)
    for recipe, told in ((short, {}), (Recipe("YOLO"), {"mine": 1})):  # a YOLO ships already
        card = {"net": recipe.name, "recipe": asdict(recipe)} | told
        (tmp_path / f"{recipe.tag}.json").write_text(json.dumps(card))
    found = trained_detectors.trained(tmp_path)
    assert list(found) == [*expected[:2], "SSD epochs-2 seed 2", *list(trained_detectors.trained())[2:]]
    assert found["SSD epochs-2 seed 2"]["folder"] == tmp_path and "mine" not in found["YOLO"]


def test_time_is_the_median_and_the_first_call_does_not_count(monkeypatch):
    clock, calls = [0.0], []

    def work(n):
        calls.append(n)
        clock[0] += (9.0, 0.001, 0.5, 0.003)[len(calls) - 1]

    monkeypatch.setattr(study, "perf_counter", lambda: clock[0])
    assert study.timed(work, 3) == pytest.approx(3.0) and calls == [0, 0, 1, 2]


def test_a_card_names_its_detector_and_its_file():
    recipe = Recipe("RetinaNet", 1, options={"fpn": False, "alpha": None})
    assert recipe.tag == "detector-retinanet-fpn-false-alpha-null-seed1"
    assert (
        Recipe("RetinaNet", epochs=2).tag == "detector-retinanet-epochs-2"
    )  # does not overwrite the usual one
    assert Recipe("SSD", rate=3e-3).tag == "detector-ssd-rate-0.003"
    assert Recipe("HOGSVM", epochs=1, images=4000).tag == "detector-hogsvm"
    assert trained_detectors.seed({"recipe": asdict(recipe)}) == "seed 1"
    made = {"parameters": 7, "weights": {"sha256": "s"}, "command": "c", "ap50": {"200 scenes": 0.5}}
    assert study.facts(made | {"net": "SSD"}) == {
        "parameters": 7,
        "NMS": 0.45,
        "weights": "s",
        "command": "c",
        "AP .5, tuning scenes": 0.5,
    }
    assert study.facts(made | {"net": "DETR"})["NMS"] is None
    assert "weights" not in study.facts(made | {"net": "SSD", "folder": "here"})  # nobody can compare them
    assert trained_detectors.seed({"recipe": asdict(Recipe("SSD"))}) == ""


def test_detections_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("INSIDE_CONVNETS_CACHE", str(tmp_path))
    monkeypatch.setattr(trained_detectors, "fingerprint", lambda: "x")
    trunk = {"weights": {"sha256": "t" * 64}}
    monkeypatch.setattr(trained_detectors.store, "read_verified", lambda name: json.dumps(trunk))
    asked = []

    class Stub:
        def detect(self, images, **more):
            asked.append(more)
            n = len(asked) - 1  # the first image has none
            return [d.Detections(BOX.expand(n, 4), torch.full((n,), 0.25), torch.full((n,), 7))]

    monkeypatch.setattr(trained_detectors, "loaded", lambda card: Stub())
    card, images = {"net": "FastRCNN", "weights": {"sha256": "s" * 64}}, torch.zeros(3, 3, 4, 4)
    regions = [BOX, BOX + 1, BOX + 2]
    first = trained_detectors.detections(card, images, regions)
    again = trained_detectors.detections(card, images, None)
    assert len(asked) == 3 and torch.equal(asked[2]["proposals"][0], BOX + 2)
    trunk["weights"]["sha256"] = "u" * 64
    trained_detectors.detections(card, images, regions)
    assert len(asked) == 6, "behind another trunk it is another detector"
    for found in (first, again):
        assert [len(each.scores) for each in found] == [0, 1, 2] and found[2].labels.tolist() == [7, 7]
        assert torch.equal(found[1].boxes, BOX) and found[1].scores.tolist() == [0.25]


# --- proposals ---


def test_recall_of_the_first_proposals_by_hand():
    objects = torch.tensor([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    some = torch.tensor([[0.0, 0, 10, 5], [20, 0, 30, 8], [0, 0, 10, 10]])
    best = proposals.best_so_far(some, objects, (1, 2, 9))
    assert best.tolist() == [pytest.approx(row) for row in ([0.5, 0], [0.5, 0.8], [1, 0.8])]
    alone = proposals.best_so_far(some[:1], objects[:1], (1, 2, 9))
    row = proposals.summary([best, alone], [torch.tensor([3, 3]), torch.tensor([5])], 50)
    assert [value for value, *_ in row["recall at 0.5"]] == pytest.approx([2 / 3, 1, 1], abs=1e-4)
    assert [value for value, *_ in row["recall at 0.7"]] == pytest.approx([0, 1 / 3, 2 / 3], abs=1e-4)
    assert row["recall at 0.7"][2][1:] == [0, 1], "a draw may have one scene only"
    assert row["MABO"] == pytest.approx((0.9 + 0.5) / 2)


class Says(torch.nn.Module):
    """A head that takes each proposal for an object; its class is 1 in the right half of the image."""

    trunk = torch.nn.Identity()

    def checked(self, images):
        return images

    def region_detections(self, features, proposals, size, *rest):
        each = [(boxes, torch.ones(len(boxes)), (boxes[:, 0] >= size[1] / 2).long()) for boxes in proposals]
        return [d.Detections(*one) for one in each]


def test_heads_are_given_the_proposals_of_others():
    """Its class is right in the first image, and wrong in the second: AP .5 of the one class, 1 of the other."""
    truth = [(torch.cat([BOX, BOX + 20]), torch.tensor([0, 1])), (BOX + 20, torch.tensor([1]))]
    truth += [(BOX, torch.tensor([1]))]
    sources = {"true": [boxes for boxes, _ in truth], "none": [BOX[:0]] * 3, "half": [BOX, BOX + 20, BOX]}
    found = proposals.swapped({"says": Says()}, sources, torch.zeros(3, 3, 32, 32), truth, 4)["says"]
    ap = {name: values[0] for name, values in found.items()}
    assert ap == pytest.approx({"true": (1 + 67 / 101) / 2, "none": 0, "half": (1 + 34 / 101) / 2}, abs=1e-4)


def test_proposals_are_the_packages():
    image = torch.nn.functional.interpolate(uniform(1, 3, 6, 6), (48, 64))
    found = proposals.by_search(image[0])
    assert torch.equal(found["selective search"], d.selective_search(image))
    for name in ("colour", "size"):
        use = tuple(one for one in proposals.SIMILARITIES if one != name)
        assert torch.equal(found[f"selective search without {name}"], d.selective_search(image, use=use))
    net = d.build_detector("FasterRCNN", pretrained=False)
    net.rpn.score.weight.data = normal(*net.rpn.score.weight.shape)  # apart: equal scores have no order
    own, every = net.proposals(image)[0], proposals.by_network(net.train(), image[0])
    assert torch.allclose(every[: len(own)], own, atol=1e-4) and len(every) > len(own) and net.training
    wide = (128, 192)  # larger than any random box: all lie inside
    for some in (proposals.by_windows(wide, draws()), proposals.at_random(wide, draws(), 300)):
        assert torch.equal(d.clip_boxes(some, wide), some)
    assert some.unique(dim=0).shape == (300, 4) and some[:, 2].max() > 150
    assert len(proposals.by_windows((48, 64), draws()).unique(dim=0)) > 200
