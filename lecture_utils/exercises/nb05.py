"""Exercises of notebook 05: CAM, Grad-CAM, the box of a map, and the best threshold there is."""

import numpy as np
import torch

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


CAM = Exercise(
    "05.1",
    "A class activation map",
    difficulty=1,
    minutes=8,
    trains="which weights belong to a class, and a weighted sum of maps",
    against="a loop over images, places and channels in numpy",
    praise="Each image gets the row of its own class, and the map adds up to the score.",
    hints=(
        "The weights of class k are one row: weight[k], of length channels.",
        "weight[targets] takes a row for each image: (n, channels).",
        "Give it two more axes, (n, channels, 1, 1), multiply with the features, and sum over the channels, axis 1. "
        'Or torch.einsum("nc,ncrs->nrs", ...).',
    ),
)


@CAM.stub
def my_cam(features, weight, targets):
    """The raw class activation maps (n, rows, cols): signed, not scaled, without the bias.

    features: (n, channels, rows, cols), what global average pooling takes. weight: (classes, channels), of the linear
    layer after it. targets: LongTensor (n,), each image's class.
    """
    raise NotImplementedError


@CAM.solve
def rows_of_the_weights(features, weight, targets):
    w = weight[targets][:, :, None, None]  # (n, channels, 1, 1)
    return (w * features).sum(dim=1)


@CAM.expect
def by_loops(features, weight, targets):
    maps, w = features.double().numpy(), weight.double().numpy()
    n, channels, rows, cols = maps.shape
    out = np.zeros((n, rows, cols))
    for i, r, s in np.ndindex(n, rows, cols):
        out[i, r, s] = sum(w[int(targets[i]), c] * maps[i, c, r, s] for c in range(channels))
    return torch.from_numpy(out).float()


@CAM.inputs
def some_maps():
    tiny = torch.tensor([[[[0.0, 1.0], [0.5, 0.0]], [[1.0, 0.0], [0.25, 0.0]]]])
    square, several = torch.tensor([[2.0, -1.0], [0.0, 4.0]]), torch.tensor([4, 0, 0, 2])
    return [
        {"features": tiny, "weight": square, "targets": torch.tensor([0])},
        {"features": tiny, "weight": square, "targets": torch.tensor([1])},
        {"features": _random(4, 5, 3, 4).relu(), "weight": _random(5, 5, seed=1), "targets": several},
    ]


@CAM.mistake("you take a column of weight; it is (classes, channels), so a class has a row: weight[k]")
def a_column(features, weight, targets):
    return (weight.T[targets][:, :, None, None] * features).sum(dim=1)


@CAM.mistake("what is below zero is cut off; the raw map is signed: these places speak against the class")
def cut_at_zero(features, weight, targets):
    return (weight[targets][:, :, None, None] * features).sum(dim=1).clamp(min=0)


@CAM.mistake("all images get the weights of the first image's class; index with all of targets")
def one_class_for_all(features, weight, targets):
    return torch.einsum("c,ncrs->nrs", weight[targets[0]], features)


@CAM.mistake("each map is divided by its largest value; then maps cannot be compared, and they do not add up")
def scaled(features, weight, targets):
    maps = (weight[targets][:, :, None, None] * features).sum(dim=1)
    return maps / maps.amax(dim=(1, 2), keepdim=True)


@CAM.mistake("the channels are averaged, where the score sums over them; only the places are averaged")
def mean_over_channels(features, weight, targets):
    return (weight[targets][:, :, None, None] * features).mean(dim=1)


GRAD_CAM = Exercise(
    "05.2",
    "Grad-CAM from a map and its gradient",
    difficulty=2,
    minutes=10,
    trains="what is averaged, what is summed, and where the ReLU stands",
    against="Grad-CAM with einsum in numpy, in float64",
    praise="Averaged over places, summed over channels, cut once at the end.",
    hints=(
        "First one weight for each channel: the mean of the gradient over both spatial axes.",
        "keepdim=True leaves (n, channels, 1, 1), which multiplies with the maps.",
        "Then sum over the channels, and only then take the ReLU: evidence against the class must be able to cancel.",
    ),
)


