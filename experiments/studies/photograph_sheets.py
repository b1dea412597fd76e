"""Each method on a net trained on photographs, on three sheets to look at.  python -m experiments photograph_sheets

Nothing is tuned to a picture: the settings below hold for all of a kind. The class images were set up on goldfish,
castle and zebra, which are not shown: shown is every second class of NAMES, in its order.
"""

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from lecture_utils import attribution, open_lab, photographs, synthesis
from lecture_utils.attribution.occlusion import occlusion_heat
from lecture_utils.plots.pixels import gradient_pictures, heat_colours
from lecture_utils.synthesis.objectives import class_score
from lecture_utils.synthesis.optimise import resized
from lecture_utils.synthesis.regularisers import Blur, Decay, Jitter

from ..experiment import Experiment, write_results
from ..files import replacing

SHOWN = {
    "cat": "Egyptian cat",
    "dog": "Pekinese",
    "squirrel": "fox squirrel",
}  # photograph: the class asked for
TWO = ("fruits", "lemon", "orange")  # one photograph, two classes
# Classes to choose from, for whoever shall name the pictures; every second one is drawn.
NAMES = (
    ("African elephant", "airliner", "banana", "castle", "cheeseburger", "corn", "daisy", "fire engine")
    + ("flamingo", "goldfish", "hen", "hourglass", "jellyfish", "king penguin", "ladybug", "lighthouse")
    + ("mushroom", "peacock", "pineapple", "school bus", "strawberry", "tarantula", "volcano", "zebra")
)
DRAWN = NAMES[::2]
SIZES, STEPS = (96, 128, 176, 224), (100, 80, 60, 50)  # of a class image: it grows, px and steps at that size
STYLES = {  # photograph: what the sheets call it
    "starry_night": "The Starry Night",
    "flower": "flower",
    "hubble": "galaxies",
    "butterfly": "butterfly",
    "fruits": "fruits",
    "immunohistochemistry": "tissue",
}
STYLE_LAYERS = {"conv1": 1.0, "fire3": 1.0, "fire4": 1.0, "fire5": 1.0}
WIDTH, DPI = 12.8, 100  # inches: 1280 px


@dataclass
class Clock:
    """seconds: {what: of one image}."""

    seconds: dict[str, float]

    def __call__(self, what: str, work, images: int = 1):
        start = time.perf_counter()
        found = work()
        self.seconds[what] = round((time.perf_counter() - start) / images, 2)
        return found


def hidden(net, images: Tensor, targets: Tensor) -> Tensor:
    """How far the probability falls where a grey square of 48 px hides a pixel, (n, h, w)."""
    squares = attribution.occlusion(net, images, targets, size=48, stride=16)
    before = net(images).softmax(1).gather(1, targets[:, None])[:, 0].detach()
    return occlusion_heat(squares, before, images.shape[2:], 48, 16).clamp(min=0)


def heatmaps(lab, clock: Clock) -> tuple[Tensor, dict[str, Tensor]]:
    """The photographs, and {method: what it draws of each}."""
    images = torch.stack([photographs.square(name) for name in SHOWN])
    targets = torch.tensor([lab.label(name) for name in SHOWN.values()])
    last = lab.layer("fire9")
    methods = {
        "saliency": attribution.saliency,
        "guided backprop": attribution.guided_backprop,
        "occlusion, 48 px": hidden,
        "Grad-CAM, fire9": partial(attribution.grad_cam, layer=last),
        "CAM": attribution.cam,
    }
    found = {}
    for name, method in methods.items():
        found[name] = clock(name, partial(method, lab.net, images, targets), len(SHOWN))
    return images, found


def class_images(lab, names) -> Tensor:
    """(n, 3, 224, 224): ascent at four sizes, each beginning with the one before, enlarged."""
    score, images = class_score(torch.tensor([lab.label(name) for name in names])), "noise"
    for size, steps in zip(SIZES, STEPS, strict=True):
        rules = [Jitter(16), Blur(0.8, 2), Decay(0.004)]
        if isinstance(images, Tensor):
            images = resized(images, (size, size)).clamp(0, 1)
        images = synthesis.ascend(lab.net, score, size, steps, 0.04, rules, start=images).images
    return images


def styled(lab, clock: Clock) -> list[tuple[str, Tensor]]:
    """The pagoda in each of STYLES: [(style, image)]."""
    content, weights = photographs.square("china")[None], {lab.layer(k): v for k, v in STYLE_LAYERS.items()}
    paint = partial(synthesis.stylize, lab.net, content, content_weight=0.3)
    found = []
    for name, words in STYLES.items():
        style = photographs.square(name)[None]
        made = clock("style", partial(paint, style, lab.layer("fire3"), weights))
        found.append((f"style: {words}", made.images[0]))
    return found


