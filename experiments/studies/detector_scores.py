"""How good and how fast is each detector that was trained here?  python -m experiments detector_scores

All 600 scenes of the gallery. A row is one training, so its interval, over scenes, says nothing about another seed;
where a detector or a variant of one was trained with several seeds, "seeds" has their mean and spread, and "seed pairs"
the differences of such means. Detections are kept in the cache, each detector's once. AP is the mean over classes of
COCO's (101 recalls), at an IoU of .5 (also of small, medium and large boxes), of .75, and as the mean of .5, .55, ...
.95; "box found" is AP at .5 with one class for all, after NMS at .7. An interval: the scenes are drawn anew 300 times,
the same draws for all, so that differences are paired. Errors: at the score of the best F1 on the first 300 scenes,
counted in the others. "found" has a digit for each object: 2 found above that score, 1 found below it, 0 not found.
Beside the detectors stand baselines and upper bounds that read the answer key.

--times measures milliseconds instead, and adds them to the results: run it alone on the machine.
"""

import inspect
from collections import Counter
from itertools import combinations
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import torch

from lecture_utils import detection, results
from lecture_utils.crowds import SIZES, read_crowds
from lecture_utils.detection import (
    ERROR_TYPES,
    Detections,
    Trunk,
    box_iou,
    error_types,
    nms,
    selective_search,
)
from lecture_utils.detection.precision import by_score, match_detections
from lecture_utils.progress import progress
from lecture_utils.world import CLASSES

from ..experiment import Experiment, command, write_results
from ..methods.detection_draws import best_threshold, interval, overlaps, precisions
from ..methods.trained_detectors import detections, loaded, proposals, references, seed, trained
from ..train.detection_scenes import fingerprint
from ..train.detectors import SEARCHED
from ..training import threads_set
from .zf_correspondence import resampled

DRAWS, SLICE, REPEATS = 300, 32, 15  # of scenes; scenes that a notebook asks again; timings of each
EDGES = (0, 16**2 - 0.5, 32**2 - 0.5, np.inf)  # px^2: of small, medium and large boxes
SHARES = {"less than half visible": (0, 0.5), "half to nine tenths": (0.5, 0.9), "nearly all": (0.9, 1.1)}


def scores(found: list, truth: list, draws: int = DRAWS) -> tuple[dict, torch.Tensor]:
    """{measure: AP (1 + draws,)}, first of the scenes as they are; and AP at .5 of each class (classes,)."""
    weights = torch.cat([torch.ones(1, len(truth)).double(), resampled(len(truth), draws)])
    classes = torch.cat([labels for _, labels in truth]).unique().tolist()
    images = overlaps(found, truth)
    table = precisions(images, classes, weights)
    several = {"AP .5": table[:, 0], "AP .75": table[:, 5], "AP .5 to .95": table.mean(1)}
    for size, *limits in zip(SIZES, EDGES[:-1], EDGES[1:], strict=True):
        several[f"AP .5, {size}"] = precisions(images, classes, weights, [0.5], limits)[:, 0]
    alone = [(boxes, torch.zeros_like(labels)) for boxes, labels in truth]
    images = overlaps([one_class(each) for each in found], alone)
    several["box found, AP .5"] = precisions(images, [0], weights, [0.5])[:, 0]
    return {name: values.nanmean(0) for name, values in several.items()}, table[:, 0, 0]


def one_class(found: Detections, overlap: float = 0.7) -> Detections:
    """The same boxes without their classes, after NMS among all of them."""
    kept = nms(found.boxes, found.scores, overlap)
    return Detections(found.boxes[kept], found.scores[kept], torch.zeros_like(found.labels[kept]))


