"""The models of Fashion-MNIST and the studio VAE that learned the ELBO itself are what their cards say."""

import pytest
import torch

from experiments.studies import fashion_samples, photograph_sheets
from experiments.train import studio_vae
from lecture_utils import datasets, models, results, store

TESTED = datasets.load("fashion").test.pixels


@torch.no_grad()
def test_the_pixelcnn_knows_clothes_and_not_clothes_upside_down():
    net, card = models.load("fashion-pixelcnn"), models.card("fashion-pixelcnn")
    found = net.bits_per_dim(TESTED[:32])
    assert float(found.mean()) == pytest.approx(card["tested"]["bits/dim"], rel=0.12)
    upside_down, negative = (net.bits_per_dim(x) for x in (TESTED[:32].flip(2), 255 - TESTED[:32]))
    assert (upside_down > found).float().mean() > 0.9 and negative.mean() > 1.3 * found.mean()


@pytest.mark.parametrize(("name", "data"), [("fashion-vae", "fashion"), ("studio-vae-beta1", "studio")])
def test_a_vae_s_elbo_is_its_card_s(name, data):
    card = models.card(name)
    found = studio_vae.measure(models.load(name), datasets.load(data).test.pixels[:200])
    assert card["recipe"]["beta"] == 1
    assert found["bits/dim"] == pytest.approx(card["held out"]["bits/dim"], abs=0.12)
    assert found["kl"] == pytest.approx(card["held out"]["kl"], rel=0.1)


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


def test_they_ship_in_six_megabytes():
    found = [entry["bytes"] for name, entry in store.manifest().items() if "weights/fashion-" in name]
    assert len(found) == 7 and sum(found) < 6e6


def test_a_class_image_is_sure_of_its_class_and_every_method_has_its_seconds():
    facts = results.load("photograph_sheets")
    assert min(facts["probability of the class"].values()) > 0.5 and len(photograph_sheets.DRAWN) == 12
    methods = {"class image", "inversion", "dream", "FGSM", "style", "saliency", "CAM"}
    assert methods <= set(facts["seconds an image"])
