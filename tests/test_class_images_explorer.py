"""Class images: what ships is what the command makes and the numbers say; a live run makes it again, and ends."""

from functools import partial
from statistics import median
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from experiments.studies import ascent_pictures
from lecture_utils import open_lab, store, synthesis
from lecture_utils.explorers import ClassImages, ascent_ways as study

FOUR, FIVE = tuple(study.WAYS)[7:]


@pytest.fixture(scope="module")
def lab():
    return open_lab(device="cpu")


@pytest.fixture(scope="module")
def explorer(lab):
    return ClassImages(lab)


def rows(explorer):
    """Of every shipped image: subject, way, start, its numbers."""
    for subject, known in explorer.facts["subjects"].items():
        for way, starts in known["images"].items():
            for start, row in starts.items():
                yield subject, way, start, row


def test_all_classes_and_some_channels_ship_in_every_way(explorer, lab):
    subjects = explorer.controls["subject"].options
    assert set(lab.classes) < set(subjects) and list(subjects) == study.subjects(lab)
    assert len([name for name in subjects if study.CHANNEL in name]) == sum(study.CHANNELS.values())
    found = list(rows(explorer))
    assert len(found) == len(explorer.pictures) == len(subjects) * len(study.WAYS) * len(study.STARTS)
    for subject, way, start, _ in found:
        picture = explorer.pictures[subject, way, start]
        assert picture.shape == (study.SIDE, study.SIDE, 3) and picture.std() > 1


def test_the_numbers_belong_to_the_pictures(explorer, lab):
    """Smooth ones hardly change in the file, so the net still gives them nearly their score."""
    for way in (FOUR, FIVE):
        pictures = [explorer.pictures[name, way, "noise"] for name in lab.classes]
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        scores = lab.logits(images).diag()
        kept = torch.tensor([explorer.look(name, way, 1).score for name in lab.classes])
        rough = [explorer.look(name, way, 1).roughness for name in lab.classes]
        assert (scores - kept).abs().max() < 1 and float((scores - kept).abs().median()) < 0.3
        assert study.roughness(images).tolist() == pytest.approx(rough, rel=0.35, abs=0.002)


def test_each_regulariser_costs_score_and_gains_smoothness(explorer, lab):
    """Over the classes, from noise: medians. Total variation falls by a lot wherever something smooths."""
    scores, rough = (
        {way: median(explorer.look(name, way, 1)[n] for name in lab.classes) for way in study.WAYS}
        for n in (1, 2)
    )
    assert min(scores, key=scores.get) == FIVE and scores[FOUR] < 0.75 * scores["no regulariser"]
    assert rough[FIVE] < rough[FOUR] < rough["blur"] < rough["no regulariser"] / 10
    assert rough["total variation"] < rough["no regulariser"] / 10
    assert rough[FOUR] < explorer.usual < rough["no regulariser"], "smoother than a real picture, and rougher"


def test_the_highest_real_picture_is_in_the_gallery(explorer, lab):
    for subject in ("elephant", list(explorer.facts["subjects"])[-1]):
        scores = study.real_scores(lab, [subject], lab.gallery.images)[:, 0]
        picture, best = explorer.real(subject)
        assert best == pytest.approx(float(scores.max()), abs=0.05)
        assert np.array_equal(picture, lab.gallery.images[int(scores.argmax())])


def test_climbing_again_gives_an_image_of_the_same_kind(explorer, lab):
    """Not the same image: the last digit of the gradient, which the size of the batch decides, leads elsewhere."""
    *_, last = study.grow(lab.net, study.objective(lab, ["teapot"]), FIVE, "blank")
    made = explorer.look("teapot", FIVE, 0)
    assert (last.step, last.stopped) == (study.STEPS, None)
    assert float(last.scores) == pytest.approx(made.score, rel=0.4)
    assert float(study.roughness(last.images)) == pytest.approx(made.roughness, rel=0.6)
    assert lab.predict(last.images)[0] == ["teapot"]


def test_the_study_saves_what_it_makes(lab, monkeypatch, tmp_path):
    monkeypatch.setattr(ascent_pictures, "grow", partial(study.grow, steps=4))
    monkeypatch.setattr(
        ascent_pictures, "subjects", lambda lab: ["mug", "conv2, channel 13", "dog", "conv2, channel 1"]
    )
    for name, ways in study.SHEETS.items():
        monkeypatch.setitem(study.SHEETS, name, ways[-1:])
    monkeypatch.setattr(
        ascent_pictures, "WAYS", {ways[0]: study.WAYS[ways[0]] for ways in study.SHEETS.values()}
    )
    facts, pictures = ascent_pictures.made(lab)
    assert list(facts) == ["mug", "dog", "conv2, channel 13", "conv2, channel 1"], "one layer after the other"
    image = pictures["conv2, channel 13", FIVE, "noise"]
    row = facts["conv2, channel 13"]["images"][FIVE]["noise"]
    own = study.real_scores(lab, ["conv2, channel 13"], image[None])
    assert row[0] == pytest.approx(float(own), abs=2e-3), "without the factor that it was climbed with"
    assert row[1] == pytest.approx(float(study.roughness(image[None])), abs=1e-3)
    monkeypatch.setattr(store, "data_dir", lambda: tmp_path)
    ascent_pictures.save(pictures)
    monkeypatch.setattr(store, "read_verified", lambda name: (tmp_path / name).read_bytes())
    found = study.load_pictures(facts)
    assert set(found) == set(pictures)
    for key, pixels in found.items():
        assert np.abs(pixels / 255 - pictures[key].permute(1, 2, 0).numpy()).mean() < 0.1, key
    near = [
        np.abs(found["dog", FIVE, "noise"] / 255 - other.permute(1, 2, 0).numpy()).mean()
        for other in pictures.values()
    ]
    assert list(pictures)[int(np.argmin(near))] == ("dog", FIVE, "noise"), "each in its own place"


