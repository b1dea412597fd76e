"""The models of Fashion-MNIST and the studio VAE that learned the ELBO itself are what their cards say."""

import pytest
import torch

from experiments.studies import fashion_samples
from experiments.train import studio_vae
from lecture_utils import datasets, models

STUDIO = pytest.param("studio-pixelcnn", "studio", marks=pytest.mark.slow)


@pytest.mark.parametrize(("name", "data"), [("fashion-pixelcnn", "fashion"), STUDIO])
@torch.no_grad()
def test_a_pixelcnn_knows_its_images_and_not_the_same_upside_down(name, data):
    net, card = models.load(name), models.card(name)
    some = datasets.quantised(datasets.load(data).test.pixels[:24], net.levels)
    found, odd = net.bits_per_dim(some), net.bits_per_dim(some.flip(2))
    assert float(found.mean()) == pytest.approx(card["tested"]["bits/dim"], rel=0.15)
    assert (odd > found).float().mean() > 0.9 and odd.mean() > 1.05 * found.mean()


VAES = [("fashion-vae", "fashion"), ("studio-vae-beta1", "studio"), ("studio-vae", "studio")]


@pytest.mark.parametrize(("name", "data"), VAES)
def test_a_vae_s_elbo_is_its_card_s(name, data):
    card = models.card(name)
    found = studio_vae.measure(models.load(name), datasets.load(data).test.pixels[:200])
    assert found["bits/dim"] == pytest.approx(card["held out"]["bits/dim"], abs=0.12)
    assert found["kl"] == pytest.approx(card["held out"]["kl"], rel=0.1)
    assert found["axes in use"] >= card["held out"]["axes in use"] - 1


def test_whoever_learns_the_elbo_has_the_better_one():
    own, weighted = (models.card(name)["held out"] for name in ("studio-vae-beta1", "studio-vae"))
    assert own["elbo"] > weighted["elbo"] and own["kl"] > weighted["kl"]


@torch.no_grad()
def test_the_gan_makes_clothes_that_it_did_not_copy():
    measured = models.card("fashion-gan")["measured"]["nearest"]
    assert measured["samples"] > measured["tested"], "further from what it learned from than test images are"
    made = fashion_samples.samples(64)["GAN"]
    assert made.shape == (64, 1, 28, 28) and made.flatten(1).std(0).mean() > 0.2
    assert models.load("fashion-gan-discriminator")(made).shape == (64,)
