"""Occlusion: by hand, against captum, the shortcut against whole passes, and what is refused."""

import warnings

import pytest
import torch
from torch import nn

from lecture_utils import models
from lecture_utils.attribution import mask_squares, occlusion, occlusion_heat
from lecture_utils.attribution.occlusion import occluded
from lecture_utils.attribution.window import first_layers_on_a_window
from tests.test_cam import noise

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # captum always warns
    from captum.attr import Occlusion


def alive(net, images):
    """The net in float64, its norms set to what comes in, so that random weights do not die on the way up."""
    net = net.double().train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net(images)
    return net.eval()


def small(pool, conv=None):
    """A net that begins with convolution, norm, ReLU and pooling, and is of two minds."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        conv = conv or nn.Conv2d(3, 6, 5, 2, padding=2)
        conv.reset_parameters()
        head = [nn.Conv2d(6, 5, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4)]
        net = nn.Sequential(conv, nn.BatchNorm2d(6), nn.ReLU(inplace=True), pool, *head)
    with torch.no_grad():
        head[-1].weight.mul_(20)
    return alive(net, noise(2, 3, 48, 48))


@pytest.fixture(scope="module")
def net():
    return small(nn.MaxPool2d(2))


def whole_passes(net, images, targets, size, stride, fill):
    """One image, one square at a time."""
    found = []
    for image, target in zip(images, targets, strict=True):
        for top, left, bottom, right in mask_squares(images.shape[-2:], size, stride):
            copy = image.clone()
            copy[:, top:bottom, left:right] = torch.as_tensor(fill, dtype=image.dtype).view(-1, 1, 1)
            with torch.no_grad():
                found.append(net(copy[None]).softmax(1)[0, target])
    return torch.stack(found)


class Brightness(nn.Module):
    """Score 0 is the sum of the image, score 1 is 0: the probability is a sigmoid of what is left."""

    def forward(self, images):
        total = images.sum((1, 2, 3))
        return torch.stack([total, torch.zeros_like(total)], 1)


def test_by_hand():
    image = torch.zeros(1, 3, 3, 4).double()
    image[0, 0] = torch.tensor([[1.0, 0, 0, 0], [0, 2, 0, 0], [0, 0, 0, 4]])
    found = occlusion(Brightness(), image, 0, size=2, stride=2, fill=0.0)
    remains = torch.tensor([[[4.0, 7.0], [7.0, 3.0]]]).double()  # 2 x 2, then clipped to 1 x 2 below
    torch.testing.assert_close(found, remains.sigmoid())
    torch.testing.assert_close(occlusion(Brightness(), image, 1, 2, 2, fill=0.0), (-remains).sigmoid())
    red = occlusion(Brightness(), image, 0, size=2, stride=2, fill=torch.tensor([0.5, 0, 0]))
    torch.testing.assert_close(red, (remains + torch.tensor([[[2.0, 2.0], [1.0, 1.0]]])).sigmoid())


def test_squares_are_clipped_at_the_border():
    assert mask_squares((5, 4), 3, 2) == [(0, 0, 3, 3), (0, 2, 3, 4), (2, 0, 5, 3), (2, 2, 5, 4)]
    assert mask_squares((4, 5), 3, 2) == [(0, 0, 3, 3), (0, 2, 3, 5), (2, 0, 4, 3), (2, 2, 4, 5)]
    assert mask_squares((5, 5), 5, 3) == [(0, 0, 5, 5)]
    for side, size, stride in ((112, 16, 4), (20, 7, 3), (9, 4, 4), (10, 3, 2)):
        squares = mask_squares((side, side), size, stride)
        covered = torch.zeros(side, side)
        for top, left, bottom, right in squares:
            assert 0 < bottom - top <= size and 0 < right - left <= size
            covered[top:bottom, left:right] += 1
        assert covered.min() > 0 and len(squares) == (-(-(side - size) // stride) + 1) ** 2


def test_heat_by_hand():
    heat = occlusion_heat(torch.tensor([[[0.5, 0.9]]]), torch.tensor([0.9]), (2, 3), size=2, stride=1)
    assert torch.allclose(heat[0, 0], torch.tensor([0.4, 0.2, 0.0]))


@pytest.mark.parametrize(("size", "stride"), [(8, 4), (7, 3), (10, 10), (5, 4), (24, 3)])
def test_captum_agrees(net, size, stride):
    images, targets = noise(2, 3, 30, 24, seed=1), torch.tensor([3, 0])
    with torch.no_grad():
        before = net(images).softmax(1).gather(1, targets[:, None])[:, 0]
    found = occlusion(net, images, targets, size, stride, 0.3, batch_size=7)
    ours = occlusion_heat(found, before, images.shape[-2:], size, stride)
    judge = Occlusion(lambda x: net(x).softmax(1))
    with torch.no_grad():
        theirs = judge.attribute(images, (3, size, size), (3, stride, stride), baselines=0.3, target=targets)
    assert theirs.abs().max() > 1e-4
    for colour in theirs.double().unbind(1):
        torch.testing.assert_close(ours, colour, rtol=1e-6, atol=1e-6 * float(theirs.abs().max()))


def shortcut(net, images, size, stride, fill=0.5):
    """The shortcut's logits for all squares of all images; None where there is none."""
    squares, colour = mask_squares(images.shape[-2:], size, stride), torch.full((3, 1, 1), fill).to(images)
    jobs = [(n, square) for n in range(len(images)) for square in squares]
    with torch.no_grad():
        answer = first_layers_on_a_window(net, images, colour, squares)
        return None if answer is None else (answer(jobs), net(occluded(images, colour, jobs)))


