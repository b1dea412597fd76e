"""Exercises of notebook 05: CAM, Grad-CAM, the box of a map, and the best threshold there is."""

import numpy as np
import torch
from scipy.ndimage import find_objects, label

from .exercise import Exercise, normal


@Exercise("""
05.1 · A class activation map
picture: yes
against: a loop over images, places and channels in numpy
praise: Each image gets the row of its own class, and the map adds up to the score.
hint: The weights of class k are one row: weight[k], of length channels.
hint: weight[targets] takes a row for each image: (n, channels).
hint: Give it two more axes, (n, channels, 1, 1), multiply with the features, and sum over the channels, axis 1. Or
    torch.einsum("nc,ncrs->nrs", ...).
wrong: you take a column of weight; it is (classes, channels), so a class has a row: weight[k]
    weight[targets] -> weight.T[targets]
wrong: what is below zero is cut off; the raw map is signed: these places speak against the class
    .sum(dim=1) -> .sum(dim=1).clamp(min=0)
wrong: all images get the weights of the first image's class; index with all of targets
    weight[targets] -> weight[targets[:1]]
wrong: each map is divided by its largest value; then maps cannot be compared, and they do not add up
    return (w * features).sum(dim=1) -> maps = (w * features).sum(dim=1); return maps / maps.amax((1, 2), keepdim=True)
wrong: the channels are averaged, where the score sums over them; only the places are averaged
    .sum(dim=1) -> .mean(dim=1)
""")
def my_cam(features, weight, targets):
    """The raw class activation maps (n, rows, cols): signed, not scaled, without the bias."""
    w = weight[targets][:, :, None, None]  # (n, channels, 1, 1)
    return (w * features).sum(dim=1)


def some_maps():
    tiny = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]], [[1.0, 0.0], [0.25, 0.0]]]])
    for target in 0, 1:
        yield tiny, torch.tensor([[2.0, -1.0], [0.0, 4.0]]), torch.tensor([target])
    yield normal(4, 5, 3, 4).relu(), normal(5, 5, seed=1), torch.tensor([4, 0, 0, 2])


@my_cam.expect(some_maps)
def by_loops(features, weight, targets):
    n, channels, rows, cols = features.shape
    out = np.zeros((n, rows, cols))
    for i, r, s in np.ndindex(out.shape):
        out[i, r, s] = sum(weight[targets[i], c] * features[i, c, r, s] for c in range(channels))
    return out


@Exercise("""
05.2 · Grad-CAM from a map and its gradient
picture: yes
against: Grad-CAM with einsum in numpy, in float64
praise: Averaged over places, summed over channels, cut once at the end.
hint: First one weight for each channel: the mean of the gradient over both spatial axes.
hint: keepdim=True leaves (n, channels, 1, 1), which multiplies with the maps.
hint: Then sum over the channels, and only then take the ReLU: evidence against the class must be able to cancel.
wrong: the gradient is not averaged over places: that is HiResCAM
    gradient.mean(dim=(2, 3), keepdim=True) -> gradient
wrong: the gradient is summed over places where its mean was asked for, so all is rows * cols too large
    gradient.mean -> gradient.sum
wrong: the weights below zero are cut off before the sum; then nothing can speak against the class
    keepdim=True) -> keepdim=True).relu()
    .sum(dim=1).relu() -> .sum(dim=1)
wrong: the absolute value is taken: what speaks against the class then looks like evidence for it
    .relu() -> .abs()
wrong: there is no ReLU, so places that speak against the class stay below zero
    .relu() ->
""")
def my_grad_cam(maps, gradient):
    """Grad-CAM (n, rows, cols) at the layer's own size, not scaled."""
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (n, channels, 1, 1)
    return (weights * maps).sum(dim=1).relu()


def some_gradients():
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # (1, 2, 1, 2)
    yield maps, torch.tensor([[[[2.0, 0.0]], [[-1.0, 0.0]]]])
    yield maps, torch.tensor([[[[-2.0, 0.0]], [[-1.0, 0.0]]]])  # a blank map
    yield normal(3, 6, 4, 5).relu(), normal(3, 6, 4, 5, seed=1)


@my_grad_cam.expect(some_gradients)
def by_einsum(maps, gradient):
    return np.einsum("nc,ncrs->nrs", gradient.mean(axis=(2, 3)), maps).clip(0)


