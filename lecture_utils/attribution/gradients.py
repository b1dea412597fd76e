"""Which pixels would change the answer: gradients with respect to the image.

With other rules for the way back through a ReLU they become guided backprop and the deconvnet. The latter goes down
layer by layer from one unit's activation, and is a gradient times that activation but for one rule:

    max pooling      every maximum returns to its place, the rest is 0     = the gradient of max pooling
    ReLU             max(signal, 0)                                        = not a gradient: the deconvnet rule
    convolution      the transposed one, each filter flipped, no bias      = the gradient of the convolution
"""

from contextlib import nullcontext

import torch
from torch import Tensor, nn

from ..checks import check_choice, check_images, check_layer, check_place, check_tensor
from ..hooks import activations, device_of, frozen, gradient_of, leaf_of, logits_of, score_of
from .relu_rules import relu_rule

Targets = int | Tensor  # one class for all images, or a LongTensor (n,)
Layer = str | nn.Module  # a name from dict(net.named_modules()), or such a module
BATCH = 64  # points in one pass
HEATS = ("absolute", "squared", "positive", "signed")


def saliency(net: nn.Module, images: Tensor, targets: Targets) -> Tensor:
    """How much each pixel would change the score of the class: the gradient dS_c/dI, signed, (n, 3, h, w).

    net: gives scores (n, classes); S_c is the one of the target class, best *before* softmax (a probability also rises
    because other classes fall: of a net that ends in a softmax, this is the map of the probability). images:
    (n, 3, h, w) in [0, 1]. targets: an int or LongTensor (n,).
    The unit is score per unit of pixel value. On the images' device. `heat` makes a heatmap of it.
    Errors: ValueError for images, for targets, and for a net that gives no table of scores.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 3.

    >>> heat(saliency(net, images, targets))  # the paper's map: the largest |gradient| of the three colours
    """
    images = check_images(images, net)
    with frozen(net) as net:
        return score_gradient(net, leaf_of(net, images), targets).to(images.device)


def guided_backprop(net: nn.Module, images: Tensor, targets: Targets) -> Tensor:
    """Saliency in which each ReLU lets back only positive gradients, and only where it was on. (n, 3, h, w).

    Arguments and errors as in `saliency`; besides, ValueError for a net that calls no ReLU. What counts as one, see
    `relu_rule`.
    Source: Springenberg, Dosovitskiy, Brox, Riedmiller (2015), figure 1.
    Differs: the paper shows single units of a layer; this starts from the score of a class. For a unit write
    `with relu_rule("guided"): neuron_saliency(...)`.
    """
    images = check_images(images, net)
    with frozen(net) as net:
        return score_gradient(net, leaf_of(net, images), targets, relu_rule("guided")).to(images.device)


def score_gradient(net, leaf, targets, rule=None):
    """dS_c/dI of images that ask for a gradient, on the net's device. Inside `frozen`. rule: for the pass upwards."""
    with rule or nullcontext():
        logits = logits_of(net, leaf, softmax=False)
    return gradient_of(score_of(logits, targets), leaf)


def neuron_saliency(
    net: nn.Module,
    images: Tensor,
    layer: Layer,
    channel: int,
    row: int | None = None,
    column: int | None = None,
) -> Tensor:
    """The gradient of one unit inside the net with respect to the image, signed, (n, 3, h, w).

    layer: a name from dict(net.named_modules()) that gives maps (n, channels, rows, cols), or vectors (n, channels)
    and then without row and column. channel: int. row, column: its place; both None takes the channel's strongest
    unit, for each image its own. A unit behind a ReLU that is off has gradient 0.
    Errors: KeyError (with near misses) for a layer; ValueError for images, channel, row and column.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 3, with a unit instead of a class.
    """
    return _unit_gradient(net, images, layer, (channel, row, column), nullcontext(), torch.ones_like)


