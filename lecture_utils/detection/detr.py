"""DETR: detection as a set. A few queries look at the whole image, and each says one object or none."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..checks import check_count, check_share
from ..hooks import seeded
from ._one_stage import ask
from .assignment import hungarian_match
from .boxes import area, box_convert, clip_boxes, generalized_box_iou
from .trunk import Detections, Detector, Trunk


class DETR(Detector):
    """A transformer from the 8 px positions of an image to a set of objects: no anchors and no NMS.

    forward: images (n, 3, h, w), sides multiples of 8 px -> logits (layers, n, queries, classes + 1), the last class
    being "no object"; boxes (layers, n, queries, 4) px; attention (n, queries, h / 8 * w / 8) of the last layer, the
    mean of its heads. Each layer of the decoder is judged by the same heads; `detect` asks the last.
    Learned: Hungarian matching gives each object its own query, the others shall say "no object" (with weight .1);
    cross-entropy, 5 times L1 of (centre, width, height) as shares of the image, and 2 times 1 - GIoU.
    Errors: ValueError, also for an image with more objects than queries.
    Source: Carion et al. (2020), sections 3.1, 3.2, A.4. Differs: smaller (there 6 + 6 layers); stride 8; no dropout.
    """

    stride = 8

    def __init__(
        self,
        classes: int = 16,
        queries: int = 16,
        width: int = 96,
        heads: int = 4,
        encoder: int = 1,
        decoder: int = 3,
        pretrained: bool = True,
        seed: int = 0,
    ):
        super().__init__(classes)
        check_count(queries, "queries"), check_count(encoder, "encoder"), check_count(decoder, "decoder")
        check_count(width, "width")
        if width % (4 * check_count(heads, "heads")):
            raise ValueError(f"width: expected a multiple of 4 * heads = {4 * heads}, got {width}")
        with seeded(seed):
            self.trunk, self.narrow = Trunk(pretrained, seed), nn.Conv2d(192, width, 1)
            self.encoder = nn.ModuleList(Layer(width, heads, looks=False) for _ in range(encoder))
            self.decoder = nn.ModuleList(Layer(width, heads, looks=True) for _ in range(decoder))
            self.queries = nn.Parameter(torch.randn(queries, width))
            self.label = nn.Linear(width, classes + 1)
            self.box = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.narrow(self.trunk(images))  # (n, width, h / 8, w / 8)
        where = sine_positions(*features.shape[2:], features.shape[1]).to(features)
        memory = features.flatten(2).transpose(1, 2)  # (n, positions, width)
        for layer in self.encoder:
            memory, _ = layer(memory, where)
        said, layers = torch.zeros_like(self.queries).expand(len(images), -1, -1), []  # (n, queries, width)
        for layer in self.decoder:
            said, attention = layer(said, self.queries, memory, where)
            layers.append(said)
        layers = torch.stack(layers)
        boxes = box_convert(self.box(layers).sigmoid().flatten(0, 2), "cxcywh", "xyxy")
        whole = boxes.new_tensor([images.shape[3], images.shape[2]] * 2)
        return self.label(layers), (boxes * whole).view(*layers.shape[:3], 4), attention

    def loss(self, images: Tensor, boxes: list, labels: list) -> dict[str, Tensor]:
        images = self.check_scenes(images, boxes, labels)
        logits, found, _ = self(images)
        of_layers = zip(logits, found, strict=True)
        layers = [self._loss(*each, boxes, labels, images.shape[2:]) for each in of_layers]
        return {name: torch.stack([layer[name] for layer in layers]).sum() for name in layers[0]}

    def _loss(self, logits, found, boxes, labels, size):
        """Of one layer: logits (n, queries, classes + 1), found (n, queries, 4) px."""
        targets = torch.full(logits.shape[:2], self.classes, device=logits.device)  # "no object"
        said = []
        for n, each in enumerate(zip(logits, found, labels, boxes, strict=True)):
            queries, objects = hungarian_match(*each, size)
            targets[n, queries] = labels[n][objects]
            said.append((found[n, queries], boxes[n][objects]))
        said, truth = (torch.cat(each) for each in zip(*said, strict=True))  # (objects of all images, 4) each
        whole, count = said.new_tensor([*size[::-1]] * 2), max(1, len(truth))
        shares = [box_convert(each, "xyxy", "cxcywh") / whole for each in (said, truth)]
        weight = logits.new_tensor([1.0] * self.classes + [0.1])
        return {
            "class": F.cross_entropy(logits.flatten(0, 1), targets.flatten(), weight),
            "L1": 5 * F.l1_loss(*shares, reduction="sum") / count,
            "GIoU": 2 * (1 - generalized_box_iou(said, truth).diagonal()).sum() / count,
        }

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of the last layer: probabilities (n, queries, classes + 1), boxes (n, queries, 4) px, and the attention."""
        logits, boxes, attention = self(images)
        return logits[-1].softmax(2), boxes[-1], attention

    def detect(self, images: Tensor, threshold: float = 0.05, most: int = 100) -> list[Detections]:
        check_share(threshold, "threshold"), check_count(most, "most")
        found = []
        for probabilities, boxes, _ in zip(*ask(self, self.predict, images), strict=True):
            scores, labels = probabilities[:, :-1].max(1)
            boxes = clip_boxes(boxes, images.shape[2:])
            order = scores.argsort(descending=True, stable=True)
            order = order[((scores > threshold) & (area(boxes) > 0))[order]][:most]
            found.append(Detections(boxes[order], scores[order], labels[order]))
        return found

    def attention(self, images: Tensor) -> Tensor:
        """Where each query looks in the last layer: (n, queries, h / 8, w / 8), of sum 1 for each query."""
        *_, attention = ask(self, self.predict, images)
        return attention.unflatten(2, (images.shape[2] // 8, images.shape[3] // 8))


class Layer(nn.Module):
    """Attention among x (n, q, width) themselves, then (`looks`) to the memory (n, m, width), then an MLP.

    place, where: what tells the rows of x, and of the memory, apart; it is added wherever rows are compared, but not to
    what is passed on. Result: x, and how much each row of it took from each of the memory (n, q, m) (or None).
    """

    def __init__(self, width: int, heads: int, looks: bool):
        super().__init__()
        self.own = nn.MultiheadAttention(width, heads, batch_first=True)
        self.across = nn.MultiheadAttention(width, heads, batch_first=True) if looks else None
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if looks else 2))

    def forward(self, x: Tensor, place: Tensor, memory=None, where=None) -> tuple:
        compared, weights = x + place, None
        x = self.norms[0](x + self.own(compared, compared, x, need_weights=False)[0])
        if self.across is not None:
            taken, weights = self.across(x + place, memory + where, memory)
            x = self.norms[1](x + taken)
        return self.norms[-1](x + self.mlp(x)), weights


def sine_positions(rows: int, columns: int, width: int) -> Tensor:
    """What tells positions apart: (rows * columns, width). Half of the numbers say the row, half the column.

    Each half: sines and cosines of the place, 0 to 2 pi over the image, divided by 1 ... 10000.
    Source: Vaswani et al. (2017), section 3.5; Carion et al. (2020), section A.4.
    """
    slower = 10000 ** (torch.arange(width // 4) / (width // 4))
    angles = [2 * math.pi * (torch.arange(n)[:, None] + 1) / n / slower for n in (rows, columns)]
    y, x = (torch.cat([angle.sin(), angle.cos()], 1) for angle in angles)  # (n, width / 2)
    return torch.cat([y[:, None].expand(-1, columns, -1), x[None].expand(rows, -1, -1)], 2).flatten(0, 1)
