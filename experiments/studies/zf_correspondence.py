"""Does hiding the same part do the same to every animal?  python -m experiments zf_correspondence

Figure 8 and table 1 of the ZFNet paper: the left eye, the right eye or the nose is hidden in frontal views, and
`metrics.hamming_consistency` says how far the changes of the features differ between animals. Beside grey squares on
the three parts: squares of equal size anywhere on the object, and off it; and true removal: the scene is rendered
again without the part, against a part drawn for each animal among the others. Hundreds of animals where the paper has
five dogs; five are then drawn 1,000 times. Beside the trained net the untrained one; beside the layers behind their
ReLU the same before it. And the animals once with their faces in one place, as in the paper's portraits, once where
they were: in a convolutional layer squares in one place change the same units, whatever they hide.
"""

import numpy as np
import torch

from lecture_utils import features, metrics, models
from lecture_utils.progress import progress
from lecture_utils.world import CLASSES
from lecture_utils.world.render import masks, render_many
from lecture_utils.world.splits import split_scene

from ..experiment import Experiment, write_results
from ..train.data import world_fingerprint

NET, ANIMALS, COUNT, SIDE, LEAST = (
    "zf",
    ("dog", "rabbit", "duck"),
    100,
    9,
    6,
)  # px: of a square; seen of a part
TURN = 15  # degrees: a frontal view is turned by no more
LAYERS = {"conv5": "relu5", "fc7": "relu7", "conv5 before ReLU": "norm5", "fc7 before ReLU": "norm7"}
PARTS = ("left eye", "right eye", "nose")
PLACES = {
    "one place": ("grey", "removed"),
    "anywhere": ("grey",),
}  # where the faces are, and what is asked there
CONTROLS = {"grey": ("on the object", "off the object"), "removed": ("another part",)}
FIVES, FEW, SLICE = 1000, 5, 12  # designs of five images; dogs that a notebook asks again


def members(name):
    """The three parts of a class. The paper's third is the nose (some lecture notes say mouth): of a duck, its bill."""
    return ("left eye", "right eye", "nose" if "nose" in CLASSES[name].parts else "bill")


def frontal(name, count=COUNT, aligned=True):
    """The first scenes of a class in the split "fresh" that show all three parts, turned to face us.

    aligned: moved so that the middle between the eyes is the middle of the frame.

    Result: scenes, their object masks (n, 112, 112), and part masks {part: bool (n, 112, 112)}.
    """
    scenes, objects, parts = [], [], []
    step, known = len(CLASSES), CLASSES[name].parts
    wanted = [1 + known.index(part) for part in members(name)]
    for index in range(list(CLASSES).index(name), 10_000, step):
        scene, draws = split_scene("fresh", index), np.random.default_rng([index, 8])
        scene = scene.turned(draws.uniform(-TURN, TURN) - scene.objects[0].azimuth)
        where, which = masks(scene)
        if not all((which == value).any() for value in wanted):
            continue
        for _ in range(2 * aligned):  # moving turns an object a little: twice is closer
            row, column = np.mean([np.argwhere(which == value).mean(0) for value in wanted[:2]], 0) + 0.5
            scene = scene.moved(0.5 - column / 112, row / 112 - 0.5)
            where, which = masks(scene)
            if not all((which == value).any() for value in wanted[:2]):
                break
        if min((which == value).sum() for value in wanted) >= LEAST:
            scenes.append(scene), objects.append(where > 0), parts.append(which)
        if len(scenes) == count:
            break
    parts = np.stack(parts)
    return scenes, np.stack(objects), {part: parts == v for part, v in zip(PARTS, wanted, strict=True)}


