"""What each part of an object does to a score, found by rendering the scene again.

A part's effect is the answer to a question, and there are several (Covert, Lundberg, Lee 2021, call this the removal):

    remove    score(scene) - score(scene without the part): what is lost when it alone goes
    keep      score(scene with only the part) - score(scene without the object): what it says alone
    shapley   the mean over all orders in which the parts can come in, of what its coming adds (Shapley 1953);
              these sum to score(scene) - score(scene without the object)

Each is positive where the part speaks for the class. Removing one of two eyes costs little while the other is there, so
twins are also taken together. Everywhere `parts` is {name: (parts...)}, and `scene` something with
.objects[i].parts, .groups, .missing, and .without(part, object), .render(size); `object` says which, from 0.
"""

from collections.abc import Callable, Collection
from itertools import combinations
from math import factorial
from typing import Any

import torch
from torch import Tensor

from ..checks import check_choice, check_count, check_index, near_miss
from .pixels import scores_of

QUESTIONS = ("remove", "keep", "shapley")
REST = "the rest"
LEAST = 12  # px: parts that show fewer are not asked for alone
Parts = dict[str, Collection[str]]
Score = Callable[[Tensor], Tensor]


def part_effects(
    score: Score,
    scene: Any,
    size: int = 112,
    question: str = "remove",
    object: int = 0,
    parts: Parts | None = None,
    render: Callable[[list], Tensor] | None = None,
) -> dict[str, float]:
    """The effect of each part on a score: {part: change of score}, positive where the part adds to it.

    score: a function from images (n, 3, h, w) to numbers (n,), such as the logit or the log-odds of a class.
    question: "remove", "keep" or "shapley", see the module.
    parts: None takes every part that shows at least 12 px, and groups of them; for "shapley", whose cost is 2^n
    renders, the at most six of `players`. render: a function from scenes to images, when there is a faster one than one
    scene after the other.
    Errors: ValueError, KeyError. Source: Shapley (1953), here computed exactly over all subsets.
    """
    check_choice(question, QUESTIONS, "question")
    thing, size = _thing(scene, object), check_count(size, "size")
    if render is not None and not callable(render):
        raise ValueError(f"render: expected a function from scenes to images, got {render!r}")
    if parts is None:
        parts = players(scene, size, object) if question == "shapley" else _named(scene, size, object)
    needed = _needed(parts, frozenset(_present(thing)), question)
    scenes = [keeping(scene, kept, object) for kept in needed]
    images = (
        render(scenes) if render else torch.stack([torch.as_tensor(s.render(size).image) for s in scenes])
    )
    values = scores_of(score, images).double().tolist()
    return effects(dict(zip(needed, values, strict=True)), parts, question)


def effects(values: dict[frozenset, float], parts: Parts, question: str) -> dict[str, float]:
    """The same from scores that are there already.

    values: {frozenset of the parts kept: score}. For "shapley" no part stands in two of `parts`.
    Errors: KeyError for another question, or a set of parts without a score; ValueError.
    """
    check_choice(question, QUESTIONS, "question")
    if not isinstance(values, dict) or not values:
        raise ValueError(f"values: expected {{frozenset of parts: score}}, got {type(values).__name__}")
    everything, nothing = max(values, key=len), frozenset()
    lacking = [kept for kept in _needed(parts, everything, question) if kept not in values]
    if lacking:
        raise KeyError(f"values: no score of the scene with {sorted(lacking[0])} only")
    members = {name: frozenset(some) for name, some in parts.items()}
    if question == "remove":
        return {name: values[everything] - values[everything - some] for name, some in members.items()}
    if question == "keep":
        return {name: values[some] - values[nothing] for name, some in members.items()}
    return {name: _shapley(values, name, members) for name in members}


