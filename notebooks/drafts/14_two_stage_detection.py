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
# # 14 · Two-stage detection: from a class to boxes
#
# *Reading 45 minutes · lecture 75 minutes · needs notebook 02 for features · runs offline*
#
# By the end you can
#
# - **measure** a box by its IoU, and **thin out** many boxes by NMS
# - **see** an image as HOG does, and **slide** a window over it
# - **propose** regions: by merging segments, and by anchors and a small net
# - **say** what R-CNN, Fast R-CNN and Faster R-CNN compute once an image, and what once a region
# - **compute** average precision, and **name** the errors of a detector

# %% slideshow={"slide_type": "skip"} tags=["setup"]
import torch

from lecture_utils import detection, explorers, open_lab, plots, results

lab = open_lab()  # the toy world
crowds = lab.detection  # 600 images of 128 px with one to four objects, and their boxes

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 1 · From a class to boxes
#
# A classifier gives one class to an image. *Object detection* gives a class and a box to each object: $x_0, y_0, x_1, y_1$ in px. For *one* object four more outputs are enough. But for forty? And which output is for which object? So most detectors turn the question around. They take many *candidate* boxes and ask of each: what do you hold, how sure are you (its *score*), and how should you move (**bounding-box regression**)?
#
# Our objects are of 16 classes; all else (logs, balls, gift boxes) is *clutter*. An object that is partly hidden has two true boxes: one around what is *visible*, and an **amodal box** around all of it. We ask for the visible one.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 8
#
# **Show:** let the room draw the moved box on paper first; then the four images from left to right.
#
# **Ask:** a net has four outputs, for one box. What does it learn to say when there are two dogs?
#
# **Usual wrong answer:** "The better one." The squared error is least half way between both, where no dog is.

# %% [markdown] slideshow={"slide_type": "subslide"}
# Boxes are compared by their *intersection over union* (IoU): the area that two boxes share, divided by the area that they cover together. From 0.5 on, a box usually counts as right.
#
# **Predict.** A box is as large as the true one, but lies three tenths of its width too far to the right. Its IoU?

# %% slideshow={"slide_type": "subslide"} tags=["method", "nbval-check-output"]
true = crowds.boxes[41][0]  # of a mushroom
part = 0.3 * (true[2:] - true[:2])  # of its width and of its height
for name, move in (("right", part * torch.tensor([1, 0])), ("right and down", part)):
    moved = true + torch.cat([move, move])
    low, high = torch.maximum(true[:2], moved[:2]), torch.minimum(true[2:], moved[2:])
    both = (high - low).clamp(min=0).prod()  # 0 where they do not touch
    union = (true[2:] - true[:2]).prod() + (moved[2:] - moved[:2]).prod() - both
    assert torch.isclose(both / union, detection.box_iou(true[None], moved[None])[0, 0])
    print(f"three tenths to the {name}: IoU {both / union:.2f}")

# %% slideshow={"slide_type": "subslide"} tags=["readme"]
true = crowds.boxes[41]
part = 0.3 * (true[:, 2:] - true[:, :2]).repeat(1, 2)
moved = [torch.cat([true, true + part * torch.tensor([1, down, 1, down])]) for down in (0, 1)]
shown = [true, torch.cat([crowds.amodal[35], crowds.boxes[35]]), *moved]
kinds, key = [[0], [1] * 3 + [0] * 3, [0, 2], [0, 2]], ("visible", "amodal", "moved")
titles = ["one object: 4 numbers", "three objects: 12?", "IoU 0.54: right", "IoU 0.32: wrong"]
title = "How far may a box be off? And which box is the true one?"
plots.boxes(crowds.images[[41, 35, 41, 41]], shown, kinds, key=key, titles=titles, title=title)

# %% [markdown] slideshow={"slide_type": "-"}
# Both moved boxes say *mushroom*, but only one is good enough. And a class alone is worth little: as a box, the *whole image* has an IoU of 0.5 with 1 of 1,617 objects.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 2 · Non-maximum suppression
#
# Of many candidates, many find the same dog. **Non-maximum suppression** (NMS) keeps the box of the highest score, drops all that overlap it by more than a threshold, and goes on with what is left. Each class by itself: a dog does not suppress a cat.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 8
#
# **Show:** the loop, on the board with four boxes; then the explorer at the scene with two objects of one class.
#
# **Ask:** two dogs, one behind the other. Which threshold is right?
#
# **Usual wrong answer:** "0.5, as always." A low one drops the dog behind, a high one leaves two boxes on one dog: often no threshold does both.

# %% slideshow={"slide_type": "subslide"} tags=["method", "nbval-check-output"]
random, truth = torch.Generator().manual_seed(0), crowds.boxes[30]  # two giraffes
boxes = truth.repeat(20, 1) + torch.randn(40, 4, generator=random)  # 20 candidates around each
scores = detection.box_iou(boxes, truth).amax(1)  # an oracle: no detector knows this

left, kept = scores.argsort(descending=True).tolist(), []
while left:
    best = left.pop(0)
    kept.append(best)
    overlap = detection.box_iou(boxes[best : best + 1], boxes)[0]
    left = [n for n in left if overlap[n] <= 0.5]