def square(row, column, side=SIDE, size=112):
    """bool (size, size): a square with this middle, moved into the image."""
    top, left = (min(max(round(float(x)) - side // 2, 0), size - side) for x in (row, column))
    found = np.zeros((size, size), bool)
    found[top : top + side, left : left + side] = True
    return found


def squares(objects, parts, seed=0, side=SIDE):
    """What a square hides, {where: bool (n, h, w)}: each part, a place on the object without them, one off it.

    objects: bool (n, h, w). parts: {part: bool (n, h, w)}. A place is drawn for each image, evenly among all that are.
    """
    draws, found = np.random.default_rng([seed, 88]), {name: [] for name in (*parts, *CONTROLS["grey"])}
    for n, thing in enumerate(objects):
        for name, mask in parts.items():
            found[name].append(square(*np.argwhere(mask[n]).mean(0), side, len(thing)))
        asked = np.any([mask[n] for mask in parts.values()], 0)
        for name, allowed, never in (("on the object", thing, asked), ("off the object", ~thing, thing)):
            for row, column in draws.permutation(np.argwhere(allowed)):
                one = square(row, column, side, len(thing))
                if not (one & never).any() and one[row, column]:
                    break
            found[name].append(one)
    return {name: np.stack(some) for name, some in found.items()}


def without(name, scenes, seed=0):
    """The scenes rendered again, {what is gone: images (n, 3, 112, 112)}; the shadow goes, too. "" is nothing."""
    draws = np.random.default_rng([seed, 89])
    others = [part for part in CLASSES[name].parts if part not in (*members(name), "body", "torso")]
    versions = {"": scenes}
    versions |= {part: [s.without(of) for s in scenes] for part, of in zip(PARTS, members(name), strict=True)}
    versions["another part"] = [s.without(str(draws.choice(others))) for s in scenes]
    return {what: rendered(some) for what, some in versions.items()}


def rendered(scenes):
    """Images (n, 3, 112, 112) of scenes."""
    return torch.from_numpy(np.stack([each.image for each in render_many(scenes)]))


def changes(nets, name, count=COUNT, place="one place"):
    """{(net, layer, way, what is hidden): features before minus after, (count, units)} of one class of animals."""
    scenes, objects, parts = frontal(name, count, place == "one place")
    shown = without(name, scenes) if "removed" in PLACES[place] else {"": rendered(scenes)}
    whole, found = shown.pop(""), {}
    made = {("removed", what): images for what, images in shown.items()}
    for what, mask in squares(objects, parts).items():
        made["grey", what] = torch.where(torch.from_numpy(mask)[:, None], 0.5, whole)
    for net_name, net in nets.items():
        before = features.extract_layers(net, whole, LAYERS)
        for key, images in made.items():
            after = features.extract_layers(net, images, LAYERS)
            found |= {(net_name, layer, *key): (before[layer] - after[layer]).flatten(1) for layer in LAYERS}
    return found


def disagreement(differences):
    """(n, n): for each pair of images the share of units whose signs in {-1, 0, 1} differ."""
    signs = differences.sign().flatten(1)
    alike = sum((one := (signs == s).float()) @ one.T for s in (-1, 0, 1))
    return 1 - alike.double() / signs.shape[1]


def chance(differences):
    """What the consistency would be if each image had its own shares of -1, 0 and 1, at units of no meaning."""
    signs = differences.sign().flatten(1)
    shares = torch.stack([(signs == s).double().mean(1) for s in (-1, 0, 1)], 1)  # (n, 3)
    pairs = 1 - shares @ shares.T
    n = len(pairs)
    return float((pairs.sum() - pairs.diagonal().sum()) / (n * (n - 1)))


def weighed(pairs, weights):
    """Mean disagreement over pairs of different images, (draws,), each image counted `weights` (draws, n) times."""
    off = pairs - torch.diag(pairs.diagonal())
    apart = 1 - torch.eye(len(pairs), dtype=pairs.dtype)
    return ((weights @ off) * weights).sum(1) / ((weights @ apart) * weights).sum(1)


def resampled(n, draws=2000, seed=0):
    """How often each of n images is drawn, float64 (draws, n), the same images for every comparison."""
    chosen = torch.randint(n, (draws, n), generator=torch.Generator().manual_seed(seed))
    counts = torch.zeros(draws, n, dtype=torch.float64)
    return counts.scatter_add_(1, chosen, torch.ones_like(counts))


def span(value, draws):
    """[value, low, high], 95% of the draws."""
    ends = draws.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    return [round(float(x), 4) for x in (value, *ends)]


def fives(pairs, parts=PARTS, control="on the object", seed=0, designs=FIVES):
    """The paper's design again and again: five images, three parts against the control.

    pairs: {what is hidden: (n, n)}. Result: the part's and the control's mean and spread over designs, and in how many
    designs all three parts are below the control, as in the paper's layer 5.
    """
    draws, n = torch.Generator().manual_seed(seed), len(pairs[control])
    chosen = torch.stack([torch.randperm(n, generator=draws)[:FEW] for _ in range(designs)])
    picked = torch.nn.functional.one_hot(chosen, n).sum(1).double()
    values = {what: weighed(pairs[what], picked) for what in (*parts, control)}
    below = torch.stack([values[part] < values[control] for part in parts]).all(0)
    order = {
        what: [round(float(q), 4) for q in v.quantile(torch.tensor([0.025, 0.5, 0.975]).double())]
        for what, v in values.items()
    }
    return {"quantiles": order, "all three below": round(float(below.double().mean()), 4)}


def summary(differences, draws=2000):
    """One row: consistency with interval, share of zeros, chance level with these zeros, their ratio."""
    pairs, level = disagreement(differences), chance(differences)
    value = metrics.hamming_consistency(differences)
    return {
        "consistency": span(value, weighed(pairs, resampled(len(pairs), draws))),
        "zeros": round(float((differences == 0).double().mean()), 4),
        "chance": round(level, 4),
        "of chance": round(value / level, 4) if level else 0.0,
    }


def measure(nets, name, count, place):
    """Of one class of animals in one place: rows, {what is compared: (gap, its draws)}, designs of five."""
    found, gaps, designs = changes(nets, name, count, place), {}, []
    pairs = {key: disagreement(values) for key, values in found.items()}
    weights = resampled(count, seed=list(CLASSES).index(name))
    columns = ("net", "layer", "way", "hidden")
    rows = [dict(zip(columns, key, strict=True)) | summary(values) for key, values in found.items()]
    for net, layer, way in dict.fromkeys(key[:3] for key in found):
        for control in CONTROLS[way]:
            here = {part: pairs[net, layer, way, part] - pairs[net, layer, way, control] for part in PARTS}
            here["mean of the three"] = sum(here.values()) / 3
            for part, gap in here.items():
                value = float(gap.sum() / (count * (count - 1)))
                gaps[net, layer, place, way, control, part] = value, weighed(gap, weights)
        if way == "grey" and count >= FEW:
            of = {what: pairs[net, layer, way, what] for what in (*PARTS, *CONTROLS[way])}
            designs.append({"net": net, "layer": layer} | fives(of))
    facts = {"place": place, "animal": name}
    return [facts | row for row in rows], gaps, [facts | design for design in designs]


def study(out, count=COUNT, animals=ANIMALS):
    """Measure and write the results, which are returned."""
    nets = {"trained": models.load(NET), "untrained": models.build(NET)}
    rows, gaps, designs, jobs = [], {}, [], [(name, place) for place in PLACES for name in animals]
    for name, place in progress(jobs, "animals"):
        more, differences, drawn = measure(nets, name, count, place)
        rows, designs = rows + more, designs + drawn
        for key, one in differences.items():
            gaps.setdefault(key, []).append(one)
    columns, table = ("net", "layer", "place", "way", "control", "part"), []
    for key, some in gaps.items():
        each = {name: span(*one) for name, one in zip(animals, some, strict=True)}
        value, draws = (sum(terms) / len(some) for terms in zip(*some, strict=True))
        table.append(dict(zip(columns, key, strict=True)) | {"animals": each, "mean": span(value, draws)})
    content = {
        "net": models.card(NET)["weights"]["sha256"],
        "world": world_fingerprint(),
        "count": count,
        "animals": list(animals),
        "side": SIDE,
        "turn": TURN,
        "rows": rows,
        "gaps": table,
        "designs": designs,
        "slice": sliced(nets["trained"]),
    }
    write_results(out, "zf_correspondence", content)
    return content


def sliced(net, count=SLICE):
    """{layer: {what a grey square hides: consistency}} of the first dogs only: what a notebook computes again."""
    found = changes({"trained": net}, ANIMALS[0], count)
    return {
        layer: {
            k[3]: round(metrics.hamming_consistency(v), 5)
            for k, v in found.items()
            if k[1:3] == (layer, "grey")
        }
        for layer in LAYERS
    }


def means(content, place, way, hidden, layer, net="trained"):
    """Consistency, share of zeros and share of the chance level of one row of table 1, means over the animals."""
    wanted = {"place": place, "way": way, "hidden": hidden, "layer": layer, "net": net}
    rows = [row for row in content["rows"] if wanted.items() <= row.items()]
    numbers = [(row["consistency"][0], row["zeros"], row["of chance"]) for row in rows]
    return np.mean(numbers, 0).tolist()


def report(content):
    """Consistency of the trained net (and share of zeros), a row of table 1 a line; then parts minus controls."""
    lines = []
    for place, ways in PLACES.items():
        for way in ways:
            for what in (*PARTS, *CONTROLS[way]):
                cells = [
                    "{:.3f} ({:.2f})".format(*means(content, place, way, what, layer)) for layer in LAYERS
                ]
                lines.append(f"{place:10s}{way:8s}{what:16s}" + "   ".join(cells))
    for gap in content["gaps"]:
        if gap["part"] == "mean of the three":
            lines.append("{net}, {layer}, {place}, {way}, minus {control}: {mean}".format(**gap))
    return "\n".join(lines)


EXPERIMENT = Experiment(
    makes=("results/zf_correspondence.json",),
    takes="5 minutes",
    run=study,
    report=report,
)
