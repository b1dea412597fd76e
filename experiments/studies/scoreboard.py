"""The scoreboard of heatmaps, over 300 scenes:  python -m experiments scoreboard

Every method of `methods.METHODS` x {pointing, mass, rank accuracy; agreement with what removing, keeping, and all
orders of the parts (Shapley) do to the score; deletion and insertion with three fills; likeness to occlusion; cost},
for each net. Stop it when you like: the same command goes on with the scenes that are missing. The results are
data/results/scoreboard.json.

Agreement (faithfulness) is Spearman's rank correlation, within a scene, between a heatmap on the parts and the parts'
effects, averaged over scenes: "sum" with the heat's sums over the parts, "density" with its means. A constant map's
sums are the parts' areas, and large parts matter more: so "gain" is the paired difference of "sum" to the constant map.
"""

import hashlib
import json
from pathlib import Path

from lecture_utils import models
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import Experiment, write_results
from ..files import read_json, write_json
from ..methods.heatmaps import BLUR, METHODS, SAMPLES, SQUARE, STEPS, STRIDE
from ..train.data import world_fingerprint
from . import heatmap_scores, part_ablation

NETS, SCENES, FLIPPED = ("alex", "gap"), 300, 150  # scenes in all; of these with deletion and insertion
SLICE, EXACT = 30, 5  # scenes that are computed again; of these with Shapley values
CHUNK = 2 * EXACT  # scenes in one step, and in one file of the run
TOLERANCE = {"pointing": 1.01 / SLICE, "mass": 0.01, "rank": 0.01}  # one scene; of the others:
TOLERANCE_OF_RANKS = 0.05
SETTINGS = {
    "integrated gradients, steps": STEPS,
    "SmoothGrad, samples": SAMPLES,
    "occlusion, px": [SQUARE, STRIDE],
    "blur, px": BLUR,
    "deletion, steps": heatmap_scores.FLIPS,
    "heat": {name: method.heat for name, method in METHODS.items()},
}


def run(out, nets=NETS, scenes=SCENES, flipped=FLIPPED, renders=None, folder=None):
    """Compute what is missing and write the results; their path.

    renders: a folder for rendered pictures (10 MB a scene), which serve several nets. folder: where the
    records are kept; None takes the cache. A net's records are kept under the sha256 of its weights.
    """
    folder = Path(folder or cache_dir() / "runs" / f"scoreboard-{world_fingerprint()}")
    recipe = hashlib.sha256(json.dumps(SETTINGS).encode()).hexdigest()[:6]  # other settings, other records
    starts, kept = range(0, scenes, CHUNK), {name: [] for name in nets}
    labs = {name: open_lab(net=name, device="cpu") for name in nets}
    with progress(label="scoreboard", total=scenes * len(nets)) as bar:
        for start in starts:
            count = min(CHUNK, scenes - start)
            some = None
            for name, lab in labs.items():
                path = (
                    folder
                    / f"{name}-{_sha(name)[:12]}-{recipe}"
                    / f"{start:04d}-{count}-{start < flipped}.json"
                )
                if not path.exists():
                    some = some or list(part_ablation.games(lab.gallery, start, count, folder=renders))
                    write_json(path, heatmap_scores.scene_records(lab, some, flips=start < flipped))
                kept[name] += read_json(path)
                bar.update(count)
    first = list(part_ablation.games(labs[nets[0]].gallery, 0, CHUNK, exact=False))
    table = {name: _summary(name, lab, kept[name], first) for name, lab in labs.items()}
    return write_results(out, "scoreboard", _header(scenes, flipped) | {"nets": table})


def _summary(name, lab, some, first):
    """All results of one net."""
    return {
        "weights": _sha(name),
        "scenes": len(some),
        "agreement": heatmap_scores.agreement(some),
        "rows": heatmap_scores.rows(some),
        "swaps": heatmap_scores.swaps(some),
        "cost": heatmap_scores.cost(lab, part_ablation.question(lab, first)),
        "slice": slice_rows(some),
    }


def _header(scenes, flipped):
    return {
        "scenes": f"the first {scenes} of the gallery with at least {part_ablation.PARTS} players "
        f"of at least {part_ablation.LEAST} px",
        "flipped": f"deletion and insertion: the first {flipped} of them, {heatmap_scores.FLIPS} steps",
        "slice": f"the first {SLICE} of them, Shapley the first {EXACT}",
        "seeds": {
            "bootstrap": 0,
            "SmoothGrad": 0,
            "untrained net": 0,
            "ties of deletion": 0,
            "random map": "the scene's index in the gallery",
        },
        "settings": SETTINGS,
        "world": world_fingerprint(),
    }


def slice_rows(some):
    """{method: {score: mean}} of the slice, from records in order: Shapley on its first EXACT scenes, the rest on all.

    Deletion and insertion are not part of the slice.
    """
    most, few = heatmap_scores.score_lists(some[:SLICE]), heatmap_scores.score_lists(some[:EXACT])
    found = {}
    for method in most:
        lists = {name: values for name, values in most[method].items() if "shapley" not in name}
        lists |= {name: values for name, values in few[method].items() if "shapley" in name}
        found[method] = {
            name: round(sum(values) / len(values), 4)
            for name, values in lists.items()
            if not name.startswith(("deletion", "insertion"))
        }
    return found


def live_slice(lab):
    """The slice, computed now: `slice_rows` and the games (SLICE of them)."""
    some = []
    with progress(label="rendering and scoring", total=SLICE) as bar:
        found = []
        for start in range(0, SLICE, CHUNK):
            for first, exact in ((start, start < EXACT), (start + EXACT, False)):
                for game in part_ablation.games(lab.gallery, first, EXACT, exact=exact, shadows=False):
                    some.append(game)
                    bar.update()
            found += heatmap_scores.scene_records(lab, some[start:])
    return slice_rows(found), some, found


def differences(live, shipped):
    """Sentences, one for each score of the slice that differs from the shipped one by more than its tolerance."""
    return [
        f"{method}, {name}: {value} now, {shipped[method][name]} shipped"
        for method, scores in live.items()
        for name, value in scores.items()
        if abs(value - shipped[method][name]) > TOLERANCE.get(name, TOLERANCE_OF_RANKS)
    ]


def _sha(name):
    return models.card(name)["weights"]["sha256"]


EXPERIMENT = Experiment(
    makes=("results/scoreboard.json",),
    takes="3 hours",
    run=run,
    options={
        "--nets": {"nargs": "+", "choices": NETS, "help": "only these"},
        "--scenes": {"type": int, "help": f"of the gallery ({SCENES})"},
        "--renders": {"type": Path, "help": "keep rendered images in this folder (10 MB a scene)"},
    },
    goes_on="with what is missing",
)