assert kept == detection.nms(boxes, scores, 0.5).tolist()
print(f"{len(kept)} of {len(boxes)} boxes are left, for {len(truth)} giraffes")

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Now a trained detector (Fast R-CNN, section 6), and objects of one class, one behind the other. Which threshold leaves one box for each?

# %% slideshow={"slide_type": "subslide"} tags=["explorer", "nbval-ignore-output"]
explorer = explorers.Suppression(crowds, detection.load_detector("FastRCNN"))
explorer

# %% slideshow={"slide_type": "-"}
explorer.filmstrip()

# %% [markdown] slideshow={"slide_type": "-"}
# Low ones drop the object behind, high ones leave two boxes on one; often none does both. How much does NMS lose at the least? Take a *perfect* detector, whose boxes are the true ones:

# %% slideshow={"slide_type": "subslide"} tags=["nbval-check-output"]
for threshold in (0.3, 0.5, 0.7):
    scenes = zip(crowds.boxes, crowds.shares, crowds.labels, strict=True)  # score: the visible share
    left = sum(len(detection.batched_nms(*scene, threshold)) for scene in scenes)
    print(f"NMS at {threshold}: {1617 - left} of 1617 true boxes are dropped")

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 3 · A sliding window: HOG and a linear SVM
#
# A **histogram of oriented gradients** (HOG; Dalal and Triggs, 2005) divides the image into cells. In each cell, every pixel votes for the direction of its gradient, in nine bins of 20° (from dark to light or from light to dark: all one), with the gradient's length. Blocks of 2 × 2 cells are normalised, so that light and contrast count little.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 9
#
# **Show:** what HOG sees, before the image; let the room guess what is there.
#
# **Ask:** why do we shrink the image, and not enlarge the window?
#
# **Usual wrong answer:** "It is the same." A larger window has more cells: another filter, trained anew for each size.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
image = crowds.images[30:31]  # (1, 3, 128, 128)
right, down = torch.zeros_like(image), torch.zeros_like(image)
right[..., 1:-1] = image[..., 2:] - image[..., :-2]
down[:, :, 1:-1] = image[:, :, 2:] - image[:, :, :-2]
length, colour = torch.hypot(right, down).max(1, keepdim=True)  # of three colours the strongest counts
angle = torch.atan2(down, right).gather(1, colour)[0, 0].rad2deg() % 180

votes = torch.nn.functional.one_hot((angle / 20).long().clamp(max=8), 9) * length[0, 0, ..., None]
cells = votes.unflatten(1, (16, 8)).unflatten(0, (16, 8)).mean((1, 3))  # (16, 16, 9): cells of 8 px
block = cells[8:10, 10:12] / cells[8:10, 10:12].norm()
block = block.clamp(max=0.2) / block.clamp(max=0.2).norm()  # no direction counts too much
assert torch.allclose(block, detection.hog(image)[0, 8, 10], atol=1e-4)

# %% [markdown] slideshow={"slide_type": "-"}
# A *support vector machine* (SVM), a linear classifier that wants a margin between the classes, learns weights for a window of cells (now of 4 px), one window a class: a filter. To slide it is a convolution; an **image pyramid** of 11 sizes lets it meet objects of 8 to 80 px. It learns twice: the second time also from its own mistakes on background, **hard negative mining**.
#
# **Predict.** Of the three surest boxes for *mushroom*: how many are right?

# %% slideshow={"slide_type": "subslide"}
def stroked(cells):  # (rows, columns, 9) -> an image: in each cell, strokes along the edges
    x, y = torch.meshgrid(torch.arange(16) - 7.5, torch.arange(16) - 7.5, indexing="xy")
    angle = (20 * torch.arange(9.0) + 10).deg2rad()[:, None, None]  # of the gradient: across the edge
    strokes = ((x * angle.cos() + y * angle.sin()).abs() < 1.4).float()
    picture = torch.einsum("rcb,byx->rycx", (cells / cells.max()) ** 2, strokes).flatten(2).flatten(0, 1)
    return torch.nn.functional.interpolate(picture.clamp(max=1)[None, None], (256, 256)).expand(1, 3, -1, -1)


net, image, mushroom = detection.load_detector("HOGSVM"), crowds.images[41:42], lab.label("mushroom")
crop = torch.nn.functional.interpolate(image[..., 38:102, 51:115], (256, 256), mode="bilinear")
rows, columns = (net.shape[mushroom] - 1).tolist()
weights = net.weight[mushroom, :, :rows, :columns].clamp(min=0).unflatten(0, (4, 9)).sum(0)  # what is for it
seen = [stroked(detection.hog(crop, cell=16)[0, :, :, 0, 0]), stroked(weights.permute(1, 2, 0))]

# %% slideshow={"slide_type": "-"}
(found,), count = net.detect(image), int((net.windows(image, 0).labels == mushroom).sum())
images = torch.cat([crop, *seen, torch.nn.functional.interpolate(image, (256, 256))])
titles = ["part of the image", "its HOG", "filter, stretched", f"3 surest of {count:,} windows"]
title = "HOG sees the cap; the three surest mushrooms are all wrong"
plots.boxes(images, [[], [], [], 2 * found.boxes[found.labels == mushroom][:3]], titles=titles, title=title)