@GRAD_CAM.stub
def my_grad_cam(maps, gradient):
    """Grad-CAM (n, rows, cols) at the layer's own size, not scaled.

    maps: (n, channels, rows, cols), a layer's output. gradient: the score's gradient with respect to it, as large.
    """
    raise NotImplementedError


@GRAD_CAM.solve
def weights_then_sum_then_relu(maps, gradient):
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (n, channels, 1, 1)
    return (weights * maps).sum(dim=1).relu()


@GRAD_CAM.expect
def by_einsum(maps, gradient):
    weights = gradient.double().numpy().mean(axis=(2, 3))
    return torch.from_numpy(np.einsum("nc,ncrs->nrs", weights, maps.double().numpy()).clip(0)).float()


@GRAD_CAM.inputs
def some_gradients():
    maps = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # (1, 2, 1, 2)
    gradient = torch.tensor([[[[2.0, 0.0]], [[-1.0, 0.0]]]])
    against = torch.tensor([[[[-2.0, 0.0]], [[-1.0, 0.0]]]])
    return [
        {"maps": maps, "gradient": gradient},
        {"maps": maps, "gradient": against},  # a blank map
        {"maps": _random(3, 6, 4, 5).relu(), "gradient": _random(3, 6, 4, 5, seed=1)},
    ]


@GRAD_CAM.mistake("the gradient is not averaged over places: that is HiResCAM")
def not_averaged(maps, gradient):
    return (gradient * maps).sum(dim=1).relu()


@GRAD_CAM.mistake(
    "the gradient is summed over places where its mean was asked for, so all is rows * cols too large"
)
def summed(maps, gradient):
    return (gradient.sum(dim=(2, 3), keepdim=True) * maps).sum(dim=1).relu()


@GRAD_CAM.mistake(
    "the weights below zero are cut off before the sum; then nothing can speak against the class"
)
def relu_too_early(maps, gradient):
    return (gradient.mean(dim=(2, 3), keepdim=True).relu() * maps).sum(dim=1)


@GRAD_CAM.mistake(
    "the absolute value is taken: what speaks against the class then looks like evidence for it"
)
def absolute(maps, gradient):
    return (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1).abs()


@GRAD_CAM.mistake("there is no ReLU, so places that speak against the class stay below zero")
def without_relu(maps, gradient):
    return (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)


BOX = Exercise(
    "05.3",
    "A box from a heatmap",
    difficulty=3,
    minutes=20,
    trains="thresholds, connected regions, and edges that are off by one",
    against="scipy.ndimage.label and find_objects",
    praise="The largest connected piece, its right and lower edge exclusive.",
    hints=(
        "hot = heat > share * heat.max() is a bool map. Find its connected pieces, then the one with the most pixels.",
        "Connected pieces without a library: give each hot pixel its own number, then let every hot pixel take the "
        "largest number of its 3 x 3 neighbours, again and again until nothing changes: one number for each piece.",
        "That step is torch.nn.functional.max_pool2d(label[None, None], 3, stride=1, padding=1)[0, 0] * hot. "
        "Begin with label = torch.arange(1, h * w + 1).view(h, w).float() * hot.",
        "numbers, counts = label[hot].unique(return_counts=True); the piece is label == numbers[counts.argmax()]. The "
        "box ends one pixel *after* the last one.",
    ),
)


@BOX.stub
def my_box(heat, share):
    """The box around the largest connected piece of {heat > share * maximum}: LongTensor (4,) x0, y0, x1, y1.

    heat: (h, w), its largest value above zero. share: between 0 and 1. Pixels that touch at a corner are connected;
    no two pieces are equally large. x counts columns, y rows. x1 and y1 are exclusive, as in heat[y0:y1, x0:x1].
    """
    raise NotImplementedError


@BOX.solve
def by_spreading_numbers(heat, share):
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


