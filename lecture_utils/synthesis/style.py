"""Texture and style: an image whose channels fire together as in another one."""

import copy
from typing import NamedTuple

import torch
from torch import nn

from ..checks import check_count, check_images, check_layer, check_number
from ..hooks import copy_to, frozen
from .ascent import noisy
from .feature_extractor import reading
from .losses import content_loss, gram_matrix, style_loss, variation_gradient
from .optimise import adam, iterate, value_and_gradient
from .sizes import octave_shapes, resized, scaled_shape, sides

SHIFTS = 16  # so many shifts take turns: the content's features are computed once for each


class Styled(NamedTuple):
    """images (n, 3, h, w) in [0, 1]. losses: {"style": (n,), "content": (n,)} of these images, each as a share of what
    features of 0 would give. history (steps done, n): the whole loss before each step, octave after octave. stopped:
    None, "interrupted" or "diverged".
    """

    images: torch.Tensor
    losses: dict
    history: torch.Tensor
    stopped: str | None


def stylize(
    net,
    content,
    style,
    content_layer,
    style_weights,
    content_weight=0.5,
    steps=100,
    start="content",
    seed=0,
    lr=0.03,
    tv=10.0,
    jitter=7,
    octaves=2,
    callback=None,
):
    """The content of one image in the style of another: `Styled`.

        minimise   content_weight C(x) + sum over layers of style_weights[l] S_l(x) + tv TV(x) / (h w)
        C = sum (F - P)^2 / sum P^2         P the features of the content
        S_l = sum (G - A)^2 / sum A^2       A the Gram matrix of the style (see `gram_matrix`)

    net: any nn.Module that takes images in [0, 1]; its convolutions take any size. content: (n, 3, h, w). style: (1 or
    n, 3, any size). content_layer: where the content is compared. style_weights: {layer: weight}. All layers are names
    from dict(net.named_modules()). start: "content", "noise" around the style's mean colour, or images of the
    content's shape. seed: of the noise and of the shifts. lr: of Adam, in pixel units. callback: see `iterate`.
    octaves, steps: so many sizes, each twice the one before, and so many steps in each; large forms come from the small
    image. Sizes below 16 px are left out. tv: weight of the total variation of a pixel, against the coloured noise that
    a small net does not see. jitter: px; against the grid that a stride leaves, image and content are shifted alike, in
    turn by 0 to `jitter` px: each equally often where jitter + 1 divides 16.
    For the course's nets and photographs of 256 px: relu1 to relu4 for the style (with relu5 the optimiser got stuck),
    relu3 of `gap` for the content; content_weight 1 stays near the photograph, .3 lets the style take over.
    On the content's device.
    Errors: KeyError for a layer; ValueError for the rest.
    Source: Gatys, Ecker, Bethge (2016), equations 1 to 7.
    Differs: both losses are shares, so that weights mean the same for every net and layer; Adam for L-BFGS; jitter,
    total variation and octaves.
    """
    check_images(content, net=net, range01=True, name="content")
    check_layer(net, content_layer), check_number(content_weight, "content_weight")
    _check_style(net, style, style_weights, len(content))
    layers = [content_layer, *style_weights]

    def losses_of(read, content, style):
        style_part, kept = _style_part(read, style, style_weights), {}

        def losses(images, shift=(0, 0)):
            if shift not in kept:
                with torch.no_grad():
                    own = read(_moved(content, shift))[content_layer].clone()
                    kept[shift] = own, own.square().flatten(1).sum(1)
            found, (own, size) = read(_moved(images, shift)), kept[shift]
            return {"content": content_loss(found[content_layer], own) / size, "style": style_part(found)}

        return losses

    weights = {"content": content_weight, "style": 1}
    options = (steps, seed, lr, tv, jitter, octaves, callback)
    return _make(net, layers, losses_of, weights, content, style, start, content.shape[2:], *options)


def texture(
    net,
    style,
    style_weights,
    size=None,
    steps=100,
    seed=0,
    lr=0.03,
    tv=10.0,
    jitter=7,
    octaves=3,
    start="noise",
    callback=None,
):
    """An image with the texture of another and none of its arrangement, from noise: `Styled`.

    style: (n, 3, h, w). size: px or (h, w) of the result, None as the style. start: "noise", or images. The rest, and
    errors, as in `stylize`: it is what that does without content.
    Source: Gatys, Ecker, Bethge (2015), equations 1 to 4. Differs: as `stylize`.
    """
    _check_style(net, style, style_weights, None)
    shape = tuple(style.shape[2:]) if size is None else sides(size)

    def losses_of(read, content, style):
        style_part = _style_part(read, style, style_weights)
        return lambda images, shift=(0, 0): {"style": style_part(read(_moved(images, shift)))}

    options = (steps, seed, lr, tv, jitter, octaves, callback)
    return _make(net, list(style_weights), losses_of, {"style": 1}, None, style, start, shape, *options)


