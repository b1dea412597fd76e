"""Completions: drawn as the model's own sampler draws, with what they cost; and what the explorer shows of them."""

from math import log

import numpy as np
import pytest
import torch

from experiments.experiment import write_results
from experiments.studies import completions
from lecture_utils import datasets, generative, models, results, store
from lecture_utils.explorers import Completion, completion as explorer_module
from lecture_utils.explorers.completion import COLUMNS, EMPTY, FOOT, GAP, HEAD, PANEL, SECOND, shipped
from lecture_utils.generative import completion as study


def model(levels=4, size=(5, 4), channels=1, gated=True, seed=0):
    """A tiny one in float64, with weights large enough to have opinions."""
    net = generative.PixelCNN(
        levels, size, channels, layers=1, width=6, gated=gated, first=3, seed=seed
    ).double()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(2)
    return net


def pictures(net, n=2, seed=1):
    draws = torch.Generator().manual_seed(seed)
    return torch.randint(net.levels, (n, *net.shape), generator=draws)


@pytest.fixture(scope="module")
def small():
    net = model()
    return Completion(net, pictures(net), ["first", "second"])


@pytest.mark.parametrize(
    ("channels", "gated", "rows"), [(1, True, 2), (1, False, 0), (3, True, 3), (3, False, 1)]
)
def test_a_completion_is_what_the_model_samples(channels, gated, rows):
    net = model(3, (5, 4), channels, gated)
    given = pictures(net, 1).repeat(study.MANY, 1, 1, 1)
    known = (torch.arange(5) < rows)[:, None].expand(5, 4)
    expected = net.sample(
        study.MANY, torch.Generator().manual_seed(7), temperature=0.7, given=given, known=known
    )
    heat = torch.full((study.MANY,), 0.7, dtype=torch.float64)
    *_, (found, bits) = study.complete(net, given, rows, heat, study.uniform(net.shape, 7))
    assert torch.equal(found, expected) and torch.equal(found[:, :, :rows], given[:, :, :rows])
    assert len(torch.unique(found, dim=0)) > 1
    with torch.no_grad():
        nats = -net.logits(found).log_softmax(1).gather(1, found[:, None])[:, 0, :, rows:].flatten(1).mean(1)
    assert torch.allclose(bits, nats / log(2)), "at temperature 1, whatever they were drawn at"


def test_each_picture_has_its_own_temperature():
    net, heat = model(), torch.tensor([0.5] * 6 + [1.5] * 6, dtype=torch.float64)
    given, numbers = pictures(net, 1).repeat(12, 1, 1, 1), study.uniform(net.shape, 3)
    *_, (both, _) = study.complete(net, given, 1, heat, numbers.repeat(2, 1, 1, 1))
    for half, one in ((both[:6], heat[:6]), (both[6:], heat[6:])):
        *_, (alone, _) = study.complete(net, given[:6], 1, one, numbers)
        assert torch.equal(half, alone)
    assert not torch.equal(both[:6], both[6:])


def test_each_picture_has_its_own_border():
    net, heat, numbers = model(), torch.ones(6, dtype=torch.float64), study.uniform((1, 5, 4), 3)
    given = pictures(net, 6)
    *_, (found, bits) = study.complete(net, given, torch.tensor([0, 1, 2, 3, 4, 5]), heat, numbers)
    for n, rows in enumerate(range(5)):
        *_, (alone, cost) = study.complete(net, given, rows, heat, numbers)
        assert torch.equal(found[n], alone[n]) and torch.allclose(bits[n], cost[n])
    assert torch.equal(found[5], given[5]) and bits[5] == 0, "all of it was given"


def test_row_by_row_and_nothing_stays_changed():
    net = model().train()
    given, heat = pictures(net, 1).repeat(6, 1, 1, 1), torch.ones(6, dtype=torch.float64)
    before, seen = given.clone(), []
    for found, _ in study.complete(net, given, 2, heat, study.uniform(net.shape, 0)):
        assert net.training and torch.is_grad_enabled(), "between two rows the kernel works for others"
        seen.append(found)
    assert len(seen) == 3 and torch.equal(given, before)
    for n, found in enumerate(seen):
        assert torch.equal(found[:, :, : 3 + n], seen[-1][:, :, : 3 + n]) and not found[:, :, 3 + n :].any()


