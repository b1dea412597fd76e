"""What stands on an explorer's board, for tests: its blocks, wherever they are."""


def blocks(board, kind):
    """All blocks of a kind, row by row from the upper left."""
    here = [board] if isinstance(board, kind) else []
    return here + [found for block in getattr(board, "blocks", []) for found in blocks(block, kind)]
