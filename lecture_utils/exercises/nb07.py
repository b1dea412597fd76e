"""Exercises of notebook 07: a step uphill, and three ways to keep an image natural while it climbs."""

import numpy as np
import torch
from scipy.ndimage import convolve1d

from .exercise import Exercise, normal


@Exercise("""
07.1 · One step uphill
against: one image after another in numpy
praise: Every image takes a step of the same length, and what fades, fades to the neutral colour.
hint: The size of a gradient is its root mean square, over all colours and places of one image:
    gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt().
hint: Uphill is plus: images + lr * gradient / size. Where the gradient is 0 everywhere this is 0 / 0:
    size.clamp(min=1e-12) makes it no step at all.
hint: Nothing is not black: decay takes a share of what differs from the neutral colour, mean + (1 - rate) * (stepped
    - mean). Then clamp(0, 1).
wrong: you go downhill: an optimiser's minus sign lowers the score; climbing it is plus
    images + lr -> images - lr
wrong: the image fades to black; in [0, 1] nothing is the neutral colour: shrink images - mean
    mean + (1 - rate) * (stepped - mean) -> (1 - rate) * stepped
wrong: the step is lr times the gradient as it is, so how far it goes depends on the net: divide
    / size.clamp(min=1e-12) ->
wrong: one length is taken for the whole batch; each image has its own: dim=(1, 2, 3)
    .mean(dim=(1, 2, 3), keepdim=True) -> .mean()
""")
def my_step(images, gradient, lr, rate, mean):
    """The images (n, 3, h, w) after one step of gradient ascent with decay, in [0, 1]."""
    size = gradient.square().mean(dim=(1, 2, 3), keepdim=True).sqrt()  # (n, 1, 1, 1)
    stepped = images + lr * gradient / size.clamp(min=1e-12)
    return (mean + (1 - rate) * (stepped - mean)).clamp(0, 1)


def some_steps():
    images, gradient = torch.tensor([[0.5, 0.5, 1.0], [1.0, -7.0, 5.0]]).view(2, 1, 3, 1, 1)
    yield images, gradient, 0.1, 0.1, 0.5
    yield images.repeat(2, 1, 1, 1), torch.cat([gradient, 0 * gradient]), 0.1, 0.5, 0.4
    sizes = torch.tensor([0.01, 1.0, 300.0, 5.0]).view(4, 1, 1, 1)
    yield normal(4, 3, 6, 5).sigmoid(), sizes * normal(4, 3, 6, 5, seed=1), 0.2, 0.05, 0.45


@my_step.expect(some_steps)
def image_after_image(images, gradient, lr, rate, mean):
    found = []
    for x, g in zip(images, gradient, strict=True):
        length = np.linalg.norm(g)
        way = g * (lr * np.sqrt(g.size) / length) if length else 0 * g
        found.append(np.clip((1 - rate) * (x + way) + rate * mean, 0, 1))
    return found


@Exercise("""
07.2 · Clip what contributes little
against: a sort of each image's pixels in numpy
praise: A pixel goes if the score would not miss it, however bright it is and however steep the gradient.
hint: What would the score lose if a pixel became the neutral colour? To first order the gradient times the way there,
    added up over its colours: ((images - mean) * gradient).sum(dim=1).
hint: Its size counts, so take .abs() *after* the sum: within a pixel colours may cancel, and then it does nothing for
    the score.
hint: For each image sort the h * w contributions: flat = c.flatten(1), places = flat.argsort(dim=1). The first
    int(share * h * w) places go, in all colours.
hint: small = torch.zeros_like(flat, dtype=torch.bool).scatter(1, places[:, :k], True), in the image's shape with one
    axis for the colours; then torch.where(small, mean, images).
wrong: colours that cancel are counted as if they added up: the sum comes first, then abs
    .sum(dim=1).abs() -> .abs().sum(dim=1)
wrong: without abs the pixels that lower the score count as small; a large loss of either sign stays
    .sum(dim=1).abs() -> .sum(dim=1)
wrong: image times gradient asks what becomes of a *black* pixel; use images - mean
    (images - mean) * gradient -> images * gradient
wrong: each colour is judged by itself; a pixel stays or goes with all its colours
    ((images - mean) * gradient).sum(dim=1).abs() -> ((images - mean) * gradient).abs()
    small.view_as(contribution)[:, None] -> small.view_as(contribution)
""")
def my_clipping(images, gradient, share, mean):
    """The images (n, c, h, w), in which the pixels that contribute least have become the neutral colour `mean`."""
    contribution = ((images - mean) * gradient).sum(dim=1).abs()  # (n, h, w)
    flat = contribution.flatten(1)
    places = flat.argsort(dim=1)[:, : int(share * flat.shape[1])]
    small = torch.zeros_like(flat, dtype=torch.bool).scatter(1, places, True)
    return torch.where(small.view_as(contribution)[:, None], mean, images)


