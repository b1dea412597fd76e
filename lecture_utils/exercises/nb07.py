"""Exercises of notebook 07: a step uphill, and three ways to keep an image natural while it climbs."""

import numpy as np
import torch

from .blurred_ascent import BLURRED
from .frame import Exercise
from .jittered_ascent import JITTERED

__all__ = ["BLURRED", "CLIPPING", "JITTERED", "STEP"]


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


STEP = Exercise(
    "07.1",
    "One step uphill",
    difficulty=1,
    minutes=8,
    trains="which way is up, how long a step is, and which colour is nothing",
    against="one image after another in numpy",
    praise="Every image takes a step of the same length, and what fades, fades to the neutral colour.",
    hints=(
        "The size of a gradient is its root mean square, over all colours and places of one image: "
        "gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().",
        "Uphill is plus: images + lr * gradient / size. Where the gradient is 0 everywhere this is 0 / 0: "
        "size.clamp(min=1e-12) makes it no step at all.",
        "Nothing is not black: decay takes a share of what differs from the neutral colour, "
        "mean + (1 - rate) * (stepped - mean). Then clamp(0, 1).",
    ),
)


@STEP.stub
def my_step(images, gradient, lr, rate, mean):
    """The images (n, 3, h, w) after one step of gradient ascent with decay, in [0, 1].

    First each image moves uphill; the root mean square of its step is `lr`. Then each value's distance to the neutral
    colour `mean`, a number, shrinks by the share `rate`. Last, what lies outside of [0, 1] is cut.
    images, gradient: (n, 3, h, w). An image whose gradient is 0 everywhere takes no step; it only decays.
    """
    raise NotImplementedError


@STEP.solve
def step_then_decay_then_clip(images, gradient, lr, rate, mean):
    size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()  # (n, 1, 1, 1)
    stepped = images + lr * gradient / size.clamp(min=1e-12)
    return (mean + (1 - rate) * (stepped - mean)).clamp(0, 1)


@STEP.expect
def image_after_image(images, gradient, lr, rate, mean):
    found = []
    for x, g in zip(images.double().numpy(), gradient.double().numpy(), strict=True):
        length = np.linalg.norm(g)
        way = g * (lr * np.sqrt(g.size) / length) if length else 0 * g
        found.append(np.clip((1 - rate) * (x + way) + rate * mean, 0, 1))
    return torch.from_numpy(np.stack(found))


@STEP.inputs
def some_steps():
    tiny = torch.tensor([0.5, 0.5, 1.0]).view(1, 3, 1, 1)
    slope = torch.tensor([1.0, -7.0, 5.0]).view(1, 3, 1, 1)
    flat = torch.stack([slope[0], 0 * slope[0]])
    sizes = torch.tensor([0.01, 1.0, 300.0, 5.0]).view(4, 1, 1, 1)
    return [
        {"images": tiny, "gradient": slope, "lr": 0.1, "rate": 0.1, "mean": 0.5},
        {"images": tiny.repeat(2, 1, 1, 1), "gradient": flat, "lr": 0.1, "rate": 0.5, "mean": 0.4},
        {
            "images": _random(4, 3, 6, 5).sigmoid(),
            "gradient": sizes * _random(4, 3, 6, 5, seed=1),
            "lr": 0.2,
            "rate": 0.05,
            "mean": 0.45,
        },
    ]


@STEP.mistake("you go downhill: an optimiser's minus sign lowers the score; climbing it is plus")
def downhill(images, gradient, lr, rate, mean):
    size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    stepped = images - lr * gradient / size.clamp(min=1e-12)
    return (mean + (1 - rate) * (stepped - mean)).clamp(0, 1)


@STEP.mistake("the image fades to black; in [0, 1] nothing is the neutral colour: shrink images - mean")
def fades_to_black(images, gradient, lr, rate, mean):
    size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    stepped = images + lr * gradient / size.clamp(min=1e-12)
    return ((1 - rate) * stepped).clamp(0, 1)


