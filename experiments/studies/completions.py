"""Completions of studio pictures by the shipped PixelCNN.  python -m experiments completions

Drawing 3,072 values one after another takes a while, so the pictures of notebook 10's explorer were drawn before.
Results: data/results/completions.json with what each costs, and the pictures themselves as one PNG, nothing lost, in
data/synthesis/completions/studio.png. Some minutes on one core. Nothing is written until the end.
"""

import torch
from PIL import Image

from lecture_utils import models
from lecture_utils.explorers.completion import SHEET, studio_pictures
from lecture_utils.generative.completion import MANY, Completions, complete, uniform
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results

ROWS, TEMPERATURES, DRAWS = (8, 12, 16, 20, 24), (0.5, 0.75, 1.0, 1.25), 1  # of what ships


def drawn(model, pixels, rows, temperatures, draws=1):
    """All `Completions` of some pictures, LongTensor (n, c, h, w); a progress bar."""
    n, shape, heat = len(pixels), tuple(pixels.shape[1:]), torch.tensor(temperatures, dtype=torch.float64)
    kinds = len(heat) * n  # temperatures, and in each the pictures, and of each MANY
    given = pixels.repeat_interleave(MANY, 0).repeat(len(heat), 1, 1, 1)
    found, costs = [], []
    for seed, some in progress([(s, r) for s in range(1, draws + 1) for r in rows], "drawing completions"):
        numbers = uniform(shape, seed).repeat(kinds, 1, 1, 1)
        *_, (x, bits) = complete(model, given, some, heat.repeat_interleave(n * MANY), numbers)
        found.append(x.byte())
        costs.append(bits.float())
    form = draws, len(rows), len(heat), n, MANY
    drawn, costs = torch.stack(found).view(*form, *shape), torch.stack(costs).view(form)
    return Completions(tuple(rows), tuple(temperatures), drawn, costs)


def save(found, levels, out):
    """Write the pictures below `out`, and return what the results say of them."""
    *form, c, h, w = found.pixels.shape
    sheet = found.pixels.reshape(-1, form[-2] * form[-1], c, h, w).permute(
        0, 3, 1, 4, 2
    )  # a line a temperature
    sheet = sheet.reshape(-1, form[-2] * form[-1] * w, c).numpy() * (255 // (levels - 1))
    path = out / SHEET
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


def run(out):
    """Draw everything, then write results and pictures; the path of the results."""
    model = models.load("studio-pixelcnn")
    pixels, names = studio_pictures(model.levels)
    found = drawn(model, pixels, ROWS, TEMPERATURES, DRAWS)
    facts = {"weights": models.card("studio-pixelcnn")["weights"]["sha256"], "pictures": names}
    return write_results(out, "completions", facts | save(found, model.levels, out))


EXPERIMENT = Experiment(
    makes=("results/completions.json", "synthesis/completions/*"), takes="5 minutes", run=run
)