def some_contributions():
    tiny = torch.tensor([[[0.9, 0.6], [0.5, 0.2]], [[0.9, 0.5], [0.7, 0.5]]])[None]
    yield tiny, torch.tensor([[[1.0, 5.0], [9.0, 2.0]], [[-1.0, 0.0], [1.0, 0.0]]])[None], 0.5, 0.5
    yield normal(1, 3, 2, 3, seed=2).sigmoid(), normal(1, 3, 2, 3, seed=3), 0.4, 0.5
    uneven = torch.tensor([1.0, 30.0, 0.05]).view(3, 1, 1, 1)  # how steep it is, image by image
    yield normal(3, 3, 8, 7, seed=4).sigmoid(), uneven * normal(3, 3, 8, 7, seed=5), 0.6, 0.42


@my_clipping.expect(some_contributions)
def pixel_after_pixel(images, gradient, share, mean):
    for x, g in zip(images, gradient, strict=True):
        losses = {place: abs(np.dot(x[:, *place] - mean, g[:, *place])) for place in np.ndindex(x.shape[1:])}
        for place in sorted(losses, key=losses.get)[: int(share * len(losses))]:
            x[:, *place] = mean
    return images


@Exercise("""
07.3 · A blur every few steps
against: scipy's convolution with mirrored borders
praise: The image is blurred, not the gradient, after every so many steps, and no border darkens.
hint: Each step is image = image + lr * weights: the score is a sum, so its gradient is the weights themselves.
hint: Step number 0 is the first one. Blur after it if (number + 1) % every == 0.
hint: Mirror the border: padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="reflect"), which makes the image
    two px larger each way.
hint: Down: (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4. Then the same across, on the third axis.
wrong: it is blurred after the first step, then after `every` more: count from 1, (number + 1)
    (number + 1) % every -> number % every
wrong: it is blurred after each step, whatever `every` says, and washed out before it has climbed
    (number + 1) % every == 0 -> True
wrong: beyond the border lie zeros, so it darkens with each blur: mirror the image there
    "reflect" -> "constant"
wrong: it is blurred across only, so horizontal stripes stay: down as well
    p = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4 -> p = p[:, 1:-1]
""")
def my_blurred_ascent(image, weights, lr, steps, every):
    """The image (c, h, w) after `steps` steps of gradient ascent, blurred after every `every`-th of them."""
    for number in range(steps):
        image = image + lr * weights
        if (number + 1) % every == 0:
            p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="reflect")  # (c, h + 2, w + 2)
            p = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4  # (c, h, w + 2)
            image = (p[:, :, :-2] + 2 * p[:, :, 1:-1] + p[:, :, 2:]) / 4  # (c, h, w)
    return image


def some_climbs():
    yield torch.zeros(1, 2, 3), torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]), 4.0, 2, 2
    climbs = ((1, 2, 3), 0.5, 5, 2), ((3, 6, 5), 0.1, 7, 3), ((3, 9, 12), 0.05, 8, 4)
    for n, (shape, *climb) in enumerate(climbs):
        yield normal(*shape, seed=n).sigmoid(), normal(*shape, seed=n + 10), *climb


