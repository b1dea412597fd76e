"""How long must the optimiser run to be as good as the net that paints in one pass?

python -m experiments fast_style

The photographs that the net never saw, by `stylize` with the losses that the net was trained for, from the content, in
10, 30, 100 and 300 steps. Results: data/results/fast_style.json, the pictures of the most steps in
data/synthesis/fast_style. Times are not stored: notebook 08 takes them where it runs.

Written before the first run: on photographs it never saw the net's loss is that of 30 steps or more, and above that of
300 steps.
"""

from time import perf_counter

import torch

from lecture_utils import models, synthesis
from lecture_utils.models.image_to_image import paint
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results
from ..train import fast_style_net
from . import contact_sheets

FOLDER = "synthesis/fast_style"
BUDGETS = (10, 30, 100, 300)  # steps
NET = "alex"  # whose features, with average pooling, the net was trained with


def optimised(names, steps, net=None, **options):
    """`Styled` of some photographs at once, in so many steps, one size."""
    recipe, images = fast_style_net.Recipe(), torch.cat([fast_style_net.photograph(name) for name in names])
    options |= {"content_weight": recipe.content_weight, "tv": recipe.tv, "steps": steps, "octaves": 1}
    style, weights = (
        fast_style_net.photograph(fast_style_net.STYLE),
        dict.fromkeys(fast_style_net.STYLE_LAYERS, 1),
    )
    net = net or fast_style_net.judge_net()
    return synthesis.stylize(net, images, style, fast_style_net.CONTENT_LAYER, weights, **options)


def whole(losses):
    """Content and style together, as they were weighted in training."""
    return fast_style_net.Recipe().content_weight * losses["content"] + losses["style"]


def losses_of(images, net=None):
    """{photograph: {"content": ..., "style": ...}} of paintings (n, 3, h, w) of JUDGED, in this order."""
    return by_name(optimised(fast_style_net.JUDGED, 0, net, start=images).losses)


def by_name(losses):
    """Losses {kind: (5,)} as {photograph: {kind: number}}."""
    return {
        name: {kind: round(float(values[k]), 4) for kind, values in losses.items()}
        for k, name in enumerate(fast_style_net.JUDGED)
    }


def seconds(painter, tries=3):
    """(seconds of one pass, seconds of one step of the optimiser) for one picture, the shortest of a few tries."""
    name, net, steps = fast_style_net.JUDGED[0], fast_style_net.judge_net(), 4
    image, passes, runs = fast_style_net.photograph(name), [], []
    for _ in range(tries):
        begun = perf_counter()
        paint(painter, image)
        passes.append(perf_counter() - begun)
        begun = perf_counter()
        optimised([name], steps, net)
        runs.append((perf_counter() - begun) / steps)
    return min(passes), min(runs)


def run(out):
    """All budgets; the path of the results."""
    names, net, rows = list(fast_style_net.JUDGED), fast_style_net.judge_net(), {}
    for steps in progress(BUDGETS, "budgets"):
        found = optimised(names, steps, net)
        rows[str(steps)] = by_name(found.losses)
    for name, image in zip(names, found.images, strict=True):
        contact_sheets.save(image[None, None], out / FOLDER / f"{name}.jpg")
    facts = {
        "net": NET,
        "weights": models.card(NET)["weights"]["sha256"],
        "style": fast_style_net.STYLE,
        "rows": rows,
    }
    return write_results(out, "fast_style", facts)


def picture(name):
    """The optimiser's picture of the most steps, (3, h, w) in [0, 1]. Errors: store.DamagedData."""
    return contact_sheets.read(f"{FOLDER}/{name}.jpg")[0, 0]


EXPERIMENT = Experiment(
    makes=("results/fast_style.json", "synthesis/fast_style/*"), takes="15 minutes", run=run
)