def deconvnet(
    net: nn.Module,
    images: Tensor,
    layer: Layer,
    channel: int,
    row: int | None = None,
    column: int | None = None,
) -> Tensor:
    """What made one unit of a layer fire, projected down to the pixels, signed, (n, 3, h, w).

    net: any nn.Module that calls ReLUs. The rest as in `neuron_saliency`. All other units of the layer are set to 0,
    the unit keeps its activation: a unit that is 0 projects to 0.
    Errors: as `neuron_saliency`; ValueError for a net that calls no ReLU.
    Source: Zeiler, Fergus (2014), section 2.1.
    Differs: any net, not only a chain; what is no ReLU is passed by its gradient. Where pooling windows overlap and
    share a maximum, what comes back is added up, as in the gradient. The way ends at the images in [0, 1], so the
    normalisation inside a net divides by its std once more.
    """
    unit_of = channel, row, column

    def activation(fired):
        return fired.clamp(min=0)  # the layer's own ReLU, where `layer` stands before it

    return _unit_gradient(net, images, layer, unit_of, relu_rule("deconvnet"), activation)


def _unit_gradient(net, images, layer, place, rule, start):
    """The gradient of unit(...) * start(unit(...)), start taken as a constant, with a rule for ReLUs."""
    check_layer(net, layer)
    images = check_images(images, net)
    with frozen(net) as net, activations(net, layer) as found:
        leaf = leaf_of(net, images)
        with rule:
            logits_of(net, leaf, softmax=False)
        fired = unit(found[layer], *place)
        return gradient_of(fired * start(fired.detach()), leaf).to(images.device)


def unit(maps: Tensor, channel: int, row: int | None = None, column: int | None = None) -> Tensor:
    """The activation (n,) of one unit of maps (n, channels, rows, cols) or vectors (n, channels).

    row, column: both None takes the strongest of the channel, the first where several are equal. Errors: ValueError.
    """
    if maps.ndim not in (2, 4):
        shape = tuple(maps.shape)
        raise ValueError(f"layer: expected maps (n, channels, rows, cols) or vectors, got {shape}")
    channel, row, column = check_place(channel, row, column, maps.shape)
    if row is not None:
        return maps[:, channel, row, column]
    flat = maps[:, channel].reshape(len(maps), -1)  # (n, rows * cols), a vector has one place
    return flat.gather(1, flat.argmax(1, keepdim=True))[:, 0]


def heat(gradient: Tensor, how: str = "absolute") -> Tensor:
    """A heatmap (n, h, w) from a signed gradient (n, 3, h, w): three colours become one number a pixel.

    how: "absolute", the largest |g| of the colours (the paper's); "squared", the sum of squares, which brings out
    the few strongest; "positive", the sum of what would raise the score; "signed", the plain sum, where colours may
    cancel: show it on a diverging scale. Only "signed" is ever negative.
    Errors: ValueError for the shape; KeyError for an unknown `how`.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 3.1 ("absolute").
    """
    check_tensor(gradient, "gradient", ("n", "channels", "h", "w"))
    check_choice(how, HEATS, "how")
    if how == "absolute":
        return gradient.abs().amax(1)
    if how == "squared":
        return gradient.square().sum(1)
    if how == "positive":
        return gradient.clamp(min=0).sum(1)
    return gradient.sum(1)


def saliency_at(net, targets, point, n, count, combine):
    """combine(gradients (count, 3, h, w)) for each of n images, at `count` points each: (n, 3, h, w).

    Inside `frozen`; on the net's device. point: from indices of images and of points, each (b,), to such points
    (b, 3, h, w). At most BATCH of them are in memory beside those of one image.
    """
    found, waiting = [], []
    for number in torch.arange(n * count).split(BATCH):
        image, place = number // count, number % count
        leaf = point(image, place).detach().to(device_of(net)).contiguous().requires_grad_()
        waiting.append(score_gradient(net, leaf, targets[image]))
        if sum(map(len, waiting)) >= count or number[-1] == n * count - 1:
            joined = torch.cat(waiting) if len(waiting) > 1 else waiting[0]
            *whole, rest = joined.split(count)
            whole, waiting = (whole, [rest]) if len(rest) < count else ([*whole, rest], [])
            found += [combine(gradients) for gradients in whole]
    return torch.stack(found)
