# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown] slideshow={"slide_type": "slide"}
# # 15 · One-stage detection: every box in one look
#
# *Reading 42 minutes · lecture 75 minutes · needs notebook 14 (IoU, NMS, anchors, average precision) · runs offline*
#
# By the end you can
#
# - **build** YOLO's targets, and **say** which box is responsible
# - **count** the class imbalance, and **derive** what the focal loss silences
# - **train** a net that finds objects as peaks, without anchors and without NMS
# - **match** DETR's queries to objects
# - **compare** detectors fairly

# %% slideshow={"slide_type": "skip"} tags=["setup"]
import torch
from torch.nn import functional as F

from lecture_utils import detection, open_lab, plots, results

lab = open_lab()  # the toy world
crowds = lab.detection  # 600 images of 128 px with one to four objects, and their boxes

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · One look
#
# Faster R-CNN (notebook 14) looks twice: it proposes regions, then classifies each. A **one-stage detector** leaves the second stage out. In one pass it says a class and a box for each of a *fixed* set of places: no proposals, no RoI pooling.
#
# So something else must decide *where* an object may be, and *which* output has to find it. Five nets, five answers: our YOLO says 128 boxes of each image, SSD 1,360, RetinaNet 4,080, CenterNet 1,024, DETR 16. An image has 2.7 objects on average.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 6
#
# **Show:** both pipelines on the board; cross out the second stage. Then the counts.
#
# **Ask:** 4,080 boxes, four objects. Who decides which box has to find the dog?
#
# **Usual wrong answer:** "The net." In training *we* do, by a rule. Each net of today is such a rule.

# %% [markdown] slideshow={"slide_type": "-"}
# **Published:** on VOC 2007, with images a second, YOLO 63.4 mAP at 45, Faster R-CNN 73.2 at 7 (YOLO's table 1); SSD300 74.3 at 46 (SSD's table 7). Some lecture notes compare SSD's "59 with 7": 59 is for eight images at once, 7 for one.
#
# **Predict.** One trunk for both, one image, one processor core: how much faster is YOLO than Faster R-CNN here?

# %% slideshow={"slide_type": "subslide"}
times = results.load("detectors")["times"]  # ms, medians
for name in ("FasterRCNN", "YOLO", "RetinaNet"):
    print(f"{name}: {times[name]['batch 1']:.0f} ms, proposals {times[name]['of it proposals']:.0f} ms")

# %% [markdown] slideshow={"slide_type": "-"}
# <<ONE SENTENCE FROM THE TIMES>> "One stage" alone makes no net fast: what counts is the work at each position. [Evidence 15, section 1](evidence/15_one_stage_detection.ipynb).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · YOLO: a grid
#
# **YOLO**, version 1 (Redmon et al. 2016), lays $S \times S$ cells over the image. The **grid cell** in which an object's centre lies has to find it. Each cell says $B$ boxes ($x, y$ in the cell, $\sqrt w, \sqrt h$, a confidence), and *once* the probabilities of $C$ classes:
#
# $$S \times S \times (5B + C)$$
#
# In the paper $B = 2$ and $C = 20$: $7 \times 7 \times 30$, 98 boxes. Here $C = 16$: $8 \times 8 \times 26$, 128 boxes. The targets are $8 \times 8 \times 21$: one object for each cell, so one box; a 1 says that the cell has an object.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 12
#
# **Show:** one cell of the middle panel with a finger: two rows of five, then the classes. Then responsibility, on the board.
#
# **Ask:** how many anchors has YOLO v1?
#
# **Usual wrong answer:** "Two." It has none: two free boxes a cell, and whichever fits better learns.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
boxes, labels, targets = crowds.boxes[558], crowds.labels[558], torch.zeros(8, 8, 5 + 16)
centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / 16  # in cells of 16 px
roots = ((boxes[:, 2:] - boxes[:, :2]) / 128).sqrt()  # of width and height, as shares of the image
for k, (column, row) in enumerate(centres.long()):
    if targets[row, column, 4] == 0:  # a cell has room for one object
        targets[row, column, :5] = torch.tensor([*centres[k] % 1, *roots[k], 1])
        targets[row, column, 5 + labels[k]] = 1
assert torch.allclose(targets, detection.yolo_targets(boxes, labels, 128, 16, cells=8), atol=1e-5)

# %% slideshow={"slide_type": "subslide"} tags=["readme"]
def drawn(numbers):  # (S, S, n) -> an image: each cell a block of six rows of five numbers
    S, _, n = numbers.shape
    shades = F.pad(0.92 - 0.92 * numbers.clamp(0, 1), (0, 30 - n), value=1).view(S, S, 6, 5)
    image = F.pad(shades, (0, 1, 0, 1), value=1).permute(0, 2, 1, 3).reshape(7 * S, 6 * S)
    return F.pad(image, (0, 48 - 6 * S, 0, 56 - 7 * S), value=1).expand(3, -1, -1)


with torch.no_grad():
    says = detection.load_detector("YOLO")(crowds.images[558:559])[0]  # (8, 8, 26)
