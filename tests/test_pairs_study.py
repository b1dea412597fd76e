"""Matrices over pairs of classes: what explains them, on matrices where that is known."""

import pytest
import torch

from experiments.studies import attack_class_pairs


def test_a_matrix_from_letters():
    labels = torch.tensor([0, 1, 1, 2])
    matrix = attack_class_pairs.matrix_of({"0": "-110", "1": "1--1", "2": "001-"}, labels)
    assert matrix.isnan().tolist() == torch.eye(3, dtype=bool).tolist()
    assert matrix[1].tolist()[::2] == [1.0, 0.5] and matrix[0, 1:].tolist() == [1.0, 0.0]
    assert matrix[2, :2].tolist() == [0.0, 1.0]


def diagonal_out(matrix):
    matrix = matrix.clone().double()
    matrix.fill_diagonal_(torch.nan)
    return matrix


def test_rows_columns_or_neither():
    ramp = torch.arange(16.0)
    rows, columns = attack_class_pairs.explained(diagonal_out(ramp[:, None].expand(16, 16)))
    assert rows > 0.99 and columns < 0.01
    rows, columns = attack_class_pairs.explained(diagonal_out(ramp.expand(16, 16)))
    assert columns > 0.99 and rows < 0.01
    noise = torch.randn(16, 16, generator=torch.Generator().manual_seed(0))
    assert max(attack_class_pairs.explained(diagonal_out(noise))) < 0.2


def test_shuffling_keeps_the_numbers_and_loses_the_rows():
    matrix = diagonal_out(torch.arange(16.0)[:, None].expand(16, 16))
    mixed = attack_class_pairs.shuffled(matrix)
    off = ~torch.eye(16, dtype=bool)
    assert mixed[off].sort().values.tolist() == matrix[off].sort().values.tolist()
    assert mixed.isnan().equal(matrix.isnan()) and max(attack_class_pairs.explained(mixed)) < 0.2
    assert not torch.equal(matrix[off], mixed[off]), "the matrix itself stays as it was"


def test_agreement_and_its_null():
    draws = torch.Generator().manual_seed(1)
    alike = torch.randn(16, 16, generator=draws).double()
    rho, null = attack_class_pairs.agreement(alike, diagonal_out(2 * alike + 1), draws=40)
    assert rho == pytest.approx(1) and 0.05 < null < 0.3
    other = torch.randn(16, 16, generator=draws).double()
    assert abs(attack_class_pairs.agreement(other, diagonal_out(alike), draws=40)[0]) < 0.25
    # every pair is equally alike, and only a class with itself differs: whatever the names, there is no order
    assert attack_class_pairs.agreement(torch.eye(16).double(), diagonal_out(other), draws=20) == (0, 0)


def test_the_null_knows_that_pairs_share_classes():
    """Two matrices of rows alone, in unrelated orders: over 240 pairs that look independent the null is far wider."""
    draws = torch.Generator().manual_seed(2)
    one, other = (torch.randn(16, 1, generator=draws).expand(16, 16).double() for _ in range(2))
    assert attack_class_pairs.agreement(one, diagonal_out(other), draws=40)[1] > 0.3
