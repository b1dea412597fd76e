"""From pictures to scores: what is known of each scene and each map, and the means over scenes with their intervals."""

from itertools import combinations
from statistics import median
from time import perf_counter

import torch
from torch.nn.functional import avg_pool2d

from lecture_utils import metrics as key

from ..methods.heatmaps import METHODS, STRIDE, blurred, usable
from ..methods.measures import rank_accuracy, spearman
from . import part_ablation

PLACE = ("pointing", "mass", "rank")
FLIPS, FILLS = 10, ("grey", "blurred")  # steps of deletion and insertion; what fills the holes
TRUE = "background"  # the fill that only an answer key has: the scene without its object
CONSTANT, PASTED, LIKE = "constant map", "a part's own pixels, removed", "like occlusion"
PASS = "one forward pass"


def scene_records(lab, some, flips=False):
    """What is known of some games on a net, one plain dict for each scene. flips: with deletion and insertion."""
    ask = part_ablation.question(lab, some)
    right = (lab.logits(ask.images).argmax(1) == ask.targets).tolist()
    records = [
        {
            "scene": game.index,
            "label": game.label,
            "right": ok,
            "shown": game.shown.tolist(),
            "shadow": game.shadow.tolist(),
            "whole": part_ablation.whole(lab, game),
            "effects": part_ablation.effects(lab, game),
            "maps": {},
        }
        for game, ok in zip(some, right, strict=True)
    ]
    heats = {method.name: method.make(ask).detach().double() for method in usable(ask)}
    for name, heat in heats.items():
        place = (
            key.pointing_game(heat, ask.masks),
            key.mass_in_mask(heat, ask.masks),
            rank_accuracy(heat, ask.masks),
        )
        like = likeness(heat, heats["occlusion"])
        areas = flip_areas(lab, ask, heat) if flips else {}
        for i, (record, game) in enumerate(zip(records, some, strict=True)):
            sums = (heat[i] * game.masks).sum((1, 2))  # (players,)
            record["maps"][name] = {
                **{score: float(values[i]) for score, values in zip(PLACE, place, strict=True)},
                LIKE: like[i],
                **{way: float(area[i]) for way, area in areas.items()},
                "sums": sums.tolist(),
                "densities": (sums / game.masks.sum((1, 2)).clamp(min=1)).tolist(),
            }
    return records


def likeness(heat, other):
    """Rank correlation (n,) of maps (n, h, w) with others, cell by cell of STRIDE px, as occlusion steps."""
    return spearman(*(avg_pool2d(values[:, None], STRIDE).flatten(1) for values in (heat, other)))


def flip_areas(lab, ask, heat):
    """{"deletion, grey": area under the curve of the target's probability (n,), ...}: both ways, each fill."""
    fills = {"grey": 0.5, "blurred": blurred(ask.images), TRUE: ask.backgrounds}
    targets = ask.targets.repeat_interleave(FLIPS + 1)
    return {
        f"{way}, {name}": key.flip_pixels(
            lambda images: lab.score(images, targets),
            ask.images,
            heat,
            fill,
            FLIPS,
            way == "insertion",
        ).mean(1)
        for way in ("deletion", "insertion")
        for name, fill in fills.items()
    }


def score_lists(records):
    """{method: {score: [one value for each scene that has it]}}.

    Deletion and insertion are there for the first scenes only; agreement only where every record has the question.
    """
    methods = list(records[0]["maps"])
    found = {
        method: {
            name: [record["maps"][method][name] for record in records if name in record["maps"][method]]
            for name, value in records[0]["maps"][method].items()
            if isinstance(value, float)
        }
        for method in methods
    }
    asked = [q for q in part_ablation.QUESTIONS if all(q in record["effects"] for record in records)]
    for q in asked:
        for unit in part_ablation.UNITS:
            tail = q if unit == "logit" else f"{q}, {unit}"
            truth = [_shown(record, record["effects"][q][unit]) for record in records]
            for method in methods:
                for name, values in (("sum", "sums"), ("density", "densities")):
                    heat = [_shown(record, record["maps"][method][values]) for record in records]
                    found[method][f"{name} {tail}"] = list(map(key.rank_agreement, heat, truth))
            pasted = [_shown(record, record["effects"]["pasted"][unit]) for record in records]
            found.setdefault(PASTED, {})[f"sum {tail}"] = list(map(key.rank_agreement, pasted, truth))
            areas = found[CONSTANT][f"sum {tail}"]
            for scores in found.values():
                scores[f"gain {tail}"] = [a - b for a, b in zip(scores[f"sum {tail}"], areas, strict=True)]
    return found


