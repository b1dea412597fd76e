"""Completions of studio pictures by the shipped PixelCNN.  python -m experiments completions

Drawing 3,072 values one after another takes a while, so the pictures of notebook 10's explorer were drawn before.
Results: data/results/completions.json with what each costs, and the pictures themselves as one PNG, nothing lost, in
data/synthesis/completions/studio.png. Some minutes on one core. Nothing is written until the end.
"""

import argparse
import json
import sys
from math import log
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from lecture_utils import datasets, models, store
from lecture_utils.generative.autoregressive import pick
from lecture_utils.hooks import eval_mode
from lecture_utils.progress import progress

COMMAND = "python -m experiments completions"
FILE, SHEET = "results/completions.json", "synthesis/completions/studio.png"
MANY = 6  # completions of each kind
ROWS, TEMPERATURES, DRAWS = (8, 12, 16, 20, 24), (0.5, 0.75, 1.0, 1.25), 1  # of what ships


class Completions(NamedTuple):
    """What was drawn for some numbers of given rows, some temperatures, and some pictures.

    pixels: uint8 (draws, rows, temperatures, pictures, MANY, c, h, w), levels. bits: the same without c, h, w: what the
    missing part costs at temperature 1, bits for each value.
    """

    rows: tuple
    temperatures: tuple
    pixels: torch.Tensor
    bits: torch.Tensor

    def at(self, picture, rows, temperature, draw):
        """LongTensor (MANY, c, h, w) and a list of MANY numbers. picture: its index; draw: 1, 2, ..."""
        near = min(range(len(self.temperatures)), key=lambda k: abs(self.temperatures[k] - temperature))
        place = draw - 1, self.rows.index(rows), near, picture
        return self.pixels[place].long(), self.bits[place].tolist()


def complete(model, given, rows, temperatures, draws):
    """Draw what lies below the first rows, row by row: yields (pictures so far, bits for each value so far) each time.

    model: a `generative.Autoregressive`. given: LongTensor (n, c, h, w). rows: how many are given, or (n,) of them, one
    for each picture. temperatures, draws: (n,), and uniform numbers (n, c, h, w) that pick the levels. The bits, (n,),
    are the model's own at temperature 1.
    What `model.sample` does, for a temperature and a border each picture, and with a break after each row.
    """
    x, h = given.clone().to(model.device), given.shape[2]
    rows = torch.as_tensor(rows, device=x.device).expand(len(x))
    x[(torch.arange(h, device=x.device) >= rows[:, None])[:, None, :, None].expand_as(x)] = 0
    nats, heat, draws = (
        torch.zeros(len(x), dtype=torch.float64),
        temperatures[:, None].to(x.device),
        draws.to(x.device),
    )
    with torch.no_grad(), eval_mode(model):
        conditional = model.cached_sampler(x)
    for row in range(h):
        drawn = row >= rows  # (n,)
        with torch.no_grad(), eval_mode(model):  # nothing stays changed between two rows
            conditional.begin(row)
            for column in range(x.shape[3]):
                for channel in range(x.shape[1]) if drawn.any() else ():
                    logits = conditional(row, column, channel)  # (n, levels)
                    known, chosen = (
                        x[:, channel, row, column],
                        pick(logits / heat, draws[:, channel, row, column]),
                    )
                    x[:, channel, row, column] = chosen = torch.where(drawn, chosen, known)
                    cost = logits.double().log_softmax(1).gather(1, chosen[:, None])[:, 0]
                    nats -= torch.where(drawn, cost, 0).cpu()
                conditional.done(row, column)
        if drawn.any():
            missing = (row + 1 - rows).clamp(min=1).cpu() * x[0, :, 0].numel()  # values drawn so far, of each
            yield x.to(given.device, copy=True), nats / log(2) / missing


