"""How every figure looks: sizes in inches and pt, colours that keep apart, and words on axes."""

import numpy as np
from matplotlib.axes import Axes

DPI = 100
WIDTH = 10.0  # inches of the widest picture
TITLE, TEXT, SMALL = 17, 13, 11.5  # pt
INK, MUTED = "#1a1a1a", "#4d4d4d"
# Okabe and Ito: told apart by colour-blind readers too; black first, for the thing itself.
COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8a7a00")
# Nine that stay apart for colour-blind readers: Paul Tol's "muted" scheme.
MANY = ("#332288", "#88CCEE", "#44AA99", "#117733", "#999933", "#DDCC77", "#CC6677", "#882255", "#AA4499")
MARKERS, DASHES = "osD^vPX*", ("-", "--", "-.", ":")
LUMINANCE = np.array([0.299, 0.587, 0.114])


def rgb(colour: str) -> list[float]:
    """ "#0072B2" as three numbers in [0, 1]."""
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def titled(axes: Axes, title: str, size: float = SMALL, pad: float = 4, loc: str = "center", **style) -> Axes:
    """The axes, with a title above."""
    axes.set_title(title, fontsize=size, color=INK, pad=pad, loc=loc, **style)
    return axes


def write(axes: Axes, x: float, y: float, text: str, size: float = SMALL, ink: str = INK, **where):
    """A text at x, y in shares of the axes, 0 to 1 from their lower left."""
    return axes.text(x, y, text, transform=axes.transAxes, fontsize=size, color=ink, **where)


def beside(axes: Axes, text: str, at: float = -0.06, size: float = SMALL, ink: str = INK, **style):
    """A label at the left of the axes, half way up."""
    return write(axes, at, 0.5, text, size, ink, ha="right", va="center", **style)


def legend(axes: Axes, where: tuple, loc: str = "lower left", size: float = SMALL, **options):
    """A legend without a frame, its corner `loc` at `where` in shares of the axes."""
    axes.legend(fontsize=size, frameon=False, loc=loc, bbox_to_anchor=where, **options)


def heads(titles, size: float = 0.21, pad: float = 0.1) -> float:
    """Inches above a tile for the longest of its titles, 0 without any."""
    return pad + size * max(text.count("\n") + 1 for text in titles) if any(titles) else 0.0
