"""Autoregressive models: nothing looks ahead, all probabilities sum to 1, and the sampler draws from just these."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F

from experiments.methods.row_lstm import RowLSTM
from experiments.studies import exhaustive_check
from lecture_utils.generative import PixelCNN, fit, nats
from lecture_utils.generative.autoregressive import pick
from lecture_utils.generative.masks import colour_groups, input_groups, square_mask
from tests.helpers import draws

KINDS = ("plain", "gated", "dilated", "row")


def make(kind, levels=3, size=(2, 3), channels=1, layers=2, width=12, seed=0, first=7):
    if kind == "row":
        return RowLSTM(levels, size, channels, layers, width, first, seed=seed)
    dilations = [1 + (i % 2) for i in range(layers)] if kind == "dilated" else None
    gated = kind != "plain"
    return PixelCNN(levels, size, channels, layers, width, gated, first=first, dilations=dilations, seed=seed)


def pictures(model, n, seed=0):
    return torch.randint(model.levels, (n, *model.shape), generator=draws(seed))


def influence(model, seed=0):
    """Which value of a picture the scores of which other value depend on, bool (d, d), in the order of drawing."""
    model, found = model.double(), 0
    for x in pictures(model, 3, seed).split(1):  # a ReLU that is off in one picture is on in another
        square = lambda v: model(v)[0].square().sum(0)  # noqa: E731
        jacobian = torch.autograd.functional.jacobian(square, model.values(x), vectorize=True)
        found = found + jacobian[:, :, :, 0].abs()  # (c, h, w, c, h, w)
    d = math.prod(model.shape)
    return (found.permute(1, 2, 0, 4, 5, 3).reshape(d, d) != 0).to(torch.bool)


def test_masks_by_hand():
    grey = torch.tensor([0])
    assert square_mask("A", 3, grey, grey)[0, 0].int().tolist() == [[1, 1, 1], [1, 0, 0], [0, 0, 0]]
    assert square_mask("B", 3, grey, grey)[0, 0].int().tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]
    groups = colour_groups(6, 3)
    assert groups.tolist() == [0, 0, 1, 1, 2, 2]
    assert colour_groups(3, 3, copies=2).tolist() == [0, 1, 2, 0, 1, 2]
    centre = square_mask("A", 3, input_groups(3, 1), groups)[:, :, 1, 1].int()  # G may see R, and the map
    assert centre.tolist() == [[0, 0, 0, 1]] * 2 + [[1, 0, 0, 1]] * 2 + [[1, 1, 0, 1]] * 2
    centre = square_mask("B", 3, groups, groups)[:, :, 1, 1].int()
    assert centre.tolist() == [[1, 1, 0, 0, 0, 0]] * 2 + [[1, 1, 1, 1, 0, 0]] * 2 + [[1] * 6] * 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("layers", [0, 1, 3])
def test_no_value_depends_on_itself_or_a_later_one(kind, channels, layers):
    model = make(kind, 4, (3, 4), channels, layers, width=6 * channels)
    seen = influence(model)
    assert not seen.triu().any()


@pytest.mark.parametrize("channels", [1, 3])
def test_two_stacks_see_everything_before(channels):
    seen = influence(make("gated", 4, (4, 5), channels, layers=3, width=16 * channels, first=3))
    assert seen.tril(-1).sum() == len(seen) * (len(seen) - 1) // 2


def test_an_inner_row_lstm_sees_its_own_place():
    """Behind the first layer a place knows only what came before it, so nothing is gained by hiding it again."""
    layer = RowLSTM(3, (5, 5), width=6).layers[0]
    x = torch.randn(1, 6, 5, 5, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (layer(x) - x)[0, :, 2, 2].square().sum().backward()  # without the way around the layer
    seen = x.grad[0].abs().sum(0) > 0
    assert seen[2].tolist() == [False, True, True, False, False], "the place and its left neighbour"
    assert seen[:2].all(1).tolist() == [True, False] and not seen[3:].any(), "and a triangle above"


def test_one_stack_has_a_blind_spot_and_two_have_none():
    """Middle of row 3 of 7 columns, after layers of 3 x 3: above to the right the plain net misses a wedge."""
    place = 3 * 7 + 3
    plain = influence(make("plain", 4, (4, 7), 1, 2, 16, first=3))[place].view(4, 7)
    gated = influence(make("gated", 4, (4, 7), 1, 2, 16, first=3))[place].view(4, 7)
    assert plain.int().sum(1).tolist() == [7, 6, 5, 3] and plain.int().diff(dim=1).max() == 0, (
        "from the left on"
    )
    assert gated[:3].all() and gated[3, :3].all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("channels", "size", "levels"), [(1, (2, 3), 3), (3, (1, 2), 2), (2, (2, 2), 2)])
def test_all_probabilities_sum_to_one_and_a_leaking_mask_is_found(kind, channels, size, levels):
    leaks = []
    for seed in range(3):
        strong = exhaustive_check.strengthened(make(kind, levels, size, channels, seed=seed))
        assert abs(float(exhaustive_check.probabilities(strong).sum()) - 1) < 1e-9
        leaks.append(abs(float(exhaustive_check.probabilities(exhaustive_check.leaking(strong)).sum()) - 1))
    assert max(leaks) > 0.05, "the test must tell a model that sees what it predicts"
    assert influence(exhaustive_check.leaking(make(kind, levels, size, channels))).diagonal().any()


def test_log_prob_by_a_second_formula():
    """The chain rule, one factor at a time, by cross entropy on pictures whose later pixels are wiped out."""
    model = make("gated", 5, (3, 4), 3, width=6).double()
    x = pictures(model, 4)
    total, known = torch.zeros(4, dtype=torch.float64), torch.zeros_like(x)
    for row, column, channel in itertools.product(range(3), range(4), range(3)):
        place = (slice(None), channel, row, column)
        logits = model.logits(known)[:, :, channel, row, column]
        total -= F.cross_entropy(logits, x[place], reduction="none")
        known[place] = x[place]
    torch.testing.assert_close(model.log_prob(x), total)
    torch.testing.assert_close(model.bits_per_dim(x), -total / 36 / math.log(2))
    with torch.no_grad():
        torch.testing.assert_close(model.log_prob(x), total)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 3])
def test_cached_sampling_is_naive_sampling(kind, channels):
    strong = exhaustive_check.strengthened(make(kind, 5, (6, 5), channels), 2)
    fast, slow = (strong.sample(3, draws(), cached=cached) for cached in (True, False))
    assert torch.equal(fast, slow) and len(fast.unique()) == 5
    known = torch.rand(6, 5, generator=draws(1)) < 0.4
    more = {"given": fast, "known": known, "temperature": 0.7}
    assert torch.equal(*(strong.sample(3, draws(2), cached, **more) for cached in (True, False)))


@pytest.mark.parametrize("kind", ["plain", "gated", "row"])
def test_the_sampler_draws_with_the_models_probabilities(kind):
    model = exhaustive_check.strengthened(make(kind, 2, (2, 2), layers=1, width=4), 3)
    wanted = exhaustive_check.probabilities(model)
    found = exhaustive_check.code(model.sample(100_000, draws()), 2).bincount(minlength=16)
    assert exhaustive_check.chi_squared(wanted, found)[2] > 1e-4
    shifted = wanted.roll(1)
    assert exhaustive_check.chi_squared(shifted, found)[2] < 1e-9, "the test must tell other probabilities"


def test_temperature():
    model = exhaustive_check.strengthened(make("gated", 3, (1, 1)), 3)
    logp = model.log_prob(torch.arange(3)[:, None, None, None]).detach()
    for temperature in (0.5, 2.0):
        wanted = (logp / temperature).softmax(0)
        found = model.sample(20_000, draws(), temperature=temperature).flatten().bincount(minlength=3)
        assert exhaustive_check.chi_squared(wanted, found)[2] > 1e-4
    assert (model.sample(50, draws(), temperature=1e-6).flatten() == logp.argmax()).all()


def test_a_uniform_number_picks_a_level_and_levels_become_numbers():
    logits = torch.tensor([0.2, 0.3, 0.5]).log().expand(5, 3)
    assert pick(logits, torch.tensor([0.0, 0.19, 0.21, 0.49, 0.999])).tolist() == [0, 0, 1, 1, 2]
    found = make("plain", levels=5, size=(1, 5)).values(torch.arange(5).view(1, 1, 1, 5))
    assert found.flatten().tolist() == [-1, -0.5, 0, 0.5, 1]


def test_the_same_seed_draws_the_same_and_nothing_else_changes():
    before, model = torch.get_rng_state(), make("plain").train()
    one = model.sample(2, draws(7))
    assert torch.equal(one, model.sample(2, draws(7))) and not torch.equal(one, model.sample(2, draws(8)))
    assert not torch.equal(model.sample(8), model.sample(8)), "without a generator always anew"
    assert model.training and torch.equal(torch.get_rng_state(), before)


def test_ctrl_c_keeps_what_is_drawn(capsys, monkeypatch):
    def begin(self, row):
        if row == 1:
            raise KeyboardInterrupt

    model = make("gated", 3, (3, 3))
    whole = model.sample(1, draws(), cached=False)
    monkeypatch.setattr("lecture_utils.generative.autoregressive.WholePasses.begin", begin)
    found = model.sample(1, draws(), cached=False)
    assert torch.equal(found[:, :, 0], whole[:, :, 0]) and not found[:, :, 1:].any()
    assert "row 2 of 3" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["plain", "gated", "row"])
def test_training_makes_the_data_likelier(kind):
    model = make(kind, 3, (3, 3), first=3)
    x = pictures(model, 40)
    x[:, 0, 1] = x[:, 0, 0]  # the second row repeats the first: only a model that looks up can know
    before = model.log_prob(x).mean()
    fit(model, x, nats, steps=120, batch=20, lr=2e-2)
    assert model.log_prob(x).mean() > -7.0 * math.log(3) > before  # 6 values to know, 9 without looking
