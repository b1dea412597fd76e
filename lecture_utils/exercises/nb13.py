"""Exercises of notebook 13, ZFNet's experiments: comparable distances, sign changes, linear CKA, what a layer costs."""

import numpy as np
import torch

from .exercise import Exercise, normal


@Exercise("""
13.1 · Distances that can be compared
against: a loop over images and pairs in numpy
praise: 0 means that nothing changed, 1 that the image might as well be another one.
hint: One distance for each image: (changed - features).norm(dim=1), then its mean.
hint: The unit is the mean distance of two *different* images: torch.pdist(features).mean() takes each pair once and
    nobody with itself.
wrong: the distances are not divided by that of two images, so layers of another scale cannot be compared
    / torch.pdist(features).mean() ->
wrong: the unit counts each image with itself, distance 0, so it is too small: n pairs of n² are no pairs
    torch.pdist(features).mean() -> torch.cdist(features, features).mean()
wrong: you divide by the norm of the features; a layer after ReLU is far from 0 whatever the image
    torch.pdist(features).mean() -> features.norm(dim=1).mean()
wrong: these are squared distances
    torch.pdist(features).mean() -> torch.pdist(features).square().mean()
    .norm(dim=1) -> .square().sum(1)
wrong: the mean was taken before the norm: changes of opposite sign cancel between images
    (changed - features).norm(dim=1).mean() -> (changed - features).mean(0).norm()
""")
def my_relative_distance(features, changed):
    """How far the features moved, as a share of the mean distance between two different images: a number."""
    return (changed - features).norm(dim=1).mean() / torch.pdist(features).mean()


def some_changes():
    three = torch.tensor([[0.0, 0.0], [3.0, 4.0], [6.0, 0.0]])
    yield three, three + torch.tensor([[0.0, 2.0], [0.0, -3.0], [4.0, 0.0]])
    features = normal(30, 8).relu() * 5
    yield features[:3], features[:3]
    yield features, (features + normal(30, 8, seed=1)).relu()


@my_relative_distance.expect(some_changes)
def pair_by_pair(features, changed):
    moved = [np.linalg.norm(after - before) for before, after in zip(features, changed, strict=True)]
    n = len(features)
    apart = [np.linalg.norm(features[i] - features[j]) for i in range(n) for j in range(i)]
    return np.mean(moved) / np.mean(apart)


@Exercise("""
13.2 · Do the same units change in all images?
against: a loop over pairs of images and units
praise: Three signs, all pairs, no image with itself.
hint: eps = features - occluded, (n, units). Its sign has three values: torch.sign gives -1, 0 or 1.
hint: signs[:, None] != signs[None] compares every image with every other at once, (n, n, units). Its mean over the
    units is the table of Hamming distances.
hint: The diagonal holds each image with itself, always 0. Take the sum over the table and divide by n (n - 1).
wrong: only two signs are left: 0 counts as negative, so a unit that is silent twice is told from one that is not
    torch.sign(features - occluded) -> (features - occluded > 0)
wrong: n² pairs divide, but n of them are an image with itself: the mean is too small
    (n * (n - 1)) -> n**2
wrong: units that are 0 in both images are left out; the paper's numbers of .07 need them
    signs = torch.sign(features - occluded)
    alive = (signs[:, None] != 0) | (signs[None] != 0)
    table = (signs[:, None] != signs[None]).sum(2) / alive.sum(2).clamp(min=1)
    return table.sum() / (len(signs) * (len(signs) - 1))
wrong: the sign of the features, not of their change, is compared
    torch.sign(features - occluded) -> torch.sign(features)
wrong: half of the sum divides as if each pair came once; it comes twice in the table
    table.sum() -> table.sum() / 2
""")
def my_sign_change(features, occluded):
    """The mean share of units whose change has another sign in two images, over all pairs of images: a number."""
    signs = torch.sign(features - occluded)  # -1, 0 or 1
    table = (signs[:, None] != signs[None]).float().mean(2)  # (n, n)
    n = len(signs)
    return table.sum() / (n * (n - 1))


def some_occlusions():
    small = torch.tensor([[1.0, 0.0, 2.0, 0.0], [1.0, 0.0, 0.0, 3.0], [0.0, 0.0, 2.0, 1.0]])
    yield small, torch.tensor([[0.0, 0.0, 2.0, 1.0], [2.0, 0.0, 0.0, 3.0], [0.0, 0.0, 1.0, 1.0]])
    features = (normal(12, 20) - 0.5).relu()
    yield features[:2, :12], (features[:2, :12] + normal(2, 12, seed=2) * 0.3).relu()
    yield features, (normal(12, 20, seed=1) - 0.5).relu()


@my_sign_change.expect(some_occlusions)
def unit_by_unit(features, occluded):
    signs = np.sign(features - occluded)
    n = len(signs)
    return np.mean([np.mean(signs[i] != signs[j]) for i in range(n) for j in range(n) if i != j])


