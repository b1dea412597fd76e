"""Grad-CAM and HiResCAM with the gradient averaged along a path: what a saturated net hides at its end."""

import torch
from torch import nn

from lecture_utils.attribution import layer_gradient
from lecture_utils.checks import check_count, check_images, check_targets, layer_name
from lecture_utils.hooks import frozen

STEPS = 16  # along the path
BATCH = 64  # images in one pass


def path_cams(
    net: nn.Module,
    images: torch.Tensor,
    targets: int | torch.Tensor,
    layer: str | nn.Module,
    steps: int = STEPS,
) -> torch.Tensor:
    """Raw maps (2, n, rows, cols), signed: Grad-CAM and HiResCAM whose gradient is its mean along the straight path
    from an empty map to the layer's own.

        weight = mean over steps of d logit / d A at A (step + 1/2) / steps        HiResCAM = sum_c weight_c A_c

    net: flat, as all nets of the toy world are. The second of the two sums up to the score minus the score of the empty
    map (completeness), but for the error of the sum over `steps` midpoints.
    Errors: KeyError (with near misses) for a layer; ValueError for a net that is not flat, images, targets or steps.
    Source: Sundararajan, Taly, Yan (2017), equation 1, on a layer's map in place of an image.
    """
    check_images(images, net=net), check_count(steps, "steps")
    above, found = _above(net, layer_name(net, layer)), []
    targets = check_targets(targets, len(images), 2**31)  # below, the net says how many classes it has
    for batch, some in zip(images.split(BATCH), targets.split(BATCH), strict=True):
        maps, _ = layer_gradient(net, batch, some, layer)
        gradient = torch.zeros_like(maps)
        for step in range(steps):
            with frozen(net):
                here = scores = (maps * ((step + 0.5) / steps)).requires_grad_()
                for module in above:
                    scores = module(scores)
                score = scores.gather(1, some.to(scores.device)[:, None]).sum()
            gradient += torch.autograd.grad(score, here)[0] / steps
        grad_cam = (gradient.mean((2, 3), keepdim=True) * maps).sum(1)
        found.append(torch.stack([grad_cam, (gradient * maps).sum(1)]))
    return torch.cat(found, 1)


def _above(net: nn.Module, layer: str) -> list[nn.Module]:
    """What follows a layer of a flat net."""
    names = [name for name, _ in net.named_children()]
    if not isinstance(net, nn.Sequential) or layer not in names:
        raise ValueError(f"net: expected a flat nn.Sequential with {layer!r} in it, got {type(net).__name__}")
    return list(net)[names.index(layer) + 1 :]
