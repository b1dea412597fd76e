"""How fast the strongest patches of a gallery are found, against the net alone. `make bench ARGS=patches`.

Both see the same images in the same batches and take turns, so that what else the machine does meets both.
"""

import os
from contextlib import redirect_stderr
from statistics import median
from time import perf_counter

CHANNEL, K, LAYER, BATCH = 5, 9, "relu5", 64


def rows(quick):
    """Yield (what, value, unit, target): images/s of features.top_patches and of the bare net up to the same layer."""
    import torch

    from lecture_utils import features, models, open_lab

    images = open_lab(device="cpu").gallery.images[: 256 if quick else 1200]
    net = models.build("alex").eval()
    place = list(dict(net.named_children())).index(LAYER)
    lower = torch.nn.Sequential(*list(net.children())[: place + 1])

    def bare():
        with torch.no_grad():
            for batch in images.split(BATCH):
                lower((batch - net.mean) / net.std)

    def ours():
        with open(os.devnull, "w") as nowhere, redirect_stderr(nowhere):  # its bar works, unseen
            features.top_patches(net, images, LAYER, CHANNEL, K, batch_size=BATCH)

    times = {bare: [], ours: []}
    for _ in range(4 if quick else 13):
        for function, seconds in times.items():
            start = perf_counter()
            function()
            seconds.append(perf_counter() - start)
    plain, found = (median(seconds[1:]) for seconds in times.values())
    yield f"bare forward pass of alex up to {LAYER}", len(images) / plain, "images/s", ""
    yield f"features.top_patches of {LAYER}", len(images) / found, "images/s", ""
    yield "features.top_patches against it", 100 * plain / found, "%", "at least 85"
