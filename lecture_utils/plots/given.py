"""What a figure is given, checked in one place: words and sizes, arrays, images, and sets of them with names.

Each function returns its values ready to draw, or raises a ValueError that names the argument.
"""

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Annotated, Any

import numpy as np
from numpy.typing import ArrayLike as Array

from ..checks import check_count, check_number

Named = Annotated[Mapping[str, Any], "each with its name; at least one"]
Names = Annotated[Sequence[str], "texts"]


def figure(draw: Callable) -> Callable:
    """Decorator of every public figure: before it draws, its texts are texts, its sizes above 0, its counts whole."""
    signature = inspect.signature(draw)

    @functools.wraps(draw)
    def checked(*args, **kwargs):
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            parameter = signature.parameters[name]
            left_out = value is None and (parameter.default is None or name in ("title", "caption"))
            if not left_out:
                _check(name, value, parameter)
        return draw(*args, **kwargs)

    return checked


def _check(name, value, parameter):
    if parameter.annotation is str or name == "alt" or isinstance(parameter.default, str):
        if not isinstance(value, str):
            raise ValueError(f"{name}: expected a text, got {type(value).__name__}")
    elif parameter.annotation in OF_A_KIND:
        OF_A_KIND[parameter.annotation](value, name)
    elif name in OF_A_NAME:
        OF_A_NAME[name](value, name)


def mapping(values: Mapping, name: str) -> Mapping:
    """A dict."""
    if not isinstance(values, Mapping):
        raise ValueError(f"{name}: expected a dict, got {type(values).__name__}")
    return values


def named(values: Named, name: str) -> Named:
    """A dict that is not empty, with texts as its keys."""
    if not isinstance(values, Mapping) or not values:
        what = "an empty one" if isinstance(values, Mapping) else type(values).__name__
        raise ValueError(f"{name}: expected a dict with at least one entry, got {what}")
    for key in values:
        if not isinstance(key, str | tuple | int):
            raise ValueError(f"{name}: expected texts as the keys of the dict, got {key!r}")
    return values


def listed(values: Iterable, name: str, n: int | None = None) -> list:
    """The members of a list or of an array, n if given; no text, no dict."""
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{name}: expected a list, got {type(values).__name__}")
    values = list(values)
    if not values or len(values) != (n or len(values)):
        raise ValueError(f"{name}: expected {n or 'at least one'}, got {len(values)}")
    return values


def number(value: float, name: str) -> float:
    """A finite number."""
    return check_number(value, name, -math.inf)


def pair(values: tuple, name: str) -> tuple[float, float]:
    """Two finite numbers."""
    return tuple(number(value, name) for value in listed(values, name, 2))


def names(names: Names, name: str, n: int | None = None) -> list[str]:
    """A list of `n` texts, from anything that can be walked through and printed."""
    if not isinstance(names, Iterable):
        raise ValueError(f"{name}: expected a list of texts, got {type(names).__name__}")
    names = [str(text) for text in names]
    if n is not None and len(names) != n:
        raise ValueError(f"{name}: expected {n}, one for each, got {len(names)}")
    return names


def limits(limits: tuple[float, float], name: str) -> tuple[float, float]:
    """(low, high), finite, low < high."""
    pair = isinstance(limits, Sequence) and len(limits) == 2 and all(isinstance(v, Real) for v in limits)
    if not pair or not all(map(math.isfinite, limits)) or limits[0] >= limits[1]:
        raise ValueError(f"{name}: expected (low, high), got {limits!r}")
    return limits


def titles(titles: Names | None, n: int) -> list[str]:
    """n texts; None is n empty ones."""
    return [""] * n if titles is None else names(titles, "titles", n)


def array(values: Array, name: str, ndim: tuple[int, ...], finite: bool = True) -> np.ndarray:
    """numpy float array of one of the dimensions `ndim`; tensors are brought over."""
    try:
        tensor = hasattr(values, "detach")
        values = values.detach().cpu().float().numpy() if tensor else np.asarray(values, float)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"{name}: expected an array of numbers, got {type(values).__name__}") from None
    if values.ndim not in ndim or not values.size:
        wanted = " or ".join(f"{n} dimensions" for n in ndim)
        raise ValueError(f"{name}: expected {wanted} and at least one value, got shape {values.shape}")
    if finite and not np.isfinite(values).all():
        raise ValueError(f"{name}: expected finite values, got NaN or infinity")
    return values


