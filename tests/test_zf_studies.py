"""ZFNet's experiments in small: sign agreement by hand, ablated nets by hand, and the bookkeeping of the studies."""

import json

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist

from experiments.studies import zf_correspondence as same_part, zf_transfer
from experiments.train import filter_study, zf_architectures as nets
from lecture_utils import metrics
from tests.helpers import draws, normal, refusals

# --- metrics.hamming_consistency ---


def test_signs_by_hand():
    differences = torch.tensor([[0.5, -1.0, 0, 0], [0.1, -0.2, 0, 0], [0.3, 2.0, 0, 1]])
    assert metrics.hamming_consistency(differences) == pytest.approx(1 / 3)  # 0, 2/4 and 2/4 of the units
    assert metrics.hamming_consistency(differences[:2]) == 0
    assert metrics.hamming_consistency(torch.tensor([[1.0], [-1.0]])) == 1
    assert metrics.hamming_consistency(torch.tensor([[1.0], [0.0]])) == 1, "a zero is a sign of its own"
    assert metrics.hamming_consistency(-1e-9 * differences) == pytest.approx(1 / 3), "only signs count"


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.95])
def test_signs_against_scipy(zeros):
    differences = normal(7, 5, 4, 3, dtype=torch.float64)
    differences[torch.rand(differences.shape, generator=draws(1)) < zeros] = 0
    expected = pdist(differences.sign().flatten(1).numpy(), "hamming").mean()
    assert metrics.hamming_consistency(differences) == pytest.approx(expected)
    pairs = same_part.disagreement(differences)
    assert (pairs.sum() / 42).item() == pytest.approx(expected) and pairs.diagonal().abs().max() < 1e-9


def test_random_signs_give_a_half_and_zeros_lower_it():
    differences = normal(20, 2000)
    assert metrics.hamming_consistency(differences) == pytest.approx(0.5, abs=0.01)
    assert same_part.chance(differences) == pytest.approx(0.5, abs=0.01)
    differences[torch.rand(differences.shape, generator=draws(1)) < 0.9] = 0
    expected = 1 - 0.9**2 - 2 * 0.05**2  # neither both zero, nor both of one sign
    assert metrics.hamming_consistency(differences) == pytest.approx(expected, abs=0.01)
    assert same_part.chance(differences) == pytest.approx(expected, abs=0.01)


test_bad_differences = refusals(
    (
        lambda: metrics.hamming_consistency(torch.ones(1, 4)),
        "images in differences: expected a whole number of at least 2",
    ),
    (lambda: metrics.hamming_consistency(torch.ones(3)), "differences: expected"),
    (lambda: metrics.hamming_consistency([[1.0]]), "differences: expected a torch tensor"),
    (lambda: metrics.hamming_consistency(torch.full((2, 2), float("nan"))), "differences: expected finite"),
)

# --- the same part in many animals ---


def test_a_bootstrap_leaves_out_an_image_beside_itself():
    pairs = torch.tensor([[0.0, 0.2, 0.4], [0.2, 0, 0.6], [0.4, 0.6, 0]]).double()
    weights = torch.tensor([[1.0, 1, 1], [2, 1, 0], [0, 1, 2]]).double()
    assert same_part.weighed(pairs, weights).tolist() == pytest.approx([0.4, 0.2, 0.6])
    drawn = same_part.resampled(5, 50, seed=3)
    assert drawn.shape == (50, 5) and (drawn.sum(1) == 5).all() and len(drawn.unique(dim=0)) > 30


def test_five_images_find_a_large_effect_and_miss_a_small_one():
    far = {part: torch.full((9, 9), 0.1).double() for part in same_part.PARTS}
    found = same_part.fives(far | {"on the object": torch.full((9, 9), 0.3).double()})
    assert found["all three below"] == 1 and found["quantiles"]["nose"] == [0.1, 0.1, 0.1]
    noisy = torch.rand(40, 40, generator=draws(), dtype=torch.float64)
    noisy = noisy + noisy.T
    same = dict.fromkeys((*same_part.PARTS, "on the object"), noisy)
    assert same_part.fives(same, designs=20)["all three below"] == 0, "nothing is below itself"


