"""Textures and painted photographs.  python -m experiments style_gallery

One recipe for all, with `alex` and average pooling. Gallery: three photographs in three styles, 384 px. Textures: three
photographs, layer by layer. Changes: one pair again with one thing changed. Beside each picture its two losses, those
by `zf`, a net that had no part in it, and the grid that a stride may leave. Name pictures to make only these.
Results: data/results/style_gallery.json, the pictures in data/synthesis/style_gallery; notebook 08 makes LIVE again.

Written before the first run; "worth showing" is the smallest effect of interest:
- By `zf`, too, each painted photograph is nearer to its style than the photograph was, by half of the loss or more,
  and its content loss is below that of the style photograph itself.
- Each further layer brings a texture nearer to its photograph by `zf`'s layers 1 to 4; all lie far below the floor of
  its own pixels in another order, and the untrained net's texture lies between.
- No grid: at the stride of conv1 and of pool1 the spectrum is less than twice its neighbours. (With 100 steps three
  pictures of the gallery stood at 2.0 to 2.3. 192 steps are twelve rounds of the 16 shifts: each comes equally often.
  With a content weight of .5 instead of 1 the astronaut lost her face.)
- Noise as a start ends with a higher loss than the content; average pooling leaves less variation than max pooling.
"""

import torch

from lecture_utils import models, photographs, synthesis
from lecture_utils.progress import progress

from ..experiment import Experiment, some_of, write_results
from ..files import read_json
from ..methods.average_pooling import with_average_pooling
from . import contact_sheets

FOLDER = "synthesis/style_gallery"
NET, JUDGE = "alex", "zf"
LAYERS = ("relu1", "relu2", "relu3", "relu4")
RECIPE = {
    "content_layer": "relu3",
    "style_weights": dict.fromkeys(LAYERS, 1),
    "content_weight": 1.0,
    "steps": 192,
    "octaves": 3,
}
CONTENTS, STYLES = ("china", "cat", "astronaut"), ("coffee", "flower", "immunohistochemistry")
SURFACES = ("brick", "immunohistochemistry", "coffee")
SIDE, SMALL = 384, 256  # px: gallery; changes and textures
CHANGED = {  # one thing each; the pair is the first content in the first style
    "as it is": {},
    "start from noise": {"start": "noise"},
    "max pooling": {"net": "max"},
    "untrained net": {"net": "untrained"},
    "content weight .2": {"content_weight": 0.2},
    "content weight 5": {"content_weight": 5.0},
}
LIVE = {"side": 128, "steps": 64, "octaves": 2}  # the first pair, small: made again in the notebook


def photograph(name, side):
    """One of the shipped photographs as a square, (1, 3, side, side) in [0, 1], from the whole file."""
    return photographs.square(name, side)[None]


def painter(kind="average"):
    """The net that looks: `alex` with average pooling; "max": as it was trained; "untrained": before any training."""
    net = models.build(NET).eval() if kind == "untrained" else models.load(NET)
    return net if kind == "max" else with_average_pooling(net)


def painted(content, style, side=SIDE, net="average", **changes):
    """`Styled`: one photograph in the style of another, by the recipe but for `changes`."""
    names = photograph(content, side), photograph(style, side)
    return synthesis.stylize(painter(net), *names, **(RECIPE | changes))


def textured(style, depth, net="average", side=SMALL):
    """`Styled`: the texture of a photograph, by the first `depth` layers."""
    weights = dict.fromkeys(LAYERS[:depth], 1)
    options = {name: RECIPE[name] for name in ("steps", "octaves")}
    return synthesis.texture(painter(net), photograph(style, side), weights, **options)


def jobs():
    """{picture's name: function that makes its `Styled`}."""
    made = {f"{c} in {s}": (painted, (c, s), {}) for s in STYLES for c in CONTENTS}
    first = CONTENTS[0], STYLES[0]
    made |= {f"changed: {name}": (painted, (*first, SMALL), some) for name, some in CHANGED.items()}
    made["live"] = painted, first, LIVE
    for s in SURFACES:
        made |= {f"{s}, {d} of 4": (textured, (s, d), {}) for d in range(1, len(LAYERS) + 1)}
        made[f"{s}, untrained"] = textured, (s, len(LAYERS)), {"net": "untrained"}
    return made


def measured(name, found):
    """The numbers of a picture: its losses (shares), the judge's, its variation, the grid."""
    image, side = found.images, found.images.shape[-1]
    content, style = sources(name)
    own = {key: float(loss) for key, loss in found.losses.items()}
    row = {"losses": own, "variation": float(synthesis.total_variation(image)) / side**2}
    row["judge"] = judged(image, photograph(style, side), content and photograph(content, side))
    row["grid"] = {str(period): grid_peak(image, period) for period in (4, 8)}  # strides of conv1 and pool1
    return row


