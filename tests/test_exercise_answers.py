"""Answers that no list holds: right ones of other kinds, mistakes in other words, overflow; and the oracles' laws."""

import itertools

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F

from lecture_utils import synthesis
from lecture_utils.exercises import find
from lecture_utils.generative import autoregressive, gan, importance, likelihoods, vae, walks
from lecture_utils.synthesis.attack import project
from tests.test_exercises import says

LOG2 = float(np.log(2))


def normals(mean, log_variance):
    return torch.distributions.Normal(mean, (log_variance / 2).exp())


# Right answers of other kinds pass: the package's own, libraries, loops.


def sklearn_nearest(bank, queries, k):
    from sklearn.neighbors import NearestNeighbors

    return torch.from_numpy(NearestNeighbors(n_neighbors=k).fit(bank).kneighbors(queries)[1]).int()


def sklearn_precision(features, labels, k):
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=k).fit(features.numpy()).kneighbors(return_distance=False)
    return np.float64((labels.numpy()[found] == labels.numpy()[:, None]).mean())


def sklearn_pca(features):
    from sklearn.decomposition import PCA

    return torch.from_numpy(PCA(2).fit_transform(features.numpy())) * torch.tensor([-1.0, 1.0])


def torch_conv_transpose(signal, weights, stride, size):
    picture = F.conv_transpose2d(signal[None], weights, stride=stride)[0]
    return F.pad(
        picture, (0, size[1] - picture.shape[2], 0, size[0] - picture.shape[1])
    )  # no filter saw these


class Linear(torch.nn.Module):
    """logits = images.flatten(1) @ weights.T + bias. The package takes three colours: it gets black ones more."""

    def __init__(self, weights, shape, bias=None):
        super().__init__()
        self.weights = torch.nn.Parameter(in_three_colours(weights.view(-1, *shape)).flatten(1))
        self.bias = torch.zeros(len(weights)) if bias is None else bias

    def forward(self, images):
        return F.linear(images.flatten(1), self.weights, self.bias)


def in_three_colours(images):
    return F.pad(images, (0, 0, 0, 0, 0, 3 - images.shape[1]))


def fgsm_by_the_package(images, weights, labels, eps):
    net = Linear(weights, images.shape[1:])
    return synthesis.fgsm(net, in_three_colours(images), labels, eps)[:, : images.shape[1]]


def deepfool_by_the_package(x, weights, bias):
    net, image = Linear(weights, (1, 1, len(x)), bias), in_three_colours(x.view(1, 1, 1, -1))
    moved = synthesis.deepfool(net, image, steps=1, overshoot=0.0, box=False, candidates=len(bias))
    return (moved - image)[0, 0, 0]


def report_by_the_package(images, originals, features, wanted):
    error = synthesis.content_loss(features, wanted) / (wanted**2).sum(1)
    return torch.stack([error, synthesis.psnr(images, originals)], 1)


def likelihood_by_the_package(logits, pixels):
    nats = likelihoods.Categorical(logits.shape[1]).log_prob(logits, pixels).flatten(1).sum(1)
    return torch.stack([nats, -nats / pixels[0].numel() / LOG2], 1)


