"""Exercises of notebook 09: FGSM, a success rate that is fair, PGD's projection, DeepFool's step."""

import io

import numpy as np
import torch
from PIL import Image

from .exercise import Exercise, normal


@Exercise("""
09.1 · The fast gradient sign method
against: the gradient of the cross-entropy worked out on paper, in numpy
praise: Every value spends its whole epsilon against the label, and the result is still an image.
hint: images = images.clone().requires_grad_(), logits = images.flatten(1) @ weights.T, and then one number to
    differentiate: torch.nn.functional.cross_entropy(logits, labels). Its sign is the same for mean and sum.
hint: gradient = torch.autograd.grad(loss, images)[0] says how to raise the loss of the label. Raise it: plus eps *
    gradient.sign().
hint: Last .clamp(0, 1). And .detach(), if you like: the result needs no history.
wrong: the loss of the label falls: the image gets safer, not adversarial; plus, uphill
    + eps -> - eps
wrong: the sign is missing: a value moves as far as its gradient says, and most of them hardly move
    labels) -> labels, reduction="sum")
    gradient.sign() -> gradient
wrong: the gradient is brought to length 1: that is a step of length eps, not of eps for every value
    gradient.sign() -> gradient / gradient.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
wrong: the result leaves [0, 1], so it is no image any more: clamp(0, 1)
    .clamp(0, 1) ->
wrong: eps is divided by 255 once more; it is in pixel units already, 8 / 255 for eight levels
    eps * gradient -> eps / 255 * gradient
""")
def my_fgsm(images, weights, labels, eps):
    """The images, each value moved by `eps` so that the cross-entropy of the label rises, in [0, 1]."""
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels)
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + eps * gradient.sign()).clamp(0, 1).detach()


def some_linear_nets():
    weights = torch.tensor([[2.0, 0.5], [1.0, 3.0]])
    yield torch.tensor([0.5, 0.95]).view(1, 1, 1, 2), weights, torch.tensor([0]), 0.1
    for n, c, h, w, k, eps in (2, 1, 2, 2, 3, 0.03), (5, 3, 6, 5, 4, 8 / 255):
        images, weights = normal(n, c, h, w, seed=n).mul(2).sigmoid(), 0.3 * normal(k, c * h * w, seed=n + 1)
        yield images, weights, torch.arange(n) % k, eps


@my_fgsm.expect(some_linear_nets)
def on_paper(images, weights, labels, eps):
    scores = np.exp(images.reshape(len(images), -1) @ weights.T)
    slope = (scores / scores.sum(1, keepdims=True) - np.eye(len(weights))[labels]) @ weights
    return np.clip(images + eps * np.sign(slope).reshape(images.shape), 0, 1)


@Exercise("""
09.2 · A success rate that is fair
against: PNG files, written and read with PIL, in numpy
praise: Only what was right can be broken, and it has to stay broken in a file.
hint: The net's answer: (images.flatten(1) @ weights.T).argmax(dim=1). Ask it for the images and for the attacked ones
    as they come out of a file.
hint: A file of 8 bits keeps 256 levels: (255 * attacked).round() / 255.
hint: before = said of images == labels. Of those, and only of those, which are not right any more? (said[before] !=
    labels[before]).float().mean().
wrong: what the net got wrong before any attack counts as a success: look only at images it got right
    ~after[before] -> ~after
wrong: you divide by all images, though those got wrong before could never count: by the right ones
    ~after[before] -> before & ~after
wrong: nothing is saved: some differences are finer than a level and would not survive in a file
    (255 * attacked).round() / 255 -> attacked
wrong: the levels are cut off, as .to(torch.uint8) does, which darkens the image: round()
    .round() -> .to(torch.uint8)
wrong: this is the share that stays right, the net's accuracy under attack; success is the rest
    ~after[before] -> after[before]
""")
def my_success_rate(images, attacked, weights, labels):
    """How often an attack succeeds, a number from 0 to 1."""
    saved = (255 * attacked).round() / 255
    before = (images.flatten(1) @ weights.T).argmax(dim=1) == labels
    after = (saved.flatten(1) @ weights.T).argmax(dim=1) == labels
    return (~after[before]).float().mean()


