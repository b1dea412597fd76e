"""The heatmaps that are compared: floors that know nothing of the net, the methods, a ceiling that knows the answer.

For each it is fixed here what of its numbers counts as heat: see `heat`; of a map "positive" cuts off what is below 0.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lecture_utils import attribution as at, metrics as key
from lecture_utils.attribution.gradients import Layer, Targets
from lecture_utils.hooks import activations, frozen

STEPS, SAMPLES = 16, 16  # of integrated gradients, of SmoothGrad
SQUARE, STRIDE = 16, 8  # px, of occlusion
BLUR = 8.0  # px, standard deviation


@dataclass(frozen=True, eq=False)
class Question:
    """What a map is asked: lab (net, layers, untrained()), images (n, 3, h, w), targets (n,), and where there is an
    answer key the same scenes without their objects, backgrounds (n, 3, h, w), and the objects' masks (n, h, w).

    numbers: (n,) whole numbers, which scenes these are, so that a random map is the scene's own; None counts from 0.
    """

    lab: object
    images: torch.Tensor
    targets: torch.Tensor
    backgrounds: torch.Tensor | None = None
    masks: torch.Tensor | None = None
    numbers: tuple | None = None

    @cached_property
    def last_map(self) -> tuple[str, tuple[int, int]]:
        """The last layer that gives a map, where Grad-CAM looks; its rows and columns."""
        names = list(self.lab.layers.values())
        with frozen(self.lab.net) as net, torch.no_grad(), activations(net, names) as found:
            net(self.images[:1].to(self.lab.device))
        name = [name for name in names if found[name].ndim == 4][-1]
        return name, tuple(found[name].shape[2:])


@dataclass(frozen=True)
class Method:
    """A heatmap. kind: "floor", "method" or "ceiling". heat: "absolute", "squared", "positive" or "signed".

    make: from a Question to (n, h, w). needs: "background" or "mask", where it needs an answer key; "gap" where it
    needs a net that ends in global average pooling.
    """

    name: str
    kind: str
    heat: str
    make: Callable
    needs: str = ""


def hires_cam(
    net: nn.Module, images: Tensor, targets: Targets, layer: Layer, raw: bool = False, relu: bool = True
) -> Tensor:
    """Grad-CAM without averaging the gradient: heat[r, s] = relu(sum_c d logit_k / d A[c, r, s] * A[c, r, s]).

    Arguments and errors as in `grad_cam`. Where all after the layer is linear, the raw map without ReLU sums to
    logit - bias.
    Source: Draelos, Carin (2020), equation 8.
    """
    maps, gradient = at.layer_gradient(net, images, targets, layer)
    heat = (gradient * maps).sum(1)  # (n, rows, cols)
    heat = heat.relu() if relu else heat
    return heat if raw else at.upsample(heat, images.shape[-2:])


def blurred(images, sigma=BLUR):
    """Images (n, 3, h, w) through a Gaussian of sigma px, cut at 3 sigma; beyond the border they are mirrored."""
    half = min(round(3 * sigma), min(images.shape[2:]) // 2 - 1)  # it fits
    weights = (-0.5 * (torch.arange(-half, half + 1) / sigma).square()).exp().to(images)
    kernel, n = weights / weights.sum(), images.shape[1]
    padded = F.pad(images, (half, half, half, half), mode="reflect")
    across = F.conv2d(padded, kernel.expand(n, 1, 1, -1), groups=n)
    return F.conv2d(across, kernel[:, None].expand(n, 1, -1, 1), groups=n)


def _heat(method, how="absolute", **options):
    """The heat of a gradient."""
    return lambda q: at.heat(method(q.lab.net, q.images, q.targets, **options), how)


def _integrated(baseline):
    """Integrated gradients from a baseline that a Question gives, the colours summed with their signs."""
    return lambda q: _heat(at.integrated_gradients, "signed", baseline=baseline(q), steps=STEPS)(q)


def _on_last_map(method):
    return lambda q: method(q.lab.net, q.images, q.targets, q.last_map[0])


def _untrained_guided(q):
    return at.heat(at.guided_backprop(q.lab.untrained(), q.images, q.targets))


def _untrained_grad_cam(q):
    return at.grad_cam(q.lab.untrained(), q.images, q.targets, q.last_map[0])


def _deconvnet_rule(q):
    with at.relu_rule("deconvnet"):
        return at.heat(at.saliency(q.lab.net, q.images, q.targets))


def _occlusion(q):
    with torch.no_grad():
        before = q.lab.logits(q.images).softmax(1).gather(1, q.targets[:, None])[:, 0]
    after = at.occlusion(q.lab.net, q.images, q.targets, SQUARE, STRIDE)
    return at.occlusion_heat(after, before, q.images.shape[-2:], SQUARE, STRIDE)


def _random(q):
    """Random heat in [0, 1] at the size of the last map, enlarged as maps are."""
    numbers = range(len(q.images)) if q.numbers is None else q.numbers
    draws = [torch.rand(q.last_map[1], generator=torch.Generator().manual_seed(n)) for n in numbers]
    return at.upsample(torch.stack(draws), q.images.shape[-2:]).to(q.images)


def _ceiling(q):
    return key.coarse_mask(q.masks, *q.last_map[1])


_on_background = _integrated(lambda q: q.backgrounds)
METHODS = {
    method.name: method
    for method in (
        Method("constant map", "floor", "positive", lambda q: torch.ones_like(q.images[:, 0])),
        Method("random, as coarse as a map", "floor", "positive", _random),
        Method("centre", "floor", "positive", lambda q: key.centre_map(q.images)),
        Method("edges (Sobel)", "floor", "positive", lambda q: key.sobel_map(q.images)),
        Method("untrained guided backprop", "floor", "absolute", _untrained_guided),
        Method("untrained Grad-CAM", "floor", "positive", _untrained_grad_cam),
        Method("saliency", "method", "absolute", _heat(at.saliency)),
        Method("saliency, squared", "method", "squared", _heat(at.saliency, "squared")),
        Method("SmoothGrad", "method", "absolute", _heat(at.smooth_grad, samples=SAMPLES)),
        Method("integrated gradients, black", "method", "signed", _integrated(lambda q: None)),
        Method("integrated gradients, blurred", "method", "signed", _integrated(lambda q: blurred(q.images))),
        Method("integrated gradients, background", "method", "signed", _on_background, "background"),
        Method("deconvnet rule", "method", "absolute", _deconvnet_rule),
        Method("guided backprop", "method", "absolute", _heat(at.guided_backprop)),
        Method("occlusion", "method", "signed", _occlusion),
        Method("CAM", "method", "positive", lambda q: at.cam(q.lab.net, q.images, q.targets), "gap"),
        Method("Grad-CAM", "method", "positive", _on_last_map(at.grad_cam)),
        Method("HiResCAM", "method", "positive", _on_last_map(hires_cam)),
        Method(
            "Guided Grad-CAM", "method", "absolute", lambda q: at.heat(_on_last_map(at.guided_grad_cam)(q))
        ),
        Method("true mask, as coarse as a map", "ceiling", "positive", _ceiling, "mask"),
    )
}


def usable(question):
    """The methods that can answer a Question, in the order of the table."""
    there = {
        "": True,
        "background": question.backgrounds is not None,
        "mask": question.masks is not None,
        "gap": True,
    }
    try:
        at.cam(question.lab.net, question.images[:1], question.targets[:1])
    except ValueError:
        there["gap"] = False
    return [method for method in METHODS.values() if there[method.needs]]