def test_growing_in_turns_is_ascent(lab):
    goal, net = study.objective(lab, ["mug", "dog"]), lab.net
    before = {name: value.clone() for name, value in net.state_dict().items()}
    turns = list(study.grow(net, goal, "blur", "noise", steps=12))
    assert [turn.step for turn in turns] == [8, 12]
    whole = synthesis.ascend(net, goal, study.SIDE, 12, regularisers=study.WAYS["blur"])
    assert torch.allclose(turns[-1].images, whole.images, atol=1e-5), (
        "a turn is a multiple of the blur's 4 steps"
    )
    assert torch.allclose(turns[-1].scores, whole.scores, atol=1e-4)
    (alone,) = study.grow(net, study.objective(lab, ["dog"]), "blur", "blank", steps=8)
    (both,) = study.grow(net, goal, "blur", "blank", steps=8)
    assert torch.allclose(alone.images[0], both.images[1], atol=1e-4)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())


def test_a_turn_that_ends_early_ends_the_growth(lab, monkeypatch):
    def interrupted(net, objective, size, steps, **options):
        return synthesis.ascent.Ascent(
            torch.zeros(1, 3, 8, 8), torch.ones(1), torch.ones(3, 1), "interrupted"
        )

    monkeypatch.setattr(study.syn, "ascend", interrupted)
    (only,) = study.grow(lab.net, 3, "blur", "noise")
    assert (only.step, only.stopped) == (3, "interrupted")


def test_a_live_run_tells_each_turn(explorer, monkeypatch, capsys):
    state = {"subject": "teapot", "way": FOUR, "start": 0}
    monkeypatch.setattr(explorer, "steps", 24)
    told = list(explorer.live(**state))
    assert [f"(live, step {n} of 24)" in sentence for n, (_, sentence) in zip((8, 16, 24), told, strict=True)]
    assert all(picture.shape == explorer.render(**state).shape for picture, _ in told)
    assert len({picture.tobytes() for picture, _ in told}) == 3
    assert all("zf calls it" in sentence and "gap calls it" in sentence for _, sentence in told)
    assert capsys.readouterr().err == "", "no progress bar"
    with pytest.raises(KeyError, match="unknown subject"):
        next(explorer.live(**state | {"subject": "teapott"}))


def test_the_button_keeps_the_last_image(explorer, monkeypatch):
    monkeypatch.setattr(explorer, "steps", 16)
    _, *inputs, run, image, text = explorer.widget().children
    before = image.value
    run.children[0].click()
    assert "live, step 16 of 16" in text.value and image.value != before
    assert not run.children[0].disabled and run.children[1].disabled
    inputs[-1].value = 1 - inputs[-1].value
    assert "live" not in text.value


def test_the_sentence_names_score_and_opinions(explorer):
    sentence = explorer.describe(subject="elephant", way="no regulariser", start=1)
    made = explorer.look("elephant", "no regulariser", 1)
    assert f"score {made.score:.1f}" in sentence and f"total variation {made.roughness:.3f}" in sentence
    for net, word, share in made.said:
        assert f"{net} calls it {word} ({share:.0%})" in sentence


class Foreign:
    """A lab of which nothing ships: random weights, larger pictures, many classes."""

    has_key, name, device = False, "resnet18", torch.device("cpu")
    classes, layers = tuple(f"class {n}" for n in range(40)), {"conv2": "1", "fc": "4"}

    def __init__(self):
        torch.manual_seed(0)
        self.net = nn.Sequential(
            nn.Conv2d(3, 9, 8, 8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(9, 40)
        )
        self.gallery = SimpleNamespace(images=torch.rand(6, 3, 120, 120), labels=None)

    def logits(self, images):
        with torch.no_grad():
            return self.net(images)

    def predict(self, images):
        sure = self.logits(images).softmax(1)
        return [self.classes[n] for n in sure.argmax(1).tolist()], sure

    def label(self, name):
        return self.classes.index(name)

    def layer(self, name):
        return self.layers[name]


def test_where_nothing_ships_it_says_so_and_makes_the_first_steps(monkeypatch):
    explorer = ClassImages(Foreign())
    assert not explorer.shipped and len(explorer.controls["subject"].options) <= 17
    assert any(study.CHANNEL in name for name in explorer.controls["subject"].options)
    for title in explorer.stops:
        state = explorer.stop(title)
        assert "no images ship for resnet18: after 2 steps" in explorer.describe(**state)
        assert np.array_equal(explorer.render(**state), explorer.render(**state))
    assert "no images ship" in explorer.filmstrip().alt
    monkeypatch.setattr(explorer, "steps", 8)
    assert [sentence.split("(")[1].split(")")[0] for _, sentence in explorer.live(**state)] == [
        "live, step 4 of 8",
        "live, step 8 of 8",
    ]


def test_another_net_of_the_toy_world_is_not_taken_for_the_one_that_ships():
    assert not ClassImages(open_lab(net="gap", device="cpu")).shipped
