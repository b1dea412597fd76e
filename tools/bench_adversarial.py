"""How fast the attacks are, against captum on the same net and images.

As in `bench_attribution`, runs that are compared take turns. `make bench ARGS=adversarial`.
"""

import sys
import warnings

from bench_attribution import compared, nets  # beside this file

EPS, STEPS = 8 / 255, 10


def rows(quick):
    """Yield (what, value, unit, target) for each promise; nothing, and a sentence, where captum is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # captum says what it does to the images
        try:
            from captum.robust import FGSM, PGD
        except ImportError:
            print("the attacks are compared with captum: pip install captum (or make test)", file=sys.stderr)
            return
        for name, (net, _, images) in nets(quick).items():
            for what, ours, theirs in attacks(FGSM, PGD, net, images):
                yield compared(f"{name}, {what}", ours, theirs, quick, "at most 110")


def attacks(FGSM, PGD, net, images):
    """(what, our call, captum's call): both cut to [0, 1], both from the cross-entropy, as many steps."""
    import torch

    from lecture_utils import synthesis

    loss, labels = torch.nn.CrossEntropyLoss(reduction="none"), images.new_zeros(len(images)).long()
    once, often = FGSM(net, loss, 0, 1), PGD(net, loss, 0, 1)
    few, size = images[: max(1, len(images) // 4)], 2.5 * EPS / STEPS
    yield (
        "FGSM",
        lambda: synthesis.fgsm(net, images, labels, EPS),
        lambda: once.perturb(images.clone(), EPS, labels),
    )
    yield (
        f"PGD, {STEPS} steps",
        lambda: synthesis.pgd(net, few, labels[: len(few)], EPS, STEPS, size),
        lambda: often.perturb(few.clone(), EPS, size, STEPS, labels[: len(few)]),
    )
