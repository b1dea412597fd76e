"""Exercises of notebook 08: a Gram matrix, how well a feature was inverted, the style loss, a dream."""

import numpy as np
import torch
from skimage.metrics import peak_signal_noise_ratio

from .exercise import Exercise, normal


@Exercise("""
08.1 · The Gram matrix as a mean outer product
against: the outer product at each place, averaged in numpy
praise: Which channels fire together, averaged over the places, each image for itself.
hint: At each place there is one vector, one number for each channel: features[n, :, row, column]. Its outer product
    with itself is a table (c, c).
hint: Put the places in a row: flat = features.flatten(2), (n, c, h * w). Then flat @ flat.transpose(1, 2) adds up the
    outer products of all places.
hint: A mean divides by the number of places, h * w = flat.shape[2], and by nothing else.
wrong: this is the sum over the places; of a larger image it would be larger: divide by h * w
    / flat.shape[2] ->
wrong: you divide by the number of all values, c * h * w; a mean over places divides by how many places there are
    flat.shape[2] -> features[0].numel()
wrong: each channel's mean is taken off first: this is the covariance, which forgets how strongly channels fire
    features.flatten(2) -> features.flatten(2) - features.flatten(2).mean(dim=2, keepdim=True)
wrong: this compares places, (h * w, h * w), not channels: the arrangement, which texture is to forget
    flat @ flat.transpose(1, 2) / flat.shape[2] -> flat.transpose(1, 2) @ flat / flat.shape[1]
""")
def my_gram(features):
    """The Gram matrices (n, c, c): the mean over all places of the outer product of the place's vector with itself."""
    flat = features.flatten(2)  # (n, c, h * w)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def some_features():
    yield torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])
    yield normal(2, 2, 2, 3)
    yield normal(3, 5, 4, 6, seed=1).relu()


@my_gram.expect(some_features)
def place_by_place(features):
    n, c, h, w = features.shape
    found = np.zeros((n, c, c))
    for i, row, column in np.ndindex(n, h, w):
        found[i] += np.outer(features[i, :, row, column], features[i, :, row, column]) / (h * w)
    return found


@Exercise("""
08.2 · How well was it inverted?
against: scikit-image's PSNR, and norms in numpy
praise: Relative to what was wanted, in squares, image by image, and 20 dB for each factor of ten.
hint: The relative error divides two sums of squares, image by image: of features - wanted, and of wanted. Here they
    are (n, k), so .square().sum(dim=1).
hint: The mean squared difference of each pair of images: (images - originals).square().mean(dim=(1, 2, 3)).
hint: PSNR = 10 * log10(peak^2 / mean squared difference), and between black and white lies 1: peak = 1. torch.log10,
    not torch.log.
hint: torch.stack([error, psnr], dim=1) puts them side by side.
wrong: your relative error divides lengths, with a root; sums of squares were asked for
    .square().sum(dim=1) -> .norm(dim=1)
wrong: the feature error is not relative: divide by ||wanted||^2, or layers cannot be compared
    .sum(dim=1) / wanted.square().sum(dim=1) -> .mean(dim=1)
wrong: the factor is 20 only for a root: of the mean *squared* difference it is 10, so your dB are twice too many
    -10 -> -20
wrong: the logarithm is the natural one; decibels take log10
    .log10() -> .log()
""")
def my_inversion_report(images, originals, features, wanted):
    """How near each inversion came, (n, 2): the relative feature error, and the PSNR of the image in dB."""
    error = (features - wanted).square().sum(dim=1) / wanted.square().sum(dim=1)
    psnr = -10 * (images - originals).square().mean(dim=(1, 2, 3)).log10()
    return torch.stack([error, psnr], dim=1)


def some_inversions():
    images = torch.tensor([0.6, 0.4]).view(1, 1, 1, 2)
    yield images, torch.full_like(images, 0.5), torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0, 3.0]])
    for n, c, h, w, k in (2, 1, 2, 2, 3), (4, 3, 6, 5, 20):
        wanted, originals = normal(n, k, seed=n), normal(n, c, h, w, seed=n + 1).sigmoid()
        far = torch.linspace(0.1, 2.0, n).view(n, 1)  # the later ones came less near
        found = (originals + 0.2 * far.view(n, 1, 1, 1) * normal(n, c, h, w, seed=n + 2)).clamp(0, 1)
        yield found, originals, wanted + far * normal(n, k, seed=n + 3), wanted


@my_inversion_report.expect(some_inversions)
def by_scikit_image(images, originals, features, wanted):
    rows = []
    for x, y, f, g in zip(images, originals, features, wanted, strict=True):
        error = (np.linalg.norm(f - g) / np.linalg.norm(g)) ** 2
        rows.append([error, peak_signal_noise_ratio(y, x, data_range=1.0)])
    return rows


