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

# %% [markdown]
# # 15 · Evidence: which sentences on one-stage detection hold here?
#
# *Reading 60 minutes · lecture 0 minutes · needs notebook 15 for the methods · runs offline*

# %% [markdown]
# ## What is claimed, and what would refute it
#
# | claim of the lecture | refuted if |
# |---|---|
# | one stage is faster than two; R-CNN < Fast < Faster | a median is not at least 10% below the other |
# | YOLO learns one object a cell, so it misses the others | it finds them as often as objects of their size and visibility with a cell of their own; or a net without cells misses them as well |
# | a cell's two boxes specialise | shuffled among the objects, "which box is responsible" depends on size and shape as much |
# | fine maps are for small objects, coarse ones for large | the trained SSD finds small objects on the map on which it finds large ones |
# | the focal loss silences easy background, and so finds more | the share of the loss does not fall; AP is not above that of cross-entropy |
# | an FPN helps, small objects most | without its way down AP is as high; the loss is as large for large objects |
# | the methods are computed as elsewhere | one of 200 random cases differs by more than 1e-6 |
# | peaks and queries need no NMS; the other nets do | NMS raises their AP; taken from the others, it does not lower theirs |
# | DETR's last layer needs no NMS, its first does | its gain does not fall from layer to layer |
# | each query has its own place and size | shuffled queries explain as much of the variance |
# | DETR beats Faster R-CNN; better on large objects, worse on small | a paired difference on the other side of 0 |
# | a detector of the toy world knows nothing of photographs | it is as silent there as on empty scenes |
#
# All is measured on the 600 scenes of the detection gallery, which no detector has seen: see section 2 of [evidence 14](14_two_stage_detection.ipynb) for what they hold. All nets stand behind one trunk, which stays as it is, and learn from the same 8,000 scenes (`python -m experiments detectors`). **Two kinds of intervals.** Over *scenes* (95%): how far other scenes would move a number of these trainings. Over *seeds*: how far another training moves it. A difference between detectors, or between two ways to train one, is called settled only if both say so: the interval over scenes of the mean over seeds leaves out 0, and *every* seed of the one lies on the same side of *every* seed of the other. By chance that happens to two sets of three once in ten times. With one training each, a difference is one of these two trainings.

# %% tags=["setup"]
import numpy as np
import torch

from experiments import figures
from lecture_utils import detection, metrics, open_lab, plots, results

lab, span = open_lab(), metrics.with_interval
claims = {}  # claim: (ours, baseline or control, upper bound, verdict)
crowds, study = lab.detection, results.load("detectors")
sizes, names = torch.cat(crowds.sizes), ("small", "medium", "large")  # of all objects
truth = list(zip(crowds.boxes, crowds.labels, strict=True))

# %%
def verdict(gap, reach=None):
    """Of a difference [value, low, high] that shall be above 0; reach: [least, most] of any two seeds."""
    low, high = (gap[1], gap[2]) if reach is None else (min(gap[1], reach[0]), max(gap[2], reach[1]))
    return "holds" if low > 0 else "fails" if high < 0 else "not settled"


def gap_of(one, two, measure):
    """([one - two, low, high], [least, most] of any two seeds, or None): over seeds where both have some."""
    for row in (*study["seed pairs"], *study["pairs"]):
        if {row["one"], row["two"]} == {one, two}:
            several = isinstance(row[measure], dict)
            gap = row[measure]["mean"] if several else row[measure]
            reach = row[measure]["range"] if several else None
            flip = row["one"] == two
            gap = [-gap[0], -gap[2], -gap[1]] if flip else gap
            return gap, ([-reach[1], -reach[0]] if flip and several else reach)
    return None, None


# %%
def claim_gap(claim, one, two, measure="AP .5", baseline=""):
    """Enter the difference one - two into the table of claims."""
    gap, reach = gap_of(one, two, measure)
    if gap is None:
        claims[claim] = ("–", baseline, "", "not measured")
    else:
        of_two = "" if reach else " for these two trainings"
        seeds = f"; seeds {reach[0]:+.3f} to {reach[1]:+.3f}" if reach else ""
        claims[claim] = (span(gap, "+.3f") + seeds, baseline, "", verdict(gap, reach) + of_two)
    print(f"{claim}: {claims[claim][0]}: {claims[claim][-1]}")


detectors = [name for name in study["rows"] if "parameters" in study["rows"][name]]
one_stage = [name for name in ("YOLO", "SSD", "RetinaNet", "CenterNet", "DETR") if name in detectors]

# %% [markdown]
# ## 1 · Times, and YOLO's cells
#
# *Protocol.* `python -m experiments detector_scores --times`, alone on two cores, one thread: the median of 15 images, one at a time and eight at a time, milliseconds for one image, proposals included. The trunk alone: what every net but HOG + SVM pays (R-CNN for each crop). Refuted: a median that is not at least 10% below the other. Two of the ratios are measured again here.

# %%
times = study["times"]
order = ("RCNN", "FastRCNN", "FasterRCNN", "YOLO", "SSD", "RetinaNet", "CenterNet", "DETR")
batches = {"one at a time": "batch 1", "eight at a time": "batch 8"}
figures.costs(
    {
        name: {word: times[name][batch] for word, batch in batches.items()}
        for name in order[2:]
        if name in times
    },
    title="<<which nets are fast, and what a batch of eight saves>>",
    caption="Milliseconds an image: medians of 15, one thread, logarithmic axis. The table has the other three.",
)

# %%
columns = ["detector", "one at a time, ms", "eight at a time, ms", "of it proposals, ms", "in trunks"]
trunk = times["trunk"]["batch 1"]
rows = [["trunk alone", f"{trunk:.1f}", f"{times['trunk']['batch 8']:.1f}", "–", "1.0"]]
for name in ("HOGSVM", *order):
    if name in times:
        row = times[name]
        cells = [f"{row[what]:.1f}" for what in ("batch 1", "batch 8", "of it proposals")]
        rows.append([name, *cells, "–" if name == "HOGSVM" else f"{row['batch 1'] / trunk:.1f}"])
plots.table(columns, rows, "Medians; the last column: how many times the trunk's own time")

# %%
pairs = [("FastRCNN", "RCNN"), ("FasterRCNN", "FastRCNN"), *((name, "FasterRCNN") for name in one_stage)]
for one, two in pairs:
    if one in times and two in times:
        a, b = times[one]["batch 1"], times[two]["batch 1"]
        side = "holds" if a <= 0.9 * b else "fails" if b <= 0.9 * a else "not settled: within 10%"
        words = f"{a:.0f} ms", f"{b:.0f} ms {two}", f"{trunk:.0f} ms trunk"
        claims[f"{one} is faster than {two}"] = (*words, side)

# %%
from statistics import median
from time import perf_counter

from experiments.training import threads_set

spent = {"FasterRCNN": [], "YOLO": [], "RetinaNet": []}
nets = {name: detection.load_detector(name) for name in spent}
with threads_set(1):
    for n in range(8):  # in turns: what else the machine does hits all of them; the first does not count
        for name, net in nets.items():
            begun = perf_counter()
            net.detect(crowds.images[n : n + 1])
            spent[name] += [1000 * (perf_counter() - begun)] * (n > 0)
for name in ("YOLO", "RetinaNet"):
    now = median(spent["FasterRCNN"]) / median(spent[name])
    then = times["FasterRCNN"]["batch 1"] / times[name]["batch 1"]
    print(f"Faster R-CNN takes {now:.1f} times as long as {name} now, {then:.1f} times in the table")
    assert 1 / 3 < now / then < 3, "another order of magnitude"

