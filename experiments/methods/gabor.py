"""Is a filter an oriented edge? Fit a Gabor times one colour axis, judged on pixels that the fit has not
seen."""

from dataclasses import dataclass
from math import pi

import torch

REFINE_STEPS, STARTS = 30, 3


@dataclass(frozen=True)
class GaborFit:
    """k fitted filters. Lengths in px, orientation in radians [0, pi) (of the wave's direction), frequency
    in cycles/px."""

    r2: torch.Tensor  # (k,) on the pixels that the fit saw
    r2_unseen: torch.Tensor  # (k,) on the others; NaN where it saw all
    fitted: torch.Tensor  # (k, 3, h, w)
    axis: torch.Tensor  # (k, 3) the colour axis, unit length
    orientation: torch.Tensor
    frequency: torch.Tensor
    centre: torch.Tensor  # (k, 2) x, y from the middle of the filter
    sigma: torch.Tensor  # along the wave
    aspect: torch.Tensor  # sigma across the wave / sigma along it


def r_squared(values, predicted, seen):
    """1 - SS_res / SS_tot over the pixels `seen` (k, p) of values (k, 3, p); (k,).

    SS_tot is about the mean of each colour: a filter of one flat colour has no shape to explain, and gets 0.
    """
    seen = seen[:, None].to(values.dtype)
    mean = (values * seen).sum(2, keepdim=True) / seen.sum(2, keepdim=True)  # (k, 3, 1)
    total = ((values - mean) ** 2 * seen).sum((1, 2))
    flat = total <= 1e-10 * (values**2 * seen).sum((1, 2))
    residual = ((values - predicted) ** 2 * seen).sum((1, 2))
    return torch.where(flat, torch.zeros_like(total), 1 - residual / total.clamp_min(1e-30))


def _pixels(h, w, like):
    y, x = torch.meshgrid(torch.arange(h) - (h - 1) / 2, torch.arange(w) - (w - 1) / 2, indexing="ij")
    return x.flatten().to(like), y.flatten().to(like)  # (p,) each


def _wave(parameters, x, y):
    """The quadrature pair, cosine and sine under one Gaussian: (..., p) each, for parameters (..., 6)."""
    theta, frequency, cx, cy, sigma, aspect = (q[..., None] for q in parameters.unbind(-1))
    along = (x - cx) * theta.cos() + (y - cy) * theta.sin()
    across = (y - cy) * theta.cos() - (x - cx) * theta.sin()
    envelope = torch.exp(-(along**2 + (across / aspect) ** 2) / (2 * sigma**2))
    return envelope * (2 * pi * frequency * along).cos(), envelope * (2 * pi * frequency * along).sin()


def _explained(a11, a12, a22, k11, k12, k22):
    """Largest eigenvalue of K^-1 A for symmetric 2 x 2: the energy that the best (colour axis) x (phase)
    explains.

    With W (3, p) the filter and G (2, p) the pair, A = (W G')'(W G') and K = G G'. The best rank-one
    coefficients between three colours and two phases explain exactly this much of |W|^2.
    """
    ridge = 1e-4 * (k11 + k22) + 1e-12  # at low frequency the sine all but vanishes
    k11, k22 = k11 + ridge, k22 + ridge
    det = k11 * k22 - k12**2
    half = (k22 * a11 + k11 * a22 - 2 * k12 * a12) / (2 * det)
    return half + (half**2 - (a11 * a22 - a12**2) / det).clamp_min(1e-30).sqrt()


def _limits(h, w):
    """Bounds of (theta, frequency, cx, cy, sigma, aspect): whoever has no bounds fits single pixels."""
    size = max(h, w)
    low = torch.tensor([-10.0, 0.0, -w / 2, -h / 2, 0.8, 0.4])
    return low, torch.tensor([10.0, 0.45, w / 2, h / 2, 1.0 * size, 3.0])


