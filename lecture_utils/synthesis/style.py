"""Texture and style: an image whose channels are active together as in another one."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_layer, check_net, check_number, check_seed
from ..hooks import copy_to, frozen
from .feature_extractor import energy, reading
from .losses import distance, gram, gram_matrix, variation_gradient
from .optimise import (
    adam,
    check_callback,
    generator,
    given_start,
    iterate,
    noisy,
    octave_shapes,
    resized,
    scaled_shape,
    sides,
    value_and_gradient,
)

SHIFTS = 16  # so many shifts take turns: the content's features are computed once for each


class Styled(NamedTuple):
    """images (n, 3, h, w) in [0, 1]. losses: {"style": (n,), "content": (n,)} of these images, each as a share of what
    features of 0 would give. history (steps done, n): the whole loss before each step, octave after octave. stopped:
    None, "interrupted" or "diverged".
    """

    images: Tensor
    losses: dict[str, Tensor]
    history: Tensor
    stopped: str | None


@dataclass(frozen=True)
class StyleOptions:
    """How `stylize` and `texture` optimise: their further keyword arguments. Errors: ValueError.

    start: "content" (`stylize` only, and its default), "noise" around the style's mean colour (the default of
    `texture`), or images of the result's shape. seed: of the noise and of the shifts. lr: of Adam, in pixel units.
    tv: weight of the total variation of a pixel, against the coloured noise that a small net does not see.
    jitter: px; against the grid that a stride leaves, image and content are shifted alike, in turn by 0 to `jitter` px:
    each equally often where jitter + 1 divides 16.
    octaves: so many sizes, each twice the one before, with all steps in each; large forms come from the small image
    (`stylize` 2, `texture` 3 unless given). Sizes below 16 px are left out. callback: see `iterate`.
    """

    start: str | Tensor
    octaves: int
    seed: int = 0
    lr: float = 0.03
    tv: float = 10.0
    jitter: int = 7
    callback: Callable | None = None

    def __post_init__(self):
        check_count(self.octaves, "octaves", most=64), check_count(self.jitter, "jitter", least=0)
        check_number(self.lr, "lr", above=True), check_number(self.tv, "tv")
        check_seed(self.seed), check_callback(self.callback)
        if not isinstance(self.start, Tensor) and self.start not in ("content", "noise"):
            raise ValueError(f"start: expected 'content', 'noise' or images, got {self.start!r}")


def stylize(
    net: nn.Module,
    content: Tensor,
    style: Tensor,
    content_layer: str | nn.Module,
    style_weights: dict[str, float],
    content_weight: float = 0.5,
    steps: int = 100,
    **options: Any,
) -> Styled:
    """The content of one image in the style of another: `Styled`.

        minimise   content_weight C(x) + sum over layers of style_weights[l] S_l(x) + tv TV(x) / (h w)
        C = sum (F - P)^2 / sum P^2         P the features of the content
        S_l = sum (G - A)^2 / sum A^2       A the Gram matrix of the style (see `gram_matrix`)

    net: any nn.Module that takes images in [0, 1]; its convolutions take any size. content: (n, 3, h, w). style: (1 or
    n, 3, any size). content_layer: where the content is compared. style_weights: {layer: weight}. All layers are from
    dict(net.named_modules()). steps: in each octave. options: start, seed, lr, tv, jitter, octaves, callback, see
    `StyleOptions`.
    For the course's nets and photographs of 256 px: relu1 to relu4 for the style (with relu5 the optimiser got stuck),
    relu3 of `gap` for the content; content_weight 1 stays near the photograph, .3 lets the style take over.
    On the content's device.
    Errors: KeyError for a layer; ValueError for the rest.
    Source: Gatys, Ecker, Bethge (2016), equations 1 to 7.
    Differs: both losses are shares, so that weights mean the same for every net and layer; Adam for L-BFGS; jitter,
    total variation and octaves.
    """
    how = StyleOptions(**{"start": "content", "octaves": 2} | options)
    content = check_images(content, net=net, range01=True, name="content")
    check_layer(net, content_layer, "content_layer"), check_number(content_weight, "content_weight")
    style = _checked_style(net, style, style_weights, len(content))

    def losses_of(read, content, style):
        style_part = _style_part(read, style, style_weights)
        content_part = _content_part(read, content, content_layer)

        def losses(images, shift=(0, 0)):
            found = read(_moved(images, shift))
            return {"content": content_part(found, shift), "style": style_part(found)}

        return losses

    layers, weights = [content_layer, *style_weights], {"content": content_weight, "style": 1}
    return _made(net, layers, losses_of, weights, content, style, content.shape[2:], steps, how)


def texture(
    net: nn.Module,
    style: Tensor,
    style_weights: dict[str, float],
    size: int | tuple[int, int] | None = None,
    steps: int = 100,
    **options: Any,
) -> Styled:
    """An image with the texture of another and none of its arrangement, from noise: `Styled`.

    style: (n, 3, h, w). size: px or (h, w) of the result, None as the style. The rest, and errors, as in `stylize`: it
    is what that does without content.
    Source: Gatys, Ecker, Bethge (2015), equations 1 to 4. Differs: as `stylize`.
    """
    how = StyleOptions(**{"start": "noise", "octaves": 3} | options)
    style = _checked_style(net, style, style_weights)
    shape = tuple(style.shape[2:]) if size is None else sides(size)

    def losses_of(read, content, style):
        style_part = _style_part(read, style, style_weights)
        return lambda images, shift=(0, 0): {"style": style_part(read(_moved(images, shift)))}

    return _made(net, list(style_weights), losses_of, {"style": 1}, None, style, shape, steps, how)


def with_average_pooling(net: nn.Module) -> nn.Module:
    """A copy of the net whose max pooling layers take the mean: gradients reach every pixel, not only the largest.

    Errors: ValueError for a net that has no nn.MaxPool2d, or a dilated one.
    Source: Gatys, Ecker, Bethge (2015), section 2.
    """
    changed = copy.deepcopy(check_net(net))
    if not any(isinstance(module, nn.MaxPool2d) for module in changed.modules()):
        raise ValueError(f"net: this {type(net).__name__} has no nn.MaxPool2d")
    return _averaged(changed, "it")


def _averaged(module, name):
    """The module itself with every use of a max pooling replaced, or what replaces it."""
    if isinstance(module, nn.MaxPool2d):
        if module.dilation not in (1, (1, 1)):
            raise ValueError(f"net: {name!r} is a dilated pooling, for which there is no average")
        how = module.kernel_size, module.stride, module.padding, module.ceil_mode
        return nn.AvgPool2d(*how, count_include_pad=False).train(module.training)
    for child, inner in module._modules.items():  # named_children would leave out a module's second use
        if inner is not None:
            setattr(module, child, _averaged(inner, child))
    return module


def _made(net, layers, losses_of, weights, content, style, shape, steps, how):
    """Minimise weights . losses + tv TV, octave by octave. losses_of(read, content, style): a function of images."""
    check_count(steps, "steps", least=0)
    shapes, shifts, history = octave_shapes(shape, how.octaves, 2), _shifts(how.jitter, how.seed), []
    device = (style if content is None else content).device
    with frozen(net) as net, reading(net, layers) as read:
        style = copy_to(net, style)
        like = style.new_zeros(len(style), 3, *shape) if content is None else copy_to(net, content)
        images = _start(net, how, like, style, content is not None)
        for octave in shapes:
            images = resized(images, octave)
            small = resized(style, scaled_shape(style.shape[2:], octave[0] / shape[0]))
            losses = losses_of(read, resized(like, octave), small)
            label = f"{' and '.join(weights)}, {octave[1]} px"
            step = _stepper(losses, weights, adam(images, how.lr, steps), shifts, how.tv)
            images, values, stopped = iterate(step, images, steps, label, how.callback)
            history.append(values)
            if stopped:
                break
        if images.shape[2:] != shape:  # stopped in a smaller octave
            images, losses = resized(images, shape), losses_of(read, like, style)
        with torch.no_grad():
            left = {name: loss.to(device) for name, loss in losses(images).items()}
    return Styled(images.to(device), left, torch.cat(history).to(device), stopped)


def _stepper(losses, weights, down, shifts, tv):
    """One step for `iterate`."""

    def step(images, number):
        def loss(x):
            found = losses(x, shifts[number % SHIFTS])
            return sum(weights[name] * found[name] for name in weights)

        value, gradient = value_and_gradient(loss, images)
        (rough, slope), each = variation_gradient(images), tv / images[0, 0].numel()
        return down(gradient.add_(slope, alpha=each)), value + each * rough

    return step


def _shifts(jitter, seed):
    """The shifts (down, across), px. Drawn one by one they would favour even or odd ones, and a grid would stay."""
    draws = generator(seed)
    down, across = (torch.randperm(SHIFTS, generator=draws) % (jitter + 1) for _ in range(2))
    return list(zip(down.tolist(), across.tolist(), strict=True))


def _moved(images, shift):
    """What leaves on one side comes in on the other."""
    return images.roll(shift, (2, 3)) if any(shift) else images


def _content_part(read, content, layer):
    """A function ({layer: features}, shift) -> (n,): sum (F - P)^2 / sum P^2, P those of the content, shifted alike."""
    kept = {}

    def part(found, shift):
        if shift not in kept:
            with torch.no_grad():
                own = read(_moved(content, shift))[layer].clone()
                kept[shift] = own, energy(own, layer)
        own, size = kept[shift]
        return distance(found[layer], own) / size

    return part


def _style_part(read, style, style_weights):
    """A function {layer: features} -> (n,): sum over layers of weight x sum (G - A)^2 / sum A^2."""
    with torch.no_grad():
        found = read(style)
        grams = {layer: gram_matrix(found[layer]) for layer in style_weights}
    shares = {layer: weight / energy(grams[layer], layer) for layer, weight in style_weights.items()}

    def part(found):
        losses = [share * distance(gram(found[layer]), grams[layer]) for layer, share in shares.items()]
        return torch.stack(losses).sum(0)

    return part


def _start(net, how, like, style, has_content):
    """The images to begin with, of the shape of `like`: the content itself, where there is one."""
    images = given_start(net, how.start, ("content", "noise") if has_content else ("noise",))
    if images is None:
        colour = style.mean((2, 3), keepdim=True)
        return like if how.start == "content" else noisy(colour.expand_as(like), how.seed)
    if images.shape != like.shape:
        raise ValueError(f"start: expected shape {tuple(like.shape)}, got {tuple(images.shape)}")
    return images


def _checked_style(net, style, style_weights, n=None):
    """The style's images. n: how many content images there are."""
    style = check_images(style, net=net, range01=True, name="style")
    if n is not None and len(style) not in (1, n):
        raise ValueError(f"style: expected 1 image, or one for each of the {n}, got {len(style)}")
    if not isinstance(style_weights, dict) or not style_weights:
        raise ValueError(f"style_weights: expected {{layer: weight}}, got {style_weights!r}")
    for layer, weight in style_weights.items():
        check_layer(net, layer, "style_weights"), check_number(weight, f"style_weights[{layer!r}]")
    return style
