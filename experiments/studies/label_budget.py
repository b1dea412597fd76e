"""Are learned features good for a classifier that has few labels?  python -m experiments label_budget

All features are made without labels, from the 1,297 training digits; then a linear classifier is trained on so many of
them with their labels, as many of each digit as possible, and tested on the 500 test digits. Beside it the same net
trained on the labels alone, and the autoencoder's encoder trained on with them. Ten seeds, five minutes on one core.
"""

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from torch import nn

from lecture_utils import datasets
from lecture_utils.generative import VAE, Autoencoder, elbo_loss, fit, squared_error
from lecture_utils.generative.vae import layers
from lecture_utils.progress import progress, silenced

from ..experiment import Experiment, write_results

BUDGETS = (10, 20, 50, 100, 200, 500, 1297)
SEEDS = tuple(range(10))
SIZE = 16  # numbers in a code
STEPS, SUPERVISED = 1_500, 300
FEATURES = ("raw pixels", "PCA", "random features", "autoencoder", "VAE")
NETS = ("from scratch", "autoencoder, trained on")


def autoencoder(images, seed, steps=STEPS):
    """An autoencoder of the images, trained without labels."""
    model = Autoencoder(images.shape[-1], SIZE, seed=seed)
    fit(model, images, squared_error, steps, seed=seed, label="autoencoder")
    return model.eval()


def feature_sets(data, seed, steps=STEPS):
    """{name: (train (n, k), test (m, k))}, float64 arrays, none of which has seen a label; and the autoencoder."""
    images = data.train.images, data.test.images
    flat = [part.flatten(1).numpy() for part in images]
    pca = PCA(SIZE, random_state=seed).fit(flat[0])
    trained, untrained = (
        autoencoder(images[0], seed, steps),
        Autoencoder(images[0].shape[-1], SIZE, seed=seed),
    )
    vae = VAE(images[0].shape[-1], SIZE, "logistic", data.levels, seed=seed)
    fit(vae, data.train.pixels, elbo_loss(), steps, seed=seed, label="VAE")
    with torch.no_grad():
        found = {
            "raw pixels": flat,
            "PCA": [pca.transform(part) for part in flat],
            "random features": [untrained.encode(part).numpy() for part in images],
            "autoencoder": [trained.encode(part).numpy() for part in images],
            "VAE": [vae.encode(part.pixels)[0].numpy() for part in (data.train, data.test)],
        }
    return {name: tuple(np.asarray(part, float) for part in pair) for name, pair in found.items()}, trained


def choose(labels, budget, seed):
    """Indices (budget,) of training digits that may show their label: as many of each class as possible."""
    draws = np.random.default_rng([seed, 11])
    order = [draws.permutation(np.flatnonzero(labels == k)) for k in np.unique(labels)]
    rounds = [
        members[place] for place in range(max(map(len, order))) for members in order if place < len(members)
    ]
    return np.array(rounds[:budget])


def linear(train, test, labels, chosen, truth):
    """Share of the test digits that a linear classifier of the chosen ones gets right, of scaled features."""
    middle, scale = train.mean(0), train.std(0) + 1e-6
    classifier = LogisticRegression(max_iter=2_000).fit((train[chosen] - middle) / scale, labels[chosen])
    return float((classifier.predict((test - middle) / scale) == truth).mean())


def supervised(start, data, chosen, seed, steps=SUPERVISED):
    """The same for a net: an encoder (None: a new one), one linear layer more, and every weight learns."""
    images, labels = data.train.images[chosen], data.train.labels[chosen]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        encoder = layers(images[0].numel(), 256, SIZE)
        head = nn.Linear(SIZE, len(data.classes))
    if start is not None:
        encoder.load_state_dict(start.state_dict())
    net = nn.Sequential(encoder, nn.SiLU(), head)

    def loss(model, rows, generator):
        return nn.functional.cross_entropy(model(2 * images[rows] - 1), labels[rows], reduction="none")

    fit(net, torch.arange(len(images)), loss, steps, seed=seed, label="from labels")
    with torch.no_grad():
        return float((net(2 * data.test.images - 1).argmax(1) == data.test.labels).double().mean())


def scores(data, seed, budgets=BUDGETS, steps=STEPS, supervised_steps=SUPERVISED):
    """{name: [share right at each budget]} of one seed: it decides the nets and which labels are shown."""
    features, trained = feature_sets(data, seed, steps)
    labels, truth = data.train.labels.numpy(), data.test.labels.numpy()
    found = {name: [] for name in (*FEATURES, *NETS)}
    for budget in budgets:
        chosen = choose(labels, budget, seed)
        for name in FEATURES:
            found[name].append(linear(*features[name], labels, chosen, truth))
        for name, start in zip(NETS, (None, trained.encoder), strict=True):
            found[name].append(supervised(start, data, torch.from_numpy(chosen), seed, supervised_steps))
    return found


def run(out, seeds=SEEDS, **smaller):
    """Measure and write the results, which are returned."""
    data, every = datasets.load("digits"), []
    for seed in progress(seeds, "label budgets"):
        with silenced():
            every.append(scores(data, seed, **smaller))
    content = {
        "data": repr(data),
        "budgets": list(smaller.get("budgets", BUDGETS)),
        "seeds": list(seeds),
        "code": SIZE,
        "right": {
            name: [[round(v, 4) for v in each[name]] for each in every] for name in every[0]
        },  # (seeds, budgets)
    }
    write_results(out, "label_budget", content)
    return content


def report(content):
    """Mean shares right over the seeds, a feature a line."""
    means = {name: np.mean(rows, 0) for name, rows in content["right"].items()}
    return "\n".join(f"{name:24s} {' '.join(f'{v:.3f}' for v in row)}" for name, row in means.items())


EXPERIMENT = Experiment(makes=("results/label_budget.json",), takes="5 minutes", run=run, report=report)
