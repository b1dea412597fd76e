"""Ways to keep an image natural while it climbs: each one alone, switched on by putting it into a list.

    x <- r(x + lr g)      the regularisers r in the order of the list, g the gradient of the score

"Nothing" is the neutral colour m, not black: decay, blur and everything set to zero act on x - m.
"""

from math import ceil

import torch
import torch.nn.functional as F
from torch import Tensor

from ..checks import check_count, check_number, check_share
from .losses import variation_gradient


class Regulariser:
    """Does nothing. A regulariser acts in one of these places of a step, Jitter in two.

    images, gradient: (n, 3, h, w). number: of the step, from 0. mean: the neutral colour. draws: a torch.Generator.
    """

    def before(self, images, draws):
        """What the net is shown instead of the images."""
        return images

    def back(self, gradient):
        """The gradient there, as one for the images themselves: undoes `before`."""
        return gradient

    def gradient(self, gradient, images):
        """The gradient of the score, changed."""
        return gradient

    def after(self, images, gradient, number, mean):
        """The image after the step, changed."""
        return images


class Decay(Regulariser):
    """L2 decay towards the neutral colour: x <- m + (1 - rate) (x - m). What the score does not hold up fades.

    rate: from 0 (nothing) to 1 (all gone after one step). The image of colour m does not change.
    Source: Simonyan, Vedaldi, Zisserman (2014), section 2 (a penalty on ||x||^2); Yosinski et al. (2015), section 3.
    Differs: they decay the image with the data's mean taken off, which is the same.
    """

    def __init__(self, rate: float):
        self.rate = check_share(rate, "rate")

    def after(self, images, gradient, number, mean):
        return torch.lerp(images, mean.expand_as(images), self.rate)


class Blur(Regulariser):
    """Gaussian blur every few steps: takes high frequencies away, which gradients are full of and photographs not.

    sigma: px, 0 does nothing. every: steps from one blur to the next. Each colour by itself.
    Source: Yosinski et al. (2015), section 3.
    """

    def __init__(self, sigma: float, every: int = 4):
        self.sigma, self.every = check_number(sigma, "sigma"), check_count(every, "every")

    def after(self, images, gradient, number, mean):
        return images if (number + 1) % self.every else gaussian_blur(images, self.sigma)


class Small(Regulariser):
    """What is among the smallest `share` of its image, as `size` measures it, becomes m. share: from 0 to below 1."""

    def __init__(self, share: float):
        self.share = check_share(share, "share")
        if share == 1:
            raise ValueError("share: expected below 1, got 1: nothing would be left")

    def after(self, images, gradient, number, mean):
        return torch.where(smallest(self.size(images - mean, gradient), self.share), mean, images)


class SmallValues(Small):
    """Each value (one colour of one pixel) whose |x - m| is among the smallest `share` of its image becomes m.

    Source: the lecture's "clip pixels with small values to 0".
    """

    def size(self, offset, gradient):
        return offset.abs()


class SmallNorm(Small):
    """Each pixel whose ||x - m|| over its three colours is among the smallest `share` becomes m.

    Source: Yosinski et al. (2015), section 3, "clipping pixels with small norm".
    """

    def size(self, offset, gradient):
        return offset.square().sum(1, keepdim=True)  # (n, 1, h, w); squared: the order is the same


class SmallGradients(Small):
    """Where the gradient is small: the smallest `share` of its values in each image become 0 in this step.

    Source: the lecture's "clip pixels with small gradients to 0".
    """

    def gradient(self, gradient, images):
        return gradient.masked_fill(smallest(gradient.abs(), self.share), 0)

    def after(self, images, gradient, number, mean):
        return images


class Jitter(Regulariser):
    """The net sees the image shifted by other amounts in each step, up to `most` px, so nothing hangs on one place.

    What leaves on one side comes in on the other. The gradient is shifted back: the image itself never moves. Shifts
    also break the grid that a layer with a stride prints into the image.
    Source: Mordvintsev, Olah, Tyka (2015), DeepDream.
    """

    def __init__(self, most: int):
        self.most, self.shift = check_count(most, "most", least=0), (0, 0)

    def before(self, images, draws):
        self.shift = tuple(torch.randint(-self.most, self.most + 1, (2,), generator=draws).tolist())
        return images.roll(self.shift, (2, 3))

    def back(self, gradient):
        return gradient.roll(tuple(-by for by in self.shift), (2, 3))


class TotalVariation(Regulariser):
    """Climb the score minus weight x total variation (see `total_variation`): neighbours should be alike.

    weight: in units of the score. Its gradient is 0 where each value is the mean of its neighbours.
    Source: Mahendran, Vedaldi (2015), section 3, with exponent beta = 2.
    """

    def __init__(self, weight: float):
        self.weight = check_number(weight, "weight")

    def gradient(self, gradient, images):
        return gradient - self.weight * variation_gradient(images)[1]


# For the course's nets: `ascend(net, class_score(torch.arange(16)), regularisers=NATURAL)`. Of five mixtures on `alex`
# (16 classes, 200 steps) the one whose images `zf` and `gap` call by the right class most often: 14 and 13 of 16, where
# images without any regulariser reach 10 and 7; their total variation is 1/50 of that.
NATURAL = (Jitter(8), Blur(0.8, 4), Decay(0.005), SmallNorm(0.3))
SMOOTH = TotalVariation(0.01)
# One at a time, as strong as in NATURAL, which has four of them, so that on and off can be compared.
WAYS = {
    "no regulariser": (),
    "decay": (Decay(0.005),),
    "small norm": (SmallNorm(0.3),),
    "small gradients": (SmallGradients(0.5),),
    "jitter": (Jitter(8),),
    "blur": (Blur(0.8, 4),),
    "total variation": (SMOOTH,),
    "jitter + blur + decay + small norm": NATURAL,
    "these four + total variation": (*NATURAL, SMOOTH),
}


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Images (n, c, h, w) blurred by a Gaussian of `sigma` px, mirrored at the border, cut off at 3 sigma."""
    reach = min(ceil(3 * sigma), min(images.shape[2:]) - 1)  # a mirror image is one px shorter than the image
    if reach < 1:
        return images
    places = torch.arange(-reach, reach + 1, dtype=images.dtype, device=images.device)
    weights = torch.exp(-places.square() / (2 * sigma**2))
    weights /= weights.sum()
    flat = F.pad(images.flatten(0, 1)[:, None], (reach,) * 4, mode="reflect")  # (n * c, 1, h + 2 reach, ...)
    flat = F.conv2d(F.conv2d(flat, weights.view(1, 1, -1, 1)), weights.view(1, 1, 1, -1))  # down, then across
    return flat.view_as(images)


def smallest(values: Tensor, share: float) -> Tensor:
    """True where a value (n, ...) is among the smallest `share` of its image; equal ones are spared together."""
    flat = values.flatten(1)
    place = min(int(share * flat.shape[1]) + 1, flat.shape[1])  # the first that is spared
    limit = flat.kthvalue(place, 1).values
    return values < limit.view(-1, *[1] * (values.ndim - 1))


def check_regularisers(regularisers):
    """The regularisers as a list. Errors: ValueError for what is none, such as a class instead of Blur(.5)."""
    some = list(regularisers) if isinstance(regularisers, tuple | list) else [regularisers]
    for each in some:
        if not isinstance(each, Regulariser):
            hint = f": write {each.__name__}(...)" if isinstance(each, type) else ""
            raise ValueError(f"regularisers: expected Decay(.01), Blur(.5) and the like, got {each!r}{hint}")
    return some