def _grid(h, w):
    size = max(h, w)
    axes = [
        torch.arange(8) * pi / 8,
        torch.tensor([0.0, 0.04, 0.09, 0.14, 0.2, 0.28, 0.36]),
        torch.linspace(-0.3, 0.3, 5) * w,
        torch.linspace(-0.3, 0.3, 5) * h,
        torch.tensor([0.12, 0.2, 0.33]) * size,
        torch.tensor([0.8, 1.6]),
    ]
    grid = torch.cartesian_prod(*axes)
    return grid[(grid[:, 1] > 0) | (grid[:, 0] < 1.7)]  # a blob has no direction beyond a quarter turn


def fit_gabor(filters, seen=None):
    """Fit w_c(x, y) = a_c * Gaussian(x, y) * cos(2 pi f u + phase) to each filter.

    filters: floating (k, 3, h, w), signed. seen: bool (k, h, w), the pixels used for the fit (all three
    colours of a pixel go together); None = all. Result: GaborFit, on the filters' device, in their dtype. A
    grid over orientation, frequency, centre, width and aspect, in which colour axis and phase have a closed
    form (`_explained`), gives three starts a filter; Adam refines them. Deterministic.
    Errors: ValueError.
    Source: Daugman 1985 for the function; the closed form is variable projection (Golub & Pereyra 1973).
    """
    if filters.ndim != 4 or filters.shape[1] != 3 or not filters.is_floating_point() or not len(filters):
        raise ValueError(
            f"filters: expected floating (k, 3, h, w), got {filters.dtype} {tuple(filters.shape)}"
        )
    if not filters.isfinite().all():
        raise ValueError("filters: expected finite values, got NaN or infinity")
    (k, _, h, w), dtype = filters.shape, filters.dtype
    seen = torch.ones(k, h, w, dtype=torch.bool) if seen is None else seen
    if seen.shape != (k, h, w) or seen.dtype != torch.bool:
        raise ValueError(f"seen: expected bool {(k, h, w)}, got {seen.dtype} {tuple(seen.shape)}")
    with torch.inference_mode(False), torch.no_grad():
        values = filters.detach().float().cpu().flatten(2).clone()  # (k, 3, p)
        scale = values.abs().amax((1, 2), keepdim=True).clamp_min(1e-30)
        values, mask = values / scale, seen.flatten(1).cpu().float()
        x, y = _pixels(h, w, values)
        starts = _search(values * mask[:, None], mask, x, y, h, w)
        parameters = _refine(values * mask[:, None], mask, starts, x, y, h, w)
        fitted, axis = _solve(values, mask, parameters, x, y)
        r2 = r_squared(values, fitted, mask > 0)
        unseen = torch.where(mask.all(1), torch.nan, r_squared(values, fitted, mask == 0))
        theta, frequency, cx, cy, sigma, aspect = parameters.unbind(-1)
        found = [r2, unseen, (fitted * scale).view_as(filters), axis, theta % pi, frequency]
        found += [torch.stack([cx, cy], 1), sigma, aspect]
        return GaborFit(*(value.to(filters.device, dtype) for value in found))


def _search(values, mask, x, y, h, w):
    """The STARTS best grid points of each filter, at most one for each wave: (k, STARTS, 6)."""
    grid, scores = _grid(h, w), []
    for part in grid.split(4096):
        cos, sin = _wave(part, x, y)  # (g, p)
        kernel = [mask @ q.T for q in (cos * cos, cos * sin, sin * sin)]  # (k, g)
        c, s = values @ cos.T, values @ sin.T  # (k, 3, g)
        scores.append(_explained(*((q).sum(1) for q in (c * c, c * s, s * s)), *kernel))
    scores = torch.cat(scores, 1)  # (k, g)
    waves = (grid[:, 0] * 1000).round() + grid[:, 1]
    _, group = waves.unique(return_inverse=True)
    best = torch.full((len(values), int(group.max()) + 1), -1.0)
    best = best.scatter_reduce(1, group.expand_as(scores), scores, "amax")
    top = best.topk(STARTS, dim=1).indices  # (k, STARTS) groups
    own = group[None, None] == top[..., None]  # (k, STARTS, g)
    return grid[torch.where(own, scores[:, None], -1.0).argmax(-1)]


