"""CAM, Grad-CAM and what follows from them: where on a layer's map the evidence for a class lies."""

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from ..checks import check_images, check_layer, check_sides, check_targets, check_tensor
from ..hooks import frozen, in_batches, logits_of, maps_of, score_of, tensor_of
from .gradients import Layer, Targets, guided_backprop


def cam(net: nn.Module, images: Tensor, targets: Targets, raw: bool = False) -> Tensor:
    """Class activation maps (n, h, w): a score, spread over the positions that it is a mean of.

    With the map F (n, c, rows, cols), the weights W (classes, c) and the bias b of the linear layer after the global
    average pooling, the score of class k is, the two sums swapped,

        logit_k = b_k + sum_c W[k, c] mean_rs F[c, r, s] = b_k + mean_rs CAM_k[r, s]
        CAM_k[r, s] = sum_c W[k, c] F[c, r, s]

    net: ends in a map, global average pooling and one linear layer; or averages maps of scores, one for each class,
    which then are the CAM. images: (n, 3, h, w) in [0, 1]. targets: int or LongTensor (n,).
    raw: CAM_k itself, at the map's own size (n, rows, cols), evidence against the class below zero; mean + bias =
    logit. Otherwise what is below zero is cut off and the map enlarged to the images (see `upsample`).
    Errors: ValueError for a net that ends otherwise, for images or targets.
    Source: Zhou, Khosla, Lapedriza, Oliva, Torralba (2016), equations 1 and 2.
    Differs: the mean over places where the paper has the sum; no scaling to [0, 1], so that maps can be compared.
    """
    images, targets = check_images(images, net), check_targets(targets, len(images))

    def one_pass(some, wanted):
        maps, linear = last_map(net, some)  # (n, c, rows, cols)
        wanted = check_targets(wanted, len(some), maps.shape[1] if linear is None else linear.out_features)
        wanted = wanted.to(maps.device)
        if linear is None:
            return maps[torch.arange(len(some)), wanted]
        weights = linear.weight.detach()[wanted]  # (classes, c) -> (n, c): the rows of the classes
        return torch.einsum("nc,ncrs->nrs", weights, maps)

    with frozen(net) as net, torch.no_grad():
        return _finish(in_batches(one_pass, images, targets), images, raw, relu=not raw)


def grad_cam(
    net: nn.Module,
    images: Tensor,
    targets: Targets,
    layer: Layer,
    raw: bool = False,
    relu: bool = True,
    reshape: Callable | None = None,
) -> Tensor:
    """Grad-CAM (n, h, w): the maps of any layer, each weighted by the mean of its gradient.

        weight_c = mean_rs d logit_k / d A[c, r, s]        heat[r, s] = relu(sum_c weight_c A[c, r, s])

    layer: from dict(net.named_modules()). raw: at the layer's own size (n, rows, cols), else enlarged to the images
    (see `upsample`). relu=False keeps the evidence against the class, below zero. reshape: a function from the layer's
    output to maps (n, c, rows, cols), for one that orders them otherwise (see `hooks.maps_of`).
    On a net that ends in average pooling and one linear layer, grad_cam(raw=True, relu=False) * rows * cols is CAM.
    Errors: KeyError (with near misses) for a layer; ValueError for one without rows and columns, images or targets.
    Source: Selvaraju et al. (2017), equations 1 and 2.
    Differs: no scaling to [0, 1]: a map that is zero everywhere stays so, where 0 / 0 would make it NaN.
    """
    maps, gradient = layer_gradient(net, images, targets, layer, reshape)
    weights = gradient.mean((2, 3), keepdim=True)  # (n, c, 1, 1)
    heat = (weights * maps).sum(1)  # (n, rows, cols)
    return _finish(heat, images, raw, relu)


