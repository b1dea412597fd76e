"""What is ZFNet invariant to?  python -m experiments zf_invariance

Figure 5 of the ZFNet paper: an image is shifted, enlarged or turned; how far do the features of layers 1 and 7 move,
and what becomes of the probability of the true class? 32 scenes, two of each class, in ways that
differ in what else they change:

    grey, edge    the image is transformed, what comes in is grey, or the edge repeated ("image": enlarged, no border)
    camera        the world is rendered again through a frame that is shifted, zoomed or rolled: no border at all
    object        the object is moved, scaled, or turned about its vertical axis; everything else stays

Distances are Euclidean, divided by the mean distance between two scenes: 1 is as far as another scene. `zf`, and `zf`
before training. And objects that look the same from all sides, turned about their axis. The curves are means over
scenes with 95% intervals.
"""

import torch

from lecture_utils import features, metrics, models
from lecture_utils.explorers.zfnet import SIDE, changed
from lecture_utils.progress import progress
from lecture_utils.world import CLASSES, render_many
from lecture_utils.world.splits import split_scene

from ..experiment import Experiment, write_results

SCENES, SLICE = 32, 4
AMOUNTS = {
    "up": [-28, -14, -7, -3, -1, 0, 1, 3, 7, 14, 28],  # px
    "scale": [round(1 + 0.1 * n, 1) for n in range(9)],
    "degrees": list(range(0, 360, 30)),
}
WAYS = {
    "up": ("grey", "edge", "camera", "object"),
    "scale": ("image", "camera", "object"),
    "degrees": ("grey", "edge", "camera", "object"),
}
LAYERS = {"pixels": None, "conv1": "relu1", "fc7": "relu7"}
SAME_ALL_ROUND = {  # what is turned about its axis: class, and the parts that are taken off
    "mug without handle": ("mug", ("handle", "spoon")),
    "mug": ("mug", ("spoon",)),
    "mushroom": ("mushroom", ("baby",)),
    "teapot": ("teapot", ()),
    "dog": ("dog", ()),
    "car": ("car", ()),
}


def scenes_of(count=SCENES, cls=None):
    """The first scenes of the fresh split, classes taking turns, or only those of a class."""
    every = (split_scene("fresh", n) for n in range(count * (1 if cls is None else len(CLASSES))))
    return [scene for scene in every if cls in (None, scene.classes[0])]


def drawn(scenes):
    """Scenes rendered, (n, 3, 112, 112)."""
    return torch.stack([torch.from_numpy(one.image) for one in render_many(scenes, SIDE)])


def versions(scene, image, transform, way):
    """A scene, whose image is (3, 112, 112), at every amount of a transform: (amounts, 3, 112, 112)."""
    amounts = AMOUNTS[transform]
    if way in ("camera", "object"):
        return drawn([changed(scene, transform, amount, way) for amount in amounts])
    border = "edge" if way == "image" else way
    each = [features.transformed(image[None], **{transform: amount}, border=border) for amount in amounts]
    return torch.cat(each)


def responses(net, images):
    """{layer: (n, d)} of LAYERS and "logits" (n, classes)."""
    modules = {name: module for name, module in LAYERS.items() if module} | {"logits": "fc8"}
    found = features.extract_layers(net, images, modules)
    return {"pixels": images.flatten(1)} | {name: values.flatten(1) for name, values in found.items()}


def yardsticks(net, images):
    """{layer: mean distance between the features of two different images}."""
    return {name: float(torch.pdist(values).mean()) for name, values in responses(net, images).items()}


def curves_of(net, images, before, label):
    """{layer: distances (amounts,) from the image (3, h, w) `before`}, not yet divided, and "p" of the true class."""
    found = responses(net, torch.cat([before[None], images]))
    apart = {name: (found[name][1:] - found[name][:1]).norm(dim=1) for name in LAYERS}
    return apart | {"p": found["logits"][1:].softmax(1)[:, label]}


def measured(nets, scenes, ways=WAYS):
    """{net: {transform: {way: {layer or "p": (scenes, amounts)}}}} with distances as they are; and the images."""
    images, names = drawn(scenes), list(CLASSES)
    found = {net: {t: {way: [] for way in some} for t, some in ways.items()} for net in nets}
    for scene, image in zip(progress(scenes, "transforming"), images, strict=True):
        for transform, some in ways.items():
            for way in some:
                changed = versions(scene, image, transform, way)
                for name, net in nets.items():
                    one = curves_of(net, changed, image, names.index(scene.classes[0]))
                    found[name][transform][way].append(one)
    for kinds in found.values():
        for some in kinds.values():
            for way, each in some.items():
                some[way] = {key: torch.stack([one[key] for one in each]) for key in each[0]}
    return found, images


def with_intervals(values, unit):
    """(scenes, amounts) divided by `unit` as [[mean, low, high] for each amount]."""
    return [[round(v, 4) for v in metrics.bootstrap(column)] for column in (values / unit).T]


def all_round(net, unit, count=6):
    """{object: {layer or "p": curve}} of objects turned about their axis, and "turned image": the same in the plane."""
    found = {}
    for name, (cls, off) in progress(SAME_ALL_ROUND.items(), "turning"):
        each, plane = [], []
        for scene in scenes_of(count, cls):
            for part in off:
                scene = scene.without(part)
            image, label = drawn([scene])[0], list(CLASSES).index(cls)
            each.append(curves_of(net, versions(scene, image, "degrees", "object"), image, label))
            plane.append(curves_of(net, versions(scene, image, "degrees", "camera"), image, label))
        for key, some in ((name, each), (f"{name}, in the plane", plane)):
            stacked = {layer: torch.stack([one[layer] for one in some]) for layer in some[0]}
            found[key] = {k: with_intervals(v, unit.get(k, 1.0)) for k, v in stacked.items()}
    return found


def slice_of(net):
    """Of the first scenes, without rendering them changed: {way: {layer: mean distance at each shift}}."""
    found, _ = measured({"zf": net}, scenes_of(SLICE), {"up": ("grey", "edge")})
    some = found["zf"]["up"].items()
    return {way: {k: [round(float(v), 4) for v in one[k].mean(0)] for k in LAYERS} for way, one in some}


def run(out):
    """All curves; the path of the results."""
    nets = {"zf": models.load("zf"), "untrained": models.build("zf")}
    found, images = measured(nets, scenes_of())
    units = {name: yardsticks(net, images) | {"p": 1.0} for name, net in nets.items()}
    rows = {
        net: {
            t: {
                way: {k: with_intervals(v, units[net][k]) for k, v in one.items()}
                for way, one in some.items()
            }
            for t, some in kinds.items()
        }
        for net, kinds in found.items()
    }
    content = {
        "weights": models.card("zf")["weights"]["sha256"],
        "scenes": f"the first {SCENES} of the fresh split",
        "amounts": AMOUNTS,
        "between two scenes": {n: {k: round(v, 4) for k, v in unit.items()} for n, unit in units.items()},
        "rows": rows,
        "all round": all_round(nets["zf"], units["zf"]),
        "slice": slice_of(nets["zf"]),
    }
    return write_results(out, "zf_invariance", content)


EXPERIMENT = Experiment(makes=("results/zf_invariance.json",), takes="10 minutes", run=run)
