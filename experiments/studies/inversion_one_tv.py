"""Is less of an image left at deeper layers, or was it smoothed more?  python -m experiments inversion_one_tv

`inversions` raises the weight of the total variation from .1 at conv1 to 10 at conv5, so its curve mixes what a layer
holds with what the prior adds. Here the same eight images are found again with one weight at all depths, by `gap` and
by the same net before any training. Beside them a control for the test "its loss is below that of the image itself":
the mean colour of the image, which shows nothing of it, put to the same test with both weights.
Results: data/results/inversion_one_tv.json; rows: {net: {layer: numbers of the eight images}}.

Written before the first run: the weight is 1, the geometric mean of .1 and 10. PSNR of `gap` falls from conv1 to conv5
by 6 dB or more with it, too.
"""

from lecture_utils import models
from lecture_utils.hooks import activations
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress
from lecture_utils.synthesis import invert, total_variation

from ..experiment import Experiment, write_results
from .inversions import IMAGES, JUDGE, STEPS, TV, _rounded, agrees, net_of, psnr

WEIGHT, NETS = 1.0, ("gap", "gap, untrained")


def variation(images):
    """Total variation of a pixel, (n,)."""
    return total_variation(images) / (images.shape[2] * images.shape[3])


def error_of_one_colour(net, layer, images):
    """The relative feature error (n,) of each image's mean colour."""
    flat, found = images.mean((2, 3), keepdim=True).expand_as(images).contiguous(), []
    for each in (images, flat):
        with activations(net, layer) as seen:
            net(each)
        found.append(seen[layer].detach().flatten(1))
    return (found[1] - found[0]).square().sum(1) / found[0].square().sum(1)


def measured(net, layer, images, labels, judge):
    """The numbers of one layer; layer: "conv1" to "conv5"."""
    name, own = models.layer_names(net)[layer], variation(images)
    found, colour = invert(net, images, name, steps=STEPS, tv=WEIGHT), error_of_one_colour(net, name, images)
    return {
        "error": found.errors.tolist(),
        "psnr": psnr(found.images, images).tolist(),
        "agrees": agrees(judge, found.images, labels),
        "arrived": (found.errors + WEIGHT * variation(found.images) < WEIGHT * own).tolist(),
        "error of one colour": colour.tolist(),
        "one colour passes, tuned weight": (colour < TV[layer] * own).tolist(),
        "one colour passes, weight 1": (colour < WEIGHT * own).tolist(),
    }


def run(out):
    """Both nets at all depths; the path of the results."""
    gallery, judge = open_lab(device="cpu").gallery, open_lab(net=JUDGE, device="cpu")
    images, labels, rows = gallery.images[IMAGES], gallery.labels[IMAGES], {}
    for name in NETS:
        net = net_of(name)
        layers = progress(TV, f"inverting {name}")
        rows[name] = {layer: measured(net, layer, images, labels, judge) for layer in layers}
    return write_results(out, "inversion_one_tv", {"tv": WEIGHT, "steps": STEPS, "rows": _rounded(rows)})


EXPERIMENT = Experiment(makes=("results/inversion_one_tv.json",), takes="10 minutes", run=run)