def others(lab, clock: Clock) -> list[tuple[str, Tensor]]:
    """[(title, image)]: inversions, a dream, an adversarial image."""
    net, cat, china = lab.net, photographs.square("cat")[None], photographs.square("china")[None]
    row = []
    for layer, tv in (("fire3", 1.0), ("fire6", 3.0)):
        found = clock("inversion", partial(synthesis.invert, net, cat, lab.layer(layer), tv=tv))
        row.append((f"inversion, {layer}", found.images[0]))
    dreamt = clock("dream", partial(synthesis.dream, net, china, lab.layer("fire6"), steps=15))
    row.append(("dream, fire6", dreamt.images[0]))
    label = int(lab.logits(cat).argmax())
    fooled = clock("FGSM", partial(synthesis.fgsm, net, cat, label, 4 / 255))
    name = lab.classes[int(lab.logits(fooled).argmax())]
    return [*row, (f"FGSM, 4/255: “{name}”", fooled[0])]


# --- on paper ---


def over(image: Tensor, heat: Tensor) -> np.ndarray:
    """A heatmap over the grey photograph, (h, w, 3)."""
    grey = image.mean(0)[..., None].expand(-1, -1, 3).numpy()
    return heat_colours(grey, heat.numpy(), bool((heat < 0).any()))


def pixels(image: Tensor) -> np.ndarray:
    return image.permute(1, 2, 0).numpy()


def two_classes(lab) -> list[tuple[str, np.ndarray]]:
    """A photograph, and Grad-CAM asked for two classes that are in it."""
    name, *classes = TWO
    image, layer = photographs.square(name), lab.layer("fire9")
    panels = [(" and ".join(classes), pixels(image))]
    for each in classes:
        heat = attribution.grad_cam(lab.net, image[None], lab.label(each), layer)[0]
        panels.append((f"Grad-CAM, “{each}”", over(image, heat)))
    return panels


def sheet(path: Path, panels: list[tuple[str, np.ndarray]], columns: int) -> None:
    """Panels with their titles as a JPEG 1280 px wide."""
    rows, side = -(-len(panels) // columns), WIDTH / columns
    figure = Figure((WIDTH, rows * (side + 0.22)), DPI, facecolor="white")
    for place, (title, image) in enumerate(panels):
        row, column = divmod(place, columns)
        height = 1 / rows
        box = (column / columns + 0.004, 1 - (row + 1) * height + 0.004, 1 / columns - 0.008)
        axes = figure.add_axes((*box, height * side / (side + 0.22) - 0.008))
        axes.imshow(image, interpolation="lanczos")
        axes.set_title(title, fontsize=10.5, pad=3)
        axes.set_axis_off()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="jpg", dpi=DPI, pil_kwargs={"quality": 88})


def heat_panels(images, maps) -> list[tuple[str, np.ndarray]]:
    """A row for each photograph: itself, then each method."""
    panels = []
    for i, name in enumerate(SHOWN.values()):
        panels.append((f"“{name}”", pixels(images[i])))
        for method, found in maps.items():
            if method == "guided backprop":
                drawn = gradient_pictures(found[i : i + 1])[0].transpose(1, 2, 0)
            elif method == "saliency":
                strong = found[i].abs().amax(0) if found.ndim == 4 else found[i]
                drawn = np.repeat((strong / strong.quantile(0.99)).clamp(0, 1).numpy()[..., None], 3, -1)
            else:
                drawn = over(images[i], found[i])
            panels.append((method, drawn))
    return panels


def run(out: Path) -> dict[str, float]:
    """The three sheets, and the seconds that each method takes an image, of 224 px."""
    lab, clock = open_lab("photographs"), Clock({})
    drawn = clock("class image", partial(class_images, lab, DRAWN), len(DRAWN))
    classes = [(name, pixels(image)) for name, image in zip(DRAWN, drawn, strict=True)]
    made = [(title, pixels(image)) for title, image in others(lab, clock)]
    styles = [(title, pixels(image)) for title, image in styled(lab, clock)]
    methods = [*heat_panels(*heatmaps(lab, clock)), *two_classes(lab), *classes[:1], *made, *styles[:4]]
    ends = ("the pagoda", "china"), ("The Starry Night", "starry_night")
    first, last = ((title, pixels(photographs.square(name))) for title, name in ends)
    sheet(out / "results/photograph_methods.jpg", methods, 6)
    sheet(out / "results/photograph_classes.jpg", classes, 6)
    sheet(out / "results/photograph_styles.jpg", [first, *styles, last], 4)
    sure = lab.score(drawn, torch.tensor([lab.label(name) for name in DRAWN])).tolist()
    facts = {
        "seconds an image": clock.seconds,
        "threads": torch.get_num_threads(),
        "probability of the class": {name: round(p, 4) for name, p in zip(DRAWN, sure, strict=True)},
        "torch": torch.__version__.split("+")[0],
    }
    write_results(out, "photograph_sheets", facts)
    return clock.seconds


EXPERIMENT = Experiment(
    makes=("results/photograph_sheets.json", "results/photograph_*.jpg"),
    takes="3 minutes",
    run=run,
    report=lambda seconds: "\n".join(f"{value:6.2f} s  {name}" for name, value in seconds.items()),
)
