"""Exercises of notebook 08: a Gram matrix, how well a feature was inverted, the style loss, a dream."""

import numpy as np
import torch

from .frame import Exercise
from .octaves import DREAM
from .style_shares import STYLE

__all__ = ["DREAM", "GRAM", "INVERTED", "STYLE"]


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


GRAM = Exercise(
    "08.1",
    "The Gram matrix as a mean outer product",
    difficulty=1,
    minutes=8,
    trains="what stays of a map when the places are forgotten",
    against="the outer product at each place, averaged in numpy",
    praise="Which channels fire together, averaged over the places, each image for itself.",
    hints=(
        "At each place there is one vector, one number for each channel: features[n, :, row, column]. Its outer "
        "product with itself is a table (c, c).",
        "Put the places in a row: flat = features.flatten(2), (n, c, h * w). Then flat @ flat.transpose(1, 2) adds "
        "up the outer products of all places.",
        "A mean divides by the number of places, h * w = flat.shape[2], and by nothing else.",
    ),
)


@GRAM.stub
def my_gram(features):
    """The Gram matrices (n, c, c): the mean over all places of the outer product of the place's vector with itself.

    features: (n, c, h, w), of n images.
    """
    raise NotImplementedError


@GRAM.solve
def places_in_a_row(features):
    flat = features.flatten(2)  # (n, c, h * w)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


@GRAM.expect
def place_by_place(features):
    n, c, h, w = features.shape
    maps, found = features.double().numpy(), np.zeros((n, c, c))
    for i, row, column in np.ndindex(n, h, w):
        found[i] += np.outer(maps[i, :, row, column], maps[i, :, row, column]) / (h * w)
    return torch.from_numpy(found)


@GRAM.inputs
def some_features():
    tiny = torch.tensor([[[[1.0, 3.0]], [[2.0, 0.0]]]])
    return [{"features": each} for each in (tiny, _random(2, 2, 2, 3), _random(3, 5, 4, 6, seed=1).relu())]


@GRAM.mistake("this is the sum over the places; of a larger image it would be larger: divide by h * w")
def the_sum(features):
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2)


@GRAM.mistake(
    "you divide by the number of all values, c * h * w; a mean over places divides by how many places there are"
)
def divided_by_all_values(features):
    flat = features.flatten(2)
    return flat @ flat.transpose(1, 2) / features[0].numel()


@GRAM.mistake(
    "each channel's mean is taken off first: this is the covariance, which forgets how strongly channels fire"
)
def covariance(features):
    flat = features.flatten(2)
    flat = flat - flat.mean(dim=2, keepdim=True)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


@GRAM.mistake("channels are brought to length 1: cosines, which forget how strongly a channel fires")
def cosines(features):
    flat = torch.nn.functional.normalize(features.flatten(2), dim=2)
    return flat @ flat.transpose(1, 2)


@GRAM.mistake(
    "this compares places, (h * w, h * w), not channels: the arrangement, which texture is to forget"
)
def places_by_places(features):
    flat = features.flatten(2)
    return flat.transpose(1, 2) @ flat / flat.shape[1]


@GRAM.mistake(
    "images and channels are put into one row, so channels of different images are compared: keep n apart"
)
def images_and_channels_in_a_row(features):
    flat = features.reshape(features.shape[0] * features.shape[1], -1)
    return flat @ flat.T / flat.shape[1]


INVERTED = Exercise(
    "08.2",
    "How well was it inverted?",
    difficulty=2,
    minutes=12,
    trains="two errors that belong together: one seen by the net, one seen by us",
    against="scikit-image's PSNR, and norms in numpy",
    praise="Relative to what was wanted, in squares, image by image, and 20 dB for each factor of ten.",
    hints=(
        "The relative error divides two sums of squares, image by image: of features - wanted, and of wanted. "
        "Here they are (n, k), so .square().sum(dim=1).",
        "The mean squared difference of each pair of images: (images - originals).square().mean(dim=(1, 2, 3)).",
        "PSNR = 10 * log10(peak^2 / mean squared difference), and between black and white lies 1: peak = 1. "
        "torch.log10, not torch.log.",
        "torch.stack([error, psnr], dim=1) puts them side by side.",
    ),
)


@INVERTED.stub
def my_inversion_report(images, originals, features, wanted):
    """How near each inversion came, (n, 2): the relative feature error, and the PSNR of the image in dB.

    Relative feature error: ||features - wanted||^2 / ||wanted||^2. PSNR: 10 log10(1 / mean squared difference), for
    images whose values lie from 0 to 1. images: (n, c, h, w), found by inverting `wanted`, the features (n, k) of the
    originals. features: (n, k), of the images that were found.
    """
    raise NotImplementedError


