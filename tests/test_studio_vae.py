"""The shipped VAE's training on a tiny recipe: it can be cut, refuses what does not belong, and can be read back."""

import json

import numpy as np
import pytest
import torch

from experiments.train import studio_vae
from lecture_utils import models, store
from lecture_utils.models import studio

TINY = studio_vae.Recipe(images=12, steps=5, batch=4, latent=3, widths=(4, 4, 8))


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)


@pytest.fixture(autouse=True)
def every_two(monkeypatch):
    monkeypatch.setattr(studio_vae, "KEPT", 2)
    monkeypatch.setattr(studio_vae, "fast_bfloat16", lambda device: False)


def trained(pictures, folder, recipe=TINY, **options):
    places = {"out": folder / "weights", "folder": folder / "run"}
    return studio_vae.train(recipe, pictures, pictures[:6], **places, **options)


def test_a_training_cut_in_two_is_the_training(tmp_path, pictures, monkeypatch):
    whole = trained(pictures, tmp_path / "a")
    clip, steps = torch.nn.utils.clip_grad_norm_, []

    def cut(*arguments):
        if len(steps) == 3:
            raise KeyboardInterrupt
        steps.append(0)
        return clip(*arguments)

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", cut)
    with pytest.raises(KeyboardInterrupt):
        trained(pictures, tmp_path / "b")
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    assert trained(pictures, tmp_path / "b") == whole and len(whole["loss"]) == 2
    a, b = ((tmp_path / which / "weights/studio-vae.safetensors").read_bytes() for which in "ab")
    assert a == b
    with pytest.raises(ValueError, match="of another training"):
        trained(pictures, tmp_path / "b", studio_vae.Recipe(**{**vars(TINY), "seed": 1}))


def test_what_is_written_can_be_read(tmp_path, pictures, monkeypatch):
    facts = trained(pictures, tmp_path)
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    store.write_manifest()
    assert models.card("studio-vae") == json.loads(json.dumps(facts))
    vae = models.load("studio-vae")
    assert not vae.training
    again = studio_vae.measure(vae, torch.from_numpy(pictures[:6]).long())
    assert again == facts["held out"]
    whole = tmp_path / "weights/studio-vae.safetensors"
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(store.DamagedData, match="studio-vae"):
        models.load("studio-vae")


@torch.no_grad()
def test_a_coarser_picture_is_at_least_as_probable(pictures):
    vae, x = studio_vae.build(TINY), torch.from_numpy(pictures[:4]).long()
    fine = vae.elbo(x, generator=torch.Generator().manual_seed(0))
    coarse = studio.coarse_elbo(vae, x, generator=torch.Generator().manual_seed(0))
    same = studio.coarse_elbo(vae, x, 256, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(same, fine)
    assert (coarse > fine + 3072).all() and (coarse < 0).all()


def test_seeds_repeat_and_the_global_state_stays():
    before = torch.get_rng_state()
    one, same = (studio_vae.build(TINY).state_dict() for _ in range(2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.skipif(
    "weights/studio-vae.safetensors" not in store.manifest(), reason="the weights are not there yet"
)
def test_the_shipped_one_is_what_its_card_says():
    from lecture_utils import datasets

    vae, facts = models.load("studio-vae"), models.card("studio-vae")
    some = datasets.load("studio").test.pixels[:100]
    found = studio_vae.measure(vae, some)
    assert found["bits/dim"] == pytest.approx(facts["held out"]["bits/dim"], abs=0.15)
    assert found["axes in use"] >= facts["held out"]["axes in use"] - 1
    assert facts["command"] == studio_vae.COMMAND and facts["parameters"] == sum(
        p.numel() for p in vae.parameters()
    )