@BOX.expect
def by_scipy(heat, share):
    from scipy.ndimage import find_objects, label

    values = heat.double().numpy()
    pieces, _ = label(values > share * values.max(), structure=np.ones((3, 3)))
    rows, cols = find_objects(pieces)[np.bincount(pieces.ravel())[1:].argmax()]
    return torch.tensor([cols.start, rows.start, cols.stop, rows.stop])


@BOX.inputs
def some_heat():
    tiny = torch.tensor([[0.0, 2.0, 0.0, 0.0], [0.0, 2.0, 5.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
    two = torch.zeros(7, 9)
    two[1, 1] = 10.0  # the hottest pixel, alone
    two[3:6, 4:9] = 4.0
    corner = torch.zeros(6, 6)
    corner[1:3, 1:3], corner[3:5, 3:6], corner[0, 5] = 3.0, 2.0, 1.5  # two blocks that touch at a corner
    soft = torch.nn.functional.avg_pool2d(_random(1, 1, 24, 20), 5, 1, 2)[0, 0].relu()
    return [{"heat": h, "share": s} for h, s in ((tiny, 0.2), (corner, 0.15), (two, 0.2), (soft, 0.35))]


@BOX.mistake("the box is around all hot pixels; only the largest connected piece counts")
def around_everything(heat, share):
    rows, cols = torch.where(heat > share * heat.max())
    return torch.stack([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1])


@BOX.mistake("the box ends at the last pixel; x1 and y1 are exclusive, one further")
def last_pixel_inclusive(heat, share):
    h, w = heat.shape
    hot = heat > share * heat.max()
    label = torch.arange(1, h * w + 1).view(h, w).float() * hot
    for _ in range(h * w):
        label = torch.nn.functional.max_pool2d(label[None, None], 3, stride=1, padding=1)[0, 0] * hot
    numbers, counts = label[hot].unique(return_counts=True)
    rows, cols = torch.where(label == numbers[counts.argmax()])
    return torch.stack([cols.min(), rows.min(), cols.max(), rows.max()])


@BOX.mistake("rows and columns are swapped: x is the column, and it comes first")
def rows_first(heat, share):
    h, w = heat.shape
    hot = heat > share * heat.max()
    label = torch.arange(1, h * w + 1).view(h, w).float() * hot
    for _ in range(h * w):
        label = torch.nn.functional.max_pool2d(label[None, None], 3, stride=1, padding=1)[0, 0] * hot
    numbers, counts = label[hot].unique(return_counts=True)
    rows, cols = torch.where(label == numbers[counts.argmax()])
    return torch.stack([rows.min(), cols.min(), rows.max() + 1, cols.max() + 1])


@BOX.mistake("this is the piece with the hottest pixel; the one with the most pixels was asked for")
def the_hottest_piece(heat, share):
    hot = heat > share * heat.max()
    piece = heat == heat.max()
    for _ in range(heat.numel()):
        piece = (
            torch.nn.functional.max_pool2d(piece[None, None].float(), 3, stride=1, padding=1)[0, 0] > 0
        ) & hot
    rows, cols = torch.where(piece)
    return torch.stack([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1])


@BOX.mistake("pixels that touch only at a corner are taken for two pieces; here they are connected")
def four_neighbours(heat, share):
    h, w = heat.shape
    hot = heat > share * heat.max()
    label = torch.arange(1, h * w + 1).view(h, w).float() * hot
    pool = torch.nn.functional.max_pool2d
    for _ in range(h * w):
        across = pool(label[None, None], (1, 3), stride=1, padding=(0, 1))[0, 0]
        along = pool(label[None, None], (3, 1), stride=1, padding=(1, 0))[0, 0]
        label = torch.maximum(across, along) * hot
    numbers, counts = label[hot].unique(return_counts=True)
    rows, cols = torch.where(label == numbers[counts.argmax()])
    return torch.stack([cols.min(), rows.min(), cols.max() + 1, rows.max() + 1])


BEST = Exercise(
    "05.4",
    "The best threshold there is",
    difficulty=4,
    minutes=25,
    trains="trying all thresholds in one sort, and what ties do",
    against="a loop over all thresholds in numpy",
    praise="All thresholds in one sort, and equal values go over the border together.",
    hints=(
        "Only thresholds at values that occur in the map matter, and each keeps the k hottest pixels for some k.",
        "Sort all pixels by heat, the hottest first, and take the mask along. Its cumsum says how many of the k "
        "hottest lie in it: the intersection.",
        "Union = k + (pixels of the mask) - intersection. That is one IoU for each k.",
        "A threshold cannot separate equal values: keep only those k after which the heat really falls, and the last.",
    ),
)


@BEST.stub
def my_best_iou(heat, mask):
    """The largest IoU that any threshold t can give: of {heat >= t} and the mask. A number in [0, 1].

    heat: (h, w). mask: bool (h, w), not empty. Any t is allowed; several pixels may be equally hot.
    """
    raise NotImplementedError


@BEST.solve
def in_one_sort(heat, mask):
    values, order = heat.flatten().sort(descending=True)
    inside = mask.flatten()[order].cumsum(0)  # of the k hottest
    k = torch.arange(1, len(values) + 1)
    iou = inside / (k + mask.sum() - inside)
    falls = torch.ones_like(values, dtype=torch.bool)
    falls[:-1] = values[1:] < values[:-1]
    return iou[falls].max()


@BEST.expect
def every_threshold(heat, mask):
    values, truth = heat.double().numpy(), mask.numpy()
    best = 0.0
    for t in np.unique(values):
        kept = values >= t
        best = max(best, (kept & truth).sum() / (kept | truth).sum())
    return float(best)


@BEST.inputs
def some_maps_and_masks():
    tiny = torch.tensor([[9.0, 4.0], [4.0, 1.0]])
    corner = torch.tensor([[True, True], [False, False]])
    shape = torch.zeros(12, 10, dtype=torch.bool)
    shape[3:9, 2:7] = True
    soft = torch.nn.functional.avg_pool2d((shape.float() + 0.8 * _random(12, 10))[None, None], 3, 1, 1)[0, 0]
    return [
        {"heat": tiny, "mask": corner},
        {"heat": torch.ones(3, 4), "mask": torch.arange(12).view(3, 4) < 3},  # a constant map
        {"heat": soft, "mask": shape},
        {"heat": (soft * 4).round(), "mask": shape},
        {"heat": -soft, "mask": shape},
    ]


@BEST.mistake("equal values are separated: no threshold can keep one of them and drop the other")
def ties_separated(heat, mask):
    order = heat.flatten().argsort(descending=True, stable=True)
    inside = mask.flatten()[order].cumsum(0)
    k = torch.arange(1, heat.numel() + 1)
    return (inside / (k + mask.sum() - inside)).max()


@BEST.mistake("only the threshold at half of the maximum is tried; all of them are asked for")
def half_of_the_maximum(heat, mask):
    kept = heat >= heat.max() / 2
    return (kept & mask).sum() / (kept | mask).sum()


@BEST.mistake("this is 2 |A ∩ B| / (|A| + |B|), the Dice score; IoU divides by the union")
def dice(heat, mask):
    scores = []
    for t in heat.unique():
        kept = heat >= t
        scores.append(2 * (kept & mask).sum() / (kept.sum() + mask.sum()))
    return torch.stack(scores).max()


@BEST.mistake("as many pixels are kept as the mask has; the best number may be another")
def as_many_as_the_mask(heat, mask):
    smallest = heat.flatten().sort(descending=True).values[mask.sum() - 1]
    kept = heat >= smallest
    return (kept & mask).sum() / (kept | mask).sum()


@BEST.mistake(
    "this is precision, the share of what is kept that lies in the mask; the mask's missed pixels count, too"
)
def precision(heat, mask):
    return torch.stack([(mask & (heat >= t)).sum() / (heat >= t).sum() for t in heat.unique()]).max()
