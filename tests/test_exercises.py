"""Checkers pass what is right, name each typical mistake by its own cause, and guess at nothing."""

import random
from pathlib import Path
from time import process_time

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F

from lecture_utils import exercises, synthesis
from lecture_utils.exercises import (
    blurred_ascent,
    frame,
    jittered_ascent,
    nb01,
    nb02,
    nb03,
    nb04,
    nb05,
    nb06,
    nb07,
    nb08,
    nb09,
    nearest_border,
    octaves,
    projection,
    style_shares,
)
from lecture_utils.exercises.judge import UNKNOWN, judge
from lecture_utils.synthesis.attack import project

FOLDER = Path(exercises.__file__).parent
NOTEBOOKS = sorted(path.stem[2:] for path in FOLDER.glob("nb*.py"))
ALL = [exercise for notebook in NOTEBOOKS for exercise in exercises.exercises_of(notebook).values()]
MISTAKES = [(exercise, mistake) for exercise in ALL for mistake in exercise.mistakes]
each = pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.number)


def says(exercise, function):
    """The verdict on a function, which must be one line that begins with the exercise's number."""
    verdict = judge(exercise, function)
    assert verdict.line.startswith(f"{exercise.number} · ") and "\n" not in verdict.line
    return verdict


def test_there_are_four_exercises_each_and_they_get_harder():
    assert NOTEBOOKS == ["01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12"]
    for notebook in NOTEBOOKS:
        numbers = exercises.exercises_of(notebook)
        assert list(numbers) == [f"{notebook}.{place}" for place in (1, 2, 3, 4)]
        levels = [exercise.difficulty for exercise in numbers.values()]
        assert levels == sorted(levels) and min(levels) >= 1 and max(levels) <= 5


@each
def test_the_solution_passes_within_two_seconds(exercise):
    assert says(exercise, exercise.answer).passed is True  # also imports what the oracle needs
    start = process_time()  # of this process: other work on the machine does not count
    verdict = says(exercise, exercise.answer)
    assert process_time() - start < 2
    assert exercise.praise in verdict.line and exercise.against in verdict.line


@each
def test_the_blank_is_not_attempted(exercise):
    verdict = says(exercise, exercise.blank)
    assert verdict.passed is None and "not attempted yet" in verdict.line


@each
def test_every_exercise_is_complete(exercise):
    assert len(exercise.mistakes) >= 3 and len(set(exercise.mistakes.values())) == len(exercise.mistakes)
    assert exercise.name.startswith("my_") and exercise.blank.__doc__
    assert len(exercise.hints) >= 2 and len(set(exercise.hints)) == len(exercise.hints)
    assert exercise.header.count("●") == exercise.difficulty and "minutes" in exercise.header


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES, ids=lambda value: getattr(value, "__name__", ""))
def test_every_mistake_fails_with_its_own_message(exercise, mistake):
    verdict = says(exercise, mistake)
    assert verdict.passed is False and verdict.cause is mistake
    assert verdict.line.endswith(f"Likely cause: {exercise.mistakes[mistake]}")
    assert " For " in verdict.line and ": expected " in verdict.line and ", got " in verdict.line


@each
def test_source_runs_anywhere_with_torch_alone(exercise):
    """Stub, solution and mistakes, as they stand in a notebook, read nothing but torch."""
    expected = {exercise.blank: None, exercise.answer: True, **dict.fromkeys(exercise.mistakes, False)}
    for function, passed in expected.items():
        notebook = {"torch": torch}
        exec(exercise.source(function), notebook)
        verdict = says(exercise, notebook[exercise.name])
        assert verdict.passed is passed and (passed is not False or verdict.cause is function)


# The same misconceptions, written in another way: a checker that knew its own list by heart would fail here.


def column_by_einsum(features, weight, targets):
    return torch.einsum("cn,ncrs->nrs", weight[:, targets], features)


def hires_by_loops(maps, gradient):
    return torch.stack([(g * m).sum(0).clamp(min=0) for g, m in zip(gradient, maps, strict=True)])


def box_of_everything(heat, share):
    hot = (heat > share * heat.max()).numpy()
    rows, cols = np.flatnonzero(hot.any(1)), np.flatnonzero(hot.any(0))
    return torch.tensor([cols[0], rows[0], cols[-1] + 1, rows[-1] + 1])


def rank_at_mask_size(heat, mask):
    kept = heat >= heat.flatten().topk(int(mask.sum())).values[-1]
    return float((kept & mask).sum() / (kept | mask).sum())


def shifted_minimum(weights):
    low, high = weights.flatten().aminmax()
    return torch.lerp(torch.zeros_like(weights), torch.ones_like(weights), (weights - low) / (high - low))


def one_by_one(weights):
    return torch.stack([0.5 + 0.5 * each / each.abs().max() for each in weights])


def sign_as_pixel(weights, low, high):
    return (weights.sign() + 1) / 2


def convolved_by_scipy(image, weights, bias, stride, padding):
    from scipy.signal import convolve

    padded = np.pad(image.numpy(), [(0, 0), (padding, padding), (padding, padding)])
    maps = [
        sum(convolve(p, f, mode="valid") for p, f in zip(padded, each, strict=True))
        for each in weights.numpy()
    ]
    return torch.from_numpy(np.stack(maps)[:, ::stride, ::stride]) + bias[:, None, None]


