"""Method against method: effects are those of rendering without the part, heat is summed over what shows of it."""

import pytest
import torch

from lecture_utils import metrics, open_lab
from lecture_utils.explorers import MethodAgainstMethod
from lecture_utils.world import render


@pytest.fixture(scope="module")
def explorer():
    return MethodAgainstMethod(open_lab(net="gap", device="cpu"), scenes=1)


def test_effects_are_differences_of_rendered_scenes(explorer):
    it = explorer.scenes[0]
    scene = explorer.lab.gallery.scenes[it.index]

    def logit(scene):
        return float(explorer.lab.logits(torch.from_numpy(render(scene, 112).image)[None])[0, it.label])

    bare = metrics.keeping(scene, ())
    for n, (name, some) in enumerate(it.parts.items()):
        others = {part for each in it.parts.values() for part in each} - set(some)
        for question, expected in (
            ("remove", logit(scene) - logit(metrics.keeping(scene, others))),
            ("keep", logit(metrics.keeping(scene, some)) - logit(bare)),
        ):
            *_, effects = explorer.look(0, "guided backprop", question)
            assert effects[n] == pytest.approx(expected, abs=1e-3), (name, question)


def test_a_look_is_what_the_answer_key_says(explorer):
    it, heat = explorer.scenes[0], explorer.heat["guided backprop"]
    mass, agree, sums, effects = explorer.look(0, "guided backprop", "keep")
    assert mass == pytest.approx(float(metrics.mass_in_mask(heat, it.mask[None])[0]), abs=1e-5)
    assert sum(it.shown) >= 4 and it.masks.any(0)[it.mask].float().mean() > 0.9
    assert agree == pytest.approx(metrics.rank_agreement(sums[it.shown].tolist(), effects[it.shown].tolist()))
    _, _, area, _ = explorer.look(0, "constant map", "remove")
    assert area.tolist() == it.masks.sum((1, 2)).tolist()
    assert "CAM" in explorer.controls["first"].options, "gap ends in global average pooling"
