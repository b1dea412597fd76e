"""Random boxes for the tests of detection, and what runs a test on many of them."""

from types import SimpleNamespace

import numpy as np
import torch

from lecture_utils import detection as d
from tests.helpers import draws, uniform

SIZE = (60, 80)  # px
float64 = torch.float64


def cases(count=200):
    """The test runs with each seed from 0 on, as one test."""
    return lambda test: lambda: [test(seed) for seed in range(count)] and None


def boxes_of(seed, n, positive=False):
    """n boxes, float64: some outside, some with equal edges, some empty (unless positive)."""
    random = np.random.default_rng(seed)
    low, side = random.uniform([-10, -10], SIZE[::-1], (n, 2)), random.uniform(1, 50, (n, 2))
    if not positive:
        side *= random.random((n, 2)) > 0.1
    found = torch.tensor(np.concatenate([low, low + side], 1))
    return found.round() if seed % 2 else found


def inside_of(seed, n):
    """n boxes within the image, none empty, and their labels 0, 1, 2."""
    found = boxes_of(seed, n, positive=True) * 0.6 + 6
    return d.clip_boxes(found, SIZE), torch.randint(0, 3, (n,), generator=draws(seed))


def close(one, other, tolerance=1e-6):
    other = torch.as_tensor(other, dtype=float64)
    return one.shape == other.shape and torch.allclose(one.double(), other, atol=tolerance, rtol=0)


def crowds(count=9, classes=3, side=64):
    """As much of `lab.detection` as an explorer needs: noise, with one to four boxes in each image, none empty."""
    boxes = [d.clip_boxes(inside_of(seed, 1 + seed % 4)[0].float(), side) for seed in range(count)]
    labels = [(torch.arange(len(each)) + seed) // 2 % classes for seed, each in enumerate(boxes)]
    sizes = [torch.arange(len(each)) % 3 for each in boxes]
    return SimpleNamespace(images=uniform(count, 3, side, side), boxes=boxes, labels=labels, sizes=sizes)


class Doubles:
    """Finds each object of such crowds, and two boxes beside it; `said` is how it has been asked."""

    def __init__(self, crowds):
        self.crowds = crowds

    def detect(self, images, threshold=0.05, most=100, overlap=0.5):
        found, self.said = [], (threshold, most, overlap)
        for image in images:
            (n,) = (i for i, each in enumerate(self.crowds.images) if torch.equal(each, image))
            boxes = torch.cat([self.crowds.boxes[n] + step for step in (0, 1, 4)])
            scores = 0.9 - 0.2 * torch.arange(3).repeat_interleave(len(boxes) // 3)
            found.append(d.trunk.Detections(boxes, scores, self.crowds.labels[n].repeat(3)))
        return found