def errors(found: list, truth: list, shares: list, sizes: list) -> dict:
    """Kinds of errors in the second half of the scenes, at the threshold that is best in the first half."""
    half = len(found) // 2
    threshold, f1 = best_threshold(overlaps(found[:half], truth[:half]))
    sure = [Detections(*(part[each.scores >= threshold] for part in each)) for each in found[half:]]
    kinds, missed = error_types(sure, truth[half:])
    counts, missed = torch.cat(kinds).bincount(minlength=len(ERROR_TYPES)), torch.cat(missed)
    share, size = torch.cat(shares[half:]), torch.cat(sizes[half:])
    groups = {name: size == k for k, name in enumerate(SIZES)}
    groups |= {name: (share >= low) & (share < high) for name, (low, high) in SHARES.items()}
    return {
        "threshold": round(threshold, 4),
        "F1 on the first half": round(f1, 4),
        "objects": len(missed),
        "counts": dict(zip(ERROR_TYPES, counts.tolist(), strict=True)) | {"missed": int(missed.sum())},
        "confused": confusions(sure, kinds, truth[half:]),
        "missed, of": {name: [int(missed[mask].sum()), int(mask.sum())] for name, mask in groups.items()},
    }


def confusions(found: list, kinds: list, truth: list, most: int = 8) -> list:
    """The most frequent (class that was said, class that is there, how often) among the confusions."""
    names, counts = list(CLASSES), Counter()
    for each, kind, (objects, labels) in zip(found, kinds, truth, strict=True):
        for k in (kind == ERROR_TYPES.index("confusion")).nonzero()[:, 0].tolist():
            iou = torch.where(labels == each.labels[k], -1, box_iou(each.boxes[k : k + 1], objects)[0])
            counts[names[each.labels[k]], names[labels[iou.argmax()]]] += 1
    return [[*names, n] for names, n in counts.most_common(most)]


def two_apart(crowds) -> list[int]:
    """The easy scenes: two objects, nearly all of each visible, neither of them small, boxes that do not touch."""
    found = []
    for n, (boxes, shares, sizes) in enumerate(zip(crowds.boxes, crowds.shares, crowds.sizes, strict=True)):
        if len(boxes) == 2 and shares.min() >= 0.9 and sizes.min() >= 1 and box_iou(*boxes.split(1)) == 0:
            found.append(n)
    return found


def found_objects(found: list, truth: list, threshold: float) -> str:
    """A digit for each object of all images: 2 found at IoU .5, 1 found by a score below the threshold, 0 not found."""
    digits = []
    for each, (objects, own) in zip(found, truth, strict=True):
        boxes, scores, labels = by_score(*each)
        match = match_detections(
            torch.where(labels[:, None] == own, box_iou(boxes, objects.double()), -1), 0.5
        )
        sure = {g: int(score >= threshold) for g, score in zip(match.tolist(), scores, strict=True)}
        digits += [str(1 + sure[g]) if g in sure else "0" for g in range(len(own))]
    return "".join(digits)


def pairs(several: dict[str, dict]) -> list[dict]:
    """Differences of all pairs of detectors with paired intervals; several: {name: {measure: AP (1 + draws,)}}."""
    rows = []
    for one, two in combinations(several, 2):
        gaps = {m: several[one][m] - several[two][m] for m in several[one]}
        rows.append({"one": one, "two": two} | {measure: interval(gap) for measure, gap in gaps.items()})
    return rows


def groups(cards: dict[str, dict]) -> dict[str, dict[int, str]]:
    """{detector, or variant of one: {seed: name of the training}}, of those that were trained more than once."""
    found = {}
    for name, card in cards.items():
        found.setdefault(name.removesuffix(seed(card)).strip(), {})[card["recipe"]["seed"]] = name
    return {name: trainings for name, trainings in found.items() if len(trainings) > 1}