def seen_by_transposed_convolutions(masks, row, column, size):
    marked = torch.zeros(1, 1, *size)
    marked[0, 0, row, column] = 1
    for mask in masks[::-1]:
        reach = [length // 2 for length in mask.shape]
        marked = F.conv_transpose2d(marked, mask[None, None].float(), padding=reach)
    return marked[0, 0] > 0.5


def gradient_by_rsample(mean, log_variance, noise, weights, x):
    """As a package does it: the log-likelihood of unit variance, with its constant."""
    outputs = [t.clone().double().requires_grad_() for t in (mean, log_variance)]
    z = outputs[0] + outputs[1].exp().sqrt() * noise
    made = torch.distributions.Normal(z @ weights.double().T, 1.0)
    made.log_prob(x).sum(2).mean(0).sum().backward()
    return torch.stack([leaf.grad for leaf in outputs], 1)


def levels_by_the_package(pixels, mean, log_scale, levels):
    decoder = likelihoods.DiscretisedLogistic(levels, "pixel", scale=1.0).double()
    x, m, s = (t.reshape(1, 1, 1, -1) for t in (pixels, mean.double(), log_scale.double()))
    parameters = torch.stack([m / (levels - 1) - 0.5, s - np.log(levels - 1)], 1)
    return decoder.log_prob(parameters, x).view(pixels.shape)


def bound_by_the_package(log_joint, log_code, k):
    groups = (log_joint - log_code).split(k, dim=1)
    return torch.stack([importance.log_mean(group.T) for group in groups]).mean(0)


def losses_by_the_package(real, fake):
    kinds = ("non_saturating", "minimax")
    return torch.stack([gan.discriminator_loss(real, fake), *(gan.generator_loss(fake, k) for k in kinds)])


def walk_by_the_package(red, blue, cars, steps):
    ends = walks.to_shell(cars.mean(0, keepdim=True))[0], walks.arithmetic(red, blue, cars)
    return walks.walk(*ends, steps)


def game(shift, weights, real, noise, lr, forget=True, detach=True, at_once=False):
    """The loop with leaves and .grad, as optimisers use them."""
    s, w = (t.clone().requires_grad_() for t in (shift, weights))

    def step(*leaves):
        with torch.no_grad():
            for leaf in leaves:
                leaf -= lr * leaf.grad

    for x, z in zip(real, noise, strict=True):
        s.grad = w.grad = None
        made = z + s
        judged = F.softplus(-(x @ w)).mean() + F.softplus((made.detach() if detach else made) @ w).mean()
        judged.backward(retain_graph=True)
        if not at_once:
            step(w)
        if forget:
            s.grad = None
        kept = w.grad.clone()
        F.softplus(-((z + s) @ w)).mean().backward()
        w.grad = kept
        step(*((s, w) if at_once else (s,)))
    return torch.stack([s, w]).detach()


def pairs(a, b, own=False, d=None):
    """The mean of the kernel over pairs, one after another; own: within a set, each picture with itself too."""
    a, b = a.double(), b.double()
    d = d or a.shape[1]

    def mean(some):
        return np.mean([float((x @ y / d + 1) ** 3) for x, y in some])

    within = [mean(itertools.product(x, x) if own else itertools.permutations(x, 2)) for x in (a, b)]
    return sum(within) - 2 * mean(itertools.product(a, b))


RIGHT = [
    ("01.1", lambda w: (w.double() / w.abs().amax() + 1) / 2),
    ("01.2", lambda w, low, high: (low + (high - low) * (w > 0).movedim(1, -1)).movedim(-1, 1)),
    ("01.3", lambda batches: ~torch.cat(batches).relu().flatten(2).any(2).any(0)),
    ("01.4", lambda i, w, b, s, p: F.conv2d(i[None], w, b, s, p)[0].requires_grad_()),
    ("02.1", sklearn_nearest),
    ("02.2", sklearn_precision),
    ("02.3", sklearn_pca),
    ("04.4", torch_conv_transpose),
    ("06.2", lambda h, m: torch.nan_to_num((h.relu() * m).sum((1, 2)) / h.relu().sum((1, 2)))),
    ("08.1", synthesis.gram_matrix),
    ("08.2", report_by_the_package),
    ("09.1", fgsm_by_the_package),
    ("09.3", project),
    ("09.4", deepfool_by_the_package),
    ("10.1", likelihood_by_the_package),
    ("10.2", lambda logits, u, t: autoregressive.pick(logits / t, u)),
    ("10.4", seen_by_transposed_convolutions),
    ("11.1", lambda m, v: vae.kl_to_standard(m, v).sum(1)),
    ("11.2", gradient_by_rsample),
    ("11.3", levels_by_the_package),
    ("11.4", bound_by_the_package),
    ("12.1", losses_by_the_package),
    ("12.2", walk_by_the_package),
    ("12.3", game),
    ("12.4", pairs),
]


@pytest.mark.parametrize(("number", "function"), RIGHT, ids=[number for number, _ in RIGHT])
def test_other_right_answers_pass(number, function):
    verdict = says(find(number), function)
    assert verdict.passed is True, verdict.line


# The listed misconceptions, written in another way: a checker that knew its own list by heart would fail here.


def convolved_by_scipy(image, weights, bias, stride, padding):
    from scipy.signal import convolve

    padded = np.pad(image.numpy(), [(0, 0), (padding, padding), (padding, padding)])
    maps = [convolve(padded, each[::-1], mode="valid")[0] for each in weights.numpy()]
    return torch.from_numpy(np.stack(maps)[:, ::stride, ::stride]) + bias[:, None, None]


def self_counted(features, labels, k):
    squares = ((features[:, None] - features[None]) ** 2).sum(2).numpy()
    order = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return float((labels.numpy()[order] == labels.numpy()[:, None]).mean())


def whitened(features):
    centred = features - features.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, [-1, -2]] / values[[-1, -2]].sqrt()


