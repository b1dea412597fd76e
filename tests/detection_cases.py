"""Random boxes for the tests of detection, and what runs a test on many of them."""

import numpy as np
import torch

from lecture_utils import detection as d
from tests.helpers import draws

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