@Exercise("""
13.3 · Linear CKA
against: centred kernel matrices, tr(KHLH)
praise: Rotations and scales of the features do not matter, and nothing is compared unit by unit.
tolerance: 0.001
hint: Centre each feature first: subtract its mean over the images, in both sets.
hint: With centred X (n, p) and Y (n, q), X.T @ Y (p, q) holds all covariances. The numerator is the sum of their
    squares: (X.T @ Y).square().sum().
hint: It is divided by the same for X with itself and Y with itself, under one root:
    (X.T @ X).norm() * (Y.T @ Y).norm(), as norm() is the root of the sum of squares.
wrong: the features are not centred, so two sets that share nothing but a large mean look alike
    x - x.mean(0) -> x
    y - y.mean(0) -> y
wrong: the norm stands where its square belongs in the numerator: a set is not 1 with itself
    .square().sum() -> .norm()
wrong: the images were centred (dim=1), not the features
    x.mean(0) -> x.mean(1, keepdim=True)
    y.mean(0) -> y.mean(1, keepdim=True)
wrong: the denominator has squares: it must be the root of both sums, so norms
    ((x.T @ x).norm() * (y.T @ y).norm()) -> ((x.T @ x).square().sum() * (y.T @ y).square().sum())
wrong: units are compared one by one; CKA must not care for their order (and the sets may differ in size)
    (x.T @ y).square().sum() -> (x * y[:, : x.shape[1]]).sum().square()
""")
def my_cka(x, y):
    """How alike two sets of features of the same images are, in [0, 1]: linear CKA, a number."""
    x, y = (x - x.mean(0)).double(), (y - y.mean(0)).double()
    return (x.T @ y).square().sum() / ((x.T @ x).norm() * (y.T @ y).norm())


def some_features():
    x = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    yield x, torch.tensor([[3.0, 1.0], [1.0, 1.0], [3.0, 1.0], [0.0, 2.0]])
    wide = normal(40, 6) + 2
    turned = wide @ torch.linalg.qr(normal(6, 6, seed=1)).Q * 3
    yield wide[:5], turned[:5]
    yield wide, turned
    yield wide, torch.cat([wide[:, :3], normal(40, 7, seed=2)], 1)


@my_cka.expect(some_features)
def by_kernels(x, y):
    n = len(x)
    centre = np.eye(n) - 1 / n
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    return np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))


@Exercise("""
13.4 · Where the weights are, and where the work is
against: a real nn.Conv2d for each layer, its weights counted and its output measured
praise: Convolutions have few weights and use each one often; a fully connected layer uses each one once.
hint: A layer has outputs x inputs x kernel² weights and one bias an output. Inputs are the outputs of the layer before.
hint: The new side is (side + 2 padding - kernel) // stride + 1.
hint: Each weight, not the bias, is used once at each position of the output: weights x side². So first compute the new
    side, then the work.
wrong: the biases are missing among the parameters: one an output
    weights + outputs -> weights
wrong: the work is counted on the side that goes in, not on the one that comes out
    work.append(weights * new**2) -> work.append(weights * side**2)
wrong: padding is added on one side only; it is on both
    2 * padding -> padding
wrong: the + 1 is missing in the new side: a kernel that fits once makes one output
    // stride + 1 -> // stride
wrong: inputs stay those of the first layer; each layer reads what the one before has made
    inputs, side = outputs, new -> side = new
wrong: the bias is counted as a multiplication at each position
    work.append(weights * new**2) -> work.append((weights + outputs) * new**2)
""")
def my_costs(layers, inputs, side):
    """Parameters and multiplications of each convolution of a chain: LongTensor (layers, 2)."""
    parameters, work = [], []
    for outputs, kernel, stride, padding in layers.tolist():
        new = (side + 2 * padding - kernel) // stride + 1
        weights = outputs * inputs * kernel**2
        parameters.append(weights + outputs)
        work.append(weights * new**2)
        inputs, side = outputs, new
    return torch.tensor([parameters, work]).T


def some_chains():
    yield torch.tensor([[2, 3, 1, 0]]), 1, 5
    yield torch.tensor([[4, 3, 2, 1], [6, 1, 1, 0]]), 3, 8
    yield torch.tensor([[32, 7, 2, 2], [64, 3, 2, 0], [64, 3, 1, 1], [512, 7, 1, 0]]), 3, 64


@my_costs.expect(some_chains, in_numpy=False)
def by_torch(layers, inputs, side):
    images, rows = torch.zeros(1, inputs, side, side), []
    for outputs, kernel, stride, padding in layers.tolist():
        layer = torch.nn.Conv2d(images.shape[1], outputs, kernel, stride, padding)
        images = layer(images).detach()
        positions = images[0, 0].numel()
        rows.append([sum(p.numel() for p in layer.parameters()), layer.weight.numel() * positions])
    return torch.tensor(rows)