def with_average_pooling(net):
    """A copy of the net whose max pooling layers take the mean: gradients reach every pixel, not only the largest.

    Errors: ValueError for a net that has no nn.MaxPool2d, or a dilated one.
    Source: Gatys, Ecker, Bethge (2015), section 2.
    """
    changed = copy.deepcopy(net)
    pools = {name: module for name, module in changed.named_modules() if isinstance(module, nn.MaxPool2d)}
    if not pools:
        raise ValueError(f"net: this {type(net).__name__} has no nn.MaxPool2d")
    for name, pool in pools.items():
        if pool.dilation not in (1, (1, 1)):
            raise ValueError(f"net: {name!r} is a dilated pooling, for which there is no average")
        parent, _, last = name.rpartition(".")
        mean = nn.AvgPool2d(
            pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode, count_include_pad=False
        )
        setattr(changed.get_submodule(parent), last, mean)
    return changed


def _make(
    net,
    layers,
    losses_of,
    weights,
    content,
    style,
    start,
    shape,
    steps,
    seed,
    lr,
    tv,
    jitter,
    octaves,
    callback,
):
    """Minimise weights . losses + tv TV, octave by octave. losses_of(read, content, style): a function of images."""
    check_count(steps, "steps", least=0), check_count(jitter, "jitter", least=0)
    check_number(lr, "lr", above=True), check_number(tv, "tv")
    shapes, history = octave_shapes(shape, octaves, 2), []
    shifts = _shifts(jitter, seed)
    device = (style if content is None else content).device
    with frozen(net), reading(net, layers) as read:
        style = copy_to(net, style)
        like = style.new_zeros(len(style), 3, *shape) if content is None else copy_to(net, content)
        colour = style.mean((2, 3), keepdim=True)
        starts = ("noise",) if content is None else ("content", "noise")
        images = _start(net, start, like, colour, seed, starts)
        for octave in shapes:
            share = octave[0] / shape[0]
            images, small = resized(images, octave), resized(style, scaled_shape(style.shape[2:], share))
            losses, down = losses_of(read, resized(like, octave), small), adam(images, lr, steps)

            def step(images, number, losses=losses, down=down):
                shift = shifts[number % SHIFTS]

                def loss(x):
                    found = losses(x, shift)
                    return sum(weights[name] * found[name] for name in weights)

                value, gradient = value_and_gradient(loss, images)
                (rough, slope), each = variation_gradient(images), tv / images[0, 0].numel()
                return down(gradient.add_(slope, alpha=each)), value + each * rough

            images, values, stopped = iterate(
                step, images, steps, f"{' and '.join(weights)}, {octave[1]} px", callback
            )
            history.append(values)
            if stopped:
                break
        if images.shape[2:] != shape:  # stopped in a smaller octave
            images, losses = resized(images, shape), losses_of(read, like, style)
        with torch.no_grad():
            left = losses(images)
    left = {name: loss.to(device) for name, loss in left.items()}
    return Styled(images.to(device), left, torch.cat(history).to(device), stopped)


def _shifts(jitter, seed):
    """The shifts (down, across), px. Drawn one by one they would favour even or odd ones, and a grid would stay."""
    draws = torch.Generator().manual_seed(seed)
    down, across = (torch.randperm(SHIFTS, generator=draws) % (jitter + 1) for _ in range(2))
    return list(zip(down.tolist(), across.tolist(), strict=True))


def _moved(images, shift):
    """What leaves on one side comes in on the other."""
    return images.roll(shift, (2, 3)) if any(shift) else images


def _style_part(read, style, style_weights):
    """A function {layer: features} -> (n,): sum over layers of weight x sum (G - A)^2 / sum A^2."""
    with torch.no_grad():
        found = read(style)
        grams = {layer: gram_matrix(found[layer]) for layer in style_weights}
    shares = {}
    for layer, weight in style_weights.items():
        size = grams[layer].square().sum((1, 2))
        if not (size > 0).all():
            raise ValueError(f"style_weights: layer {layer!r} answers 0 everywhere on the style")
        shares[layer] = weight / size
    return lambda features: style_loss(features, grams, shares)


def _start(net, start, like, colour, seed, starts):
    if isinstance(start, torch.Tensor):
        check_images(start, net=net, range01=True, name="start")
        if start.shape != like.shape:
            raise ValueError(f"start: expected shape {tuple(like.shape)}, got {tuple(start.shape)}")
        return copy_to(net, start)
    if start not in starts:
        raise ValueError(f"start: expected {' or '.join(map(repr, starts))} or images, got {start!r}")
    return noisy(colour.expand_as(like), seed) if start == "noise" else like


def _check_style(net, style, style_weights, n):
    check_images(style, net=net, range01=True, name="style")
    if n is not None and len(style) not in (1, n):
        raise ValueError(f"style: expected 1 image, or one for each of the {n}, got {len(style)}")
    if not isinstance(style_weights, dict) or not style_weights:
        raise ValueError(f"style_weights: expected {{layer: weight}}, got {style_weights!r}")
    for layer, weight in style_weights.items():
        check_layer(net, layer)
        check_number(weight, f"style_weights[{layer!r}]")