# %% [markdown] slideshow={"slide_type": "-"}
# HOG found people, who stand upright. Our objects turn, are small, and lie in clutter: it finds almost none (section 8). Many lecture notes file this under two-stage detection. But there are no proposals: each window is classified, once. It is a **sliding window**, the ancestor of [one-stage detectors](15_one_stage_detection.ipynb).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 4 · Selective search: where may an object be?
#
# A **two-stage detector** first asks *where*, then *what*. **Region proposals** are the first answer: a few hundred boxes, without a class. **Selective search** (Uijlings et al., 2013) cuts the image into segments of even colour. Then it merges, again and again, the two neighbours that are most alike in colour and texture, small, and fit together. The box of each region on the way is a proposal.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 8
#
# **Show:** the regions from left to right: what is one region, what was one before? Then the curve.
#
# **Ask:** which object will it miss: one of two colours, or one of the colour of the ground?
#
# **Usual wrong answer:** "Two colours." They merge a few steps later. What has merged with the ground never comes back.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
from lecture_utils.detection import proposals

image, merges = crowds.images[48], []
hsv = proposals.rgb2hsv(image.permute(1, 2, 0).double().numpy())  # hue, saturation, value
segments = proposals.felzenszwalb(hsv, scale=100, sigma=0.8, min_size=20)  # (128, 128): a number for each
regions, pairs = proposals.first_regions(hsv, segments), proposals.neighbours(segments)
similar = {(a, b): proposals.similarity(regions[a], regions[b], 128 * 128) for a, b in pairs}
while similar:
    a, b = max(similar, key=similar.get)
    merges.append((a, b))
    regions.append(proposals.merged(regions[a], regions[b]))
    touching = {n for pair in similar if {a, b} & {*pair} for n in pair} - {a, b}
    similar = {pair: value for pair, value in similar.items() if not {a, b} & {*pair}}
    for n in sorted(touching):
        similar[n, len(regions) - 1] = proposals.similarity(regions[n], regions[-1], 128 * 128)
boxes = torch.tensor(list(dict.fromkeys(region["box"] for region in regions[::-1]))).float()
assert torch.equal(boxes, detection.selective_search(image[None]))

# %% slideshow={"slide_type": "subslide"}
labels, pictures, count = torch.tensor(segments), [image], len(merges) + 1
for n, (a, b) in enumerate(merges):
    if count - n in (count, 30, 8):  # so many regions are left: each in its mean colour
        index = labels.unique(return_inverse=True)[1]
        pictures.append(torch.stack([image[:, index == k].mean(1) for k in range(count - n)], 1)[:, index])
    labels[(labels == a) | (labels == b)] = count + n
iou, best = detection.box_iou(crowds.boxes[48], boxes).max(1)
words = [[f"{value:.2f}" for value in iou.tolist()], [], [], []]
titles = [f"best of {len(boxes)}: IoU with a car", f"{count} segments", "30 left, mean colours", "8 left"]
title = "The car merges with the ground before it merges with its roof"
plots.boxes(pictures, [boxes[best], [], [], []], None, words, (), titles, title=title)

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** The share of the objects that are found is the **recall**. With 200 boxes at random, of the sizes of our objects: how many have one with an IoU of 0.5? And with selective search, whose 200 are often all it has?

# %% slideshow={"slide_type": "subslide"}
rows = results.load("proposals")["rows"]
for kind in ("selective search", "random boxes"):  # recall at an IoU of 0.5, 200 scenes
    found = [f"{recall:.0%}" for recall, low, high in rows[kind]["recall at 0.5"][5:8]]
    print(f"{kind}: {found[0]} with 40 boxes, {found[1]} with 100, {found[2]} with 200")

# %% [markdown] slideshow={"slide_type": "-"}
# What has no proposal, the second stage cannot find. On the photographs of VOC 2007, eight searches together reached a recall of 98.0% with 2,134 boxes an image. Often you read "2,000 boxes, 99%"; the 99.1% belong to 10,097 boxes. The whole curve: [evidence 14, section 3](evidence/14_two_stage_detection.ipynb).

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 5 · R-CNN: a ConvNet on every region
#
# **R-CNN** (Girshick et al., 2014) crops each proposal with a little context, warps it to one size, and shows it to a ConvNet, its *trunk*. The *head* follows: a hidden layer, and two linear ones. One gives logits of all classes and of *background*, one gives each class four offsets, by which its box $(x, y, w, h)$, centre and size, moves:
#
# $$\hat{x} = x + w\,t_x \qquad \hat{y} = y + h\,t_y \qquad \hat{w} = w\,e^{t_w} \qquad \hat{h} = h\,e^{t_h}$$
#
# In training $t$ is solved for the object's box: $t_x = (x^* - x) / w$, $t_w = \log(w^* / w)$. So a large box may err by more px. Class and offsets learn together, the offsets by the **smooth L1 loss**: squared where the error is small, absolute where it is large.

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 8
#
# **Show:** the crops: a car that is warped to a square is still a car. Then the boxes before and after they move.
#
# **Ask:** two proposals overlap by nine tenths. How much of the work on the first serves the second?
#
# **Usual wrong answer:** "Nearly all." Nothing: each crop goes through the whole net. That is the next section.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
net, image = detection.load_detector("RCNN"), crowds.images[48:49]
regions = detection.selective_search(image)  # (k, 4)
with torch.no_grad():
    crops = net.crops(image, [regions])  # (k, 3, 64, 64)
    logits, offsets = net.head(net.pool(net.trunk(crops)))  # (k, 17), (k, 16, 4): k passes through the net
