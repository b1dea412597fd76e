"""A valid value for every argument of every public function, by its name: what `tests.fuzz` then spoils.

An entry is (kind, value); the kind says which misuse there is. More special entries win: "synthesis.pgd.steps", then
"synthesis.steps", then "steps".
"""

import inspect
from functools import cache, partial

import numpy as np
import torch
from torch import nn

from lecture_utils import plots
from tests.helpers import draws
from tests.test_metrics import Paper
from tests.test_plots import FIGURES


class Tiny(nn.Module):
    """Two convolutions and global average pooling; it first takes half from the images, as `Writer` does in place."""

    def __init__(self, classes=4, seed=0):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.conv1, self.relu1 = nn.Conv2d(3, 6, 3, padding=1), nn.ReLU()
            self.pool1 = nn.MaxPool2d(2)
            self.conv2, self.relu2 = nn.Conv2d(6, 8, 3, padding=1), nn.ReLU()
            self.pool = nn.AdaptiveAvgPool2d(1)
            self.fc = nn.Linear(8, classes)
        self.eval()

    def forward(self, images):
        maps = self.relu2(self.conv2(self.pool1(self.relu1(self.conv1(images - 0.5)))))
        return self.fc(self.pool(maps).flatten(1))


def brightness(images):
    """A score, (n,)."""
    return images.mean((1, 2, 3))


# What most arguments get: {(kind, value): the names of the arguments}.
PLAIN = {
    ("class", None): "target",
    ("layer", "conv2"): "layer content_layer",
    ("seed", 0): "seed",
    ("count", 2): "steps samples batch_size iterations every most k dimensions latent generative.layers n",
    ("flag", False): "raw per_filter insert random_start",
    ("flag", True): "relu box gated cached",
    ("free", None): "baseline reshape callback mean render rendering dilations encoder decoder given known",
    ("index", 3): "row column",
    ("index", 1): "channel",
    ("count", 8): "size hidden generative.width",
    ("count", 4): (
        "stride features.to_grid.rows features.to_grid.columns rows metrics.coarse_mask.columns levels"
    ),
    ("number", 0.5): "fill",
    ("positive", 0.1): "noise generative.scale highest",
    ("number", 3.0): "features.transformed.up features.transformed.degrees",
    ("positive", 0.03): "lr rate",
    ("positive", 0.05): "eps",
    ("share", 0.3): "share background",
    ("share", 0.9): "foreground level",
    ("positive", 1.0): "smooth tv beta temperature",
    ("later targets", 1): "synthesis.channel.channels synthesis.class_score.targets",
    ("later layer", "conv2"): "synthesis.channel.layer",
    ("positive", 0.5): "content_weight sigma weight",
    ("least0", 2): "jitter",
    ("count", 1): "octaves restarts step least generative.channels",
    ("positive", 1.4): "scale",
    ("positive", 0.02): "step_size overshoot",
    ("count", 3): "candidates",
    ("positive", 2.0): "times",
    ("count", 10): "draws",
    ("share", 0.05): "features.share",
    ("count", 16): "image_size metrics.size",
    ("positive", 3.0): "perplexity",
    ("least0", 5): "features.tsne.iterations",
    ("path", "/proc/none"): "folder",
    ("index", 0): "object",
    ("count", 6): "metrics.most",
    ("share", 0.0): "dropout",
    ("odd", 3): "first kernel",
    ("least0", 0.0): "generative.floor",
    ("least0", 1): "generative.warm_cosine.step",
}
CHOICES = """
among=norm border=grey how=absolute rule=guided norm=inf start=noise synthesis.noise_like.norm=2
synthesis.stylize.start=content where=centre what=gradient question=keep likelihood=binomial
spread=one generative.Gaussian.spread=fixed kind=non_saturating
"""


