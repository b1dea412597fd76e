"""Which pixels would change the answer: gradients with respect to the image."""

from contextlib import nullcontext

import torch

from ..checks import check_layer, near_miss
from ..hooks import activations, differentiable, gradient_of, logits_of, score_of
from .relu_rules import relu_rule

HEATS = ("absolute", "squared", "positive", "signed")


def saliency(net, images, targets):
    """How much each pixel would change the score of the class: the gradient dS_c/dI, signed, (n, 3, h, w).

    net: gives logits (n, classes); S_c is the one of the target class, *before* softmax (the probability would also
    rise because other classes fall). images: (n, 3, h, w) in [0, 1]. targets: an int or LongTensor (n,).
    The unit is score per unit of pixel value. On the images' device. `heat` makes a heatmap of it.
    Errors: ValueError for images, for targets, and for a net that gives no logits.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 3.

    >>> heat(saliency(net, images, targets))  # the paper's map: the largest |gradient| of the three colours
    """
    return _gradient_of_score(net, images, targets, nullcontext())


def guided_backprop(net, images, targets):
    """Saliency in which each ReLU lets back only positive gradients, and only where it was on. (n, 3, h, w).

    Arguments and errors as in `saliency`; besides, ValueError for a net that calls no ReLU. Every ReLU counts,
    however it is called; other non-linearities keep their own derivative (see `relu_rule`).
    Source: Springenberg, Dosovitskiy, Brox, Riedmiller (2015), figure 1.
    Differs: the paper shows single units of a layer; this starts from the score of a class. For a unit write
    `with relu_rule("guided"): neuron_saliency(...)`.
    """
    return _gradient_of_score(net, images, targets, relu_rule("guided"))


def _gradient_of_score(net, images, targets, rule):
    with differentiable(net, images) as leaf:
        with rule:
            logits = logits_of(net, leaf)
        return gradient_of(score_of(logits, targets), leaf).to(images.device)


def neuron_saliency(net, images, layer, channel, row=None, column=None):
    """The gradient of one unit inside the net with respect to the image, signed, (n, 3, h, w).

    layer: a name from dict(net.named_modules()) that gives maps (n, channels, rows, cols), or vectors (n, channels)
    and then without row and column. channel: int. row, column: its place; both None takes the channel's strongest
    unit, for each image its own. A unit behind a ReLU that is off has gradient 0.
    Errors: KeyError (with near misses) for a layer; ValueError for images, channel, row and column.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 3, with a unit instead of a class.
    """
    check_layer(net, layer)
    with differentiable(net, images) as leaf, activations(net, layer) as found:
        logits_of(net, leaf)
        return gradient_of(unit(found[layer], channel, row, column), leaf).to(images.device)


def unit(maps, channel, row=None, column=None):
    """The activation (n,) of one unit of maps (n, channels, rows, cols) or vectors (n, channels).

    row, column: both None takes the strongest of the channel, the first where several are equal. Errors: ValueError.
    """
    if maps.ndim not in (2, 4):
        raise ValueError(
            f"layer: expected maps (n, channels, rows, cols) or vectors, got {tuple(maps.shape)}"
        )
    _inside("channel", channel, maps.shape[1])
    flat = maps[:, channel].reshape(len(maps), -1)  # (n, rows * cols), a vector has one place
    if row is None and column is None:
        return flat.gather(1, flat.argmax(1, keepdim=True))[:, 0]
    if maps.ndim == 2 or row is None or column is None:
        what = (
            "this layer has no places: leave out row and column" if maps.ndim == 2 else "give both or neither"
        )
        raise ValueError(f"row, column: {what}; got {row}, {column}")
    _inside("row", row, maps.shape[2])
    _inside("column", column, maps.shape[3])
    return maps[:, channel, row, column]


def _inside(name, index, size):
    if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < size:
        raise ValueError(f"{name}: expected an integer from 0 to {size - 1}, got {index!r}")


def heat(gradient, how="absolute"):
    """A heatmap (n, h, w) from a signed gradient (n, 3, h, w): three colours become one number a pixel.

    how: "absolute", the largest |g| of the colours (the paper's); "squared", the sum of squares, which brings out
    the few strongest; "positive", the sum of what would raise the score; "signed", the plain sum, where colours may
    cancel: show it on a diverging scale. Only "signed" is ever negative.
    Errors: ValueError for the shape; KeyError for an unknown `how`.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 3.1 ("absolute").
    """
    if not isinstance(gradient, torch.Tensor) or gradient.ndim != 4:
        what = tuple(gradient.shape) if isinstance(gradient, torch.Tensor) else type(gradient).__name__
        raise ValueError(f"gradient: expected a tensor of shape (n, 3, h, w), got {what}")
    if how == "absolute":
        return gradient.abs().amax(1)
    if how == "squared":
        return gradient.square().sum(1)
    if how == "positive":
        return gradient.clamp(min=0).sum(1)
    if how == "signed":
        return gradient.sum(1)
    raise near_miss(how, HEATS, "how")
