"""Exercises of notebook 04: an occlusion map, a saliency map, guided backprop and a convolution's way back."""

import numpy as np
import torch
import torch.nn.functional as F

from .exercise import Exercise, normal


@Exercise("""
04.1 · An occlusion map by hand
picture: yes
against: one convolution that adds up what each patch takes away
praise: Each number is the score with one patch in place, to the last column and row.
hint: Two loops, over the rows and over the columns of the answer. In each turn: a fresh copy of the image, one patch
    in it, one score.
hint: With height h there are ceil((h - size) / stride) + 1 rows: -(-(h - size) // stride) + 1. The last patch may
    hang over the edge, and a slice that goes too far is simply cut off.
hint: copy[:, top : top + size, left : left + size] = fill, with top = row * stride. Then (weights * copy).sum().
wrong: this is by how much the score falls; what remains of it was asked for
    weights * covered -> weights * (image - covered)
wrong: the patches stay: copy the image anew for each place, or put the pixels back
    covered = image.clone() ->
    scores = torch -> covered, scores = image.clone(), torch
wrong: the patch is black whatever `fill` says, as if its pixels were left out of the sum
    = fill -> = 0
wrong: the answer stops at the last whole patch, so the right and lower border is never covered: round up
    -(-(length - size) // stride) -> (length - size) // stride
""")
def my_occlusion(image, weights, size, stride, fill):
    """The score that remains, (rows, cols), while a square patch of colour `fill` covers one place after another."""
    rows, cols = (-(-(length - size) // stride) + 1 for length in image.shape[1:])
    scores = torch.zeros(rows, cols)
    for row in range(rows):
        for col in range(cols):
            covered = image.clone()
            top, left = row * stride, col * stride
            covered[:, top : top + size, left : left + size] = fill
            scores[row, col] = (weights * covered).sum()
    return scores


def some_pictures():
    weights = torch.tensor([[[1.0, 0.0, 2.0], [0.0, 3.0, -1.0]]])
    yield torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), weights, 2, 1, 0.5
    patches = ((1, 4, 5), 2, 2, 0.0), ((3, 7, 7), 3, 2, 0.5), ((3, 16, 11), 4, 3, 1.0)
    for n, (shape, *patch) in enumerate(patches):
        yield normal(*shape, seed=n).sigmoid(), normal(*shape, seed=n + 10), *patch


@my_occlusion.expect(some_pictures, in_numpy=False)
def by_one_convolution(image, weights, size, stride, fill):
    lost = (weights.double() * (image.double() - fill)).sum(0)  # (h, w): what each pixel's cover takes away
    over = [(stride - (length - size) % stride) % stride for length in lost.shape]
    padded = F.pad(lost, (0, over[1], 0, over[0]))[None, None]
    taken = F.conv2d(padded, torch.ones(1, 1, size, size, dtype=torch.double), stride=stride)[0, 0]
    return (weights.double() * image.double()).sum() - taken


@Exercise("""
04.2 · A saliency map
picture: yes
against: the gradient worked out on paper, in numpy
praise: The score before softmax, each image its own gradient, the largest |g| of the colours.
hint: Autograd follows what it is told to: images = images.clone().requires_grad_(), then the scores as in the
    statement, then one number to differentiate.
hint: Pick each image's own score, scores[torch.arange(len(images)), targets], and add them up: no image changes
    another one's score, so the gradient of the sum holds each image's own.
hint: torch.autograd.grad(number, images)[0] is signed, (n, 3, h, w). The map is its .abs().amax(dim=1).
wrong: the probability is differentiated, which also moves with the other classes: no softmax here
    chosen = scores -> chosen = scores.softmax(dim=1)
wrong: the sign is still there when the maximum is taken, so strong negative gradients are lost: abs first
    .abs().amax(dim=1) -> .amax(dim=1)
wrong: the colours are averaged before anything else, and colours of opposite sign cancel
    .abs().amax(dim=1) -> .mean(dim=1).abs()
wrong: the mean over the batch is differentiated, so each map is too small by the number of images
    targets].sum() -> targets].mean()
wrong: all classes are added up; only the score of the target is asked for
    scores[torch.arange(len(images)), targets].sum() -> scores.sum()
""")
def my_saliency(images, w1, w2, targets):
    """A saliency map (n, h, w): for each pixel the largest absolute gradient of its three colours."""
    images = images.clone().requires_grad_()
    scores = torch.relu(images.flatten(1) @ w1.T) @ w2.T
    chosen = scores[torch.arange(len(images)), targets].sum()
    (gradient,) = torch.autograd.grad(chosen, images)
    return gradient.abs().amax(dim=1)


def some_small_nets():
    images = torch.tensor([1.0, 0.5, 0.0, 1.0, 0.5, 0.5]).view(1, 3, 1, 2)
    w1 = torch.tensor([[1.0, -2.0, 0.0, 1.0, 3.0, -1.0], [-1.0, 0.0, 2.0, 0.0, -1.0, 4.0]])
    yield images, w1, torch.tensor([[2.0, -1.0], [1.0, 1.0]]), torch.tensor([0])
    for n, h, w, hidden, classes in (1, 2, 1, 4, 3), (3, 4, 5, 12, 4), (5, 6, 6, 30, 3):
        images, w1 = normal(n, 3, h, w, seed=n).sigmoid(), normal(hidden, 3 * h * w, seed=n + 10)
        yield images, w1, normal(classes, hidden, seed=n + 20), torch.arange(n) * 2 % classes


@my_saliency.expect(some_small_nets)
def on_paper(images, w1, w2, targets):
    on = images.reshape(len(images), -1) @ w1.T > 0  # (n, hidden): a unit that is off passes nothing
    return np.abs((w2[targets] * on) @ w1).reshape(images.shape).max(1)


@Exercise("""
04.3 · Guided backprop, step by step
against: autograd with a hook on each hidden layer
praise: Nothing negative passes a ReLU, nothing passes one that was off, and the pixels keep their signs.
hint: First forward, and keep what you need: a1 = relu(w1 @ x) and a2 = relu(w2 @ a1). A ReLU was on where its output
    is above 0.
hint: At the score stands a 1, so w3 arrives above the second ReLU. Back through a matrix is its transpose: w2.T @ g.
hint: Guided: at each of the two ReLUs g becomes g.clamp(min=0) * (a > 0). Below w1 there is no ReLU, so what arrives
    at x stays as it is.
wrong: this is the plain gradient: negative ones pass, too
    .clamp(min=0) ->
wrong: this is the deconvnet's rule: gradients also pass where the ReLU was off
    * (a2 > 0) ->
    * (a1 > 0) ->
wrong: what arrives at x is rectified as well, but no ReLU stands there: pixels keep their signs
    w1.T @ gradient -> (w1.T @ gradient).clamp(min=0)
wrong: the rule stands at the upper ReLU only; the lower one lets negative gradients pass
    (w2.T @ gradient).clamp(min=0) -> (w2.T @ gradient)
wrong: the gradient is multiplied by the activation; the ReLU only asks whether it was on, a > 0
    (a2 > 0) -> a2
    (a1 > 0) -> a1
""")
def my_guided_backprop(x, w1, w2, w3):
    """The guided gradient (d,) of score = w3 · relu(w2 @ relu(w1 @ x)) with respect to x."""
    a1 = torch.relu(w1 @ x)
    a2 = torch.relu(w2 @ a1)
    gradient = w3.clamp(min=0) * (a2 > 0)
    gradient = (w2.T @ gradient).clamp(min=0) * (a1 > 0)
    return w1.T @ gradient


def some_chains():
    w1 = torch.tensor([[3.0, -1.0], [-2.0, 2.0], [-3.0, 1.0]])
    w2 = torch.tensor([[1.0, -2.0, 1.0], [-3.0, 2.0, 1.0], [2.0, 1.0, -1.0], [1.0, 1.0, 2.0]])
    yield torch.tensor([1.0, 2.0]), w1, w2, torch.tensor([2.0, 3.0, 1.0, -1.0])
    for d, m, k in (3, 4, 4), (16, 20, 18), (48, 60, 40):
        yield normal(d, seed=d), normal(m, d, seed=d + 1), normal(k, m, seed=d + 2), normal(k, seed=d + 3)


@my_guided_backprop.expect(some_chains, in_numpy=False)
def by_hooks(x, w1, w2, w3):
    leaf = x.detach().clone().requires_grad_()
    with torch.enable_grad():
        hidden = leaf
        for weights in (w1, w2):
            hidden = F.relu(F.linear(hidden, weights))
            hidden.register_hook(F.relu)  # of the gradient that arrives; the mask is autograd's own
        F.linear(hidden, w3[None]).sum().backward()
    return leaf.grad


@Exercise("""
04.4 · Back through a convolution
picture: yes
against: autograd of torch's own convolution
praise: Each unit paints its filter where the filter had looked, and paint adds up.
hint: Begin with one unit, signal[k, r, c]. Forward, it saw pixels r*stride to r*stride + f - 1, with weights[k]. Each
    pixel there gets the signal times its own weight.
hint: All units paint into the same picture of zeros, and where their filters overlap the paint adds up: +=.
hint: For one place all k at once: torch.einsum('k,kcij->cij', signal[:, r, c], weights), added to picture[:, top :
    top + f, left : left + f] with top = r * stride.
hint: Without loops and for stride 1: pad the signal by f - 1 on every side and convolve it with the filters, flipped
    both ways and with k and c exchanged. Painting needs no flip.
wrong: the filters are turned round: flip them only when you convolve the padded signal, not when you paint
    c], weights) -> c], weights.flip(2, 3))
wrong: where filters overlap, the last one wins; gradients of all paths to a pixel add up: += instead of =
    += paint -> = paint
wrong: neighbouring units paint 1 px apart, whatever the stride: they had looked `stride` px apart
    r * stride, c * stride -> r, c
""")
def my_conv_backward(signal, weights, stride, size):
    """The gradient (c, h, w) at the image, when `signal` (k, rows, cols) arrives at the output of a convolution."""
    f = weights.shape[-1]
    picture = torch.zeros(weights.shape[1], *size)
    for r in range(signal.shape[1]):
        for c in range(signal.shape[2]):
            top, left = r * stride, c * stride
            paint = torch.einsum("k,kcij->cij", signal[:, r, c], weights)
            picture[:, top : top + f, left : left + f] += paint
    return picture


def some_signals():
    yield torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[[1.0, 10.0], [3.0, 30.0]]]]), 1, (2, 3)
    layers = (1, 1, 2, 2, 2, 2, 1), (4, 3, 3, 5, 4, 2, 1), (6, 3, 5, 6, 6, 1, 0)
    for k, c, f, rows, cols, stride, rest in layers:
        size = f + stride * (rows - 1) + rest, f + stride * (cols - 1)
        yield normal(k, rows, cols, seed=k), normal(k, c, f, f, seed=k + 9), stride, size


@my_conv_backward.expect(some_signals, in_numpy=False)
def by_autograd_of_the_convolution(signal, weights, stride, size):
    image = torch.zeros(1, weights.shape[1], *size, dtype=torch.double, requires_grad=True)
    with torch.enable_grad():
        answer = F.conv2d(image, weights.double(), stride=stride)
    return torch.autograd.grad(answer, image, signal.double()[None])[0][0]