@my_blurred_ascent.expect(some_climbs)
def by_scipy_with_mirrors(image, weights, lr, steps, every):
    whole, rest = divmod(steps, every)
    for _ in range(whole):
        image = image + every * lr * weights
        for axis in (1, 2):
            image = convolve1d(image, [0.25, 0.5, 0.25], axis, mode="mirror")
    return image + rest * lr * weights


@Exercise("""
07.4 · Ascent with jitter and total variation
against: autograd through the shift and the total variation, in one go
praise: The net sees a shifted image, the gradient finds its way back, and the image never moves.
hint: In each step: seen = image.roll((down, across), (1, 2)). The score's gradient at `seen` is the sum of the
    weights of all units that are on: on = (weights * seen).sum((1, 2, 3)) > 0.
hint: That gradient belongs to the shifted places. Shift it back, roll((-down, -across), (1, 2)), before it meets the
    image.
hint: The total variation is of the image, not of what is seen: where the shifted image wraps round there is a seam
    that nobody drew. Per pair of neighbours (a, b) with b after a, the gradient is -2 (b - a) at a and +2 (b - a) at
    b.
hint: Or let autograd do all of it: objective = relu((weights * x.roll(...)).sum((1, 2, 3))).sum() - tv *
    (x.diff(dim=1).square().sum() + x.diff(dim=2).square().sum()), differentiated with respect to x.
wrong: the gradient is that of the shifted image, and never shifted back to the places it is meant for
    .roll((-down, -across), (1, 2)) ->
wrong: the gradient is shifted the same way once more; back is minus down and minus across
    (-down, -across) -> (down, across)
wrong: the net is shown the image where it stands; the shift decides which units are on
    weights * seen -> weights * image
wrong: roughness is rewarded: the total variation is taken off the score, so its gradient has a minus
    gradient - tv -> gradient + tv
""")
def my_jittered_ascent(image, weights, lr, tv, shifts):
    """The image (c, h, w) after one step of ascent for each of the shifts, in [0, 1]."""
    for down, across in shifts.tolist():
        seen = image.roll((down, across), (1, 2))
        on = (weights * seen).sum((1, 2, 3)) > 0  # (k,)
        gradient = weights[on].sum(0).roll((-down, -across), (1, 2))
        rough = torch.zeros_like(image)  # of the total variation
        rough[:, 1:] += 2 * image.diff(dim=1)
        rough[:, :-1] -= 2 * image.diff(dim=1)
        rough[:, :, 1:] += 2 * image.diff(dim=2)
        rough[:, :, :-1] -= 2 * image.diff(dim=2)
        image = (image + lr * (gradient - tv * rough)).clamp(0, 1)
    return image


def some_shifts():
    weights = torch.tensor([[[[1.0, 0.0, 0.0]]]])
    yield torch.tensor([[[0.2, 0.4, 0.4]]]), weights, 0.1, 0.5, torch.tensor([[0, 1]])
    climbs = ((1, 3, 2), 2, 0.02, [[1, 0], [0, 1]]), ((3, 5, 6), 4, 0.01, [[2, -1], [-3, 2], [1, 1]])
    for shape, k, lr, shifts in climbs:
        yield normal(*shape, seed=k).sigmoid(), normal(k, *shape, seed=k + 5), lr, 2.0, torch.tensor(shifts)


@my_jittered_ascent.expect(some_shifts, in_numpy=False)
def by_autograd_in_one_go(image, weights, lr, tv, shifts):
    x = image.double()
    for down, across in shifts.tolist():
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            rows, columns = (torch.arange(side) for side in x.shape[1:])
            seen = x[:, (rows - down) % len(rows)][:, :, (columns - across) % len(columns)]
            score = torch.einsum("kchw,chw->k", weights.double(), seen).relu().sum()
            rough = ((x[:, 1:] - x[:, :-1]) ** 2).sum() + ((x[:, :, 1:] - x[:, :, :-1]) ** 2).sum()
        (gradient,) = torch.autograd.grad(score - tv * rough, x)
        x = (x.detach() + lr * gradient).clamp(0, 1)
    return x
