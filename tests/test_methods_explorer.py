"""Method against method: its numbers are those of the answer key, and its bars what is drawn."""

import numpy as np
import pytest

from lecture_utils import metrics as key, open_lab
from lecture_utils.explorers import MethodAgainstMethod


@pytest.fixture(scope="module")
def explorer():
    return MethodAgainstMethod(open_lab(net="gap", device="cpu"), scenes=1)


def test_a_look_is_what_the_answer_key_says(explorer):
    game = explorer.games[0]
    scene = explorer.lab.gallery.scenes[game.index]

    def logit(images):
        return explorer.lab.logits(images)[:, game.label]

    for question in ("remove", "keep"):
        mass, agree, sums, effects = explorer.look(0, "guided backprop", question)
        heat = explorer.heat["guided backprop"]
        assert mass == pytest.approx(float(key.mass_in_mask(heat, game.mask[None])[0]), abs=1e-5)
        found = key.part_effects(logit, scene, question=question, parts=game.players)
        assert effects.tolist() == pytest.approx(list(found.values()), abs=1e-4)
        shown = game.shown.numpy()
        assert agree == pytest.approx(key.rank_agreement(sums[shown].tolist(), effects[shown].tolist()))


def test_the_constant_map_says_area(explorer):
    game = explorer.games[0]
    _, _, sums, _ = explorer.look(0, "constant map", "remove")
    assert sums.tolist() == game.masks.sum((1, 2)).tolist()


def test_the_picture_depends_on_every_control(explorer):
    start = explorer.stop("fine or coarse?")
    seen = explorer.render(**start)
    changes = ({"first": "saliency"}, {"second": "CAM"}, {"question": "keep"})
    for change in changes:
        assert not np.array_equal(seen, explorer.render(**start | change)), change
    assert "CAM" in explorer.controls["first"].options, "gap ends in global average pooling"
    with pytest.raises(KeyError, match="did you mean 'Grad-CAM'"):
        explorer.render(**start | {"first": "GradCAM"})
