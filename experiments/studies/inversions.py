"""What is left of an image at each layer?  python -m experiments inversions

Eight images of the gallery, one of each of eight classes, found again from their features at each convolution of two
nets, and of one that was never trained. Beside each picture three numbers: the relative feature error it reaches, its
PSNR, and whether a net that had no part in it, the judge, still names the class. Name nets to make only these.
Results: data/results/inversions.json, the pictures in data/synthesis/inversions; notebook 08 makes SLICE again.

Written before the first run; "worth showing" is the smallest effect of interest:
- PSNR falls from conv1 to conv5 by 6 dB or more, and is above the best picture of one colour everywhere.
- The judge still names the class at conv5 in at least half of the images (chance: one of 16).
- The optimiser arrives: the relative feature error is below .1 for nine images of ten, and the loss is below that of
  the image itself. Where it is not, "lost" is not shown.
- Training makes a net forget: at conv5 the untrained net gives back more, by 1 dB or more.
"""

import torch

from lecture_utils import metrics, models, synthesis
from lecture_utils.checks import check_images
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress

from ..experiment import Experiment, some_of, write_results
from ..files import read_json
from . import contact_sheets

FOLDER = "synthesis/inversions"
NETS, JUDGE = ("gap", "alex", "gap, untrained"), "zf"
TV = {"conv1": 0.1, "conv2": 1.0, "conv3": 3.0, "conv4": 10.0, "conv5": 10.0}  # tried on other images
IMAGES, SHOWN, STEPS = (
    slice(32, 40),
    4,
    200,
)  # the third of each of eight classes; the first of them are shipped
SLICE = ("gap", "conv2", 2)  # net, layer and how many images notebook 08 makes again


def net_of(name):
    """A net of the course in eval mode; "gap, untrained" is `gap` before any training."""
    plain, _, untrained = name.partition(", ")
    return models.build(plain).eval() if untrained else models.load(plain)


def inverted(net, layer, images, steps=STEPS):
    """(pictures like images, {number's name: list of one for each image}) of one layer."""
    name = models.layer_names(net)[layer]
    found = synthesis.invert(net, images, name, steps=steps, tv=TV[layer])
    places = images.shape[2] * images.shape[3]
    smooth = TV[layer] / places * synthesis.total_variation(found.images)
    return found.images, {
        "error": found.errors.tolist(),
        "psnr": psnr(found.images, images).tolist(),
        "loss": (found.errors + smooth).tolist(),
        "loss of the image": (TV[layer] / places * synthesis.total_variation(images)).tolist(),
    }


def psnr(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Peak signal-to-noise ratio in dB, (n,): 10 log10(1 / mean squared difference), for images in [0, 1].

    0 dB: as far apart as black and white; infinite: equal. Errors: ValueError.
    """
    images = check_images(images, range01=True, channels="any")
    others = check_images(others, dtype=images.dtype, range01=True, channels="any", name="others")
    if images.shape != others.shape:
        raise ValueError(
            f"others: expected the images' shape {tuple(images.shape)}, got {tuple(others.shape)}"
        )
    return -10 * (images - others.to(images)).square().mean((1, 2, 3)).log10()


def agrees(judge, images, labels):
    """True where the judging lab's net names the class, a list."""
    return (judge.logits(images).argmax(1) == labels).tolist()


def run(out, nets=NETS):
    """Make the named nets' rows and pictures, keep the others, write; the path of the results."""
    gallery, judge = open_lab(device="cpu").gallery, open_lab(net=JUDGE, device="cpu")
    images, labels = gallery.images[IMAGES], gallery.labels[IMAGES]
    path = out / "results/inversions.json"
    rows = read_json(path)["rows"] if path.exists() else {}
    for name in nets:
        net, tiles = net_of(name), []
        rows[name] = {}
        for layer in progress(TV, f"inverting {name}"):
            found, numbers = inverted(net, layer, images)
            rows[name][layer] = numbers | {"agrees": agrees(judge, found, labels)}
            tiles.append(found[:SHOWN])
        file = out / FOLDER / f"{name.replace(', ', '-')}.jpg"
        contact_sheets.save(torch.stack(tiles, 1), file, quality=92, subsampling=0)  # colours as fine as grey
    flat = images.mean((2, 3), keepdim=True).expand_as(images)  # the best picture of one colour
    content = {
        "judge": JUDGE,
        "images": f"{IMAGES.start} to {IMAGES.stop - 1} of the gallery",
        "steps": STEPS,
        "tv": TV,
        "floor": {
            "psnr": psnr(flat, images).tolist(),
            "agrees": agrees(judge, flat, labels),
        },
        "ceiling": {"agrees": agrees(judge, images, labels)},
        "rows": {name: rows[name] for name in NETS if name in rows},
    }
    return write_results(out, "inversions", _rounded(content))


def pictures(name):
    """The shipped pictures of a net, (SHOWN, layers, 3, h, w) in [0, 1]. Errors: store.DamagedData."""
    return contact_sheets.read(f"{FOLDER}/{name.replace(', ', '-')}.jpg", SHOWN, len(TV))


def live_slice(lab):
    """(pictures, numbers) of SLICE, made now. lab: with an answer key."""
    name, layer, count = SLICE
    return inverted(net_of(name), layer, lab.gallery.images[IMAGES][:count])


def differences(numbers, shipped):
    """Sentences, one for each number of the slice that is not the shipped one."""
    name, layer, count = SLICE
    row = shipped["rows"][name][layer]
    limits = {"psnr": 0.5, "error": 0.01}
    return [
        f"{key}: {numbers[key]} now, {row[key][:count]} shipped"
        for key, limit in limits.items()
        if max(abs(a - b) for a, b in zip(numbers[key], row[key], strict=False)) > limit
    ]


def mean(values):
    """[mean, low, high], 95% by bootstrap over images."""
    return list(metrics.bootstrap(torch.tensor(values, dtype=torch.float64)))


def _rounded(content):
    if isinstance(content, float):
        return round(content, 4)
    if isinstance(content, dict):
        return {key: _rounded(value) for key, value in content.items()}
    return [_rounded(value) for value in content] if isinstance(content, list) else content


EXPERIMENT = Experiment(
    makes=("results/inversions.json", "synthesis/inversions/*"),
    takes="15 minutes",
    run=run,
    options=some_of("nets", NETS),
)