@INVERTED.solve
def two_errors(images, originals, features, wanted):
    error = (features - wanted).square().sum(dim=1) / wanted.square().sum(dim=1)
    psnr = -10 * (images - originals).square().mean(dim=(1, 2, 3)).log10()
    return torch.stack([error, psnr], dim=1)


@INVERTED.expect
def by_scikit_image(images, originals, features, wanted):
    from skimage.metrics import peak_signal_noise_ratio

    rows = []
    for x, y, f, g in zip(*(t.double().numpy() for t in (images, originals, features, wanted)), strict=True):
        rows.append(
            [(np.linalg.norm(f - g) / np.linalg.norm(g)) ** 2, peak_signal_noise_ratio(y, x, data_range=1.0)]
        )
    return torch.tensor(rows)


@INVERTED.inputs
def some_inversions():
    tiny = {
        "images": torch.tensor([0.6, 0.4]).view(1, 1, 1, 2),
        "originals": torch.tensor([0.5, 0.5]).view(1, 1, 1, 2),
        "features": torch.tensor([[3.0, 4.0]]),
        "wanted": torch.tensor([[4.0, 3.0]]),
    }
    more = []
    for n, c, h, w, k in ((2, 1, 2, 2, 3), (4, 3, 6, 5, 20)):
        wanted, originals = _random(n, k, seed=n), _random(n, c, h, w, seed=n + 1).sigmoid()
        far = torch.linspace(0.1, 2.0, n).view(n, 1)  # the later ones came less near
        found = (originals + 0.2 * far.view(n, 1, 1, 1) * _random(n, c, h, w, seed=n + 2)).clamp(0, 1)
        more.append(
            {
                "images": found,
                "originals": originals,
                "features": wanted + far * _random(n, k, seed=n + 3),
                "wanted": wanted,
            }
        )
    return [tiny, *more]


@INVERTED.mistake("your relative error divides lengths, with a root; sums of squares were asked for")
def lengths_not_squares(images, originals, features, wanted):
    error = (features - wanted).norm(dim=1) / wanted.norm(dim=1)
    psnr = -10 * (images - originals).square().mean(dim=(1, 2, 3)).log10()
    return torch.stack([error, psnr], dim=1)


@INVERTED.mistake(
    "the error is measured by the features that were found; features of 0 would then be infinitely wrong, not by 1"
)
def relative_to_what_was_found(images, originals, features, wanted):
    error = (features - wanted).square().sum(dim=1) / features.square().sum(dim=1)
    psnr = -10 * (images - originals).square().mean(dim=(1, 2, 3)).log10()
    return torch.stack([error, psnr], dim=1)


@INVERTED.mistake("the feature error is not relative: divide by ||wanted||^2, or layers cannot be compared")
def not_relative(images, originals, features, wanted):
    error = (features - wanted).square().mean(dim=1)
    psnr = -10 * (images - originals).square().mean(dim=(1, 2, 3)).log10()
    return torch.stack([error, psnr], dim=1)


@INVERTED.mistake(
    "the factor is 20 only for a root: of the mean *squared* difference it is 10, so your dB are twice too many"
)
def twenty_times(images, originals, features, wanted):
    error = (features - wanted).square().sum(dim=1) / wanted.square().sum(dim=1)
    psnr = -20 * (images - originals).square().mean(dim=(1, 2, 3)).log10()
    return torch.stack([error, psnr], dim=1)


@INVERTED.mistake("the logarithm is the natural one; decibels take log10")
def natural_logarithm(images, originals, features, wanted):
    error = (features - wanted).square().sum(dim=1) / wanted.square().sum(dim=1)
    psnr = -10 * (images - originals).square().mean(dim=(1, 2, 3)).log()
    return torch.stack([error, psnr], dim=1)


@INVERTED.mistake(
    "the peak is the brightest value of each picture; it is 1, white, so that pictures can be compared"
)
def brightest_value_as_peak(images, originals, features, wanted):
    error = (features - wanted).square().sum(dim=1) / wanted.square().sum(dim=1)
    mse = (images - originals).square().mean(dim=(1, 2, 3))
    psnr = 10 * (originals.amax(dim=(1, 2, 3)).square() / mse).log10()
    return torch.stack([error, psnr], dim=1)


@INVERTED.mistake("all images share one number; each pair has its own: sum and average image by image")
def one_for_the_batch(images, originals, features, wanted):
    error = (features - wanted).square().sum() / wanted.square().sum()
    psnr = -10 * (images - originals).square().mean().log10()
    return torch.stack([error, psnr]).expand(len(images), 2)