# %% [markdown]
# **Verdict: <<by the claims above>>.** "One stage" is no speed by itself: what counts is the work at each position, and how many of them there are. Published, on a graphics card (YOLO's table 1): YOLO 45 images a second, Faster R-CNN with VGG16 7, Fast R-CNN .5; SSD300 46, or 59 with eight images at once (SSD's table 7).
#
# **Cells.** *Protocol.* An object has lost its cell if an object before it has its centre there: exact, from the answer key. Then: does the trained YOLO find such objects (right class, IoU ≥ .5, a score above its best threshold)? Each is paired with an object that is alone in its cell and nearest to it in size and visible share, no object twice. Control: nets without cells, on the same pairs.

# %% tags=["nbval-check-output"]
def without_cell(px):
    """Which objects have their centre in a cell of px that an earlier object of the scene has: bool (objects,)."""
    lost = []
    for boxes in crowds.boxes:
        cells = ((boxes[:, :2] + boxes[:, 2:]) / 2 // px).tolist()
        lost += [cell in cells[:k] for k, cell in enumerate(cells)]
    return torch.tensor(lost)


for grid, px in (("7 × 7, the paper's", 128 / 7), ("8 × 8, ours", 16), ("32 × 32, CenterNet's", 4)):
    lost = without_cell(px)
    print(f"{grid}: {lost.sum()} of {len(lost):,} objects have no cell ({lost.double().mean():.1%})")
lost = without_cell(16)
asked = torch.stack([detection.yolo_targets(*each, 128, 16, cells=8)[..., 4].sum() for each in truth])
assert asked.sum() == (~lost).sum()  # what training asks for

# %%
from scipy.optimize import linear_sum_assignment

cells = [((boxes[:, :2] + boxes[:, 2:]) / 2 // 16).tolist() for boxes in crowds.boxes]
alone = torch.tensor([own.count(cell) == 1 for own in cells for cell in own])
every, shares = torch.cat(crowds.boxes), torch.cat(crowds.shares)
sides = (every[:, 2:] - every[:, :2]).prod(1).log() / 2
apart = (sides[lost][:, None] - sides[alone]).abs() + (shares[lost][:, None] - shares[alone]).abs()
mates = alone.nonzero()[linear_sum_assignment(apart.numpy())[1], 0]
for name, some in (("lost their cell", lost), ("mates", mates)):
    print(f"{name}: side {sides[some].exp().mean():.1f} px, {shares[some].mean():.0%} visible, on average")

# %%
rows, gaps = [], {}
for name in ("YOLO", "SSD", "RetinaNet", "CenterNet", "FasterRCNN"):
    found = torch.tensor([float(digit == "2") for digit in study["rows"][name]["found"]])
    gaps[name] = found[lost] - found[mates]
    each = [span(metrics.bootstrap(found[some])) for some in (lost, mates)]
    rows.append([name, *each, span(metrics.bootstrap(gaps[name]), "+.2f")])
columns = ["detector", "lost their cell", "alone in theirs", "difference"]
plots.table(columns, rows, "Share that is found, 95% over pairs")

# %%
mine, control = metrics.bootstrap(-gaps["YOLO"]), metrics.bootstrap(gaps["RetinaNet"] - gaps["YOLO"])
sides_of = {verdict(mine), verdict(control)}
claims["YOLO misses objects that lost their cell"] = (
    f"{span(mine, '+.2f')} fewer found than mates",
    f"{span(control, '+.2f')} more than RetinaNet's difference",
    "0",
    sides_of.pop() if len(sides_of) == 1 else "not settled",
)
print(claims["YOLO misses objects that lost their cell"])

# %%
from experiments.studies import detector_scores

first, row = slice(0, study["slice"]), study["rows"]["YOLO"]
live = nets["YOLO"].detect(crowds.images[first])
again = detector_scores.found_objects(live, truth[first], row["errors"]["threshold"])
same = np.mean([a == b for a, b in zip(again, row["found"], strict=False)])
print(f"found objects of the first {study['slice']} scenes, asked again: {same:.0%} as in the table")
assert same > 0.97

# %% [markdown]
# **Verdict: <<by the claim above>>.** Two objects in one cell also hide each other, so they are hard for every net; that is what the pairs and the nets without cells are for. <<How many of the difference is the cell's.>>
#
# **Two boxes.** *Protocol.* The first 200 scenes: of each object that has its cell, which of the two boxes has the larger IoU with it (that box is responsible), by fifths of the object's size and of its height over width. Control: the same answers shuffled among the objects, 1,000 times. Measure: the largest less the smallest share of a fifth.

# %%
with torch.no_grad():
    says = torch.cat([nets["YOLO"](some) for some in crowds.images[:200].split(25)])
first, shapes = [], []  # is the first box responsible; log of side and of height / width
for output, boxes in zip(says, crowds.boxes, strict=False):
    iou = detection.box_iou(detection.yolo_decode(output, 128)[0], boxes).view(8, 8, 2, -1)
    cells = ((boxes[:, :2] + boxes[:, 2:]) / 2 // 16).long()
    for k, (column, row) in enumerate(cells.tolist()):
        if [column, row] not in cells[:k].tolist():
            width, height = (boxes[k, 2:] - boxes[k, :2]).log()
            first.append(bool(iou[row, column, 0, k] >= iou[row, column, 1, k]))
            shapes.append([(width + height) / 2, height - width])
first, shapes = torch.tensor(first).double(), torch.tensor(shapes)

# %%
ranks = shapes.argsort(0).argsort(0)
fifths = dict(zip(("size", "height / width"), (5 * ranks // len(ranks)).T, strict=True))
source, chance, p_value = torch.Generator().manual_seed(15), {}, {}


def contrast(answers, of):
    shares = torch.stack([answers[of == k].mean() for k in range(5)])
    return float(shares.max() - shares.min())


for name, of in fifths.items():
    shuffled = [contrast(first[torch.randperm(len(first), generator=source)], of) for _ in range(1000)]
    chance[name] = float(np.quantile(shuffled, 0.95))
    p_value[name] = (1 + sum(value >= contrast(first, of) for value in shuffled)) / 1001

# %%
lines, limits = {}, {}
for name, of in fifths.items():
    each = [metrics.bootstrap(first[of == k]) for k in range(5)]
    lines[f"by {name}"] = [value for value, *_ in each]
    limits[f"by {name}"] = ([low for _, low, _ in each], [high for *_, high in each])
plots.curves(
    ["lowest fifth", "second", "third", "fourth", "highest"],
    lines,
    "objects in order of their size, and of their height over width",
    "first box responsible, share",
    title="<<what the two boxes of a cell share out>>",
    caption=f"YOLO, 200 scenes, {len(first)} objects; bands: 95%. Dashed: the first box's share of all.",
    intervals=limits,
    height=3.0,
    ylim=(0, 1),
    level=(float(first.mean()), "all objects"),
)

# %%
for name, of in fifths.items():
    claims[f"a cell's two boxes specialise in {name}"] = (
        f"{contrast(first, of):.2f} between fifths, p = {p_value[name]:.3f}",
        f"{chance[name]:.2f} shuffled (95%)",
        "1",
        "holds" if p_value[name] < 0.025 else "not shown",  # two measures, .05 in all
    )
    print(name, claims[f"a cell's two boxes specialise in {name}"])

# %% [markdown]
# **Verdict: <<by the two claims above>>.** One training: which of the two boxes takes which objects is an accident of its start; that they share them out by a rule is the claim. <<Whether one of the boxes has nearly everything.>>

# %% [markdown]
# ## 2 · Matching, imbalance, the focal loss, and the pyramid
#
# *Protocol.* All 600 scenes, exact: how many of the anchors are objects. SSD: an IoU of .5, or the object's best; RetinaNet: the same, and from .4 to .5 ignored. Then one scene with its targets: the first that has a small, a medium and a large object.

# %% tags=["nbval-check-output"]
matches = {}
for name, low in (("SSD", 0.5), ("RetinaNet", 0.4)):
    around = detection.build_detector(name).anchors((128, 128))
    matches[name] = torch.stack([detection.match_anchors(around, boxes, 0.5, low) for boxes in crowds.boxes])
    kinds = {"object": matches[name] >= 0, "ignored": matches[name] == -2, "background": matches[name] == -1}
    shares = ", ".join(f"{each.double().mean():.2%} {kind}" for kind, each in kinds.items())
    print(f"{name}: {len(around):,} anchors; {shares}; {kinds['object'].sum() / len(sizes):.1f} an object")
object_share = {name: float((each >= 0).double().mean()) for name, each in matches.items()}
claims["few anchors are objects (below 5%)"] = (
    ", ".join(f"{share:.2%} {name}" for name, share in object_share.items()),
    "25% of those SSD learns from: 3 backgrounds each",
    "",
    "holds" if max(object_share.values()) < 0.05 else "fails",
)

# %%
n = next(n for n, each in enumerate(crowds.sizes) if set(each.tolist()) == {0, 1, 2})
around, match = detection.build_detector("RetinaNet").anchors((128, 128)), matches["RetinaNet"][n]
levels = [3 * (128 // stride) ** 2 for stride in (4, 8, 16, 32)]  # how many anchors each level has
panels = [boxes[found >= 0] for boxes, found in zip(around.split(levels), match.split(levels), strict=True)]
titles = [f"stride {stride}: {len(some)}" for stride, some in zip((4, 8, 16, 32), panels, strict=True)]
plots.boxes(
    crowds.images[[n] * 5],
    [crowds.boxes[n], *panels],
    [[int(k > 0)] * len(some) for k, some in enumerate([crowds.boxes[n], *panels])],
    key=("object", "anchor"),
    titles=["objects", *titles],
    columns=3,
    title=f"{sum(map(len, panels))} of {len(around):,} anchors are called objects in this scene",
    caption=f"RetinaNet's targets, level by level; {int((match == -2).sum())} are ignored, the rest is background.",
)

# %% [markdown]
# **Verdict: holds.** Before any loss is chosen, a few anchors in a thousand are objects. SSD answers by leaving most background out, RetinaNet by its loss.
#
# **Which map for which size?** *Protocol.* Which of SSD's four maps an object is matched with: exact, 600 scenes. What the trained net does with them: the map of the surest box of the right class with an IoU of .5 or more (score above .05), 200 scenes. By the visible box: below 16², below 32² px, larger.

# %%
net = detection.load_detector("SSD")
maps = torch.arange(4).repeat_interleave(torch.tensor([1024, 256, 64, 16]))  # of each default box
counts, finest = torch.zeros(2, 3, 4), [[], [], []]
for match, own in zip(matches["SSD"], crowds.sizes, strict=True):
    there = match >= 0
    counts[0].index_put_((own[match[there]], maps[there]), torch.tensor(1.0), accumulate=True)
with torch.no_grad():
    said = [net.predict(some) for some in crowds.images[:200].split(25)]
for n, (boxes, scores) in enumerate(zip(*map(torch.cat, zip(*said, strict=True)), strict=True)):
    right = detection.box_iou(detection.clip_boxes(boxes, 128), crowds.boxes[n]) >= 0.5
    best, at = torch.where(right, scores[:, crowds.labels[n]], 0).max(0)
    some = best > 0.05
    for size, place in zip(crowds.sizes[n][some].tolist(), maps[at[some]].tolist(), strict=True):
        counts[1, size, place] += 1
        finest[size].append(float(place == 0))
matched, answers = counts / counts.sum(2, keepdim=True).clamp(min=1)
print("matched, by size:", [[f"{share:.0%}" for share in row] for row in matched.tolist()])

# %%
figures.class_matrix(
    {"matched with, in training": matched, "where the trained net finds it": answers},
    names,
    ["16 × 16", "8 × 8", "4 × 4", "2 × 2"],
    "size of the object",
    "map of SSD",
    "share of the objects' boxes",
    "<<what the trained net does with its maps>>",
    f"Left: 600 scenes, exact. Right: the surest box of {int(counts[1].sum())} objects found in 200 scenes.",
    numbers=True,
)

# %%
ends = [metrics.bootstrap(finest[k]) if finest[k] else (0.0, 0.0, 1.0) for k in (0, 2)]
claims["SSD finds small objects on its finest map, large ones not"] = (
    f"{span(ends[0])} of the small",
    f"{span(ends[1])} of the large",
    f"{matched[0, 0]:.2f} and {matched[2, 0]:.2f} as matched",
    "holds" if ends[0][1] > ends[1][2] else "fails" if ends[0][2] < ends[1][1] else "not settled",
)
print(claims["SSD finds small objects on its finest map, large ones not"])

# %% [markdown]
# **Verdict: <<by the claim above>>.** The left half is a consequence of the anchors' sizes, not a discovery of the net; the right half is the net's.
#
# **Easy background.** *Protocol.* RetinaNet on 64 scenes: the share of the classification loss that comes from background of which the net is sure (p < .1), measured with γ = 0 and γ = 2 in the *same* net; 95% over scenes. Nets: untrained (every p begins at .01), and trained with γ = 2.

# %%
from experiments.methods.detection_draws import interval, overlaps, precisions
from experiments.studies.zf_correspondence import resampled

draws_64 = torch.cat([torch.ones(1, 64).double(), resampled(64, 300)])


def easy_share(net, gamma, alpha=None):
    """Share of the loss that easy background has, of 64 scenes drawn again and again: (1 + draws,)."""
    parts = torch.zeros(64, 2).double()  # easy background, all
    with torch.no_grad():
        logits = torch.cat([net(some)[0] for some in crowds.images[:64].split(16)])
    for n, match in enumerate(matches["RetinaNet"][:64]):
        targets = torch.zeros_like(logits[n])
        targets[match >= 0, crowds.labels[n][match[match >= 0]]] = 1
        loss = detection.sigmoid_focal_loss(logits[n], targets, alpha, gamma)[match != -2]
        easy = ((targets == 0) & (logits[n].sigmoid() < 0.1))[match != -2]
        parts[n] = torch.stack([loss[easy].sum(), loss.sum()])
    easy, every = (draws_64 @ parts).T
    return easy / every


# %%
trained_nets = {
    "untrained": detection.build_detector("RetinaNet"),
    "γ = 2": detection.load_detector("RetinaNet"),
}
settings = {"γ = 0": (0, None), "γ = 2": (2, None), "γ = 2, α = .25": (2, 0.25)}
easy = {
    net: {name: easy_share(each, *how) for name, how in settings.items()}
    for net, each in trained_nets.items()
}
rows = [[net, *(span(interval(values), ".0%") for values in row.values())] for net, row in easy.items()]
plots.table(["net", *settings], rows, "Easy background's share of the loss, by the loss that measures it")

# %%
gap = interval(easy["γ = 2"]["γ = 0"] - easy["γ = 2"]["γ = 2"])
claims["γ = 2 silences easy background"] = (
    span(interval(easy["γ = 2"]["γ = 2"]), ".0%") + " of the loss",
    span(interval(easy["γ = 2"]["γ = 0"]), ".0%") + " with γ = 0",
    "0%",
    verdict(gap),
)
print(claims["γ = 2 silences easy background"])

# %% [markdown]
# **Verdict: <<by the claim above>>.** That is arithmetic of the loss. Whether it finds more objects is another question.
#
# **γ = 2 or cross-entropy; a pyramid or none.** *Protocol.* RetinaNet with γ = 2 and α = .25; with γ = 0 and no α (cross-entropy); with γ = 2 but without the way from coarse to fine. Same 8,000 scenes, start and rate; **one epoch** (the RetinaNet that ships had eight: `--epochs 1`), three seeds each; AP at .5, by size. "Each at its own best learning rate and prior" is what a fair comparison of losses asks for. **That was not done:** both have the learning rate and the prior (.01) that were chosen for γ = 2, and nobody has tried others; so it speaks of these settings.

# %%
short = "RetinaNet epochs-1"
usual = {"γ = 2, FPN": short}
others = {
    "cross-entropy, FPN": "RetinaNet gamma-0-alpha-null-epochs-1",
    "γ = 2, no FPN": "RetinaNet fpn-false-epochs-1",
}


def each_seed(name, measure):
    """AP of each training: of all its seeds, or of the only one; none."""
    if name in study["seeds"]:
        return study["seeds"][name][measure]["each"]
    return [study["rows"][name][measure][0]] if name in study["rows"] else []


shown = {word: name for word, name in (usual | others).items() if each_seed(name, "AP .5")}
measures = {"all objects": "AP .5"} | {size: f"AP .5, {size}" for size in names}
plots.bars(
    {label: {word: each_seed(name, m) for word, name in shown.items()} for label, m in measures.items()},
    "AP at IoU .5, 600 scenes",
    title="Without a pyramid small objects are lost; with plain cross-entropy nearly all",
    caption="Bars: means over seeds; dots: the seeds.",
    xlim=(0, 1),
)

# %%
def in_words(reach):
    return "one training each" if reach is None else "{:+.3f} to {:+.3f}".format(*reach)


rows = []
for word, name in others.items():
    for label, measure in measures.items():
        gap, reach = gap_of(short, name, measure)
        cells = [span(gap, "+.3f"), in_words(reach), verdict(gap, reach)]
        rows.append([f"less {word}", label, *cells])
columns = ["γ = 2, FPN", "objects", "difference (95%, scenes)", "any seed less any seed", "above 0?"]
plots.table(columns, rows)

# %%
words = ("the focal loss finds more than cross-entropy", "an FPN finds more than none")
for claim, name in zip(words, others.values(), strict=True):
    base = np.mean(each_seed(name, "AP .5"))
    claim_gap(claim, short, name, baseline=f"{base:.3f} without")

# %%
of_small, of_large = (
    np.array(each_seed(short, f"AP .5, {size}")) - each_seed(others["γ = 2, no FPN"], f"AP .5, {size}")
    for size in ("small", "large")
)  # what it adds, seed by seed
more = of_small - of_large
claims["an FPN helps small objects more than large ones"] = (
    ", ".join(f"{value:+.3f}" for value in more) + " (seeds)",
    "0",
    "",
    "holds for each seed" if min(more) > 0 else "fails for each seed" if max(more) < 0 else "not settled",
)
print(claims["an FPN helps small objects more than large ones"])

# %% [markdown]
# **Verdict: all three hold, at this budget.** After one epoch, at the learning rate chosen for γ = 2, cross-entropy has learned next to nothing: that says as much of the rate as of the loss, and in the paper the distance is 3 points, not 42. The pyramid is worth 1.5 points in all: 9 more on small objects, 3 *fewer* on large ones. Published (ResNet-50, COCO): γ = 0 31.1, γ = 2 34.0, each γ with its best α; from the usual start cross-entropy diverged, from p = .01 it reached 30.2. An FPN raises the recall of 1,000 proposals by 8.0, of small objects by 12.9; without the way down nothing is gained.

# %% [markdown]
# ## 3 · Points, matching, and who needs NMS
#
# *Protocol.* 200 random cases each in float64 against torchvision.ops where it has the same, and else against a computation that is written out here in another way: the radius of a peak as a root of its polynomial, peaks position by position, every assignment of objects to queries tried. Refuted: a difference above 1e-6. (IoU, NMS, pooling and AP: evidence 14.)

# %%
from itertools import permutations

import torchvision.ops as oracle

draws, worst = torch.Generator().manual_seed(15), {}


def uniform(*shape):
    return torch.rand(*shape, generator=draws, dtype=torch.float64)


def inside(n):
    """Boxes (n, 4) px, float64, in an image of 64 px."""
    low = uniform(n, 2) * 40
    return torch.cat([low, low + 2 + 22 * uniform(n, 2)], 1)


def compare(name, ours, theirs):
    worst[name] = max(worst.get(name, 0.0), float((ours - torch.as_tensor(theirs)).abs().max()))


# %%
def heatmap_by_hand(boxes, labels):
    """The largest Gaussian at each position (3, 16, 16)."""
    found, (y, x) = np.zeros((3, 16, 16)), np.ogrid[:16, :16]
    for (x0, y0, x1, y1), label in zip(boxes.numpy() / 4, labels.tolist(), strict=True):
        w, h = x1 - x0, y1 - y0
        r = np.floor(min(np.roots([4, -2 * (w + h), 0.3 * w * h])))  # (w - 2 r)(h - 2 r) = .7 w h
        far = (x - (x0 + x1) // 2) ** 2 + (y - (y0 + y1) // 2) ** 2
        found[label] = np.maximum(found[label], np.exp(-far / (2 * ((2 * r + 1) / 6) ** 2)))
    return found


def targets_by_hand(boxes, labels):
    """YOLO's targets of a 4 x 4 grid."""
    found = np.zeros((4, 4, 5 + 3))
    objects = list(zip(boxes.tolist(), labels.tolist(), strict=True))
    for (x0, y0, x1, y1), label in reversed(objects):
        x, y = (x0 + x1) / 32, (y0 + y1) / 32  # in cells; the first object is written last
        found[int(y), int(x)] = 0
        found[int(y), int(x), :5] = x % 1, y % 1, ((x1 - x0) / 64) ** 0.5, ((y1 - y0) / 64) ** 0.5, 1
        found[int(y), int(x), 5 + label] = 1
    return found


# %%
def peaks_by_hand(heatmap, numbers):
    """Rows of score, box, label, the highest first: positions that none of their neighbours exceeds."""
    rows = []
    for label, row, column in np.ndindex(*heatmap.shape):
        around = heatmap[label, max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
        if heatmap[label, row, column] == around.max():
            x, y, w, h = numbers[:, row, column].tolist()
            x, y = 4 * (column + x), 4 * (row + y)
            rows.append(
                [float(heatmap[label, row, column]), x - w / 2, y - h / 2, x + w / 2, y + h / 2, label]
            )
    return sorted(rows, reverse=True)


def cheapest_by_hand(logits, boxes, labels, objects):
    """The least cost of all assignments of objects to queries."""
    (x0, y0, x1, y1), (a0, b0, a1, b1) = boxes.T[..., None] / 64, objects.T / 64
    far = (x0 + x1 - a0 - a1).abs() / 2 + (y0 + y1 - b0 - b1).abs() / 2
    far += (x1 - x0 - a1 + a0).abs() + (y1 - y0 - b1 + b0).abs()
    odds = logits.exp() / logits.exp().sum(1, keepdim=True)
    cost = 5 * far - odds[:, labels] - 2 * oracle.generalized_box_iou(boxes, objects)
    ways = permutations(range(len(boxes)), len(objects))
    return cost, min(sum(cost[q, k] for k, q in enumerate(way)) for way in ways)


# %%
for _ in range(200):
    boxes, labels = inside(4), (3 * uniform(4)).long()
    compare("center_heatmap", detection.center_heatmap(boxes, labels, 64, 3), heatmap_by_hand(boxes, labels))
    compare(
        "yolo_targets", detection.yolo_targets(boxes, labels, 64, 3, cells=4), targets_by_hand(boxes, labels)
    )
    heatmap, numbers = uniform(2, 6, 7), uniform(4, 6, 7)
    found, scores, kinds = detection.center_decode(heatmap, numbers)
    found = torch.cat([scores[:, None], found, kinds[:, None]], 1)
    compare("center_decode", found, peaks_by_hand(heatmap, numbers))
    logits, there = 20 * uniform(6, 5) - 10, (uniform(6, 5) > 0.7).double()
    for alpha, gamma in ((0.25, 2.0), (None, 0.0), (0.6, 0.5)):
        theirs = oracle.sigmoid_focal_loss(logits, there, -1 if alpha is None else alpha, gamma)
        compare("sigmoid_focal_loss", detection.sigmoid_focal_loss(logits, there, alpha, gamma), theirs)

# %%
for _ in range(200):
    boxes, labels = inside(3), (3 * uniform(3)).long()
    logits, said = 4 * uniform(5, 4), inside(5)
    cost, least = cheapest_by_hand(logits, said, labels, boxes)
    compare("matching_cost", detection.matching_cost(logits, said, labels, boxes, 64), cost)
    compare("hungarian_match", cost[detection.hungarian_match(logits, said, labels, boxes, 64)].sum(), least)
    gious = detection.generalized_box_iou(said, boxes)
    compare("generalized_box_iou", gious, oracle.generalized_box_iou(said, boxes))

# %%
for seed in range(200):
    torch.manual_seed(seed)
    ours, theirs = detection.FPN([6, 5, 4], 8).double(), oracle.FeaturePyramidNetwork([6, 5, 4], 8).double()
    for k in range(3):
        theirs.inner_blocks[k][0].load_state_dict(ours.laterals[k].state_dict())
        theirs.layer_blocks[k][0].load_state_dict(ours.outputs[k].state_dict())
    levels = [uniform(1, 6, 12, 8), uniform(1, 5, 6, 4), uniform(1, 4, 3, 2)]
    with torch.no_grad():
        pyramid = theirs({str(k): level for k, level in enumerate(levels)})
        for k, level in enumerate(ours(levels)):
            compare("FPN", level, pyramid[str(k)])

# %% tags=["nbval-check-output"]
lab.claim("no case differs by more than 1e-6", max(worst.values()) < 1e-6)
print("below 1e-6 in 200 cases each:", ", ".join(worst))
claims["the methods are computed as elsewhere"] = ("below 1e-6 in 200 cases each", "–", "0", "holds")

# %% [markdown]
# **Verdict: holds.** Stated in the docstrings and not tested here: our Gaussians are not cut off at the radius, and of the corner cases of CornerNet's radius the strictest is taken.
#
# **Two peaks in one place.** *Protocol.* Exact, 600 scenes: objects of one class whose centres share a position of 4 px; and those that are neighbours, so that the 3 × 3 maximum can keep only one of them unless both are equal.

# %% tags=["nbval-check-output"]
shared, neighbours = 0, 0
for boxes, labels in truth:
    at = (boxes[:, :2] + boxes[:, 2:]) / 2 // 4
    steps = (at[:, None] - at).abs().amax(2)
    twins = (labels[:, None] == labels).triu(1)
    shared += int((twins & (steps == 0)).any(0).sum())
    neighbours += int((twins & (steps <= 1)).any(0).sum())
print(f"of one class, centres in one position: {shared} of {len(sizes):,}; or in neighbours: {neighbours}")
claims["two centres of a class seldom share a position (below 1%)"] = (
    f"{shared / len(sizes):.1%}",
    f"{neighbours / len(sizes):.1%} with neighbours",
    "",
    "holds" if shared < 0.01 * len(sizes) else "fails",
)

# %% [markdown]
# **Who needs NMS?** *Protocol.* The first 100 scenes. Each net's detections without NMS (at most 100 an image, the surest), and the same after NMS in each class: at the IoU that the net uses itself, .5 where it has none. AP at .5; difference "with less without", paired over scenes. Smallest interesting difference: .01.

# %%
scenes = 100
draws_100 = torch.cat([torch.ones(1, scenes).double(), resampled(scenes, 300)])


def ap(found, draws):
    """AP at .5, mean over classes, of scenes drawn again and again: (1 + draws,)."""
    return precisions(overlaps(found, truth[: len(found)]), range(16), draws, [0.5])[:, 0].nanmean(0)


def taken(found, kept):
    return [
        detection.Detections(*(part[some] for part in each)) for each, some in zip(found, kept, strict=True)
    ]


nms_ap, live = {}, {}
for name in ("FasterRCNN", *one_stage):
    net, level = detection.load_detector(name), study["rows"][name]["NMS"]
    raw = net.detect(crowds.images[:scenes], **({} if level is None else {"most": 400, "overlap": 1}))
    thin = taken(raw, [detection.batched_nms(*each, level or 0.5)[:100] for each in raw])
    live[name] = raw if level is None else thin  # as it answers unless asked otherwise
    nms_ap[name] = {"without": ap(taken(raw, [slice(100)] * scenes), draws_100), "with": ap(thin, draws_100)}

# %%
table = {
    name: {what: interval(values) for what, values in (row | {"gap": row["with"] - row["without"]}).items()}
    for name, row in nms_ap.items()
}
plots.bars(
    {name: row["gap"][0] for name, row in table.items()},
    "AP at .5 with NMS less AP without",
    title="<<which nets NMS helps>>",
    caption="First 100 scenes; lines: 95% over scenes, paired. For CenterNet and DETR NMS at .5 is added.",
    intervals={name: row["gap"][1:] for name, row in table.items()},
    form="{:+.3f}",
)

# %%
for name, row in table.items():
    with_nms, without = row["with"], row["without"]
    gap, needs = row["gap"], study["rows"][name]["NMS"] is not None
    if needs:
        side, claim = verdict(gap), f"{name} needs NMS"
    else:
        side = "holds" if gap[2] < 0.01 else "fails" if gap[1] > 0 else "not settled"
        claim = f"{name} needs no NMS"
    claims[claim] = (f"{without[0]:.3f} without", f"{with_nms[0]:.3f} with: {span(gap, '+.3f')}", "", side)
    print(claim, claims[claim])

# %%
for name, each in live.items():
    again = detection.mean_average_precision(each[: study["slice"]], truth[: study["slice"]]).mean
    assert abs(again - study["rows"][name]["slice"]) < 0.01, (name, again, study["rows"][name]["slice"])

# %% [markdown]
# **Verdict: <<by the claims above>>.** NMS at the IoU of .5 can also take the second of two objects of a class away; a net that says each object once can only lose by it.

# %% [markdown]
# ## 4 · DETR
#
# *Protocol.* The first 200 scenes, all three layers of the decoder. Hungarian matching against a greedy one (the cheapest pair first, then the cheapest of what is left) and against none (each object takes its cheapest query, which two may want): in which share of the scenes with two objects or more do they differ, and what does greedy cost more there? Once for each layer of the trained net, once for an untrained one, since training begins there.

# %%
net, few = detection.load_detector("DETR"), 200


def of_layers(net):
    """Logits (layers, n, 16, 17), boxes (layers, n, 16, 4) and attention (n, 16, 256) of the first scenes."""
    with torch.no_grad():
        parts = [net(some) for some in crowds.images[:few].split(25)]
    return *(torch.cat([part[k] for part in parts], 1) for k in (0, 1)), torch.cat(
        [part[2] for part in parts]
    )


def greedy(cost):
    """What the assignment costs that takes the cheapest pair, then the cheapest of what is left, and so on."""
    cost, total = cost.clone(), 0.0
    for _ in range(cost.shape[1]):
        query, k = divmod(int(cost.argmin()), cost.shape[1])
        total += float(cost[query, k])
        cost[query], cost[:, k] = torch.inf, torch.inf
    return total


# %%
logits, boxes, attention = of_layers(net)
start_logits, start_boxes, _ = of_layers(detection.build_detector("DETR"))
nets = {"untrained, layer 3": (start_logits[-1], start_boxes[-1])}
nets |= {f"trained, layer {k + 1}": (logits[k], boxes[k]) for k in range(3)}
rows, differ = [], {}
for name, said in nets.items():
    more, wanted = [], []
    for one, two, (objects, labels) in zip(*said, truth, strict=False):
        if len(objects) > 1:
            cost = detection.matching_cost(one, two, labels, objects, 128).double()
            pairs = detection.hungarian_match(one, two, labels, objects, 128)
            more.append(greedy(cost) - float(cost[pairs].sum()))
            wanted.append(float(len(cost.argmin(0).unique()) < len(objects)))
    assert min(more) > -1e-9  # nothing is cheaper than the Hungarian assignment
    differ[name] = metrics.bootstrap([float(value > 1e-6) for value in more])
    extra = [value for value in more if value > 1e-6] or [0.0]
    rows.append(
        [name, span(metrics.bootstrap(wanted), ".0%"), span(differ[name], ".0%"), f"{np.mean(extra):.2f}"]
    )
columns = ["net", "two objects want one query", "greedy differs", "and costs more, mean"]
plots.table(columns, rows, f"Shares of {len(more)} scenes with two objects or more; 95% over scenes")

# %%
last, first = differ["trained, layer 3"], differ["untrained, layer 3"]
claims["Hungarian matching is not what greedy matching does"] = (
    f"{span(last, '.0%')} of scenes differ, trained",
    f"{span(first, '.0%')} untrained",
    "",
    "holds" if last[1] > 0.05 else "only at the start" if first[1] > 0.05 else "not shown",
)
print(claims["Hungarian matching is not what greedy matching does"])

# %% [markdown]
# **Verdict: <<by the claim above>>.** One assignment that two rules share says nothing about what training would have become with the other: that needs a training.
#
# **NMS, layer by layer.** *Protocol.* The same scenes; each layer's answers, score above .05, with and without NMS at .5 in each class. AP at .5, paired over scenes.

# %%
draws_200 = torch.cat([torch.ones(1, few).double(), resampled(few, 300)])


def answers(logits, boxes):
    """What one layer finds, as `detect` does it: a list of Detections."""
    found = []
    for odds, each in zip(logits.softmax(2), boxes, strict=True):
        scores, labels = odds[:, :-1].max(1)
        order = scores.argsort(descending=True, stable=True)
        order = order[scores[order] > 0.05]
        found.append(
            detection.Detections(detection.clip_boxes(each, 128)[order], scores[order], labels[order])
        )
    return found


layers = [answers(*each) for each in zip(logits, boxes, strict=True)]
assert all(
    torch.allclose(a.boxes, b.boxes, atol=1e-3) for a, b in zip(layers[-1], live["DETR"], strict=False)
)
without = [ap(found, draws_200) for found in layers]
with_nms = [
    ap(taken(found, [detection.batched_nms(*each, 0.5) for each in found]), draws_200) for found in layers
]

# %%
lines = {"without NMS": without, "with NMS at .5": with_nms}
lines = {name: np.array([interval(values) for values in each]).T for name, each in lines.items()}
plots.curves(
    ["layer 1", "layer 2", "layer 3"],
    {name: values for name, (values, *_) in lines.items()},
    "layer of DETR's decoder",
    "AP at IoU .5",
    title="<<what NMS adds after each layer>>",
    caption="First 200 scenes; bands: 95% over scenes.",
    intervals={name: ends for name, (_, *ends) in lines.items()},
    height=3.0,
)

# %%
gains = [interval(b - a) for a, b in zip(without, with_nms, strict=True)]
for k, gap in enumerate(gains):
    print(f"layer {k + 1}: NMS adds {span(gap, '+.3f')}")
claims["NMS helps DETR's first layer"] = (span(gains[0], "+.3f"), "0", "", verdict(gains[0]))
claims["... and its last layer needs none"] = (
    span(gains[2], "+.3f"),
    span(interval(with_nms[2] - without[2] - with_nms[0] + without[0]), "+.3f") + " less than the first",
    "",
    "holds" if gains[2][2] < 0.01 else "fails" if gains[2][1] > 0 else "not settled",
)

# %% [markdown]
# **Verdict: <<by the two claims above>>.** In the first layer all queries start from zero, so none can know what another will say; each later layer compares what they said before. Published, as reported in notes on the paper: with six layers NMS raises AP after the first and lowers it after the last ones.
#
# **What a query specialises in.** *Protocol.* The last layer's detections above its best threshold, 200 scenes: the share of the variance that is *between* queries, of the place of the box, of its size (log of the side), and of the class (16 numbers, one of them 1). Control: the same detections with the queries shuffled, 200 times.

# %%
level = study["rows"]["DETR"]["errors"]["threshold"]
scores, labels = logits[-1].softmax(2)[..., :-1].max(2)
sure = scores >= level  # (200, 16)
scene_of, query_of = sure.nonzero(as_tuple=True)
found = detection.clip_boxes(boxes[-1][sure], 128)
qualities = {
    "place": (found[:, :2] + found[:, 2:]) / 2,
    "size": (found[:, 2:] - found[:, :2]).clamp(min=0.1).prod(1, keepdim=True).log() / 2,
    "class": torch.nn.functional.one_hot(labels[sure], 16).float(),
}


def explained(values, groups):
    """Share of the variance of values (n, d) that lies between the groups."""
    values = values - values.mean(0)
    means = torch.zeros(16, values.shape[1]).index_add_(0, groups, values)
    counts = groups.bincount(minlength=16).clamp(min=1)
    return float((means.square().sum(1) / counts).sum() / values.square().sum())


# %%
source, rows, shares = torch.Generator().manual_seed(15), {}, {}
for name, values in qualities.items():
    chance = [
        explained(values, query_of[torch.randperm(len(query_of), generator=source)]) for _ in range(200)
    ]
    chance, limit = float(np.mean(chance)), float(np.quantile(chance, 0.975))
    shares[name] = explained(values, query_of)
    rows[name] = {"the queries": shares[name], "shuffled": chance}
    side = "holds" if shares[name] > limit else "not shown"
    claims[f"a query has its own {name}"] = (
        f"{shares[name]:.0%} of the variance",
        f"{chance:.0%} shuffled",
        "100%",
        side,
    )
plots.bars(
    rows,
    "share of the variance that is between queries",
    title="<<what the query says of the place, the size and the class>>",
    caption=f"{len(found)} detections above {level:.2f} in 200 scenes, 16 queries; shuffled: mean of 200.",
    xlim=(0, 1),
)

# %%
busy = query_of.bincount(minlength=16).argsort(descending=True, stable=True)[:6].tolist()
plots.boxes(
    torch.full((6, 3, 128, 128), 0.93),
    [found[query_of == query][:15] for query in busy],
    titles=[f"query {query}: {int((query_of == query).sum())} boxes" for query in busy],
    columns=6,
    title="<<where the boxes of a query lie>>",
    caption="The first 15 boxes of the six queries that say most, from different scenes.",
)

# %% [markdown]
# **Verdict: <<by the three claims above>>.** A query's place is learned, not given: nothing in the net says which query shall look where.
#
# **Where a query looks.** *Protocol.* The same detections: the attention of the last layer (mean of the heads, sum 1) that lies inside the query's own box. Baseline: the box's share of the image, what even attention would give. Control: the attention of the same query in the next scene, inside the same box. Means of scenes; 95% over scenes.

# %%
def covered(boxes):
    """Which share of each position of 8 px lies in each box: (n, 256)."""
    low = torch.arange(0, 128, 8)
    wide, high = (boxes[:, k + 2, None].minimum(low + 8) - boxes[:, k, None].maximum(low) for k in (0, 1))
    wide, high = wide.clamp(min=0) / 8, high.clamp(min=0) / 8
    return (high[:, :, None] * wide[:, None]).flatten(1)


within = covered(found)
area = (found[:, 2:] - found[:, :2]).prod(1)
assert torch.allclose(within.sum(1) * 64, area, atol=0.1)
assert torch.allclose(attention.sum(2), torch.ones(1), atol=1e-3)
masses = {
    "in its own scene": (attention[sure] * within).sum(1),
    "of the same query, next scene": (attention.roll(-1, 0)[sure] * within).sum(1),
    "the box's share of the image": area / 128**2,
}
by_scene = {}
for name, values in masses.items():
    by_scene[name] = torch.stack([values[scene_of == n].mean() for n in scene_of.unique()])

# %%
limits = {name: metrics.bootstrap(values) for name, values in by_scene.items()}
plots.bars(
    {name: value for name, (value, *_) in limits.items()},
    "share of the attention inside the box",
    title="<<does a query look into its box>>",
    caption=f"DETR's last layer, {len(found)} detections; means of scenes, lines: 95% over scenes.",
    intervals={name: ends for name, (_, *ends) in limits.items()},
)

# %%
own, other, even = by_scene.values()
gaps = metrics.bootstrap(own - even), metrics.bootstrap(own - other)
claims["a query looks into its own box"] = (
    f"{float(own.mean()):.0%} of its attention",
    f"{float(even.mean()):.0%} even attention; {float(other.mean()):.0%} in the next scene",
    "100%",
    "holds" if min(gaps[0][1], gaps[1][1]) > 0 else "fails" if gaps[0][2] < 0 else "not settled",
)
print(claims["a query looks into its own box"], "own less next scene:", span(gaps[1], "+.2f"))

# %% [markdown]
# **Verdict: <<by the claim above>>.** Attention is where the last layer takes from, not what the answer depends on: to see that, one must change the image (notebook 04).
#
# **Against Faster R-CNN, by size.** *Protocol.* All 600 scenes, paired differences; by seeds where both have them.

# %%
measures = {"AP .5 to .95": "all, .5 to .95", "AP .5": "all, .5"} | {
    f"AP .5, {size}": f"{size}, .5" for size in names
}
rows = []
for measure, label in measures.items():
    gap, reach = gap_of("DETR", "FasterRCNN", measure)
    means = [study["rows"][name][measure] for name in ("DETR", "FasterRCNN")]
    rows.append([label, *(span(each) for each in means), span(gap, "+.3f"), in_words(reach)])
plots.table(["AP", "DETR", "Faster R-CNN", "difference (95%, scenes)", "seeds"], rows)

# %%
base = {m: f"{study['rows']['FasterRCNN'][m][0]:.3f} Faster R-CNN" for m in measures}
claim_gap("DETR beats Faster R-CNN (.5 to .95)", "DETR", "FasterRCNN", "AP .5 to .95", base["AP .5 to .95"])
claim_gap("DETR is better on large objects", "DETR", "FasterRCNN", "AP .5, large", base["AP .5, large"])
detr = f"{study['rows']['DETR']['AP .5, small'][0]:.3f} DETR"
claim_gap("Faster R-CNN is better on small objects", "FasterRCNN", "DETR", "AP .5, small", detr)

# %% [markdown]
# **Verdict: <<by the three claims above>>.** Published (ResNet-50, COCO): 42.0 and 42.0; large objects 61.1 against 53.4, small 20.5 against 26.6; DETR after 500 epochs, Faster R-CNN with FPN after 109. Ours have eight, so DETR is the one that is cut short.

# %% [markdown]
# ## 5 · All on the same scenes
#
# *Protocol.* `python -m experiments detector_scores`: all 600 scenes, one training of each; AP as COCO computes it (101 recalls); sizes at .5; box found: one class for all. Same trunk, scenes and epochs; what differs: heads, losses, and for the first three the proposals.

# %%
measures = {"AP .5": "AP .5", "AP .75": "AP .75", "AP .5 to .95": "AP\n.5 to .95"}
measures |= {f"AP .5, {size}": f"AP .5\n{size}" for size in names} | {"box found, AP .5": "box found\nAP .5"}
listed = [name for name in ("HOGSVM", *order) if name in detectors]
figures.score_table(
    {name: {m: study["rows"][name][m] for m in measures} for name in listed},
    {m: (label, "{:.2f}", (0, 1)) for m, label in measures.items()},
    {name: "method" if name in one_stage else "floor" for name in listed},
    title="<<what the table shows>>",
    caption="600 scenes; ± half of the 95% interval over scenes; one training each. Circles: one-stage detectors.",
)

# %%
needs = {"HOGSVM": "windows, NMS", "YOLO": "NMS", "CenterNet": "neither", "DETR": "neither"}
needs |= {"RCNN": "proposals, NMS", "FastRCNN": "proposals, NMS"}
rows = []
for name in listed:
    row, cost = study["rows"][name], study["times"].get(name)
    ms = ["–", "–"] if cost is None else [f"{cost['batch 1']:.0f}", f"{cost['batch 8']:.0f}"]
    easy = span(row["AP .5, two apart"])
    rows.append([name, *ms, f"{row['parameters'] / 1e6:.2f}", needs.get(name, "anchors, NMS"), easy])
plots.table(["detector", "ms, one", "ms, of eight", "million weights", "needs", "AP .5, easy scenes"], rows)

# %%
best = max(one_stage, key=lambda name: study["rows"][name]["AP .5"][0])
easy = study["rows"][best]["AP .5, two apart"]
print(f"best one-stage detector at .5: {best}; easy scenes: {study['two apart']}")
claims["easy scenes are solved by one look (.95)"] = (
    f"{span(easy)} {best}",
    f"{span(study['rows']['FasterRCNN']['AP .5, two apart'])} Faster R-CNN",
    "1",
    "holds" if easy[0] >= 0.95 else "fails",
)
ranked = sorted(listed, key=lambda name: -study["rows"][name]["AP .5"][0])
rows = []
for one, two in zip(ranked[:-1], ranked[1:], strict=True):
    gap, reach = gap_of(one, two, "AP .5")
    side = {"holds": "yes", "fails": "the other way round"}.get(verdict(gap, reach), "not settled")
    rows.append([one, two, span(gap, "+.3f"), in_words(reach), side])
columns = ["first training", "next", "difference in AP .5 (95%, scenes)", "any seed less any seed", "better"]
plots.table(columns, rows)

# %%
groups = {name: row for name, row in study["seeds"].items() if name in listed}
plots.bars(
    {name: each_seed(name, "AP .5") for name in ("FasterRCNN", *one_stage)},
    "AP at IoU .5, 600 scenes",
    title="<<whether the ranking is the same for each seed>>",
    caption="Bars: means over seeds; dots: trainings that differ only in their seed, where there are several.",
    xlim=(0, 1),
)

# %%
apart, several = [], []
for row in study["seed pairs"]:
    if row["one"] in groups and row["two"] in groups:
        gap, reach = gap_of(row["one"], row["two"], "AP .5")
        several.append(verdict(gap, reach))
        apart.append(f"{row['one']} less {row['two']}: {span(gap, '+.3f')}, seeds {in_words(reach)}")
print("\n".join(apart) or "no two detectors were trained with more than one seed")
settled = sum(side != "not settled" for side in several)
spread = [row["AP .5"]["spread"] for row in groups.values()]
claims["the ranking is that of the methods"] = (
    f"{settled} of {len(several)} pairs settled over seeds",
    f"{max(spread):.3f} largest spread over seeds" if spread else "one training each",
    "",
    "holds for these" if several and settled == len(several) else "not settled",
)

# %%
chosen = ["FasterRCNN", *one_stage]
found = {name: study["rows"][name]["errors"] for name in chosen}
wrong = [kind for kind in detection.ERROR_TYPES if kind != "correct"] + ["missed"]
figures.number_matrix(
    np.array([[row["counts"][kind] / row["objects"] for kind in wrong] for row in found.values()]),
    chosen,
    wrong,
    title="<<which errors each detector makes>>",
    caption=f"300 scenes, {found[best]['objects']} objects; each at its own best threshold, found on the other 300.",
    label="errors per object",
    top=1,
)

# %%
def share_of(name, kind):
    """(share, low, high) of a detector's detections that are errors of this kind."""
    counts = found[name]["counts"]
    every = sum(counts.values()) - counts["missed"]
    return metrics.bootstrap([1.0] * counts[kind] + [0.0] * (every - counts[kind]))


questions = {
    "background": "YOLO takes less background for objects",
    "localisation": "... and places boxes worse",
}
for (kind, claim), sign in zip(questions.items(), (-1, 1), strict=True):
    ours, base = share_of("YOLO", kind), share_of("FasterRCNN", kind)
    gap = (
        0,
        *sorted((sign * (ours[1] - base[2]), sign * (ours[2] - base[1]))),
    )  # no overlap of the intervals
    words = f"{span(ours, '.1%')} of its detections", f"{span(base, '.1%')} of Faster R-CNN's"
    claims[claim] = (*words, "", verdict(gap) + " for these two trainings")
    print(claim, claims[claim])

# %% [markdown]
# **Verdict: <<by the claims above>>.** Published, Fast R-CNN against YOLO on VOC 2007: background 13.6% and 4.75% of the surest detections, and, as reported in notes on the paper, badly placed 8.6% and 19.0%; their tool and their choice of detections differ from ours, so compare the order, not the values. An interval over scenes is not one over trainings; where there is one training each, the ranking is one of nets and not of methods.

# %% [markdown]
# ## 6 · Photographs, and a world without objects
#
# *Protocol.* The best one-stage detector of section 5 on the photographs that ship, as squares of 128 px: detections an image above the score of the best F1 on toy scenes. Controls: eight toy scenes; the same without their objects, where every detection is wrong; grey noise of the same mean and spread as the scenes. 95% over images. Evidence 14 asks Faster R-CNN the same.

# %%
from lecture_utils import photographs, world

listed = [name for name, facts in photographs.table().items() if facts["package"] == ""]
pictures = torch.stack([photographs.square(name, 128) for name in listed])
empty = world.render_many([crowds.scenes[n].background() for n in range(8)], 128)
empty = torch.stack([torch.from_numpy(one.image) for one in empty])
noise = torch.randn(8, 1, 128, 128, generator=torch.Generator().manual_seed(0))
noise = (crowds.images[:8].mean() + crowds.images[:8].std() * noise).clamp(0, 1).expand(-1, 3, -1, -1)
worlds = {
    "toy scenes": crowds.images[:8],
    "toy scenes, empty": empty,
    "photographs": pictures,
    "noise": noise,
}

# %%
net, level = detection.load_detector(best), study["rows"][best]["errors"]["threshold"]
many, rows = {}, []
for name, images in worlds.items():
    found = net.detect(images)
    many[name] = metrics.bootstrap([float((each.scores >= level).sum()) for each in found])
    top = metrics.bootstrap([float(each.scores.max()) if len(each.scores) else 0.0 for each in found])
    rows.append([name, len(images), span(many[name], ".1f"), span(top)])
plots.table(
    ["images", "how many", f"detections above {level:.2f}, an image", "highest score, mean"], rows, best
)

# %%
found = net.detect(pictures[:6])
sure = [detection.Detections(*(part[each.scores >= level] for part in each)) for each in found]
words = []
for each in sure:
    words.append(
        [f"{lab.classes[c]} {s:.2f}" for c, s in zip(each.labels, each.scores.tolist(), strict=True)]
    )
plots.boxes(
    pictures[:6],
    [each.boxes for each in sure],
    words=words,
    titles=listed[:6],
    columns=3,
    title="<<what it says on photographs>>",
    caption=f"Six shipped photographs; {best}, which saw only toy scenes; scores above {level:.2f}.",
)

# %%
there, empty = many["photographs"], many["toy scenes, empty"]
claims["on photographs it finds more than on empty scenes"] = (
    f"{span(there, '.1f')} detections an image",
    f"{span(empty, '.1f')} empty toy scenes; {many['noise'][0]:.1f} noise",
    f"{many['toy scenes'][0]:.1f} toy scenes",
    verdict((0, there[1] - empty[2], there[2] - empty[1])),  # no overlap of the intervals
)
print(claims["on photographs it finds more than on empty scenes"])

# %% [markdown]
# **Verdict: <<by the claim above>>.** No answer key, so nothing here is called right; none of the photographs is of the toy world, so every class is a guess. A high score says how much an image resembles what was seen in training, not that there is an object.

# %% [markdown]
# ## The claims

# %%
rows = [[claim, *found] for claim, found in claims.items()]
plots.table(["claim", "ours", "baseline or control", "upper bound", "here"], rows, "The claims, measured")

# %% [markdown]
# ## What nobody has checked yet
#
# - Each detector, and each loss, at its own best learning rate, prior and number of epochs.
# - More than three seeds, and seeds for the detectors that have one training.
# - What the lost cells cost in a grid of 7 × 7 or 16 × 16, each with its own training; and YOLOv2's anchors instead of two free boxes.
# - SSD without its coarsest map, and with other shapes of default boxes.
# - Greedy instead of Hungarian matching *in training*; more queries; layers of the encoder.
# - Whether a query's answer depends on what it attends to: attention was measured, nothing was changed.
# - Times on other machines and on a graphics card, where many small positions cost less.
# - Photographs with an answer key.
#
# ## Sources
#
# - J. Redmon, S. Divvala, R. Girshick, A. Farhadi (2016), *You Only Look Once*: table 1, section 4. W. Liu et al. (2016), *SSD*: section 2, table 7.
# - T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollár (2017), *Focal Loss for Dense Object Detection*: sections 3 to 5, table 1. T.-Y. Lin et al. (2017), *Feature Pyramid Networks*: table 1.
# - X. Zhou, D. Wang, P. Krähenbühl (2019), *Objects as Points*. H. Law, J. Deng (2018), *CornerNet*: the radius.
# - N. Carion et al. (2020), *End-to-End Object Detection with Transformers*: sections 3.1 and 4; AP by size as in the README of Deformable DETR (X. Zhu et al. 2021).
# - D. Bolya et al. (2020), *TIDE*: the kinds of errors.
