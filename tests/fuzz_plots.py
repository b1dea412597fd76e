"""A valid value for every argument of every figure, taken from the figures of `tests.test_plots`."""

import inspect

import numpy as np
import torch

from lecture_utils import plots
from tests.test_plots import FIGURES

KINDS = {"chosen": "index", "columns": "count", "size": "count", "stride": "count", "zoom": "count"}
KINDS |= dict.fromkeys(("reach", "tile", "height", "width", "scale"), "positive")


def kind(argument, value):
    """What may be done to such a value: see `tests.fuzz.ILLEGAL`."""
    if value is None or isinstance(value, str | bool):
        return "flag" if isinstance(value, bool) else "free"
    if isinstance(value, int | float):
        return KINDS.get(argument, "number")
    if isinstance(value, torch.Tensor | dict):
        return "tensor" if isinstance(value, torch.Tensor) else "dict"
    return "names" if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value) else "object"


def values():
    """{"plots.bars.values": (kind, value)}."""
    table = {
        "plots.gradient_pictures.gradients": ("tensor", torch.rand(2, 3, 8, 8) - 0.5),
        "plots.gradient_pictures.quantile": ("share", 0.9),
        "plots.table.columns": ("names", ["a", "b"]),
        "plots.table.rows": ("object", [(1, 2)]),
        "plots.table.title": ("free", "t"),
    }
    for name in sorted(set(FIGURES) & set(plots.__all__)):
        made = FIGURES[name]
        parameters = inspect.signature(made.func).parameters
        given = inspect.signature(made.func).bind_partial(*made.args, **made.keywords).arguments
        for argument, parameter in parameters.items():
            value = given.get(argument, parameter.default)
            a_text = parameter.annotation is str or isinstance(parameter.default, str)
            if isinstance(value, str) and not a_text:
                value = list(value)  # names, a letter each
            if isinstance(value, np.ndarray):
                value = torch.from_numpy(value).float() if value.dtype == float else torch.from_numpy(value)
            table[f"plots.{name}.{argument}"] = kind(argument, value), value
    return table