def values():
    """{name: (kind, value)}, made anew."""
    from lecture_utils import features, generative, synthesis

    net, images = Tiny(), torch.rand(2, 3, 16, 16, generator=draws())
    heat = torch.rand(2, 16, 16, generator=draws(1))
    field = features.receptive_field(net, "conv2", image_size=16)
    points, maps = torch.randn(12, 5, generator=draws(2)), torch.rand(4, 8, 8, 8, generator=draws(3))
    filters = torch.randn(4, 3, 5, 5, generator=draws(5))
    levels = torch.randint(0, 4, (6, 1, 4, 4), generator=draws(6))
    subsets = {frozenset(kept): float(len(kept)) for kept in ((), ("a",), ("b",), ("a", "b"))}
    code = torch.randn(6, 2, generator=draws(7))
    labels = torch.arange(12) % 3
    table = {name: pair for pair, names in PLAIN.items() for name in names.split()}
    table |= {name: ("choice", value) for name, value in (each.split("=") for each in CHOICES.split())}
    table |= {
        "net": ("net", net),
        "images": ("images", images),
        "image": ("images", images[:1]),
        "targets": ("targets", torch.tensor([1, 2])),
        "labels": ("targets", torch.tensor([1, 2])),
        "layers": ("layers", ["conv1", "conv2"]),
        "shape": ("pair", (16, 16)),
        "masks": ("tensor", heat > 0.5),
        "heatmaps": ("tensor", heat),
        "gradient": ("tensor", images - 0.5),
        "probabilities": ("tensor", torch.rand(2, 3, 3, generator=draws(1))),
        "before": ("tensor", torch.tensor([0.5, 0.6])),
        "attribution.upsample.maps": ("tensor", heat),
        "attribution.upsample.size": ("pair", (20, 24)),
        **{f"attribution.{n}.net": ("inner net", net) for n in RAW},
        "perturbed": ("images", (images + 0.01).clamp(0, 1)),
        "objective": ("objective", synthesis.class_score(1)),
        **{
            f"synthesis.{n}.net": ("inner net", net)
            for n in ["ascend", "dream", "invert", "stylize", "texture"]
        },
        "synthesis.total_variation.images": ("tensor", images),
        "regularisers": ("free", ()),
        "content": ("images", images),
        "style": ("images", images[:1]),
        "style_weights": ("weights", {"conv1": 1.0}),
        "synthesis.features": ("tensor", maps),
        **{f"features.{n}.net": ("inner net", net) for n in ("extract", "extract_layers", "strongest")},
        **{f"features.{n}.net": ("inner net", net) for n in ("top_patches", "top_units")},
        **{f"features.{n}.net": ("copied net", net) for n in ("cut_patches", "first_conv")},
        **{f"features.{n}.net": ("copied net", net) for n in ("first_layer_filters", "raw_filters")},
        "features.receptive_field.net": ("copied net", net),
        "features.points": ("tensor", points),
        "features.transformed.images": ("tensor", images),
        "features.cka.x": ("tensor", points),
        "features.cka.y": ("tensor", points.square()),
        "bank": ("tensor", points),
        "queries": ("tensor", points[:3]),
        "features.before": ("tensor", points),
        "after": ("tensor", points * 0.9),
        "positions": ("tensor", points[:, :2]),
        "features.found": ("tensor", torch.tensor([[0, 1], [2, 3]])),
        "bank_labels": ("tensor", labels),
        "query_labels": ("tensor", labels[:2]),
        "filters": ("tensor", filters),
        "features.weights": ("tensor", filters),
        "features.maps": ("tensor", maps),
        "field": ("object", field),
        "features.placed.size": ("pair", (16, 16)),
        "scores": ("tensor", torch.tensor([2.0, 1.0])),
        "which": ("tensor", torch.tensor([0, 1])),
        "units": ("tensor", torch.tensor([[1, 1], [2, 2]])),
        "boxes_a": ("tensor", torch.tensor([[0.0, 0, 4, 4]])),
        "boxes_b": ("tensor", torch.tensor([[1.0, 1, 5, 5]])),
        "masks_a": ("tensor", heat > 0.5),
        "masks_b": ("tensor", heat > 0.3),
        "metrics.score": ("function", brightness),
        "scene": ("object", Paper()),
        "metrics.parts": ("dict", {"body": ("body",), "tail": ("tail",)}),
        "kept": ("names", ["body"]),
        "logits": ("tensor", torch.randn(2, 4, generator=draws())),
        "metrics.values": ("tensor", points[:, 0]),
        "metrics.differences": ("tensor", points),
        "metrics.real": ("tensor", points),
        "metrics.made": ("tensor", points + 1),
        "metrics.kid.blocks": ("count", 2),
        "metrics.effects.values": ("dict", subsets),
        "metrics.effects.parts": ("dict", {"a": ("a",), "b": ("b",)}),
        "a": ("tensor", points[:, 0]),
        "b": ("tensor", points[:, 1]),
        "generative.generator": ("generator", torch.Generator()),
        "generative.size": ("pair", (4, 4)),
        "generative.x": ("tensor", levels),
        "generative.Gaussian.log_prob.x": ("tensor", levels / 3),
        "z": ("tensor", code),
        "codes": ("tensor", code),
        "parameters": ("tensor", torch.randn(6, 1, 1, 4, 4, generator=draws())),
        "real": ("tensor", points[:, 0]),
        "fake": ("tensor", points[:, 1]),
        "probability": ("tensor", torch.rand(5, generator=draws())),
        "generative.mean": ("tensor", code),
        "log_variance": ("tensor", code * 0.1),
        "generative.squared_error.model": ("model", generative.Autoencoder((4, 4), 2, hidden=8)),
        "generative.images": ("tensor", torch.rand(3, 1, 4, 4, generator=draws())),
        "generative.nats.model": ("model", generative.PixelCNN(4, (4, 4), layers=1, width=4, first=3)),
    }
    return table | of_figures() | of_detection(images)