scores = logits.softmax(1)[:, :16]  # the 17th class is background
region, label = (scores > 0.05).nonzero(as_tuple=True)
low, high = regions[region].split(2, 1)
t = offsets[region, label] * torch.tensor([0.1, 0.1, 0.2, 0.2])  # divided by these, targets are about 1
middle, size = (low + high) / 2 + (high - low) * t[:, :2], (high - low) * t[:, 2:].exp()
boxes = detection.clip_boxes(torch.cat([middle - size / 2, middle + size / 2], 1), 128)
kept = detection.batched_nms(boxes, scores[region, label], label, 0.3)
(found,) = net.detect(image, proposals=[regions])
assert torch.allclose(boxes[kept], found.boxes, atol=1e-3)

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** Two of three cars have a proposal with an IoU of 0.5. How many will R-CNN find?

# %% slideshow={"slide_type": "subslide"}
sure = found.scores > 0.5
words = [f"{lab.classes[k]} {p:.2f}" for k, p in zip(found.labels[sure], found.scores[sure], strict=True)]
large = torch.nn.functional.interpolate(crops[region[kept[sure]]], (128, 128))[:2]
shown = [regions, found.boxes[sure], *[[]] * len(large)]
words = [[""] * len(regions), words, *[[]] * len(large)]
titles = [f"{len(regions)} proposals", "surer than 0.5", *["a crop, 64 px"] * len(large)]
title = "R-CNN finds two of three cars, and says two boxes that are wrong"
plots.boxes(torch.cat([image, image, large]), shown, None, words, (), titles, title=title)

# %% [markdown] slideshow={"slide_type": "-"}
# Which regions are positive? Those with an IoU of 0.5 or more; all else is background. (The 0.3 that is often added belongs to SVMs that the paper trains afterwards.)
#
# The price: 151 passes for this one image. Published (AlexNet): 13 s an image on a GPU, 53 s on a CPU, proposals included.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 6 · Fast R-CNN: one feature map for all regions
#
# **Fast R-CNN** (Girshick, 2015) shows the *whole image* to the net, once. Each **region of interest** (RoI) is cut out of the feature map. **RoI pooling** makes all of one size: round the box to positions (the last one belongs to it), divide these $n$ into bins, keep the largest value of each. Bin $i$ of $s$ goes from $\lfloor i\,n/s \rfloor$ to $\lceil (i+1)\,n/s \rceil$, so two may share a position. By hand, two by two bins on a 4 × 4 map, where a position stands for 8 px:

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 8
#
# **Show:** the 4 × 4 map on the board; round the box, then draw the bins. The middle row belongs to two.
#
# **Ask:** an object of 12 px, positions of 8 px. What may rounding do to its box?
#
# **Usual wrong answer:** "Half a position: nothing." It is up to 4 px at each edge, and one position more at the end.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
features = torch.tensor([[1.0, 2, 0, 3], [4, 1, 5, 0], [0, 7, 2, 6], [8, 0, 1, 9]])
box, of_image = torch.tensor([[7.0, 10, 25, 22]]), torch.tensor([0])  # px
x0, y0, x1, y1 = (box[0] / 8 + 0.5).floor().int().tolist()  # positions 1, 1, 3, 3
region = features[y0 : y1 + 1, x0 : x1 + 1]  # (3, 3): the last position belongs to it
bins = [[half[:, :2].max(), half[:, 1:].max()] for half in (region[:2], region[1:])]  # the middle is shared
assert torch.equal(torch.tensor(bins), detection.roi_pool(features[None, None], box, of_image, 2, 8)[0, 0])

columns = torch.arange(4.0).expand(1, 1, 4, 4)  # a feature that says where it is: 0 in the first column
middles = box[0, 0] + torch.tensor([0.25, 0.75]) * (box[0, 2] - box[0, 0])  # px, of both bins
aligned = detection.roi_align(columns, box, of_image, 2, stride=8)
assert torch.allclose(aligned[0, 0, 0], middles / 8 - 0.5)  # column c has its middle at 8 (c + 0.5) px

# %% [markdown] slideshow={"slide_type": "-"}
# **RoI align** (He et al., 2017; second half of the cell) does not round. It takes points in each bin, interpolates between positions, and averages. Asked for a feature that says where it is, it gives the exact place.
#
# **Predict.** Rounded to positions of 8 px: which of three cars loses most?

# %% slideshow={"slide_type": "subslide"}
images, shown, titles = [], [], []
for box in crowds.boxes[48][[1, 2, 0]]:  # three cars, from large to small
    rounded = 8 * (box / 8 + 0.5).floor() + torch.tensor([0, 0, 8, 8])  # with the last position
    x, y = ((box[:2] + box[2:]) / 2 - 40).clamp(0, 48).int().tolist()
    images.append(crowds.images[48, :, y : y + 80, x : x + 80])
    shown.append(torch.stack([box, rounded]) - torch.tensor([x, y, x, y]))
    titles.append(f"IoU {detection.box_iou(box[None], rounded[None]).item():.2f}")
title = "The smaller the object, the less of its region is the object"
caption, key = "80 x 80 px around each car; a position of the feature map is 8 x 8 px.", ("box", "rounded")
plots.boxes(images, shown, [[0, 1]] * 3, None, key, titles, title=title, caption=caption)