def some_attacks():
    four = [[0.9, 0.2, 0.3, 0.6, 0.9, 0.3, 0.8, 0.1], [0.5, 0.4, 0.3, 0.7, 0.802, 0.4013, 0.7, 0.2]]
    by_rounding = [[0.9, 0.3, 0.7, 0.2, 0.9, 0.4, 1, 0], [0.8047, 0.4023, 0.7, 0.3, 0.9, 0.4, 1, 0]]
    for pair in four, by_rounding:
        images, attacked = torch.tensor(pair).view(2, 4, 1, 1, 2)
        yield images, attacked, torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.zeros(4, dtype=torch.long)
    # 200 images of 2 x 3 px, every fourth got wrong, each moved to the nearest border or just beyond
    images, weights = normal(200, 3, 2, 3, seed=3).sigmoid(), normal(4, 18, seed=4)
    scores, ranked = (images.flatten(1) @ weights.T).sort(dim=1, descending=True)
    across = weights[ranked[:, 1]] - weights[ranked[:, 0]]  # (200, 18)
    far = torch.linspace(0.95, 1.05, 200)[:, None]  # 1 is the border
    way = far * (scores[:, :1] - scores[:, 1:2]) / across.square().sum(1, keepdim=True) * across
    labels = torch.where(torch.arange(200) % 4 == 3, ranked[:, 1], ranked[:, 0])
    yield images, (images + way.view_as(images)).clamp(0, 1), weights, labels


@my_success_rate.expect(some_attacks)
def through_files(images, attacked, weights, labels):
    fooled = right = 0
    for x, y, label in zip(images, attacked, labels, strict=True):
        file = io.BytesIO()
        Image.fromarray(np.rint(255 * y).astype(np.uint8).reshape(1, -1)).save(file, "PNG")
        if np.argmax(weights @ x.ravel()) == label:
            right += 1
            fooled += np.argmax(weights @ np.asarray(Image.open(file)).ravel() / 255) != label
    return fooled / right


@Exercise("""
09.3 · Back into the ball
against: one image and one value at a time in numpy
praise: Inside nothing moves, outside it goes just to the edge, and the result is an image.
hint: Both balls are around the image: look at difference = perturbed - images, and add it again at the end.
hint: "inf": each value of the difference by itself, difference.clamp(-eps, eps).
hint: "2": one length for each image, difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt(). What is too long is
    shortened, times eps / length; what is inside stays, so that factor is at most 1: .clamp(max=1).
hint: A difference of 0 has the length 0: length.clamp(min=1e-12) before you divide. Last of all .clamp(0, 1).
wrong: what lies inside the ball is pushed out to its edge: only shorten, never stretch
    .clamp(max=1) ->
wrong: for norm "2" each value is cut by itself, which is the other ball: shorten the whole difference
    norm == "inf" -> True
wrong: for norm "inf" the whole difference is shrunk until its largest value fits; each value is cut by itself
    difference.clamp(-eps, eps) -> difference * eps / difference.abs().amax((1, 2, 3), keepdim=True).clamp(min=eps)
wrong: for norm "2" the whole batch has one length; each image has its own ball
    difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt() -> difference.norm()
wrong: the result is not cut to [0, 1]: it is in the ball, but it is no image
    (images + difference).clamp(0, 1) -> images + difference
""")
def my_projection(perturbed, images, eps, norm):
    """The perturbed images, brought back into the ball of radius `eps` around the images, then cut to [0, 1]."""
    difference = perturbed - images
    if norm == "inf":
        difference = difference.clamp(-eps, eps)
    else:
        length = difference.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        difference = difference * (eps / length.clamp(min=1e-12)).clamp(max=1)
    return (images + difference).clamp(0, 1)


