"""Class images: what ships is what the numbers say; a live run makes it again, and ends."""

import numpy as np
import pytest
import torch

from experiments.studies import ascent_pictures as study
from lecture_utils import open_lab, synthesis
from lecture_utils.explorers import ClassImages
from lecture_utils.explorers.class_images import objective, roughness
from lecture_utils.synthesis.ascent import WAYS, grow

FOUR, FIVE = tuple(WAYS)[7:]


@pytest.fixture(scope="module")
def lab():
    return open_lab(device="cpu")


@pytest.fixture(scope="module")
def explorer(lab):
    return ClassImages(lab)


def test_the_numbers_belong_to_the_pictures(explorer, lab):
    """Smooth ones hardly change in the file, so the net still gives them nearly their score."""
    for way in (FOUR, FIVE):
        pictures = [explorer.pictures[name, way, "noise"] for name in lab.classes]
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        scores = lab.logits(images).diag()
        kept = torch.tensor([explorer.look(name, way, 1).score for name in lab.classes])
        rough = [explorer.look(name, way, 1).roughness for name in lab.classes]
        assert (scores - kept).abs().max() < 1 and float((scores - kept).abs().median()) < 0.3
        assert roughness(images).tolist() == pytest.approx(rough, rel=0.35, abs=0.002)


def test_the_highest_real_picture_is_in_the_gallery(explorer, lab):
    for subject in ("elephant", list(explorer.facts["subjects"])[-1]):
        scores = study.real_scores(lab, [subject], lab.gallery.images)[:, 0]
        picture, best = explorer.real(subject)
        assert best == pytest.approx(float(scores.max()), abs=0.05)
        assert np.array_equal(picture, lab.gallery.images[int(scores.argmax())])


def test_growing_in_stages_is_ascent(lab):
    goal, net = objective(lab, ["mug", "dog"]), lab.net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = list(grow(net, goal, "blur", "noise", 112, 12))
    assert [stage.step for stage in found] == [8, 12]
    whole = synthesis.ascend(net, goal, 112, 12, regularisers=WAYS["blur"])
    assert torch.allclose(found[-1].images, whole.images, atol=1e-5), "a stage holds whole blurs of 4 steps"
    assert torch.allclose(found[-1].scores, whole.scores, atol=1e-4)
    (alone,) = grow(net, objective(lab, ["dog"]), "blur", "blank", 112, 8)
    (both,) = grow(net, goal, "blur", "blank", 112, 8)
    assert torch.allclose(alone.images[0], both.images[1], atol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_lab_with_another_net_is_refused():
    with pytest.raises(ValueError, match="lab: the images were made with the net 'alex', got 'gap'"):
        ClassImages(open_lab(net="gap", device="cpu"))
