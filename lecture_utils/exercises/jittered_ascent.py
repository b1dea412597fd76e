"""Exercise 07.4: ascent with jitter and total variation."""

import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


JITTERED = Exercise(
    "07.4",
    "Ascent with jitter and total variation",
    difficulty=4,
    minutes=25,
    trains="whose gradient it is: of the image, or of what the net was shown",
    against="autograd through the shift and the total variation, in one go",
    praise="The net sees a shifted image, the gradient finds its way back, and the image never moves.",
    hints=(
        "In each step: seen = image.roll((down, across), (1, 2)). The score's gradient at `seen` is the sum of the "
        "weights of all units that are on: on = (weights * seen).sum((1, 2, 3)) > 0.",
        "That gradient belongs to the shifted places. Shift it back, roll((-down, -across), (1, 2)), before it "
        "meets the image.",
        "The total variation is of the image, not of what is seen: where the shifted image wraps round there is a "
        "seam that nobody drew. Per pair of neighbours (a, b) with b after a, the gradient is -2 (b - a) at a "
        "and +2 (b - a) at b.",
        "Or let autograd do all of it: objective = relu((weights * x.roll(...)).sum((1, 2, 3))).sum() - tv * "
        "(x.diff(dim=1).square().sum() + x.diff(dim=2).square().sum()), differentiated with respect to x.",
    ),
)


@JITTERED.stub
def my_jittered_ascent(image, weights, lr, tv, shifts):
    """The image (c, h, w) after one step of ascent for each of the shifts, in [0, 1].

    In each step the net is shown the image shifted by (down, across) px; what leaves on one side comes in on the other.
    Its score: the sum of relu((weights[k] * seen).sum()) over its units k. What climbs is that score minus tv times the
    total variation of the image itself, the sum of squared differences between neighbours, down and across, without
    wrapping round. A step adds lr times the gradient of this; then values are cut to [0, 1].
    image: (c, h, w). weights: (k, c, h, w). shifts: LongTensor (steps, 2).
    """
    raise NotImplementedError