def test_squares_hide_what_they_say():
    objects, part = np.zeros((2, 3, 60, 60), bool)
    objects[:, 10:50, 10:50], part[:, 20:23, 30:33] = True, True
    found = same_part.squares(objects, {"eye": part}, side=7)
    for masks in found.values():
        assert (masks.sum((1, 2)) == 49).all(), "all of one size"
    assert (found["eye"] & part).sum() == part.sum() and (found["eye"][0, 18:25, 28:35]).all()
    assert not (found["off the object"] & objects).any()
    assert not (found["on the object"] & part).any()
    assert (found["on the object"] & objects).sum((1, 2)).min() >= 16, "its middle is on the object"
    corner = same_part.square(0, 59, side=5, size=60)
    assert corner[:5, 55:].all() and corner.sum() == 25, "moved into the image"


def test_scenes_face_us_and_lose_what_they_should():
    scenes, objects, parts = same_part.frontal("duck", 2)
    for scene, mask in zip(scenes, objects, strict=True):
        assert abs(scene.objects[0].azimuth) <= same_part.TURN and mask.any()
    middle = [
        np.argwhere(parts["left eye"][n]).mean(0) + np.argwhere(parts["right eye"][n]).mean(0) for n in (0, 1)
    ]
    assert np.abs(np.array(middle) / 2 - 55.5).max() < 2, "between the eyes is the middle of the frame"
    where = [np.argwhere(mask).mean(0)[1] for mask in (parts["left eye"][0], parts["right eye"][0])]
    assert where[0] > where[1], "facing us, its left is on our right"
    shown = same_part.without("duck", scenes)
    for part, mask in parts.items():
        changed = (shown[part] != shown[""]).any(1).numpy()
        assert changed[mask].mean() > 0.9 and changed.mean() < 0.1, part
    assert (shown["another part"] != shown[""]).flatten(1).any(1).all()
    anywhere = same_part.frontal("duck", 2, aligned=False)[0]
    assert [scene.seed for scene in anywhere] == [scene.seed for scene in scenes] and anywhere != scenes


@pytest.mark.slow
def test_correspondence_of_few(tmp_path):
    found = same_part.study(tmp_path, 8, ("dog",))  # of fewer a bootstrap may draw one animal only
    again = json.loads((tmp_path / "results/zf_correspondence.json").read_text())
    assert again["command"] == "python -m experiments zf_correspondence" and again["rows"] == found["rows"]
    assert len(found["rows"]) == 2 * 4 * (5 + 4 + 5) and len(found["designs"]) == 2 * 4 * 2
    for row in found["rows"]:
        value, low, high = row["consistency"]
        assert low <= value <= high and 0 <= row["zeros"] <= 1
    rows = {tuple(row[k] for k in ("net", "layer", "place", "way", "hidden")): row for row in found["rows"]}
    gap = next(g for g in found["gaps"] if g["part"] == "nose" and g["control"] == "on the object")
    key = gap["net"], gap["layer"], gap["place"], gap["way"]
    difference = rows[*key, "nose"]["consistency"][0] - rows[*key, "on the object"]["consistency"][0]
    assert gap["mean"][0] == pytest.approx(difference, abs=2e-4)
    assert set(found["slice"]) == set(same_part.LAYERS) and "nose" in same_part.report(found)


# --- the nets of table 3 ---

CONV1, CONV2, CONV3 = 32 * 3 * 49 + 32, 64 * 32 * 9 + 128, 64 * 64 * 9 + 128  # weights and biases, or norm
CONV5, FC6, FC7, FC8 = 96 * 64 * 9 + 192, 864 * 512 + 1024, 512 * 512 + 1024, 512 * 16 + 16
PARAMETERS = {
    "zf": CONV1 + CONV2 + 2 * CONV3 + CONV5 + FC6 + FC7 + FC8,
    "without layers 3, 4": CONV1 + CONV2 + CONV5 + FC6 + FC7 + FC8,
    "without layer 6": CONV1 + CONV2 + 2 * CONV3 + CONV5 + FC6 + FC8,  # 864 -> 512 like fc6: the same net
    "without layer 7": CONV1 + CONV2 + 2 * CONV3 + CONV5 + FC6 + FC8,
    "without layers 6, 7": CONV1 + CONV2 + 2 * CONV3 + CONV5 + 864 * 16 + 16,
    "without layers 3, 4, 6, 7": CONV1 + CONV2 + CONV5 + 864 * 16 + 16,
    "fc halved": CONV1 + CONV2 + 2 * CONV3 + CONV5 + 864 * 256 + 512 + 256 * 256 + 512 + 256 * 16 + 16,
    "alex": 32 * 3 * 121 + 32 + CONV2 + 2 * CONV3 + CONV5 + FC6 + FC7 + FC8,
    "alex with 7/2": CONV1 + CONV2 + 2 * CONV3 + CONV5 + FC6 + FC7 + FC8,
}


