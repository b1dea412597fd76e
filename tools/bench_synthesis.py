"""How fast images are made: a whole step of ascent, inversion and style against the bare passes inside it, of `alex`.

The bare passes are one forward pass of the same net on the same images and one backward pass to the images, for the
same score or loss, and nothing else: 8 images of 112 px, or for style one of 256 px. Runs that are compared take
turns, so that what else the machine does meets both. A rate is that of the medians. `make bench ARGS=synthesis`.
"""

from statistics import median
from time import perf_counter

PIXELS, PHOTOGRAPH, IMAGES = 112, 256, 8


def rows(quick):
    """Yield (what, value, unit, target): ms a step, and its rate in % of that of the bare passes."""
    steps, turns = (20, 3) if quick else (50, 9)
    for what, ours, bare in comparisons(steps):
        ours(), bare()  # warm up
        times = [(seconds(ours), seconds(bare)) for _ in range(turns)]
        mine, other = (median(column) for column in zip(*times, strict=True))
        yield f"{what}, a step", 1000 * mine / steps, "ms", ""
        yield f"{what} / bare passes", 100 * other / mine, "%", "at least 85"


def comparisons(steps):
    """(what, our call of so many steps, as many bare passes)."""
    import torch

    from lecture_utils.models import build
    from lecture_utils.synthesis import Blur, Jitter, ascend, channel, invert, stylize

    net, draws = build("alex").eval().requires_grad_(False), torch.Generator().manual_seed(0)
    images = torch.rand(IMAGES, 3, PIXELS, PIXELS, generator=draws)
    photograph, style = (torch.rand(1, 3, PHOTOGRAPH, PHOTOGRAPH, generator=draws) for _ in range(2))
    classes = torch.arange(IMAGES)

    def bare(module, some, loss):
        for _ in range(steps):
            leaf = some.clone().requires_grad_()
            torch.autograd.grad(loss(module(leaf)), leaf)

    def score(logits):
        return logits.gather(1, classes[:, None]).sum()

    yield (
        "ascent, class",
        lambda: ascend(net, classes, start=images, steps=steps, regularisers=[Jitter(8), Blur(1.0, 4)]),
        lambda: bare(net, images, score),
    )
    below, mapped = trunk(net, "norm4"), trunk(net, "relu4")
    yield (
        "ascent, channel of conv4",
        lambda: ascend(net, channel("norm4", classes, "mean"), start=images, steps=steps),
        lambda: bare(below, images, lambda maps: maps[torch.arange(IMAGES), classes].mean((1, 2)).sum()),
    )
    wanted = mapped(images)
    yield (
        "inversion of conv4",
        lambda: invert(net, images, "relu4", steps=steps),
        lambda: bare(mapped, images, lambda maps: (maps - wanted).square().sum()),
    )
    layers = {f"relu{n}": 1.0 for n in range(1, 5)}
    yield (
        f"style, {PHOTOGRAPH} px",
        lambda: stylize(net, photograph, style, "relu3", layers, steps=steps, jitter=0, octaves=1),
        lambda: bare(grams(net, layers), photograph, sum),
    )


def trunk(net, last):
    """The net up to and with a layer."""
    import torch

    names = [name for name, _ in net.named_children()]
    chain = torch.nn.Sequential(*list(net.children())[: names.index(last) + 1])
    return lambda images: chain((images - net.mean) / net.std)


def grams(net, layers):
    """The forward pass of style: the sum of squares of each layer's Gram matrix, in plain torch."""

    def passes(images):
        maps, found = (images - net.mean) / net.std, []
        for name, module in net.named_children():
            maps = module(maps)
            if name in layers:
                flat = maps.flatten(2)
                found.append((flat @ flat.mT / flat.shape[2]).square().sum())
            if len(found) == len(layers):
                return found
        return found

    return passes


def seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start
