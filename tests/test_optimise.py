"""The shared loop: what it returns, and what it does when a step fails or somebody presses Ctrl-C."""

import pytest
import torch
from torch import nn

from lecture_utils.hooks import OUTPUT, reading
from lecture_utils.synthesis.optimise import adam, iterate, neutral_colour, value_and_gradient
from tests.attribution_nets import toy, toy_images, unchanged

START = torch.zeros(2, 3, 4, 4)


def up(images, number):
    """One step up; the value is the mean of what it was given."""
    return images + 1, images.mean((1, 2, 3))


def fails_at(when, image=None, value=None):
    def step(images, number):
        after, found = up(images, number)
        if number != when:
            return after, found
        return (after if image is None else after + image), (found if value is None else found + value)

    return step


def test_it_steps_and_keeps_the_value_before_each_step():
    seen = []
    look = lambda images, done: seen.append((float(images.mean()), done))  # noqa: E731
    found = iterate(up, START, 4, "loop", callback=look)
    assert torch.equal(found.images, START + 4) and found.stopped is None
    assert found.history.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3]]
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert not START.any(), "the start is not written into"


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_a_step_to_nowhere_keeps_the_last_good_image(bad, capsys):
    found = iterate(fails_at(3, image=bad), START, 9, "climbing")
    assert found.stopped == "diverged" and torch.equal(found.images, START + 3)
    assert len(found.history) == 3
    said = capsys.readouterr().out
    assert said.startswith("climbing: NaN or infinity in step 4 of 9") and said.count("\n") == 1


def test_an_image_whose_value_is_nan_is_not_good(capsys):
    """The image of step 3 is finite, but the net answers it with NaN: the one before it was the last good one."""
    found = iterate(fails_at(3, value=float("nan")), START, 9, "loop")
    assert found.stopped == "diverged" and torch.equal(found.images, START + 2)
    assert "NaN or infinity in step 4" in capsys.readouterr().out
    found = iterate(fails_at(0, value=float("nan")), START, 9, "loop")
    assert torch.equal(found.images, START) and found.history.shape == (0, 2)


def test_ctrl_c_keeps_the_image_so_far(capsys):
    def callback(images, done):
        if done == 2:
            raise KeyboardInterrupt

    found = iterate(up, START, 9, "climbing", callback)
    assert found.stopped == "interrupted" and torch.equal(found.images, START + 2)
    assert "climbing: stopped after 2 of 9 steps: the result is the image" in capsys.readouterr().out


def test_value_and_gradient_by_hand():
    images = torch.rand(3, 3, 2, 2, dtype=torch.float64)
    value, gradient = value_and_gradient(lambda x: x.square().sum((1, 2, 3)), images)
    torch.testing.assert_close(value, images.square().sum((1, 2, 3)))
    torch.testing.assert_close(gradient, 2 * images)
    assert not images.requires_grad and not value.requires_grad
    for function in (lambda x: x.detach().sum((1, 2, 3)), lambda x: torch.ones(3, requires_grad=True)):
        with pytest.raises(ValueError, match="does not depend on the image"):
            value_and_gradient(function, images)


def test_adam_is_torchs_and_stays_in_the_unit_range():
    start, gradients = torch.full((1, 3, 2, 2), 0.95), [torch.randn(1, 3, 2, 2) for _ in range(6)]
    down, leaf = adam(start, 0.1, 6), start.clone().requires_grad_()
    optimiser = torch.optim.Adam([leaf], lr=0.1)
    for number, gradient in enumerate(gradients):
        optimiser.param_groups[0]["lr"] = 0.05 * (1 + torch.cos(torch.tensor(torch.pi * number / 6)).item())
        leaf.grad = gradient.clone()
        optimiser.step()
        leaf.data.clamp_(0, 1)
        found = down(gradient)
        torch.testing.assert_close(found, leaf.detach())
    assert found.max() <= 1 and not found.requires_grad and start.eq(0.95).all()


def test_the_neutral_colour():
    net = toy(dtype=torch.float32)
    assert torch.equal(neutral_colour(net), torch.full((1, 3, 1, 1), 0.5))
    net.register_buffer("mean", torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1, 1))
    assert torch.equal(neutral_colour(net).flatten(), torch.tensor([0.1, 0.2, 0.3]))
    assert torch.equal(neutral_colour(net, 0.25), torch.full((1, 3, 1, 1), 0.25))
    assert neutral_colour(toy(), [0, 0.5, 1]).dtype == torch.float64
    for wrong in (2, -0.1, [0.1, 0.2], "grey", float("nan"), [0, 0, 200]):
        with pytest.raises(ValueError, match="mean: expected a number or a colour"):
            neutral_colour(net, wrong)


class Counts(nn.Module):
    """Counts its runs."""

    runs = 0

    def forward(self, x):
        self.runs += 1
        return x


def test_reading_gives_what_the_layers_answer_and_stops_there():
    net, images = toy(), toy_images()
    net.fails = Counts()  # between pool1 and conv2
    expected = net[:2](images.clone())
    net.fails.runs = 0
    with reading(net, ["relu1"]) as read:
        for runs in (1, 1, 1):  # only the first pass goes on
            torch.testing.assert_close(read(images)["relu1"], expected)
            assert net.fails.runs == runs
    with unchanged(net), torch.no_grad(), reading(net, ["conv1", "relu1", OUTPUT]) as read:
        found = read(images), read(images)
    for each in found:
        assert torch.equal(each["conv1"], net.conv1(images)), "the in-place ReLU above must not change it"
        assert torch.equal(each[OUTPUT], net(images))


def test_a_layer_that_runs_twice_gives_its_last_answer():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.end = nn.Conv2d(3, 3, 1), Counts()

        def forward(self, images):
            return self.end(self.conv(self.conv(images)))

    net, images = Twice(), torch.rand(1, 3, 4, 4)
    expected = net.conv(net.conv(images))
    with reading(net, ["conv"]) as read:
        for _ in range(2):
            assert torch.equal(read(images)["conv"], expected)
    assert net.end.runs == 1


def test_convolutions_can_be_read_where_the_head_does_not_fit():
    net = toy("fc", dtype=torch.float32)  # its head wants 16 px
    with reading(net, ["relu2"]) as read:
        assert read(torch.rand(1, 3, 24, 40))["relu2"].shape == (1, 6, 12, 20)
    said = pytest.raises(ValueError, match="images: the net cannot take 24 x 40 px")
    with reading(net, ["fc"]) as read, said:
        read(torch.rand(1, 3, 24, 40))