def _refine(values, mask, starts, x, y, h, w):
    """Adam on the six parameters from every start; the best of each filter, (k, 6)."""
    low, high = _limits(h, w)
    values, mask = values[:, None], mask[:, None]
    energy = (values**2).sum((-1, -2)).clamp_min(1e-30)  # (k, 1)
    unit = torch.tensor([0.3, 0.03, 1.0, 1.0, 1.0, 0.4])  # one step of each parameter is about as bold
    free = (starts / unit).clone()
    first, second = torch.zeros_like(free), torch.zeros_like(free)
    best, kept = torch.full(starts.shape[:2], -1.0), starts.clone()
    for step in range(1, REFINE_STEPS + 1):
        with torch.enable_grad():
            leaf = free.detach().requires_grad_()
            bounded = torch.minimum(torch.maximum(leaf * unit, low), high)
            cos, sin = _wave(bounded, x, y)  # (k, starts, p)
            c, s = (values @ cos[..., None])[..., 0], (values @ sin[..., None])[..., 0]
            share = (
                _explained(
                    *(q.sum(-1) for q in (c * c, c * s, s * s)),
                    *((mask * q).sum(-1) for q in (cos * cos, cos * sin, sin * sin)),
                )
                / energy
            )
            (gradient,) = torch.autograd.grad(share.sum(), leaf)
        better = share.detach() > best
        best, kept = (
            torch.where(better, share.detach(), best),
            torch.where(better[..., None], bounded.detach(), kept),
        )
        first, second = 0.8 * first + 0.2 * gradient, 0.95 * second + 0.05 * gradient**2
        direction = (first / (1 - 0.8**step)) / ((second / (1 - 0.95**step)).sqrt() + 1e-8)
        free = torch.minimum(
            torch.maximum(free + 0.3 * (1 - step / REFINE_STEPS) * direction, low / unit), high / unit
        )
    return kept.gather(1, best.argmax(1)[:, None, None].expand(-1, 1, 6))[:, 0]


def _solve(values, mask, parameters, x, y):
    """Colour axis and phase in closed form, from the seen pixels: the fit at all pixels (k, 3, p) and the
    axis (k, 3)."""
    pair = torch.stack(_wave(parameters, x, y), 1)  # (k, 2, p)
    kernel = (pair * mask[:, None]) @ pair.mT  # (k, 2, 2)
    trace = kernel.diagonal(dim1=1, dim2=2).sum(1)
    kernel = kernel + (1e-4 * trace + 1e-12)[:, None, None] * torch.eye(2)
    lower = torch.linalg.cholesky(kernel)
    flat = torch.linalg.solve_triangular(lower, pair, upper=False)  # orthonormal on the seen pixels
    u, s, v = torch.linalg.svd((values * mask[:, None]) @ flat.mT, full_matrices=False)  # (k, 3, 2)
    return (u[:, :, :1] * s[:, None, :1]) @ (v[:, :1] @ flat), u[:, :, 0]


def split_fit(filters, seed=0):
    """Cross-validated R² of each filter, (k,): fitted on a random half of its pixels, judged on the other;
    both ways.

    A fit that merely follows the noise does well on the half it saw and badly here.
    """
    k, _, h, w = filters.shape
    order = torch.rand(k, h * w, generator=torch.Generator().manual_seed(seed)).argsort(1)
    half = (order < (h * w) // 2).view(k, h, w).to(filters.device)
    both = fit_gabor(torch.cat([filters, filters]), torch.cat([half, ~half]))
    predicted = torch.where(
        half[:, None], both.fitted[k:], both.fitted[:k]
    )  # each pixel by the fit that did not see it
    return r_squared(filters.flatten(2), predicted.flatten(2), torch.ones_like(half).flatten(1))