def guided_grad_cam(
    net: nn.Module, images: Tensor, targets: Targets, layer: Layer, reshape: Callable | None = None
) -> Tensor:
    """Guided backprop (n, 3, h, w), each pixel times the Grad-CAM of `layer` there: fine, and about the class.

    Errors: as `grad_cam` and `guided_backprop`. Source: Selvaraju et al. (2017), section 3.2.
    """
    heat = grad_cam(net, images, targets, layer, reshape=reshape)
    return guided_backprop(net, images, targets) * heat[:, None]


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps (n, rows, cols) enlarged to `size` (h, w): bilinear, each value in the middle of its cell.

    In the corners, beyond the middle of the last cells, the last values go on (align_corners=False).
    """
    check_tensor(maps, "maps", ("n", "rows", "cols"))
    mode = {"mode": "bilinear", "align_corners": False}
    return nn.functional.interpolate(maps[:, None], size=check_sides(size, "size"), **mode)[:, 0]


def layer_gradient(
    net: nn.Module, images: Tensor, targets: Targets, layer: Layer, reshape: Callable | None = None
) -> tuple[Tensor, Tensor]:
    """A layer's map and the gradient of the score before softmax there, both (n, c, rows, cols), detached.

    Arguments and errors as in `grad_cam`.
    """
    module, images = check_layer(net, layer), check_images(images, net)
    targets = check_targets(targets, len(images))
    with frozen(net) as net:
        return in_batches(
            lambda *some: _map_and_gradient(net, *some, module, layer, reshape), images, targets
        )


def _map_and_gradient(net, images, targets, module, layer, reshape):
    """(feature map, gradient) of one batch. The layers before this one need no gradient: they run without a graph."""
    found = []

    def begin(module, inputs, output):
        torch.set_grad_enabled(True)  # from this layer on; leaving the with block puts it back
        found.append(tensor_of(output, layer).detach().clone().requires_grad_())
        maps_of(found[-1], layer, reshape)  # an error, where these are no maps
        return found[-1].clone()  # the next layer may work in place

    with torch.no_grad(), ExitStack() as stack:
        stack.callback(module.register_forward_hook(begin).remove)
        logits = logits_of(net, images, softmax=False)
        if not found:
            raise ValueError(f"layer: {layer!r} did not run")
        score = score_of(logits, targets).sum()  # images do not mix: one sum for all
        gradient = None
        if score.requires_grad:
            (gradient,) = torch.autograd.grad(score, found[-1], allow_unused=True)
        if gradient is None:
            raise ValueError(f"layer: the scores of this net do not depend on {layer!r}")
        return tuple(maps_of(each.detach(), layer, reshape) for each in (found[-1], gradient))


def last_map(net: nn.Module, images: Tensor) -> tuple[Tensor, nn.Linear | None]:
    """The map (n, c, rows, cols) whose mean over places the last linear layer of a net takes, and that layer.

    Inside `frozen`, without gradients. It is not found by its name: it is the map whose mean *is* what came into the
    linear layer. Where the mean of a map is the scores themselves (SqueezeNet, Network in Network),
    there is no linear layer: None. Errors: ValueError for a net that ends otherwise.
    """
    linear, mean, logits, maps = _seen(net, images)
    if linear is None or _near(nn.functional.linear(mean, linear.weight, linear.bias), logits):
        found = _averaged(maps, mean)
        if found is not None:
            return found, linear
    name = type(getattr(net, "net", net)).__name__  # of a net of the reader's own, behind its normalisation
    raise ValueError(
        f"net: CAM needs one that ends in a map, global average pooling and one linear layer, as gap, resnet18 and "
        f"densenet121 do; this {name} ends otherwise: use grad_cam(net, images, targets, layer)"
    )


def _seen(net, images):
    """The last linear layer that ran (or None), what came into it, the scores, and the maps it may be the mean of."""
    linears = [module for module in net.modules() if isinstance(module, nn.Linear)]
    widths, wide, ends = {linear.in_features for linear in linears}, [], []
    latest = deque(maxlen=8)  # convolution, ReLU, pooling, and what holds them

    def keep(module, inputs, output):
        if isinstance(output, torch.Tensor) and output.ndim == 4:
            latest.append(output)  # not a copy: a ReLU that works in place afterwards is part of the map
            if output.shape[1] in widths:
                wide.append(output)

    with ExitStack() as stack:
        for module in net.modules():
            stack.callback(module.register_forward_hook(keep).remove)
        for linear in linears:
            see = linear.register_forward_pre_hook(lambda module, inputs: ends.append((module, inputs[0])))
            stack.callback(see.remove)
        logits = logits_of(net, images, softmax=False)
    return (*ends[-1], logits, wide) if ends else (None, logits, logits, latest)


def _averaged(maps, mean):
    """The map whose mean over places this is, or None: what was pooled in another way is no mean of its map."""
    fits = [found for found in maps if _near(found.mean((2, 3)), mean)]
    if not fits:
        return None
    best = max(fits, key=lambda found: found[0, 0].numel())  # the pooled map fits, too
    larger = [found for found in maps if found.shape[1] == best.shape[1] and found[0, 0].numel() > 1]
    if best[0, 0].numel() == 1 and larger:
        return None  # maps of several places came before, but this is not their mean
    return best


def _near(one, other):
    share = max(1e-3, 8 * torch.finfo(other.dtype).eps)
    largest = float(other.abs().max())
    return one.shape == other.shape and torch.allclose(one, other, rtol=share, atol=share / 10 * largest)


def _finish(heat, images, raw, relu):
    heat = heat.relu() if relu else heat
    return heat if raw else upsample(heat, images.shape[-2:])