def test_the_cost_of_the_truth_is_the_model_s():
    net = model(3, (5, 4), 3)
    x = pictures(net, 3)
    with torch.no_grad():
        assert torch.allclose(study.true_bits(net, x).mean(1), net.bits_per_dim(x))
        nats = -net.logits(x).log_softmax(1).gather(1, x[:, None])[:, 0, :, 3:]
    assert torch.allclose(study.true_bits(net, x)[:, 3:].mean(1), nats.flatten(1).mean(1) / log(2))


def test_all_that_was_drawn_stands_where_it_belongs():
    net = model()
    x = pictures(net)
    made = study.drawn(net, x, (1, 3), (0.5, 1.0, 1.5), draws=2)
    assert made.pixels.shape == (2, 2, 3, 2, 6, 1, 5, 4) and made.bits.shape == (2, 2, 3, 2, 6)
    for picture, rows, heat, draw in ((0, 1, 0.5, 1), (1, 3, 1.5, 2), (1, 1, 1.0, 1)):
        found, bits = made.at(picture, rows, heat, draw)
        given = x[[picture]].repeat(6, 1, 1, 1)
        *_, (alone, costs) = study.complete(
            net, given, rows, torch.full((6,), heat).double(), study.uniform(net.shape, draw)
        )
        assert torch.equal(found, alone) and bits == pytest.approx(costs.tolist(), abs=1e-5)
    cold, hot = (made.bits[:, :, k].mean() for k in (0, 2))
    assert cold < hot, "below temperature 1 the likely becomes likelier"


def test_what_is_saved_is_read_again(tmp_path, monkeypatch):
    net = model(8, (4, 4), 3)
    made = study.drawn(net, pictures(net, 3), (1, 2, 3), (0.5, 1.0), draws=2)
    write_results(tmp_path, "completions", completions.save(made, 8, tmp_path))
    monkeypatch.setattr(store, "verified_path", lambda name: tmp_path / name)
    monkeypatch.setattr(store, "read_verified", lambda name: (tmp_path / name).read_bytes())
    monkeypatch.setattr(results, "names", lambda: ["completions"])
    monkeypatch.setattr(explorer_module, "studio_pictures", lambda levels: (pictures(net, 3), list("abc")))
    *_, again = shipped()
    assert again.rows == (1, 2, 3) and again.temperatures == (0.5, 1.0)
    assert torch.equal(again.pixels, made.pixels) and torch.allclose(again.bits, made.bits, atol=1e-4)


