"""Nine patches and what became of them, block beside block, as in ZFNet's figure 2."""

from .images import Tiles, mosaic
from .sheet import DPI, INK, SMALL, Sheet, as_images, check_titles


def nines(blocks, rows, title="", caption="", alt=None):
    """Blocks of up to nine small pictures, 3 x 3: one column for each label, one row for each kind.

    blocks: {label: (pictures (k, 3, s, s) in [0, 1] for each of `rows`)}; the sizes s may differ from label to label.
    rows: what each row of blocks shows, such as ("patches", "projections"). Errors: ValueError.
    """
    rows = list(rows)
    for label, kinds in blocks.items():
        if len(kinds) != len(rows):
            raise ValueError(f"blocks: expected {len(rows)} sets of pictures for {label!r}, got {len(kinds)}")
    drawn = {
        label: [_block(as_images(pictures)[:9]) for pictures in kinds] for label, kinds in blocks.items()
    }
    left, above, gap = 1.15, 0.3, 0.2
    tile = max(length for kinds in drawn.values() for block in kinds for length in block.shape[:2]) / DPI
    sheet = Sheet(
        left + len(blocks) * (tile + gap) - gap, above + len(rows) * (tile + gap) - gap, title, caption, alt
    )
    for column, (label, kinds) in enumerate(drawn.items()):
        for row, block in enumerate(kinds):
            high, wide = (length / DPI for length in block.shape[:2])
            axes = sheet.axes(left + column * (tile + gap), above + row * (tile + gap), wide, high)
            axes.imshow(block, aspect="auto", interpolation="nearest")
            if row == 0:
                axes.set_title(label, fontsize=SMALL, color=INK, pad=4, loc="left")
    for row, name in enumerate(check_titles(rows, len(rows))):
        axes = sheet.axes(0, above + row * (tile + gap), left, tile)
        axes.text(0.92, 0.5, name, fontsize=SMALL, color=INK, ha="right", va="center")
    return Tiles(sheet.figure, sheet.alt)


def _block(tiles):
    """3 x 3 pictures in one array; each of their pixels is a whole number of pixels wide."""
    return mosaic(tiles, 3, max(1, 94 // max(tiles.shape[1:3])), gap=2)