@pytest.mark.parametrize("name", nets.ARCHITECTURES)
def test_nets_of_the_table(name):
    net, row = nets.untrained(name, 0), nets.ARCHITECTURES[name]
    shapes, x = {}, torch.zeros(2, 3, 64, 64)
    for layer, module in net.named_children():
        shapes[layer] = tuple((x := module(x)).shape[1:])
    assert shapes["fc8"] == (16,) and shapes["pool5"] == (row.conv * 3 // 2, 3, 3)
    for n in range(2, 8):
        there = any(layer in shapes for layer in (f"conv{n}", f"fc{n}"))
        assert there == (n not in row.without) == (f"relu{n}" in shapes)
    if name in PARAMETERS:
        assert sum(p.numel() for p in net.parameters()) == PARAMETERS[name]


def test_multiply_adds_by_hand():
    conv1, conv2, conv3 = 32 * 147 * 31 * 31, 64 * 288 * 49, 64 * 576 * 49  # (64 + 4 - 7) // 2 + 1 = 31
    conv5, fc = 96 * 576 * 49, 864 * 512 + 512 * 512 + 512 * 16
    assert nets.multiply_adds(nets.untrained("zf", 0)) == conv1 + conv2 + 2 * conv3 + conv5 + fc
    assert nets.multiply_adds(nets.untrained("without layers 3, 4", 0)) == conv1 + conv2 + conv5 + fc


def test_dead_filters_by_hand():
    net = nets.untrained("zf", 0)
    with torch.no_grad():
        net.conv1.weight[:5], net.conv1.bias[:5] = 0, -1.0  # never
        net.conv1.weight[5], net.conv1.bias[5] = 0, 1.0  # always
    images = np.random.default_rng(0).integers(0, 256, (200, 3, 64, 64), dtype=np.uint8)
    assert nets.dead_filters(net, images) == 5
    with torch.no_grad():  # only the last image activates it
        net.conv1.weight[0], net.conv1.bias[0] = 1.0, -147 * (1 - 0.56) / 0.21 + 1
    images[:], images[-1] = 0, 255
    assert nets.dead_filters(net, images) < nets.dead_filters(net, images[:100])


@pytest.fixture
def few(monkeypatch):
    """Crops of noise: class k is brightest in channel k % 3."""

    def crops(split, count):
        generator = np.random.default_rng([len(split), count])
        labels = np.arange(count) % 16
        images = generator.integers(0, 90, (count, 3, 80, 80), dtype=np.uint8)
        images[np.arange(count), labels % 3] += 150
        return images, labels

    monkeypatch.setattr(nets, "crops", crops)
    monkeypatch.setattr(zf_transfer, "crops", crops)
    return crops


def test_a_training_is_the_same_again(few, tmp_path):
    small, classes = (128, 100, 1), tuple(range(16))
    runs = [nets.train_one("alex", 3, tmp_path / str(n), classes, small) for n in (0, 1)]
    other = nets.train_one("alex", 4, tmp_path / "2", classes, small)
    assert runs[0] == runs[1] and runs[0]["log"] != other["log"]
    one, two = (nets.load("alex", 3, folder=tmp_path / str(n)) for n in (0, 1))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert nets.load("alex", 3, epoch=1, folder=tmp_path / "0").training is False
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(runs[0]["right"]), np.uint8))[:100]
    assert bits.mean() == pytest.approx(runs[0]["fresh"], abs=1e-4)
    with pytest.raises(FileNotFoundError, match="python -m experiments zf_architectures"):
        nets.load("alex", 9, folder=tmp_path)


def test_twelve_classes(few, tmp_path):
    assert nets.twelve() == (0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14)
    images, labels = nets.middles("fresh", 160, nets.twelve())
    assert images.shape == (120, 3, 64, 64) and sorted(set(labels)) == list(range(12))
    every = few("fresh", 160)
    kept = every[1] % 4 != 3
    assert np.array_equal(images, every[0][kept][:, :, 8:72, 8:72])
    assert [nets.twelve()[k] for k in labels] == every[1][kept].tolist()
    numbers = nets.train_one("zf", 0, tmp_path, nets.twelve(), (160, 160, 1))
    assert nets.load("zf", 0, 12, folder=tmp_path).fc8.out_features == 12 and len(numbers["log"]) == 1


