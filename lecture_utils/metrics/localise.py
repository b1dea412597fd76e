"""Is the heat on the object? Plausibility: these scores ask where a heatmap lies, not whether the net uses it."""

import torch


def pointing_game(heatmaps, masks):
    """bool (n,): does the hottest pixel lie in the mask?

    heatmaps: floating (n, h, w), larger is hotter (take the absolute value yourself if sign does not matter).
    masks: bool or 0/1 (n, h, w). Where several pixels are equally hot, all of them must lie in the mask: nobody gets a
    hit by the order of pixels. So a constant map is a miss, whatever the mask.
    Errors: ValueError. Source: Zhang et al. (2016), section 4.1. Differs: no tolerance around the mask.
    """
    heatmaps, masks = _checked(heatmaps, masks)
    top = heatmaps.amax((1, 2), keepdim=True)
    flat = heatmaps.amin((1, 2)) == top[:, 0, 0]
    return ((heatmaps < top) | masks).all(2).all(1) & ~flat


def mass_in_mask(heatmaps, masks):
    """Share (n,) of the positive heat that lies in the mask, in [0, 1]; chance is the mask's share of the image.

    Negative values count as 0; a map without positive heat scores 0. Arguments and errors as in `pointing_game`.
    Source: Arras, Osman, Samek (2022), CLEVR-XAI: relevance mass accuracy.
    """
    heatmaps, masks = _checked(heatmaps, masks)
    heat = heatmaps.clamp(min=0)
    heat = heat / heat.amax((1, 2), keepdim=True).clamp(min=torch.finfo(heat.dtype).tiny)  # sums stay finite
    whole, inside = heat.sum((1, 2)), (heat * masks).sum((1, 2))
    return torch.where(whole > 0, inside / whole.clamp(min=torch.finfo(heat.dtype).tiny), 0)


def rank_accuracy(heatmaps, masks):
    """Share (n,) of the K hottest pixels that lie in the mask, K = the mask's pixels; in [0, 1].

    It looks at order alone, so no single pixel decides. Pixels that tie for the last places share them: a constant map
    scores the mask's share of the image, which is chance. An empty mask scores 0.
    Arguments and errors as in `pointing_game`. Source: Arras, Osman, Samek (2022), CLEVR-XAI: rank accuracy.
    """
    heatmaps, masks = _checked(heatmaps, masks)
    heat, mask = heatmaps.flatten(1), masks.flatten(1)  # (n, h w)
    count = mask.sum(1)  # K
    order = heat.sort(1, descending=True).values
    last = order.gather(1, (count - 1).clamp(min=0)[:, None])  # the K-th largest value
    above, tied = heat > last, heat == last
    places = count - above.sum(1)  # left for the tied pixels
    hits = (above & mask).sum(1) + places * (tied & mask).sum(1) / tied.sum(1)
    return torch.where(count > 0, hits / count.clamp(min=1), 0).to(heatmaps.dtype)


def iou(masks_a, masks_b):
    """Intersection over union (n,) of two masks each, bool or 0/1 (n, h, w). Two empty masks score 0."""
    a, b = _mask(masks_a, "masks_a"), _mask(masks_b, "masks_b")
    if a.shape != b.shape:
        raise ValueError(f"masks_b: expected shape {tuple(a.shape)} as masks_a, got {tuple(b.shape)}")
    union = (a | b).sum((1, 2))
    return (a & b).sum((1, 2)) / union.clamp(min=1)


def best_iou(heatmaps, masks):
    """The IoU (n,) at the best threshold there is, "hotter than t": an oracle that knows the mask.

    What a method loses below this value it loses by thresholding, not by its map. A constant map scores the mask's
    share of the image. Arguments and errors as in `pointing_game`.
    """
    heatmaps, masks = _checked(heatmaps, masks)
    heat, order = heatmaps.flatten(1).sort(1, descending=True)
    inside = masks.flatten(1).gather(1, order).cumsum(1)  # of the k hottest pixels, (n, h w)
    taken = torch.arange(1, heat.shape[1] + 1, device=heat.device)
    score = inside / (taken + inside[:, -1:] - inside)
    ends = torch.ones_like(heat, dtype=torch.bool)  # a threshold takes tied pixels together or not at all
    ends[:, :-1] = heat[:, 1:] < heat[:, :-1]
    return (score * ends).amax(1).to(heatmaps.dtype)


def _checked(heatmaps, masks):
    """The heatmaps, and the masks as bool on the same device."""
    if not isinstance(heatmaps, torch.Tensor) or not heatmaps.is_floating_point():
        kind = heatmaps.dtype if isinstance(heatmaps, torch.Tensor) else type(heatmaps).__name__
        raise ValueError(f"heatmaps: expected a floating tensor (n, h, w), got {kind}")
    if heatmaps.ndim != 3 or not heatmaps.numel():
        raise ValueError(f"heatmaps: expected shape (n, h, w), got {tuple(heatmaps.shape)}")
    if not torch.isfinite(heatmaps).all():
        bad = int((~torch.isfinite(heatmaps)).sum())
        raise ValueError(f"heatmaps: expected finite values, got {bad} NaN or infinite of {heatmaps.numel()}")
    masks = _mask(masks, "masks")
    if masks.shape != heatmaps.shape:
        hint = ": enlarge the heatmap first" if masks.ndim == 3 and len(masks) == len(heatmaps) else ""
        raise ValueError(
            f"masks: expected shape {tuple(heatmaps.shape)} as the heatmaps, got {tuple(masks.shape)}{hint}"
        )
    return heatmaps.detach(), masks.to(heatmaps.device)


def _mask(masks, name):
    """bool (n, h, w) from bool or 0/1."""
    if not isinstance(masks, torch.Tensor):
        raise ValueError(f"{name}: expected a torch tensor, got {type(masks).__name__}")
    if masks.ndim != 3 or not masks.numel():
        raise ValueError(f"{name}: expected shape (n, h, w), got {tuple(masks.shape)}")
    if masks.dtype != torch.bool and not ((masks == 0) | (masks == 1)).all():
        raise ValueError(
            f"{name}: expected bool, or only 0 and 1; a mask of objects or parts? use masks == value"
        )
    return masks.bool()
