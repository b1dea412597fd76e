"""A valid value for every argument of every public function, by its name: what `tests.fuzz` then spoils.

An entry is (kind, value); the kind says which misuse there is. More special entries win: "synthesis.pgd.steps", then
"synthesis.steps", then "steps".
"""

from types import SimpleNamespace

import torch
from torch import nn

from tests import fuzz_plots


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


class Scene:
    """A scene as `metrics` takes it: each part is a stripe of its image."""

    def __init__(self, missing=()):
        groups = {"eyes": ("eye", "other eye")}
        parts = ("eye", "other eye", "nose")
        self.objects = [SimpleNamespace(parts=parts, missing=tuple(missing), groups=groups)]

    def without(self, part, object=0):
        return Scene((*self.objects[object].missing, part))

    def render(self, size):
        thing, parts = self.objects[0], torch.zeros(size, size, dtype=torch.long)
        for n, part in enumerate(thing.parts):
            if part not in thing.missing:
                parts[4 * n : 4 * n + 4] = n + 1
        image = (parts / 3.0).expand(3, size, size)
        return SimpleNamespace(image=image, parts=parts, objects=(parts > 0).long())


def brightness(images):
    """A score, (n,)."""
    return images.mean((1, 2, 3))


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


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
    table = {
        "net": ("net", net),
        "images": ("images", images),
        "image": ("images", images[:1]),
        "targets": ("targets", torch.tensor([1, 2])),
        "labels": ("targets", torch.tensor([1, 2])),
        "target": ("class", None),
        "layer": ("layer", "conv2"),
        "layers": ("layers", ["conv1", "conv2"]),
        "seed": ("seed", 0),
        "steps": ("count", 2),
        "samples": ("count", 2),
        "batch_size": ("count", 2),
        "raw": ("flag", False),
        "relu": ("flag", True),
        "baseline": ("free", None),
        "reshape": ("free", None),
        "callback": ("free", None),
        "mean": ("free", None),
        "row": ("index", 3),
        "column": ("index", 3),
        "channel": ("index", 1),
        "size": ("count", 8),
        "stride": ("count", 4),
        "fill": ("number", 0.5),
        "noise": ("positive", 0.1),
        "lr": ("positive", 0.03),
        "rate": ("positive", 0.03),
        "eps": ("positive", 0.05),
        "shape": ("pair", (16, 16)),
        "masks": ("tensor", heat > 0.5),
        "heatmaps": ("tensor", heat),
        "share": ("share", 0.3),
        "per_filter": ("flag", False),
        "among": ("choice", "norm"),
        # attribution
        "gradient": ("tensor", images - 0.5),
        "how": ("choice", "absolute"),
        "rule": ("choice", "guided"),
        "probabilities": ("tensor", torch.rand(2, 3, 3, generator=draws(1))),
        "before": ("tensor", torch.tensor([0.5, 0.6])),
        "foreground": ("share", 0.9),
        "background": ("share", 0.3),
        "smooth": ("positive", 1.0),
        "iterations": ("count", 2),
        "attribution.upsample.maps": ("tensor", heat),
        "attribution.upsample.size": ("pair", (20, 24)),
        **{f"attribution.{n}.net": ("inner net", net) for n in RAW},
        # synthesis
        "perturbed": ("images", (images + 0.01).clamp(0, 1)),
        "norm": ("choice", "inf"),
        "start": ("choice", "noise"),
        "synthesis.noise_like.norm": ("choice", "2"),
        "synthesis.stylize.start": ("choice", "content"),
        "objective": ("objective", synthesis.class_score(1)),
        "synthesis.channel.channels": ("later targets", 1),
        "synthesis.channel.layer": ("later layer", "conv2"),
        "synthesis.class_score.targets": ("later targets", 1),
        **{
            f"synthesis.{n}.net": ("inner net", net)
            for n in ("ascend", "dream", "invert", "stylize", "texture")
        },
        "synthesis.total_variation.images": ("tensor", images),
        "where": ("choice", "centre"),
        "regularisers": ("free", ()),
        "content": ("images", images),
        "style": ("images", images[:1]),
        "content_layer": ("layer", "conv2"),
        "style_weights": ("weights", {"conv1": 1.0}),
        "content_weight": ("positive", 0.5),
        "tv": ("positive", 1.0),
        "jitter": ("least0", 2),
        "octaves": ("count", 1),
        "scale": ("positive", 1.4),
        "restarts": ("count", 1),
        "step_size": ("positive", 0.02),
        "overshoot": ("positive", 0.02),
        "box": ("flag", True),
        "candidates": ("count", 3),
        "synthesis.features": ("tensor", maps),
        "sigma": ("positive", 0.5),
        "every": ("count", 2),
        "most": ("count", 2),
        "weight": ("positive", 0.5),
        "what": ("choice", "gradient"),
        "times": ("positive", 2.0),
        # features
        **{f"features.{n}.net": ("inner net", net) for n in ("extract", "extract_layers", "strongest")},
        **{f"features.{n}.net": ("inner net", net) for n in ("kept_units", "top_patches", "top_units")},
        **{f"features.{n}.net": ("copied net", net) for n in ("cut_patches", "first_conv")},
        **{f"features.{n}.net": ("copied net", net) for n in ("first_layer_filters", "raw_filters")},
        "features.receptive_field.net": ("copied net", net),
        "features.points": ("tensor", points),
        "bank": ("tensor", points),
        "queries": ("tensor", points[:3]),
        "features.before": ("tensor", points),
        "after": ("tensor", points * 0.9),
        "k": ("count", 2),
        "dimensions": ("count", 2),
        "positions": ("tensor", points[:, :2]),
        "features.to_grid.rows": ("count", 4),
        "features.to_grid.columns": ("count", 4),
        "rows": ("count", 4),
        "metrics.coarse_mask.columns": ("count", 4),
        "features.found": ("tensor", torch.tensor([[0, 1], [2, 3]])),
        "bank_labels": ("tensor", labels),
        "query_labels": ("tensor", labels[:2]),
        "draws": ("count", 10),
        "level": ("share", 0.9),
        "filters": ("tensor", filters),
        "features.weights": ("tensor", filters),
        "features.maps": ("tensor", maps),
        "field": ("object", field),
        "step": ("count", 1),
        "features.placed.size": ("pair", (16, 16)),
        "features.share": ("share", 0.05),
        "image_size": ("count", 16),
        "scores": ("tensor", torch.tensor([2.0, 1.0])),
        "which": ("tensor", torch.tensor([0, 1])),
        "units": ("tensor", torch.tensor([[1, 1], [2, 2]])),
        "perplexity": ("positive", 3.0),
        "features.tsne.iterations": ("least0", 5),
        "folder": ("path", "/proc/none"),
        # metrics
        "boxes_a": ("tensor", torch.tensor([[0.0, 0, 4, 4]])),
        "boxes_b": ("tensor", torch.tensor([[1.0, 1, 5, 5]])),
        "masks_a": ("tensor", heat > 0.5),
        "masks_b": ("tensor", heat > 0.3),
        "metrics.score": ("function", brightness),
        "scene": ("object", Scene()),
        "object": ("index", 0),
        "question": ("choice", "keep"),
        "metrics.parts": ("dict", {"eye": ("eye",), "nose": ("nose",)}),
        "render": ("free", None),
        "metrics.size": ("count", 16),
        "kept": ("names", ["eye"]),
        "insert": ("flag", False),
        "logits": ("tensor", torch.randn(2, 4, generator=draws())),
        "metrics.values": ("tensor", points[:, 0]),
        "metrics.effects.values": ("dict", subsets),
        "metrics.effects.parts": ("dict", {"a": ("a",), "b": ("b",)}),
        "least": ("count", 1),
        "metrics.most": ("count", 6),
        "rendering": ("free", None),
        "a": ("tensor", points[:, 0]),
        "b": ("tensor", points[:, 1]),
        # generative
        "generative.generator": ("generator", torch.Generator()),
        "levels": ("count", 4),
        "generative.size": ("pair", (4, 4)),
        "latent": ("count", 2),
        "generative.channels": ("count", 1),
        "hidden": ("count", 8),
        "generative.width": ("count", 8),
        "generative.layers": ("count", 2),
        "likelihood": ("choice", "binomial"),
        "dropout": ("share", 0.0),
        "first": ("odd", 3),
        "kernel": ("odd", 3),
        "gated": ("flag", True),
        "dilations": ("free", None),
        "encoder": ("free", None),
        "decoder": ("free", None),
        "generative.x": ("tensor", levels),
        "generative.Gaussian.log_prob.x": ("tensor", levels / 3),
        "spread": ("choice", "one"),
        "generative.Gaussian.spread": ("choice", "fixed"),
        "generative.scale": ("positive", 0.1),
        "generative.floor": ("least0", 0.0),
        "n": ("count", 2),
        "z": ("tensor", code),
        "codes": ("tensor", code),
        "parameters": ("tensor", torch.randn(6, 1, 1, 4, 4, generator=draws())),
        "real": ("tensor", points[:, 0]),
        "fake": ("tensor", points[:, 1]),
        "kind": ("choice", "non_saturating"),
        "probability": ("tensor", torch.rand(5, generator=draws())),
        "beta": ("positive", 1.0),
        "highest": ("positive", 0.1),
        "generative.warm_cosine.step": ("least0", 1),
        "generative.mean": ("tensor", code),
        "log_variance": ("tensor", code * 0.1),
        "generative.squared_error.model": ("model", generative.Autoencoder((4, 4), 2, hidden=8)),
        "generative.images": ("tensor", torch.rand(3, 1, 4, 4, generator=draws())),
        "generative.nats.model": ("model", generative.PixelCNN(4, (4, 4), layers=1, width=4, first=3)),
        "temperature": ("positive", 1.0),
        "given": ("free", None),
        "known": ("free", None),
        "cached": ("flag", True),
    }
    return table | fuzz_plots.values()


