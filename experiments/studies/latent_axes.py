"""What does an axis of the code follow? The share of its variance that a known factor of the scenes explains."""

import torch


def design(values, kind):
    """A factor as columns (n, t) that a straight line can use.

    values: (n,). kind: "name" (whole numbers: one column for each name), "angle" (degrees: sine and cosine, so that
    turning all the way round ends where it began) or "number".
    Errors: ValueError.
    """
    if kind == "name":
        return torch.nn.functional.one_hot(values.long())[:, 1:].double()  # the first name is the intercept
    if kind == "angle":
        turn = torch.deg2rad(values.double())
        return torch.stack([turn.sin(), turn.cos()], 1)
    if kind == "number":
        return values.double()[:, None]
    raise ValueError(f"kind: expected 'name', 'angle' or 'number', got {kind!r}")


def explained(codes, columns):
    """The share of each axis's variance that the columns explain, (k,): R^2 of the best straight line, 0 to 1.

    codes: (n, k). columns: (n, t), of `design`. For names it is the share that lies between their means. An axis that
    never moves gets 0. By chance it is about t / n.
    """
    codes = codes.double() - codes.double().mean(0)
    columns = columns - columns.mean(0)
    basis, sizes, _ = torch.linalg.svd(columns, full_matrices=False)
    basis = basis[:, sizes > 1e-9 * sizes.max().clamp(min=1e-30)]
    total = codes.square().sum(0)
    return torch.where(total > 1e-12, (basis.T @ codes).square().sum(0) / total.clamp(min=1e-12), 0.0)


def purest(codes, columns):
    """The axis that a factor explains best, and how well: (axis, share).

    It is chosen on the first half of the rows and judged on the second, so that choosing among many earns nothing.
    """
    half = len(codes) // 2
    axis = int(explained(codes[:half], columns[:half]).argmax())
    return axis, float(explained(codes[half:], columns[half:])[axis])


def random_rotation(k, seed):
    """An orthogonal matrix (k, k), all equally likely: codes @ R has the same prior and no reason for its axes.

    Source: Mezzadri (2007): QR of a Gaussian matrix, with the signs of R's diagonal.
    """
    draws = torch.Generator().manual_seed(seed)
    q, r = torch.linalg.qr(torch.randn(k, k, dtype=torch.float64, generator=draws))
    return q * r.diagonal().sign()
