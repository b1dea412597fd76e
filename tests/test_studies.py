"""The scoreboard and the sanity check: their bookkeeping on scores that are known, and a run on few scenes."""

import json

import numpy as np
import pytest
import torch
from scipy import stats
from torchvision.transforms.functional import gaussian_blur

from experiments.methods.heatmaps import METHODS, Question, blurred, usable
from experiments.studies import heatmap_scores, part_ablation, sanity
from lecture_utils import metrics as key, open_lab
from tests.helpers import uniform

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab():
    return open_lab(net="gap", device="cpu")


@pytest.fixture(scope="module")
def some(lab):
    return list(part_ablation.games(lab.gallery, 0, 2, exact=False))


@pytest.fixture(scope="module")
def found(lab, some):
    return heatmap_scores.scene_records(lab, some)


def test_scenes_are_chosen_by_what_shows(lab, some):
    for game in some:
        assert game.shown.sum() >= part_ablation.PARTS and len(game.players) <= 6
        shows = game.masks.any(0)
        assert (shows == game.mask).all(), "every pixel of the object belongs to one player"
        assert game.masks.sum(0).max() == 1


def test_pictures_of_a_game(lab, some):
    game = some[0]
    scene = lab.gallery.scenes[game.index]
    assert torch.equal(game.image, torch.from_numpy(scene.render().image))
    assert torch.equal(game.background, torch.from_numpy(scene.background().render().image))
    name, parts = next(iter(game.players.items()))
    kept = game.images[game.sets.index(frozenset(parts))]
    assert torch.equal(kept, torch.from_numpy(key.keeping(scene, parts).render().image))
    gone = game.images[game.sets.index(max(game.sets, key=len) - set(parts))]
    assert torch.equal(game.pasted[0], torch.where(game.masks[0], gone, game.image))
    shares = game.shadow
    assert ((shares >= 0) & (shares <= 1)).all()
    assert shares[:, 1].mean() <= shares[:, 0].mean(), "an old shadow that stays changes nothing outside"


def test_effects_are_those_of_the_answer_key(lab, some):
    game = some[0]

    def logit(images):
        return lab.logits(images)[:, game.label]

    found = part_ablation.effects(lab, game)
    for question in ("remove", "keep"):
        parts = key.part_effects(logit, lab.gallery.scenes[game.index], question=question, parts=game.players)
        assert found[question]["logit"] == pytest.approx(list(parts.values()), abs=1e-4)
    assert "shapley" not in found, "not every set was rendered"


def test_every_method_gives_a_finite_map(lab, some):
    ask = part_ablation.question(lab, some)
    names = {method.name for method in usable(ask)}
    assert names == set(METHODS), "gap can do all of them"
    without = {m.name for m in usable(Question(lab, ask.images, ask.targets))}
    assert names - without == {"integrated gradients, background", "true mask, as coarse as a map"}
    assert "CAM" not in {m.name for m in usable(part_ablation.question(open_lab(device="cpu"), some))}
    for method in usable(ask):
        heat = method.make(ask)
        assert heat.shape == (2, 112, 112) and torch.isfinite(heat).all(), method.name
        assert method.heat == "signed" or heat.min() >= 0, method.name


def test_a_random_map_belongs_to_its_scene(lab, some):
    ask = part_ablation.question(lab, some)
    make = METHODS["random, as coarse as a map"].make
    both, second = make(ask), make(part_ablation.question(lab, some[1:]))
    assert torch.equal(both[1:], second), "the others in the batch do not matter"
    assert not torch.equal(both[0], both[1]) and both.std() > 0.1 and torch.equal(both, make(ask))


SHAPES = [((2, 3, 112, 112), 8.0), ((1, 3, 40, 31), 8.0), ((1, 3, 30, 30), 2.0)]


