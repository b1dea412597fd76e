"""Dissection against loops over pixels and scikit-learn, on detectors of known quality; and the names of channels."""

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score
from torch import nn

from experiments.methods.dissection import dissect
from experiments.methods.part_detectors import average_precision, coarse, detectors, name_channels, silenced
from lecture_utils import features, models
from lecture_utils.features import Field, placed
from tests.helpers import draws

FIELD = Field(7, 4, -1)  # middles at 2.5, 6.5, 10.5, ...


@pytest.fixture(scope="module")
def world():
    """20 images of 24 px with three kinds of squares; maps (20, 5, 6, 6) of which the first three know them."""
    generator, parts = draws(), torch.zeros(20, 24, 24, dtype=torch.uint8)
    for n in range(20):
        for value, side in ((1, 6), (2, 5), (3, 1)):
            row, column = torch.randint(0, 24 - side, (2,), generator=generator).tolist()
            parts[n, row : row + side, column : column + side] = value
    maps = 0.3 * torch.rand(20, 5, 6, 6, generator=generator)
    for channel in range(3):
        maps[:, channel] += torch.nn.functional.avg_pool2d((parts == channel + 1).float(), 4)
    return maps, parts


def by_loops(maps, parts, count, thresholds):
    """Intersection and union of every channel and part, one pixel at a time."""
    n, channels, rows, columns = maps.shape
    both, fired, area = np.zeros((channels, count)), np.zeros(channels), np.zeros(count)
    for image in range(n):
        for y in range(parts.shape[1]):
            for x in range(parts.shape[2]):
                row, column = (min(max((p + 0.5 - 2.5) / 4, 0), s - 1) for p, s in ((y, rows), (x, columns)))
                r, c = min(int(row), rows - 2), min(int(column), columns - 2)
                v, u = row - r, column - c
                m = maps[image]
                value = (1 - v) * ((1 - u) * m[:, r, c] + u * m[:, r, c + 1])
                value = value + v * ((1 - u) * m[:, r + 1, c] + u * m[:, r + 1, c + 1])
                yes, part = (value > thresholds).numpy(), int(parts[image, y, x])
                fired += yes
                if part:
                    both[:, part - 1] += yes
                    area[part - 1] += 1
    return both, fired, area


def test_against_loops_over_pixels(world):
    maps, parts = (values[:3] for values in world)
    found = dissect(maps.double(), FIELD, parts, 3, share=0.1)
    both, fired, area = by_loops(maps.double(), parts, 3, found.thresholds)
    assert (found.both.numpy() == both).all() and (found.fired.numpy() == fired).all()
    assert found.area.tolist() == area.tolist() and found.pixels == 3 * 24 * 24
    np.testing.assert_allclose(found.iou, both / (fired[:, None] + area - both))


def test_a_map_lies_where_its_units_look():
    maps = torch.zeros(1, 1, 3, 3)
    maps[0, 0, 1, 2] = 8
    big = placed(maps, Field(5, 4, 1), (14, 14))[0, 0]  # middles at 3.5, 7.5, 11.5: pixels 3, 7, 11
    assert big[7, 11] == 8 and big.argmax() == 7 * 14 + 11
    assert big[7, 9:14].tolist() == [4, 6, 8, 8, 8], "linear between the middles, constant beyond the last"
    assert big[5, 11] == 4 and big[7, 7] == 0
    assert torch.equal(placed(maps, Field(5, 4, 1), (14, 14), step=2)[0, 0], big[1::2, 1::2])


def test_a_coarse_mask_is_the_mean_around_each_unit():
    masks = torch.zeros(2, 14, 14, dtype=torch.bool)
    masks[0, 5:9, 9:13] = True  # the square of unit (1, 2): its middle is at 7, 11
    masks[1, 5:9, 7:11] = True  # half of it, and half of its neighbour's
    found = coarse(masks, Field(6, 4, 0), (3, 3))
    assert found[0, 1, 2] == 1 and found[0].sum() == 1
    assert found[1, 1].tolist() == [0, 0.5, 0.5] and found[1, 0].sum() == 0