def rows(records):
    """{method: {score: [mean, low, high]}}, intervals of 95% by bootstrap over the scenes."""
    return {
        method: {name: rounded(key.bootstrap(values)) for name, values in scores.items()}
        for method, scores in score_lists(records).items()
    }


def agreement(records):
    """How well the questions answer each other, in logits: {"remove, keep": [mean, low, high], ...}; how often removing
    a part raises the score; the median share of changed pixels outside the removed part."""
    found = {}
    asked = [
        name for name in (*part_ablation.QUESTIONS, "pasted", "old shadow") if name in records[0]["effects"]
    ]
    for unit in part_ablation.UNITS:
        tail = "" if unit == "logit" else f", {unit}"
        effects = {name: [_shown(r, r["effects"][name][unit]) for r in records] for name in asked}
        for one, other in combinations(asked, 2):
            values = list(map(key.rank_agreement, effects[one], effects[other]))
            found[f"{one} and {other}{tail}"] = rounded(key.bootstrap(values))
        whole = [r["whole"][unit] for r in records]
        for name in part_ablation.QUESTIONS[:2]:
            share = [
                median(map(abs, some)) / abs(all_) for some, all_ in zip(effects[name], whole, strict=True)
            ]
            found[f"{name}: a part's effect over the whole object's, median{tail}"] = round(median(share), 4)
        raised = [sum(e < 0 for e in some) / len(some) for some in effects["remove"]]
        found[f"removals that raise it{tail}"] = rounded(key.bootstrap(raised))
    shares = torch.tensor([pair for r in records for pair in _shown(r, r["shadow"])])
    outside = shares.nanmedian(0).values.tolist()
    found["changed outside the part, median"] = round(outside[0], 4)
    found["the same with the old shadow, median"] = round(outside[1], 4)
    found["net is right"] = round(sum(r["right"] for r in records) / len(records), 4)
    return found


def swaps(records):
    """Pairs of methods whose order the fill decides: [way, a, b, a - b with grey, a - b blurred].

    Both intervals lie apart from 0, on opposite sides.
    """
    found, lists = [], score_lists([r for r in records if "deletion, grey" in r["maps"][CONSTANT]])
    compared = [m for m in lists if m in METHODS and METHODS[m].kind == "method"]
    for way in ("deletion", "insertion"):
        for a, b in combinations(compared, 2):
            pair = [
                key.bootstrap(
                    [x - y for x, y in zip(*(lists[m][f"{way}, {fill}"] for m in (a, b)), strict=True)]
                )
                for fill in FILLS
            ]
            if (pair[0][1] > 0 and pair[1][2] < 0) or (pair[0][2] < 0 and pair[1][1] > 0):
                found.append([way, a, b, *map(rounded, pair)])
    return found


def cost(lab, ask, repeats=9):
    """What a map costs: {method: {"passes": forward passes of the same images, "ms": for one image}}, and one pass.

    One thread, all in turn; the ratio of the medians, and the shortest time.
    """
    jobs = {PASS: lambda: lab.logits(ask.images)}
    jobs |= {
        method.name: lambda method=method: method.make(ask)
        for method in usable(ask)
        if method.kind == "method"
    }
    times, threads = {name: [] for name in jobs}, torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(repeats):
            for name, job in jobs.items():
                start = perf_counter()
                job()
                times[name].append(perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    one, each = median(times[PASS]), 1000 / len(ask.images)
    return {
        name: {"passes": round(median(some) / one, 1), "ms": round(min(some) * each, 2)}
        for name, some in times.items()
    }


def rounded(numbers):
    return [round(number, 4) for number in numbers]


def _shown(record, values):
    """Only of the players that show enough."""
    return [value for value, seen in zip(values, record["shown"], strict=True) if seen]
