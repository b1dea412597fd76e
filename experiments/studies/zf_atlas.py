"""Nine strongest patches of many feature maps, and their projections:  python -m experiments zf_atlas

Figure 2 of the ZFNet paper as an atlas: eight maps of each convolutional layer of `zf`, over the gallery, and of four
layers of the photograph net, over the 16 photographs of the course. The rule: of the maps that all nine images
activate, eight at equal steps by their number. Pictures: data/synthesis/zf_atlas, a sheet a layer, a row a map: nine
patches, then nine projections, the strongest first, `SIDE` px each. results/zf_atlas.json: channels, sizes, sources.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lecture_utils import attribution, features, models, plots
from lecture_utils.features.patches import crop
from lecture_utils.lab import open_lab
from lecture_utils.progress import progress

from ..experiment import Experiment, write_results
from ..files import tiled

FOLDER, NINE, MAPS, SIDE, QUALITY = "synthesis/zf_atlas", 9, 8, 64, 85
LAYERS = {
    "zf": ("conv1", "conv2", "conv3", "conv4", "conv5"),
    "squeezenet": ("fire2", "fire4", "fire6", "fire9"),
}


def chosen(scores):
    """Of the maps whose ninth image activates them, MAPS at equal steps. scores: (channels, NINE)."""
    active = (scores[:, -1] > 0).nonzero().flatten()
    return active[torch.linspace(0, len(active) - 1, MAPS).round().long()].tolist()


def of_map(net, images, layer, channel, which, units):
    """Nine patches and nine projections of a map, (18, 3, s, s) in [0, 1], s px of the receptive field."""
    boxes = features.receptive_field(net, layer, images.shape[-1]).boxes(units)
    projected = attribution.deconvnet(net, images[which], layer, channel)
    shown = torch.from_numpy(plots.gradient_pictures(projected)).float()
    return torch.cat([crop(images[which], boxes), crop(shown, boxes)])


def of_layer(net, images, layer):
    """The channels that are chosen, their nine images, and a sheet uint8 (MAPS * SIDE, 18 * SIDE, 3)."""
    top = features.top_units(net, images, layer, NINE)
    channels, rows = chosen(top.scores), []
    for channel in channels:
        found = of_map(net, images, layer, channel, top.images[channel], top.units[channel])
        small = found.shape[-1] < SIDE
        look = {"mode": "nearest"} if small else {"mode": "bilinear", "antialias": True}
        rows.append(torch.nn.functional.interpolate(found, (SIDE, SIDE), **look))
    pixels = (255 * torch.cat(rows).clamp(0, 1)).round().byte().permute(0, 2, 3, 1).numpy()
    return channels, top.images[channels].tolist(), tiled(pixels, 2 * NINE)


def run(out):
    """Every layer of both nets; the path of the results."""
    labs, facts = (
        {"zf": open_lab(net="zf", device="cpu"), "squeezenet": open_lab("photographs", device="cpu")},
        {},
    )
    for name, layers in LAYERS.items():
        lab, facts[name] = labs[name], {}
        gallery, known = lab.gallery, lab.has_key
        for short in progress(layers, f"atlas of {name}"):
            channels, which, sheet = of_layer(lab.net, gallery.images, lab.layer(short))
            file = f"{FOLDER}/{name}-{short}.jpg"
            Path(out / file).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.ascontiguousarray(sheet)).save(out / file, quality=QUALITY, subsampling=0)
            names = lab.names(gallery.labels) if known else [file.split(".")[0] for file in gallery.files]
            field = features.receptive_field(lab.net, lab.layer(short), gallery.images.shape[-1]).size
            sources = [[names[i] for i in row] for row in which]
            facts[name][short] = {"file": file, "field": field, "channels": channels, "sources": sources}
    shas = {name: models.card(name)["weights"]["sha256"] for name in LAYERS}
    return write_results(out, "zf_atlas", {"weights": shas, "side": SIDE, "layers": facts})


EXPERIMENT = Experiment(makes=("results/zf_atlas.json", "synthesis/zf_atlas/*"), takes="3 minutes", run=run)
