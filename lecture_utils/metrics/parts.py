"""What each part of an object does to a score, found by rendering the scene again; and a heatmap's sums over parts.

A part's effect is the answer to a question, and there are several (Covert, Lundberg, Lee 2021, call this the removal):

    remove    score(scene) - score(scene without the part): what is lost when it alone goes
    keep      score(scene with only the part) - score(scene without the object): what it says alone
    shapley   the mean over all orders in which the parts can come in, of what its coming adds (Shapley 1953);
              these sum to score(scene) - score(scene without the object)

Each is positive where the part speaks for the class. Removing one of two eyes costs little while the other is there, so
twins are also taken together.
"""

from itertools import combinations
from math import factorial

import torch

from ..checks import check_choice, check_count, check_index, near_miss

QUESTIONS = ("remove", "keep", "shapley")
REST = "the rest"


def part_effects(score, scene, size=112, question="remove", object=0, parts=None, render=None):
    """The effect of each part on a score: {part: change of score}, positive where the part adds to it.

    score: a function from images (n, 3, h, w) to numbers (n,), such as the logit or the log-odds of a class.
    scene: something with .objects[i].parts, .groups, .missing, and .without(part, object), .render(size).
    question: "remove", "keep" or "shapley", see the module. object: which object, counted from 0.
    parts: {name: (parts...)}; None takes every part that shows at least 12 px, and groups of them; for "shapley", whose
    cost is 2^n renders, the at most six of `players`. render: a function from scenes to images, when there is a faster
    one than one scene after the other.
    Errors: ValueError, KeyError. Source: Shapley (1953), here computed exactly over all subsets.
    """
    check_choice(question, QUESTIONS, "question")
    thing = _thing(scene, object)
    if parts is None:
        parts = players(scene, size, object) if question == "shapley" else _named(scene, size, object)
    everything = frozenset(_present(thing))
    needed = _needed(parts, everything, question)
    scenes = [keeping(scene, kept, object) for kept in needed]
    images = render(scenes) if render else torch.stack([_image(each, size) for each in scenes])
    values = torch.as_tensor(score(images)).detach()
    if values.shape != (len(images),) or not torch.isfinite(values).all():
        raise ValueError(
            f"score: expected {len(images)} finite numbers ({len(images)},), one for each image, got "
            f"shape {tuple(values.shape)}"
        )
    return effects(dict(zip(needed, values.double().tolist(), strict=True)), parts, question)


def effects(values, parts, question):
    """The same from scores that are there already.

    values: {frozenset of the parts kept: score}. parts: {name: (parts...)}; for "shapley" no part in two of them.
    Errors: KeyError for another question, or a set of parts without a score; ValueError.
    """
    check_choice(question, QUESTIONS, "question")
    if not isinstance(values, dict) or not values:
        raise ValueError(f"values: expected {{frozenset of parts: score}}, got {type(values).__name__}")
    lacking = [kept for kept in _needed(parts, max(values, key=len), question) if kept not in values]
    if lacking:
        raise KeyError(f"values: no score of the scene with {sorted(lacking[0])} only")
    everything, nothing = max(values, key=len), frozenset()
    members = {name: frozenset(some) for name, some in parts.items()}
    if question == "remove":
        return {name: values[everything] - values[everything - some] for name, some in members.items()}
    if question == "keep":
        return {name: values[some] - values[nothing] for name, some in members.items()}
    n, found = len(parts), {}
    for name, some in members.items():
        others = [other for other in members.values() if other is not some]
        found[name] = 0.0
        for count in range(n):
            weight = factorial(count) * factorial(n - 1 - count) / factorial(n)
            for chosen in combinations(others, count):
                there = nothing.union(*chosen)
                found[name] += weight * (values[there | some] - values[there])
    return found


def players(scene, size=112, object=0, most=6, least=12, rendering=None):
    """The parts of an object as at most `most` players: {name: (parts...)}, every part in exactly one.

    Twins (the groups of the class: ears, eyes, wheels) are one player. Where there are more than `most`, or some show
    fewer than `least` px, the largest keep their names and the others together are "the rest": so the players' Shapley
    values still sum to the whole, and 2^most renders are enough.
    rendering: the scene's masks (.parts, .objects), where they are there already.
    """
    thing = _thing(scene, object)
    check_count(most, "most"), check_count(least, "least", 0)
    group_of = {part: group for group, some in thing.groups.items() for part in some}
    found = {}
    for part in _present(thing):
        found.setdefault(group_of.get(part, part), []).append(part)
    shown = _visible(scene, size, object, found, rendering)
    order = sorted(found, key=lambda name: -shown[name])  # stable: equal ones stay in the class's order
    large = [name for name in order if shown[name] >= least]
    kept = set(order) if len(large) == len(order) <= most else set(large[: most - 1])
    rest = [name for name in found if name not in kept]
    if len(rest) == 1:
        kept, rest = set(found), []
    named = {name: tuple(some) for name, some in found.items() if name in kept}
    return named | ({REST: tuple(part for name in rest for part in found[name])} if rest else {})


