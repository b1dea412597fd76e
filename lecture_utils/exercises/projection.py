"""Exercise 09.3: back into the ball, in two norms."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


PROJECT = Exercise(
    "09.3",
    "Back into the ball",
    difficulty=3,
    minutes=15,
    trains="two norms, two balls, and an image at the end",
    against="one image and one value at a time in numpy",
    praise="Inside nothing moves, outside it goes just to the edge, and the result is an image.",
    hints=(
        "Both balls are around the image: look at difference = perturbed - images, and add it again at the end.",
        '"inf": each value of the difference by itself, difference.clamp(-eps, eps).',
        '"2": one length for each image, difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt(). What is too '
        "long is shortened, times eps / length; what is inside stays, so that factor is at most 1: .clamp(max=1).",
        "A difference of 0 has the length 0: length.clamp(min=1e-12) before you divide. Last of all .clamp(0, 1).",
    ),
)


@PROJECT.stub
def my_projection(perturbed, images, eps, norm):
    """The perturbed images, brought back into the ball of radius `eps` around the images, then cut to [0, 1].

    norm "inf": no value differs by more than eps. norm "2": each image's whole difference, all its values together, has
    a Euclidean length of at most eps; a longer one keeps its direction. What lies in the ball already stays.
    perturbed: (n, c, h, w), any values. images: (n, c, h, w) in [0, 1]. eps: in pixel units.
    """
    raise NotImplementedError


@PROJECT.solve
def two_balls(perturbed, images, eps, norm):
    difference = perturbed - images
    if norm == "inf":
        difference = difference.clamp(-eps, eps)
    else:
        length = difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        difference = difference * (eps / length.clamp(min=1e-12)).clamp(max=1)
    return (images + difference).clamp(0, 1)


@PROJECT.expect
def one_at_a_time(perturbed, images, eps, norm):
    found = perturbed.double().numpy().copy()
    for x, centre in zip(found, images.double().numpy(), strict=True):
        if norm == "inf":
            for place in np.ndindex(x.shape):
                x[place] = min(max(x[place], centre[place] - eps), centre[place] + eps)
        elif (length := np.linalg.norm(x - centre)) > eps:
            x[...] = centre + eps * (x - centre) / length
        np.clip(x, 0, 1, out=x)
    return torch.from_numpy(found)


@PROJECT.inputs
def some_balls():
    images, perturbed = (torch.tensor(v).view(1, 1, 1, 2) for v in ([0.5, 0.5], [0.8, 0.9]))
    pictures = _random(4, 3, 4, 5, seed=1).mul(3).sigmoid()
    far = torch.tensor([0.0, 0.004, 0.1, 0.6]).view(4, 1, 1, 1)  # one stays, one is inside
    moved = pictures + far * _random(4, 3, 4, 5, seed=2)
    return [
        {"perturbed": perturbed, "images": images, "eps": 0.1, "norm": "2"},
        {"perturbed": perturbed, "images": images, "eps": 0.35, "norm": "inf"},
        {"perturbed": moved, "images": pictures, "eps": 0.05, "norm": "inf"},
        {"perturbed": moved, "images": pictures, "eps": 0.5, "norm": "2"},
    ]


@PROJECT.mistake("what lies inside the ball is pushed out to its edge: only shorten, never stretch")
def always_to_the_edge(perturbed, images, eps, norm):
    difference = perturbed - images
    if norm == "inf":
        difference = difference.clamp(-eps, eps)
    else:
        length = difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        difference = difference * eps / length.clamp(min=1e-12)
    return (images + difference).clamp(0, 1)


@PROJECT.mistake(
    'for norm "2" each value is cut by itself, which is the other ball: shorten the whole difference'
)
def a_box_for_both(perturbed, images, eps, norm):
    return (images + (perturbed - images).clamp(-eps, eps)).clamp(0, 1)


@PROJECT.mistake(
    'for norm "inf" the whole difference is shrunk until its largest value fits; each value is cut by itself'
)
def shrunk_for_both(perturbed, images, eps, norm):
    difference = perturbed - images
    if norm == "inf":
        size = difference.abs().amax(dim=(1, 2, 3), keepdim=True)
    else:
        size = difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    return (images + difference * (eps / size.clamp(min=1e-12)).clamp(max=1)).clamp(0, 1)


@PROJECT.mistake('for norm "2" the whole batch has one length; each image has its own ball')
def one_length_for_the_batch(perturbed, images, eps, norm):
    difference = perturbed - images
    if norm == "inf":
        difference = difference.clamp(-eps, eps)
    else:
        difference = difference * (eps / difference.norm().clamp(min=1e-12)).clamp(max=1)
    return (images + difference).clamp(0, 1)


@PROJECT.mistake("the result is not cut to [0, 1]: it is in the ball, but it is no image")
def in_the_ball_only(perturbed, images, eps, norm):
    difference = perturbed - images
    if norm == "inf":
        return images + difference.clamp(-eps, eps)
    length = difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    return images + difference * (eps / length.clamp(min=1e-12)).clamp(max=1)


@PROJECT.mistake(
    'it is cut to [0, 1] before it goes into the ball; for norm "2" that changes the direction: the cut comes last'
)
def cut_first(perturbed, images, eps, norm):
    difference = perturbed.clamp(0, 1) - images
    if norm == "inf":
        difference = difference.clamp(-eps, eps)
    else:
        length = difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        difference = difference * (eps / length.clamp(min=1e-12)).clamp(max=1)
    return images + difference
