"""Which seeds should GrabCut be given?  python -m experiments grabcut_seeds

Quantiles and blur of `attribution.grabcut_from_heatmap`, tried on scenes of the split "tune" with one object, which
nothing is scored on: `alex`, two heatmaps, mean IoU with the true mask. Results: data/results/grabcut_seeds.json.
"""

from itertools import product

import numpy as np
import torch

from lecture_utils import attribution, metrics, results
from lecture_utils.lab import open_lab
from lecture_utils.metrics.localise import checked
from lecture_utils.progress import progress
from lecture_utils.world.render import masks
from lecture_utils.world.splits import split_scene

from ..experiment import Experiment, write_results
from ..train.data import world_fingerprint, world_split

COUNT = 120  # the first so many scenes with one object
FOREGROUND, BACKGROUND, SMOOTH = (0.9, 0.95, 0.98), (0.3, 0.5, 0.7), (0.0, 2.0, 4.0)
PUBLISHED = {"foreground": 0.95, "background": 0.3, "smooth": 0.0}  # as reported of Simonyan et al. (2013)
HEATS = {
    "saliency": lambda net, images, targets: attribution.heat(attribution.saliency(net, images, targets)),
    "guided backprop": lambda net, images, targets: attribution.heat(
        attribution.guided_backprop(net, images, targets)
    ),
}


def scenes(count=COUNT):
    """Images (n, 3, 112, 112), labels (n,) and masks bool (n, 112, 112) of tuning scenes with one object."""
    pictures, labels = world_split("tune", 3 * count)
    chosen = [i for i in range(len(labels)) if labels[i, 1] < 0][:count]
    images = torch.from_numpy(pictures[chosen]).float() / 255
    true = [masks(split_scene("tune", i))[0] > 0 for i in chosen]
    return images, torch.from_numpy(labels[chosen, 0]), torch.from_numpy(np.stack(true))


def best_iou(heatmaps: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
    """The IoU (n,) at the best threshold there is, "hotter than t": an oracle that knows the mask.

    What a method loses below this value it loses by thresholding, not by its map. A constant map scores the mask's
    share of the image.
    """
    heatmaps, masks = checked(heatmaps, masks)
    heat, order = heatmaps.flatten(1).sort(1, descending=True)
    inside = masks.flatten(1).gather(1, order).cumsum(1)  # of the k hottest pixels, (n, h w)
    taken = torch.arange(1, heat.shape[1] + 1, device=heat.device)
    score = inside / (taken + inside[:, -1:] - inside)
    ends = torch.ones_like(heat, dtype=torch.bool)  # a threshold takes tied pixels together or not at all
    ends[:, :-1] = heat[:, 1:] < heat[:, :-1]
    return (score * ends).amax(1).to(heatmaps.dtype)


def table(net, images, targets, true):
    """[{"heat", "foreground", "background", "smooth", "iou"}, ...], one row for each setting."""
    rows, heats = [], {name: make(net, images, targets) for name, make in HEATS.items()}
    settings = list(product(heats, FOREGROUND, BACKGROUND, SMOOTH))
    for name, foreground, background, smooth in progress(settings, "trying seeds"):
        setting = {"foreground": foreground, "background": background, "smooth": smooth}
        found = attribution.grabcut_from_heatmap(images, heats[name], **setting)
        rows.append({"heat": name, **setting, "iou": round(float(metrics.iou(found, true).mean()), 4)})
    return rows


def best(heat, rows=None):
    """The setting {"foreground", "background", "smooth"} with the highest IoU on the tuning scenes for a heatmap.

    rows: of `table`; those that ship where none are given.
    """
    rows = rows or results.load("grabcut_seeds")["rows"]
    top = max((row for row in rows if row["heat"] == heat), key=lambda row: row["iou"])
    return {name: top[name] for name in PUBLISHED}


def run(out, count=COUNT):
    """Try every setting on `count` scenes and write the results; the rows."""
    rows = table(open_lab().net, *scenes(count))
    facts = {
        "net": "alex",
        "world": world_fingerprint(),
        "scenes": f"split tune, the first {count} with one object",
        "rows": rows,
    }
    write_results(out, "grabcut_seeds", facts)
    return rows


EXPERIMENT = Experiment(
    makes=("results/grabcut_seeds.json",),
    takes="10 minutes",
    run=run,
    options={"--count": {"type": int, "help": f"tuning scenes with one object ({COUNT})"}},
    report=lambda rows: "\n".join(f"{heat}: {best(heat, rows)}" for heat in HEATS),
)