def subsets(parts):
    """Every set of parts that can be kept: 2^n frozensets of part names. parts: {name: (parts...)}."""
    some = list(parts.values())
    return [
        frozenset(part for each in chosen for part in each)
        for count in range(len(some) + 1)
        for chosen in combinations(some, count)
    ]


def keeping(scene, kept, object=0):
    """The scene with only these parts of an object. Errors: KeyError for a part that it does not have."""
    if isinstance(kept, str):
        raise ValueError(f"kept: expected a collection of parts, got {kept!r}: use [{kept!r}]")
    thing = _thing(scene, object)
    for part in kept:
        check_choice(part, thing.parts, "kept")
    for part in _present(thing):
        if part not in kept:
            scene = scene.without(part, object=object)
    return scene


def part_sums(heatmap, parts, names, players=None, density=False, least=1):
    """What of a heatmap lies on each part: {name: sum}, only parts that show at least `least` px.

    heatmap: (h, w). parts: integer mask (h, w), value 1 + i = names[i]; 0 = not the object (of two objects, blank the
    other first). players: {name: (parts...)} to join parts. density: the sum divided by the part's pixels: a constant
    map has the sums of the areas, and no order of densities. The map is summed as it is: signed, positive or absolute
    is for the caller to decide, and to say.
    """
    check_count(least, "least", 0)
    for name, given in (("heatmap", heatmap), ("parts", parts)):
        if not isinstance(given, torch.Tensor):
            raise ValueError(f"{name}: expected a tensor (h, w), got {type(given).__name__}")
    if not torch.isfinite(heatmap).all():
        raise ValueError("heatmap: expected finite values, got NaN or infinity")
    if heatmap.shape != parts.shape or heatmap.ndim != 2:
        raise ValueError(f"heatmap: expected {tuple(parts.shape)} as parts, got {tuple(heatmap.shape)}")
    names, found = list(names), {}
    unknown = {part for some in (players or {}).values() for part in some} - set(names)
    if unknown:
        raise near_miss(sorted(unknown)[0], names, "part in players")
    for name, some in (players or {name: (name,) for name in names}).items():
        wanted = torch.tensor([1 + names.index(part) for part in some], device=parts.device)
        mask = torch.isin(parts.long(), wanted)
        if mask.sum() >= max(least, 1):
            total = heatmap[mask.to(heatmap.device)].double().sum()
            found[name] = float(total / mask.sum()) if density else float(total)
    return found


def _thing(scene, object):
    if not hasattr(scene, "objects"):
        raise ValueError(f"scene: expected a scene with .objects, got {type(scene).__name__}")
    return scene.objects[check_index(object, len(scene.objects), "object")]


def _present(thing):
    return [part for part in thing.parts if part not in thing.missing]


def _visible(scene, size, object, parts, rendering=None):
    """Pixels that show each player: {name: px}."""
    thing, rendering = _thing(scene, object), rendering or scene.render(size)
    mask = torch.as_tensor(rendering.parts).long() * (torch.as_tensor(rendering.objects) == 1 + object)
    count = torch.bincount(mask.flatten(), minlength=1 + len(thing.parts)).tolist()
    return {name: sum(count[1 + thing.parts.index(part)] for part in some) for name, some in parts.items()}


def _named(scene, size, object, least=12):
    """Every part of at least `least` px by its name, then the groups that have two such parts."""
    thing = _thing(scene, object)
    single = {part: (part,) for part in _present(thing)}
    shown = _visible(scene, size, object, single)
    single = {part: some for part, some in single.items() if shown[part] >= least}
    groups = {name: tuple(part for part in some if part in single) for name, some in thing.groups.items()}
    return single | {name: some for name, some in groups.items() if len(some) > 1}


def _needed(parts, everything, question):
    """Which sets of parts have to be scored."""
    if not isinstance(parts, dict) or not parts:
        raise ValueError(f"parts: expected {{name: (parts...)}}, got {parts!r}")
    members = [frozenset(some) for some in parts.values()]
    unknown = sorted(frozenset().union(*members) - everything)
    if unknown:
        raise near_miss(unknown[0], sorted(everything), "part in parts")
    if question == "remove":
        return list(dict.fromkeys([everything, *(everything - some for some in members)]))
    if question == "keep":
        return list(dict.fromkeys([everything, frozenset(), *members]))
    if sum(map(len, members)) != len(everything) or frozenset().union(*members) != everything:
        raise ValueError("parts: for Shapley values each part of the object must be in exactly one player")
    if len(members) > 10:
        raise ValueError(f"parts: {len(members)} players need {2 ** len(members)} renders; at most 10")
    return subsets(parts)


def _image(scene, size):
    return torch.as_tensor(scene.render(size).image)
