"""A photograph in a style, for five weights of the style and four choices of layers.

    python -m experiments style_mixer

The pictures of notebook 08's explorer. Made at 384 px, which takes seconds each, and shipped at 256 px.
Results: data/results/style_mixer.json, and the pictures in data/synthesis/style_mixer: a sheet for each pair, one row
for each choice of layers, one column for each weight. Stop it whenever you like: it goes on with what is missing.
"""

import argparse
import json
import sys

from PIL import Image

from lecture_utils import models, store, synthesis as syn
from lecture_utils.explorers.style_mixer import DEPTHS, FOLDER, MADE, PAIRS, SIDE, photograph
from lecture_utils.progress import progress
from lecture_utils.store import cache_dir

COMMAND = "python -m experiments style_mixer"
FILE = "results/style_mixer.json"
NET, CONTENT = "alex", "relu3"
WEIGHTS = (1 / 9, 1 / 3, 1, 3, 9)  # of the style, relative to CONTENT_WEIGHT
CONTENT_WEIGHT = 0.5
RECIPE = {"steps": 100, "octaves": 3, "start": "content", "lr": 0.03, "tv": 10.0, "jitter": 7, "seed": 0}
QUALITY = 85


def mixed(net, pair, depth, weight, side=MADE):
    """`stylize` for a pair of PAIRS, a depth of DEPTHS and a weight: what it gives, a `Styled`."""
    content, style = (photograph(name, side) for name in PAIRS[pair])
    layers = dict.fromkeys(DEPTHS[depth], 1)
    return syn.stylize(net, content, style, CONTENT, layers, content_weight=CONTENT_WEIGHT / weight, **RECIPE)


def usual_net():
    """The net that the pictures are made with: its pooling takes the mean."""
    return syn.with_average_pooling(models.load(NET))


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
        store.write_json(folder / f"{pair}.json", all_losses(net, photograph(content), pair))
    jobs = [(p, d, w) for p in PAIRS for d in DEPTHS for w in WEIGHTS]
    for pair, depth, weight in progress(jobs, "stylizing"):
        path = folder / f"{pair}, {depth}, {weight:.3g}.png"
        if path.exists():
            continue
        image = mixed(net, pair, depth, weight).images
        numbers = all_losses(net, image, pair)
        store.write_json(path.with_suffix(".json"), numbers)
        pixels = (255 * image[0]).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(path)


def collect(folder):
    """The pictures of the folder as one sheet a pair in the data folder; their numbers.

    {"losses": {pair: {depth: [of each weight]}}, "photographs": {pair: of the photograph itself}}
    """
    facts, bare = {}, {}
    for pair in PAIRS:
        bare[pair] = _numbers(folder / f"{pair}.json")
        sheet = Image.new("RGB", (SIDE * len(WEIGHTS), SIDE * len(DEPTHS)))
        facts[pair] = {depth: [] for depth in DEPTHS}
        for row, depth in enumerate(DEPTHS):
            for column, weight in enumerate(WEIGHTS):
                path = folder / f"{pair}, {depth}, {weight:.3g}.png"
                sheet.paste(Image.open(path), (column * SIDE, row * SIDE))
                facts[pair][depth].append(_numbers(path.with_suffix(".json")))
        file = store.data_dir() / FOLDER / f"{pair.replace(' ', '_')}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(file, quality=QUALITY, subsampling=0)
    return {"losses": facts, "photographs": bare}


def _numbers(path):
    return json.loads(path.read_text(encoding="utf-8"))


def main(argv=None):
    argparse.ArgumentParser(prog=COMMAND, description=__doc__.split("\n")[0]).parse_args(argv)
    folder = cache_dir() / "style_mixer"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        make(folder)
    except KeyboardInterrupt:
        print("\nstopped; run it again and it goes on", file=sys.stderr)
        return 130
    usual = {
        "command": COMMAND,
        "net": NET,
        "weights": models.card(NET)["weights"]["sha256"],
        "pooling": "average",
        "content layer": CONTENT,
        "content weight": CONTENT_WEIGHT,
        "style weights": WEIGHTS,
        "recipe": RECIPE,
        "made at": MADE,
    }
    path = store.write_json(store.data_dir() / FILE, usual | collect(folder))
    print(f"{path}; now run python -m lecture_utils.store --write")
    return 0
