"""Exercises of notebook 04: an occlusion map, a saliency map, guided backprop and a convolution's way back."""

import torch
import torch.nn.functional as F

from .frame import Exercise


def _random(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


OCCLUSION = Exercise(
    "04.1",
    "An occlusion map by hand",
    difficulty=2,
    minutes=12,
    trains="sliding a patch without losing the border, or the image",
    against="one convolution that adds up what each patch takes away",
    praise="Each number is the score with one patch in place, to the last column and row.",
    hints=(
        "Two loops, over the rows and over the columns of the answer. In each turn: a fresh copy of the image, "
        "one patch in it, one score.",
        "With height h there are ceil((h - size) / stride) + 1 rows: -(-(h - size) // stride) + 1. The last patch "
        "may hang over the edge, and a slice that goes too far is simply cut off.",
        "copy[:, top : top + size, left : left + size] = fill, with top = row * stride. Then (weights * copy).sum().",
    ),
)


@OCCLUSION.stub
def my_occlusion(image, weights, size, stride, fill):
    """The score that remains, (rows, cols), while a square patch of colour `fill` covers one place after another.

    image, weights: (c, h, w). The net is one line: score = (weights * image).sum(). size, stride: px.
    rows = ceil((h - size) / stride) + 1, so that no pixel is left out; the first patch is in the upper left corner.
    """
    raise NotImplementedError


@OCCLUSION.solve
def a_fresh_copy_for_each_patch(image, weights, size, stride, fill):
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    scores = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            covered = image.clone()
            top, left = row * stride, col * stride
            covered[:, top : top + size, left : left + size] = fill
            scores[row, col] = (weights * covered).sum()
    return scores


@OCCLUSION.expect
def by_one_convolution(image, weights, size, stride, fill):
    lost = (weights.double() * (image.double() - fill)).sum(0)  # (h, w): what each pixel's cover takes away
    over = [(stride - (length - size) % stride) % stride for length in lost.shape]
    padded = F.pad(lost, (0, over[1], 0, over[0]))[None, None]
    taken = F.conv2d(padded, torch.ones(1, 1, size, size, dtype=torch.double), stride=stride)[0, 0]
    return (weights.double() * image.double()).sum() - taken


@OCCLUSION.inputs
def some_pictures():
    tiny = {
        "image": torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]),
        "weights": torch.tensor([[[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]]]),
        "size": 2,
        "stride": 1,
        "fill": 0.5,
    }
    shapes = [((1, 4, 5), 2, 2, 0.0), ((3, 7, 7), 3, 2, 0.5), ((3, 16, 11), 4, 3, 1.0)]
    more = [
        {
            "image": _random(*shape, seed=n).sigmoid(),
            "weights": _random(*shape, seed=n + 10),
            "size": size,
            "stride": stride,
            "fill": fill,
        }
        for n, (shape, size, stride, fill) in enumerate(shapes)
    ]
    return [tiny, *more]


@OCCLUSION.mistake("this is by how much the score falls; what remains of it was asked for")
def the_drop(image, weights, size, stride, fill):
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    drops = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            covered = image.clone()
            covered[:, row * stride : row * stride + size, col * stride : col * stride + size] = fill
            drops[row, col] = (weights * (image - covered)).sum()
    return drops


@OCCLUSION.mistake("the patches stay: copy the image anew for each place, or put the pixels back")
def patches_that_stay(image, weights, size, stride, fill):
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    covered, scores = image.clone(), torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            covered[:, row * stride : row * stride + size, col * stride : col * stride + size] = fill
            scores[row, col] = (weights * covered).sum()
    return scores


@OCCLUSION.mistake("the patch is black whatever `fill` says, as if its pixels were left out of the sum")
def always_black(image, weights, size, stride, fill):
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    scores = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            seen = torch.ones_like(image)
            seen[:, row * stride : row * stride + size, col * stride : col * stride + size] = 0
            scores[row, col] = (weights * image * seen).sum()
    return scores


