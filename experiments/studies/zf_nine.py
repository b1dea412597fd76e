"""What do the nine strongest patches of a feature map share?  python -m experiments zf_nine

Figure 2 of the ZFNet paper shows nine patches of a map and lets the eye say what they have in common. Here the answer
key says it. For every map of `zf` (and, beside it, of `alex` and of `zf` before training): the nine images of the
gallery with the strongest units, and how far apart they are in five ways, each as the mean squared distance of their
36 pairs, divided by that of random images: 1 means no more alike than chance, 0 the same in all nine.

    pixels     of the nine patches, cut to the unit's receptive field, against random images at the same places
    class      the true class: the share of pairs of different classes
    view       the azimuth as (cos, sin)
    colour     the mean colour of the object's pixels
    part       which part lies under the middle of the patch, of those whose middle lies on the object (three or more
               of the nine): the share of pairs that differ, against random points on the objects of random images of
               the *same classes*

And, since a class has its own colours, view and colour once more against random images of the same classes. Beside
them `on object`: the share of the nine whose middle lies on the object, and that of random images at the same places.
Maps whose ninth image does not activate them are left out and counted.
"""

from collections import Counter

import torch

from lecture_utils import features, metrics, models
from lecture_utils.features.patches import crop
from lecture_utils.lab import open_lab
from lecture_utils.world import CLASSES

from ..experiment import Experiment, write_results

NETS = ("zf", "alex", "zf untrained")
LAYERS = ("conv1", "conv2", "conv3", "conv4", "conv5")
NINE, DRAWS, SLICE = 9, 8, ("zf", "conv5", 12)  # the slice: net, layer, maps
KINDS = ("class", "view", "colour", "pixels", "part", "view, same classes", "colour, same classes")
PARTS = sorted({part for spec in CLASSES.values() for part in spec.parts})


def net_of(name):
    """A net of NETS and its {short layer name: module name}."""
    net = models.build("zf") if name.endswith("untrained") else models.load(name)
    return net, {layer: f"relu{layer[-1]}" for layer in LAYERS}


def answer_key(gallery):
    """{kind: (n, d)} float64 of every image of the gallery: class one-hot, view (cos, sin), colour (r, g, b)."""
    azimuth = torch.tensor([float(row["azimuth_1"]) for row in gallery.table]).double().deg2rad()
    mask = (gallery.objects == 1)[:, None].double()
    colour = (gallery.images * mask).sum((2, 3)) / mask.sum((2, 3)).clamp(min=1)
    return {
        "class": torch.nn.functional.one_hot(gallery.labels).double(),
        "view": torch.stack([azimuth.cos(), azimuth.sin()], 1),
        "colour": colour.double(),
    }


def spread(values):
    """Mean squared distance of all pairs of values (..., k, d): (...); twice their variance with k - 1."""
    return 2 * values.var(-2, correction=1).sum(-1)


def parts_at(gallery, which, values):
    """Values (k,) of the part masks of images `which` (k,), one-hot: a part by its name, or nothing."""
    specs = [list(CLASSES.values())[label] for label in gallery.labels[which].tolist()]
    pairs = zip(specs, values.tolist(), strict=True)
    found = [1 + PARTS.index(spec.parts[value - 1]) if value else 0 for spec, value in pairs]
    return torch.nn.functional.one_hot(torch.tensor(found), len(PARTS) + 1).double()


def on_object(gallery, which, draws):
    """The part mask's value (k,) at a random point of the object in each of the images `which` (k,)."""
    points = [gallery.parts[i][gallery.objects[i] == 1] for i in which.tolist()]
    return torch.stack([some[torch.randint(len(some), (), generator=draws)] for some in points])


