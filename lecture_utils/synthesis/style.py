"""Texture and style: an image whose channels are active together as in another one."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..checks import check_count, check_images, check_layer, check_number, check_size
from ..hooks import copy_to, frozen, reading
from . import optimise
from .losses import distance, energy, gram, gram_matrix, variation_gradient

SHIFTS = 16  # so many shifts take turns: the content's features are computed once for each


class Styled(NamedTuple):
    """A `Run` whose history is the whole loss, octave after octave. losses: {"style": (n,), "content": (n,)} of these
    images, each as a share of what features of 0 would give.
    """

    images: Tensor
    losses: dict[str, Tensor]
    history: Tensor
    stopped: str | None


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

    content: (n, 3, h, w). style: (1 or n, 3, any size). content_layer: where the content is compared. style_weights:
    {layer: weight}; all from dict(net.named_modules()). steps: in each octave. Further options, also of `texture`:
    - start: "content" (unless given), "noise" around the style's mean colour, or images of the result's shape.
    - octaves=2: so many sizes, each twice the one before; large forms come from the small image. Those below 16 px are
      left out. seed=0: of the noise and of the shifts. lr=.03: of Adam, in pixel units. callback: None.
    - tv=10: weight of the total variation of a pixel, against the coloured noise that a small net does not see.
    - jitter=7: px; against the grid that a stride leaves, image and content are shifted alike, in turn by 0 to `jitter`
      px: each equally often where jitter + 1 divides 16.
    For the course's nets and photographs of 256 px: relu1 to relu4 for the style (with relu5 the optimiser got stuck),
    relu3 of `gap` for the content; content_weight 1 stays near the photograph, .3 lets the style take over.
    Source: Gatys, Ecker, Bethge (2016), equations 1 to 7.
    Differs: both losses are shares, so that weights mean the same for every net and layer; Adam for L-BFGS; jitter,
    total variation and octaves.
    """
    content = check_images(content, net=net, range01=True, name="content")
    check_layer(net, content_layer, "content_layer"), check_number(content_weight, "content_weight")
    style = _checked_style(net, style, style_weights, len(content))
    goal = _Goal(style, style_weights, content, content_layer, content_weight)
    return _optimised(net, goal, content.shape[2:], steps, **{"start": "content", "octaves": 2} | options)


def texture(
    net: nn.Module,
    style: Tensor,
    style_weights: dict[str, float],
    size: int | tuple[int, int] | None = None,
    steps: int = 100,
    **options: Any,
) -> Styled:
    """An image with the texture of another and none of its arrangement, from noise: `Styled`.

    style: (n, 3, h, w). size: px or (h, w) of the result, None as the style. The rest as in `stylize`: it is what that
    does without content, from noise and in 3 octaves unless given.
    Source: Gatys, Ecker, Bethge (2015), equations 1 to 4. Differs: as `stylize`.
    """
    style = _checked_style(net, style, style_weights)
    shape = tuple(style.shape[2:]) if size is None else check_size(size)
    goal = _Goal(style, style_weights)
    return _optimised(net, goal, shape, steps, **{"start": "noise", "octaves": 3} | options)


class _Goal(NamedTuple):
    """What is minimised: all arguments of `stylize` or, without content, of `texture`."""

    style: Tensor
    style_weights: dict[str, float]
    content: Tensor | None = None
    content_layer: str | nn.Module | None = None
    content_weight: float = 0.0


