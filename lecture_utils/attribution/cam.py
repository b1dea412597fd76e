"""CAM, Grad-CAM and what follows from them: where on a layer's map the evidence for a class lies."""

from contextlib import ExitStack

import torch
from torch import nn

from ..checks import check_images, check_layer, check_targets
from ..hooks import differentiable, eval_mode, logits_of, score_of
from .gradients import guided_backprop

BATCH = 64  # images in one pass: more of them need more memory and are no faster


def cam(net, images, targets, raw=False):
    """Class activation maps (n, h, w) of a net that ends in a map, global average pooling and one linear layer.

    With the map F (n, c, rows, cols), the weights W (classes, c) and the bias b of that linear layer the score of
    class k is, the two sums swapped,

        logit_k = b_k + sum_c W[k, c] mean_rs F[c, r, s] = b_k + mean_rs CAM_k[r, s]
        CAM_k[r, s] = sum_c W[k, c] F[c, r, s]

    images: (n, 3, h, w) in [0, 1]. targets: int or LongTensor (n,).
    raw: CAM_k itself, at the map's own size (n, rows, cols), evidence against the class below zero; mean + bias =
    logit. Otherwise what is below zero is cut off and the map enlarged to the images (see `upsample`).
    Errors: ValueError for a net that ends otherwise, for images or targets.
    Source: Zhou, Khosla, Lapedriza, Oliva, Torralba (2016), equations 1 and 2.
    Differs: the mean over places where the paper has the sum; no scaling to [0, 1], so that maps can be compared.
    """
    check_images(images, net=net)
    heat = []
    for batch, some in _batches(net, images, targets):
        maps, linear = last_map(net, batch)
        some = check_targets(some, len(batch), linear.out_features).to(batch.device)
        weights = linear.weight.detach()[some]  # (classes, c) -> (n, c): each image gets the row of its class
        heat.append(torch.einsum("nc,ncrs->nrs", weights, maps))
    return _finish(torch.cat(heat), images, raw, relu=not raw)


def grad_cam(net, images, targets, layer, raw=False, relu=True):
    """Gradient-weighted class activation maps (n, h, w) of any layer that gives a map.

        weight_c = mean_rs d logit_k / d A[c, r, s]        heat[r, s] = relu(sum_c weight_c A[c, r, s])

    images: (n, 3, h, w) in [0, 1]. targets: int or LongTensor (n,). layer: from dict(net.named_modules()).
    raw: at the layer's own size (n, rows, cols), else enlarged to the images (see `upsample`). relu=False keeps the
    evidence against the class, below zero.
    On a net that ends in average pooling and one linear layer, grad_cam(raw=True, relu=False) * rows * cols is CAM.
    Errors: KeyError (with near misses) for a layer; ValueError for one without rows and columns, images or targets.
    Source: Selvaraju et al. (2017), equations 1 and 2.
    Differs: no scaling to [0, 1]: a map that is zero everywhere stays so, where 0 / 0 would make it NaN.
    """

    def heat(maps, gradient):
        return (gradient.mean((2, 3), keepdim=True) * maps).sum(1)  # (n, c, 1, 1) * (n, c, r, s) -> (n, r, s)

    return _finish(_evidence(net, images, targets, layer, heat), images, raw, relu)


def hires_cam(net, images, targets, layer, raw=False, relu=True):
    """Grad-CAM without averaging the gradient: heat[r, s] = relu(sum_c d logit_k / d A[c, r, s] * A[c, r, s]).

    Arguments and errors as in `grad_cam`. Where what follows the layer is linear between here and zero, the raw map
    without ReLU sums to logit - bias.
    Source: Draelos, Carin (2020), equation 8.
    """

    def heat(maps, gradient):
        return (gradient * maps).sum(1)

    return _finish(_evidence(net, images, targets, layer, heat), images, raw, relu)


def guided_grad_cam(net, images, targets, layer):
    """Guided backprop (n, 3, h, w), each pixel times the Grad-CAM of `layer` there: fine, and about the class.

    Errors: as `grad_cam` and `guided_backprop`. Source: Selvaraju et al. (2017), section 3.2.
    """
    return guided_backprop(net, images, targets) * grad_cam(net, images, targets, layer)[:, None]


def upsample(maps, size):
    """Maps (n, rows, cols) enlarged to `size` (h, w): bilinear, each value in the middle of its cell.

    In the corners, beyond the middle of the last cells, the last values go on (align_corners=False).
    """
    if maps.ndim != 3:
        raise ValueError(f"maps: expected shape (n, rows, cols), got {tuple(maps.shape)}")
    mode = {"mode": "bilinear", "align_corners": False}
    return nn.functional.interpolate(maps[:, None], size=tuple(size), **mode)[:, 0]