def over_seeds(several: dict[str, dict], trainings: dict[str, dict[int, str]]) -> tuple[dict, list[dict]]:
    """Of each group its mean over seeds, and of each pair of groups the difference of these means.

    Group: {measure: {"mean": [AP, low, high] over scenes, "each": AP of each seed, "spread": standard deviation}}.
    Pair: {measure: {"mean": as there, "each": one - two for each seed that both have, "range": [least, most] of any
    seed of one minus any seed of two}}. A range that leaves out 0: all seeds of one lie on one side of all of two.
    """
    rows, gaps, every = {}, [], {}
    for group, names in trainings.items():
        measures = several[next(iter(names.values()))]
        each = every[group] = {
            m: torch.stack([several[name][m] for name in names.values()]) for m in measures
        }
        rows[group] = {"seeds": list(names)} | {measure: of_seeds(values) for measure, values in each.items()}
    for one, two in combinations(trainings, 2):
        both = [n for n in trainings[one] if n in trainings[two]]
        row = {"one": one, "two": two, "seeds": both}
        at, too = ([list(trainings[group]).index(n) for n in both] for group in (one, two))
        for measure, values in every[one].items():
            row[measure] = seed_gap(values, every[two][measure], at, too)
        gaps.append(row)
    return rows, gaps


def of_seeds(values: torch.Tensor) -> dict:
    """A row of `over_seeds`: values (seeds, 1 + draws), the scenes as they are first."""
    each = values[:, 0]
    return {"mean": interval(values.mean(0)), "each": rounded(each), "spread": rounded(each.std())}


def seed_gap(one: torch.Tensor, two: torch.Tensor, at: list, too: list) -> dict:
    """A difference of `over_seeds`: values (seeds, 1 + draws); rows at[k] of one and too[k] of two have one seed."""
    a, b = one[:, 0], two[:, 0]
    reach = torch.stack([a.min() - b.max(), a.max() - b.min()])
    return {
        "mean": interval(one.mean(0) - two.mean(0)),
        "each": rounded(a[at] - b[too]),
        "range": rounded(reach),
    }


def rounded(values: torch.Tensor) -> list | float:
    """Four digits."""
    return np.round(values.double().numpy(), 4).tolist()


def study(out, times: bool = False, more: str | None = None) -> dict:
    """Measure and write the results, which are returned. times: measure these, and leave the rest as it is.

    more: a folder with weights and cards of other trainings.
    """
    crowds, cards = read_crowds(), trained(more and Path(more))
    regions = proposals(crowds.images) if any(card["net"] in SEARCHED for card in cards.values()) else None
    if times:
        content = results.load("detectors") | {"times": measured_times(crowds.images, cards, regions)}
        write_results(out, "detectors", content)
        return content
    truth, easy = list(zip(crowds.boxes, crowds.labels, strict=True)), two_apart(crowds)
    found = {name: detections(card, crowds.images, regions) for name, card in cards.items()}
    rows, several = {}, {}
    for name, some in progress((found | references(crowds)).items(), "average precision", len(found) + 5):
        several[name], each = scores(some, truth)
        rows[name] = {measure: interval(values) for measure, values in several[name].items()}
        rows[name]["AP .5 of each class"] = [round(float(value), 4) for value in each]
        apart = scores([some[n] for n in easy], [truth[n] for n in easy])[0]["AP .5"]
        rows[name]["AP .5, two apart"] = interval(apart)
        rows[name]["errors"] = errors(some, truth, crowds.shares, crowds.sizes)
        if name in cards:
            rows[name] |= facts(cards[name])
            rows[name]["found"] = found_objects(some, truth, rows[name]["errors"]["threshold"])
            rows[name]["slice"] = round(float(scores(some[:SLICE], truth[:SLICE], 1)[0]["AP .5"][0]), 4)
    seeds, gaps = over_seeds(several, groups(cards))
    content = {
        "command": command("detector_scores") + " --more FOLDER" * bool(more),
        "crowds": fingerprint(),
        "scenes": len(crowds),
        "two apart": len(easy),
        "draws": DRAWS,
        "slice": SLICE,
        "rows": rows,
        "pairs": pairs({name: several[name] for name, card in cards.items() if not seed(card)}),
        "seeds": seeds,
        "seed pairs": gaps,
        "times": (results.load("detectors") if "detectors" in results.names() else {}).get("times", {}),
    }
    write_results(out, "detectors", content)
    return content