def some_balls():
    images, perturbed = (torch.tensor(v).view(1, 1, 1, 2) for v in ([0.5, 0.5], [0.8, 0.9]))
    yield perturbed, images, 0.1, "2"
    yield perturbed, images, 0.35, "inf"
    images = normal(4, 3, 4, 5, seed=1).mul(3).sigmoid()
    far = torch.tensor([0.0, 0.004, 0.1, 0.6]).view(4, 1, 1, 1)  # one stays, one is inside
    perturbed = images + far * normal(4, 3, 4, 5, seed=2)
    yield perturbed, images, 0.05, "inf"
    yield perturbed, images, 0.5, "2"


@my_projection.expect(some_balls)
def one_at_a_time(perturbed, images, eps, norm):
    for x, centre in zip(perturbed, images, strict=True):
        if norm == "inf":
            for place in np.ndindex(x.shape):
                x[place] = min(max(x[place], centre[place] - eps), centre[place] + eps)
        elif (length := np.linalg.norm(x - centre)) > eps:
            x[...] = centre + eps * (x - centre) / length
    return np.clip(perturbed, 0, 1)


@Exercise("""
09.4 · Straight to the nearest border
against: the shortest solution of each border's equation, by least squares in numpy
praise: The shortest way to any border, measured in pixels and not in scores.
hint: c is the class of the largest score. The border to another class k is where the two scores are equal:
    (weights[k] - weights[c]) @ (x + r) + bias[k] - bias[c] = 0.
hint: With w = weights[k] - weights[c] and f = the score of k minus that of c (below 0), the shortest r with f + w @ r
    = 0 goes along w: r = -f / (w @ w) * w.
hint: Its length is |f| / ||w||. Take the k where *that* is smallest; a class with a steep w may be near though its
    score is low.
hint: Leave k = c out: there f and w are 0, and 0 / 0 is NaN.
wrong: you go to the class with the second-best score; another one's border may be nearer in pixels
    range(len(scores)) -> scores.topk(2).indices.tolist()
wrong: |f| / ||w|| is the distance; along w, which is not of length 1, divide by ||w||^2
    best = r -> best, length = r, w.norm()
    return best -> return length * best
wrong: you go away from the border: the score of k has to gain on that of c
    return best -> return -best
wrong: you follow the slope of k alone; c falls as well: the border's slope is weights[k] - weights[c]
    weights[k] - weights[c] -> weights[k]
wrong: this is the place on the border, x + r; the way to it was asked for
    return best -> return x + best
""")
def my_way_to_the_border(x, weights, bias):
    """The shortest way r (d,) after which the net's class is no longer ahead: x + r lies on the nearest border."""
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


def some_borders():
    weights = torch.tensor([[1.0, 1.0], [0.0, 1.0], [1.0, -3.0]])
    yield torch.tensor([0.5, 0.5]), weights, torch.tensor([0.0, -0.5, 0.0])
    for d, classes, seed in (3, 3, 1), (12, 5, 2), (48, 16, 6):
        steep = torch.linspace(0.3, 3.0, classes)[:, None]  # the classes' scores rise at different rates
        weights, bias = steep * normal(classes, d, seed=seed + 1), normal(classes, seed=seed + 2)
        yield normal(d, seed=seed).sigmoid(), weights, bias


@my_way_to_the_border.expect(some_borders)
def by_least_squares(x, weights, bias):
    first = np.argmax(weights @ x + bias)
    ways = []
    for k in set(range(len(bias))) - {int(first)}:
        w, missing = weights[k] - weights[first], bias[first] - bias[k]
        shortest, *_ = np.linalg.lstsq(w[None], [missing - w @ x], rcond=None)
        ways.append(shortest)
    return min(ways, key=np.linalg.norm)