# %% [markdown] slideshow={"slide_type": "-"}
# Over all objects the mean IoU is 0.25 for small ones (below 16 × 16 px), 0.47 for medium, 0.66 for large ([evidence 14, section 7](evidence/14_two_stage_detection.ipynb)). What AP loses by it is another question, for the net is trained on rounded regions; nobody has asked it here.
#
# Published, VGG16 on VOC 2007: 47.0 s an image with R-CNN, 0.32 s with Fast R-CNN. *Both numbers leave out the proposals*, about 1.5 s: now the net waits for them.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 7 · Faster R-CNN: the net proposes
#
# **Faster R-CNN** (Ren et al., 2015) asks the feature map itself. **Anchors** are boxes laid around every position: here three scales, 12, 25 and 52 px, times three ratios. A **region proposal network** (RPN), one 3 × 3 convolution and two 1 × 1, gives each of the $k = 9$ anchors of a position two scores (background, object) and four offsets: $2k + 4k = 54$ channels.
#
# Targets: an anchor with an IoU of 0.7 or more shall find its object; below 0.3 with all objects it is background; between, it is *ignored*. Many notes stop here; then four of five of our objects would have no anchor (of the small ones 96%). So the best anchor of each object counts as well (for the object that *it* overlaps most):

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 12
#
# **Show:** the targets by hand, then the training while it runs: where do the boxes go first? Stop it once, and run the cell again.
#
# **Ask:** 2,304 anchors, two objects. What would a net learn from all anchors alike?
#
# **Usual wrong answer:** "To find objects." To say *background*: it is right 99 times in 100. So as many objects as can be had are drawn, and few backgrounds.

# %% slideshow={"slide_type": "subslide"} tags=["method", "nbval-check-output"]
around = detection.anchors(128, 8, (12, 25, 52), (0.5, 1.0, 2.0))  # (2304, 4): 16 x 16 positions, 9 each
sides = torch.tensor([[s / r**0.5, s * r**0.5] for s in (12, 25, 52) for r in (0.5, 1.0, 2.0)])
nine = torch.cat([68 - sides / 2, 68 + sides / 2], 1)  # position (8, 8) has its middle at 68 px
assert torch.allclose(nine, around.view(16, 16, 9, 4)[8, 8])

iou = detection.box_iou(around, crowds.boxes[21])
best, target = iou.max(1)
target[best < 0.7] = -2  # ignored
target[best < 0.3] = -1  # background
for n in range(iou.shape[1]):
    highest = iou[:, n] == iou[:, n].max()
    target[highest] = iou[highest].argmax(1)
assert torch.equal(target, detection.match_anchors(around, crowds.boxes[21]))
print("ignored, background, anchors of each object:", (target + 2).bincount().tolist())

# %% slideshow={"slide_type": "subslide"} tags=["explorer", "nbval-ignore-output"]
explorer = explorers.Anchors(crowds)
explorer

# %% slideshow={"slide_type": "-"}
explorer.filmstrip()

# %% [markdown] slideshow={"slide_type": "-"}
# Now we train an RPN. The trunk, which all our detectors share, was trained before and stays as it is (*frozen*), so the features of 200 scenes are computed once. The loss of an image: 64 anchors inside it are drawn, at most half of them objects; cross-entropy of their scores, plus smooth L1 of the objects' offsets. 50 other scenes test it.
#
# **Predict.** Before training, the 40 proposals are anchors, nearly at random. How many objects do they find? And after 120 steps?

# %% slideshow={"slide_type": "subslide"}
from lecture_utils.detection.faster_rcnn import RPN, rpn_loss
from lecture_utils.progress import progress

trunk = detection.build_detector("FasterRCNN").trunk
with torch.no_grad():
    features = torch.cat([trunk(x) for x in progress(crowds.images[:250].split(25), "features")])
around = detection.anchors(128, 8, (12, 25, 52), (0.5, 1.0, 2.0))


def propose(scores, offsets):  # (2304, 2), (2304, 4) of one image -> at most 40 boxes
    best = (scores[:, 1] - scores[:, 0]).topk(100).indices
    moved = detection.decode_boxes(offsets[best] * torch.tensor([0.1, 0.1, 0.2, 0.2]), around[best])
    kept = detection.nms(moved, -torch.arange(100.0), 0.7)[:40]  # the surest come first
    return detection.clip_boxes(moved[kept], 128)

# %% slideshow={"slide_type": "subslide"}
torch.manual_seed(0)
rpn, live = RPN(192, k=9, width=64), plots.Live()
optimiser = torch.optim.AdamW(rpn.parameters(), lr=1e-3)
for step in progress(range(121), "region proposal network"):
    if step % 20 == 0:  # look at the other scenes
        with torch.no_grad():
            boxes = [propose(*each) for each in zip(*rpn(features[200:]), strict=True)]
        best = [detection.box_iou(*pair).amax(1) for pair in zip(crowds.boxes[200:250], boxes, strict=True)]
        title = f"Step {step}: 40 proposals find {(torch.cat(best) >= 0.5).float().mean():.0%} of the objects (here: 5 of 40)"
        live(plots.boxes(crowds.images[200:205], [b[:5] for b in boxes[:5]], title=title))
    some = torch.randperm(200)[:10]
    each = zip(*rpn(features[some]), [crowds.boxes[n] for n in some], strict=True)
    losses = [sum(rpn_loss(*one, around, (128, 128)).values()) for one in each]
    optimiser.zero_grad()
    torch.stack(losses).mean().backward()
    optimiser.step()