@pytest.mark.parametrize(("shape", "sigma"), SHAPES)
def test_blurring_against_torchvision(shape, sigma):
    images, size = uniform(*shape, seed=2), min(2 * round(3 * sigma) + 1, 2 * (min(shape[2:]) // 2) - 1)
    expected = gaussian_blur(images, size, sigma)
    torch.testing.assert_close(blurred(images, sigma), expected, atol=1e-6, rtol=1e-5)


def test_likeness_against_scipy():
    rng = np.random.default_rng(1)
    a, b = (torch.tensor(rng.normal(size=(2, 24, 32))) for _ in range(2))
    cells = [values.reshape(2, 3, 8, 4, 8).mean((2, 4)).reshape(2, 12) for values in (a.numpy(), b.numpy())]
    likeness = heatmap_scores.likeness
    assert likeness(a, b) == pytest.approx([stats.spearmanr(x, y)[0] for x, y in zip(*cells, strict=True)])
    assert likeness(a, 3 * a + 1) == pytest.approx([1, 1]) == [-v for v in likeness(a, -a)]
    assert likeness(a, torch.ones_like(a)) == [0, 0]


def test_deletion_ends_in_its_fill(lab, some):
    """With every pixel hot or cold at once, the area lies between the picture's and the fill's probability."""
    ask, heat = part_ablation.question(lab, some), uniform(2, 112, 112)
    areas = heatmap_scores.flip_areas(lab, ask, heat)
    same = Question(lab, ask.images, ask.targets, ask.images, ask.masks)
    kept, whole = heatmap_scores.flip_areas(lab, same, heat), lab.score(ask.images, ask.targets)
    for way in ("deletion, background", "insertion, background"):
        torch.testing.assert_close(kept[way], whole, atol=1e-5, rtol=0)
        assert (areas[way] < whole).all(), "without the object the class is less probable"


def test_rows_of_known_maps(found):
    """A map that is the effect itself agrees perfectly; the constant map has no density order, and gains nothing."""
    made = json.loads(json.dumps(found))
    for record in made:
        effect = record["effects"]["remove"]["logit"]
        oracle = {"sums": effect, "densities": [-value for value in effect]}
        record["maps"]["oracle"] = record["maps"]["saliency"] | oracle
    lists = heatmap_scores.score_lists(made)
    assert lists["oracle"]["sum remove"] == pytest.approx([1, 1])
    assert lists["oracle"]["density remove"] == pytest.approx([-1, -1])
    constant = lists[heatmap_scores.CONSTANT]
    assert constant["gain remove"] == [0, 0] == constant["density remove"]
    assert lists["oracle"]["gain remove"] == pytest.approx([1 - value for value in constant["sum remove"]])
    effect, sums = made[0]["effects"]["keep"]["logit"], made[0]["maps"]["saliency"]["sums"]
    shown = np.array(made[0]["shown"])
    wanted = stats.spearmanr(np.array(effect)[shown], np.array(sums)[shown])[0]
    assert lists["saliency"]["sum keep"][0] == pytest.approx(wanted)


def test_swaps_are_found_only_where_both_fills_are_sure():
    def record(a, b, noise):
        one = {"deletion, grey": a[0] + noise, "deletion, blurred": a[1] - noise, "sums": [], "densities": []}
        one |= {"insertion, grey": 0.0, "insertion, blurred": 0.0}
        other = one | {"deletion, grey": b[0], "deletion, blurred": b[1]}
        maps = {heatmap_scores.CONSTANT: one, "saliency": one, "occlusion": other}
        return {"maps": maps, "effects": {}, "shown": []}

    rng = np.random.default_rng(0)
    sure = [record((0.1, 0.5), (0.3, 0.3), n) for n in rng.normal(0, 0.05, 30)]
    (swap,) = heatmap_scores.swaps(sure)
    assert swap[:3] == ["deletion", "saliency", "occlusion"] and swap[3][0] < 0 < swap[4][0]
    unsure = [record((0.1, 0.31), (0.3, 0.3), n) for n in rng.normal(0, 0.3, 30)]
    assert heatmap_scores.swaps(unsure) == []


def test_where_a_cascade_reaches_its_null():
    null = [0.3, 0.25, 0.35]
    row = lambda *means: [[m, m, m] for m in means]  # noqa: E731
    assert sanity.reached(row(0.9, 0.34, 0.2), null) == 2
    assert sanity.reached(row(0.2, 0.9, 0.1), null) == 3, "it must stay there"
    assert sanity.reached(row(0.9, 0.8), null) is None


def test_a_sanity_check_of_two_images(tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "SEEDS", (1,))
    monkeypatch.setattr(sanity, "STEPS", 2)
    monkeypatch.setattr(sanity, "SLICE", 2)
    path = sanity.run(tmp_path, tmp_path, {7: open_lab(device="cpu").untrained(7)}, count=3)
    table = json.loads(path.read_text())
    for method, kinds in table["rows"].items():
        for kind, row in kinds.items():
            assert len(row["cascade"]) == 8 and "another training seed" in row, (method, kind)
    assert table["rows"]["guided backprop"]["signed"]["cascade"][0][0] > 0.5, "it hardly sees the top layer"
    assert table["rows"]["saliency"]["signed"]["cascade"][-1][0] < 0.3