@Exercise("""
05.3 · A box from a heatmap
against: scipy.ndimage.label and find_objects
praise: The largest connected piece, its right and lower edge exclusive.
hint: hot = heat > share * heat.max() is a bool map. Find its connected pieces, then the one with the most pixels.
hint: Connected pieces without a library: give each hot pixel its own number, then let every hot pixel take the
    largest number of its 3 x 3 neighbours, again and again until nothing changes: one number for each piece.
hint: That step is torch.nn.functional.max_pool2d(label[None, None], 3, stride=1, padding=1)[0, 0] * hot. Begin with
    label = torch.arange(1, h * w + 1).view(h, w).float() * hot.
hint: numbers, counts = label[hot].unique(return_counts=True); the piece is label == numbers[counts.argmax()]. The box
    ends one pixel *after* the last one.
wrong: the box is around all hot pixels; only the largest connected piece counts
    label == numbers[counts.argmax()] -> hot
wrong: the box ends at the last pixel; x1 and y1 are exclusive, one further
    cols.max() + 1, rows.max() + 1 -> cols.max(), rows.max()
wrong: rows and columns are swapped: x is the column, and it comes first
    rows, cols = -> cols, rows =
wrong: this is the piece with the hottest pixel; the one with the most pixels was asked for
    numbers[counts.argmax()] -> label.flatten()[heat.argmax()]
wrong: pixels that touch only at a corner are taken for two pieces; here they are connected
    3, stride=1, padding=1 -> (1, 3), stride=1, padding=(0, 1)
    break -> pass
    label = spread -> label = torch.nn.functional.max_pool2d(spread[None, None], (3, 1), 1, (1, 0))[0, 0] * hot
""")
def my_box(heat, share):
    """The box around the largest connected piece of {heat > share * maximum}: LongTensor (4,) x0, y0, x1, y1."""
    h, w = heat.shape
    hot = heat > share * heat.max()
    label = torch.arange(1, h * w + 1).view(h, w).float() * hot
    for _ in range(h * w):
        spread = torch.nn.functional.max_pool2d(label[None, None], 3, stride=1, padding=1)[0, 0] * hot
        if torch.equal(spread, label):
            break
        label = spread
    numbers, counts = label[hot].unique(return_counts=True)
    rows, cols = torch.where(label == numbers[counts.argmax()])
    return torch.stack([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1])


def some_heat():
    yield torch.tensor([[0.0, 2.0, 0.0, 0.0], [0.0, 2.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), 0.2
    corner = torch.zeros(6, 6)
    corner[1:3, 1:3], corner[3:5, 3:6], corner[0, 5] = 3.0, 2.0, 1.5  # two blocks that touch at a corner
    yield corner, 0.15
    two = torch.zeros(7, 9)
    two[1, 1], two[3:6, 4:9] = 10.0, 4.0  # the hottest pixel, alone
    yield two, 0.2
    yield torch.nn.functional.avg_pool2d(normal(1, 1, 24, 20), 5, 1, 2)[0, 0].relu(), 0.35


@my_box.expect(some_heat)
def by_scipy(heat, share):
    pieces, _ = label(heat > share * heat.max(), structure=np.ones((3, 3)))
    rows, cols = find_objects(pieces)[np.bincount(pieces.ravel())[1:].argmax()]
    return [cols.start, rows.start, cols.stop, rows.stop]


@Exercise("""
05.4 · The best threshold there is
against: a loop over all thresholds in numpy
praise: All thresholds in one sort, and equal values go over the border together.
hint: Only thresholds at values that occur in the map matter, and each keeps the k hottest pixels for some k.
hint: Sort all pixels by heat, the hottest first, and take the mask along. Its cumsum says how many of the k hottest
    lie in it: the intersection.
hint: Union = k + (pixels of the mask) - intersection. That is one IoU for each k.
hint: A threshold cannot separate equal values: keep only those k after which the heat really falls, and the last.
wrong: equal values are separated: no threshold can keep one of them and drop the other
    sort(descending=True) -> sort(descending=True, stable=True)
    iou[falls].max() -> iou.max()
wrong: only the threshold at half of the maximum is tried; all of them are asked for
    kept = heat >= heat.max() / 2
    return (kept & mask).sum() / (kept | mask).sum()
wrong: this is 2 |A ∩ B| / (|A| + |B|), the Dice score; IoU divides by the union
    inside / (k + mask.sum() - inside) -> 2 * inside / (k + mask.sum())
wrong: as many pixels are kept as the mask has; the best number may be another
    iou[falls].max() -> iou[falls][k[falls] >= mask.sum()][0]
wrong: this is precision, the share of what is kept that lies in the mask; the mask's missed pixels count, too
    inside / (k + mask.sum() - inside) -> inside / k
""")
def my_best_iou(heat, mask):
    """The largest IoU that any threshold t can give: of {heat >= t} and the mask. A number in [0, 1]."""
    values, order = heat.flatten().sort(descending=True)
    inside = mask.flatten()[order].cumsum(0)  # of the k hottest
    k = torch.arange(1, len(values) + 1)
    iou = inside / (k + mask.sum() - inside)
    falls = torch.ones_like(values, dtype=torch.bool)
    falls[:-1] = values[1:] < values[:-1]
    return iou[falls].max()


def some_maps_and_masks():
    yield torch.tensor([[9.0, 4.0], [4.0, 1.0]]), torch.tensor([[True, True], [False, False]])
    yield torch.ones(3, 4), torch.arange(12).view(3, 4) < 3  # a constant map
    mask = torch.zeros(12, 10, dtype=torch.bool)
    mask[3:9, 2:7] = True
    soft = torch.nn.functional.avg_pool2d((mask.float() + 0.8 * normal(12, 10))[None, None], 3, 1, 1)[0, 0]
    for heat in soft, (soft * 4).round(), -soft:
        yield heat, mask


@my_best_iou.expect(some_maps_and_masks)
def every_threshold(heat, mask):
    kept = [heat >= t for t in np.unique(heat)]
    return max((each & mask).sum() / (each | mask).sum() for each in kept)
