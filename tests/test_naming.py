"""A channel gets the name of what it knows, of the whole where it knows the whole."""

import pytest
import torch

from experiments.methods.part_detectors import detectors, name_channels
from lecture_utils.features import Field

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


def test_by_hand(found):
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
