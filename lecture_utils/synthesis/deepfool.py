"""How near is the nearest other class? DeepFool steps to the nearest decision boundary of the linearised net."""

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_number
from ..hooks import copy_to, frozen, gradient_of, in_batches, logits_of
from .attack import all_logits
from .optimise import Done, iterate


def deepfool(
    net: nn.Module,
    images: Tensor,
    steps: int = 50,
    overshoot: float = 0.02,
    box: bool = True,
    candidates: int = 10,
) -> Tensor:
    """Each image moved just over the nearest decision boundary, (n, 3, h, w).

    Near an image the net is almost linear: for each other class k the boundary lies where s_k = s_c, c being what the
    net predicts now. Step to the nearest of these planes, look again, and repeat until the prediction changes:

        w_k = d(s_k - s_c)/dx,   f_k = s_k - s_c,   l = argmin_k |f_k| / ||w_k||,   x <- x + |f_l| / ||w_l||^2 w_l

    net: gives logits s (n, classes). images: (n, 3, h, w) in [0, 1]. steps: at most so many. overshoot: the path from
    the image is made longer by this share, to end beyond the boundary and not on it. box: keep to [0, 1], in each step.
    candidates: only the best so many classes of the image are tried.
    The path's norm is an *upper bound* on the shortest one. An image that no path was found for keeps its class.
    On the images' device. Ctrl-C ends it: each image as far as it has come.
    Errors: ValueError for images, steps, overshoot, candidates.
    Source: Moosavi-Dezfooli, Fawzi, Frossard (2016), algorithm 2.
    Differs: the box, which the paper has not; the best `candidates` classes, as in the authors' program.
    """
    images = check_images(images, net=net, range01=box)
    check_count(steps, "steps"), check_count(candidates, "candidates", least=2)
    longer = 1 + check_number(overshoot, "overshoot")
    with frozen(net) as net:
        origin = copy_to(net, images)
        ranked = all_logits(net, origin).sort(1, descending=True).indices[:, :candidates]  # (n, k)

        def step(now, number):
            rows = (all_logits(net, now).argmax(1) == ranked[:, 0]).nonzero()[:, 0]  # not yet over
            if not len(rows):
                raise Done
            to_boundary = in_batches(lambda *some: _to_boundary(net, *some, box), now[rows], ranked[rows])
            path = (now[rows] - origin[rows]) / longer + to_boundary[0]  # without the overshoot
            reached = origin[rows] + longer * path
            moved = now.index_copy(0, rows, reached.clamp(0, 1) if box else reached)
            return moved, now.new_zeros(len(now)).index_copy(0, rows, to_boundary[1])

        return iterate(step, origin, steps, "deepfool").images.to(images.device)


def _to_boundary(net, images, ranked, box):
    """The shortest step to a boundary of the linearised net, (n, 3, h, w), and the gap f_l <= 0 there, (n,)."""
    leaf = images.detach().requires_grad_()
    scores = logits_of(net, leaf).gather(1, ranked)  # (n, k), the first prediction in column 0
    slopes = [gradient_of(column, leaf, again=True) for column in scores.unbind(1)]  # k times (n, 3, h, w)
    others = torch.stack(slopes[1:], 1) - slopes[0][:, None]  # (n, k - 1, 3, h, w)
    if box:  # a value that is at the edge of [0, 1] and would leave it has no part in the step
        low, high = (images <= 0)[:, None], (images >= 1)[:, None]
        others = others.masked_fill((low & (others < 0)) | (high & (others > 0)), 0)
    gaps = (scores[:, 1:] - scores[:, :1]).detach()
    steepness = others.flatten(2).norm(dim=2)  # (n, k - 1)
    distances = torch.where(steepness > 0, gaps.abs() / steepness, torch.inf)
    nearest = distances.argmin(1, keepdim=True)
    distance, steep, gap = (table.gather(1, nearest)[:, 0] for table in (distances, steepness, gaps))
    share = torch.where(steep > 0, distance / steep, 0)  # a net that is flat here shows no path
    rows = torch.arange(len(images), device=images.device)
    return share.view(-1, 1, 1, 1) * others[rows, nearest[:, 0]], gap
