"""Exercise 12.2: arithmetic with latent codes, and a walk on the shell."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WALK = Exercise(
    "12.2",
    "From the blue car to the red one",
    difficulty=2,
    minutes=12,
    trains="arithmetic with means, the shell on which Gaussian numbers lie, and a walk that stays on it",
    against="scipy's geometric_slerp on the unit sphere",
    praise="The walk never leaves the shell, and each of its steps is as long as the next.",
    hints=(
        "The walk begins at blue_cars.mean(dim=0) and ends at red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + "
        "blue_cars.mean(dim=0). Only then are both put on the shell: divide by the length, times latent ** 0.5.",
        "The angle between two directions a and b of length 1: angle = (a @ b).clamp(-1, 1).acos().",
        "At the share t of the way, in radians: (sin((1 - t) * angle) * a + sin(t * angle) * b) / sin(angle).",
        "t = torch.linspace(0, 1, steps + 1)[:, None] makes (steps + 1, 1), and all codes come at once.",
    ),
)


@WALK.stub
def my_walk(red_mugs, blue_mugs, blue_cars, steps):
    """The codes of a walk from a blue car to the car that became red, both ends included: (steps + 1, latent).

    Start: the mean of the blue cars. End: mean of the red mugs - mean of the blue mugs + mean of the blue cars. Both
    are put on the shell: they keep their direction and get the length sqrt(latent). Between them the walk follows the
    great circle, the short way, in equal angles. Each: (codes, latent), from a standard normal prior.
    """
    raise NotImplementedError


@WALK.solve
def along_the_great_circle(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    a, b = start / start.norm(), end / end.norm()
    angle = (a @ b).clamp(-1, 1).acos()
    t = torch.linspace(0, 1, steps + 1)[:, None]
    directions = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return directions * len(start) ** 0.5


@WALK.expect
def by_scipy(red_mugs, blue_mugs, blue_cars, steps):
    from scipy.spatial import geometric_slerp

    red, blue, start = (np.average(codes.double().numpy(), 0) for codes in (red_mugs, blue_mugs, blue_cars))
    ends = [way / np.linalg.norm(way) for way in (start, red - blue + start)]
    return torch.from_numpy(np.sqrt(len(start)) * geometric_slerp(*ends, np.linspace(0, 1, steps + 1)))


@WALK.inputs
def some_walks():
    tiny = {
        "red_mugs": torch.tensor([[0.5, 1.0], [0.5, 3.0]]),
        "blue_mugs": torch.tensor([[0.0, 0.0], [2.0, 0.0]]),
        "blue_cars": torch.tensor([[2.0, -1.0], [2.0, 1.0]]),
        "steps": 2,
    }
    wide = {
        "red_mugs": torch.tensor([[0.5, 0.0, 2.0]]),
        "blue_mugs": torch.tensor([[-1.0, 0.5, 1.0], [0.0, 1.5, 0.0]]),
        "blue_cars": torch.tensor([[0.0, 1.0, -1.0], [2.0, 1.0, 0.0]]),
        "steps": 3,
    }
    more = [
        {
            "red_mugs": _random(few, latent, seed=few),
            "blue_mugs": _random(few + 2, latent, seed=few + 10),
            "blue_cars": _random(few + 1, latent, seed=few + 20),
            "steps": steps,
        }
        for few, latent, steps in ((4, 16, 6), (6, 64, 1))
    ]
    return [tiny, wide, *more]


@WALK.mistake("the walk is a straight line, which cuts through the inside of the shell, where no code lies")
def a_straight_line(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    a, b = (end_of_walk / end_of_walk.norm() * len(start) ** 0.5 for end_of_walk in (start, end))
    return torch.lerp(a, b, torch.linspace(0, 1, steps + 1)[:, None])


@WALK.mistake("a line that is put on the shell afterwards goes fast in the middle; equal *angles* were asked")
def a_line_put_on_the_shell(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    line = torch.lerp(start / start.norm(), end / end.norm(), torch.linspace(0, 1, steps + 1)[:, None])
    return line / line.norm(dim=1, keepdim=True) * len(start) ** 0.5


@WALK.mistake(
    "the shell has the radius sqrt(latent), as long as a draw from the prior is; yours is the unit sphere"
)
def on_the_unit_sphere(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    a, b = start / start.norm(), end / end.norm()
    angle, t = (a @ b).clamp(-1, 1).acos(), torch.linspace(0, 1, steps + 1)[:, None]
    return (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)


@WALK.mistake(
    "the ends keep the lengths of their means, and a mean of codes is shorter than any code: rescale them"
)
def means_as_they_are(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    angle = torch.nn.functional.cosine_similarity(start, end, dim=0).clamp(-1, 1).acos()
    t = torch.linspace(0, 1, steps + 1)[:, None]
    return (torch.sin((1 - t) * angle) * start + torch.sin(t * angle) * end) / torch.sin(angle)


@WALK.mistake(
    "each mean is put on the shell before the arithmetic; add and subtract first, then rescale the result"
)
def rescaled_too_early(red_mugs, blue_mugs, blue_cars, steps):
    red, blue, start = (codes.mean(dim=0) for codes in (red_mugs, blue_mugs, blue_cars))
    end = red / red.norm() - blue / blue.norm() + start / start.norm()
    a, b = start / start.norm(), end / end.norm()
    angle, t = (a @ b).clamp(-1, 1).acos(), torch.linspace(0, 1, steps + 1)[:, None]
    directions = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return directions * len(start) ** 0.5


@WALK.mistake("the mugs have changed places: what makes it red is red - blue; this car gets bluer still")
def bluer_still(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = blue_mugs.mean(dim=0) - red_mugs.mean(dim=0) + start
    a, b = start / start.norm(), end / end.norm()
    angle, t = (a @ b).clamp(-1, 1).acos(), torch.linspace(0, 1, steps + 1)[:, None]
    directions = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return directions * len(start) ** 0.5


@WALK.mistake("one code is missing: so many *steps* lead from the start to the end over steps + 1 codes")
def one_code_too_few(red_mugs, blue_mugs, blue_cars, steps):
    start = blue_cars.mean(dim=0)
    end = red_mugs.mean(dim=0) - blue_mugs.mean(dim=0) + start
    a, b = start / start.norm(), end / end.norm()
    angle, t = (a @ b).clamp(-1, 1).acos(), torch.linspace(0, 1, steps)[:, None]
    directions = (torch.sin((1 - t) * angle) * a + torch.sin(t * angle) * b) / torch.sin(angle)
    return directions * len(start) ** 0.5
