"""Exercise 08.3: the style loss as shares."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


STYLE = Exercise(
    "08.3",
    "The style loss, in shares",
    difficulty=3,
    minutes=15,
    trains="a loss whose weights mean the same for every layer, net and size of picture",
    against="einsum in numpy, in float64",
    praise="Each layer counts by its weight, not by how strongly it happens to fire, and the style may have any size.",
    hints=(
        "For each layer two Gram matrices: G of the features, A of the style. flat = f.flatten(1), (c, h * w), and "
        "G = flat @ flat.T / flat.shape[1].",
        "Each by its own number of places: the style may be smaller or larger than the picture.",
        "A layer's share is (G - A).square().sum() / A.square().sum(): 1 is what features of 0 would give.",
        "Weight times share, added up over the layers; the weights need not sum to 1.",
    ),
)


@STYLE.stub
def my_style_loss(features, style, weights):
    """The style loss, a number: the sum over layers of weight * sum (G - A)^2 / sum A^2.

    G, A: the Gram matrices of the features and of the style, the mean over places of the outer product.
    features, style: lists, one tensor for each layer, (c, h, w); the style's h and w may be others. weights: (layers,).
    """
    raise NotImplementedError


@STYLE.solve
def share_by_share(features, style, weights):
    def gram(maps):
        flat = maps.flatten(1)  # (c, h * w)
        return flat @ flat.T / flat.shape[1]

    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = gram(maps), gram(wanted)
        loss = loss + weight * (G - A).square().sum() / A.square().sum()
    return loss


@STYLE.expect
def by_einsum(features, style, weights):
    loss = 0.0
    for maps, wanted, weight in zip(features, style, weights.double().numpy(), strict=True):
        G, A = (
            np.einsum("chw,dhw->cd", f, f) / (f.shape[1] * f.shape[2])
            for f in (maps.double().numpy(), wanted.double().numpy())
        )
        loss += weight * np.linalg.norm(G - A) ** 2 / np.linalg.norm(A) ** 2
    return float(loss)


@STYLE.inputs
def some_styles():
    tiny = {
        "features": [torch.tensor([[[1.0, 2.0]], [[0.0, 1.0]]])],
        "style": [torch.tensor([[[2.0]], [[1.0]]])],
        "weights": torch.tensor([1.0]),
    }
    layers = [((3, 8, 6), (3, 5, 5), 4.0), ((5, 4, 3), (5, 3, 2), 0.5), ((8, 2, 2), (8, 3, 2), 1.0)]
    more = [
        {
            "features": [
                (scale * _random(*shape, seed=n)).relu() for n, (shape, _, scale) in enumerate(some)
            ],
            "style": [
                (scale * _random(*shape, seed=n + 9)).relu() for n, (_, shape, scale) in enumerate(some)
            ],
            "weights": torch.tensor(weights),
        }
        for some, weights in ((layers[:2], [1.0, 0.5]), (layers, [0.25, 2.0, 1.0]))
    ]
    return [tiny, *more]


@STYLE.mistake(
    "the Gram matrices are sums, so a picture of another size than the style never fits: divide by the places"
)
def grams_as_sums(features, style, weights):
    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = (f.flatten(1) @ f.flatten(1).T for f in (maps, wanted))
        loss = loss + weight * (G - A).square().sum() / A.square().sum()
    return loss


@STYLE.mistake("no shares are taken, so the layer that fires most decides alone: divide by sum A^2")
def no_shares(features, style, weights):
    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = (f.flatten(1) @ f.flatten(1).T / f[0].numel() for f in (maps, wanted))
        loss = loss + weight * (G - A).square().sum()
    return loss


@STYLE.mistake(
    "one share is taken of all layers together; each layer has its own, or the strongest decides alone"
)
def one_share_for_all(features, style, weights):
    above = below = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = (f.flatten(1) @ f.flatten(1).T / f[0].numel() for f in (maps, wanted))
        above, below = above + weight * (G - A).square().sum(), below + A.square().sum()
    return above / below


@STYLE.mistake("the share is of sum G^2, the picture's own, which the optimiser could make large: of sum A^2")
def share_of_the_picture(features, style, weights):
    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = (f.flatten(1) @ f.flatten(1).T / f[0].numel() for f in (maps, wanted))
        loss = loss + weight * (G - A).square().sum() / G.square().sum()
    return loss


@STYLE.mistake("your shares are of lengths, with a root; sums of squares were asked for")
def with_a_root(features, style, weights):
    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = (f.flatten(1) @ f.flatten(1).T / f[0].numel() for f in (maps, wanted))
        loss = loss + weight * (G - A).norm() / A.norm()
    return loss


@STYLE.mistake("this is a weighted mean; the weights are not divided by their sum: a layer can be added")
def a_weighted_mean(features, style, weights):
    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = (f.flatten(1) @ f.flatten(1).T / f[0].numel() for f in (maps, wanted))
        loss = loss + weight / weights.sum() * (G - A).square().sum() / A.square().sum()
    return loss
