"""How fast the generative models draw and learn. `make bench ARGS=generative`.

Drawing: cached against naive, 16 pictures in colour. All passes of the naive way cost the same, so only some rows are
drawn and the rest is counted. Learning: `generative.fit` against the bare forward and backward pass on the same
batches; both take turns.
"""

from statistics import median
from time import perf_counter

PICTURES = 16


def rows(quick):
    """Yield (what, value, unit, target) for each promise."""
    yield from drawing(quick)
    for what, model, x, loss in trainings():
        yield f"{what}, fit / bare passes", learning(model, x, loss, quick), "%", "at least 85"
    yield "DCGAN of 32 px, play / bare passes", gaming(quick), "%", "at least 85"


def drawing(quick):
    """Seconds for 16 pictures, both ways, and their ratio."""
    from lecture_utils.generative import PixelCNN

    some = 1 if quick else 2  # rows
    for side in (8, 16, 32):
        model = PixelCNN(8, (side, side), 3, layers=4, width=48)
        naive = draw(model, some) * side / some
        cached = median(draw(model, side, cached=True) for _ in range(1 if quick else 3))
        yield f"{PICTURES} pictures of {side} px, cached", cached, "s", ""
        target = "at least 50" if side == 32 else ""
        yield f"cached against naive at {side} px", naive / cached, "times", target


def draw(model, count, cached=False):
    """Seconds to draw the first `count` rows of 16 pictures; the others are given."""
    import torch

    from lecture_utils.progress import silenced

    known = torch.zeros(model.size, dtype=torch.bool)
    known[count:] = True
    given = torch.zeros(PICTURES, *model.shape, dtype=torch.long)
    start = perf_counter()
    with silenced():
        model.sample(PICTURES, torch.Generator().manual_seed(0), cached, given=given, known=known)
    return perf_counter() - start


def trainings():
    """(what, model, x, loss) for each model that `fit` trains in a notebook."""
    from experiments.methods.row_lstm import RowLSTM
    from lecture_utils import datasets
    from lecture_utils.generative import PixelCNN, elbo_loss, nats
    from lecture_utils.models import studio as studio_models

    x = datasets.load("digits").train.pixels
    yield "gated PixelCNN", PixelCNN(17, (8, 8), layers=3, width=32, first=5, dropout=0.2), x, nats
    yield "row LSTM", RowLSTM(17, (8, 8), layers=1, width=48, first=5, dropout=0.2), x, nats
    studio = datasets.load("studio").train.pixels
    yield "VAE, 32 px", studio_models.vae(widths=(16, 32, 48)), studio, elbo_loss()


def learning(model, x, loss, quick):
    """Images/s of `fit` in % of that of the bare passes."""
    import torch

    from lecture_utils.generative import fit
    from lecture_utils.progress import silenced

    steps, batch, draws = 5 if quick else 20, 32, torch.Generator().manual_seed(0)
    model.train()

    def bare():
        for k in range(steps):
            loss(model, x[k * batch : (k + 1) * batch], draws).mean().backward()
            model.zero_grad()

    def ours():
        with silenced():
            fit(model, x, loss, steps, batch, lr=1e-4)

    ours(), bare()  # warm up
    times = []
    for _ in range(3 if quick else 9):
        for function in (ours, bare):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
    return 100 * median(times[1::2]) / median(times[::2])


def gaming(quick):
    """Images/s of `GANTrainer.fit` in % of that of the bare passes of both players."""
    import torch

    from lecture_utils.generative import dcgan, discriminator_loss, gan_trainer, generator_loss
    from lecture_utils.progress import silenced

    turns, images = 2 if quick else 6, torch.rand(64, 3, 32, 32)
    makes, judges = dcgan.nets(0, latent=64, channels=48, norm="none")
    trainer = gan_trainer.GANTrainer(makes, judges)
    makes.train(), judges.train()

    def bare():
        for _ in range(turns):
            fake = makes(torch.randn(64, 64))
            discriminator_loss(judges(images), judges(fake.detach())).backward()
            judges.requires_grad_(False)
            generator_loss(judges(fake)).backward()
            judges.requires_grad_(True)
            makes.zero_grad(), judges.zero_grad()

    def ours():
        with silenced():
            trainer.fit(images, turns, batch=64)

    ours(), bare()  # warm up
    times = []
    for _ in range(3 if quick else 9):
        for function in (ours, bare):
            start = perf_counter()
            function()
            times.append(perf_counter() - start)
    return 100 * median(times[1::2]) / median(times[::2])
