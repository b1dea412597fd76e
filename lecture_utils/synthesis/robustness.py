"""How well a net withstands: success against epsilon, transfer, every pair of classes, and whether gradients hide."""

from typing import NamedTuple

import torch

from ..checks import check_images, check_targets
from ..progress import progress
from .gradient_sign import fgsm
from .optimise import check_count
from .perturbation import answers, success_rate
from .pgd import pgd


def success_curve(net, images, labels, radii, attack=fgsm):
    """Share of attacked images that the net gets wrong, one float for each radius of `radii`.

    images: (n, 3, h, w) in [0, 1], best those that the net gets right. attack: a function (net, images, labels, eps) ->
    images; radius 0 means the images themselves. Errors: as the attack.

    >>> success_curve(net, images, labels, [k / 255 for k in (0, 1, 2, 4, 8)])
    """
    return [
        success_rate(net, attack(net, images, labels, eps) if eps else images, labels)
        for eps in progress(list(radii), "success against eps")
    ]


def transfer_matrix(nets, images, labels, attack):
    """Share of images made on one net (row) that another net (column) gets wrong: (rows, columns) float64.

    nets: {name: net}, in this order. Only images that every net gets right are attacked; ValueError where there are
    none. attack: a function (net, images, labels) -> images. The diagonal is the white-box attack.
    Source: Szegedy et al. (2014), section 4.2, with other numbers of theirs.
    """
    chosen = torch.stack([torch.eq(*answers(net, images, labels)) for net in nets.values()]).all(0)
    if not chosen.any():
        raise ValueError("images: no image is right for every net, so that no success would mean anything")
    labels = check_targets(labels, len(images), 2**31, name="labels").cpu()[chosen]
    images = images[chosen.to(images.device)]
    rows = []
    for net in progress(list(nets.values()), "transfer"):
        attacked = attack(net, images, labels)
        rows.append([success_rate(other, attacked, labels) for other in nets.values()])
    return torch.tensor(rows, dtype=torch.float64)


def targeted_matrix(net, images, labels, classes, attack):
    """Share of images of each class (row) that the attack turns into each other one (column): (classes, classes).

    images: (n, 3, h, w) in [0, 1]; labels: LongTensor (n,). classes: how many there are. attack: a function (net,
    images, labels, target) -> images, where target is a LongTensor (n,).
    The diagonal, and the row of a class without images, is NaN. Errors: as the attack.
    """
    check_count(classes, "classes", least=2)
    labels = check_targets(labels, len(images), classes, name="labels").cpu()
    matrix = torch.full((classes, classes), torch.nan, dtype=torch.float64)
    for target in progress(range(classes), "targets"):
        chosen = labels != target
        if not chosen.any():
            continue
        wanted = torch.full((int(chosen.sum()),), target)
        attacked = attack(net, images[chosen.to(images.device)], labels[chosen], wanted)
        hit = answers(net, attacked, labels[chosen])[0] == target
        for label in labels[chosen].unique():
            matrix[label, target] = hit[labels[chosen] == label].double().mean()
    return matrix


class MaskedGradients(NamedTuple):
    """Success rates of attacks on one net, floats, and whether each warning sign is absent."""

    fgsm: float
    pgd: float
    unbounded: float  # PGD with a radius of 1: anything in [0, 1]
    transferred: float  # PGD made on another net
    pgd_beats_fgsm: bool
    unbounded_reaches_all: bool
    white_box_beats_transfer: bool

    @property
    def absent(self):
        """No warning sign: the attack's failures are the net's merit, as far as these three can tell."""
        return self.pgd_beats_fgsm and self.unbounded_reaches_all and self.white_box_beats_transfer


def masked_gradients(net, other, images, labels, eps, steps=20, restarts=1, seed=0):
    """Does the net withstand, or does it only hide its gradient? `MaskedGradients`.

    A net may look robust because its gradient shows no way, not because there is none. Three signs of it: many steps
    do no more than one; no radius is large enough; images made on another net do more than those made on this one.
    net: the one in question; other: a net trained apart. images: (n, 3, h, w) in [0, 1], labels LongTensor (n,); those
    that the net gets wrong are left out. eps: the radius; steps, restarts, seed: of PGD.
    Source: Athalye, Carlini, Wagner (2018), section 3.1. Errors: as `pgd`; ValueError where the net gets all wrong.
    """
    check_images(images, net=net, range01=True)
    said, labels = answers(net, images, labels)
    chosen = said == labels
    if not chosen.any():
        raise ValueError("images: the net gets every one wrong before any attack")
    images, labels = images[chosen.to(images.device)], labels[chosen]

    def strong(attacked_net, radius):
        size = 2.5 * radius / steps
        return pgd(attacked_net, images, labels, radius, steps, size, restarts, seed=seed)

    once = success_rate(net, fgsm(net, images, labels, eps), labels)
    often = success_rate(net, strong(net, eps), labels)
    all_of_it = success_rate(net, strong(net, 1.0), labels)
    moved = success_rate(net, strong(other, eps), labels)
    return MaskedGradients(once, often, all_of_it, moved, often >= once, all_of_it == 1.0, often >= moved)