def test_enlarging_agrees_with_torch_where_the_grid_fills_the_image():
    maps = torch.rand(2, 3, 7, 7, generator=draws(), dtype=torch.double)
    ours = placed(maps, Field(4, 4, 0), (28, 28))
    theirs = torch.nn.functional.interpolate(maps, size=28, mode="bilinear", align_corners=False)
    torch.testing.assert_close(ours, theirs)


def test_thresholds_leave_the_stated_share():
    maps = torch.rand(40, 3, 10, 10, generator=draws())
    assert ((maps > features.top_thresholds(maps, 0.005)[:, None, None]).sum((0, 2, 3)) == 20).all()
    sparse = torch.zeros(40, 1, 10, 10)
    sparse[3, 0, 2, 2] = 1
    assert features.top_thresholds(sparse, 0.005).tolist() == [0], "yes wherever it is above 0"


def test_no_channel_beats_the_best_possible():
    """A detector that marks exactly its share of the pixels, all of them right, reaches it and no more."""
    parts = torch.zeros(50, 8, 8, dtype=torch.long)
    parts[:, 2:4, 2:6] = 1  # 8 of 64
    for share, count in ((2 / 64, 2), (8 / 64, 8), (16 / 64, 16)):
        maps = torch.zeros(50, 1, 8, 8)
        order = torch.cat([parts[0].flatten().nonzero()[:, 0], (parts[0].flatten() == 0).nonzero()[:, 0]])
        maps.flatten(2)[:, 0, order[:count]] = 1 + torch.rand(50, count, generator=draws())
        found = dissect(maps, Field(1, 1, 0), parts, 1, share=share)
        assert found.iou[0, 0] == pytest.approx(float(found.best_possible[0]), abs=1e-9)


def test_detectors_are_chosen_on_one_half_and_judged_on_the_other(world):
    maps, parts = world
    tune = torch.arange(20) % 2 == 0
    found = detectors(maps, FIELD, parts, 3, tune, share=0.05)
    assert found.channels[:2].tolist() == [0, 1]
    fresh = dissect(maps[~tune], FIELD, parts[~tune], 3, 0.05, thresholds=found.tuned.thresholds)
    assert torch.equal(found.iou, fresh.iou[found.channels, torch.arange(3)])
    assert torch.equal(found.tuned.iou.argmax(0), found.channels)
    other = maps.clone()
    other[~tune] = torch.rand(other[~tune].shape, generator=draws(9))
    again = detectors(other, FIELD, parts, 3, tune, share=0.05)
    assert torch.equal(again.channels, found.channels) and again.iou[0] < found.iou[0]
    assert found.passing(minimum=0.1)[:2].all() and not found.passing(minimum=1).any()
    assert not found.passing(minimum=0.0, possible=1.01).any()


@pytest.mark.parametrize("ties", [False, True])
def test_average_precision_is_that_of_scikit_learn(world, ties):
    maps, parts = world
    maps = (maps - 0.25).relu() if ties else maps  # many zeros
    channels = torch.tensor([0, 4, 0, 2])
    found = average_precision(maps, FIELD, parts, 4, channels, step=2)
    big = placed(maps, FIELD, (24, 24), 2)
    for part in range(3):
        truth = (parts[:, 1::2, 1::2] == part + 1).flatten()
        score = average_precision_score(truth, big[:, channels[part]].flatten())
        assert float(found[part]) == pytest.approx(score, abs=1e-6)
    assert found[3].isnan()
    zero = torch.zeros(3, dtype=torch.long)
    blind = average_precision(torch.zeros_like(maps), FIELD, parts, 3, zero, step=1)
    assert blind.tolist() == pytest.approx([float((parts == v).double().mean()) for v in (1, 2, 3)])


