"""What each part of an object does to a net's score, measured by rendering: the scenes, the pictures, the effects."""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from lecture_utils import metrics as key
from lecture_utils.checks import check_choice, check_tensor
from lecture_utils.world import CLASSES, render, render_many

from ..methods.heatmaps import Question
from ..methods.measures import log_odds

SIZE, LEAST, PARTS = 112, 12, 4  # px of a side; px that a part must show; parts that a scene must show
QUESTIONS = ("remove", "keep", "shapley")
UNITS = ("logit", "log-odds")
CHANGED = 2 / 255  # a pixel has changed when a colour differs by more


@dataclass(frozen=True, eq=False)
class Game:
    """A scene and the pictures of it with every set of its parts that a question needs.

    index: in the gallery. players: {name: (parts...)}. sets: the parts kept, a list of frozensets; images: float32
    (sets, 3, 112, 112). pasted, old_shadow: (players, 3, 112, 112), each player removed, in pixels of its mask only, or
    with the shadows that it threw. masks: bool (players, 112, 112), what shows of each; mask: of the object.
    """

    index: int
    label: int
    players: dict
    sets: list
    images: torch.Tensor
    pasted: torch.Tensor
    old_shadow: torch.Tensor
    masks: torch.Tensor
    mask: torch.Tensor

    @property
    def image(self):
        """The picture with all parts."""
        return self.images[self.sets.index(max(self.sets, key=len))]

    @property
    def background(self):
        """The same picture without the object."""
        return self.images[self.sets.index(frozenset())]

    @property
    def shown(self):
        """Which players show at least LEAST px, bool (players,)."""
        return self.masks.sum((1, 2)) >= LEAST

    @property
    def shadow(self):
        """Of the pixels that change when a player goes, the share outside its mask: (players, 2), nan for none.

        First as it is, then with the old shadows kept.
        """
        found = []
        everything = max(self.sets, key=len)
        for i, some in enumerate(self.players.values() if len(self.old_shadow) else ()):
            gone = self.images[self.sets.index(everything - set(some))]
            for image in (gone, self.old_shadow[i]):
                changed = ((image - self.image).abs() > CHANGED).any(0)
                outside = (changed & ~self.masks[i]).sum()
                found.append(float(outside / changed.sum()) if changed.any() else float("nan"))
        return torch.tensor(found).view(-1, 2)


def part_sums(heatmap, parts, names, players=None, density=False, least=1):
    """What of a heatmap lies on each part: {name: sum}, only parts that show at least `least` px.

    heatmap: (h, w). parts: integer mask (h, w), value 1 + i = names[i]; 0 = not the object (of two objects, blank the
    other first). players: {name: (parts...)} to join parts. density: the sum divided by the part's pixels: a constant
    map has the sums of the areas, and no order of densities. The map is summed as it is: signed, positive or absolute
    is for the caller to decide, and to say. Errors: ValueError, KeyError.
    """
    check_tensor(heatmap, "heatmap", ("h", "w"))
    check_tensor(parts, "parts", heatmap.shape, "any")
    found, players = {}, players or {name: (name,) for name in names}
    for name, some in players.items():
        values = [1 + list(names).index(check_choice(part, names, "part in players")) for part in some]
        mask = torch.isin(parts.long(), torch.tensor(values, device=parts.device))
        if mask.sum() >= max(least, 1):
            total = heatmap[mask.to(heatmap.device)].double().sum()
            found[name] = float(total / mask.sum()) if density else float(total)
    return found


def chosen(gallery):
    """Indices of the gallery's scenes with at least four players that show at least 12 px, in order."""
    for index in range(len(gallery)):
        masks = SimpleNamespace(parts=gallery.parts[index], objects=gallery.objects[index])
        players = key.players(gallery.scenes[index], SIZE, rendering=masks)
        names = CLASSES[gallery.scenes[index].objects[0].cls].parts
        seen = part_sums(torch.ones(SIZE, SIZE), gallery.parts[index].long(), names, players, least=LEAST)
        if len(seen) >= PARTS:
            yield index