@STEP.mistake("the step is lr times the gradient as it is, so how far it goes depends on the net: divide")
def not_scaled(images, gradient, lr, rate, mean):
    return (mean + (1 - rate) * (images + lr * gradient - mean)).clamp(0, 1)


@STEP.mistake("one length is taken for the whole batch; each image has its own: dim=(1, 2, 3)")
def one_length_for_all(images, gradient, lr, rate, mean):
    stepped = images + lr * gradient / gradient.square().mean().sqrt()
    return (mean + (1 - rate) * (stepped - mean)).clamp(0, 1)


@STEP.mistake("the whole step has length lr, so larger images move less; its root *mean* square is lr")
def divided_by_the_norm(images, gradient, lr, rate, mean):
    size = gradient.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    stepped = images + lr * gradient / size.clamp(min=1e-12)
    return (mean + (1 - rate) * (stepped - mean)).clamp(0, 1)


@STEP.mistake("the image decays before the step, which then stays whole; decay comes after it")
def decay_first(images, gradient, lr, rate, mean):
    size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()
    faded = mean + (1 - rate) * (images - mean)
    return (faded + lr * gradient / size.clamp(min=1e-12)).clamp(0, 1)


@STEP.mistake("this is the sign of the gradient: each value moves equally far; here they keep their sizes")
def the_sign(images, gradient, lr, rate, mean):
    return (mean + (1 - rate) * (images + lr * gradient.sign() - mean)).clamp(0, 1)


CLIPPING = Exercise(
    "07.2",
    "Clip what contributes little",
    difficulty=2,
    minutes=12,
    trains="telling four kinds of 'small' apart: value, norm, gradient, contribution",
    against="a sort of each image's pixels in numpy",
    praise="A pixel goes if the score would not miss it, however bright it is and however steep the gradient.",
    hints=(
        "What would the score lose if a pixel became the neutral colour? To first order the gradient times the "
        "way there, added up over its colours: ((images - mean) * gradient).sum(dim=1).",
        "Its size counts, so take .abs() *after* the sum: within a pixel colours may cancel, and then it does "
        "nothing for the score.",
        "For each image sort the h * w contributions: flat = c.flatten(1), places = flat.argsort(dim=1). The first "
        "int(share * h * w) places go, in all colours.",
        "small = torch.zeros_like(flat, dtype=torch.bool).scatter(1, places[:, :k], True), in the image's shape "
        "with one axis for the colours; then torch.where(small, mean, images).",
    ),
)


@CLIPPING.stub
def my_clipping(images, gradient, share, mean):
    """The images (n, c, h, w), in which the pixels that contribute least have become the neutral colour `mean`.

    A pixel's contribution is the size of what the score loses, to first order, if the pixel becomes `mean` in all its
    colours. In each image the int(share * h * w) pixels of the smallest contribution are changed; no two are equal.
    images: (n, c, h, w). gradient: of the score, as large. share: from 0 to below 1. mean: a number.
    """
    raise NotImplementedError


@CLIPPING.solve
def smallest_contributions(images, gradient, share, mean):
    contribution = ((images - mean) * gradient).sum(dim=1).abs()  # (n, h, w)
    flat = contribution.flatten(1)
    places = flat.argsort(dim=1)[:, : int(share * flat.shape[1])]
    small = torch.zeros_like(flat, dtype=torch.bool).scatter(1, places, True)
    return torch.where(small.view_as(contribution)[:, None], mean, images)


@CLIPPING.expect
def pixel_after_pixel(images, gradient, share, mean):
    found = images.double().numpy().copy()
    for x, g in zip(found, gradient.double().numpy(), strict=True):
        losses = {place: abs(np.dot(x[:, *place] - mean, g[:, *place])) for place in np.ndindex(x.shape[1:])}
        for place in sorted(losses, key=losses.get)[: int(share * len(losses))]:
            x[:, *place] = mean
    return torch.from_numpy(found)