# %% [markdown] slideshow={"slide_type": "-"}
# That is 200 scenes. The shipped Faster R-CNN learned from 8,000, and finds 91% ([evidence 14, section 3](evidence/14_two_stage_detection.ipynb)). Are 40 of its proposals as good as all of selective search? The paper's test: swap them, in a Fast R-CNN that has learned with selective search.
#
# **Predict.** 40 boxes instead of some 180: will its detections get worse? (Measured by mAP, section 8: 1 is perfect.)

# %% slideshow={"slide_type": "subslide"}
images, truth = crowds.images[:40], list(zip(crowds.boxes[:40], crowds.labels[:40], strict=True))
fast, network = detection.load_detector("FastRCNN"), detection.load_detector("FasterRCNN")
for name, given in (("selective search", None), ("an RPN", network.proposals(images))):
    ap = detection.mean_average_precision(fast.detect(images, proposals=given), truth, 0.5)
    print(f"Fast R-CNN on proposals of {name}: mAP {ap.mean:.2f}")

# %% [markdown] slideshow={"slide_type": "-"}
# 40 scenes settle nothing. Published, the same swap on VOC 2007 (ZF net): 58.7 with 2,000 boxes of selective search, 56.8 with 300 of an RPN. In the paper RPN and head are trained in turns until they share one trunk; ours never changes the trunk. Published (VGG16): 198 ms an image, 10 of them the RPN; selective search alone took 1.5 s.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## 8 · Side by side, and what goes wrong
#
# Detections of one class, the surest first, are right or wrong: right with an IoU above 0.5 with an object of the class that no surer one has found. **Precision** is the share of right ones so far; recall the share of the objects found. The **precision-recall curve** goes up and down as we accept more boxes; the area below it, once precision may only fall, is the *average precision* (AP), and its mean over classes the **mean average precision** (mAP). Each right box adds 1 / objects to recall: so sum their precisions, and divide. (Elsewhere we average at 101 recalls, as COCO does; COCO's own AP is also a mean over IoU 0.5 to 0.95.)

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 11
#
# **Show:** the explorer: lower the threshold, and watch the point move along the curve. Then the table: which column surprises?
#
# **Ask:** a detector doubles its boxes: each comes twice, with the same score. What happens to recall, precision, AP?
#
# **Usual wrong answer:** "Nothing, all are right." The second one of a pair is a false positive: precision is halved.

# %% slideshow={"slide_type": "subslide"} tags=["method"]
found = detection.load_detector("FastRCNN").detect(crowds.images[:40])
truth = list(zip(crowds.boxes[:40], crowds.labels[:40], strict=True))
mushroom, right = lab.label("mushroom"), []
for (boxes, scores, labels), (true, classes) in zip(found, truth, strict=True):
    taken, mine = set(), labels == mushroom
    iou = detection.box_iou(boxes[mine], true[classes == mushroom]).tolist()
    for score, row in zip(scores[mine].tolist(), iou, strict=True):  # the surest first
        hit = {n for n, value in enumerate(row) if value > 0.5 and value == max(row)} - taken
        right.append((score, bool(hit)))
        taken |= hit
right = torch.tensor([hit for _, hit in sorted(right, reverse=True)]).double()
precision = right.cumsum(0) / torch.arange(1, len(right) + 1)
precision = precision.flip(0).cummax(0).values.flip(0)  # it may only fall
objects = sum(int((classes == mushroom).sum()) for _, classes in truth)
ap = detection.mean_average_precision(found, truth, 0.5, style="voc")
assert torch.isclose((precision * right).sum() / objects, ap.table[0, ap.classes == mushroom])

# %% slideshow={"slide_type": "subslide"} tags=["explorer", "nbval-ignore-output"]
explorer = explorers.ScoreThreshold(crowds, detection.load_detector("FastRCNN").detect(crowds.images[:40]))
explorer

# %% slideshow={"slide_type": "-"}
explorer.filmstrip()

# %% [markdown] slideshow={"slide_type": "-"}
# **Predict.** HOG, and three detectors with one trunk and the same 8,000 scenes: which is most accurate, which is fastest, proposals included?

# %% slideshow={"slide_type": "subslide"}
table = results.load("detectors")
for name in ("HOGSVM", "RCNN", "FastRCNN", "FasterRCNN"):
    half, low, high = table["rows"][name]["AP .5"]
    ms, of_it = (table["times"][name][what] for what in ("batch 1", "of it proposals"))
    print(f"{name:10}  mAP {half:.3f} ({low:.3f} to {high:.3f}); {ms:.0f} ms, {of_it:.0f} for proposals")

# %% [markdown] slideshow={"slide_type": "-"}
# TODO(lead): which ordering holds, by how much, and what the proposals cost. One training each: the interval is over scenes, so the order of two detectors is not settled. [evidence 14, section 4](evidence/14_two_stage_detection.ipynb).
#
# *What goes wrong?* The answer key says of each wrong box why: its place (an IoU of 0.1 to 0.5), its class (confusion), both, a duplicate, or nothing there (background).

