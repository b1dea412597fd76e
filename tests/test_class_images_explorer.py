"""Class images: what ships is what the numbers say; a live run makes it again, and ends."""

from functools import partial

import numpy as np
import pytest
import torch
from boards import Foreign

from experiments.studies import ascent_pictures as study
from lecture_utils import open_lab, store, synthesis
from lecture_utils.explorers import ClassImages
from lecture_utils.explorers.class_images import objective, roughness, shipped_pictures
from lecture_utils.synthesis.ascent import STEPS, WAYS, grow

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


def test_climbing_again_gives_an_image_of_the_same_kind(explorer, lab):
    """Not the same image: the last digit of the gradient, which the size of the batch decides, leads elsewhere."""
    *_, last = grow(lab.net, objective(lab, ["teapot"]), FIVE, "blank", 112)
    made = explorer.look("teapot", FIVE, 0)
    assert (last.step, last.stopped) == (STEPS, None)
    assert float(last.scores) == pytest.approx(made.score, rel=0.4)
    assert float(roughness(last.images)) == pytest.approx(made.roughness, rel=0.6)
    assert lab.predict(last.images)[0] == ["teapot"]


def test_the_study_saves_what_it_makes(lab, monkeypatch, tmp_path):
    monkeypatch.setattr(study, "grow", partial(grow, steps=4))
    subjects = ["mug", "conv2, channel 13", "dog", "conv2, channel 1"]
    monkeypatch.setattr(study, "subjects", lambda lab: subjects)
    for name, ways in study.SHEETS.items():
        monkeypatch.setitem(study.SHEETS, name, ways[-1:])  # the explorer's, too: it is the same dict
    monkeypatch.setattr(study, "WAYS", {ways[0]: WAYS[ways[0]] for ways in study.SHEETS.values()})
    facts, pictures = study.made(lab)
    image = pictures["conv2, channel 13", FIVE, "noise"]
    row = facts["conv2, channel 13"]["images"][FIVE]["noise"]
    own = study.real_scores(lab, ["conv2, channel 13"], image[None])
    assert row[0] == pytest.approx(float(own), abs=2e-3), "without the factor that it was climbed with"
    assert row[1] == pytest.approx(float(roughness(image[None])), abs=1e-3)
    study.save(pictures, tmp_path)
    monkeypatch.setattr(store, "verified_path", lambda name: tmp_path / name)
    found = shipped_pictures(facts)
    assert set(found) == set(pictures)
    for key, pixels in found.items():
        assert np.abs(pixels / 255 - pictures[key].permute(1, 2, 0).numpy()).mean() < 0.1, key


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


def test_a_live_run_tells_each_stage(explorer, monkeypatch, capsys):
    state = {"subject": "teapot", "way": FOUR, "start": 0}
    monkeypatch.setattr(explorer, "steps", 24)
    told = list(explorer.live(**state))
    assert [f"(live, step {n} of 24)" in sentence for n, (_, sentence) in zip((8, 16, 24), told, strict=True)]
    assert len({board.pixels().tobytes() for board, _ in told}) == 3
    assert capsys.readouterr().err == "", "no progress bar"


def test_where_nothing_ships_it_says_so_and_makes_the_first_steps(monkeypatch):
    explorer = ClassImages(Foreign(6, 120))
    assert explorer.facts is None and len(explorer.controls["subject"].options) == 16
    for _, _, state in explorer.places():
        assert "no images ship for resnet18: after 2 steps" in explorer.describe(**state)
    monkeypatch.setattr(explorer, "steps", 8)
    assert ["live, step 8 of 8" in sentence for _, sentence in explorer.live(**state)] == [False, True]
