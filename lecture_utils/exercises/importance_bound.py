"""Exercise 11.4: the importance-weighted bound from log-probabilities."""

from decimal import Decimal, localcontext

import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


BOUND = Exercise(
    "11.4",
    "A tighter bound",
    difficulty=4,
    minutes=20,
    trains="the log of a mean beside the mean of logs, and sums of numbers that no float can hold",
    against="the weights themselves, added up in numbers of 50 digits",
    praise="k = 1 is the ELBO, a larger k comes nearer to log p(x), and nothing vanishes on the way.",
    hints=(
        "A draw's weight is p(x, z) / q(z): how probable the pair is beside how often z is drawn. Its logarithm is a "
        "difference: log_joint - log_code.",
        "Cut the draws into groups of k: .view(n, -1, k). A group's estimate of p(x) is the *mean* of its weights; the "
        "bound is the logarithm of that.",
        "exp(-1000) is 0 in any float. torch.logsumexp(w, dim=2) takes the largest out first; a mean instead of a sum "
        "is log(k) less: - torch.log(torch.tensor(float(k))).",
        "Every group gives one value of the bound. Their mean, over dim=1, is the answer: outside of the logarithm.",
    ),
)


@BOUND.stub
def my_bound(log_joint, log_code, k):
    """The importance-weighted bound L_k of each image, in nats: (n,), an estimate of a number at most log p(x).

    L_k is the expected logarithm of the mean of k importance weights. Here it is estimated from several groups of k
    draws: the first k draws are the first group, the next k the second. log_joint: (n, draws), log p(x, z) of each
    draw. log_code: (n, draws), log q(z | x), from which z was drawn. k divides the number of draws.
    """
    raise NotImplementedError


@BOUND.solve
def log_mean_exp(log_joint, log_code, k):
    w = (log_joint - log_code).view(len(log_joint), -1, k)  # (n, groups, k)
    return (w.logsumexp(dim=2) - torch.log(torch.tensor(float(k)))).mean(dim=1)


@BOUND.expect
def in_fifty_digits(log_joint, log_code, k):
    found = []
    with localcontext(prec=50):
        for joint, code in zip(log_joint.double().tolist(), log_code.double().tolist(), strict=True):
            weights = [Decimal(p).exp() / Decimal(q).exp() for p, q in zip(joint, code, strict=True)]
            means = [sum(weights[first : first + k]) / k for first in range(0, len(weights), k)]
            found.append(float(sum(mean.ln() for mean in means) / len(means)))
    return torch.tensor(found, dtype=torch.float64)


@BOUND.inputs
def some_draws():
    tiny = {
        "log_joint": torch.tensor([[1.0, 3.0, 4.0, 2.0]]).log(),
        "log_code": torch.tensor([[1.0, 1.0, 2.0, 0.5]]).log(),
        "k": 2,
    }
    more = [
        {
            "log_joint": torch.tensor([[-2.0, -4.0, -3.0, -1.0, -2.5, -5.0]]),
            "log_code": torch.tensor([[-1.0, -0.5, -2.0, -3.0, -1.0, -0.5]]),
            "k": 3,
        }
    ]
    for n, draws, k, far in ((3, 8, 1, -20.0), (4, 12, 3, -1000.0), (3, 10, 10, 300.0)):
        apart = torch.linspace(0.5, 3.0, n)[:, None]  # how much the draws of an image differ
        more.append(
            {
                "log_joint": far + 60 * torch.arange(n)[:, None] + apart * _random(n, draws, seed=n),
                "log_code": -4 + apart * _random(n, draws, seed=n + 1),
                "k": k,
            }
        )
    return [tiny, *more]


@BOUND.mistake(
    "this is the ELBO whatever k is: the mean of the logs; within a group the mean comes first, then log"
)
def the_elbo(log_joint, log_code, k):
    return (log_joint - log_code).mean(dim=1)


@BOUND.mistake(
    "the weights of a group are added up; their mean is asked, log(k) less, or the bound grows with k for nothing"
)
def sum_instead_of_mean(log_joint, log_code, k):
    return (log_joint - log_code).view(len(log_joint), -1, k).logsumexp(dim=2).mean(dim=1)


@BOUND.mistake(
    "all draws make one group here; each k of them give one bound, whose mean comes last, outside the log"
)
def all_in_one_group(log_joint, log_code, k):
    w = log_joint - log_code
    return w.logsumexp(dim=1) - torch.log(torch.tensor(float(w.shape[1])))


@BOUND.mistake(
    "the best draw of a group stands for its mean; it is at most log(k) too high, but it is no bound"
)
def the_best_draw(log_joint, log_code, k):
    return (log_joint - log_code).view(len(log_joint), -1, k).amax(dim=2).mean(dim=1)


@BOUND.mistake("log q is left out: z was drawn from q, not evenly, so each draw counts 1 / q(z)")
def without_the_code(log_joint, log_code, k):
    w = log_joint.view(len(log_joint), -1, k)
    return (w.logsumexp(dim=2) - torch.log(torch.tensor(float(k)))).mean(dim=1)


@BOUND.mistake("p and q are averaged apart and then divided; a weight is the ratio at *one* z")
def ratio_of_means(log_joint, log_code, k):
    p, q = (each.view(len(each), -1, k).logsumexp(dim=2) for each in (log_joint, log_code))
    return (p - q).mean(dim=1)


@BOUND.mistake("a group is every so-manieth draw; the first k draws are the first group: view(n, -1, k)")
def every_other_draw(log_joint, log_code, k):
    w = (log_joint - log_code).view(len(log_joint), k, -1)
    return (w.logsumexp(dim=1) - torch.log(torch.tensor(float(k)))).mean(dim=1)


@BOUND.mistake(
    "exp of the log-weights is 0 or infinite in a float, and your limit stands in for it: take the largest out first"
)
def exp_within_limits(log_joint, log_code, k):
    w = (log_joint - log_code).exp().clamp(1e-30, 1e30).view(len(log_joint), -1, k)
    return w.mean(dim=2).log().mean(dim=1)