@Exercise("""
08.3 · The style loss, in shares
against: einsum in numpy, in float64
praise: Each layer counts by its weight, not by how strongly it happens to fire, and the style may have any size.
hint: For each layer two Gram matrices: G of the features, A of the style. flat = f.flatten(1), (c, h * w), and G =
    flat @ flat.T / flat.shape[1].
hint: Each by its own number of places: the style may be smaller or larger than the picture.
hint: A layer's share is (G - A).square().sum() / A.square().sum(): 1 is what features of 0 would give.
hint: Weight times share, added up over the layers; the weights need not sum to 1.
wrong: the Gram matrices are sums, so a picture of another size than the style never fits: divide by the places
    / flat.shape[1] ->
wrong: no shares are taken, so the layer that fires most decides alone: divide by sum A^2
    / A.square().sum() ->
wrong: the share is of sum G^2, the picture's own, which the optimiser could make large: of sum A^2
    / A.square() -> / G.square()
wrong: your shares are of lengths, with a root; sums of squares were asked for
    .square().sum() -> .norm()
""")
def my_style_loss(features, style, weights):
    """The style loss, a number: the sum over layers of weight * sum (G - A)^2 / sum A^2."""

    def gram(maps):
        flat = maps.flatten(1)  # (c, h * w)
        return flat @ flat.T / flat.shape[1]

    loss = 0
    for maps, wanted, weight in zip(features, style, weights, strict=True):
        G, A = gram(maps), gram(wanted)
        loss = loss + weight * (G - A).square().sum() / A.square().sum()
    return loss


def some_styles():
    yield [torch.tensor([[[1.0, 2.0]], [[0.0, 1.0]]])], [torch.tensor([[[2.0]], [[1.0]]])], torch.ones(1)
    features = [4 * normal(3, 8, 6), 0.5 * normal(5, 4, 3, seed=1), normal(8, 2, 2, seed=2)]
    style = [4 * normal(3, 5, 5, seed=9), 0.5 * normal(5, 3, 2, seed=10), normal(8, 3, 2, seed=11)]
    for weights in [1.0, 0.5], [0.25, 2.0, 1.0]:
        firing = ([maps.relu() for maps in each[: len(weights)]] for each in (features, style))
        yield *firing, torch.tensor(weights)


@my_style_loss.expect(some_styles)
def by_einsum(features, style, weights):
    loss = 0.0
    for *pair, weight in zip(features, style, weights, strict=True):
        G, A = (np.einsum("chw,dhw->cd", f, f) / f[0].size for f in pair)
        loss += weight * np.linalg.norm(G - A) ** 2 / np.linalg.norm(A) ** 2
    return loss


@Exercise("""
08.4 · A dream with octaves
against: the gradient worked out on paper, and sizes by kron in numpy
praise: Only what was drawn is enlarged, so the photograph stays sharp, and large forms come first.
hint: First the sizes: photos = [photograph], then photos.insert(0, avg_pool2d(photos[0], 2)) until there are
    `octaves` of them, the smallest first. torch.nn.functional.avg_pool2d takes (c, h, w).
hint: Begin with detail = zeros like the smallest. In each octave: x = (photo + detail).clamp(0, 1), then the steps,
    then detail = x - photo.
hint: For the next octave enlarge the detail, not x: detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2).
hint: A step: x = x.clone().requires_grad_(); value = x.diff(dim=2).square().sum() / 2; g = torch.autograd.grad(value,
    x)[0]; x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1).
wrong: the whole picture is enlarged, so the photograph's own fine detail is lost: enlarge only what was drawn
    x = (photo + detail) -> x = (photo if photo is photos[0] else detail)
    detail = x - photo -> detail = x
wrong: each octave begins with the photograph alone, so what the smaller ones drew is lost: add the detail
    (photo + detail) -> photo
wrong: the gradient is taken as it is, so a flat picture hardly dreams: divide by its mean size, |g|
    / g.abs().mean() ->
wrong: it walks downhill, so edges fade: the layer shall see more of what it sees
    x + lr -> x - lr
""")
def my_dream(photograph, octaves, steps, lr):
    """The photograph (c, h, w) after a dream, in [0, 1]."""
    photos = [photograph]
    for _ in range(octaves - 1):
        photos.insert(0, torch.nn.functional.avg_pool2d(photos[0], 2))
    detail = torch.zeros_like(photos[0])
    for photo in photos:
        if detail.shape != photo.shape:
            detail = detail.repeat_interleave(2, dim=1).repeat_interleave(2, dim=2)
        x = (photo + detail).clamp(0, 1)
        for _ in range(steps):
            x = x.clone().requires_grad_()
            (g,) = torch.autograd.grad(x.diff(dim=2).square().sum() / 2, x)
            x = (x + lr * g / g.abs().mean()).detach().clamp(0, 1)
        detail = x - photo
    return x


def some_dreams():
    yield torch.tensor([[[0.2, 0.2, 0.6, 0.6], [0.2, 0.2, 0.6, 0.6]]]), 2, 1, 0.1
    yield normal(1, 4, 8, seed=1).sigmoid(), 3, 2, 0.03
    yield normal(3, 16, 24, seed=2).sigmoid(), 3, 4, 0.02


@my_dream.expect(some_dreams)
def on_paper(photograph, octaves, steps, lr):
    c, h, w = photograph.shape
    drawn = 0
    for side in (2**times for times in reversed(range(octaves))):
        photo = photograph.reshape(c, h // side, side, w // side, side).mean((2, 4))
        x = np.clip(photo + np.kron(drawn, np.ones((1, 2, 2))) if side < 2 ** (octaves - 1) else photo, 0, 1)
        for _ in range(steps):
            edges = np.pad(np.diff(x, axis=2), [(0, 0), (0, 0), (1, 1)])  # (c, h, w + 1), no edge outside
            g = edges[:, :, :-1] - edges[:, :, 1:]  # a px gains as the end of an edge, loses as its beginning
            x = np.clip(x + lr * g / np.abs(g).mean(), 0, 1)
        drawn = x - photo
    return x