def _optimised(net, goal, shape, steps, *, start, octaves, seed=0, lr=0.03, tv=10.0, jitter=7, callback=None):
    """Octave by octave towards the goal: `Styled`. shape: (h, w) of the result."""
    check_count(steps, "steps", least=0), check_count(jitter, "jitter", least=0)
    check_number(lr, "lr", above=True), check_number(tv, "tv")
    shapes, shifts, history = optimise.octave_shapes(shape, octaves, 2), _shifts(jitter, seed), []
    label, layers, device = "style", [*goal.style_weights], goal.style.device
    if goal.content is not None:
        label, layers, device = "content and style", [*layers, goal.content_layer], goal.content.device
    with frozen(net) as net, reading(net, layers) as read:
        images, goal = _start(net, goal, start, seed, shape)
        for octave in shapes:
            images, losses = optimise.resized(images, octave), _losses(read, goal, octave, shape)
            step = _stepper(losses, goal.content_weight, tv, optimise.adam(images, lr, steps), shifts)
            images, values, stopped = optimise.iterate(
                step, images, steps, f"{label}, {octave[1]} px", callback
            )
            history.append(values)
            if stopped:
                break
        if octave != shape:  # stopped in a smaller one
            images, losses = optimise.resized(images, shape), _losses(read, goal, shape, shape)
        with torch.no_grad():
            left = {name: loss.to(device) for name, loss in losses(images).items()}
    return Styled(images.to(device), left, torch.cat(history).to(device), stopped)


def _start(net, goal, start, seed, shape):
    """The images to begin with, and the goal on the net's device."""
    goal = goal._replace(style=copy_to(net, goal.style))
    names, whole = ("noise",), (*goal.style.shape[:2], *shape)
    if goal.content is not None:
        goal = goal._replace(content=copy_to(net, goal.content))
        names, whole = ("content", "noise"), tuple(goal.content.shape)
    images = optimise.given_start(net, start, names)
    if images is None:
        colour = goal.style.mean((2, 3), keepdim=True)
        images = goal.content if start == "content" else optimise.noisy(colour.expand(whole), seed)
    if images.shape != whole:
        raise ValueError(f"start: expected shape {whole}, got {tuple(images.shape)}")
    return images, goal


def _losses(read, goal, octave, shape):
    """A function (images, shift) -> {"style": sum of weight x S_l, "content": C}, (n,) each, in an octave (h, w).

    Without content there is no C. The style gets smaller as the octave is smaller than the whole shape.
    """
    small = optimise.scaled_shape(goal.style.shape[2:], octave[0] / shape[0])
    with torch.no_grad():
        found = read(optimise.resized(goal.style, small))
        grams = {layer: gram_matrix(found[layer]) for layer in goal.style_weights}
    shares = {layer: weight / energy(grams[layer], layer) for layer, weight in goal.style_weights.items()}
    content, kept = goal.content if goal.content is None else optimise.resized(goal.content, octave), {}

    def wanted(shift):
        if shift not in kept:
            with torch.no_grad():
                features = read(_moved(content, shift))[goal.content_layer]
            kept[shift] = features, energy(features, goal.content_layer)
        return kept[shift]

    def losses(images, shift=(0, 0)):
        found, parts = read(_moved(images, shift)), {}
        if content is not None:
            features, size = wanted(shift)
            parts["content"] = distance(found[goal.content_layer], features) / size
        styles = [share * distance(gram(found[layer]), grams[layer]) for layer, share in shares.items()]
        return parts | {"style": torch.stack(styles).sum(0)}

    return losses


def _stepper(losses, content_weight, tv, down, shifts):
    """One step for `iterate`. losses: see `_losses`. down: see `adam`."""
    weights = {"content": content_weight, "style": 1}

    def step(images, number):
        def loss(x):
            return sum(weights[name] * part for name, part in losses(x, shifts[number % SHIFTS]).items())

        value, gradient = optimise.value_and_gradient(loss, images)
        (rough, slope), each = variation_gradient(images), tv / images[0, 0].numel()
        return down(gradient.add_(slope, alpha=each)), value + each * rough

    return step


def _shifts(jitter, seed):
    """The shifts (down, across), px. Drawn one by one they would favour even or odd ones, and a grid would stay."""
    draws = optimise.generator(seed)
    down, across = (torch.randperm(SHIFTS, generator=draws) % (jitter + 1) for _ in range(2))
    return list(zip(down.tolist(), across.tolist(), strict=True))


def _moved(images, shift):
    """What leaves on one side comes in on the other."""
    return images.roll(shift, (2, 3)) if any(shift) else images


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
