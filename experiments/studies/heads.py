"""Why is Grad-CAM poor on some nets? Twelve nets, two placings, scored:  python -m experiments heads

The nets of `head_study` (the trunk of `alex` with fully connected layers or with global average pooling, trained
on objects anywhere or in the middle, three seeds each) and the course's own `alex` and `gap`, on 300 scenes of the
gallery as they are and with the object moved to the middle; with the gradient as it is, and as its mean along the path
from an empty map. Results: data/results/heads.json.
"""

import hashlib

import torch

from lecture_utils import attribution, metrics, models
from lecture_utils.lab import from_jpeg, open_lab
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results
from ..methods.path_cam import path_cams
from ..train import head_study
from ..train.data import scene_of, world_fingerprint
from ..train.gallery import to_jpeg, to_pixels

COUNT, LAYER = 300, "relu5"  # the first pictures of the gallery, in which the classes take turns
METHODS = ("gradcam", "hirescam")


def border(rows, cols):
    """bool (rows, cols): the outermost ring of a map's cells."""
    ring = torch.ones(rows, cols, dtype=torch.bool)
    ring[1:-1, 1:-1] = False
    return ring


def place_scores(maps, masks):
    """What is known of where raw maps (n, rows, cols) >= 0 lie, each (n,): mass and pointing in masks (n, h, w) after
    enlarging; border, the share of the heat in the outermost ring; inside, the mass with that ring set to zero.
    """
    ring = border(*maps.shape[1:]).to(maps.device)
    total = maps.sum((1, 2)).clamp_min(1e-30)
    large = attribution.upsample(maps, masks.shape[1:])
    without = attribution.upsample(maps * ~ring, masks.shape[1:])
    return {
        "mass": metrics.mass_in_mask(large, masks),
        "pointing": metrics.pointing_game(large, masks).to(maps),
        "border": (maps * ring).sum((1, 2)) / total,
        "inside": metrics.mass_in_mask(without, masks),
    }


def both_maps(net, images, targets, layer=LAYER):
    """Raw maps (2, n, rows, cols), signed: Grad-CAM and HiResCAM from one gradient (see `attribution.cam`)."""
    found = []
    for batch, some in zip(images.split(64), targets.split(64), strict=True):
        maps, gradient = attribution.layer_gradient(net, batch, some, layer)
        found.append(
            torch.stack([(gradient.mean((2, 3), keepdim=True) * maps).sum(1), (gradient * maps).sum(1)])
        )
    return torch.cat(found, 1)


def net_scores(net, images, targets, masks, layer=LAYER):
    """{"gradcam_mass": (n,), ... "hirescam_inside": (n,), "right": (n,)} of one net; "path_gradcam_mass" and so on of
    `path_cam.path_cams`.
    """
    with torch.no_grad():
        logits = torch.cat([net(batch) for batch in images.split(64)])
    found = {"right": (logits.argmax(1) == targets).float()}
    for before, both in (("", both_maps), ("path_", path_cams)):
        for name, maps in zip(METHODS, both(net, images, targets, layer).relu(), strict=True):
            found |= {f"{before}{name}_{score}": v for score, v in place_scores(maps, masks).items()}
    return found


def bounds(images, masks, rows=13, cols=13):
    """Floors and the ceiling, {name: {score: (n,)}}: they know no net."""
    cells = torch.nn.functional.adaptive_avg_pool2d
    small = {
        "constant": torch.ones(len(images), rows, cols),
        "centre": cells(metrics.centre_map(images), (rows, cols)),
        "sobel": cells(metrics.sobel_map(images), (rows, cols)),
        "ceiling": cells(masks.float(), (rows, cols)),  # the true mask at the map's own size
    }
    return {name: place_scores(maps, masks) for name, maps in small.items()}


