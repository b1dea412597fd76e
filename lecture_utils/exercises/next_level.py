"""Exercise 10.2: draw a level by one uniform number, with a temperature."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


DRAW = Exercise(
    "10.2",
    "Draw the next pixel",
    difficulty=2,
    minutes=12,
    trains="a draw from a distribution by one uniform number, and what temperature divides",
    against="pieces of that length laid end to end, one after another in Python",
    praise="A level is drawn as often as it is probable, and a lower temperature makes the probable ones more so.",
    hints=(
        "Temperature divides the logits, before the softmax: p = (logits / temperature).softmax(dim=1).",
        "Lay the levels' probabilities end to end from 0 to 1, in the order of the levels. The drawn level is the one "
        "whose piece u falls on. The pieces end at p.cumsum(dim=1).",
        "The level's number is the number of pieces that end at or before u: "
        "(p.cumsum(dim=1) <= u[:, None]).sum(dim=1).",
    ),
)


@DRAW.stub
def my_draw(logits, u, temperature):
    """The level that is drawn for each pixel, LongTensor (n,), by inverting the cumulative distribution.

    The levels' probabilities are laid end to end from 0 to 1, level 0 first; the drawn one is the one u falls on.
    Probabilities: the softmax of the logits divided by the temperature. logits: (n, levels). u: (n,), uniform draws
    from [0, 1), already made; none is on a border. temperature: a number above 0.
    """
    raise NotImplementedError


@DRAW.solve
def pieces_before_u(logits, u, temperature):
    p = (logits / temperature).softmax(dim=1)
    return (p.cumsum(dim=1) <= u[:, None]).sum(dim=1)


@DRAW.expect
def end_to_end(logits, u, temperature):
    found = []
    for each, left in zip(logits.double().numpy(), u.double().tolist(), strict=True):
        weights = np.exp((each - each.max()) / temperature)
        left *= weights.sum()
        for level, weight in enumerate(weights):
            left -= weight
            if left < 0:
                found.append(level)
                break
    return torch.tensor(found)


def _away_from_borders(logits, temperature, seed):
    """Of many draws those that no rounding can move to another level."""
    u = torch.rand(len(logits), generator=torch.Generator().manual_seed(seed))
    ends = (logits.double() / temperature).softmax(dim=1).cumsum(dim=1)
    far = (ends - u[:, None]).abs().amin(dim=1) > 1e-5
    return {"logits": logits[far], "u": u[far], "temperature": temperature}


@DRAW.inputs
def some_draws():
    tiny = {"logits": torch.tensor([[1.0, 3.0, 1.0]]).log(), "u": torch.tensor([0.15]), "temperature": 0.5}
    few = {
        "logits": torch.tensor([[2.0, 1.0, 0.0, -1.0], [0.0, 1.0, 2.0, 0.0], [0.0, 0.0, 0.0, 3.0]]),
        "u": torch.tensor([0.5, 0.1, 0.9]),
        "temperature": 2.0,
    }
    steep = 60 * _random(40, 5, seed=4)
    return [tiny, few, _away_from_borders(_random(300, 8, seed=3), 1.7, 1), _away_from_borders(steep, 0.4, 2)]


@DRAW.mistake("the temperature is multiplied; a low one has to make the net more decided: divide by it")
def times_the_temperature(logits, u, temperature):
    p = (logits * temperature).softmax(dim=1)
    return (p.cumsum(dim=1) <= u[:, None]).sum(dim=1)


@DRAW.mistake("the temperature does nothing here: divided after the softmax it cancels; divide the logits")
def after_the_softmax(logits, u, temperature):
    p = logits.softmax(dim=1) / temperature
    p = p / p.sum(dim=1, keepdim=True)
    return (p.cumsum(dim=1) <= u[:, None]).sum(dim=1)


@DRAW.mistake(
    "this is the most probable level, whatever u is; that is no draw: every image would be the same"
)
def the_most_probable(logits, u, temperature):
    return logits.argmax(dim=1)


@DRAW.mistake("this is the last level whose piece ends before u; u falls on the one after it")
def the_one_before(logits, u, temperature):
    p = (logits / temperature).softmax(dim=1)
    return ((p.cumsum(dim=1) <= u[:, None]).sum(dim=1) - 1).clamp(min=0)


@DRAW.mistake(
    "the pieces are laid from 1 downwards, with 1 - u; level 0 comes first: p.cumsum(dim=1) against u"
)
def from_the_other_end(logits, u, temperature):
    p = (logits / temperature).softmax(dim=1)
    return (p.cumsum(dim=1) <= 1 - u[:, None]).sum(dim=1)


@DRAW.mistake(
    "the levels are taken in the order of their probability; they keep their own order, level 0 first"
)
def the_probable_first(logits, u, temperature):
    p, order = (logits / temperature).softmax(dim=1).sort(dim=1, descending=True)
    place = (p.cumsum(dim=1) <= u[:, None]).sum(dim=1, keepdim=True)
    return order.gather(1, place)[:, 0]


@DRAW.mistake("u is stretched to the number of levels, so all are drawn equally often: the net has no say")
def all_equally(logits, u, temperature):
    return (u * logits.shape[1]).long()