def of_detection(images):
    """{"detection.nms.boxes": (kind, value)}."""
    boxes, labels = torch.tensor([[1.0, 2, 9, 12], [20, 18, 30, 26]]), torch.tensor([1, 0])
    scenes = torch.rand(2, 3, 64, 64, generator=draws(8))
    found, truth = [(boxes, torch.tensor([0.9, 0.4]), labels)] * 2, [(boxes + 1, labels)] * 2
    table = {
        **dict.fromkeys(
            ("boxes", "boxes_a", "boxes_b", "objects", "match_anchors.anchors"), ("boxes", boxes)
        ),
        **dict.fromkeys(("anchors", "match_anchors.boxes", "encode_boxes.boxes"), ("solid boxes", boxes)),
        **dict.fromkeys(("yolo_targets.boxes", "center_regression.boxes"), ("solid boxes", boxes)),
        "center_heatmap.boxes": ("solid boxes", boxes),
        "size": ("pair", (32, 32)),
        "high": ("share", 0.5),
        "low": ("share", 0.1),
        "iou": ("share", 0.7),
        **dict.fromkeys(("threshold", "overlap"), ("share", 0.3)),
        "scales": ("sides", (8, 16)),
        "ratios": ("sides", (1.0,)),
        "labels": ("targets", labels),
        "which": ("targets", labels),
        "classes": ("count", 3),
        "deltas": ("tensor", boxes / 100),
        "in_fmt": ("choice", "xyxy"),
        "out_fmt": ("choice", "cxcywh"),
        "logits": ("tensor", torch.randn(2, 4, generator=draws())),
        "targets": ("tensor", torch.rand(2, 4, generator=draws()).round()),
        "alpha": ("share or none", 0.5),
        "center_focal_loss.alpha": ("least0", 2.0),
        "gamma": ("least0", 2.0),
        "beta": ("least0", 4.0),
        "weights": ("three", (1, 5, 2)),
        "output": ("tensor", torch.rand(2, 2, 13, generator=draws())),
        **dict.fromkeys(("per_cell", "cells", "cell", "block", "queries", "heads"), ("count", 2)),
        **dict.fromkeys(("encoder", "decoder", "most", "count", "negatives"), ("count", 1)),
        **dict.fromkeys(("orientations", "bins", "context", "sampling_ratio"), ("count", 3)),
        "side": ("count", 32),
        "width": ("count", 16),
        "YOLO.boxes": ("count", 2),
        "hog.images": ("tensor", images),
        "selective_search.images": ("images", images[:1]),
        "selective_search.scale": ("positive", 50.0),
        "use": ("names", ["colour", "size"]),
        "heatmap": ("tensor", torch.rand(2, 4, 4, generator=draws())),
        "regression": ("tensor", torch.rand(4, 4, 4, generator=draws())),
        "features": ("tensor", torch.rand(2, 3, 8, 8, generator=draws())),
        **dict.fromkeys(("roi_pool.stride", "roi_align.stride"), ("positive", 4.0)),
        "scores": ("tensor", torch.tensor([0.9, 0.4])),
        "found": ("detections", found),
        "truth": ("detections", truth),
        "thresholds": ("share", 0.5),
        "style": ("choice", "coco"),
        "area_range": ("span", (0, 400)),
        "channels": ("sides", (3, 4)),
        "name": ("choice", "FastRCNN"),
        "images": ("images", scenes),
        "proposals": ("boxes of images", [boxes + 1] * 2),
        "pretrained": ("flag", False),
        "prior": ("share", 0.1),
    }
    table |= {f"HOGSVM.{method}.images": ("images", scenes[..., :32, :32]) for method in ("fit", "detect")}
    for method in [f"{name}.{method}" for name in DETECTORS for method in ("loss", "fit")]:
        table[f"{method}.boxes"] = "boxes of images", [boxes, boxes[:1]]
        table[f"{method}.labels"] = "labels of images", [labels, labels[:1]]
    return {f"detection.{name}": pair for name, pair in table.items()}