# %% slideshow={"slide_type": "subslide"}
from lecture_utils import photographs

scenes, key = [46, 63, 41], detection.ERROR_TYPES
images = torch.cat([crowds.images[scenes], photographs.square("butterfly", 128)[None]])
found = detection.load_detector("FastRCNN").detect(images, threshold=0.5)
truth = [(crowds.boxes[n], crowds.labels[n]) for n in scenes] + [(torch.zeros(0, 4), torch.zeros(0).long())]
kinds, missed = detection.error_types(found, truth)
words, titles = [lab.names(each.labels) for each in found], [f"{int(each.sum())} missed" for each in missed]
title = "Boxes in the wrong place, a dog and a windmill that nobody finds"
plots.boxes(images, [each.boxes for each in found], kinds, words, key, titles, title=title)

# %% [markdown] slideshow={"slide_type": "-"}
# On the photograph it is silent. Whatever it said would be wrong: it knows 16 things, and no way to say "something else" but background. A detector that knows photographs stands below, in *Since then*.

# %% [markdown] slideshow={"slide_type": "slide"}
# ## What we saw
#
# | you will hear | here | how sure |
# |---|---|---|
# | NMS leaves one box an object | at 0.3 it drops 142 of 1,617 *true* boxes | [exact, section 8](evidence/14_two_stage_detection.ipynb) |
# | 2,000 proposals find 99% | about 170 boxes find 77% | [200 scenes, section 3](evidence/14_two_stage_detection.ipynb) |
# | RoI pooling costs small objects | a small box's region has an IoU of 0.25 with it; AP not asked | [exact, section 7](evidence/14_two_stage_detection.ipynb) |
# | an anchor is positive from 0.7 on | and the best of each object, or 79% of the objects had none | [exact, section 9](evidence/14_two_stage_detection.ipynb) |
# | R-CNN, Fast, Faster: each better and faster | TODO-TABLE | [one training each, section 4](evidence/14_two_stage_detection.ipynb) |
# | most errors are of place | 39 of place, 55 on background, 394 of 820 missed | [600 scenes, section 6](evidence/14_two_stage_detection.ipynb) |

# %% [markdown] slideshow={"slide_type": "notes"} tags=["presenter"]
# **Minutes:** 3
#
# **Show:** the table with the middle column covered.
#
# **Ask:** which step of Faster R-CNN has no gradient, and does it matter?
#
# **Usual wrong answer:** "None, it is trained end to end." NMS and the choice of proposals have none: the head does not tell the RPN how to move.

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Exercises
#
# Four, from a warm-up to a real one. Each has a statement, a cell to fill in, and a check to run as often as you like: it compares your function with an independent computation, on small inputs first, and says in one line what is wrong and why it may be. Each run of `hint(...)` gives one hint more; `solution(...)` opens after one attempt, or at once with `peek=True`. Nothing after this section needs your answers.

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 14.1 · How much two boxes overlap
#
# ●○○○○ · 10 minutes · trains: all pairs at once, and what happens to boxes that do not touch
#
# Section 1 compared two boxes. A detector compares thousands with each object, so a loop is too slow. Write the IoU of all pairs without one.
#
# Example: `a = [[1, 1, 5, 5], [0, 0, 2, 2]], b = [[3, 3, 8, 6]]` gives `[[0.1481], [0]]`. The first pair shares 2 × 2 px of 16 + 15 − 4; the second does not touch.