def dead_if_mean_negative(batches):
    return torch.cat(batches).mean(dim=(0, 2, 3)) <= 0


def dead_in_one_image(batches):
    return (torch.cat(batches).flatten(2).max(dim=2).values <= 0).any(dim=0)


def minus_two_ab(bank, queries, k):
    return (queries.square().sum(1)[:, None] - 2 * queries @ bank.T).topk(k, largest=False).indices


def upside_down(bank, queries, k):
    return (-torch.cdist(queries, bank)).argsort(dim=1)[:, :k]


def self_counted(features, labels, k):
    order = np.argsort(((features[:, None] - features[None]) ** 2).sum(2).numpy(), axis=1, kind="stable")[
        :, :k
    ]
    return float((labels.numpy()[order] == labels.numpy()[:, None]).mean())


def top_without_first(features, labels, k):
    found = torch.cdist(features, features).topk(k + 1, largest=False).indices[:, 1:]
    return (labels[found] == labels[:, None]).double().mean().item()


def whitened(features):
    centred = features - features.mean(0)
    values, vectors = torch.linalg.eigh(centred.T @ centred)
    return centred @ vectors[:, [-1, -2]] / values[[-1, -2]].sqrt()


def uncentred_eigenvectors(features):
    return features @ torch.linalg.eigh(features.T @ features).eigenvectors[:, [-1, -2]]


def two_to_the_natural(squared, own, perplexity):
    from scipy.optimize import brentq

    others = np.delete(squared.double().numpy(), own)

    def missing(sigma):
        p = np.exp(-(others - others.min()) / (2 * sigma**2))
        p = p / p.sum()
        return 2 ** -(p * np.log(p + 1e-300)).sum() - perplexity

    return brentq(missing, 1e-2, 1e3)


def occluded_from_the_whole(image, weights, size, stride, fill):
    whole, taken = (weights * image).sum(), weights * (image - fill)
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    corners = [(r * stride, c * stride) for r in range(rows) for c in range(cols)]
    left = [whole - taken[:, top : top + size, side : side + size].sum() for top, side in corners]
    return whole - torch.stack(left).view(rows, cols)


def probability_by_numpy(images, w1, w2, targets):
    hidden = images.flatten(1) @ w1.T
    p = (hidden.clamp(min=0) @ w2.T).softmax(1)
    own = torch.arange(len(images))
    upper = p[own, targets][:, None] * (w2[targets] - p @ w2)  # d p_t / d hidden
    return ((upper * (hidden > 0)) @ w1).view_as(images).abs().max(1).values


def guided_then_clipped(x, w1, w2, w3):
    return nb04.by_hooks(x, w1, w2, w3).relu()


def correlated_with_the_padded_signal(signal, weights, stride, size):
    """Convolved with the filters as they are, which paints them turned round."""
    f = weights.shape[-1]
    spread = torch.zeros(1, len(signal), *(side - f + 1 for side in size))
    spread[0, :, ::stride, ::stride][:, : signal.shape[1], : signal.shape[2]] = signal
    return F.conv2d(spread, weights.transpose(0, 1), padding=f - 1)[0]


def kernels_added_up(layers):
    reach = sum(kernel - 1 for kernel, _, _ in layers.tolist())
    return torch.tensor([1 + reach, int(layers[:, 1].prod()), -int(layers[:, 2].sum())])


def clamped_corner(image, map, size, stride, offset):
    row, column = (map == map.max()).nonzero()[0].tolist()
    corner = torch.tensor([row, column]) * stride + offset
    top, left = corner.clamp(min=0).minimum(torch.tensor(image.shape[1:]) - size).tolist()
    return image[:, top : top + size, left : left + size].clone()


def quantile_of_each_image(maps, masks, share):
    both = either = 0
    for each, mask in zip(maps.numpy(), masks.numpy(), strict=True):
        yes = each > np.sort(each.ravel())[::-1][int(share * each.size)]
        both, either = both + (yes & mask).sum(), either + (yes | mask).sum()
    return both / either


def argmax_by_numpy(heatmaps, masks):
    hits = [
        m[np.unravel_index(h.argmax(), h.shape)] for h, m in zip(heatmaps.numpy(), masks.numpy(), strict=True)
    ]
    return torch.tensor(hits)


def absolute_by_einsum(heatmaps, masks):
    size = heatmaps.abs()
    on_it = torch.einsum("nhw,nhw->n", size, masks.to(size.dtype))
    return torch.nan_to_num(on_it / size.flatten(1).sum(1))


def missed_when_gone(values):
    everything = len(values) - 1
    parts = range(everything.bit_length())
    return torch.stack([values[everything] - values[everything ^ (1 << part)] for part in parts])


def roc_by_sklearn(values, positive):
    from sklearn.metrics import roc_auc_score

    return roc_auc_score(positive.numpy(), values.numpy())


def sgd_with_weight_decay(images, gradient, lr, rate, mean):
    """An optimiser's own decay, which is towards 0."""
    length = gradient.flatten(1).norm(dim=1).clamp(min=1e-12) / gradient[0].numel() ** 0.5
    moved = images + torch.einsum("nchw,n->nchw", gradient, lr / length)
    return (moved - rate * moved).clamp(0, 1)


def normalised_over_the_batch(images, gradient, lr, rate, mean):
    unit = F.normalize(gradient.flatten(), dim=0).view_as(gradient) * gradient.numel() ** 0.5
    return torch.lerp(images + lr * unit, torch.full_like(images, mean), rate).clip(0, 1)


