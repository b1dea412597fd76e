"""How much a map has changed, for the sanity check: signed maps of each method, and their rank correlations."""

import numpy as np
from scipy.stats import rankdata

from .. import attribution as at
from ..attribution.methods import STEPS


def maps(net, layer, images, targets, include_slow=True):
    """{method: signed map (n, values)}: gradients with their three colours, Grad-CAM at the layer's own size.

    include_slow: with integrated gradients, which cost as much as all others ten times over.
    """
    with at.relu_rule("deconvnet"):
        deconvnet = at.saliency(net, images, targets)
    guided = at.guided_backprop(net, images, targets)
    found = {
        "saliency": at.saliency(net, images, targets),
        "deconvnet rule": deconvnet,
        "guided backprop": guided,
        "Grad-CAM": at.grad_cam(net, images, targets, layer, raw=True, relu=False),
        "Guided Grad-CAM": guided * at.grad_cam(net, images, targets, layer)[:, None],
    }
    if include_slow:
        found["integrated gradients, black"] = at.integrated_gradients(net, images, targets, steps=STEPS)
    return {name: values.flatten(1) for name, values in found.items()}


def correlations(before, after):
    """{method: {"signed": [rank correlation of each image], "absolute": [...]}} of two results of `maps`."""
    found = {}
    for name in before:
        pair = before[name], after[name]
        found[name] = {
            "signed": spearman(*pair),
            "absolute": spearman(*(values.abs() for values in pair)),
        }
    return found


def spearman(a, b):
    """Rank correlation of each row of (n, k) with the same row of the other; 0 where a row is constant.

    Errors: ValueError for NaN or infinity: a dead net must not pass as a changed map.
    """
    a, b = (np.asarray(values.double()) for values in (a, b))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a map holds NaN or infinity")
    a, b = (rankdata(values, axis=1) for values in (a, b))
    a, b = (values - values.mean(1, keepdims=True) for values in (a, b))
    length = np.sqrt((a**2).sum(1) * (b**2).sum(1))
    return ((a * b).sum(1) / np.where(length > 0, length, 1)).tolist()