def test_only_what_is_missing_is_trained(few, tmp_path, monkeypatch):
    trained = []

    def instant(name, seed, folder, classes=tuple(range(16)), small=None):
        trained.append((name, seed, len(classes)))
        (folder / f"{nets.stem(name, seed, len(classes))}.json").write_text(
            json.dumps({"net": name, "seed": seed, "train": 0.5, "fresh": 0.25})
        )

    monkeypatch.setattr(nets, "train_one", instant)
    found = nets.study(tmp_path, folder=tmp_path / "runs", seeds=(0, 1), small=(16, 16, 1))
    assert len(trained) == len(set(trained)) == 2 * 12 + 3 == len(found["rows"])
    assert trained[12:15] == [("zf", seed, 12) for seed in (0, 1, 2)], "after the first of each"
    assert [row["classes"] for row in found["rows"]].count(12) == 3
    (tmp_path / "runs" / f"{nets.stem('fc halved', 1)}.json").unlink()
    trained.clear()
    nets.study(tmp_path, folder=tmp_path / "runs", seeds=(0, 1), small=(16, 16, 1))
    assert trained == [("fc halved", 1, 16)]
    assert "test error  75.0%" in nets.report(found)


# --- transfer ---


def test_choices_are_nested_and_of_one_class():
    labels = np.repeat([0, 1, 2], 20)
    most = zf_transfer.chosen(labels, 15, 7)
    assert (labels[most] == [[0], [1], [2]]).all() and len(np.unique(most)) == 45
    assert np.array_equal(zf_transfer.chosen(labels, 5, 7), most[:, :5])
    assert not np.array_equal(zf_transfer.chosen(labels, 15, 8), most)


def test_svm_reads_what_is_linear():
    labels, noise = np.arange(90) % 3, np.random.default_rng(0).normal(0, 0.1, (90, 5))
    points = noise + 100 + 3 * np.eye(5)[labels]
    assert zf_transfer.svm(points[:60], points[60:], labels[:60], labels[60:]) == 1
    assert zf_transfer.svm(noise[:60], noise[60:], labels[:60], labels[60:]) < 0.7


def test_clothes_are_whole_in_the_middle():
    part = type("Part", (), {"images": torch.rand(2, 1, 28, 28), "labels": torch.tensor([3, 1])})
    images, labels = zf_transfer.clothes(part)
    assert images.shape == (2, 3, 80, 80) and labels.tolist() == [3, 1]
    assert (
        images[..., :8, :].max() == 0 == images[..., 72:].max() and images[..., 8:72, 8:72].min(0).max() > 0
    )
    assert zf_transfer.middle(images).shape == (2, 3, 64, 64) and zf_transfer.pixels_of(images).shape == (
        2,
        768,
    )
    assert filter_study.ROOM == 80


def test_transfer_of_few(few, tmp_path):
    loads = []

    def load(name, seed, classes):
        loads.append((name, seed, classes))
        return nets.untrained(name, seed, classes)

    small = {"budgets": (1, 4), "pool": 5, "draws": 2, "steps": 3, "tests": 64}
    monkey = pytest.MonkeyPatch()
    with monkey.context() as patch:
        patch.setattr(zf_transfer, "SETS", zf_transfer.SETS[:1])
        patch.setattr(nets, "IMAGES", 128)
        found = zf_transfer.study(tmp_path, (0, 1), tmp_path / "runs", load, **small)
        assert loads == [("zf", 0, 12), ("zf", 1, 12)]
        zf_transfer.study(tmp_path, (0, 1), tmp_path / "runs", load, **small)
        assert len(loads) == 2, "what is there is not measured again"
        report = zf_transfer.report(found)
    row = found["rows"][0]
    assert (
        row["tests"] == 16
        and np.shape(row["linear"]["pixels"]) == (2, 2)
        and np.shape(row["from scratch"]) == (2, 2)
    )
    assert row["linear"]["trained"] == row["linear"]["untrained"], "here the trained net is an untrained one"
    means = zf_transfer.means(found, zf_transfer.SETS[0])
    expected = np.mean([r["linear"]["pixels"][1] for r in found["rows"]])
    assert means["pixels"][1] == pytest.approx(expected) and "from scratch" in report