@JITTERED.solve
def there_and_back(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        seen = image.roll((down, across), (1, 2))
        on = (weights * seen).sum((1, 2, 3)) > 0  # (k,)
        gradient = weights[on].sum(0).roll((-down, -across), (1, 2))
        rough = torch.zeros_like(image)  # of the total variation
        rough[:, 1:] += 2 * image.diff(dim=1)
        rough[:, :-1] -= 2 * image.diff(dim=1)
        rough[:, :, 1:] += 2 * image.diff(dim=2)
        rough[:, :, :-1] -= 2 * image.diff(dim=2)
        image = (image + lr * (gradient - tv * rough)).clamp(0, 1)
    return image


@JITTERED.expect
def by_autograd_in_one_go(image, weights, lr, tv, shifts):
    x = image.double()
    for down, across in shifts.tolist():
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            seen = torch.cat(
                [x[:, x.shape[1] - down % x.shape[1] :], x[:, : x.shape[1] - down % x.shape[1]]], 1
            )
            side = x.shape[2] - across % x.shape[2]
            seen = torch.cat([seen[:, :, side:], seen[:, :, :side]], 2)
            score = torch.einsum("kchw,chw->k", weights.double(), seen).relu().sum()
            rough = ((x[:, 1:] - x[:, :-1]) ** 2).sum() + ((x[:, :, 1:] - x[:, :, :-1]) ** 2).sum()
        (gradient,) = torch.autograd.grad(score - tv * rough, x)
        x = (x.detach() + lr * gradient).clamp(0, 1)
    return x


@JITTERED.inputs
def some_shifts():
    tiny = {
        "image": torch.tensor([[[0.2, 0.4, 0.4]]]),
        "weights": torch.tensor([[[[1.0, 0.0, 0.0]]]]),
        "lr": 0.1,
        "tv": 0.5,
        "shifts": torch.tensor([[0, 1]]),
    }
    more = [((1, 3, 2), 2, 0.02, [[1, 0], [0, 1]]), ((3, 5, 6), 4, 0.01, [[2, -1], [-3, 2], [1, 1]])]
    return [
        tiny,
        *(
            {
                "image": _random(*shape, seed=k).sigmoid(),
                "weights": _random(k, *shape, seed=k + 5),
                "lr": lr,
                "tv": 2.0,
                "shifts": torch.tensor(shifts),
            }
            for shape, k, lr, shifts in more
        ),
    ]


@JITTERED.mistake(
    "the gradient is that of the shifted image, and never shifted back to the places it is meant for"
)
def not_shifted_back(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        on = (weights * image.roll((down, across), (1, 2))).sum((1, 2, 3)) > 0
        p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")  # beyond the border no difference
        rough = 8 * image - 2 * (p[:, 2:, 1:-1] + p[:, :-2, 1:-1] + p[:, 1:-1, 2:] + p[:, 1:-1, :-2])
        image = (image + lr * (weights[on].sum(0) - tv * rough)).clamp(0, 1)
    return image


@JITTERED.mistake("the gradient is shifted the same way once more; back is minus down and minus across")
def shifted_twice(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        on = (weights * image.roll((down, across), (1, 2))).sum((1, 2, 3)) > 0
        gradient = weights[on].sum(0).roll((down, across), (1, 2))
        p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")  # beyond the border no difference
        rough = 8 * image - 2 * (p[:, 2:, 1:-1] + p[:, :-2, 1:-1] + p[:, 1:-1, 2:] + p[:, 1:-1, :-2])
        image = (image + lr * (gradient - tv * rough)).clamp(0, 1)
    return image


@JITTERED.mistake(
    "the image itself has moved: what is drawn wanders about; only what the net sees is shifted"
)
def the_image_moves(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")  # beyond the border no difference
        rough = 8 * image - 2 * (p[:, 2:, 1:-1] + p[:, :-2, 1:-1] + p[:, 1:-1, 2:] + p[:, 1:-1, :-2])
        rough = rough.roll((down, across), (1, 2))
        image = image.roll((down, across), (1, 2))
        on = (weights * image).sum((1, 2, 3)) > 0
        image = (image + lr * (weights[on].sum(0) - tv * rough)).clamp(0, 1)
    return image


@JITTERED.mistake("the net is shown the image where it stands; the shift decides which units are on")
def shown_unshifted(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        gradient = weights[(weights * image).sum((1, 2, 3)) > 0].sum(0).roll((-down, -across), (1, 2))
        p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")  # beyond the border no difference
        rough = 8 * image - 2 * (p[:, 2:, 1:-1] + p[:, :-2, 1:-1] + p[:, 1:-1, 2:] + p[:, 1:-1, :-2])
        image = (image + lr * (gradient - tv * rough)).clamp(0, 1)
    return image


@JITTERED.mistake(
    "roughness is rewarded: the total variation is taken off the score, so its gradient has a minus"
)
def rougher_and_rougher(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        on = (weights * image.roll((down, across), (1, 2))).sum((1, 2, 3)) > 0
        gradient = weights[on].sum(0).roll((-down, -across), (1, 2))
        p = torch.nn.functional.pad(image, (1, 1, 1, 1), mode="replicate")  # beyond the border no difference
        rough = 8 * image - 2 * (p[:, 2:, 1:-1] + p[:, :-2, 1:-1] + p[:, 1:-1, 2:] + p[:, 1:-1, :-2])
        image = (image + lr * (gradient + tv * rough)).clamp(0, 1)
    return image


@JITTERED.mistake("opposite borders count as neighbours in the total variation: it must not wrap round")
def wrapped_round(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        on = (weights * image.roll((down, across), (1, 2))).sum((1, 2, 3)) > 0
        gradient = weights[on].sum(0).roll((-down, -across), (1, 2))
        others = sum(image.roll(by, axis) for by in (-1, 1) for axis in (1, 2))
        image = (image + lr * (gradient - 2 * tv * (4 * image - others))).clamp(0, 1)
    return image


@JITTERED.mistake(
    "the total variation is that of the shifted image, whose seam counts as an edge: take the image's own"
)
def variation_of_what_is_seen(image, weights, lr, tv, shifts):
    for down, across in shifts.tolist():
        seen = image.roll((down, across), (1, 2))
        p = torch.nn.functional.pad(seen, (1, 1, 1, 1), mode="replicate")  # beyond the border no difference
        rough = 8 * seen - 2 * (p[:, 2:, 1:-1] + p[:, :-2, 1:-1] + p[:, 1:-1, 2:] + p[:, 1:-1, :-2])
        gradient = weights[(weights * seen).sum((1, 2, 3)) > 0].sum(0) - tv * rough
        image = (image + lr * gradient.roll((-down, -across), (1, 2))).clamp(0, 1)
    return image