def of_map(gallery, key, field, which, units, draws):
    """{kind: spread} of one map; of those that are compared with random sets a pair (spread, that of the random sets).

    field: of the layer. which (k,), units (k, 2): the nine, as in `TopUnits`. draws: a torch.Generator.
    """
    boxes = field.boxes(units)
    x, y = ((boxes[:, :2] + boxes[:, 2:]) // 2).clamp(0, gallery.images.shape[-1] - 1).T
    on = gallery.objects[which, y, x] == 1
    found = {name: float(spread(values[which]) / spread(values)) for name, values in key.items()}
    random = {kind: [] for kind in (*KINDS, "on object") if kind not in key}
    for _ in range(DRAWS):
        order = torch.randperm(len(gallery), generator=draws)
        other = order[: len(which)]
        random["pixels"].append(spread(crop(gallery.images[other], boxes).flatten(1)))
        random["on object"].append((gallery.objects[other, y, x] == 1).double().mean())
        same = _of_classes(gallery.labels, gallery.labels[which], order)
        there = _of_classes(gallery.labels, gallery.labels[which[on]], order)
        if len(there) > 2:
            random["part"].append(spread(parts_at(gallery, there, on_object(gallery, there, draws))))
        for kind in ("view", "colour"):
            random[f"{kind}, same classes"].append(spread(key[kind][same]))
    own = {"pixels": crop(gallery.images[which], boxes).flatten(1)}
    if on.sum() > 2:
        own["part"] = parts_at(gallery, which[on], gallery.parts[which, y, x][on])
    own |= {f"{kind}, same classes": key[kind][which] for kind in ("view", "colour")}
    means = {kind: float(torch.stack(values).mean()) for kind, values in random.items() if values}
    found["on object"] = (float(on.double().mean()), means["on object"])
    return found | {kind: (float(spread(values)), means[kind]) for kind, values in own.items()}


def _of_classes(labels, wanted, order):
    """The first images in an order (n,) whose labels are `wanted` (k,), as often as there: (k,)."""
    counts = Counter(wanted.tolist()).items()
    return torch.cat([order[labels[order] == label][:count] for label, count in counts] or [order[:0]])


def of_layer(gallery, key, name, layer, channels=None):
    """{kind: [mean, low, high] over maps} of a layer, and how many maps are counted and left out."""
    net, layers = net_of(name)
    top = features.top_units(net, gallery.images, layers[layer], NINE)
    draws, rows = torch.Generator().manual_seed(13), []
    count = len(top.scores) if channels is None else channels
    field = features.receptive_field(net, layers[layer], gallery.images.shape[-1])
    active = [c for c in range(count) if top.scores[c, -1] > 0]
    for channel in active:
        rows.append(of_map(gallery, key, field, top.images[channel], top.units[channel], draws))
    table = {"maps": len(active), "inactive": count - len(active)}
    for kind in KINDS:
        values = [row[kind] for row in rows if kind in row]
        if values and kind not in key:  # a ratio of means, as the random sets of one map may hardly differ
            whole = sum(below for _, below in values) / len(values)
            values = [above / whole for above, _ in values]
        table[kind] = [round(v, 4) for v in metrics.bootstrap(values)] if values else None
    pairs = [row["on object"] for row in rows]
    table["on object"] = [round(sum(column) / len(pairs), 4) for column in zip(*pairs, strict=True)]
    return table


def run(out):
    """Every layer of every net; the path of the results."""
    gallery = open_lab(device="cpu").gallery
    key = answer_key(gallery)
    rows = {net: {layer: of_layer(gallery, key, net, layer) for layer in LAYERS} for net in NETS}
    fields = {}
    for name in NETS[:2]:
        net, layers = net_of(name)
        fields[name] = {k: features.receptive_field(net, v, 112).size for k, v in layers.items()}
    shas = {name: models.card(name)["weights"]["sha256"] for name in NETS[:2]}
    content = {
        "weights": shas,
        "images": len(gallery),
        "nine": NINE,
        "draws": DRAWS,
        "fields": fields,
        "rows": rows,
    }
    content["slice"] = of_layer(gallery, key, *SLICE)
    return write_results(out, "zf_nine", content)


EXPERIMENT = Experiment(makes=("results/zf_nine.json",), takes="3 minutes", run=run)
