"""Exercises of notebook 06, which heatmap: the pointing game, mass in a mask, rank correlation, Shapley values."""

from itertools import permutations

import numpy as np
import torch
from scipy.stats import spearmanr

from .exercise import Exercise, uniform


@Exercise("""
06.1 · The pointing game
against: a loop over all pixels
praise: Every hottest pixel must be inside, and a map that is the same everywhere points nowhere.
hint: The largest value of each map: heatmaps.amax(dim=(1, 2)), with keepdim=True to compare it with the map.
hint: top = heatmaps == largest marks all hottest pixels. A hit is a map whose marked pixels all lie in the mask:
    (masks | ~top) must be True everywhere.
hint: A constant map marks every pixel. It is a miss even if the mask is the whole image: ask that amax > amin.
wrong: argmax names one of several hottest pixels, the first; and of a constant map it names pixel 0
    return masks.flatten(1).gather(1, heatmaps.flatten(1).argmax(dim=1, keepdim=True))[:, 0]
wrong: you ask whether any hottest pixel lies inside; a map that points at two places must be right twice
    (masks | ~top).all(dim=2).all(dim=1) -> (masks & top).any(dim=2).any(dim=1)
wrong: a constant map marks every pixel, and where the mask is the whole image it passes; it must be a miss
    inside & (largest > smallest)[:, 0, 0] -> inside
wrong: you take the largest absolute value: a strongly negative pixel is cold, not hot
    largest = heatmaps -> heatmaps = heatmaps.abs(); largest = heatmaps
wrong: this compares the mean heat inside and outside; the pointing game asks for the hottest pixel alone
    inside = (heatmaps * masks).sum(dim=(1, 2)) / masks.sum(dim=(1, 2)).clamp(min=1)
    outside = (heatmaps * ~masks).sum(dim=(1, 2)) / (~masks).sum(dim=(1, 2)).clamp(min=1)
    return inside > outside
""")
def my_pointing(heatmaps, masks):
    """Does each map's hottest pixel lie in its mask? bool (n,)."""
    largest = heatmaps.amax(dim=(1, 2), keepdim=True)
    smallest = heatmaps.amin(dim=(1, 2), keepdim=True)
    top = heatmaps == largest  # (n, h, w)
    inside = (masks | ~top).all(dim=2).all(dim=1)
    return inside & (largest > smallest)[:, 0, 0]


def some_maps():
    corner = torch.tensor([[[True, False], [False, False]]])
    yield torch.tensor([[[3.0, 1.0], [2.0, 0.0]]]), corner
    yield torch.tensor([[[3.0, 1.0], [3.0, 0.0]]]), corner  # a tie
    yield torch.ones(1, 2, 2), corner
    yield torch.tensor([[[1.0, -9.0], [0.0, -2.0]]]), corner
    wide = torch.tensor([[[0.0, 0.0, 0.0], [7.0, 0.0, 0.0]]])
    yield wide, wide > 0
    heat, masks = uniform(12, 5, 8), uniform(12, 5, 8, seed=1) < 0.4
    heat[3], heat[4], masks[3] = 1.0, 0.0, True
    yield heat, masks


@my_pointing.expect(some_maps)
def pixel_by_pixel(heatmaps, masks):
    hits = []
    for heat, mask in zip(heatmaps, masks, strict=True):
        places = [place for place in np.ndindex(heat.shape) if heat[place] == heat.max()]
        hits.append(len(places) < heat.size and all(mask[place] for place in places))
    return hits


@Exercise("""
06.2 · How much of the heat is on the object?
against: sums in numpy, one map at a time
praise: Evidence against is no heat, and an empty map scores 0 instead of NaN.
hint: Negative values speak against the class. Here they count as 0: heatmaps.clamp(min=0).
hint: Two sums over dim=(1, 2): of the heat inside the mask, and of all heat.
hint: A map without positive heat would give 0 / 0. Divide by whole.clamp(min=1e-12): then it scores 0.
wrong: you count evidence against the class as heat; what is negative counts as 0, not by its size
    heatmaps.clamp(min=0) -> heatmaps.abs()
wrong: negative values stay in both sums and cancel positive ones, so the share can leave [0, 1]
    heatmaps.clamp(min=0) -> heatmaps
    whole.clamp(min=1e-12) -> whole.where(whole != 0, 1.0)
wrong: each map is shifted so that its minimum is 0: that turns what speaks against the class into heat
    heatmaps.clamp(min=0) -> heatmaps - heatmaps.amin(dim=(1, 2), keepdim=True)
wrong: this is the heat inside per pixel of the mask; the share asks how much of all heat is inside
    whole.clamp(min=1e-12) -> masks.sum(dim=(1, 2)).clamp(min=1)
wrong: you count hot pixels, each as one; the share weighs each pixel by its heat
    heatmaps.clamp(min=0) -> (heatmaps > 0).float()
""")
def my_mass(heatmaps, masks):
    """The share of each map's positive heat that lies in its mask: floats (n,) in [0, 1]."""
    heat = heatmaps.clamp(min=0)
    whole = heat.sum(dim=(1, 2))
    return (heat * masks).sum(dim=(1, 2)) / whole.clamp(min=1e-12)


def some_signed_maps():
    mask = torch.tensor([[[True, True], [False, False]]])
    yield torch.tensor([[[3.0, 0.0], [1.0, 0.0]]]), mask
    yield torch.tensor([[[3.0, -1.0], [1.0, -2.0]]]), mask
    yield torch.zeros(1, 2, 2), mask
    heat = uniform(6, 7, 9, seed=2) - 0.4
    heat[2] = -heat[2].abs()
    yield heat, uniform(6, 7, 9, seed=3) < 0.3


