"""Exercise 09.4: DeepFool's step for a linear net."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


DEEPFOOL = Exercise(
    "09.4",
    "Straight to the nearest border",
    difficulty=4,
    minutes=20,
    trains="distance to a plane, and why the second-best class need not be the nearest",
    against="the shortest solution of each border's equation, by least squares in numpy",
    praise="The shortest way to any border, measured in pixels and not in scores.",
    hints=(
        "c is the class of the largest score. The border to another class k is where the two scores are equal: "
        "(weights[k] - weights[c]) @ (x + r) + bias[k] - bias[c] = 0.",
        "With w = weights[k] - weights[c] and f = the score of k minus that of c (below 0), the shortest r with "
        "f + w @ r = 0 goes along w: r = -f / (w @ w) * w.",
        "Its length is |f| / ||w||. Take the k where *that* is smallest; a class with a steep w may be near though "
        "its score is low.",
        "Leave k = c out: there f and w are 0, and 0 / 0 is NaN.",
    ),
)


@DEEPFOOL.stub
def my_way_to_the_border(x, weights, bias):
    """The shortest way r (d,) after which the net's class is no longer ahead: x + r lies on the nearest border.

    The net: scores = weights @ x + bias; its class is that of the largest. On a border this class and another one have
    equal scores. Short means Euclidean. Nothing is cut to [0, 1]. x: (d,). weights: (classes, d). bias: (classes,).
    """
    raise NotImplementedError


@DEEPFOOL.solve
def border_by_border(x, weights, bias):
    scores = weights @ x + bias
    c, best = int(scores.argmax()), None
    for k in range(len(scores)):
        if k == c:
            continue
        w, f = weights[k] - weights[c], scores[k] - scores[c]
        r = -f / (w @ w) * w
        if best is None or r.norm() < best.norm():
            best = r
    return best


@DEEPFOOL.expect
def by_least_squares(x, weights, bias):
    image, w, b = x.double().numpy(), weights.double().numpy(), bias.double().numpy()
    first = np.argmax(w @ image + b)
    ways = []
    for k in set(range(len(b))) - {int(first)}:
        plane, missing = (w[k] - w[first])[None], -((w[k] - w[first]) @ image + b[k] - b[first])
        ways.append(
            np.linalg.lstsq(plane, np.array([missing]), rcond=None)[0]
        )  # of all solutions the shortest
    return torch.from_numpy(min(ways, key=np.linalg.norm))


@DEEPFOOL.inputs
def some_borders():
    tiny = {
        "x": torch.tensor([0.5, 0.5]),
        "weights": torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, -3.0]]),
        "bias": torch.tensor([0.0, -0.5, 0.0]),
    }
    more = []
    for d, classes, seed in ((3, 3, 1), (12, 5, 2), (48, 16, 6)):
        steep = torch.linspace(0.3, 3.0, classes)[:, None]  # the classes' scores rise at different rates
        more.append(
            {
                "x": _random(d, seed=seed).sigmoid(),
                "weights": steep * _random(classes, d, seed=seed + 1),
                "bias": _random(classes, seed=seed + 2),
            }
        )
    return [tiny, *more]


@DEEPFOOL.mistake(
    "you go to the class with the second-best score; another one's border may be nearer in pixels"
)
def to_the_runner_up(x, weights, bias):
    scores = weights @ x + bias
    c, k = scores.topk(2).indices
    w, f = weights[k] - weights[c], scores[k] - scores[c]
    return -f / (w @ w) * w


@DEEPFOOL.mistake("|f| / ||w|| is the distance; along w, which is not of length 1, divide by ||w||^2")
def divided_once(x, weights, bias):
    scores = weights @ x + bias
    c = int(scores.argmax())
    w, f = weights - weights[c], scores - scores[c]
    distance = f.abs() / w.norm(dim=1)
    distance[c] = torch.inf
    k = int(distance.argmin())
    return distance[k] * w[k]


@DEEPFOOL.mistake("you go away from the border: the score of k has to gain on that of c")
def away_from_it(x, weights, bias):
    scores = weights @ x + bias
    c = int(scores.argmax())
    w, f = weights - weights[c], scores - scores[c]
    distance = f.abs() / w.norm(dim=1)
    distance[c] = torch.inf
    k = int(distance.argmin())
    return f[k] / w[k].square().sum() * w[k]


@DEEPFOOL.mistake(
    "you follow the slope of k alone; c falls as well: the border's slope is weights[k] - weights[c]"
)
def the_slope_of_k_alone(x, weights, bias):
    scores = weights @ x + bias
    c = int(scores.argmax())
    f = scores - scores[c]
    distance = f.abs() / weights.norm(dim=1)
    distance[c] = torch.inf
    k = int(distance.argmin())
    return -f[k] / weights[k].square().sum() * weights[k]


@DEEPFOOL.mistake("this is the place on the border, x + r; the way to it was asked for")
def the_place(x, weights, bias):
    scores = weights @ x + bias
    c = int(scores.argmax())
    w, f = weights - weights[c], scores - scores[c]
    distance = f.abs() / w.norm(dim=1)
    distance[c] = torch.inf
    k = int(distance.argmin())
    return x - f[k] / w[k].square().sum() * w[k]


@DEEPFOOL.mistake(
    "every value moves equally far, by the sign: the shortest way in the other norm, not Euclidean"
)
def by_the_sign(x, weights, bias):
    scores = weights @ x + bias
    c = int(scores.argmax())
    w, f = weights - weights[c], scores - scores[c]
    distance = f.abs() / w.abs().sum(dim=1)
    distance[c] = torch.inf
    k = int(distance.argmin())
    return distance[k] * w[k].sign()


@DEEPFOOL.mistake(
    "the border of c with nothing is taken, where its score is 0; a border has another class behind it"
)
def where_its_score_is_zero(x, weights, bias):
    scores = weights @ x + bias
    c = int(scores.argmax())
    return -scores[c] / weights[c].square().sum() * weights[c]