def _shapley(values, name, members):
    """The mean over all orders in which the parts come in, of what this one's coming adds."""
    n, part, total = len(members), members[name], 0.0
    others = [some for other, some in members.items() if other != name]
    for count in range(n):
        # The share of orders with just `chosen` before it.
        weight = factorial(count) * factorial(n - 1 - count) / factorial(n)
        for chosen in combinations(others, count):
            there = frozenset().union(*chosen)
            total += weight * (values[there | part] - values[there])
    return total


def players(
    scene: Any, size: int = 112, object: int = 0, most: int = 6, least: int = LEAST, rendering: Any = None
) -> dict[str, tuple[str, ...]]:
    """The parts of an object as at most `most` players: {name: (parts...)}, every part in exactly one.

    Twins (the groups of the class: ears, eyes, wheels) are one player. Where there are more than `most`, or some show
    fewer than `least` px, the largest keep their names and the others together are "the rest": so the players' Shapley
    values still sum to the whole, and 2^most renders are enough.
    rendering: the scene's masks (.parts, .objects), where they are there already. Errors: ValueError.
    """
    thing = _thing(scene, object)
    most, least = check_count(most, "most"), check_count(least, "least", 0)
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


def subsets(parts: Parts) -> list[frozenset]:
    """Every set of parts that can be kept: 2^n frozensets of part names. Errors: ValueError."""
    members = _members(parts)
    counts = range(len(members) + 1)
    return [frozenset().union(*chosen) for count in counts for chosen in combinations(members, count)]


def keeping(scene: Any, kept: Collection[str], object: int = 0) -> Any:
    """The scene with only these parts of an object. Errors: KeyError for a part that it does not have; ValueError."""
    thing = _thing(scene, object)
    for part in _names(kept, "kept"):
        check_choice(part, thing.parts, "kept")
    for part in _present(thing):
        if part not in kept:
            scene = scene.without(part, object=object)
    return scene


def _names(given, name):
    """A collection of names. Errors: ValueError."""
    if isinstance(given, str) or not isinstance(given, Collection):
        hint = f": use [{given!r}]" if isinstance(given, str) else ""
        raise ValueError(f"{name}: expected a collection of parts, got {given!r}{hint}")
    return given


def _members(parts, name="parts"):
    """The parts of each name, a list of frozensets. Errors: ValueError."""
    if not isinstance(parts, dict) or not parts:
        raise ValueError(f"{name}: expected {{name: (parts...)}}, got {parts!r}")
    return [frozenset(_names(some, name)) for some in parts.values()]


def _thing(scene, object):
    if not hasattr(scene, "objects"):
        raise ValueError(f"scene: expected a scene with .objects, got {type(scene).__name__}")
    return scene.objects[check_index(object, len(scene.objects), "object")]


def _present(thing):
    return [part for part in thing.parts if part not in thing.missing]


def _visible(scene, size, object, parts, rendering=None):
    """Pixels that show each player: {name: px}."""
    thing, rendering = _thing(scene, object), rendering or scene.render(check_count(size, "size"))
    if not hasattr(rendering, "parts"):
        raise ValueError(f"rendering: expected masks .parts and .objects, got {type(rendering).__name__}")
    mask = torch.as_tensor(rendering.parts).long() * (torch.as_tensor(rendering.objects) == 1 + object)
    count = torch.bincount(mask.flatten(), minlength=1 + len(thing.parts)).tolist()
    return {name: sum(count[1 + thing.parts.index(part)] for part in some) for name, some in parts.items()}


def _named(scene, size, object):
    """Every part of at least 12 px by its name, then the groups that have two such parts."""
    thing = _thing(scene, object)
    single = {part: (part,) for part in _present(thing)}
    shown = _visible(scene, size, object, single)
    single = {part: some for part, some in single.items() if shown[part] >= LEAST}
    groups = {name: tuple(part for part in some if part in single) for name, some in thing.groups.items()}
    return single | {name: some for name, some in groups.items() if len(some) > 1}


def _needed(parts, everything, question):
    """Which sets of parts have to be scored."""
    members = _members(parts)
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