def test_the_pictures_of_the_study_are_the_first_of_their_class():
    pixels, names = completions.studio_pictures(8)
    assert pixels.shape == (6, 3, 32, 32) and pixels.max() == 7 and len(set(names)) == 6
    test = datasets.load("studio").test
    for n, image in enumerate(pixels):
        first = (test.labels == n).nonzero()[0, 0]
        assert torch.equal(image, test.pixels[first] // 32)


def tile(sheet, n):
    left, top = SECOND + n % COLUMNS * (PANEL + GAP), HEAD + n // COLUMNS * (PANEL + FOOT)
    return sheet[top : top + PANEL, left : left + PANEL]


def test_the_picture_shows_what_was_drawn(small):
    state = {"picture": "second", "rows": 3, "temperature": 0.75, "draw": 2}
    sheet, (found, bits) = small.render(**state), small.look(**state)
    assert torch.equal(found, small.made.pixels[1, 1, 1, 1].long()), "draw 2, the second number of rows, ..."
    assert torch.equal(found[:, :, :3], small.pixels[[1]].expand(6, -1, -1, -1)[:, :, :3])
    for n, image in enumerate(found):
        drawn = tile(sheet, n)[PANEL // 10 :: PANEL // 5, PANEL // 8 :: PANEL // 4, 0]
        assert np.array_equal(drawn, (image[0] / 3 * 255).round().byte().numpy())
    given = sheet[HEAD : HEAD + PANEL, :PANEL]
    below = given[round(0.6 * PANEL) + 1 :]
    assert (below == EMPTY).all(), "what is missing is not shown"
    assert given[PANEL // 10, PANEL // 8, 0] == round(float(small.pixels[1, 0, 0, 0]) / 3 * 255)
    words = small.describe(**state)
    assert f"cost {min(bits):.2f} to {max(bits):.2f} bits" in words
    assert f"the true rest {small.truth('second', 3):.2f}." in words


def test_run_live_draws_other_ones_row_by_row(small):
    state = {"picture": "first", "rows": 2, "temperature": 1.0, "draw": 1}
    turns = [list(small.live(**state)) for _ in range(2)]
    assert [len(each) for each in turns] == [3, 3]
    assert "live, row 3 of 5" in turns[0][0][1] and "live, done" in turns[0][-1][1]
    for n, (_, sentence) in enumerate(turns[0], 3):
        assert f"the true rest {float(small.true_rows[0, 2:n].mean()):.2f}." in sentence, (
            "as far as it has come"
        )
    ends = [each[-1][0] for each in turns]
    assert not np.array_equal(*ends), "new draws each time"
    first = turns[0][0][0]
    assert first.shape == small.render(**state).shape
    assert (tile(first, 0)[-PANEL // 5 :] == EMPTY).all(), "the last rows are not drawn yet"


def test_with_what_was_made_before_only_that_can_be_chosen():
    net = model()
    made = study.drawn(net, pictures(net), (1, 3), (0.5, 1.0))
    explorer = Completion(net, pictures(net), made=made)
    rows, heat = explorer.controls["rows"], explorer.controls["temperature"]
    assert (rows.low, rows.high, rows.step) == (1, 3, 2) and (heat.low, heat.high, heat.step) == (
        0.5,
        1.0,
        0.5,
    )
    assert "draw" not in explorer.controls and len(explorer.stops) >= 4
    for title in explorer.stops:
        assert explorer.render(**explorer.stop(title)).dtype == np.uint8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pixels": torch.rand(2, 1, 5, 4)}, "pixels: expected whole levels"),
        ({"pixels": torch.full((2, 1, 5, 4), 4)}, "pixels: the model knows levels 0 .. 3"),
        ({"pixels": torch.zeros(2, 1, 4, 4).long()}, "pixels: the model knows pictures of shape"),
        ({"names": ["one"]}, "names: expected 2"),
        ({"pixels": torch.zeros(3, 1, 5, 4).long()}, "made: expected completions of 3 pictures"),
    ],
)
def test_it_refuses_what_it_cannot_complete(small, change, message):
    given = {"model": small.model, "pixels": small.pixels, "made": small.made} | change
    with pytest.raises(ValueError, match=message):
        Completion(**given)


@pytest.mark.skipif(
    "weights/studio-pixelcnn.json" not in store.manifest(), reason="the PixelCNN is not there yet"
)
def test_what_ships_was_drawn_with_the_net_that_ships():
    facts = results.load("completions")
    assert facts["weights"] == models.card("studio-pixelcnn")["weights"]["sha256"]
    pixels, names, made = shipped()
    assert made.rows == completions.ROWS and made.temperatures == completions.TEMPERATURES
    assert facts["pictures"] == names
    for n, rows in enumerate(made.rows):
        given = pixels[None, None, :, None, :, :rows].expand(*made.pixels[:, n].shape[:4], -1, -1, -1)
        assert torch.equal(made.pixels[:, n, ..., :rows, :].long(), given), (
            "the given part is the picture's own"
        )
    net, (found, bits) = models.load("studio-pixelcnn"), made.at(3, 24, 1.0, 1)
    assert study.true_bits(net, found)[:, 24:].mean(1).tolist() == pytest.approx(bits, abs=0.02)
