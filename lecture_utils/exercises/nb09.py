"""Exercises of notebook 09: FGSM, a success rate that is fair, PGD's projection, DeepFool's step."""

import io

import numpy as np
import torch

from .frame import Exercise
from .nearest_border import DEEPFOOL
from .projection import PROJECT

__all__ = ["DEEPFOOL", "FGSM", "PROJECT", "SUCCESS"]


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


FGSM = Exercise(
    "09.1",
    "The fast gradient sign method",
    difficulty=1,
    minutes=8,
    trains="which loss is raised, what its sign does, and the unit of epsilon",
    against="the gradient of the cross-entropy worked out on paper, in numpy",
    praise="Every value spends its whole epsilon against the label, and the result is still an image.",
    hints=(
        "images = images.clone().requires_grad_(), logits = images.flatten(1) @ weights.T, and then one number to "
        "differentiate: torch.nn.functional.cross_entropy(logits, labels). Its sign is the same for mean and sum.",
        "gradient = torch.autograd.grad(loss, images)[0] says how to raise the loss of the label. Raise it: plus "
        "eps * gradient.sign().",
        "Last .clamp(0, 1). And .detach(), if you like: the result needs no history.",
    ),
)


@FGSM.stub
def my_fgsm(images, weights, labels, eps):
    """The images, each value moved by `eps` so that the cross-entropy of the label rises, in [0, 1].

    The net: logits = images.flatten(1) @ weights.T. images: (n, c, h, w) in [0, 1]. weights: (classes, c * h * w).
    labels: LongTensor (n,). eps: in pixel units, where 0 is black and 1 is white. No gradient is exactly 0 here.
    """
    raise NotImplementedError


@FGSM.solve
def by_autograd(images, weights, labels, eps):
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels)
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + eps * gradient.sign()).clamp(0, 1).detach()


@FGSM.expect
def on_paper(images, weights, labels, eps):
    x, w = images.double().flatten(1).numpy(), weights.double().numpy()
    scores = np.exp(x @ w.T - (x @ w.T).max(1, keepdims=True))
    slope = (scores / scores.sum(1, keepdims=True) - np.eye(len(w))[labels.numpy()]) @ w
    return torch.from_numpy(np.clip(x + eps * np.sign(slope), 0, 1)).view(images.shape)


@FGSM.inputs
def some_linear_nets():
    tiny = {
        "images": torch.tensor([0.5, 0.95]).view(1, 1, 1, 2),
        "weights": torch.tensor([[2.0, 0.5], [1.0, 3.0]]),
        "labels": torch.tensor([0]),
        "eps": 0.1,
    }
    more = [
        {
            "images": _random(n, c, h, w, seed=n).mul(2).sigmoid(),
            "weights": 0.3 * _random(k, c * h * w, seed=n + 1),
            "labels": torch.arange(n) % k,
            "eps": eps,
        }
        for n, c, h, w, k, eps in ((2, 1, 2, 2, 3, 0.03), (5, 3, 6, 5, 4, 8 / 255))
    ]
    return [tiny, *more]


@FGSM.mistake("the loss of the label falls: the image gets safer, not adversarial; plus, uphill")
def towards_the_label(images, weights, labels, eps):
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels)
    (gradient,) = torch.autograd.grad(loss, images)
    return (images - eps * gradient.sign()).clamp(0, 1).detach()


@FGSM.mistake("the sign is missing: a value moves as far as its gradient says, and most of them hardly move")
def without_the_sign(images, weights, labels, eps):
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + eps * gradient).clamp(0, 1).detach()


@FGSM.mistake("the gradient is brought to length 1: that is a step of length eps, not of eps for every value")
def a_step_of_length_eps(images, weights, labels, eps):
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels)
    (gradient,) = torch.autograd.grad(loss, images)
    way = gradient / gradient.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
    return (images + eps * way).clamp(0, 1).detach()


@FGSM.mistake(
    "the label's score falls, but no other class has to gain: use the cross-entropy, which knows them"
)
def the_score_falls(images, weights, labels, eps):
    return (images - eps * weights[labels].view_as(images).sign()).clamp(0, 1)


@FGSM.mistake("the result leaves [0, 1], so it is no image any more: clamp(0, 1)")
def not_an_image(images, weights, labels, eps):
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels)
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + eps * gradient.sign()).detach()


@FGSM.mistake("eps is divided by 255 once more; it is in pixel units already, 8 / 255 for eight levels")
def eps_in_levels(images, weights, labels, eps):
    images = images.clone().requires_grad_()
    loss = torch.nn.functional.cross_entropy(images.flatten(1) @ weights.T, labels)
    (gradient,) = torch.autograd.grad(loss, images)
    return (images + eps / 255 * gradient.sign()).clamp(0, 1).detach()


SUCCESS = Exercise(
    "09.2",
    "A success rate that is fair",
    difficulty=2,
    minutes=12,
    trains="what may count as a success: the denominator, and a file of 8 bits",
    against="PNG files, written and read with PIL, in numpy",
    praise="Only what was right can be broken, and it has to stay broken in a file.",
    hints=(
        "The net's answer: (images.flatten(1) @ weights.T).argmax(dim=1). Ask it for the images and for the "
        "attacked ones as they come out of a file.",
        "A file of 8 bits keeps 256 levels: (255 * attacked).round() / 255.",
        "before = said of images == labels. Of those, and only of those, which are not right any more? "
        "(said[before] != labels[before]).float().mean().",
    ),
)


