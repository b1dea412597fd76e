"""Exercises of notebook 10: how probable an image is, one draw, a masked convolution, and what a stack of them sees."""

from decimal import Decimal, localcontext

import numpy as np
import torch

from .blind_spot import SEEN
from .colour_mask import MASKED
from .frame import Exercise
from .next_level import DRAW

__all__ = ["DRAW", "LIKELIHOOD", "MASKED", "SEEN"]


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LIKELIHOOD = Exercise(
    "10.1",
    "How probable is this image?",
    difficulty=1,
    minutes=10,
    trains="a softmax for every value, a sum of logs, and what is counted in bits per dimension",
    against="the probabilities multiplied with each other, in numbers of 50 digits",
    praise="Logs add up over every value of the image; the bits are shared among them.",
    hints=(
        "The levels are axis 1: logits.log_softmax(dim=1) has the log-probability of every level, everywhere. Not "
        "softmax and then log: where the net is sure and wrong the probability becomes 0 on the way.",
        "Of these, the level that is there: .gather(1, pixels[:, None]) gives (n, 1, c, h, w).",
        "An image is the product of its values' probabilities, so add up the logs of each image: "
        ".flatten(1).sum(dim=1).",
        "One bit is log(2) = 0.6931 nats, and a dimension is one value: bits = -nats / (c * h * w * 0.6931). "
        "torch.stack([nats, bits], dim=1) puts them side by side.",
    ),
)


@LIKELIHOOD.stub
def my_likelihood(logits, pixels):
    """The log-likelihood of each image in nats, and its bits per dimension: (n, 2).

    The first is log p(image), never above 0. The second is what a perfect coder would need for one value of this image
    (one colour at one place), never below 0. logits: (n, levels, c, h, w), before the softmax, from a net that sees at
    each place only what comes before it. pixels: LongTensor (n, c, h, w), the levels that are there.
    """
    raise NotImplementedError


@LIKELIHOOD.solve
def sum_of_logs(logits, pixels):
    logs = logits.log_softmax(dim=1).gather(1, pixels[:, None])  # (n, 1, c, h, w)
    nats = logs.flatten(1).sum(dim=1)
    dimensions = pixels[0].numel()
    bits = -nats / dimensions / torch.log(torch.tensor(2.0))
    return torch.stack([nats, bits], dim=1)


@LIKELIHOOD.expect
def in_fifty_digits(logits, pixels):
    rows = []
    with localcontext(prec=50):
        for each, image in zip(logits.double().numpy(), pixels.numpy(), strict=True):
            p = Decimal(1)
            for place in np.ndindex(image.shape):
                odds = [Decimal(float(logit)).exp() for logit in each[:, *place]]
                p *= odds[image[place]] / sum(odds)
            bits = -p.log10() / Decimal(2).log10()
            rows.append([float(p.ln()), float(bits) / image.size])
    return torch.tensor(rows, dtype=torch.float64)


@LIKELIHOOD.inputs
def some_predictions():
    tiny = {
        "logits": torch.tensor([1.0, 3.0, 1.0, 1.0]).log().view(1, 2, 1, 1, 2),
        "pixels": torch.tensor([0, 1]).view(1, 1, 1, 2),
    }
    more = []
    for n, levels, c, h, w, scale in ((2, 3, 1, 2, 3, 2.0), (4, 6, 3, 3, 4, 40.0)):
        generator = torch.Generator().manual_seed(n)
        sure = torch.linspace(0.2, 1.0, n).view(n, 1, 1, 1, 1) * scale  # sure, and wrong at some places
        more.append(
            {
                "logits": sure * _random(n, levels, c, h, w, seed=n + 1),
                "pixels": torch.randint(levels, (n, c, h, w), generator=generator),
            }
        )
    return [tiny, *more]


@LIKELIHOOD.mistake("the first column is a mean over the values; the image is all of them at once: add up")
def a_mean_of_logs(logits, pixels):
    logs = logits.log_softmax(dim=1).gather(1, pixels[:, None]).flatten(1)
    bits = -logs.mean(dim=1) / torch.log(torch.tensor(2.0))
    return torch.stack([logs.mean(dim=1), bits], dim=1)


@LIKELIHOOD.mistake("the second column is in nats; a bit is log(2) nats, so divide by 0.6931")
def nats_per_dimension(logits, pixels):
    nats = logits.log_softmax(dim=1).gather(1, pixels[:, None]).flatten(1).sum(dim=1)
    return torch.stack([nats, -nats / pixels[0].numel()], dim=1)


@LIKELIHOOD.mistake("you multiply by log(2); more bits are needed than nats, since a bit is the smaller unit")
def times_log_two(logits, pixels):
    nats = logits.log_softmax(dim=1).gather(1, pixels[:, None]).flatten(1).sum(dim=1)
    return torch.stack([nats, -nats / pixels[0].numel() * torch.log(torch.tensor(2.0))], dim=1)


@LIKELIHOOD.mistake("your bits are for a place, h * w of them; each colour is a dimension: c * h * w")
def bits_per_place(logits, pixels):
    nats = logits.log_softmax(dim=1).gather(1, pixels[:, None]).flatten(1).sum(dim=1)
    bits = -nats / pixels[0, 0].numel() / torch.log(torch.tensor(2.0))
    return torch.stack([nats, bits], dim=1)


@LIKELIHOOD.mistake(
    "the sign of the nats is turned: a log-probability is at most 0; what a coder needs is minus that"
)
def cost_not_likelihood(logits, pixels):
    cost = torch.nn.functional.cross_entropy(logits, pixels, reduction="none").flatten(1).sum(dim=1)
    return torch.stack([cost, cost / pixels[0].numel() / torch.log(torch.tensor(2.0))], dim=1)


@LIKELIHOOD.mistake(
    "the logits are added up as they are; a level is probable only beside the other levels: log_softmax(dim=1)"
)
def logits_as_logs(logits, pixels):
    nats = logits.gather(1, pixels[:, None]).flatten(1).sum(dim=1)
    bits = -nats / pixels[0].numel() / torch.log(torch.tensor(2.0))
    return torch.stack([nats, bits], dim=1)


@LIKELIHOOD.mistake("the whole batch has one number; each image has its own: sum over its own values")
def one_for_the_batch(logits, pixels):
    cost = torch.nn.functional.cross_entropy(logits, pixels)  # its mean over images and values
    both = torch.stack([-cost * pixels[0].numel(), cost / torch.log(torch.tensor(2.0))])
    return both.expand(len(pixels), 2)


@LIKELIHOOD.mistake(
    "a floor under the probability, such as + 1e-8, hides how wrong the net is where it is sure: log_softmax"
)
def with_a_floor(logits, pixels):
    p = logits.softmax(dim=1).gather(1, pixels[:, None]).flatten(1)
    nats = (p + 1e-8).log().sum(dim=1)
    bits = -nats / pixels[0].numel() / torch.log(torch.tensor(2.0))
    return torch.stack([nats, bits], dim=1)