@CLIPPING.inputs
def some_contributions():
    tiny = torch.tensor([[[0.9, 0.6], [0.5, 0.2]], [[0.9, 0.5], [0.7, 0.5]]])[None]
    slope = torch.tensor([[[1.0, 5.0], [9.0, 2.0]], [[-1.0, 0.0], [1.0, 0.0]]])[None]
    uneven = torch.tensor([1.0, 30.0, 0.05]).view(3, 1, 1, 1)  # how steep it is, image by image
    return [
        {"images": tiny, "gradient": slope, "share": 0.5, "mean": 0.5},
        {
            "images": _random(1, 3, 2, 3, seed=2).sigmoid(),
            "gradient": _random(1, 3, 2, 3, seed=3),
            "share": 0.4,
            "mean": 0.5,
        },
        {
            "images": _random(3, 3, 8, 7, seed=4).sigmoid(),
            "gradient": uneven * _random(3, 3, 8, 7, seed=5),
            "share": 0.6,
            "mean": 0.42,
        },
    ]


@CLIPPING.mistake("colours that cancel are counted as if they added up: the sum comes first, then abs")
def abs_before_the_sum(images, gradient, share, mean):
    loss = ((images - mean) * gradient).abs().sum(dim=1, keepdim=True)
    limit = loss.flatten(1).kthvalue(int(share * loss[0].numel()) + 1).values.view(-1, 1, 1, 1)
    return torch.where(loss < limit, mean, images)


@CLIPPING.mistake(
    "without abs the pixels that lower the score count as small; a large loss of either sign stays"
)
def signed(images, gradient, share, mean):
    loss = ((images - mean) * gradient).sum(dim=1, keepdim=True)
    limit = loss.flatten(1).kthvalue(int(share * loss[0].numel()) + 1).values.view(-1, 1, 1, 1)
    return torch.where(loss < limit, mean, images)


@CLIPPING.mistake("image times gradient asks what becomes of a *black* pixel; use images - mean")
def from_black(images, gradient, share, mean):
    loss = (images * gradient).sum(dim=1, keepdim=True).abs()
    limit = loss.flatten(1).kthvalue(int(share * loss[0].numel()) + 1).values.view(-1, 1, 1, 1)
    return torch.where(loss < limit, mean, images)


@CLIPPING.mistake("these are the pixels of small norm, another regulariser; the gradient has a say here")
def small_norm(images, gradient, share, mean):
    loss = (images - mean).norm(dim=1, keepdim=True)
    limit = loss.flatten(1).kthvalue(int(share * loss[0].numel()) + 1).values.view(-1, 1, 1, 1)
    return torch.where(loss < limit, mean, images)


@CLIPPING.mistake("these are the pixels of small gradient; what the pixel shows has a say, too")
def small_gradient(images, gradient, share, mean):
    loss = gradient.norm(dim=1, keepdim=True)
    limit = loss.flatten(1).kthvalue(int(share * loss[0].numel()) + 1).values.view(-1, 1, 1, 1)
    return torch.where(loss < limit, mean, images)


@CLIPPING.mistake("the share is taken over the whole batch, so a flat image loses everything: image by image")
def over_the_batch(images, gradient, share, mean):
    contribution = ((images - mean) * gradient).sum(dim=1, keepdim=True).abs()
    k = int(share * contribution[0].numel()) * len(images)
    limit = contribution.flatten().sort().values[k]
    return torch.where(contribution < limit, mean, images)


@CLIPPING.mistake("each colour is judged by itself; a pixel stays or goes with all its colours")
def colour_by_colour(images, gradient, share, mean):
    loss = ((images - mean) * gradient).abs()
    limit = loss.flatten(1).kthvalue(int(share * loss[0].numel()) + 1).values.view(-1, 1, 1, 1)
    return torch.where(loss < limit, mean, images)