def test_silenced_channels_are_zero_and_come_back():
    net, images = models.build("alex"), torch.rand(2, 3, 112, 112, generator=draws())
    before, maps = features.extract(net, images, "fc8"), features.extract(net, images, "relu5")
    upper = nn.Sequential(*list(net.children())[list(dict(net.named_children())).index("pool5") :]).eval()
    with silenced(net, "relu5", [3, 7]):
        inside = features.extract(net, images, "relu5")
        logits = features.extract(net, images, "fc8")
    assert inside[:, [3, 7]].abs().sum() == 0
    others = [channel for channel in range(128) if channel not in (3, 7)]
    assert torch.equal(inside[:, others], maps[:, others])
    maps[:, [3, 7]] = 0
    torch.testing.assert_close(logits, upper(maps).detach())
    assert torch.equal(features.extract(net, images, "fc8"), before)
    with pytest.raises(ValueError), silenced(net, "relu5", [128]):
        net(images)
    with pytest.raises(KeyError, match="relu5"), silenced(net, "relu_5", [0]):
        pass
    assert not any(m._forward_hooks for m in net.modules())


def test_a_mask_silences_its_own_channels():
    """A mask read as indices would silence channels 0 and 1."""
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 1))
    images = torch.rand(1, 3, 2, 2)
    with silenced(net, "0", torch.tensor([False, False, True, True])), torch.no_grad():
        found = net(images)[0].abs().amax((1, 2)) > 0
    assert found.tolist() == [True, True, False, False]
    with pytest.raises(ValueError, match="channels: "), silenced(net, "0", [-1]):
        pass


PIXELS, EACH = Field(1, 1, 0), 10


@pytest.fixture(scope="module")
def found():
    """Ten images of 8 px, each with part 1 (2 x 2), part 2 (2 x 2) beside it, and part 3 (one pixel) elsewhere."""
    draws = torch.Generator().manual_seed(0)
    parts = torch.zeros(EACH, 8, 8, dtype=torch.long)
    for each in parts:
        row, column = torch.randint(0, 4, (2,), generator=draws).tolist()
        each[row : row + 2, column : column + 2], each[row : row + 2, column + 2 : column + 4] = 1, 2
        each[7, 7] = 3
    noise = torch.rand(EACH, 8, 8, generator=draws) / 2
    knows = [parts == 1, (parts == 1) | (parts == 2), parts == 3, torch.zeros_like(parts)]
    maps = torch.stack([noise + mask for mask in knows], 1)
    return detectors(maps, PIXELS, parts, 3, torch.arange(EACH) % 2 == 0, share=0.125)


WHOLE = torch.tensor([[True, True, False]])


def test_names_by_hand(found):
    """Each says yes at 8 of 64 places an image: the whole is 8, part 1 is 4, part 3 is one."""
    names = name_channels(found, WHOLE, minimum=0.3, possible=0.2)
    assert names.concepts[:2].tolist() == [0, 3]
    assert names.iou[0] == pytest.approx(0.5, abs=0.05) and names.iou[1] > 0.9
    assert names.named.tolist() == [True, True, False, False]


def test_without_the_whole_the_part_takes_its_name(found):
    assert name_channels(found, possible=0.2).concepts[1] in (0, 1)


def test_what_hardly_can_be_reached_is_no_candidate(found):
    assert name_channels(found, WHOLE, possible=0.1).concepts[2] == 2  # part 3: 1 of 8
    assert name_channels(found, WHOLE, possible=0.2).concepts[2] != 2


def test_it_is_judged_on_the_other_half(found):
    """A half that was chosen on must not lend its overlap."""
    names = name_channels(found, WHOLE)
    alone = found.judged.both[0, 0] / (found.judged.fired[0] + found.judged.area[0] - found.judged.both[0, 0])
    assert names.iou[0] == pytest.approx(float(alone))
