"""A photograph in a style, for five weights of the style and four choices of layers.

python -m experiments style_mixer

The pictures of notebook 08's explorer. Made at 384 px, which takes seconds each, and shipped at 256 px.
Results: data/results/style_mixer.json, and the pictures in data/synthesis/style_mixer: a sheet for each pair, one row
for each choice of layers, one column for each weight. Stop it whenever you like: it goes on with what is missing.
"""

import numpy as np
import torch
from PIL import Image

from lecture_utils import models, synthesis as syn
from lecture_utils.photographs import open_image, shipped_file
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

from ..experiment import Experiment, write_results
from ..files import read_json, write_json
from ..methods.average_pooling import with_average_pooling

FOLDER = "synthesis/style_mixer"
NET, CONTENT = "alex", "relu3"
MADE, SIDE = 384, 256  # px
PAIRS = {"china as coffee": ("china", "coffee"), "astronaut as flower": ("astronaut", "flower")}
DEPTHS = {
    "1": ("relu1",),
    "1 to 2": ("relu1", "relu2"),
    "1 to 3": ("relu1", "relu2", "relu3"),
    "1 to 4": ("relu1", "relu2", "relu3", "relu4"),
}
WEIGHTS = (1 / 9, 1 / 3, 1, 3, 9)  # of the style, relative to CONTENT_WEIGHT
CONTENT_WEIGHT = 0.5
RECIPE = {"steps": 100, "octaves": 3, "start": "content", "lr": 0.03, "tv": 10.0, "jitter": 7, "seed": 0}
QUALITY = 85


def photograph(name, side=MADE):
    """One of the photographs that come with the libraries, its middle square, (1, 3, side, side) in [0, 1]."""
    image = open_image(shipped_file(name))
    half = min(image.size) / 2
    x, y = image.width / 2, image.height / 2
    square = image.crop((round(x - half), round(y - half), round(x + half), round(y + half)))
    pixels = np.asarray(square.resize((side, side), Image.Resampling.LANCZOS), np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def mixed(net, pair, depth, weight, side=MADE):
    """`stylize` for a pair of PAIRS, a depth of DEPTHS and a weight: what it gives, a `Styled`."""
    content, style = (photograph(name, side) for name in PAIRS[pair])
    layers = dict.fromkeys(DEPTHS[depth], 1)
    return syn.stylize(net, content, style, CONTENT, layers, content_weight=CONTENT_WEIGHT / weight, **RECIPE)


def usual_net():
    """The net that the pictures are made with: its pooling takes the mean."""
    return with_average_pooling(models.load(NET))


def all_losses(net, image, pair):
    """What is left of the content, and of the style with the layers of every depth: both as shares, {name: loss}.

    The same yardstick for all pictures of a pair, whichever layers they were made with.
    """
    content, style = (photograph(name, image.shape[-1]) for name in PAIRS[pair])
    layers = dict.fromkeys(DEPTHS["1 to 4"], 1)
    left = syn.stylize(
        net, content, style, CONTENT, layers, **RECIPE | {"steps": 0, "start": image, "octaves": 1}
    )
    return {name: round(float(loss), 4) for name, loss in left.losses.items()}


def make(folder):
    """Each picture that is missing in the folder, and its numbers beside it."""
    net = usual_net()
    for pair, (content, _) in PAIRS.items():
        write_json(folder / f"{pair}.json", all_losses(net, photograph(content), pair))
    jobs = [(p, d, w) for p in PAIRS for d in DEPTHS for w in WEIGHTS]
    for pair, depth, weight in progress(jobs, "stylizing"):
        path = folder / f"{pair}, {depth}, {weight:.3g}.png"
        if path.exists():
            continue
        image = mixed(net, pair, depth, weight).images
        numbers = all_losses(net, image, pair)
        write_json(path.with_suffix(".json"), numbers)
        pixels = (255 * image[0]).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(path)


def collect(folder, out):
    """The pictures of the folder as one sheet a pair below `out`; their numbers.

    {"losses": {pair: {depth: [of each weight]}}, "photographs": {pair: of the photograph itself}}
    """
    facts, bare = {}, {}
    for pair in PAIRS:
        bare[pair] = read_json(folder / f"{pair}.json")
        sheet = Image.new("RGB", (SIDE * len(WEIGHTS), SIDE * len(DEPTHS)))
        facts[pair] = {depth: [] for depth in DEPTHS}
        for row, depth in enumerate(DEPTHS):
            for column, weight in enumerate(WEIGHTS):
                path = folder / f"{pair}, {depth}, {weight:.3g}.png"
                sheet.paste(Image.open(path), (column * SIDE, row * SIDE))
                facts[pair][depth].append(read_json(path.with_suffix(".json")))
        file = out / FOLDER / f"{pair.replace(' ', '_')}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(file, quality=QUALITY, subsampling=0)
    return {"losses": facts, "photographs": bare}


def run(out):
    """Make what is missing in the cache, then write results and sheets; the path of the results."""
    folder = cache_dir() / "style_mixer"
    make(folder)
    usual = {
        "net": NET,
        "weights": models.card(NET)["weights"]["sha256"],
        "pooling": "average",
        "content layer": CONTENT,
        "content weight": CONTENT_WEIGHT,
        "style weights": WEIGHTS,
        "recipe": RECIPE,
        "made at": MADE,
    }
    return write_results(out, "style_mixer", usual | collect(folder, out))


EXPERIMENT = Experiment(
    makes=("results/style_mixer.json", "synthesis/style_mixer/*"),
    takes="an hour",
    run=run,
    goes_on="with what is missing",
)
