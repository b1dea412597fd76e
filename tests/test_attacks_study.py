"""The study of attacks: its bookkeeping on a net whose answers are known, and what it ships."""

import pytest
import torch

from experiments.studies import adversarial_training_eval, attacks
from tests.attack_nets import linear, said
from tests.attribution_nets import unchanged

pytestmark = pytest.mark.slow


class Brightness(torch.nn.Module):
    """Class 1 where the mean of all values is above .5, else class 0; a third class that never wins."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(100.0))

    def forward(self, x):
        lead = self.gain * (x.mean((1, 2, 3)) - 0.5)
        return torch.stack([-lead, lead, torch.full_like(lead, -1e3)], 1)


@pytest.fixture
def net():
    return Brightness().eval()


@pytest.fixture
def images():
    """Means .48, .49, .52 and .60; labelled 0, 0, 1 and (wrongly) 0."""
    flat = torch.tensor([0.48, 0.49, 0.52, 0.60]).view(4, 1, 1, 1)
    return flat.expand(4, 3, 6, 6).clone(), torch.tensor([0, 0, 1, 0])


def test_a_share_counts_what_was_right_before():
    mean, low, high = attacks.share("1101", "0001")
    assert mean == pytest.approx(2 / 3) and low <= mean <= high
    assert attacks.share("0000", "0011")[0] == 0
    with pytest.raises(ValueError):
        attacks.share("1", "1")


def test_a_curve_of_known_distances(net, images):
    """Every value must move by .02, .01 or .02: 5.1, 2.55 and 5.1 levels. Noise moves the mean by next to nothing."""
    found = attacks.curve(net, *images, levels=(2, 3, 6))
    assert found["clean"] == "0001" == attacks.wrong(net, *images)
    assert found["fgsm"] == ["0001", "0101", "1111"], "wrong already: stays wrong"
    assert [marks[:3] for marks in found["pgd"]] == [marks[:3] for marks in found["fgsm"]]
    assert [marks[:3] for marks in found["noise"]] == ["000", "000", "000"]
    assert found["pgd, png"][2][:3] == "111"
    assert adversarial_training_eval.right(net, *images).tolist() == [1, 1, 1, 0]
    under = adversarial_training_eval.under_attack(net, images[0][:3], images[1][:3], 3)
    assert under.tolist() == [1, 0, 1]


def test_half_a_level_does_not_survive_a_file(net):
    """The border is 127.5; a file rounds 127.4 to 127."""
    for level, step, fooled in ((127.4, 0.25, "1"), (126.9, 0.5, "0")):
        images = torch.full((1, 3, 6, 6), level / 255)
        found = attacks.curve(net, images, torch.tensor([0]), levels=(step,), attacks=("pgd",))
        assert found["pgd"] == [fooled] and (fooled == "1" or found["pgd, png"] == ["0"])


def test_random_signs():
    images = torch.full((2, 3, 20, 20), 0.5)
    noisy = attacks.signs(images, 4 / 255)
    moved = (255 * (noisy - images)).round()
    assert set(moved.unique().tolist()) == {-4, 4} and moved.mean().abs() < 0.5
    assert torch.equal(noisy, attacks.signs(images, 4 / 255))
    assert not torch.equal(noisy, attacks.signs(images, 4 / 255, seed=1))
    assert attacks.signs(torch.ones(1, 3, 4, 4), 0.1).max() == 1


def test_targets_leave_out_their_own_class(net, images):
    found = attacks.targeted(net, *images, 6, targets=[0, 1])
    assert found["0"] == "--1-" and found["1"] == "11-1"


def test_transfer_between_a_net_and_its_opposite(net, images):
    class Opposite(Brightness):
        def forward(self, x):
            return super().forward(1 - x)

    found = attacks.transfer({"plain": net, "opposite": Opposite().eval()}, *images, 6, names=("fgsm",))
    assert found["clean"] == {"plain": "0001", "opposite": "1110"}
    assert found["fgsm"]["plain"]["plain"] == "1111", "made on it, all are lost"
    assert found["fgsm"]["plain"]["opposite"][:3] == "000", "what darkens for one is right for the other"


def test_a_difference_is_kept_as_a_picture():
    v = torch.randint(-16, 17, (1, 3, 9, 7), generator=torch.Generator().manual_seed(0)) / 255
    assert torch.allclose(attacks.decoded(attacks.encoded(v)), v, atol=1e-7)
    assert attacks.decoded(attacks.encoded(v)).dtype == torch.float32


diagnose = adversarial_training_eval.gradient_masking_diagnostics
SIGNS = ("pgd_beats_fgsm", "unbounded_reaches_all", "white_box_beats_transfer")


def near_the_border():
    """A linear net of two classes, images on both sides of its border, and what it says of them."""
    net, _ = linear()
    draws = torch.Generator().manual_seed(5)
    images = 0.4 + 0.2 * torch.rand(40, 3, 4, 4, dtype=torch.float64, generator=draws)
    with torch.no_grad():
        net.bias -= net(images).mean(0)
    return net, images, said(net, images)


class Hiding(torch.nn.Module):
    """A linear net behind steps of colour: the gradient is that of a smooth ripple, which points nowhere."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        steps = (images.detach() * 20).round() / 20
        return self.net(steps + 1e-3 * (torch.sin(40 * images) - torch.sin(40 * images).detach()))


def test_an_open_net_shows_no_sign_of_masking_and_one_that_hides_its_gradient_does():
    net, images, labels = near_the_border()
    other = linear(seed=1)[0]
    with torch.no_grad():
        other.weights.copy_(net.weights + 0.1 * other.weights)
        other.bias.copy_(net.bias)
    with unchanged(net):
        found = diagnose(net, other, images, labels, 0.01)
    assert all(found[sign] for sign in SIGNS) and found["unbounded"] == 1.0
    assert found["restarts"] >= found["pgd"] >= found["fgsm"] > 0.3
    found = diagnose(Hiding(net), other, images, labels, 0.01)
    assert not found["white_box_beats_transfer"] and found["transferred"] > found["pgd"]
    long = diagnose(net, other, images, labels, 0.01, steps=2)  # a step as long as the ball's side
    assert long["unbounded"] == 1.0
    with pytest.raises(ValueError, match="gets every one wrong"):
        diagnose(net, other, images, 1 - labels, 0.01)
