"""Files of random weights for the second lab, in a folder that stands for TORCH_HOME. Real files, and small ones.

A net of torchvision has up to 553 MB of weights. Here the rows of a big matrix are windows that overlap in one short
row of random numbers: torch.save keeps strides, so the file holds the short row only, and loading it spreads it out.
"""

import torch

FILES = {  # as torchvision names them: digits of the sha256 at the end
    "alexnet": "alexnet-owt-7be5be79.pth",
    "vgg16": "vgg16-397923af.pth",
    "resnet18": "resnet18-f37072fd.pth",
    "densenet121": "densenet121-a639ec97.pth",
    "squeezenet1_1": "squeezenet1_1-b8a52dc0.pth",
}
STEP = 7  # numbers from one row's window to the next


def random_weights(name, seed=0):
    """{key: tensor}, as torchvision's net `name` has them: He's scale, BatchNorm near the identity."""
    from torchvision import models

    with torch.device("meta"):
        wanted = models.get_model(name, weights=None).state_dict()
    draws = torch.Generator().manual_seed(seed)
    return {key: _tensor(key, like.shape, draws) for key, like in wanted.items()}


def _tensor(key, shape, draws):
    if key.endswith("num_batches_tracked"):
        return torch.tensor(1)
    if key.endswith("running_var"):
        return torch.rand(shape, generator=draws) + 0.5
    if len(shape) == 1:
        return (1.0 if key.endswith("weight") else 0.0) + 0.1 * torch.randn(shape, generator=draws)
    inputs = shape[1:].numel()
    step = min(inputs, STEP) if shape.numel() > 100_000 else inputs  # small ones: no overlap
    row = torch.randn((shape[0] - 1) * step + inputs, generator=draws) * (2 / inputs) ** 0.5
    inner = [shape[n + 1 :].numel() for n in range(1, len(shape))]  # the usual strides within a row
    return row.as_strided(shape, (step, *inner))


def write(home, names=tuple(FILES)):
    """Put files of random weights where torchvision's own would be below `home`; {name: path}."""
    folder = home / "hub" / "checkpoints"
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: folder / FILES[name] for name in names}
    for name, file in files.items():
        torch.save(random_weights(name), file)
    return files