# They ask for a raw score, or for a unit inside the net; the others put the scores into a softmax.
RAW = ["cam", "deconvnet", "grad_cam", "guided_backprop", "guided_grad_cam"]
RAW += ["integrated_gradients", "layer_gradient", "neuron_saliency", "saliency", "smooth_grad"]
SKIP = {  # not functions of values, or shown elsewhere
    "plots": {"Live", "Picture", "Sheet", "Table", "rgb"},
    "features": {"Field", "Patches", "TopUnits"},
    "generative": {"Autoregressive", "History", "fit"},
    "metrics": {"with_interval"},
    "attribution": set(),
    "synthesis": {"NATURAL"},
    "detection": {"Detections", "Detector", "Trunk", "load_detector"},
}


@cache
def instances(module):
    """{"VAE": a model}: their public methods are fuzzed, too."""
    from lecture_utils import detection, generative as g

    if module == "detection":
        build = partial(detection.build_detector, pretrained=False, classes=3)
        return {name: build(name, **more) for name, more in DETECTORS.items()}
    if module != "generative":
        return {}
    return {
        "Autoencoder": g.Autoencoder((4, 4), 2, hidden=8),
        "VAE": g.VAE((4, 4), 2, levels=4, hidden=8),
        "PixelCNN": g.PixelCNN(4, (4, 4), layers=1, width=4, first=3),
        "Binomial": g.Binomial(4),
        "DiscretisedLogistic": g.DiscretisedLogistic(4),
        "Gaussian": g.Gaussian(),
    }


DETECTORS = dict.fromkeys(("FastRCNN", "FasterRCNN", "YOLO", "SSD", "RetinaNet", "CenterNet", "HOGSVM"), {})
DETECTORS |= {"RCNN": {"side": 32}, "DETR": {"queries": 3, "width": 16, "heads": 2, "decoder": 1}}
METHODS = {
    **dict.fromkeys(DETECTORS, "loss detect"),
    "FasterRCNN": "loss detect proposals",
    "DETR": "loss detect attention",
    "HOGSVM": "detect fit",
    "Autoencoder": "decode encode",
    "VAE": "codes decode elbo encode log_likelihood log_likelihood_table mean_image sample terms",
    "PixelCNN": "bits_per_dim log_prob sample",
    "Binomial": "log_prob mean sample",
    "DiscretisedLogistic": "log_prob mean sample",
    "Gaussian": "log_prob mean sample",
}


NUMBERS = {"chosen": "index", "columns": "count", "size": "count", "stride": "count", "zoom": "count"}
NUMBERS |= dict.fromkeys(("reach", "tile", "height", "width", "scale"), "positive")


def kind_of(argument, value):
    """What may be done to such a value: see `tests.fuzz.ILLEGAL`."""
    if value is None or isinstance(value, str | bool):
        return "flag" if isinstance(value, bool) else "free"
    if isinstance(value, int | float):
        return NUMBERS.get(argument, "number")
    if isinstance(value, torch.Tensor | dict):
        return "tensor" if isinstance(value, torch.Tensor) else "dict"
    return "names" if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value) else "object"


def of_figures():
    """{"plots.bars.values": (kind, value)}."""
    table = {
        "plots.gradient_pictures.gradients": ("tensor", torch.rand(2, 3, 8, 8) - 0.5),
        "plots.gradient_pictures.quantile": ("share", 0.9),
        "plots.table.columns": ("names", ["a", "b"]),
        "plots.table.rows": ("object", [(1, 2)]),
        "plots.table.title": ("free", "t"),
    }
    for name in sorted(set(FIGURES) & set(plots.__all__)):
        made = FIGURES[name]
        parameters = inspect.signature(made.func).parameters
        given = inspect.signature(made.func).bind_partial(*made.args, **made.keywords).arguments
        for argument, parameter in parameters.items():
            value = given.get(argument, parameter.default)
            a_text = parameter.annotation is str or isinstance(parameter.default, str)
            if isinstance(value, str) and not a_text:
                value = list(value)  # names, a letter each
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(value).float() if value.dtype == float else torch.from_numpy(value)
            table[f"plots.{name}.{argument}"] = kind_of(argument, value), value
    return table
