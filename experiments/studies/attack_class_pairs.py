"""What makes an ordered pair of classes easy for a targeted attack? Matrices (classes, classes), from row to column."""

import torch

from lecture_utils import features, metrics

DOUBT, DEEP, LOOKS = "the net's doubt", "features", "pictures"


def matrix_of(rows, labels):
    """Shares (classes, classes) from `attacks.targeted`'s texts, one for each target; NaN on the diagonal.

    labels: LongTensor (n,), the classes of the images, in the order of the letters.
    """
    count = len(rows)
    matrix = torch.full((count, count), torch.nan, dtype=torch.float64)
    for target, letters in rows.items():
        hits = torch.tensor([letter == "1" for letter in letters]).double()
        for label in labels.unique().tolist():
            if label != int(target):
                matrix[label, int(target)] = hits[labels == label].mean()
    return matrix


def similarity(lab, images, labels):
    """{kind: (classes, classes)}, larger is more alike; none of them knows an attack.

    DOUBT: mean log-probability of the column's class in the row's pictures. DEEP: minus the distance of both classes'
    mean features, in the last layer before the scores. LOOKS: minus the distance of their mean pictures.
    """
    own = torch.nn.functional.one_hot(labels, len(lab.classes)).double()
    own = own / own.sum(0)
    deep = features.extract(lab.net, images, list(lab.layers.values())[-2])
    deep = deep.mean((2, 3)) if deep.ndim == 4 else deep
    means = [own.T @ values.flatten(1).double() for values in (deep, images)]
    doubt = own.T @ lab.logits(images).log_softmax(1).double()
    return {DOUBT: doubt} | {kind: -torch.cdist(m, m) for kind, m in zip((DEEP, LOOKS), means, strict=True)}


def agreement(alike, matrix, draws=200, level=0.95):
    """Rank correlation of two matrices over the pairs; and the null: below this |correlation| lie 95% of those of the
    same matrices with the classes of one renamed at random.
    """
    pairs = ~torch.eye(len(matrix), dtype=bool)
    null = []
    for seed in range(draws):
        order = torch.randperm(len(matrix), generator=torch.Generator().manual_seed(seed))
        null.append(abs(metrics.rank_agreement(alike[order][:, order][pairs], matrix[pairs])))
    return metrics.rank_agreement(alike[pairs], matrix[pairs]), float(torch.tensor(null).quantile(level))


def explained(matrix):
    """Share of the variance over pairs that the rows' means explain, and that the columns' means do: two floats."""
    pairs, count = ~torch.eye(len(matrix), dtype=bool), len(matrix) - 1
    centred = matrix - matrix[pairs].mean()
    total = centred[pairs].square().sum()
    return tuple(float(count * centred.nanmean(side).square().sum() / total) for side in (1, 0))


def shuffled(matrix, seed=0):
    """The same numbers on other pairs: the null of `explained`."""
    pairs, mixed = ~torch.eye(len(matrix), dtype=bool), matrix.clone()
    numbers = matrix[pairs]
    mixed[pairs] = numbers[torch.randperm(len(numbers), generator=torch.Generator().manual_seed(seed))]
    return mixed