def clamped_corner(image, map, size, stride, offset):
    row, column = (map == map.max()).nonzero()[0].tolist()
    corner = torch.tensor([row, column]) * stride + offset
    top, left = corner.clamp(min=0).minimum(torch.tensor(image.shape[1:]) - size).tolist()
    return image[:, top : top + size, left : left + size].clone()


def occluded_from_the_whole(image, weights, size, stride, fill):
    whole, taken = (weights * image).sum(), weights * (image - fill)
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    corners = [(r * stride, c * stride) for r in range(rows) for c in range(cols)]
    left = [whole - taken[:, top : top + size, side : side + size].sum() for top, side in corners]
    return whole - torch.stack(left).view(rows, cols)


def box_of_everything(heat, share):
    hot = (heat > share * heat.max()).numpy()
    rows, cols = np.flatnonzero(hot.any(1)), np.flatnonzero(hot.any(0))
    return torch.tensor([cols[0], rows[0], cols[-1] + 1, rows[-1] + 1])


def argmax_by_numpy(heatmaps, masks):
    every = zip(heatmaps.numpy(), masks.numpy(), strict=True)
    return torch.tensor([mask[np.unravel_index(heat.argmax(), heat.shape)] for heat, mask in every])


def blurred_by_scipy_with_zeros(image, weights, lr, steps, every):
    from scipy.ndimage import convolve

    x, kernel = image.numpy(), np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])[None]
    for number in range(1, steps + 1):
        x = x + lr * weights.numpy()
        if number % every == 0:
            x = convolve(x, kernel, mode="constant")
    return torch.from_numpy(x)


def numpy_cov(features):
    return torch.stack([torch.from_numpy(np.cov(f.flatten(1).numpy(), bias=True)) for f in features])


def torch_renorm(perturbed, images, eps, norm):
    """torch's own renorm keeps each image in the ball of either norm by shrinking all of it."""
    p = float("inf") if norm == "inf" else 2.0
    return (images + torch.renorm((perturbed - images).flatten(1), p, 0, eps).view_as(images)).clip(0, 1)


def channels_forgotten(logits, pixels):
    logs = torch.distributions.Categorical(logits=logits.movedim(1, -1)).log_prob(pixels).sum((1, 2, 3))
    return torch.stack([logs, -logs / (pixels.shape[2] * pixels.shape[3] * LOG2)], 1)