# They ask for a raw score, or for a unit inside the net; the others put the scores into a softmax.
RAW = ["cam", "deconvnet", "grad_cam", "guided_backprop", "guided_grad_cam", "hires_cam"]
RAW += ["integrated_gradients", "layer_gradient", "neuron_saliency", "saliency", "smooth_grad"]
SKIP = {  # not functions of values, or shown elsewhere
    "plots": {"Live", "Picture", "Sheet", "Table", "rgb"},
    "features": {"Field", "Patches", "TopUnits"},
    "generative": {"Autoregressive", "History", "fit"},
    "metrics": {"with_interval"},
    "attribution": set(),
    "synthesis": {"NATURAL"},
}


def instances():
    """{"VAE": a model}: their public methods are fuzzed, too."""
    from lecture_utils import generative as g

    return {
        "generative": {
            "Autoencoder": g.Autoencoder((4, 4), 2, hidden=8),
            "VAE": g.VAE((4, 4), 2, levels=4, hidden=8),
            "PixelCNN": g.PixelCNN(4, (4, 4), layers=1, width=4, first=3),
            "Binomial": g.Binomial(4),
            "DiscretisedLogistic": g.DiscretisedLogistic(4),
            "Gaussian": g.Gaussian(),
        }
    }


METHODS = {
    "Autoencoder": "decode encode",
    "VAE": "codes decode elbo encode log_likelihood log_likelihood_table mean_image sample terms",
    "PixelCNN": "bits_per_dim log_prob sample",
    "Binomial": "log_prob mean sample",
    "DiscretisedLogistic": "log_prob mean sample",
    "Gaussian": "log_prob mean sample",
}