def gradient_times_pixel(images, gradient, share, mean):
    found = images.clone()
    for x, g in zip(found, gradient, strict=True):
        size = np.abs(np.einsum("chw,chw->hw", x.numpy(), g.numpy()))
        gone = np.argsort(size, axis=None)[: int(share * size.size)]
        x.view(len(x), -1)[:, gone] = mean
    return found


def dark_ones_first(images, gradient, share, mean):
    """The signed contribution, by ranks."""
    flat = (images - mean).mul(gradient).sum(1).flatten(1)
    rank = flat.argsort(1).argsort(1)
    return images.masked_fill((rank < int(share * flat.shape[1])).view(len(flat), 1, *images.shape[2:]), mean)


def scipy_with(mode, first=0):
    """Blurred by scipy in the steps first, first + every, ...; the border as scipy's `mode` says."""
    from scipy.ndimage import convolve

    kernel = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])[None]

    def climb(image, weights, lr, steps, every):
        x = image.numpy()
        for number in range(1, steps + 1):
            x = x + lr * weights.numpy()
            if (number - first) % every == 0:
                x = convolve(x, kernel, mode=mode)
        return torch.from_numpy(x)

    return climb


def autograd_of_what_is_seen(image, weights, lr, tv, shifts):
    """All of it on the shifted image, put back at the end of the step: its seam counts as an edge."""
    for shift in shifts:
        seen = image.roll(tuple(shift.tolist()), (1, 2)).requires_grad_()
        rough = seen.diff(dim=1).pow(2).sum() + seen.diff(dim=2).pow(2).sum()
        (F.relu(torch.einsum("kchw,chw->k", weights, seen)).sum() - tv * rough).backward()
        image = (seen + lr * seen.grad).detach().roll(tuple((-shift).tolist()), (1, 2)).clip(0, 1)
    return image


def never_put_back(image, weights, lr, tv, shifts):
    for shift in shifts.tolist():
        x = image.clone().requires_grad_()
        rough = x.diff(dim=1).pow(2).sum() + x.diff(dim=2).pow(2).sum()
        score = F.relu(torch.einsum("kchw,chw->k", weights, x.roll(shift, (1, 2)))).sum() - tv * rough
        image = (x + lr * torch.autograd.grad(score, x)[0]).detach().roll(shift, (1, 2)).clip(0, 1)
    return image


def numpy_cov(features):
    return torch.stack([torch.from_numpy(np.cov(f.flatten(1).numpy(), bias=True)) for f in features])


def mean_of_all(features):
    return torch.einsum("nchw,ndhw->ncd", features, features) / features[0].numel()


def decibels_of_the_root(images, originals, features, wanted):
    rms = ((images - originals) ** 2).flatten(1).mean(1)
    own = torch.cdist(features[:, None], wanted[:, None])[:, 0, 0] / torch.linalg.vector_norm(wanted, dim=1)
    return torch.column_stack([own**2, 20 * torch.log10(1 / rms)])


def skimage_guesses_the_range(images, originals, features, wanted):
    from skimage.metrics import peak_signal_noise_ratio

    pairs = zip(images.numpy(), originals.numpy(), strict=True)
    psnr = [float(peak_signal_noise_ratio(y, x, data_range=y.max())) for x, y in pairs]
    own = ((features - wanted) ** 2).sum(1) / (wanted**2).sum(1)
    return torch.column_stack([own, torch.tensor(psnr)])


def gatys_as_printed(features, style, weights):
    """Sums instead of means; the factor 1 / (4 c^2) cancels in a share, the number of places does not."""
    total = 0.0
    for f, s, weight in zip(features, style, weights.tolist(), strict=True):
        G, A = (np.einsum("chw,dhw->cd", m.numpy(), m.numpy()) for m in (f, s))
        total += weight * ((G - A) ** 2).sum() / (A**2).sum()
    return total


def plain_mse_of_grams(features, style, weights):
    grams = [[torch.einsum("chw,dhw->cd", m, m) / m[0].numel() for m in maps] for maps in (features, style)]
    return sum(w * F.mse_loss(g, a, reduction="sum") for g, a, w in zip(*grams, weights, strict=True))


def dream_by_recursion(photograph, octaves, steps, lr, enlarge=None):
    """The whole dream, or with `enlarge` what an octave begins with: a function (photo, the smaller end)."""
    x = photograph.clone()
    if octaves > 1:
        small = F.avg_pool2d(photograph, 2)
        end = dream_by_recursion(small, octaves - 1, steps, lr, enlarge)
        twice = F.interpolate((end if enlarge else end - small)[None], scale_factor=2, mode="nearest")[0]
        x = twice if enlarge else (photograph + twice).clip(0, 1)
    for _ in range(steps):
        slope = torch.zeros_like(x)
        slope[..., 1:] += x.diff(dim=2)
        slope[..., :-1] -= x.diff(dim=2)
        x = (x + lr * slope / slope.abs().mean()).clip(0, 1)
    return x


def by_log_softmax_downhill(images, weights, labels, eps):
    leaf = images.clone().requires_grad_()
    (leaf.flatten(1) @ weights.T).log_softmax(1)[torch.arange(len(leaf)), labels].sum().backward()
    return (images + eps * torch.sign(leaf.grad)).clip(0, 1)


