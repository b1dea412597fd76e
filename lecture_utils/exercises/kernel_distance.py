"""Exercise 12.4: KID, an unbiased distance between two sets of features."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


KID = Exercise(
    "12.4",
    "A distance that does not flatter",
    difficulty=4,
    minutes=20,
    trains="a distance between sets of pictures, and why a picture must not be compared with itself",
    against="the kernel's own feature space, written out with all its products of three, in numpy",
    praise="Two samples of one kind are 0 apart on average, and a single value may well lie below 0.",
    hints=(
        "One kernel for all pairs at once: k(a, b) = (a @ b.T / d + 1) ** 3 is (n, m), with d = a.shape[1].",
        "Three means: within a, within b, and across; KID = within + within - 2 * across.",
        "Across, all n * m pairs count. Within a set a picture paired with itself says nothing about others: leave the "
        "n pairs out of the sum *and* of the count, n * (n - 1) remain.",
        "(own.sum() - own.diagonal().sum()) / (n * (n - 1)) is the mean over the others. No root, and no clamp at 0.",
    ),
)


@KID.stub
def my_kid(a, b):
    """The kernel inception distance of two sets of features, a number: the unbiased estimate of MMD^2.

    MMD^2 = E k(x, x') + E k(y, y') - 2 E k(x, y), with k(x, y) = (x . y / d + 1)^3; x and x' are two *different*
    members of a, y and y' of b. Each mean is over all such pairs. a: (n, d), b: (m, d), the features of n and m
    pictures, 2 or more each. Being unbiased, it may come out below 0.
    """
    raise NotImplementedError


@KID.solve
def three_means(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def among_others(x):
        own = kernel(x, x)
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return among_others(a) + among_others(b) - 2 * kernel(a, b).mean()


@KID.expect
def in_the_feature_space(a, b):
    """(x . y / d + 1)^3 is the dot product of all products of three of the numbers (x / sqrt(d), 1)."""

    def products(x):
        x = np.column_stack([x.double().numpy() / np.sqrt(x.shape[1]), np.ones(len(x))])
        return np.einsum("ni,nj,nk->nijk", x, x, x).reshape(len(x), -1)

    a, b = products(a), products(b)
    within = [
        (np.square(each.sum(0)).sum() - np.square(each).sum()) / (len(each) * (len(each) - 1))
        for each in (a, b)
    ]
    return float(sum(within) - 2 * a.mean(0) @ b.mean(0))


@KID.inputs
def some_features():
    base = torch.tensor([[1.0], [2.0]])
    more = [
        {"a": _random(n, d, seed=d) + far, "b": wide * _random(m, d, seed=d + 1)}
        for n, m, d, far, wide in ((3, 4, 2, 1.0, 1.0), (12, 9, 5, 0.0, 1.0), (10, 20, 8, 0.5, 2.0))
    ]
    return [{"a": base, "b": base - 1}, *more]


@KID.mistake(
    "each picture is compared with itself, too: then even two samples of one kind are apart (biased)"
)
def with_itself(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    return kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()


@KID.mistake(
    "the pairs of a picture with itself are gone from the sum, but not from the count: n * (n - 1) remain"
)
def counted_all_the_same(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def among_others(x):
        return kernel(x, x).fill_diagonal_(0).mean()

    return among_others(a) + among_others(b) - 2 * kernel(a, b).mean()


@KID.mistake(
    "across the sets nothing is left out: the first of a and the first of b are two different pictures"
)
def left_out_across(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def others(pairs):
        return pairs[~torch.eye(*pairs.shape, dtype=torch.bool)].mean()

    return others(kernel(a, a)) + others(kernel(b, b)) - 2 * others(kernel(a, b))


@KID.mistake(
    "the dot product is not divided by d, so a longer feature vector alone makes the distance larger"
)
def not_divided_by_d(a, b):
    def among_others(x):
        own = (x @ x.T + 1) ** 3
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return among_others(a) + among_others(b) - 2 * ((a @ b.T + 1) ** 3).mean()


@KID.mistake(
    "what lies below 0 is cut to 0, and with it goes unbiasedness: the mean of many would be too large"
)
def cut_at_zero(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def among_others(x):
        own = kernel(x, x)
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return (among_others(a) + among_others(b) - 2 * kernel(a, b).mean()).clamp(min=0)


@KID.mistake("this is MMD, with a root; MMD^2 was asked: only that has an unbiased estimate")
def with_a_root(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def among_others(x):
        own = kernel(x, x)
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return (among_others(a) + among_others(b) - 2 * kernel(a, b).mean()).clamp(min=0).sqrt()


@KID.mistake("what goes across counts once; it counts twice, as in (x - y)^2, or equal sets are not 0 apart")
def across_once(a, b):
    def kernel(x, y):
        return (x @ y.T / x.shape[1] + 1) ** 3

    def among_others(x):
        own = kernel(x, x)
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return among_others(a) + among_others(b) - kernel(a, b).mean()


@KID.mistake(
    "the kernel is a plain dot product: it sees the two means and nothing else, neither spread nor skew"
)
def means_alone(a, b):
    def among_others(x):
        own = x @ x.T / x.shape[1]
        return (own.sum() - own.diagonal().sum()) / (len(x) * (len(x) - 1))

    return among_others(a) + among_others(b) - 2 * (a @ b.T / a.shape[1]).mean()