@SUCCESS.stub
def my_success_rate(images, attacked, weights, labels):
    """How often an attack succeeds, a number from 0 to 1: of the images that the net got right, the share it gets wrong
    once the attacked image has been saved with 8 bits a value (rounded to the nearest of the levels 0 to 255) and read.

    The net: logits = images.flatten(1) @ weights.T; it says the class of the largest. images, attacked: (n, c, h, w) in
    [0, 1]. weights: (classes, c * h * w). labels: LongTensor (n,). At least one image is right before.
    """
    raise NotImplementedError


@SUCCESS.solve
def right_before_wrong_after(images, attacked, weights, labels):
    saved = (255 * attacked).round() / 255
    before = (images.flatten(1) @ weights.T).argmax(dim=1) == labels
    after = (saved.flatten(1) @ weights.T).argmax(dim=1) == labels
    return (~after[before]).float().mean()


@SUCCESS.expect
def through_files(images, attacked, weights, labels):
    from PIL import Image

    w, fooled, right = weights.double().numpy(), 0, 0
    for x, y, label in zip(images.double().numpy(), attacked.double().numpy(), labels.tolist(), strict=True):
        file = io.BytesIO()
        Image.fromarray(np.rint(255 * y).astype(np.uint8).reshape(1, -1)).save(file, "PNG")
        read = np.asarray(Image.open(io.BytesIO(file.getvalue()))).ravel() / 255
        if np.argmax(w @ x.ravel()) == label:
            right += 1
            fooled += np.argmax(w @ read) != label
    return fooled / right


def _attacked(n, classes, seed):
    """Images of 2 x 3 px with three colours, some got wrong, and each moved to the nearest border or just beyond."""
    images, weights = _random(n, 3, 2, 3, seed=seed).sigmoid(), _random(classes, 18, seed=seed + 1)
    scores = images.flatten(1) @ weights.T
    ranked = scores.argsort(dim=1, descending=True)
    labels = torch.where(torch.arange(n) % 4 == 3, ranked[:, 1], ranked[:, 0])
    across = weights[ranked[:, 1]] - weights[ranked[:, 0]]  # (n, 18)
    gap = scores.gather(1, ranked[:, :1]) - scores.gather(1, ranked[:, 1:2])  # (n, 1)
    far = torch.linspace(0.95, 1.05, n)[:, None]  # 1 is the border
    way = far * gap / across.square().sum(1, keepdim=True) * across
    attacked = (images + way.view_as(images)).clamp(0, 1)
    return {"images": images, "attacked": attacked, "weights": weights, "labels": labels}


@SUCCESS.inputs
def some_attacks():
    def four(images, attacked):
        return {
            "images": torch.tensor(images).view(4, 1, 1, 2),
            "attacked": torch.tensor(attacked).view(4, 1, 1, 2),
            "weights": torch.tensor([[1.0, 0.0], [0.0, 2.0]]),
            "labels": torch.tensor([0, 0, 0, 0]),
        }

    tiny = four(
        [[0.9, 0.2], [0.3, 0.6], [0.9, 0.3], [0.8, 0.1]],
        [[0.5, 0.4], [0.3, 0.7], [0.802, 0.4013], [0.7, 0.2]],
    )
    by_rounding = four(
        [[0.9, 0.3], [0.7, 0.2], [0.9, 0.4], [1, 0]], [[0.8047, 0.4023], [0.7, 0.3], [0.9, 0.4], [1, 0]]
    )
    return [tiny, by_rounding, _attacked(200, 4, 3)]


@SUCCESS.mistake(
    "what the net got wrong before any attack counts as a success: look only at images it got right"
)
def wrong_ones_count(images, attacked, weights, labels):
    saved = (255 * attacked).round() / 255
    return ((saved.flatten(1) @ weights.T).argmax(dim=1) != labels).float().mean()


@SUCCESS.mistake(
    "you divide by all images, though those got wrong before could never count: by the right ones"
)
def share_of_all(images, attacked, weights, labels):
    saved = (255 * attacked).round() / 255
    before = (images.flatten(1) @ weights.T).argmax(dim=1) == labels
    after = (saved.flatten(1) @ weights.T).argmax(dim=1) == labels
    return (before & ~after).float().mean()


@SUCCESS.mistake(
    "you count answers that change, also from one wrong class to another: compare with the label"
)
def answers_that_change(images, attacked, weights, labels):
    saved = (255 * attacked).round() / 255
    first = (images.flatten(1) @ weights.T).argmax(dim=1)
    return ((saved.flatten(1) @ weights.T).argmax(dim=1) != first).float().mean()


@SUCCESS.mistake("nothing is saved: some differences are finer than a level and would not survive in a file")
def never_saved(images, attacked, weights, labels):
    before = (images.flatten(1) @ weights.T).argmax(dim=1) == labels
    after = (attacked.flatten(1) @ weights.T).argmax(dim=1) == labels
    return (~after[before]).float().mean()


@SUCCESS.mistake("the levels are cut off, as .to(torch.uint8) does, which darkens the image: round()")
def cut_off(images, attacked, weights, labels):
    saved = (255 * attacked).to(torch.uint8) / 255
    before = (images.flatten(1) @ weights.T).argmax(dim=1) == labels
    after = (saved.flatten(1) @ weights.T).argmax(dim=1) == labels
    return (~after[before]).float().mean()


@SUCCESS.mistake("this is the share that stays right, the net's accuracy under attack; success is the rest")
def what_stays_right(images, attacked, weights, labels):
    saved = (255 * attacked).round() / 255
    before = (images.flatten(1) @ weights.T).argmax(dim=1) == labels
    after = (saved.flatten(1) @ weights.T).argmax(dim=1) == labels
    return after[before].float().mean()
