"""Exercise 08.4: a dream, from small to large."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


DREAM = Exercise(
    "08.4",
    "A dream with octaves",
    difficulty=4,
    minutes=25,
    trains="carrying what was drawn from size to size, without losing the photograph",
    against="the gradient worked out on paper, and sizes by kron in numpy",
    praise="Only what was drawn is enlarged, so the photograph stays sharp, and large forms come first.",
    hints=(
        "First the sizes: photos = [photograph], then photos.insert(0, avg_pool2d(photos[0], 2)) until there are "
        "`octaves` of them, the smallest first. torch.nn.functional.avg_pool2d takes (c, h, w).",
        "Begin with detail = zeros like the smallest. In each octave: x = (photo + detail).clamp(0, 1), then the "
        "steps, then detail = x - photo.",
        "For the next octave enlarge the detail, not x: "
        "detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2).",
        "A step: x = x.clone().requires_grad_(); value = x.diff(dim=2).square().sum() / 2; g = "
        "torch.autograd.grad(value, x)[0]; x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1).",
    ),
)


@DREAM.stub
def my_dream(photograph, octaves, steps, lr):
    """The photograph (c, h, w) after a dream, in [0, 1].

    The last octave has the photograph's size, each one before half the sides: means of 2 x 2 px. The first begins with
    the photograph at its size; each later one with the photograph at its size plus the detail, cut to [0, 1]. The
    detail: by how much the octave before ended away from the photograph at *that* size, each value enlarged to 2 x 2.
    In each octave come `steps` steps: x + lr * g / mean|g|, cut to [0, 1]. g is the gradient of half of sum F(x)^2, the
    mean is over all its values and never 0 here. The layer: F(x) = x.diff(dim=2), edges between neighbours in a row.
    """
    raise NotImplementedError


@DREAM.solve
def only_the_detail_is_enlarged(photograph, octaves, steps, lr):
    photos = [photograph]
    for _ in range(octaves - 1):
        photos.insert(0, torch.nn.functional.avg_pool2d(photos[0], 2))
    detail = torch.zeros_like(photos[0])
    for photo in photos:
        if detail.shape != photo.shape:
            detail = detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        x = (photo + detail).clamp(0, 1)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1)
        detail = x - photo
    return x


@DREAM.expect
def on_paper(photograph, octaves, steps, lr):
    def halved(x, times):
        side = 2**times
        c, h, w = x.shape
        return x.reshape(c, h // side, side, w // side, side).mean((2, 4))

    whole, drawn = photograph.double().numpy(), 0
    for times in reversed(range(octaves)):
        photo = halved(whole, times)
        x = np.clip(photo + np.kron(drawn, np.ones((1, 2, 2))) if times < octaves - 1 else photo, 0, 1)
        for _ in range(steps):
            edges = np.pad(np.diff(x, axis=2), [(0, 0), (0, 0), (1, 1)])  # (c, h, w + 1), no edge outside
            g = edges[:, :, :-1] - edges[:, :, 1:]  # a px gains as the end of an edge, loses as its beginning
            x = np.clip(x + lr * g / np.abs(g).mean(), 0, 1)
        drawn = x - photo
    return torch.from_numpy(x)


@DREAM.inputs
def some_dreams():
    step = torch.tensor([[[0.2, 0.2, 0.6, 0.6], [0.2, 0.2, 0.6, 0.6]]])
    return [
        {"photograph": step, "octaves": 2, "steps": 1, "lr": 0.1},
        {"photograph": _random(1, 4, 8, seed=1).sigmoid(), "octaves": 3, "steps": 2, "lr": 0.03},
        {"photograph": _random(3, 16, 24, seed=2).sigmoid(), "octaves": 3, "steps": 4, "lr": 0.02},
    ]


@DREAM.mistake(
    "the whole picture is enlarged, so the photograph's own fine detail is lost: enlarge only what was drawn"
)
def the_whole_picture_enlarged(photograph, octaves, steps, lr):
    x = photograph
    for _ in range(octaves - 1):
        x = torch.nn.functional.avg_pool2d(x, 2)
    for octave in range(octaves):
        if octave:
            x = x.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1)
    return x


@DREAM.mistake(
    "each octave begins with the photograph alone, so what the smaller ones drew is lost: add the detail"
)
def each_octave_anew(photograph, octaves, steps, lr):
    x = photograph
    for _ in range(steps):
        x = x.clone().requires_grad_()
        (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
        x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1)
    return x


@DREAM.mistake(
    "the detail is what the last octave alone drew: take the difference to the photograph, not to where it began"
)
def what_the_last_octave_drew(photograph, octaves, steps, lr):
    pool, detail = torch.nn.functional.avg_pool2d, 0
    for size in (2**k for k in reversed(range(octaves))):
        photo = pool(photograph, size)
        if size < 2 ** (octaves - 1):
            detail = detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        first = x = (photo + detail).clamp(0, 1)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1)
        detail = x - first
    return x


@DREAM.mistake("the detail is cut to [0, 1], and all that became darker is lost: a difference has a sign")
def detail_without_its_sign(photograph, octaves, steps, lr):
    pool, detail = torch.nn.functional.avg_pool2d, 0
    for size in (2**k for k in reversed(range(octaves))):
        photo = pool(photograph, size)
        if size < 2 ** (octaves - 1):
            detail = detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        x = (photo + detail).clamp(0, 1)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1)
        detail = (x - photo).clamp(0, 1)
    return x


@DREAM.mistake(
    "the gradient is taken as it is, so a flat picture hardly dreams: divide by its mean size, |g|"
)
def not_scaled(photograph, octaves, steps, lr):
    pool, detail = torch.nn.functional.avg_pool2d, 0
    for size in (2**k for k in reversed(range(octaves))):
        photo = pool(photograph, size)
        if size < 2 ** (octaves - 1):
            detail = detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        x = (photo + detail).clamp(0, 1)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x + lr * g).detach().clamp(0, 1)
        detail = x - photo
    return x


@DREAM.mistake("it walks downhill, so edges fade: the layer shall see more of what it sees")
def edges_fade(photograph, octaves, steps, lr):
    pool, detail = torch.nn.functional.avg_pool2d, 0
    for size in (2**k for k in reversed(range(octaves))):
        photo = pool(photograph, size)
        if size < 2 ** (octaves - 1):
            detail = detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        x = (photo + detail).clamp(0, 1)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x - lr * g / g.abs().mean()).detach().clamp(0, 1)
        detail = x - photo
    return x