def less_of_the_label(images, weights, labels, eps):
    x = images.flatten(1) - eps * torch.sign(F.one_hot(labels, len(weights)).float() @ weights)
    return x.view_as(images).clip(0, 1)


def disagreements(images, attacked, weights, labels):
    saved = torch.from_numpy(np.rint(attacked.numpy() * 255)) / 255
    said = [torch.einsum("nd,kd->nk", x.flatten(1), weights).max(1).indices for x in (images, saved)]
    return sum(a != b for a, b in zip(*(each.tolist() for each in said), strict=True)) / len(labels)


def floor_of_the_levels(images, attacked, weights, labels):
    saved = torch.floor(attacked * 255) / 255
    said = [torch.einsum("nd,kd->nk", x.flatten(1), weights).max(1).indices for x in (images, saved)]
    kept = said[0].eq(labels)
    return float(said[1][kept].ne(labels[kept]).sum() / kept.sum())


def unit_ball_times_eps(perturbed, images, eps, norm):
    away = perturbed - images
    if norm == "2":
        return (images + eps * F.normalize(away.flatten(1), dim=1).view_as(away)).clip(0, 1)
    return torch.clip(perturbed, images - eps, images + eps).clip(0, 1)


def torch_renorm(perturbed, images, eps, norm):
    """torch's own renorm keeps each image in the ball of either norm by shrinking all of it."""
    p = float("inf") if norm == "inf" else 2.0
    return (images + torch.renorm((perturbed - images).flatten(1), p, 0, eps).view_as(images)).clip(0, 1)


def second_of_the_sorted(x, weights, bias):
    scores = F.linear(x, weights, bias)
    first, second = scores.argsort(descending=True)[:2]
    return torch.linalg.pinv((weights[second] - weights[first])[None])[:, 0] * (
        scores[first] - scores[second]
    )


def linf_way(x, weights, bias):
    scores = F.linear(x, weights, bias)
    c = scores.argmax()
    w, gap = weights - weights[c], scores[c] - scores
    each = [gap[k] / torch.linalg.vector_norm(w[k], 1) for k in range(len(w)) if k != c]
    k = [k for k in range(len(w)) if k != c][int(torch.stack(each).argmin())]
    return min(each) * torch.sign(w[k])