def facts(card: dict) -> dict:
    """What a row says of a detector. NMS: the IoU above which a box goes, in each class; None where there is no NMS.

    weights: of those that ship. "AP .5, tuning scenes": by which a learning rate is chosen.
    """
    asked = inspect.signature(getattr(detection, card["net"]).detect).parameters
    overlap = asked["overlap"].default if "overlap" in asked else None
    shipped = {} if "folder" in card else {"weights": card["weights"]["sha256"]}
    told = {"parameters": card["parameters"], "NMS": overlap, "command": card["command"]}
    return told | {"AP .5, tuning scenes": next(iter(card["ap50"].values()))} | shipped


def measured_times(images, cards: dict, regions: list | None, repeats: int = REPEATS) -> dict:
    """{name: {"batch 1": ms, "batch 8": ms, "of it proposals": ms}}, for one image, medians over `repeats` others.

    One thread; one seed of each. The proposals of FasterRCNN include its trunk, which its second stage uses again.
    "trunk": the trunk alone.
    """
    found, trunk = {}, Trunk().eval()
    cards = {name: card for name, card in cards.items() if not seed(card)}
    with threads_set(1), torch.no_grad():
        found["trunk"] = {
            "batch 1": round(timed(lambda n: trunk(images[n : n + 1]), repeats), 2),
            "batch 8": round(timed(lambda n: trunk(images[8 * n : 8 * n + 8]), repeats) / 8, 2),
        }
        search = timed(lambda n: selective_search(images[n : n + 1]), repeats) if regions else 0.0
        for name, card in progress(cards.items(), "timing", len(cards)):
            net = loaded(card)
            given = card["net"] in SEARCHED

            def ask(n, size, net=net, given=given):
                net.detect(images[n : n + size], **({"proposals": regions[n : n + size]} if given else {}))

            row = {"batch 1": timed(lambda n, ask=ask: ask(n, 1), repeats) + search * given}
            row["batch 8"] = timed(lambda n, ask=ask: ask(8 * n, 8), repeats) / 8 + search * given
            own = hasattr(net, "proposals")
            row["of it proposals"] = (
                timed(lambda n, net=net: net.proposals(images[n : n + 1]), repeats) if own else search * given
            )
            found[name] = {what: round(ms, 2) for what, ms in row.items()}
    return found


def timed(work, repeats: int) -> float:
    """Milliseconds: the median of work(0), work(1), ... after one that does not count."""
    work(0)
    spent = []
    for n in range(repeats):
        begun = perf_counter()
        work(n)
        spent.append(1000 * (perf_counter() - begun))
    return median(spent)


def report(content: dict) -> str:
    """A line for each row."""
    lines = []
    for name, row in content["rows"].items():
        cells = [
            f"{row[m][0]:.3f} [{row[m][1]:.3f}, {row[m][2]:.3f}]" for m in ("AP .5", "AP .75", "AP .5 to .95")
        ]
        lines.append(f"{name:40s}" + "  ".join(cells) + f"  {content['times'].get(name, {})}")
    for group, row in content["seeds"].items():
        lines.append(f"{group}, seeds {row['seeds']}: AP .5 {row['AP .5']['each']}")
    return "\n".join(lines)


EXPERIMENT = Experiment(
    makes=("results/detectors.json",),
    takes="40 minutes",
    run=study,
    options={
        "--times": {"action": "store_true", "help": "only milliseconds, added to the results"},
        "--more": {
            "metavar": "FOLDER",
            "help": "weights and cards of trainings that do not ship: score them, too",
        },
    },
    goes_on="from the last detector",
    report=report,
)