@pytest.mark.parametrize("name", ["alex", "gap", "zf"])
def test_on_the_course_s_nets_the_shortcut_is_taken_and_exact(name):
    net, images = models.build(name).double().eval(), noise(2, 3, 112, 112, seed=2, dtype=torch.float64)
    for size, stride in ((16, 16), (25, 22)):
        found, expected = shortcut(net, images, size, stride)
        assert len(expected.unique(dim=0)) > 1, "the squares make a difference"
        assert (found - expected).abs().max() <= 1e-12 * expected.abs().max()


GEOMETRIES = {
    "5/2+2, max 2": (nn.Conv2d(3, 6, 5, 2, 2), nn.MaxPool2d(2)),
    "3/1+0, max 3/2": (nn.Conv2d(3, 6, 3), nn.MaxPool2d(3, 2)),
    "7/3+5, average 2": (nn.Conv2d(3, 6, 7, 3, 5), nn.AvgPool2d(2)),
    "3/2+1 dilated, max 2": (nn.Conv2d(3, 6, 3, 2, 1, dilation=2), nn.MaxPool2d(2)),
    "(5, 3)/(2, 1)+(0, 1), max (2, 3)": (nn.Conv2d(3, 6, (5, 3), (2, 1), (0, 1)), nn.MaxPool2d((2, 3))),
}


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize(("size", "stride"), [(1, 1), (6, 5), (9, 2)])
def test_the_shortcut_is_exact_whatever_the_geometry(geometry, size, stride):
    conv, pool = GEOMETRIES[geometry]
    net, images = small(pool, conv), noise(2, 3, 41, 47, seed=3)
    stride = 9 if size == 1 else stride
    found, expected = shortcut(net, images, size, stride, fill=0.1)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


class Odd(nn.Module):
    """It begins as if the shortcut could be taken, and does one thing that the shortcut would miss."""

    def __init__(self, what):
        super().__init__()
        self.what, self.conv, self.relu = what, nn.Conv2d(3, 6, 3), nn.ReLU()
        self.pool, self.fc = nn.MaxPool2d(4), nn.Linear(6, 4)

    def forward(self, images):
        images = nn.functional.avg_pool2d(images, 3, 1, 1) if self.what == "blurs first" else images - 0.5
        maps = self.conv(images)
        maps = maps.tanh() if self.what == "leaves the ReLU out" else self.relu(maps)
        maps = maps[..., ::2, ::2] if self.what == "thins the map" else maps
        found = self.pool(maps).mean((2, 3))
        if self.what == "uses a map twice":
            found = found + maps.mean((2, 3))
        if self.what == "convolves twice":
            found = found + self.conv(images.flip(3)).mean((2, 3))
        if self.what == "pools twice":
            found = found + self.pool(-maps).mean((2, 3))
        return self.fc(found.view(images.size(0), -1) if self.what == "asks for the batch's size" else found)


TRAPS = [
    "blurs first",
    "leaves the ReLU out",
    "thins the map",
    "uses a map twice",
    "convolves twice",
    "pools twice",
]


@pytest.mark.parametrize("what", ["", *TRAPS, "asks for the batch's size"])
def test_where_the_shortcut_would_be_wrong_it_is_not_taken(what):
    torch.manual_seed(0)
    net, images = Odd(what).double().eval(), noise(2, 3, 40, 40, seed=4)
    assert (shortcut(net, images, 6, 5) is None) == bool(what)
    found = occlusion(net, images, torch.tensor([0, 2]), 6, 5)
    expected = whole_passes(net, images, [0, 2], 6, 5, 0.5)
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-10, atol=1e-12)


END = nn.AdaptiveAvgPool2d(1), nn.Flatten()
NOT_SO = {
    "pooling with padding": small(nn.MaxPool2d(3, 2, padding=1)),
    "pooling up to the ceiling": small(nn.MaxPool2d(3, 2, ceil_mode=True)),
    "reflecting border": small(nn.MaxPool2d(2), nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect")),
    "border by name": small(nn.MaxPool2d(2), nn.Conv2d(3, 6, 3, padding="same")),
    "dilated pooling": small(nn.MaxPool2d(2, dilation=2)),
    "no pooling": nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), *END),
    "two convolutions": nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 6, 3), nn.MaxPool2d(2), *END),
    "no module": Brightness(),
}


@pytest.mark.parametrize("why", NOT_SO)
def test_nets_that_begin_otherwise_go_the_long_way(why):
    net, images = NOT_SO[why].double().eval(), noise(2, 3, 40, 40, seed=5)
    assert shortcut(net, images, 6, 5) is None
    expected = whole_passes(net, images, [1, 0], 6, 5, 0.5)
    torch.testing.assert_close(occlusion(net, images, torch.tensor([1, 0]), 6, 5).flatten(), expected)


def test_a_square_that_touches_most_cells_is_not_worth_a_window(net):
    assert shortcut(net, noise(1, 3, 40, 40), 6, 5) is not None
    assert shortcut(net, noise(1, 3, 32, 32), 24, 8) is None


def test_heat_of_another_grid_is_refused():
    with pytest.raises(ValueError, match=r"probabilities: expected a grid of 7 x 7, .* got \(4, 4\)"):
        occlusion_heat(torch.rand(2, 4, 4), torch.rand(2), (32, 32), 8, 4)
