"""What the filters of a first layer are: edges? colours? And the controls without which a share says
nothing."""

from dataclasses import dataclass

import torch

from .gabor import GaborFit, fit_gabor, r_squared, split_fit

WHOLE, STRICT = (
    0.5,
    0.7,
)  # R² that counts as a fit: on the whole filter; on the half that the fit has not seen


@dataclass(frozen=True)
class Edges:
    """How far k filters are Gabors times one colour axis."""

    whole: torch.Tensor  # (k,) R² of a fit to the whole filter
    split: torch.Tensor  # (k,) R² on pixels that the fit has not seen
    variance: float  # share of the variance of all filters together that the whole fits explain
    fit: GaborFit

    @property
    def share(self):
        """Share of the filters with whole-filter R² of at least .5."""
        return float((self.whole >= WHOLE).float().mean())

    @property
    def strict_share(self):
        """Share of the filters with split R² of at least .7."""
        return float((self.split >= STRICT).float().mean())


def edges(filters, seed=0):
    """Fit each filter (k, 3, h, w), whole and split in halves; seed chooses the halves."""
    fit = fit_gabor(filters)
    pixels, fitted = filters.flatten(2), fit.fitted.flatten(2)
    everything = torch.ones_like(pixels[:, 0], dtype=torch.bool)
    total = (pixels - pixels.mean(2, keepdim=True)).square().sum().clamp_min(1e-30)
    variance = 1 - float((pixels - fitted).square().sum() / total)
    return Edges(r_squared(pixels, fitted, everything), split_fit(filters, seed), variance, fit)


def shuffle_pixels(filters, seed=0):
    """Each filter (k, 3, h, w) with its pixels in a random order: the same colours, no shape. A pixel's
    colours stay together."""
    k, _, h, w = filters.shape
    order = torch.rand(k, h * w, generator=torch.Generator().manual_seed(seed)).argsort(1).to(filters.device)
    return filters.flatten(2).gather(2, order[:, None].expand(k, 3, h * w)).view_as(filters)


def spectrum_noise(filters, seed=0, own=False):
    """Noise as smooth and as coloured as the filters (k, 3, h, w), but without their shapes.

    own=False: Gaussian noise with the *mean* spectrum (and cross-spectrum of the colours) of all filters.
    own=True: each filter with its own spectrum and random phases. This is the harder control, and not quite
    a null: a few neighbouring waves with random phases are close to one wave.
    """
    k, _, h, w = filters.shape
    white = torch.randn(k, 1 if own else k, 1, h, w, generator=torch.Generator().manual_seed(seed))
    white = torch.fft.fft2(white.to(filters))
    if own:
        mixed = torch.fft.fft2(filters) * (white / white.abs().clamp_min(1e-12))[:, 0]
    else:  # a sum of all filters, each convolved with white noise of its own
        mixed = (torch.fft.fft2(filters)[None] * white).sum(1) / (k * h * w) ** 0.5
    return torch.fft.ifft2(mixed).real


@dataclass(frozen=True)
class Colours:
    """The colours of k filters."""

    chromatic: torch.Tensor  # (k,) share of the energy that is not grey (equal in red, green and blue)
    axis: torch.Tensor  # (k, 3) the colour axis, unit length; it stands for its opposite too
    one_axis: torch.Tensor  # (k,) share of the energy along that one axis
    from_grey: torch.Tensor  # (k,) angle between the axis and grey, 0 to 90 degrees
    balance: torch.Tensor  # (k,) 1: both ends of the axis are equally strong; 0: only one occurs
    kinds: dict[str, torch.Tensor]  # each bool (k,); every filter is of one kind

    @property
    def opponent(self):
        """bool (k,): the filters that set one colour against its opposite."""
        return self.kinds["opposing colours"]

    @property
    def share(self):
        return float(self.opponent.float().mean())


def colours(filters, one_axis=0.7, degrees=30, balance=0.5):
    """Which filters (k, 3, h, w) set one colour against its opposite.

    A filter has "opposing colours" when most of its energy lies along one colour axis (rank one over pixels),
    that axis is at least `degrees` from grey, and both of its ends occur, so that the filter about sums to
    zero: it answers one colour *here* and the opposite colour *there*. Other kinds: "black and white" (the
    axis is nearer to grey), "one colour" (only one end occurs), "several axes" (no single one).
    Noise is colourful too (two of three directions are not grey), but it has no single axis.
    Differs: shuffling pixels changes nothing here; a control must change colours.
    """
    pixels = filters.detach().flatten(2)  # (k, 3, p)
    energy = pixels.square().sum((1, 2)).clamp_min(1e-30)
    grey = pixels.sum(1).square().sum(1) / 3  # energy along (1, 1, 1) / sqrt 3
    u, s, v = torch.linalg.svd(pixels, full_matrices=False)
    axis, along = u[:, :, 0], v[:, 0]
    share = s[:, 0].square() / energy
    angle = (axis.sum(1).abs() / 3**0.5).clamp(0, 1).acos().rad2deg()
    both = 1 - along.sum(1).abs() / along.abs().sum(1).clamp_min(1e-30)
    single, coloured, two = share >= one_axis, angle >= degrees, both >= balance
    kinds = {
        "opposing colours": single & coloured & two,
        "one colour": single & coloured & ~two,
        "black and white": single & ~coloured,
        "several axes": ~single,
    }
    return Colours(1 - grey / energy, axis, share, angle, both, kinds)
