"""The same picture, a little different each epoch: shifted, and in other light. Never mirrored.

A mirrored elephant is another elephant: mirroring would teach the net what notebook 02 wants to find out.
"""

import numpy as np
import torch

SHIFT = 10  # px, each way


def batch(images: np.ndarray, draws: np.random.Generator, shift: int = SHIFT) -> torch.Tensor:
    """uint8 (n, 3, h, w) -> float32 (n, 3, h, w) in [0, 1], each image shifted and coloured at random.

    The shift is up to `shift` px each way and repeats the border; brightness, contrast and the three channels
    vary a little. One call draws the same amount of randomness whatever the images.
    """
    n = len(images)
    moves = draws.integers(-shift, shift + 1, (n, 2)).tolist()
    moved = np.stack([_moved(image, down, right) for image, (down, right) in zip(images, moves, strict=True)])
    result = torch.from_numpy(moved).float().div_(255)
    contrast = torch.from_numpy(draws.uniform(0.75, 1.25, (n, 1, 1, 1)).astype(np.float32))
    colour = torch.from_numpy(draws.uniform(0.9, 1.1, (n, 3, 1, 1)).astype(np.float32))
    brightness = torch.from_numpy(draws.uniform(-0.12, 0.12, (n, 1, 1, 1)).astype(np.float32))
    return result.sub_(0.5).mul_(contrast * colour).add_(0.5 + brightness).clamp_(0, 1)


def _moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """(3, h, w) shifted by so many px, the border repeated."""
    _, height, width = image.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return image[:, rows][:, :, columns]


def targets(labels: np.ndarray, draws: np.random.Generator) -> torch.Tensor:
    """One label for each image, LongTensor (n,): of two objects, either."""
    second = (draws.random(len(labels)) < 0.5) & (labels[:, 1] >= 0)
    return torch.from_numpy(np.where(second, labels[:, 1], labels[:, 0]))
