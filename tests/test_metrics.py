"""Scores on maps whose score is known (the mask, its complement, constant, random), and games whose values are."""

from dataclasses import dataclass, field, replace
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import ndimage, stats

from experiments.methods.measures import log_odds, rank_accuracy
from experiments.studies.grabcut_seeds import best_iou
from experiments.studies.part_ablation import part_sums
from lecture_utils import metrics as key
from lecture_utils.world import CLASSES, sample_scene
from tests.helpers import refusals

H, W = 24, 30
INSIDE = 6 * 10


@pytest.fixture(scope="module")
def masks():
    found = torch.zeros(3, H, W, dtype=torch.bool)
    found[0, 2:8, 3:13] = True
    found[1, 14:20, 18:28] = True
    found[2, 9:15, 10:20] = True
    return found


def random_maps(n, seed=0):
    return torch.rand(n, H, W, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


# --- where the heat lies ---

KNOWN = {  # map -> what pointing_game, mass_in_mask, rank_accuracy, best_iou must be
    "the mask": (lambda m: m.double(), True, 1, 1, 1),
    "the complement": (lambda m: 1 - m.double(), False, 0, 0, INSIDE / (H * W)),
    "constant": (lambda m: torch.ones(m.shape), False, INSIDE / (H * W), INSIDE / (H * W), INSIDE / (H * W)),
    "zero": (lambda m: torch.zeros(m.shape), False, 0, INSIDE / (H * W), INSIDE / (H * W)),
    "negative on the mask": (lambda m: -m.double(), False, 0, 0, INSIDE / (H * W)),
    "half of the mask": (
        lambda m: m.double() * (torch.arange(W) % 2 == 0),
        True,
        1,
        0.5 + 0.5 * 30 / 690,
        0.5,
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_scores_of_known_maps(masks, name):
    make, *expected = KNOWN[name]
    heat = make(masks)
    scores = (key.pointing_game, key.mass_in_mask, rank_accuracy, best_iou)
    for score, value in zip(scores, expected, strict=True):
        found = score(heat, masks)
        assert found.shape == (3,)
        torch.testing.assert_close(found.double(), torch.full((3,), float(value)).double(), atol=1e-6, rtol=0)


def test_a_tied_pixel_outside_is_a_miss_and_huge_values_stay_finite(masks):
    heat = masks.double()
    heat[0, 20, 20] = 1
    assert key.pointing_game(heat, masks).tolist() == [False, True, True]
    assert not key.pointing_game(torch.ones(1, 4, 4), torch.ones(1, 4, 4, dtype=torch.bool)).any()
    found = key.mass_in_mask(masks.float() * 3e38 + (~masks).float() * 1e-38, masks)
    torch.testing.assert_close(found, torch.ones(3))


def test_rank_accuracy_against_sorting_and_best_iou_against_every_threshold(masks):
    heat, ties = random_maps(3), (random_maps(3) * 20).round() / 20
    for n in range(3):
        hottest = np.argsort(-heat[n].numpy().ravel())[:INSIDE]
        expected = masks[n].numpy().ravel()[hottest].mean()
        assert rank_accuracy(heat, masks)[n].item() == pytest.approx(expected)
        expected = max(float(key.iou((ties[n] >= t)[None], masks[n : n + 1])[0]) for t in ties[n].unique())
        assert best_iou(ties, masks)[n].item() == pytest.approx(expected)


def test_iou_by_hand():
    a = torch.tensor([[[1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    b = torch.tensor([[[0, 1, 1], [1, 0, 0]], [[0, 0, 0], [0, 0, 0]]])
    assert key.iou(a, b).tolist() == pytest.approx([1 / 4, 0])


# --- boxes ---


def test_box_of_the_largest_region():
    heat = torch.zeros(2, 12, 16)
    heat[0, 1:3, 1:4], heat[0, 5:10, 6:14], heat[0, 0, 15] = 0.9, 0.5, 1.0
    heat[1, 3, 4] = -1.0
    assert key.box_of(heat, 0.2).tolist() == [[6, 5, 14, 10], [0, 0, 0, 0]]
    assert key.box_of(heat, 0.6).tolist()[0] == [1, 1, 4, 3], "only the hot corner and its rival are left"


def test_boxes_of_masks_and_their_overlap(masks):
    boxes = key.boxes_of_masks(torch.cat([masks, torch.zeros(1, H, W, dtype=torch.bool)]))
    assert boxes.tolist() == [[3, 2, 13, 8], [18, 14, 28, 20], [10, 9, 20, 15], [0, 0, 0, 0]]
    moved = boxes + torch.tensor([5, 0, 5, 0])
    assert key.box_iou(boxes, moved)[:3].tolist() == pytest.approx([50 * 0.6 / (120 - 30)] * 3)
    assert key.box_iou(boxes[3:], boxes[3:]).tolist() == [0]


# --- floors and ceilings ---


def test_centre_map_is_hottest_in_the_middle(masks):
    heat = key.centre_map(torch.rand(3, 3, H, W))
    middle = torch.zeros_like(masks)
    middle[:, H // 2 - 1 : H // 2 + 1, W // 2 - 1 : W // 2 + 1] = True
    assert key.pointing_game(heat, middle).all() and heat.min() >= 0
    assert (heat.flatten(1).argmin(1) == 0).all()


def test_sobel_map_of_an_edge():
    image = torch.zeros(1, 3, 8, 8, dtype=torch.float64)
    image[..., 4:] = 1
    heat = key.sobel_map(image)
    assert heat[0, 3].tolist() == [0, 0, 0, 4, 4, 0, 0, 0]
    shifted = ndimage.sobel(image[0, 0].numpy(), axis=1, mode="nearest")
    torch.testing.assert_close(heat[0], torch.from_numpy(np.abs(shifted)))


def test_the_ceiling_falls_with_the_maps_size(masks):
    fine, coarse = (key.mass_in_mask(key.coarse_mask(masks, *size), masks) for size in ((H, W), (4, 5)))
    torch.testing.assert_close(fine, torch.ones(3))
    assert (coarse < 0.75).all() and (coarse > 0.2).all()


# --- ranks, intervals, odds ---


def test_spearman_against_scipy():
    rng = np.random.default_rng(0)
    for n in range(20):
        a, b = rng.integers(0, 5, 8) * 1.0, rng.normal(size=8)
        assert key.rank_agreement(torch.tensor(a), b.tolist()) == pytest.approx(stats.spearmanr(a, b)[0]), n
    assert key.rank_agreement({"x": 1, "y": 2, "z": 9}, {"z": 5, "x": 0, "y": 3}) == pytest.approx(1)
    assert key.rank_agreement([1, 2, 3], [4, 4, 4]) == 0


def test_bootstrap_of_a_known_mean_and_its_text():
    mean, low, high = key.bootstrap(torch.arange(100) % 2, seed=1)
    assert mean == 0.5 and abs(high - low - 2 * 1.96 * 0.05) < 0.02 and low < mean < high
    assert key.bootstrap([3.0, 3.0]) == (3, 3, 3)
    assert key.bootstrap(range(9), seed=4) == key.bootstrap(range(9), seed=4)
    assert key.with_interval((0.5, 0.25, 0.754)) == "0.50 [0.25, 0.75]"
    assert key.with_interval([0.5, -0.25, 0.75], "+.0%") == "+50% [-25%, +75%]"


def test_log_odds():
    logits = torch.randn(5, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for targets in (torch.tensor([0, 6, 3, 3, 1]), 2):
        p = logits.softmax(1)[torch.arange(5), targets]
        torch.testing.assert_close(log_odds(logits, targets), p.logit())


# --- parts: a scene of paper, whose image says which parts are there ---

SIZES = {"body": 20, "left ear": 14, "right ear": 13, "tail": 12, "nose": 3}


@dataclass(frozen=True)
class Paper:
    """A scene with one object; each part is a row of pixels, 1 where it is there."""

    missing: frozenset = frozenset()
    parts: tuple = tuple(SIZES)
    groups: dict = field(default_factory=lambda: {"ears": ("left ear", "right ear")}, hash=False)

    @property
    def objects(self):
        return (self,)

    def without(self, part, object=0):
        assert part in self.parts
        return replace(self, missing=self.missing | {part})

    def render(self, size):
        parts = np.zeros((size, size), np.uint8)
        for row, (name, px) in enumerate(SIZES.items()):
            if name not in self.missing:
                parts[row, :px] = 1 + row
        image = np.repeat((parts > 0)[None], 3, 0).astype(np.float32)
        return SimpleNamespace(image=image, objects=(parts > 0) * 1, parts=parts)


def additive(images):
    """Every part counts its pixels."""
    return images[:, 0].sum((1, 2))


def either_ear(images):
    """One ear is as good as two; the body counts 2; the tail speaks against."""
    there = images[:, 0].amax(2)  # (n, rows)
    return torch.maximum(there[:, 1], there[:, 2]) + 2 * there[:, 0] - there[:, 3]


def shapley(parts, score=additive):
    return key.part_effects(score, Paper(), 24, "shapley", parts=parts)


def test_the_questions_differ_where_parts_stand_in_for_each_other():
    for question in ("remove", "keep"):  # the nose shows 3 px: too few
        found = key.part_effects(additive, Paper(), 24, question)
        assert found == {"body": 20, "left ear": 14, "right ear": 13, "tail": 12, "ears": 27}
    remove = key.part_effects(either_ear, Paper(), 24, "remove")
    keep = key.part_effects(either_ear, Paper(), 24, "keep")
    assert remove == {"body": 2, "left ear": 0, "right ear": 0, "tail": -1, "ears": 1}
    assert keep == {"body": 2, "left ear": 1, "right ear": 1, "tail": -1, "ears": 1}
    found = shapley({part: (part,) for part in SIZES}, either_ear)
    assert found == pytest.approx({"body": 2, "left ear": 0.5, "right ear": 0.5, "tail": -1, "nose": 0})


def test_shapley_against_all_orders():
    """The other definition: the mean over all orders of coming in of what a part adds."""
    rng = np.random.default_rng(0)
    parts = {"a": ("p",), "b": ("q", "r"), "c": ("s",), "d": ("t",)}
    values = {kept: float(rng.normal()) for kept in key.subsets(parts)}
    assert len(values) == 16
    added = dict.fromkeys(parts, 0.0)
    for order in permutations(parts):
        there = frozenset()
        for name in order:
            added[name] += (values[there | set(parts[name])] - values[there]) / 24
            there |= set(parts[name])
    found = key.effects(values, parts, "shapley")
    assert found == pytest.approx(added)
    assert sum(found.values()) == pytest.approx(values[there] - values[frozenset()])


def test_players_are_at_most_six_and_hold_every_part():
    alone = {"body": ("body",), "ears": ("left ear", "right ear")}
    assert key.players(Paper(), 24) == alone | {"tail": ("tail",), "nose": ("nose",)}
    assert key.players(Paper(), 24, most=3) == alone | {"the rest": ("tail", "nose")}
    assert "tail" not in sum(key.players(Paper().without("tail"), 24).values(), ())
    for cls, spec in CLASSES.items():
        found = key.players(sample_scene(cls, seed=5), size=48)
        assert len(found) <= 6 and sorted(sum(found.values(), ())) == sorted(spec.parts)


def test_effects_of_a_real_scene():
    """Shapley values sum to what the object does; a part that is not there changes nothing."""
    scene, seen = sample_scene("house", seed=3), []

    def darkness(images):
        seen.append(len(images))
        return 1 - images.double().mean((1, 2, 3))

    found = key.part_effects(darkness, scene, size=32, question="shapley")
    whole, empty = (torch.from_numpy(s.render(32).image)[None] for s in (scene, scene.background()))
    assert sum(found.values()) == pytest.approx(float(darkness(whole) - darkness(empty)), abs=1e-9)
    assert seen[0] == 2 ** len(found) <= 64
    with pytest.raises(KeyError, match="chimney"):
        key.part_effects(darkness, scene.without("chimney"), 32, parts={"top": ("chimney",)})


def test_part_sums():
    parts = torch.tensor([[1, 1, 2], [0, 3, 3]])
    heat = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, -32.0]])
    assert part_sums(heat, parts, ["a", "b", "c", "d"]) == {"a": 3, "b": 4, "c": -16}
    assert part_sums(heat, parts, ["a", "b", "c"], density=True) == {"a": 1.5, "b": 4, "c": -8}
    joined = {"ab": ("a", "b"), "c": ("c",)}
    assert part_sums(heat, parts, ["a", "b", "c"], players=joined) == {"ab": 7, "c": -16}
    assert part_sums(heat, parts, ["a", "b", "c"], least=2) == {"a": 3, "c": -16}


# --- deletion and insertion ---


def total(images):
    return images[:, 0].sum((1, 2))


def test_deletion_and_insertion_by_hand():
    images = torch.ones(1, 3, 2, 2)
    images[0, :, 0, 0] = 0.5
    heat = torch.tensor([[[4.0, 3.0], [2.0, 1.0]]])
    assert key.flip_pixels(total, images, heat, 0.0, 4).tolist() == [[3.5, 3, 2, 1, 0]]
    assert key.flip_pixels(total, images, heat, 0.0, 4, insert=True).tolist() == [[0, 0.5, 1.5, 2.5, 3.5]]
    fill = torch.full_like(images, 0.25)
    assert key.flip_pixels(total, images, heat, fill, steps=2).tolist() == [[3.5, 2.5, 1]]


def test_a_constant_map_deletes_at_random(masks):
    images = masks[:, None].expand(3, 3, H, W).float()
    curve = key.flip_pixels(total, images, torch.ones(3, H, W), 0.0, steps=8) / INSIDE
    torch.testing.assert_close(curve, torch.linspace(1, 0, 9).expand(3, 9), atol=0.15, rtol=0)
    first = key.flip_pixels(total, images, images[:, 0], 0.0, steps=8)
    assert (first[:, 1] == 0).all(), "the mask itself goes first"


# --- bad input; the rest of it is in tests/test_contract.py ---

VALUES = {frozenset(kept): float(len(kept)) for kept in ((), ("a",), ("b",), ("a", "b"))}
SMALL, ONE = torch.ones(1, 3, 4, 4), torch.ones(1, 4, 4)


WITH_A = {part: (part,) for part in SIZES} | {"a": ("body",)}
test_bad_arguments = refusals(
    (lambda: key.mass_in_mask(torch.ones(1, 2, 2), ONE), "enlarge the heatmap first"),
    (lambda: key.pointing_game(ONE, 3 * ONE), "masks: .* only 0 and 1"),
    (lambda: key.effects(VALUES, {"a": ("a",)}, "removed"), "did you mean 'remove'"),
    (lambda: key.effects(VALUES, {"a": ("c",)}, "keep"), "unknown part in parts 'c'"),
    (lambda: key.keeping(Paper(), ["bodi"]), "did you mean 'body'"),
    (lambda: key.part_effects(lambda x: x.mean(), Paper(), 24), "6 finite numbers"),
    (lambda: shapley({"b": ("body",)}), "exactly one player"),
    (lambda: shapley(WITH_A), "exactly one player"),
    (lambda: key.flip_pixels(additive, SMALL, ONE, 0.0, steps=255), "steps: .*at most 16"),
)
