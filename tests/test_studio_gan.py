"""The shipped GAN's training on a tiny recipe: it can be cut, refuses what does not belong, and can be read back."""

import json

import numpy as np
import pytest
import torch

from experiments.train import runs, studio_gan
from lecture_utils import models, store
from lecture_utils.models import studio, studio_factors

TINY = studio_gan.Recipe(images=12, turns=5, batch=4, latent=6, channels=4)


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)


@pytest.fixture(autouse=True)
def every_two(monkeypatch):
    monkeypatch.setattr(studio_gan, "KEPT", 2)
    monkeypatch.setattr(studio_gan, "FRAMES", (4, 5))
    monkeypatch.setattr(studio_gan, "fast_bfloat16", lambda device: False)


def trained(pictures, folder, recipe=TINY, **options):
    return studio_gan.train(recipe, pictures, out=folder / "weights", folder=folder / "run", **options)


def test_a_training_cut_in_two_is_the_training(tmp_path, pictures, monkeypatch):
    whole = trained(pictures, tmp_path / "a")
    turn, turns = studio_gan.gan_trainer.GANTrainer.step, []

    def cut(game, real):
        if len(turns) == 3:
            raise KeyboardInterrupt
        turns.append(0)
        return turn(game, real)

    monkeypatch.setattr(studio_gan.gan_trainer.GANTrainer, "step", cut)
    with pytest.raises(KeyboardInterrupt):
        trained(pictures, tmp_path / "b")
    monkeypatch.setattr(studio_gan.gan_trainer.GANTrainer, "step", turn)
    again = trained(pictures, tmp_path / "b")
    assert again == whole and len(whole["log"]) == 3
    for name in ("studio-gan.safetensors", "studio-gan-history.jpg"):
        assert (tmp_path / "a/weights" / name).read_bytes() == (tmp_path / "b/weights" / name).read_bytes()
    with pytest.raises(ValueError, match="of another training"):
        trained(pictures, tmp_path / "b", studio_gan.Recipe(**{**vars(TINY), "seed": 1}))


def test_what_is_written_can_be_read(tmp_path, pictures, monkeypatch):
    facts = trained(pictures, tmp_path)
    monkeypatch.setenv("INSIDE_CONVNETS_DATA", str(tmp_path))
    store.write_manifest()
    assert models.card("studio-gan") == json.loads(json.dumps(facts))
    assert store.manifest()["weights/studio-gan-history.jpg"]["made_by"] == studio_gan.COMMAND
    makes, judges = models.load("studio-gan"), models.load("studio-gan-discriminator")
    assert not makes.training and not judges.training
    history = studio.gan_history()
    assert history["turns"].tolist() == facts["frames"] == studio_gan.frames(5)
    assert history["images"].shape == (len(facts["frames"]), 24, 3, 32, 32) and len(history["generator"]) == 3
    with torch.no_grad():
        last = makes(history["codes"])
        assert judges(last).shape == (24,)
    assert (history["images"][-1] - last).abs().mean() < 0.03  # JPEG and half precision lie between them
    name = tmp_path / "weights/studio-gan.safetensors"
    name.write_bytes(name.read_bytes()[:-9] + b"123456789")
    with pytest.raises(store.DamagedData, match="is damaged .*studio_gan"):
        models.load("studio-gan")


def test_divergence_stops_the_command_in_a_sentence(tmp_path, pictures, capsys, monkeypatch):
    recipe = studio_gan.Recipe(**{**vars(TINY), "rate": 1e30})
    train = lambda **options: trained(pictures, tmp_path, recipe)  # noqa: E731
    assert runs.command([], studio_gan.COMMAND, studio_gan.__doc__, train) == 2
    said = capsys.readouterr().err
    assert "NaN or infinite" in said and "Traceback" not in said
    assert not (tmp_path / "weights").exists()


def test_the_kept_turns_grow():
    assert studio_gan.frames(5) == [0, 1, 2, 5]
    assert studio_gan.frames(4) == [0, 1, 2, 4] and studio_gan.frames(1) == [0, 1]


def test_measured_on_sets_that_are_known():
    """With the tested pictures among those learned from nothing lies between."""
    images = torch.from_numpy(np.random.default_rng(1).integers(0, 256, (60, 3, 32, 32), dtype=np.uint8))
    makes, _ = studio_gan.dcgan.nets(0, 6, 4)
    makes.train()
    found = studio_gan.measure(makes, images, images[:50], studio_factors.build())
    assert makes.training
    assert found["nearest"]["tested"] < 1e-2 < found["nearest"]["samples"]


def test_the_shipped_pair():
    """What ships is what the card says: small, and not by heart."""
    card, history = models.card("studio-gan"), studio.gan_history()
    assert card["weights"]["bytes"] < 2_500_000 and card["command"] == studio_gan.COMMAND
    assert store.manifest()["weights/studio-gan-history.jpg"]["bytes"] < 1_500_000
    measured = card["measured"]
    assert measured["nearest"]["samples"] > 0.8 * measured["nearest"]["tested"]
    assert len(history["turns"]) == len(history["images"]) and len(history["images"][0]) == len(
        history["codes"]
    )
    makes, judges = models.load("studio-gan"), models.load("studio-gan-discriminator")
    with torch.no_grad():
        made = makes(history["codes"])
        said = studio_factors.read(models.load("studio-factors"), made)
        real, noise = (judges(x).sigmoid().mean().item() for x in (made, torch.rand(24, 3, 32, 32)))
    assert (history["images"][-1] - made).abs().mean() < 0.03
    assert (said["class"].amax(1) > 0.9).float().mean() >= 0.6  # of 24
    assert noise < 0.2 < real
