"""What does training on attacks cost, and what does it buy? A part of `studies.attacks`.

`gap` against `gap` trained on with PGD at EPS levels, in three orders of the training pictures: seeds 0, 1, 2. Seed 0
is shipped; python -m experiments adversarial_training gap --seed 1 makes another, and --eps 0.01 the control
that meets next to no attack; they are read from the cache.
"""

import numpy as np

from lecture_utils import attribution, metrics, models, synthesis
from lecture_utils.models.weights import tag
from lecture_utils.store import cache_dir

from ..checkpoint import stored
from ..methods.attacks import answers, success_rate

EPS = 4  # levels: what the net was trained against
RADII = (4, 8)  # levels: what it is tested with
STEPS, RESTARTS = 10, 3
MAPS = 320  # pictures whose saliency is compared with the object's mask
ROBUST = 128  # pictures under PGD with restarts
EPOCHS = 8
CONTROL = 0.01  # levels: the same training with as good as no attack


def shipped():
    """`gap`, trained on attacks, seed 0."""
    return models.load("gap-adversarial-4")


def trained():
    """{name: net}: seeds "0" (shipped), "1", "2", and the "control" that met no attack, from the cache.

    Errors: FileNotFoundError, naming the command, for a training that is not there or not finished.
    """
    found, command = {"0": shipped()}, "python -m experiments adversarial_training gap"
    for name, seed, eps in (("1", 1, EPS), ("2", 2, EPS), ("control", 0, CONTROL)):
        path = cache_dir() / "runs" / tag("gap", seed, f"adversarial-{eps:g}") / "checkpoint.pt"
        state = stored(path) if path.exists() else {"facts": {}}
        if state["facts"].get("epoch") != EPOCHS:
            raise FileNotFoundError(
                f"{path} is missing or not finished: run {command} --seed {seed} --eps {eps:g}"
            )
        found[name] = models.build("gap")
        found[name].load_state_dict(state["parts"]["net"])
    return found


def right(net, images, labels):
    """Which images the net gets right, float64 (n,)."""
    said, labels = answers(net, images, labels)
    return (said == labels).double()


def under_attack(net, images, labels, level, steps=STEPS, restarts=RESTARTS):
    """Which images the net still gets right after PGD with restarts, float64 (n,)."""
    eps = level / 255
    return right(net, synthesis.pgd(net, images, labels, eps, steps, 2.5 * eps / steps, restarts), labels)


def on_object(net, images, labels, masks):
    """Share (n,) of each saliency map, the largest |gradient| of the colours, that lies on the object."""
    heat = attribution.heat(attribution.saliency(net, images, labels))
    return metrics.mass_in_mask(heat, masks)


def measure(lab, other):
    """{"plain": row, "0": row, "1": row, "2": row, "control": row, "floors": row}, means with intervals.

    Of each net: shares of right answers, clean, hard, and under attack; saliency on the object; the three signs of
    masked gradients; of the trained ones also the paired differences to the plain net.
    lab: of the plain net. other: a net trained apart, on which transferred attacks are made.
    """
    gallery, hard = lab.gallery, lab.hard
    evenly = np.linspace(0, len(gallery) - 1, ROBUST).astype(int)
    images, labels = gallery.images[evenly], gallery.labels[evenly]
    some = gallery.images[:MAPS], gallery.labels[:MAPS], gallery.objects[:MAPS] > 0
    values, rows = {}, {}
    for name, net in {"plain": lab.net, **trained()}.items():
        values[name] = {
            "clean": right(net, gallery.images, gallery.labels),
            "hard": right(net, hard.images, hard.labels),
            **{f"pgd {level}": under_attack(net, images, labels, level) for level in RADII},
            "saliency": on_object(net, *some),
        }
        row = {what: metrics.bootstrap(numbers) for what, numbers in values[name].items()}
        if name != "plain":
            row["against plain"] = {
                what: metrics.bootstrap(numbers - values["plain"][what])
                for what, numbers in values[name].items()
            }
        row["masked"] = gradient_masking_diagnostics(net, other, images[:64], labels[:64])
        rows[name] = row
    rows["floors"] = {
        "edges": metrics.bootstrap(metrics.mass_in_mask(metrics.sobel_map(some[0]), some[2])),
        "constant": metrics.bootstrap(some[2].double().mean((1, 2))),
        "untrained": metrics.bootstrap(on_object(lab.untrained(), *some)),
    }
    return rows


def gradient_masking_diagnostics(net, other, images, labels, eps=EPS / 255, steps=STEPS):
    """Does the net withstand, or does it only hide its gradient? Success rates and three signs, a dict.

    A net may look robust because its gradient shows no way, not because there is none. Three signs of it: many steps
    do no more than one; no radius is large enough; images made on another net do more than those made on this one.
    net: the one in question; other: a net trained apart. images: (n, 3, h, w) in [0, 1], labels LongTensor (n,); those
    that the net gets wrong are left out.
    "fgsm", "pgd", "unbounded" (PGD with a radius of 1: anything in [0, 1]), "transferred" (PGD made on `other`), and
    "restarts" (PGD with restarts): success rates. "pgd_beats_fgsm", "unbounded_reaches_all" and
    "white_box_beats_transfer": whether each warning sign is absent.
    Source: Athalye, Carlini, Wagner (2018), section 3.1. Errors: ValueError where the net gets all wrong.
    """
    predicted, wanted = answers(net, images, labels)
    chosen = predicted == wanted
    if not chosen.any():
        raise ValueError("images: the net gets every one wrong before any attack")
    images, labels = images[chosen], labels[chosen]

    def success(attacked):
        return success_rate(net, attacked, labels)

    def pgd(attacked_net, radius, restarts=1):
        step_size = min(2.5 * radius / steps, 1.0)  # no value can move further
        return synthesis.pgd(attacked_net, images, labels, radius, steps, step_size, restarts)

    once, often = success(synthesis.fgsm(net, images, labels, eps)), success(pgd(net, eps))
    unbounded, transferred = success(pgd(net, 1.0)), success(pgd(other, eps))
    return {
        "fgsm": once,
        "pgd": often,
        "unbounded": unbounded,
        "transferred": transferred,
        "pgd_beats_fgsm": often >= once,
        "unbounded_reaches_all": unbounded == 1.0,
        "white_box_beats_transfer": often >= transferred,
        "restarts": success(pgd(net, eps, RESTARTS)),
    }