@torch.no_grad()
def true_bits(model, pixels):
    """What each row of some pictures costs, given all before it: (n, h), bits for each value."""
    with eval_mode(model):
        ways = torch.cat([model.logits(some) for some in pixels.split(16)]).double().log_softmax(1)
    return -ways.gather(1, pixels[:, None])[:, 0].mean((1, 3)) / log(2)


def uniform(shape, seed):
    """MANY sets of uniform numbers, float64 (MANY, *shape): as `Autoregressive.sample` draws them with this seed."""
    return torch.rand(MANY, *shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def drawn(model, pixels, rows, temperatures, draws=1):
    """All `Completions` of some pictures, LongTensor (n, c, h, w); a progress bar."""
    n, shape, heat = len(pixels), tuple(pixels.shape[1:]), torch.tensor(temperatures, dtype=torch.float64)
    kinds = len(heat) * n  # temperatures, and in each the pictures, and of each MANY
    given = pixels.repeat_interleave(MANY, 0).repeat(len(heat), 1, 1, 1)
    found, costs = [], []
    for seed, some in progress([(s, r) for s in range(1, draws + 1) for r in rows], "drawing completions"):
        numbers = uniform(shape, seed).repeat(kinds, 1, 1, 1)
        *_, (x, bits) = complete(model, given, some, heat.repeat_interleave(n * MANY), numbers)
        found.append(x.byte()), costs.append(bits.float())
    form = draws, len(rows), len(heat), n, MANY
    return Completions(
        tuple(rows),
        tuple(temperatures),
        torch.stack(found).view(*form, *shape),
        torch.stack(costs).view(form),
    )


def studio_pictures(levels):
    """The first test picture of each class, LongTensor (6, 3, 32, 32) with so many levels, and their names."""
    studio = datasets.load("studio")
    first = [studio.test.labels.tolist().index(n) for n in range(len(studio.classes))]
    return datasets.quantised(studio.test.pixels[first], levels), list(studio.classes)


def save(found, levels):
    """Write the pictures, and return what the results say of them."""
    *form, c, h, w = found.pixels.shape
    sheet = found.pixels.reshape(-1, form[-2] * form[-1], c, h, w).permute(
        0, 3, 1, 4, 2
    )  # a line a temperature
    sheet = sheet.reshape(-1, form[-2] * form[-1] * w, c).numpy() * (255 // (levels - 1))
    path = store.data_dir() / SHEET
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(path, optimize=True)
    bits = [round(value, 4) for value in found.bits.flatten().tolist()]
    return {
        "rows": found.rows,
        "temperatures": found.temperatures,
        "form": form,
        "levels": levels,
        "bits": bits,
    }


def load():
    """The shipped `Completions` of `studio_pictures`. Errors: store.DamagedData."""
    facts = json.loads(store.read_verified(FILE))
    with Image.open(store.verified_path(SHEET)) as image:
        sheet = torch.from_numpy(np.array(image)) // (255 // (facts["levels"] - 1))
    form, side = facts["form"], sheet.shape[1] // (facts["form"][-2] * facts["form"][-1])
    tiles = sheet.view(-1, side, form[-2] * form[-1], side, 3).permute(0, 2, 4, 1, 3)
    bits = torch.tensor(facts["bits"]).view(form)
    return Completions(
        tuple(facts["rows"]), tuple(facts["temperatures"]), tiles.reshape(*form, 3, side, side), bits
    )


def main(argv=None):
    argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0]).parse_args(argv)
    model = models.load("studio-pixelcnn")
    pixels, names = studio_pictures(model.levels)
    try:
        found = drawn(model, pixels, ROWS, TEMPERATURES, DRAWS)
    except KeyboardInterrupt:
        print("\nstopped; nothing is written", file=sys.stderr)
        return 130
    facts = {
        "command": COMMAND,
        "weights": models.card("studio-pixelcnn")["weights"]["sha256"],
        "pictures": names,
    }
    path = store.write_json(store.data_dir() / FILE, facts | save(found, model.levels))
    print(f"{path}; now run python -m lecture_utils.store --write")
    return 0