def centred_scenes(lab, numbers):
    """The same gallery scenes with their object in the middle: images and masks as in the gallery (through JPEG)."""
    from lecture_utils.world import render_many

    images, masks = [], []
    scenes = [scene_of("single centred", lab.gallery.scenes.indices[n]) for n in numbers]
    for picture in progress(render_many(scenes), "rendering centred scenes", len(scenes)):
        pixels = from_jpeg(to_jpeg(to_pixels(picture.image)))
        images.append(torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255)
        masks.append(torch.from_numpy(picture.objects) == 1)
    return torch.stack(images), torch.stack(masks)


def summary(scores):
    """{name: [mean, low, high]}, intervals of 95% by bootstrap over the scenes."""
    return {name: [round(x, 4) for x in metrics.bootstrap(values)] for name, values in scores.items()}


def row(net, images, targets, masks, layer=LAYER, /, **names):
    """One row of the results: means, and the paired gain of HiResCAM's mass over Grad-CAM's."""
    scores = net_scores(net, images, targets, masks, layer)
    scores["hirescam_gain"] = scores["hirescam_mass"] - scores["gradcam_mass"]
    return names | summary(scores)


def fingerprint(net):
    """The first digits of a hash of all weights."""
    digest = hashlib.sha256()
    for tensor in net.state_dict().values():
        digest.update(tensor.detach().float().cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


def run(out, load=head_study.load, seeds=head_study.SEEDS, count=COUNT):
    """Score everything and write the results, which are returned. load(head, placed, seed) -> net."""
    lab = open_lab(device="cpu")
    numbers = list(range(count))
    targets = lab.gallery.labels[numbers]
    sets = {"anywhere": (lab.gallery.images[numbers], lab.gallery.objects[numbers] == 1)}
    sets["centred"] = centred_scenes(lab, numbers)
    jobs = [
        (head, placed, seed) for head in head_study.HEADS for placed in head_study.PLACED for seed in seeds
    ]
    trained = {(n["head"], n["placed"], n["seed"]): n for n in head_study.numbers()}
    rows, untrained, shipped = [], [], []
    with progress(label="heads", total=len(sets) * (len(jobs) + 6)) as bar:
        for scenes, (images, masks) in sets.items():
            for job in jobs:
                names = dict(zip(("head", "placed", "seed"), job, strict=True)) | {"scenes": scenes}
                net = load(*job)
                card = {
                    key: value for key, value in trained.get(job, {}).items() if key.startswith("accuracy")
                }
                rows.append(row(net, images, targets, masks, **names, weights=fingerprint(net), **card))
                bar.update()
            for head in head_study.HEADS:
                net = head_study.build(head)
                untrained.append(row(net, images, targets, masks, head=head, scenes=scenes))
                bar.update()
            for name in ("alex", "gap"):
                net = models.load(name)
                shipped.append(
                    row(net, images, targets, masks, net=name, scenes=scenes, weights=fingerprint(net))
                )
                bar.update()
    content = {
        "world": world_fingerprint(),
        "scenes": f"the first {count} of the gallery's single objects",
        "layer": LAYER,
        "interval": "95%, bootstrap over scenes",
        "rows": rows,
        "untrained": untrained,
        "shipped": shipped,
        "bounds": {s: {n: summary(v) for n, v in bounds(*pair).items()} for s, pair in sets.items()},
    }
    write_results(out, "heads", content)
    return content


def table(rows, score, scenes="anywhere"):
    """{(head, placed): [mean of each seed]} of one score, from rows of the results."""
    found = {}
    for each in rows:
        if each["scenes"] == scenes:
            found.setdefault((each["head"], each["placed"]), []).append(each[score][0])
    return found


def report(content):
    """Where both maps lie, a net a line."""
    return "\n".join(
        f"{each['head']:4s} {each['placed']:9s} seed {each['seed']}  on {each['scenes']:9s} "
        f"Grad-CAM {each['gradcam_mass'][0]:.3f}  HiResCAM {each['hirescam_mass'][0]:.3f}"
        for each in content["rows"]
    )


EXPERIMENT = Experiment(
    makes=("results/heads.json",), takes="15 minutes, after head_study", run=run, report=report
)
