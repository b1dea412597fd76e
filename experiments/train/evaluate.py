"""How often a net is right, on pictures with one object or two."""

import numpy as np
import torch
from torch import nn

from lecture_utils.hooks import frozen


def logits(net: nn.Module, images: np.ndarray, batch_size: int = 200) -> torch.Tensor:
    """Logits (n, classes), float32 on the CPU, for uint8 images (n, 3, h, w)."""
    device = next(net.parameters()).device
    found = []
    with frozen(net), torch.inference_mode():
        for start in range(0, len(images), batch_size):
            batch = torch.from_numpy(images[start : start + batch_size]).to(device)
            found.append(net(batch.float() / 255).cpu())
    return torch.cat(found)


def accuracy(net: nn.Module, images: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Shares in [0, 1]: "top1", the best class is in the picture; "both", the best two are the two there.

    labels: (n, 2), the second one -1 where there is one object; "both" counts pictures of two objects only,
    and is left out where there are none.
    """
    best = logits(net, images).topk(2).indices.numpy()  # (n, 2)
    shares = {"top1": float(np.mean((best[:, :1] == labels).any(1)))}
    pairs = labels[:, 1] >= 0
    if pairs.any():
        both = (np.sort(best, axis=1) == np.sort(labels, axis=1)).all(1)
        shares["both"] = float(both[pairs].mean())
    return shares