def sources(name):
    """(content or None, style) of a picture, from its name."""
    if " in " in name:
        return tuple(name.split(" in "))
    if name.startswith("changed") or name == "live":
        return CONTENTS[0], STYLES[0]
    return None, name.split(",")[0]


def judged(image, style, content=None):
    """{"style": share, "content": share} of an image by the judge: `alex` was asked, `zf` was not."""
    net = with_average_pooling(models.load(JUDGE))
    weights = dict.fromkeys(LAYERS, 1)
    if content is None:
        return {
            "style": float(
                synthesis.texture(net, style, weights, steps=0, start=image, octaves=1).losses["style"]
            )
        }
    recipe = {"content_layer": "relu3", "style_weights": weights}
    found = synthesis.stylize(net, content, style, **recipe, steps=0, start=image, octaves=1)
    return {key: float(loss) for key, loss in found.losses.items()}


def shuffled(image, seed=0):
    """The same pixels in another order: every colour is there as often, and no arrangement is left."""
    flat = image.flatten(2)
    order = torch.randperm(flat.shape[2], generator=torch.Generator().manual_seed(seed))
    return flat[..., order].view_as(image)


def grid_peak(images, period):
    """How far a grid of `period` px stands out of the spectrum: 1 is not at all. The larger of both directions.

    The power at the frequency 1 / period, over its mean at the three frequencies on each side; for each row (or column)
    of grey values first, then summed over them. images: (1, 3, h, w), sides divisible by period.
    """
    grey = images.mean(1)[0].double()
    found = []
    for lines in (grey, grey.T):
        n = lines.shape[1]
        if n % period:
            raise ValueError(f"period: expected one that divides {n} px, got {period}")
        window = torch.hann_window(n, periodic=True, dtype=torch.float64)
        power = torch.fft.rfft((lines - lines.mean(1, keepdim=True)) * window).abs().square().sum(0)
        k = n // period  # the window spreads each frequency over its neighbours: those start two away
        sides = torch.cat([power[k - 4 : k - 1], power[k + 2 : k + 5]])
        found.append(float(power[k] / sides.mean()))
    return max(found)


def floors():
    """What photographs score before anything is done, a style in place of the content, and its pixels shuffled."""
    rows = {}
    for s in STYLES:
        style = photograph(s, SIDE)
        rows |= {f"{c} in {s}": judged(photograph(c, SIDE), style) | {"content": 0.0} for c in CONTENTS}
        rows |= {f"{s} as {c}": judged(style, style, photograph(c, SIDE)) for c in CONTENTS}
    for s in SURFACES:
        style = photograph(s, SMALL)
        rows[f"{s}, shuffled"] = judged(shuffled(style), style)
        rows[f"{s}, mirrored"] = judged(style.flip(3), style)
    return rows


def file_of(name):
    return name.replace(": ", "-").replace(", ", "-").replace(" ", "_") + ".jpg"


def picture(name):
    """A shipped picture, (3, h, w) in [0, 1]. Errors: store.DamagedData."""
    return contact_sheets.read(f"{FOLDER}/{file_of(name)}")[0, 0]


def run(out, names=()):
    """Make the named pictures (all where none is named), keep the others, write; the path of the results."""
    for name in progress(names or list(jobs()), "pictures"):
        make, arguments, options = jobs()[name]
        found = make(*arguments, **options)
        contact_sheets.save(found.images[:1, None], out / FOLDER / file_of(name))
        write(out, {name: measured(name, found)}, {})
    return write(out, {}, floors())


def write(out, rows, below):
    """Put rows and floors beside those that are there."""
    file = out / "results/style_gallery.json"
    old = read_json(file) if file.exists() else {"rows": {}, "floors": {}}
    rows = old["rows"] | rows
    facts = {
        "weights": {net: models.card(net)["weights"]["sha256"] for net in (NET, JUDGE)},
        "recipe": RECIPE,
        "floors": below or old["floors"],
        "rows": {name: rows[name] for name in jobs() if name in rows},
    }
    return write_results(out, "style_gallery", facts)


EXPERIMENT = Experiment(
    makes=("results/style_gallery.json", "synthesis/style_gallery/*"),
    takes="an hour",
    run=run,
    options=some_of("names", tuple(jobs())),
    goes_on="with all pictures; name those that are missing to make only them",
)
