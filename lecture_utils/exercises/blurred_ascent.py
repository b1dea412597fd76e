"""Exercise 07.3: a blur every few steps."""

import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


BLURRED = Exercise(
    "07.3",
    "A blur every few steps",
    difficulty=3,
    minutes=15,
    trains="when a regulariser acts and on what, and what lies beyond a border",
    against="scipy's convolution with mirrored borders",
    praise="The image is blurred, not the gradient, after every so many steps, and no border darkens.",
    hints=(
        "Each step is image = image + lr * weights: the score is a sum, so its gradient is the weights themselves.",
        "Step number 0 is the first one. Blur after it if (number + 1) % every == 0.",
        'Mirror the border: padded = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="reflect"), which makes '
        "the image two px larger each way.",
        "Down: (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4. Then the same across, on the third axis.",
    ),
)


@BLURRED.stub
def my_blurred_ascent(image, weights, lr, steps, every):
    """The image (c, h, w) after `steps` steps of gradient ascent, blurred after every `every`-th of them.

    image, weights: (c, h, w). The score is (weights * image).sum(). Each step adds lr times its gradient; nothing is
    scaled or cut. The blur takes 1/4, 1/2, 1/4 of a value's neighbour, itself and the other neighbour, down and then
    across, each colour by itself. Borders are mirrored: beyond the last px lies the last but one.
    """
    raise NotImplementedError


@BLURRED.solve
def every_so_many_steps(image, weights, lr, steps, every):
    for number in range(steps):
        image = image + lr * weights
        if (number + 1) % every == 0:
            p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="reflect")  # (c, h + 2, w + 2)
            p = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4  # (c, h, w + 2)
            image = (p[:, :, :-2] + 2 * p[:, :, 1:-1] + p[:, :, 2:]) / 4  # (c, h, w)
    return image


@BLURRED.expect
def by_scipy_with_mirrors(image, weights, lr, steps, every):
    from scipy.ndimage import convolve1d

    x, g = image.double().numpy(), weights.double().numpy()
    whole, rest = divmod(steps, every)
    for _ in range(whole):
        x = x + every * lr * g
        for axis in (1, 2):
            x = convolve1d(x, [0.25, 0.5, 0.25], axis, mode="mirror")
    return torch.from_numpy(x + rest * lr * g)


@BLURRED.inputs
def some_climbs():
    corner = torch.tensor([[[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]])
    more = [((1, 2, 3), 5, 2, 0.5), ((3, 6, 5), 7, 3, 0.1), ((3, 9, 12), 8, 4, 0.05)]
    return [
        {"image": torch.zeros(1, 2, 3), "weights": corner, "lr": 4.0, "steps": 2, "every": 2},
        *(
            {
                "image": _random(*shape, seed=n).sigmoid(),
                "weights": _random(*shape, seed=n + 10),
                "lr": lr,
                "steps": steps,
                "every": every,
            }
            for n, (shape, steps, every, lr) in enumerate(more)
        ),
    ]


@BLURRED.mistake("it is blurred after the first step, then after `every` more: count from 1, (number + 1)")
def counted_from_zero(image, weights, lr, steps, every):
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    for number in range(steps):
        image = image + lr * weights
        if number % every == 0:
            p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="reflect")
            image = torch.nn.functional.conv2d(p[:, None], kernel)[:, 0]
    return image


@BLURRED.mistake("it is blurred after each step, whatever `every` says, and washed out before it has climbed")
def after_each_step(image, weights, lr, steps, every):
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    for _ in range(steps):
        p = torch.nn.functional.pad(image + lr * weights, (1, 1, 1, 1), mode="reflect")
        image = torch.nn.functional.conv2d(p[:, None], kernel)[:, 0]
    return image


@BLURRED.mistake("the gradient is blurred, not the image: what earlier steps drew stays as sharp as it was")
def the_gradient_blurred(image, weights, lr, steps, every):
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    p = torch.nn.functional.pad(weights, (1, 1, 1, 1), mode="reflect")
    soft = torch.nn.functional.conv2d(p[:, None], kernel)[:, 0]
    for number in range(steps):
        image = image + lr * (weights if (number + 1) % every else soft)
    return image


@BLURRED.mistake("beyond the border lie zeros, so it darkens with each blur: mirror the image there")
def zeros_beyond(image, weights, lr, steps, every):
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    for number in range(steps):
        image = image + lr * weights
        if (number + 1) % every == 0:
            image = torch.nn.functional.conv2d(image[:, None], kernel, padding=1)[:, 0]
    return image


@BLURRED.mistake("the last px is repeated beyond the border; mirrored means that the last but one lies there")
def last_pixel_repeated(image, weights, lr, steps, every):
    kernel = torch.tensor([1.0, 2.0, 1.0]).outer(torch.tensor([1.0, 2.0, 1.0]))[None, None] / 16
    for number in range(steps):
        image = image + lr * weights
        if (number + 1) % every == 0:
            p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")
            image = torch.nn.functional.conv2d(p[:, None], kernel)[:, 0]
    return image


@BLURRED.mistake("it is blurred across only, so horizontal stripes stay: down as well")
def across_only(image, weights, lr, steps, every):
    for number in range(steps):
        image = image + lr * weights
        if (number + 1) % every == 0:
            p = torch.nn.functional.pad(image, (1, 1), mode="reflect")
            image = (p[:, :, :-2] + 2 * p[:, :, 1:-1] + p[:, :, 2:]) / 4
    return image