def games(gallery, first, count, exact=True, shadows=True, folder=None):
    """The games of the chosen scenes `first` to first + count - 1, one after another.

    exact: with every set of parts, as Shapley values need; else only those of the other two questions.
    shadows: also each player gone while its shadow stays; else `old_shadow` is empty.
    folder: where rendered pictures are kept, 10 MB a scene, so that another net needs no new ones.
    """
    for index in islice(chosen(gallery), first, first + count):
        scene = gallery.scenes[index]
        masks = SimpleNamespace(parts=gallery.parts[index], objects=gallery.objects[index])
        players = key.players(scene, SIZE, rendering=masks)
        yield _game(gallery, index, scene, players, exact, shadows, folder)


def question(lab, some):
    """The Question about some games."""
    images, masks = (torch.stack([getattr(game, name) for game in some]) for name in ("image", "mask"))
    targets = torch.tensor([game.label for game in some])
    numbers = tuple(game.index for game in some)
    return Question(lab, images, targets, torch.stack([game.background for game in some]), masks, numbers)


def _game(gallery, index, scene, players, exact, shadows, folder):
    everything = frozenset(part for some in players.values() for part in some)
    few = [everything, frozenset()]
    for some in players.values():
        few += [everything - set(some), frozenset(some)]
    sets = key.subsets(players) if exact else list(dict.fromkeys(few))
    names = CLASSES[scene.objects[0].cls].parts
    numbers = [torch.tensor([1 + names.index(part) for part in some]) for some in players.values()]
    masks = torch.stack([torch.isin(gallery.parts[index].long(), some) for some in numbers])
    name = f"{index:04d}-{'all' if exact else 'few'}{'' if shadows else '-plain'}"
    pictures = _rendered(scene, players if shadows else {}, sets, folder, name)
    images, old_shadow = pictures[: len(sets)], pictures[len(sets) :]
    whole = images[sets.index(everything)]
    gone = torch.stack([images[sets.index(everything - set(some))] for some in players.values()])
    pasted = torch.where(masks[:, None], gone, whole)
    label, mask = int(gallery.labels[index]), gallery.objects[index] > 0
    return Game(index, label, players, sets, images, pasted, old_shadow, masks, mask)


def _rendered(scene, players, sets, folder, name):
    """float32 (sets + players, 3, 112, 112): the scene with each set of parts, then each player gone, shadows kept."""
    path = Path(folder) / f"{name}.npy" if folder else None
    if path and path.exists():
        return torch.from_numpy(np.load(path))
    images = [r.image for r in render_many([key.keeping(scene, kept) for kept in sets], SIZE)]
    everything = max(sets, key=len)
    for some in players.values():
        images.append(render(key.keeping(scene, everything - set(some)), SIZE, shadows_from=scene).image)
    images = np.stack(images)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".tmp.npy")
        np.save(temporary, images)
        temporary.replace(path)
    return torch.from_numpy(images)


def effects(lab, game):
    """{question: {unit: [effect of each player]}}; questions are QUESTIONS (Shapley where all sets are there), and
    "pasted" and "old shadow", two other ways to remove."""
    pictures = torch.cat([game.images, game.pasted, game.old_shadow])
    logits = lab.logits(pictures).double()
    scores = {"logit": logits[:, game.label], "log-odds": log_odds(logits, game.label)}
    exact = len(game.sets) == 2 ** len(game.players)
    asked = QUESTIONS[: 3 if exact else 2]
    others = ("pasted", "old shadow")[: 2 if len(game.old_shadow) else 1]
    found = {question: {} for question in (*asked, *others)}
    n, m = len(game.sets), len(game.players)
    for unit, score in scores.items():
        values = dict(zip(game.sets, score[:n].tolist(), strict=True))
        for question in asked:
            found[question][unit] = list(key.effects(values, game.players, question).values())
        whole = values[max(game.sets, key=len)]
        for i, other in enumerate(others):
            found[other][unit] = (whole - score[n + i * m : n + (i + 1) * m]).tolist()
    return found


def whole(lab, game):
    """{unit: what the object as a whole adds to the score}: the picture's score minus its background's."""
    logits = lab.logits(torch.stack([game.image, game.background])).double()
    scores = {"logit": logits[:, game.label], "log-odds": log_odds(logits, game.label)}
    return {unit: float(score[0] - score[1]) for unit, score in scores.items()}
