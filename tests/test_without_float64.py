"""On a Mac's graphics processor there is no float64. Here a tensor plays one: what makes it float64 fails as there."""

import pytest
import torch

from lecture_utils import attribution, detection, features, generative, metrics, models, synthesis
from lecture_utils.generative.autoregressive import pick
from lecture_utils.generative.completion import complete, true_bits, uniform


class There(torch.Tensor):
    """A tensor that lies on such a processor, until .cpu() brings it back; what is computed with it lies there, too."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        back = function is torch.Tensor.cpu or "cpu" in map(str, (*args[1:], *(kwargs or {}).values()))
        found = super().__torch_function__(function, types, args, kwargs or {})
        if back:
            return found.as_subclass(torch.Tensor)
        if isinstance(found, There) and found.dtype == torch.float64:
            raise TypeError(f"{function.__name__}: this processor has no float64")
        return found


def there(tensor):
    return tensor.clone().as_subclass(There)


class OnIt(torch.nn.Module):
    """A conditional that answers with tensors that lie there."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def __getattr__(self, name):
        return super().__getattr__(name) if name in ("net", "training") else getattr(self.net, name)

    def logits(self, x):
        return there(self.net.logits(x))


def test_the_stand_in_fails_as_the_real_one():
    logits = there(torch.randn(2, 3))
    with pytest.raises(TypeError, match="no float64"):
        logits.double()
    assert logits.cpu().double().dtype == torch.float64 and type(logits.softmax(1)) is There


def test_levels_are_picked_and_counted():
    logits, draws = torch.randn(5, 8, generator=torch.Generator().manual_seed(0)), torch.rand(5).double()
    assert torch.equal(pick(there(logits), draws), pick(logits, draws))
    binomial = generative.likelihoods.Binomial(8)
    x, parameters = torch.randint(0, 8, (2, 3, 4, 4)), torch.randn(2, 1, 3, 4, 4)
    assert torch.allclose(binomial.log_p(there(parameters), x), binomial.log_p(parameters, x))
    assert not list(binomial.buffers())  # .to("mps") would fail on one of float64


def test_pictures_are_completed_and_their_cost_is_counted():
    net = models.load("studio-pixelcnn")
    given = torch.zeros(2, *net.shape, dtype=torch.long)
    assert torch.equal(true_bits(OnIt(net), given[:, :, :, :]), true_bits(net, given))
    heat, numbers = torch.ones(2, dtype=torch.float64), uniform(net.shape, 0)[:2]
    rows = net.shape[1] - 1
    assert sum(1 for _ in complete(net, given, rows, heat, numbers)) > 0


def test_boxes_and_numbers():
    maps, boxes = torch.randn(1, 2, 8, 8), torch.tensor([[4.0, 4, 40, 50]])
    which = torch.zeros(1, dtype=torch.long)
    here = detection.roi_align(maps, boxes, which, 3, 8)
    assert torch.allclose(detection.roi_align(maps, there(boxes), which, 3, 8), here)
    assert metrics.bootstrap(there(torch.arange(9.0))) == metrics.bootstrap(torch.arange(9.0))


METHODS = {
    "occlusion": lambda net, x, y: attribution.occlusion(net, x, y),
    "saliency": lambda net, x, y: attribution.saliency(net, x, y),
    "guided backprop": lambda net, x, y: attribution.guided_backprop(net, x, y),
    "deconvnet": lambda net, x, y: attribution.deconvnet(net, x, "relu5", 0),
    "cam": lambda net, x, y: attribution.cam(net, x, y),
    "grad-cam": lambda net, x, y: attribution.grad_cam(net, x, y, "relu5"),
    "integrated gradients": lambda net, x, y: attribution.integrated_gradients(net, x, y),
    "smooth grad": lambda net, x, y: attribution.smooth_grad(net, x, y),
    "inversion": lambda net, x, y: synthesis.invert(net, x[:1], "relu5", steps=2),
    "fgsm": lambda net, x, y: synthesis.fgsm(net, x, y, 0.01),
    "pgd": lambda net, x, y: synthesis.pgd(net, x, y, 0.01, steps=2, step_size=0.005),
    "deepfool": lambda net, x, y: synthesis.deepfool(net, x),
    "features": lambda net, x, y: features.extract(net, x, "relu5"),
}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_methods_need_none(method):
    net, images = models.build("gap"), torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    assert method(net, there(images), torch.tensor([0, 1])) is not None
