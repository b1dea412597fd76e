"""The sanity check: does a heatmap change when the net forgets what it has learned?

Layers get new random weights, from the class scores downwards (cascading) or one alone (independent). Each is drawn as
that layer itself is drawn when it is made: weights that are merely shuffled or too large can silence the net, and a
dead net changes every map. So ask `check_alive` after each step.
"""

from copy import deepcopy

import torch
from torch import nn

from lecture_utils.attribution import saliency
from lecture_utils.checks import check_choice, check_images, check_seed
from lecture_utils.hooks import frozen, logits_of

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm, nn.modules.instancenorm._InstanceNorm)


def weight_layers(net):
    """The layers that can be drawn anew, {name: (module names,)}, in the order in which the net defines them.

    A normalisation goes with the layer before it, whose scale it has learned. Names are from named_modules().
    """
    layers = {}
    for name, module in net.named_modules():
        if not list(module.parameters(recurse=False)):
            continue
        if isinstance(module, NORMS) and layers:
            last = next(reversed(layers))
            layers[last] += (name,)
        else:
            layers[name] = (name,)
    return layers


def randomised(net, layers, seed=0, fresh=None):
    """A copy of the net in which these layers have new weights; the net itself stays as it is.

    layers: names from `weight_layers`. seed: for the draws. fresh: a net of the same architecture as it was before any
    training, whose weights are taken; None lets each layer draw its own (`reset_parameters`), running means and
    variances of a normalisation start again. The random state is left as it was.
    Errors: KeyError (with near misses) for a layer; ValueError for one that cannot draw its own weights.
    Source: Adebayo et al. (2018), section 3. Differs: each layer's own initialisation, where the paper draws from one
    truncated normal.
    """
    known = weight_layers(net)
    for layer in layers:
        check_choice(layer, known, "layer")
        for name in known[layer] if fresh is None else ():
            if not isinstance(getattr(net.get_submodule(name), "weight", None), nn.Parameter | None):
                raise ValueError(
                    f"layers: {name!r} computes its weight anew in each pass (weight_norm, spectral_norm, pruning), so "
                    "drawing it would change nothing; give fresh="
                )
    copy = deepcopy(net)
    modules = dict(copy.named_modules())
    new = dict(fresh.named_modules()) if fresh is not None else {}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.default_generator.manual_seed(check_seed(seed))
        for name in (name for layer in layers for name in known[layer]):
            if fresh is not None:
                modules[name].load_state_dict(new[name].state_dict())
            elif hasattr(modules[name], "reset_parameters"):
                modules[name].reset_parameters()
            else:
                raise ValueError(
                    f"layers: {name!r} ({type(modules[name]).__name__}) has no reset_parameters; give fresh="
                )
    return copy


def cascade(net, seed=0, fresh=None):
    """Yield (name of the layer, copy of the net) from the top down; each copy has one more random layer.

    Arguments as in `randomised`. The last copy has no trained weight left.
    """
    names = list(weight_layers(net))
    for count in range(1, len(names) + 1):
        yield names[-count], randomised(net, names[-count:], seed, fresh)


def independent(net, seed=0, fresh=None):
    """Yield (name of the layer, copy of the net) from the top down; in each copy this layer alone is random."""
    for name in reversed(weight_layers(net)):
        yield name, randomised(net, [name], seed, fresh)


def check_alive(net, images):
    """Refuse a net that no longer sees: ValueError unless its scores are finite, differ from image to image, and every
    image has a gradient that is finite and not zero everywhere. images: (n, 3, h, w), n >= 2. Returns the net.
    """
    check_images(images, net=net)
    if len(images) < 2:
        raise ValueError(f"images: expected at least 2, to see whether the scores differ, got {len(images)}")
    with frozen(net) as net, torch.no_grad():
        logits = logits_of(net, images)
    if not torch.isfinite(logits).all():
        raise ValueError("net: its scores are NaN or infinite")
    spread = logits.std(0).max()
    if not spread > 1e-6 * logits.abs().max():
        raise ValueError(f"net: it gives every image the same scores (spread {float(spread):.2g})")
    gradient = saliency(net, images, logits.argmax(1).to(images.device)).flatten(1)
    if not torch.isfinite(gradient).all() or not (gradient != 0).any(1).all():
        raise ValueError("net: the gradient of an image is NaN, or zero everywhere")
    return net