@pytest.mark.parametrize(
    ("exercise", "function", "mistake"),
    [
        (nb01.PICTURES, shifted_minimum, nb01.from_minimum_to_maximum),
        (nb01.PICTURES, one_by_one, nb01.each_its_own_scale),
        (nb01.BEST, sign_as_pixel, nb01.zero_or_one),
        (nb01.CONVOLVE, convolved_by_scipy, nb01.filter_turned_round),
        (nb01.DEAD, dead_if_mean_negative, nb01.mean_not_above_zero),
        (nb01.DEAD, dead_in_one_image, nb01.silent_in_some_image),
        (nb02.NEAREST, minus_two_ab, nb02.largest_dot_product),
        (nb02.NEAREST, upside_down, nb02.the_farthest),
        (nb02.PRECISION, self_counted, nb02.itself_included),
        (nb02.PRECISION, top_without_first, nb02.first_column_dropped),
        (nb02.PCA, whitened, nb02.columns_of_u),
        (nb02.PCA, uncentred_eigenvectors, nb02.not_centred),
        (nb02.PERPLEXITY, two_to_the_natural, nb02.two_to_the_nats),
        (nb03.FIELD, kernels_added_up, nb03.without_the_stride),
        (nb03.PATCH, clamped_corner, nb03.pushed_inside),
        (nb03.OVERLAP, quantile_of_each_image, nb03.a_threshold_for_each_image),
        (nb03.PRECISION, roc_by_sklearn, nb03.area_under_roc),
        (nb04.OCCLUSION, occluded_from_the_whole, nb04.the_drop),
        (nb04.SALIENCY, probability_by_numpy, nb04.of_the_probability),
        (nb04.GUIDED, guided_then_clipped, nb04.rectified_at_the_pixels),
        (nb04.BACKWARD, correlated_with_the_padded_signal, nb04.painted_flipped),
        (nb05.CAM, column_by_einsum, nb05.a_column),
        (nb05.GRAD_CAM, hires_by_loops, nb05.not_averaged),
        (nb05.BOX, box_of_everything, nb05.around_everything),
        (nb05.BEST, rank_at_mask_size, nb05.as_many_as_the_mask),
        (nb06.POINTING, argmax_by_numpy, nb06.first_of_the_hottest),
        (nb06.MASS, absolute_by_einsum, nb06.absolute_share),
        (nb06.SPEARMAN, lambda a, b: np.corrcoef(a, b)[0, 1], nb06.pearson),
        (nb06.SHAPLEY, missed_when_gone, nb06.drop_one),
        (nb07.STEP, sgd_with_weight_decay, nb07.fades_to_black),
        (nb07.STEP, normalised_over_the_batch, nb07.one_length_for_all),
        (nb07.CLIPPING, gradient_times_pixel, nb07.from_black),
        (nb07.CLIPPING, dark_ones_first, nb07.signed),
        (nb07.BLURRED, scipy_with("constant"), blurred_ascent.zeros_beyond),
        (nb07.BLURRED, scipy_with("mirror", first=1), blurred_ascent.counted_from_zero),
        (nb07.JITTERED, autograd_of_what_is_seen, jittered_ascent.variation_of_what_is_seen),
        (nb07.JITTERED, never_put_back, jittered_ascent.the_image_moves),
        (nb08.GRAM, numpy_cov, nb08.covariance),
        (nb08.GRAM, mean_of_all, nb08.divided_by_all_values),
        (nb08.INVERTED, decibels_of_the_root, nb08.twenty_times),
        (nb08.INVERTED, skimage_guesses_the_range, nb08.brightest_value_as_peak),
        (nb08.STYLE, gatys_as_printed, style_shares.grams_as_sums),
        (nb08.STYLE, plain_mse_of_grams, style_shares.no_shares),
        (
            nb08.DREAM,
            lambda *args: dream_by_recursion(*args, enlarge=True),
            octaves.the_whole_picture_enlarged,
        ),
        (nb08.DREAM, lambda p, o, s, lr: dream_by_recursion(p, 1, s, lr), octaves.each_octave_anew),
        (nb09.FGSM, by_log_softmax_downhill, nb09.towards_the_label),
        (nb09.FGSM, less_of_the_label, nb09.the_score_falls),
        (nb09.SUCCESS, disagreements, nb09.answers_that_change),
        (nb09.SUCCESS, floor_of_the_levels, nb09.cut_off),
        (nb09.PROJECT, unit_ball_times_eps, projection.always_to_the_edge),
        (nb09.PROJECT, torch_renorm, projection.shrunk_for_both),
        (nb09.DEEPFOOL, second_of_the_sorted, nearest_border.to_the_runner_up),
        (nb09.DEEPFOOL, linf_way, nearest_border.by_the_sign),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_mistake_is_known_however_it_is_written(exercise, function, mistake):
    assert says(exercise, function).cause is mistake


@pytest.mark.parametrize(
    ("exercise", "function"),
    [
        (nb01.PICTURES, lambda w: (w - w.min()) / (w.max() - w.min()) / 2),
        (nb01.CONVOLVE, lambda i, w, b, s, p: F.conv2d(i[None], w.flip(2, 3), None, s, p)[0]),
        (nb02.NEAREST, lambda bank, q, k: torch.cdist(q, bank).topk(k + 1).indices[:, 1:]),
        (nb02.PCA, lambda f: torch.linalg.svd(f, full_matrices=False).U[:, :2]),
        (nb02.PERPLEXITY, lambda squared, own, perplexity: 1.0),
        (nb03.FIELD, lambda layers: nb03.without_the_stride(layers) * torch.tensor([1, 1, -1])),
        (nb03.PATCH, lambda *args: 1 - nb03.black_over_the_border(*args)),
        (nb03.OVERLAP, lambda maps, masks, share: nb03.twice_over_the_sum(maps, masks, share) / 3),
        (nb03.PRECISION, lambda values, positive: nb03.area_under_roc(-values, positive)),
        (nb04.OCCLUSION, lambda i, w, size, stride, fill: nb04.the_drop(i, w, size, stride, 0.0)),
        (nb04.SALIENCY, lambda *args: nb04.of_the_probability(*args) * 2),
        (nb04.GUIDED, lambda *args: nb04.the_deconvnet_rule(*args).clamp(min=0)),
        (nb04.BACKWARD, lambda signal, *args: -nb04.painted_flipped(signal, *args)),
        (nb05.CAM, lambda *args: nb05.a_column(*args).clamp(min=0)),
        (nb05.GRAD_CAM, lambda *args: nb05.summed(*args) * 2),
        (nb05.BOX, lambda *args: nb05.around_everything(*args) - 1),
        (nb05.BEST, lambda *args: nb05.dice(*args) / 2),
        (nb06.POINTING, lambda *args: ~nb06.first_of_the_hottest(*args)),
        (nb06.MASS, lambda *args: nb06.absolute_share(*args) / 2),
        (nb06.SPEARMAN, lambda *args: -nb06.pearson(*args)),
        (nb06.SHAPLEY, lambda values: nb06.drop_one(values) / 2),
        (nb07.STEP, lambda x, g, lr, rate, mean: nb07.downhill(x, g, lr, 0.0, mean)),
        (nb07.CLIPPING, lambda x, g, share, mean: nb07.small_norm(x, g, share / 2, mean)),
        (nb07.BLURRED, lambda x, w, lr, *args: blurred_ascent.across_only(x, w, -lr, *args)),
        (nb07.JITTERED, lambda x, w, lr, tv, s: jittered_ascent.not_shifted_back(x, w, lr, -tv, s)),
        (nb08.GRAM, lambda features: nb08.the_sum(features) / features.shape[1] ** 2),
        (nb08.INVERTED, lambda *args: nb08.lengths_not_squares(*args).flip(1)),
        (nb08.STYLE, lambda *args: style_shares.with_a_root(*args) / 2),
        (nb08.DREAM, lambda p, o, s, lr: octaves.not_scaled(p, o, s, -lr)),
        (nb09.FGSM, lambda x, w, labels, eps: nb09.without_the_sign(x, w, labels, -eps)),
        (nb09.SUCCESS, lambda *args: 1 - nb09.wrong_ones_count(*args)),
        (nb09.PROJECT, lambda p, x, eps, norm: projection.a_box_for_both(p, x, 2 * eps, norm)),
        (nb09.DEEPFOOL, lambda *args: -nearest_border.divided_once(*args)),
    ],
)
def test_two_mistakes_at_once_are_not_taken_for_one(exercise, function):
    verdict = says(exercise, function)
    assert verdict.passed is False and verdict.cause is None and verdict.line.endswith(UNKNOWN)


# Right answers of other kinds pass.


def sklearn_pca(features):
    from sklearn.decomposition import PCA

    return torch.from_numpy(PCA(2).fit_transform(features.numpy())) * torch.tensor([-1.0, 1.0])


def sklearn_precision(features, labels, k):
    from sklearn.neighbors import NearestNeighbors

    found = (
        NearestNeighbors(n_neighbors=k).fit(features.numpy()).kneighbors(return_distance=False)
    )  # not itself
    return np.float64((labels.numpy()[found] == labels.numpy()[:, None]).mean())


def sklearn_nearest(bank, queries, k):
    from sklearn.neighbors import NearestNeighbors

    return torch.from_numpy(NearestNeighbors(n_neighbors=k).fit(bank).kneighbors(queries)[1]).int()


def hotter_than_all_outside(heatmaps, masks):
    inside = heatmaps.masked_fill(~masks, -torch.inf).amax((1, 2))
    outside = heatmaps.masked_fill(masks, -torch.inf).amax((1, 2))
    return (inside > outside) & (heatmaps.amax((1, 2)) > heatmaps.amin((1, 2)))


def torch_conv_transpose(signal, weights, stride, size):
    f = weights.shape[-1]
    rest = [
        side - (stride * (rows - 1) + f) for side, rows in zip(size, signal.shape[1:], strict=True)
    ]  # no filter saw these
    return F.pad(F.conv_transpose2d(signal[None], weights, stride=stride)[0], (0, rest[1], 0, rest[0]))


class Linear(torch.nn.Module):
    """scores = images.flatten(1) @ weights.T + bias."""

    def __init__(self, weights, bias=None):
        super().__init__()
        self.weights = torch.nn.Parameter(weights)
        self.bias = torch.zeros(len(weights)) if bias is None else bias

    def forward(self, images):
        return F.linear(images.flatten(1), self.weights, self.bias)


def in_three_colours(images):
    """The package takes three colours: grey images are padded with black, which no weight looks at."""
    return F.pad(images, (0, 0, 0, 0, 0, 3 - images.shape[1]))


def linear_in_three_colours(weights, images):
    return Linear(in_three_colours(weights.view(-1, *images.shape[1:])).flatten(1))


def step_by_the_package(images, gradient, lr, rate, mean):
    moved = images + synthesis.rms(lr)(gradient).view(-1, 1, 1, 1) * gradient
    return synthesis.Decay(rate).after(moved, gradient, 0, torch.tensor(mean).view(1, 1, 1, 1)).clamp(0, 1)


def clipped_by_the_package(images, gradient, share, mean):
    return synthesis.SmallContribution(share).after(images, gradient, 0, torch.tensor(mean).view(1, 1, 1, 1))


def jitter_by_the_package(image, weights, lr, tv, shifts):
    images, jitter = image[None], synthesis.Jitter(9)
    for shift in shifts.tolist():
        jitter.shift = tuple(shift)
        on = F.linear(images.roll(shift, (2, 3)).flatten(1), weights.flatten(1))[0] > 0
        gradient = jitter.back(weights[on].sum(0, keepdim=True))
        images = (images + lr * synthesis.TotalVariation(tv).gradient(gradient, images)).clamp(0, 1)
    return images[0]


def style_by_the_package(features, style, weights):
    grams = {k: synthesis.gram_matrix(maps[None]) for k, maps in enumerate(style)}
    shares = {k: weight / grams[k].square().sum() for k, weight in enumerate(weights)}
    return synthesis.style_loss({k: maps[None] for k, maps in enumerate(features)}, grams, shares)[0]


def fgsm_by_the_package(images, weights, labels, eps):
    net = linear_in_three_colours(weights, images)
    return synthesis.fgsm(net, in_three_colours(images), labels, eps)[:, : images.shape[1]]


def success_by_the_package(images, attacked, weights, labels):
    net = linear_in_three_colours(weights, images)
    right = synthesis.right(net, in_three_colours(images), labels)
    saved = synthesis.through_png(in_three_colours(attacked)[right])
    return synthesis.success_rate(net, saved, labels[right])


def deepfool_by_the_package(x, weights, bias):
    image = in_three_colours(x.view(1, 1, 1, -1))
    net = Linear(linear_in_three_colours(weights, x.view(1, 1, 1, -1)).weights.detach(), bias)
    moved = synthesis.deepfool(net, image, steps=1, overshoot=0.0, box=False, candidates=len(bias))
    return (moved - image)[0, 0, 0]


@pytest.mark.parametrize(
    ("exercise", "function"),
    [
        (nb01.PICTURES, lambda w: (w.double() / w.abs().amax() + 1) / 2),
        (nb01.BEST, lambda w, low, high: (low + (high - low) * (w > 0).movedim(1, -1)).movedim(-1, 1)),
        (nb01.DEAD, lambda batches: ~torch.cat(batches).relu().flatten(2).any(2).any(0)),
        (nb01.CONVOLVE, lambda i, w, b, s, p: F.conv2d(i[None], w, b, s, p)[0].requires_grad_()),
        (nb02.NEAREST, sklearn_nearest),
        (nb02.PRECISION, sklearn_precision),
        (nb02.PCA, sklearn_pca),
        (
            nb02.PCA,
            lambda f: -torch.linalg.svd(f - f.mean(0)).U[:, :2] * torch.linalg.svdvals(f - f.mean(0))[:2],
        ),
        (nb02.PERPLEXITY, lambda s, own, p: torch.tensor(nb02.by_brent(s, own, p))),
        (nb03.FIELD, nb03.by_walking_down),
        (nb03.PATCH, nb03.pixel_by_pixel),
        (nb03.OVERLAP, nb03.counted_in_numpy),
        (nb03.PRECISION, nb03.by_sklearn),
        (nb04.OCCLUSION, nb04.by_one_convolution),
        (nb04.SALIENCY, nb04.on_paper),
        (nb04.GUIDED, nb04.by_hooks),
        (nb04.BACKWARD, torch_conv_transpose),
        (nb06.POINTING, hotter_than_all_outside),
        (nb06.MASS, lambda h, m: torch.nan_to_num((h.relu() * m).sum((1, 2)) / h.relu().sum((1, 2)))),
        (nb06.SPEARMAN, nb06.by_scipy),
        (nb06.SHAPLEY, nb06.over_all_orders),
        (nb07.STEP, nb07.image_after_image),
        (nb07.STEP, step_by_the_package),
        (nb07.CLIPPING, nb07.pixel_after_pixel),
        (nb07.CLIPPING, clipped_by_the_package),
        (nb07.BLURRED, scipy_with("mirror")),
        (nb07.JITTERED, jittered_ascent.by_autograd_in_one_go),
        (nb07.JITTERED, jitter_by_the_package),
        (nb08.GRAM, synthesis.gram_matrix),
        (nb08.GRAM, lambda f: torch.einsum("nchw,ndhw->ncd", f, f) / (f.shape[2] * f.shape[3])),
        (nb08.INVERTED, nb08.by_scikit_image),
        (
            nb08.INVERTED,
            lambda x, y, f, w: torch.stack(
                [synthesis.content_loss(f, w) / (w**2).sum(1), synthesis.psnr(x, y)], 1
            ),
        ),
        (nb08.STYLE, style_by_the_package),
        (nb08.DREAM, dream_by_recursion),
        (nb08.DREAM, octaves.on_paper),
        (nb09.FGSM, fgsm_by_the_package),
        (nb09.FGSM, nb09.on_paper),
        (nb09.SUCCESS, success_by_the_package),
        (
            nb09.SUCCESS,
            lambda x, y, w, labels: nb09.never_saved(x, (255 * y + 0.5).floor() / 255, w, labels),
        ),
        (nb09.PROJECT, project),
        (
            nb09.PROJECT,
            lambda p, x, eps, norm: (
                torch_renorm(p, x, eps, norm) if norm == "2" else p.clip(x - eps, x + eps).clip(0, 1)
            ),
        ),
        (nb09.DEEPFOOL, deepfool_by_the_package),
        (nb09.DEEPFOOL, nearest_border.by_least_squares),
    ],
)
def test_other_right_answers_pass(exercise, function):
    verdict = says(exercise, function)
    assert verdict.passed is True, verdict.line


@each
def test_one_number_that_is_off_fails(exercise):
    """The last number of the answer, or the only one by five times the tolerance."""

    def off(*args):
        value = exercise.answer(*args)
        if not isinstance(value, torch.Tensor) or not value.ndim:
            return value * (1 + 5 * exercise.tolerance)
        flat = value.clone().flatten()
        flat[-1] = ~flat[-1] if value.dtype == torch.bool else flat[-1] + 1
        return flat.view(value.shape)

    assert says(exercise, off).passed is False


# Whatever a function does, the student reads one clear line.


def raises(*args):
    raise RuntimeError("no\nluck")


def nothing(*args):
    pass


@each
def test_broken_answers_get_their_own_line(exercise):
    wanted = exercise.oracle(**exercise.cases()[0])
    number = not isinstance(wanted, torch.Tensor)
    good = exercise.answer

    def nan(*args):
        return torch.full_like(torch.as_tensor(good(*args)).float(), torch.nan)

    expected = {
        nothing: "your function returned None",
        raises: 'your function raised RuntimeError at `raise RuntimeError("no\\nluck")`: no luck',
        lambda: 0: "your function raised TypeError",
        lambda *args: [1.0]: "expected one number, got a list"
        if number
        else "expected a torch tensor, got a list",
        lambda *args: torch.zeros(2, 7, 5): "got a tensor of shape (2, 7, 5)" if number else "got (2, 7, 5)",
        lambda *args: torch.as_tensor(good(*args)).to(torch.complex64): "got a Tensor",
        nan: "NaN or infinity" if number or wanted.is_floating_point() else "got torch.float32",
    }
    lines = set()
    for function, sentence in expected.items():
        verdict = says(exercise, function)
        assert verdict.passed is False and verdict.cause is None
        assert sentence in verdict.line
        lines.add(verdict.line)
    assert len(lines) == len(expected)


@each
def test_an_input_changed_in_place_is_said_though_the_answer_is_right(exercise):
    def careless(*args):
        value = exercise.answer(*args)
        spoiled = args[0][-1] if isinstance(args[0], list) else args[0]
        spoiled += 1
        return value

    name = next(iter(exercise.cases()[0]))
    assert f"changes its input {name} in place" in says(exercise, careless).line


def test_a_list_emptied_by_the_student_is_said():
    def consumes(batches):
        dead = nb01.largest_anywhere(batches)
        batches.clear()
        return dead

    assert "changes its input batches" in says(nb01.DEAD, consumes).line


def test_something_else_than_a_function():
    assert "not a Tensor" in says(nb01.PICTURES, torch.zeros(3)).line
    assert 'check("01.1", my_pictures)' in says(nb01.PICTURES, None).line


def test_text_among_the_inputs_is_shown_as_one_types_it():
    assert ", norm = '2'` gives" in nb09.PROJECT.example


def test_ctrl_c_is_not_swallowed():
    def interrupted(*args):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        judge(nb01.PICTURES, interrupted)


# Seeded, and nothing outside is disturbed.


@each
def test_the_inputs_are_the_same_each_time_and_the_smallest_come_first(exercise):
    torch.manual_seed(1)
    once = str([exercise.oracle(**case) for case in exercise.cases()])
    torch.manual_seed(2)
    assert str([exercise.oracle(**case) for case in exercise.cases()]) == once
    sizes = [
        sum(v.numel() for v in case.values() if isinstance(v, torch.Tensor)) for case in exercise.cases()
    ]
    assert sizes[0] == min(sizes) and max(sizes[:2]) <= 60


@each
@pytest.mark.parametrize("draws", [False, True])
def test_the_random_state_is_as_before(exercise, draws):
    def restless(*args):
        torch.manual_seed(5), np.random.seed(5), random.seed(5)
        if draws:
            raise RuntimeError
        return exercise.answer(*args)

    def state():
        return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()

    before = state()
    judge(exercise, restless)
    assert state() == before


# check, hint and solution, as a student calls them.


def test_check_prints_one_line_and_returns_nothing(capsys):
    assert exercises.check("01.1", nb01.my_pictures) is None
    assert capsys.readouterr().out == judge(nb01.PICTURES, nb01.my_pictures).line + "\n"


@each
def test_hints_come_in_order_and_end(exercise, capsys, monkeypatch):
    monkeypatch.setattr(frame, "_given", {})
    count = len(exercise.hints)
    for _ in range(2):  # after the last it begins again
        for place, text in enumerate(exercise.hints, 1):
            exercises.hint(exercise.number)
            line = capsys.readouterr().out
            assert f"hint {place} of {count} ({count - place} left)" in line and text in line
        exercises.hint(exercise.number)
        line = capsys.readouterr().out
        assert f"those were all {count} hints" in line and f'solution("{exercise.number}")' in line


def test_hints_of_two_exercises_are_counted_apart(capsys, monkeypatch):
    monkeypatch.setattr(frame, "_given", {})
    for number in ("01.1", "01.2", "01.1"):
        exercises.hint(number)
    lines = capsys.readouterr().out.splitlines()
    assert ["hint 1" in lines[0], "hint 1" in lines[1], "hint 2" in lines[2]] == [True] * 3


@each
def test_a_solution_can_be_pasted(exercise, capsys):
    exercises.solution(exercise.number)
    code = capsys.readouterr().out
    assert code.startswith(f"def {exercise.name}(") and "@" not in code.splitlines()[0]
    notebook = {"torch": torch}
    exec(code, notebook)
    assert says(exercise, notebook[exercise.name]).passed is True


@pytest.mark.parametrize("number", ["01.9", "1.1", "99.1", 1.1])
def test_an_unknown_number_is_an_error_with_near_misses(number):
    for call in (exercises.hint, exercises.solution, lambda n: exercises.check(n, nothing)):
        with pytest.raises(KeyError, match=r"unknown exercise .*0\d\.\d"):
            call(number)


# The oracles themselves, against a third formulation.


@pytest.mark.parametrize(
    ("exercise", "library"),
    [(nb02.NEAREST, sklearn_nearest), (nb02.PRECISION, sklearn_precision), (nb02.PCA, sklearn_pca)],
    ids=lambda value: getattr(value, "number", ""),
)
def test_oracles_equal_scikit_learn(exercise, library):
    for case in exercise.cases():
        ours, theirs = (torch.as_tensor(f(**case)).double() for f in (exercise.oracle, library))
        if exercise.signs:
            ours, theirs = ours.abs(), theirs.abs()
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


def test_the_best_patch_of_a_tiny_filter_by_trying_all_corners():
    case = nb01.BEST.cases()[0]
    weights, low, high = (case[name] for name in ("weights", "low", "high"))
    corners = torch.cartesian_prod(*torch.stack([low, high], 1))  # (8, 3)
    best = corners[(corners @ weights.flatten()).argmax()]
    assert torch.equal(nb01.BEST.oracle(**case).flatten().float(), best)


def test_the_perplexity_of_sigma_is_what_was_asked():
    for case in nb02.PERPLEXITY.cases():
        sigma = nb02.PERPLEXITY.oracle(**case)
        p = np.exp(-np.delete(case["squared"].double().numpy(), case["own"]) / (2 * sigma**2))
        bits = scipy.stats.entropy(p, base=2)  # normalises p itself
        assert abs(2**bits - case["perplexity"]) < 1e-6 * case["perplexity"]


def test_the_units_of_alex_that_statement_4_speaks_of():
    layer = {"weights": torch.ones(1, 3, 11, 11), "bias": torch.zeros(1), "stride": 4, "padding": 2}
    assert nb01.CONVOLVE.answer(torch.ones(3, 112, 112), **layer).shape == (1, 27, 27)
