"""What many tests share: draws from a seed, tables of calls that are refused, what stands on an explorer's board."""

import pytest
import torch


def draws(seed=0):
    return torch.Generator().manual_seed(seed)


def uniform(*shape, seed=0, dtype=torch.float32):
    return torch.rand(*shape, generator=draws(seed), dtype=dtype)


def normal(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=draws(seed), dtype=dtype)


def refusals(*table):
    """A test of calls that each end in a sentence, as (call, what it says)."""

    @pytest.mark.parametrize(("call", "words"), table, ids=[words[:40] for _, words in table])
    def test(call, words):
        with pytest.raises((ValueError, LookupError), match=words):
            call()

    return test


def blocks(board, kind):
    """All blocks of a kind, row by row from the upper left."""
    here = [board] if isinstance(board, kind) else []
    return here + [found for block in getattr(board, "blocks", []) for found in blocks(block, kind)]