@OCCLUSION.mistake(
    "the answer stops at the last whole patch, so the right and lower border is never covered: round up"
)
def whole_patches_only(image, weights, size, stride, fill):
    rows, cols = ((length - size) // stride + 1 for length in image.shape[1:])
    scores = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            covered = image.clone()
            covered[:, row * stride : row * stride + size, col * stride : col * stride + size] = fill
            scores[row, col] = (weights * covered).sum()
    return scores


@OCCLUSION.mistake("everything but the patch is covered: this asks what the patch alone would score")
def only_the_patch(image, weights, size, stride, fill):
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    scores = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            kept = torch.full_like(image, fill)
            place = (
                slice(None),
                slice(row * stride, row * stride + size),
                slice(col * stride, col * stride + size),
            )
            kept[place] = image[place]
            scores[row, col] = (weights * kept).sum()
    return scores


SALIENCY = Exercise(
    "04.2",
    "A saliency map",
    difficulty=2,
    minutes=12,
    trains="which number to differentiate, and how three colours become one",
    against="the gradient worked out on paper, in numpy",
    praise="The score before softmax, each image its own gradient, the largest |g| of the colours.",
    hints=(
        "Autograd follows what it is told to: images = images.clone().requires_grad_(), then the scores as in the "
        "statement, then one number to differentiate.",
        "Pick each image's own score, scores[torch.arange(len(images)), targets], and add them up: no image "
        "changes another one's score, so the gradient of the sum holds each image's own.",
        "torch.autograd.grad(number, images)[0] is signed, (n, 3, h, w). The map is its .abs().amax(dim=1).",
    ),
)


@SALIENCY.stub
def my_saliency(images, w1, w2, targets):
    """A saliency map (n, h, w): for each pixel the largest absolute gradient of its three colours.

    The net: scores = relu(images.flatten(1) @ w1.T) @ w2.T, one column for each class; softmax comes after it.
    What is differentiated is the score of the target, before softmax. images: (n, 3, h, w). targets: (n,).
    """
    raise NotImplementedError


@SALIENCY.solve
def by_autograd(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores[torch.arange(len(images)), targets].sum()
    (gradient,) = torch.autograd.grad(chosen, images)
    return gradient.abs().amax(dim=1)


@SALIENCY.expect
def on_paper(images, w1, w2, targets):
    pixels, first, second = (each.double().numpy() for each in (images.flatten(1), w1, w2))
    on = pixels @ first.T > 0  # (n, hidden): a unit that is off passes nothing
    gradient = (second[targets.numpy()] * on) @ first
    return torch.from_numpy(gradient).view(images.shape).abs().max(dim=1).values


@SALIENCY.inputs
def some_small_nets():
    tiny = {
        "images": torch.tensor([1.0, 0.5, 0.0, 1.0, 0.5, 0.5]).view(1, 3, 1, 2),
        "w1": torch.tensor([[1.0, -2.0, 0.0, 1.0, 3.0, -1.0], [-1.0, 0.0, 2.0, 0.0, -1.0, 4.0]]),
        "w2": torch.tensor([[2.0, -1.0], [1.0, 1.0]]),
        "targets": torch.tensor([0]),
    }
    more = [
        {
            "images": _random(n, 3, h, w, seed=n).sigmoid(),
            "w1": _random(hidden, 3 * h * w, seed=n + 10),
            "w2": _random(classes, hidden, seed=n + 20),
            "targets": torch.arange(n) * 2 % classes,
        }
        for n, h, w, hidden, classes in ((1, 2, 1, 4, 3), (3, 4, 5, 12, 4), (5, 6, 6, 30, 3))
    ]
    return [tiny, *more]


@SALIENCY.mistake(
    "the probability is differentiated, which also moves with the other classes: no softmax here"
)
def of_the_probability(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores.softmax(dim=1)[torch.arange(len(images)), targets].sum()
    return torch.autograd.grad(chosen, images)[0].abs().amax(dim=1)


@SALIENCY.mistake(
    "the sign is still there when the maximum is taken, so strong negative gradients are lost: abs first"
)
def without_abs(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores[torch.arange(len(images)), targets].sum()
    return torch.autograd.grad(chosen, images)[0].amax(dim=1)


@SALIENCY.mistake("the colours are averaged before anything else, and colours of opposite sign cancel")
def colours_averaged(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores[torch.arange(len(images)), targets].sum()
    return torch.autograd.grad(chosen, images)[0].mean(dim=1).abs()


@SALIENCY.mistake(
    "the mean over the batch is differentiated, so each map is too small by the number of images"
)
def mean_of_the_batch(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores[torch.arange(len(images)), targets].mean()
    return torch.autograd.grad(chosen, images)[0].abs().amax(dim=1)


@SALIENCY.mistake("all classes are added up; only the score of the target is asked for")
def of_all_scores(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    return torch.autograd.grad(scores.sum(), images)[0].abs().amax(dim=1)


@SALIENCY.mistake(
    "this is gradient times pixel, another method: it says how much a pixel adds, not what a change does"
)
def gradient_times_pixel(images, w1, w2, targets):
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores[torch.arange(len(images)), targets].sum()
    return (torch.autograd.grad(chosen, images)[0] * images).abs().amax(dim=1)


GUIDED = Exercise(
    "04.3",
    "Guided backprop, step by step",
    difficulty=3,
    minutes=15,
    trains="a backward pass by hand, and the one place where the three rules differ",
    against="autograd with a hook on each hidden layer",
    praise="Nothing negative passes a ReLU, nothing passes one that was off, and the pixels keep their signs.",
    hints=(
        "First forward, and keep what you need: a1 = relu(w1 @ x) and a2 = relu(w2 @ a1). A ReLU was on where "
        "its output is above 0.",
        "At the score stands a 1, so w3 arrives above the second ReLU. Back through a matrix is its transpose: "
        "w2.T @ g.",
        "Guided: at each of the two ReLUs g becomes g.clamp(min=0) * (a > 0). Below w1 there is no ReLU, so "
        "what arrives at x stays as it is.",
    ),
)


@GUIDED.stub
def my_guided_backprop(x, w1, w2, w3):
    """The guided gradient (d,) of score = w3 · relu(w2 @ relu(w1 @ x)) with respect to x.

    Going back, a ReLU lets a gradient pass only where the gradient is above 0 and the ReLU was on.
    x: (d,). w1: (m, d). w2: (k, m). w3: (k,).
    """
    raise NotImplementedError


@GUIDED.solve
def by_hand(x, w1, w2, w3):
    a1 = torch.relu(w1 @ x)
    a2 = torch.relu(w2 @ a1)
    gradient = w3.clamp(min=0) * (a2 > 0)
    gradient = (w2.T @ gradient).clamp(min=0) * (a1 > 0)
    return w1.T @ gradient


@GUIDED.expect
def by_hooks(x, w1, w2, w3):
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        hidden = leaf
        for weights in (w1, w2):
            hidden = F.relu(F.linear(hidden, weights))
            hidden.register_hook(F.relu)  # of the gradient that arrives; the mask is autograd's own
        F.linear(hidden, w3[None]).sum().backward()
    return leaf.grad


@GUIDED.inputs
def some_chains():
    tiny = {
        "x": torch.tensor([1.0, 2.0]),
        "w1": torch.tensor([[3.0, -1.0], [-2.0, 2.0], [-3.0, 1.0]]),
        "w2": torch.tensor([[1.0, -2.0, 1.0], [-3.0, 2.0, 1.0], [2.0, 1.0, -1.0], [1.0, 1.0, 2.0]]),
        "w3": torch.tensor([2.0, 3.0, 1.0, -1.0]),
    }
    more = [
        {
            "x": _random(d, seed=d),
            "w1": _random(m, d, seed=d + 1),
            "w2": _random(k, m, seed=d + 2),
            "w3": _random(k, seed=d + 3),
        }
        for d, m, k in ((3, 4, 4), (16, 20, 18), (48, 60, 40))
    ]
    return [tiny, *more]


@GUIDED.mistake("this is the plain gradient: negative ones pass, too")
def the_plain_gradient(x, w1, w2, w3):
    x = x.clone().requires_grad_()
    score = w3 @ torch.relu(w2 @ torch.relu(w1 @ x))
    return torch.autograd.grad(score, x)[0]


@GUIDED.mistake("this is the deconvnet's rule: gradients also pass where the ReLU was off")
def the_deconvnet_rule(x, w1, w2, w3):
    return w1.T @ (w2.T @ w3.clamp(min=0)).clamp(min=0)


@GUIDED.mistake("what arrives at x is rectified as well, but no ReLU stands there: pixels keep their signs")
def rectified_at_the_pixels(x, w1, w2, w3):
    a1 = torch.relu(w1 @ x)
    a2 = torch.relu(w2 @ a1)
    gradient = w3.clamp(min=0) * (a2 > 0)
    return (w1.T @ ((w2.T @ gradient).clamp(min=0) * (a1 > 0))).clamp(min=0)


@GUIDED.mistake("the rule stands at the upper ReLU only; the lower one lets negative gradients pass")
def only_the_last_relu(x, w1, w2, w3):
    a1 = torch.relu(w1 @ x)
    a2 = torch.relu(w2 @ a1)
    gradient = w3.clamp(min=0) * (a2 > 0)
    return w1.T @ ((w2.T @ gradient) * (a1 > 0))


@GUIDED.mistake("the weights lose their negative part, not the gradients: sum first, then rectify")
def weights_rectified(x, w1, w2, w3):
    a1 = torch.relu(w1 @ x)
    a2 = torch.relu(w2 @ a1)
    gradient = w3.clamp(min=0) * (a2 > 0)
    return w1.T @ ((w2.clamp(min=0).T @ gradient) * (a1 > 0))


@GUIDED.mistake("the gradient is multiplied by the activation; the ReLU only asks whether it was on, a > 0")
def times_the_activation(x, w1, w2, w3):
    a1 = torch.relu(w1 @ x)
    a2 = torch.relu(w2 @ a1)
    return w1.T @ ((w2.T @ (w3.clamp(min=0) * a2)).clamp(min=0) * a1)


BACKWARD = Exercise(
    "04.4",
    "Back through a convolution",
    difficulty=4,
    minutes=20,
    trains="seeing a transposed convolution as painting with filters",
    against="autograd of torch's own convolution",
    praise="Each unit paints its filter where the filter had looked, and paint adds up.",
    hints=(
        "Begin with one unit, signal[k, r, c]. Forward, it saw pixels r*stride to r*stride + f - 1, with "
        "weights[k]. Each pixel there gets the signal times its own weight.",
        "All units paint into the same picture of zeros, and where their filters overlap the paint adds up: +=.",
        "For one place all k at once: torch.einsum('k,kcij->cij', signal[:, r, c], weights), added to "
        "picture[:, top : top + f, left : left + f] with top = r * stride.",
        "Without loops and for stride 1: pad the signal by f - 1 on every side and convolve it with the filters, "
        "flipped both ways and with k and c exchanged. Painting needs no flip.",
    ),
)


@BACKWARD.stub
def my_conv_backward(signal, weights, stride, size):
    """The gradient (c, h, w) at the image, when `signal` (k, rows, cols) arrives at the output of a convolution.

    weights: (k, c, f, f), used forward without padding, a step of `stride` px at a time. size: (h, w), of the image.
    Columns and rows at the right and lower border that no filter saw get 0.
    """
    raise NotImplementedError


@BACKWARD.solve
def by_painting(signal, weights, stride, size):
    f = weights.shape[-1]
    picture = torch.zeros(weights.shape[1], *size)
    for r in range(signal.shape[1]):
        for c in range(signal.shape[2]):
            top, left = r * stride, c * stride
            paint = torch.einsum("k,kcij->cij", signal[:, r, c], weights)
            picture[:, top : top + f, left : left + f] += paint
    return picture


@BACKWARD.expect
def by_autograd_of_the_convolution(signal, weights, stride, size):
    image = torch.zeros(1, weights.shape[1], *size, dtype=torch.double, requires_grad=True)
    with torch.enable_grad():
        answer = F.conv2d(image, weights.double(), stride=stride)
    return torch.autograd.grad(answer, image, signal.double()[None])[0][0]


@BACKWARD.inputs
def some_signals():
    tiny = {
        "signal": torch.tensor([[[1.0, 2.0]]]),
        "weights": torch.tensor([[[[1.0, 10.0], [3.0, 30.0]]]]),
        "stride": 1,
        "size": (2, 3),
    }
    more = [
        {
            "signal": _random(k, rows, cols, seed=k),
            "weights": _random(k, c, f, f, seed=k + 9),
            "stride": stride,
            "size": (f + stride * (rows - 1) + rest, f + stride * (cols - 1)),
        }
        for k, c, f, rows, cols, stride, rest in (
            (1, 1, 2, 2, 2, 2, 1),
            (4, 3, 3, 5, 4, 2, 1),
            (6, 3, 5, 6, 6, 1, 0),
        )
    ]
    return [tiny, *more]


@BACKWARD.mistake(
    "the filters are turned round: flip them only when you convolve the padded signal, not when you paint"
)
def painted_flipped(signal, weights, stride, size):
    f = weights.shape[-1]
    picture = torch.zeros(weights.shape[1], *size)
    for r in range(signal.shape[1]):
        for c in range(signal.shape[2]):
            paint = torch.einsum("k,kcij->cij", signal[:, r, c], weights.flip(2, 3))
            picture[:, r * stride : r * stride + f, c * stride : c * stride + f] += paint
    return picture


@BACKWARD.mistake(
    "where filters overlap, the last one wins; gradients of all paths to a pixel add up: += instead of ="
)
def overwritten(signal, weights, stride, size):
    f = weights.shape[-1]
    picture = torch.zeros(weights.shape[1], *size)
    for r in range(signal.shape[1]):
        for c in range(signal.shape[2]):
            paint = torch.einsum("k,kcij->cij", signal[:, r, c], weights)
            picture[:, r * stride : r * stride + f, c * stride : c * stride + f] = paint
    return picture


@BACKWARD.mistake(
    "neighbouring units paint 1 px apart, whatever the stride: they had looked `stride` px apart"
)
def stride_forgotten(signal, weights, stride, size):
    f = weights.shape[-1]
    picture = torch.zeros(weights.shape[1], *size)
    for r in range(signal.shape[1]):
        for c in range(signal.shape[2]):
            picture[:, r : r + f, c : c + f] += torch.einsum("k,kcij->cij", signal[:, r, c], weights)
    return picture


@BACKWARD.mistake("each pixel is divided by how many filters saw it; a gradient is a sum, not a mean")
def divided_by_visits(signal, weights, stride, size):
    f = weights.shape[-1]
    picture, visits = torch.zeros(weights.shape[1], *size), torch.zeros(size)
    for r in range(signal.shape[1]):
        for c in range(signal.shape[2]):
            place = slice(r * stride, r * stride + f), slice(c * stride, c * stride + f)
            picture[:, place[0], place[1]] += torch.einsum("k,kcij->cij", signal[:, r, c], weights)
            visits[place] += 1
    return picture / visits.clamp(min=1)