def without_colours(weights, kind, colours):
    mask = torch.zeros(weights[0, 0].numel())
    mask[: len(mask) // 2 + (kind == "B")] = 1
    return weights * mask.view(weights.shape[2:])


def minkowski_sum(masks, row, column, size):
    """All offsets added up on an endless grid, by full convolutions, and cut to the picture in the end."""
    from scipy.signal import convolve2d

    kernel, found = np.ones((1, 1)), torch.zeros(size, dtype=torch.bool)
    for mask in masks:
        kernel = convolve2d(kernel, mask.numpy().astype(float))
    for i, j in np.argwhere(kernel > 0.5):
        r, c = row + i - kernel.shape[0] // 2, column + j - kernel.shape[1] // 2
        if 0 <= r < size[0] and 0 <= c < size[1]:
            found[r, c] = True
    return found


def prior_first(mean, log_variance):
    q = normals(mean, log_variance)
    return torch.distributions.kl_divergence(torch.distributions.Normal(0.0, 1.0), q).sum(1)


def reinforce(mean, log_variance, noise, weights, x):
    """The score times the gradient of log q at the drawn code, by autograd."""
    outputs = [t.clone().requires_grad_() for t in (mean, log_variance)]
    z = normals(mean, log_variance).mean + normals(mean, log_variance).stddev * noise
    score = -((x - z @ weights.T) ** 2).sum(-1) / 2
    log_q = normals(*outputs).log_prob(z).sum(-1)
    return torch.stack(torch.autograd.grad((score * log_q).mean(0).sum(), outputs), 1)


def bce_of_sigmoids(real, fake):
    loss, real, fake = torch.nn.BCELoss(), real.sigmoid(), fake.sigmoid()
    d = loss(real, torch.ones_like(real)) + loss(fake, torch.zeros_like(fake))
    return torch.stack([d, loss(fake, torch.ones_like(fake)), -loss(fake, torch.zeros_like(fake))])


IN_OTHER_WORDS = [
    ("01.4", convolved_by_scipy, "the filter is turned round"),
    ("02.2", self_counted, "each picture finds itself first"),
    ("02.3", whitened, "these are columns of U"),
    ("03.2", clamped_corner, "the square is pushed into the image"),
    ("04.1", occluded_from_the_whole, "by how much the score falls"),
    ("04.3", lambda *args: find("04.3").oracle(*args).relu(), "what arrives at x is rectified as well"),
    ("05.3", box_of_everything, "around all hot pixels"),
    ("06.1", argmax_by_numpy, "the first; and of a constant map it names pixel 0"),
    ("06.3", lambda a, b: np.corrcoef(a, b)[0, 1], "this is Pearson's correlation"),
    ("07.3", blurred_by_scipy_with_zeros, "beyond the border lie zeros"),
    ("08.1", numpy_cov, "this is the covariance"),
    ("09.3", torch_renorm, "the whole difference is shrunk"),
    ("10.1", channels_forgotten, "each colour is a dimension"),
    ("10.3", without_colours, "at the centre the colours have no order"),
    ("10.4", minkowski_sum, "paths lead through places outside"),
    ("11.1", prior_first, "this is KL(p || q)"),
    ("11.2", reinforce, "the score times the gradient of log q"),
    ("12.1", bce_of_sigmoids, "binary_cross_entropy of probabilities ends at 100"),
    ("12.3", lambda *args: game(*args, at_once=True), "both move at once"),
    ("12.3", lambda *args: game(*args, forget=False, detach=False), "gradients of the first step"),
    ("12.4", lambda a, b: pairs(a, b, own=True), "compared with itself, too"),
    ("12.4", lambda a, b: pairs(a, b, d=1), "is not divided by d"),
]


@pytest.mark.parametrize(("number", "function", "cause"), IN_OTHER_WORDS)
def test_a_mistake_is_known_however_it_is_written(number, function, cause):
    assert cause in says(find(number), function).cause


# Without care for large numbers an answer is infinite, and the line says where to look.


def log_of_the_softmax(logits, pixels):
    nats = logits.softmax(1).log().gather(1, pixels[:, None]).flatten(1).sum(1)
    return torch.stack([nats, -nats / pixels[0].numel() / LOG2], 1)


def mean_of_exp(log_joint, log_code, k):
    return (log_joint - log_code).exp().view(len(log_joint), -1, k).mean(2).log().mean(1)


def log_of_the_sigmoid(real, fake):
    real, fake = real.sigmoid(), fake.sigmoid()
    d = -real.log().mean() - (1 - fake).log().mean()
    return torch.stack([d, -fake.log().mean(), (1 - fake).log().mean()])


OVERFLOWS = [
    ("10.1", log_of_the_softmax),
    ("11.4", mean_of_exp),
    ("11.4", lambda p, q, k: mean_of_exp(p.double(), q.double(), k)),
    ("12.1", log_of_the_sigmoid),
]


@pytest.mark.parametrize(("number", "function"), OVERFLOWS)
def test_what_overflows_fails(number, function):
    verdict = says(find(number), function)
    assert verdict.passed is False and verdict.cause is None and "a log of 0" in verdict.line


# The oracles obey the laws that they stand for.


def test_the_best_patch_of_a_tiny_filter_by_trying_all_corners():
    case = find("01.2").cases()[0]
    corners = torch.cartesian_prod(*torch.stack([case["low"], case["high"]], 1))  # (8, 3)
    best = corners[(corners @ case["weights"].flatten()).argmax()]
    assert torch.equal(find("01.2").oracle(**case).flatten().float(), best)


def test_the_perplexity_of_sigma_is_what_was_asked():
    for case in find("02.4").cases():
        sigma = find("02.4").oracle(**case)
        p = np.exp(-np.delete(case["squared"].double().numpy(), case["own"]) / (2 * sigma**2))
        bits = scipy.stats.entropy(p, base=2)  # normalises p itself
        assert abs(2**bits - case["perplexity"]) < 1e-6 * case["perplexity"]


def test_all_tiny_images_together_have_the_probability_one():
    """Two values of three levels; the second one's logits depend on the first."""
    table = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    images = torch.cartesian_prod(torch.arange(3), torch.arange(3)).view(9, 1, 1, 2)
    first = torch.tensor([0.3, -1.0, 2.0]).expand(9, 3)
    logits = torch.stack([first, table[images[:, 0, 0, 0]]], 2)[:, :, None, None]
    assert abs(float(find("10.1").oracle(logits, images)[:, 0].exp().sum()) - 1) < 1e-9


def test_levels_are_drawn_as_often_as_they_are_probable():
    logits = torch.tensor([0.0, 1.0, -1.0, 2.0])
    u = (torch.arange(400) + 0.5) / 400
    drawn = find("10.2").oracle(logits.expand(400, 4), u, 0.7).bincount(minlength=4) / 400
    assert (drawn - (logits / 0.7).softmax(0)).abs().max() <= 1 / 400


def test_a_stack_of_type_a_and_b_sees_nothing_that_comes_later():
    for case in find("10.4").cases():
        own = case["row"] * case["size"][1] + case["column"]
        assert not find("10.4").oracle(**case).flatten()[own:].any()


@pytest.mark.parametrize(("levels", "mean", "scale"), [(3, 1.0, 1.0), (17, -2.0, 3.0), (8, 6.9, 0.2)])
def test_all_levels_together_have_the_probability_one(levels, mean, scale):
    means, scales = torch.full((levels,), mean), torch.full((levels,), scale).log()
    logs = find("11.3").oracle(torch.arange(levels), means, scales, levels)
    assert abs(float(logs.exp().sum()) - 1) < 1e-6


def test_the_cost_of_a_code_is_what_monte_carlo_says():
    mean, log_variance = torch.tensor([[0.7, -1.5]]), torch.tensor([[-2.0, 0.8]])
    q, p = normals(mean, log_variance), torch.distributions.Normal(0.0, 1.0)
    noise = torch.randn(200_000, 2, generator=torch.Generator().manual_seed(0))
    z = q.mean + q.stddev * noise
    estimate = (q.log_prob(z) - p.log_prob(z)).sum(1)
    cost = find("11.1").oracle(mean, log_variance)
    assert abs(float(estimate.mean() - cost)) < 4 * float(estimate.std()) / 447


def test_a_larger_k_comes_nearer_on_average_and_k_one_is_the_elbo():
    weights = torch.randn(100, 12, generator=torch.Generator().manual_seed(0)).double()
    means = [float(find("11.4").oracle(weights, 0 * weights, k).mean()) for k in (1, 3, 12)]
    assert abs(means[0] - float(weights.mean())) < 1e-9 and means[0] < means[1] < means[2] < 0.5


def test_the_games_nash_equilibrium_stays():
    """Where made and real images are the same, and the discriminator knows nothing, nobody moves."""
    x = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
    shift = torch.tensor([1.0, -2.0])
    found = find("12.3").oracle(shift, torch.zeros(2), x + shift, x, 0.3)
    assert (found - torch.stack([shift, torch.zeros(2)])).abs().max() < 1e-6


def test_two_samples_of_one_kind_are_zero_apart_on_average():
    draws = torch.Generator().manual_seed(0)
    found = [find("12.4").oracle(*torch.randn(2, 6, 3, generator=draws)) for _ in range(400)]
    assert abs(np.mean(found)) < 4 * np.std(found) / 20 and min(found) < 0 < max(found)