@my_mass.expect(some_signed_maps)
def one_map_at_a_time(heatmaps, masks):
    shares = []
    for heat, mask in zip(heatmaps, masks, strict=True):
        positive = np.where(heat > 0, heat, 0)
        shares.append(positive[mask].sum() / positive.sum() if positive.any() else 0.0)
    return shares


@Exercise("""
06.3 · Spearman's rank correlation, with ties
against: scipy.stats.spearmanr
praise: Only the order counts, and equal values share the mean of their ranks.
hint: Replace each list by its ranks, then take the ordinary (Pearson) correlation of the ranks.
hint: The rank of a value is how many are smaller. Of equal values each takes the mean of the places they fill: below
    = (v[:, None] > v).sum(1), equal = (v[:, None] == v).sum(1), rank = below + (equal - 1) / 2.
hint: Correlation of two lists: subtract their means, then (a * b).sum() / sqrt((a * a).sum() * (b * b).sum()).
wrong: this is Pearson's correlation of the values: the one large number decides; take the ranks first
    a, b = ranks(a), ranks(b) ->
wrong: one argsort says which entry comes first, not which place an entry takes; it needs a second argsort
    (v[:, None] > v).sum(1) + ((v[:, None] == v).sum(1) - 1) / 2 -> v.argsort(stable=True).double()
wrong: equal values get different ranks, in the order in which they stand; they share the mean of their ranks
    (v[:, None] > v).sum(1) + ((v[:, None] == v).sum(1) - 1) / 2 -> v.argsort(stable=True).argsort().double()
wrong: equal values all get the lowest of their ranks; they share the mean of the ranks that they fill
    + ((v[:, None] == v).sum(1) - 1) / 2 -> + 0.0
wrong: this counts pairs in the same order, minus pairs in the other: that is Kendall's tau
    return ((a[:, None] - a).sign() * (b[:, None] - b).sign()).sum() / (len(a) * (len(a) - 1))
""")
def my_spearman(a, b):
    """The rank correlation of two lists of numbers (k,), in [-1, 1]: a number. Neither list is constant."""

    def ranks(v):
        return (v[:, None] > v).sum(1) + ((v[:, None] == v).sum(1) - 1) / 2

    a, b = ranks(a), ranks(b)
    a, b = a - a.mean(), b - b.mean()
    return (a * b).sum() / ((a * a).sum() * (b * b).sum()).sqrt()


def some_lists():
    drop = torch.tensor([1.0, 4.0, 2.0, 50.0])
    yield drop, torch.tensor([2.0, 3.0, 9.0, 10.0])
    yield drop, torch.tensor([5.0, 7.0, 6.0, 8.0])
    yield torch.tensor([0.0, 0.0, 1.0, 2.0]), torch.tensor([3.0, 1.0, 2.0, 4.0])
    yield uniform(20, seed=4), uniform(20, seed=4) + uniform(20, seed=5)
    yield (6 * uniform(20, seed=6)).floor(), (4 * uniform(20, seed=7)).floor()


@my_spearman.expect(some_lists)
def by_scipy(a, b):
    return spearmanr(a, b).statistic


@Exercise("""
06.4 · Shapley values, exactly
against: the mean over all orders in which the parts can come in
praise: The values sum to what all parts add together, and no order of coming in is preferred.
hint: For part i, go over all sets S without it: masks s with s & (1 << i) == 0. With it the set is s | (1 << i).
hint: What the part adds to S is values[s | (1 << i)] - values[s].
hint: The weight of S is |S|! (n - 1 - |S|)! / n!: in that share of all orders exactly S stands before i. |S| is
    bin(s).count('1').
hint: n is len(values).bit_length() - 1, and math.factorial gives the factorials.
wrong: this is what is lost when a part goes last; where another part stands in for it, that is nothing
    weight = factorial(size) * factorial(n - 1 - size) / factorial(n) -> weight = size == n - 1
wrong: this is what a part adds when it comes first, alone; what it adds to the others is left out
    weight = factorial(size) * factorial(n - 1 - size) / factorial(n) -> weight = size == 0
wrong: all sets count the same here (Banzhaf's value); sets of a size share the weight of that size
    factorial(size) * factorial(n - 1 - size) / factorial(n) -> 1 / 2 ** (n - 1)
wrong: each size of set gets the same total weight n times over: the factor 1/n is missing
    / factorial(n) -> / factorial(n - 1)
wrong: you go over one order of coming in, part 0 first; another order would give other values: average them
    weight = factorial(size) * factorial(n - 1 - size) / factorial(n) -> weight = s == (1 << i) - 1
""")
def my_shapley(values):
    """The Shapley value of each of n parts: floats (n,)."""
    from math import factorial

    n = len(values).bit_length() - 1
    found = torch.zeros(n, dtype=values.dtype)
    for i in range(n):
        for s in range(len(values)):
            if not s & (1 << i):
                size = bin(s).count("1")
                weight = factorial(size) * factorial(n - 1 - size) / factorial(n)
                found[i] += weight * (values[s | (1 << i)] - values[s])
    return found


def some_games():
    yield torch.tensor([0.0, 1.0, 1.0, 1.0])  # one eye is as good as two
    yield torch.tensor([0.0, 1.0, 1.0, 1.0, 2.0, 4.0, 4.0, 4.0])  # a body and two eyes
    yield uniform(16, seed=8)
    yield uniform(32, seed=9)


@my_shapley.expect(some_games)
def over_all_orders(values):
    orders = list(permutations(range(len(values).bit_length() - 1)))
    found = np.zeros(len(orders[0]))
    for order in orders:
        there = 0
        for part in order:
            found[part] += values[there | 1 << part] - values[there]
            there |= 1 << part
    return found / len(orders)
