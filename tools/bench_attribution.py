"""How fast the heatmaps are, against captum on the same net and images, and against bare forward passes.

Runs that are compared take turns, so that what else the machine does meets both. A ratio is that of the medians.
Where captum takes a batch size, the one that is fastest here is found first. `make bench ARGS=attribution`.
"""

import sys
import warnings
from statistics import median
from time import perf_counter

CANDIDATES = (16, 32, 64, 128)  # captum's batch sizes
IMAGES, STEPS, SIZE, STRIDE = 16, 50, 16, 4


def rows(quick):
    """Yield (what, value, unit, target) for each promise; nothing, and a sentence, where captum is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum announces its hooks
        try:
            import captum.attr as captum
        except ImportError:
            print("attribution is compared with captum: pip install captum (or make test)", file=sys.stderr)
            return
        for name, (net, layer, images) in nets(quick).items():
            targets = images.new_zeros(len(images)).long()
            for what, ours, theirs in gradients(captum, net, layer, images, targets):
                yield compared(f"{name}, {what}", ours, theirs, quick, "at most 110")
            yield from occlusions(captum, name, net, images, quick)


def nets(quick):
    """{name: (net, the layer for Grad-CAM, images)}: one of the course's, and one with functional, reused ReLUs."""
    import torch

    from lecture_utils.models import build, imagenet

    draws = torch.Generator().manual_seed(0)
    some = torch.rand(4 if quick else IMAGES, 3, 112, 112, generator=draws)
    every = {"alex": (build("alex").eval(), "relu5", some)}
    return every if quick else every | {"resnet18": (imagenet.build("resnet18"), "layer4.1", some)}


def gradients(captum, net, layer, images, targets):
    """(what, our call, captum's call) for the methods that need a backward pass."""
    from lecture_utils import attribution

    def leaf():
        return images.clone().requires_grad_()

    saliency, guided = captum.Saliency(net), captum.GuidedBackprop(net)
    cam, integrated = captum.LayerGradCam(net, net.get_submodule(layer)), captum.IntegratedGradients(net)
    few, wanted = images[: max(1, len(images) // 4)], targets[: max(1, len(images) // 4)]

    def integrate(batch):
        return integrated.attribute(few, target=wanted, n_steps=STEPS, internal_batch_size=batch)

    best = fastest(integrate)
    yield (
        "saliency",
        lambda: attribution.saliency(net, images, targets),
        lambda: saliency.attribute(leaf(), targets, abs=False),
    )
    yield (
        "guided backprop",
        lambda: attribution.guided_backprop(net, images, targets),
        lambda: guided.attribute(leaf(), targets),
    )
    yield (
        "Grad-CAM",
        lambda: attribution.grad_cam(net, images, targets, layer, raw=True),
        lambda: cam.attribute(images, targets, relu_attributions=True),
    )
    yield (
        "integrated gradients",
        lambda: attribution.integrated_gradients(net, few, wanted, steps=STEPS),
        lambda: integrate(best),
    )


def occlusions(captum, name, net, images, quick):
    """Occlusion of one image against captum's, and against as many forward passes of the net and nothing else."""
    import torch

    from lecture_utils import attribution

    one, method = images[:1], captum.Occlusion(lambda x: net(x).softmax(1))
    stride = STRIDE if name == "alex" else 2 * STRIDE  # a bigger net, fewer masks
    masks = attribution.occlusion(net, one, 0, SIZE, stride).numel()
    batches = one.expand(masks, -1, -1, -1).contiguous().split(64)

    def ours():
        attribution.occlusion(net, one, 0, SIZE, stride)

    def theirs(batch):
        window = {"sliding_window_shapes": (3, SIZE, SIZE), "strides": (3, stride, stride), "baselines": 0.5}
        with torch.no_grad():
            method.attribute(one, target=0, perturbations_per_eval=batch, **window)

    def bare():
        with torch.no_grad():
            for batch in batches:
                net(batch)

    best = fastest(theirs)
    target = "at most 80" if name == "alex" else "at most 100"
    yield compared(f"{name}, occlusion", ours, lambda: theirs(best), quick, target)
    yield compared(f"{name}, occlusion", ours, bare, quick, "at most 115", "bare passes")


def fastest(function):
    """The batch size with which captum is fastest here."""
    return min(CANDIDATES, key=lambda batch: min(seconds(lambda: function(batch)) for _ in range(3)))


def compared(what, ours, theirs, quick, target, whom="captum"):
    """One row: the median time of `ours` in % of that of `theirs`, the two taking turns."""
    ours(), theirs()  # warm up
    times = [(seconds(ours), seconds(theirs)) for _ in range(5 if quick else 25)]
    mine, other = (median(column) for column in zip(*times, strict=True))
    return f"{what} / {whom}", 100 * mine / other, "%", target


def seconds(function):
    start = perf_counter()
    function()
    return perf_counter() - start