titles = ["the scene", "what the net says: 8 × 8 × 26", "the size of the paper's 7 × 7 × 30"]
panels = [crowds.images[558], drawn(says), drawn(torch.full((7, 7, 30), 0.4))]
title = "All that YOLO says: one vector for each cell"
caption = "A cell, row by row: first box, second box, then the classes. Light: 0, dark: 1."
plots.image_table([panels], [""], titles, title, caption, tile=3.2, smooth=False)

# %% [markdown] slideshow={"slide_type": "-"}
# Of a cell's boxes, the **responsible box** is the one that *now* overlaps the object most. It alone learns the object, and its confidence learns this IoU; all other confidences learn 0. So the boxes specialise by themselves. The notes give YOLO v1 two anchors. It has none; they came with YOLOv2.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
net, image, boxes = detection.build_detector("YOLO"), crowds.images[:1], crowds.boxes[0]
says = net(image)[0].detach()  # (8, 8, 26)
found, _ = detection.yolo_decode(says, 128)  # (128, 4) px: two boxes for each cell
iou = detection.box_iou(found, boxes).view(8, 8, 2, -1)
error = 0
for k, (column, row) in enumerate(((boxes[:, :2] + boxes[:, 2:]) / 2).long() // 16):
    responsible = iou[row, column, :, k].argmax()
    error += (says[row, column, [4, 9]][responsible] - iou[row, column, responsible, k]) ** 2
assert torch.isclose(error, net.loss(image, [boxes], crowds.labels[:1])["object"])

# %% [markdown] slideshow={"slide_type": "-"}
# All errors are squared. Boxes weigh 5; the confidences that learn 0 weigh 0.5, else over 120 empty boxes drown the few (section 4). Why roots? A px counts more in a small box. The score of a box, for NMS: its confidence times the probability of the class.
#
# **Predict.** Two objects have their centres in one cell. What happens?

# %% slideshow={"slide_type": "subslide"}
scenes, kinds = [163, 226, 374], []
images, shown = crowds.images[scenes], [crowds.boxes[n] for n in scenes]
images[..., ::16] = images[..., ::16, :] = 0.9  # the grid
for boxes in shown:
    cells = ((boxes[:, :2] + boxes[:, 2:]) / 2 // 16).tolist()  # column and row of each centre
    kinds.append([int(cell in cells[:k]) for k, cell in enumerate(cells)])
title = "Of two objects in one cell, YOLO learns one"
caption = "Chosen by a rule: of 600 scenes those in which the smaller of the two is largest."
plots.boxes(images, shown, kinds, key=("learned", "lost"), title=title, caption=caption)

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
for name, px in (("7 × 7, as in the paper", 128 / 7), ("8 × 8, ours", 16), ("32 × 32, section 6", 4)):
    centres = [(boxes[:, :2] + boxes[:, 2:]) / 2 // px for boxes in crowds.boxes]
    lost = sum(len(cells) - len(cells.unique(dim=0)) for cells in centres)
    print(f"{name}: {lost} of {sum(map(len, centres)):,} objects have no cell of their own")

# %% [markdown] slideshow={"slide_type": "-"}
# Training never asks for them. Is "it takes background for objects" YOLO's fault, too, as the notes say? The reverse: 4.75% of its surest detections in the paper are background, of Fast R-CNN's 13.6%. Its weak point is where exactly a box lies.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · SSD: which map sees which size?
#
# **SSD** (Liu et al. 2016) asks several maps of one net. At each position lie anchors of several ratios, of about 12, 24, 48 or 96 px, from our finest map to the coarsest. Such a **default box** shall find an object if their IoU is 0.5 or more, or if it is the object's best. All others are background; of these only the hardest count, three for each match.
#
# SSD300 has six maps: $38^2 \cdot 4 + 19^2 \cdot 6 + 10^2 \cdot 6 + 5^2 \cdot 6 + 3^2 \cdot 4 + 4 = 8{,}732$ default boxes (not "six everywhere"). Ours: $(16^2 + 8^2 + 4^2 + 2^2) \cdot 4 = 1{,}360$.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 8
#
# **Show:** the panels from left to right: which objects get boxes in each?
#
# **Ask:** an 8 × 8 map and a 4 × 4 map: which one shall find the large dog?
#
# **Usual wrong answer:** "8 × 8, it is larger." A larger map has finer steps, and smaller boxes.

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Three cars of three sizes, and a small airplane (a scene chosen because it is clear). On which map does each get its boxes?

# %% slideshow={"slide_type": "subslide"} tags=["method"]
anchors = detection.build_detector("SSD").anchors((128, 128))  # (1360, 4), finest map first
maps, n = torch.arange(4).repeat_interleave(torch.tensor([1024, 256, 64, 16])), 558  # the map of each
iou = detection.box_iou(anchors, crowds.boxes[n])
matched = (iou >= 0.5).any(1) | (iou == iou.amax(0)).any(1)
assert torch.equal(matched, detection.match_anchors(anchors, crowds.boxes[n], high=0.5, low=0.5) >= 0)
shown = [torch.cat([crowds.boxes[n], anchors[matched & (maps == k)]]) for k in range(3)]
kinds = [[0] * len(crowds.boxes[n]) + [1] * (len(boxes) - len(crowds.boxes[n])) for boxes in shown]
titles, key = ["16 × 16 positions", "8 × 8", "4 × 4"], ("object", "default box")
title = "Fine maps are matched with small objects, coarse maps with large ones"
plots.boxes(crowds.images[[n] * 3], shown, kinds, None, key, titles, title=title)

# %% slideshow={"slide_type": "-"} tags=["nbval-check-output"]
counts = torch.zeros(3, 4)  # size of the object, map
for boxes, sizes in zip(crowds.boxes, crowds.sizes, strict=True):
    match = detection.match_anchors(anchors, boxes, high=0.5, low=0.5)
    counts.index_put_((sizes[match[match >= 0]], maps[match >= 0]), torch.tensor(1.0), accumulate=True)
for name, row in zip(("small, below 16 x 16 px", "medium", "large, from 32 x 32 px on"), counts, strict=True):
    print(f"{name}: " + ", ".join(f"{share:.0%}" for share in row / row.sum()) + " on the four maps")

# %% [markdown] slideshow={"slide_type": "-"}
# The notes say that the 8 × 8 map sees the large dog. It is the other way round: in the paper's figure 1 the cat is matched on 8 × 8, the larger dog on 4 × 4. Nor does every extra map help: without its last, 1 × 1, SSD300 has 74.6 instead of 74.3 (table 3).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · A sea of background
#
# Two-stage nets drop most background before they classify. A one-stage net meets all of it: **class imbalance**. SSD picks the hardest. **RetinaNet** (Lin et al. 2017) asks each of its anchors, by one sigmoid for each class, and changes the loss. Count first. (IoU from 0.5 on, or an object's best: object; below 0.4: background; between: ignored.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 10
#
# **Show:** the count; on the board, thousands times a small loss against nine times a large one. Then the curves.
#
# **Ask:** α = 0.25: does it weigh the objects or the background?
#
# **Usual wrong answer:** "The background: objects are rare and need more." It is the objects' weight: γ has silenced the background already.

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
anchors = detection.build_detector("RetinaNet").anchors((128, 128))
matches = torch.stack([detection.match_anchors(anchors, boxes, 0.5, 0.4) for boxes in crowds.boxes])
for name, which in (("object", matches >= 0), ("ignored", matches == -2), ("background", matches == -1)):
    print(f"{name}: {which.sum(1).float().mean():,.1f} of {len(anchors):,} anchors of an image")

# %% [markdown] slideshow={"slide_type": "-"}
# Let $p_t$ be the probability of what is true: $p$ for an object, else $1 - p$. Cross-entropy, $-\log p_t$, is small for an easy anchor, but thousands are easy. The **focal loss** weighs each anchor by how wrong the net still is:
#
# $$\mathrm{FL} = -\alpha_t\,(1 - p_t)^\gamma \log p_t$$
#
# The larger γ, the faster easy anchors fade. $\alpha_t$ is 0.25 for an object, else 0.75.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
logits, targets = torch.linspace(-5, 5, 11), (torch.arange(11) % 3 == 0).float()  # 1: an object
alpha, gamma, p = 0.25, 2, logits.sigmoid()
p_t = torch.where(targets == 1, p, 1 - p)
loss = -torch.where(targets == 1, alpha, 1 - alpha) * (1 - p_t) ** gamma * p_t.log()
assert torch.allclose(loss, detection.sigmoid_focal_loss(logits, targets, alpha, gamma), atol=1e-5)

# %% slideshow={"slide_type": "subslide"}
p_t, lines = torch.arange(0.1, 0.95, 0.1), {}
for gamma in (0, 0.5, 1, 2, 5):
    lines[f"γ = {gamma}"] = -((1 - p_t) ** gamma) * p_t.log()
title = "With γ = 2, an anchor at p_t = 0.9 costs a hundred times less"
plots.curves(p_t, lines, "p_t: probability of what is true", "loss, nats", title, log="y", ylim=(1e-4, 4))

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** A RetinaNet that was trained with γ = 2: which share of its loss, α left out, is *easy* background, of which the net is sure ($p < 0.1$)? Counted with γ = 0, and with γ = 2?

# %% slideshow={"slide_type": "subslide"}
net, match = detection.load_detector("RetinaNet"), matches[:64]
with torch.no_grad():
    logits = torch.cat([net(some)[0] for some in crowds.images[:64].split(16)])  # (64, 4080, 16)
targets = torch.zeros_like(logits)
for n, anchor in (match >= 0).nonzero():
    targets[n, anchor, crowds.labels[n][match[n, anchor]]] = 1
logits, targets = logits[match != -2], targets[match != -2]
easy = (targets == 0) & (logits.sigmoid() < 0.1)
for gamma in (0, 2):
    loss = detection.sigmoid_focal_loss(logits, targets, None, gamma)
    print(f"γ = {gamma}: easy background has {loss[easy].sum() / loss.sum():.0%} of the loss")

# %% [markdown] slideshow={"slide_type": "-"}
# **Published:** (ResNet-50; COCO's AP is the mean over IoU 0.5 to 0.95; each γ with its best α) AP 31.1 for γ = 0, 32.9 for 0.5, 33.7 for 1, 34.0 for 2, 32.2 for 5. Two details carry it. The sum is divided by the number of anchors *with an object*. And at the start each probability is 0.01 (bias of the last layer): from the usual start cross-entropy diverged, from this one it reached 30.2. Ours (one epoch, three seeds): 0.43 with γ = 2, 0.02 with cross-entropy and the same rate. Another rate may help it; nobody has tried. [Evidence 15, section 2](evidence/15_one_stage_detection.ipynb).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · FPN: from coarse to fine
#
# A fine map comes from an early layer, which knows little of classes. A **feature pyramid network** (FPN; Lin et al. 2017) brings that knowledge down: enlarge the coarse map, add the finer one. RetinaNet is an FPN, two small heads that all levels share, and the focal loss.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 6
#
# **Show:** two columns of maps on the board, up and down, with the arrows across; then the code, line by line.
#
# **Ask:** why is the coarse map needed, if the fine one sees more?
#
# **Usual wrong answer:** "For its resolution." That the fine map has. What comes down is what the thing *is*.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
fpn = detection.FPN([192, 96], width=48)
fine, coarse = torch.rand(1, 192, 16, 16), torch.rand(1, 96, 8, 8)
top = fpn.laterals[1](coarse)  # 1 x 1: now 48 channels
down = fpn.laterals[0](fine) + F.interpolate(top, scale_factor=2)  # and so on, level by level
levels = [fpn.outputs[0](down), fpn.outputs[1](top)]  # 3 x 3
assert all(torch.allclose(*pair, atol=1e-5) for pair in zip(levels, fpn([fine, coarse]), strict=True))

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Four levels of a trained RetinaNet see one scene. Which objects does each find?

# %% slideshow={"slide_type": "subslide"}
net, shown = detection.load_detector("RetinaNet"), []
with torch.no_grad():
    likeliest = net(crowds.images[558:559])[0][0].sigmoid().amax(1)  # (4080,), of 16 classes
for level in likeliest.split([3 * (128 // stride) ** 2 for stride in net.strides]):
    level = level.view(-1, 3).amax(1)  # of three ratios
    shown.append(F.interpolate(level.view(1, 1, int(len(level) ** 0.5), -1), (128, 128))[0, 0])
titles = [f"stride {k}: {level.max():.2f}" for k, level in zip(net.strides, shown, strict=True)]
title = "Small cars on fine levels, the large one on a coarse level; stride 32 finds nothing"
caption = "The likeliest class at each position, as a share of the level's maximum (above it)."
plots.overlays(crowds.images[558], torch.stack(shown), titles, title, caption, columns=3)

# %% [markdown] slideshow={"slide_type": "-"}
# **Published:** (ResNet-50, COCO) proposals from an FPN have an average recall of 56.3, 8.0 more than from one map; of small objects 12.9 more. Without the way down it is no better than one map. Ours (one epoch, three seeds): small objects 0.15 with it, 0.06 without; large ones 0.69 and 0.72.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Objects as points
#
# **CenterNet** (Zhou et al. 2019) has no anchors. At stride 4 it says a **centre heatmap** for each class: 1 at each centre, falling off as a Gaussian, wider for larger boxes (ours are small: for nine of ten it is one position). There it also says the centre's place within its 4 px (*offset*), width and height.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 13
#
# **Show:** start the training, then explain the code above while it runs.
#
# **Ask:** which of the four objects does it miss, and why these? And where has NMS gone?
#
# **Usual wrong answer:** "The net has learned it." Half of it: the loss asks for one peak. The other half is a 3 × 3 maximum.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
boxes, labels, heatmap = crowds.boxes[558], crowds.labels[558], torch.zeros(16, 32, 32)
y, x = torch.arange(32.0)[:, None], torch.arange(32.0)
for (x0, y0, x1, y1), label in zip((boxes / 4).tolist(), labels, strict=True):  # in positions of 4 px
    w, h = x1 - x0, y1 - y0
    half = (w + h) / 2
    r = (half - (half**2 - 0.3 * w * h) ** 0.5) // 2  # (w - 2 r)(h - 2 r) = 0.7 w h, rounded down
    column, row, sigma = (x0 + x1) // 2, (y0 + y1) // 2, (2 * r + 1) / 6  # 2 r + 1 is six sigma
    peak = (-((y - row) ** 2 + (x - column) ** 2) / (2 * sigma**2)).exp()
    heatmap[label] = torch.maximum(heatmap[label], peak)
assert torch.allclose(heatmap, detection.center_heatmap(boxes, labels, 128, 16), atol=1e-5)

# %% [markdown] slideshow={"slide_type": "-"}
# Back from heatmaps to boxes: a position that is the largest of its 3 × 3 is a peak, and a peak is a box.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
def peaks_of(heatmap, numbers, most=20):  # (16, 32, 32); (4, 32, 32): offset in positions, size in px
    peaks = heatmap == F.max_pool2d(heatmap[None], 3, stride=1, padding=1)[0]
    scores, at = (heatmap * peaks).flatten().topk(most)
    label, row, column = at // 1024, at // 32 % 32, at % 32
    x, y, w, h = numbers[:, row, column].clamp(min=0)
    x, y = 4 * (column + x), 4 * (row + y)
    return torch.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1), scores, label


targets = detection.center_heatmap(crowds.boxes[558], crowds.labels[558], 128, 16), torch.rand(4, 32, 32)
assert torch.allclose(peaks_of(*targets, 4)[0], detection.center_decode(*targets, most=4)[0], atol=1e-4)

# %% [markdown] slideshow={"slide_type": "-"}
# **Live.** We train a small head. The trunk, which all our detectors share, stays as it is, so its maps are computed once.

# %% slideshow={"slide_type": "subslide"}
trunk, truth = detection.Trunk().eval(), list(zip(crowds.boxes, crowds.labels, strict=True))
with torch.no_grad():
    levels = [trunk.levels(images) for images in crowds.images.split(25)]
maps = [F.group_norm(torch.cat([each[stride] for each in levels]), 1) for stride in (4, 8)]  # mean 0
heatmaps = torch.stack([detection.center_heatmap(*each, 128, 16) for each in truth])  # (600, 16, 32, 32)
numbers = torch.stack([detection.center_regression(boxes, 128) for boxes in crowds.boxes])  # (600, 4, 32, 32)

# %% slideshow={"slide_type": "-"}
torch.manual_seed(0)
units = torch.tensor([1, 1, 4, 4])[:, None, None]  # the head says sizes in positions, too
shapes = (32, 32, 1), (192, 32, 1), (32, 32, 3, 1, 1), (32, 16 + 4, 1)  # channels, kernel, stride, padding
fine, coarse, mix, output = layers = torch.nn.ModuleList(torch.nn.Conv2d(*shape) for shape in shapes)
torch.nn.init.constant_(output.bias[:16], -2.19)  # every probability begins at 0.1


def head(some):  # -> logits (n, 16, 32, 32); offset and size (n, 4, 32, 32)
    merged = fine(maps[0][some]) + F.interpolate(coarse(maps[1][some]), scale_factor=2)
    return output(mix(merged.relu()).relu()).split([16, 4], 1)

# %% [markdown] slideshow={"slide_type": "-"}
# With the heatmap's target $y$, the loss is $-(1-p)^2 \log p$ where $y = 1$, else $-(1-y)^4\,p^2 \log(1-p)$: a focal loss that is mild near a centre ($y$ near 1). Offset and size learn by L1, at centres alone. It learns from the first 500 scenes; the last 100 are for the test.
#
# **Predict.** Every probability begins at 0.1. What will the heatmap of an unseen scene look like after 50 steps?

# %% slideshow={"slide_type": "subslide"}
from lecture_utils.progress import progress

live, n, shown, titles = plots.Live(), 558, [heatmaps[558].amax(0)], ["target"]
optimiser, title = torch.optim.AdamW(layers.parameters()), "Background goes dark, the large cars stay bright"
for step in progress(range(301), "heatmaps"):
    optimiser.param_groups[0]["lr"] = 3e-3 * (1 - step / 301)
    some = torch.randint(500, (16,))
    logits, rest = head(some)
    there = numbers[some, 2:3] > 0  # the centres
    error = ((rest * units - numbers[some]).abs() * there).sum((0, 2, 3)) / there.sum()
    loss = detection.center_focal_loss(logits, heatmaps[some]) + error[:2].sum() + error[2:].sum() / 40
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    if step in (0, 50, 100, 300):
        shown.append(head([n])[0][0].detach().sigmoid().amax(0))
        titles.append(f"step {step}: {shown[-1].max():.2f}")
        large = F.interpolate(torch.stack(shown)[None], (128, 128))[0]
        live(plots.overlays(crowds.images[n], large, titles, title, columns=3))

# %% [markdown] slideshow={"slide_type": "-"}
# Shown: a test scene, the likeliest class at each position, and above it the largest probability. You may stop at any time. Seconds make blobs on what is large; the target has one bright position for each object. The small ones stay weak. How good is it, and how good is the whole CenterNet, trained on 8,000 scenes?

# %% slideshow={"slide_type": "subslide"}
with torch.no_grad():
    logits, rest = head(slice(500, 600))
mine = [peaks_of(*each) for each in zip(logits.sigmoid(), rest * units, strict=True)]
whole = detection.load_detector("CenterNet").detect(crowds.images[500:])
for name, found in (("this head", mine), ("CenterNet", whole)):
    print(f"{name}: mAP {detection.mean_average_precision(found, truth[500:]).mean:.2f} on 100 scenes")

# %% [markdown] slideshow={"slide_type": "-"}
# **No NMS.** Nothing but the 3 × 3 maximum. It breaks where two centres *of one class* share a position (11 of our 1,617), and mostly where they are neighbours (83 with these). "45.1 AP" and "142 images a second", often cited together, are two nets: 45.1 at 1.4 (tested at several scales), 28.1 at 142. [Evidence 15, section 3](evidence/15_one_stage_detection.ipynb).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · DETR: a set of queries
#
# **DETR** (Carion et al. 2020) has no anchors, no grid, no peaks. Each of a few learned vectors, an **object query**, takes a weighted mean of all positions (*attention*, the core of a **transformer**), and says one object, or "no object". Which query shall say which object? The assignment, one to one, that is cheapest in all: **Hungarian matching**. Query $q$ for object $k$ of class $c$ costs
#
# $$-p_q(c) + 5\,\lVert b_q - b_k \rVert_1 - 2\,\mathrm{GIoU}(b_q, b_k)$$
#
# with $b$: centre, width, height, as shares of the image. **GIoU**: IoU less the share of the box around both that neither fills. It has a slope also where they do not touch. Matched queries learn class and box; all others learn "no object".

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 12
#
# **Show:** the five panels: three costs, their sum, the assignment. Then two or three queries in the explorer.
#
# **Ask:** two queries say the same dog. What does the loss do?
#
# **Usual wrong answer:** "Both are right." One is matched; the other is punished for not saying "no object". That is what replaces NMS.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
from itertools import permutations

image, labels, objects = crowds.images[558:559], crowds.labels[558], crowds.boxes[558]
with torch.no_grad():
    logits, boxes = (each[-1, 0] for each in detection.load_detector("DETR")(image)[:2])  # last layer
by_class = -logits.softmax(1)[:, labels]  # logits: (16, 17), the last one is "no object"
a, b = (detection.box_convert(each, "xyxy", "cxcywh") / 128 for each in (boxes, objects))
distance = 5 * (a[:, None] - b).abs().sum(2)
overlap = -2 * detection.generalized_box_iou(boxes, objects)
cost = by_class + distance + overlap  # (16 queries, 4 objects)
assert torch.allclose(cost, detection.matching_cost(logits, boxes, labels, objects, 128), atol=1e-5)
ways = torch.tensor(list(permutations(range(16), 4)))  # all 43,680 of them
best = ways[cost[ways, torch.arange(4)].sum(1).argmin()]  # the query of each object
queries, found = detection.hungarian_match(logits, boxes, labels, objects, 128)
assert torch.equal(best[found], queries)

# %% slideshow={"slide_type": "subslide"}
matched = torch.zeros(16, 4).index_put((queries, found), torch.tensor(-2.0))
shown = torch.stack([by_class, distance, overlap, cost, matched]).clamp(-2, 2).repeat_interleave(3, 2)
titles = ["− probability", "5 · L1", "− 2 · GIoU", "sum", "matched"]
title = "Each object gets a query of its own, at the least cost in all"
caption = "Rows: 16 queries. Columns: four objects. Blue is cheap; colours end at 2. Right: the pairs."
plots.signed_grid(shown, titles, title, caption, label="cost")

# %% [markdown] slideshow={"slide_type": "-"}
# With 100 queries nobody could try all; the Hungarian algorithm needs about $q^3$ steps.
#
# **Predict.** Every query sees the whole image. Will a query say objects anywhere, or has it a place and a size of its own?

# %% slideshow={"slide_type": "subslide"} tags=["explorer", "nbval-ignore-output"]
from lecture_utils import explorers

explorer = explorers.QueryPicker(detection.load_detector("DETR"), crowds)
explorer

# %% slideshow={"slide_type": "-"}
explorer.filmstrip()

# %% [markdown] slideshow={"slide_type": "-"}
# <<WHAT A QUERY SPECIALISES IN>> Is NMS really not needed? Add it where there is none:

# %% slideshow={"slide_type": "subslide"}
truth = list(zip(crowds.boxes[:100], crowds.labels[:100], strict=True))
found = detection.load_detector("DETR").detect(crowds.images[:100])
kept = [detection.batched_nms(*each, 0.5) for each in found]
thinned = [(b[k], s[k], c[k]) for (b, s, c), k in zip(found, kept, strict=True)]
for name, some in (("DETR", found), ("DETR and NMS at 0.5", thinned)):
    print(f"{name}: mAP {detection.mean_average_precision(some, truth).mean:.3f} on 100 scenes")

# %% [markdown] slideshow={"slide_type": "-"}
# **Published:** (ResNet-50, COCO) DETR 42.0 AP after 500 epochs, a long-trained Faster R-CNN with FPN (109 epochs) 42.0, too. Large objects 61.1 against 53.4, small ones 20.5 against 26.6. So the notes' "DETR beats Faster R-CNN" does not hold there. Ours has had 8 epochs: [evidence 15, section 4](evidence/15_one_stage_detection.ipynb).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · All on the same scenes
#
# One trunk, trained before and then left as it is; the same 8,000 scenes, eight epochs; *one training each*. So a difference here is one of these trainings, not yet of the methods.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 6
#
# **Show:** the table, column by column; then the six panels.
#
# **Ask:** which of these differences would you bet on?
#
# **Usual wrong answer:** "Those whose intervals do not overlap." The intervals are over scenes. Another seed of the training may move a net more.

# %% slideshow={"slide_type": "subslide"}
study, rows = results.load("detectors"), []
needs = {"CenterNet": "neither", "DETR": "neither", "YOLO": "NMS"}
for name in ("FasterRCNN", "YOLO", "SSD", "RetinaNet", "CenterNet", "DETR"):
    row = study["rows"][name]
    mean = "{:.2f} ({:.2f} to {:.2f})".format(*row["AP .5"])
    sizes = " / ".join(f"{row[f'AP .5, {size}'][0]:.2f}" for size in ("small", "medium", "large"))
    cost = f"{study['times'][name]['batch 1']:.0f} ms", f"{row['parameters'] / 1e6:.1f} M"
    rows.append([name, mean, sizes, *cost, needs.get(name, "anchors, NMS")])
columns = ["detector", "mAP (95%, scenes)", "small / medium / large", "an image", "weights", "needs"]
plots.table(columns, rows, "Six detectors on 600 scenes: AP at IoU 0.5")

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Three objects of one class, two of which share most of their boxes: which nets find all?

# %% slideshow={"slide_type": "subslide"}
n, shown, kinds, titles = 385, [], [], []  # of 600 scenes the one with the largest IoU of two of a class
objects, labels = crowds.boxes[n], crowds.labels[n]
for name in ("FasterRCNN", "YOLO", "SSD", "RetinaNet", "CenterNet", "DETR"):
    found = detection.load_detector(name).detect(crowds.images[n : n + 1], most=len(objects))[0]
    right = detection.error_types([found], [(objects, labels)])[0][0] == 0  # each object once
    shown.append(torch.cat([objects, found.boxes]))
    kinds.append([0] * len(objects) + [1] * len(found.boxes))
    titles.append(f"{name}: {right.sum()} of {len(objects)}")
title, key = "TITLE FROM THE NETS", ("object", "found")
caption = "Of each net as many boxes as there are objects: its surest. Above: objects found, class and box."
plots.boxes(crowds.images[[n] * 6], shown, kinds, None, key, titles, 3, title, caption)

# %% [markdown] slideshow={"slide_type": "-"}
# **Photographs.** They are another world for a net of this one:

# %% slideshow={"slide_type": "subslide"}
names, net = ("dog", "motorcycle", "street"), detection.load_detector("RetinaNet")
photographs = torch.cat([open_lab("photographs").photograph(name) for name in names])  # 224 px
shown, _, labels = zip(*net.detect(photographs, most=3), strict=True)
words = [lab.names(some) for some in labels]
plots.boxes(photographs, shown, words=words, titles=names, title="TITLE FROM THE NET")

# %% [markdown] slideshow={"slide_type": "-"}
# For photographs take nets that were trained on them: the last cell of [notebook 14](14_two_stage_detection.ipynb) runs `retinanet_resnet50_fpn` and `ssd300_vgg16` as well, with your own copy of torchvision's weights.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What we saw
#
# | the lecture says | here | how sure |
# |---|---|---|
# | one stage is faster | <<ms>> | [one machine, section 1](evidence/15_one_stage_detection.ipynb) |
# | YOLO loses objects that share a cell | 185 of 1,617 | exact: [section 1](evidence/15_one_stage_detection.ipynb) |
# | fine maps for small objects | 100% of the small matched on 16 × 16 | exact: [section 2](evidence/15_one_stage_detection.ipynb) |
# | focal loss silences easy background | 92% of the loss to 2% | [one net, section 2](evidence/15_one_stage_detection.ipynb) |
# | peaks need no NMS | <<>> | [one training, section 3](evidence/15_one_stage_detection.ipynb) |
# | DETR is best | the last of six: 0.30, RetinaNet 0.57 | [one training, 8 epochs, section 4](evidence/15_one_stage_detection.ipynb) |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 2
#
# **Show:** the table with the middle column covered.
#
# **Ask:** small objects count in your task: which net, and what would you measure first?
#
# **Usual wrong answer:** "The newest." Ask for the same trunk, images and epochs, AP by size, and more than one training.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Four, from a warm-up to a real one. Each has a statement, a cell to fill in, and a check to run as often as you like: it compares your function with an independent computation, on small inputs first, and says in one line what is wrong and why it may be. Each run of `hint(...)` gives one hint more; `solution(...)` opens after one attempt, or at once with `peek=True`. Nothing after this section needs your answers.

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 15.1 · The cell that is responsible
#
# ●●○○○ · 12 minutes · trains: from a box in px to a cell of a grid, and what a grid cannot say
#
# YOLO asks one cell for each object. Turn boxes into that question, without the classes. A cell has room for one object: the first one keeps it.
#
# Example: `boxes = [[8, 36, 24, 60], [2, 34, 20, 50]], side = 64, cells = 2` gives `[[[0, 0, 0, 0, 0], [0, 0, 0, 0, 0]], [[0.5, 0.5, 0.5, 0.6124, 1], [0, 0, 0, 0, 0]]]`. Both centres lie in the cell of the second row and first column; it says the first box.

# %% slideshow={"slide_type": "skip"} tags=["exercise-15.1"]
def my_targets(boxes, side, cells):
    """YOLO's targets (cells, cells, 5) of boxes (n, 4) in a square image of side px, without the classes.

    A cell with the centre of a box says x, y in the cell, sqrt(w), sqrt(h) as shares of the image, and 1; others 0.
    """
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-15.1"]
from lecture_utils.exercises import check, hint, solution

check("15.1", my_targets)
# hint("15.1")  # each run gives the next hint
# solution("15.1")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 15.2 · The focal loss
#
# ●●○○○ · 10 minutes · trains: a loss for rare objects, finite for every logit, and counted for each object
#
# Section 4 wrote the loss of one anchor. A net needs one number for all, also where a logit is −90 and `p_t.log()` would be minus infinity.
#
# Example: `logits = [2, -1, -3], targets = [1, 0, 0], alpha = 0.25, gamma = 2` gives `0.01753`. The object is found (p = 0.88), so most of the loss comes from the background of which the net is least sure (p = 0.27).

# %% slideshow={"slide_type": "skip"} tags=["exercise-15.2"]
def my_focal_loss(logits, targets, alpha, gamma):
    """The focal loss of all anchors (n,) in nats for each object: a number. targets: integer (n,), 1 for an object."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-15.2"]
from lecture_utils.exercises import check, hint, solution

check("15.2", my_focal_loss)
# hint("15.2")  # each run gives the next hint
# solution("15.2")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 15.3 · Each object its own query
#
# ●●○○○ · 12 minutes · trains: an assignment is judged as a whole
#
# The cheapest query of each object, one after the other? Then two objects may want the same, or an early one takes what a later one needs more. Find the assignment that costs least in all, by trying every one.
#
# Example: `cost = [[1, 2, 5], [2, 6, 7], [4, 5, 6.5]]` gives `[1, 0, 2]`. Object 0 gives up its best query, 0, to object 1: 2 + 2 + 6.5 = 10.5, where its own best would cost 1 + 5 + 7 or 1 + 6 + 6.5.

# %% slideshow={"slide_type": "skip"} tags=["exercise-15.3"]
def my_match(cost):
    """The query of each object, so that all together cost least: LongTensor (m,). cost: (queries, objects), q >= m."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-15.3"]
from lecture_utils.exercises import check, hint, solution

check("15.3", my_match)
# hint("15.3")  # each run gives the next hint
# solution("15.3")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 15.4 · Objects are peaks
#
# ●●●○○ · 15 minutes · trains: what stands in the place of NMS
#
# From heatmaps to boxes, for any stride. A peak is the largest of its 3 × 3.
#
# Example: `heatmap = [[[0.2, 0.9, 0.7, 0.1], [0.1, 0.8, 0.3, 0.2], [0.1, 0.2, 0.4, 0.6]]], sizes = only 0.5 of shape (4, 3, 4), stride = 4, most = 2` gives `[[5.75, 1.75, 6.25, 2.25], [13.75, 9.75, 14.25, 10.25]]`. The peaks are 0.9 and 0.6; 0.8 and 0.7 are higher than 0.6, but neighbours of 0.9.

# %% slideshow={"slide_type": "skip"} tags=["exercise-15.4"]
def my_peaks(heatmap, sizes, stride, most):
    """The boxes (most, 4) in px of the highest peaks, the highest first, x0, y0, x1, y1.

    heatmap: (classes, h, w). sizes: (4, h, w), x and y of the centre in its position, [0, 1), width and height in px.
    """
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-15.4"]
from lecture_utils.exercises import check, hint, solution

check("15.4", my_peaks)
# hint("15.4")  # each run gives the next hint
# solution("15.4")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Sources
#
# - J. Redmon, S. Divvala, R. Girshick, A. Farhadi (2016), *You Only Look Once: Unified, Real-Time Object Detection*: section 2, equation 3, table 1; the share of background errors from its section 4. Ours: a smaller head, an 8 × 8 grid.
# - W. Liu et al. (2016), *SSD: Single Shot MultiBox Detector*: section 2, figure 1, tables 3 and 7. Ours: four maps.
# - T.-Y. Lin et al. (2017), *Feature Pyramid Networks for Object Detection*: section 3. T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár (2017), *Focal Loss for Dense Object Detection*: equations 4 and 5, sections 4 and 5, table 1.
# - X. Zhou, D. Wang, P. Krähenbühl (2019), *Objects as Points*: sections 3 and 4; speeds from the authors' README. H. Law, J. Deng (2018), *CornerNet*: the radius of the Gaussian, and the focal loss of heatmaps.
# - N. Carion et al. (2020), *End-to-End Object Detection with Transformers*: sections 3.1 and 3.2; AP by size as in the README of Deformable DETR (X. Zhu et al. 2021). H. Rezatofighi et al. (2019), *Generalized Intersection over Union*.
# - Ours: nets of about a million weights on rendered scenes of 128 px. Compare orderings and effects with the published numbers, not values.
