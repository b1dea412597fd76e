"""All pictures there are, counted: the proof that a model is a distribution.

Of 2 x 3 px with 3 levels there are 3^6 = 729 pictures. A model that never looks ahead gives them probabilities that
sum to 1 whatever its weights are. A model that does look ahead can give each picture a high one, and then they do not.

At the usual first weights all conditionals are near uniform, and a sum of 1 says little: a leaking model almost passes,
too. So the weights are made larger first.
"""

import copy
import math

import numpy as np
import torch

from lecture_utils.generative.masks import centre_mask, colour_groups, input_groups

MOST = 200_000  # pictures


def every_picture(levels, size, channels=1):
    """Each picture there is, LongTensor (levels^(c h w), c, h, w). Errors: ValueError where there are too many."""
    dims = channels * math.prod(size)
    if levels**dims > MOST:
        raise ValueError(
            f"there are {levels}^{dims} pictures; at most {MOST} are counted: fewer levels or pixels"
        )
    codes = torch.arange(levels**dims)[:, None]
    places = levels ** torch.arange(dims - 1, -1, -1)
    return (codes // places % levels).view(-1, channels, *size)


def probabilities(model):
    """The probability of every picture there is, float64 (pictures,), in the order of `every_picture`."""
    with torch.no_grad():
        return model.log_prob(every_picture(model.levels, model.size, model.channels)).double().exp()


def strengthened(model, factor=6.0):
    """A copy in float64 whose weights (not the biases) are `factor` times as large: far from uniform."""
    strong = copy.deepcopy(model).double()
    with torch.no_grad():
        for parameter in strong.parameters():
            if parameter.ndim > 1:
                parameter.mul_(factor)
    return strong


def leaking(model):
    """A copy whose first layer has mask B where it must have A: each value sees itself. For tests of tests."""
    leaky = copy.deepcopy(model)
    first = leaky.left if getattr(leaky, "gated", False) else leaky.first
    width, inputs, rows, columns = first.mask.shape
    own = centre_mask(
        "B", input_groups(model.channels, inputs - model.channels), colour_groups(width, model.channels)
    )
    first.mask[:, :, -1, columns - 1 if rows == 1 else columns // 2] = own
    return leaky


def chi_squared(probabilities, counts, least=5.0):
    """Do counts (k,) fit these probabilities (k,)? Result: chi^2, degrees of freedom, p-value.

    Cells that expect fewer than `least` are taken together. A sampler that is right gives a p-value below .001 once in
    a thousand times. Source: Pearson (1900).
    """
    from scipy.stats import chisquare

    counts = np.asarray(counts, float)
    expected = np.asarray(probabilities, float) * counts.sum()
    few = expected < least
    seen, wanted = counts[~few], expected[~few]
    if few.any():
        seen, wanted = np.append(seen, counts[few].sum()), np.append(wanted, expected[few].sum())
    found = chisquare(seen, wanted)
    return float(found.statistic), len(seen) - 1, float(found.pvalue)


def code(x, levels):
    """The number of each picture in the order of `every_picture`, LongTensor (n,)."""
    flat = x.flatten(1)
    return (flat * levels ** torch.arange(flat.shape[1] - 1, -1, -1)).sum(1)
