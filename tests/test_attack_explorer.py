"""The attack explorer: every picture stays in its ball, its numbers are the net's, and the ways are real attacks."""

import pytest
import torch

from lecture_utils import models, open_lab, synthesis as syn
from lecture_utils.explorers import Attack, board as ui
from lecture_utils.explorers.attack import ANY, MANY, NOISE, ONE
from tests.helpers import blocks


@pytest.fixture(scope="module")
def lab():
    return open_lab(net="gap", device="cpu")


@pytest.fixture(scope="module")
def attack(lab):
    return Attack(lab, count=2)


def test_its_pictures_are_the_first_that_the_net_gets_right(attack, lab):
    said, _ = lab.predict(attack.images)
    assert said == attack.names and len(set(said)) == 2
    first = next(n for n, label in enumerate(lab.gallery.labels.tolist()) if lab.classes[label] == said[0])
    assert torch.equal(attack.images[0], lab.gallery.images[first])


@pytest.mark.parametrize("kind", [MANY, ONE, NOISE])
@pytest.mark.parametrize("eps", [0, 1, 5, 8, 16])
def test_an_attacked_picture_stays_in_its_ball_and_fits_into_a_file(attack, kind, eps):
    for target in (ANY, "windmill"):
        found = attack.attacked(attack.names[0], target, kind, eps)
        levels = 255 * found
        assert torch.allclose(levels, levels.round(), atol=1e-3) and found.min() >= 0 and found.max() <= 1
        moved = (levels - 255 * attack.images[0]).abs()
        assert moved.max() <= eps + 1e-3
        assert eps == 0 or moved.max() > 0.9 * eps


def test_one_step_is_fgsm_and_noise_is_the_control(attack, lab):
    name, label, image = attack.names[1], attack.labels[1], attack.images[[1]]
    expected = syn.fgsm(lab.net, image, int(label), 8 / 255)
    assert torch.allclose(attack.attacked(name, ANY, ONE, 8), expected[0], atol=0.5 / 255 + 1e-6)
    noisy = attack.attacked(name, ANY, NOISE, 8)
    assert not torch.equal(noisy, attack.attacked(name, ANY, ONE, 8))
    inside = (image[0] > 9 / 255) & (image[0] < 246 / 255)
    assert ((noisy - image[0]).abs()[inside] - 8 / 255).abs().max() < 1e-3


def test_small_steps_do_what_was_asked(attack, lab):
    for name, label in zip(attack.names, attack.labels, strict=True):
        wide = torch.stack([attack.attacked(name, target, MANY, 16) for target in (ANY, "house", "mug")])
        said = lab.logits(wide).argmax(1)
        assert said[0] != label
        assert lab.label("house") == said[1] and lab.label("mug") == said[2]
        at = [attack.attacked(name, ANY, MANY, eps)[None] for eps in (0, 2, 8)]
        near, middle, far = (float(lab.score(image, int(label))) for image in at)
        assert near > middle > far
        one, many = (attack.attacked(name, "house", kind, 8)[None] for kind in (ONE, MANY))
        assert lab.score(many, lab.label("house")) > lab.score(one, lab.label("house"))


def test_the_bars_are_the_probabilities_now_and_before(attack, lab):
    state = attack.stop("4 levels")
    found, now, noise = attack.look(**state)
    assert torch.equal(torch.tensor(now), lab.logits(torch.stack([found, found])).softmax(1)[0])
    (bars,) = blocks(attack.board(**state), ui.Bars)
    assert [bar.value for bar in bars.bars] == now.tolist()
    assert [bar.mark for bar in bars.bars] == attack.before[0].tolist()


def test_an_untrained_net_that_is_never_right_is_refused():
    lab = open_lab(device="cpu")
    object.__setattr__(lab, "net", models.build("alex").eval())
    lab.gallery.labels[:] = (lab.logits(lab.gallery.images[:8]).argmax(1)[0] + 1) % 16
    with pytest.raises(ValueError, match="gets none of its first"):
        Attack(lab, count=1)


def test_a_lab_without_a_key_is_refused():
    with pytest.raises(ValueError, match="lab: expected one with an answer key"):
        Attack(open_lab("photographs", device="cpu"))