# %% slideshow={"slide_type": "skip"} tags=["exercise-14.1"]
def my_iou(a, b):
    """Intersection over union of each box of a (n, 4) with each of b (m, 4): (n, m). Boxes: x0, y0, x1, y1 in px."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-14.1"]
from lecture_utils.exercises import check, hint, solution

check("14.1", my_iou)
# hint("14.1")  # each run gives the next hint
# solution("14.1")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 14.2 · Non-maximum suppression
#
# ●●○○○ · 12 minutes · trains: the greedy loop, when all overlaps are known already
#
# Section 2 crossed out what the best box suppresses. Go the other way: take the boxes in order, and ask of each whether a box that is *kept* suppresses it. The table of overlaps is given.
#
# Example: `iou = [[1, 0.6, 0.1, 0.5], [0.6, 1, 0.6, 0], [0.1, 0.6, 1, 0], [0.5, 0, 0, 1]], scores = [0.9, 0.8, 0.7, 0.95], threshold = 0.5` gives `[3, 0, 2]`. Box 1 goes because of box 0; box 2 overlaps only box 1, which is gone.

# %% slideshow={"slide_type": "skip"} tags=["exercise-14.2"]
def my_nms(iou, scores, threshold):
    """Which boxes are kept, the highest score first: LongTensor (k,). iou: (n, n), of all boxes with each other."""
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-14.2"]
from lecture_utils.exercises import check, hint, solution

check("14.2", my_nms)
# hint("14.2")  # each run gives the next hint
# solution("14.2")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 14.3 · RoI pooling of one box
#
# ●●●○○ · 15 minutes · trains: rounding to positions, and bins that share one
#
# Section 6 did it by hand for one box and two bins. Now any box, any number of bins, all channels. The difficulty is not the maximum but the edges.
#
# Example: `features = [[[1, 2, 0, 3], [4, 1, 5, 0], [0, 7, 2, 6], [8, 0, 1, 9]]], box = [7, 10, 25, 22], stride = 8, size = 2` gives `[[[7, 6], [7, 9]]]`. The region is rows 1 to 3 and columns 1 to 3; each bin has two of the three.

# %% slideshow={"slide_type": "skip"} tags=["exercise-14.3"]
def my_roi_pool(features, box, stride, size):
    """The largest value in each of size x size bins of one box (4,) in px: (channels, size, size).

    features: (channels, h, w), one position for stride x stride px. Edges are rounded to the nearest position.
    """
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-14.3"]
from lecture_utils.exercises import check, hint, solution

check("14.3", my_roi_pool)
# hint("14.3")  # each run gives the next hint
# solution("14.3")

# %% [markdown] slideshow={"slide_type": "skip"} tags=["exercise"]
# ### Exercise 14.4 · Average precision
#
# ●●●○○ · 15 minutes · trains: precision and recall of a ranking, and the objects that nobody found
#
# The matching is done: of each box you know its score, and whether it has found an object. What remains is the area below the curve.
#
# Example: `scores = [0.3, 0.9, 0.5, 0.8], right = [True, True, True, False], objects = 5` gives `0.5`. Sorted: right, wrong, right, right. Precision is 1, 1/2, 2/3, 3/4; once it may only fall, the three right ones count 1, 3/4, 3/4, and 2.5 / 5 = 0.5.

# %% slideshow={"slide_type": "skip"} tags=["exercise-14.4"]
def my_ap(scores, right, objects):
    """The area below the precision-recall curve of one class: a number in [0, 1].

    scores: (d,), of all boxes. right: bool (d,), whether a box has found an object. objects: how many there are.
    """
    raise NotImplementedError

# %% slideshow={"slide_type": "skip"} tags=["check-14.4"]
from lecture_utils.exercises import check, hint, solution

check("14.4", my_ap)
# hint("14.4")  # each run gives the next hint
# solution("14.4")

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Since then
#
# **Mask R-CNN** (He et al., 2017) is Faster R-CNN with RoI align and a third branch that draws a mask in each box. *Feature pyramids* (Lin et al., 2017; [notebook 15](15_one_stage_detection.ipynb)) give small objects a finer feature map: the recall of 1,000 proposals rose by 8 points on COCO, by 13 for small objects. A recipe alone can be worth as much: torchvision's Faster R-CNN went from 37.0 to 46.7 AP under the same name, with other heads, stronger augmentation and 400 epochs.

# %% [markdown] slideshow={"slide_type": "skip"}
# *Photographs.* Take a detector that was trained on them, with your own copy of torchvision's weights. The cell downloads nothing; without the file it says what to do.

# %% slideshow={"slide_type": "skip"} tags=["nbval-ignore-output"]
from importlib import import_module
from pathlib import Path

from lecture_utils import photographs

name, street = "fasterrcnn_mobilenet_v3_large_320_fpn", photographs.square("street", 448)
file, picture = Path(torch.hub.get_dir()) / "checkpoints" / f"{name}-907ea3f9.pth", None
if file.exists():
    models = import_module("torchvision.models")
    net = models.get_model(name, weights=None, weights_backbone=None).eval()
    net.load_state_dict(torch.load(file, weights_only=True))
    with torch.no_grad():
        (found,) = net([street])
    known, sure = models.get_model_weights(name).DEFAULT.meta["categories"], found["scores"] > 0.5
    words, title = [known[k] for k in found["labels"][sure]], "Trained on photographs, it knows this street"
    picture = plots.boxes(street[None], [found["boxes"][sure]], words=[words], title=title)
else:
    where = f"torchvision.models.get_model_weights('{name}').DEFAULT.url"
    print(f"Put {file.name} (74 MB; {where} says from where) into torch's folder hub/checkpoints.")
picture

# %% [markdown] slideshow={"slide_type": "skip"}
# ## Sources
#
# - N. Dalal, B. Triggs (2005), *Histograms of Oriented Gradients for Human Detection*, section 6. Lecture notes call cells of 8 × 8 px in blocks of 2 × 2 best, and smoothing good; in the paper 6 × 6 px in blocks of 3 × 3 were best, and smoothing (σ = 2) lost 9 people of 100. Ours: 16 classes; a pixel votes for one bin and one cell, without interpolation.
# - J. Uijlings et al. (2013), *Selective Search for Object Recognition*, section 3, tables 4 and 5; P. Felzenszwalb, D. Huttenlocher (2004): the segments. Ours: one strategy, in HSV.
# - R. Girshick, J. Donahue, T. Darrell, J. Malik (2014), *Rich Feature Hierarchies*: R-CNN. Ours: crops of 64 px, a softmax instead of SVMs, trained in one go.
# - R. Girshick (2015), *Fast R-CNN*, sections 2 and 3, table 4; K. He et al. (2017), *Mask R-CNN*, section 3: RoI align.
# - S. Ren, K. He, R. Girshick, J. Sun (2015), *Faster R-CNN*, section 3. Ours: anchors of 12, 25 and 52 px; trained jointly; 40 proposals instead of 300.
# - M. Everingham et al. (2010), *The PASCAL VOC Challenge*: average precision (there at 11 recalls, later as here). D. Bolya et al. (2020), *TIDE*: the kinds of errors.
