"""Completions: drawn as the model's own sampler draws, with what they cost; and what the explorer shows of them."""

from math import log

import numpy as np
import pytest
import torch

from experiments.studies import completions as study
from lecture_utils import generative, models, results
from lecture_utils.explorers import Completion, board as ui, completion as module
from lecture_utils.explorers.completion import EMPTY, PANEL, shipped
from lecture_utils.generative.completion import complete, true_bits, uniform
from tests.helpers import blocks


def model(levels=4, size=(5, 4), channels=1, gated=True):
    """A tiny one in float64, with weights large enough to have opinions."""
    options = {"layers": 1, "width": 6, "gated": gated, "first": 3, "seed": 0}
    net = generative.PixelCNN(levels, size, channels, **options).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    return net


def pictures(net, n=2):
    return torch.randint(net.levels, (n, *net.shape), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def small(monkeypatch):
    net = model()
    made = study.drawn(net, pictures(net), (1, 2, 3), (0.5, 0.75, 1.0))
    monkeypatch.setattr(module, "shipped", lambda: (pictures(net), ["first", "second"], made))
    return Completion(net)


@pytest.mark.parametrize(("channels", "gated", "rows"), [(1, False, 0), (3, True, 3)])
def test_a_completion_is_what_the_model_samples(channels, gated, rows):
    net = model(3, (5, 4), channels, gated)
    given = pictures(net, 1).repeat(6, 1, 1, 1)
    known, draws = (torch.arange(5) < rows)[:, None].expand(5, 4), torch.Generator().manual_seed(7)
    expected = net.sample(6, draws, temperature=0.7, given=given, known=known)
    heat = torch.full((6,), 0.7, dtype=torch.float64)
    *_, (found, bits) = complete(net, given, rows, heat, uniform(net.shape, 7))
    assert torch.equal(found, expected) and torch.equal(found[:, :, :rows], given[:, :, :rows])
    with torch.no_grad():
        nats = -net.logits(found).log_softmax(1).gather(1, found[:, None])[:, 0, :, rows:].flatten(1).mean(1)
    assert torch.allclose(bits, nats / log(2)), "at temperature 1, whatever they were drawn at"
    assert torch.allclose(true_bits(net, found).mean(1), net.bits_per_dim(found))
    assert torch.allclose(true_bits(net, found)[:, rows:].mean(1), bits)


def test_each_image_has_its_own_temperature_and_border():
    net, given, numbers = model(), pictures(model(), 6), uniform((1, 5, 4), 3)
    heat = torch.tensor([0.5, 1.5, 1.0, 1.0, 0.7, 1.0], dtype=torch.float64)
    *_, (found, bits) = complete(net, given, torch.tensor([0, 1, 2, 3, 4, 5]), heat, numbers)
    for n in range(5):
        *_, (alone, cost) = complete(net, given, n, heat[n].expand(6), numbers)
        assert torch.equal(found[n], alone[n]) and torch.allclose(bits[n], cost[n])
    assert torch.equal(found[5], given[5]) and bits[5] == 0, "all of it was given"


def test_row_by_row_and_nothing_stays_changed():
    net = model().train()
    given, heat = pictures(net, 1).repeat(6, 1, 1, 1), torch.ones(6, dtype=torch.float64)
    before, seen = given.clone(), []
    for found, _ in complete(net, given, 2, heat, uniform(net.shape, 0)):
        assert net.training and torch.is_grad_enabled(), "between two rows the kernel works for others"
        seen.append(found)
    assert len(seen) == 3 and torch.equal(given, before)
    for n, found in enumerate(seen):
        assert torch.equal(found[:, :, : 3 + n], seen[-1][:, :, : 3 + n]) and not found[:, :, 3 + n :].any()


def shown(board):
    """What is given, the truth, and six completions, uint8 (8, PANEL, PANEL)."""
    return np.stack([np.asarray(tile.shown)[..., 0] for tile in blocks(board, ui.Tile)])


def test_the_picture_shows_what_was_drawn(small):
    state = {"picture": "second", "rows": 3, "temperature": 0.75}
    found, bits, *_ = small.look(**state)
    assert torch.equal(found, small.made.pixels[0, 2, 1, 1].long()), "the third number of rows, ..."
    given, true, *drawn = shown(small.board(**state))[:, PANEL // 10 :: PANEL // 5, PANEL // 8 :: PANEL // 4]
    assert np.array_equal(drawn, (found[:, 0] / 3 * 255).round().byte().numpy())
    assert np.array_equal(true, (small.pixels[1, 0] / 3 * 255).round().byte().numpy())
    assert np.array_equal(given[:3], true[:3]) and (given[3:] == EMPTY[0]).all(), "what is missing"
    (bars,) = blocks(small.board(**state), ui.Bars)
    costs = [*bits, small.truth("second", 3)]
    assert [bar.value for bar in bars.bars] == pytest.approx([cost / max(costs) for cost in costs])


def test_what_ships_was_drawn_with_the_net_that_ships():
    facts, (pixels, names, made) = results.load("completions"), shipped()
    assert facts["weights"] == models.card("studio-pixelcnn")["weights"]["sha256"]
    assert made.rows == study.ROWS and made.temperatures == study.TEMPERATURES and facts["pictures"] == names
    for n, rows in enumerate(made.rows):
        given = pixels[None, None, :, None, :, :rows].expand(*made.pixels[:, n].shape[:4], -1, -1, -1)
        assert torch.equal(made.pixels[:, n, ..., :rows, :].long(), given), "the image's own"
    explorer = Completion(models.load("studio-pixelcnn"))
    found, bits, *_ = explorer.look(names[3], 24, 1.0)
    assert true_bits(explorer.model, found)[:, 24:].mean(1).tolist() == pytest.approx(bits, abs=0.02)