def sets(sets: Named, name: str, ndim: tuple[int, ...], n: int | None = None) -> dict[str, np.ndarray]:
    """{label: array}, each as `array` gives it and, where n is given, of that length."""
    arrays = {label: array(values, label or name, ndim) for label, values in named(sets, name).items()}
    for label, values in arrays.items():
        if n is not None and len(values) != n:
            raise ValueError(f"{name}: expected {n} values for {label!r}, got {len(values)}")
    return arrays


def images(images: Array, name: str = "images") -> np.ndarray:
    """(n, 3, h, w) or grey (n, h, w), or one of them, as (n, h, w, 3) in [0, 1]."""
    images = array(images, name, (2, 3, 4))
    if images.ndim == 2 or (images.ndim == 3 and images.shape[0] == 3 and images.shape[1] > 3):
        images = images[None]
    if images.ndim == 3:
        images = np.repeat(images[:, None], 3, 1)
    if images.shape[1] != 3:
        hint = ": looks like channels last: permute(0, 3, 1, 2)" if images.shape[3] == 3 else ""
        raise ValueError(f"{name}: expected shape (n, 3, h, w), got {images.shape}{hint}")
    low, high = images.min(), images.max()
    if low < -1e-5 or high > 1 + 1e-5:
        hint = ": looks like 0-255: divide by 255" if low >= 0 and high > 20 else ""
        raise ValueError(f"{name}: expected values in [0, 1], got [{low:.3g}, {high:.3g}]{hint}")
    return images.clip(0, 1).transpose(0, 2, 3, 1)


def image(image: Array, name: str = "image") -> np.ndarray:
    """One image (3, h, w) or grey (h, w) as (h, w, 3) in [0, 1]."""
    coloured = len(getattr(image, "shape", ())) == 3 and len(image) == 3
    found = images(image[None] if coloured else image, name)
    if len(found) != 1:
        raise ValueError(f"{name}: expected one image (3, h, w), got {len(found)}")
    return found[0]


def image_sets(sets: Named, name: str, n: int | None = None) -> dict[str, np.ndarray]:
    """{label: (n, h, w, 3)}, each as `images` gives it, and equally many."""
    found = {label: images(some, label or name) for label, some in named(sets, name).items()}
    counts = {len(some) for some in found.values()} | (set() if n is None else {n})
    if len(counts) != 1:
        raise ValueError(f"{name}: expected equally many images in each, got {sorted(counts)}")
    return found


def small_images(tiles: Array, name: str) -> np.ndarray:
    """Small images (n, h, w) or (n, 3, h, w) as (n, h, w, 3); three grey ones are no coloured one."""
    tiles = array(tiles, name, (3, 4))
    return images(tiles if tiles.ndim == 4 else np.repeat(tiles[:, None], 3, 1), name)


def masks(masks: Array, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """bool array of this shape, from a tensor or an array."""
    masks = array(masks, name, (len(shape),))
    if masks.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {masks.shape}")
    return masks > 0


def integers(values: Array, name: str, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Integer array, of this shape if given."""
    try:
        values = np.asarray(values.cpu() if hasattr(values, "cpu") else values)
    except (TypeError, RuntimeError, ValueError):
        raise ValueError(f"{name}: expected an array of integers, got {type(values).__name__}") from None
    whole = values.size and np.issubdtype(values.dtype, np.integer)
    if not whole or (shape is not None and values.shape != shape):
        wanted = "integers" if shape is None else f"integers {shape}"
        raise ValueError(f"{name}: expected {wanted}, got {values.dtype} {values.shape}")
    return values


_ABOVE_ZERO = functools.partial(check_number, above=True)
# What is checked of a figure's argument that has this annotation, or else this name.
OF_A_KIND = {Named: named, Names: names, dict: named, list: listed, tuple: pair, float: number}
OF_A_NAME = {
    **dict.fromkeys(("tile", "height", "side", "radius", "reach", "scale", "width", "top"), _ABOVE_ZERO),
    **dict.fromkeys(("columns", "panels", "zoom", "size", "stride", "bins", "blocks"), check_count),
    **dict.fromkeys(("xlim", "ylim"), limits),
    **dict.fromkeys(("intervals", "notes", "right"), mapping),
    "left": check_number,
    "line": number,
}
