"""Every training in small, for the tests: TRAININGS[name](folder, **changes) trains and gives the card."""

import numpy as np
import torch

from experiments.train import (
    adversarial_training,
    classifier,
    fast_style_net,
    segmenter,
    studio_factors,
    studio_gan,
    studio_pixelcnn,
    studio_vae,
)

COLOURS = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]], np.uint8)
STUDIO = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), dtype=np.uint8)
SCENES = np.random.default_rng(0).integers(0, 256, (5, 3, 112, 112), dtype=np.uint8)


class Blobs:
    """Stands for the world: a blob on noise; its colour is its class."""

    def __call__(self, split, count=None, threads=None):
        n = count or 16
        draws = np.random.default_rng(list(split.encode()))
        labels = np.stack([draws.integers(0, 4, n), np.full(n, -1)], 1)
        if split in ("pairs", "train"):
            labels[: n // 4, 1] = (labels[: n // 4, 0] + 1) % 4
        images = draws.integers(0, 120, (n, 3, 112, 112), dtype=np.uint8)
        corners = draws.integers(0, 72, (n, 2))
        for image, (first, second), (top, left) in zip(images, labels, corners, strict=True):
            image[:, top : top + 40, left : left + 40] = COLOURS[first][:, None, None]
            if second >= 0:
                image[:, top : top + 40, left : left + 20] = COLOURS[second][:, None, None]
        self.images = images
        return (self if split == "train" else images), labels

    def __getitem__(self, indices):
        return self.images[indices]


def boxes(split, count=None):
    """Stands for the world with masks: a bright box on noise."""
    n = count or 24
    draws = np.random.default_rng(list(split.encode()))
    images = draws.integers(0, 60, (n, 3, 32, 32), dtype=np.uint8)
    masks = np.zeros((n, 32, 32), bool)
    for image, mask, (top, left) in zip(images, masks, draws.integers(0, 20, (n, 2)), strict=True):
        mask[top : top + 12, left : left + 12] = True
        image[:, mask] = draws.integers(200, 255, (3, 1))
    return images, masks


def flat(split, count):
    """Images of one flat colour each, and factors of the studio that fit in form."""
    draws, rows = np.random.default_rng(count), np.arange(count)
    images = np.repeat(draws.integers(0, 256, (count, 3, 1, 1), np.uint8), 32, 2).repeat(32, 3)
    factors = {name: np.array(names)[rows % 6] for name, names in studio_factors.NAMES.items()}
    factors |= {name: draws.uniform(-80, 80, count) for name in studio_factors.ANGLES}
    return images, factors | {n: np.full(count, middle) for n, (middle, _) in studio_factors.NUMBERS.items()}


def recipe(kind, usual, changes):
    options = {name: changes.pop(name) for name in list(changes) if hasattr(kind, name)}
    return kind(**usual | options)


def gap(folder, data=None, **changes):
    """A classifier; with kind= another one."""
    usual = {"name": "gap", "epochs": 3, "images": 32, "batch": 16, "classes": 4}
    small = recipe(classifier.Recipe, usual, changes)
    return classifier.train(folder, small, data or Blobs(), folder / "run", threads=1, **changes)


def attacked(folder, data=None, **changes):
    usual = {"name": "gap", "epochs": 2, "images": 32, "batch": 16}
    small = recipe(adversarial_training.AdversarialRecipe, usual, changes)
    changes |= {"threads": 1, "kind": adversarial_training.AdversarialRun}
    return classifier.train(folder, small, data or Blobs(), folder / "run", **changes)


def masks(folder, **changes):
    small = recipe(segmenter.Recipe, {"epochs": 3, "images": 192, "batch": 16}, changes)
    return segmenter.train(folder, small, boxes, folder / "run", threads=1, **changes)


def factors(folder, **changes):
    small = recipe(studio_factors.Recipe, {"images": 12, "epochs": 2, "batch": 4}, changes)
    return studio_factors.train(folder, small, flat, folder / "run", **changes)


def pixelcnn(folder, **changes):
    usual = {"images": 12, "steps": 4, "batch": 4, "width": 6, "kernel": 3, "dilations": (1, 2)}
    small = recipe(studio_pixelcnn.Recipe, usual, changes)
    return studio_pixelcnn.train(folder, small, lambda _, n: (STUDIO[:n], {}), folder / "run", **changes)


def vae(folder, **changes):
    usual = {"images": 12, "steps": 5, "batch": 4, "latent": 3, "widths": (4, 4, 8)}
    small = recipe(studio_vae.Recipe, usual, changes)
    return studio_vae.train(folder, small, STUDIO, STUDIO[:6], folder / "run", **changes)


def gan(folder, **changes):
    usual = {"images": 12, "turns": 5, "batch": 4, "latent": 6, "channels": 4}
    small = recipe(studio_gan.Recipe, usual, changes)
    return studio_gan.train(folder, small, STUDIO, folder / "run", **changes)


def fast_style(folder, **changes):
    small = recipe(fast_style_net.Recipe, {"steps": 4, "images": 5, "batch": 2, "crop": 32}, changes)
    return fast_style_net.train(folder, small, scenes=SCENES, folder=folder / "run", **changes)


# name: (how to train, a step in its second stretch, steps in all, what changes the result)
TRAININGS = {
    "gap": (gap, 4, 6, {"rate": 1e-3}),
    "gap-adversarial-4": (attacked, 3, 4, {"steps": 5}),
    "segmenter": (masks, 15, 36, {"decay": 0.1}),
    "studio-factors": (factors, 5, 6, {"decay": 0.1}),
    "studio-pixelcnn": (pixelcnn, 3, 4, {"rate": 1e-3}),
    "studio-vae": (vae, 3, 5, {"beta": 2.0}),
    "studio-gan": (gan, 3, 5, {"penalty": 2.0}),
    "fast-style": (fast_style, 3, 4, {"tv": 1.0}),
}


def smaller(monkeypatch):
    """Few steps from one checkpoint to the next, little to test on, no bfloat16 where a compiler would be asked."""
    for module in (studio_pixelcnn, studio_vae, studio_gan, fast_style_net):
        monkeypatch.setattr(module, "KEPT", 2)
    for module in (studio_pixelcnn, studio_vae, studio_gan):
        monkeypatch.setattr(module, "fast_bfloat16", lambda device=None: False)
    monkeypatch.setattr(studio_gan, "FRAMES", (4, 5))
    monkeypatch.setattr(studio_pixelcnn, "TESTED", 3)
    monkeypatch.setattr(studio_factors, "TESTED", 6)
    monkeypatch.setattr(fast_style_net, "JUDGED", ("cat",))
    monkeypatch.setattr(fast_style_net, "SIDE", 64)
    monkeypatch.setitem(adversarial_training.JUDGE, "images", 6)
    monkeypatch.setitem(adversarial_training.JUDGE, "steps", 2)


def weights_of(folder, name):
    return (folder / f"weights/{name}.safetensors").read_bytes()


def state_here():
    return torch.get_rng_state(), torch.get_num_threads()