def layer_gradient(net, images, targets, layer):
    """A layer's map and the gradient of the score before softmax there, both (n, c, rows, cols), detached.

    Arguments and errors as in `grad_cam`.
    """
    check_layer(net, layer)
    check_images(images, net=net)
    pairs = [_gradient(net, batch, some, layer) for batch, some in _batches(net, images, targets)]
    return tuple(torch.cat(each).to(images.device) for each in zip(*pairs, strict=True))


def last_map(net, images):
    """The map (n, c, rows, cols) whose mean over places the last linear layer of a net takes, and that layer.

    Which map it is is not read off the names: it is the one whose mean *is* what came into the linear layer.
    Errors: ValueError for images, and for a net that ends otherwise.
    """
    check_images(images, net=net)
    linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
    widths, maps, ends = {linear.in_features for linear in linears}, [], []

    def keep(module, inputs, output):
        if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[1] in widths:
            maps.append(output)  # not a copy: a ReLU that works in place afterwards is part of the map

    with ExitStack() as stack, torch.no_grad():
        stack.enter_context(eval_mode(net))
        for module in net.modules():
            stack.callback(module.register_forward_hook(keep).remove)
        for linear in linears:
            see = linear.register_forward_pre_hook(lambda module, inputs: ends.append((module, inputs[0])))
            stack.callback(see.remove)
        logits = logits_of(net, images)
    if ends:
        linear, mean = ends[-1]
        fits = [found for found in maps if _near(found.mean((2, 3)), mean)]
        if fits and _near(nn.functional.linear(mean, linear.weight, linear.bias), logits):
            return max(fits, key=lambda found: found[0, 0].numel()), linear  # the pooled map fits, too
    raise ValueError(
        f"net: CAM needs one that ends in a map, global average pooling and one linear layer, as gap, resnet18 and "
        f"densenet121 do; this {type(net).__name__} ends otherwise: use grad_cam(net, images, targets, layer)"
    )


def _near(one, other):
    return one.shape == other.shape and torch.allclose(
        one, other, rtol=1e-3, atol=1e-4 * float(other.abs().max())
    )


def _batches(net, images, targets):
    """Batches of images on the net's device, each with its targets, whose range is checked where it is known."""
    single = not isinstance(targets, torch.Tensor) or targets.ndim == 0
    if not single and targets.shape != (len(images),):
        check_targets(targets, len(images), 1)  # says what is wrong
    device = next(net.parameters(), images).device
    for start in range(0, len(images), BATCH):
        batch = slice(start, start + BATCH)
        yield images[batch].to(device), targets if single else targets[batch]


def _evidence(net, images, targets, layer, heat):
    """heat(map, gradient), (n, rows, cols), batch by batch."""
    check_layer(net, layer)
    check_images(images, net=net)
    found = [heat(*_gradient(net, *some, layer)) for some in _batches(net, images, targets)]
    return torch.cat(found)


def _gradient(net, batch, targets, layer):
    """The layer's map and its gradient. What lies below the layer runs without a graph: nobody asks for it."""
    found = []

    def begin(module, inputs, output):
        if not isinstance(output, torch.Tensor) or output.ndim != 4:
            raise ValueError(_no_map(net, layer, output))
        torch.set_grad_enabled(True)  # until the end of no_grad below
        found.append(output.detach().clone().requires_grad_())
        return found[-1].clone()  # the next layer may work in place

    with differentiable(net, batch) as images, torch.no_grad(), ExitStack() as stack:
        stack.callback(check_layer(net, layer).register_forward_hook(begin).remove)
        score = score_of(
            logits_of(net, images.detach()), targets
        ).sum()  # images do not mix: one sum serves them all
        if not found:
            raise ValueError(f"layer: {layer!r} did not run")
        gradient = None
        if score.requires_grad:
            (gradient,) = torch.autograd.grad(score, found[-1], allow_unused=True)
    if gradient is None:
        raise ValueError(f"layer: the scores of this net do not depend on {layer!r}")
    return found[-1].detach(), gradient


def _no_map(net, layer, output):
    convs = [name for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]
    hint = f"; the last convolution here is {convs[-1]!r}" if convs else ""
    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    return (
        f"layer: {layer!r} gives {shape}, without rows and columns; expected a layer that gives a map{hint}"
    )


def _finish(heat, images, raw, relu):
    heat = heat.to(images.device)
    heat = heat.relu() if relu else heat
    return heat if raw else upsample(heat, images.shape[-2:])
